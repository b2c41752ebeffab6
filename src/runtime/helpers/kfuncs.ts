// Kernel functions that make sense without a kernel: exceptions, iterators over numbers, casts, pairs that guard nothing here.
import type { Caller } from '../../interpreter/machine.ts';
import type { Program } from '../../program/program.ts';
import { MAX_LOOPS } from '../../spec/helpers.ts';
import type { Home } from '../object/home.ts';
import { ERRNO, type Implementation } from './helpers.ts';

const { E2BIG, EAFNOSUPPORT, EINVAL, ENOENT, EPROTO } = ERRNO;

/** bpf_throw: leaves all frames of the program. Whoever started the run catches it. */
export class ProgramException extends Error {
  readonly program: Program;
  readonly cookie: bigint;

  constructor(program: Program, cookie: bigint) {
    super(`${program.name} threw ${cookie}`);
    this.program = program;
    this.cookie = cookie;
  }
}

/** struct bpf_iter_num: the number before the next one, and the end. */
const ITERATOR = { current: 0, end: 4, bytes: 8 } as const;

const i32 = (caller: Caller, argument: number): number => Number(BigInt.asIntN(32, caller.registers[argument]!));

function setIterator(home: Home, at: number, current: number, end: number): void {
  home.window.setU32(at + ITERATOR.current, current >>> 0);
  home.window.setU32(at + ITERATOR.end, end >>> 0);
}

function iteratorNew(caller: Caller, home: Home): number {
  const at = caller.pointer(1, ITERATOR.bytes, true);
  const start = i32(caller, 2);
  const end = i32(caller, 3);
  setIterator(home, at, 0, 0);
  if (start > end) return EINVAL;
  if (end - start > MAX_LOOPS) return E2BIG;
  setIterator(home, at, start - 1, end);
  return 0;
}

/** Pointer to the number, 0 at the end. */
function iteratorNext(caller: Caller, home: Home): number {
  const at = caller.pointer(1, ITERATOR.bytes, true);
  const current = home.window.u32(at + ITERATOR.current) | 0;
  const end = home.window.u32(at + ITERATOR.end) | 0;
  if (((current + 1) | 0) >= end) {
    setIterator(home, at, 0, 0);
    return 0;
  }
  setIterator(home, at, current + 1, end);
  return at;
}

/** struct bpf_ct_opts: its sizes, and where the error goes. [kernel nf_conntrack_bpf.c] */
const CT_OPTIONS = { sizes: [12, 16], netns: 0, error: 4, protocol: 8 } as const;
const CT_PROTOCOLS = [6, 17];
const CT_TUPLES = [12, 36];

/** No connection is tracked here: the look-up of a well-formed tuple finds none. */
function connectionLookup(caller: Caller, home: Home): number {
  const size = Number(caller.registers[5]! & 0xffff_ffffn);
  if (!CT_OPTIONS.sizes.some((known) => known === size)) {
    if (size >= CT_OPTIONS.error + 4) home.window.setU32(caller.pointer(4, size, true) + CT_OPTIONS.error, EINVAL >>> 0);
    return 0;
  }
  const at = caller.pointer(4, size, true);
  const protocol = home.window.slice(at + CT_OPTIONS.protocol, 1)[0]!;
  const tuple = Number(caller.registers[3]! & 0xffff_ffffn);
  const netns = home.window.u32(at + CT_OPTIONS.netns) | 0;
  const error = netns < -1 ? EINVAL : !CT_PROTOCOLS.includes(protocol) ? EPROTO : !CT_TUPLES.includes(tuple) ? EAFNOSUPPORT : ENOENT;
  home.window.setU32(at + CT_OPTIONS.error, error >>> 0);
  return 0;
}

const nothing: Implementation = () => 0;
const same: Implementation = (caller) => caller.registers[1]!;

export const PLAIN_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_throw: (caller) => {
    throw new ProgramException(caller.program, caller.registers[1]!);
  },
  bpf_iter_num_new: iteratorNew,
  bpf_iter_num_next: iteratorNext,
  bpf_iter_num_destroy: (caller, home) => {
    setIterator(home, caller.pointer(1, ITERATOR.bytes, true), 0, 0);
    return 0;
  },
  bpf_cast_to_kern_ctx: same,
  bpf_rdonly_cast: same,
  bpf_rcu_read_lock: nothing,
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_local_irq_save: nothing,
  bpf_local_irq_restore: nothing,
  bpf_skb_ct_lookup: connectionLookup,
  bpf_xdp_ct_lookup: connectionLookup,
  bpf_ct_release: nothing,
};
