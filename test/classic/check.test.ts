import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClassic } from '../../src/classic/check.ts';
import { type ClassicInstruction, decodeClassic, parseClassic } from '../../src/classic/decode.ts';
import { translateClassic } from '../../src/classic/translate.ts';
import { KIND } from '../../src/isa/code.ts';
import { BpfError } from '../../src/util/error.ts';

const row = (code: number, jt = 0, jf = 0, k = 0): ClassicInstruction => ({ code, jt, jf, k });
const ret = row(0x06, 0, 0, 1);

test('tcpdump -ddd and -dd text give the same instructions', () => {
  const expected = [row(0x28, 0, 0, 12), row(0x15, 0, 1, 2048), row(6, 0, 0, 262144), row(6)];
  assert.deepEqual(parseClassic('4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n', 'f'), expected);
  assert.deepEqual(
    parseClassic('{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000800 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0 },', 'f'),
    expected,
  );
});

test('bad text is refused with line and column', () => {
  for (const [text, line] of [
    ['2\n6 0 0 0\n', 3],
    ['6 0 0\n', 1],
    ['1\n  6 0 x 0', 2],
    ['1\n6 0 0 4294967296', 2],
    ['1\n6 256 0 0', 2],
    ['', 1],
  ] as const) {
    assert.throws(
      () => parseClassic(text, 'f'),
      (error) => error instanceof BpfError && error.position.in === 'text' && error.position.line === line,
      text,
    );
  }
});

const refused: readonly (readonly [string, readonly ClassicInstruction[], string, number])[] = [
  ['no return at the end', [row(0x00, 0, 0, 1)], 'classic/no-return', 0],
  ['division by the constant 0', [row(0x34), ret], 'classic/division-by-zero', 0],
  ['modulo by the constant 0', [row(0x94), ret], 'classic/division-by-zero', 0],
  ['shift by 32', [row(0x64, 0, 0, 32), ret], 'classic/shift', 0],
  ['unknown opcode', [row(0xff), ret], 'classic/unknown-instruction', 0],
  ['return of X', [ret, row(0x0e)], 'classic/unknown-instruction', 1],
  ['arithmetic shift, which classic lacks', [row(0xc4), ret], 'classic/unknown-instruction', 0],
  ['jump past the end', [row(0x05, 0, 0, 1), ret], 'classic/jump', 0],
  ['conditional jump past the end', [row(0x15, 1, 0, 0), ret], 'classic/jump', 0],
  ['jump back', [ret, row(0x05, 0, 0, 0xfffffffe), ret], 'classic/backward-jump', 1],
  ['scratch word 16', [row(0x02, 0, 0, 16), ret], 'classic/scratch', 0],
  ['scratch read before write', [row(0x60, 0, 0, 3), ret], 'classic/scratch', 0],
  ['scratch written on one path only', [row(0x15, 0, 1, 0), row(0x02, 0, 0, 1), row(0x60, 0, 0, 1), ret], 'classic/scratch', 2],
  ['unknown ancillary load', [row(0x20, 0, 0, 0xfffff001), ret], 'classic/ancillary', 0],
];
for (const [name, program, code, slot] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => checkClassic(program, { name: 't' }),
      (error) => error instanceof BpfError && error.code === code && error.position.in === 'program' && error.position.slot === slot,
    );
  });
}

test('4,096 instructions are accepted, 4,097 are not', () => {
  const program = Array.from({ length: 4096 }, () => ret);
  checkClassic(program, { name: 't' });
  assert.throws(() => checkClassic([...program, ret], { name: 't' }), { code: 'classic/too-long' });
});

test('a backward jump is accepted on request', () => {
  checkClassic([row(0x05, 0, 0, 1), ret, row(0x05, 0, 0, 0xfffffffe), ret], { name: 't', backward: true });
});

test('records decode little-endian; a broken size is refused', () => {
  assert.deepEqual(decodeClassic(Uint8Array.of(0x15, 0, 1, 2, 0x78, 0x56, 0x34, 0x92), 'f'), [row(0x15, 1, 2, 0x92345678)]);
  assert.throws(() => decodeClassic(new Uint8Array(9), 'f'), { code: 'classic/size' });
});

test('translated jumps land on the first instruction of their target', () => {
  const code = translateClassic([row(0x28, 0, 0, 12), row(0x15, 0, 2, 2048), row(0x45, 0, 1, 5), ret, row(0x16)], { name: 't' });
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] === KIND.branch || code.kind[slot] === KIND.jump)
      assert.ok(code.offset[slot]! > slot && code.offset[slot]! < code.slots);
  }
});
