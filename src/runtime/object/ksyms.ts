// Symbols of the kernel for `__ksym` externs: addresses as they are given, variables in a data map of their own.
import type { KernelSymbol } from '../../object/link.ts';
import type { CollectionSpec, ExternSpec, MapSpec } from '../../object/spec.ts';
import { MAP_TYPE } from '../../spec/map-types.ts';
import { MAP_FLAG } from '../../spec/maps.ts';
import { BpfError } from '../../util/error.ts';
import { hasKfunc } from '../helpers/all-helpers.ts';
import type { LoadedObject } from './object.ts';
import type { LoadOptions } from './options.ts';

/** An address; the bytes of a variable; those of a per-CPU variable, one for each CPU. */
export type KsymValue = bigint | number | Uint8Array | readonly Uint8Array[];

export interface KernelSymbols {
  /** With one map more where variables were given. */
  readonly spec: CollectionSpec;
  readonly find: (extern: ExternSpec) => KernelSymbol | undefined;
  /** Tells the loaded object which of them each CPU has its own of. */
  place(object: LoadedObject): void;
}

const MAP_NAME = '.ksyms';
/** What the address of a kernel function is said to be: only whether it is 0 matters. */
const FUNCTION_ADDRESS = 0xffff_ffff_8100_0000n;
const ALIGNMENT = 64;

interface Placed {
  readonly offset: number;
  /** Undefined: all CPUs have the same. */
  readonly stride: number | undefined;
}

export function kernelSymbols(
  spec: CollectionSpec,
  { ksyms = {}, kfuncs = {}, cpus = 1 }: LoadOptions & { readonly ksyms?: Readonly<Record<string, KsymValue>> },
): KernelSymbols {
  const known = spec.externs.filter(({ kind }) => kind !== 'kconfig').map(({ name }) => name);
  const addresses = new Map<string, bigint>();
  const placed = new Map<string, Placed>();
  const bytes: Uint8Array[] = [];
  let end = 0;
  for (const [name, value] of Object.entries(ksyms)) {
    if (!known.includes(name)) {
      const message = `${spec.path} names no symbol ${name} of the kernel; it has: ${known.join(', ') || 'none'}`;
      throw new BpfError('runtime/unknown-ksym', { in: 'option', name: 'ksyms' }, message);
    }
    if (typeof value === 'bigint' || typeof value === 'number') {
      addresses.set(name, BigInt.asUintN(64, BigInt(value)));
      continue;
    }
    const each = value instanceof Uint8Array ? [value] : value;
    if (each.length !== 1 && each.length !== cpus)
      throw new BpfError('runtime/ksym', { in: 'option', name: 'ksyms' }, `${name} has ${each.length} values, there are ${cpus} CPUs`);
    const stride = Math.ceil(Math.max(1, ...each.map(({ length }) => length)) / ALIGNMENT) * ALIGNMENT;
    placed.set(name, { offset: end, stride: value instanceof Uint8Array ? undefined : stride });
    for (const one of each) {
      const room = new Uint8Array(stride);
      room.set(one);
      bytes.push(room);
      end += stride;
    }
  }
  const index = spec.maps.length;
  return {
    spec: placed.size === 0 ? spec : { ...spec, maps: [...spec.maps, dataMap(end, bytes)] },
    find({ name, kind }) {
      const at = placed.get(name);
      if (at !== undefined) return { map: index, offset: at.offset };
      return addresses.get(name) ?? (kind === 'kfunc' && (hasKfunc(name) || name in kfuncs) ? FUNCTION_ADDRESS : undefined);
    },
    place(object) {
      for (const { offset, stride } of placed.values()) {
        if (stride === undefined) continue;
        object.home.perCpu.all.set(object.maps[MAP_NAME]!.storage + offset, { stride, bytes: stride * cpus, region: undefined });
      }
    },
  };
}

function dataMap(size: number, parts: readonly Uint8Array[]): MapSpec {
  const initial = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    initial.set(part, at);
    at += part.length;
  }
  return {
    name: MAP_NAME,
    type: MAP_TYPE.array,
    ...{ keySize: 4, valueSize: size, maxEntries: 1, flags: MAP_FLAG.readOnlyProgram, mapExtra: 0n, numaNode: undefined },
    ...{ pinning: 'none', keyType: 0, valueType: 0, inner: undefined, elements: [] },
    data: { section: 'rodata', initial, frozen: true, variables: [], pointers: [] },
  };
}
