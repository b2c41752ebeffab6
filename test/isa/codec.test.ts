// Decoding and encoding are inverse, and what is reserved is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COND, KIND } from '../../src/isa/code.ts';
import { decode, encode, encodingAt, fromBigEndian } from '../../src/isa/codec.ts';
import { instructionAt } from '../../src/isa/instruction.ts';
import { ENCODINGS } from '../../src/isa/opcodes.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { concat, EXIT, FORM_SLOT, formPrograms, slotBytes } from '../support/forms.ts';

/** Code and slot of the refusal. */
function refusal(bytes: Uint8Array): [string, number | undefined] {
  try {
    decode(bytes, 'test');
  } catch (error) {
    if (error instanceof BpfError && error.position.in === 'program') return [error.code, error.position.slot];
    throw error;
  }
  return ['accepted', undefined];
}

const hex = (text: string): Uint8Array => tryParseHex(text)!;

test('every form at the extremes of its fields decodes to its row and encodes to the same bytes', () => {
  const seen = new Set<string>();
  for (const { encoding, bytes } of formPrograms()) {
    const code = decode(bytes, 'test');
    assert.equal(encodingAt(code, FORM_SLOT), encoding);
    assert.deepEqual(encode(code), bytes);
    assert.notEqual(instructionAt(code, FORM_SLOT), undefined);
    seen.add(`${encoding.opcode} ${encoding.name}`);
  }
  assert.equal(seen.size, ENCODINGS.length);
});

test('every constant field of every form is refused when it holds anything else that no other form has', () => {
  for (const row of ENCODINGS) {
    const ok = { dst: 0, src: 0, offset: 0, imm: 0 };
    for (const field of ['dst', 'src', 'offset', 'imm'] as const) {
      const given = row[field];
      ok[field] = typeof given === 'number' ? given : given === 'distance' ? -1 : given === 'spaces' ? 1 : 0;
    }
    for (const field of ['dst', 'src', 'offset', 'imm'] as const) {
      if (typeof row[field] !== 'number') continue;
      const set = { ...ok, [field]: field === 'imm' ? 0x12345 : field === 'offset' ? 0x1234 : 12 };
      const bytes = concat(EXIT, slotBytes(row.opcode, set.dst, set.src, set.offset, set.imm), slotBytes(0, 0, 0, 0, 0), EXIT);
      const [code, slot] = refusal(bytes);
      assert.match(code, /^isa\/(reserved-field|unknown-opcode)$/, `${row.name}, ${field}`);
      assert.equal(slot, FORM_SLOT);
    }
  }
});

test('an opcode without a row is refused', () => {
  const known = new Set(ENCODINGS.map(({ opcode }) => opcode));
  let unknown = 0;
  for (let opcode = 0; opcode < 256; opcode++) {
    if (known.has(opcode)) continue;
    unknown++;
    assert.deepEqual(refusal(concat(EXIT, slotBytes(opcode, 0, 0, 0, 0), EXIT)), ['isa/unknown-opcode', 1], `opcode ${opcode}`);
  }
  assert.equal(unknown + known.size, 256);
});

test('fields are where [RFC9669 3] has them', () => {
  const code = decode(hex('7b 1a f8 ff 00000000  35 02 fe ff 78563412  95 00 0000 00000000'), 'test');
  assert.equal(code.kind[0], KIND.store);
  assert.equal(code.dst[0], 10);
  assert.equal(code.src[0], 1);
  assert.equal(code.offset[0], -8);
  assert.equal(code.kind[1], KIND.branch);
  assert.equal(code.op[1], COND.ge);
  assert.equal(code.offset[1], 0);
  assert.equal(code.imm[1], 0x12345678);
});

test('lddw: 64 bits over two slots, of which the second holds nothing else', () => {
  const code = decode(hex('18 03 0000 44332211 00 00 0000 88776655 9500000000000000'), 'test');
  assert.deepEqual([...code.kind], [KIND.lddw, KIND.second, KIND.exit]);
  assert.equal(code.imm[0], 0x11223344);
  assert.equal(code.hi[0], 0x55667788 | 0);
  for (const bad of ['01 00 0000', '00 01 0000', '00 10 0000', '00 00 0100']) {
    assert.deepEqual(refusal(hex(`18 03 0000 44332211 ${bad} 88776655 9500000000000000`)), ['isa/reserved-field', 1]);
  }
  assert.deepEqual(refusal(hex('9500000000000000 1803000000000000')), ['isa/truncated-lddw', 1]);
  assert.deepEqual(refusal(hex('1811000000000000 0000000001000000 9500000000000000')), ['isa/reserved-field', 1]);
});

test('jumps, calls and function references stay inside the program and off the second slot of lddw', () => {
  const lddwAt1 = '1803000000000000 0000000000000000 9500000000000000';
  assert.deepEqual(refusal(hex(`0500 0100 00000000 ${lddwAt1}`)), ['isa/jump-into-lddw', 0]);
  assert.deepEqual(refusal(hex(`8510 0000 01000000 ${lddwAt1}`)), ['isa/jump-into-lddw', 0]);
  assert.deepEqual(refusal(hex('0500 0100 00000000 9500000000000000')), ['isa/jump-out-of-range', 0]);
  assert.deepEqual(refusal(hex('9500000000000000 0500 fdff 00000000')), ['isa/jump-out-of-range', 1]);
  assert.deepEqual(refusal(hex('9500000000000000 0600 0000 ffffff7f')), ['isa/jump-out-of-range', 1]);
  assert.deepEqual(refusal(hex('9500000000000000 0600 0000 00000080')), ['isa/jump-out-of-range', 1]);
  assert.deepEqual(refusal(hex('9500000000000000 1840 0000 ffffff7f 0000000000000000')), ['isa/jump-out-of-range', 1]);
});

test('registers end at R10', () => {
  assert.deepEqual(refusal(hex('bf0b000000000000')), ['isa/bad-register', 0]);
  assert.deepEqual(refusal(hex('bfb0000000000000')), ['isa/bad-register', 0]);
  assert.deepEqual(refusal(hex('79f0000000000000')), ['isa/bad-register', 0]);
});

test('a program is a whole number of slots', () => {
  assert.deepEqual(refusal(new Uint8Array(7)), ['isa/odd-length', undefined]);
  assert.equal(decode(new Uint8Array(0), 'test').slots, 0);
});

test('arbitrary bytes decode to what encodes back, or are refused', () => {
  let state = 0x2545f491;
  const random = (): number => (state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
  const opcodes = ENCODINGS.map(({ opcode }) => opcode);
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = new Uint8Array(8 * (1 + (random() % 3)));
    for (let i = 0; i < bytes.length; i++) bytes[i] = random() % 3 === 0 ? random() : 0;
    for (let i = 0; i < bytes.length; i += 8) if (random() % 4 !== 0) bytes[i] = opcodes[random() % opcodes.length]!;
    if (refusal(bytes)[0] !== 'accepted') continue;
    accepted++;
    assert.deepEqual(encode(decode(bytes, 'test')), bytes);
  }
  assert.ok(accepted > 100, `${accepted} accepted`);
});

test('big-endian bytecode has its registers and fields the other way round', () => {
  assert.deepEqual(fromBigEndian(hex('7b a1 ff f8 00000000  b7 10 0000 12345678')), hex('7b 1a f8 ff 00000000  b7 01 0000 78563412'));
});
