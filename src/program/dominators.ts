// Which block every way to a block leads through. [Cooper, Harvey, Kennedy 2001, "A Simple, Fast Dominance Algorithm"]
import type { ControlFlow } from './cfg.ts';

export interface Dominators {
  /** Blocks in an order in which dominators come first; unreachable blocks are not among them. */
  readonly order: Int32Array;
  /** The nearest block that dominates this one; -1: none does (entries), or it is unreachable. */
  readonly above: Int32Array;
}

/** `entries`: the blocks that control comes to from outside. */
export function dominators(
  { blocks, successorStart, successors, predecessorStart, predecessors }: ControlFlow,
  entries: readonly number[],
): Dominators {
  const order = reversePostorder(blocks, successorStart, successors, entries);
  // Numbers in that order; the outside is 0, so that it dominates all.
  const number = new Int32Array(blocks).fill(-1);
  order.forEach((block, i) => {
    number[block] = i + 1;
  });
  const above = new Int32Array(order.length + 1).fill(-1);
  above[0] = 0;
  for (const entry of entries) above[number[entry]!] = 0;
  const isEntry = new Set(entries);
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (a > b) a = above[a]!;
      while (b > a) b = above[b]!;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 0; i < order.length; i++) {
      const block = order[i]!;
      if (isEntry.has(block)) continue;
      let nearest = -1;
      for (let p = predecessorStart[block]!; p < predecessorStart[block + 1]!; p++) {
        const from = number[predecessors[p]!]!;
        if (from < 0 || above[from] === -1) continue;
        nearest = nearest < 0 ? from : meet(from, nearest);
      }
      if (above[i + 1] !== nearest) {
        above[i + 1] = nearest;
        changed = true;
      }
    }
  }
  const result = new Int32Array(blocks).fill(-1);
  order.forEach((block, i) => {
    const nearest = above[i + 1]!;
    result[block] = nearest <= 0 ? -1 : order[nearest - 1]!;
  });
  return { order, above: result };
}

/** Without recursion: a program may be one chain of blocks. */
function reversePostorder(blocks: number, start: Int32Array, to: Int32Array, entries: readonly number[]): Int32Array {
  const seen = new Uint8Array(blocks);
  const next = start.slice(0, blocks);
  const done: number[] = [];
  const path: number[] = [];
  for (const entry of entries) {
    if (seen[entry] === 1) continue;
    seen[entry] = 1;
    path.push(entry);
    while (path.length > 0) {
      const block = path[path.length - 1]!;
      const at = next[block]!;
      if (at === start[block + 1]!) {
        done.push(block);
        path.pop();
        continue;
      }
      next[block] = at + 1;
      const child = to[at]!;
      if (seen[child] === 1) continue;
      seen[child] = 1;
      path.push(child);
    }
  }
  return Int32Array.from(done.reverse());
}
