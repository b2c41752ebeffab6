// Every kind of BTF type from bytes, layouts, and tables that are wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBtfExt } from '../../src/btf/ext.ts';
import { alignOf, arrayDimensions, type Btf, findByName, findSection, parseBtf, resolve, sizeOf } from '../../src/btf/types.ts';
import { assertRefused, loadObject } from '../object/support.ts';

/** A .BTF section of these words and strings (joined by zeros, after the empty one). */
function section(words: readonly number[], strings: readonly string[], littleEndian = true): Uint8Array {
  const text = new TextEncoder().encode(`\0${strings.map((string) => `${string}\0`).join('')}`);
  const bytes = new Uint8Array(24 + 4 * words.length + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, littleEndian);
  view.setUint8(2, 1);
  [24, 0, 4 * words.length, 4 * words.length, text.length].forEach((word, i) => {
    view.setUint32(4 + 4 * i, word, littleEndian);
  });
  words.forEach((word, i) => {
    view.setUint32(24 + 4 * i, word >>> 0, littleEndian);
  });
  bytes.set(text, 24 + 4 * words.length);
  return bytes;
}

const info = (kind: number, count = 0, flag = 0): number => ((flag << 31) | (kind << 24) | count) >>> 0;

// Strings: int 1, s 5, a 7, b 9, e 11, X 13, f 15, v 17, .data 19
const STRINGS = ['int', 's', 'a', 'b', 'e', 'X', 'f', 'v', '.data'];
// biome-ignore format: one type a line
const ALL_KINDS = [
  1, info(1), 4, (1 << 24) | 32, // 1 int, signed
  0, info(2), 1, // 2 ptr to int
  0, info(3), 0, 1, 1, 6, // 3 int[6]
  5, info(4, 2, 1), 12, 7, 1, 0, 9, 1, (3 << 24) | 32, // 4 struct s {int a; int b : 3}
  0, info(5, 1), 8, 7, 2, 0, // 5 union {int *a}
  11, info(6, 1, 1), 4, 13, -5, // 6 enum e {X = -5}
  5, info(7, 0, 1), 0, // 7 union s;
  7, info(8), 3, // 8 typedef int a[6]
  0, info(9), 8, // 9 volatile a
  0, info(10), 9, // 10 const volatile a
  0, info(11), 2, // 11 int *restrict
  15, info(12, 1), 13, // 12 global func f
  0, info(13, 2), 1, 7, 1, 0, 0, // 13 int (int a, ...)
  17, info(14), 10, 1, // 14 var v
  19, info(15, 1), 24, 14, 0, 24, // 15 .data {v}
  1, info(16), 8, // 16 float
  9, info(17), 4, 1, // 17 declTag b of s.b
  9, info(18), 1, // 18 typeTag b
  11, info(19, 1), 8, 13, 0x9abcdef0, 0x12345678, // 19 enum64
];

test('all kinds, in both byte orders', () => {
  for (const littleEndian of [true, false]) {
    const btf = parseBtf(section(ALL_KINDS, STRINGS, littleEndian), 'x.o');
    assert.deepEqual(
      btf.types.map(({ kind }) => kind),
      [
        'void', 'int', 'ptr', 'array', 'struct', 'union', 'enum', 'fwd', 'typedef', 'volatile', 'const', 'restrict', 'func',
        'funcProto', 'var', 'datasec', 'float', 'declTag', 'typeTag', 'enum64',
      ], // biome-ignore format: a table
    );
    assert.deepEqual(btf.types[1], { kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false });
    assert.deepEqual(btf.types[4], {
      kind: 'struct',
      name: 's',
      size: 12,
      members: [
        { name: 'a', type: 1, bitOffset: 0, bitfieldBits: 0 },
        { name: 'b', type: 1, bitOffset: 32, bitfieldBits: 3 },
      ],
    });
    assert.deepEqual(btf.types[6], { kind: 'enum', name: 'e', size: 4, signed: true, enumerators: [{ name: 'X', value: -5n }] });
    assert.deepEqual(btf.types[7], { kind: 'fwd', name: 's', union: true });
    assert.deepEqual(btf.types[12], { kind: 'func', name: 'f', type: 13, linkage: 'global' });
    assert.deepEqual(btf.types[14], { kind: 'var', name: 'v', type: 10, linkage: 'global' });
    assert.deepEqual(btf.types[17], { kind: 'declTag', name: 'b', type: 4, component: 1 });
    assert.deepEqual(btf.types[19], {
      kind: 'enum64',
      name: 'e',
      size: 8,
      signed: false,
      enumerators: [{ name: 'X', value: 0x123456789abcdef0n }],
    });
  }
});

test('sizes, alignments, dimensions, names', () => {
  const btf = parseBtf(section(ALL_KINDS, STRINGS), 'x.o');
  const sizes: readonly (readonly [number, number | undefined])[] = [[0, undefined], [1, 4], [2, 8], [3, 24], [4, 12], [5, 8], [7, undefined], [10, 24], [13, undefined], [14, 24], [15, 24], [19, 8]]; // biome-ignore format: a table
  for (const [id, size] of sizes) assert.equal(sizeOf(btf, id), size, `type ${id}`);
  assert.equal(alignOf(btf, 10), 4);
  assert.equal(alignOf(btf, 5), 8);
  assert.deepEqual(arrayDimensions(btf, 9), { dimensions: [6], element: 1 });
  assert.deepEqual(arrayDimensions(btf, 1), { dimensions: [], element: 1 });
  assert.equal(findByName(btf, 's', 'struct'), 4);
  assert.equal(findByName(btf, 's', 'fwd'), 7);
  assert.equal(findByName(btf, 'nothing'), undefined);
  assert.equal(findSection(btf, '.data')?.variables.length, 1);
  assert.equal(resolve(btf, 10).kind, 'array');
});

test('a struct of a real object: nested arrays, and qualifiers that are seen through', () => {
  const { btf } = loadObject('maps.o');
  const id = findByName(btf!, 'value', 'struct')!;
  const type = btf!.types[id]!;
  assert(type.kind === 'struct');
  const sums = type.members.find(({ name }) => name === 'sums')!;
  assert.equal(sums.bitOffset, 128);
  assert.deepEqual(arrayDimensions(btf!, sums.type).dimensions, [2, 3]);
  assert.equal(sizeOf(btf!, findByName(btf!, 'value_t', 'typedef')!), 64);
  assert.equal(alignOf(btf!, id), 8);
});

test('tables that are wrong', () => {
  const parse = (words: readonly number[], strings: readonly string[] = STRINGS): Btf => parseBtf(section(words, strings), 'x.o');
  assertRefused(() => parseBtf(new Uint8Array(24), 'x.o'), 'btf/bad-magic', /0xeb9f/);
  assertRefused(() => parseBtf(new Uint8Array(1), 'x.o'), 'btf/truncated', /header/);
  assertRefused(() => parse([0, info(2), 9]), 'btf/bad-type-id', /names type 9, the last one is 1/);
  assertRefused(() => parse([0, info(20), 0]), 'btf/unknown-kind', /kind 20/);
  assertRefused(() => parse([0, info(4, 2), 8, 7, 0, 0]), 'btf/truncated', /2 entries of 12 bytes/);
  assertRefused(() => parse([999, info(2), 0]), 'btf/bad-string', /offset 999/);
  assertRefused(() => parse([0, info(12, 7), 0]), 'btf/bad-type', /linkage 7/);
  assertRefused(() => parse([0, info(2)]), 'btf/truncated', /12 bytes/);
});

test('cycles end', () => {
  const loop = parseBtf(section([7, info(8), 2, 9, info(8), 1], STRINGS), 'x.o');
  assertRefused(() => resolve(loop, 1), 'btf/cycle', /more than 32/);
  assertRefused(() => sizeOf(loop, 1), 'btf/cycle', /more than 32/);
  const arrays = parseBtf(section([0, info(3), 0, 1, 0, 2], STRINGS), 'x.o');
  assertRefused(() => sizeOf(arrays, 1), 'btf/cycle', /more than 32/);
  assertRefused(() => arrayDimensions(arrays, 1), 'btf/cycle', /more than 32/);
  const inside = parseBtf(section([5, info(4, 2), 8, 7, 1, 0, 9, 1, 0], STRINGS), 'x.o');
  assertRefused(() => alignOf(inside, 1), 'btf/cycle', /more than 32/);
  const giant = parseBtf(section([1, info(1), 4, 32, 0, info(3), 0, 1, 1, 0x40000000], STRINGS), 'x.o');
  assertRefused(() => sizeOf(giant, 2), 'btf/bad-type', /more than 32 bits/);
});

test('.BTF.ext: records by section; longer records of later versions are read as far as they are known', () => {
  const btf = parseBtf(section([15, info(12, 1), 0], STRINGS), 'x.o');
  const ext = (stride: number, extra: readonly number[], count = 1): Uint8Array => {
    const words = [stride, 19, count, 8, 1, ...extra];
    const bytes = new Uint8Array(24 + 4 * words.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    [24, 0, 4 * words.length, 4 * words.length, 0, ...words].forEach((word, i) => {
      view.setUint32(4 + 4 * i, word, true);
    });
    return bytes;
  };
  assert.deepEqual([...parseBtfExt(ext(8, []), btf, 'x.o').functions], [['.data', [{ offset: 8, type: 1 }]]]);
  assert.deepEqual([...parseBtfExt(ext(12, [77]), btf, 'x.o').functions], [['.data', [{ offset: 8, type: 1 }]]]);
  assertRefused(() => parseBtfExt(ext(4, []), btf, 'x.o'), 'btf/bad-header', /at least 8 bytes/);
  assertRefused(() => parseBtfExt(ext(8, [], 2), btf, 'x.o'), 'btf/truncated', /2 records/);
});
