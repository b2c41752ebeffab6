// What lowering asks of a function before it writes one. For every target.
import { type Code, KIND } from '../isa/code.ts';
import type { Facts } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { HELPER_TAIL_CALL } from '../spec/helper-ids.ts';
import type { Assembler } from './assembler.ts';
import type { Plan } from './plan.ts';

/** Slot of the last exit in the order of the code of the function whose first block is `first`; -1: none. */
export function lastExitOf({ kind }: Code, { flow }: Facts, plan: Plan, first: number): number {
  let last = -1;
  for (let block = first; block >= 0; block = plan.next[block]!) {
    const end = flow.starts[block + 1]! - 1;
    if (kind[end] === KIND.exit) last = end;
  }
  return last;
}

/**
 * Which calls the code of function `index` makes: none of those that no control reaches, nor of those in `inlined` (`findInlined`). Tail
 * calls are told apart.
 */
export function callsOf(
  program: Program,
  facts: Facts,
  plan: Plan,
  inlined: Uint8Array,
  index: number,
): { readonly calls: boolean; readonly tailCalls: boolean } {
  const { code, subprograms } = program;
  const { starts, blockOf } = facts.flow;
  let calls = false;
  let tailCalls = false;
  if (facts.isLeaf[index] === 1) return { calls, tailCalls };
  for (let block = blockOf[subprograms[index]!.start]!; block >= 0; block = plan.next[block]!) {
    const end = starts[block + 1]!;
    for (let slot = starts[block]!; slot < end; slot++) {
      const kind = code.kind[slot]!;
      if (kind === KIND.callLocal || kind === KIND.callKfunc || kind === KIND.callx) calls = true;
      if (kind === KIND.callHelper && code.imm[slot] === HELPER_TAIL_CALL) tailCalls = true;
      else if (kind === KIND.callHelper && inlined[slot] === 0) calls = true;
    }
  }
  return { calls, tailCalls };
}

/** Per function of a routine program: a label for local calls where calls from outside have an entry in front of it; -1: there is none. */
export function innerEntries({ code, subprograms, subprogramOf }: Program, facts: Facts, asm: Assembler): Int32Array {
  const inner = new Int32Array(subprograms.length).fill(-1);
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] !== KIND.callLocal) continue;
    const callee = subprogramOf[code.offset[slot]!]!;
    if (facts.usesFrame[callee] === 1 && inner[callee] === -1) inner[callee] = asm.newLabel();
  }
  return inner;
}
