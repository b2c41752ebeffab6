// The table of forms: encoders, decoder and printer against each other and against encodings that LLVM made.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decode, operandsOf } from '../../../src/jit/arm64/decode.ts';
import { ASR, enc, LSL, SXTW, UXTW, W, X } from '../../../src/jit/arm64/encode.ts';
import { FORMS } from '../../../src/jit/arm64/forms.ts';
import { print } from '../../../src/jit/arm64/print.ts';
import { CONDITION_HOLDS, CONDITIONS, cond, invert, SP } from '../../../src/jit/arm64/registers.ts';
import { fits } from '../../../src/util/pattern.ts';
import { randomWords, wordsOf } from '../../oracle/arm64-words.ts';

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

test('golden encodings print as LLVM prints them', () => {
  const golden = readFileSync(new URL('../../../../test/jit/arm64/golden.txt', import.meta.url), 'utf8');
  const rows = golden.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const seen = new Set<number>();
  for (const row of rows) {
    const [word = '', text = ''] = row.split(' | ');
    const value = Number.parseInt(word, 16);
    assert.equal(print(value), text, word);
    seen.add(decode(value));
  }
  assert.equal(seen.size, FORMS.length, 'every form has golden rows');
});

test('every form decodes to itself, and its operands encode the same word, at the extremes of every field', () => {
  const random = randomWords(99);
  FORMS.forEach((form, number) => {
    const encode = enc[form.name] as (...operands: number[]) => number;
    const words = wordsOf(form, random, 50);
    assert.ok(words.length > 0, form.name);
    for (const word of words) {
      assert.equal(decode(word), number, `${form.name} ${hex(word)}`);
      assert.equal(hex(encode(...operandsOf(number, word))), hex(word), form.name);
    }
  });
});

test('no word is of two forms', () => {
  const random = randomWords(3);
  for (const form of FORMS) {
    for (const word of wordsOf(form, random, 4)) {
      const names = FORMS.filter(({ pattern }) => fits(pattern, word)).map(({ name }) => name);
      assert.deepEqual(names, [form.name], hex(word));
    }
  }
});

test('what one would write by hand', () => {
  const { addImm, addReg, addExt, strImm, ldrReg, stpPre, ldpPost, bcond, movz, ubfm, ret, ldadd, csinc, orrImm } = enc;
  const cases: [number, string][] = [
    [addImm(X, 0, SP, 16, 0), 'add x0, sp, #16'],
    [addReg(W, 1, 2, 3, ASR, 4), 'add w1, w2, w3, asr #4'],
    [addExt(X, 1, 2, 3, SXTW, 2), 'add x1, x2, w3, sxtw #2'],
    [strImm(0, 1, 2, 4095), 'strb w1, [x2, #4095]'],
    [ldrReg(3, 0, 28, 1, UXTW, 0), 'ldr x0, [x28, w1, uxtw]'],
    [stpPre(X, 29, 30, SP, -16), 'stp x29, x30, [sp, #-16]!'],
    [ldpPost(X, 29, 30, SP, 16), 'ldp x29, x30, [sp], #16'],
    [bcond(cond.hi, -8), 'b.hi #-8'],
    [movz(X, 5, 7, 3), 'mov x5, #1970324836974592'],
    [ubfm(X, 0, 1, 60, 59), 'lsl x0, x1, #4'],
    [ret(30), 'ret'],
    [ldadd(3, 1, 1, 2, 3, 4), 'ldaddal x2, x3, [x4]'],
    [csinc(W, 0, 31, 31, cond.ne), 'cset w0, eq'],
    [orrImm(X, 0, 31, 0x1007), 'orr x0, xzr, #0xff'],
    [addReg(X, 0, 1, 2, LSL, 0), 'add x0, x1, x2'],
  ];
  for (const [word, text] of cases) assert.equal(print(word), text);
});

test('branches reach as far as they do and not a word further', () => {
  const { b, bl, bcond, cbz, cbnz, tbz, tbnz, adr, ldrLit } = enc;
  const reaches: [string, (displacement: number) => number, number, number][] = [
    ['b', b, 2 ** 27, 4],
    ['bl', bl, 2 ** 27, 4],
    ['b.cond', (d) => bcond(0, d), 2 ** 20, 4],
    ['cbz', (d) => cbz(X, 1, d), 2 ** 20, 4],
    ['cbnz', (d) => cbnz(W, 1, d), 2 ** 20, 4],
    ['tbz', (d) => tbz(1, 63, d), 2 ** 15, 4],
    ['tbnz', (d) => tbnz(1, 0, d), 2 ** 15, 4],
    ['adr', (d) => adr(1, d), 2 ** 20, 1],
    ['ldr', (d) => ldrLit(X, 1, d), 2 ** 20, 4],
  ];
  for (const [name, encode, reach, step] of reaches) {
    for (const displacement of [-reach, reach - step, 0, step, -step]) {
      const word = encode(displacement);
      assert.equal(operandsOf(decode(word), word).at(-1), displacement, name);
    }
    for (const displacement of [-reach - step, reach, step / 2, 2 ** 32, Number.NaN, 2 ** 31]) {
      assert.throws(() => encode(displacement), /cannot encode/, `${name} ${displacement}`);
    }
  }
});

test('operands that do not fit are refused', () => {
  const refused: (() => number)[] = [
    () => enc.addImm(X, 0, 1, 4096, 0),
    () => enc.addImm(2, 0, 1, 1, 0),
    () => enc.addImm(X, 32, 1, 1, 0),
    () => enc.addImm(X, 0, -1, 1, 0),
    () => enc.addImm(X, 0, 1, 1.5, 0),
    () => enc.addReg(W, 0, 1, 2, LSL, 32),
    () => enc.addReg(X, 0, 1, 2, 3, 0),
    () => enc.addExt(X, 0, 1, 2, UXTW, 5),
    () => enc.ubfm(W, 0, 1, 32, 31),
    () => enc.movz(W, 0, 1, 2),
    () => enc.ldrImm(3, 0, 1, 4),
    () => enc.ldrImm(3, 0, 1, 32768),
    () => enc.ldrImm(0, 0, 1, -1),
    () => enc.ldur(3, 0, 1, 256),
    () => enc.ldur(3, 0, 1, -257),
    () => enc.ldp(X, 0, 1, 2, 512),
    () => enc.ldp(X, 0, 1, 2, 4),
    () => enc.ldp(W, 0, 1, 2, -260),
    () => enc.andImm(W, 0, 1, 0x1000),
    () => enc.andImm(X, 0, 1, 0x103f),
    () => enc.ldrsXImm(3, 0, 1, 0),
    () => enc.tbz(0, 64, 0),
  ];
  for (const encode of refused) assert.throws(encode, { name: 'AssertionFailure' }, String(encode));
});

test('any word prints', () => {
  const random = randomWords(5);
  let unknown = 0;
  for (let i = 0; i < 30_000; i++) {
    const text = print(random(), { hi: -1, lo: random() });
    if (text.startsWith('.word')) unknown++;
  }
  assert.ok(unknown > 0);
  assert.equal(print(-1), '.word 0xffffffff');
});

test('branch targets are addresses where the address is known', () => {
  assert.equal(print(enc.bl(-4), { hi: 0xffff8000 | 0, lo: 0 }), 'bl 0xffff7ffffffffffc');
  assert.equal(print(enc.b(8), { hi: 0, lo: 0x10000 }), 'b 0x10008');
  assert.equal(print(enc.adrp(1, 1), { hi: 0, lo: 0x12345 }), 'adrp x1, 0x13000');
  assert.equal(print(enc.tbz(1, 3, 4), { hi: 0, lo: -4 }), 'tbz w1, #3, 0x100000000');
});

test('conditions and their inverses', () => {
  for (let condition = 0; condition < 14; condition++) {
    for (let nzcv = 0; nzcv < 16; nzcv++) {
      assert.notEqual(CONDITION_HOLDS[(condition << 4) | nzcv], CONDITION_HOLDS[(invert(condition) << 4) | nzcv], CONDITIONS[condition]);
    }
  }
  assert.equal(CONDITION_HOLDS[(cond.hi << 4) | 0b0010], 1);
  assert.equal(CONDITION_HOLDS[(cond.hi << 4) | 0b0110], 0);
  assert.equal(CONDITION_HOLDS[(cond.lt << 4) | 0b1000], 1);
  assert.equal(CONDITION_HOLDS[(cond.le << 4) | 0b0100], 1);
  assert.equal(CONDITION_HOLDS[cond.gt << 4], 1);
});
