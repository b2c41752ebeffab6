// From executions of instructions to executions of lines, functions and branches of C.
//
// An optimiser spreads a line over blocks, and puts a copy of it wherever its function was inlined. A line counts as often as its blocks
// were run, except that of a block and those that only ever come after it (which it dominates) the largest number counts: parts of a line
// that follow each other are one execution, a loop's line counts its rounds, copies on different ways add up.
import type { Counters } from '../interpreter/machine.ts';
import { KIND } from '../isa/code.ts';
import { addBranch, addFunction, addLine, fileOf, type Lcov } from '../lcov/lcov.ts';
import { controlFlow, isJump } from '../program/cfg.ts';
import { dominators } from '../program/dominators.ts';
import { lineAt } from '../program/lines.ts';
import type { Program } from '../program/program.ts';

/** A part of a line in a block. */
interface Part {
  readonly key: string;
  readonly hits: number;
  /** The largest of the parts below it in the tree of dominators. */
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
  const { above, order } = dominators(
    flow,
    program.subprograms.map(({ start }) => flow.blockOf[start]!),
  );
  const children: number[][] = Array.from({ length: flow.blocks }, () => []);
  const roots: number[] = [];
  const isReached = new Uint8Array(flow.blocks);
  for (const block of order) {
    isReached[block] = 1;
    (above[block] === -1 ? roots : children[above[block]!]!).push(block);
  }
  for (let block = 0; block < flow.blocks; block++) if (isReached[block] === 0) roots.push(block);

  const counts = new Map<string, number>();
  /** Of the blocks on the way from the root: the line's innermost part last. */
  const open = new Map<string, Part[]>();
  const parts: Part[][] = new Array<Part[]>(flow.blocks);
  const close = (block: number): void => {
    for (const part of parts[block]!) {
      const stack = open.get(part.key)!;
      stack.pop();
      const count = Math.max(part.hits, part.below);
      const outer = stack.at(-1);
      if (outer === undefined) counts.set(part.key, (counts.get(part.key) ?? 0) + count);
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
    parts[block] = partsOf(program, hits, flow.starts[block]!, flow.starts[block + 1]!);
    for (const part of parts[block]!) {
      const stack = open.get(part.key);
      if (stack === undefined) open.set(part.key, [part]);
      else stack.push(part);
    }
    pending.push(-block - 1);
    for (const child of children[block]!) pending.push(child + 1);
  }
  return counts;
}

/** The lines of a block, each with how often its first instruction there was run. */
function partsOf(program: Program, hits: Float64Array, start: number, end: number): Part[] {
  const parts = new Map<string, Part>();
  for (let slot = start; slot < end; slot++) {
    if (program.code.kind[slot] === KIND.second) continue;
    const line = lineAt(program, slot);
    if (line === undefined) continue;
    const key = `${line.line} ${line.file}`;
    if (!parts.has(key)) parts.set(key, { key, hits: hits[slot]!, below: 0 });
  }
  return [...parts.values()];
}

function parseKey(key: string): readonly [line: number, file: string] {
  const space = key.indexOf(' ');
  return [Number(key.slice(0, space)), key.slice(space + 1)];
}
