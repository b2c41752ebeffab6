// Draws valid functions: all operations, widths and register pairs, immediates and offsets at their edges, branches, loops, calls, stack
// traffic. Most of them pass the kernel's verifier, whose rules are named where they bind.
import { ALU, ATOMIC, COND, SWAP } from '../src/isa/code.ts';
import { ADDRESS_SPACES } from '../src/isa/opcodes.ts';
import { FRAME_BYTES } from '../src/spec/limits.ts';
import { callStatement, step } from './calls.ts';
import {
  type Callee,
  edge,
  FRAMES,
  freePointer,
  type GenerateOptions,
  isPointer,
  mayCall,
  type Pointer,
  place,
  RUN_COST,
  readable,
  refills,
  type State,
  via,
  writable,
} from './draw.ts';
import { type Random, random } from './random.ts';
import {
  type GeneratedFunction,
  type GeneratedMap,
  type GeneratedProgram,
  MAX_WORDS,
  RESERVED_BYTES,
  type Role,
  type Statement,
  type Width,
} from './tree.ts';
import { onlyCalledFunctions } from './walk.ts';

const ALU_OPS = Object.values(ALU);
const DIVISIONS: readonly number[] = [ALU.div, ALU.mod, ALU.sdiv, ALU.smod];
const SHIFTS: readonly number[] = [ALU.lsh, ALU.rsh, ALU.arsh];
const CONDS = Object.values(COND);
const ATOMICS = Object.values(ATOMIC);
const BYTES = [1, 2, 4, 8] as const;

/** The bare program of a seed; equal seeds and options give equal programs. */
export function generate(seed: number, options: GenerateOptions = {}): GeneratedProgram {
  const r = random(seed);
  const roles: Role[] = ['main'];
  if (r.oneIn(3)) for (let left = 1 + r.below(3); left > 0; left--) roles.push('leaf');
  return { seed, functions: drawFunctions({ r, options, type: 'raw', maps: [], tailCalls: false, roles }), maps: [], type: 'raw' };
}

export interface FunctionsWanted {
  readonly r: Random;
  readonly options: GenerateOptions;
  readonly type: GeneratedProgram['type'];
  readonly maps: readonly GeneratedMap[];
  readonly tailCalls: boolean;
  /** Main first; functions call later ones only, so that every call chain ends. */
  readonly roles: readonly Role[];
  /** Of the callbacks of bpf_for_each_map_elem: maps to choose from. */
  readonly iterable?: readonly number[];
}

export function drawFunctions(wanted: FunctionsWanted): GeneratedFunction[] {
  const { r, roles, options } = wanted;
  const functions: GeneratedFunction[] = [];
  const callees: Callee[] = [];
  const words = roles.map(() => (mayBeDeep(wanted) && r.oneIn(6) ? 1 + r.below(DEEP_WORDS) : 1 + r.below(maxWords(wanted))));
  for (let index = roles.length - 1; index >= 0; index--) {
    const role = roles[index]!;
    const state: State = {
      r,
      options,
      ...{ type: wanted.type, maps: wanted.maps, callees, index, roles, role, words: words[index]!, recurses: false },
      reserved: wanted.type === 'raw' ? 0 : RESERVED_BYTES,
      tailCalls: wanted.tailCalls && (role === 'main' || role === 'sub'),
      locked: new Set(),
      pointers: [],
      ...{ frames: 0, depth: 0, cost: 40, loopFactor: 1, changesPacket: false },
      budget: options.statements ?? 24,
    };
    functions.unshift(drawFunction(state, index, wanted.iterable ?? []));
  }
  // The kernel refuses what nothing calls.
  return options.verifiable === true || !r.oneIn(8) ? onlyCalledFunctions(functions) : functions;
}

/** A whole frame of words. */
const DEEP_WORDS = (FRAME_BYTES - RESERVED_BYTES) / 8;

function mayBeDeep({ options, roles, tailCalls }: FunctionsWanted): boolean {
  return options.verifiable !== true || (roles.length === 1 && !tailCalls);
}

/** The kernel gives a chain of calls 512 bytes of stack, and functions around tail calls 256 in all. */
function maxWords({ options, type, roles, tailCalls }: FunctionsWanted): number {
  if (options.verifiable !== true || type === 'raw') return MAX_WORDS;
  if (roles.length === 1) return MAX_WORDS;
  return tailCalls ? 2 : roles.length > 4 ? 2 : 4;
}

function drawFunction(state: State, index: number, iterable: readonly number[]): GeneratedFunction {
  const { r, role, callees } = state;
  const constants = Array.from({ length: 10 }, () => [edge(r), r.oneIn(2) ? edge(r) : 0] as const);
  const isCallback = role === 'loop' || role === 'each';
  const frameWords = isCallback && !r.oneIn(4) ? 1 : 0;
  const [frameRegister, valueRegister] = r.oneIn(2) ? [6, 9] : [8, 7];
  const map = role === 'each' ? r.pick(iterable) : undefined;
  const pointers: Pointer[] = [];
  if (frameWords > 0) pointers.push({ register: frameRegister!, bytes: 8 * frameWords, alignment: 8, kind: 'frame' });
  if (map !== undefined) pointers.push({ register: valueRegister!, bytes: state.maps[map]!.valueSize, alignment: 8, kind: 'value', map });
  state.pointers.push(...pointers);
  for (const { register } of pointers) state.locked.add(register);
  const body = statements(state, 1 + r.below(state.budget));
  callees.push({
    index,
    role,
    frameWords,
    ...(map === undefined ? {} : { map }),
    frames: state.frames + 1,
    cost: state.cost,
    changesPacket: state.changesPacket,
  });
  return {
    role,
    constants,
    words: state.words,
    body,
    ...(frameWords > 0 ? { frame: [frameRegister!, edge(r)] as const } : {}),
    ...(map === undefined ? {} : { value: [valueRegister!, edge(r)] as const }),
    ...(isCallback ? { stops: r.oneIn(3) } : {}),
  };
}

export function statements(state: State, count: number): Statement[] {
  const list: Statement[] = [];
  for (let i = 0; i < count && state.budget > 0; i++) {
    state.budget--;
    state.cost += 3 * state.loopFactor;
    list.push(statement(state));
  }
  return list;
}

function statement(state: State): Statement {
  const { r } = state;
  if (state.type !== 'raw' && r.oneIn(3)) {
    const drawn = callStatement(state, (count) => statements(state, count));
    if (drawn !== undefined) return drawn;
  }
  if (state.pointers.length > 0 && r.oneIn(8)) {
    const drawn = step(state, (count) => statements(state, count));
    if (drawn !== undefined) return drawn;
  }
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
      src: readable(state),
    };
  if (choice < 47)
    return {
      do: 'swap',
      op: r.pick([SWAP.le, SWAP.be, SWAP.bswap]),
      bits: r.pick([16, 32, 64] as const),
      dst: writable(state),
    };
  if (choice === 47 && state.options.verifiable !== true && r.oneIn(4)) {
    if (r.oneIn(2)) return { do: 'kernelAddress', dst: writable(state), type: 1 + r.below(100) };
    return { do: 'cast', dst: writable(state), src: readable(state), spaces: r.pick(ADDRESS_SPACES) };
  }
  if (choice < 50) return { do: 'lddw', dst: writable(state), lo: edge(r), hi: edge(r) };
  if (choice < 60) {
    const bytes = r.pick(BYTES);
    const signed = bytes < 8 && r.oneIn(3);
    const dst = writable(state);
    const at = place(state, bytes);
    return { do: 'load', bytes, signed, dst, ...at, via: via(state, at.base) };
  }
  if (choice < 70) {
    const bytes = r.pick(BYTES);
    const src = r.oneIn(3) ? undefined : readable(state);
    const at = place(state, bytes);
    return { do: 'store', bytes, src, imm: edge(r), ...at, via: via(state, at.base, src) };
  }
  if (choice < 76) return atomic(state);
  if (choice < 78) {
    const bytes = r.pick(BYTES);
    const at = atomicPlace(state, bytes);
    if (r.oneIn(2)) return { do: 'acquire', bytes, dst: writable(state), ...at, via: via(state, at.base) };
    const src = readable(state);
    return { do: 'release', bytes, src, ...at, via: via(state, at.base, src) };
  }
  if (choice < 89 && state.depth < 3) return branch(state);
  if (choice < 92 && state.depth < 2 && state.loopFactor < 40) return r.oneIn(3) ? tangle(state) : loop(state);
  if (choice < 96) return (state.options.verifiable !== true && r.oneIn(20) ? recursion(state) : call(state)) ?? alu(state);
  if (choice < 98 && state.depth === 0 && state.role !== 'loop' && state.role !== 'each' && r.oneIn(4))
    return { do: 'exitEarly', op: r.pick(CONDS), dst: readable(state), imm: edge(r) };
  if (choice === 98 && state.loopFactor === 1 && state.depth > 0 && r.oneIn(4)) {
    const times = r.oneIn(10) ? 8000 + r.below(400) : 20 + r.below(40);
    state.cost += times;
    return { do: 'pad', src: readable(state), times };
  }
  // What the verifier would refuse; rarely, since nothing behind it runs.
  if (choice === 99 && state.options.verifiable !== true) {
    if (r.oneIn(6)) return wild(state);
    if (r.oneIn(3)) return { do: 'dead', body: statements(state, 1 + r.below(3)) };
  }
  return alu(state);
}

function alu(state: State): Statement {
  const { r } = state;
  const op = r.pick(ALU_OPS);
  const width: Width = r.oneIn(2) ? 64 : 32;
  const src = op === ALU.neg || r.oneIn(2) ? undefined : readable(state);
  let imm = op === ALU.neg ? 0 : edge(r);
  if (src === undefined && SHIFTS.includes(op)) imm = state.options.verifiable === true || !r.oneIn(4) ? r.below(width) : imm;
  if (src === undefined && DIVISIONS.includes(op) && imm === 0 && state.options.verifiable === true) imm = 1;
  return { do: 'alu', op, width, dst: writable(state), src, imm };
}

function atomic(state: State): Statement {
  const { r } = state;
  const bytes = r.pick([4, 8] as const);
  const op = r.pick(ATOMICS);
  const fetch = op === ATOMIC.xchg || op === ATOMIC.cmpxchg || r.oneIn(2);
  const src = op !== ATOMIC.cmpxchg && fetch ? writable(state) : readable(state);
  if (op === ATOMIC.cmpxchg && state.locked.has(0)) return alu(state);
  const at = atomicPlace(state, bytes);
  const forget = state.options.verifiable === true && fetch;
  return { do: 'atomic', op, fetch, forget, bytes, src, ...at, via: via(state, at.base, src, op === ATOMIC.cmpxchg ? 0 : undefined) };
}

/** The verifier lets no atomic touch the packet. */
function atomicPlace(state: State, bytes: number): ReturnType<typeof place> {
  const { pointers, options } = state;
  const packets = options.verifiable === true && pointers.some(({ kind }) => kind === 'packet');
  return place(packets ? { ...state, pointers: [] } : state, bytes, true);
}

function branch(state: State): Statement {
  const { r } = state;
  const src = r.oneIn(2) ? undefined : readable(state);
  state.depth++;
  const taken = statements(state, r.below(5));
  const otherwise = statements(state, r.below(4));
  state.depth--;
  return {
    do: 'if',
    op: r.pick(CONDS),
    width: r.oneIn(2) ? 64 : 32,
    dst: readable(state),
    src,
    imm: edge(r),
    taken,
    otherwise,
    far: r.oneIn(4),
  };
}

function loop(state: State): Statement {
  const { r } = state;
  // Counters survive calls.
  const counter = freePointer(state, true);
  if (counter === undefined) return alu(state);
  const times = 1 + r.below(8);
  state.locked.add(counter);
  state.depth++;
  state.loopFactor *= times;
  const body = statements(state, 1 + r.below(6));
  state.loopFactor /= times;
  state.depth--;
  state.locked.delete(counter);
  return { do: 'loop', counter, times, mayGoto: r.oneIn(6), body };
}

function tangle(state: State): Statement {
  const { r } = state;
  const counter = freePointer(state, true);
  if (counter === undefined) return alu(state);
  const times = 3 + r.below(8);
  const count = 2 + r.below(4);
  state.locked.add(counter);
  state.depth++;
  state.loopFactor *= times / count;
  const blocks = Array.from({ length: count }, () => ({
    body: statements(state, r.below(4)),
    op: r.pick(CONDS),
    width: r.pick([32, 64] as const),
    dst: readable(state),
    src: r.oneIn(2) ? undefined : readable(state),
    imm: edge(r),
    target: r.below(count + 1),
  }));
  state.loopFactor /= times / count;
  state.depth--;
  state.locked.delete(counter);
  return { do: 'tangle', counter, times, blocks };
}

/** Functions that call each other in a circle: eight frames, and the ninth stops the program. Once a function, so that it comes to that soon. */
function recursion(state: State): Statement | undefined {
  const { r, role, roles } = state;
  const hasContext = role === 'main' || role === 'sub';
  if (state.recurses || state.loopFactor > 1 || !mayCall(state) || state.pointers.length > 0) return undefined;
  const callee = r.below(state.index + 1);
  if (roles[callee] !== 'leaf' && !(hasContext && (roles[callee] === 'main' || roles[callee] === 'sub'))) return undefined;
  state.recurses = true;
  state.changesPacket = true;
  state.cost *= FRAMES;
  return { do: 'call', callee, after: refills(r) };
}

function call(state: State): Statement | undefined {
  const { r, role } = state;
  const hasContext = role === 'main' || role === 'sub';
  const able = state.callees.filter(
    (callee) =>
      (callee.role === 'leaf' || (callee.role === 'sub' && hasContext)) &&
      callee.frames + 1 < FRAMES &&
      !(callee.changesPacket && state.pointers.some(({ kind }) => kind === 'packet')) &&
      callee.cost * state.loopFactor < RUN_COST,
  );
  if (able.length === 0 || !mayCall(state)) return undefined;
  const callee = r.pick(able);
  state.changesPacket ||= callee.changesPacket;
  state.frames = Math.max(state.frames, callee.frames);
  state.cost += callee.cost * state.loopFactor;
  // The kernel has no callx.
  if (callee.role === 'leaf' && state.options.verifiable !== true && r.oneIn(3)) {
    const through = writable(state);
    if (!isPointer(state, through)) return { do: 'callx', callee: callee.index, through, after: refills(r) };
  }
  return { do: 'call', callee: callee.index, after: refills(r) };
}

/** The lowest pages, and what lies beyond every window: no engine has memory there. */
function wild(state: State): Statement {
  const { r } = state;
  const address = r.oneIn(2) ? r.below(0x8000) : -0x1_0000 - 16 * r.below(0x7ff_0000);
  const offset = address >= 0 ? r.below(0xf000) - 0x8000 : r.below(0x8000) - 0x4000;
  return { do: 'wild', address, offset, bytes: r.pick(BYTES), write: r.oneIn(2), via: writable(state) };
}
