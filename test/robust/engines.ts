// The engines that damaged objects and hostile programs run on: the interpreter, the simulator with canaries around the window, and what
// this machine runs itself.
import type { Area, Simulator } from '../../src/jit/arm64/simulate.ts';
import { findTarget } from '../../src/jit/targets.ts';
import { nativeHost } from '../../src/node.ts';
import type { Engine } from '../../src/runtime/engines/engine.ts';
import { engineByName } from '../../src/runtime/engines/engines.ts';
import type { Host } from '../../src/runtime/engines/host.ts';
import { interpreter } from '../../src/runtime/engines/interpreter-engine.ts';
import { jitEngine } from '../../src/runtime/engines/jit-engine.ts';
import { simulatedHost } from '../../src/runtime/engines/simulated-host.ts';

export interface RobustEngine {
  readonly name: string;
  readonly engine: Engine;
  /** For windows that it accepts. */
  readonly host: Host | undefined;
  /** Machine code: sees the window, not its regions. */
  readonly isMachine: boolean;
  /** What was touched outside the window since it was made; undefined: nothing, or it cannot tell. */
  harm(): string | undefined;
}

/** The farthest places that a sandboxed access can name: index 0 and 2^32 - 1, 16-bit displacements, 8 bytes. */
const LOWEST = -32_768;
const HIGHEST = 2 ** 32 - 1 + 32_767 + 8;
const CANARY_BYTES = 1 << 20;
const CANARY = 0x5a;

const native = (await nativeHost()).host;
/** What is wrong in machine code of this machine may end the process: BPFJIT_NATIVE=0 leaves it out. */
const runsNative = native !== undefined && findTarget(native.target) !== undefined && process.env['BPFJIT_NATIVE'] !== '0';

export const ENGINES: readonly RobustEngine[] = [
  { name: 'interpreter', engine: interpreter, host: undefined, isMachine: false, harm: () => undefined },
  // Where arm64 is emulated itself the simulator takes long, and the processor does the same.
  ...(process.arch === 'arm64' && runsNative ? [] : [simulatorWithCanaries()]),
  ...(runsNative
    ? [{ name: native!.target, engine: engineByName(native!.target, native), host: native, isMachine: true, harm: () => undefined }]
    : []),
];

/** Readable and writable memory directly below and above what a program can name: an access that leaves does not fault, but is seen. */
function simulatorWithCanaries(): RobustEngine {
  const host = simulatedHost();
  // Shared by all windows, one after the other.
  const below = new Uint8Array(CANARY_BYTES).fill(CANARY);
  const above = new Uint8Array(CANARY_BYTES).fill(CANARY);
  const watched: Host = {
    ...host,
    open(window) {
      const opened = host.open(window);
      const { simulator } = opened as unknown as { readonly simulator: Simulator };
      const areas: Area[] = [
        { base: opened.base + LOWEST - CANARY_BYTES, bytes: below },
        { base: opened.base + Math.ceil(HIGHEST / 16) * 16, bytes: above },
      ];
      const setMemory = simulator.setMemory.bind(simulator);
      simulator.setMemory = (memory) => setMemory([...memory, ...areas]);
      return opened;
    },
  };
  return {
    name: 'arm64-sim',
    engine: jitEngine('arm64-sim', findTarget('arm64')!, watched),
    host: undefined,
    isMachine: true,
    harm: () => ([below, above].every((bytes) => bytes.every((byte) => byte === CANARY)) ? undefined : 'a canary was written'),
  };
}
