// The engine of machine code: compiles programs and routines into one code space of a host, native or simulated, and runs them there.

import { type Caller, FIRST_HANDLE, type HelperFunction, TAIL_CALL_LIMIT } from '../interpreter/machine.ts';
import { KIND } from '../isa/code.ts';
import { STOP } from '../jit/activation.ts';
import { addressFromNumber } from '../jit/address.ts';
import { compile } from '../jit/compile.ts';
import { type Image, slotAt } from '../jit/image.ts';
import type { CompileOptions, Target } from '../jit/target.ts';
import type { SymbolRef } from '../jit/unit.ts';
import { functionAt, sourceAt } from '../program/lines.ts';
import { createProgram, type Program } from '../program/program.ts';
import { tryParseHex } from '../util/bytes.ts';
import { assert } from '../util/error.ts';
import { BpfStopped, type FaultAccess, orStopped, type StopCause } from '../util/stopped.ts';
import { FRAME_BYTES, MAX_FRAMES, PLACE, type Window } from '../window/window.ts';
import type { BatchRunner, Engine, EngineObject, Runnable, RunRequest } from './engine.ts';
import type { Home } from './home.ts';
import type { BatchLayout, CodeRoom, Executable, Host, HostFunction, HostWindow, RunPlaces, StopState } from './host.ts';
import { ROUTINE_HELPERS, routineProgram } from './routines.ts';
import { RETURNING_TAIL_CALL, rewriteTailCalls } from './tail-calls.ts';

const MAP_LOOKUP = 1;
const TAIL_CALL = 12;
const STACK_BYTES = FRAME_BYTES * MAX_FRAMES;
const REASONS = new Map<number, StopCause>(
  Object.entries(STOP)
    .filter(([name]) => name !== 'none')
    .map(([name, number]) => [number, name as StopCause]),
);
const WORDS: Readonly<Record<StopCause, string>> = {
  fuel: 'the fuel is used up',
  deadline: 'the time is used up',
  aborted: 'the run was aborted',
  fault: 'an access outside the window',
  stack: `more than ${MAX_FRAMES} frames`,
  badCall: 'a call of what is no function',
  helper: 'a helper stopped the program',
  unsupported: 'an instruction that no engine supports',
};

/** R1 = {handle, five arguments}: calls the function of that handle with them. How helpers reach callbacks. */
const INVOKE = createProgram({
  name: 'invoke',
  // r0 = [r1], r5 = [r1+40], r4 = [r1+32], r3 = [r1+24], r2 = [r1+16], r1 = [r1+8], callx r0, exit
  bytes: tryParseHex(
    '7910000000000000 7915280000000000 7914200000000000 7913180000000000 7912100000000000 7911080000000000 8d00000000000000 9500000000000000',
  )!,
});

/** Thrown by bpf_tail_call through the host: the run goes on with another program. No Error, which would collect a stack trace. */
class TailJump {
  readonly target: Prepared;
  readonly r1: number;
  constructor(target: Prepared, r1: number) {
    this.target = target;
    this.r1 = r1;
  }
}

/** Both engines of a host's target, native and simulated, differ only in the host. */
export function jitEngine(name: string, target: Target, host: Host, options: CompileOptions = {}): Engine {
  const cpu: CompileOptions = host.target === 'arm64' ? { lse: host.cpu.has('lse') } : { cpu: host.cpu };
  return { name, open: (home, linked) => new JitObject(name, target, host, home, linked, { ...cpu, ...options }) };
}

/** A program's image and what runs it. */
interface Prepared {
  readonly program: Program;
  readonly image: Image;
  /** Where tail calls were rewritten: slots of the program per slot of what was compiled. */
  readonly slotOf: Int32Array | undefined;
  readonly room: CodeRoom;
  readonly executable: Executable;
  /** Runs callbacks; made when the first helper calls one. */
  invoker: Executable | undefined;
  /** By their layouts, as text. */
  readonly batches: Map<string, Executable>;
  readonly functions: readonly number[];
}

class JitObject implements EngineObject {
  readonly #name: string;
  readonly #target: Target;
  readonly #home: Home;
  readonly #linked: (number: number) => Program | undefined;
  readonly #options: CompileOptions;
  readonly #host: HostWindow;
  readonly #prepared = new Map<Program, Prepared>();
  readonly #helpers = new Map<number, HostFunction>();
  readonly #kfuncs = new Map<string, HostFunction>();
  readonly #routines: ReadonlyMap<string, number>;
  readonly #rooms: CodeRoom[] = [];
  /** Block that `INVOKE` reads, one for each depth of nesting; stacks of nested runs. */
  readonly #nested: { readonly block: number; readonly stack: number }[] = [];
  readonly #caller: JitCaller;
  #invoke: { readonly address: number } | undefined;
  /** The program that runs, and its budget. */
  #current: Prepared | undefined;
  #request: RunRequest | undefined;
  depth = 0;
  #tailResult = 0n;

  constructor(
    name: string,
    target: Target,
    host: Host,
    home: Home,
    linked: (number: number) => Program | undefined,
    options: CompileOptions,
  ) {
    this.#name = name;
    this.#target = target;
    this.#home = home;
    this.#linked = linked;
    this.#options = options;
    this.#host = host.open(home.window);
    this.#caller = new JitCaller(home.window, this);
    const routines = routineProgram();
    const { image } = this.#place(routines, { ...options, routine: true, fuel: false });
    const base = addressOf(image);
    this.#routines = new Map(routines.subprograms.map(({ name }, i) => [name, base + image.entries[i]!]));
  }

  #place(program: Program, options: CompileOptions): { readonly image: Image; readonly room: CodeRoom } {
    let room: CodeRoom | undefined;
    const image = compile(
      program,
      this.#target,
      {
        resolve: (symbol) => addressFromNumber(this.#resolve(program, symbol)),
        allocate: (bytes) => {
          room = this.#host.reserve(bytes);
          return addressFromNumber(room.address);
        },
      },
      options,
    );
    assert(room !== undefined, 'compiling allocates');
    room.write(image.bytes);
    this.#rooms.push(room);
    return { image, room };
  }

  #resolve(program: Program, symbol: SymbolRef): number {
    const home = this.#home;
    switch (symbol.kind) {
      case 'helper':
        return this.#helperAddress(symbol.id);
      case 'routine':
        return this.#routineAddress(symbol.name);
      case 'kfunc':
        return this.#kfuncAddress(symbol.name);
      case 'map':
        return home.mapOfProgram(program, symbol.index)!.pointer;
      case 'mapValue':
        return home.mapOfProgram(program, symbol.index)!.storage + symbol.offset;
      default:
        return FIRST_HANDLE + program.subprogramOf[symbol.slot]!;
    }
  }

  #routineAddress(name: string): number {
    const address = this.#routines.get(name);
    assert(address !== undefined, `routine ${name}`);
    return address;
  }

  #helperAddress(id: number): number {
    const routine = ROUTINE_HELPERS.get(id);
    if (routine !== undefined && !this.#home.overridden.has(id)) return this.#routineAddress(routine);
    let made = this.#helpers.get(id);
    if (made === undefined) {
      const call = this.#tailHelper(id) ?? this.#home.helpers.get(id);
      made = this.#host.jsFunction(this.#adapt(call ?? missing(id)));
      this.#helpers.set(id, made);
    }
    return made.address;
  }

  #tailHelper(id: number): HelperFunction | undefined {
    if (id === TAIL_CALL) return this.#tailCall;
    if (id === RETURNING_TAIL_CALL.run) return this.#returningTailCall;
    return id === RETURNING_TAIL_CALL.result ? this.#takeTailResult : undefined;
  }

  #kfuncAddress(name: string): number {
    let made = this.#kfuncs.get(name);
    if (made === undefined) {
      const call = this.#home.kfuncs.get(name);
      made = this.#host.jsFunction(this.#adapt(call ?? ((caller) => caller.stop('helper', `kernel function ${name} is not available`))));
      this.#kfuncs.set(name, made);
    }
    return made.address;
  }

  #adapt(call: HelperFunction) {
    const caller = this.#caller;
    return (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint): bigint => {
      const { registers } = caller;
      registers[1] = r1;
      registers[2] = r2;
      registers[3] = r3;
      registers[4] = r4;
      registers[5] = r5;
      call(caller);
      return registers[0]!;
    };
  }

  readonly #tailCall: HelperFunction = (caller) => {
    const target = this.#tailTarget(caller.registers);
    if (target === undefined) return;
    throw new TailJump(target, Number(caller.registers[1]!));
  };

  /** Of functions that have a caller, see tail-calls.ts: the callee runs here, on a stack of its own. */
  readonly #returningTailCall: HelperFunction = (caller) => {
    const { registers } = caller;
    const target = this.#tailTarget(registers);
    if (target === undefined) {
      registers[0] = 0n;
      return;
    }
    const r1 = Number(registers[1]!);
    this.depth++;
    try {
      this.#tailResult = this.#run(target, { ...this.#request!, r1, r2: 0 });
    } finally {
      this.depth--;
    }
    registers[0] = 1n;
  };

  readonly #takeTailResult: HelperFunction = ({ registers }) => {
    registers[0] = this.#tailResult;
  };

  /** What the tail call with those arguments reaches, charged to the run; undefined: it fails, and says so in R0. */
  #tailTarget(registers: BigUint64Array): Prepared | undefined {
    const address = registers[2]!;
    const index = Number(registers[3]! & 0xffff_ffffn);
    registers[0] = BigInt.asUintN(64, -2n);
    const map = address > 0xffff_ffffn ? undefined : this.#home.mapAt(Number(address));
    if (map === undefined || map.row.kept !== 'programs' || index >= map.maxEntries) return undefined;
    const state = this.#request!.state;
    const program = this.#linked(this.#home.window.u32(map.storage + 8 * index));
    if (program === undefined || state.tailCalls >= TAIL_CALL_LIMIT) return undefined;
    state.tailCalls++;
    return this.#prepare(program);
  }

  #prepare(program: Program): Prepared {
    const known = this.#prepared.get(program);
    if (known !== undefined) return known;
    const rewritten = rewriteTailCalls(program);
    const placed = this.#place(rewritten?.program ?? program, { ...this.#options, routines: !this.#home.overridden.has(MAP_LOOKUP) });
    const { room } = placed;
    const image = rewritten === undefined ? placed.image : withSlots(placed.image, rewritten.slotOf);
    const base = addressOf(image);
    const functions = this.#functionTable(program, image, base);
    const executable = this.#host.executable({
      entry: base + image.entries[0]!,
      places: PLACES,
      nested: (depth) => this.#nestedPlaces(depth),
      ...(functions.length === 0 ? {} : { functions }),
    });
    const prepared: Prepared = {
      program,
      image,
      slotOf: rewritten?.slotOf,
      room,
      executable,
      invoker: undefined,
      batches: new Map(),
      functions,
    };
    this.#prepared.set(program, prepared);
    return prepared;
  }

  /** Code addresses by handle, where the program takes any; helpers by their numbers for callx. */
  #functionTable({ code, subprograms }: Program, image: Image, base: number): number[] {
    const takes = code.kind.includes(KIND.callx) || subprograms.length > 1;
    if (!takes) return [];
    const functions = new Array<number>(FIRST_HANDLE).fill(0);
    if (code.kind.includes(KIND.callx)) {
      for (const id of [...ROUTINE_HELPERS.keys(), ...this.#home.helpers.keys()])
        if (id < FIRST_HANDLE) functions[id] = this.#helperAddress(id);
    }
    for (const entry of image.entries) functions.push(base + entry);
    return functions;
  }

  #nestedPlaces(depth: number): RunPlaces {
    const { stack } = this.#nestedAt(depth);
    const top = stack + STACK_BYTES;
    return { stackTop: top, stackLimit: stack + FRAME_BYTES, routineStack: PLACE.routineStackTop, clear: [] };
  }

  #nestedAt(depth: number): { readonly block: number; readonly stack: number } {
    const { window, regions } = this.#home;
    for (let i = this.#nested.length; i <= depth; i++) {
      const block = window.allocate(64);
      const stack = window.allocate(STACK_BYTES);
      regions.add({ name: 'the stack of a callback', start: stack, end: stack + STACK_BYTES, privileged: true });
      this.#nested.push({ block, stack });
    }
    return this.#nested[depth]!;
  }

  callback(handle: bigint, args: readonly bigint[]): bigint {
    const current = this.#current!;
    this.#invoke ??= { address: addressOf(this.#place(INVOKE, { ...this.#options, fuel: false }).image) };
    current.invoker ??= this.#host.executable({
      entry: this.#invoke.address,
      places: PLACES,
      nested: (depth) => this.#nestedPlaces(depth),
      functions: current.functions,
    });
    const { window } = this.#home;
    const { block } = this.#nestedAt(this.depth);
    const subprogram = Number(handle) - FIRST_HANDLE;
    if (current.program.subprograms[subprogram] === undefined) {
      this.stop('badCall', `the callback 0x${handle.toString(16)} is not a function of the program`);
    }
    window.setU64(block, handle);
    args.forEach((arg, i) => {
      window.setU64(block + 8 + 8 * i, arg);
    });
    const { state } = this.#request!;
    const fuel = Number.isFinite(state.fuel) ? state.fuel : Number.POSITIVE_INFINITY;
    current.invoker.setFuel(fuel);
    current.invoker.setCpu(this.#home.cpu);
    current.invoker.setPacket(state.packet, state.packetLength, state.packetNetwork);
    this.depth++;
    try {
      const reason = current.invoker.run(block, 0);
      if (reason !== STOP.none) this.#throwStop(current, current.invoker);
      if (Number.isFinite(fuel)) state.fuel = current.invoker.fuelLeft;
      return current.invoker.r0;
    } finally {
      this.depth--;
    }
  }

  #call(prepared: Prepared, handle: bigint, args: readonly bigint[], request: RunRequest): bigint {
    const before = this.#current;
    const outer = this.#request;
    this.#current = prepared;
    this.#request = request;
    try {
      return this.callback(handle, args);
    } finally {
      this.#current = before;
      this.#request = outer;
    }
  }

  get program(): Program {
    return this.#current!.program;
  }

  stop(cause: StopCause, what: string): never {
    const { program } = this.#current!;
    throw new BpfStopped({ reason: cause, program: program.name, engine: this.#name, slot: -1 }, what);
  }

  /** Legacy loads that follow see the packet where it is now. */
  #packetMoved(): void {
    const { packet, packetLength, packetNetwork } = this.#request!.state;
    this.#current!.executable.setPacket(packet, packetLength, packetNetwork);
  }

  #run(prepared: Prepared, request: RunRequest): bigint {
    const before = this.#current;
    const outer = this.#request;
    const { state } = request;
    this.#request = request;
    let next = prepared;
    let { r1, r2 } = request;
    try {
      for (;;) {
        const { executable } = next;
        this.#current = next;
        executable.setFuel(state.fuel);
        executable.setTimeout(request.timeoutMs);
        executable.setStopFlag(state.stopFlag);
        executable.setCpu(this.#home.cpu);
        executable.setPacket(state.packet, state.packetLength, state.packetNetwork);
        const fuel = state.fuel;
        const reason = executable.run(r1, r2);
        // What callbacks have used was taken from `state.fuel` while the program ran.
        if (Number.isFinite(fuel)) state.fuel = executable.fuelLeft - (fuel - state.fuel);
        if (reason === STOP.none) return executable.r0;
        const { thrown } = reason === STOP.helper ? executable.stopped() : { thrown: undefined };
        if (!(thrown instanceof TailJump)) this.#throwStop(next, executable);
        next = thrown.target;
        r1 = thrown.r1;
        r2 = 0;
      }
    } finally {
      this.#current = before;
      this.#request = outer;
    }
  }

  #batch(prepared: Prepared, layout: BatchLayout, fuel: number): BatchRunner {
    const key = JSON.stringify(layout);
    let executable = prepared.batches.get(key);
    if (executable === undefined) {
      executable = this.#host.executable({
        entry: addressOf(prepared.image) + prepared.image.entries[0]!,
        places: PLACES,
        batch: layout,
        ...(prepared.functions.length === 0 ? {} : { functions: prepared.functions }),
      });
      prepared.batches.set(key, executable);
    }
    const loop = executable;
    loop.setFuel(fuel);
    loop.setCpu(this.#home.cpu);
    return {
      run: (first, count) => {
        const before = this.#current;
        this.#current = prepared;
        try {
          return loop.runBatch(first, count);
        } finally {
          this.#current = before;
        }
      },
      stopped: () => {
        const error = orStopped(() => this.#throwStop(prepared, loop));
        assert(error instanceof BpfStopped, 'a stop is thrown');
        return error;
      },
    };
  }

  #throwStop({ program, image, slotOf: original }: Prepared, executable: Executable): never {
    const stop = executable.stopped();
    const slot = stop.slot >= 0 ? (original?.[stop.slot] ?? stop.slot) : slotOf(image, stop);
    const source = sourceAt(program, slot);
    const name = functionAt(program, slot);
    const place = { slot, ...(source === undefined ? {} : { source }) };
    const { thrown } = stop;
    // A stop inside a callback knows its place better than the call of the helper that called it.
    if (thrown !== undefined && !(thrown instanceof BpfStopped && thrown.slot < 0)) throw thrown;
    const reason = thrown?.reason ?? REASONS.get(stop.reason) ?? 'unsupported';
    const what = thrown?.what ?? WORDS[reason];
    const access = reason === 'fault' && thrown === undefined ? faultAccess(stop.address, program, slot) : thrown?.access;
    throw new BpfStopped(
      {
        ...{ reason, program: program.name, engine: this.#name, ...place, registers: stop.registers },
        ...(name === undefined ? {} : { frames: [{ program: program.name, function: name, ...place, by: 'stop' }] }),
        ...(access === undefined ? {} : { access }),
      },
      access === undefined || thrown !== undefined
        ? what
        : `${access.kind} of ${access.size} byte${access.size === 1 ? '' : 's'} at 0x${access.address.toString(16)}: outside the window`,
    );
  }

  prepare(program: Program): Runnable {
    const prepared = this.#prepare(program);
    return {
      run: (request) => this.#run(prepared, request),
      call: (handle, args, request) => this.#call(prepared, handle, args, request),
      packetMoved: () => this.#packetMoved(),
      batch: (layout, fuel) => this.#batch(prepared, layout, fuel),
      image: prepared.image,
      dispose: () => undefined,
    };
  }

  dispose(): void {
    for (const { executable, invoker, batches } of this.#prepared.values()) {
      executable.dispose();
      for (const batch of batches.values()) batch.dispose();
      invoker?.dispose();
    }
    this.#prepared.clear();
    for (const made of [...this.#helpers.values(), ...this.#kfuncs.values()]) made.free();
    for (const room of this.#rooms) room.free();
    this.#host.dispose();
  }
}

/** What helpers see of machine code that calls them. */
class JitCaller implements Caller {
  readonly window: Window;
  readonly registers: BigUint64Array = new BigUint64Array(11);
  readonly #object: JitObject;

  constructor(window: Window, object: JitObject) {
    this.window = window;
    this.#object = object;
  }

  get program(): Program {
    return this.#object.program;
  }

  pointer(argument: number, size: number, write: boolean): number {
    const address = this.registers[argument]!;
    const pointer = Number(address & 0xffff_ffffn);
    if (address > 0xffff_ffffn || (size > 0 && !this.window.has(pointer, size))) {
      const verb = write ? 'write' : 'read';
      this.stop(
        'fault',
        `${verb} of ${size} byte${size === 1 ? '' : 's'} at 0x${address.toString(16)} (argument ${argument} of the call): outside the window`,
      );
    }
    return pointer;
  }

  number(argument: number): number {
    return Number(this.registers[argument]!);
  }

  callback(handle: bigint, r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint): bigint {
    const saved = this.registers.slice();
    const result = this.#object.callback(handle, [r1, r2, r3, r4, r5]);
    this.registers.set(saved);
    return result;
  }

  stop(cause: StopCause, what: string): never {
    return this.#object.stop(cause, what);
  }
}

/** The program's own eight frames; zeroed by the runtime before each run. */
const PLACES: RunPlaces = {
  stackTop: PLACE.stackTop,
  stackLimit: PLACE.stackBottom + FRAME_BYTES,
  routineStack: PLACE.routineStackTop,
  clear: [],
};

function addressOf(image: Image): number {
  return (image.base.hi >>> 0) * 2 ** 32 + (image.base.lo >>> 0);
}

/** The slot whose code has the pc in it, or called the routine that has. */
function slotOf(image: Image, stop: StopState): number {
  const base = addressOf(image);
  // A return address is behind its call: that of a helper, too, which says itself why it stops the program.
  const isFault = stop.reason === STOP.fault && stop.thrown === undefined;
  const places = isFault ? [stop.pc, ...(stop.returns ?? []).map((address) => address - 1)] : [stop.pc - 1];
  const inside = places.find((address) => address >= base && address < base + image.size);
  return inside === undefined ? -1 : slotAt(image, inside - base);
}

function missing(id: number): HelperFunction {
  return (caller) => caller.stop('helper', `helper ${id} is not available`);
}

/** What the instruction at `slot` tried to do; the machine knows only the address. */
function faultAccess(address: number, { code }: Program, slot: number): FaultAccess {
  const kind = slot < 0 ? undefined : code.kind[slot];
  const write = kind === KIND.store || kind === KIND.storeRelease || kind === KIND.atomic;
  return { kind: write ? 'write' : 'read', address: BigInt.asUintN(64, BigInt(address)), size: slot < 0 ? 1 : code.size[slot]! };
}

/** Of a rewritten program: what the image says of slots, said of the original's. */
function withSlots(image: Image, slotOf: Int32Array): Image {
  return { ...image, rangeSlot: image.rangeSlot.map((slot) => (slot < 0 ? slot : slotOf[slot]!)) };
}
