// The reference semantics [RFC9669]: one instruction after the other, every access checked against the live regions. Registers are
// pairs of 32-bit halves, with a 64-bit view of the same bytes for multiplication, division and atomics; nothing is allocated per
// instruction. long because the instruction set is one loop: splitting it would cost a call an instruction.
import { ALU, ATOMIC, COND, type Code, KIND, PACKET_BASE, PSEUDO, SWAP } from '../isa/code.ts';
import { callsEntry } from '../program/cfg.ts';
import { functionAt, sourceAt } from '../program/lines.ts';
import { FRAME_POINTER_WRITE, type Program } from '../program/program.ts';
import { HELPER_TAIL_CALL } from '../spec/helper-ids.ts';
import { FRAME_BYTES, MAX_FRAMES, TAIL_CALL_FAILED, TAIL_CALL_LIMIT } from '../spec/limits.ts';
import { AssertionFailure, assert } from '../util/error.ts';
import { BpfStopped, type FaultAccess, type StopCause, type StopFrame } from '../util/stopped.ts';
import type { Regions } from '../window/regions.ts';
import { FLOOR, PLACE, type Window } from '../window/window.ts';
import { type Callee, type Caller, type Counters, FIRST_HANDLE, type RunState, type TailStack } from './machine.ts';

/** How an interpreter resolves what the program names. */
export interface Links {
  /** Pointer to the descriptor of map `index`, as lddw gives it. */
  map(index: number): number;
  /** Pointer to the first value of map `index`. */
  mapValue(index: number): number;
  helper(id: number): Callee | undefined;
  kfunc(name: string): Callee | undefined;
  /** The program in slot `index` of the program array at `map`; undefined: the slot is empty, or it is no program array. */
  tailTarget(map: bigint, index: number): Interpreter | undefined;
  /** What an error asks for that left a program: a function of it to be called, whose result is the program's; undefined: it is no exception. */
  exception?(error: unknown): ThrownException | undefined;
  /** What a pointer points at, in words: `packet + 14`. Of the stack the interpreter knows itself. */
  meaning?(pointer: number): string | undefined;
}

/** Of bpf_throw. */
export interface ThrownException {
  /** The program that threw. */
  readonly interpreter: Interpreter;
  /** Of its callback; undefined: the cookie is the result. */
  readonly handle: bigint | undefined;
  readonly cookie: bigint;
}

export interface InterpreterOptions {
  readonly program: Program;
  readonly window: Window;
  readonly regions: Regions;
  readonly links: Links;
  /** Runs the routines that the program calls; absent: the program calls none. */
  readonly routines?: Interpreter;
  /** A routine: sees privileged regions, has a stack of its own, and spends no fuel of the program. */
  readonly privileged?: boolean;
  /** Are added to. */
  readonly counters?: Counters | undefined;
}

const SCRATCH = 11;
const STACK_BYTES = FRAME_BYTES * MAX_FRAMES;
const DEPTHS = (MAX_FRAMES + 1) * (1 + TAIL_CALL_LIMIT);
/** Calls in calls of routines. */
const ROUTINE_DEPTH = 24;
/** Slots that a routine may execute in one call; only a damaged map needs more. */
const ROUTINE_FUEL = 2 ** 28;
const DEADLINE_INTERVAL = 1024;

export class Interpreter implements Caller {
  readonly program: Program;
  readonly window: Window;
  /** R0 to R10, and a scratch register for immediates. */
  readonly registers: BigUint64Array = new BigUint64Array(12);
  readonly #counters: Counters | undefined;
  readonly #signed: BigInt64Array;
  readonly #halves: Int32Array;
  readonly #regions: Regions;
  readonly #links: Links;
  readonly #routines: Interpreter | undefined;
  readonly #privileged: boolean;
  readonly #stackTop: number;
  /** Per slot: immediates of lddw after linking. */
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  readonly #callees: (Callee | undefined)[];
  readonly #gateOn: Uint32Array;
  /** By stack and depth: eight frames for the program and each of 33 that are tail-called. */
  readonly #returnTo = new Int32Array(DEPTHS);
  readonly #saved = new Int32Array(DEPTHS * 8);
  /** Of routines: their own, since their stack and their fuel are. */
  readonly #own: RunState = idleState();
  #state: RunState = this.#own;
  /** The first function has a caller as well. */
  readonly #entryIsCalled: boolean;
  /** Slot being executed, where a host function or a fault may need it. */
  #slot = 0;
  /** Depth of the outermost frame since the program, or its callback, was entered. */
  #base = 0;

  constructor(options: InterpreterOptions) {
    const { program, links } = options;
    this.program = program;
    this.window = options.window;
    this.#halves = new Int32Array(this.registers.buffer);
    this.#signed = new BigInt64Array(this.registers.buffer);
    this.#regions = options.regions;
    this.#links = links;
    this.#routines = options.routines;
    this.#privileged = options.privileged ?? false;
    this.#counters = options.counters;
    this.#stackTop = this.#privileged ? PLACE.routineStackTop : PLACE.stackTop;
    const { code } = program;
    this.#gateOn = new Uint32Array(code.slots).fill(1);
    this.#low = Int32Array.from(code.imm);
    this.#high = Int32Array.from(code.hi);
    this.#callees = new Array<Callee | undefined>(code.slots).fill(undefined);
    for (let slot = 0; slot < code.slots; slot++) this.#link(code, slot);
    this.#entryIsCalled = callsEntry(code);
  }

  #link(code: Code, slot: number): void {
    const kind = code.kind[slot]!;
    const imm = code.imm[slot]!;
    if (kind === KIND.callHelper) this.#callees[slot] = this.#links.helper(imm);
    if (kind === KIND.callKfunc) this.#callees[slot] = this.#links.kfunc(this.program.kfuncs[imm] ?? '');
    if (kind !== KIND.lddw) return;
    const pseudo = code.op[slot]!;
    if (pseudo === PSEUDO.none || pseudo === PSEUDO.btfId) return;
    this.#high[slot] = 0;
    if (pseudo === PSEUDO.func) this.#low[slot] = FIRST_HANDLE + this.program.subprogramOf[code.offset[slot]!]!;
    else if (pseudo === PSEUDO.map || pseudo === PSEUDO.mapIndex) this.#low[slot] = this.#links.map(imm);
    else this.#low[slot] = this.#links.mapValue(imm) + code.hi[slot]!;
  }

  /** Runs the program from its entry; returns R0. */
  run(state: RunState, r1: bigint, r2: bigint): bigint {
    this.registers.fill(0n);
    this.registers[1] = r1;
    this.registers[2] = r2;
    this.#enter(state, 0);
    return this.registers[0]!;
  }

  /**
   * A routine: runs from `entry` with the arguments that the caller put into `registers`; R6 to R10 come back unchanged. Spends no
   * fuel of the program: each call starts afresh. Returns R0.
   */
  call(entry: number): bigint {
    this.#callRoutine(entry);
    return this.registers[0]!;
  }

  #callRoutine(entry: number): void {
    const state = this.#own;
    state.fuel = ROUTINE_FUEL;
    // Only a routine that is under way has registers to keep.
    const saved = state.depth === 0 ? undefined : this.#halves.slice(12, 22);
    this.#enter(state, entry);
    if (saved !== undefined) this.#halves.set(saved, 12);
  }

  #enter(state: RunState, entry: number): void {
    const before = this.#state;
    const slot = this.#slot;
    const base = this.#base;
    const depth = state.depth;
    this.#state = state;
    this.#base = depth + 1;
    try {
      state.depth = depth + 1;
      this.#openFrame(state, entry);
      this.#halves[21] = 0;
      this.#loop(entry);
    } finally {
      state.depth = depth;
      this.#state = before;
      this.#slot = slot;
      this.#base = base;
    }
  }

  /** As `enter` does, with the functions that are under way here remembered as the callers. */
  #above(state: RunState, by: StopFrame['by'], enter: () => void): void {
    const { waiting, depth } = state;
    const slot = this.#slot;
    const base = this.#base;
    const first = placeOf(state) - depth;
    state.waiting = { frames: () => this.#frames(slot, first, depth, base, by), outer: waiting };
    try {
      enter();
    } finally {
      state.waiting = waiting;
    }
  }

  /** Innermost first: the function at `slot`, where `by` happened, and those that called it since depth `base` of the stack at `first`. */
  #frames(slot: number, first: number, depth: number, base: number, by: StopFrame['by']): StopFrame[] {
    const frames = [this.#frame(slot, by)];
    for (let at = depth - 1; at >= base; at--) frames.push(this.#frame(this.#returnTo[first + at]! - 1, 'call'));
    return frames;
  }

  #frame(slot: number, by: StopFrame['by']): StopFrame {
    const { program } = this;
    const source = sourceAt(program, slot);
    return { program: program.name, function: functionAt(program, slot)!, slot, by, ...(source === undefined ? {} : { source }) };
  }

  callback(handle: bigint, r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint): bigint {
    const index = Number(handle) - FIRST_HANDLE;
    const target = this.program.subprograms[index];
    if (target === undefined) this.stop('badCall', `the callback 0x${handle.toString(16)} is not a function of the program`);
    const registers = this.registers;
    const saved = registers.slice();
    registers[1] = r1;
    registers[2] = r2;
    registers[3] = r3;
    registers[4] = r4;
    registers[5] = r5;
    const state = this.#state;
    if (state.depth === 0) this.#enter(state, target.start);
    else this.#above(state, 'callback', () => this.#enter(state, target.start));
    const result = registers[0]!;
    registers.set(saved);
    return result;
  }

  /** As `callback`, from outside of any run. */
  callFunction(state: RunState, handle: bigint, r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint): bigint {
    const before = this.#state;
    this.#state = state;
    try {
      return this.callback(handle, r1, r2, r3, r4, r5);
    } finally {
      this.#state = before;
    }
  }

  pointer(argument: number, size: number, write: boolean): number {
    const pointer = this.#halves[2 * argument]! >>> 0;
    if (this.#halves[2 * argument + 1] !== 0 || !this.#allowed(pointer, size, write)) {
      this.#fault(this.#slot, this.registers[argument]!, size, write, ` (argument ${argument} of the call)`);
    }
    return pointer;
  }

  number(argument: number): number {
    return (this.#halves[2 * argument + 1]! >>> 0) * 2 ** 32 + (this.#halves[2 * argument]! >>> 0);
  }

  stop(cause: StopCause, what: string): never {
    return this.#stop(cause, this.#slot, what);
  }

  #allowed(pointer: number, size: number, write: boolean): boolean {
    if (size === 0) return true;
    const { tailStack } = this.#state;
    if (inFrames(this.#topOf(tailStack), Math.max(1, this.#state.depth), pointer, size)) return true;
    if (tailStack !== undefined && this.#inOuterFrames(tailStack, pointer, size)) return true;
    return this.#regions.find(pointer, size, write, this.#privileged);
  }

  #stop(cause: StopCause, slot: number, what: string, access?: FaultAccess): never {
    const state = this.#state;
    const frames = this.#frames(slot, placeOf(state) - state.depth, state.depth, this.#base, 'stop');
    for (let waiting = state.waiting; waiting !== undefined; waiting = waiting.outer) frames.push(...waiting.frames());
    const { program, source } = frames[0]!;
    const registers = [...this.registers.subarray(0, 11)];
    throw new BpfStopped(
      {
        ...{
          reason: cause,
          program,
          engine: 'interpreter',
          slot,
          frames,
          registers,
          meanings: registers.map((value) => this.#meaning(value)),
        },
        ...(source === undefined ? {} : { source }),
        ...(access === undefined ? {} : { access }),
      },
      what,
    );
  }

  /** What the value points at, if it is a pointer. */
  #meaning(value: bigint): string | undefined {
    if (value < BigInt(FLOOR) || value > 0xffff_ffffn) return undefined;
    const pointer = Number(value);
    const { depth, tailStack } = this.#state;
    const top = this.#topOf(tailStack);
    for (let at = depth; at > 0; at--) {
      const below = top - FRAME_BYTES * (at - 1) - pointer;
      if (below < 0 || below > FRAME_BYTES || (below === FRAME_BYTES && at < depth)) continue;
      const whose = at === depth ? '' : at === depth - 1 ? ' of the caller' : ` of the frame ${depth - at} up`;
      return `fp${below === 0 ? '' : ` - ${below}`}${whose}`;
    }
    return this.#links.meaning?.(pointer);
  }

  /** Explains an access that no live region allows. */
  #fault(slot: number, address: bigint, size: number, write: boolean, note: string): never {
    const verb = write ? 'write' : 'read';
    const text = `${verb} of ${size} byte${size === 1 ? '' : 's'} at 0x${address.toString(16)}${note}`;
    if (address > 0xffff_ffffn) {
      this.#stop('fault', slot, `${text}: the pointer has dirty upper 32 bits`, { kind: verb, address, size });
    }
    const pointer = Number(address);
    if (pointer < FLOOR) {
      this.#stop('fault', slot, `${text}: a null pointer${pointer === 0 ? '' : ' plus an offset'}`, { kind: verb, address, size });
    }
    let nearest = this.#regions.nearest(pointer, size);
    const top = this.#topOf(this.#state.tailStack);
    const live = top - FRAME_BYTES * this.#state.depth;
    const byStack = pointer + size > top ? pointer + size - top : pointer < live ? pointer - live : 0;
    if (nearest === undefined || Math.abs(byStack) < Math.abs(nearest.by)) nearest = { name: 'the stack', by: byStack };
    const { name, by } = nearest;
    const bytes = `${Math.abs(by)} byte${Math.abs(by) === 1 ? '' : 's'}`;
    const where =
      by > 0
        ? `${bytes} beyond the end of ${name}`
        : by < 0
          ? `${bytes} before the start of ${name}`
          : name === 'the stack'
            ? 'across two stack frames'
            : `${name} is read-only`;
    this.#stop('fault', slot, `${text}: ${where}`, { kind: verb, address, size, region: name, missedBy: by });
  }

  #callHost(slot: number, id: string, callee: Callee | undefined): void {
    this.#slot = slot;
    if (callee === undefined) this.#stop('helper', slot, `${id} is not available`);
    if (callee.kind === 'host') {
      callee.call(this);
      return;
    }
    const entry = callee.enter(this);
    const routines = this.#routines;
    assert(routines !== undefined, 'a routine needs the interpreter that runs it');
    const to = routines.#halves;
    const from = this.#halves;
    for (let half = 2; half < 12; half++) to[half] = from[half]!;
    try {
      routines.#callRoutine(entry);
    } catch (error) {
      // Its budget is used up, or the map is damaged: that is the caller's stop.
      if (error instanceof BpfStopped) this.#stop('helper', slot, `${id}: ${error.what}`);
      throw error;
    }
    from[0] = to[0]!;
    from[1] = to[1]!;
  }

  #loop(entry: number): void {
    const { code, fuelCost } = this.program;
    const kinds = code.kind;
    const ops = code.op;
    const sizes = code.size;
    const dsts = code.dst;
    const srcs = code.src;
    const xs = code.x;
    const offsets = code.offset;
    const imms = code.imm;
    const w = this.#halves;
    const q = this.registers;
    const state = this.#state;
    const regions = this.#regions;
    const privileged = this.#privileged;
    const base = state.depth;
    const counters = this.#counters;
    const { trace } = state;
    const watched = counters !== undefined || trace !== undefined || state.counting === true;
    // The branch that has just been executed; -1: it was something else.
    let branch = -1;
    const gate = watched ? this.#gateOn : fuelCost;
    let view = this.window.view;
    let fuel = state.fuel;
    let charges = 0;
    // The frames of the stack that the current one lies in.
    const stackTop = this.#topOf(state.tailStack);
    let stackLow = this.#halves[20]! - FRAME_BYTES;
    let generation = regions.generation;
    // Intervals that a search has found: two for reads, one for writes.
    let readLow = 0;
    let readHigh = 0;
    let read2Low = 0;
    let read2High = 0;
    let writeLow = 0;
    let writeHigh = 0;
    let pc = entry;

    for (;;) {
      if (gate[pc] !== 0) {
        const cost = fuelCost[pc]!;
        if (watched) {
          state.instructions++;
          if (counters !== undefined) {
            const { hits, taken } = counters;
            hits[pc] = hits[pc]! + 1;
            if (branch >= 0 && pc !== branch + 1) taken[branch] = taken[branch]! + 1;
            branch = kinds[pc] === KIND.branch ? pc : -1;
          }
          trace?.(pc, q, this.program);
        }
        if (cost !== 0) {
          fuel -= cost;
          state.fuel = fuel;
          if (fuel < 0) this.#stop('fuel', pc, 'the fuel is used up');
          if (++charges === DEADLINE_INTERVAL) {
            charges = 0;
            if (state.deadline !== Infinity && state.now() > state.deadline) this.#stop('deadline', pc, 'the time is used up');
            if (state.stopFlag !== undefined && Atomics.load(state.stopFlag, 0) !== 0) this.#stop('aborted', pc, 'stopped from outside');
          }
        }
      }
      const dst = dsts[pc]! << 1;
      switch (kinds[pc]) {
        case KIND.alu: {
          let src = 2 * SCRATCH;
          if (xs[pc] === 1) src = srcs[pc]! << 1;
          else {
            const imm = imms[pc]!;
            w[src] = imm;
            w[src + 1] = imm >> 31;
          }
          const a = w[dst]!;
          const b = w[src]!;
          if (sizes[pc] === 32) {
            switch (ops[pc]) {
              case ALU.add:
                w[dst] = a + b;
                break;
              case ALU.sub:
                w[dst] = a - b;
                break;
              case ALU.mul:
                w[dst] = Math.imul(a, b);
                break;
              case ALU.div:
                w[dst] = b === 0 ? 0 : Math.floor((a >>> 0) / (b >>> 0));
                break;
              case ALU.mod:
                if (b !== 0) w[dst] = (a >>> 0) % (b >>> 0);
                break;
              case ALU.sdiv:
                w[dst] = b === 0 ? 0 : a / b;
                break;
              case ALU.smod:
                if (b !== 0) w[dst] = a % b;
                break;
              case ALU.or:
                w[dst] = a | b;
                break;
              case ALU.and:
                w[dst] = a & b;
                break;
              case ALU.xor:
                w[dst] = a ^ b;
                break;
              case ALU.lsh:
                w[dst] = a << (b & 31);
                break;
              case ALU.rsh:
                w[dst] = a >>> (b & 31);
                break;
              case ALU.arsh:
                w[dst] = a >> (b & 31);
                break;
              case ALU.neg:
                w[dst] = -a;
                break;
              case ALU.mov:
                w[dst] = b;
                break;
              default:
                throw new AssertionFailure(`ALU operation ${ops[pc]}`);
            }
            w[dst + 1] = 0;
          } else {
            const d = dst >> 1;
            const s = src >> 1;
            const aHigh = w[dst + 1]!;
            const bHigh = w[src + 1]!;
            switch (ops[pc]) {
              case ALU.add: {
                const low = (a >>> 0) + (b >>> 0);
                w[dst] = low;
                w[dst + 1] = aHigh + bHigh + (low > 0xffff_ffff ? 1 : 0);
                break;
              }
              case ALU.sub:
                w[dst] = a - b;
                w[dst + 1] = aHigh - bHigh - (a >>> 0 < b >>> 0 ? 1 : 0);
                break;
              case ALU.mul:
                q[d] = q[d]! * q[s]!;
                break;
              case ALU.div:
                q[d] = (b | bHigh) === 0 ? 0n : q[d]! / q[s]!;
                break;
              case ALU.mod:
                if ((b | bHigh) !== 0) q[d] = q[d]! % q[s]!;
                break;
              case ALU.sdiv: {
                const signed = this.#signed;
                signed[d] = (b | bHigh) === 0 ? 0n : signed[d]! / signed[s]!;
                break;
              }
              case ALU.smod: {
                const signed = this.#signed;
                if ((b | bHigh) !== 0) signed[d] = signed[d]! % signed[s]!;
                break;
              }
              case ALU.or:
                w[dst] = a | b;
                w[dst + 1] = aHigh | bHigh;
                break;
              case ALU.and:
                w[dst] = a & b;
                w[dst + 1] = aHigh & bHigh;
                break;
              case ALU.xor:
                w[dst] = a ^ b;
                w[dst + 1] = aHigh ^ bHigh;
                break;
              case ALU.lsh: {
                const by = b & 63;
                if (by >= 32) {
                  w[dst + 1] = a << (by - 32);
                  w[dst] = 0;
                } else if (by !== 0) {
                  w[dst + 1] = (aHigh << by) | (a >>> (32 - by));
                  w[dst] = a << by;
                }
                break;
              }
              case ALU.rsh: {
                const by = b & 63;
                if (by >= 32) {
                  w[dst] = aHigh >>> (by - 32);
                  w[dst + 1] = 0;
                } else if (by !== 0) {
                  w[dst] = (a >>> by) | (aHigh << (32 - by));
                  w[dst + 1] = aHigh >>> by;
                }
                break;
              }
              case ALU.arsh: {
                const by = b & 63;
                if (by >= 32) {
                  w[dst] = aHigh >> (by - 32);
                  w[dst + 1] = aHigh >> 31;
                } else if (by !== 0) {
                  w[dst] = (a >>> by) | (aHigh << (32 - by));
                  w[dst + 1] = aHigh >> by;
                }
                break;
              }
              case ALU.neg:
                w[dst] = -a;
                w[dst + 1] = a === 0 ? -aHigh : ~aHigh;
                break;
              case ALU.mov:
                w[dst] = b;
                w[dst + 1] = bHigh;
                break;
              default:
                throw new AssertionFailure(`ALU operation ${ops[pc]}`);
            }
          }
          pc++;
          break;
        }

        case KIND.movsx: {
          const shift = 32 - ops[pc]!;
          const low = (w[srcs[pc]! << 1]! << shift) >> shift;
          w[dst] = low;
          w[dst + 1] = sizes[pc] === 64 ? low >> 31 : 0;
          pc++;
          break;
        }

        case KIND.swap: {
          const low = w[dst]!;
          const high = w[dst + 1]!;
          const size = sizes[pc]!;
          const swaps = ops[pc] !== SWAP.le;
          if (size === 16) {
            w[dst] = swaps ? ((low & 0xff) << 8) | ((low >>> 8) & 0xff) : low & 0xffff;
            w[dst + 1] = 0;
          } else if (size === 32) {
            w[dst] = swaps ? swap32(low) : low;
            w[dst + 1] = 0;
          } else if (swaps) {
            w[dst] = swap32(high);
            w[dst + 1] = swap32(low);
          }
          pc++;
          break;
        }

        case KIND.load:
        case KIND.loadAcquire: {
          const src = srcs[pc]! << 1;
          const size = sizes[pc]!;
          const p = (w[src]! >>> 0) + offsets[pc]!;
          const end = p + size;
          if (kinds[pc] === KIND.loadAcquire && (p & (size - 1)) !== 0) this.#unaligned(pc, p, size);
          if (w[src + 1] !== 0) this.#badAccess(pc, src, size, false);
          if (p >= stackLow && end <= stackTop) {
            if (((stackTop - p - 1) ^ (stackTop - end)) >= FRAME_BYTES) this.#badAccess(pc, src, size, false);
          } else if (!(p >= readLow && end <= readHigh) && !(p >= read2Low && end <= read2High)) {
            if (!regions.find(p, size, false, privileged)) this.#missed(pc, src, p, size, false);
            read2Low = readLow;
            read2High = readHigh;
            readLow = regions.low;
            readHigh = regions.high;
          }
          const at = p - FLOOR;
          const signs = kinds[pc] === KIND.load && ops[pc] === 1;
          switch (size) {
            case 1: {
              const value = signs ? view.getInt8(at) : view.getUint8(at);
              w[dst] = value;
              w[dst + 1] = value >> 31;
              break;
            }
            case 2: {
              const value = signs ? view.getInt16(at, true) : view.getUint16(at, true);
              w[dst] = value;
              w[dst + 1] = value >> 31;
              break;
            }
            case 4: {
              const value = view.getInt32(at, true);
              w[dst] = value;
              w[dst + 1] = signs ? value >> 31 : 0;
              break;
            }
            default:
              w[dst] = view.getInt32(at, true);
              w[dst + 1] = view.getInt32(at + 4, true);
          }
          pc++;
          break;
        }

        case KIND.store:
        case KIND.storeRelease: {
          const size = sizes[pc]!;
          const p = (w[dst]! >>> 0) + offsets[pc]!;
          const end = p + size;
          if (kinds[pc] === KIND.storeRelease && (p & (size - 1)) !== 0) this.#unaligned(pc, p, size);
          if (w[dst + 1] !== 0) this.#badAccess(pc, dst, size, true);
          if (p >= stackLow && end <= stackTop) {
            if (((stackTop - p - 1) ^ (stackTop - end)) >= FRAME_BYTES) this.#badAccess(pc, dst, size, true);
          } else if (!(p >= writeLow && end <= writeHigh)) {
            if (!regions.find(p, size, true, privileged)) this.#missed(pc, dst, p, size, true);
            writeLow = regions.low;
            writeHigh = regions.high;
          }
          const at = p - FLOOR;
          const fromRegister = xs[pc] === 1 || kinds[pc] === KIND.storeRelease;
          const value = fromRegister ? w[srcs[pc]! << 1]! : imms[pc]!;
          switch (size) {
            case 1:
              view.setInt8(at, value);
              break;
            case 2:
              view.setInt16(at, value, true);
              break;
            case 4:
              view.setInt32(at, value, true);
              break;
            default:
              view.setInt32(at, value, true);
              view.setInt32(at + 4, fromRegister ? w[(srcs[pc]! << 1) + 1]! : value >> 31, true);
          }
          pc++;
          break;
        }

        case KIND.atomic: {
          const size = sizes[pc]!;
          const p = (w[dst]! >>> 0) + offsets[pc]!;
          if ((p & (size - 1)) !== 0) this.#unaligned(pc, p, size);
          if (w[dst + 1] !== 0) this.#badAccess(pc, dst, size, true);
          if (p >= stackLow && p + size <= stackTop) {
            if (((stackTop - p - 1) ^ (stackTop - p - size)) >= FRAME_BYTES) this.#badAccess(pc, dst, size, true);
          } else if (!regions.find(p, size, true, privileged)) this.#missed(pc, dst, p, size, true);
          this.#atomic(view, p - FLOOR, size, ops[pc]!, srcs[pc]!, xs[pc] === 1);
          pc++;
          break;
        }

        case KIND.packetLoad: {
          const size = sizes[pc]!;
          let at = ops[pc] === 1 ? (w[srcs[pc]! << 1]! + imms[pc]!) | 0 : imms[pc]!;
          if (at < 0) at = headerOffset(at, state);
          if (at < 0 || at + size > state.packetLength) {
            // The function returns 0. [kernel gen_ld_abs]
            q[0] = 0n;
            if (state.depth === base) return;
            pc = this.#leave(state);
            stackLow = w[20]! - FRAME_BYTES;
            break;
          }
          const from = state.packet + at - FLOOR;
          w[0] = size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getInt32(from);
          w[1] = 0;
          pc++;
          break;
        }

        case KIND.lddw:
          w[dst] = this.#low[pc]!;
          w[dst + 1] = this.#high[pc]!;
          pc += 2;
          break;

        case KIND.jump:
          pc = offsets[pc]!;
          break;

        case KIND.branch: {
          const a = w[dst]!;
          const aHigh = w[dst + 1]!;
          let b = imms[pc]!;
          let bHigh = b >> 31;
          if (xs[pc] === 1) {
            const src = srcs[pc]! << 1;
            b = w[src]!;
            bHigh = w[src + 1]!;
          }
          let taken: boolean;
          if (sizes[pc] === 32) {
            switch (ops[pc]) {
              case COND.eq:
                taken = a === b;
                break;
              case COND.ne:
                taken = a !== b;
                break;
              case COND.set:
                taken = (a & b) !== 0;
                break;
              case COND.gt:
                taken = a >>> 0 > b >>> 0;
                break;
              case COND.ge:
                taken = a >>> 0 >= b >>> 0;
                break;
              case COND.lt:
                taken = a >>> 0 < b >>> 0;
                break;
              case COND.le:
                taken = a >>> 0 <= b >>> 0;
                break;
              case COND.sgt:
                taken = a > b;
                break;
              case COND.sge:
                taken = a >= b;
                break;
              case COND.slt:
                taken = a < b;
                break;
              case COND.sle:
                taken = a <= b;
                break;
              default:
                throw new AssertionFailure(`condition ${ops[pc]}`);
            }
          } else {
            const same = aHigh === bHigh;
            switch (ops[pc]) {
              case COND.eq:
                taken = same && a === b;
                break;
              case COND.ne:
                taken = !same || a !== b;
                break;
              case COND.set:
                taken = ((a & b) | (aHigh & bHigh)) !== 0;
                break;
              case COND.gt:
                taken = same ? a >>> 0 > b >>> 0 : aHigh >>> 0 > bHigh >>> 0;
                break;
              case COND.ge:
                taken = same ? a >>> 0 >= b >>> 0 : aHigh >>> 0 > bHigh >>> 0;
                break;
              case COND.lt:
                taken = same ? a >>> 0 < b >>> 0 : aHigh >>> 0 < bHigh >>> 0;
                break;
              case COND.le:
                taken = same ? a >>> 0 <= b >>> 0 : aHigh >>> 0 < bHigh >>> 0;
                break;
              case COND.sgt:
                taken = same ? a >>> 0 > b >>> 0 : aHigh > bHigh;
                break;
              case COND.sge:
                taken = same ? a >>> 0 >= b >>> 0 : aHigh > bHigh;
                break;
              case COND.slt:
                taken = same ? a >>> 0 < b >>> 0 : aHigh < bHigh;
                break;
              case COND.sle:
                taken = same ? a >>> 0 <= b >>> 0 : aHigh < bHigh;
                break;
              default:
                throw new AssertionFailure(`condition ${ops[pc]}`);
            }
          }
          pc = taken ? offsets[pc]! : pc + 1;
          break;
        }

        // Bounded by fuel, not by a count of its own: never taken.
        case KIND.mayGoto:
          pc++;
          break;

        case KIND.callHelper:
        case KIND.callKfunc: {
          if (kinds[pc] === KIND.callHelper && imms[pc] === HELPER_TAIL_CALL) {
            this.#slot = pc;
            if (this.#tailCall(state, pc)) {
              // The frame is the callee's now: its exit is ours.
              fuel = state.fuel;
              if (state.depth === base) return;
              pc = this.#leave(state);
              stackLow = w[20]! - FRAME_BYTES;
            } else {
              w[0] = TAIL_CALL_FAILED;
              w[1] = -1;
              pc++;
            }
          } else {
            const name = kinds[pc] === KIND.callHelper ? `helper ${imms[pc]}` : `kernel function ${this.program.kfuncs[imms[pc]!]}`;
            this.#callHost(pc, name, this.#callees[pc]);
            pc++;
          }
          fuel = state.fuel;
          view = this.window.view;
          if (generation !== regions.generation) {
            generation = regions.generation;
            readLow = readHigh = read2Low = read2High = writeLow = writeHigh = 0;
          }
          break;
        }

        case KIND.callLocal:
          this.#push(state, pc, pc + 1);
          stackLow = w[20]! - FRAME_BYTES;
          pc = offsets[pc]!;
          break;

        case KIND.callx: {
          const handle = w[dst]!;
          const high = w[dst + 1]!;
          const target = high === 0 ? this.program.subprograms[handle - FIRST_HANDLE] : undefined;
          if (target !== undefined) {
            this.#push(state, pc, pc + 1);
            stackLow = w[20]! - FRAME_BYTES;
            pc = target.start;
            break;
          }
          const callee = high === 0 && handle > 0 && handle < FIRST_HANDLE ? this.#links.helper(handle) : undefined;
          if (callee === undefined) this.#stop('badCall', pc, `callx of 0x${q[dst >> 1]!.toString(16)}, which is no function`);
          this.#callHost(pc, `helper ${handle}`, callee);
          pc++;
          fuel = state.fuel;
          view = this.window.view;
          if (generation !== regions.generation) {
            generation = regions.generation;
            readLow = readHigh = read2Low = read2High = writeLow = writeHigh = 0;
          }
          break;
        }

        case KIND.exit:
          if (state.depth === base) return;
          pc = this.#leave(state);
          stackLow = w[20]! - FRAME_BYTES;
          break;

        case KIND.addrSpaceCast:
          this.#stop('unsupported', pc, 'addr_space_cast needs an arena');
          break;

        case KIND.forbidden:
          this.#stop('unsupported', pc, FRAME_POINTER_WRITE);
          break;

        default:
          throw new AssertionFailure(`slot ${pc} of ${this.program.name} has kind ${kinds[pc]}`);
      }
    }
  }

  /** R10 of a stack's first frame. */
  #topOf(tailStack: TailStack | undefined): number {
    return tailStack === undefined ? this.#stackTop : PLACE.tailStacksTop - STACK_BYTES * (tailStack.number - 1);
  }

  /** R10 of the frame at `depth`, which counts from 1. */
  #frameTop({ depth, tailStack }: RunState): number {
    return this.#topOf(tailStack) - FRAME_BYTES * (depth - 1);
  }

  /** Sets R10. */
  #openFrame(state: RunState, slot: number): void {
    if (state.depth > (this.#privileged ? ROUTINE_DEPTH : MAX_FRAMES)) {
      state.depth--;
      this.#stop('stack', slot, `more than ${MAX_FRAMES} frames`);
    }
    // Routines have no frames.
    if (!this.#privileged) this.#halves[20] = this.#frameTop(state);
  }

  /** Whether the bytes lie in a live frame of a stack before that one. */
  #inOuterFrames(tailStack: TailStack, pointer: number, size: number): boolean {
    for (let at: TailStack | undefined = tailStack; at !== undefined; at = at.outer) {
      if (inFrames(this.#topOf(at.outer), at.depth, pointer, size)) return true;
    }
    return false;
  }

  /** No region: unless it is a frame of another stack, the access is wrong. */
  #missed(slot: number, half: number, pointer: number, size: number, write: boolean): void {
    const { tailStack } = this.#state;
    if (tailStack === undefined || !this.#inOuterFrames(tailStack, pointer, size)) this.#badAccess(slot, half, size, write);
    const regions = this.#regions;
    regions.low = regions.high = pointer;
  }

  /** A new frame; R6 to R9 are kept for the caller. */
  #push(state: RunState, slot: number, returnTo: number): void {
    const at = placeOf(state);
    const w = this.#halves;
    const saved = this.#saved;
    this.#returnTo[at] = returnTo;
    for (let i = 0; i < 8; i++) saved[at * 8 + i] = w[12 + i]!;
    state.depth++;
    this.#openFrame(state, slot);
  }

  /** Back to the caller's frame; gives the slot to go on at. */
  #leave(state: RunState): number {
    state.depth--;
    const at = placeOf(state);
    const w = this.#halves;
    const saved = this.#saved;
    for (let i = 0; i < 8; i++) w[12 + i] = saved[at * 8 + i]!;
    w[20] = this.#frameTop(state);
    return this.#returnTo[at]!;
  }

  /** bpf_tail_call(ctx, map, index): true: the callee ran in place of this function and R0 is its result. */
  #tailCall(state: RunState, slot: number): boolean {
    const index = this.#halves[6]! >>> 0;
    const target = state.tailCalls >= TAIL_CALL_LIMIT ? undefined : this.#links.tailTarget(this.registers[2]!, index);
    if (target === undefined) return false;
    state.tailCalls++;
    // A context is a pointer.
    const r1 = BigInt.asUintN(32, this.registers[1]!);
    const { depth, tailStack } = state;
    const returns = this.program.subprogramOf[slot] !== 0 || this.#entryIsCalled;
    try {
      this.#above(state, 'tail call', () => {
        if (!returns) state.depth = depth - 1;
        else {
          // Its caller goes on after the callee, which has a stack of its own.
          state.tailStack = { number: state.tailCalls, depth, outer: tailStack };
          state.tailStacks = state.tailCalls;
          state.depth = 0;
        }
        this.registers[0] = returns ? this.#result(target, state, r1) : target.run(state, r1, 0n);
      });
    } finally {
      state.depth = depth;
      state.tailStack = tailStack;
    }
    return true;
  }

  /** R0 of a program that returns to a function here, also where it throws. */
  #result(target: Interpreter, state: RunState, r1: bigint): bigint {
    try {
      return target.run(state, r1, 0n);
    } catch (error) {
      const thrown = this.#links.exception?.(error);
      if (thrown === undefined) throw error;
      const { interpreter, handle, cookie } = thrown;
      return handle === undefined ? cookie : interpreter.callFunction(state, handle, cookie, 0n, 0n, 0n, 0n);
    }
  }

  /** Verifiers refuse what may not be aligned; machines fault, or are not atomic. [kernel check_ptr_alignment] */
  #unaligned(slot: number, pointer: number, size: number): void {
    if (!this.#privileged)
      this.#stop('unaligned', slot, `atomic access of ${size} bytes at 0x${pointer.toString(16)}, which is no multiple of ${size}`);
  }

  #badAccess(slot: number, half: number, size: number, write: boolean): never {
    const address = BigInt.asUintN(64, this.registers[half >> 1]! + BigInt(this.program.code.offset[slot]!));
    const register = this.registers[half >> 1]!;
    // Dirty upper halves of the register count, even where the offset carries into them.
    if (register > 0xffff_ffffn) {
      const verb = write ? 'write' : 'read';
      this.#stop(
        'fault',
        slot,
        `${verb} of ${size} byte${size === 1 ? '' : 's'} through r${half >> 1} = 0x${register.toString(16)}: the pointer has dirty upper 32 bits`,
        {
          kind: verb,
          address,
          size,
        },
      );
    }
    return this.#fault(slot, address, size, write, '');
  }

  /** Read-modify-write at byte `at` of the view. One program at a time runs here, so plain accesses are atomic. */
  #atomic(view: DataView, at: number, size: number, op: number, src: number, fetch: boolean): void {
    const q = this.registers;
    const wide = size === 8;
    const old = wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    const operand = wide ? q[src]! : q[src]! & 0xffff_ffffn;
    let result: bigint;
    switch (op) {
      case ATOMIC.add:
        result = old + operand;
        break;
      case ATOMIC.or:
        result = old | operand;
        break;
      case ATOMIC.and:
        result = old & operand;
        break;
      case ATOMIC.xor:
        result = old ^ operand;
        break;
      case ATOMIC.xchg:
        result = operand;
        break;
      case ATOMIC.cmpxchg: {
        const expected = wide ? q[0]! : q[0]! & 0xffff_ffffn;
        result = old === expected ? operand : old;
        break;
      }
      default:
        throw new AssertionFailure(`atomic operation ${op}`);
    }
    if (wide) view.setBigUint64(at, BigInt.asUintN(64, result), true);
    else view.setUint32(at, Number(result & 0xffff_ffffn), true);
    if (op === ATOMIC.cmpxchg) q[0] = old;
    else if (fetch) q[src] = old;
  }
}

/** Where the frame that is left is kept: stacks have nine places, depth 0 is none. */
function placeOf({ depth, tailStack }: RunState): number {
  return (tailStack?.number ?? 0) * (MAX_FRAMES + 1) + depth;
}

function idleState(): RunState {
  return { fuel: Infinity, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: 0, packetLength: 0, instructions: 0 };
}

function swap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

/** Whether the bytes lie within one of the `frames` frames below `top`. */
function inFrames(top: number, frames: number, pointer: number, size: number): boolean {
  if (pointer < top - FRAME_BYTES * frames || pointer + size > top) return false;
  return size <= 1 || Math.floor((top - pointer - 1) / FRAME_BYTES) === Math.floor((top - pointer - size) / FRAME_BYTES);
}

/** Where a packet load at a negative place reads. */
function headerOffset(at: number, state: RunState): number {
  return at >= PACKET_BASE.network ? at - PACKET_BASE.network + (state.packetNetwork ?? 0) : at - PACKET_BASE.link;
}
