// Reading, adding up and writing lcov, ours and other tools'.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lcov, mergeLcov, parseLcov, printLcov, summaryOf } from '../../src/lcov/lcov.ts';
import { BpfError } from '../../src/util/error.ts';

const ONE = `TN:
SF:/src/a.c
FN:3,f
FN:9,g
FNDA:2,f
FNDA:0,g
FNF:2
FNH:1
BRDA:4,1,0,-
BRDA:4,1,1,-
BRDA:5,7,0,2
BRDA:5,7,1,0
BRF:4
BRH:1
DA:3,2
DA:4,0
DA:10,1
LF:3
LH:2
end_of_record
`;

test('what is written reads back, and is written the same', () => {
  assert.equal(printLcov(parseLcov(ONE, 'one.info')), ONE);
  assert.equal(printLcov(new Map()), '');
});

test('counts add up; a branch that was come to once has a number', () => {
  const sum: Lcov = new Map();
  mergeLcov(sum, parseLcov(ONE, 'one'));
  mergeLcov(sum, parseLcov(ONE.replace('BRDA:4,1,0,-', 'BRDA:4,1,0,3').replace('a.c', 'a.c'), 'two'));
  mergeLcov(sum, parseLcov('SF:/src/b.c\nDA:1,1\nend_of_record\n', 'three'));
  const file = sum.get('/src/a.c')!;
  assert.deepEqual([...file.lines], [[3, 4], [4, 0], [10, 2]]); // biome-ignore format: pairs
  assert.equal(file.functions.get('f')?.calls, 4);
  assert.deepEqual([...file.branches.values()].map(({ taken }) => taken), [3, undefined, 4, 0]); // biome-ignore format: one line
  assert.deepEqual(summaryOf(sum), { lines: { found: 4, hit: 3 }, functions: { found: 2, hit: 1 }, branches: { found: 4, hit: 2 } });
});

test("other tools' records: checksums, ends of functions, lcov 2's functions, comments, CRLF", () => {
  const text =
    '# made elsewhere\r\nTN:x\r\nSF:a.js\r\nVER:1\r\nFN:1,8,f\r\nFNDA:1,f\r\nFNL:0,5,7\r\nFNA:0,4,h\r\nDA:1,2,abc==\r\nBRDA:1,0,if a,0\r\nend_of_record\r\n';
  const file = parseLcov(text, 'x').get('a.js')!;
  assert.deepEqual([...file.functions], [['f', { line: 1, calls: 1 }], ['h', { line: 5, calls: 4 }]]); // biome-ignore format: pairs
  assert.deepEqual([...file.lines], [[1, 2]]);
  assert.equal(file.branches.get('1,0,if a')?.taken, 0);
});

test('what is no lcov is refused with its line', () => {
  for (const [text, line] of [
    ['{"json": true}', 1],
    ['SF:a.c\nDA:x,1\n', 2],
    ['DA:1,1\n', 1],
    ['SF:a.c\nend_of_record\nDA:1,1\n', 3],
    ['SF:a.c\nDA:1,-3\n', 2],
  ] as const) {
    assert.throws(
      () => parseLcov(text, 'bad.info'),
      (error) => error instanceof BpfError && error.code === 'lcov/syntax' && error.position.in === 'text' && error.position.line === line,
      text,
    );
  }
});
