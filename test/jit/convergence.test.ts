// Programs that broke or slowed the convergence of other JITs: the x86-64 kernel JIT shrinks from a guess and may oscillate
// [linux c8831bdbfbab, 93c5aecc35c6]; here branches only grow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressFromNumber } from '../../src/jit/address.ts';
import * as arm64 from '../../src/jit/arm64/labels.ts';
import { FORM, PATIENCE } from '../../src/jit/layout.ts';
import * as x64 from '../../src/jit/x64/labels.ts';
import { assemble, branch, type Compiled, checkImage, code, compileUnit, narrowed, type Piece } from './support/units.ts';

const base = addressFromNumber(0x7f00_0000_0000);
const { jmp, jcc } = x64.SITE;

function compile(pieces: readonly Piece[]): Compiled {
  const compiled = compileUnit(assemble('x64', pieces), [], base);
  checkImage(compiled);
  return compiled;
}

const countLong = ({ settled }: Compiled): number => settled.form.reduce((n, form) => n + (form === FORM.long ? 1 : 0), 0);

for (const n of [1, 40, 63, 64, 65, 1000, 5000]) {
  test(`${n} times ja end: two walks at most`, () => {
    const compiled = compile([...Array.from({ length: n }, () => branch(jmp, n)), code(1)]);
    // The last jump is 2 bytes from the end; 127 bytes hold 63 more.
    assert.equal(countLong(compiled), Math.max(0, n - 64));
    assert.equal(compiled.settled.rounds, n > 64 ? 2 : 1);
    assert.equal(compiled.settled.promotions.count, countLong(compiled));
  });
}

test('a forward and a backward jump around each other, at every gap around the limit', () => {
  for (const [first, second] of [
    [jcc, jcc],
    [jcc, jmp],
    [jmp, jcc],
    [jmp, jmp],
  ] as const)
    for (let forward = 118; forward <= 132; forward++)
      for (let backward = 118; backward <= 132; backward++)
        for (const inside of [0, 1, 100]) {
          // first -> after second; second -> before first. `inside` bytes of the gap lie between the two.
          const before = Math.max(0, backward - inside);
          const after = Math.max(0, forward - inside);
          const compiled = compile([code(before), branch(first, 5), code(inside), branch(second, 0), code(after), code(1)]);
          assert.ok(compiled.settled.rounds <= 3);
        }
});

test('deep nests of forward and backward jumps', () => {
  for (const gap of [118, 121, 122, 123, 124, 125, 126, 127, 128, 129, 132]) {
    const pairs = 200;
    // Each pair encloses the next one's first jump.
    const pieces: Piece[] = [];
    for (let i = 0; i < pairs; i++) {
      const at = 4 * i;
      pieces.push(
        branch(i % 2 === 0 ? jcc : jmp, Math.min(at + 6, 4 * pairs)),
        code(gap >> 1),
        branch(jcc, Math.max(0, at - 4)),
        code(gap >> 2),
      );
    }
    const compiled = compile(pieces);
    assert.ok(compiled.settled.rounds <= PATIENCE + 1);
  }
});

/** Jump i is short as long as jump i + 1 is; the last one does not reach. Each walk can promote only one. */
function cascade(n: number): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < n; i++) pieces.push(branch(jmp, 2 * i + 3), code(125));
  pieces.push(branch(jmp, 2 * n + 2), code(128));
  return pieces;
}

test('a cascade in which each walk promotes one more branch', () => {
  const short = compile(cascade(10));
  assert.equal(short.settled.rounds, 12);
  assert.equal(countLong(short), 11);
  assert.deepEqual(Array.from(short.settled.promotions.site.subarray(0, 11)), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  const n = 20_000;
  const long = compile(cascade(n));
  assert.equal(countLong(long), n + 1);
  assert.equal(long.settled.rounds, PATIENCE + 1);
});

test('the same cascade that is not set off stays short', () => {
  const compiled = compile([...cascade(20_000).slice(0, -2), code(2), code(128)]);
  assert.equal(countLong(compiled), 0);
  assert.equal(compiled.settled.rounds, 1);
});

test('arm64: cascades of tbz at a narrowed reach, forward and backward', () => {
  const encoder = narrowed(arm64.siteEncoder, (name) => (name === 'tbz' ? 256 : 1));
  const { tbz } = arm64.SITE;
  const n = 30;
  const forward: Piece[] = [];
  for (let i = 0; i < n; i++) forward.push(branch(tbz, 2 * i + 3), code(116));
  forward.push(branch(tbz, 2 * n + 2), code(124));
  const backward: Piece[] = [branch(tbz, 2), code(124)];
  for (let i = 0; i < n; i++) backward.push(code(124), branch(tbz, Math.max(0, 2 * i + 1)));
  for (const pieces of [forward, backward]) {
    const compiled = compileUnit(assemble('arm64', pieces), [], base, {}, encoder);
    checkImage(compiled);
    assert.ok(compiled.settled.rounds <= PATIENCE + 1);
    assert.ok(compiled.settled.rounds > 5);
  }
});
