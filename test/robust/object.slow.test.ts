// The example object, cut off and damaged: each variant is a typed error, or loads and then ends in the same way on the interpreter and
// in machine code. A slice here; `npm run robust` does all of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectBytes } from '../object/support.ts';
import { newTally } from './outcome.ts';
import { flipSweep, truncationSweep } from './sweep.ts';

const bytes = objectBytes('xdp_counter.o');

test('cut off at every 389th byte', () => {
  const tally = newTally();
  truncationSweep(bytes, 389, tally);
  assert.deepEqual(tally.findings, []);
  assert.equal(tally.loaded, 0, 'an object without its end');
});

test('one damaged byte', () => {
  const tally = newTally();
  flipSweep(bytes, 1, 60, 1, tally);
  assert.deepEqual(tally.findings, []);
  assert.ok(tally.loaded > 10 && tally.refused > 10 && tally.ended > 5, JSON.stringify({ ...tally, codes: [...tally.codes] }));
});

test('several damaged bytes', () => {
  const tally = newTally();
  flipSweep(bytes, 2, 20, 6, tally);
  assert.deepEqual(tally.findings, []);
  assert.ok(tally.refused > 10, JSON.stringify(tally));
});
