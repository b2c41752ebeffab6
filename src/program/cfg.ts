// Control flow of a program: subprograms, what calls what and how deep, where fuel is charged, basic blocks. Each in linear time
// and without recursion: a program may have millions of slots, all of them calls.
import { type Code, KIND, PSEUDO } from '../isa/code.ts';
import { encodingAt } from '../isa/codec.ts';
import { HELPER_TAIL_CALL } from '../spec/helper-ids.ts';
import { Columns } from '../util/columns.ts';
import { BpfError, type ErrorCode } from '../util/error.ts';
import type { Program, Subprogram } from './program.ts';

/** Fuel for a tail call, in slots: more than any loop body that the callee could be entered from in vain. */
const TAIL_CALL_COST = 128;
/** Helpers that call a function of the program before they return: for_each_map_elem, find_vma, loop, user_ringbuf_drain. */
const CALLING_BACK: ReadonlySet<number> = new Set([164, 180, 181, 209]);

/** Basic blocks; they partition the slots, unreachable ones included. Lists are rows of one array: row b is [start[b], start[b + 1]). */
export interface ControlFlow {
  readonly blocks: number;
  /** First slot of each block, ascending; one more entry at the end: the number of slots. */
  readonly starts: Int32Array;
  /** Block per slot. */
  readonly blockOf: Int32Array;
  /** Successors of block b: successors[successorStart[b]] to before successorStart[b + 1]; of a branch: taken first. */
  readonly successorStart: Int32Array;
  readonly successors: Int32Array;
  readonly predecessorStart: Int32Array;
  readonly predecessors: Int32Array;
  /** 1 where the block's first slot is the target of a jump from the same or a later slot. */
  readonly isLoopHeader: Uint8Array;
}

/** Jumps inside a subprogram: the instruction has a target slot in `offset` and is no call. */
export function isJump(kind: number): boolean {
  return kind === KIND.jump || kind === KIND.branch || kind === KIND.mayGoto;
}

/** Control never reaches the next slot. */
function endsFlow(kind: number): boolean {
  return kind === KIND.exit || kind === KIND.jump || kind === KIND.forbidden;
}

/**
 * The program's functions in slot order: those named by `given`, and every target of a call or function reference.
 * Refuses jumps from one into another and functions whose last instruction can be reached and runs on into the next.
 */
export function findSubprograms(code: Code, name: string, given: readonly Subprogram[]): readonly Subprogram[] {
  const isStart = new Uint8Array(code.slots);
  const names = new Map<number, string>();
  isStart[0] = 1;
  names.set(0, name);
  for (const subprogram of given) {
    const { start } = subprogram;
    if (!(Number.isInteger(start) && start >= 0 && start < code.slots) || code.kind[start] === KIND.second) {
      refuse(
        'program/bad-subprogram',
        name,
        undefined,
        `subprogram ${subprogram.name} starts at slot ${start}, no instruction starts there`,
      );
    }
    isStart[start] = 1;
    names.set(start, subprogram.name);
  }
  for (let slot = 0; slot < code.slots; slot++) {
    if (refersToFunction(code, slot)) isStart[code.offset[slot]!] = 1;
  }
  const subprograms: Subprogram[] = [];
  for (let start = 0; start < code.slots; ) {
    let end = start + 1;
    while (end < code.slots && isStart[end] === 0) end++;
    checkFlowStaysInside(code, name, start, end);
    subprograms.push({ name: names.get(start) ?? `function_${start}`, start, end });
    start = end;
  }
  return subprograms;
}

function checkFlowStaysInside(code: Code, program: string, start: number, end: number): void {
  for (let slot = start; slot < end; slot++) {
    if (!isJump(code.kind[slot]!)) continue;
    const target = code.offset[slot]!;
    if (target < start || target >= end) {
      const message = `${encodingAt(code, slot).name} leads to slot ${target}, outside its function (slots ${start} to ${end - 1})`;
      refuse('program/jump-out-of-function', program, slot, message);
    }
  }
  const last = code.kind[end - 1] === KIND.second ? end - 2 : end - 1;
  if (!endsFlow(code.kind[last]!) && isReachable(code, start, end, last)) {
    const message = `the last instruction of a function must be exit or an unconditional jump, is ${encodingAt(code, last).name}`;
    refuse('program/falls-off-the-end', program, last, message);
  }
}

/** Whether control can get from the function's start to `wanted`, every branch taken to go both ways. */
function isReachable(code: Code, start: number, end: number, wanted: number): boolean {
  const seen = new Uint8Array(end - start);
  const pending = [start];
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    for (let slot = from; slot < end && seen[slot - start] === 0; slot++) {
      seen[slot - start] = 1;
      if (isJump(code.kind[slot]!)) pending.push(code.offset[slot]!);
      if (endsFlow(code.kind[slot]!)) break;
    }
  }
  return seen[wanted - start] === 1;
}

function refuse(code: ErrorCode, program: string, slot: number | undefined, message: string): never {
  throw new BpfError(code, { in: 'program', program, ...(slot === undefined ? {} : { slot }) }, message);
}

function refersToFunction(code: Code, slot: number): boolean {
  const kind = code.kind[slot];
  return kind === KIND.callLocal || (kind === KIND.lddw && code.op[slot] === PSEUDO.func);
}

/** Something calls the program's first function, or takes its handle. */
export function callsEntry(code: Code): boolean {
  for (let slot = 0; slot < code.slots; slot++) if (code.offset[slot] === 0 && refersToFunction(code, slot)) return true;
  return false;
}

/** Index into `subprograms` per slot. */
export function numberSlots(slots: number, subprograms: readonly Subprogram[]): Uint16Array | Uint32Array {
  const result = subprograms.length <= 0x10000 ? new Uint16Array(slots) : new Uint32Array(slots);
  subprograms.forEach(({ start, end }, index) => {
    result.fill(index, start, end);
  });
  return result;
}

/**
 * Fuel per slot, in slots, so that every endless run pays: a loop pays its length at its header, a function its length at its first
 * slot (the entry only where something calls it), a tail call a flat rate.
 */
export function fuelCosts(code: Code, subprograms: readonly Subprogram[]): Uint32Array {
  const cost = new Uint32Array(code.slots);
  const entryIsCalled = callsEntry(code);
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot]!;
    const target = code.offset[slot]!;
    if (isJump(kind) && target <= slot) cost[target] = Math.max(cost[target]!, slot - target + 1);
  }
  subprograms.forEach(({ start, end }, index) => {
    if (index > 0 || entryIsCalled) cost[start] = cost[start]! + (end - start);
  });
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] === KIND.callHelper && code.imm[slot] === HELPER_TAIL_CALL) cost[slot] = cost[slot]! + TAIL_CALL_COST;
  }
  return cost;
}

/**
 * Frames that the deepest chain of calls can need, or Infinity where calls can form a cycle. Whatever calls through a handle or
 * has a helper call back may reach every function whose handle is taken; those are also entered on their own (timers).
 */
export function maxFrames(code: Code, subprograms: readonly Subprogram[], subprogramOf: Uint16Array | Uint32Array): number {
  const anyHandle = subprograms.length;
  const from: number[] = [];
  const to: number[] = [];
  const isTaken = new Uint8Array(subprograms.length);
  const mayCallBack = new Uint8Array(subprograms.length);
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot]!;
    const caller = subprogramOf[slot]!;
    if (kind === KIND.callLocal) {
      from.push(caller);
      to.push(subprogramOf[code.offset[slot]!]!);
    } else if (refersToFunction(code, slot)) {
      isTaken[subprogramOf[code.offset[slot]!]!] = 1;
    } else if (kind === KIND.callx || kind === KIND.callKfunc || (kind === KIND.callHelper && CALLING_BACK.has(code.imm[slot]!))) {
      mayCallBack[caller] = 1;
    }
  }
  for (let i = 0; i < subprograms.length; i++) {
    if (isTaken[i] === 1) {
      from.push(anyHandle);
      to.push(i);
    }
    if (mayCallBack[i] === 1) {
      from.push(i);
      to.push(anyHandle);
    }
  }
  const edges = group(subprograms.length + 1, from, to);
  const frames = longestChain(edges.start, edges.values, [0, anyHandle], (node) => (node === anyHandle ? 0 : 1));
  return frames;
}

/** The heaviest path from any of `roots`, by depth-first search with a stack of our own; Infinity if a cycle is reachable. */
function longestChain(start: Int32Array, to: Int32Array, roots: readonly number[], weight: (node: number) => number): number {
  const nodes = start.length - 1;
  const NEW = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(nodes);
  const best = new Int32Array(nodes);
  const next = start.slice(0, nodes);
  const path = new Int32Array(nodes);
  let result = 0;
  for (const root of roots) {
    let depth = 0;
    if (state[root] === NEW) {
      path[depth++] = root;
      state[root] = OPEN;
    }
    while (depth > 0) {
      const node = path[depth - 1]!;
      if (next[node]! < start[node + 1]!) {
        const child = to[next[node]!]!;
        next[node] = next[node]! + 1;
        if (state[child] === OPEN) return Number.POSITIVE_INFINITY;
        if (state[child] === DONE) best[node] = Math.max(best[node]!, best[child]!);
        else {
          state[child] = OPEN;
          path[depth++] = child;
        }
        continue;
      }
      best[node] = best[node]! + weight(node);
      state[node] = DONE;
      depth--;
      if (depth > 0) {
        const parent = path[depth - 1]!;
        best[parent] = Math.max(best[parent]!, best[node]!);
      }
    }
    result = Math.max(result, best[root]!);
  }
  return result;
}

/** Rows of `to` by `from`, in their order: row n is values[start[n]] to before values[start[n + 1]]. */
function group(
  nodes: number,
  from: ArrayLike<number>,
  to: ArrayLike<number>,
  columns: Columns = new Columns(8 * nodes + 4 * from.length),
): { start: Int32Array; values: Int32Array } {
  const start = columns.int32(nodes + 1);
  for (let i = 0; i < from.length; i++) start[from[i]! + 1] = start[from[i]! + 1]! + 1;
  for (let n = 0; n < nodes; n++) start[n + 1] = start[n + 1]! + start[n]!;
  const at = columns.int32(nodes);
  at.set(start.subarray(0, nodes));
  const values = columns.int32(from.length);
  for (let i = 0; i < from.length; i++) {
    const row = from[i]!;
    values[at[row]!] = to[i]!;
    at[row] = at[row]! + 1;
  }
  return { start, values };
}

/** The basic blocks of a program; calls and function references are no edges. A call does not end a block, nor does a packet load. */
export function controlFlow(
  { code, subprograms, subprogramOf }: Pick<Program, 'code' | 'subprograms' | 'subprogramOf'>,
  columns: Columns = new Columns(32 * code.slots + 64),
): ControlFlow {
  const { slots, kind, offset } = code;
  const leads = columns.uint8(slots + 1);
  const loops = columns.uint8(slots);
  for (const { start } of subprograms) leads[start] = 1;
  for (let slot = 0; slot < slots; slot++) {
    if (isJump(kind[slot]!)) {
      leads[offset[slot]!] = 1;
      leads[slot + 1] = 1;
      if (offset[slot]! <= slot) loops[offset[slot]!] = 1;
    } else if (kind[slot] === KIND.exit || kind[slot] === KIND.forbidden) leads[slot + 1] = 1;
  }
  let blocks = 0;
  const blockOf = columns.int32(slots);
  for (let slot = 0; slot < slots; slot++) {
    if (leads[slot] === 1) blocks++;
    blockOf[slot] = blocks - 1;
  }
  const starts = columns.int32(blocks + 1);
  const isLoopHeader = columns.uint8(blocks);
  for (let slot = 0, block = 0; slot < slots; slot++) {
    if (leads[slot] === 0) continue;
    starts[block] = slot;
    isLoopHeader[block++] = loops[slot]!;
  }
  starts[blocks] = slots;

  const from = columns.int32(2 * blocks);
  const to = columns.int32(2 * blocks);
  let edges = 0;
  for (let block = 0; block < blocks; block++) {
    const end = starts[block + 1]!;
    const last = kind[end - 1]!;
    if (isJump(last)) {
      from[edges] = block;
      to[edges++] = blockOf[offset[end - 1]!]!;
    }
    // Only unreachable code can run on into the next function or off the end.
    if (!endsFlow(last) && end < slots && subprogramOf[end] === subprogramOf[end - 1]) {
      from[edges] = block;
      to[edges++] = block + 1;
    }
  }
  const forward = group(blocks, from.subarray(0, edges), to.subarray(0, edges), columns);
  const backward = group(blocks, to.subarray(0, edges), from.subarray(0, edges), columns);
  return {
    blocks,
    starts,
    blockOf,
    successorStart: forward.start,
    successors: forward.values,
    predecessorStart: backward.start,
    predecessors: backward.values,
    isLoopHeader,
  };
}
