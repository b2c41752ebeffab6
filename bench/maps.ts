// How fast maps are, ours and the running kernel's, through the same programs: `node dist/bench/maps.js [ROUNDS] [NAME-PART]...`. Each
// program does one thing a thousand times; nanoseconds for one, less the loop around it. Interleaved rounds; without bpf(2) there is no
// column of the kernel.
import '../src/runtime/engines/engines.ts';
import { parse } from '../src/asm/parse.ts';
import type { RunState } from '../src/interpreter/machine.ts';
import { nativeHost } from '../src/node.ts';
import { createProgram, type MapShape } from '../src/program/program.ts';
import type { EngineName } from '../src/runtime/engines/engine-names.ts';
import { LoadedObject } from '../src/runtime/object/object.ts';
import { MAP_TYPE, type MapTypeName } from '../src/spec/map-types.ts';
import { mapTypeRow } from '../src/spec/maps.ts';
import { PLACE } from '../src/window/window.ts';
import { type Kernel, openKernel, PROG_TYPE } from '../test/support/kernel-bpf.ts';

const ROUNDS = Number(process.argv[2] ?? 41);
const wanted = process.argv.slice(3);
const TIMES = 1000;
const ENTRIES = 1024;
/** A sample takes about that long: short beside what another process takes of the CPU. */
const SAMPLE_NS = 1_000_000;
const KEY = -64;
const VALUE = -256;

type Operation = 'nothing' | 'lookup' | 'update' | 'delete and insert' | 'push and pop' | 'output';

interface Case {
  readonly name: string;
  readonly type: MapTypeName;
  readonly keySize: number;
  readonly valueSize: number;
  readonly entries?: number;
  readonly flags?: number;
  readonly operations: readonly Operation[];
  /** Prefix lengths of a trie's elements. */
  readonly lengths?: readonly number[];
}

const ALL: readonly Operation[] = ['lookup', 'update', 'delete and insert'];
const ROUTES = [8, 16, 19, 20, 21, 22, 23, 24, 24, 24, 24, 32];
const CASES: readonly Case[] = [
  { name: 'hash, keys of 4', type: 'hash', keySize: 4, valueSize: 8, operations: ALL },
  { name: 'hash, keys of 8', type: 'hash', keySize: 8, valueSize: 8, operations: ALL },
  { name: 'hash, keys of 16', type: 'hash', keySize: 16, valueSize: 16, operations: ALL },
  { name: 'hash, keys of 40', type: 'hash', keySize: 40, valueSize: 64, operations: ALL },
  { name: 'per-CPU hash', type: 'percpu_hash', keySize: 4, valueSize: 8, operations: ALL },
  { name: 'LRU hash', type: 'lru_hash', keySize: 4, valueSize: 8, entries: 2 * ENTRIES, operations: ALL },
  { name: 'LRU hash, keys of 16', type: 'lru_hash', keySize: 16, valueSize: 16, entries: 2 * ENTRIES, operations: ALL },
  { name: 'trie, one length', type: 'lpm_trie', keySize: 8, valueSize: 8, entries: 2 * ENTRIES, flags: 1, lengths: [32], operations: ALL },
  {
    name: 'trie, like routes',
    type: 'lpm_trie',
    keySize: 8,
    valueSize: 8,
    entries: 2 * ENTRIES,
    flags: 1,
    lengths: ROUTES,
    operations: ALL,
  },
  {
    name: 'trie, IPv6',
    type: 'lpm_trie',
    keySize: 20,
    valueSize: 8,
    flags: 1,
    lengths: [32, 40, 44, 48, 48, 56, 64, 128],
    operations: ALL,
  },
  { name: 'array', type: 'array', keySize: 4, valueSize: 8, operations: ['lookup', 'update'] },
  { name: 'per-CPU array', type: 'percpu_array', keySize: 4, valueSize: 8, operations: ['lookup', 'update'] },
  { name: 'queue', type: 'queue', keySize: 0, valueSize: 8, operations: ['push and pop'] },
  { name: 'stack', type: 'stack', keySize: 0, valueSize: 8, operations: ['push and pop'] },
  { name: 'ring buffer, 16 bytes', type: 'ringbuf', keySize: 0, valueSize: 0, entries: 2 ** 24, operations: ['output'] },
];

const call = (id: number, ...args: readonly string[]): string[] => ['r1 = map[0]', ...args, `call ${id}`];
const stack = (register: string, offset: number): string[] => [`${register} = r10`, `${register} += ${offset}`];
const put = (...args: readonly string[]): string[] => call(2, ...stack('r2', KEY), ...stack('r3', VALUE), 'r4 = 0', ...args);

/** What happens once; R6 counts, R7 collects. */
const BODIES: Readonly<Record<Operation, readonly string[]>> = {
  nothing: [],
  lookup: [...call(1, ...stack('r2', KEY)), 'if r0 == 0 goto none', 'r1 = *(u32 *)(r0 + 0)', 'r7 += r1', 'none:'],
  update: [...put(), 'r7 += r0'],
  'delete and insert': [...call(3, ...stack('r2', KEY)), 'r7 += r0', ...put(), 'r7 += r0'],
  'push and pop': [...call(87, ...stack('r2', VALUE), 'r3 = 0'), ...call(88, ...stack('r2', VALUE)), 'r7 += r0'],
  // BPF_RB_NO_WAKEUP
  output: [...call(130, ...stack('r2', VALUE), 'r3 = 16', 'r4 = 1'), 'r7 += r0'],
};

/** A key's bytes for the R6-th time; they differ where elements do. */
function keyText({ type, keySize }: Case): string[] {
  if (keySize === 0) return [];
  const at = type === 'lpm_trie' ? KEY + 4 : KEY;
  return [
    'r1 = r6',
    'w1 *= 40503',
    `w1 &= ${ENTRIES - 1}`,
    ...(type === 'lpm_trie' ? ['w1 *= -1640531535'] : []),
    `*(u32 *)(r10 - ${-at}) = r1`,
  ];
}

function text(given: Case, operation: Operation): string {
  const zeros = Array.from({ length: -VALUE / 8 }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = r0`);
  const trie = given.type === 'lpm_trie' ? [`r1 = ${8 * (given.keySize - 4)}`, `*(u32 *)(r10 - ${-KEY}) = r1`] : [];
  const body = [...keyText(given), ...BODIES[operation]];
  return [
    'r0 = 0',
    ...zeros,
    ...trie,
    'r6 = 0',
    'r7 = 0',
    'again:',
    ...body,
    'r6 += 1',
    `if r6 < ${TIMES} goto again`,
    'r0 = r7',
    'exit',
  ].join('\n');
}

/** What the map is filled with: the keys that programs ask for, tries with prefixes of them. */
function* elements(given: Case): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  const { type, keySize, valueSize, lengths = [] } = given;
  if (keySize === 0) return;
  for (let i = 0; i < ENTRIES; i++) {
    const key = new Uint8Array(keySize);
    const view = new DataView(key.buffer);
    if (type === 'lpm_trie') {
      view.setUint32(4, Math.imul(i, -1640531535), true);
      view.setUint32(0, Math.min(lengths[i % lengths.length]!, 8 * (keySize - 4)), true);
    } else view.setUint32(0, i, true);
    const value = new Uint8Array(valueSize);
    new DataView(value.buffer).setUint32(0, i, true);
    yield [key, value];
  }
}

const shapeOf = ({ type, keySize, valueSize, entries = ENTRIES, flags = 0 }: Case): MapShape => ({
  ...{ name: 'map', type: MAP_TYPE[type], keySize, valueSize, maxEntries: entries, flags },
});

interface Column {
  /** Nanoseconds of a run, over `count` runs. */
  sample(count: number): number;
  readonly result: bigint;
}

function ours(given: Case, operation: Operation, engine: EngineName, host: Awaited<ReturnType<typeof nativeHost>>['host']): Column {
  const { bytes, subprograms } = parse(text(given, operation));
  const shape = shapeOf(given);
  const program = createProgram({ name: 'main', type: 'xdp', bytes, subprograms, maps: [shape] });
  const object = new LoadedObject({ name: 'bench', programs: [program], maps: [shape] }, { cpus: 2, host });
  const map = object.maps['map']!;
  for (const [key, value] of elements(given)) map.setBytes(key, value);
  const { r0 } = object.programs['main']!.run({ packet: new Uint8Array(64), engine });
  const runnable = object.runnable(program, object.engine(engine));
  const { data, length } = object.home.packet;
  const state = (): RunState => ({
    ...{ fuel: 2 ** 40, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: data, packetLength: length, instructions: 0 },
  });
  return {
    result: BigInt.asUintN(32, r0),
    sample(count) {
      let spent = 0n;
      for (let i = 0; i < count; i++) {
        const start = process.hrtime.bigint();
        runnable.run({ r1: PLACE.context, r2: 0, state: state(), timeoutMs: 0 });
        spent += process.hrtime.bigint() - start;
        if (map.ring !== undefined) map.ring.consumer = map.ring.producer;
      }
      return Number(spent) / count;
    },
  };
}

function theirs(kernel: Kernel, given: Case, operation: Operation, cpus: number): Column {
  const { bytes } = parse(text(given, operation));
  const { type, keySize, valueSize, maxEntries, flags } = shapeOf(given);
  const fd = kernel.maps.create(type, keySize, valueSize, maxEntries, flags);
  if (fd < 0) throw new Error(`the kernel does not make the map of ${given.name}: ${fd}`);
  const all = mapTypeRow(type)?.perCpu === true ? Math.ceil(valueSize / 8) * 8 * cpus : valueSize;
  for (const [key, value] of elements(given)) {
    const padded = new Uint8Array(all);
    for (let at = 0; at < all; at += Math.ceil(valueSize / 8) * 8) padded.set(value, at);
    kernel.maps.update(fd, key, padded);
  }
  const patched = bytes.slice();
  for (let at = 0; at < patched.length; at += 8) {
    if (patched[at] !== 0x18) continue;
    new DataView(patched.buffer).setInt32(at + 4, fd, true);
    at += 8;
  }
  const made = kernel.load({ type: PROG_TYPE.xdp, bytes: patched });
  if (!('fd' in made)) throw new Error(`the kernel refuses ${given.name}, ${operation}: errno ${made.errno}`);
  const packet = new Uint8Array(64);
  const reader = given.type === 'ringbuf' ? kernel.ringReader(fd) : undefined;
  const { retval } = kernel.testRun(made.fd, packet);
  return {
    result: BigInt(retval),
    sample(count) {
      if (reader === undefined) return kernel.testRun(made.fd, packet, count).duration;
      let spent = 0;
      for (let i = 0; i < count; i++) {
        spent += kernel.testRun(made.fd, packet).duration;
        reader.skip();
      }
      return spent / count;
    },
  };
}

/** A tenth of the samples is faster: what other processes take of the CPU is not in it. */
const fast = (samples: readonly number[]): number => [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 10)] ?? Number.NaN;

const { host } = await nativeHost();
const engine: EngineName = host?.target === 'x64' ? 'x64' : host?.target === 'arm64' ? 'arm64' : 'interpreter';
const kernel = await openKernel();
if (typeof kernel === 'string') console.log(`no kernel to compare with: ${kernel}`);
const pinned = typeof kernel !== 'string' && kernel.pin(0);
console.log(
  `${engine}${typeof kernel === 'string' ? '' : ' and the kernel'}: nanoseconds for one operation, the fastest tenth of ${ROUNDS} rounds${pinned ? ', on CPU 0' : ''}`,
);
console.log(`${'map'.padEnd(24)}${'operation'.padEnd(20)}${engine.padStart(8)}${'kernel'.padStart(10)}${'of the kernel'.padStart(16)}`);
const KERNEL_CPUS = 64;
for (const given of CASES) {
  if (wanted.length > 0 && !wanted.some((part) => given.name.includes(part))) continue;
  const rows = (['nothing', ...given.operations] as const).map((operation) => ({
    operation,
    columns: [
      ours(given, operation, engine, host),
      ...(typeof kernel === 'string' ? [] : [theirs(kernel, given, operation, KERNEL_CPUS)]),
    ].map((column) => ({
      ...column,
      samples: [] as number[],
      count: Math.max(1, Math.min(2000, Math.round(SAMPLE_NS / Math.max(column.sample(3), 1)))),
    })),
  }));
  for (const { operation, columns } of rows) {
    if (columns.length > 1 && columns[0]!.result !== columns[1]!.result)
      console.log(`${given.name}, ${operation}: results differ, ${columns.map(({ result }) => result).join(' and ')}`);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { columns } of rows) for (const column of columns) column.samples.push(column.sample(column.count));
  }
  const [empty, ...others] = rows.map(({ operation, columns }) => ({ operation, times: columns.map(({ samples }) => fast(samples)) }));
  for (const { operation, times } of others) {
    const [mine, kernels] = times.map((time, i) => (time - empty!.times[i]!) / TIMES);
    const ratio = kernels === undefined ? '' : `${(mine! / kernels).toFixed(2)}`;
    console.log(
      `${given.name.padEnd(24)}${operation.padEnd(20)}${mine!.toFixed(2).padStart(8)}${(kernels?.toFixed(2) ?? '-').padStart(10)}${ratio.padStart(16)}`,
    );
  }
}
