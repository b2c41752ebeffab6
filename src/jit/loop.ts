// bpf_loop in machine code, for every target: where the function is known, the call becomes a loop around a call of it, as in the kernel.
import { type Facts, HOLDS, type Walker } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { HELPER_LOOP } from '../spec/helper-ids.ts';
import type { CompileOptions } from './target.ts';

/** R0 of a call with flags, and of one with more turns than there may be. [kernel bpf_loop] */
export const LOOP_FAILED = { flags: -22, turns: -7 } as const;
/** Registers that the helper is given besides the function: turns, context, flags. */
export const LOOP_OPERANDS: number = (1 << 1) | (1 << 3) | (1 << 4);

const ARGUMENTS = 0x3e;
const FRAME_POINTER = 1 << 10;

/** What the call at work calls in each turn. */
export interface Loop {
  /** Index of the subprogram. */
  readonly callee: number;
  /** R3 to R5, as a mask, which are 0 for the function: those that it reads. */
  readonly zeros: number;
}

/** The walker stands at the call. Undefined: the helper has to be called. */
export function loopAt(program: Program, facts: Facts, { holds, lo }: Walker, options: CompileOptions): Loop | undefined {
  if (options.loops !== true || options.noInline?.has(HELPER_LOOP) === true || holds[2] !== HOLDS.function) return undefined;
  const start = lo[2]!;
  const live = facts.liveIn[start]!;
  // A frame too many stops at the function's first slot, which the helper sees to; other registers are what the helper's caller has.
  if (program.checksDepth || (live & ~(ARGUMENTS | FRAME_POINTER)) !== 0) return undefined;
  return { callee: program.subprogramOf[start]!, zeros: live & 0x38 };
}
