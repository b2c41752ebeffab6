// Draws objects: a few programs that share maps, tail calls between them, callbacks, and packets to run them over.
import { createProgram } from '../src/program/program.ts';
import type { ObjectInput } from '../src/runtime/object/object-input.ts';
import { MAP_TYPE } from '../src/spec/map-types.ts';
import { MAP_FLAG } from '../src/spec/maps.ts';
import { assemble } from './assemble.ts';
import { ARRAYS } from './calls.ts';
import { edge, type GenerateOptions } from './draw.ts';
import { drawFunctions } from './generate.ts';
import { type Random, random } from './random.ts';
import { type GeneratedMap, type GeneratedObject, type GeneratedProgram, type GeneratedRun, KFUNCS, type Role } from './tree.ts';

/** Objects of seeds that differ only in their lowest bits have the same maps: loading them together is cheap. */
export const GROUP = 32;

const VALUE_SIZES = [1, 2, 4, 8, 8, 8, 12, 16, 24, 32];
const KEY_SIZES = [1, 2, 4, 4, 4, 8, 8, 12, 16, 24];
/** Those that the kernel iterates over. */
const ITERABLE: readonly number[] = [MAP_TYPE.hash, MAP_TYPE.percpu_hash, MAP_TYPE.lru_hash, MAP_TYPE.lru_percpu_hash, ...ARRAYS];

function drawMaps(r: Random): GeneratedMap[] {
  const maps: GeneratedMap[] = [];
  const add = (type: keyof typeof MAP_TYPE, keySize: number, valueSize: number, maxEntries: number, flags = 0): void => {
    maps.push({ name: `${type}_${maps.length}`, type: MAP_TYPE[type], keySize, valueSize, maxEntries, flags });
  };
  const preallocated = (): number => (r.oneIn(3) ? MAP_FLAG.noPrealloc : 0);
  const drawers: readonly (() => void)[] = [
    () => add('array', 4, r.pick(VALUE_SIZES), r.oneIn(2) ? 1 : 1 + r.below(6)),
    () => add('array', 4, r.pick(VALUE_SIZES), 1 + r.below(6)),
    () => add('hash', r.pick(KEY_SIZES), r.pick(VALUE_SIZES), 1 + r.below(8), preallocated()),
    () => add('hash', r.pick(KEY_SIZES), r.pick(VALUE_SIZES), 1 + r.below(8), preallocated()),
    () => add('percpu_array', 4, r.pick(VALUE_SIZES), 1 + r.below(4)),
    () => add('percpu_hash', r.pick(KEY_SIZES), r.pick(VALUE_SIZES), 1 + r.below(6), preallocated()),
    () => add('lru_hash', r.pick(KEY_SIZES), r.pick(VALUE_SIZES), 1 + r.below(6)),
    () => add('lru_percpu_hash', r.pick(KEY_SIZES), r.pick(VALUE_SIZES), 1 + r.below(6)),
    () => add('lpm_trie', r.pick([5, 8, 8, 12, 20]), r.pick(VALUE_SIZES), 1 + r.below(8), MAP_FLAG.noPrealloc),
    () => add('queue', 0, r.pick(VALUE_SIZES), 1 + r.below(4)),
    () => add('stack', 0, r.pick(VALUE_SIZES), 1 + r.below(4)),
    () => add('ringbuf', 0, 0, 4096),
    () => add('bloom_filter', 0, r.pick(VALUE_SIZES), 1 + r.below(8), MAP_FLAG.zeroSeed),
  ];
  for (let left = 2 + r.below(4); left > 0; left--) r.pick(drawers)();
  const holdable = maps.flatMap(({ type }, index) => (type === MAP_TYPE.array || type === MAP_TYPE.hash ? [index] : []));
  if (holdable.length > 0 && r.oneIn(3)) {
    add(r.oneIn(2) ? 'array_of_maps' : 'hash_of_maps', 4, 4, 1 + r.below(4));
    const outer = maps.pop()!;
    const keys = Array.from({ length: outer.maxEntries }, (_, i) => i).filter(() => !r.oneIn(4));
    maps.push({ ...outer, inner: r.pick(holdable), keys });
  }
  if (r.oneIn(3)) add('perf_event_array', 4, 4, 2);
  if (r.oneIn(2)) add('prog_array', 4, 4, 1 + r.below(5));
  return maps;
}

/** The object of a seed; equal seeds and options give equal objects. */
export function generateObject(seed: number, options: GenerateOptions = {}): GeneratedObject {
  const maps = drawMaps(random(Math.floor(seed / GROUP) ^ 0x6d61_7073));
  const r = random(seed);
  const type = r.oneIn(4) ? 'sched_cls' : 'xdp';
  const arrays = maps.flatMap((map, index) => (map.type === MAP_TYPE.prog_array ? [index] : []));
  const iterable = maps.flatMap((map, index) => ((options.verifiable === true ? ARRAYS : ITERABLE).includes(map.type) ? [index] : []));
  const drawProgram = (): GeneratedProgram => {
    const roles: Role[] = ['main'];
    const add = (role: Role, atMost: number): void => {
      for (let left = r.below(atMost + 1); left > 0; left--) roles.push(role);
    };
    if (r.oneIn(3)) add('sub', 2);
    if (r.oneIn(2)) add('loop', 2);
    if (r.oneIn(3) && iterable.length > 0) add('each', 1);
    if (r.oneIn(3)) add('leaf', 2);
    return { seed, functions: drawFunctions({ r, options, type, maps, tailCalls: arrays.length > 0, roles, iterable }), maps, type };
  };
  const programs = [drawProgram()];
  if (arrays.length > 0) for (let left = r.below(3); left > 0; left--) programs.push(drawProgram());
  const elements = arrays.flatMap((map) =>
    Array.from({ length: maps[map]!.maxEntries }, (_, index) => ({ map, index, program: r.below(programs.length + 1) - 1 })).filter(
      ({ program }) => program >= 0,
    ),
  );
  return { seed, maps, programs, elements, runs: Array.from({ length: 1 + r.below(3) }, () => drawRun(r, type, options)) };
}

function drawRun(r: Random, type: GeneratedProgram['type'], { verifiable }: GenerateOptions): GeneratedRun {
  const packet = Uint8Array.from({ length: r.pick([14, 20, 34, 60, 60, 64, 99, 128, 150]) }, () => r.next() & 0xff);
  // An Ethernet type that no one looks into.
  packet.set([0x88, 0xb5], 12);
  const cpu = verifiable !== true && r.oneIn(4) ? 1 : 0;
  return { packet, cpu, ctx: verifiable === true || type !== 'sched_cls' ? {} : { mark: r.next(), priority: edge(r) >>> 0 } };
}

/** The maps as `LoadedObject` takes them. */
export function mapsOf(maps: readonly GeneratedMap[]): ObjectInput['maps'] {
  return maps.map(({ inner, keys = [], ...map }) =>
    inner === undefined ? map : { ...map, inner: maps[inner]!, elements: keys.map((index) => ({ index, name: maps[inner]!.name })) },
  );
}

/** Linked, as `LoadedObject` takes it; `prefix` of the programs' names. Elements of program arrays are put in by `fillArrays`. */
export function programsOf(object: GeneratedObject, prefix: string): ObjectInput['programs'] {
  return object.programs.map((program, index) =>
    createProgram({ name: `${prefix}${index}`, type: program.type, bytes: assemble(program), maps: object.maps, kfuncs: KFUNCS }),
  );
}
