// What it costs to enter and leave native code: `node dist/bench/host.js`. Medians of interleaved rounds, nanoseconds.
import { openHost } from '../src/host/host.ts';
import { readMappings } from '../src/host/native.ts';
import { callThrough, countdown, load, makeBench, POINTER, places, sum } from '../test/host/support.ts';

const ROUNDS = 15;
const bench = makeBench(await openHost());
const { window } = bench;

const empty = bench.executable(sum(bench));
const cleared = bench.executable(sum(bench), { places: { ...places, clear: [{ at: places.stackTop - 4096, bytes: 4096 }] } });
const counting = countdown(bench);
const fuelled = bench.executable(counting.room, { entry: counting.entry });
const helper = bench.open.jsFunction(() => 1n);
const helper5 = bench.open.jsFunction((a, b, c, d, e) => a + b + c + d + e);
const calling = bench.executable(callThrough(bench, helper.address));
const calling5 = bench.executable(callThrough(bench, helper5.address));
const clock = bench.open.libraryFunction({
  symbol: 'clock_gettime',
  arguments: [{ kind: 'value' }, { kind: 'pointer', bytes: 16 }],
  result: 'i32',
})!;
const asking = bench.executable(callThrough(bench, clock.address));
const faulting = bench.executable(load(bench));

const PACKETS = 10_000;
const stride = 32;
const descriptors = window.allocate(stride * PACKETS);
const template = window.allocate(24);
for (let i = 0; i < PACKETS; i++) {
  window.setU32(descriptors + i * stride, POINTER.context + 4096);
  window.setU32(descriptors + i * stride + 4, POINTER.context + 4160);
}
const context = POINTER.context;
const bare = bench.executable(sum(bench), { batch: { stride, r1: context, clear: [], load: [], store: [], result: 16 } });
// As for an XDP program: data, data_end and data_meta in, data and data_end out.
const xdp = bench.executable(sum(bench), {
  batch: {
    stride,
    r1: context,
    template: { from: template, to: context, bytes: 24 },
    clear: [],
    load: [
      { descriptor: 0, window: context, bytes: 8 },
      { descriptor: 0, window: context + 8, bytes: 4 },
    ],
    store: [{ window: context, descriptor: 0, bytes: 8 }],
    result: 16,
  },
});

interface Row {
  readonly name: string;
  readonly per: number;
  run(): void;
}
const times = (name: string, count: number, body: () => void): Row => ({
  name,
  per: count,
  run: () => {
    for (let i = 0; i < count; i++) body();
  },
});
const rows: Row[] = [
  times('run, empty program', 100_000, () => empty.run(1, 2)),
  times('run, 4,096 bytes of stack cleared', 100_000, () => cleared.run(1, 2)),
  times('run, one JavaScript helper', 20_000, () => calling.run(1, 2)),
  times('run, one JavaScript helper of five arguments', 20_000, () => calling5.run(1, 2)),
  times('run, one call of clock_gettime', 50_000, () => asking.run(1, context)),
  times('run, stopped by a fault', 2_000, () => faulting.run(POINTER.null, 0)),
  { name: 'batch, empty program', per: PACKETS, run: () => bare.runBatch(descriptors, PACKETS) },
  { name: 'batch, empty program with an xdp_md', per: PACKETS, run: () => xdp.runBatch(descriptors, PACKETS) },
  { name: 'loop with a fuel check, per round', per: 5_000_000, run: () => fuelled.run(5_000_000, 0) },
];

const samples = rows.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, row] of rows.entries()) {
    const start = process.hrtime.bigint();
    row.run();
    samples[i]!.push(Number(process.hrtime.bigint() - start) / row.per);
  }
}
for (const [i, row] of rows.entries()) {
  const sorted = samples[i]!.sort((a, b) => a - b);
  console.log(`${row.name.padEnd(48)} ${sorted[ROUNDS >> 1]!.toFixed(1).padStart(9)} ns`);
}

const before = { mappings: readMappings().length, rss: process.memoryUsage.rss() };
let faults = 0;
for (let i = 0; i < 100_000; i++) if (faulting.run(POINTER.null, 0) !== 0) faults++;
for (let i = 0; i < 1000; i++) {
  const other = makeBench(bench.host, window);
  const program = other.executable(callThrough(other, other.open.jsFunction(() => 1n).address));
  program.run(0, 0);
  other.dispose();
}
const grown = { mappings: readMappings().length - before.mappings, rss: (process.memoryUsage.rss() - before.rss) / 2 ** 20 };
console.log(
  `${faults} faults, 1,000 cycles of open, place, run, dispose: ${grown.mappings} more mappings, ${grown.rss.toFixed(1)} MiB more resident`,
);
