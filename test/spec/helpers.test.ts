// The helpers that are known by number have that number in the table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELPER_LOOKUP, HELPER_LOOP, HELPER_TAIL_CALL } from '../../src/spec/helper-ids.ts';
import { helperName } from '../../src/spec/helpers.ts';

test('helpers that are instructions of their own', () => {
  assert.deepEqual([HELPER_LOOKUP, HELPER_TAIL_CALL, HELPER_LOOP].map(helperName), ['bpf_map_lookup_elem', 'bpf_tail_call', 'bpf_loop']);
});
