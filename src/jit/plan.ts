// The order and the connections of the blocks that get code: jumps to jumps cut short, what cannot be reached left out. For every target.
import { KIND } from '../isa/code.ts';
import type { Facts } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { Columns } from '../util/columns.ts';

const MAX_HOPS = 16;

/** Per block of the program's flow; block numbers or -1. */
export interface Plan {
  readonly isNeeded: Uint8Array;
  /** Where the jump or branch at the block's end goes, and where control goes without it. */
  readonly takenTo: Int32Array;
  readonly fallTo: Int32Array;
  /** Edges into the block; a function's first block has one more. */
  readonly predecessors: Int32Array;
  /** The needed blocks in the order of their code, function after function; and each block's place in it. */
  readonly order: Int32Array;
  readonly position: Int32Array;
  /** Of blocks that code further on jumps back to: the last place from which it does. */
  readonly loopEnd: Int32Array;
  /** The block of the same function that follows in the code. */
  readonly next: Int32Array;
}

/** `fuel`: blocks that charge fuel are not skipped. */
export function planFlow(program: Program, { flow }: Facts, fuel: boolean): Plan {
  const { kind, offset } = program.code;
  const { blocks, starts, blockOf } = flow;
  const columns = new Columns(37 * blocks);
  const takenTo = columns.int32(blocks).fill(-1);
  const fallTo = columns.int32(blocks).fill(-1);
  const predecessors = columns.int32(blocks);
  const loopEnd = columns.int32(blocks).fill(-1);
  const next = columns.int32(blocks).fill(-1);
  const stack = columns.int32(blocks);
  const order = columns.int32(blocks);
  const position = columns.int32(blocks).fill(-1);
  const isNeeded = columns.uint8(blocks);
  let depth = 0;

  /** Follows blocks that only jump. */
  const thread = (block: number): number => {
    let b = block;
    for (let hops = 0; hops < MAX_HOPS; hops++) {
      const slot = starts[b]!;
      if (kind[slot] !== KIND.jump || (fuel && program.fuelCost[slot] !== 0)) return b;
      b = blockOf[offset[slot]!]!;
    }
    return block;
  };
  const enter = (to: number): void => {
    predecessors[to] = predecessors[to]! + 1;
    if (isNeeded[to] === 1) return;
    isNeeded[to] = 1;
    stack[depth++] = to;
  };
  for (const { start } of program.subprograms) enter(blockOf[start]!);
  while (depth > 0) {
    const block = stack[--depth]!;
    const last = starts[block + 1]! - 1;
    const k = kind[last]!;
    if (k === KIND.jump || k === KIND.branch) {
      const to = thread(blockOf[offset[last]!]!);
      takenTo[block] = to;
      enter(to);
    }
    if (k !== KIND.jump && k !== KIND.exit && k !== KIND.forbidden) {
      const to = thread(block + 1);
      fallTo[block] = to;
      enter(to);
    }
  }
  const placed = arrange(program, flow, { isNeeded, takenTo, fallTo, order, position }, columns.int32(blocks));
  for (let i = 0; i < placed; i++) {
    const block = order[i]!;
    for (const to of [takenTo[block]!, fallTo[block]!]) if (to >= 0 && position[to]! <= i) loopEnd[to] = i;
    const following = i + 1 < placed ? order[i + 1]! : -1;
    const isSame = following >= 0 && program.subprogramOf[starts[block]!] === program.subprogramOf[starts[following]!];
    next[block] = isSame ? following : -1;
  }
  return { isNeeded, takenTo, fallTo, predecessors, order: order.subarray(0, placed), position, loopEnd, next };
}

/**
 * Orders the blocks so that few need a jump to the one they run on into: after a block comes the one it falls into, or the target of its
 * jump, whichever no other block falls into; else the first one left. `fallsInto`: zeros; how many blocks without a place fall into a
 * block. Returns how many blocks there are.
 */
function arrange(
  program: Program,
  flow: Facts['flow'],
  { isNeeded, takenTo, fallTo, order, position }: Pick<Plan, 'isNeeded' | 'takenTo' | 'fallTo' | 'order' | 'position'>,
  fallsInto: Int32Array,
): number {
  const { starts, blockOf, blocks } = flow;
  for (let block = 0; block < blocks; block++) {
    if (isNeeded[block] === 1 && fallTo[block]! >= 0) fallsInto[fallTo[block]!] = fallsInto[fallTo[block]!]! + 1;
  }
  let count = 0;
  for (const { start, end } of program.subprograms) {
    const last = blockOf[end - 1]!;
    let left = blockOf[start]!;
    let block = left;
    while (block >= 0) {
      order[count] = block;
      position[block] = count++;
      const fall = fallTo[block]!;
      const taken = takenTo[block]!;
      if (fall >= 0) fallsInto[fall] = fallsInto[fall]! - 1;
      const canFall = fall >= 0 && position[fall] === -1;
      if (canFall && fallsInto[fall] === 0) block = fall;
      else if (taken >= 0 && position[taken] === -1 && fallsInto[taken] === 0) block = taken;
      else if (canFall) block = fall;
      else {
        while (left <= last && (isNeeded[left] === 0 || position[left] !== -1)) left++;
        block = left <= last && starts[left]! < end ? left : -1;
      }
    }
  }
  return count;
}
