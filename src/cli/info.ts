// bpfjit info: what a file holds. Programs with what they call and use, maps, global variables.
import { printDeclaration } from '../btf/print.ts';
import { KIND, PSEUDO } from '../isa/code.ts';
import type { CollectionSpec, MapSpec } from '../object/spec.ts';
import type { Program } from '../program/program.ts';
import { helperLabel } from '../spec/helpers.ts';
import { MAP_FLAG, mapTypeName } from '../spec/maps.ts';
import { BpfError } from '../util/error.ts';
import { JSON_OUTPUT } from './options.ts';
import { openSource, type Source } from './source.ts';
import { type OptionTable, readArguments } from './usage.ts';

const OPTIONS = { json: JSON_OUTPUT } as const;
export const options: OptionTable = OPTIONS;

interface ProgramInfo {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly slots: number;
  readonly subprograms: readonly string[];
  readonly helpers: readonly string[];
  readonly kfuncs: readonly string[];
  readonly maps: readonly string[];
  readonly lines: number;
  /** Why it cannot be linked or run. */
  readonly refused?: string;
}

interface MapInfo {
  readonly name: string;
  readonly type: string;
  readonly key: string;
  readonly value: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: readonly string[];
  readonly variables?: readonly { readonly name: string; readonly type: string; readonly offset: number; readonly size: number }[];
}

export async function info(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  const source = await openSource(files[0]!);
  const { collection } = source;
  const refusals = collection === undefined ? new Map<string, BpfError>() : await refusedPrograms(collection);
  const programs = source.programNames.map((name) => {
    const made = programInfo(source, name);
    const error = refusals.get(name);
    return made.refused !== undefined || error === undefined ? made : { ...made, refused: refusalText(error) };
  });
  const maps = (collection?.maps ?? []).map((map) => mapInfo(collection!, map));
  const license = collection?.license ?? '';
  const externs = (collection?.externs ?? []).map(({ name, kind, weak }) => ({ name, kind, weak }));
  if (values.json === true) {
    const types = collection?.btf?.types.length ?? 0;
    process.stdout.write(
      `${JSON.stringify({ file: source.path, license, littleEndian: collection?.littleEndian ?? true, types, programs, maps, externs })}\n`,
    );
    return 0;
  }
  process.stdout.write(text(source, programs, maps));
  return 0;
}

/** Programs that cannot be loaded here, and why. */
async function refusedPrograms(collection: CollectionSpec): Promise<ReadonlyMap<string, BpfError>> {
  if (!collection.littleEndian || collection.programs.length === 0) return new Map();
  const { loadCollection } = await import('../runtime/object/load.ts');
  const found = new Map<string, BpfError>();
  try {
    const object = loadCollection(collection);
    for (const [name, error] of Object.entries(object.refused)) found.set(name, error);
    object.dispose();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    // None can: each has a reason of its own.
    for (const { name } of collection.programs) {
      try {
        loadCollection(collection, { only: [name] }).dispose();
      } catch (reason) {
        if (!(reason instanceof BpfError)) throw reason;
        found.set(name, reason);
      }
    }
  }
  return found;
}

function refusalText(error: BpfError): string {
  const { position } = error;
  const source = position.in === 'program' ? position.source : undefined;
  const where = source === undefined ? '' : `${source.file}:${source.line}:${source.column}: `;
  return `${where}${error.message} [${error.code}]`;
}

function programInfo(source: Source, name: string): ProgramInfo {
  const spec = source.collection?.programs.find((program) => program.name === name);
  try {
    const program = source.program(name);
    return { ...describe(program), type: spec?.type ?? program.type };
  } catch (error) {
    // What holds nothing else is refused itself.
    if (!(error instanceof BpfError) || source.collection === undefined) throw error;
    const none = { slots: 0, subprograms: [], helpers: [], kfuncs: [], maps: [], lines: 0 };
    return { name, section: spec?.section ?? '', type: spec?.type ?? 'raw', ...none, refused: refusalText(error) };
  }
}

function describe(program: Program): Omit<ProgramInfo, 'type'> {
  const { code } = program;
  const helpers = new Set<number>();
  const kfuncs = new Set<number>();
  const maps = new Set<number>();
  for (let slot = 0; slot < code.slots; slot++) {
    const imm = code.imm[slot]!;
    switch (code.kind[slot]) {
      case KIND.callHelper:
        helpers.add(imm);
        break;
      case KIND.callKfunc:
        kfuncs.add(imm);
        break;
      case KIND.lddw:
        if (code.op[slot] === PSEUDO.map || code.op[slot] === PSEUDO.mapValue) maps.add(imm);
        break;
    }
  }
  const ascending = (set: Set<number>): number[] => [...set].sort((a, b) => a - b);
  return {
    name: program.name,
    section: program.section,
    slots: code.slots,
    subprograms: program.subprograms.slice(1).map(({ name }) => name),
    helpers: ascending(helpers).map(helperLabel),
    kfuncs: ascending(kfuncs).map((index) => program.kfuncs[index] ?? `#${index}`),
    maps: ascending(maps).map((index) => program.maps[index]?.name ?? `#${index}`),
    lines: program.lines.length,
  };
}

function mapInfo({ btf }: CollectionSpec, map: MapSpec): MapInfo {
  const named = (id: number): string => (btf === undefined || id === 0 ? '' : printDeclaration(btf, id));
  return {
    name: map.name,
    type: mapTypeName(map.type),
    key: named(map.keyType),
    value: named(map.valueType),
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: Object.entries(MAP_FLAG)
      .filter(([, bit]) => (map.flags & bit) !== 0)
      .map(([name]) => name),
    ...(map.data === undefined
      ? {}
      : { variables: map.data.variables.map(({ name, type, offset, size }) => ({ name, type: named(type), offset, size })) }),
  };
}

function text(source: Source, programs: readonly ProgramInfo[], maps: readonly MapInfo[]): string {
  const { collection } = source;
  const lines = [source.path];
  if (collection !== undefined) {
    lines[0] += `: license ${collection.license || 'none'}${collection.littleEndian ? '' : ', big-endian: to be shown, not run'}`;
  }
  lines.push('', 'programs');
  for (const program of programs) {
    lines.push(`  ${program.name}  ${program.type}${program.section === '' ? '' : `, section ${program.section}`}, ${program.slots} slots`);
    if (program.refused !== undefined) lines.push(`    refused: ${program.refused}`);
    for (const [label, names] of [
      ['functions', program.subprograms],
      ['helpers', program.helpers],
      ['kfuncs', program.kfuncs],
      ['maps', program.maps],
    ] as const) {
      if (names.length > 0) lines.push(`    ${label}: ${names.join(', ')}`);
    }
  }
  const declared = maps.filter(({ variables }) => variables === undefined);
  if (declared.length > 0) lines.push('', 'maps');
  for (const map of declared) {
    const key = map.key === '' ? `${map.keySize} bytes` : `${map.key} (${map.keySize})`;
    const value = map.value === '' ? `${map.valueSize} bytes` : `${map.value} (${map.valueSize})`;
    const flags = map.flags.length === 0 ? '' : `, ${map.flags.join(' ')}`;
    lines.push(`  ${map.name}  ${map.type}, ${key} -> ${value}, ${map.maxEntries} entries${flags}`);
  }
  const sections = maps.filter(({ variables }) => variables !== undefined);
  if (sections.length > 0) lines.push('', 'global data');
  for (const { name, valueSize, variables } of sections) {
    lines.push(`  ${name}  ${valueSize} bytes`);
    for (const variable of variables!)
      lines.push(`    ${String(variable.offset).padStart(4)}  ${variable.type} ${variable.name}`.trimEnd());
  }
  const externs = collection?.externs ?? [];
  if (externs.length > 0) lines.push('', 'externs', ...externs.map(({ name, kind, weak }) => `  ${name}  ${kind}${weak ? ', weak' : ''}`));
  return `${lines.join('\n')}\n`;
}
