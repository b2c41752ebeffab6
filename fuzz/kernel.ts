// Generated objects on the running kernel: R0, the packet, and the contents of the maps, against the interpreter's.
import { readFileSync } from 'node:fs';
import { KIND, PSEUDO } from '../src/isa/code.ts';
import type { Program } from '../src/program/program.ts';
import type { LoadedObject } from '../src/runtime/object/object.ts';
import { MAP_TYPE } from '../src/spec/map-types.ts';
import { toHex } from '../src/util/bytes.ts';
import { type Kernel, openKernel, PROG_TYPE } from '../test/support/kernel-bpf.ts';
import { textOf } from '../test/support/object-engines.ts';
import { interpreted } from './compare.ts';
import { programsOf } from './objects.ts';
import type { GeneratedMap, GeneratedObject } from './tree.ts';

export interface KernelTally {
  accepted: number;
  refused: number;
  /** The verifier's last words, and how often. */
  readonly reasons: Map<string, number>;
}

export interface KernelComparison {
  readonly kernel: Kernel;
  /** BTF of functions whose addresses are taken. */
  readonly btf: number;
  readonly cpus: number;
}

const PER_CPU: readonly number[] = [MAP_TYPE.percpu_array, MAP_TYPE.percpu_hash, MAP_TYPE.lru_percpu_hash];
const QUEUES: readonly number[] = [MAP_TYPE.queue, MAP_TYPE.stack];
/** Nothing to be seen from outside: what they hold is in the answers of helpers. */
const OPAQUE: readonly number[] = [
  MAP_TYPE.ringbuf, MAP_TYPE.prog_array, MAP_TYPE.perf_event_array, MAP_TYPE.bloom_filter, MAP_TYPE.array_of_maps, MAP_TYPE.hash_of_maps,
]; // biome-ignore format: a list
/** Refusals whose reason is asked for; it takes a second load. */
const MAX_REASONS = 500;
const MAIN_TYPE = 3;
const FUNCTION_TYPE = 4;

/** The kernel, ready to compare; a sentence: why it cannot be. */
export async function openComparison(): Promise<KernelComparison | string> {
  const kernel = await openKernel();
  if (typeof kernel === 'string') return kernel;
  if (!kernel.pin(0)) return 'the process may not choose its CPU';
  const possible = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return { kernel, btf: kernel.btfLoad(functionTypes()), cpus: Number(possible.split('-').at(-1)) + 1 };
}

/** BTF with int, int (void), a global and a static function of that type. [Linux bpf/btf] */
function functionTypes(): Uint8Array {
  const names = new TextEncoder().encode('\0int\0main\0callee\0');
  const [INT, FUNC, FUNC_PROTO] = [1, 12, 13];
  const types = [
    [1, INT << 24, 4, (1 << 24) | 32],
    [0, FUNC_PROTO << 24, 1],
    [5, (FUNC << 24) | 1, 2],
    [10, FUNC << 24, 2],
  ].flat(); // biome-ignore format: a table
  const header = [0x0001_eb9f, 24, 0, 4 * types.length, 4 * types.length, names.length];
  return Uint8Array.from([...new Uint8Array(Uint32Array.from([...header, ...types]).buffer), ...names]);
}

/** What differs, in words; undefined: nothing, or the kernel refuses the object. Without `tally` nothing is counted. */
export function compareWithKernel(comparison: KernelComparison, object: GeneratedObject, tally?: KernelTally): string | undefined {
  const { kernel } = comparison;
  const opened: number[] = [];
  const fds: number[] = [];
  try {
    for (const { type, keySize, valueSize, maxEntries, flags, inner, keys = [] } of object.maps) {
      const fd = kernel.mapCreate(type, keySize, valueSize, maxEntries, flags, inner === undefined ? 0 : fds[inner]!);
      fds.push(fd);
      opened.push(fd);
      for (const key of keys) kernel.mapUpdate(fd, word(key), word(fds[inner!]!));
    }
    const programs: number[] = [];
    for (const program of programsOf(object, 'p')) {
      const loaded = loadProgram(comparison, program, fds, tally);
      if (loaded === undefined) return undefined;
      programs.push(loaded);
      opened.push(loaded);
    }
    for (const { map, index, program } of object.elements) kernel.mapUpdate(fds[map]!, word(index), word(programs[program]!));
    if (tally !== undefined) tally.accepted++;
    const theirs = object.runs.map(({ packet }) => {
      const { retval, dataOut } = kernel.testRun(programs[0]!, packet);
      return `0x${retval.toString(16)} packet ${toHex(dataOut)}`;
    });
    theirs.push(...object.maps.map((map, i) => `${map.name}: ${kernelContents(comparison, fds[i]!, map)}`));
    const ours = interpreted(object, { cpus: comparison.cpus, unread: true }, ({ loaded, runs }) => [
      ...runs.map((run) => (run.kind === 'stop' ? textOf(run) : `0x${(run.r0 & 0xffff_ffffn).toString(16)} packet ${toHex(run.packet)}`)),
      ...object.maps.map((map) => `${map.name}: ${ownContents(loaded, map)}`),
    ]);
    const at = ours.findIndex((text, i) => text !== theirs[i]);
    return at < 0 ? undefined : `interpreter: ${ours[at]}\nkernel: ${theirs[at]}`;
  } finally {
    for (const fd of opened.reverse()) kernel.close(fd);
  }
}

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function loadProgram(
  { kernel, btf }: KernelComparison,
  program: Program,
  maps: readonly number[],
  tally?: KernelTally,
): number | undefined {
  const { code, subprograms } = program;
  const bytes = program.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] !== KIND.lddw || (code.op[slot] !== PSEUDO.map && code.op[slot] !== PSEUDO.mapValue)) continue;
    view.setInt32(8 * slot + 4, maps[code.imm[slot]!]!, true);
  }
  const types = subprograms.map(({ start }, i) => [start, i === 0 ? MAIN_TYPE : FUNCTION_TYPE] as const);
  const options = { type: program.type === 'sched_cls' ? PROG_TYPE.schedCls : PROG_TYPE.xdp, bytes, functions: { btf, types } };
  const loaded = kernel.load(options);
  if ('fd' in loaded) return loaded.fd;
  if (tally === undefined) return undefined;
  if (tally.refused++ < MAX_REASONS) {
    const reason = lastWords(kernel.load({ ...options, log: true }));
    tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
  }
  return undefined;
}

/** Numbers say nothing about how often a rule refuses. */
function lastWords(result: ReturnType<Kernel['load']>): string {
  if ('fd' in result) return 'accepted at the second try';
  const lines = result.log.split('\n').filter((line) => line !== '' && !/^(processed|verification time|stack depth|max_states)/.test(line));
  return `errno ${result.errno}: ${(lines.at(-1) ?? '').replace(/-?\b(0x[0-9a-f]+|\d+)\b/g, 'N')}`;
}

function kernelContents({ kernel, cpus }: KernelComparison, fd: number, { type, keySize, valueSize }: GeneratedMap): string {
  if (OPAQUE.includes(type)) return '';
  const texts: string[] = [];
  if (QUEUES.includes(type)) {
    for (let value = kernel.mapPop(fd, valueSize); value !== undefined; value = kernel.mapPop(fd, valueSize)) texts.push(toHex(value));
    return texts.join(' ');
  }
  // Of a per-CPU map all CPUs' values, each rounded up to 8; the test runs are on the first one.
  const bytes = PER_CPU.includes(type) ? 8 * Math.ceil(valueSize / 8) * cpus : valueSize;
  for (const key of kernel.mapKeys(fd, keySize)) {
    const value = kernel.mapLookup(fd, key, bytes);
    if (value !== undefined) texts.push(`${toHex(key)}=${toHex(value.subarray(0, valueSize))}`);
  }
  return texts.sort().join(' ');
}

function ownContents(loaded: LoadedObject, { name, type, valueSize }: GeneratedMap): string {
  if (OPAQUE.includes(type)) return '';
  const map = loaded.maps[name]!;
  const texts: string[] = [];
  if (QUEUES.includes(type)) {
    for (let value = map.popBytes(); value !== undefined; value = map.popBytes()) texts.push(toHex(value));
    return texts.join(' ');
  }
  for (const [key, value] of map.entriesBytes()) texts.push(`${toHex(key)}=${toHex(value.subarray(0, valueSize))}`);
  return texts.sort().join(' ');
}
