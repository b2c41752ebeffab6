// bpf_tail_call in machine code, for every target. The slot of a program array holds the callee's number, the activation a table of entries
// by number: both are read at run time, so that whatever changes the array is seen. A number without an entry (the program was not
// compiled yet) and a map that is not known go through the host, which gives the entry, or 0: helper 12 as symbol, R2 and R3 as in the
// call, R0 the address.
//
// The main function of a program does its epilogue and branches to the callee. Any other function has a caller of its own, whose
// registers the callee's main function does not save: it branches, after its epilogue, to code of its image that saves them, gives the
// callee a stack (`tailStackTop`) and calls it. What bpf_throw unwinds to is that call: `ACTIVATION.tailFrame` is the stack pointer there.
import { HOLDS, type Walker } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { FRAME_BYTES, MAX_FRAMES } from '../spec/limits.ts';
import { PLACE } from '../window/window.ts';

const PROGRAM_ARRAY = 3;
/** Bytes of a slot of a program array: a uint32, and padding. */
export const PROGRAM_SLOT_SHIFT = 3;

/** Tables of code addresses: their length (uint64) lies before them. */
export const TABLE_LENGTH = -8;

/** Of the stack that tail call number n (from 1 on) gives: its top lies `n << TAIL_STACK_SHIFT` below this pointer. */
export const TAIL_STACK_FROM: number = PLACE.tailStacksTop + FRAME_BYTES * MAX_FRAMES;
export const TAIL_STACK_SHIFT = 12;
/** From the top of a stack to the lowest R10 of a frame in it. */
export const TAIL_STACK_LOWEST: number = FRAME_BYTES * (MAX_FRAMES - 1);

/** What a call of bpf_tail_call is known to name. */
export interface TailCall {
  /** Index of the program array; -1: not known. */
  readonly map: number;
  readonly maxEntries: number;
  /** The slot, where it is constant; else -1. */
  readonly index: number;
}

/** Registers that machine code reads. */
export function tailCallOperands({ map, index }: TailCall): number {
  const context = 1 << 1;
  if (map === -1) return context | (1 << 2) | (1 << 3);
  return index === -1 ? context | (1 << 3) : context;
}

/** The walker stands at the call. Undefined: it can only fail. */
export function tailCallAt({ maps }: Program, { holds, lo }: Walker): TailCall | undefined {
  const index = holds[3] === HOLDS.constant ? lo[3]! >>> 0 : -1;
  const map = holds[2] === HOLDS.map ? maps[lo[2]!] : undefined;
  if (map === undefined) return { map: -1, maxEntries: 0, index };
  return map.type !== PROGRAM_ARRAY || index >= map.maxEntries ? undefined : { map: lo[2]!, maxEntries: map.maxEntries, index };
}
