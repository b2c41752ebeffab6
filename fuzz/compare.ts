// Generated programs and objects on every engine: what came of them, and whether it is the same.
import { createProgram, type Program } from '../src/program/program.ts';
import { LoadedObject } from '../src/runtime/object/object.ts';
import type { LoadOptions } from '../src/runtime/object/options.ts';
import { ENGINES, type Outcome, type TestEngine } from '../test/support/engines.ts';
import {
  batchTextOf,
  batchTexts,
  mapBytes,
  OBJECT_ENGINES,
  type ObjectEngine,
  type ObjectRun,
  runObject,
  textOf,
} from '../test/support/object-engines.ts';
import { assemble } from './assemble.ts';
import { GROUP, mapsOf, programsOf } from './objects.ts';
import type { GeneratedMap, GeneratedObject, GeneratedProgram } from './tree.ts';

/** What R1 of bare programs points at. */
export const MEMORY: Uint8Array = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff);
/** Slots of one run of an object: more than any loop that is drawn, so that a hang is found. */
export const OBJECT_FUEL = 4_000_000;

/** Of one program or object: texts that must be equal on all engines. `reference` is the first engine's. */
export interface Comparison {
  readonly reference: string;
  /** In words; undefined: none. */
  readonly difference: string | undefined;
}

export class Comparer {
  readonly #bare: readonly TestEngine[];
  readonly #objects: readonly ObjectEngine[];

  /** `only`: names of engines; undefined: all that this host has. */
  constructor(only: readonly string[] | undefined) {
    const wanted = (name: string): boolean => only === undefined || only.includes(name);
    this.#bare = ENGINES.filter(({ name, missing }) => missing === undefined && wanted(name));
    this.#objects = OBJECT_ENGINES.filter(({ name }) => wanted(name));
    if (this.#bare.length === 0) throw new Error(`no such engine: ${only?.join(', ')}`);
  }

  get names(): readonly string[] {
    return this.#bare.map(({ name }) => name);
  }

  program(generated: GeneratedProgram, fuel: number): Comparison {
    const program = createProgram({ name: 'fuzz', bytes: assemble(generated) });
    const texts = this.#bare.map((engine) => outcomeOf(engine, program, fuel));
    const at = texts.findIndex((text) => text !== texts[0]);
    const reference = texts[0]!;
    if (at < 0) return { reference, difference: undefined };
    return { reference, difference: `${this.#bare[0]!.name}: ${reference}\n${this.#bare[at]!.name}: ${texts[at]}` };
  }

  /** The main engines, and one code variant after the other: variants differ in few instructions, and objects take their time. */
  #enginesFor(seed: number): readonly ObjectEngine[] {
    const main = this.#objects.filter(({ isVariant }) => !isVariant);
    const variants = this.#objects.filter(({ isVariant }) => isVariant);
    return variants.length === 0 ? main : [...main, variants[Math.floor(seed / GROUP) % variants.length]!];
  }

  /** Objects of the same maps, loaded together; each begins with the maps as they were. */
  objects(objects: readonly GeneratedObject[], fuel: (object: GeneratedObject) => number): Comparison[] {
    let reference: readonly Ending[] | undefined;
    const differences: (string | undefined)[] = objects.map(() => undefined);
    const programs = objects.flatMap((object, i) => programsOf(object, prefix(i)));
    for (const engine of this.#enginesFor(objects[0]!.seed)) {
      const endings = endingsOf(engine, objects, programs, fuel);
      reference ??= endings;
      for (const [i, ending] of endings.entries()) {
        const other = reference[i]!;
        if (ending.text !== other.text) differences[i] ??= `${this.#objects[0]!.name}: ${other.text}\n${engine.name}: ${ending.text}`;
        else if (!sameRegisters(ending.runs, other.runs)) differences[i] ??= registersText(engine.name, ending.runs, other.runs);
        else if (!sameBytes(ending.maps, other.maps)) differences[i] ??= `maps of ${this.#objects[0]!.name} and of ${engine.name} differ`;
      }
    }
    return reference!.map(({ text }, i) => ({ reference: text, difference: differences[i] }));
  }
}

interface Ending {
  readonly text: string;
  readonly runs: readonly ObjectRun[];
  readonly maps: readonly Uint8Array[];
}

/** Of the names of the programs of an object among others. */
const prefix = (object: number): string => `p${object}_`;

/** Loads the programs of objects that have the same maps. */
function load(
  { engine, host }: ObjectEngine,
  maps: readonly GeneratedMap[],
  programs: readonly Program[],
  options: LoadOptions = {},
): LoadedObject {
  return new LoadedObject(
    { name: 'fuzz', programs, maps: mapsOf(maps) },
    { engine, host, missingHelpers: 'stop', clock: 1_000_000_007n, random: 1, cpus: 2, ...options },
  );
}

/** What the file puts into program arrays. */
function fillArrays(loaded: LoadedObject, { maps, elements }: GeneratedObject, names: string): void {
  for (const { map, index, program } of elements) loaded.setProgram(loaded.maps[maps[map]!.name]!, index, `${names}${program}`);
}

function endingsOf(
  engine: ObjectEngine,
  objects: readonly GeneratedObject[],
  programs: readonly Program[],
  fuelOf: (object: GeneratedObject) => number,
): Ending[] {
  const loaded = load(engine, objects[0]!.maps, programs);
  try {
    const initial = loaded.snapshot();
    return objects.map((object, i) => {
      fillArrays(loaded, object, prefix(i));
      const fuel = fuelOf(object);
      const name = `${prefix(i)}0`;
      const runs = isBatch(object) ? [] : object.runs.map((run) => runObject(loaded, name, { ...run, fuel }));
      const texts = isBatch(object) ? batch(engine, loaded, name, object, fuel) : runs.map(textOf);
      // The loop of a batch reads rings behind a packet, a single run before it.
      if (isBatch(object)) loaded.home.events.read(loaded.home.cpu);
      const maps = mapBytes(loaded);
      loaded.restore(initial);
      return { text: texts.join('\n'), runs, maps };
    });
  } finally {
    loaded.dispose();
  }
}

/** One object on the interpreter; `see` is called after its runs. */
export function interpreted<T>(
  object: GeneratedObject,
  options: LoadOptions,
  see: (seen: { readonly loaded: LoadedObject; readonly runs: readonly ObjectRun[] }) => T,
): T {
  const loaded = load(OBJECT_ENGINES[0]!, object.maps, programsOf(object, prefix(0)), options);
  try {
    fillArrays(loaded, object, prefix(0));
    const runs = object.runs.map((run) => runObject(loaded, `${prefix(0)}0`, { ...run, fuel: OBJECT_FUEL }));
    return see({ loaded, runs });
  } finally {
    loaded.dispose();
  }
}

/** The first run's context and CPU, every packet twice: what one run after the other gives on the interpreter. */
function batch({ engine }: ObjectEngine, loaded: LoadedObject, name: string, { runs }: GeneratedObject, fuel: number): string[] {
  const { ctx, cpu } = runs[0]!;
  const packets = [...runs, ...runs].map(({ packet }) => packet);
  const options = { ...(ctx === undefined ? {} : { ctx }), ...(cpu === undefined ? {} : { cpu }), fuel };
  if (engine !== OBJECT_ENGINES[0]!.engine) return batchTexts(loaded, name, packets, { ...options, engine });
  return packets.map((packet) => batchTextOf(runObject(loaded, name, { ...options, packet })));
}

/** Those objects are run by `runBatch`. */
export function isBatch({ seed }: GeneratedObject): boolean {
  return seed % 3 === 0;
}

function sameBytes(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i]!) === 0);
}

/** Those of stops, as far as both engines know them. */
function sameRegisters(runs: readonly ObjectRun[], others: readonly ObjectRun[]): boolean {
  return runs.every((run, i) => {
    const other = others[i]!;
    if (run.kind !== 'stop' || other.kind !== 'stop') return true;
    return (
      run.registers?.every((value, r) => value === undefined || other.registers?.[r] === undefined || other.registers[r] === value) ?? true
    );
  });
}

function registersText(engine: string, runs: readonly ObjectRun[], others: readonly ObjectRun[]): string {
  const text = (all: readonly ObjectRun[]): string =>
    all
      .map((run) => (run.kind === 'stop' ? `${run.what}: ${run.registers?.map((value) => value?.toString(16) ?? '-').join(' ')}` : ''))
      .join('\n');
  return `registers: ${text(others)}\n${engine}: ${text(runs)}`;
}

function outcomeOf(engine: TestEngine, program: Program, fuel: number): string {
  try {
    return describe(engine.run(program, MEMORY, fuel));
  } catch (error) {
    return `threw ${(error as Error).message}`;
  }
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'stop') return `stop ${outcome.reason} ${outcome.slot}`;
  return `exit 0x${outcome.r0.toString(16)} fuel ${outcome.fuelLeft} memory ${Buffer.from(outcome.memory).toString('hex')}`;
}
