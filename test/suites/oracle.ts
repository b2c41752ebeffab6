// What the running Linux kernel answered (../shared/corpora/kernel_oracle), asked of the engines: return values, packets, contexts and
// maps of real programs over real packets. `npm run oracle -- [DIR] [--engine E]... [--only PART] [--required] [--verbose]`: rows marked
// `required` on every engine that this host can run, the others on the first, or with `--required` not at all. Exit status 1 where a required row
// differs that oracle-known.ts does not list, or one that it lists does not differ.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { POISON } from '../../src/btf/patch.ts';
import { type Btf, parseBtf } from '../../src/btf/types.ts';
import { KIND, PSEUDO } from '../../src/isa/code.ts';
import { nativeHost } from '../../src/node.ts';
import { link } from '../../src/object/link.ts';
import { load } from '../../src/object/load.ts';
import type { CollectionSpec } from '../../src/object/spec.ts';
import { readPackets } from '../../src/pcap/read.ts';
import { createProgram } from '../../src/program/program.ts';
import { ENGINE_NAMES, type EngineName } from '../../src/runtime/engines/engines.ts';
import { hasHelper, hasKfunc } from '../../src/runtime/helpers/all-helpers.ts';
import { loadCollection } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { contextOf, seesLinkLayer } from '../../src/spec/contexts.ts';
import { helperLabel } from '../../src/spec/helpers.ts';
import { isSupported, mapTypeName } from '../../src/spec/maps.ts';
import type { ProgramType } from '../../src/spec/programs.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus } from '../support/corpora.ts';
import { knownRow } from './oracle-known.ts';
import { compareMaps, contentsOf, fillMaps, type MapsAfter } from './oracle-maps.ts';

/** A row of index.json. */
interface Row {
  readonly file: string;
  readonly path: string;
  readonly group: string;
  readonly object: string;
  readonly program: string;
  readonly type: ProgramType;
  readonly scenario: string;
  readonly helpers_called: readonly string[];
  readonly kfuncs_called?: readonly string[];
  readonly use: string;
  readonly required: boolean;
  readonly varied: boolean;
  readonly why_not?: string;
}

interface Answer {
  readonly program: string;
  readonly ret?: readonly (number | null)[];
  readonly ret_all?: number;
  readonly errno?: Readonly<Record<string, number>>;
  readonly out: Readonly<Record<string, string>>;
  readonly ctx?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly maps_after: MapsAfter;
  readonly meta_len?: Readonly<Record<string, number>>;
  readonly max_entries_was_0?: readonly string[];
  readonly load_error?: number;
}

interface Answers {
  readonly programs: readonly Answer[];
  readonly map_init: readonly (readonly [map: string, key: string, value: string])[];
}

interface Index {
  readonly packets: readonly number[];
  readonly capture: string;
  readonly runs: readonly Row[];
}

const CPUS = 2;
/** Nanoseconds of the recorder's time from one packet to the next, about. */
const BETWEEN_PACKETS = 1_000_000n;
/** What the recorder gave to maps whose size is the number of CPUs, or is chosen by the loader. */
const UNSIZED = { map: 64, cpumap: 2 };
const CPUMAP = 16;
/** libbpf finds it out with a kprobe, which the recorder's kernel did not have. */
const PROBED = 'LINUX_HAS_SYSCALL_WRAPPER';

const { values, positionals } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true },
    only: { type: 'string' },
    required: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
  allowPositionals: true,
});
const given = positionals[0] ?? corpus('kernel_oracle');
if (given === undefined || !existsSync(given)) {
  process.stderr.write('skipped: ../shared/corpora/kernel_oracle is absent; give a folder\n');
  process.exit(0);
}
const base = dirname(given);
const index = JSON.parse(readFileSync(join(given, 'index.json'), 'utf8')) as Index;
const wanted = new Set(index.packets);
const packets = new Map<number, Uint8Array>();
let number = 0;
for (const { data } of readPackets(readFileSync(join(base, index.capture)), index.capture)) {
  if (wanted.has(number)) packets.set(number, data.slice());
  number++;
}
const btf = kernelBtf();

/** The kernel's types, beside the oracle; CO-RE was resolved against them. */
function kernelBtf(): Btf | undefined {
  const folder = join(base, 'btf');
  const name = existsSync(folder) ? readdirSync(folder).find((file) => file.endsWith('.btf.gz')) : undefined;
  return name === undefined ? undefined : parseBtf(gunzipSync(readFileSync(join(folder, name))), 'the kernel');
}

function bytesOf(path: string): Uint8Array {
  const file = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(file) : file;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Calls and maps of that program that nobody answers. */
function missingFor(spec: CollectionSpec, name: string): string[] {
  const maps = spec.maps.map(({ name, type, keySize, valueSize, maxEntries, flags }) => ({
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
  }));
  const { code, kfuncs } = createProgram({ ...link(spec, name, { btf }), maps });
  const missing = new Set<string>();
  for (let slot = 0; slot < code.slots; slot++) {
    const imm = code.imm[slot]!;
    const kind = code.kind[slot];
    if (kind === KIND.callHelper && imm !== POISON && !hasHelper(imm)) missing.add(helperLabel(imm));
    if (kind === KIND.callKfunc && !hasKfunc(kfuncs[imm]!)) missing.add(`kfunc ${kfuncs[imm]}`);
    if (kind === KIND.lddw && (code.op[slot] === PSEUDO.map || code.op[slot] === PSEUDO.mapValue) && !isSupported(maps[imm]!.type))
      missing.add(`${mapTypeName(maps[imm]!.type)} maps`);
  }
  return [...missing];
}

/** One object file: what it says, and which calls of each of its programs nobody answers. Kept while its rows are run. */
class Subject {
  readonly path: string;
  readonly spec: CollectionSpec;
  readonly #missing = new Map<string, readonly string[] | BpfError>();
  readonly #answers = new Map<string, Answers>();

  constructor(path: string, rows: readonly Row[]) {
    this.path = path;
    const spec = load(bytesOf(join(base, path)), basename(path));
    // The recorder has loaded programs of sections that libbpf does not know as the type that they were written for.
    const types = new Map(rows.map((row) => [row.program, row.type]));
    this.spec = { ...spec, programs: spec.programs.map((program) => ({ ...program, type: types.get(program.name) ?? program.type })) };
  }

  answers(file: string): Answers {
    let made = this.#answers.get(file);
    if (made === undefined) {
      made = JSON.parse(bytesOf(join(base, file)).toString()) as Answers;
      this.#answers.set(file, made);
    }
    return made;
  }

  missing(program: string): readonly string[] | BpfError {
    let made = this.#missing.get(program);
    if (made === undefined) {
      try {
        made = missingFor(this.spec, program);
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        made = error;
      }
      this.#missing.set(program, made);
    }
    return made;
  }

  /** The program, and with tail calls all that the kernel loaded beside it. */
  linked(row: Row, answers: Answers): string[] {
    const names = [row.program];
    if (row.helpers_called.includes('tail_call')) {
      for (const { program, load_error } of answers.programs) if (load_error === undefined && program !== row.program) names.push(program);
    }
    return names;
  }
}

/** A difference, or what is missing; undefined: the same answers. */
type Outcome = { readonly kind: 'same' } | { readonly kind: 'different' | 'missing' | 'error'; readonly what: string };

function runRow(subject: Subject, row: Row, engine: EngineName, host: Awaited<ReturnType<typeof nativeHost>>['host']): Outcome {
  const answers = subject.answers(row.file);
  const answer = answers.programs.find(({ program }) => program === row.program);
  if (answer === undefined) return { kind: 'error', what: 'no answer recorded' };
  const names: string[] = [];
  for (const name of subject.linked(row, answers)) {
    const missing = subject.missing(name);
    if (missing instanceof BpfError) {
      if (name === row.program) return { kind: 'error', what: missing.message };
    } else if (missing.length > 0) {
      if (name === row.program) return { kind: 'missing', what: missing.join(', ') };
    } else names.push(name);
  }
  const mapSizes: Record<string, number> = {};
  for (const name of answer.max_entries_was_0 ?? []) {
    const map = subject.spec.maps.find((candidate) => candidate.name === name);
    if (map !== undefined) mapSizes[name] = map.type === CPUMAP ? UNSIZED.cpumap : UNSIZED.map;
  }
  let object: LoadedObject | undefined;
  try {
    const variables = subject.spec.externs.some(({ name }) => name === PROBED) ? { variables: { [PROBED]: 0 } } : {};
    object = loadCollection(subject.spec, {
      only: names,
      engine,
      host,
      cpus: CPUS,
      clock: 10n ** 12n,
      mapSizes,
      unread: true,
      ...variables,
      ...(btf === undefined ? {} : { btf }),
    });
    return compare(object, row, answer, answers, engine);
  } catch (error) {
    return { kind: 'error', what: (error as Error).message.split('\n')[0]! };
  } finally {
    object?.dispose();
  }
}

function compare(object: LoadedObject, row: Row, answer: Answer, { map_init }: Answers, engine: EngineName): Outcome {
  const different = (what: string): Outcome => ({ kind: 'different', what });
  fillMaps(object, map_init);
  const before = contentsOf(object);
  const program = object.programs[row.program]!;
  const full = row.use === 'full';
  const isBuffer = contextOf(program.type)?.name === '__sk_buff' && program.type !== 'flow_dissector';
  for (let i = 0; i < index.packets.length; i++) {
    const id = index.packets[i]!;
    const key = String(id);
    const expected = answer.ret_all ?? answer.ret?.[i];
    // The interface refused the packet.
    if (expected === null || expected === undefined || answer.errno?.[key] !== undefined) continue;
    const packet = packets.get(id)!;
    const result = program.run({ packet, engine });
    object.clock.advance(BETWEEN_PACKETS);
    const got = Number(result.r0 & 0xffff_ffffn);
    if (got !== expected >>> 0) return different(`packet ${id}: returned ${got}, the kernel ${expected}`);
    if (row.use === 'ret') continue;
    const out = result.flowKeys ?? outputOf(program.type, result.packet!, result.metadata);
    const wantedOut = answer.out[key] ?? hex(seesLinkLayer(program.type) ? packet : outputOf(program.type, packet.subarray(14)));
    if (hex(out) !== wantedOut) return different(`packet ${id}: leaves ${difference(hex(out), wantedOut)}`);
    if (answer.meta_len !== undefined && (result.metadata?.length ?? 0) !== (answer.meta_len[key] ?? 0))
      return different(`packet ${id}: ${result.metadata?.length ?? 0} bytes of metadata, the kernel ${answer.meta_len[key] ?? 0}`);
    if (!full || !isBuffer) continue;
    const ctx = result.ctx as Readonly<Record<string, number | readonly number[]>>;
    const fields: Record<string, number> = { mark: ctx['mark'] as number, priority: ctx['priority'] as number };
    (ctx['cb'] as readonly number[]).forEach((word, cell) => {
      fields[`cb${cell}`] = word;
    });
    const recorded = answer.ctx?.[key] ?? {};
    for (const name of new Set([...Object.keys(fields), ...Object.keys(recorded)])) {
      const value = fields[name] ?? Number(ctx[name] ?? 0);
      if (value !== (recorded[name] ?? 0)) return different(`packet ${id}: context ${name} = ${value}, the kernel ${recorded[name] ?? 0}`);
    }
  }
  const maps = full ? compareMaps(object, before, answer.maps_after) : undefined;
  return maps === undefined ? { kind: 'same' } : different(maps);
}

/** What the interface gives back: XDP's metadata before the packet; socket buffers that begin with layer 3 get zeros for the link layer. */
function outputOf(type: string, packet: Uint8Array, metadata?: Uint8Array): Uint8Array {
  if (type === 'xdp' && metadata !== undefined) return Uint8Array.of(...metadata, ...packet);
  if (seesLinkLayer(type)) return packet;
  const out = new Uint8Array(14 + packet.length);
  out.set(packet, 14);
  return out;
}

function difference(got: string, expected: string): string {
  if (got.length !== expected.length) return `${got.length / 2} bytes, the kernel ${expected.length / 2}`;
  let at = 0;
  while (got[at] === expected[at]) at++;
  at &= ~1;
  return `${got.slice(at, at + 16)} at ${at / 2}, the kernel ${expected.slice(at, at + 16)}`;
}

interface Tally {
  right: number;
  of: number;
}
interface Line {
  readonly required: Tally;
  readonly varied: Tally;
  readonly attempted: Tally;
}

const newLine = (): Line => ({ required: { right: 0, of: 0 }, varied: { right: 0, of: 0 }, attempted: { right: 0, of: 0 } });
const shown = ({ right, of }: Tally): string => (of === 0 ? '-' : `${right}/${of}`);

async function runEngine(engine: EngineName, attempt: boolean): Promise<boolean> {
  const { host } = engine === 'interpreter' || engine === 'arm64-sim' ? { host: undefined } : await nativeHost();
  const table = new Map<string, Line>();
  const total = newLine();
  const missing = new Map<string, { required: number; other: number }>();
  const notes: string[] = [];
  const listed: string[] = [];
  const expected: string[] = [];
  const unexplained: string[] = [];
  const started = performance.now();
  const byObject = new Map<string, Row[]>();
  for (const row of index.runs) byObject.set(row.path, [...(byObject.get(row.path) ?? []), row]);
  for (const [path, rows] of byObject) {
    const chosen = rows.filter(
      (row) =>
        (row.required || attempt) && (values.only === undefined || `${row.path} ${row.program} ${row.scenario}`.includes(values.only)),
    );
    if (chosen.length === 0) continue;
    let subject: Subject | undefined;
    let refused = '';
    try {
      subject = new Subject(path, rows);
    } catch (error) {
      refused = (error as Error).message;
    }
    const name = `${chosen[0]!.group}/${chosen[0]!.object}`;
    const line = newLine();
    table.set(name, line);
    for (const row of chosen) {
      const outcome: Outcome = subject === undefined ? { kind: 'error', what: refused } : runRow(subject, row, engine, host);
      const columns = row.required ? (row.varied ? (['required', 'varied'] as const) : (['required'] as const)) : (['attempted'] as const);
      for (const column of columns) {
        for (const tally of [line[column], total[column]]) {
          tally.of++;
          if (outcome.kind === 'same') tally.right++;
        }
      }
      if (outcome.kind === 'missing') {
        for (const call of outcome.what.split(', ')) {
          const count = missing.get(call) ?? { required: 0, other: 0 };
          count[row.required ? 'required' : 'other']++;
          missing.set(call, count);
        }
      }
      const label = `${name} ${row.program} (${row.scenario})`;
      const known = knownRow(name, row.program, row.scenario);
      if (known !== undefined && outcome.kind === 'same')
        notes.push(`${label}: the kernel's answers, but listed as known to differ: ${known.why}`);
      else if (known !== undefined) expected.push(`${label}: ${known.why}`);
      else if (row.required && outcome.kind !== 'same')
        notes.push(`${label}: ${outcome.kind === 'missing' ? 'needs ' : ''}${outcome.what}`);
      if (!row.required) listed.push(`${label}: ${outcome.kind === 'same' ? 'same answers' : outcome.what} [${row.why_not}]`);
      if (!row.required && known === undefined && outcome.kind !== 'same') unexplained.push(`${label}: ${outcome.what}`);
    }
  }
  const width = Math.max(6, ...[...table.keys()].map((name) => name.length));
  const write = (name: string, line: Line): void => {
    const cells = [shown(line.required), shown(line.varied), shown(line.attempted)].map((cell) => cell.padStart(10)).join('');
    process.stdout.write(`${name.padEnd(width)}${cells}\n`);
  };
  process.stdout.write(`\n${engine}: rows with the kernel's answers, of all\n${'object'.padEnd(width)}  required    varied attempted\n`);
  for (const [name, line] of table) write(name, line);
  write('total', total);
  if (listed.length > 0) {
    process.stdout.write(`\nattempted, not required${values.verbose === true ? '' : ' (--verbose lists all)'}:\n`);
    for (const [why, count] of countBy(listed.map((text) => /\[(.*)\]$/.exec(text)![1]!)))
      process.stdout.write(`${String(count).padStart(5)}  ${why}\n`);
    if (values.verbose === true) for (const text of listed) process.stdout.write(`  ${text}\n`);
  }
  const wants = [...missing].sort(([, a], [, b]) => b.required - a.required || b.other - a.other);
  if (wants.length > 0) process.stdout.write('\nmissing: rows required, others\n');
  for (const [call, { required, other }] of wants)
    process.stdout.write(`${String(required).padStart(5)}${String(other).padStart(5)}  ${call}\n`);
  if (expected.length > 0) process.stdout.write('\nknown to differ:\n');
  for (const note of expected) process.stdout.write(`  ${note}\n`);
  if (unexplained.length > 0) process.stdout.write('\nattempted and different:\n');
  for (const note of unexplained) process.stdout.write(`  ${note}\n`);
  if (notes.length > 0) process.stdout.write('\nwrong:\n');
  for (const note of notes) process.stdout.write(`  ${note}\n`);
  const { required, varied, attempted } = total;
  process.stdout.write(
    `\n${engine}: required ${shown(required)}, of these varied ${shown(varied)}, attempted ${shown(attempted)} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  return notes.length === 0;
}

function countBy(texts: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

const names = values.engine ?? ['interpreter', ...(process.arch === 'arm64' ? ['arm64'] : ['x64', 'arm64-sim'])];
for (const [index, name] of names.entries()) {
  const engine = ENGINE_NAMES.find((candidate) => candidate === name);
  if (engine === undefined) {
    process.stderr.write(`no engine ${name}; there are ${ENGINE_NAMES.join(', ')}\n`);
    process.exit(2);
  }
  if (!(await runEngine(engine, index === 0 && values.required !== true))) process.exitCode = 1;
}
