// What docs/support.md says of helpers and kernel functions is said of the right ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_KFUNCS, hasHelper } from '../../src/runtime/helpers/all-helpers.ts';
import { RECORDED } from '../../src/runtime/helpers/helpers-kernel.ts';
import { HELPERS, helperById, helperByName } from '../../src/spec/helpers.ts';
import { PROGRAM_TYPES } from '../../src/spec/programs.ts';
import { HELPER_NOTES, HELPER_REASONS, KFUNC_NOTES, PROGRAM_NOTES } from '../../src/spec/support.ts';

test('notes are of helpers that are there, reasons of those that are not', () => {
  for (const name of Object.keys(HELPER_NOTES)) assert.ok(hasHelper(helperByName(name)?.id ?? -1), name);
  for (const name of Object.keys(HELPER_REASONS)) {
    const helper = helperByName(name);
    assert.ok(helper !== undefined && !hasHelper(helper.id), name);
  }
  for (const name of Object.keys(KFUNC_NOTES)) assert.ok(Object.hasOwn(ALL_KFUNCS, name), name);
  for (const name of Object.keys(PROGRAM_NOTES))
    assert.ok(
      PROGRAM_TYPES.some((type) => type === name),
      name,
    );
});

test('what is only recorded says so', () => {
  for (const id of RECORDED) assert.match(HELPER_NOTES[helperById(id)!.name]!, /^recorded only/);
  const told = HELPERS.filter(({ name }) => HELPER_NOTES[name]?.startsWith('recorded only') === true).map(({ id }) => id);
  assert.deepEqual(
    told.filter((id) => !RECORDED.includes(id)),
    [104],
  );
});
