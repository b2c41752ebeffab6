// What drawing a function has at hand: registers that are free, pointers that are live, numbers at the edges.
import type { Random } from './random.ts';
import type { GeneratedMap, GeneratedProgram, Operand, Role, Statement, Via } from './tree.ts';

export interface GenerateOptions {
  /** Statements drawn per function, at most. */
  readonly statements?: number;
  /** Keep to what the kernel's verifier takes: aligned accesses, no shift beyond the width, no constant division by zero, no stops. */
  readonly verifiable?: boolean;
}

/** Memory that a register points at: `bytes` from it on. */
export interface Pointer {
  readonly register: number;
  readonly bytes: number;
  /** What atomics and wide accesses may rely on. */
  readonly alignment: number;
  readonly kind: 'value' | 'packet' | 'frame' | 'record' | 'map';
  /** Of values: the map. Of maps: one that is like it. */
  readonly map?: number;
}

/** What is known of a function that is already drawn. */
export interface Callee {
  readonly index: number;
  readonly role: Role;
  /** Words of the caller that it reaches. */
  readonly frameWords: number;
  /** Of callbacks of bpf_for_each_map_elem: the map whose values it takes. */
  readonly map?: number;
  /** Frames that a call needs, its own included. */
  readonly frames: number;
  /** Slots of a run, about. */
  readonly cost: number;
  /** Pointers to the packet are stale behind a call of it. */
  readonly changesPacket: boolean;
}

export interface State {
  readonly r: Random;
  readonly options: GenerateOptions;
  readonly type: GeneratedProgram['type'];
  /** Of all functions, this one's number among them. */
  readonly roles: readonly Role[];
  readonly index: number;
  readonly role: Role;
  /** It calls itself or a caller. */
  recurses: boolean;
  readonly maps: readonly GeneratedMap[];
  readonly callees: Callee[];
  readonly words: number;
  readonly reserved: number;
  /** Tail calls are drawn. */
  readonly tailCalls: boolean;
  /** Loop counters and pointers, which nothing inside their block writes. */
  readonly locked: Set<number>;
  readonly pointers: Pointer[];
  /** Frames below this function, as far as it calls. */
  frames: number;
  depth: number;
  budget: number;
  /** Slots so far, about; iterations that one statement here stands for. */
  cost: number;
  loopFactor: number;
  changesPacket: boolean;
}

/** Slots that a call in a loop may take, about: programs shall end soon. */
export const RUN_COST = 3000;
/** Frames of a program's stack. */
export const FRAMES = 8;

const EDGES_32 = [0, 1, -1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, -4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0xff0000, 0xfff000, 0x7fffffff, -0x80000000, -0x7fffffff, 0x55555555, -0x55555556, 0x00ff00ff] as const; // biome-ignore format: a table

/** A 32-bit immediate, often at an edge. */
export function edge(r: Random): number {
  switch (r.below(4)) {
    case 0:
      return r.next() | 0;
    case 1:
      return r.below(1024) - 512;
    default:
      return r.pick(EDGES_32);
  }
}

export function refills(r: Random): number[] {
  return Array.from({ length: 5 }, () => edge(r));
}

export function writable(state: State): number {
  for (;;) {
    const register = state.r.below(10);
    if (!state.locked.has(register)) return register;
  }
}

/** A register that holds a number. */
export function readable(state: State): number {
  for (;;) {
    const register = state.r.below(10);
    if (!isPointer(state, register)) return register;
  }
}

export function isPointer(state: State, register: number): boolean {
  return state.pointers.some((pointer) => pointer.register === register);
}

/** Calls clobber R0 to R5: no counter or pointer may live there. */
export function mayCall(state: State): boolean {
  for (const register of state.locked) if (register <= 5) return false;
  return true;
}

/** A register that is free to point in a block; `high`: one that calls leave alone. */
export function freePointer(state: State, high: boolean): number | undefined {
  const free = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((register) => (!high || register >= 6) && !state.locked.has(register));
  // Two stay, for counters of loops and for what is computed.
  return free.filter((register) => register >= 6).length > (high ? 2 : 1) ? state.r.pick(free) : undefined;
}

/** Draws with `pointer` live, and its register locked. */
export function withPointer(state: State, pointer: Pointer, draw: () => readonly Statement[]): readonly Statement[] {
  state.pointers.push(pointer);
  state.locked.add(pointer.register);
  state.depth++;
  const drawn = draw();
  state.depth--;
  state.locked.delete(pointer.register);
  state.pointers.pop();
  return drawn;
}

export function immediate(r: Random): Operand {
  return r.oneIn(4) ? { imm: edge(r), hi: edge(r) } : { imm: edge(r) };
}

/** A number for a call: any constant or register. */
export function operand(state: State): Operand {
  return state.r.oneIn(2) ? { register: readable(state) } : immediate(state.r);
}

/** A number below `limit`, most of the time; `limit`: a small number. */
export function small(state: State, limit: number): Operand {
  const { r } = state;
  if (r.oneIn(3)) return { register: readable(state), mask: 2 ** Math.ceil(Math.log2(Math.max(2, limit))) - 1 };
  return r.oneIn(24) ? { imm: edge(r) } : { imm: r.below(limit + 1) };
}

/** An offset of `bytes` bytes inside `room`; aligned where the verifier wants it, or `aligned` does. */
export function offsetIn(state: State, room: number, bytes: number, aligned: boolean): number {
  const { r } = state;
  const step = aligned || state.options.verifiable === true || !r.oneIn(3) ? bytes : 1;
  return step * r.below(Math.floor((room - bytes) / step) + 1);
}

/** Where an access of `bytes` goes: the frame's words, or a pointer that is live. */
export function place(state: State, bytes: number, aligned = false): { readonly offset: number; readonly base?: number } {
  const { r, pointers } = state;
  if (pointers.length > 0 && !r.oneIn(3)) {
    const pointer = r.pick(pointers);
    if (pointer.bytes >= bytes && (!aligned || pointer.alignment >= bytes)) {
      // What lies at odd places is aligned nowhere: the kernel reads packets at any address.
      return { base: pointer.register, offset: offsetIn(state, pointer.bytes, bytes, aligned) };
    }
  }
  return { offset: -state.reserved - 8 * state.words + offsetIn(state, 8 * state.words, bytes, aligned) };
}

/** An address register other than the ones that the access itself uses, a step from where the access goes: far, where it may be. */
export function via(state: State, base: number | undefined, ...busy: readonly (number | undefined)[]): Via | undefined {
  const { r, options } = state;
  const pointer = state.pointers.find(({ register }) => register === base);
  // The verifier keeps account of how far a pointer to the packet has gone.
  if (!r.oneIn(3) || (options.verifiable === true && pointer?.kind === 'packet')) return undefined;
  const register = writable(state);
  if (busy.includes(register)) return undefined;
  const isFar = options.verifiable !== true && r.oneIn(4);
  const part = isFar ? r.pick(STEPS) * (r.oneIn(2) ? 1 : -1) : base === undefined ? -r.below(480) : r.below(480) - 240;
  return { register, from: base ?? 10, part, refill: edge(r) };
}

/** Beyond what one instruction of a machine adds or reaches; what is left to the access has 16 bits. */
const STEPS = [255, 256, 257, 4095, 4096, 4097, 8192, 16_380, 32_000] as const;
