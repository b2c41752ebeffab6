// A program that can be called: its entry thunks, its settings, and what it leaves behind. One thunk for each depth of nesting,
// since a thunk has its activation baked in.
import { ACTIVATION, STOP } from '../jit/activation.ts';
import type { Executable, ExecutableOptions, RunPlaces, Span, StopState } from '../runtime/engines/host.ts';
import { assert, BpfError } from '../util/error.ts';
import { FLOOR } from '../window/window.ts';
import type { Room } from './code-space.ts';
import { type Activation, type NativeWindow, place, setAddress } from './host.ts';
import { type EntryOptions, FAULT_WORDS, FUEL_SLICE, HOST_FIELD } from './stubs.ts';

const A = ACTIVATION;
const H = HOST_FIELD;

/** Runs of a batch between two looks at the clock and the stop flag: a program may be too short to look itself. */
const BATCH_STEP = 4096;
/** Words of the native stack that are searched for return addresses. */
const MAX_STACK_WORDS = 64;
/** Fuel of a program that has none: more than any machine gets through. */
const ENDLESS = 2 ** 62;

/** A 64-bit number as halves and as a whole: arithmetic on bigints would cost more than a short program. */
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

/** What a function called from JavaScript takes over from the run that it belongs to; and what it gives back. Words of 8 bytes. */
const INHERITED = [
  ...[A.tailCalls, A.stackLimit, A.programs, A.cpu, A.routineStack, A.packet, A.packetLength],
  ...[H.deadline, H.stopFlag, H.windowEnd],
];
const GIVEN_BACK = [A.tailCalls, A.packet, A.packetLength];

/** What is left: the slice in the register, and what lies beyond it. */
function fuelOf(words: Uint32Array): number {
  const rest = (words[A.fuelTotal / 4 + 1]! | 0) * 2 ** 32 + words[A.fuelTotal / 4]!;
  return rest + (words[H.fuel / 4]! | 0);
}

/** For a run to start with. */
function setFuel(words: Uint32Array, fuel: number): void {
  const slice = Math.min(fuel, FUEL_SLICE);
  setAddress(words, H.fuelSlice, slice);
  setAddress(words, H.fuelRest, fuel - slice);
}

/** For a run to go on with. */
function splitFuel(words: Uint32Array, fuel: number): void {
  const slice = Math.min(fuel, FUEL_SLICE);
  words[H.fuel / 4] = slice;
  setAddress(words, A.fuelTotal, fuel - slice);
}

/** Placed code and the halves of its address. */
interface Code {
  readonly room: Room;
  readonly low: number;
  readonly high: number;
}

function codeAt(room: Room): Code {
  return { room, low: room.address >>> 0, high: Math.floor(room.address / 2 ** 32) };
}

interface Thunk {
  readonly places: RunPlaces;
  readonly activation: Activation;
  readonly words: Uint32Array;
  run: Code | undefined;
  call: Code | undefined;
  batch: Code | undefined;
}

export class NativeExecutable implements Executable {
  r0Low = 0;
  r0High = 0;
  readonly window: NativeWindow;
  readonly #options: ExecutableOptions;
  readonly #release: () => void;
  readonly #thunks: Thunk[] = [];
  #live = true;
  /** Of the last batch. */
  #batch: Activation | undefined;
  #fuel = ENDLESS;
  #timeoutMs = 0;
  #stopFlag: Int32Array | undefined;
  #cpu = 0;
  #packet = 0;
  #packetLength = 0;
  #packetNetwork = 0;
  #stopped: StopState | undefined;

  constructor(window: NativeWindow, options: ExecutableOptions, release: () => void) {
    this.window = window;
    this.#options = options;
    this.#release = release;
  }

  get r0(): bigint {
    halves[0] = this.r0Low;
    halves[1] = this.r0High;
    return whole[0]!;
  }

  get fuelLeft(): number {
    return fuelOf(this.#thunks[this.window.host.depth]!.words);
  }

  get tailStacks(): number {
    return this.#thunks[this.window.host.depth]!.words[A.tailStacks / 4]!;
  }

  setFuel(slots: number): void {
    assert(slots >= 0, 'fuel');
    const fuel = Math.min(Math.floor(slots), ENDLESS);
    if (fuel === this.#fuel) return;
    this.#fuel = fuel;
    this.#changed();
  }

  setTimeout(milliseconds: number): void {
    if (milliseconds === this.#timeoutMs) return;
    this.#timeoutMs = milliseconds;
    this.#changed();
  }

  setStopFlag(flag: Int32Array | undefined): void {
    if (flag === this.#stopFlag) return;
    this.#stopFlag = flag;
    this.#changed();
  }

  setCpu(id: number): void {
    if (id === this.#cpu) return;
    this.#cpu = id;
    this.#changed();
  }

  setPacket(pointer: number, length: number, network = 0): void {
    if (pointer === this.#packet && length === this.#packetLength && network === this.#packetNetwork) return;
    this.#packet = pointer;
    this.#packetLength = length;
    this.#packetNetwork = network;
    for (const { owner, words } of this.window.host.activations) if (owner === this) this.#writePacket(words);
  }

  #writePacket(words: Uint32Array): void {
    words[A.packet / 4] = this.#packet;
    words[A.packetLength / 4] = this.#packetLength;
    words[A.packetNetwork / 4] = this.#packetNetwork;
  }

  /** Activations take the settings over when the next run starts. */
  #changed(): void {
    for (const activation of this.window.host.activations) {
      if (activation.owner === this) activation.owner = undefined;
    }
  }

  #prepare(activation: Activation, { stackLimit, routineStack }: RunPlaces): void {
    const { words, address } = activation;
    const { base, end, host } = this.window;
    setFuel(words, this.#fuel);
    setAddress(words, H.windowEnd, end);
    setAddress(words, H.deadline, 0);
    setAddress(words, H.stopFlag, this.#stopFlag === undefined ? address + H.zero : host.native.addressOf(this.#stopFlag));
    setAddress(words, A.stackLimit, base + stackLimit);
    setAddress(words, A.routineStack, base + routineStack);
    setAddress(words, A.programs, this.window.programs.address);
    setAddress(words, A.tailFrame, 0);
    words[A.cpu / 4] = this.#cpu;
    this.#writePacket(words);
    activation.owner = this;
  }

  #makeThunk(depth: number): Thunk {
    const { host } = this.window;
    if (!this.#live) throw new BpfError('host/disposed', { in: 'host' }, 'this program was disposed of');
    const activation = host.activation(depth);
    const places = depth === 0 ? this.#options.places : this.#options.nested?.(depth);
    if (places === undefined) throw new BpfError('host/nesting', { in: 'host' }, 'this program cannot run inside a helper of another run');
    this.#check(places.clear);
    const thunk: Thunk = { places, activation, words: activation.words, run: undefined, call: undefined, batch: undefined };
    this.#thunks[depth] = thunk;
    return thunk;
  }

  #place({ activation, places }: Thunk, emit: (at: number, options: EntryOptions) => Uint8Array): Code {
    const { host, base } = this.window;
    const options = { activation: activation.address, base, entry: this.#options.entry, places };
    return codeAt(place(host.space, (at) => ({ code: emit(at, options) })).room);
  }

  #makeBatch(thunk: Thunk): Code {
    const layout = this.#options.batch;
    assert(layout !== undefined, 'an executable without a batch layout runs one by one');
    this.#check(layout.clear);
    const { emitter } = this.window.host;
    thunk.batch = this.#place(thunk, (at, options) => emitter.batch(at, options, layout));
    return thunk.batch;
  }

  #check(spans: readonly Span[]): void {
    for (const { at, bytes } of spans) assert(at >= FLOOR && at + bytes <= this.window.end && bytes % 8 === 0, 'a span inside the window');
  }

  run(r1: number, r2: number): number {
    const { host } = this.window;
    const { depth } = host;
    const thunk = this.#thunks[depth] ?? this.#makeThunk(depth);
    const { activation, words } = thunk;
    if (activation.owner !== this) this.#prepare(activation, thunk.places);
    words[H.r1 / 4] = r1;
    words[H.r2 / 4] = r2;
    if (this.#timeoutMs !== 0) this.#setDeadline(activation);
    thunk.run ??= this.#place(thunk, host.emitter.run);
    return this.#enter(thunk.run, activation, depth);
  }

  #enter({ low, high }: Code, activation: Activation, depth: number): number {
    const { host } = this.window;
    const { words } = activation;
    host.thunk[0] = low;
    host.thunk[1] = high;
    host.depth = depth + 1;
    try {
      host.enter();
    } finally {
      host.depth = depth;
    }
    this.r0Low = words[H.result / 4]!;
    this.r0High = words[H.result / 4 + 1]!;
    const reason = words[A.stopReason / 4]!;
    if (reason !== STOP.none) this.#stop(activation);
    return reason;
  }

  #stop(activation: Activation): void {
    this.#stopped = this.#readStop(activation);
    // What tail calls have changed in the block is not changed back.
    activation.owner = undefined;
  }

  call(args: readonly bigint[], frame?: number): number {
    const { host, base } = this.window;
    const { depth } = host;
    const thunk = this.#thunks[depth] ?? this.#makeThunk(depth);
    const { activation, places } = thunk;
    const { words, longs } = activation;
    const outer = frame === undefined ? undefined : host.activation(depth - 1);
    if (outer === undefined || frame === undefined) {
      if (activation.owner !== this) this.#prepare(activation, places);
      if (this.#timeoutMs !== 0) this.#setDeadline(activation);
      setAddress(words, H.frame, base + places.stackTop);
      longs[A.tailCalls / 8] = 0n;
    } else {
      for (const field of INHERITED) longs[field / 8] = outer.longs[field / 8]!;
      setFuel(words, fuelOf(outer.words));
      setAddress(words, H.frame, base + frame);
      longs[A.tailFrame / 8] = 0n;
      activation.owner = undefined;
    }
    args.forEach((arg, i) => {
      longs[H.arguments / 8 + i] = arg;
    });
    thunk.call ??= this.#place(thunk, host.emitter.call);
    const reason = this.#enter(thunk.call, activation, depth);
    if (outer !== undefined) {
      for (const field of GIVEN_BACK) outer.longs[field / 8] = longs[field / 8]!;
      if (reason === STOP.none) splitFuel(outer.words, fuelOf(words));
    }
    return reason;
  }

  #setDeadline({ longs }: Activation): void {
    longs[H.deadline / 8] = process.hrtime.bigint() + BigInt(Math.ceil(this.#timeoutMs * 1e6));
  }

  batchPaused = false;

  get batchLeft(): number {
    return this.#batch!.words[H.batchLeft / 4]!;
  }

  runBatch(first: number, count: number): number {
    const { host, base, end } = this.window;
    const { depth } = host;
    const layout = this.#options.batch;
    assert(layout !== undefined && first >= FLOOR && first + count * layout.stride <= end, 'descriptors inside the window');
    if (count === 0) return 0;
    if (layout.legacy !== undefined) this.setPacket(0, 0, layout.legacy.network);
    const thunk = this.#thunks[depth] ?? this.#makeThunk(depth);
    const code = thunk.batch ?? this.#makeBatch(thunk);
    const { activation } = thunk;
    const { words, longs } = activation;
    this.#batch = activation;
    if (activation.owner !== this) this.#prepare(activation, thunk.places);
    if (this.#timeoutMs !== 0) this.#setDeadline(activation);
    const watched = this.#timeoutMs !== 0 || this.#stopFlag !== undefined;
    setAddress(words, H.batchNext, base + first);
    let done = 0;
    this.batchPaused = false;
    host.depth = depth + 1;
    try {
      while (done < count) {
        const step = watched ? Math.min(count - done, BATCH_STEP) : count - done;
        setAddress(words, H.batchLeft, step);
        host.thunk[0] = code.low;
        host.thunk[1] = code.high;
        host.enter();
        done += step - words[H.batchLeft / 4]!;
        if (words[A.stopReason / 4] !== STOP.none) {
          this.#stop(activation);
          break;
        }
        this.batchPaused = words[H.batchLeft / 4] !== 0;
        if (this.batchPaused) break;
        if (!watched || done === count) continue;
        const aborted = this.#stopFlag !== undefined && Atomics.load(this.#stopFlag, 0) !== 0;
        const late = this.#timeoutMs !== 0 && process.hrtime.bigint() >= longs[H.deadline / 8]!;
        if (!aborted && !late) continue;
        this.#stopped = { reason: aborted ? STOP.aborted : STOP.deadline, slot: 0, pc: 0, address: 0, registers: [] };
        break;
      }
    } finally {
      host.depth = depth;
      // The loop has put its own packets into the block.
      if (layout.legacy !== undefined) activation.owner = undefined;
    }
    return done;
  }

  #readStop(activation: Activation): StopState {
    const { words, longs } = activation;
    const { base } = this.window;
    const reason = words[A.stopReason / 4]!;
    const registers = Array.from(longs.subarray(H.registers / 8, H.registers / 8 + 11));
    registers[10] = BigInt.asUintN(64, registers[10]! - BigInt(base));
    // JavaScript has used those of its arguments.
    if (longs[A.faultPc / 8] === longs[H.callPc / 8]) for (let i = 1; i < 6; i++) registers[i] = longs[H.arguments / 8 + i - 1]!;
    const located = words[A.stopSlot / 4] === 0xffff_ffff;
    const state = {
      reason,
      slot: located ? -1 : words[A.stopSlot / 4]!,
      pc: Number(longs[A.faultPc / 8]),
      address: reason === STOP.fault ? Number(longs[A.faultAddress / 8]! - BigInt(base)) : 0,
      registers,
      ...(located && reason === STOP.fault ? { returns: this.#returns(activation) } : {}),
    };
    const { thrown } = activation;
    activation.thrown = undefined;
    return thrown !== undefined ? { ...state, thrown } : state;
  }

  /** Words that may be return addresses, innermost first. */
  #returns({ address, longs }: Activation): number[] {
    const { target } = this.window.host;
    const from = target === 'x64' ? (Number(longs[H.faultStack / 8]) - address) / 8 : H.faultLink / 8;
    const count = target === 'x64' ? MAX_STACK_WORDS : 1 + FAULT_WORDS;
    return Array.from(longs.subarray(from, from + count), Number);
  }

  stopped(): StopState {
    assert(this.#stopped !== undefined, 'a run was stopped');
    return this.#stopped;
  }

  dispose(): void {
    const { host } = this.window;
    for (let depth = 0; depth < host.depth; depth++) {
      if (host.activation(depth).owner === this) {
        throw new BpfError('host/running', { in: 'host' }, 'a running program cannot be disposed of from its own helper');
      }
    }
    this.#release();
  }

  /** Frees the thunks; called once. */
  release(): void {
    this.#live = false;
    this.#changed();
    for (const thunk of this.#thunks) {
      if (thunk === undefined) continue;
      for (const code of [thunk.run, thunk.call, thunk.batch]) if (code !== undefined) this.window.host.space.free(code.room);
    }
    this.#thunks.length = 0;
  }
}
