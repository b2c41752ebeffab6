// What runs a program: an engine prepares it once, and gives something that runs it again and again in one window.
import type { TraceHook } from '../interpreter/interpret.ts';
import type { RunState } from '../interpreter/machine.ts';
import type { Image } from '../jit/image.ts';
import type { Program } from '../program/program.ts';
import type { Home } from './home.ts';

/** How a program is started: R1, R2, and the budget in `state`, which the engine updates. */
export interface RunRequest {
  readonly r1: number;
  readonly r2: number;
  readonly state: RunState;
  /** Milliseconds until the run is stopped; 0: never. */
  readonly timeoutMs: number;
  /** Interpreter only. */
  readonly trace?: TraceHook;
  readonly hits?: Uint32Array | Float64Array;
}

export interface Runnable {
  /** R0; throws BpfStopped. */
  run(request: RunRequest): bigint;
  /** The packet in `state` of the run that is under way has moved. */
  packetMoved?(): void;
  /** What it was compiled to; undefined: nothing was. */
  readonly image: Image | undefined;
  dispose(): void;
}

export interface EngineObject {
  /** Programs of the same object may call each other in tail calls: one `EngineObject` holds them all. */
  prepare(program: Program): Runnable;
  dispose(): void;
}

export interface Engine {
  readonly name: string;
  /** Makes the window of `home` ready for this engine. `linked`: the programs that tail calls reach, by number in program arrays. */
  open(home: Home, linked: (number: number) => Program | undefined): EngineObject;
}
