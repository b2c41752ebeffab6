// The engines that filetests run on. An engine takes a raw program (R1 = memory, R2 = its length) and says what came of it.
import { FIRST_HANDLE } from '../../src/interpreter/machine.ts';
import type { Program } from '../../src/program/program.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { Window } from '../../src/window/window.ts';
import { simulate, VARIANTS } from './arm64-sim.ts';
import { machine, runState } from './machine.ts';
import { NATIVE_VARIANTS, nativeEngines, TARGETS } from './native.ts';

export type Outcome =
  | { readonly kind: 'exit'; readonly r0: bigint; readonly memory: Uint8Array; readonly fuelLeft: number }
  | { readonly kind: 'stop'; readonly reason: string; readonly slot: number };

export interface TestEngine {
  readonly name: string;
  /** Why it cannot run here; undefined: it can. */
  readonly missing: string | undefined;
  run(program: Program, memory: Uint8Array, fuel: number): Outcome;
}

/** Helpers of filetests by id, with those of bpf_conformance's plugin; R1 to R5 in, R0 out. Smaller than code handles. */
export const HELPERS: Readonly<Record<number, (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint>> = {
  0: (r1, r2, r3, r4, r5) => (r1 << 32n) | (r2 << 24n) | (r3 << 16n) | (r4 << 8n) | r5,
  1: () => 0n,
  2: (r1) => r1,
  5: (r1) => r1,
  // As machine code has it: there is nothing to call.
  12: () => 0n,
  77: (r1, r2, r3, r4, r5) => r1 + 10n * r2 + 100n * r3 + 1000n * r4 + 10_000n * r5,
};
if (Object.keys(HELPERS).some((id) => Number(id) >= FIRST_HANDLE)) throw new Error('helper ids and code handles overlap');

const host = machine(
  Object.fromEntries(
    Object.entries(HELPERS).map(([id, call]) => [
      id,
      { kind: 'host', call: ({ registers: r }) => void (r[0] = call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!)) },
    ]),
  ),
);

const interpreter: TestEngine = {
  name: 'interpreter',
  missing: undefined,
  run(program, memory, fuel) {
    const state = runState(fuel);
    try {
      const r0 = host.run(host.interpreter(program.bytes, { subprograms: program.subprograms }), memory, state);
      return { kind: 'exit', r0, memory: host.window.read(host.memory.start, memory.length), fuelLeft: state.fuel };
    } catch (error) {
      if (error instanceof BpfStopped) return { kind: 'stop', reason: error.reason, slot: error.slot };
      throw error;
    }
  },
};

/** Every run with a window of its own would be slow: this one's stack and memory are set anew each time. */
const window = new Window();
const simulators = Object.entries(VARIANTS).map(
  ([name, options]): TestEngine => ({
    name,
    // Slow where arm64 is emulated itself, and of no use where it is not.
    missing: process.arch === 'arm64' ? 'this machine is arm64' : undefined,
    run: (program, memory, fuel) => simulate(program, memory, fuel, HELPERS, options, window),
  }),
);

const natives = (await Promise.all(TARGETS.map((target) => nativeEngines(target, HELPERS, NATIVE_VARIANTS[target.name]!)))).flat();

export const ENGINES: readonly TestEngine[] = [interpreter, ...simulators, ...natives];
