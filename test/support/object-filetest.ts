// Filetests of whole objects: programs that share maps, tail calls, packets and contexts, through the runtime on every engine.
//
//   -- type xdp                               of all programs; default: raw, R1 = the packet, R2 = its length
//   -- map NAME KIND KEY VALUE ENTRIES [FLAGS]  KIND as in BPF_MAP_TYPE_*, lower case; sizes in bytes
//   -- kfuncs NAME...                        kernel functions, as the programs number them
//   -- program NAME                           assembly; the first one is run; `-- asm` is a program `main`
//   -- element MAP INDEX NAME                 the program that a program array holds there, or the map that a map of maps does
//   -- run [cpu=NUMBER] [FIELD=NUMBER]...     a run over that packet (hex), its context's fields set; several follow each other
//   -- result                                 R0 of the last run
//   -- expect runs                            every run but the last: its R0, or its stop
//   -- expect stop                            how the last run was stopped: reason, program, slot
//   -- expect packet, expect events           what the last run left, and sent
//   -- expect maps                            the elements of every map after all runs
import type { DataFile, Section } from '../../src/asm/data-file.ts';
import { parse } from '../../src/asm/parse.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { MapInput } from '../../src/runtime/object/object-input.ts';
import { MAP_TYPE, type MapTypeName } from '../../src/spec/map-types.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { mapBytes, mapText, OBJECT_ENGINES, type ObjectEngine, type ObjectRun, runObject, textOf } from './object-engines.ts';

interface ObjectTest {
  readonly maps: readonly MapShape[];
  readonly programs: readonly Program[];
  readonly elements: readonly { readonly map: string; readonly index: number; readonly name: string }[];
  readonly runs: readonly { readonly packet: Uint8Array; readonly ctx: Readonly<Record<string, number>>; readonly cpu: number }[];
}

/** What came of all runs: the same on every engine, or `problems` says where not. */
export interface ObjectActual {
  readonly problems: readonly string[];
  readonly runs: readonly ObjectRun[];
  readonly maps: string;
}

export function isObjectTest({ sections }: DataFile): boolean {
  return sections.some(({ name }) => name === 'map' || name === 'program' || name === 'type');
}

/** Throws BpfError where the object is refused. */
export function runObjectTest(data: DataFile, fuel: number, only: readonly string[] | undefined): ObjectActual {
  const read = readTest(data);
  const problems: string[] = [];
  let reference: { readonly runs: readonly ObjectRun[]; readonly bytes: readonly Uint8Array[]; readonly maps: string } | undefined;
  for (const engine of OBJECT_ENGINES) {
    if (only !== undefined && !only.includes(engine.name)) continue;
    const ending = runOn(engine, read, fuel);
    reference ??= ending;
    const [expected, found] = [reference.runs.map(textOf), ending.runs.map(textOf)];
    const run = found.findIndex((text, i) => text !== expected[i]);
    if (run >= 0) problems.push(`run ${run}: ${expected[run]}`, `${engine.name}: ${found[run]}`);
    else if (ending.bytes.some((bytes, i) => Buffer.compare(bytes, reference!.bytes[i]!) !== 0))
      problems.push(`${engine.name}: ${ending.maps}`);
  }
  if (reference === undefined) throw new Error('no engine can run here');
  return { problems, runs: reference.runs, maps: reference.maps };
}

function runOn({ engine, host }: ObjectEngine, { maps, programs, elements, runs }: ObjectTest, fuel: number) {
  const options = { engine, host, missingHelpers: 'stop', clock: 1_000_000_007n, random: 1, cpus: 2, fuel } as const;
  const object = new LoadedObject({ name: 'test', programs, maps: withElements(maps, elements) }, options);
  try {
    const ended = runs.map(({ packet, ctx, cpu }) =>
      runObject(object, programs[0]!.name, { packet, cpu, ...(Object.keys(ctx).length === 0 ? {} : { ctx }) }),
    );
    return { runs: ended, bytes: mapBytes(object), maps: mapText(object) };
  } finally {
    object.dispose();
  }
}

/** Maps of maps hold maps that are like the first one. */
function withElements(maps: ObjectTest['maps'], elements: ObjectTest['elements']): MapInput[] {
  return maps.map((map) => {
    const own = elements.filter((element) => element.map === map.name);
    const inner = maps.find(({ name }) => name === own[0]?.name);
    return { ...map, elements: own, ...(inner === undefined ? {} : { inner }) };
  });
}

function readTest(data: DataFile): ObjectTest {
  const { sections, path } = data;
  const of = (name: string): Section[] => sections.filter((section) => section.name === name);
  const type = of('type')[0]?.argument ?? 'raw';
  const kfuncs = of('kfuncs').flatMap(({ argument }) => argument.split(/\s+/));
  const all = new Map(of('map').map((section) => [section.argument.split(/\s+/)[0]!, shapeOf(section, path)]));
  const programs = [...of('asm').map((section) => ({ ...section, argument: 'main' })), ...of('program')].map(({ argument, body, line }) => {
    const { bytes, lines, subprograms, maps } = parse(body, path, line);
    const shapes = maps.map(
      (name) => all.get(name) ?? refuse(path, line, `program ${argument} names map ${name}, which no section describes`),
    );
    return createProgram({ name: argument, type, bytes, lines, subprograms, maps: shapes, kfuncs });
  });
  const runs = of('run').map(({ argument, body }) => {
    const fields = argument.split(/\s+/).flatMap((word) => (word === '' ? [] : [word.split('=') as [string, string]]));
    const packet = tryParseHex(body.replace(/#.*/g, '').replace(/\s+/g, ''));
    if (packet === undefined) throw new Error(`${path}: a run's packet is hex`);
    const { cpu = 0, ...ctx } = Object.fromEntries(fields.map(([name, value]) => [name, Number(value)]));
    return { packet, cpu, ctx };
  });
  return {
    maps: [...all.values()],
    programs,
    elements: of('element').map(({ argument }) => {
      const [map, index, name] = argument.split(/\s+/) as [string, string, string];
      return { map, index: Number(index), name };
    }),
    runs: runs.length === 0 ? [{ packet: data.memory, cpu: 0, ctx: {} }] : runs,
  };
}

function shapeOf({ argument, line }: Section, path: string): MapShape {
  const [name, kind, ...numbers] = argument.split(/\s+/);
  const type = MAP_TYPE[kind as MapTypeName];
  const [keySize, valueSize, maxEntries, flags = 0] = numbers.map(Number);
  if (name === undefined || type === undefined || maxEntries === undefined)
    refuse(path, line, `-- map NAME KIND KEY VALUE ENTRIES [FLAGS]`);
  return { name, type, keySize: keySize!, valueSize: valueSize!, maxEntries, flags };
}

function refuse(path: string, line: number, what: string): never {
  throw new Error(`${path}:${line - 1}: ${what}`);
}
