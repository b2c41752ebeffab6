// The order and the connections of the blocks that get code: jumps to jumps cut short, what cannot be reached left out. For every target.
import { KIND } from '../isa/code.ts';
import type { Facts } from '../program/facts.ts';
import type { Program } from '../program/program.ts';

const MAX_HOPS = 16;

/** Per block of the program's flow; block numbers or -1. */
export interface Plan {
  readonly isNeeded: Uint8Array;
  /** Where the jump or branch at the block's end goes, and where control goes without it. */
  readonly takenTo: Int32Array;
  readonly fallTo: Int32Array;
  /** Edges into the block; a function's first block has one more. */
  readonly predecessors: Int32Array;
  /** Of blocks that are jumped back to: the last block that does it. */
  readonly loopEnd: Int32Array;
  /** The needed block of the same function that follows in the code. */
  readonly next: Int32Array;
}

/** `fuel`: blocks that charge fuel are not skipped. */
export function planFlow(program: Program, { flow }: Facts, fuel: boolean): Plan {
  const { kind, offset } = program.code;
  const { blocks, starts, blockOf } = flow;
  const bytes = new ArrayBuffer(25 * blocks);
  const column = (i: number): Int32Array => new Int32Array(bytes, 4 * i * blocks, blocks);
  const takenTo = column(0).fill(-1);
  const fallTo = column(1).fill(-1);
  const predecessors = column(2);
  const loopEnd = column(3).fill(-1);
  const next = column(4).fill(-1);
  const stack = column(5);
  const isNeeded = new Uint8Array(bytes, 24 * blocks, blocks);
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
  const enter = (from: number, to: number): void => {
    predecessors[to] = predecessors[to]! + 1;
    if (to <= from && from > loopEnd[to]!) loopEnd[to] = from;
    if (isNeeded[to] === 1) return;
    isNeeded[to] = 1;
    stack[depth++] = to;
  };
  for (const { start } of program.subprograms) enter(-1, blockOf[start]!);
  while (depth > 0) {
    const block = stack[--depth]!;
    const last = starts[block + 1]! - 1;
    const k = kind[last]!;
    if (k === KIND.jump || k === KIND.branch) {
      const to = thread(blockOf[offset[last]!]!);
      takenTo[block] = to;
      enter(block, to);
    }
    if (k !== KIND.jump && k !== KIND.exit) {
      const to = thread(block + 1);
      fallTo[block] = to;
      enter(block, to);
    }
  }
  let following = -1;
  for (let block = blocks - 1; block >= 0; block--) {
    if (isNeeded[block] === 0) continue;
    const isSame = following >= 0 && program.subprogramOf[starts[block]!] === program.subprogramOf[starts[following]!];
    next[block] = isSame ? following : -1;
    following = block;
  }
  return { isNeeded, takenTo, fallTo, predecessors, loopEnd, next };
}
