// A failing program as something a person can run: a filetest.
import { print } from '../src/asm/print.ts';
import { createProgram } from '../src/program/program.ts';
import { mapTypeName } from '../src/spec/maps.ts';
import { toHex } from '../src/util/bytes.ts';
import { assemble } from './assemble.ts';
import { isBatch, MEMORY } from './compare.ts';
import { type GeneratedMap, type GeneratedObject, type GeneratedProgram, type GeneratedRun, KFUNCS, type Statement } from './tree.ts';
import { nested } from './walk.ts';

const WIDTH = 200;

function comment(seed: number, difference: string): string {
  const lines = difference.split('\n').map((line) => `# ${line.slice(0, WIDTH)}`);
  return [`# seed ${seed}`, ...lines].join('\n');
}

function text(program: GeneratedProgram): string {
  const { code, subprograms } = createProgram({ name: 'fuzz', bytes: assemble(program), maps: program.maps, kfuncs: KFUNCS });
  const names = new Map(subprograms.slice(1).map(({ start }, i) => [start, `function${i + 1}`]));
  return print(code, names, program.maps.map(({ name }) => name)); // biome-ignore format: short
}

export function reportProgram(program: GeneratedProgram, fuel: number, difference: string): string {
  return `${comment(program.seed, difference)}\n-- fuel ${fuel}\n-- mem\n${toHex(MEMORY, ' ')}\n-- asm\n${text(program)}`;
}

function mapLine({ name, type, keySize, valueSize, maxEntries, flags }: GeneratedMap): string {
  return `-- map ${name} ${mapTypeName(type)} ${keySize} ${valueSize} ${maxEntries}${flags === 0 ? '' : ` 0x${flags.toString(16)}`}`;
}

/** The maps that the texts name, and what those hold. */
function usedMaps({ maps }: GeneratedObject, texts: readonly string[]): GeneratedMap[] {
  const named = maps.filter(({ name }) => texts.some((text) => text.includes(`[${name}]`)));
  const held = new Set(named.flatMap(({ inner }) => (inner === undefined ? [] : [maps[inner]!])));
  return maps.filter((map) => named.includes(map) || held.has(map));
}

function runLines({ packet, ctx = {}, cpu = 0 }: GeneratedRun): string {
  const fields = Object.entries(ctx).map(([name, value]) => ` ${name}=${value}`);
  return `-- run${cpu === 0 ? '' : ` cpu=${cpu}`}${fields.join('')}\n${toHex(packet, ' ')}`;
}

function callsKernel(body: readonly Statement[]): boolean {
  return body.some((s) => s.do === 'kfunc' || nested(s).some(callsKernel));
}

export function reportObject(object: GeneratedObject, fuel: number, difference: string): string {
  const { maps, programs, elements, runs } = object;
  const texts = programs.map(text);
  const used = usedMaps(object, texts);
  const holds = (map: GeneratedMap): readonly (readonly [index: number, name: string])[] =>
    map.inner === undefined
      ? elements.flatMap(({ map: of, index, program }) => (maps[of] === map ? [[index, `p${program}`] as const] : []))
      : map.keys!.map((key) => [key, maps[map.inner!]!.name] as const);
  return [
    comment(object.seed, difference),
    ...(isBatch(object) ? ["# in a batch: every packet twice, with the first run's context"] : []),
    `-- type ${programs[0]!.type}`,
    `-- fuel ${fuel}`,
    ...used.map(mapLine),
    ...used.flatMap((map) => holds(map).map(([index, name]) => `-- element ${map.name} ${index} ${name}`)),
    ...(programs.some(({ functions }) => functions.some(({ body }) => callsKernel(body))) ? [`-- kfuncs ${KFUNCS.join(' ')}`] : []),
    ...texts.map((program, i) => `-- program p${i}\n${program.trimEnd()}`),
    ...runs.map(runLines),
    '',
  ].join('\n');
}
