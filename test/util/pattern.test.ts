// Patterns: what they refuse when written wrongly, and what derives from them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encoder, extractor, fits, parseCondition, parsePattern } from '../../src/util/pattern.ts';

test('a pattern covers exactly 32 bits', () => {
  assert.throws(() => parsePattern('sf:1|0001011000|Rm:5|000000|Rn:5|Rd:4'), /covers 31 bits/);
  assert.throws(() => parsePattern('sf:1|0001011000|Rm:5|000000|Rn:5|Rd:6'), /more than 32/);
  assert.throws(() => parsePattern('sf:1|00010110?0|Rm:5|000000|Rn:5|Rd:5'), /piece/);
  assert.throws(() => parsePattern('imm:s21[1:0]|10000|0|imm:s21[19:2]|000000'), /not covered/);
  assert.throws(() => parsePattern('Rn:5|Rn:5|0000000000000000000000'), /stands twice/);
});

test('fields, match and mask', () => {
  const pattern = parsePattern('sf:1|0001011000|Rm:5|000000|Rn:5|Rd:5');
  assert.equal(pattern.fixed.value >>> 0, 0x0b000000);
  assert.equal(pattern.fixed.mask >>> 0, 0x7fe0fc00);
  const encode = encoder('add', pattern, ['sf', 'Rd', 'Rn', 'Rm']);
  assert.equal(encode(1, 1, 2, 3) >>> 0, 0x8b030041);
  assert.equal(extractor(pattern, 'Rm')(0x8b030041), 3);
  assert.throws(() => encode(1, 32, 0, 0), /add cannot encode sf = 1, Rd = 32/);
  assert.throws(() => encoder('add', pattern, ['sf', 'Rd']), /operands of add/);
});

test('signed fields and units', () => {
  const pattern = parsePattern('0000000000000|imm:s19<<2');
  const encode = encoder('branch', pattern, ['imm']);
  assert.equal(encode(-4), 0x7ffff);
  assert.equal(extractor(pattern, 'imm')(0x7ffff), -4);
  assert.throws(() => encode(2));
  assert.throws(() => encode(2 ** 20));
  const scaled = parsePattern('size:2|000000000000|imm12:12<<1+size|a:3|b:3');
  const encodeScaled = encoder('load', scaled, ['size', 'a', 'b', 'imm12']);
  const word = encodeScaled(3, 1, 2, 16 * 4095);
  assert.equal(extractor(scaled, 'imm12')(word), 16 * 4095);
  assert.throws(() => encodeScaled(3, 1, 2, 8), /cannot encode/);
  assert.throws(() => encodeScaled(0, 1, 2, 2 * 4096));
});

test('fields in several places, and a bit that stands twice', () => {
  const adr = parsePattern('0|imm:s21[1:0]|10000|imm:s21[20:2]|Rd:5');
  const word = encoder('adr', adr, ['Rd', 'imm'])(3, -5);
  assert.equal(extractor(adr, 'imm')(word), -5);
  assert.equal(extractor(adr, 'Rd')(word), 3);
  const twin = parsePattern('sf:1|000000000|sf:1|000000000000000000000');
  assert.equal(encoder('twin', twin, ['sf'])(1) >>> 0, 0x80200000);
  assert.equal(fits(twin, 0x80200000 | 0), true);
  assert.equal(fits(twin, 0x80000000 | 0), false);
  assert.equal(fits(twin, 0x00200000), false);
});

test('exceptions are refused by the encoder and do not fit', () => {
  const pattern = parsePattern('sf:1|0000000000000000000000000|imm6:6', 'sf=0 imm6=1xxxxx, imm6=111111');
  const encode = encoder('shift', pattern, ['sf', 'imm6']);
  assert.equal(encode(0, 31), 31);
  assert.throws(() => encode(0, 32), /reserved/);
  assert.throws(() => encode(1, 63), /reserved/);
  assert.equal(fits(pattern, 32), false);
  assert.deepEqual(parseCondition(pattern, 'imm6=x0xxx1'), { mask: 0b010001, value: 1 });
  assert.throws(() => parseCondition(pattern, 'imm6=1'), /condition/);
});
