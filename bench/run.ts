// How fast programs run: `node dist/bench/run.js [ROUNDS] [NAME-PART]...`, over the xdp programs of ../shared/corpora/bench. Time per
// run less that of the empty program `null`: x64 as it is by default (fuel and containment on), x64 without both, the interpreter, and,
// where bpf(2) is permitted, the running kernel's JIT on the same bytecode and input. Medians of interleaved rounds.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunState } from '../src/interpreter/machine.ts';
import { findTarget } from '../src/jit/targets.ts';
import { nativeHost } from '../src/node.ts';
import { batchPlan, DESCRIPTOR, DESCRIPTORS, TEMPLATE } from '../src/runtime/engines/batch-layout.ts';
import type { Engine } from '../src/runtime/engines/engine.ts';
import { jitEngine } from '../src/runtime/engines/jit-engine.ts';
import { loadBytes } from '../src/runtime/object/load.ts';
import type { LoadedObject } from '../src/runtime/object/object.ts';
import { contextOf } from '../src/spec/contexts.ts';
import { PLACE } from '../src/window/window.ts';
import { makeBench, sum } from '../test/host/support.ts';
import { corpus, SKIP } from '../test/support/corpora.ts';
import { type Kernel, MAP_TYPE, openKernel, PROG_TYPE } from '../test/support/kernel-bpf.ts';

const ROUNDS = Number(process.argv[2] ?? 41);
const wanted = process.argv.slice(3);
/** A sample takes about that long: short beside what another process takes of the CPU. */
const SAMPLE_NS = 250_000;
const KEYS = 1024;
/** Programs that the goal is about, and those that are measured with them. */
const JUDGED = ['fletcher', 'siphash', 'jhash', 'fib', 'strsearch', 'tlv', 'atomics'];

type Column = 'x64' | 'bare' | 'interpreter' | 'kernel';

interface Subject {
  readonly program: string;
  readonly column: Column;
  /** Nanoseconds per run, of `count` runs. */
  sample(count: number): number;
  count: number;
  readonly samples: number[];
}

const value = (key: bigint): bigint => (key * 0x9e3779b97f4a7c15n) & 0xffff_ffff_ffff_ffffn;

function fill(object: LoadedObject): void {
  for (const map of Object.values(object.maps))
    if (map.type === MAP_TYPE.hash) for (let k = 0n; k < BigInt(KEYS); k++) map.set(k, value(k));
}

/** The loop that runBatch uses, over descriptors that all name the same packet, which runs leave fit for the next. */
function machineCode(object: LoadedObject, engine: Engine, packet: Uint8Array, digest: number): (count: number) => number {
  const [loaded] = Object.values(object.programs);
  const { program } = loaded!;
  const { r0 } = loaded!.run({ packet, engine });
  if (Number(r0 & 0xffff_ffffn) !== digest) throw new Error(`${object.name} on ${engine.name}: 0x${r0.toString(16)}`);
  const { window, packet: area } = object.home;
  const { layout } = batchPlan(program, contextOf('xdp'), { given: {}, replaced: () => false, hasTime: false, linked: () => [] })!;
  const { from, to, bytes } = layout.template!;
  window.write(from, window.read(to, bytes));
  const most = Math.floor((TEMPLATE - DESCRIPTORS) / layout.stride);
  for (let i = 0; i < most; i++) {
    window.setU32(DESCRIPTORS + i * layout.stride + DESCRIPTOR.data, area.data);
    window.setU32(DESCRIPTORS + i * layout.stride + DESCRIPTOR.end, area.end);
  }
  const loop = object.runnable(program, engine).batch!(layout, 2 ** 30);
  return (count) => {
    // The first run after another program's takes its settings over.
    loop.run(DESCRIPTORS, Math.min(most, Math.ceil(count / 8)));
    const start = process.hrtime.bigint();
    for (let left = count; left > 0; left -= most) {
      const runs = Math.min(left, most);
      if (loop.run(DESCRIPTORS, runs) !== runs) throw loop.stopped();
    }
    return Number(process.hrtime.bigint() - start) / count;
  };
}

/** More fuel than a run takes, and the packet at `packet`. */
function freshState(packet: number, packetLength: number): RunState {
  return { fuel: 2 ** 30, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet, packetLength, instructions: 0 };
}

function interpreted(object: LoadedObject, packet: Uint8Array): (count: number) => number {
  const [loaded] = Object.values(object.programs);
  loaded!.run({ packet, engine: 'interpreter' });
  const runnable = object.runnable(loaded!.program, object.engine('interpreter'));
  const { data, length } = object.home.packet;
  return (count) => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
      runnable.run({ r1: PLACE.context, r2: 0, state: freshState(data, length), timeoutMs: 0 });
    }
    return Number(process.hrtime.bigint() - start) / count;
  };
}

/** The linked bytecode with the kernel's maps in it. */
function inKernel(kernel: Kernel, object: LoadedObject, packet: Uint8Array, digest: number): ((count: number) => number) | string {
  const [loaded] = Object.values(object.programs);
  const { bytes, maps } = loaded!.program;
  const fds = maps.map(({ type, keySize, valueSize, maxEntries, flags }) => kernel.mapCreate(type, keySize, valueSize, maxEntries, flags));
  for (const [i, map] of maps.entries()) {
    if (map.type !== MAP_TYPE.hash) continue;
    for (let k = 0n; k < BigInt(KEYS); k++) {
      const word = (n: bigint, size: number): Uint8Array => new Uint8Array(BigUint64Array.of(n).buffer).subarray(0, size);
      kernel.mapUpdate(fds[i]!, word(k, map.keySize), word(value(k), map.valueSize));
    }
  }
  const patched = bytes.slice();
  const view = new DataView(patched.buffer);
  for (let at = 0; at < patched.length; at += 8) {
    if (patched[at] !== 0x18) continue;
    if (patched[at + 1]! >> 4 === 1) view.setInt32(at + 4, fds[view.getInt32(at + 4, true)]!, true);
    at += 8;
  }
  const made = kernel.load({ type: PROG_TYPE.xdp, bytes: patched });
  if (!('fd' in made)) return `the kernel refuses it: errno ${made.errno}`;
  const { retval } = kernel.testRun(made.fd, packet);
  if (retval !== digest) return `kernel: 0x${retval.toString(16)}`;
  return (count) => kernel.testRun(made.fd, packet, count).duration;
}

const median = (samples: readonly number[]): number => [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
const geometric = (ratios: readonly number[]): number => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

const folder = corpus('bench');
const { host } = await nativeHost();
const target = findTarget('x64');
if (folder === undefined) console.log(SKIP);
else if (host?.target !== 'x64' || target === undefined) console.log('the engine x64 cannot run here');
else {
  const engine = jitEngine('x64', target, host);
  const bare = jitEngine('x64 without fuel and containment', target, host, { fuel: false, sandbox: false });
  const kernel = await openKernel();
  if (typeof kernel === 'string') console.log(`no kernel to compare with: ${kernel}`);
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, { digest: string; input: string }>;
  const names = readdirSync(join(folder, 'objects'))
    .filter((name) => name.endsWith('.xdp.v3.o'))
    .map((name) => name.replace('.xdp.v3.o', ''))
    .filter((name) => name === 'null' || wanted.length === 0 || wanted.some((part) => name.includes(part)));
  const subjects: Subject[] = [];
  for (const program of names) {
    const path = join(folder, 'objects', `${program}.xdp.v3.o`);
    const { digest, input } = expected[program]!;
    const packet = readFileSync(join(folder, input));
    const open = (): LoadedObject => {
      const object = loadBytes(readFileSync(path), { path, host });
      fill(object);
      return object;
    };
    const add = (column: Column, sample: Subject['sample']): void => void subjects.push({ program, column, sample, count: 1, samples: [] });
    add('x64', machineCode(open(), engine, packet, Number(digest)));
    add('bare', machineCode(open(), bare, packet, Number(digest)));
    add('interpreter', interpreted(open(), packet));
    if (typeof kernel === 'string') continue;
    const oracle = inKernel(kernel, open(), packet, Number(digest));
    if (typeof oracle === 'string') console.log(`${program}: ${oracle}`);
    else add('kernel', oracle);
  }
  for (const subject of subjects) {
    for (let i = 0; i < 3; i++) subject.sample(subject.column === 'interpreter' ? 2 : 200);
    const once = subject.sample(subject.column === 'interpreter' ? 2 : 200);
    subject.count = Math.max(1, Math.min(100_000, Math.round(SAMPLE_NS / Math.max(once, 1))));
  }
  for (let round = 0; round < ROUNDS; round++) for (const subject of subjects) subject.samples.push(subject.sample(subject.count));

  const timeOf = (program: string, column: Column): number =>
    median(subjects.find((subject) => subject.program === program && subject.column === column)?.samples ?? []);
  const net = (program: string, column: Column): number => timeOf(program, column) - timeOf('null', column);
  const heads = ['x64', 'kernel', 'x64/kernel', 'no fuel, no confinement', 'cost of both', 'interpreter', 'times slower'];
  console.log(`nanoseconds per run, medians of ${ROUNDS} rounds, less null; the kernel gives whole nanoseconds`);
  console.log(['program'.padEnd(12), ...heads.map((head) => head.padStart(Math.max(12, head.length)))].join('  '));
  for (const program of names.filter((name) => name !== 'null')) {
    const [x64, kernelTime, without, slow] = [
      net(program, 'x64'),
      net(program, 'kernel'),
      net(program, 'bare'),
      net(program, 'interpreter'),
    ];
    const cells = [x64.toFixed(1), kernelTime.toFixed(1), (x64 / kernelTime).toFixed(3), without.toFixed(1)];
    cells.push(`${((x64 / without - 1) * 100).toFixed(1)} %`, slow.toFixed(0), (slow / x64).toFixed(0));
    console.log([program.padEnd(12), ...cells.map((cell, i) => cell.padStart(Math.max(12, heads[i]!.length)))].join('  '));
  }
  const judged = JUDGED.filter((name) => names.includes(name));
  const all = names.filter((name) => name !== 'null');
  console.log('\ngeometric means');
  console.log(
    `  x64 / kernel over ${judged.join(', ')}: ${geometric(judged.map((name) => net(name, 'x64') / net(name, 'kernel'))).toFixed(3)}`,
  );
  console.log(`  x64 / kernel over all: ${geometric(all.map((name) => net(name, 'x64') / net(name, 'kernel'))).toFixed(3)}`);
  console.log(`  with fuel and containment / without: ${geometric(all.map((name) => net(name, 'x64') / net(name, 'bare'))).toFixed(3)}`);
  console.log(`  interpreter / x64: ${geometric(all.map((name) => net(name, 'interpreter') / net(name, 'x64'))).toFixed(0)}`);
  console.log(
    `null, as it is: x64 ${timeOf('null', 'x64').toFixed(1)} ns a packet of a batch, kernel ${timeOf('null', 'kernel').toFixed(1)} ns`,
  );
  entries();
}

/** What it costs to get from JavaScript to a program and back, and from packet to packet. */
function entries(): void {
  const path = join(folder!, 'objects/null.xdp.v3.o');
  const object = loadBytes(readFileSync(path), { path, host });
  const [loaded] = Object.values(object.programs);
  const runnable = object.runnable(loaded!.program, object.engine('x64'));
  const packet = new Uint8Array(64);
  loaded!.run({ packet, engine: 'x64' });
  const { data, length } = object.home.packet;
  const state = freshState(data, length);
  const request = { r1: PLACE.context, r2: 0, state, timeoutMs: 0 };
  const packets = new Array<Uint8Array>(20_000).fill(packet);
  const bench = makeBench(host!);
  const empty = bench.executable(sum(bench));
  const rows: readonly (readonly [string, number, () => void])[] = [
    ['an executable runs an empty program', 20_000, () => repeat(20_000, () => void empty.run(1, 2))],
    [
      'an engine runs null',
      20_000,
      () =>
        repeat(20_000, () => {
          state.fuel = 2 ** 30;
          runnable.run(request);
        }),
    ],
    ['program.run of null with 64 bytes', 2_000, () => repeat(2_000, () => void loaded!.run({ packet, engine: 'x64' }))],
    ['program.runBatch of null, per packet of 64 bytes', packets.length, () => void loaded!.runBatch(packets, { engine: 'x64' })],
    ['the same, looked at', packets.length, () => void loaded!.runBatch(packets, { engine: 'x64', each: () => undefined })],
  ];
  const samples = rows.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, per, body]] of rows.entries()) {
      const start = process.hrtime.bigint();
      body();
      samples[i]!.push(Number(process.hrtime.bigint() - start) / per);
    }
  }
  console.log('\nentering and leaving, nanoseconds (bench/host has the parts)');
  for (const [i, [name]] of rows.entries()) console.log(`  ${name.padEnd(52)} ${median(samples[i]!).toFixed(1).padStart(8)}`);
}

function repeat(count: number, body: () => void): void {
  for (let i = 0; i < count; i++) body();
}
