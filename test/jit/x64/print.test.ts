// Texts of branches, of unknown bytes, and of anything at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressFromBigint } from '../../../src/jit/address.ts';
import { printAt } from '../../../src/jit/x64/print.ts';
import { tryParseHex } from '../../../src/util/bytes.ts';

const textOf = (hex: string, base = 0n, offset = 0): string => printAt(tryParseHex(hex)!, offset, addressFromBigint(base)).text;

test('branches show the address they go to', () => {
  assert.equal(textOf('e8 00 00 00 00', 0x401000n), 'call 0x401005');
  assert.equal(textOf('eb fe', 0x7fff_ffff_f000n), 'jmp 0x7ffffffff000');
  assert.equal(textOf('90 74 fd', 0x1_0000_0000n, 1), 'je 0x100000000');
  assert.equal(textOf('0f 85 fa ff ff 7f', 0xffff_ffffn), 'jne 0x17fffffff');
  assert.equal(textOf('e9 00 00 00 80', 0x1_0000_0000n), 'jmp 0x80000005');
  assert.equal(textOf('ff d0'), 'call rax');
  assert.equal(textOf('41 ff e3'), 'jmp r11');
});

test('immediates: bytes and sign-extended values have a sign, words do not', () => {
  assert.equal(textOf('83 c0 ff'), 'add eax, -1');
  assert.equal(textOf('48 81 c0 00 00 00 80'), 'add rax, -2147483648');
  assert.equal(textOf('05 00 00 00 80'), 'add eax, 2147483648');
  assert.equal(textOf('b8 ff ff ff ff'), 'mov eax, 4294967295');
  assert.equal(textOf('49 bb ff ff ff ff ff ff ff 7f'), 'movabs r11, 9223372036854775807');
  assert.equal(textOf('c1 e0 ff'), 'shl eax, 255');
});

test('what no form has is a byte', () => {
  for (const hex of ['06', '66 66 90', 'f2 90', '0f', '0f 38', 'c5 f8 77', '48', 'f0 48 39 08', 'c4 e2', '']) {
    const { text, length } = printAt(tryParseHex(hex)!, 0, addressFromBigint(0n));
    assert.equal(text, `.byte 0x${hex.slice(0, 2) || '00'}`);
    assert.equal(length, 1);
  }
  // ah: only bytes with REX are the low ones of rsp to rdi.
  assert.equal(textOf('88 e0'), '.byte 0x88');
});

test('any bytes have a text, and the lengths cover them', () => {
  const code = new Uint8Array(1 << 16);
  let seed = 7;
  for (let i = 0; i < code.length; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    code[i] = seed >>> 24;
  }
  let at = 0;
  while (at < code.length) {
    const { text, length } = printAt(code, at, addressFromBigint(0n));
    assert.ok(length >= 1 && length <= 15);
    assert.doesNotMatch(text, /undefined|NaN|\?/);
    at += length;
  }
  assert.equal(at, code.length);
});
