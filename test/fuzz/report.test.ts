// What the fuzzer does with what it found: equal seeds give equal programs, failing ones are made small, and what is printed can be run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comparer, isBatch, OBJECT_FUEL } from '../../fuzz/compare.ts';
import { generate } from '../../fuzz/generate.ts';
import { minimise, minimiseObject } from '../../fuzz/minimise.ts';
import { generateObject } from '../../fuzz/objects.ts';
import { reportObject, reportProgram } from '../../fuzz/report.ts';
import type { GeneratedObject, Statement } from '../../fuzz/tree.ts';
import { nested } from '../../fuzz/walk.ts';
import { parseFiletest } from '../support/filetest.ts';
import { textOf } from '../support/object-engines.ts';
import { runObjectTest } from '../support/object-filetest.ts';

const interpreter = new Comparer(['interpreter']);
const FUEL = 100_000;

function has(body: readonly Statement[], wanted: Statement['do']): boolean {
  return body.some((s) => s.do === wanted || nested(s).some((inner) => has(inner, wanted)));
}

test('equal seeds give equal programs', () => {
  for (let seed = 0; seed < 20; seed++) {
    assert.deepEqual(generate(seed), generate(seed));
    assert.deepEqual(generateObject(seed), generateObject(seed));
  }
});

test('a printed object is a filetest that does what the object did', () => {
  for (let seed = 0; seed < 16; seed++) {
    const object = generateObject(seed);
    if (isBatch(object)) continue;
    const { data, fuel } = parseFiletest(reportObject(object, OBJECT_FUEL, 'nothing'), `seed ${seed}`);
    const found = runObjectTest(data, fuel, ['interpreter']).runs.map(textOf).join('\n');
    const [expected] = interpreter.objects([object], () => OBJECT_FUEL);
    assert.equal(found, expected!.reference.replaceAll(/p0_(\d)/g, 'p$1'), `seed ${seed}`);
  }
});

test('a printed program is a filetest', () => {
  for (let seed = 0; seed < 30; seed++) {
    const { data } = parseFiletest(reportProgram(generate(seed), FUEL, 'nothing'), `seed ${seed}`);
    assert.ok(data.program().bytes.length > 0);
    assert.equal(data.memory.length, 64);
  }
});

test('programs and objects become small as long as they fail', () => {
  const program = generate(5, { statements: 60 });
  const fails = (wanted: Statement['do']) => (candidate: typeof program) => candidate.functions.some(({ body }) => has(body, wanted));
  const kind = program.functions[0]!.body[0]!.do;
  const small = minimise(program, fails(kind));
  assert.equal(small.functions.length, 1);
  assert.deepEqual(small.functions[0]!.body.map((s) => s.do), [kind]); // biome-ignore format: short

  const failsObject = ({ programs }: GeneratedObject): boolean => programs.some(fails('tailCall'));
  const object = Array.from({ length: 200 }, (_, seed) => generateObject(seed)).find((one) => one.programs.length > 1 && failsObject(one))!;
  const smallObject = minimiseObject(object, failsObject);
  assert.deepEqual([smallObject.runs.length, smallObject.elements.length], [1, 0]);
  const left = smallObject.programs.flatMap(({ functions }) => functions.flatMap(({ body }) => body));
  assert.equal(left.length, 1);
});
