// Which registers a machine surely has in their homes where a program stops. Lowering writes values late, but all that are live at a
// block's start, unless the block only continues another, and those that survive a call. For every target.
import { isCall, KIND } from '../isa/code.ts';
import { definedBy, type Facts, Walker } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { callsOf } from './functions.ts';
import type { Plan } from './plan.ts';

const FRAME_POINTER = 10;
const CALLEE_SAVED = 0x3c0;
const MAX_BLOCKS = 64;

/**
 * The registers of a program that stopped before `slot`, of what machine registers held; undefined: it is not live, or not certain. Slot
 * -1: nobody knows where.
 * `inlined`: calls that are written in place (`findInlined`), and so write nothing. `called`: the stop is that of a call made there, for
 * which all were written.
 */
export function certainRegisters(
  program: Program,
  facts: Facts,
  plan: Plan,
  inlined: Uint8Array,
  slot: number,
  called: boolean,
  found: readonly bigint[],
): (bigint | undefined)[] {
  if (slot < 0) return found.map(() => undefined);
  const certain = certainAt(program, facts, plan, inlined, slot, called) & ~keptElsewhere(program, facts, plan, inlined, slot);
  const walker = new Walker(program, facts.entry);
  const block = facts.flow.blockOf[slot]!;
  walker.enter(block);
  for (let at = facts.flow.starts[block]!; at < slot; at++) walker.step(at);
  return found.map((value, r) => {
    if (((certain >> r) & 1) === 0) return undefined;
    if (((facts.upperIn[slot]! >> r) & 1) === 1 || r === FRAME_POINTER) return value;
    // Nobody reads the upper half, which is then anything.
    return walker.width[r]! <= 32 ? value & 0xffff_ffffn : undefined;
  });
}

/** What may lie elsewhere: R10 of functions that do not look at their frame, R6 to R9 of those that call nothing. */
function keptElsewhere(program: Program, facts: Facts, plan: Plan, inlined: Uint8Array, slot: number): number {
  const index = program.subprogramOf[slot]!;
  if (index === 0 && !facts.entryIsCalled) return 0;
  const frame = facts.usesFrame[index] === 1 || program.checksDepth ? 0 : 1 << FRAME_POINTER;
  const { calls, tailCalls } = callsOf(program, facts, plan, inlined, index);
  return calls || tailCalls ? frame : frame | CALLEE_SAVED;
}

/** Mask of registers: live before `slot`, and written. */
function certainAt({ code }: Program, facts: Facts, plan: Plan, inlined: Uint8Array, slot: number, called: boolean): number {
  const live = facts.liveIn[slot]! | (1 << FRAME_POINTER);
  // Tail calls pay fuel, for which everything is written.
  if (called || (code.kind[slot] === KIND.callHelper && inlined[slot] === 0)) return live;
  const { starts, blockOf } = facts.flow;
  let uncertain = 0;
  let block = blockOf[slot]!;
  let end = slot;
  for (let left = MAX_BLOCKS; left > 0; left--) {
    for (let at = end - 1; at >= starts[block]!; at--) {
      if (isCall(code.kind[at]!) && inlined[at] === 0) return live & ~uncertain;
      uncertain |= definedBy(code, at);
    }
    const before = continuedBy(plan, block);
    if (before === -1) return live & ~uncertain;
    block = before;
    end = starts[block + 1]!;
  }
  return 1 << FRAME_POINTER;
}

/** The block whose state may hold on in `block`: its only predecessor, or the arm of a choice that both ends in it. */
function continuedBy({ predecessors, takenTo, fallTo, order }: Plan, block: number): number {
  if (predecessors[block]! > 2) return -1;
  const into: number[] = [];
  for (const other of order) if (takenTo[other] === block || fallTo[other] === block) into.push(other);
  if (predecessors[block] === 1) return into[0] ?? -1;
  const arm = into.find((other) => predecessors[other] === 1 && into.some((from) => takenTo[from] === other || fallTo[from] === other));
  return arm ?? -1;
}
