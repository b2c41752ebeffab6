// Raw programs, without objects and their contexts: bytes in the window, helpers given as functions. What the conformance commands and
// test suites run on; one list of engines for all of them.
import { Interpreter } from '../interpreter/interpret.ts';
import { type Callee, FIRST_HANDLE, type RunState } from '../interpreter/machine.ts';
import type { Program } from '../program/program.ts';
import { assert, BpfError } from '../util/error.ts';
import { Regions } from '../window/regions.ts';
import { PLACE, Window } from '../window/window.ts';
import type { HostCall } from './host.ts';

export type RawEngine = 'interpreter';
export const RAW_ENGINES: readonly RawEngine[] = ['interpreter'];

/** What the program's references lead to. Ids of helpers are below FIRST_HANDLE or above any number of functions. */
export interface RawLinks {
  readonly helpers?: Readonly<Record<number, HostCall>>;
  /** Pointers to the descriptor and to the first value of map `index`. */
  readonly map?: (index: number) => number;
  readonly mapValue?: (index: number) => number;
  /** The program in slot `index` of the program array that `map` points at. */
  readonly tailTarget?: (map: number, index: number) => RawProgram | undefined;
}

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

export interface RawMachine {
  readonly engine: RawEngine;
  readonly window: Window;
  /** What the interpreter lets a program touch; other engines do not look. */
  readonly regions: Regions;
  load(program: Program, links?: RawLinks): RawProgram;
}

export function rawEngine(name: string): RawEngine {
  const known = RAW_ENGINES.find((engine) => engine === name);
  if (known !== undefined) return known;
  throw new BpfError(
    'runtime/engine',
    { in: 'option', name: 'engine' },
    `no engine ${name} for raw programs; there is ${RAW_ENGINES.join(', ')}`,
  );
}

export async function openRawMachine(engine: RawEngine): Promise<RawMachine> {
  switch (engine) {
    case 'interpreter':
      return interpreting();
  }
}

function interpreting(): RawMachine {
  const window = new Window();
  const regions = new Regions((pointer) => window.u32(pointer));
  return { engine: 'interpreter', window, regions, load: (program, links = {}) => new Interpreted(window, regions, program, links) };
}

class Interpreted implements RawProgram {
  readonly program: Program;
  readonly compiledBytes = undefined;
  readonly interpreter: Interpreter;
  readonly #window: Window;
  readonly #state: RunState = {
    fuel: 0, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: 0, packetLength: 0, instructions: 0,
  }; // biome-ignore format: a record

  constructor(window: Window, regions: Regions, program: Program, links: RawLinks) {
    this.program = program;
    this.#window = window;
    const callees = new Map(Object.entries(links.helpers ?? {}).map(([id, call]) => [Number(id), calleeOf(call)]));
    this.interpreter = new Interpreter({
      program,
      window,
      regions,
      links: {
        map: links.map ?? (() => 0),
        mapValue: links.mapValue ?? (() => 0),
        helper: (id) => callees.get(id),
        kfunc: () => undefined,
        tailTarget(map, index) {
          const target = links.tailTarget?.(Number(map), index);
          if (target === undefined) return undefined;
          assert(target instanceof Interpreted, 'tail calls stay on one engine');
          return target.interpreter;
        },
      },
    });
  }

  get fuelLeft(): number {
    return this.#state.fuel;
  }

  run({ r1, r2, fuel = Infinity, packet }: RawRun): bigint {
    const state = this.#state;
    this.#window.zero(PLACE.stackBottom, PLACE.stackTop - PLACE.stackBottom);
    state.fuel = fuel;
    state.tailCalls = 0;
    state.depth = 0;
    state.packet = packet?.pointer ?? 0;
    state.packetLength = packet?.length ?? 0;
    state.packetNetwork = packet?.network ?? 0;
    return this.interpreter.run(state, BigInt(r1), BigInt(r2));
  }
}

function calleeOf(call: HostCall): Callee {
  return { kind: 'host', call: ({ registers: r }) => void (r[0] = call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!)) };
}

/** The first id of a helper that cannot be mistaken for a code handle, and the other way round. */
export const HELPER_IDS_END: number = FIRST_HANDLE;
