// What a function of the host (a helper) sees of the program that calls it. The same for every engine.
import type { Program } from '../program/program.ts';
import type { StopCause, StopFrame } from '../util/stopped.ts';
import type { Window } from '../window/window.ts';

/** A running program, as its helpers see it. Arguments are in registers 1 to 5, the result goes to register 0. */
export interface Caller {
  readonly program: Program;
  readonly window: Window;
  readonly registers: BigUint64Array;
  /**
   * The pointer in register `argument`, after making sure that `size` bytes there may be read (or written): the interpreter asks the
   * live regions, machine code only that they are in the window. Stops the program otherwise.
   */
  pointer(argument: number, size: number, write: boolean): number;
  /** Register `argument` as a number: exact below 2^53. */
  number(argument: number): number;
  /** Calls the function of the program that `handle` names, in a frame of its own. */
  callback(handle: bigint, r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint): bigint;
  stop(cause: StopCause, what: string): never;
}

export type HelperFunction = (caller: Caller) => void;

/** What a call reaches: a function of the host, or a runtime routine: `enter` makes sure of its arguments, and gives the slot to
 * enter it at. */
export type Callee =
  | { readonly kind: 'host'; readonly call: HelperFunction }
  | { readonly kind: 'routine'; readonly enter: (caller: Caller) => number };

/** Code handles (what lddw func gives, what callx takes) are 256 + the subprogram's index: smaller numbers are helper ids. */
export const FIRST_HANDLE = 256;

/** Called before an instruction: its slot, the registers R0 to R10, and the program that it is in. */
export type TraceHook = (slot: number, registers: BigUint64Array, program: Program) => void;

/** How often, per slot: an instruction was come to, and a conditional jump jumped. */
export interface Counters {
  readonly hits: Float64Array;
  readonly taken: Float64Array;
}

/** What waits for the function that runs: a helper that called back, or the callers of a program that was tail-called. */
export interface Waiting {
  /** The functions that were under way there, innermost first. */
  frames(): readonly StopFrame[];
  /** What waits for those. */
  readonly outer: Waiting | undefined;
}

/** The stack of a program that a function with a caller has tail-called, and what it came from. */
export interface TailStack {
  /** Number of the tail call, from 1 on; the first eight frames of a run are stack 0. */
  readonly number: number;
  /** Frames in use on the stack before. */
  readonly depth: number;
  readonly outer: TailStack | undefined;
}

/** State that all programs of one run share: a tail call passes it on. */
export interface RunState {
  /** Slots left; Infinity: not counted. */
  fuel: number;
  /** Milliseconds on `now`'s scale; Infinity: none. */
  deadline: number;
  readonly now: () => number;
  /** The run stops soon after element 0 becomes other than 0; in shared memory, where another thread sets it. */
  readonly stopFlag?: Int32Array;
  tailCalls: number;
  /** Frames in use on the program stack. */
  depth: number;
  /** Which stack that is; undefined: the run's first. */
  tailStack?: TailStack | undefined;
  /** How many stacks of tail calls have been written to. */
  tailStacks?: number;
  /** The bytes that legacy packet loads see. */
  packet: number;
  packetLength: number;
  /** Offset of the network header in the packet, for legacy loads relative to it. Default 0. */
  packetNetwork?: number;
  /** Executed instructions; the interpreter counts them where it is `counting`, traced, or has counters. */
  instructions: number;
  readonly counting?: boolean;
  /** Sees every instruction; the interpreter only. */
  readonly trace?: TraceHook | undefined;
  /** The interpreter only. */
  waiting?: Waiting | undefined;
}
