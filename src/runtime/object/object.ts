/// <reference lib="esnext.disposable" preserve="true" />
// A loaded object: its programs, maps and variables in one window, to be run, read, saved and brought back.

import type { Program } from '../../program/program.ts';
import { BpfError } from '../../util/error.ts';
import { type WindowOptions, WindowPool } from '../../window/window.ts';
import type { Engine, Runnable } from '../engines/engine.ts';
import type { EngineName } from '../engines/engine-names.ts';
import { toHelper } from '../helpers/helpers.ts';
import type { MapOptions } from '../maps/descriptor.ts';
import { BpfMap } from '../maps/maps.ts';
import { constantData, createMaps, sharedHome } from '../maps/object-maps.ts';
import { ROUTINE_HELPERS } from '../maps/routines.ts';
import { contentsOf, fillMaps, type JsonContents } from './contents.ts';
import { differenceOf, type ObjectDifference } from './difference.ts';
import { typeEvents } from './event-types.ts';
import { Clock, Home, seededRandom } from './home.ts';
import { LoadedProgram } from './loaded-program.ts';
import { NamedTypes } from './named-types.ts';
import { byName } from './names.ts';
import type { MapInput, ObjectInput } from './object-input.ts';
import { type ObjectSnapshot, restoreState, saveState } from './object-state.ts';
import { count, type LoadOptions } from './options.ts';
import { type Checks, missingMap, programNames, REFUSED_HELPER, refusedHelper, sortPrograms, wrongInstruction } from './refusals.ts';
import { Runner } from './runner.ts';
import { supplyHelpers } from './supplied.ts';
import type { AnyObject, Input, MapsOf, ObjectTypes, ProgramsOf } from './types.ts';
import { createVariables } from './variables.ts';

const pool = new WindowPool();

/**
 * Programs, maps and variables of a file in one window of memory. The names of all three are checked: one that does not exist is an error
 * (`runtime/unknown-program`, ...) that lists those that do.
 */
export class LoadedObject<T extends ObjectTypes = AnyObject> {
  readonly name: string;
  /** Those that were loaded; asking for one that was refused throws why. */
  readonly programs: ProgramsOf<T>;
  /** Programs that could not be loaded, and why: by name. */
  readonly refused: Readonly<Record<string, BpfError>>;
  readonly maps: MapsOf<T>;
  /** Global variables: reading and assigning goes to the window. Structs and arrays are read as frozen copies, and assigned whole. */
  readonly variables: T['variables'];
  /** The object's time. Advancing it fires timers. */
  readonly clock: Clock;
  /** @internal */
  readonly home: Home;
  readonly #input: ObjectInput;
  readonly #refused: ReadonlyMap<string, BpfError>;
  readonly #runner: Runner;
  readonly #types: NamedTypes;
  readonly #stopClock: () => void;
  #disposed = false;

  constructor(input: ObjectInput, options: LoadOptions = {}) {
    this.name = input.name;
    this.#input = input;
    const { host, random } = options;
    const windowOptions: WindowOptions = {
      ...(options.windowBytes === undefined ? {} : { maxBytes: options.windowBytes }),
      ...(host === undefined ? {} : { accept: (memory) => host.accepts(memory) }),
    };
    const other = sharedHome(options);
    this.clock = options.clock === undefined && other !== undefined ? other.clock : new Clock(options.clock);
    this.home = new Home(other?.window ?? pool.take(windowOptions), {
      cpus: other?.cpus ?? count(options.cpus ?? 1, 'cpus', 1, 1024),
      clock: this.clock,
      routes: options.routes,
      sockets: options.sockets,
      kernel: options.kernel,
      random: typeof random === 'function' ? random : seededRandom(random ?? 1),
    });
    if (other !== undefined) {
      other.window.users++;
      this.home.join(other);
    }
    this.home.btf = input.btf;
    this.home.kernelBtf = input.kernelBtf;
    this.home.events.unread = options.unread ?? false;
    this.home.events.perfBufferBytes = options.perfBufferBytes ?? Number.POSITIVE_INFINITY;
    this.home.coverage = options.coverage;
    if (options.coverage !== undefined) {
      const { coverage, engine } = options;
      if (engine !== undefined && engine !== 'auto' && (typeof engine === 'string' ? engine : engine.name) !== 'interpreter') {
        const message = `only the interpreter counts, not ${typeof engine === 'string' ? engine : engine.name}`;
        throw new BpfError('runtime/coverage', { in: 'option', name: 'coverage' }, message);
      }
      coverage.add(input.programs, input.name);
    }
    const names = programNames(input);
    const { maps, refused: refusedMaps } = createMaps(this.home, input, names, options);
    this.maps = byName(maps, 'map', refusedMaps) as MapsOf<T>;
    this.variables = byName(createVariables(this.home, maps, input, options.variables), 'variable') as T['variables'];
    supplyHelpers(this.home, options);
    const { helpers, kfuncs } = this.home;
    const checks: Checks = {
      helper: (id) => ROUTINE_HELPERS.has(id) || (helpers.has(id) && id !== REFUSED_HELPER),
      kfunc: (name) => kfuncs.has(name),
      missingCalls: options.missingHelpers !== 'stop',
      contextAccess: options.contextChecks !== false,
      data: constantData(this.home.window, input, maps),
    };
    const sorted = sortPrograms(
      input,
      options.whole ?? false,
      (program) => missingMap(program, refusedMaps) ?? wrongInstruction(program, checks),
    );
    // Without programs the maps are what the object is for.
    const [unusable] = refusedMaps.values();
    if (names.length === 0 && unusable !== undefined) throw unusable;
    helpers.set(REFUSED_HELPER, toHelper(this.home, refusedHelper(sorted.refused)));
    this.#runner = new Runner(this.home, options, (number) => sorted.numbered[number]);
    this.#stopClock = this.clock.onAdvance(() => this.#runner.fireTimers());
    this.#refused = new Map(sorted.refused.map(({ name, error }) => [name, error]));
    this.refused = Object.fromEntries(this.#refused);
    const runner = (): Runner => this.#live();
    const programs = Object.fromEntries(sorted.programs.map((program) => [program.name, new LoadedProgram(program, runner)]));
    this.programs = byName(programs, 'program', this.#refused) as ProgramsOf<T>;
    this.#types = new NamedTypes(input.btf, input.name);
    typeEvents(this.home, input, this.#types, options.events);
  }

  #live(): Runner {
    if (this.#disposed) throw new BpfError('runtime/disposed', { in: 'option', name: this.name }, `${this.name} was disposed of`);
    return this.#runner;
  }

  /** Puts a program of this object into a slot of a program array; undefined empties it. */
  setProgram(map: BpfMap, index: number, name: string | undefined): void {
    const error = this.#refused.get(name ?? '');
    if (error !== undefined) throw error;
    if (name === undefined) map.delete(index);
    else map.set(index, name);
  }

  /**
   * Puts bytes into memory that programs can read, and gives the pointer: for contexts whose words lead to structures of the kernel, as the
   * arguments of fentry programs do. They stay until the object is disposed of; snapshots leave them out. `writable`: programs may write them.
   */
  place(bytes: Uint8Array, options: { readonly writable?: boolean } = {}): bigint {
    this.#live();
    const { window, regions } = this.home;
    const start = window.allocate(Math.max(1, bytes.length));
    window.write(start, bytes);
    regions.add({ name: 'memory of the caller', start, end: start + bytes.length, writable: options.writable ?? false });
    return BigInt(start);
  }

  /** A map that no program names, to be put into a map of maps: like `outer`'s inner maps, or as described. */
  createMap(description: (keyof T['maps'] & string) | MapOptions): BpfMap {
    this.#live();
    const options: MapInput['inner'] =
      typeof description === 'string' ? this.#input.maps.find(({ name }) => name === description)?.inner : description;
    if (options === undefined)
      throw new BpfError(
        'runtime/unknown-map',
        { in: 'option', name: String(description) },
        `${description} is no map of maps whose inner maps are described`,
      );
    const map = new BpfMap(this.home, { ...options, name: `${options.name}#${this.home.maps.length}` }, options.codecs);
    this.home.addMap(map);
    return map;
  }

  /** The engine of that name; throws where this host cannot run it. */
  engine(name: EngineName | Engine): Engine {
    return this.#runner.engine(name);
  }

  /** @internal The program as that engine runs it. */
  runnable(program: Program, engine: Engine): Runnable {
    return this.#live().runnable(program, engine);
  }

  /** Every enumerator that the object's types know, by name: numbers, bigints where the enum has 64 bits. */
  get constants(): T['constants'] {
    return this.#types.constants;
  }

  /**
   * The bytes of a struct, union or typedef by its name in C, as values of maps are read; an array without a length at its end has what
   * bytes are left. `runtime/unknown-type` where there is no such type, `map/value` where the bytes are fewer than it has.
   */
  decode<N extends keyof T['types'] & string>(type: N, data: Uint8Array): T['types'][N] {
    return this.#types.decode(type, data) as T['types'][N];
  }

  /** Bytes of that type, from what values of maps may be written as. */
  encode<N extends keyof T['types'] & string>(type: N, value: Input<T['types'][N]>): Uint8Array<ArrayBuffer> {
    return this.#types.encode(type, value);
  }

  /** Maps and global data as JSON with stable names: 64-bit numbers are decimal strings, bytes hex. Zero elements of arrays are left out. */
  contents(): JsonContents {
    this.#live();
    const data = new Set(this.#input.maps.filter((map) => map.data !== undefined).map(({ name }) => name));
    return contentsOf(this.home.maps, ({ name }) => data.has(name));
  }

  /** Puts in what `contents` has given, or the like; what it does not name stays. `path`: of the file that it is from, for messages. */
  fill(contents: JsonContents, path?: string): void {
    this.#live();
    // A map of maps may hold some that `createMap` made.
    const create = (name: string): BpfMap | undefined => {
      const outer = this.#input.maps.find(({ inner }) => inner !== undefined && name.startsWith(`${inner.name}#`));
      return outer === undefined ? undefined : this.createMap(outer.name as keyof T['maps'] & string);
    };
    fillMaps(this.home.maps, contents, path, create);
  }

  /** Maps, variables, the clock, timers and what programs have allocated, as they are now. */
  snapshot(): ObjectSnapshot {
    this.#live();
    return saveState(this.home);
  }

  /** Brings a state of this object back: what `snapshot` has given. Maps that were made since keep what they have. */
  restore(snapshot: ObjectSnapshot): void {
    this.#live();
    restoreState(this.home, snapshot);
  }

  /** What changed from one state to another, or to now: entries of maps that were added, removed, changed, and variables. */
  difference(before: ObjectSnapshot, after?: ObjectSnapshot): ObjectDifference {
    this.#live();
    return differenceOf(this.home, this.variables as Readonly<Record<string, unknown>>, before, after);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#stopClock();
    this.#runner.dispose();
    this.home.leave();
    pool.give(this.home.window);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
