// The memory: places, allocation, growth; nothing below the floor is ever touched.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BpfError } from '../../src/util/error.ts';
import { BIAS, FLOOR, PLACE, Window, WindowPool } from '../../src/window/window.ts';

test('the same calls give the same pointers', () => {
  const calls = (window: Window): number[] => {
    const first = window.allocate(100);
    const second = window.allocate(5000);
    window.free(first, 100);
    return [first, second, window.allocate(97), window.allocate(1), window.allocate(2 ** 20)];
  };
  const pointers = calls(new Window());
  assert.deepEqual(pointers, calls(new Window()));
  assert.equal(pointers[0], PLACE.heap);
  assert.equal(pointers[2], pointers[0]);
  for (const pointer of pointers) assert.equal(pointer % 16, 0);
});

test('freed memory comes back zeroed', () => {
  const window = new Window();
  const at = window.allocate(64);
  window.write(at, new Uint8Array(64).fill(9));
  window.free(at, 64);
  assert.equal(window.allocate(64), at);
  assert.deepEqual(window.read(at, 64), new Uint8Array(64));
});

test('growth keeps the content and tells the host', () => {
  const window = new Window();
  let told = 0;
  window.onGrow(() => told++);
  window.setU64(PLACE.packet, 0x1122334455667788n);
  const before = window.generation;
  const at = window.allocate(64 * 2 ** 20);
  assert.equal(told, 1);
  assert.ok(window.generation > before);
  assert.ok(window.has(at, 64 * 2 ** 20));
  assert.ok(!window.has(window.end - 4, 8));
  assert.equal(window.u64(PLACE.packet), 0x1122334455667788n);
});

test('a window has a limit, and says so', () => {
  const window = new Window({ maxBytes: 2 ** 20 });
  const full = (error: BpfError): boolean => error.code === 'window/full';
  assert.throws(() => window.allocate(2 ** 20), full);
  assert.ok(window.allocate(1000) > 0);
  assert.throws(
    () => new Window({ maxBytes: 5 }),
    (error: BpfError) => error.code === 'window/size',
  );
  assert.throws(
    () => new Window({ maxBytes: 2 ** 33 }),
    (error: BpfError) => error.code === 'window/size',
  );
});

test('views leave the lowest pages out', () => {
  const window = new Window();
  assert.equal(window.bytes.byteOffset, BIAS + FLOOR);
  assert.throws(() => window.read(FLOOR - 1, 1));
  assert.throws(() => window.u32(0), RangeError);
});

test('zeroing covers every byte and no more', () => {
  const window = new Window();
  for (const [from, count] of [
    [0, 8],
    [1, 7],
    [3, 20],
    [8, 13],
    [16, 0],
  ] as const) {
    window.write(PLACE.packet, new Uint8Array(40).fill(0xee));
    window.zero(PLACE.packet + from, count);
    const expected = new Uint8Array(40).fill(0xee).fill(0, from, from + count);
    assert.deepEqual(window.read(PLACE.packet, 40), expected);
  }
});

test('a pool gives clean windows', () => {
  const pool = new WindowPool();
  const window = pool.take();
  const at = window.allocate(100);
  window.setU32(at, 7);
  window.setU32(PLACE.packet, 7);
  pool.give(window);
  const again = pool.take();
  assert.equal(again, window);
  assert.equal(again.allocate(100), at);
  assert.equal(again.u32(at), 0);
  assert.equal(again.u32(PLACE.packet), 0);
});
