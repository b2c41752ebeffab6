// What labels.ts writes by hand, the table reads: every site decodes to the instruction it should be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SITE, siteEncoder } from '../../../src/jit/x64/labels.ts';
import { printAt } from '../../../src/jit/x64/print.ts';
import { REG } from '../../../src/jit/x64/registers.ts';

const ORIGIN = { hi: 0, lo: 0 };

function textsOf(emit: (out: Uint8Array) => number): string[] {
  const out = new Uint8Array(32);
  const size = emit(out);
  const texts: string[] = [];
  for (let at = 0; at < size; ) {
    const { text, length } = printAt(out.subarray(0, size), at, ORIGIN);
    texts.push(text);
    at += length;
  }
  return texts;
}

test('sites of labels, short and long', () => {
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitShort(SITE.jmp, 0, 100, out, 0)),
    ['jmp 0x64'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitLong(SITE.jmp, 0, 100000, 0, out, 0)),
    ['jmp 0x186a0'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitShort(SITE.jcc, 5, 100, out, 0)),
    ['jne 0x64'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitLong(SITE.jcc, 15, 100000, 0, out, 0)),
    ['jg 0x186a0'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitShort(SITE.callLocal, 0, 100, out, 0)),
    ['call 0x64'],
  );
  for (const [name, reg] of Object.entries(REG)) {
    assert.deepEqual(
      textsOf((out) => siteEncoder.emitShort(SITE.lea, reg, 107, out, 0)),
      [`lea ${name}, [rip + 100]`],
    );
  }
});

test('sites of symbols: the shortest move, then a branch through r11', () => {
  const far = { hi: 0x1234, lo: 0x5678 };
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitShort(SITE.call, 0, 100, out, 0)),
    ['call 0x64'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitIndirect(far, out, 0)),
    [`movabs r11, ${0x123400005678}`, 'call r11'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitVeneer({ hi: -1, lo: -16 }, out, 0)),
    ['mov r11, -16', 'jmp r11'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitValue(REG.r9, { hi: 0, lo: -1 }, out, 0)),
    ['mov r9d, 4294967295'],
  );
  assert.deepEqual(
    textsOf((out) => siteEncoder.emitValue(REG.rdi, { hi: 0, lo: 7 }, out, 0)),
    ['mov edi, 7'],
  );
});
