// What the runtime asks of a machine that executes images: room for code, functions outside the image, callable programs. The native
// host (src/host) and the arm64 simulator both supply it. Addresses are numbers below 2^53, window pointers numbers below 2^32.

import type { Memory } from '../../window/window.ts';

/** What a host must know of a window (window.ts has it). */
export interface WindowMemory {
  readonly memory: Memory;
  /** Growing makes protected pages accessible: the listener is called before anything else sees the grown memory. */
  onGrow(listener: () => void): () => void;
}

export interface Host {
  readonly target: 'arm64' | 'x64';
  /** For CompileOptions.cpu and .lse: 'bmi2', 'movbe', 'lse', ... */
  readonly cpu: ReadonlySet<string>;
  /** Sets and verifies the guards of a memory; for WindowOptions.accept. */
  accepts(memory: Memory): boolean;
  /** Makes a window reachable for code. Throws BpfError `host/no-guards` with the reason where its memory is not accepted. */
  open(window: WindowMemory): HostWindow;
}

/** Everything that is placed for one window; `dispose` frees it all. The window itself stays the caller's. */
export interface HostWindow {
  /** Native address of pointer 0. */
  readonly base: number;
  /** Room for an image of at most `bytes`; its address is final, its content trap instructions. */
  reserve(bytes: number): CodeRoom;
  /** A JavaScript function as a callee in the `bpf` convention. What it throws stops the program with reason `helper`. */
  jsFunction(call: HostCall): HostFunction;
  /** A C function of the system as a callee in the `bpf` convention; undefined where the system has none of that name. */
  libraryFunction(prototype: LibraryPrototype): HostFunction | undefined;
  executable(options: ExecutableOptions): Executable;
  /** Room for code addresses, outside the window, all 0 at first. */
  table(entries: number): CodeTable;
  /** Where tail calls of the runs of this window find the entries of programs, by number. */
  setPrograms(table: CodeTable): void;
  /** Of the call of a `jsFunction` that is under way, the innermost. */
  readonly callSite: CallSite;
  /** A helper has moved the packet of the runs that are under way. */
  setPacket(pointer: number, length: number, network: number): void;
  dispose(): void;
}

export interface CodeTable {
  readonly entries: number;
  /** Of entry 0; the number of entries (uint64) lies before it. */
  readonly address: number;
  set(index: number, code: number): void;
  free(): void;
}

export interface CallSite {
  /** Return address. */
  readonly pc: number;
  /** R10 of the caller. */
  readonly frame: number;
  /** Lowest R10 that the caller's stack has. */
  readonly stackLimit: number;
  /** The caller, or what called it, is in a tail call that returns to a function: see `ProgramReturn`. */
  readonly returns: boolean;
}

/** Thrown by a `jsFunction` whose call site `returns`: the program that was tail-called returns R0 to its caller. No Error. */
export class ProgramReturn {
  readonly r0: bigint;
  constructor(r0: bigint) {
    this.r0 = r0;
  }
}

export interface CodeRoom {
  readonly address: number;
  readonly bytes: number;
  /** Puts an image of at most `bytes` bytes there, once; the rest keeps its traps. */
  write(code: Uint8Array): void;
  free(): void;
}

/** Arguments R1 to R5 (as many as the function names), result R0: 64-bit, unsigned. Throws BpfStopped to stop for another reason than `helper`. */
export type HostCall = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint;

export interface HostFunction {
  readonly address: number;
  free(): void;
}

export interface LibraryPrototype {
  /** As in the C library, e.g. 'clock_gettime'. */
  readonly symbol: string;
  /** `value`: passed as it is; `pointer`: window to native, `bytes` long, checked; 0 becomes NULL where `nullable`. */
  readonly arguments: readonly (
    | { readonly kind: 'value' }
    | { readonly kind: 'pointer'; readonly bytes: number; readonly nullable?: boolean }
  )[];
  readonly result: 'void' | 'i32' | 'u32' | 'i64';
}

/** [at, at + bytes) in window pointers; multiples of 8. */
export interface Span {
  readonly at: number;
  readonly bytes: number;
}

/** The places in the window that a run uses. Runs nested inside a JavaScript helper need places of their own. */
export interface RunPlaces {
  /** R10 of the entry function. */
  readonly stackTop: number;
  /** Lowest R10 that a call may leave behind, for programs that check their depth. */
  readonly stackLimit: number;
  readonly routineStack: number;
  /** Zeroed before every run. */
  readonly clear: readonly Span[];
}

export interface ExecutableOptions {
  /** Address of the entry function, its ordinary entry. */
  readonly entry: number;
  readonly places: RunPlaces;
  /** Places of a run inside a JavaScript helper of another run, `depth` 1 and up; undefined: nesting is refused. */
  nested?(depth: number): RunPlaces | undefined;
  readonly batch?: BatchLayout;
}

/** 4 or 8 bytes copied between a descriptor (offset) and the window (pointer). */
export interface BatchCopy {
  readonly descriptor: number;
  readonly window: number;
  readonly bytes: 4 | 8;
}

/** What the native loop over packets does around each run. Descriptors lie in the window, one after the other, aligned to 8. */
export interface BatchLayout {
  /** Bytes from one descriptor to the next. */
  readonly stride: number;
  /** R1 of every run, e.g. the context's pointer; or the descriptor offset of R1 (uint32). */
  readonly r1: number | { readonly descriptor: number };
  /** Descriptor offset of R2 (uint32), for raw programs. */
  readonly r2?: number;
  /** Copied over the context before every run; multiples of 8 bytes. */
  readonly template?: { readonly from: number; readonly to: number; readonly bytes: number };
  /** Zeroed before every run, besides `places.clear` (which batches leave out unless it is repeated here). */
  readonly clear: readonly Span[];
  /** Descriptor to window, before the run and after the template. */
  readonly load: readonly BatchCopy[];
  /** Window to descriptor, after a run that was not stopped. */
  readonly store: readonly BatchCopy[];
  /** Descriptor offset of R0 (8 bytes), after the run. */
  readonly result: number;
  /** Pointer of a uint32 in the window: the loop comes back behind a run that has changed it. */
  readonly pause?: number;
  /** Descriptor offsets of the packet's pointer and length (uint32) for the legacy packet loads; bytes before its network header. */
  readonly legacy?: { readonly pointer: number; readonly length: number; readonly network: number };
}

/** What a stopped run left behind. */
export interface StopState {
  /** Number in jit/activation's STOP. */
  readonly reason: number;
  /** -1: the machine does not know; `pc` does. */
  readonly slot: number;
  /** Faults: address of the instruction; else a return address in the image. */
  readonly pc: number;
  /** Faults: 64-bit effective address as a window pointer (the native address less the base; may be negative). */
  readonly address: number;
  /** R0 to R10 as the machine's registers had them; R10 as a pointer. */
  readonly registers: readonly bigint[];
  /** Faults: what may be return addresses, innermost first; a fault inside a routine is its caller's. */
  readonly returns?: readonly number[];
  /** What a JavaScript helper threw. */
  readonly thrown?: unknown;
}

export interface Executable {
  /** Slots per run (per packet in a batch); Infinity for none. */
  setFuel(slots: number): void;
  /** Runs started from now on stop that many milliseconds after their start (a batch: after the batch's); 0: never. */
  setTimeout(milliseconds: number): void;
  /** Runs stop soon after element 0 becomes other than 0. The array lies in shared memory where another thread sets it. */
  setStopFlag(flag: Int32Array | undefined): void;
  setCpu(id: number): void;
  /** For the legacy packet loads. */
  setPacket(pointer: number, length: number, network?: number): void;
  /** Runs once; the STOP reason, 0 when the program came to its exit. */
  run(r1: number, r2: number): number;
  /**
   * Calls the entry as a function of five arguments. With `frame`, which is to be its R10, it belongs to the run whose `jsFunction` is
   * under way, and shares its fuel, limits, tail calls and packet; else it is a run of its own.
   */
  call(args: readonly bigint[], frame?: number): number;
  /** R0 of the last run that came to its exit, as two halves and whole. */
  readonly r0Low: number;
  readonly r0High: number;
  readonly r0: bigint;
  /** Slots that it left of its fuel, where the image counts them. */
  readonly fuelLeft: number;
  /** How many stacks of tail calls it has written to, from the first on (`PLACE.tailStacksTop`); also of a run that was stopped. */
  readonly tailStacks: number;
  /**
   * Runs `count` descriptors from `first` on; returns how many came to their exit. Fewer: the loop pauses, or else the next one was stopped;
   * go on behind it.
   */
  runBatch(first: number, count: number): number;
  /** While a batch is under way, in a helper: descriptors that have not come to their exit, this one included. */
  readonly batchLeft: number;
  /** Of the last batch: it came back because of `pause`, before its end. */
  readonly batchPaused: boolean;
  /** Of the last run or batch that was stopped. */
  stopped(): StopState;
  dispose(): void;
}
