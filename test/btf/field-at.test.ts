// The member of a value that a byte belongs to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldAt } from '../../src/btf/field-at.ts';
import type { Shape, ShapeMember } from '../../src/btf/shape.ts';

const int = (bytes: number): Shape => ({ kind: 'int', bytes, leaves: 1, signed: false, order: undefined });
const list = (length: number, element: Shape): Shape => ({ kind: 'list', bytes: length * element.bytes, leaves: length, length, element });
const record = (bytes: number, ...members: readonly (readonly [name: string, offset: number, shape: Shape])[]): Shape => ({
  ...{ kind: 'record', bytes, leaves: 1, union: false, open: false, id: 0 },
  members: members.map(([name, offset, shape]): ShapeMember => ({ name, offset, bits: undefined, shape, type: 0 })),
});

test('members, elements, structs without a name, padding', () => {
  const inner = record(8, ['low', 0, int(4)], ['high', 4, int(4)]);
  const value = record(40, ['count', 0, int(4)], ['', 8, inner], ['sums', 16, list(2, list(3, int(4)))]);
  const at = (offset: number, innermost = false): string => fieldAt(value, offset, innermost);
  assert.deepEqual([at(0), at(0, true), at(2), at(4)], ['', '.count', '.count + 2', ' + 4']);
  assert.deepEqual([at(8, true), at(12)], ['.low', '.high']);
  assert.deepEqual([at(16), at(16, true), at(28), at(32), at(33)], ['.sums', '.sums[0][0]', '.sums[1]', '.sums[1][1]', '.sums[1][1] + 1']);
  assert.deepEqual([fieldAt(undefined, 8, true), fieldAt(undefined, 0, true), fieldAt(int(8), 4, true)], [' + 8', '', ' + 4']);
});
