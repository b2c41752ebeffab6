// What every engine does alike: tail calls, callbacks, helpers of the embedder, stops.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram, type MapShape } from '../../src/program/program.ts';
import '../../src/runtime/engines/engines.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { BpfStopped } from '../../src/util/stopped.ts';

const EXIT = '9500000000000000';
const shape = (name: string, type: number, keySize: number, valueSize: number, maxEntries: number): MapShape => ({
  ...{ name, type, keySize, valueSize, maxEntries, flags: 0 },
});

function object(programs: Readonly<Record<string, string>>, maps: readonly MapShape[] = [], options: LoadOptions = {}): LoadedObject {
  const made = Object.entries(programs).map(([name, hex]) => createProgram({ name, bytes: tryParseHex(hex)!, maps, type: 'raw' }));
  return new LoadedObject({ name: 'test', programs: made, maps }, options);
}

function stopOf(run: () => unknown): BpfStopped {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof BpfStopped, String((error as Error).stack));
    return error;
  }
  throw new assert.AssertionError({ message: 'the program did not stop' });
}

for (const engine of ['interpreter', 'arm64-sim'] as const) {
  test(`${engine}: lookups in arrays call what the embedder put in their place`, () => {
    const maps = [shape('array', 2, 4, 8, 4)];
    // *(u32 *)(r10 - 4) = 1; r2 = r10 - 4; r1 = map array; call 1
    const hex = `620afcff01000000 bfa2000000000000 07020000fcffffff 1811000000000000 0000000000000000 8500000001000000 ${EXIT}`;
    using loaded = object({ main: hex }, maps, { engine, helpers: { 1: () => 77n } });
    assert.equal(loaded.programs['main']!.run().r0, 77n);
  });

  test(`${engine}: tail calls go on with another program, at most 33 times`, () => {
    const jumps = [shape('jumps', 3, 4, 4, 4)];
    // r6 = r1; r2 = map jumps; r3 = INDEX; call 12; r0 = VALUE
    const jump = (index: number, value: number): string =>
      `1812000000000000 0000000000000000 b7030000${index.toString(16).padStart(2, '0')}000000 850000000c000000 b7000000${value.toString(16).padStart(2, '0')}000000 ${EXIT}`;
    using loaded = object({ first: jump(1, 1), second: jump(2, 2), last: `b700000007000000 ${EXIT}`, endless: jump(3, 9) }, jumps, {
      engine,
    });
    const { first, second, last, endless } = loaded.programs;
    const map = loaded.maps['jumps']!;
    assert.equal(first!.run().r0, 1n);
    loaded.setProgram(map, 1, 'second');
    assert.equal(first!.run().r0, 2n);
    loaded.setProgram(map, 2, 'last');
    assert.equal(first!.run().r0, 7n);
    assert.equal(second!.run().r0, 7n);
    assert.equal(last!.run().r0, 7n);
    loaded.setProgram(map, 3, 'endless');
    assert.equal(endless!.run().r0, 9n);
  });

  test(`${engine}: a helper calls back, and what the callback does counts`, () => {
    // r6 = 0 on the stack; bpf_loop(5, f, stack, 0); r0 = sum. f(i, p): *p += i
    const program = `7a0af8ff00000000 b701000005000000 1842000007000000 0000000000000000 bfa3000000000000 07030000f8ffffff b704000000000000
      85000000b5000000 79a0f8ff00000000 ${EXIT} 7923000000000000 0f13000000000000 7b32000000000000 b700000000000000 ${EXIT}`;
    using loaded = object({ main: program }, [], { engine });
    const result = loaded.programs['main']!.run();
    assert.equal(result.r0, 10n);
  });

  test(`${engine}: a stop in a callback is told where it happened`, () => {
    // bpf_loop(5, f, stack, 0), f: r3 = 0; r3 = *(u64 *)(r3 + 0)
    const program = `7a0af8ff00000000 b701000005000000 1842000007000000 0000000000000000 bfa3000000000000 07030000f8ffffff b704000000000000
      85000000b5000000 79a0f8ff00000000 ${EXIT} b703000000000000 7933000000000000 b700000000000000 ${EXIT}`;
    using loaded = object({ main: program }, [], { engine });
    const stop = stopOf(() => loaded.programs['main']!.run());
    assert.deepEqual([stop.reason, stop.slot], ['fault', 11]);
    assert.match(stop.message, /^program main, slot 11 in function_10: read of 8 bytes at 0x0/);
  });

  test(`${engine}: a fault inside a routine is the calling instruction's`, () => {
    // r2 = 16; r1 = map counts; call bpf_map_lookup_elem
    using loaded = object(
      { main: `b702000010000000 1811000000000000 0000000000000000 8500000001000000 ${EXIT}` },
      [shape('counts', 1, 16, 8, 16)],
      {
        engine,
      },
    );
    const stop = stopOf(() => loaded.programs['main']!.run());
    assert.deepEqual([stop.reason, stop.slot], ['fault', 3]);
  });

  test(`${engine}: helpers of the embedder`, () => {
    using loaded = object({ main: `b701000005000000 b702000006000000 85000000c8000000 ${EXIT}` }, [], {
      engine,
      helpers: { 200: (r1, r2) => r1 * 10n + r2 },
    });
    assert.equal(loaded.programs['main']!.run().r0, 56n);
  });

  test(`${engine}: stops say where`, () => {
    // r0 = *(u64 *)(r2 - 8) where r2 = 0
    using wild = object({ main: `b700000000000000 b702000000000000 7920f8ff00000000 ${EXIT}` }, [], { engine });
    const fault = stopOf(() => wild.programs['main']!.run());
    assert.deepEqual([fault.reason, fault.slot, fault.engine], ['fault', 2, engine]);
    using endless = object({ main: `b700000000000000 0500ffff00000000 ${EXIT}` }, [], { engine });
    const fuel = stopOf(() => endless.programs['main']!.run({ fuel: 1000 }));
    assert.deepEqual([fuel.reason, fuel.slot], ['fuel', 1]);
    const late = stopOf(() => endless.programs['main']!.run({ fuel: 0, timeoutMs: 20 }));
    assert.equal(late.reason, 'deadline');
    using thrown = object({ main: `85000000c8000000 ${EXIT}` }, [], {
      engine,
      helpers: {
        200: () => {
          throw new RangeError('mine');
        },
      },
    });
    assert.throws(() => thrown.programs['main']!.run(), /mine/);
  });

  test(`${engine}: fuel is used alike`, () => {
    using loaded = object({ main: `b70000000a000000 1700000001000000 5500feff00000000 ${EXIT}` }, [], { engine });
    assert.equal(loaded.programs['main']!.run({ fuel: 1000 }).fuelUsed, 20);
  });

  test(`${engine}: programs and JavaScript share maps`, () => {
    const maps = [shape('counts', 1, 4, 8, 16), shape('slots', 2, 4, 8, 4)];
    // *(u32 *)(r10 - 4) = 3; v = lookup(counts, r10 - 4); if (!v) exit 0; lock *v += 5; r0 = *v
    const program = (map: number): string =>
      `62 0afcff 03000000 18 11 0000 0${map}000000 0000000000000000 bfa2000000000000 07020000fcffffff
      8500000001000000 5500010000000000 ${EXIT} b701000005000000 db10000000000000 7900000000000000 ${EXIT}`.replace(/(^|\n) +/g, ' ');
    using loaded = object({ hash: program(0), array: program(1) }, maps, { engine });
    assert.equal(loaded.programs['hash']!.run().r0, 0n);
    loaded.maps['counts']!.set(3, 100);
    assert.equal(loaded.programs['hash']!.run().r0, 105n);
    assert.equal(loaded.programs['hash']!.run().r0, 110n);
    assert.equal(loaded.maps['counts']!.get(3), 110n);
    const before = loaded.snapshot();
    assert.equal(loaded.programs['array']!.run().r0, 5n);
    assert.equal(loaded.maps['slots']!.get(3), 5n);
    loaded.restore(before);
    assert.equal(loaded.maps['slots']!.get(3), 0n);
  });
}

test('a helper that nobody supplies is named when the object is loaded', () => {
  assert.throws(() => object({ main: `85000000a00f0000 ${EXIT}` }), /helper 4000 is not available/);
});
