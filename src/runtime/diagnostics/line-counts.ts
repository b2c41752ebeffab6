// From executions of instructions to executions of lines, functions and branches of C.
//
// An optimiser spreads a line over blocks, and puts a copy of it wherever its function was inlined. So places (line and column) are counted:
// as often as the blocks of the place were run, except that of blocks of which one always comes before or after the other (it dominates it,
// or post-dominates it) the larger number counts. Parts that follow each other are one execution, a loop's line counts its rounds, copies
// on different ways add up. A line counts as often as that of its places that was run most.
import type { Counters } from '../../interpreter/machine.ts';
import { KIND } from '../../isa/code.ts';
import { addBranch, addFunction, addLine, fileOf, type Lcov } from '../../lcov/lcov.ts';
import { type ControlFlow, controlFlow, isJump } from '../../program/cfg.ts';
import { type Dominators, dominators } from '../../program/dominators.ts';
import { lineAt } from '../../program/lines.ts';
import type { Program } from '../../program/program.ts';

/** A part of a place in a block. */
interface Part {
  /** `LINE:COLUMN FILE`. */
  readonly key: string;
  readonly hits: number;
  /** The largest of the parts below it in the tree. */
  below: number;
}

/** Adds what `counters` say of `program` to `lcov`; `path`: what a source file is called there. */
export function addCounts(lcov: Lcov, program: Program, { hits, taken }: Counters, path: (file: string) => string): void {
  const { code, subprograms } = program;
  for (const [key, count] of lineCounts(program, hits)) {
    const [line, file] = parseKey(key);
    addLine(fileOf(lcov, path(file)), line, count);
  }
  for (const { name, start, end } of subprograms) {
    const first = lineAt(program, start);
    if (first === undefined) continue;
    addFunction(fileOf(lcov, path(first.file)), name, first.line, hits[start]! - backEdges(program, { hits, taken }, start, end));
    for (let slot = start; slot < end; slot++) {
      const line = code.kind[slot] === KIND.branch ? lineAt(program, slot) : undefined;
      if (line === undefined) continue;
      const file = fileOf(lcov, path(line.file));
      const reached = hits[slot]! > 0;
      const block = String(slot - start);
      addBranch(file, { line: line.line, block, branch: '0', taken: reached ? taken[slot] : undefined });
      addBranch(file, { line: line.line, block, branch: '1', taken: reached ? hits[slot]! - taken[slot]! : undefined });
    }
  }
}

/** How often jumps of the function led back to its first instruction. */
function backEdges({ code }: Program, { hits, taken }: Counters, start: number, end: number): number {
  let count = 0;
  for (let slot = start; slot < end; slot++) {
    if (!isJump(code.kind[slot]!) || code.offset[slot] !== start) continue;
    count += code.kind[slot] === KIND.jump ? hits[slot]! : taken[slot]!;
  }
  return count;
}

/** By `LINE FILE`. */
function lineCounts(program: Program, hits: Float64Array): ReadonlyMap<string, number> {
  const flow = controlFlow(program);
  let parts = Array.from({ length: flow.blocks }, (_, block) => partsOf(program, hits, flow.starts[block]!, flow.starts[block + 1]!));
  const entries = program.subprograms.map(({ start }) => flow.blockOf[start]!);
  parts = outermost(parts, dominators(flow, entries));
  parts = outermost(parts, dominators(...backwards(flow)));
  const places = new Map<string, number>();
  for (const { key, hits: count } of parts.flat()) places.set(key, (places.get(key) ?? 0) + count);
  const lines = new Map<string, number>();
  for (const [key, count] of places) {
    const line = key.replace(/:\d+ /, ' ');
    lines.set(line, Math.max(lines.get(line) ?? 0, count));
  }
  return lines;
}

/** The flow from the exits to the entries. */
function backwards(flow: ControlFlow): [ControlFlow, number[]] {
  const exits: number[] = [];
  for (let block = 0; block < flow.blocks; block++) if (flow.successorStart[block] === flow.successorStart[block + 1]) exits.push(block);
  const { successorStart, successors, predecessorStart, predecessors } = flow;
  const turned = { successorStart: predecessorStart, successors: predecessors, predecessorStart: successorStart, predecessors: successors };
  return [{ ...flow, ...turned }, exits];
}

/** By block: of each place the parts above which the tree has no other part of it, with the largest number of those below. */
function outermost(parts: readonly Part[][], { above, order }: Dominators): Part[][] {
  const children: number[][] = parts.map(() => []);
  const roots: number[] = [];
  const isReached = new Uint8Array(parts.length);
  for (const block of order) {
    isReached[block] = 1;
    (above[block] === -1 ? roots : children[above[block]!]!).push(block);
  }
  for (let block = 0; block < parts.length; block++) if (isReached[block] === 0) roots.push(block);

  const result: Part[][] = parts.map(() => []);
  /** Of the blocks on the way from the root: the place's innermost part last. */
  const open = new Map<string, Part[]>();
  const close = (block: number): void => {
    for (const { key, hits, below } of parts[block]!) {
      const stack = open.get(key)!;
      stack.pop();
      const count = Math.max(hits, below);
      const outer = stack.at(-1);
      if (outer === undefined) result[block]!.push({ key, hits: count, below: 0 });
      else outer.below = Math.max(outer.below, count);
    }
  };
  // Each block twice: first to open its parts, then, when all below it are done, to close them.
  const pending = roots.map((block) => block + 1);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next < 0) {
      close(-next - 1);
      continue;
    }
    const block = next - 1;
    for (const part of parts[block]!) {
      const stack = open.get(part.key);
      if (stack === undefined) open.set(part.key, [part]);
      else stack.push(part);
    }
    pending.push(-block - 1);
    for (const child of children[block]!) pending.push(child + 1);
  }
  return result;
}

/** The places of a block, each with how often its first instruction there was run. */
function partsOf(program: Program, hits: Float64Array, start: number, end: number): Part[] {
  const parts = new Map<string, Part>();
  for (let slot = start; slot < end; slot++) {
    if (program.code.kind[slot] === KIND.second) continue;
    const line = lineAt(program, slot);
    if (line === undefined) continue;
    const key = `${line.line}:${line.column} ${line.file}`;
    if (!parts.has(key)) parts.set(key, { key, hits: hits[slot]!, below: 0 });
  }
  return [...parts.values()];
}

function parseKey(key: string): readonly [line: number, file: string] {
  const space = key.indexOf(' ');
  return [Number(key.slice(0, space)), key.slice(space + 1)];
}
