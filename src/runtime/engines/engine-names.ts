// The engines by name, for objects. Compilers, simulator and listings come with engines.ts: who only interprets does not load them, which
// is half of the command line's start-up.
import type { Image } from '../../jit/image.ts';
import type { Program } from '../../program/program.ts';
import { assert } from '../../util/error.ts';
import type { CompiledProgram } from './compiled.ts';
import type { Engine } from './engine.ts';
import type { Host } from './host.ts';
import { interpreter } from './interpreter-engine.ts';

/** Every engine's name; which of them this machine can run `bpfjit doctor` says. */
export const ENGINE_NAMES = ['interpreter', 'arm64', 'arm64-sim', 'x64', 'auto'] as const;
/**
 * `interpreter`: the reference, which checks every access; `arm64`, `x64`: machine code, run natively; `arm64-sim`: the same arm64 code,
 * simulated; `auto`: the fastest that this machine can run. One that cannot run here throws `runtime/engine`.
 */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What engines.ts has. */
export interface Compilers {
  engineByName(name: EngineName, host: Host | undefined): Engine;
  compiledProgram(program: Program, image: Image): CompiledProgram;
}

let loaded: Compilers | undefined;

/** engines.ts calls it when it is loaded. */
export function provideCompilers(compilers: Compilers): void {
  loaded = compilers;
}

export function compilers(): Compilers {
  assert(loaded !== undefined, 'runtime/engines/engines.ts is imported where programs are compiled');
  return loaded;
}

export function engineByName(name: EngineName, host: Host | undefined): Engine {
  if (name === 'interpreter' || (name === 'auto' && host === undefined)) return interpreter;
  return compilers().engineByName(name, host);
}
