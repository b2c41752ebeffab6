// Threads that compile, place, run, fault and dispose at the same time: `node dist/bench/stress.js [SECONDS] [THREADS]`. Fails when a
// result is wrong, or when mappings or resident memory grow.
import assert from 'node:assert/strict';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openHost } from '../src/host/host.ts';
import { readMappings } from '../src/host/native.ts';
import { STOP } from '../src/jit/activation.ts';
import { createProgram } from '../src/program/program.ts';
import { tryParseHex } from '../src/util/bytes.ts';
import { callThrough, countdown, load, makeBench, newWindow, POINTER } from '../test/host/support.ts';
import { place, TARGETS } from '../test/support/native.ts';

/** r0 = 0; loop: r0 += 2; r1 -= 1; if r1 != 0 goto loop; r2 = *(u32 *)(r2 + 4); exit */
const LOOP = tryParseHex('b700000000000000 0700000002000000 1701000001000000 5501fdff00000000 6122040000000000 9500000000000000')!;

async function work(seconds: number): Promise<number> {
  const host = await openHost();
  const target = TARGETS.find(({ name }) => name === host.target);
  const window = newWindow(host);
  const end = performance.now() + seconds * 1000;
  let cycles = 0;
  for (; performance.now() < end; cycles++) {
    const bench = makeBench(host, window);
    const faulting = bench.executable(load(bench));
    const { room, entry } = countdown(bench);
    const counting = bench.executable(room, { entry });
    counting.setFuel(200_000);
    const thrown = new Error(`${cycles}`);
    const helper = bench.open.jsFunction((r1) => {
      if (r1 === 3n) throw thrown;
      return r1;
    });
    const calling = bench.executable(callThrough(bench, helper.address));
    for (let i = 0; i < 50; i++) {
      assert.equal(faulting.run(i % 2 === 0 ? POINTER.null : POINTER.beyond, 0), STOP.fault);
      assert.equal(faulting.run(POINTER.context, 0), STOP.none);
      assert.equal(calling.run(i, 0), i === 3 ? STOP.helper : STOP.none);
      if (i === 3) assert.equal(calling.stopped().thrown, thrown);
      else assert.equal(calling.r0, BigInt(i + 7));
    }
    assert.equal(counting.run(100_000, 0), STOP.none);
    assert.equal(counting.run(1_000_000, 0), STOP.fuel);
    if (target !== undefined) {
      const { executable } = place(createProgram({ name: 'loop', bytes: LOOP }), target, bench.open, new Map(), { cpu: host.cpu });
      assert.equal(executable.run(1000, POINTER.context), STOP.none);
      assert.equal(executable.r0, 2000n);
      assert.equal(executable.run(1000, 2 ** 32 - 4), STOP.fault);
    }
    bench.dispose();
  }
  return cycles;
}

if (isMainThread) {
  const seconds = Number(process.argv[2] ?? 60);
  const threads = Number(process.argv[3] ?? 4);
  const round = async (length: number): Promise<number> => {
    const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url), { workerData: length }));
    const counts = await Promise.all(
      workers.map(
        (worker) =>
          new Promise<number>((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    await Promise.all(workers.map((worker) => worker.terminate()));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  await round(Math.min(2, seconds));
  const before = { mappings: readMappings().length, rss: process.memoryUsage.rss() };
  const cycles = await round(seconds);
  // Threads that have ended give their heaps back a little later.
  let mappings = readMappings().length - before.mappings;
  for (let waited = 0; mappings >= 100 && waited < 10; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    mappings = readMappings().length - before.mappings;
  }
  const rss = (process.memoryUsage.rss() - before.rss) / 2 ** 20;
  console.log(`${threads} threads, ${seconds} s: ${cycles} cycles; ${mappings} more mappings, ${rss.toFixed(1)} MiB more resident`);
  // What leaks leaks in every cycle; what the threads' own heaps leave behind does not grow with them.
  assert.ok(mappings < Math.max(100, cycles / 100) && rss < 64);
} else parentPort!.postMessage(await work(workerData as number));
