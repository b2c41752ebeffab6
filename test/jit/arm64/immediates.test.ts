// Logical immediates in both directions against brute force, and constants remade from the sequences chosen for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMS } from '../../../src/jit/arm64/forms.ts';
import { addSubImmediate, bitmask32, bitmask64, bitmaskHigh, bitmaskLow, moveImmediate } from '../../../src/jit/arm64/immediates.ts';
import { fits } from '../../../src/util/pattern.ts';

/** Every rotated run in every element size, straight from the definition. */
function allBitmasks(width: number): Set<bigint> {
  const all = new Set<bigint>();
  for (let size = 2; size <= width; size *= 2) {
    for (let ones = 1; ones < size; ones++) {
      for (let rotation = 0; rotation < size; rotation++) {
        const run = (1n << BigInt(ones)) - 1n;
        const element = ((run >> BigInt(rotation)) | (run << BigInt(size - rotation))) & ((1n << BigInt(size)) - 1n);
        let value = 0n;
        for (let at = 0; at < width; at += size) value |= element << BigInt(at);
        all.add(value);
      }
    }
  }
  return all;
}

const lo = (value: bigint): number => Number(BigInt.asIntN(32, value));
const hi = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const join = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

test('there are 5,334 64-bit and 1,302 32-bit logical immediates, and each is found and read back', () => {
  const wide = allBitmasks(64);
  assert.equal(wide.size, 5334);
  for (const value of wide) {
    const bits = bitmask64(lo(value), hi(value));
    assert.ok(bits >= 0, value.toString(16));
    assert.equal(join(bitmaskLow(bits), bitmaskHigh(bits)), value);
  }
  const narrow = allBitmasks(32);
  assert.equal(narrow.size, 1302);
  for (const value of narrow) {
    const bits = bitmask32(lo(value));
    assert.ok(bits >= 0 && bits < 1 << 12, value.toString(16));
    assert.equal(bitmaskLow(bits) >>> 0, Number(value));
  }
});

test('a neighbour of a logical immediate is found exactly if it is one itself', () => {
  const wide = allBitmasks(64);
  for (const value of wide) {
    for (const other of [value ^ 1n, value ^ (1n << 31n), value ^ (1n << 40n), value + 1n]) {
      const wrapped = BigInt.asUintN(64, other);
      assert.equal(bitmask64(lo(wrapped), hi(wrapped)) >= 0, wide.has(wrapped), wrapped.toString(16));
    }
  }
  assert.equal(bitmask64(0, 0), -1);
  assert.equal(bitmask64(-1, -1), -1);
});

test('the reserved values of N:immr:imms are the ones that the table excepts', () => {
  const pattern = FORMS.find(({ name }) => name === 'andImm')!.pattern;
  const values = new Set<bigint>();
  for (let bits = 0; bits < 1 << 13; bits++) {
    if (!fits(pattern, pattern.fixed.value | (1 << 31) | (bits << 10))) continue;
    values.add(join(bitmaskLow(bits), bitmaskHigh(bits)));
  }
  assert.deepEqual(values, allBitmasks(64));
});

test('add and subtract take 12 bits, shifted by 0 or 12', () => {
  const cases: [number, number][] = [
    [0, 0],
    [4095, 4095],
    [4096, 0x1001],
    [0xfff000, 0x1fff],
    [4097, -1],
    [0x1000000, -1],
    [-1, -1],
  ];
  for (const [value, expected] of cases) assert.equal(addSubImmediate(value), expected);
});

/** What a move sequence leaves, by the bits of its words. */
function remake(words: Int32Array, length: number): bigint {
  let value = 0n;
  for (const signed of words.subarray(0, length)) {
    const word = signed >>> 0;
    const wide = word >>> 31 === 1;
    const at = BigInt(((word >>> 21) & 3) * 16);
    const imm16 = BigInt((word >>> 5) & 0xffff);
    const opc = (word >>> 29) & 3;
    if (((word >>> 23) & 0x3f) === 0b100100) value = join(bitmaskLow((word >>> 10) & 0x1fff), bitmaskHigh((word >>> 10) & 0x1fff));
    else if (opc === 2) value = imm16 << at;
    else if (opc === 0) value = ~(imm16 << at);
    else value = (value & ~(0xffffn << at)) | (imm16 << at);
    value = BigInt.asUintN(wide ? 64 : 32, value);
  }
  return value;
}

test('a move sequence makes its constant and is as short as it can be', () => {
  const out = new Int32Array(4);
  const cases: [bigint, number][] = [
    [0n, 1],
    [1n, 1],
    [0xffffn, 1],
    [0x10000n, 1],
    [0xffff_0000n, 1],
    [0xffff_fff0n, 1],
    [0x12345678n, 2],
    [0x5555_5555n, 1],
    [0xffff_ffff_ffff_ffffn, 1],
    [0xffff_ffff_ffff_0000n, 1],
    [0xffff_8000_0821_18f4n, 3],
    [0x1234_0000_0000_0000n, 1],
    [0xffff_ffff_1234_5678n, 2],
    [0x0000_ffff_ffff_0000n, 1],
    [0x5555_5555_5555_1234n, 2],
    [0x1234_5678_1234_5678n, 4],
    [0x0123_4567_89ab_cdefn, 4],
    [0x00ff_00ff_1234_00ffn, 2],
    [0x00ff_5678_1234_00ffn, 3],
    [0x7fff_ffff_ffff_ffffn, 1],
    [1n << 63n, 1],
    [0x1_0000_0000n, 1],
    [0x1_0000_0001n, 1],
    [0x8_0000_1001n, 2],
    [0xffff_1234_ffff_5678n, 2],
    [0x0000_0001_0002_0000n, 2],
  ];
  for (const [value, length] of cases) {
    assert.equal(moveImmediate(1, 3, lo(value), hi(value), out), length, value.toString(16));
    assert.equal(remake(out, length), value, value.toString(16));
  }
  let seed = 12345;
  const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) | 0) >> 8;
  for (let i = 0; i < 20_000; i++) {
    const parts = Array.from({ length: 4 }, () => [0, 0xffff, random() & 0xffff, 0x5555, 0xff00][Math.abs(random()) % 5]!);
    const value = parts.reduce((all, part) => (all << 16n) | BigInt(part), 0n);
    const length = moveImmediate(1, 3, lo(value), hi(value), out);
    assert.equal(remake(out, length), value, value.toString(16));
    const narrow = moveImmediate(0, 3, lo(value), hi(value), out);
    assert.ok(narrow <= 2);
    assert.equal(remake(out, narrow), BigInt.asUintN(32, value));
  }
});
