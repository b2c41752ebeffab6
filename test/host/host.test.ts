// Native execution: thunks, faults, guards, fuel, helpers, threads. Programs are hand-assembled, so that nothing but the host is tested.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodeSpace, Extents, mapCodeMemory } from '../../src/host/code-space.ts';
import { type Native, PROT, readMappings } from '../../src/host/native.ts';
import { STOP } from '../../src/jit/activation.ts';
import type { ExecutableOptions } from '../../src/runtime/engines/host.ts';
import { BpfError } from '../../src/util/error.ts';
import {
  type Bench,
  callThrough,
  countdown,
  load,
  makeBench,
  newWindow,
  POINTER,
  placeCanaries,
  places,
  stopNow,
  store,
  sum,
  tryHost,
} from './support.ts';
import type { Task } from './worker.ts';

const found = await tryHost();
const skip = typeof found === 'string' ? found : false;
const host = typeof found === 'string' ? undefined : found;

function withBench(name: string, body: (bench: Bench) => void | Promise<void>): void {
  test(name, { skip }, async () => {
    const bench = makeBench(host!);
    try {
      await body(bench);
    } finally {
      bench.dispose();
    }
  });
}

test('CI runs native code', { skip: process.env['CI'] === 'true' && process.platform === 'linux' ? false : 'only in CI' }, () => {
  assert.equal(typeof found, 'object', String(found));
});

withBench('a run: arguments, result, registers at entry', (bench) => {
  const program = bench.executable(sum(bench));
  assert.equal(program.run(0xffff_ffff, 2), STOP.none);
  assert.equal(program.r0, 0x1_0000_0001n);
  assert.deepEqual([program.r0Low, program.r0High], [1, 1]);
  const stopping = bench.executable(stopNow(bench));
  assert.equal(stopping.run(11, 22), STOP.helper);
  const { slot, registers, address, thrown } = stopping.stopped();
  assert.deepEqual({ slot, address, thrown }, { slot: 21, address: 0, thrown: undefined });
  assert.deepEqual(registers, [0n, 11n, 22n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, BigInt(places.stackTop)]);
});

withBench('spans are cleared before each run', (bench) => {
  const spans = [8, 16, 24, 264, 4096].map((bytes, i) => ({ at: POINTER.context + i * 8192, bytes }));
  const program = bench.executable(sum(bench), { places: { ...places, clear: spans } });
  for (const { at, bytes } of spans) bench.window.slice(at - 8, bytes + 16).fill(0xaa);
  program.run(0, 0);
  for (const { at, bytes } of spans) {
    assert.deepEqual([...new Set(bench.window.read(at, bytes))], [0]);
    assert.equal(bench.window.u64(at - 8), 0xaaaaaaaaaaaaaaaan);
    assert.equal(bench.window.u64(at + bytes), 0xaaaaaaaaaaaaaaaan);
  }
});

withBench('a fault is a stop with pc and address, a thousand times', (bench) => {
  const room = load(bench);
  const program = bench.executable(room);
  bench.window.setU32(POINTER.context, 1234);
  for (let i = 0; i < 1000; i++) {
    assert.equal(program.run(i & 1 ? POINTER.null : POINTER.beyond, 0), STOP.fault);
    const { pc, address, slot } = program.stopped();
    assert.ok(pc >= room.address && pc < room.address + 16);
    assert.equal(address, i & 1 ? POINTER.null : POINTER.beyond);
    assert.equal(slot, -1);
    assert.equal(program.run(POINTER.context, 0), STOP.none);
    assert.equal(program.r0Low, 1234);
  }
});

withBench('unused room is traps: running into it is a stop, as any fault', (bench) => {
  const room = bench.put(
    () => {},
    () => {},
  );
  for (const at of [0, 4, 448]) {
    const program = bench.executable(room, { entry: room.address + at });
    assert.equal(program.run(0, 0), STOP.fault);
    const { pc } = program.stopped();
    assert.ok(pc >= room.address + at && pc <= room.address + at + 4);
  }
});

withBench('nothing outside the window can be reached', (bench) => {
  const program = bench.executable(store(bench));
  const { window } = bench;
  const before = window.end;
  const check = (): void => {
    for (const pointer of [0, 4, 65_532, window.end - 4, window.end, 2 ** 31, 2 ** 32 - 4, 2 ** 32 - 1]) {
      for (const displacement of [-32_768, -4, -1, 0, 1, 4, 32_767]) {
        const at = pointer + displacement;
        const inside = at >= 65_536 && at + 4 <= window.end;
        assert.equal(program.run(pointer, displacement), inside ? STOP.none : STOP.fault, `pointer ${pointer} ${displacement}`);
      }
    }
  };
  check();
  window.allocate(4 * 2 ** 20);
  assert.ok(window.end > before, 'the window has grown');
  check();
  const maps = readMappings().filter((mapping) => mapping.start < bench.open.base + 65_536 && mapping.end > bench.open.base - 65_536);
  assert.ok(
    maps.every(({ access }) => access.startsWith('---')),
    'the low pages are inaccessible after growth',
  );
});

withBench('canaries directly below and above what is guarded live, whatever the displacement', (bench) => {
  const canaries = placeCanaries(bench);
  const program = bench.executable(store(bench));
  for (const pointer of [0, 1, 32_768, 65_535, 2 ** 31, 2 ** 32 - 65_536, 2 ** 32 - 8, 2 ** 32 - 1]) {
    for (let displacement = -32_768; displacement <= 32_767; displacement += 251) {
      const inside = pointer + displacement >= 65_536 && pointer + displacement + 4 <= bench.window.end;
      assert.equal(program.run(pointer, displacement), inside ? STOP.none : STOP.fault);
    }
  }
  for (const bytes of canaries) assert.ok(bytes.every((byte) => byte === 0x5a));
});

const wasmLoad = new WebAssembly.Module(
  Uint8Array.from(
    // biome-ignore format: (func (param i32) (result i32) local.get 0 i32.load) with a memory of one page, exported as f
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 0x66, 0, 0,
      10, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b],
  ),
);

withBench("V8's own traps work as before", (bench) => {
  const f = new WebAssembly.Instance(wasmLoad).exports['f'] as (at: number) => number;
  const program = bench.executable(load(bench));
  for (let i = 0; i < 50; i++) {
    assert.throws(() => f(70_000), WebAssembly.RuntimeError);
    assert.equal(program.run(POINTER.null, 0), STOP.fault);
    assert.equal(f(8), 0);
  }
});

withBench('no page is writable and executable', (bench) => {
  const room = sum(bench);
  const mappings = readMappings();
  assert.ok(mappings.some(({ start, end, access }) => start <= room.address && room.address < end && access.startsWith('r-x')));
  const code = mappings.filter(({ name }) => name.includes('bpfjit'));
  assert.ok(code.some(({ access }) => access.startsWith('rw-')));
  assert.deepEqual(
    code.filter(({ access }) => access.includes('w') && access.includes('x')),
    [],
  );
});

withBench('fuel ends a loop, at the same slot count every time', (bench) => {
  const { room, entry } = countdown(bench);
  const program = bench.executable(room, { entry });
  for (const [fuel, rounds] of [
    [5, 4],
    [5, 5],
    [65_536, 65_535],
    [65_537, 70_000],
    [200_000, 199_999],
    [200_000, 200_000],
    [0, 0],
  ] as const) {
    program.setFuel(fuel);
    // Every round charges 1, and so does the arrival at the end.
    const stops = rounds + 1 > fuel;
    assert.equal(program.run(rounds, 0), stops ? STOP.fuel : STOP.none, `fuel ${fuel}, ${rounds} rounds`);
    if (stops) {
      assert.equal(program.stopped().slot, 7);
      assert.equal(program.stopped().registers[0], BigInt(fuel));
    } else assert.equal(program.r0Low, rounds);
  }
  program.setFuel(Number.POSITIVE_INFINITY);
  assert.equal(program.run(1_000_000, 0), STOP.none);
  assert.equal(program.r0Low, 1_000_000);
});

withBench('a deadline ends a loop', (bench) => {
  const { room, entry } = countdown(bench);
  const program = bench.executable(room, { entry });
  program.setTimeout(20);
  const start = performance.now();
  assert.equal(program.run(0xffff_ffff, 0), STOP.deadline);
  const took = performance.now() - start;
  assert.ok(took >= 19 && took < 1000, `${took} ms`);
  assert.equal(program.stopped().slot, 7);
  assert.equal(program.run(3, 0), STOP.none);
  program.setTimeout(0);
  assert.equal(program.run(100_000, 0), STOP.none);
});

withBench('JavaScript helpers: arguments, result, kept registers', (bench) => {
  const seen: bigint[][] = [];
  const helper = bench.open.jsFunction((a, b, c, d, e) => {
    seen.push([a, b, c, d, e]);
    return -1n;
  });
  const program = bench.executable(callThrough(bench, helper.address));
  assert.equal(program.run(1, 2), STOP.none);
  assert.equal(program.r0, 6n);
  assert.deepEqual(seen, [[1n, 2n, 3n, 4n, 5n]]);
});

withBench('what a JavaScript helper throws comes out of the outermost run', (bench) => {
  const mistake = new Error('no');
  const helper = bench.open.jsFunction(() => {
    throw mistake;
  });
  const room = callThrough(bench, helper.address);
  const program = bench.executable(room);
  for (let i = 0; i < 3; i++) {
    assert.equal(program.run(1, 2), STOP.helper);
    const { thrown, pc, slot, registers } = program.stopped();
    assert.equal(thrown, mistake);
    assert.equal(slot, -1);
    assert.ok(pc > room.address && pc < room.address + 128);
    assert.equal(registers[6], 7n);
  }
  const wrong = bench.open.jsFunction((() => 5) as unknown as () => bigint);
  const other = bench.executable(callThrough(bench, wrong.address));
  assert.equal(other.run(1, 2), STOP.helper);
  assert.ok(other.stopped().thrown instanceof TypeError);
});

withBench('runs nest in helpers, each in places of its own', (bench) => {
  const tops: bigint[] = [];
  const nested: ExecutableOptions['nested'] = (depth) => (depth > 5 ? undefined : { ...places, stackTop: places.stackTop - 512 * depth });
  const stopping = bench.executable(stopNow(bench), { nested });
  let depth = 0;
  const program = (): ReturnType<Bench['executable']> => outer;
  const helper = bench.open.jsFunction((a) => {
    assert.equal(stopping.run(0, 0), STOP.helper);
    tops.push(stopping.stopped().registers[10]!);
    if (++depth === 5) return 0n;
    assert.equal(program().run(Number(a) + 1, 0), STOP.none);
    return program().r0;
  });
  const outer = bench.executable(callThrough(bench, helper.address), { nested });
  assert.equal(outer.run(0, 0), STOP.none);
  assert.equal(outer.r0, 35n);
  assert.deepEqual(
    tops.map((top) => (places.stackTop - Number(top)) / 512),
    [1, 2, 3, 4, 5],
  );
  depth = -1;
  assert.equal(outer.run(0, 0), STOP.helper);
  assert.ok(!(outer.stopped().thrown instanceof BpfError), 'the innermost refusal stops each outer run in turn');
  const plain = bench.executable(sum(bench));
  const refused = bench.open.jsFunction(() => BigInt(plain.run(1, 2)));
  const asks = bench.executable(callThrough(bench, refused.address));
  assert.equal(asks.run(0, 0), STOP.helper);
  assert.equal((asks.stopped().thrown as BpfError).code, 'host/nesting');
});

withBench('a fault inside a nested run stops that run only', (bench) => {
  const nested: ExecutableOptions['nested'] = () => places;
  const inner = bench.executable(load(bench), { nested });
  const helper = bench.open.jsFunction((pointer) => BigInt(inner.run(Number(pointer), 0)));
  const outer = bench.executable(callThrough(bench, helper.address));
  assert.equal(outer.run(POINTER.null, 0), STOP.none);
  assert.equal(outer.r0, BigInt(STOP.fault + 7));
});

withBench('C functions with pointers into the window', (bench) => {
  const prototype = {
    symbol: 'clock_gettime',
    arguments: [{ kind: 'value' }, { kind: 'pointer', bytes: 16, nullable: true }],
    result: 'i32',
  } as const;
  const helper = bench.open.libraryFunction(prototype)!;
  const room = callThrough(bench, helper.address);
  const program = bench.executable(room);
  const before = process.hrtime.bigint();
  assert.equal(program.run(1, POINTER.context), STOP.none);
  assert.equal(program.r0, 7n);
  const time = bench.window.u64(POINTER.context) * 1_000_000_000n + bench.window.u64(POINTER.context + 8);
  assert.ok(time >= before && time <= process.hrtime.bigint());
  assert.equal(program.run(99, POINTER.context), STOP.none);
  assert.equal(program.r0, 6n, 'a negative result is extended: -1 + 7');
  for (const pointer of [4, 65_535, bench.window.end - 15, 2 ** 32 - 8]) {
    assert.equal(program.run(1, pointer), STOP.fault, `pointer ${pointer}`);
    const { address, pc } = program.stopped();
    assert.equal(address, pointer);
    assert.ok(pc > room.address && pc < room.address + 128);
  }
  assert.equal(program.run(1, bench.window.end - 16), STOP.none);
  assert.equal(bench.open.libraryFunction({ symbol: 'no_such_function', arguments: [], result: 'void' }), undefined);
});

withBench('a batch: contexts from a template, results in the descriptors', (bench) => {
  const { window } = bench;
  const template = window.allocate(24);
  const context = POINTER.context;
  const stride = 32;
  const count = 1000;
  const descriptors = window.allocate(stride * count);
  for (let i = 0; i < 24; i += 8) window.setU64(template + i, 0x0101010101010101n);
  for (let i = 0; i < count; i++) {
    window.setU32(descriptors + i * stride, i === 700 ? POINTER.null : context + 4);
    window.setU32(descriptors + i * stride + 4, i);
    window.setU64(descriptors + i * stride + 16, 0xffffn);
  }
  const program = bench.executable(load(bench), {
    batch: {
      stride,
      r1: context,
      template: { from: template, to: context, bytes: 24 },
      clear: [{ at: context + 24, bytes: 8 }],
      load: [{ descriptor: 4, window: context, bytes: 4 }],
      store: [{ window: context + 16, descriptor: 24, bytes: 8 }],
      result: 16,
    },
  });
  assert.equal(program.runBatch(descriptors, count), count);
  for (let i = 0; i < count; i++) {
    assert.equal(window.u64(descriptors + i * stride + 16), BigInt(i));
    assert.equal(window.u64(descriptors + i * stride + 24), 0x0101010101010101n);
  }
  assert.equal(program.runBatch(descriptors, 0), 0);
  const raw = bench.executable(load(bench), { batch: { stride, r1: POINTER.null, r2: 4, clear: [], load: [], store: [], result: 16 } });
  assert.equal(raw.runBatch(descriptors, 10), 0);
  assert.equal(raw.stopped().reason, STOP.fault);
  assert.equal(raw.stopped().registers[2], 0n);
  assert.equal(raw.runBatch(descriptors + 3 * stride, 1), 0);
  assert.equal(raw.stopped().registers[2], 3n);
});

withBench('a batch pauses behind the run that changes the word which it watches', (bench) => {
  const { window } = bench;
  const stride = 16;
  const values = [5, 5, 5, 7, 7, 7, 9];
  const descriptors = window.allocate(stride * values.length);
  const watched = window.allocate(16);
  window.setU32(watched, 5);
  for (const [i, value] of values.entries()) {
    window.setU32(descriptors + i * stride, value);
    window.setU32(descriptors + i * stride + 4, watched);
  }
  // Each run finds its own value in the word.
  const copy = { descriptor: 0, window: watched, bytes: 4 } as const;
  const program = bench.executable(load(bench), {
    batch: { stride, r1: { descriptor: 4 }, clear: [], load: [copy], store: [], result: 8, pause: watched },
  });
  assert.deepEqual([program.runBatch(descriptors, 7), program.batchPaused], [4, true]);
  assert.deepEqual([program.runBatch(descriptors + 4 * stride, 3), program.batchPaused], [3, false], 'there is nothing behind the last');
  assert.deepEqual(
    values.map((_, i) => window.u32(descriptors + i * stride + 8)),
    values,
  );
  window.setU32(watched, 0);
  assert.deepEqual([program.runBatch(descriptors, 2), program.batchPaused], [1, true]);
});

withBench('a batch ends at a stop and goes on behind it', (bench) => {
  const { window } = bench;
  const stride = 16;
  const descriptors = window.allocate(stride * 100);
  const { room, entry } = countdown(bench);
  const program = bench.executable(room, {
    entry,
    batch: { stride, r1: 0, r2: 0, clear: [], load: [], store: [], result: 8 },
  });
  program.setFuel(0);
  assert.equal(program.runBatch(descriptors, 100), 0);
  assert.equal(program.stopped().reason, STOP.fuel);
  program.setFuel(1);
  assert.equal(program.runBatch(descriptors, 100), 100, 'each run has its own fuel');
  program.setTimeout(1000);
  assert.equal(program.runBatch(descriptors, 100), 100);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  program.setStopFlag(flag);
  assert.equal(program.runBatch(descriptors, 100), 100);
});

function startWorker(task: Task): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
}

const nextMessage = (worker: Worker): Promise<unknown> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

withBench('threads fault at the same time, and leave no code memory behind', async (bench) => {
  const program = bench.executable(load(bench));
  const count = (): number => readMappings().filter(({ name }) => name.includes('bpfjit-code')).length;
  const round = async (): Promise<void> => {
    const workers = [0, 1].map(() => startWorker({ what: 'faults', count: 200 }));
    const answers = workers.map(nextMessage);
    for (let i = 0; i < 500; i++) assert.equal(program.run(POINTER.null, 0), STOP.fault);
    assert.deepEqual(await Promise.all(answers), [{ faults: 200 }, { faults: 200 }]);
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  await round();
  await round();
  await round();
  assert.ok(count() <= 2 * 3, 'threads take over the memory of those that ended');
});

test('a flag set by another thread ends a loop', { skip }, async () => {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const worker = startWorker({ what: 'endless', count: 1, flag });
  assert.equal(await nextMessage(worker), 'running');
  const answer = nextMessage(worker);
  setTimeout(() => Atomics.store(flag, 0, 1), 20);
  assert.deepEqual(await answer, { reason: STOP.aborted, slot: 7 });
  await worker.terminate();
});

test('what was disposed of cannot run, and its memory is used again', { skip }, () => {
  const window = newWindow(host!);
  const cycle = (): void => {
    const bench = makeBench(host!, window);
    const helper = bench.open.jsFunction(() => 1n);
    const program = bench.executable(callThrough(bench, helper.address));
    assert.equal(program.run(0, 0), STOP.none);
    program.dispose();
    assert.throws(() => program.run(0, 0), { code: 'host/disposed' });
    bench.executable(sum(bench)).run(1, 2);
    bench.dispose();
    assert.throws(() => bench.open.reserve(64), { code: 'host/disposed' });
  };
  for (let i = 0; i < 20; i++) cycle();
  const mappings = readMappings().length;
  for (let i = 0; i < 200; i++) cycle();
  assert.ok(readMappings().length <= mappings + 50, 'no mapping is left behind by 200 cycles');
  const bench = makeBench(host!, window);
  const release = bench.open.jsFunction(() => {
    bench.dispose();
    return 0n;
  });
  const program = bench.executable(callThrough(bench, release.address));
  assert.equal(program.run(0, 0), STOP.helper);
  assert.equal((program.stopped().thrown as BpfError).code, 'host/running');
  bench.dispose();
});

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
function child(script: string, ...options: string[]): ReturnType<typeof spawnSync> & { out: string } {
  const result = spawnSync(process.execPath, [...options, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return { ...result, out: String(result.stdout) };
}

// Under an emulator process.execPath cannot be started as it is.
const emulated = process.arch === 'arm64' && process.env['NODE_PATH'] !== undefined ? 'emulated' : false;

test('a fault elsewhere kills the process as it would without us', { skip: skip || emulated }, () => {
  const open = `const { openHost } = await import(${url('../../src/host/host.js')}); await openHost();`;
  const crash = "import koffi from 'koffi'; koffi.decode(8n, 'int');";
  assert.equal(child(`${crash}`).signal, 'SIGSEGV');
  assert.equal(child(`${crash.split(';')[0]}; ${open} koffi.decode(8n, 'int');`).signal, 'SIGSEGV');
  for (const signal of ['SIGSEGV', 'SIGTRAP', 'SIGILL']) {
    assert.equal(child(`${open} process.kill(process.pid, '${signal}'); setTimeout(() => {}, 1000);`).signal, signal);
  }
});

test('without koffi the reason is said', { skip: skip || emulated }, () => {
  const script = `const { openHost } = await import(${url('../../src/host/host.js')});
    try { await openHost(); console.log('opened'); } catch (error) { console.log(error.code); }`;
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  assert.equal(child(script, flag, '--allow-fs-read=*').out.trim(), 'host/no-koffi');
});

test('without address space for guards the reason is said, and windows work', { skip: skip || emulated }, () => {
  const script = `const { openHost } = await import(${url('../../src/host/host.js')});
    const { Window } = await import(${url('../../src/window/window.js')});
    const host = await openHost();
    const window = new Window({ accept: (memory) => host.accepts(memory) });
    window.write(65536, Uint8Array.of(1));
    try { host.open(window); console.log('opened'); } catch (error) { console.log(error.code); }`;
  const command = 'ulimit -v 6000000; exec "$0" --disable-wasm-trap-handler --input-type=module -e "$1"';
  const { stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' });
  assert.equal(stdout.trim(), 'host/no-guards', stderr);
});

test('a system that refuses executable memory', () => {
  const unmapped: number[] = [];
  const native = {
    errno: () => 13,
    memoryFile: () => 3,
    closeFile: (fd: number) => unmapped.push(fd),
    map: (_hint: number, _bytes: number, protection: number) => (protection & PROT.exec ? undefined : 4096),
  } as unknown as Native;
  assert.throws(() => mapCodeMemory(native), { code: 'host/no-executable-memory', message: /fails with error 13/ });
  assert.deepEqual(unmapped, [3]);
});

test('extents: what is taken is disjoint, what is given comes back whole', () => {
  const extents = new Extents(CodeSpace.imageBytes);
  const live: { at: number; bytes: number }[] = [];
  let seed = 1;
  const random = (below: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % below;
  for (let i = 0; i < 5000; i++) {
    if (live.length > 0 && random(5) < 2) {
      const [room] = live.splice(random(live.length), 1);
      extents.give(room!.at, room!.bytes);
      continue;
    }
    const bytes = random(20_000);
    const at = extents.take(bytes)!;
    assert.ok(at % 64 === 0);
    assert.ok(live.every((other) => at + bytes <= other.at || other.at + other.bytes <= at));
    live.push({ at, bytes });
  }
  assert.equal(extents.take(CodeSpace.imageBytes), undefined);
  for (const { at, bytes } of live) extents.give(at, bytes);
  assert.equal(extents.freeBytes, CodeSpace.imageBytes);
  assert.equal(extents.take(CodeSpace.imageBytes), 0);
  assert.throws(() => {
    extents.give(0, CodeSpace.imageBytes);
    extents.give(0, 64);
  }, /freed twice/);
});
