// An object of which some programs cannot be loaded: the others are, and nobody comes to one that is not there unawares.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { BpfError } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { everywhere } from './support.ts';

const PROGS: MapShape = { name: 'progs', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };
/** No kernel has a map without elements. */
const EMPTY: MapShape = { name: 'empty', type: 2, keySize: 4, valueSize: 8, maxEntries: 0, flags: 0 };

function program(name: string, text: string, maps: readonly MapShape[] = [PROGS, EMPTY]): Program {
  const { bytes, subprograms, lines } = parse(text, name);
  return createProgram({ name, type: 'xdp', bytes, subprograms, lines, maps, kfuncs: ['bpf_other'] });
}

const tailCall = (index: number): string => `r2 = map[progs]\nr3 = ${index}\ncall 12\nr0 = 7\nexit\n`;
const PROGRAMS = [
  program('good', tailCall(0)),
  program('calls', tailCall(1)),
  program('lacks', 'r1 = 1\ncall 4000\nexit\n'),
  program('counts', 'r1 = map[empty]\nr0 = 0\nexit\n', [EMPTY]),
  program('two', 'r0 = 2\nexit\n'),
];
const elements = ['two', 'lacks'].map((name, index) => ({ index, name }));
const load = (options: LoadOptions = {}, programs: readonly Program[] = PROGRAMS): LoadedObject =>
  new LoadedObject({ name: 'some.o', programs, maps: [{ ...PROGS, elements }, EMPTY], optional: new Set(['counts']) }, options);

everywhere('what can be loaded runs, a tail call of what cannot says why', (options) => {
  const object = load(options);
  assert.deepEqual(Object.keys(object.programs), ['good', 'calls', 'two']);
  assert.equal(object.programs['good']!.run().r0, 2n);
  assert.throws(
    () => object.programs['calls']!.run(),
    (error) => error instanceof BpfStopped && /a tail call of lacks, which could not be loaded: helper 4000/.test(error.message),
  );
  object.dispose();
});

test('a refused program is a typed error with its place, by name and when it is asked for', () => {
  const object = load();
  const { lacks, counts } = object.refused;
  assert.equal(lacks?.code, 'runtime/missing-helper');
  assert.deepEqual(lacks.position, {
    in: 'program',
    program: 'lacks',
    slot: 1,
    source: { file: 'lacks', line: 2, column: 1, text: 'call 4000' },
  });
  assert.equal(counts?.code, 'map/definition');
  assert.throws(() => object.programs['lacks'], lacks);
  assert.throws(() => object.maps['empty'], BpfError);
  assert.throws(() => object.setProgram(object.maps['progs']!, 2, 'lacks'), lacks);
  assert.throws(() => object.programs['neither'], { code: 'runtime/unknown-program' });
  object.dispose();
});

test('what is missing can be supplied: a helper, a size', () => {
  const object = load({ helpers: { 4000: (r1) => r1 + 40n }, mapSizes: { empty: 3 } });
  assert.deepEqual(object.refused, {});
  assert.equal(object.programs['calls']!.run().r0, 41n);
  object.dispose();
});

test('a kernel function of the embedder', () => {
  const calls = program('calls', 'r1 = 5\ncall kfunc[0]\nexit\n');
  assert.throws(() => load({}, [calls, PROGRAMS[4]!, PROGRAMS[2]!]).programs['calls'], /supply it as kfuncs: \{ bpf_other: /);
  const object = load({ kfuncs: { bpf_other: (r1) => r1 * 2n } }, [calls, PROGRAMS[4]!, PROGRAMS[2]!]);
  assert.equal(object.programs['calls']!.run().r0, 10n);
  object.dispose();
});

test('nothing that can be loaded, or a whole object: the first error', () => {
  assert.throws(() => load({}, [PROGRAMS[2]!, program('two', 'call 4000\nexit\n')]), { code: 'runtime/missing-helper' });
  assert.throws(() => load({ whole: true }), { code: 'runtime/missing-helper' });
  // Its section begins with `?`.
  load({ whole: true, helpers: { 4000: () => 0n } }).dispose();
});

everywhere('no program can call what stands in for refused ones', (options) => {
  const calls = program('calls', `r1 = 77\ncall ${0x10020}\nexit\n`);
  assert.throws(() => load({}, [calls, PROGRAMS[4]!, PROGRAMS[2]!]).programs['calls'], /helper 65568 is not available/);
  const object = load({ ...options, missingHelpers: 'stop' }, [calls, PROGRAMS[4]!, PROGRAMS[2]!]);
  assert.throws(() => object.programs['calls']!.run(), BpfStopped);
  object.dispose();
});
