// What is printed reads back; both notations give the bytes of the RFC; errors point at the place.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from '../../src/asm/parse.ts';
import { print, printInstruction } from '../../src/asm/print.ts';
import { decode } from '../../src/isa/codec.ts';
import { ENCODINGS } from '../../src/isa/opcodes.ts';
import { toHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { FORM_SLOT, formPrograms } from '../support/forms.ts';

test('every form at the extremes of its fields prints as text that parses to the same bytes', () => {
  const seen = new Set<string>();
  for (const { encoding, bytes } of formPrograms()) {
    const code = decode(bytes, 'test');
    const line = printInstruction(code, FORM_SLOT);
    assert.equal(toHex(parse(`exit\n${line}\nexit`).bytes), toHex(bytes), line);
    assert.equal(toHex(parse(print(code)).bytes), toHex(bytes), line);
    seen.add(`${encoding.opcode} ${encoding.name}`);
  }
  assert.equal(seen.size, ENCODINGS.length);
});

// Text, and the slot's bytes as opcode, registers, offset, imm.
const LINES: readonly (readonly [text: string, hex: string])[] = [
  ['r1 = 5', 'b7010000 05000000'],
  ['mov %r1, 5', 'b7010000 05000000'],
  ['R1 = 0x5', 'b7010000 05000000'],
  ['r1 = -5', 'b7010000 fbffffff'],
  ['w3 s>>= w4', 'cc430000 00000000'],
  ['arsh32 %r3, %r4', 'cc430000 00000000'],
  ['r1 s/= 7', '37010100 07000000'],
  ['sdiv %r1, 7', '37010100 07000000'],
  ['w2 s%= w9', '9c920100 00000000'],
  ['w5 = -w5', '84050000 00000000'],
  ['neg32 r5', '84050000 00000000'],
  ['r1 = (s16)r2', 'bf211000 00000000'],
  ['movsx1664 %r1, %r2', 'bf211000 00000000'],
  ['w1 = (s8) w2', 'bc210800 00000000'],
  ['r7 = bswap32 r7', 'd7070000 20000000'],
  ['bswap32 %r7', 'd7070000 20000000'],
  ['r7 = be16 r7', 'dc070000 10000000'],
  ['r7 = le64 r7', 'd4070000 40000000'],
  ['r1 = addr_space_cast(r2, 0, 1)', 'bf210100 01000000'],
  ['r1 = addr_space_cast(r2, 1, 0)', 'bf210100 00000100'],
  ['r1 = *(u32 *)(r2 + 4)', '61210400 00000000'],
  ['w1 = *(u32 *)(r2 + 4)', '61210400 00000000'],
  ['r1=*(u32*)(r2+4)', '61210400 00000000'],
  ['r1 = *(u32 *)(r2 +4)', '61210400 00000000'],
  ['ldxw %r1, [%r2+4]', '61210400 00000000'],
  ['ldxdw %r1, [%r10-8]', '79a1f8ff 00000000'],
  ['ldxdw r1, [r2]', '79210000 00000000'],
  ['r1 = *(s8 *)(r2 - 32768)', '91210080 00000000'],
  ['*(u8 *)(r1 + 3) = -1', '72010300 ffffffff'],
  ['stxdw [%r10-8], %r0', '7b0af8ff 00000000'],
  ['stdw [r10-8], 0x7b', '7a0af8ff 7b000000'],
  ['lock *(u32 *)(r1 + 0) += w2', 'c3210000 00000000'],
  ['lock add32 [%r1], %r2', 'c3210000 00000000'],
  ['lock *(u64 *)(r1 + 0) ^= r2', 'db210000 a0000000'],
  ['r2 = atomic_fetch_and((u64 *)(r1 + 8), r2)', 'db210800 51000000'],
  ['r2 = atomic64_fetch_and((u64 *)(r1 +8), r2)', 'db210800 51000000'],
  ['lock fetch and [%r1+8], %r2', 'db210800 51000000'],
  ['w2 = xchg32_32(r1 + 0, w2)', 'c3210000 e1000000'],
  ['r0 = cmpxchg_64(r1 + 0, r0, r2)', 'db210000 f1000000'],
  ['lock cmpxchg [%r1], %r2', 'db210000 f1000000'],
  ['w2 = load_acquire((u8 *)(r1 + 1))', 'd3120100 00010000'],
  ['store_release((u64 *)(r1 + 8), r2)', 'db210800 10010000'],
  ['r0 = *(u16 *)skb[14]', '28000000 0e000000'],
  ['r0 = *(u8 *)skb[r3]', '50300000 00000000'],
  ['r0 = *(u8 *)skb[r3 + 14]', '50300000 0e000000'],
  ['r1 = 0x123456789abcdef0 ll', '18010000 f0debc9a 00000000 78563412'],
  ['r1 = -2 ll', '18010000 feffffff 00000000 ffffffff'],
  ['lddw %r1, 0x123456789abcdef0', '18010000 f0debc9a 00000000 78563412'],
  ['r1 = map[7]', '18110000 07000000 00000000 00000000'],
  ['r1 = map[7][0] + 16', '18210000 07000000 00000000 10000000'],
  ['r1 = map[counters]', '18110000 00000000 00000000 00000000'],
  ['r1 = btf[9:2]', '18310000 09000000 00000000 02000000'],
  ['r1 = function[pc-1]', '18410000 ffffffff 00000000 00000000'],
  ['goto +0', '05000000 00000000'],
  ['goto -1', '0500ffff 00000000'],
  ['goto -0x1 <main+0x8>', '0500ffff 00000000'],
  ['gotol -1', '06000000 ffffffff'],
  ['ja32 -1', '06000000 ffffffff'],
  ['may_goto +0', 'e5000000 00000000'],
  ['if r1 s> -5 goto +0', '65010000 fbffffff'],
  ['jsgt %r1, -5, +0', '65010000 fbffffff'],
  ['if w1 & w2 goto +0', '4e210000 00000000'],
  ['jset32 %r1, %r2, +0', '4e210000 00000000'],
  ['if r1 == 0x80000000 goto +0', '15010000 00000080'],
  ['call 5', '85000000 05000000'],
  ['call helper 5', '85000000 05000000'],
  ['call pc+0', '85100000 00000000'],
  ['call kfunc[3]', '85200000 03000000'],
  ['call kfunc[3:1]', '85200100 03000000'],
  ['callx r2', '8d020000 00000000'],
  ['call %r2', '8d020000 00000000'],
  ['exit', '95000000 00000000'],
];

test('both notations', () => {
  for (const [text, hex] of LINES) assert.equal(toHex(parse(`${text}\nexit`).bytes), `${hex.replaceAll(' ', '')}9500000000000000`, text);
});

test('labels, comments and lines', () => {
  const { bytes, labels, subprograms, lines, maps } = parse(
    `# comment
main: r1 = 3 ll      ; two slots
again:
  r1 += -1           // C
  if r1 != 0 goto again
  r2 = function[twice]
  r3 = map[b]
  r4 = map[a][0] + 4
  r5 = map[b]
  call twice
  goto exit
  exit
twice:
  exit
`,
    'loop.bpfasm',
  );
  assert.equal(decode(bytes, 'test').offset[3], 2);
  assert.deepEqual(Object.fromEntries(labels), { main: 0, again: 2, twice: 15, exit: 14 });
  assert.deepEqual(subprograms, [
    { name: 'main', start: 0, end: 15 },
    { name: 'twice', start: 15, end: 16 },
  ]);
  assert.deepEqual(maps, ['b', 'a']);
  assert.deepEqual(lines[1], { slot: 2, file: 'loop.bpfasm', line: 4, column: 3, text: 'r1 += -1           // C' });
});

// Text, where it goes wrong (line:column), the code, a part of the message.
const REFUSED: readonly (readonly [text: string, at: string, code: string, message: RegExp])[] = [
  ['', '1:1', 'asm/empty', /no instruction/],
  ['  frob r1', '1:3', 'asm/unknown-instruction', /'frob'/],
  ['exit\nr1 = *(u32 *)(r2 + 4', '2:21', 'asm/syntax', /expected '\)', the line ends/],
  ['r1 = *(u33 *)(r2 + 4)', '1:8', 'asm/syntax', /found 'u33'/],
  ['if r1 > 5 goto', '1:15', 'asm/syntax', /label or a distance/],
  ['exit exit', '1:6', 'asm/syntax', /the end of the line/],
  ['r1 = -r2', '1:7', 'asm/syntax', /r1, the register on the left/],
  ['lock *(u8 *)(r1 + 0) += r2', '1:8', 'asm/syntax', /'u32' or 'u64'/],
  ['mov %r1', '1:8', 'asm/syntax', /','/],
  ['r1 = r11', '1:6', 'asm/out-of-range', /no register r11/],
  ['r1 = 0x100000000', '1:6', 'asm/out-of-range', /-2147483648 to 2147483647/],
  ['r1 = 2147483648', '1:6', 'asm/out-of-range', /2147483648/],
  ['r1 = -2147483649', '1:6', 'asm/out-of-range', /-2147483649/],
  ['r1 = *(u8 *)(r2 + 32768)', '1:17', 'asm/out-of-range', /-32768 to 32767/],
  ['r1 = 0x10000000000000000 ll', '1:6', 'asm/out-of-range', /64 bits/],
  ['r1 = 12abc', '1:6', 'asm/bad-number', /12abc/],
  [`r1 = ${'9'.repeat(50)} ll`, '1:6', 'asm/bad-number', /9999/],
  ['r1 ? 2', '1:4', 'asm/bad-character', /\?/],
  ['goto nowhere', '1:6', 'asm/unknown-label', /nowhere/],
  ['a:\na: exit', '2:1', 'asm/duplicate-label', /a is defined/],
  ['exit\n  goto +5', '2:3', 'isa/jump-out-of-range', /slot 7/],
  [`goto far\n${'exit\n'.repeat(32768)}far: exit`, '1:6', 'asm/out-of-range', /32768 slots/],
];

test('a refused text names line, column and what was expected', () => {
  for (const [text, at, code, message] of REFUSED) {
    assert.throws(
      () => parse(text, 'test'),
      (error) => {
        assert.ok(error instanceof BpfError && error.position.in === 'text', text.slice(0, 60));
        const { line, column } = error.position;
        assert.deepEqual([`${line}:${column}`, error.code], [at, code], `${text.slice(0, 60)}: ${error.message}`);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('arbitrary text is refused or assembled, never anything else', () => {
  let state = 0x1234567;
  const random = (below: number): number => ((state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0) % below;
  const words = LINES.flatMap(([text]) => text.split(' ')).concat(['\n', ':', 'x:', '\u0000', '%', '\ud83d', '0x', '""', 'é']);
  let assembled = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + random(8) }, () => words[random(words.length)]).join(random(4) === 0 ? '' : ' ');
    try {
      decode(parse(text).bytes, 'test');
      assembled++;
    } catch (error) {
      assert.ok(error instanceof BpfError, `${JSON.stringify(text)}: ${error}`);
    }
  }
  assert.ok(assembled > 20, `${assembled} assembled`);
});

test('every example of docs/assembly.md assembles', () => {
  const text = readFileSync(fileURLToPath(new URL('../../../docs/assembly.md', import.meta.url)), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| `/.test(line));
  const examples = rows.flatMap((row) =>
    Array.from(
      row
        .split(/(?<!\\)\|/)
        .slice(1, 3)
        .join(' ')
        .matchAll(/`([^`]+)`/g),
      (match) => match[1]!,
    ),
  );
  assert.ok(examples.length > 60, `${examples.length} examples`);
  for (const example of examples) {
    assert.equal(parse(`exit\n${example}\nname: exit\nout: exit\nexit\nexit`).lines.length, 6, example);
  }
  const program = /```bpf\n([\s\S]*?)```/.exec(text)![1]!;
  assert.equal(parse(program).bytes.length, 8 * 8);
});
