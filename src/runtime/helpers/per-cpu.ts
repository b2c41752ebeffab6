// Memory of which every CPU has its own: kernel variables that the loader was given, and objects from bpf_percpu_obj_new. A pointer to it
// is that of CPU 0; bpf_per_cpu_ptr and bpf_this_cpu_ptr give the others'.
import { sizeOf } from '../../btf/types.ts';
import type { Caller } from '../../interpreter/machine.ts';
import type { Region } from '../../window/regions.ts';
import type { Home } from '../object/home.ts';
import { type Implementation, u32 } from './helpers.ts';

interface Block {
  /** From one CPU to the next. */
  readonly stride: number;
  readonly bytes: number;
  readonly region: Region | undefined;
}

/** By the address of CPU 0's. */
export class PerCpuBlocks {
  readonly all: Map<number, Block> = new Map();

  /** Bytes from the memory of one CPU to that of the next, for a pointer into CPU 0's; undefined: every CPU has the same. */
  strideAt(pointer: number): number | undefined {
    for (const [at, { stride }] of this.all) if (pointer >= at && pointer < at + stride) return stride;
    return undefined;
  }
}

function pointerOf(caller: Caller, home: Home, cpu: number): number {
  const pointer = caller.number(1);
  if (cpu >= home.cpus || pointer === 0) return 0;
  return pointer + cpu * (home.perCpu.strideAt(pointer) ?? 0);
}

function allocate(caller: Caller, home: Home): number {
  const type = u32(caller, 1);
  const size = home.btf?.types[type] === undefined ? undefined : sizeOf(home.btf, type);
  if (size === undefined || size === 0) caller.stop('helper', `type ${type} of bpf_percpu_obj_new has no size`);
  const stride = Math.ceil(size / 8) * 8;
  const bytes = stride * home.cpus;
  const { at, region } = home.blocks.take(bytes, 'a per-CPU object of the program');
  home.perCpu.all.set(at, { stride, bytes, region });
  return at;
}

function drop(caller: Caller, home: Home): number {
  const at = caller.number(1);
  const block = home.perCpu.all.get(at);
  if (block?.region === undefined) caller.stop('helper', `0x${at.toString(16)} is no per-CPU object of the program`);
  home.perCpu.all.delete(at);
  home.blocks.give(at, block.region);
  return 0;
}

export const PER_CPU_HELPERS: Readonly<Record<number, Implementation>> = {
  153: (caller, home) => pointerOf(caller, home, u32(caller, 2)),
  154: (caller, home) => pointerOf(caller, home, home.cpu),
};

export const PER_CPU_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_percpu_obj_new_impl: allocate,
  bpf_percpu_obj_drop_impl: drop,
};
