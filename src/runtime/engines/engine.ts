// What runs a program: an engine prepares it once, and gives something that runs it again and again in one window.
import type { RunState } from '../../interpreter/machine.ts';
import type { Image } from '../../jit/image.ts';
import type { Program } from '../../program/program.ts';
import type { BpfStopped } from '../../util/stopped.ts';
import type { Home } from '../object/home.ts';
import type { BatchLayout } from './host.ts';

/** How a program is started: R1, R2, and the budget in `state`, which the engine updates. */
export interface RunRequest {
  readonly r1: number;
  readonly r2: number;
  readonly state: RunState;
  /** Milliseconds until the run is stopped; 0: never. */
  readonly timeoutMs: number;
}

/** Many runs in a row of a loop in machine code. */
export interface BatchRunner {
  /** Runs `count` descriptors from `first` on; gives how many came to their exit. Fewer: the next one was stopped. */
  run(first: number, count: number): number;
  /** In a helper of such a run: those that have not come to their exit, this one included. */
  left(): number;
  /** Fewer came to their exit because the layout's `pause` says so: the next one was not stopped. */
  paused(): boolean;
  /** Why the last one was stopped. */
  stopped(): BpfStopped;
}

export interface Runnable {
  /** R0; throws BpfStopped. */
  run(request: RunRequest): bigint;
  /** Calls a function of the program from outside of any run; `args`: five. */
  call(handle: bigint, args: readonly bigint[], request: RunRequest): bigint;
  /** The packet in `state` of the run that is under way has moved. */
  packetMoved?(): void;
  /** The program, or a routine, in a loop of that layout, `fuel` slots a run; absent: the engine has no such loop. */
  batch?(layout: BatchLayout, fuel: number, routine?: string): BatchRunner;
  /** What it was compiled to; undefined: nothing was. */
  readonly image: Image | undefined;
  dispose(): void;
}

export interface EngineObject {
  /** Programs of the same object may call each other in tail calls: one `EngineObject` holds them all. */
  prepare(program: Program): Runnable;
  dispose(): void;
}

/** What runs programs. `interpreter` is one; engines that compile are chosen by name. */
export interface Engine {
  readonly name: string;
  /** Makes the window of `home` ready for this engine. `linked`: the programs that tail calls reach, by number in program arrays. */
  open(home: Home, linked: (number: number) => Program | undefined): EngineObject;
}
