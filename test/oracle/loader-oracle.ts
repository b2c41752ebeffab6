// Compares what `load` and `link` make of other people's objects with what libbpf made of them: map definitions and every program's
// final instructions. `npm run loader-oracle -- [DIR] [--only PART] [--verbose]`; exit status 1 on a difference.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type Btf, parseBtf } from '../../src/btf/types.ts';
import { type LinkedProgram, link } from '../../src/object/link.ts';
import { load } from '../../src/object/load.ts';
import type { CollectionSpec } from '../../src/object/spec.ts';
import { MAP_TYPE } from '../../src/spec/map-types.ts';
import { ATTACH_TYPES, programTypeNumber } from '../../src/spec/programs.ts';
import { toHex, tryParseHex } from '../../src/util/bytes.ts';
import { BpfError, printPosition } from '../../src/util/error.ts';

interface OracleMap {
  readonly name: string;
  readonly type: string;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  readonly flags: number;
  readonly internal: number;
  readonly initial?: string;
}

interface OracleProgram {
  readonly program: string;
  readonly section: string;
  readonly type: number;
  readonly expected_attach_type: number;
  readonly elf_insns: number;
  readonly loaded: boolean;
  readonly insns?: string;
  readonly map_refs?: readonly (readonly [number, string])[];
}

interface OracleObject {
  readonly open_errno?: number;
  readonly maps?: readonly OracleMap[];
  readonly programs?: readonly OracleProgram[];
}

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const options = process.argv.slice(2);
const verbose = options.includes('--verbose');
const onlyAt = options.indexOf('--only');
const only = onlyAt < 0 ? undefined : options[onlyAt + 1];
const oracleDir = options[0] !== undefined && !options[0].startsWith('--') ? options[0] : join(root, '../shared/corpora/loader_oracle');
const corpora = dirname(oracleDir);

if (!existsSync(oracleDir)) {
  console.error(`no ${oracleDir}: nothing to compare with`);
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}
const kernelBtf = findKernelBtf();

function findKernelBtf(): Btf | undefined {
  const folder = join(corpora, 'btf');
  const file = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.btf.gz')) : undefined;
  return file === undefined ? undefined : parseBtf(gunzipSync(readFileSync(join(folder, file))), file, 'BTF');
}

/** errno and libbpf's own error numbers, as far as they occur. */
const WHY: Readonly<Record<number, string>> = {
  2: 'libbpf: no symbol table or no BTF for what needs it',
  22: 'libbpf: invalid',
  95: 'libbpf: not supported (legacy maps section, or an unknown member of a map)',
  4003: 'libbpf: big-endian',
  4005: 'libbpf: no BTF or symbol where needed',
};

const counts = {
  objects: 0,
  refusedByBoth: 0,
  refusedByLibbpfOnly: 0,
  refusedByUsOnly: 0,
  maps: 0,
  programs: 0,
  equal: 0,
  equalWithCore: 0,
  withCore: 0,
  notLoadedByKernel: 0,
  linkedNotLoaded: 0,
};
const differences: string[] = [];
const notes: string[] = [];

for (const file of readdirSync(oracleDir).sort()) {
  const oracle = JSON.parse(gunzipSync(readFileSync(join(oracleDir, file))).toString()) as {
    group: string;
    objects: Record<string, OracleObject>;
  };
  for (const [name, expected] of Object.entries(oracle.objects)) {
    const path = `${oracle.group}/${name}`;
    if (only !== undefined && !path.includes(only)) continue;
    const file = join(corpora, 'objects', path);
    if (!existsSync(file)) {
      notes.push(`${path}: the object is not in the corpora`);
      continue;
    }
    compareObject(path, readFileSync(file), expected);
  }
}
report();

function compareObject(path: string, bytes: Uint8Array, expected: OracleObject): void {
  counts.objects++;
  let collection: CollectionSpec;
  try {
    collection = load(bytes, path);
  } catch (error) {
    const message = describe(error);
    if (expected.open_errno === undefined) {
      counts.refusedByUsOnly++;
      differences.push(`${path}: libbpf opens it, we say: ${message}`);
    } else {
      counts.refusedByBoth++;
      notes.push(`${path}: refused by both (${WHY[expected.open_errno] ?? expected.open_errno}): ${message}`);
    }
    return;
  }
  if (expected.open_errno !== undefined) {
    counts.refusedByLibbpfOnly++;
    notes.push(`${path}: loaded by us, ${WHY[expected.open_errno] ?? `libbpf: ${expected.open_errno}`}`);
    for (const program of collection.programs) {
      try {
        link(collection, program.name);
      } catch (error) {
        notes.push(`${path} ${program.name}: does not link: ${describe(error)}`);
      }
    }
    return;
  }
  compareMaps(path, collection, expected.maps ?? []);
  for (const program of expected.programs ?? []) compareProgram(path, collection, program);
}

function compareMaps(path: string, collection: CollectionSpec, expected: readonly OracleMap[]): void {
  const ours = collection.maps.map((map) => {
    const type = Object.entries(MAP_TYPE).find(([, number]) => number === map.type)?.[0] ?? String(map.type);
    return { ...map, typeName: type };
  });
  counts.maps += expected.length;
  if (ours.length !== expected.length) {
    differences.push(`${path}: maps ${ours.map((map) => map.name).join(' ')}, libbpf has ${expected.map((map) => map.name).join(' ')}`);
    return;
  }
  expected.forEach((want, i) => {
    const map = ours[i]!;
    const internal = want.internal !== 0;
    const sameName = internal ? isNamed(want.name, map.name) : want.name === map.name;
    // A struct_ops value has the kernel's size, and what kernels accept is asked for after opening.
    const fields = (m: { type: string; key: number; value: number; max: number; flags: number }): string =>
      `${m.type} key ${m.key} value ${want.type === 'struct_ops' ? '-' : m.value} max ${m.max} flags ${m.flags}`;
    const have = fields({ type: map.typeName, key: map.keySize, value: map.valueSize, max: map.maxEntries, flags: map.flags });
    const wanted = fields({ type: want.type, key: want.key_size, value: want.value_size, max: want.max_entries, flags: want.flags });
    if (!sameName || have !== wanted) differences.push(`${path}: map ${map.name}: ${have}; libbpf ${want.name}: ${wanted}`);
    if (want.initial !== undefined && map.data !== undefined && map.data.section !== 'kconfig' && map.data.section !== 'structOps') {
      const initial = toHex(map.data.initial).replace(/(00)+$/, '');
      const wantInitial = want.initial.replace(/(00)+$/, '');
      if (initial !== wantInitial)
        differences.push(`${path}: map ${map.name}: initial value ${initial.slice(0, 80)}, libbpf ${wantInitial.slice(0, 80)}`);
    }
  });
}

function compareProgram(path: string, collection: CollectionSpec, expected: OracleProgram): void {
  const where = `${path} ${expected.program}`;
  const program = collection.programs.find((other) => other.name === expected.program);
  if (program === undefined) {
    differences.push(`${where}: no such program; ours: ${collection.programs.map((other) => other.name).join(' ')}`);
    return;
  }
  if (program.section !== expected.section.replace(/^\?/, ''))
    differences.push(`${where}: section ${program.section}, libbpf ${expected.section}`);
  if (!expected.loaded) {
    counts.notLoadedByKernel++;
    try {
      link(collection, program.name, { btf: kernelBtf });
      counts.linkedNotLoaded++;
    } catch (error) {
      notes.push(`${where}: not loaded by the kernel, and does not link: ${describe(error)}`);
    }
    return;
  }
  counts.programs++;
  let linked: LinkedProgram;
  try {
    linked = link(collection, program.name, { btf: kernelBtf });
  } catch (error) {
    differences.push(`${where}: ${describe(error)}`);
    return;
  }
  const hasCore = linked.subprograms.some((sub) => collection.functions.find((found) => found.name === sub.name)!.relocations.length > 0);
  if (hasCore) counts.withCore++;
  const difference = firstDifference(collection, linked, expected);
  if (difference === undefined) {
    counts.equal++;
    if (hasCore) counts.equalWithCore++;
  } else {
    differences.push(`${where}${hasCore ? ' (CO-RE)' : ''}: ${difference}`);
  }
  // Some types are chosen when loading, not by the section's name.
  const type = programTypeNumber(program.type);
  const attach = program.attach === undefined ? 0 : ATTACH_TYPES.indexOf(program.attach);
  const chosenWhenLoading = program.type === 'struct_ops' || program.section.startsWith('usdt');
  if (program.type !== 'raw' && !chosenWhenLoading && (type !== expected.type || attach !== expected.expected_attach_type)) {
    const ours = `type ${type} (${program.type}), attach type ${attach}`;
    differences.push(`${where} (${program.section}): ${ours}; libbpf ${expected.type}, ${expected.expected_attach_type}`);
  }
}

/** Undefined: the same instructions, but for numbers that only that kernel could know (file descriptors, BTF ids and addresses of its symbols). */
function firstDifference(collection: CollectionSpec, linked: LinkedProgram, expected: OracleProgram): string | undefined {
  const want = tryParseHex(expected.insns ?? '')!;
  const { bytes } = linked;
  if (bytes.length !== want.length) return `${bytes.length / 8} slots, libbpf ${want.length / 8}`;
  const refs = new Map(linked.mapRefs.map((ref) => [ref.slot, ref.map]));
  const wantRefs = new Map(expected.map_refs ?? []);
  for (let slot = 0; slot * 8 < bytes.length; slot++) {
    const at = slot * 8;
    const row = bytes.slice(at, at + 8);
    const wantRow = want.slice(at, at + 8);
    const wide = row[0] === 0x18;
    const src = row[1]! >> 4;
    const map = refs.get(slot);
    if (map !== undefined) {
      const spec = collection.maps[map]!;
      const wantName = wantRefs.get(slot);
      const same = wantName !== undefined && (spec.data === undefined ? wantName === spec.name : isNamed(wantName, spec.name));
      if (!same && row[0] === 0x18) return `slot ${slot}: map ${spec.name}, libbpf ${wantName}`;
      row.fill(0, 4);
      wantRow.fill(0, 4);
    } else if (wantRefs.has(slot)) {
      return `slot ${slot}: no map, libbpf ${wantRefs.get(slot)}`;
    }
    const isKfunc = row[0] === 0x85 && src === 2;
    if (isKfunc) {
      // Unknown there: a call of a helper that does not exist.
      row.fill(0, 1);
      wantRow.fill(0, 1);
    }
    const isKsym = wide && map === undefined && isKsymReference(collection, linked, slot);
    if (isKsym) {
      row.fill(0, 1);
      wantRow.fill(0, 1);
    }
    if (toHex(row) !== toHex(wantRow))
      return `slot ${slot}: ${toHex(bytes.slice(at, at + 8), ' ')}, libbpf ${toHex(want.slice(at, at + 8), ' ')}`;
    if (!wide) continue;
    slot++;
    const second = toHex(bytes.slice(slot * 8, slot * 8 + 8), ' ');
    const wantSecond = toHex(want.slice(slot * 8, slot * 8 + 8), ' ');
    if (second !== wantSecond && !isKsym) return `slot ${slot}: ${second}, libbpf ${wantSecond}`;
  }
  return undefined;
}

function isKsymReference(collection: CollectionSpec, linked: LinkedProgram, slot: number): boolean {
  const sub = linked.subprograms.find((other) => slot >= other.start && slot < other.end)!;
  const found = collection.functions.find((other) => other.name === sub.name && other.bytes.length === (sub.end - sub.start) * 8)!;
  return found.references.some((reference) => reference.kind === 'ksym' && reference.slot === slot - sub.start);
}

/** Data maps have the object's name in front of the section's there, or 15 characters of the section's. */
function isNamed(theirs: string, section: string): boolean {
  return theirs.endsWith(section) || theirs === section.slice(0, 15);
}

function describe(error: unknown): string {
  if (error instanceof BpfError) return `${error.message} [${error.code}] at ${printPosition(error.position)}`;
  return `CRASH ${error instanceof Error ? error.stack : String(error)}`;
}

function report(): void {
  if (verbose) for (const note of notes) console.log(note);
  for (const difference of differences) console.log(difference);
  const rows: readonly (readonly [string, number])[] = [
    ['objects', counts.objects],
    ['refused by both', counts.refusedByBoth],
    ['refused by libbpf, loaded here', counts.refusedByLibbpfOnly],
    ['loaded by libbpf, refused here', counts.refusedByUsOnly],
    ['maps compared', counts.maps],
    ['programs compared', counts.programs],
    ['equal', counts.equal],
    ['of them with CO-RE', counts.withCore],
    ['with CO-RE, equal', counts.equalWithCore],
    ['programs the kernel did not load', counts.notLoadedByKernel],
    ['of them linked here', counts.linkedNotLoaded],
    ['differences', differences.length],
  ];
  for (const [what, count] of rows) console.log(`${what.padEnd(36)}${String(count).padStart(6)}`);
  process.exit(differences.length === 0 ? 0 : 1);
}
