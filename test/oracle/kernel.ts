// What the running kernel answered (corpora, kernel_oracle), against an engine: return values, packets, contexts, maps.
// `node dist/test/oracle/kernel.js [ENGINE] [PART-OF-PATH]` runs all required rows and lists the differences.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type Btf, parseBtf } from '../../src/btf/types.ts';
import { readCapture } from '../../src/pcap/read.ts';
import type { EngineName } from '../../src/runtime/engines.ts';
import { loadBytes } from '../../src/runtime/load.ts';
import type { BpfMap } from '../../src/runtime/maps.ts';
import type { LoadedObject } from '../../src/runtime/object.ts';
import { toHex, tryParseHex } from '../../src/util/bytes.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { corpus } from '../support/corpora.ts';

export interface Row {
  readonly file: string;
  readonly path: string;
  readonly program: string;
  readonly type: string;
  readonly scenario: string;
  readonly use: 'full' | 'ret' | 'ret+out' | 'none';
  readonly required: boolean;
  readonly varied: boolean;
  readonly helpers_called: readonly string[];
}

interface Answers {
  readonly program: string;
  readonly type: string;
  readonly ret?: readonly (number | null)[];
  readonly ret_all?: number;
  readonly errno?: Readonly<Record<string, number>>;
  readonly out?: Readonly<Record<string, string>>;
  readonly load_error?: unknown;
  readonly max_entries_was_0?: readonly string[];
  readonly maps_after?: Readonly<Record<string, MapAfter>>;
}

interface MapAfter {
  readonly type: string;
  readonly key_size: number;
  readonly value_size: number;
  readonly entries?: readonly (readonly [string, string | readonly string[]])[];
  readonly unchanged?: boolean;
}

interface File {
  readonly programs: readonly Answers[];
  readonly map_init: readonly (readonly [string, string, string])[];
}

export interface Oracle {
  readonly rows: readonly Row[];
  readonly packets: ReadonlyMap<number, Uint8Array>;
  readonly order: readonly number[];
  /** Types of the kernel that gave the answers. */
  readonly btf: Btf;
}

export function readOracle(): Oracle | undefined {
  const index = corpus('kernel_oracle/index.json');
  const capture = corpus('pcaps/merged-eth.pcap');
  const btf = corpus('btf/vmlinux-6.18.44-x86_64.btf.gz');
  if (index === undefined || capture === undefined || btf === undefined) return undefined;
  const { packets: order, runs } = JSON.parse(readFileSync(index, 'utf8')) as { packets: number[]; runs: Row[] };
  const wanted = new Set(order);
  const packets = new Map<number, Uint8Array>();
  let number = 0;
  for (const { data } of readCapture(readFileSync(capture), capture)) {
    if (wanted.has(number)) packets.set(number, data.slice());
    number++;
  }
  return { rows: runs, packets, order, btf: parseBtf(gunzipSync(readFileSync(btf)), btf) };
}

/** The kernel keeps 15 letters of a name; of data sections, 8 of the object's and the section's. */
function mapNamed(object: LoadedObject, name: string): BpfMap | undefined {
  const exact = object.maps[name];
  if (exact !== undefined) return exact;
  const section = /\.(?:rodata|data|bss|kconfig).*$/.exec(name)?.[0];
  return Object.values(object.maps).find((map) => map.name.slice(0, 15) === name || (section !== undefined && map.name.startsWith(section)));
}

/** Differences, at most a few; empty: the engine agrees with the kernel. */
export function compareRow(oracle: Oracle, row: Row, engine: EngineName): string[] {
  const root = corpus('.')!;
  const file = JSON.parse(gunzipSync(readFileSync(join(root, row.file))).toString()) as File;
  const answers = file.programs.find((one) => one.program === row.program);
  if (answers === undefined) return ['no such program in the answers'];
  if (answers.load_error !== undefined) return [];
  const mapSizes = Object.fromEntries((answers.max_entries_was_0 ?? []).map((name) => [name, 64]));
  using object = loadBytes(readFileSync(join(root, row.path)), { path: row.path, cpus: 2, engine, missingHelpers: 'stop', defaultType: answers.type, btf: oracle.btf, mapSizes });
  const program = object.programs[row.program];
  if (program === undefined) return [`no program ${row.program}`];
  for (const [name, key, value] of file.map_init) {
    const map = mapNamed(object, name);
    if (map === undefined) continue;
    if (value.startsWith('prog:')) object.setProgram(map, new DataView(tryParseHex(key)!.buffer).getUint32(0, true), value.slice(5));
    else map.setBytes(tryParseHex(key)!, tryParseHex(value)!);
  }
  const wrong: string[] = [];
  oracle.order.forEach((index, at) => {
    const expected = answers.ret_all ?? answers.ret?.[at];
    if (answers.errno?.[index] !== undefined || expected === undefined || expected === null || wrong.length > 3) return;
    const packet = oracle.packets.get(index)!;
    try {
      const result = program.run({ packet });
      const r0 = Number(result.r0 & 0xffff_ffffn);
      if (r0 !== (expected! >>> 0)) wrong.push(`packet ${index}: returned ${r0 | 0}, the kernel ${expected! | 0}`);
      if (row.use === 'ret' || answers.out === undefined) return;
      const out = answers.out[index];
      const whole = result.metadata === undefined ? toHex(result.packet ?? packet) : toHex(result.packet!);
      const before = toHex(packet);
      const unchanged = whole === before || before.endsWith(whole);
      if (out === undefined ? !unchanged : whole !== out) wrong.push(`packet ${index}: left ${whole.slice(0, 80)}, the kernel ${(out ?? before).slice(0, 80)}`);
    } catch (error) {
      if (!(error instanceof BpfStopped)) throw error;
      wrong.push(`packet ${index}: ${error.message}`);
    }
  });
  if (row.use === 'full' && wrong.length === 0) wrong.push(...compareMaps(object, answers));
  return wrong;
}

function compareMaps(object: LoadedObject, answers: Answers): string[] {
  const wrong: string[] = [];
  for (const [name, after] of Object.entries(answers.maps_after ?? {})) {
    if (after.unchanged || after.entries === undefined) continue;
    const map = mapNamed(object, name);
    if (map === undefined || !/hash|array|lpm/.test(map.typeName) || /prog|perf|of_maps|cgroup/.test(map.typeName)) continue;
    const isHash = map.row.kept !== 'array';
    const ours = [...map.entriesBytes()]
      .map(([key, value]) => [toHex(key), toHex(value)] as const)
      .filter(([, value]) => isHash || /[^0]/.test(value))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const theirs = after.entries.map(([key, value]) => [key, typeof value === 'string' ? value : value.join('')] as const);
    const a = JSON.stringify(ours);
    const b = JSON.stringify(theirs);
    if (a !== b) wrong.push(`map ${name} (${map.typeName}): ${a.slice(0, 120)}, the kernel ${b.slice(0, 120)}`);
  }
  return wrong;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [engine = 'interpreter', part = ''] = process.argv.slice(2);
  const oracle = readOracle();
  if (oracle === undefined) throw new Error('the corpora are absent');
  const count = { same: 0, different: 0, variedSame: 0, varied: 0 };
  for (const row of oracle.rows.filter((one) => one.required && `${one.file} ${one.program}`.includes(part))) {
    let wrong: string[];
    try {
      wrong = compareRow(oracle, row, engine as EngineName);
    } catch (error) {
      wrong = [String(error)];
    }
    if (wrong.length === 0) count.same++;
    else {
      count.different++;
      console.log(`${row.file} ${row.program} (${row.type}; ${row.helpers_called.join(' ')})\n    ${wrong.join('\n    ')}`);
    }
    if (row.varied) count.varied++;
    if (row.varied && wrong.length === 0) count.variedSame++;
  }
  console.log(`${engine}: ${count.same} rows agree with the kernel, ${count.different} differ; of the ${count.varied} varied ones ${count.variedSame} agree`);
}
