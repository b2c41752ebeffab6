// Accesses to the context that are certain to be wrong are refused, with their place; those that are not certain are let through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { contextError } from '../../src/program/context-use.ts';
import { walkPaths } from '../../src/program/paths.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import type { BpfError } from '../../src/util/error.ts';

const RODATA: MapShape = { name: '.rodata', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0x80 };

function programOf(text: string, type = 'xdp', attach = 'xdp'): Program {
  const { bytes, subprograms, lines } = parse(text, 'some.c');
  return createProgram({ name: 'main', type, attach, bytes, subprograms, lines, maps: [RODATA] });
}

/** The first slot that is refused; `data`: what the only word of .rodata is. */
function refused(text: string, { type = 'xdp', data }: { type?: string; data?: bigint } = {}): BpfError | undefined {
  const program = programOf(text, type);
  const errors: BpfError[] = [];
  const walked = walkPaths(program, {
    data: (_, offset, size) => (data === undefined ? undefined : BigInt.asUintN(8 * size, data >> BigInt(8 * offset))),
    visit(slot, state) {
      const error = contextError(program, slot, state);
      if (error !== undefined) errors.push(error);
    },
  });
  assert.equal(walked, true);
  return errors[0];
}

const slotOf = (error: BpfError | undefined): number | undefined => (error?.position.in === 'program' ? error.position.slot : undefined);
const BAD = 'r0 = *(u64 *)(r6 + 0)\nexit\n';

test('through copies, the stack, additions and subprograms', () => {
  assert.equal(slotOf(refused(`r6 = r1\n${BAD}`)), 1);
  assert.equal(slotOf(refused(`*(u64 *)(r10 - 8) = r1\nr1 = 0\nr6 = *(u64 *)(r10 - 8)\n${BAD}`)), 3);
  assert.equal(slotOf(refused(`r1 += 4\nr1 -= 4\nr6 = r1\n${BAD}`)), 3);
  assert.equal(slotOf(refused(`r2 = r1\ncall f\nexit\nf:\nr6 = r2\n${BAD}`)), 4);
  assert.equal(slotOf(refused(`r6 = r1\ncall 5\n${BAD}`)), 2);
  assert.equal(slotOf(refused('r2 = 1\n*(u32 *)(r1 + 12) = r2\nexit\n')), 1);
});

test('a moved address, an atomic access, an argument', () => {
  assert.match(refused('r1 += 4\nr0 = *(u32 *)(r1 + 0)\nexit\n')!.message, /address of the context \+ 4: .* as it was in R1/);
  assert.match(refused('r2 = 1\nlock *(u32 *)(r1 + 8) += r2\nexit\n', { type: 'sched_cls' })!.message, /atomic/);
  assert.equal(slotOf(refused('r1 += 8\nr2 = 0\ncall 44\nexit\n')), 2);
  assert.match(refused('r2 = *(u32 *)(r1 + 12)\nr2 &= 4\nr1 += r2\nr0 = *(u32 *)(r1 + 0)\nexit\n')!.message, /a number that varies/);
  assert.equal(refused('r2 = *(u32 *)(r1 + 12)\nif r2 != 0 goto +1\nr1 += r2\nr0 = 0\nexit\n'), undefined);
});

test('the message names field, offset and what is allowed, the position slot and line', () => {
  const error = refused('r6 = r1\nr0 = *(u8 *)(r6 + 12)\nexit\n')!;
  assert.equal(error.code, 'program/context-access');
  assert.match(
    error.message,
    /^read of 1 bytes at offset 12 of the context: ingress_ifindex of struct xdp_md, at offset 12, may be read as 4 bytes/,
  );
  assert.deepEqual(error.position, {
    in: 'program',
    program: 'main',
    slot: 1,
    source: { file: 'some.c', line: 2, column: 1, text: 'r0 = *(u8 *)(r6 + 12)' },
  });
});

test('what is not certain passes', () => {
  // From one of two places.
  assert.equal(refused(`r6 = r10\nif r1 == 0 goto +1\nr6 = r1\n${BAD}`), undefined);
  // The word on the stack may have been written by the helper.
  const through = (helper: string): string => `*(u64 *)(r10 - 8) = r1\nr1 = r10\nr1 += -8\n${helper}r6 = *(u64 *)(r10 - 8)\n${BAD}`;
  assert.equal(refused(through('r2 = 8\nr3 = 0\ncall 4\n')), undefined);
  assert.equal(slotOf(refused(through('r2 = 4\nr3 = r1\nr4 = 4\nr5 = 0\ncall 28\n'))), 9);
  // Only half of it is left.
  assert.equal(refused(`*(u64 *)(r10 - 8) = r1\n*(u32 *)(r10 - 4) = 0\nr6 = *(u64 *)(r10 - 8)\n${BAD}`), undefined);
  assert.equal(refused(`w6 = w1\n${BAD}`), undefined);
});

test('code behind a constant that is off is not looked at', () => {
  const switched = `r2 = map[.rodata][0] + 0\nr2 = *(u32 *)(r2 + 0)\nr6 = r1\nif r2 == 0 goto +1\n${BAD.replace('exit\n', '')}r0 = 0\nexit\n`;
  assert.equal(refused(switched, { data: 0n }), undefined);
  assert.equal(slotOf(refused(switched, { data: 1n })), 5);
  assert.equal(slotOf(refused(switched)), 5);
});

test('loops and calls of calls come to an end', () => {
  assert.equal(slotOf(refused(`r6 = r1\nr7 = 0\nr7 += 1\nif r7 < 9 goto -2\n${BAD}`)), 4);
  const many = Array.from({ length: 300 }, (_, i) => `if r${i % 5} > ${i} goto -${1 + (i % 200)}\n`).join('');
  assert.doesNotThrow(() => walkPaths(programOf(`${'r0 = 0\n'.repeat(200)}${many}exit\n`), { visit: () => undefined }));
});
