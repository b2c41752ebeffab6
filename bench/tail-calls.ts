// What a tail call costs: `node dist/bench/tail-calls.js [ROUNDS]`. Each program makes 33 of them and returns; the time of a program that
// makes none is taken off. Machine code of this machine, and, where bpf(2) is permitted, the running kernel's JIT on the same bytecode in
// the same rounds; one run from JavaScript each for the simulator and the interpreter. Medians of interleaved rounds.
import { parse } from '../src/asm/parse.ts';
import { nativeHost } from '../src/node.ts';
import { createProgram, type MapShape } from '../src/program/program.ts';
import { batchPlan, DESCRIPTORS, TEMPLATE } from '../src/runtime/engines/batch-layout.ts';
import { LoadedObject } from '../src/runtime/object/object.ts';
import { contextOf } from '../src/spec/contexts.ts';
import { PLACE } from '../src/window/window.ts';
import { type Kernel, MAP_TYPE, openKernel, PROG_TYPE } from '../test/support/kernel-bpf.ts';

const ROUNDS = Number(process.argv[2] ?? 41);
const CALLS = 33;
const SAMPLE_NS = 250_000;
const PROGS: MapShape = { name: 'progs', type: MAP_TYPE.progArray, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
const PACKET = new Uint8Array(64);

/** rx_queue_index is 0 here and there. */
const PROGRAMS: Readonly<Record<string, string>> = {
  null: 'r0 = 2\nexit\n',
  'to a constant slot': 'r2 = map[progs]\nr3 = 0\ncall 12\nr0 = 2\nexit\n',
  'to a slot from memory': 'r3 = *(u32 *)(r1 + 16)\nr2 = map[progs]\ncall 12\nr0 = 2\nexit\n',
  'with R6 to R9 in use':
    'r6 = r1\nr7 = *(u32 *)(r6 + 12)\nr8 = *(u32 *)(r6 + 16)\nr9 = *(u32 *)(r6 + 16)\nr1 = r6\nr2 = map[progs]\nr3 = 0\ncall 12\nr0 = r7\nr0 += r8\nr0 += r9\nr0 = 2\nexit\n',
  'from a subprogram': 'call inner\nexit\ninner:\nr2 = map[progs]\nr3 = 0\ncall 12\nr0 = 2\nexit\n',
};

interface Subject {
  readonly program: string;
  readonly column: string;
  /** Nanoseconds per run, of `count` runs. */
  sample(count: number): number;
  count: number;
  readonly samples: number[];
}

function open(text: string, host: LoadOptions['host']): LoadedObject {
  const { bytes, subprograms } = parse(text);
  const program = createProgram({ name: 'main', type: 'xdp', bytes, subprograms, maps: [PROGS] });
  const object = new LoadedObject({ name: 'bench', programs: [program], maps: [PROGS] }, { host });
  object.setProgram(object.maps['progs']!, 0, 'main');
  return object;
}
type LoadOptions = NonNullable<ConstructorParameters<typeof LoadedObject>[1]>;

/** The loop that runBatch uses, over descriptors that are all 0. */
function natively(object: LoadedObject, target: 'arm64' | 'x64'): Subject['sample'] {
  const { program } = object.programs['main']!;
  const check = object.programs['main']!.run({ packet: PACKET, engine: target });
  if (check.r0 !== 2n) throw new Error(`machine code gives ${check.r0}`);
  const empty = createProgram({ name: 'null', type: 'xdp', bytes: parse(PROGRAMS['null']!).bytes });
  const { layout } = batchPlan(empty, contextOf('xdp'), { given: {}, replaced: () => false, hasTime: false, linked: () => [] })!;
  const most = Math.floor((TEMPLATE - DESCRIPTORS) / layout.stride);
  const loop = object.runnable(program, object.engine(target)).batch!(layout, 2 ** 30);
  return (count) => {
    loop.run(DESCRIPTORS, 8);
    const start = process.hrtime.bigint();
    for (let left = count; left > 0; left -= most) {
      const runs = Math.min(left, most);
      if (loop.run(DESCRIPTORS, runs) !== runs) throw loop.stopped();
    }
    return Number(process.hrtime.bigint() - start) / count;
  };
}

/** One run after the other from JavaScript. */
function fromJavaScript(object: LoadedObject, engine: 'interpreter' | 'arm64-sim' | 'arm64' | 'x64'): Subject['sample'] {
  const { program } = object.programs['main']!;
  object.programs['main']!.run({ packet: PACKET, engine });
  const runnable = object.runnable(program, object.engine(engine));
  const state = { fuel: 0, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: 0, packetLength: 0, instructions: 0 };
  return (count) => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
      runnable.run({ r1: PLACE.context, r2: 0, state: { ...state, fuel: 2 ** 30 }, timeoutMs: 0 });
    }
    return Number(process.hrtime.bigint() - start) / count;
  };
}

function inKernel(kernel: Kernel, object: LoadedObject): Subject['sample'] | string {
  const { bytes } = object.programs['main']!.program;
  const fd = kernel.mapCreate(MAP_TYPE.progArray, 4, 4, 1);
  const patched = bytes.slice();
  const view = new DataView(patched.buffer);
  for (let at = 0; at < patched.length; at += 8) {
    if (patched[at] !== 0x18) continue;
    view.setInt32(at + 4, fd, true);
    at += 8;
  }
  const made = kernel.load({ type: PROG_TYPE.xdp, bytes: patched });
  // Tail calls of subprograms need type information there, which this bytecode has not.
  if (!('fd' in made)) return `the kernel refuses it: errno ${made.errno}`;
  kernel.mapUpdate(fd, new Uint8Array(4), new Uint8Array(Int32Array.of(made.fd).buffer));
  const { retval } = kernel.testRun(made.fd, PACKET);
  if (retval !== 2) return `the kernel gives ${retval}`;
  return (count) => kernel.testRun(made.fd, PACKET, count).duration;
}

const median = (samples: readonly number[]): number => [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;

const { host } = await nativeHost();
const kernel = await openKernel();
if (typeof kernel === 'string') console.log(`no kernel to compare with: ${kernel}`);
const subjects: Subject[] = [];
for (const [program, text] of Object.entries(PROGRAMS)) {
  const add = (column: string, sample: Subject['sample']): void => void subjects.push({ program, column, sample, count: 1, samples: [] });
  if (host !== undefined) {
    add(host.target, natively(open(text, host), host.target));
    add(`${host.target}, run()`, fromJavaScript(open(text, host), host.target));
  }
  if (typeof kernel !== 'string') {
    const sample = inKernel(kernel, open(text, host));
    if (typeof sample === 'string') console.log(`${program}: ${sample}`);
    else add('kernel', sample);
  }
  add('interpreter', fromJavaScript(open(text, host), 'interpreter'));
  add('arm64-sim', fromJavaScript(open(text, host), 'arm64-sim'));
}
for (const subject of subjects) {
  for (let i = 0; i < 3; i++) subject.sample(20);
  subject.count = Math.max(1, Math.min(10_000, Math.round(SAMPLE_NS / Math.max(subject.sample(20), 1))));
}
for (let round = 0; round < ROUNDS; round++) for (const subject of subjects) subject.samples.push(subject.sample(subject.count));

const timeOf = (program: string, column: string): number =>
  median(subjects.find((subject) => subject.program === program && subject.column === column)?.samples ?? []);
const perCall = (program: string, column: string): number => (timeOf(program, column) - timeOf('null', column)) / CALLS;
const columns = [...new Set(subjects.map(({ column }) => column))];
const target = host?.target ?? 'arm64-sim';
console.log(`nanoseconds per tail call, medians of ${ROUNDS} rounds; the kernel's times are whole nanoseconds per run`);
console.log(['calls'.padEnd(24), ...columns.map((column) => column.padStart(12)), `${target}/kernel`.padStart(12)].join('  '));
for (const program of Object.keys(PROGRAMS).filter((name) => name !== 'null')) {
  const ratio = perCall(program, target) / perCall(program, 'kernel');
  const cells = [...columns.map((column) => perCall(program, column).toFixed(2)), Number.isNaN(ratio) ? '' : ratio.toFixed(2)];
  console.log([program.padEnd(24), ...cells.map((cell) => cell.padStart(12))].join('  '));
}
