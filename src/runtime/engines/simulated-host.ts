// A host without a machine: arm64 images run in the simulator, at addresses that are made up but keep their distances to what a native
// host would do (callees near the code, the window and the stacks far away).

import { ACTIVATION, ACTIVATION_BYTES, STOP } from '../../jit/activation.ts';
import { HOME, TAIL_FRAME_RESUME } from '../../jit/arm64/abi.ts';
import { type Area, Simulator, type Stop } from '../../jit/arm64/simulate.ts';
import { arm64 } from '../../jit/arm64/target.ts';
import { assert, BpfError } from '../../util/error.ts';
import { BIAS, FLOOR } from '../../window/window.ts';
import {
  type BatchCopy,
  type BatchLayout,
  type CallSite,
  type CodeRoom,
  type CodeTable,
  type Executable,
  type ExecutableOptions,
  type Host,
  type HostCall,
  type HostFunction,
  type HostWindow,
  ProgramReturn,
  type RunPlaces,
  type Span,
  type StopState,
  type WindowMemory,
} from './host.ts';

/** Code, then (within reach of a direct call) what the host answers for, then data. */
const PLACE = {
  code: 0x1_0000_0000,
  functions: 0x1_0400_0000,
  stopStub: 0x1_0600_0000,
  fuelStub: 0x1_0600_0010,
  returned: 0x1_0600_0020,
  window: 0x10_0000_0000,
  activations: 0x20_0000_0000,
  tables: 0x30_0000_0000,
} as const;
const FUNCTION_STEP = 16;
/** The activation block at its low end, the native stack above. */
const CHUNK_BYTES = 0x1_0000;
const TABLE_STEP = 0x1_0000;
/** Runs nested in helpers of each other. */
const MAX_NESTING = 48;
/** Fuel handed out at a time: what runs between two looks at the clock and the stop flag. */
const SLICE = 1 << 20;
/** What callees leave in the registers that they may clobber: nobody must rely on them. */
const CLOBBERED = 0xdead_beef_dead_beefn;
const [X_SLOT, X_REASON, X_BACK, X_FRAME, X_FUEL, X_ACTIVATION, X_WINDOW, X_LINK] = [16, 17, 17, 25, 26, 27, 28, 30];

/** A host that any JavaScript engine can be. */
export function simulatedHost(): Host {
  return {
    target: 'arm64',
    cpu: new Set(['lse']),
    accepts: () => true,
    open: (window) => new SimulatedWindow(window),
  };
}

/** What a function called from JavaScript takes over from the run that it belongs to; and what it gives back. Words of 8 bytes. */
const GIVEN_BACK = [ACTIVATION.tailCalls, ACTIVATION.packet, ACTIVATION.packetLength];
const INHERITED = [...GIVEN_BACK, ACTIVATION.stackLimit, ACTIVATION.programs, ACTIVATION.cpu, ACTIVATION.routineStack];

interface Activation {
  readonly address: number;
  readonly area: Area;
  readonly words: Uint32Array;
  readonly longs: BigInt64Array;
}

class SimulatedWindow implements HostWindow {
  readonly base: number = PLACE.window;
  readonly simulator: Simulator;
  readonly memory: { readonly base: number; bytes: Uint8Array };
  view: DataView;
  /** Of the run that is under way: filled by the stubs. */
  stop: { reason: number; slot: number; pc: number; thrown?: unknown } | undefined;
  depth = 0;
  current: SimulatedExecutable | undefined;
  programs: CodeTable;
  /** Of the JavaScript function that is called, innermost. */
  #callPc = 0;
  readonly #activations: Activation[] = [];
  readonly #tables: Area[] = [];
  #nextTable: number = PLACE.tables;
  readonly #calls: (HostCall | undefined)[] = [];
  /** Windows are pooled: what is not ended would keep this one alive. */
  readonly #endGrowth: () => void;
  #nextCode: number = PLACE.code;
  readonly #freeCode = new Map<number, number[]>();

  constructor(window: WindowMemory) {
    const bytes = (): Uint8Array => new Uint8Array(window.memory.buffer, BIAS + FLOOR);
    this.memory = { base: PLACE.window + FLOOR, bytes: bytes() };
    this.view = new DataView(window.memory.buffer, BIAS + FLOOR);
    this.#endGrowth = window.onGrow(() => {
      this.memory.bytes = bytes();
      this.view = new DataView(window.memory.buffer, BIAS + FLOOR);
    });
    this.simulator = new Simulator({
      memory: [this.memory],
      code: [],
      returnAddress: PLACE.returned,
      hostCall: (hi, lo) => this.#hostCall((hi >>> 0) * 2 ** 32 + (lo >>> 0)),
    });
    this.programs = this.table(0);
  }

  activation(depth: number): Activation {
    let activation = this.#activations[depth];
    if (activation === undefined) {
      if (depth >= MAX_NESTING)
        throw new BpfError('runtime/nesting', { in: 'host' }, `runs are nested in helpers more than ${MAX_NESTING} deep`);
      const bytes = new Uint8Array(CHUNK_BYTES);
      const address = PLACE.activations + depth * CHUNK_BYTES;
      activation = {
        address,
        area: { base: address, bytes },
        words: new Uint32Array(bytes.buffer, 0, ACTIVATION_BYTES / 4),
        longs: new BigInt64Array(bytes.buffer),
      };
      this.#activations[depth] = activation;
      this.#mapMemory();
    }
    return activation;
  }

  table(entries: number): CodeTable {
    const base = this.#nextTable;
    this.#nextTable += TABLE_STEP * Math.ceil((8 * (entries + 1)) / TABLE_STEP);
    const words = new BigUint64Array(entries + 1);
    words[0] = BigInt(entries);
    const area = { base, bytes: new Uint8Array(words.buffer), writable: false };
    this.#tables.push(area);
    this.#mapMemory();
    return {
      entries,
      address: base + 8,
      set(index, code) {
        assert(index >= 0 && index < entries, 'an entry of the table');
        words[index + 1] = BigInt(code);
      },
      free: () => {
        this.#tables.splice(this.#tables.indexOf(area), 1);
        this.#mapMemory();
      },
    };
  }

  setPrograms(table: CodeTable): void {
    this.programs = table;
    for (let depth = 0; depth < this.depth; depth++) this.activation(depth).longs[ACTIVATION.programs / 8] = BigInt(table.address);
  }

  get callSite(): CallSite {
    const { longs } = this.activation(this.depth - 1);
    return {
      pc: this.#callPc,
      frame: Number(this.simulator.x[X_FRAME]!) - this.base,
      stackLimit: Number(longs[ACTIVATION.stackLimit / 8]) - this.base,
      returns: longs[ACTIVATION.tailFrame / 8] !== 0n,
    };
  }

  setPacket(pointer: number, length: number, network: number): void {
    for (let depth = 0; depth < this.depth; depth++) {
      const { words } = this.activation(depth);
      words[ACTIVATION.packet / 4] = pointer;
      words[ACTIVATION.packetLength / 4] = length;
      words[ACTIVATION.packetNetwork / 4] = network;
    }
  }

  #mapMemory(): void {
    this.simulator.setMemory([this.memory, ...this.#activations.map(({ area }) => area), ...this.#tables]);
  }

  reserve(bytes: number): CodeRoom {
    const size = Math.max(64, (bytes + 63) & ~63);
    const address = this.#freeCode.get(size)?.pop() ?? this.#nextCode;
    if (address === this.#nextCode) this.#nextCode += size;
    if (this.#nextCode > PLACE.functions)
      throw new BpfError('runtime/code-space', { in: 'host' }, `no room for an image of ${bytes} bytes`);
    const content = new Uint8Array(size);
    for (let at = 0; at < size; at++) content[at] = arm64.trap[at % arm64.trap.length]!;
    return {
      address,
      bytes,
      write: (code) => {
        assert(code.length <= bytes, 'an image no larger than its room');
        content.set(code);
        this.simulator.addCode({ base: address, bytes: content });
      },
      free: () => {
        this.simulator.removeCode(address);
        const free = this.#freeCode.get(size);
        if (free === undefined) this.#freeCode.set(size, [address]);
        else free.push(address);
      },
    };
  }

  jsFunction(call: HostCall): HostFunction {
    let id = this.#calls.indexOf(undefined);
    if (id < 0) id = this.#calls.length;
    this.#calls[id] = call;
    return {
      address: PLACE.functions + id * FUNCTION_STEP,
      free: () => {
        this.#calls[id] = undefined;
      },
    };
  }

  libraryFunction(): undefined {
    return undefined;
  }

  executable(options: ExecutableOptions): SimulatedExecutable {
    return new SimulatedExecutable(this, options);
  }

  dispose(): void {
    this.#endGrowth();
    this.#calls.length = 0;
    this.#tables.length = 0;
    this.#activations.length = 0;
    this.#mapMemory();
  }

  #hostCall(address: number): number {
    const { simulator } = this;
    const { x } = simulator;
    if (address === PLACE.stopStub) {
      const pc = simulator.linkAddress();
      this.stop = { reason: Number(x[X_REASON]! & 0xffff_ffffn), slot: Number(x[X_SLOT]! & 0xffff_ffffn), pc };
      return PLACE.returned;
    }
    if (address === PLACE.fuelStub) {
      const back = simulator.getRegister(X_BACK);
      const reason = this.current!.refuel();
      if (reason === STOP.none) {
        x[15] = x[16] = x[17] = CLOBBERED;
        return back;
      }
      this.stop = { reason, slot: Number(x[X_SLOT]! & 0xffff_ffffn), pc: back };
      return PLACE.returned;
    }
    const call = this.#calls[(address - PLACE.functions) / FUNCTION_STEP];
    const back = simulator.linkAddress();
    if (call === undefined) {
      this.stop = { reason: STOP.badCall, slot: -1, pc: back };
      return PLACE.returned;
    }
    const outer = this.#callPc;
    this.#callPc = back;
    try {
      const result = BigInt.asUintN(64, call(x[1]!, x[2]!, x[3]!, x[4]!, x[5]!));
      for (let register = 1; register <= X_BACK; register++) x[register] = CLOBBERED;
      x[0] = result;
      return back;
    } catch (thrown) {
      if (thrown instanceof ProgramReturn) return this.#return(thrown.r0);
      this.stop = { reason: STOP.helper, slot: -1, pc: back, thrown };
      return PLACE.returned;
    } finally {
      this.#callPc = outer;
    }
  }

  /** Out of the program that was tail-called, to where its main function would return. */
  #return(r0: bigint): number {
    const { simulator } = this;
    const { address, longs } = this.activation(this.depth - 1);
    const frame = Number(longs[ACTIVATION.tailFrame / 8]);
    simulator.x[0] = r0;
    simulator.sp = frame;
    return Number(longs[(frame + TAIL_FRAME_RESUME - address) / 8]);
  }
}

export class SimulatedExecutable implements Executable {
  readonly #window: SimulatedWindow;
  readonly #options: ExecutableOptions;
  #fuel = Number.POSITIVE_INFINITY;
  #timeoutMs = 0;
  #deadline = 0;
  #stopFlag: Int32Array | undefined;
  #cpu = 0;
  #packet = 0;
  #packetLength = 0;
  #packetNetwork = 0;
  #stopped: StopState | undefined;
  /** Fuel beyond the slice in its register; Infinity: endless. */
  #rest = 0;
  r0 = 0n;
  /** Slots that the last run left; Infinity where fuel is endless. */
  fuelLeft = 0;
  tailStacks = 0;
  /** arm64 instructions of the last run. */
  executed = 0;

  constructor(window: SimulatedWindow, options: ExecutableOptions) {
    this.#window = window;
    this.#options = options;
  }

  get r0Low(): number {
    return Number(this.r0 & 0xffff_ffffn);
  }
  get r0High(): number {
    return Number(this.r0 >> 32n);
  }

  setFuel(slots: number): void {
    this.#fuel = slots;
  }
  setTimeout(milliseconds: number): void {
    this.#timeoutMs = milliseconds;
  }
  setStopFlag(flag: Int32Array | undefined): void {
    this.#stopFlag = flag;
  }
  setCpu(id: number): void {
    this.#cpu = id;
  }
  setPacket(pointer: number, length: number, network = 0): void {
    this.#packet = pointer;
    this.#packetLength = length;
    this.#packetNetwork = network;
  }

  run(r1: number, r2: number): number {
    this.#deadline = this.#timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + this.#timeoutMs;
    const places = this.#places();
    for (const span of places.clear) this.#zero(span);
    return this.#enter(places, [BigInt(r1), BigInt(r2)]);
  }

  call(args: readonly bigint[], frame?: number): number {
    const window = this.#window;
    const outer = frame === undefined ? undefined : window.current;
    if (outer === undefined || frame === undefined) {
      this.#deadline = this.#timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + this.#timeoutMs;
      return this.#enter(this.#places(), args);
    }
    const { stackLimit } = window.callSite;
    const saved = { fuel: this.#fuel, deadline: this.#deadline, stopFlag: this.#stopFlag };
    const { longs } = window.activation(window.depth - 1);
    this.#fuel = outer.#rest + (window.simulator.halves[2 * X_FUEL]! | 0);
    this.#deadline = outer.#deadline;
    this.#stopFlag = outer.#stopFlag;
    try {
      // The routines' stack and the rest comes from the calling run's block.
      const reason = this.#enter({ stackTop: frame, stackLimit, routineStack: 0, clear: [] }, args, longs);
      for (const field of GIVEN_BACK) longs[field / 8] = window.activation(window.depth).longs[field / 8]!;
      if (reason === STOP.none) {
        const slice = Math.min(SLICE, this.fuelLeft);
        outer.#rest = this.fuelLeft - slice;
        window.simulator.setRegister(X_FUEL, slice);
      }
      return reason;
    } finally {
      this.#fuel = saved.fuel;
      this.#deadline = saved.deadline;
      this.#stopFlag = saved.stopFlag;
    }
  }

  #places(): RunPlaces {
    const { depth } = this.#window;
    const places = depth === 0 ? this.#options.places : this.#options.nested?.(depth);
    if (places === undefined)
      throw new BpfError('runtime/nesting', { in: 'host' }, 'this program cannot run inside a helper of another run');
    return places;
  }

  /** `from`: the block of the run that this one belongs to. */
  #enter({ stackTop, stackLimit, routineStack }: RunPlaces, args: readonly bigint[], from?: BigInt64Array): number {
    const window = this.#window;
    const { simulator, depth, current } = window;
    const activation = window.activation(depth);
    const { words, longs } = activation;
    const { x } = simulator;
    // A run inside a helper of another: that one's registers are to be found again.
    const outer = depth === 0 ? undefined : { x: x.slice(), nzcv: simulator.nzcv, rest: this.#rest };

    words.fill(0);
    const slice = Math.min(SLICE, this.#fuel);
    this.#rest = this.#fuel - slice;
    longs[ACTIVATION.stopStub / 8] = BigInt(PLACE.stopStub);
    longs[ACTIVATION.fuelStub / 8] = BigInt(PLACE.fuelStub);
    longs[ACTIVATION.stackLimit / 8] = BigInt(window.base + stackLimit);
    longs[ACTIVATION.programs / 8] = BigInt(window.programs.address);
    words[ACTIVATION.cpu / 4] = this.#cpu;
    longs[ACTIVATION.routineStack / 8] = BigInt(window.base + routineStack);
    this.#writePacket(words);
    if (from !== undefined) for (const field of INHERITED) longs[field / 8] = from[field / 8]!;

    x.fill(0n, 0, 31);
    args.forEach((arg, i) => {
      x[i + 1] = arg;
    });
    simulator.setRegister(X_FRAME, window.base + stackTop);
    simulator.setRegister(X_FUEL, slice);
    simulator.setRegister(X_ACTIVATION, activation.address);
    simulator.setRegister(X_WINDOW, window.base);
    simulator.sp = activation.address + CHUNK_BYTES;

    window.stop = undefined;
    window.depth = depth + 1;
    window.current = this;
    const before = simulator.executed;
    try {
      const stop = simulator.run(this.#options.entry);
      this.executed = simulator.executed - before;
      this.tailStacks = words[ACTIVATION.tailStacks / 4]!;
      this.fuelLeft = this.#rest + Number(BigInt.asIntN(32, x[X_FUEL]!));
      if (stop.kind === 'returned' && window.stop === undefined) {
        this.r0 = x[0]!;
        return STOP.none;
      }
      this.#stopped = this.#stopState(stop);
      return this.#stopped.reason;
    } finally {
      window.depth = depth;
      window.current = current;
      window.stop = undefined;
      if (outer !== undefined) {
        x.set(outer.x);
        simulator.nzcv = outer.nzcv;
        // It may be a run of this very program.
        this.#rest = outer.rest;
      }
    }
  }

  #writePacket(words: Uint32Array): void {
    words[ACTIVATION.packet / 4] = this.#packet;
    words[ACTIVATION.packetLength / 4] = this.#packetLength;
    words[ACTIVATION.packetNetwork / 4] = this.#packetNetwork;
  }

  /** The fuel check's slow path: the next slice, or the reason to stop. */
  refuel(): number {
    const { simulator } = this.#window;
    const left = this.#rest + (simulator.halves[2 * X_FUEL]! | 0);
    if (left < 0) return STOP.fuel;
    if (this.#stopFlag !== undefined && Atomics.load(this.#stopFlag, 0) !== 0) return STOP.aborted;
    if (performance.now() > this.#deadline) return STOP.deadline;
    const slice = Math.min(SLICE, left);
    this.#rest = left - slice;
    simulator.setRegister(X_FUEL, slice);
    return STOP.none;
  }

  #stopState(stop: Stop): StopState {
    const { simulator, stop: stub, base } = this.#window;
    const { x } = simulator;
    const registers = Array.from(HOME, (register) => x[register]!);
    registers.push(BigInt.asUintN(64, x[X_FRAME]! - BigInt(base)));
    switch (stop.kind) {
      case 'returned': {
        assert(stub !== undefined, 'a stub ended the run');
        const { reason, slot, pc } = stub;
        return { reason, slot, pc, address: 0, registers, ...('thrown' in stub ? { thrown: stub.thrown } : {}) };
      }
      case 'fault': {
        const address = (stop.address.hi >>> 0) * 2 ** 32 + (stop.address.lo >>> 0) - base;
        return { reason: STOP.fault, slot: -1, pc: stop.pc, address, registers, returns: this.#returns() };
      }
      case 'brk':
      case 'undefined':
        return { reason: STOP.unsupported, slot: -1, pc: stop.pc, address: 0, registers };
      default:
        return assert(false, `the simulator stopped: ${stop.kind} at ${stop.pc}, x30 ${x[X_LINK]}`) as never;
    }
  }

  /** The link register, then the words of the native stack. */
  #returns(): number[] {
    const window = this.#window;
    const { address, longs } = window.activation(window.depth - 1);
    const found = [Number(window.simulator.x[X_LINK]!)];
    const bottom = Math.floor((window.simulator.sp - address) / 8);
    for (let at = Math.max(0, bottom); at < CHUNK_BYTES / 8; at++) found.push(Number(longs[at]));
    return found;
  }

  stopped(): StopState {
    assert(this.#stopped !== undefined, 'a run was stopped');
    return this.#stopped;
  }

  batchLeft = 0;
  batchPaused = false;

  runBatch(first: number, count: number): number {
    const layout = this.#options.batch;
    assert(layout !== undefined, 'an executable without a batch layout runs one by one');
    const places = this.#places();
    this.#deadline = this.#timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + this.#timeoutMs;
    const watched = (): number => (layout.pause === undefined ? 0 : this.#window.view.getUint32(layout.pause - FLOOR, true));
    const before = watched();
    this.batchPaused = false;
    for (let done = 0; done < count; done++) {
      this.batchLeft = count - done;
      if (this.#runDescriptor(layout, places, first + done * layout.stride) !== STOP.none) return done;
      this.batchPaused = watched() !== before && done + 1 < count;
      if (this.batchPaused) return done + 1;
    }
    return count;
  }

  #runDescriptor(layout: BatchLayout, places: RunPlaces, descriptor: number): number {
    const { memory, view } = this.#window;
    const { template, legacy } = layout;
    if (template !== undefined) memory.bytes.copyWithin(template.to - FLOOR, template.from - FLOOR, template.from - FLOOR + template.bytes);
    for (const span of layout.clear) this.#zero(span);
    for (const copy of layout.load) this.#copy(copy, descriptor + copy.descriptor, copy.window);
    if (legacy !== undefined) {
      const [pointer, length] = [legacy.pointer, legacy.length].map((at) => view.getUint32(descriptor + at - FLOOR, true));
      this.setPacket(pointer!, length!, legacy.network);
    }
    const r1 = typeof layout.r1 === 'number' ? layout.r1 : view.getUint32(descriptor + layout.r1.descriptor - FLOOR, true);
    const r2 = layout.r2 === undefined ? 0 : view.getUint32(descriptor + layout.r2 - FLOOR, true);
    const reason = this.#enter(places, [BigInt(r1), BigInt(r2)]);
    if (reason !== STOP.none) return reason;
    this.#window.view.setBigUint64(descriptor + layout.result - FLOOR, this.r0, true);
    for (const copy of layout.store) this.#copy(copy, copy.window, descriptor + copy.descriptor);
    return reason;
  }

  #copy({ bytes }: BatchCopy, from: number, to: number): void {
    this.#window.memory.bytes.copyWithin(to - FLOOR, from - FLOOR, from - FLOOR + bytes);
  }

  #zero({ at, bytes }: Span): void {
    this.#window.memory.bytes.fill(0, at - FLOOR, at - FLOOR + bytes);
  }

  dispose(): void {
    this.#stopped = undefined;
  }
}
