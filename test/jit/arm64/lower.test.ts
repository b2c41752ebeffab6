// What the lowering makes of small programs: one idea a case, as assembly text in and out; and random programs on every engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEMORY, pointerProgram } from '../../../fuzz/pointers.ts';
import { parse } from '../../../src/asm/parse.ts';
import { arm64 } from '../../../src/jit/arm64/target.ts';
import { compile } from '../../../src/jit/compile.ts';
import type { CompileOptions } from '../../../src/jit/target.ts';
import { createProgram, type MapShape } from '../../../src/program/program.ts';
import { Window } from '../../../src/window/window.ts';
import { simulate, VARIANTS } from '../../support/arm64-sim.ts';
import { ENGINES, HELPERS } from '../../support/engines.ts';

const ARRAY: MapShape = { name: 'array', type: 2, keySize: 4, valueSize: 24, maxEntries: 5, flags: 0 };

function lowered(text: string, options: CompileOptions = {}, maps: readonly MapShape[] = []): string {
  const program = createProgram({ name: 'test', bytes: parse(text.replaceAll(';', '\n')).bytes, maps });
  const { bytes, size } = compile(
    program,
    arm64,
    { resolve: () => ({ hi: 0, lo: 0x40000 }), allocate: () => ({ hi: 0, lo: 0 }) },
    { fuel: false, ...options },
  );
  const lines: string[] = [];
  for (let at = 0; at < size; at += 4) lines.push(arm64.printAt(bytes, at, { hi: 0, lo: 0 }).text);
  return lines.join('; ');
}

/** The last instruction is `ret` everywhere; it is left out. */
function expectCode(text: string, expected: string, options?: CompileOptions): void {
  assert.equal(lowered(`${text}; exit`, options), `${expected}${expected === '' ? '' : '; '}ret`, text);
}

test('a copy and an operation on it are one instruction', () => {
  expectCode('r0 = r1; r0 += r2', 'add x0, x1, x2');
  expectCode('w0 = w1; w0 ^= 255', 'eor w0, w1, #0xff');
  expectCode('r0 = r1; r0 += 4095', 'add x0, x1, #4095');
  expectCode('r0 = r1; r0 -= 8192', 'sub x0, x1, #2, lsl #12');
  expectCode('r0 = r3; r3 = 5; r4 = r3', 'mov x0, x3');
});

test('what nobody reads is not written', () => {
  expectCode('r3 = 7; r4 = r3; r4 *= r3; r0 = 1', 'mov w0, #1');
  expectCode('w2 = w1; w0 = w2', 'mov w0, w1');
});

test('shifts and extensions become operands', () => {
  expectCode('r2 <<= 3; r0 = r1; r0 += r2', 'add x0, x1, x2, lsl #3');
  expectCode('w2 = w2; r0 = r1; r0 += r2', 'add x0, x1, w2, uxtw');
  expectCode('r0 = r1; r2 >>= 7; r0 ^= r2', 'eor x0, x1, x2, lsr #7');
  expectCode('r0 = r1; r2 <<= 32; r2 s>>= 32; r0 -= r2', 'sub x0, x1, w2, sxtw');
});

test('shifts in both directions are rotations and bit fields', () => {
  expectCode('w0 = w1; w0 <<= 13; w1 >>= 19; w0 |= w1', 'ror w0, w1, #19');
  expectCode('r0 = r1; r0 <<= 21; r2 >>= 43; r0 |= r2', 'extr x0, x1, x2, #43');
  expectCode('r0 = r1; r0 >>= 8; r0 &= 255', 'ubfx w0, w1, #8, #8');
  expectCode('r0 = r1; r0 <<= 32; r0 >>= 32', 'mov w0, w1');
  expectCode('r0 = r1; r0 <<= 48; r0 s>>= 40', 'sbfiz x0, x1, #8, #16');
});

test('constants', () => {
  expectCode('r0 = 0xff00ff00ff00ff00 ll', 'mov x0, #-71777214294589696');
  expectCode('r0 = -2', 'mov x0, #-2');
  expectCode('w0 = 6; w0 *= 7', 'mov w0, #42');
});

test('products', () => {
  expectCode('r0 = r1; r0 *= 8', 'lsl x0, x1, #3');
  expectCode('r0 = r1; r0 *= 65', 'add x0, x1, x1, lsl #6');
  expectCode('r0 = r1; r0 *= r2; r0 += r3', 'madd x0, x1, x2, x3');
  expectCode('w1 = w1; w2 = w2; r0 = r1; r0 *= r2', 'umull x0, w1, w2');
  expectCode('r0 = r1; r0 %= r2', 'udiv x6, x1, x2; msub x0, x6, x2, x1');
  expectCode('r0 = r1; r0 /= 16', 'lsr x0, x1, #4');
  expectCode('w0 = w1; w0 %= 16', 'ubfx w0, w1, #0, #4');
});

test('masks that the operand makes encodable', () => {
  expectCode('r0 = *(u16 *)(r1 + 0); w0 &= 65343', 'ldrh w0, [x28, w1, uxtw]; and w0, w0, #0xffffff3f');
  expectCode('r0 = *(u8 *)(r1 + 0); w0 &= 255', 'ldrb w0, [x28, w1, uxtw]');
});

test('accesses share an address, and neighbours are pairs', () => {
  expectCode('r0 = *(u64 *)(r1 + 0)', 'ldr x0, [x28, w1, uxtw]');
  expectCode('r2 = *(u32 *)(r1 + 4); r0 = *(u32 *)(r1 + 0); r0 += r2', 'add x6, x28, w1, uxtw; ldp w0, w2, [x6]; add x0, x0, x2');
  expectCode(
    'r2 = r1; r2 += 14; r0 = *(u16 *)(r2 + 0); r2 = *(u8 *)(r1 + 1); r0 += r2',
    'add x6, x28, w1, uxtw; ldrh w0, [x6, #14]; ldrb w2, [x6, #1]; add x0, x0, x2',
  );
  expectCode('*(u64 *)(r10 - 16) = 0; *(u64 *)(r10 - 8) = 0; r0 = r1', 'stp xzr, xzr, [x25, #-16]; mov w0, w1');
  expectCode('*(u8 *)(r10 - 1) = 0; r0 = r1', 'sturb wzr, [x25, #-1]; mov w0, w1');
  expectCode(
    'r1 += 4; r0 = *(u32 *)(r1 + 4); r1 += 4; r2 = *(u32 *)(r1 + 8); r0 += r2',
    'add x6, x28, w1, uxtw; ldr w0, [x6, #8]; ldr w2, [x6, #16]; add x0, x0, x2',
  );
});

test('no distance from the frame leads out of the window', () => {
  for (const distance of [0x7fffffff, -0x7fffffff, 0x10000, -0x10000]) {
    const code = lowered(`r2 = r10; r2 += ${distance}; r0 = *(u8 *)(r2 + 0); exit`);
    assert.match(code, /ldrb w0, \[x28, w\d+, uxtw\]/);
  }
  assert.equal(lowered('r0 = *(u64 *)(r10 - 512); exit'), 'sub x6, x25, #512; ldr x0, [x6]; ret');
});

test('neighbours meet over arithmetic between them', () => {
  expectCode('*(u32 *)(r10 - 8) = 1; *(u32 *)(r10 - 4) = 2; w0 = w1', 'mov w6, #1; mov w7, #2; stp w6, w7, [x25, #-8]; mov w0, w1');
  expectCode(
    'r2 = *(u64 *)(r10 - 16); r2 += 5; r3 = *(u64 *)(r10 - 8); *(u64 *)(r10 - 24) = r2; r0 = r3',
    'ldp x2, x3, [x25, #-16]; add x2, x2, #5; stur x2, [x25, #-24]; mov x0, x3',
  );
  const text = '*(u64 *)(r10 - 8) = r1; r2 = 0 ll; *(u64 *)(r10 - 16) = r2; r0 = 0; exit';
  const { bytes } = parse(text.replaceAll(';', '\n'));
  bytes[1 * 8 + 1] = 0x12;
  const program = createProgram({ name: 'test', bytes, maps: [ARRAY] });
  const outcome = simulate(program, new Uint8Array(8), 100, {}, {});
  assert.equal(outcome.kind, 'exit');
});

test('bytes that are put together are one load', () => {
  const little = 'r2 = *(u8 *)(r1 + 1); r2 <<= 8; r0 = *(u8 *)(r1 + 0); r0 |= r2; r2 = *(u8 *)(r1 + 2); r2 <<= 16; r0 |= r2';
  expectCode(`${little}; r2 = *(u8 *)(r1 + 3); r2 <<= 24; r0 |= r2`, 'add x6, x28, w1, uxtw; ldr w0, [x6]');
  expectCode('r2 = *(u8 *)(r1 + 6); r2 <<= 8; r0 = *(u8 *)(r1 + 7); r0 |= r2', 'add x6, x28, w1, uxtw; ldrh w0, [x6, #6]; rev16 w0, w0');
  // A store in between may change one of them.
  expectCode(
    'r0 = *(u8 *)(r1 + 1); *(u8 *)(r3 + 0) = 0; r2 = *(u8 *)(r1 + 2); r2 <<= 8; r0 |= r2',
    'add x6, x28, w1, uxtw; ldrb w0, [x6, #1]; strb wzr, [x28, w3, uxtw]; ldrb w7, [x6, #2]; orr x0, x0, x7, lsl #8',
  );
});

test('a loop keeps the address of what it does not change', () => {
  expectCode(
    'r0 = *(u32 *)(r1 + 4); r3 = 4; l:; r2 = *(u32 *)(r1 + 8); r0 += r2; r3 += -1; if r3 != 0 goto l',
    'add x6, x28, w1, uxtw; ldr w0, [x6, #4]; mov w3, #4; ldr w2, [x6, #8]; add x0, x0, x2; sub x3, x3, #1; cbnz x3, 0xc',
  );
});

test('branches', () => {
  expectCode('r0 = 1; if r3 == 0 goto l; r0 = r2; l:', 'mov w0, #1; cbz x3, 0xc; mov x0, x2');
  expectCode('r0 = 7; if r4 & 16 goto l; r0 = r2; l:', 'mov w0, #7; tbnz w4, #4, 0xc; mov x0, x2');
  expectCode('r0 = 7; if r4 s< 0 goto l; r0 = r2; l:', 'mov w0, #7; tbnz x4, #63, 0xc; mov x0, x2');
  expectCode('r0 = 7; if r4 > 4095 goto l; r0 = *(u8 *)(r2 + 0); l:', 'mov w0, #7; cmp x4, #4095; b.hi 0x10; ldrb w0, [x28, w2, uxtw]');
  expectCode(
    'r0 = 7; if r4 > 8191 goto l; r0 = *(u8 *)(r2 + 0); l:',
    'mov w0, #7; cmp x4, #2, lsl #12; b.hs 0x10; ldrb w0, [x28, w2, uxtw]',
  );
  expectCode('r0 = 7; if r4 == -5 goto l; r0 = *(u8 *)(r2 + 0); l:', 'mov w0, #7; cmn x4, #5; b.eq 0x10; ldrb w0, [x28, w2, uxtw]');
  expectCode(
    'r0 = 7; if r4 == 5 goto l; goto m; l:; r0 = *(u8 *)(r2 + 0); m:',
    'mov w0, #7; cmp x4, #5; b.ne 0x10; ldrb w0, [x28, w2, uxtw]',
  );
});

test('branches around a move are selects, chains of branches conditional compares', () => {
  expectCode('r0 = r3; if r4 > 5 goto l; r0 = r2; l:', 'cmp x4, #5; csel x0, x3, x2, hi');
  expectCode('w0 = 1; if r4 > 5 goto l; w0 = 0; l:', 'cmp x4, #5; cset w0, hi');
  expectCode('w0 = -1; if r4 > 5 goto l; w0 = 7; l:', 'cmp x4, #5; mov w6, #7; csinv w0, w6, wzr, ls');
  expectCode(
    'r0 = 0; if r4 == 9 goto l; if r2 == 7 goto l; r0 = *(u8 *)(r3 + 0); l:',
    'mov w0, #0; cmp x4, #9; ccmp x2, #7, #4, ne; b.eq 0x14; ldrb w0, [x28, w3, uxtw]',
  );
});

test('frames: an entry function saves nothing, a leaf nothing, others what they write', () => {
  const text = 'r6 = r1; call 2; r1 = r0; r2 = r6; call pc+1; exit; r6 = r1; r6 *= r2; r0 = r6; exit';
  assert.equal(lowered(text), 'mov x24, x30; mov w19, w1; bl 0x40000; mov x1, x0; mov w2, w19; bl 0x1c; ret x24; mul x0, x1, x2; ret');
  assert.match(lowered(text, { pac: true }), /^paciasp; str x30, \[sp, #-16\]!; .*; ldr x30, \[sp\], #16; autiasp; ret; /);
  assert.match(lowered(text, { bti: true }), /^bti c; /);
});

test('fuel is checked at loop headers, out of the way', () => {
  assert.equal(
    lowered('r0 = 3; l:; r0 += -1; if r0 != 0 goto l; exit', { fuel: true }),
    'mov w0, #3; subs w26, w26, #2; b.mi 0x18; sub x0, x0, #1; cbnz x0, 0x4; ret; mov w16, #1; adr x17, 0xc; ldr x15, [x27, #16]; br x15',
  );
});

test('callx of what is no function stops there', () => {
  for (const register of ['r1', 'r7', 'r10']) {
    const program = createProgram({ name: 'test', bytes: parse(`callx ${register}\nexit`).bytes });
    assert.deepEqual(simulate(program, new Uint8Array(8), 100, {}), { kind: 'stop', reason: 'badCall', slot: 0 }, register);
  }
});

test('an array lookup is written in place, and computes what the map has', () => {
  const text = '*(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = map[0]; call 1; exit';
  const { bytes } = parse(text.replace('r1 = map[0]', 'r1 = 0 ll').replaceAll(';', '\n'));
  // The reference to map 0.
  bytes[3 * 8 + 1] = 0x11;
  const program = createProgram({ name: 'test', bytes, maps: [ARRAY] });
  const code = compile(program, arm64, { resolve: () => ({ hi: 0, lo: 0x40000 }), allocate: () => ({ hi: 0, lo: 0 }) }, { fuel: false });
  const lines: string[] = [];
  for (let at = 0; at < code.size; at += 4) lines.push(arm64.printAt(code.bytes, at, { hi: 0, lo: 0 }).text);
  assert.ok(!lines.some((line) => line.startsWith('bl ')), lines.join('; '));
  const window = new Window();
  for (const [key, pointer] of [
    [0, 0x50000],
    [4, 0x50000 + 4 * 24],
    [5, 0],
    [0xffffffff, 0],
  ] as const) {
    // The first instruction stores the key instead.
    const keyed = Uint8Array.from(bytes);
    keyed.set([0x62, 0x0a, 0xfc, 0xff, key & 255, (key >> 8) & 255, (key >> 16) & 255, key >>> 24]);
    const one = createProgram({ name: 'test', bytes: keyed, maps: [ARRAY] });
    const outcome = simulate(one, new Uint8Array(8), 100, {}, {}, window, () => 0x50000);
    assert.deepEqual(outcome.kind === 'exit' && outcome.r0, BigInt(pointer), `key ${key}`);
  }
});

test('random programs on memory', () => {
  const memory = Uint8Array.from({ length: MEMORY }, (_, i) => (i * 37) & 0xff);
  const window = new Window();
  const interpreter = ENGINES.find(({ name }) => name === 'interpreter')!;
  for (let seed = 1; seed <= 80; seed++) {
    const program = createProgram({ name: 'test', bytes: parse(pointerProgram(seed)).bytes });
    const expected = interpreter.run(program, memory, 100_000);
    for (const [name, options] of Object.entries(VARIANTS)) {
      assert.deepEqual(simulate(program, memory, 100_000, HELPERS, options, window), expected, `seed ${seed} on ${name}`);
    }
  }
});
