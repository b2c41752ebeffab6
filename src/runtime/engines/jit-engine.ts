// The engine of machine code: compiles programs and routines into one code space of a host, native or simulated, and runs them there.

import { type Caller, FIRST_HANDLE, type HelperFunction } from '../../interpreter/machine.ts';
import { KIND } from '../../isa/code.ts';
import { STOP } from '../../jit/activation.ts';
import { addressFromNumber } from '../../jit/address.ts';
import { certainRegisters } from '../../jit/certain.ts';
import { compile } from '../../jit/compile.ts';
import { type Image, slotAt } from '../../jit/image.ts';
import { findInlined } from '../../jit/inline.ts';
import { type Plan, planFlow } from '../../jit/plan.ts';
import { TAIL_STACK_LOWEST } from '../../jit/tail-call.ts';
import type { CompileOptions, Target } from '../../jit/target.ts';
import type { SymbolRef } from '../../jit/unit.ts';
import { computeFacts, type Facts, Walker } from '../../program/facts.ts';
import { functionAt, sourceAt } from '../../program/lines.ts';
import { FRAME_POINTER_WRITE, type Program } from '../../program/program.ts';
import { HELPER_LOOKUP, HELPER_LOOP, HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { FRAME_BYTES, MAX_FRAMES } from '../../spec/limits.ts';
import { assert } from '../../util/error.ts';
import { BpfStopped, type FaultAccess, orStopped, type StopCause } from '../../util/stopped.ts';
import { clearTailStacks, PLACE, type Window } from '../../window/window.ts';
import { ProgramException } from '../helpers/kfuncs.ts';
import { PACKET_ROUTINES, ROUTINE_HELPERS, routineProgram } from '../maps/routines.ts';
import type { Home } from '../object/home.ts';
import type { BatchRunner, Engine, EngineObject, Runnable, RunRequest } from './engine.ts';
import {
  type BatchLayout,
  type CodeRoom,
  type CodeTable,
  type Executable,
  type Host,
  type HostFunction,
  type HostWindow,
  ProgramReturn,
  type RunPlaces,
  type StopState,
} from './host.ts';

/** Numbers in program arrays that the first table has room for. */
const FIRST_PROGRAMS = 64;
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
  unaligned: 'an atomic access to an address that is no multiple of its size',
};

/** Both engines of a host's target, native and simulated, differ only in the host. */
export function jitEngine(name: string, target: Target, host: Host, options: CompileOptions = {}): Engine {
  const cpu: CompileOptions = host.target === 'arm64' ? { lse: host.cpu.has('lse') } : { cpu: host.cpu };
  return { name, open: (home, linked) => new JitObject(name, target, host, home, linked, { ...cpu, ...options }) };
}

/** Where a program was stopped, and why. */
interface StopPlace {
  readonly reason: StopCause;
  readonly program: Program;
  readonly slot: number;
  readonly registers: readonly (bigint | undefined)[];
  readonly access?: FaultAccess | undefined;
}

/** A program's image and what runs it. */
interface Prepared {
  readonly program: Program;
  /** That it was compiled with. */
  readonly options: CompileOptions;
  readonly image: Image;
  readonly base: number;
  readonly room: CodeRoom;
  readonly executable: Executable;
  /** Of functions that helpers or timers have called. */
  readonly functions: (Executable | undefined)[];
  /** For what stops say of registers. */
  analysis: { readonly facts: Facts; readonly plan: Plan; readonly inlined: Uint8Array } | undefined;
  /** By their layouts, as text. */
  readonly batches: Map<string, Executable>;
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
  /** Stacks of nested runs. */
  readonly #stacks: number[] = [];
  readonly #caller: JitCaller;
  /** Ascending by their bases: whose code an address is. */
  readonly #placed: Prepared[] = [];
  /** Entries of programs for tail calls, by number in program arrays. */
  #programs: CodeTable;
  /** The run that is under way. */
  #request: RunRequest | undefined;

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
    this.#programs = this.#host.table(FIRST_PROGRAMS);
    this.#host.setPrograms(this.#programs);
    const routines = routineProgram();
    const { image } = this.#place(routines, { ...options, routine: true, fuel: false });
    const base = addressOf(image);
    this.#routines = new Map(routines.subprograms.map(({ name }, i) => [name, base + image.entries[i]!]));
  }

  #place(program: Program, options: CompileOptions, functions?: CodeTable): { readonly image: Image; readonly room: CodeRoom } {
    let room: CodeRoom | undefined;
    const image = compile(
      program,
      this.#target,
      {
        resolve: (symbol) => addressFromNumber(this.#resolve(program, symbol, functions)),
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

  #resolve(program: Program, symbol: SymbolRef, functions: CodeTable | undefined): number {
    const home = this.#home;
    switch (symbol.kind) {
      case 'helper':
        return this.#helperAddress(symbol.id, program.type);
      case 'routine':
        return this.#routineAddress(symbol.name);
      case 'kfunc':
        return this.#kfuncAddress(symbol.name);
      case 'map':
        return home.mapOfProgram(program, symbol.index)!.pointer;
      case 'mapValue':
        return home.mapOfProgram(program, symbol.index)!.storage + symbol.offset;
      case 'function':
        return FIRST_HANDLE + program.subprogramOf[symbol.slot]!;
      default:
        assert(functions !== undefined, 'a program that calls by handle has a table');
        return functions.address;
    }
  }

  #routineAddress(name: string): number {
    const address = this.#routines.get(name);
    assert(address !== undefined, `routine ${name}`);
    return address;
  }

  #helperAddress(id: number, programType?: string): number {
    const routine = ROUTINE_HELPERS.get(id) ?? (programType === 'xdp' ? PACKET_ROUTINES.get(id) : undefined);
    if (routine !== undefined && !this.#home.overridden.has(id)) return this.#routineAddress(routine);
    let made = this.#helpers.get(id);
    if (made === undefined) {
      const call = this.#home.helpers.get(id) ?? missing(id);
      made = this.#host.jsFunction(id === HELPER_TAIL_CALL ? this.#tailEntry : this.#adapt(call));
      this.#helpers.set(id, made);
    }
    return made.address;
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
      if (this.#home.programType === 'xdp') this.#home.packet.refresh();
      try {
        call(caller);
      } catch (error) {
        const { returns, stackLimit } = this.#host.callSite;
        if (!(error instanceof ProgramException && returns)) throw error;
        throw new ProgramReturn(this.#afterException(error, stackLimit + TAIL_STACK_LOWEST));
      }
      return registers[0]!;
    };
  }

  /** What a program that functions have tail-called returns when it throws. Its callback runs in its first frame. */
  #afterException({ program, cookie }: ProgramException, frame: number): bigint {
    if (program.exceptionCallback === undefined) return cookie;
    const called = this.#function(this.#prepare(program), BigInt(FIRST_HANDLE + program.exceptionCallback));
    assert(called !== undefined, 'an exception callback is a function of the program');
    if (called.call([cookie, 0n, 0n, 0n, 0n], frame) !== STOP.none) this.#throwStop(called);
    return called.r0;
  }

  /** What a tail call asks for that finds no entry in the table: its address, or 0. */
  readonly #tailEntry = (_context: bigint, address: bigint, slot: bigint): bigint => {
    const index = Number(slot & 0xffff_ffffn);
    const map = address > 0xffff_ffffn ? undefined : this.#home.mapAt(Number(address));
    if (map === undefined || map.row.kept !== 'programs' || index >= map.maxEntries) return 0n;
    const number = this.#home.window.u32(map.storage + 8 * index);
    const program = this.#linked(number);
    if (program === undefined) return 0n;
    const { base, image } = this.#prepare(program);
    const entry = base + image.tailEntry;
    if (number >= this.#programs.entries) this.#growPrograms(number);
    this.#programs.set(number, entry);
    return BigInt(entry);
  };

  #growPrograms(number: number): void {
    // The old one stays: runs that are under way may read it. Entries come back when they are asked for.
    this.#programs = this.#host.table(2 * Math.max(number, this.#programs.entries));
    this.#host.setPrograms(this.#programs);
  }

  #prepare(program: Program): Prepared {
    const known = this.#prepared.get(program);
    if (known !== undefined) return known;
    const table = program.code.kind.includes(KIND.callx) ? this.#functionTable(program) : undefined;
    const { overridden, helpers } = this.#home;
    const loops = helpers.has(HELPER_LOOP);
    const options = { ...this.#options, routines: !overridden.has(HELPER_LOOKUP), loops, noInline: overridden, tailEntry: true };
    const { image, room } = this.#place(program, options, table);
    const base = addressOf(image);
    image.entries.forEach((entry, i) => {
      table?.set(FIRST_HANDLE + i, base + entry);
    });
    const executable = this.#host.executable({
      entry: base + image.entries[0]!,
      places: PLACES,
      nested: (depth) => this.#nestedPlaces(depth),
    });
    const prepared: Prepared = { program, options, image, base, room, executable, functions: [], analysis: undefined, batches: new Map() };
    this.#prepared.set(program, prepared);
    let at = this.#placed.findIndex((other) => other.base > base);
    if (at < 0) at = this.#placed.length;
    this.#placed.splice(at, 0, prepared);
    return prepared;
  }

  /** Code addresses by handle; helpers by their numbers. */
  #functionTable({ subprograms }: Program): CodeTable {
    const table = this.#host.table(FIRST_HANDLE + subprograms.length);
    for (const id of [...ROUTINE_HELPERS.keys(), ...this.#home.helpers.keys()]) {
      if (id < FIRST_HANDLE) table.set(id, this.#helperAddress(id));
    }
    return table;
  }

  /** The program whose code has that address in it. */
  #ownerOf(address: number): Prepared | undefined {
    const placed = this.#placed;
    let low = 0;
    let high = placed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (placed[middle]!.base <= address) low = middle + 1;
      else high = middle;
    }
    const found = placed[low - 1];
    return found !== undefined && address < found.base + found.image.size ? found : undefined;
  }

  /** The program that calls a helper. */
  get #calling(): Prepared {
    const found = this.#ownerOf(this.#host.callSite.pc - 1);
    assert(found !== undefined, 'a helper is called by a program');
    return found;
  }

  #nestedPlaces(depth: number): RunPlaces {
    const { window, regions } = this.#home;
    for (let i = this.#stacks.length; i <= depth; i++) {
      const stack = window.allocate(STACK_BYTES);
      regions.add({ name: 'the stack of a nested run', start: stack, end: stack + STACK_BYTES, privileged: true });
      this.#stacks.push(stack);
    }
    const stack = this.#stacks[depth]!;
    return { stackTop: stack + STACK_BYTES, stackLimit: stack + FRAME_BYTES, routineStack: PLACE.routineStackTop, clear: [] };
  }

  /** A function of a program as something to call; undefined: it has none of that handle. */
  #function(prepared: Prepared, handle: bigint): Executable | undefined {
    const index = handle < 2n ** 32n ? Number(handle) - FIRST_HANDLE : -1;
    const entry = prepared.image.entries[index];
    if (entry === undefined) return undefined;
    prepared.functions[index] ??= this.#host.executable({
      entry: prepared.base + entry,
      places: PLACES,
      nested: (depth) => this.#nestedPlaces(depth),
    });
    return prepared.functions[index];
  }

  callback(handle: bigint, args: readonly bigint[]): bigint {
    const calling = this.#calling;
    const called = this.#function(calling, handle);
    if (called === undefined) this.stop('badCall', `the callback 0x${handle.toString(16)} is not a function of the program`);
    const { frame, stackLimit } = this.#host.callSite;
    if (frame - FRAME_BYTES < stackLimit) {
      const { start } = calling.program.subprograms[Number(handle) - FIRST_HANDLE]!;
      this.#throw({ reason: 'stack', program: calling.program, slot: start, registers: [] }, WORDS.stack);
    }
    if (called.call(args, frame - FRAME_BYTES) !== STOP.none) this.#throwStop(called);
    return called.r0;
  }

  #call(prepared: Prepared, handle: bigint, args: readonly bigint[], request: RunRequest): bigint {
    const outer = this.#request;
    this.#request = request;
    try {
      const called = this.#function(prepared, handle);
      assert(called !== undefined, 'a handle of the program');
      return this.#finish(called, request, () => called.call(args));
    } finally {
      this.#request = outer;
    }
  }

  get program(): Program {
    return this.#calling.program;
  }

  stop(cause: StopCause, what: string): never {
    throw new BpfStopped({ reason: cause, program: this.program.name, engine: this.#name, slot: -1 }, what);
  }

  /** Legacy loads that follow see the packet where it is now. */
  #packetMoved(): void {
    const { packet, packetLength, packetNetwork } = this.#request!.state;
    this.#host.setPacket(packet, packetLength, packetNetwork ?? 0);
  }

  #run({ executable }: Prepared, request: RunRequest): bigint {
    const outer = this.#request;
    this.#request = request;
    try {
      return this.#finish(executable, request, () => executable.run(request.r1, request.r2));
    } finally {
      this.#request = outer;
    }
  }

  /** From the run's settings to what it gives. */
  #finish(executable: Executable, { state, timeoutMs }: RunRequest, run: () => number): bigint {
    executable.setFuel(state.fuel);
    executable.setTimeout(timeoutMs);
    executable.setStopFlag(state.stopFlag);
    executable.setCpu(this.#home.cpu);
    executable.setPacket(state.packet, state.packetLength, state.packetNetwork);
    const reason = run();
    if (executable.tailStacks > 0) clearTailStacks(this.#home.window, executable.tailStacks);
    // bpf_throw is a stop of a helper, and what comes after it goes on with the fuel.
    if (Number.isFinite(state.fuel) && (reason === STOP.none || reason === STOP.helper)) state.fuel = executable.fuelLeft;
    if (reason !== STOP.none) this.#throwStop(executable);
    return executable.r0;
  }

  #batch(prepared: Prepared, layout: BatchLayout, fuel: number, routine?: string): BatchRunner {
    const key = JSON.stringify([routine, layout]);
    let executable = prepared.batches.get(key);
    if (executable === undefined) {
      const entry = routine === undefined ? prepared.base + prepared.image.entries[0]! : this.#routineAddress(routine);
      executable = this.#host.executable({ entry, places: PLACES, batch: layout });
      prepared.batches.set(key, executable);
    }
    const loop = executable;
    loop.setFuel(fuel);
    loop.setCpu(this.#home.cpu);
    return {
      run: (first, count) => loop.runBatch(first, count),
      left: () => loop.batchLeft,
      paused: () => loop.batchPaused,
      stopped: () => {
        const error = orStopped(() => this.#throwStop(loop));
        assert(error instanceof BpfStopped, 'a stop is thrown');
        return error;
      },
    };
  }

  /** Why `executable` was stopped, said of the program that was at work. */
  #throwStop(executable: Executable): never {
    const stop = executable.stopped();
    const { thrown } = stop;
    // A stop inside a callback knows its place better than the call of the helper that called it.
    if (thrown !== undefined && !(thrown instanceof BpfStopped && thrown.slot < 0)) throw thrown;
    const { owner, slot } = this.#placeOf(stop);
    const { program } = owner;
    const reason = thrown?.reason ?? REASONS.get(stop.reason) ?? 'unsupported';
    const access = reason === 'fault' && thrown === undefined ? faultAccess(stop.address, program, slot) : thrown?.access;
    const place = { reason, program, slot, registers: this.#registersOf(owner, slot, stop), access };
    const words = program.code.kind[slot] === KIND.forbidden ? FRAME_POINTER_WRITE : WORDS[reason];
    if (access === undefined || thrown !== undefined) this.#throw(place, thrown?.what ?? words);
    const { kind, size, address } = access;
    this.#throw(place, `${kind} of ${size} byte${size === 1 ? '' : 's'} at 0x${address.toString(16)}: outside the window`);
  }

  #throw({ program, slot, access, reason, registers }: StopPlace, what: string): never {
    const source = sourceAt(program, slot);
    const name = functionAt(program, slot);
    const place = { program: program.name, slot, ...(source === undefined ? {} : { source }) };
    throw new BpfStopped(
      {
        ...{ reason, engine: this.#name, ...place, registers },
        ...(name === undefined ? {} : { frames: [{ ...place, function: name, by: 'stop' }] }),
        ...(access === undefined ? {} : { access }),
      },
      what,
    );
  }

  /** R0 to R10 as far as machine code has them. */
  #registersOf(owner: Prepared, slot: number, { registers, slot: known, reason, thrown }: StopState): (bigint | undefined)[] {
    const { program } = owner;
    if (owner.analysis === undefined) {
      const facts = computeFacts(program);
      const plan = planFlow(program, facts, true);
      const inlined = findInlined(program, facts, plan, new Walker(program, facts.entry), owner.options, new Map());
      owner.analysis = { facts, plan, inlined };
    }
    const { facts, plan, inlined } = owner.analysis;
    const called = known < 0 && (reason !== STOP.fault || thrown !== undefined);
    // The frame that there is no room for is not R10's.
    const found = reason === STOP.stack ? registers.map((value, r) => (r === 10 ? value + BigInt(FRAME_BYTES) : value)) : registers;
    return certainRegisters(program, facts, plan, inlined, slot, called, found);
  }

  /** The program and slot whose code was stopped, or called the routine that was. */
  #placeOf({ reason, slot, pc, returns, thrown }: StopState): { readonly owner: Prepared; readonly slot: number } {
    // A return address is behind its call: that of a helper, too, which says itself why it stops the program.
    const places = reason === STOP.fault && thrown === undefined ? [pc, ...(returns ?? []).map((address) => address - 1)] : [pc - 1];
    for (const address of places) {
      const owner = this.#ownerOf(address);
      if (owner !== undefined) return { owner, slot: slot >= 0 ? slot : slotAt(owner.image, address - owner.base) };
    }
    return assert(false, 'a stop has a place in a program') as never;
  }

  prepare(program: Program): Runnable {
    const prepared = this.#prepare(program);
    return {
      run: (request) => this.#run(prepared, request),
      call: (handle, args, request) => this.#call(prepared, handle, args, request),
      packetMoved: () => this.#packetMoved(),
      batch: (layout, fuel, routine) => this.#batch(prepared, layout, fuel, routine),
      image: prepared.image,
      dispose: () => undefined,
    };
  }

  dispose(): void {
    for (const { executable, functions, batches } of this.#prepared.values()) {
      executable.dispose();
      for (const made of [...functions, ...batches.values()]) made?.dispose();
    }
    this.#prepared.clear();
    this.#placed.length = 0;
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

function missing(id: number): HelperFunction {
  return (caller) => caller.stop('helper', `helper ${id} is not available`);
}

/** What the instruction at `slot` tried to do; the machine knows only the address. */
function faultAccess(address: number, { code }: Program, slot: number): FaultAccess {
  const kind = slot < 0 ? undefined : code.kind[slot];
  const write = kind === KIND.store || kind === KIND.storeRelease || kind === KIND.atomic;
  return { kind: write ? 'write' : 'read', address: BigInt.asUintN(64, BigInt(address)), size: slot < 0 ? 1 : code.size[slot]! };
}
