// Input that may be damaged, taken as far as it goes: refused with a typed error, or loaded and every program run on two engines.
// What is wrong about that (another exception, a hang, a giant allocation, engines that differ) is thrown with its description.
import type { TraceHook } from '../../src/interpreter/machine.ts';
import { KIND } from '../../src/isa/code.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadedProgram } from '../../src/runtime/object/loaded-program.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import type { RunOptions } from '../../src/runtime/object/options.ts';
import { toHex } from '../../src/util/bytes.ts';
import { BpfError, printPosition } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { BIAS } from '../../src/window/window.ts';
import { ENGINES, type RobustEngine } from './engines.ts';

const [interpreter, ...MACHINES] = ENGINES as readonly [RobustEngine, ...RobustEngine[]];

/** Slots: enough for any loop of the examples. */
const FUEL = 20_000;
const TIMEOUT_MS = 5_000;
/** One input may take that long, engines and all. */
export const MAX_MS = 2_000;

/** What came of one program on one engine, comparable as text. `loose`: machine code may go on where the interpreter stopped. */
interface Ending {
  readonly text: string;
  readonly loose: boolean;
}

export interface Tally {
  refused: number;
  loaded: number;
  ended: number;
  stopped: number;
  /** Stops that only the interpreter can see, and that say nothing about machine code. */
  loose: number;
  /** Programs whose outcome depends on registers that a call leaves undefined. */
  undefinedReads: number;
  readonly codes: Map<string, number>;
  /** What must not be. */
  readonly findings: string[];
}

export function newTally(): Tally {
  return { refused: 0, loaded: 0, ended: 0, stopped: 0, loose: 0, undefinedReads: 0, codes: new Map(), findings: [] };
}

/** A typed error has a code, a place that prints, and a sentence; anything else is a finding. */
export function checkRefusal(error: unknown): BpfError {
  if (!(error instanceof BpfError)) throw error;
  const place = printPosition(error.position);
  if (!/^[a-z]+\/[a-z0-9-]+$/.test(error.code) || error.message.length < 8 || place.length === 0 || /NaN|undefined/.test(place)) {
    throw new Error(`a poor error: ${error.code} at ${place}: ${error.message}`, { cause: error });
  }
  return error;
}

/** Loads `bytes` and runs its programs over `packet` on all engines. */
export function tryObject(bytes: Uint8Array, packet: Uint8Array, tally: Tally): void {
  const started = processorMs();
  let expected: readonly Ending[];
  try {
    expected = endingsOf(bytes, packet, interpreter);
  } catch (error) {
    const { code } = checkRefusal(error);
    tally.refused++;
    tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1);
    return checkTime(started);
  }
  tally.loaded++;
  for (const { text, loose } of expected) {
    if (text.includes(': exit ')) tally.ended++;
    else tally.stopped++;
    if (loose) tally.loose++;
  }
  // What programs leave in the maps is seen by the next ones: beyond a loose stop nothing is comparable.
  const firstLoose = expected.findIndex(({ loose }) => loose);
  const comparable = textOf(expected, firstLoose);
  for (const engine of MACHINES) {
    const theirs = endingsOf(bytes, packet, engine);
    const found = textOf(theirs, firstLoose);
    if (found === comparable) continue;
    if (
      [0n, 0x5555_5555_5555_5555n, 0xffff_8000_0000_0001n].some(
        (value) => textOf(endingsOf(bytes, packet, interpreter, value), firstLoose) !== comparable,
      )
    ) {
      tally.undefinedReads++;
      continue;
    }
    throw new Error(`interpreter:\n${comparable}\n${engine.name}:\n${found}`);
  }
  checkTime(started);
}

function textOf(endings: readonly Ending[], count: number): string {
  return endings
    .slice(0, count < 0 ? undefined : count)
    .map(({ text }) => text)
    .join('\n');
}

/** `poison`: what R1 to R5 hold after each call, and R0 in each called function: programs that read that have no defined outcome. */
function endingsOf(bytes: Uint8Array, packet: Uint8Array, { engine, host }: RobustEngine, poison?: bigint): readonly Ending[] {
  const object = loadBytes(bytes, { path: 'damaged.o', engine, host, fuel: FUEL, timeoutMs: TIMEOUT_MS, clock: 1_000_000_000n });
  try {
    return Object.values(object.programs).map((program) =>
      endingOf(object, program, packet, poison === undefined ? {} : { trace: poisoner(poison) }),
    );
  } finally {
    object.dispose();
  }
}

function poisoner(value: bigint): TraceHook {
  let before: number | undefined;
  return (slot, registers, { code }) => {
    if (before === KIND.callLocal) registers[0] = value;
    else if (before === KIND.callHelper || before === KIND.callKfunc || before === KIND.callx || before === KIND.exit)
      registers.fill(value, 1, 6);
    before = code.kind[slot];
  };
}

/** A busy machine is not a hang. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function checkTime(started: number): void {
  const spent = processorMs() - started;
  if (spent > MAX_MS) throw new Error(`it took ${Math.round(spent)} ms`);
}

function endingOf(object: LoadedObject, program: LoadedProgram, packet: Uint8Array, options: RunOptions): Ending {
  try {
    const result = program.run({ packet, ...options });
    const maps = Object.values(object.maps).map((map) => `${map.name}=${contents(map)}`);
    const bytes = result.packet === undefined ? '' : toHex(result.packet);
    return { text: `${program.name}: exit ${result.r0} packet ${bytes} ${maps.join(' ')} fuel ${result.fuelUsed}`, loose: false };
  } catch (error) {
    if (error instanceof BpfStopped) {
      // A tail call may have led to another program; one that could not be loaded has no code.
      const stopped = error.program in object.programs ? object.programs[error.program]! : program;
      const slots = stopped.program.code.slots;
      if (!(Number.isInteger(error.slot) && error.slot >= 0 && error.slot < slots)) {
        throw new Error(`stopped at slot ${error.slot} of ${slots}: ${error.message}`, { cause: error });
      }
      if (error.reason === 'deadline') throw new Error('fuel did not end the run', { cause: error });
      return { text: `${program.name}: stop ${error.reason} at slot ${error.slot}`, loose: mayGoOn(object, stopped, error) };
    }
    return { text: `${program.name}: refused ${checkRefusal(error).code}`, loose: false };
  }
}

/** Bytes of the elements, a digest's worth: the first ones. */
function contents(map: LoadedObject['maps'][string]): string {
  // Walking what could hold millions, or values of many MiB, takes its time.
  if (map.maxEntries > 4096 || map.valueSize > 65_536) return `${map.size} elements`;
  let text = '';
  let count = 0;
  for (const [key, value] of map.entriesBytes()) {
    if (count++ === 64) break;
    text += `${toHex(key)}:${toHex(value.subarray(0, 64))} `;
  }
  return text;
}

/**
 * Whether machine code may go on at a stop of the interpreter: exactly where the interpreter saw an access that misses every live
 * region (or a pointer with dirty upper halves, which machine code cuts off) while the bytes that machine code touches there all lie in
 * the window; and where a helper or a map routine got a pointer or a map that only the interpreter checks before the call.
 */
function mayGoOn(object: LoadedObject, { program: { code } }: LoadedProgram, stop: BpfStopped): boolean {
  const kind = code.kind[stop.slot];
  if (kind === KIND.callHelper || kind === KIND.callKfunc || kind === KIND.callx)
    return stop.reason === 'fault' || stop.reason === 'helper';
  if (stop.reason !== 'fault') return false;
  const { access } = stop;
  if (access === undefined) return false;
  const offset = code.offset[stop.slot]!;
  const machine = Number(BigInt.asUintN(32, access.address - BigInt(offset))) + offset;
  return machine >= BIAS && machine + access.size <= object.home.window.end;
}
