// What is known of a program before it runs: what is live where, and what registers hold. Computed once, read by every lowering.
import { ALU, ATOMIC, type Code, isCall, KIND, PSEUDO, SWAP } from '../isa/code.ts';
import { helperById } from '../spec/helpers.ts';
import { Columns } from '../util/columns.ts';
import { type ControlFlow, callsEntry, controlFlow } from './cfg.ts';
import type { Program } from './program.ts';

/** Registers of the program; a set of them is a mask with bit r for Rr. */
export const REGISTERS = 11;
const ALL = (1 << REGISTERS) - 1;
const FRAME_POINTER = 10;
/** What a call destroys. */
const CALLER_SAVED = 0x3f;
const ARGUMENTS = 0x3e;
const CALLEE_SAVED = 0x3c0;
/** Passes over all blocks before an analysis gives up and knows nothing: keeps hostile programs linear. */
const MAX_PASSES = 12;

/** What a register holds. `unknown`: only an upper bound of its width. */
export const HOLDS = { unknown: 0, constant: 1, frame: 2, map: 3, function: 4 } as const;

export interface Facts {
  readonly flow: ControlFlow;
  /** 1 where the block can be reached from its function's start. */
  readonly reachable: Uint8Array;
  /** Registers whose value before (after) the slot may be read later. */
  readonly liveIn: Uint16Array;
  readonly liveOut: Uint16Array;
  /** Those of them whose upper 32 bits may be read. */
  readonly upperIn: Uint16Array;
  readonly upperOut: Uint16Array;
  /** What each register holds at each block's start, at index block * REGISTERS + register. See `Walker`. */
  readonly entry: Values;
  /** Per subprogram: registers R6 to R9 that it writes and someone then reads. */
  readonly written: Uint16Array;
  /** Per subprogram: 1 where it makes no call of any kind. */
  readonly isLeaf: Uint8Array;
  /** Per subprogram: 1 where it, or what it can call, may look at its frame (or at the frame register). */
  readonly usesFrame: Uint8Array;
  /** The program's first function is also called by it, or has a handle. */
  readonly entryIsCalled: boolean;
}

/** A value per index: `holds` says how to read `lo` and `hi`: the constant; R10 + lo; map number lo; handle of the function at slot lo. Always value < 2^width. */
export interface Values {
  readonly holds: Uint8Array;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly width: Uint8Array;
}

export interface FactsOptions {
  /** Addresses are taken from all 64 bits of a register, not from the lower half. */
  readonly wideAddresses?: boolean;
}

function values(count: number, columns: Columns): Values {
  return { lo: columns.int32(count), hi: columns.int32(count), holds: columns.uint8(count), width: columns.uint8(count) };
}

export function computeFacts(program: Program, options: FactsOptions = {}): Facts {
  const { code } = program;
  // A third of the slots begin a block, at a guess.
  const columns = new Columns(64 * code.slots + 256);
  const flow = controlFlow(program, columns);
  const reachable = reach(program, flow, columns);
  const live = liveness(program, flow, reachable, options.wideAddresses === true, columns);
  const entryIsCalled = callsEntry(code);
  const entry = flowValues(program, flow, reachable, entryIsCalled, columns);
  const functions = program.subprograms.length;
  const written = new Uint16Array(functions);
  const isLeaf = new Uint8Array(functions).fill(1);
  const usesFrame = new Uint8Array(functions);
  const callers: number[] = [];
  const callees: number[] = [];
  for (let slot = 0; slot < code.slots; slot++) {
    if (reachable[flow.blockOf[slot]!] === 0) continue;
    const f = program.subprogramOf[slot]!;
    const kind = code.kind[slot]!;
    written[f] = written[f]! | (definedBy(code, slot) & live.liveOut[slot]! & CALLEE_SAVED);
    if (isCall(kind)) isLeaf[f] = 0;
    if (kind === KIND.callHelper || kind === KIND.callKfunc || kind === KIND.callx || mentionsFrame(code, slot)) usesFrame[f] = 1;
    if (kind === KIND.callLocal) {
      callers.push(f);
      callees.push(program.subprogramOf[code.offset[slot]!]!);
    }
  }
  spread(usesFrame, callers, callees);
  return { flow, reachable, ...live, entry, written, isLeaf, usesFrame, entryIsCalled };
}

/** A caller uses the frame if a callee does: callees come later as a rule, so walk the calls backwards until nothing changes. */
function spread(flag: Uint8Array, callers: readonly number[], callees: readonly number[]): void {
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let changed = false;
    for (let i = callers.length - 1; i >= 0; i--) {
      if (flag[callees[i]!] === 1 && flag[callers[i]!] === 0) {
        flag[callers[i]!] = 1;
        changed = true;
      }
    }
    if (!changed) return;
  }
  flag.fill(1);
}

function mentionsFrame(code: Code, slot: number): boolean {
  const kind = code.kind[slot]!;
  if (kind === KIND.lddw || kind === KIND.second || kind === KIND.exit || kind === KIND.jump) return false;
  return code.dst[slot] === FRAME_POINTER || code.src[slot] === FRAME_POINTER;
}

function reach(program: Program, flow: ControlFlow, columns: Columns): Uint8Array {
  const { kind } = program.code;
  const reachable = columns.uint8(flow.blocks);
  const stack = columns.int32(flow.blocks);
  let depth = 0;
  for (const { start } of program.subprograms) {
    const block = flow.blockOf[start]!;
    reachable[block] = 1;
    stack[depth++] = block;
  }
  while (depth > 0) {
    const block = stack[--depth]!;
    const last = flow.successorStart[block + 1]!;
    let i = flow.successorStart[block]!;
    // The budget of may_goto never runs out: only the next block follows.
    if (kind[flow.starts[block + 1]! - 1] === KIND.mayGoto) i++;
    for (; i < last; i++) {
      const next = flow.successors[i]!;
      if (reachable[next] === 1) continue;
      reachable[next] = 1;
      stack[depth++] = next;
    }
  }
  return reachable;
}

/** Registers that the instruction writes. */
export function definedBy(code: Code, slot: number): number {
  switch (code.kind[slot]) {
    case KIND.alu:
    case KIND.movsx:
    case KIND.swap:
    case KIND.addrSpaceCast:
    case KIND.load:
    case KIND.loadAcquire:
    case KIND.lddw:
      return 1 << code.dst[slot]!;
    case KIND.atomic:
      return code.x[slot] === 0 ? 0 : fetchRegister(code, slot);
    case KIND.packetLoad:
      return 1;
    case KIND.callHelper:
    case KIND.callLocal:
    case KIND.callKfunc:
    case KIND.callx:
      return CALLER_SAVED;
    default:
      return 0;
  }
}

function fetchRegister(code: Code, slot: number): number {
  return code.op[slot] === ATOMIC.cmpxchg ? 1 : 1 << code.src[slot]!;
}

/** Registers that a helper reads. In raw programs any number may be anyone's helper, with other arguments. */
export function argumentsOf(helper: number): number {
  const spec = helperById(helper);
  return spec === undefined ? ARGUMENTS : (2 << spec.arguments.length) - 2;
}

interface Liveness {
  readonly liveIn: Uint16Array;
  readonly liveOut: Uint16Array;
  readonly upperIn: Uint16Array;
  readonly upperOut: Uint16Array;
}

/**
 * Backward over the blocks until nothing changes. An instruction whose result is not live reads nothing; the upper half of a register
 * is live apart from the whole, so that 32-bit arithmetic on it needs no zero-extension.
 */
function liveness(program: Program, flow: ControlFlow, reachable: Uint8Array, wide: boolean, columns: Columns): Liveness {
  const { code } = program;
  const { slots, kind, op, size, dst, src, x, imm, offset } = code;
  const liveIn = columns.uint16(slots);
  const liveOut = columns.uint16(slots);
  const upperIn = columns.uint16(slots);
  const upperOut = columns.uint16(slots);
  const seen = columns.uint8(flow.blocks);
  let live = 0;
  let upper = 0;
  const before = (slot: number): void => {
    const d = 1 << dst[slot]!;
    const s = 1 << src[slot]!;
    switch (kind[slot]) {
      case KIND.alu: {
        if ((live & d) === 0) return;
        const upperResult = (upper & d) !== 0;
        live &= ~d;
        upper &= ~d;
        const o = op[slot]!;
        const operands = o === ALU.mov ? 0 : d;
        const second = x[slot] === 1 && o !== ALU.neg ? s : 0;
        live |= operands | second;
        if (size[slot] === 32) return;
        switch (o) {
          case ALU.lsh:
            if (upperResult && (second !== 0 || (imm[slot]! & 63) < 32)) upper |= operands;
            return;
          case ALU.rsh:
          case ALU.arsh:
            if (upperResult || second !== 0 || (imm[slot]! & 63) !== 0) upper |= operands;
            return;
          case ALU.div:
          case ALU.mod:
          case ALU.sdiv:
          case ALU.smod:
            upper |= operands | second;
            return;
          case ALU.and:
            if (upperResult && (second !== 0 || imm[slot]! < 0)) upper |= operands | second;
            return;
          default:
            if (upperResult) upper |= operands | second;
            return;
        }
      }
      case KIND.movsx:
        if ((live & d) === 0) return;
        live = (live & ~d) | s;
        upper &= ~d;
        return;
      case KIND.swap: {
        if ((live & d) === 0) return;
        const upperResult = (upper & d) !== 0;
        upper &= ~d;
        if (size[slot] === 64 && (op[slot] !== SWAP.le || upperResult)) upper |= d;
        return;
      }
      case KIND.addrSpaceCast:
        if ((live & d) === 0) return;
        live = (live & ~d) | s;
        upper &= ~d;
        if (wide) upper |= s;
        return;
      case KIND.lddw:
        live &= ~d;
        upper &= ~d;
        return;
      case KIND.load:
      case KIND.loadAcquire:
        live = (live & ~d) | s;
        upper &= ~d;
        if (wide) upper |= s;
        return;
      case KIND.store:
      case KIND.storeRelease:
        live |= x[slot] === 1 || kind[slot] === KIND.storeRelease ? d | s : d;
        if (size[slot] === 8 && (x[slot] === 1 || kind[slot] === KIND.storeRelease)) upper |= s;
        if (wide) upper |= d;
        return;
      case KIND.atomic: {
        const compares = op[slot] === ATOMIC.cmpxchg;
        const result = x[slot] === 1 ? fetchRegister(code, slot) : 0;
        live = (live & ~result) | d | s | (compares ? 1 : 0);
        upper &= ~result;
        if (size[slot] === 8) upper |= s | (compares ? 1 : 0);
        if (wide) upper |= d;
        return;
      }
      case KIND.packetLoad:
        live = (live & ~1) | (op[slot] === 1 ? s : 0);
        upper &= ~1;
        return;
      case KIND.branch: {
        const operands = x[slot] === 1 ? d | s : d;
        live |= operands;
        if (size[slot] === 64) upper |= operands;
        return;
      }
      case KIND.callLocal: {
        const entry = offset[slot]!;
        live = (live & ~CALLER_SAVED) | (liveIn[entry]! & ~(1 << FRAME_POINTER));
        upper = (upper & ~CALLER_SAVED) | (upperIn[entry]! & ~(1 << FRAME_POINTER));
        return;
      }
      case KIND.callHelper: {
        const read = program.type === 'raw' ? ARGUMENTS : argumentsOf(imm[slot]!);
        live = (live & ~CALLER_SAVED) | read;
        upper = (upper & ~CALLER_SAVED) | read;
        return;
      }
      case KIND.callKfunc:
        live = (live & ~CALLER_SAVED) | ARGUMENTS;
        upper = (upper & ~CALLER_SAVED) | ARGUMENTS;
        return;
      case KIND.callx:
        live = (live & ~CALLER_SAVED) | ARGUMENTS | CALLEE_SAVED | d;
        upper = (upper & ~CALLER_SAVED) | ARGUMENTS | CALLEE_SAVED | d;
        return;
      case KIND.exit:
        live = 1;
        upper = 1;
        return;
      default:
        return;
    }
  };
  for (let pass = 0, changed = true; changed; pass++) {
    changed = false;
    if (pass === MAX_PASSES) {
      for (const all of [liveIn, liveOut, upperIn, upperOut]) all.fill(ALL);
      break;
    }
    for (let block = flow.blocks - 1; block >= 0; block--) {
      if (reachable[block] === 0) continue;
      const start = flow.starts[block]!;
      const end = flow.starts[block + 1]!;
      live = 0;
      upper = 0;
      for (let i = flow.successorStart[block]!; i < flow.successorStart[block + 1]!; i++) {
        const next = flow.starts[flow.successors[i]!]!;
        live |= liveIn[next]!;
        upper |= upperIn[next]!;
      }
      const hasCalls = seen[block] === 2;
      if (seen[block] !== 0 && !hasCalls && live === liveOut[end - 1] && upper === upperOut[end - 1]) continue;
      if (seen[block] === 0) seen[block] = 1;
      const oldLive = liveIn[start]!;
      const oldUpper = upperIn[start]!;
      for (let slot = end - 1; slot >= start; slot--) {
        liveOut[slot] = live;
        upperOut[slot] = upper;
        if (kind[slot] === KIND.callLocal) seen[block] = 2;
        before(slot);
        liveIn[slot] = live;
        upperIn[slot] = upper;
      }
      if (live !== oldLive || upper !== oldUpper) changed = true;
    }
  }
  return { liveIn, liveOut, upperIn, upperOut };
}

/** Forward over the blocks until nothing changes. A block that is entered a second time with less known loses it in big steps. */
function flowValues(program: Program, flow: ControlFlow, reachable: Uint8Array, entryIsCalled: boolean, columns: Columns): Values {
  const { blocks, starts, successors, successorStart, blockOf } = flow;
  const { code } = program;
  const entry = values(blocks * REGISTERS, columns);
  /** 0: never reached; 1: entry state as at its last walk; 2: to be walked (again). */
  const state = columns.uint8(blocks);
  const passesOf = columns.uint8(blocks);
  const walker = new Walker(program, entry);
  program.subprograms.forEach(({ start }, index) => {
    const block = blockOf[start]!;
    walker.forget();
    if (index === 0 && !entryIsCalled) walker.width[1] = 32;
    walker.save(block);
    state[block] = 2;
    // Whatever jumps back to a function's first slot must find what calls put there.
    passesOf[block] = 1;
  });
  for (let pass = 0, again = true; again; pass++) {
    again = false;
    if (pass === MAX_PASSES) {
      walker.forget();
      for (let block = 0; block < blocks; block++) walker.save(block);
      break;
    }
    for (let block = 0; block < blocks; block++) {
      if (state[block] !== 2 || reachable[block] === 0) continue;
      state[block] = 1;
      passesOf[block] = passesOf[block]! + 1;
      walker.enter(block);
      const end = starts[block + 1]!;
      for (let slot = starts[block]!; slot < end; slot++) walker.step(slot);
      let i = successorStart[block]!;
      if (code.kind[end - 1] === KIND.mayGoto) i++;
      for (; i < successorStart[block + 1]!; i++) {
        const next = successors[i]!;
        if (state[next] === 0) {
          walker.save(next);
          state[next] = 2;
        } else if (walker.merge(next, passesOf[next]! > 0)) {
          state[next] = 2;
        }
        if (state[next] === 2 && next <= block) again = true;
      }
    }
  }
  return entry;
}

/**
 * Carries what is known of each register from slot to slot: `enter` a block, then `step` over its slots in order; between two steps
 * `holds`, `lo`, `hi`, `width` describe the registers.
 */
export class Walker {
  readonly holds: Uint8Array = new Uint8Array(REGISTERS);
  readonly lo: Int32Array = new Int32Array(REGISTERS);
  readonly hi: Int32Array = new Int32Array(REGISTERS);
  readonly width: Uint8Array = new Uint8Array(REGISTERS);
  readonly #entry: Values;
  readonly #code: Code;

  constructor(program: Program, entry: Values) {
    this.#code = program.code;
    this.#entry = entry;
    this.forget();
  }

  /** Nothing is known but what R10 is. */
  forget(): void {
    this.holds.fill(HOLDS.unknown);
    this.width.fill(64);
    this.lo.fill(0);
    this.hi.fill(0);
    this.holds[FRAME_POINTER] = HOLDS.frame;
    this.width[FRAME_POINTER] = 32;
  }

  enter(block: number): void {
    const { holds, lo, hi, width } = this.#entry;
    const at = block * REGISTERS;
    for (let r = 0; r < REGISTERS; r++) {
      this.holds[r] = holds[at + r]!;
      this.lo[r] = lo[at + r]!;
      this.hi[r] = hi[at + r]!;
      this.width[r] = width[at + r]!;
    }
  }

  save(block: number): void {
    const to = this.#entry;
    const at = block * REGISTERS;
    for (let r = 0; r < REGISTERS; r++) {
      to.holds[at + r] = this.holds[r]!;
      to.lo[at + r] = this.lo[r]!;
      to.hi[at + r] = this.hi[r]!;
      to.width[at + r] = this.width[r]!;
    }
  }

  /** Keeps of the block's entry what also holds here; true where that lost something. `widen`: widths grow to a half or all. */
  merge(block: number, widen: boolean): boolean {
    const to = this.#entry;
    const at = block * REGISTERS;
    let changed = false;
    for (let r = 0; r < REGISTERS; r++) {
      const i = at + r;
      const h = to.holds[i]!;
      if (h !== HOLDS.unknown && (h !== this.holds[r] || to.lo[i] !== this.lo[r] || to.hi[i] !== this.hi[r])) {
        to.holds[i] = HOLDS.unknown;
        to.lo[i] = 0;
        to.hi[i] = 0;
        changed = true;
      }
      const width = this.width[r]!;
      if (width > to.width[i]!) {
        to.width[i] = widen ? (width <= 32 ? 32 : 64) : width;
        changed = true;
      }
    }
    return changed;
  }

  #know(r: number, width: number): void {
    this.holds[r] = HOLDS.unknown;
    this.lo[r] = 0;
    this.hi[r] = 0;
    this.width[r] = width;
  }

  #constant(r: number, hi: number, lo: number): void {
    this.holds[r] = HOLDS.constant;
    this.lo[r] = lo;
    this.hi[r] = hi;
    this.width[r] = hi !== 0 ? 64 - Math.clz32(hi) : 32 - Math.clz32(lo);
  }

  #frame(r: number, offset: number): void {
    this.holds[r] = HOLDS.frame;
    this.lo[r] = offset;
    this.hi[r] = 0;
    // The stack lies between pages that no pointer names, 64 KiB each.
    this.width[r] = offset >= -0x8000 && offset <= 0x8000 ? 32 : 64;
  }

  #clobber(): void {
    for (let r = 0; r < 6; r++) this.#know(r, 64);
  }

  step(slot: number): void {
    const code = this.#code;
    const d = code.dst[slot]!;
    switch (code.kind[slot]) {
      case KIND.alu:
        this.#alu(slot);
        return;
      case KIND.movsx: {
        const s = code.src[slot]!;
        const from = code.op[slot]!;
        const size = code.size[slot]!;
        if (this.holds[s] === HOLDS.constant) {
          const lo = (this.lo[s]! << (32 - from)) >> (32 - from);
          this.#constant(d, size === 64 ? lo >> 31 : 0, lo);
        } else this.#know(d, this.width[s]! < from ? this.width[s]! : size);
        return;
      }
      case KIND.swap: {
        const size = code.size[slot]!;
        if (code.op[slot] !== SWAP.le) this.#know(d, size);
        else if (this.width[d]! > size) this.#know(d, size);
        return;
      }
      case KIND.addrSpaceCast:
        this.#know(d, 32);
        return;
      case KIND.load:
        this.#know(d, code.op[slot] === 1 ? 64 : code.size[slot]! * 8);
        return;
      case KIND.loadAcquire:
        this.#know(d, code.size[slot]! * 8);
        return;
      case KIND.atomic:
        if (code.x[slot] === 1) this.#know(code.op[slot] === ATOMIC.cmpxchg ? 0 : code.src[slot]!, code.size[slot]! * 8);
        return;
      case KIND.lddw:
        if (code.op[slot] === PSEUDO.none) this.#constant(d, code.hi[slot]!, code.imm[slot]!);
        else {
          this.#know(d, code.op[slot] === PSEUDO.btfId ? 64 : 32);
          if (code.op[slot] === PSEUDO.map) {
            this.holds[d] = HOLDS.map;
            this.lo[d] = code.imm[slot]!;
          } else if (code.op[slot] === PSEUDO.func) {
            this.holds[d] = HOLDS.function;
            this.lo[d] = code.offset[slot]!;
          }
        }
        return;
      case KIND.packetLoad:
        this.#know(0, code.size[slot]! * 8);
        return;
      case KIND.callHelper:
      case KIND.callLocal:
      case KIND.callKfunc:
      case KIND.callx:
        this.#clobber();
        return;
      default:
        return;
    }
  }

  #alu(slot: number): void {
    const code = this.#code;
    const d = code.dst[slot]!;
    const op = code.op[slot]!;
    const wide = code.size[slot] === 64;
    const size = wide ? 64 : 32;
    const inRegister = code.x[slot] === 1 && op !== ALU.neg;
    const s = code.src[slot]!;
    const known = inRegister ? this.holds[s] === HOLDS.constant : true;
    const lo = inRegister ? this.lo[s]! : code.imm[slot]!;
    const hi = inRegister ? this.hi[s]! : code.imm[slot]! >> 31;
    const width = inRegister ? Math.min(this.width[s]!, size) : wide && hi !== 0 ? 64 : 32 - Math.clz32(lo);
    const own = Math.min(this.width[d]!, size);

    if (op === ALU.mov) {
      if (known) this.#constant(d, wide ? hi : 0, lo);
      else if (wide || this.width[s]! <= 32) {
        this.holds[d] = this.holds[s]!;
        this.lo[d] = this.lo[s]!;
        this.hi[d] = this.hi[s]!;
        this.width[d] = this.width[s]!;
      } else this.#know(d, 32);
      return;
    }
    if (known && this.holds[d] === HOLDS.constant && this.#fold(d, op, wide, hi, lo)) return;
    if (known && wide && this.holds[d] === HOLDS.frame && (op === ALU.add || op === ALU.sub)) {
      const offset = op === ALU.add ? this.lo[d]! + lo : this.lo[d]! - lo;
      if (hi === lo >> 31 && offset === (offset | 0)) {
        this.#frame(d, offset);
        return;
      }
    }
    switch (op) {
      case ALU.add:
        this.#know(d, Math.min(size, Math.max(own, width) + 1));
        return;
      case ALU.mul:
        this.#know(d, Math.min(size, own + width));
        return;
      case ALU.and:
        this.#know(d, Math.min(own, width));
        return;
      case ALU.or:
      case ALU.xor:
        this.#know(d, Math.max(own, width));
        return;
      case ALU.lsh:
        this.#know(d, known ? Math.min(size, own + (lo & (size - 1))) : size);
        return;
      case ALU.arsh:
        // With a clear sign bit as a logical shift.
        if (own < size) this.#know(d, known ? Math.max(0, own - (lo & (size - 1))) : own);
        else this.#know(d, size);
        return;
      case ALU.rsh:
        this.#know(d, known ? Math.max(0, own - (lo & (size - 1))) : own);
        return;
      case ALU.div:
      case ALU.mod:
        this.#know(d, own);
        return;
      default:
        this.#know(d, size);
        return;
    }
  }

  /** Both operands are constants: computes what is cheap to compute without 64-bit division. */
  #fold(d: number, op: number, wide: boolean, hi: number, lo: number): boolean {
    const ah = wide ? this.hi[d]! : 0;
    const al = this.lo[d]!;
    const by = lo & (wide ? 63 : 31);
    let rh: number;
    let rl: number;
    switch (op) {
      case ALU.add:
        rl = (al + lo) | 0;
        rh = ah + hi + ((al >>> 0) + (lo >>> 0) > 0xffffffff ? 1 : 0);
        break;
      case ALU.sub:
        rl = (al - lo) | 0;
        rh = ah - hi - (al >>> 0 < lo >>> 0 ? 1 : 0);
        break;
      case ALU.and:
        rl = al & lo;
        rh = ah & hi;
        break;
      case ALU.or:
        rl = al | lo;
        rh = ah | hi;
        break;
      case ALU.xor:
        rl = al ^ lo;
        rh = ah ^ hi;
        break;
      case ALU.neg:
        rl = -al | 0;
        rh = rl === 0 ? -ah : ~ah;
        break;
      case ALU.lsh:
        rl = by >= 32 ? 0 : al << by;
        rh = by === 0 ? ah : by >= 32 ? al << (by - 32) : (ah << by) | (al >>> (32 - by));
        break;
      case ALU.rsh:
        rh = by >= 32 ? 0 : ah >>> by;
        rl = by === 0 ? al : by >= 32 ? ah >>> (by - 32) : (al >>> by) | (ah << (32 - by));
        break;
      case ALU.arsh:
        if (!wide) {
          rl = al >> by;
          rh = 0;
          break;
        }
        rh = by >= 32 ? ah >> 31 : ah >> by;
        rl = by === 0 ? al : by >= 32 ? ah >> (by - 32) : (al >>> by) | (ah << (32 - by));
        break;
      case ALU.mul:
        if (wide) return false;
        rl = Math.imul(al, lo);
        rh = 0;
        break;
      default:
        return false;
    }
    this.#constant(d, wide ? rh | 0 : 0, rl | 0);
    return true;
  }
}
