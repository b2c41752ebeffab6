// The native host of one thread: windows, rooms for images, functions outside the image. Everything that runs does so on an
// activation of this thread; runs nested in JavaScript helpers take the next one.
import { ACTIVATION, STOP } from '../jit/activation.ts';
import {
  type CallSite,
  type CodeRoom,
  type CodeTable,
  type Executable,
  type ExecutableOptions,
  type Host,
  type HostCall,
  type HostFunction,
  type HostWindow,
  type LibraryPrototype,
  ProgramReturn,
  type WindowMemory,
} from '../runtime/engines/host.ts';
import { assert, BpfError } from '../util/error.ts';
import { BpfStopped } from '../util/stopped.ts';
import { BIAS, type Memory } from '../window/window.ts';
import { CHUNKS, CodeSpace, chunkAddress, type Room } from './code-space.ts';
import { NativeExecutable } from './entry.ts';
import { joinFaultTable } from './faults.ts';
import { guard, guardAgain } from './guards.ts';
import { loadNative, type Native } from './native.ts';
import { CHUNK_BYTES, type Emitter, HOST_FIELD, RETURN } from './stubs.ts';

/** An activation block as JavaScript sees it; indexes are byte offsets divided by the element's size. */
export interface Activation {
  readonly address: number;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
  /** Whose settings the block holds. */
  owner: NativeExecutable | undefined;
  thrown: unknown;
}

let opening: Promise<Host> | undefined;

/** This thread's native host. Throws BpfError `host/...` with the reason where there can be none. */
export function openHost(): Promise<Host> {
  opening ??= loadNative().then(async (native) => new NativeHost(native, await emitterOf(native)));
  return opening;
}

/** Only this machine's: the other's tables of instructions take time to build. */
async function emitterOf({ target }: Native): Promise<Emitter> {
  return target === 'arm64' ? (await import('./arm64.ts')).arm64 : (await import('./x64.ts')).x64;
}

export class NativeHost implements Host {
  readonly target: 'arm64' | 'x64';
  readonly cpu: ReadonlySet<string>;
  readonly native: Native;
  readonly emitter: Emitter;
  readonly space: CodeSpace;
  /** Address of the stub that ends a run. */
  readonly stopStub: number;
  readonly fuelStub: number;
  /** Jumps to the address in `target`. */
  readonly enter: () => void;
  /** Two words: the address of the thunk to enter. */
  readonly thunk: Uint32Array;
  /** Activations in use: the runs that are under way on this thread. */
  depth = 0;
  readonly #activations: Activation[] = [];
  readonly #calls: (HostCall | undefined)[] = [];
  readonly #freeCalls: number[] = [];
  readonly #callback: number;

  constructor(native: Native, emitter: Emitter) {
    this.native = native;
    this.target = native.target;
    this.cpu = native.cpu;
    this.emitter = emitter;
    const clockGettime = native.symbol('clock_gettime');
    assert(clockGettime !== undefined, 'the C library has clock_gettime');
    const imageBytes = CodeSpace.imageBytes;
    const claim = joinFaultTable(native, this.emitter).claim(imageBytes);
    this.space = new CodeSpace(native, claim.memory, this.emitter.trap);
    const stubs = place(this.space, (at) => this.emitter.shared(at, clockGettime));
    this.stopStub = stubs.room.address + stubs.made.stop;
    this.fuelStub = stubs.room.address + stubs.made.fuel;
    claim.activate(stubs.room.address + stubs.made.fault);
    const cell = chunkAddress(claim.memory.chunks, 0) + HOST_FIELD.target;
    this.thunk = new Uint32Array(native.view(cell, 8));
    const { room } = place(this.space, (at) => ({ code: this.emitter.trampoline(at, cell) }));
    this.enter = native.callable(room.address);
    this.#callback = native.callback(() => this.#dispatch());
  }

  /** The activation that a run started now would take. */
  activation(depth: number): Activation {
    let activation = this.#activations[depth];
    if (activation === undefined) {
      if (depth >= CHUNKS) throw new BpfError('host/nesting', { in: 'host' }, `runs are nested in helpers more than ${CHUNKS} deep`);
      const address = chunkAddress(this.space.memory.chunks, depth);
      const buffer = this.native.view(address, CHUNK_BYTES);
      activation = { address, words: new Uint32Array(buffer), longs: new BigUint64Array(buffer), owner: undefined, thrown: undefined };
      activation.longs.fill(0n);
      setAddress(activation.words, ACTIVATION.stopStub, this.stopStub);
      setAddress(activation.words, ACTIVATION.fuelStub, this.fuelStub);
      this.#activations[depth] = activation;
    }
    return activation;
  }

  get activations(): readonly Activation[] {
    return this.#activations;
  }

  /** What native code calls for every JavaScript helper: a STOP reason, 0 to go on. Never throws. */
  #dispatch(): number {
    const activation = this.#activations[this.depth - 1]!;
    const { words, longs } = activation;
    const call = this.#calls[words[HOST_FIELD.call / 4]!]!;
    const at = HOST_FIELD.arguments / 8;
    try {
      longs[HOST_FIELD.result / 8] =
        call.length === 0
          ? (call as () => bigint)()
          : call.length <= 2
            ? (call as (r1: bigint, r2: bigint) => bigint)(longs[at]!, longs[at + 1]!)
            : call(longs[at]!, longs[at + 1]!, longs[at + 2]!, longs[at + 3]!, longs[at + 4]!);
      return STOP.none;
    } catch (error) {
      if (error instanceof ProgramReturn) {
        longs[HOST_FIELD.result / 8] = error.r0;
        return RETURN;
      }
      activation.thrown = error;
      return error instanceof BpfStopped ? STOP[error.reason] : STOP.helper;
    }
  }

  /** Code that calls `call`, and what takes both back. */
  placeCall(call: HostCall): { readonly room: Room; readonly release: () => void } {
    const number = this.#freeCalls.pop() ?? this.#calls.length;
    this.#calls[number] = call;
    const { room } = place(this.space, (at) => ({ code: this.emitter.jsCall(at, this.#callback, number, this.stopStub) }));
    const release = (): void => {
      this.#calls[number] = undefined;
      this.#freeCalls.push(number);
      this.space.free(room);
    };
    return { room, release };
  }

  placeLibrary(prototype: LibraryPrototype): Room | undefined {
    const address = this.native.symbol(prototype.symbol);
    if (address === undefined) return undefined;
    return place(this.space, (at) => ({ code: this.emitter.libraryCall(at, address, prototype, this.stopStub) })).room;
  }

  accepts(memory: Memory): boolean {
    try {
      guardOnce(this.native, memory);
      return true;
    } catch (error) {
      if (error instanceof BpfError) return false;
      throw error;
    }
  }

  open(window: WindowMemory): HostWindow {
    return new NativeWindow(this, window);
  }
}

/** Makes position-dependent code and puts it in a room of its own. */
export function place<T extends { readonly code: Uint8Array }>(
  space: CodeSpace,
  make: (at: number) => T,
): { readonly room: Room; readonly made: T } {
  const room = space.reserveThunk(make(space.memory.start).code.length + SLACK_BYTES);
  const made = make(room.address);
  space.write(room, made.code);
  return { room, made };
}
/** Addresses baked in may need more instructions from one place than from another. */
const SLACK_BYTES = 64;

export function setAddress(words: Uint32Array, offset: number, value: number): void {
  words[offset / 4] = value;
  words[offset / 4 + 1] = Math.floor(value / 2 ** 32);
}

export class NativeWindow implements HostWindow {
  readonly base: number;
  readonly host: NativeHost;
  readonly #memory: Memory;
  readonly #guarded: Guarded;
  readonly #things = new Set<() => void>();
  /** Code has only their addresses: they are held here. */
  readonly #tables = new Set<CodeTable>();
  #disposed = false;
  #programs: CodeTable;

  constructor(host: NativeHost, window: WindowMemory) {
    this.host = host;
    this.#memory = window.memory;
    this.#guarded = guardOnce(host.native, window.memory);
    listen(host.native, window, this.#guarded);
    this.base = this.#guarded.base;
    this.#guarded.users.add(this);
    this.#programs = this.table(0);
  }

  get programs(): CodeTable {
    return this.#programs;
  }

  table(entries: number): CodeTable {
    const table: CodeTable = new NativeTable(this.host.native, entries, () => this.#tables.delete(table));
    this.#tables.add(table);
    return table;
  }

  setPrograms(table: CodeTable): void {
    this.#programs = table;
    for (const { owner, words } of this.host.activations) {
      if (owner?.window === this) setAddress(words, ACTIVATION.programs, table.address);
    }
  }

  get callSite(): CallSite {
    const { longs } = this.host.activation(this.host.depth - 1);
    const { base } = this;
    return {
      pc: Number(longs[HOST_FIELD.callPc / 8]),
      frame: Number(longs[HOST_FIELD.frame / 8]) - base,
      stackLimit: Number(longs[ACTIVATION.stackLimit / 8]) - base,
      returns: longs[ACTIVATION.tailFrame / 8] !== 0n,
    };
  }

  setPacket(pointer: number, length: number, network: number): void {
    for (let depth = 0; depth < this.host.depth; depth++) {
      const { words, owner } = this.host.activation(depth);
      if (owner !== undefined && owner.window !== this) continue;
      words[ACTIVATION.packet / 4] = pointer;
      words[ACTIVATION.packetLength / 4] = length;
      words[ACTIVATION.packetNetwork / 4] = network;
    }
  }

  /** First pointer beyond the window. */
  get end(): number {
    return this.#memory.buffer.byteLength - BIAS;
  }

  /** After the window has grown. */
  grown(): void {
    for (const activation of this.host.activations) {
      if (activation.owner?.window === this) setAddress(activation.words, HOST_FIELD.windowEnd, this.end);
    }
  }

  /** The release, once, now or when the window goes. */
  #own(release: () => void): () => void {
    const once = (): void => {
      if (this.#things.delete(once)) release();
    };
    this.#things.add(once);
    return once;
  }

  #live(): void {
    if (this.#disposed) throw new BpfError('host/disposed', { in: 'host' }, 'this window was disposed of');
  }

  reserve(bytes: number): CodeRoom {
    this.#live();
    const { space } = this.host;
    const room = space.reserveImage(bytes);
    let live = true;
    const free = this.#own(() => {
      live = false;
      space.free(room);
    });
    const write = (code: Uint8Array): void => {
      assert(live, 'write to a room that was freed');
      space.write(room, code);
    };
    return { address: room.address, bytes, write, free };
  }

  jsFunction(call: HostCall): HostFunction {
    this.#live();
    const { room, release } = this.host.placeCall(call);
    return { address: room.address, free: this.#own(release) };
  }

  libraryFunction(prototype: LibraryPrototype): HostFunction | undefined {
    this.#live();
    const room = this.host.placeLibrary(prototype);
    return room === undefined ? undefined : { address: room.address, free: this.#own(() => this.host.space.free(room)) };
  }

  executable(options: ExecutableOptions): Executable {
    this.#live();
    const executable: NativeExecutable = new NativeExecutable(this, options, () => release());
    const release = this.#own(() => executable.release());
    return executable;
  }

  dispose(): void {
    if (this.#disposed) return;
    for (let depth = 0; depth < this.host.depth; depth++) {
      if (this.host.activation(depth).owner?.window === this) {
        throw new BpfError(
          'host/running',
          { in: 'host' },
          'a program of this window is running: it cannot be disposed of from its own helper',
        );
      }
    }
    this.#disposed = true;
    for (const release of [...this.#things]) release();
    this.#tables.clear();
    this.#guarded.users.delete(this);
  }
}

class NativeTable implements CodeTable {
  readonly entries: number;
  readonly address: number;
  readonly free: () => void;
  readonly #words: BigUint64Array;

  constructor(native: Native, entries: number, free: () => void) {
    this.entries = entries;
    this.free = free;
    // An array of more than 64 bytes never lies where the collector moves it.
    this.#words = new BigUint64Array(Math.max(16, entries + 1));
    this.#words[0] = BigInt(entries);
    this.address = native.addressOf(new Uint8Array(this.#words.buffer)) + 8;
  }

  set(index: number, code: number): void {
    assert(index >= 0 && index < this.entries, 'an entry of the table');
    this.#words[index + 1] = BigInt(code);
  }
}

/** Kept by its memory: windows are pooled, and one that comes again keeps its guards. */
interface Guarded {
  readonly base: number;
  readonly users: Set<NativeWindow>;
  listens: boolean;
}
const guarded = new WeakMap<Memory, Guarded>();

function guardOnce(native: Native, memory: Memory): Guarded {
  let known = guarded.get(memory);
  if (known === undefined) {
    known = { base: guard(native, memory), users: new Set(), listens: false };
    guarded.set(memory, known);
  }
  return known;
}

function listen(native: Native, window: WindowMemory, known: Guarded): void {
  if (known.listens) return;
  known.listens = true;
  // Since the host accepted the memory, it may have grown.
  guardAgain(native, window.memory, known.base);
  window.onGrow(() => {
    guardAgain(native, window.memory, known.base);
    for (const user of known.users) user.grown();
  });
}
