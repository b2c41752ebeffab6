// Raw programs, without an object around them: bytes in a window, and helpers that are functions of five numbers. What classic filters,
// the conformance commands and the test suites run on, on any engine.
import type { Callee, RunState } from '../../interpreter/machine.ts';
import type { Program } from '../../program/program.ts';
import { PLACE, Window } from '../../window/window.ts';
import type { Engine, EngineObject, Runnable } from '../engines/engine.ts';
import type { Host, HostCall } from '../engines/host.ts';
import { COMMON_HELPERS, toHelper } from '../helpers/helpers.ts';
import { Clock, Home, seededRandom } from './home.ts';

export interface RawRun {
  readonly r1: number;
  readonly r2: number;
  /** Slots; default: not counted. */
  readonly fuel?: number;
  /** What the legacy packet loads see; default: nothing. */
  readonly packet?: RawPacket;
}

export interface RawPacket {
  readonly pointer: number;
  readonly length: number;
  /** Offset of the network header, for loads relative to it. Default 0. */
  readonly network?: number;
}

export interface RawProgram {
  readonly program: Program;
  /** Runs on a zeroed stack; returns R0. Throws BpfStopped. */
  run(run: RawRun): bigint;
  /** Slots left after the last run. */
  readonly fuelLeft: number;
  /** Bytes of machine code; undefined: interpreted. */
  readonly compiledBytes: number | undefined;
}

export interface RawOptions {
  /** They come before the runtime's own of the same id. */
  readonly helpers?: Readonly<Record<number, HostCall>>;
  /** Offer the runtime's own helpers too. Default false. */
  readonly commonHelpers?: boolean;
  /** Runs images natively, where the engine does. */
  readonly host?: Host | undefined;
}

/** One window, and the programs loaded into it. Invariant: `numbers` of a program stay valid as long as the machine. */
export class RawMachine {
  readonly engine: string;
  readonly home: Home;
  readonly #engine: Engine;
  /** By number in program arrays; 0 is an empty slot. */
  readonly #numbered: (Program | undefined)[] = [undefined];
  #object: EngineObject | undefined;

  constructor(engine: Engine, options: RawOptions = {}) {
    const { host } = options;
    this.engine = engine.name;
    this.#engine = engine;
    const window = new Window(host === undefined ? {} : { accept: (memory) => host.accepts(memory) });
    this.home = new Home(window, { cpus: 1, clock: new Clock(0n), random: seededRandom(1) });
    if (options.commonHelpers === true) {
      for (const [id, implementation] of Object.entries(COMMON_HELPERS))
        this.home.helpers.set(Number(id), toHelper(this.home, implementation));
    }
    for (const [id, call] of Object.entries(options.helpers ?? {})) {
      this.home.helpers.set(Number(id), calleeOf(call));
      this.home.overridden.add(Number(id));
    }
  }

  get window(): Window {
    return this.home.window;
  }

  get regions(): Home['regions'] {
    return this.home.regions;
  }

  /** What a program array holds for this program. */
  numberOf(program: Program): number {
    const known = this.#numbered.indexOf(program);
    return known < 0 ? this.#numbered.push(program) - 1 : known;
  }

  load(program: Program): RawProgram {
    this.#object ??= this.#engine.open(this.home, (number) => this.#numbered[number]);
    return new Loaded(this.home, program, this.#object.prepare(program));
  }

  /** Gives back the code of all programs; they are dead then. */
  unload(): void {
    this.#object?.dispose();
    this.#object = undefined;
  }
}

class Loaded implements RawProgram {
  readonly program: Program;
  readonly #home: Home;
  readonly #runnable: Runnable;
  readonly #state: RunState = {
    fuel: 0, deadline: Infinity, now: () => performance.now(), tailCalls: 0, depth: 0, packet: 0, packetLength: 0, packetNetwork: 0,
    instructions: 0,
  }; // biome-ignore format: a record

  constructor(home: Home, program: Program, runnable: Runnable) {
    this.#home = home;
    this.program = program;
    this.#runnable = runnable;
  }

  get fuelLeft(): number {
    return this.#state.fuel;
  }

  get compiledBytes(): number | undefined {
    return this.#runnable.image?.size;
  }

  run({ r1, r2, fuel = Infinity, packet }: RawRun): bigint {
    const state = this.#state;
    this.#home.window.zero(PLACE.stackBottom, PLACE.stackTop - PLACE.stackBottom);
    state.fuel = fuel;
    state.tailCalls = 0;
    state.depth = 0;
    state.packet = packet?.pointer ?? 0;
    state.packetLength = packet?.length ?? 0;
    state.packetNetwork = packet?.network ?? 0;
    return this.#runnable.run({ r1, r2, state, timeoutMs: 0 });
  }
}

function calleeOf(call: HostCall): (Callee & { kind: 'host' })['call'] {
  return ({ registers: r }) => {
    r[0] = call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!);
  };
}
