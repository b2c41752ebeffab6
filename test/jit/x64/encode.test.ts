// Encoders give the bytes that llvm-mc gives, refuse what does not fit, and are undone by the decoder.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../../src/jit/x64/decode.ts';
import { ENCODERS, enc, NOPS, padding } from '../../../src/jit/x64/encode.ts';
import { ALU, CC, FORMS, membersOf, SHIFT } from '../../../src/jit/x64/forms.ts';
import { print, printAt } from '../../../src/jit/x64/print.ts';
import { indexed, NO_BASE, REG, RIP } from '../../../src/jit/x64/registers.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { AssertionFailure } from '../../../src/util/error.ts';
import { casesOf, newBuffer } from './cases.ts';
import { GOLDEN } from './golden.ts';

const ORIGIN = { hi: 0, lo: 0 };

function bytesOf(emit: (buffer: ReturnType<typeof newBuffer>) => void): string {
  const buffer = newBuffer();
  emit(buffer);
  return toHex(buffer.bytes.subarray(0, buffer.length));
}

test('golden rows: operands to bytes, bytes to text', () => {
  const rows = GOLDEN.trim().split('\n');
  const seen = new Set<string>();
  for (const row of rows) {
    const [name, operands, text, hex] = row.split('|');
    const number = FORMS.findIndex((form) => form.text === name);
    assert.notEqual(number, -1, name);
    seen.add(name!);
    const values = operands === '' ? [] : operands!.split(' ').map(Number);
    assert.equal(
      bytesOf((b) => ENCODERS[number]!(b, ...values)),
      hex,
      row,
    );
    const form = FORMS[number]!;
    if (!form.operands.some(({ kind }) => kind === 'relative')) assert.equal(print(form, values, ORIGIN), text, row);
  }
  assert.deepEqual(
    FORMS.filter((form) => !seen.has(form.text)).map((form) => form.text),
    [],
  );
});

test('a buffer that grows in the middle of an instruction loses none of it', () => {
  for (const row of GOLDEN.trim().split('\n')) {
    const [name, operands, , hex] = row.split('|');
    const number = FORMS.findIndex((form) => form.text === name);
    // Asking for room gives other bytes, every time.
    const buffer = {
      bytes: new Uint8Array(16),
      length: 0,
      reserve(): void {
        this.bytes = this.bytes.slice();
      },
    };
    ENCODERS[number]!(buffer, ...(operands === '' ? [] : operands!.split(' ').map(Number)));
    assert.equal(toHex(buffer.bytes.subarray(0, buffer.length)), hex, row);
  }
});

test('decode undoes encode', () => {
  let count = 0;
  FORMS.forEach((form, number) => {
    for (const operands of casesOf(form, 3)) {
      const buffer = newBuffer();
      ENCODERS[number]!(buffer, ...operands);
      const decoded = decode(buffer.bytes.subarray(0, buffer.length), 0);
      const what = `${form.text} ${operands.join(' ')}: ${toHex(buffer.bytes.subarray(0, buffer.length))}`;
      assert.ok(decoded.kind === 'instruction', what);
      assert.deepEqual([decoded.form, decoded.length, ...decoded.operands], [number, buffer.length, ...operands], what);
      // Nothing shorter is an instruction of that length or reads beyond its end.
      const cut = decode(buffer.bytes.subarray(0, buffer.length - 1), 0);
      assert.ok(cut.kind === 'unknown' || cut.length < buffer.length, what);
      count++;
    }
  });
  assert.ok(count > 30000, `${count} cases`);
});

// The kernel's bug aee194b14dd2 stored ch for bpl.
test('bytes of rsp, rbp, rsi and rdi have a REX prefix, those of rax to rbx do not', () => {
  const store = enc['mov m8, r8'];
  assert.deepEqual(
    [REG.rbx, REG.rsp, REG.rbp, REG.rsi, REG.rdi, REG.r8].map((reg) => bytesOf((b) => store(b, REG.rax, 0, reg))),
    ['8818', '408820', '408828', '408830', '408838', '448800'],
  );
  assert.equal(
    bytesOf((b) => enc['setCC r8'](b, CC.e, REG.rsi)),
    '400f94c6',
  );
  assert.equal(
    bytesOf((b) => enc['movzx r32, r8'](b, REG.rax, REG.rdi)),
    '400fb6c7',
  );
});

test('memory operands: rsp and r12 need a SIB byte, rbp and r13 a displacement', () => {
  const load = (mem: number, disp: number): string => bytesOf((b) => enc['mov r64, m64'](b, REG.rax, mem, disp));
  assert.equal(load(REG.rax, 0), '488b00');
  assert.equal(load(REG.rsp, 0), '488b0424');
  assert.equal(load(REG.r12, 0), '498b0424');
  assert.equal(load(REG.rbp, 0), '488b4500');
  assert.equal(load(REG.r13, 0), '498b4500');
  assert.equal(load(REG.r12, 127), '498b44247f');
  assert.equal(load(REG.r13, 128), '498b8580000000');
  assert.equal(load(indexed(REG.r12, REG.rdi), -32768), '498b843c0080ffff');
  assert.equal(load(indexed(REG.r13, REG.r12, 3), 0), '4b8b44e500');
  assert.equal(load(RIP, 16), '488b0510000000');
  assert.equal(load(NO_BASE, 16), '488b042510000000');
  assert.equal(load(indexed(NO_BASE, REG.rcx, 1), 0), '488b044d00000000');
});

test('what does not fit is refused, and nothing is appended', () => {
  const buffer = newBuffer();
  const refused = (emit: () => void): void => {
    assert.throws(emit, AssertionFailure);
    assert.equal(buffer.length, 0);
  };
  refused(() => enc['mov r64, r64'](buffer, 16, 0));
  refused(() => enc['mov r64, r64'](buffer, 0, -1));
  refused(() => enc['mov r64, m64'](buffer, 0, 18, 0));
  refused(() => enc['mov r64, m64'](buffer, 0, 0, 2 ** 31));
  refused(() => enc['ALU r64, simm8'](buffer, ALU.add, 0, 128));
  refused(() => enc['ALU r64, simm32'](buffer, ALU.add, 0, 2 ** 31));
  refused(() => enc['ALU r32, imm32'](buffer, ALU.add, 0, 2 ** 32));
  refused(() => enc['ALU r32, imm32'](buffer, 8, 0, 0));
  refused(() => enc['lock RMW m64, r64'](buffer, ALU.cmp, 0, 0, 0));
  refused(() => enc['SHIFT r64, uimm8'](buffer, SHIFT.shl, 0, -1));
  refused(() => enc['jCC rel8'](buffer, CC.e, 128));
  refused(() => enc['jmp rel8'](buffer, -129));
  assert.throws(() => indexed(REG.rax, REG.rsp), AssertionFailure);
  assert.throws(() => indexed(RIP, REG.rax), AssertionFailure);
});

test('padding is made of instructions that do nothing, none longer than 9 bytes', () => {
  assert.deepEqual(
    NOPS.map((nop) => nop.length),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  for (let size = 1; size <= 40; size++) {
    const buffer = newBuffer();
    padding(buffer, size);
    assert.equal(buffer.length, size);
    let count = 0;
    for (let at = 0; at < size; count++) {
      const { text, length } = printAt(buffer.bytes.subarray(0, size), at, ORIGIN);
      assert.match(text, /^nop|^\.byte 0x66$/);
      at += length;
    }
    assert.equal(count, Math.ceil(size / 9) + (size % 9 === 2 ? 1 : 0));
  }
});

test('no instruction is longer than its buffer was told, no two forms share their bytes', () => {
  const seen = new Map<string, string>();
  FORMS.forEach((form, number) => {
    for (const n of membersOf(form)) {
      const operands = casesOf(form).find((values) => form.group === undefined || values[0] === n)!;
      const hex = bytesOf((b) => ENCODERS[number]!(b, ...operands));
      assert.ok(hex.length <= 30);
      assert.equal(seen.get(hex), undefined, `${hex} is ${form.text} and ${seen.get(hex)}`);
      seen.set(hex, form.text);
    }
  });
});
