// Draws valid programs: all operations, widths and register pairs, immediates and offsets at their edges, branches, loops,
// subprograms, stack and map traffic. Most of them pass the kernel's verifier, whose rules are named where they bind.
import {
  ALU,
  ATOMIC,
  COND,
  type GeneratedFunction,
  type GeneratedMap,
  type GeneratedProgram,
  MAX_WORDS,
  type Statement,
  SWAP,
  type Via,
  type Width,
} from './program.ts';
import { type Random, random } from './random.ts';

export interface GenerateOptions {
  /** Statements drawn per function, at most. */
  readonly statements?: number;
  /** Keep to what the kernel's verifier takes: aligned stack accesses, no shift beyond the width, no constant division by zero. */
  readonly verifiable?: boolean;
  readonly maps?: boolean;
}

const EDGES_32 = [0, 1, -1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, -4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0xff0000, 0xfff000, 0x7fffffff, -0x80000000, -0x7fffffff, 0x55555555, -0x55555556, 0x00ff00ff] as const; // biome-ignore format: a table
const ALU_OPS = [
  ALU.add,
  ALU.sub,
  ALU.mul,
  ALU.div,
  ALU.or,
  ALU.and,
  ALU.lsh,
  ALU.rsh,
  ALU.neg,
  ALU.mod,
  ALU.xor,
  ALU.mov,
  ALU.arsh,
  ALU.sdiv,
  ALU.smod,
];
const DIVISIONS: readonly number[] = [ALU.div, ALU.mod, ALU.sdiv, ALU.smod];
const SHIFTS: readonly number[] = [ALU.lsh, ALU.rsh, ALU.arsh];
const CONDS = Object.values(COND);
const ATOMICS = Object.values(ATOMIC);
const BYTES = [1, 2, 4, 8] as const;

/** The program of a seed; equal seeds and options give equal programs. */
export function generate(seed: number, options: GenerateOptions = {}): GeneratedProgram {
  const r = random(seed);
  const subprograms = r.oneIn(3) ? 1 + r.below(3) : 0;
  const maps: GeneratedMap[] =
    options.maps === true && r.oneIn(2)
      ? [
          { name: 'array', type: 2, maxEntries: 1 + r.below(5) },
          { name: 'hash', type: 1, maxEntries: 1 + r.below(6) },
        ]
      : [];
  const functions: GeneratedFunction[] = [];
  for (let index = 0; index <= subprograms; index++) {
    const state: State = {
      r,
      options,
      maps,
      words: 1 + r.below(MAX_WORDS),
      locked: new Set(),
      depth: 0,
      index,
      last: subprograms,
      budget: options.statements ?? 24,
      loopFactor: 1,
    };
    functions.push({
      constants: Array.from({ length: 10 }, () => [edge(r), r.oneIn(2) ? edge(r) : 0] as const),
      words: state.words,
      body: statements(state, 1 + r.below(state.budget)),
    });
  }
  return { seed, functions, maps };
}

interface State {
  readonly r: Random;
  readonly options: GenerateOptions;
  readonly maps: readonly GeneratedMap[];
  readonly words: number;
  /** Loop counters, which nothing inside the loop writes. */
  readonly locked: Set<number>;
  depth: number;
  /** This function's number; it calls only later ones, so that every call chain ends. */
  readonly index: number;
  readonly last: number;
  budget: number;
  /** Iterations that one statement here stands for. */
  loopFactor: number;
}

function statements(state: State, count: number): Statement[] {
  const list: Statement[] = [];
  for (let i = 0; i < count && state.budget > 0; i++) {
    state.budget--;
    list.push(statement(state));
  }
  return list;
}

function statement(state: State): Statement {
  const { r } = state;
  const choice = r.below(100);
  if (choice < 38) return alu(state);
  if (choice < 43)
    return {
      do: 'movsx',
      ...r.pick([
        { bits: 8, width: 32 },
        { bits: 16, width: 32 },
        { bits: 8, width: 64 },
        { bits: 16, width: 64 },
        { bits: 32, width: 64 },
      ] as const),
      dst: writable(state),
      src: r.below(10),
    };
  if (choice < 47)
    return {
      do: 'swap',
      ...r.pick([SWAP.le, SWAP.be, SWAP.bswap].map((op) => ({ op }))),
      bits: r.pick([16, 32, 64] as const),
      dst: writable(state),
    };
  if (choice < 50) return { do: 'lddw', dst: writable(state), lo: edge(r), hi: edge(r) };
  if (choice < 60) {
    const bytes = r.pick(BYTES);
    const signed = bytes < 8 && r.oneIn(3);
    const dst = writable(state);
    return { do: 'load', bytes, signed, dst, offset: place(state, bytes), via: via(state, dst) };
  }
  if (choice < 70) {
    const bytes = r.pick(BYTES);
    const src = r.oneIn(3) ? undefined : r.below(10);
    return { do: 'store', bytes, src, imm: edge(r), offset: place(state, bytes), via: via(state, src) };
  }
  if (choice < 76) {
    const bytes = r.pick([4, 8] as const);
    const op = r.pick(ATOMICS);
    const fetch = op === ATOMIC.xchg || op === ATOMIC.cmpxchg || r.oneIn(2);
    const src = op !== ATOMIC.cmpxchg && fetch ? writable(state) : r.below(10);
    if (op === ATOMIC.cmpxchg && state.locked.has(0)) return alu(state);
    return {
      do: 'atomic',
      op,
      fetch,
      zeroExtend: state.options.verifiable === true && op === ATOMIC.cmpxchg && bytes === 4,
      bytes,
      src,
      offset: place({ ...state, options: { ...state.options, verifiable: true } }, bytes),
      via: via(state, src, op === ATOMIC.cmpxchg ? 0 : undefined),
    };
  }
  if (choice < 78) {
    const bytes = r.pick(BYTES);
    const offset = place({ ...state, options: { ...state.options, verifiable: true } }, bytes);
    return r.oneIn(2) ? { do: 'acquire', bytes, dst: writable(state), offset } : { do: 'release', bytes, src: r.below(10), offset };
  }
  if (choice < 89 && state.depth < 3) return branch(state);
  if (choice < 92 && state.depth < 2 && state.loopFactor < 40) return loop(state);
  if (choice < 95 && state.index < state.last && !lockedCaller(state)) {
    return { do: 'call', callee: state.index + 1 + r.below(state.last - state.index), after: refills(r) };
  }
  if (choice < 99 && state.maps.length > 0 && !lockedCaller(state)) return mapStatement(state);
  if (choice === 99 && state.depth === 0 && r.oneIn(3)) return { do: 'exitEarly', op: r.pick(CONDS), dst: r.below(10), imm: edge(r) };
  return alu(state);
}

function alu(state: State): Statement {
  const { r } = state;
  const op = r.pick(ALU_OPS);
  const width: Width = r.oneIn(2) ? 64 : 32;
  const src = op === ALU.neg || r.oneIn(2) ? undefined : r.below(10);
  let imm = op === ALU.neg ? 0 : edge(r);
  if (src === undefined && SHIFTS.includes(op)) imm = state.options.verifiable === true || !r.oneIn(4) ? r.below(width) : imm;
  if (src === undefined && DIVISIONS.includes(op) && imm === 0 && state.options.verifiable === true) imm = 1;
  return { do: 'alu', op, width, dst: writable(state), src, imm };
}

function branch(state: State): Statement {
  const { r } = state;
  const src = r.oneIn(2) ? undefined : r.below(10);
  state.depth++;
  const then = statements(state, r.below(5));
  const otherwise = statements(state, r.below(4));
  state.depth--;
  return {
    do: 'if',
    op: r.pick(CONDS),
    width: r.oneIn(2) ? 64 : 32,
    dst: r.below(10),
    src,
    imm: edge(r),
    then,
    otherwise,
    far: r.oneIn(4),
  };
}

function loop(state: State): Statement {
  const { r } = state;
  // Counters survive calls; two are enough for the nesting allowed.
  const counter = r.pick([6, 7, 8, 9].filter((register) => !state.locked.has(register)));
  const times = 1 + r.below(8);
  state.locked.add(counter);
  state.depth++;
  state.loopFactor *= times;
  const body = statements(state, 1 + r.below(6));
  state.loopFactor /= times;
  state.depth--;
  state.locked.delete(counter);
  return { do: 'loop', counter, times, body };
}

function mapStatement(state: State): Statement {
  const { r } = state;
  const map = r.below(state.maps.length);
  const key = r.below(state.maps[map]!.maxEntries + 2);
  const after = refills(r);
  switch (r.below(3)) {
    case 0:
      return { do: 'map', map, key, add: edge(r), after };
    case 1:
      return { do: 'mapUpdate', map, key, value: edge(r), flags: r.below(state.options.verifiable === true ? 3 : 4), after };
    default:
      return { do: 'mapDelete', map, key, after };
  }
}

/** Calls clobber R0 to R5, so a counter must not live there; it never does, but R0 may be locked by nothing else either. */
function lockedCaller(state: State): boolean {
  return [...state.locked].some((register) => register <= 5);
}

function refills(r: Random): number[] {
  return Array.from({ length: 5 }, () => edge(r));
}

function writable(state: State): number {
  for (;;) {
    const register = state.r.below(10);
    if (!state.locked.has(register)) return register;
  }
}

/** A frame offset of `bytes` bytes inside the words; aligned where the verifier wants it. */
function place(state: State, bytes: number): number {
  const { r } = state;
  const room = 8 * state.words;
  const step = state.options.verifiable === true || !r.oneIn(3) ? bytes : 1;
  return -room + step * r.below(Math.floor((room - bytes) / step) + 1);
}

/** An address register other than the ones that the access itself uses. */
function via(state: State, ...busy: readonly (number | undefined)[]): Via | undefined {
  const { r } = state;
  if (!r.oneIn(3)) return undefined;
  const register = writable(state);
  if (busy.includes(register)) return undefined;
  return { register, part: -r.below(480), refill: edge(r) };
}

function edge(r: Random): number {
  switch (r.below(4)) {
    case 0:
      return r.next() | 0;
    case 1:
      return r.below(1024) - 512;
    default:
      return r.pick(EDGES_32);
  }
}
