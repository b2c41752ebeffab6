// What the thunks of both machines have in common: the host's own fields of the activation block, and the shape of an emitter.
// Thunks are small position-dependent pieces of code, made for one address, with all other addresses baked in.
import type { BatchLayout, LibraryPrototype, RunPlaces } from '../runtime/engines/host.ts';

/**
 * A chunk is one activation: the block at its low end, on x86-64 the native stack from its high end down. Aligned to its size, so
 * that slow paths find the block from the stack pointer. Below each chunk lies as much inaccessible memory.
 */
export const CHUNK_BYTES = 16_384;

/** Byte offsets in the activation block, from ACTIVATION.host on; the native host's block has 512 bytes. */
export const HOST_FIELD = {
  /** R1 to R5 of a call to JavaScript, 8 bytes each. */
  arguments: 128,
  /** R0 of that call, and of the run. */
  result: 168,
  /** Number of the JavaScript function that is called (uint32). */
  call: 176,
  /** R1 and R2 of the run. */
  r1: 184,
  r2: 192,
  /** Fuel that each run starts with: in the register, and beyond it (int64). */
  fuelSlice: 200,
  fuelRest: 208,
  /** CLOCK_MONOTONIC nanoseconds at which runs stop; 0: never. */
  deadline: 216,
  /** Address of a uint32 that stops runs when it is not 0. */
  stopFlag: 224,
  /** First pointer beyond the window. */
  windowEnd: 232,
  /** Native address of the descriptor that the batch has come to, and how many are left. */
  batchNext: 240,
  batchLeft: 248,
  /** R0 to R10 of a stopped run. */
  registers: 256,
  /** Where a stopped run goes on (arm64). */
  continuation: 344,
  /** A timespec. */
  time: 352,
  /** Always 0: the stop flag of runs that have none. */
  zero: 368,
  /** Of the thread's first block: the thunk that the trampoline jumps to. */
  target: 376,
  /** The fuel register (int32): as it was when JavaScript was called and as it is to be then; and when the run came to its exit. */
  fuel: 384,
  /** Of a fault: the stack pointer (x86-64), the link register and some words of the stack (arm64). */
  faultStack: 392,
  faultLink: 400,
  /** Of a call to JavaScript: the return address, and R10's native address; of a function called from JavaScript, what its R10 shall be. */
  callPc: 472,
  frame: 480,
  /** Of a batch that pauses: what the word that it watches was when the loop began (uint32). */
  batchWatched: 488,
} as const;

/** What a call to JavaScript gives for a STOP reason where the program that was tail-called returns its result instead. */
export const RETURN = 0x100;
/** Words of the stack that the arm64 stub keeps. */
export const FAULT_WORDS = 8;

/** Slots between two looks at the clock and the stop flag: some tens of microseconds. */
export const FUEL_SLICE = 65_536;

export interface SharedStubs {
  readonly code: Uint8Array;
  /** Offsets into `code`. */
  readonly stop: number;
  readonly fuel: number;
  /** Where the signal handler lets a faulted program go on. */
  readonly fault: number;
}

export interface EntryOptions {
  readonly activation: number;
  /** Native address of pointer 0. */
  readonly base: number;
  readonly entry: number;
  readonly places: RunPlaces;
}

export interface Emitter {
  readonly trap: Uint8Array;
  /** `clockGettime`: address of the C function. */
  shared(at: number, clockGettime: number): SharedStubs;
  /** The one function that JavaScript calls, so that V8 can make a direct call of it: a jump to the address in `cell`. */
  trampoline(at: number, cell: number): Uint8Array;
  run(at: number, options: EntryOptions): Uint8Array;
  /** A function of a program: R1 to R5 in the block, R10 as well; the count of tail calls goes on. */
  call(at: number, options: Omit<EntryOptions, 'places'>): Uint8Array;
  batch(at: number, options: EntryOptions, layout: BatchLayout): Uint8Array;
  /** `callback`: address of the one C entry into JavaScript, which returns a STOP reason; `stop`: of the stop stub. */
  jsCall(at: number, callback: number, number: number, stop: number): Uint8Array;
  libraryCall(at: number, address: number, prototype: LibraryPrototype, stop: number): Uint8Array;
  /** The signal handler; `table`: address of the fault table (faults.ts). */
  handler(at: number, table: number): Uint8Array;
}

/** The fault table, read by the handler at any time. Byte offsets; `entry...` from the start of an entry. */
export const FAULT_TABLE = {
  /** Entries in use (uint32); only grows. */
  count: 0,
  /** Previous handlers, 8 bytes each, indexed by signal number. */
  previous: 8,
  /** 32 zero bytes: the kernel's struct sigaction of the default action. */
  defaultAction: 112,
  entries: 192,
  entryBytes: 64,
  /** Code range: start and length in bytes (0: not in use yet). */
  entryStart: 0,
  entrySize: 8,
  /** Address of the fault stub for this range. */
  entryResume: 16,
  /** Writable alias of the whole code space, its activation chunks; kernel thread id of its user (uint32). */
  entryAlias: 24,
  entryChunks: 32,
  entryOwner: 40,
} as const;

/** Linux signal numbers, the same on both machines. */
export const SIGNAL = { ill: 4, trap: 5, bus: 7, fpe: 8, segv: 11 } as const;
