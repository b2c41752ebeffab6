// Coverage of C: counts of lines, functions and branches worked out by hand from test/corpus/stops.c.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import '../../src/runtime/engines/engines.ts';
import { Coverage, plainName } from '../../src/runtime/diagnostics/coverage.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { BpfError } from '../../src/util/error.ts';
import { loadText } from './support.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const bytes = readFileSync(join(root, 'test/corpus/stops.o'));
const source = readFileSync(join(root, 'test/corpus/stops.c'), 'utf8').split('\n');
/** Number of the line, from 1, that has that text. */
const lineOf = (text: string): number => 1 + source.findIndex((line) => line.includes(text));

function open(coverage: Coverage): LoadedObject {
  return loadBytes(bytes, { path: 'stops.o', coverage });
}

/** 64 bytes of 3, with the given ones in their places. */
function packet(set: Readonly<Record<number, number>> = {}): Uint8Array {
  const made = new Uint8Array(64).fill(3);
  for (const [at, value] of Object.entries(set)) made[Number(at)] = value;
  return made;
}

function linesOf(coverage: Coverage): (text: string) => number | undefined {
  const file = coverage.counts().get('stops.c')!;
  return (text) => file.lines.get(lineOf(text));
}

test('lines count executions: a loop its rounds, what was not reached 0', () => {
  const coverage = new Coverage();
  const { branches } = open(coverage).programs;
  branches!.run({ packet: packet() });
  branches!.run({ packet: packet({ 0: 2, 24: 0xff }) });
  branches!.run({ packet: new Uint8Array(20) });
  const count = linesOf(coverage);
  assert.equal(count('int branches('), 3);
  // Fifty rounds, and ten up to the byte that ends it, which is looked at too.
  assert.equal(count('if (data[i] == 0xff) break'), 61);
  assert.equal(count('ones += data[i] & 1'), 60);
  assert.equal(count('ones += kind_of(data) * which'), 1);
  assert.equal(count('ones ^= kind_of(data) + 1'), 1);
  assert.equal(count('*total += data[index]'), 0);
  // No code, no line.
  assert.equal(count('u32 ones = 0;'), undefined);
});

test('functions and branches', () => {
  const coverage = new Coverage();
  const { branches, in_function, in_callback } = open(coverage).programs;
  branches!.run({ packet: packet() });
  branches!.run({ packet: new Uint8Array(20) });
  in_callback!.run({ packet: packet() });
  assert.throws(() => in_function!.run({ packet: packet() }));
  const file = coverage.counts().get('stops.c')!;
  const calls = Object.fromEntries([...file.functions].map(([name, one]) => [name, one.calls]));
  assert.deepEqual(calls, { count_kind: 1, sum: 20, in_callback: 1, beyond: 0, after_tail_call: 0, branches: 2, in_function: 1 });
  const at = (text: string) => [...file.branches.values()].filter(({ line }) => line === lineOf(text)).map(({ taken }) => taken);
  // Jumps where the packet is too short.
  assert.deepEqual(at('if (data + 64 > end)'), [1, 1]);
  assert.deepEqual(at('if (data[i] == 0xff)'), [0, 50]);
  // The stop came before it.
  assert.deepEqual(at('return count_kind(kind_of(data))'), [undefined, undefined]);
});

test('callbacks, programs that are tail-called, and batches count; copies in another file add up there', () => {
  const coverage = new Coverage();
  const object = open(coverage);
  object.variables['which'] = 1;
  assert.equal(object.programs['after_tail_call']!.run({ packet: packet() }).verdict, 'XDP_DROP');
  const result = object.programs['branches']!.runBatch([packet(), packet(), packet({ 0: 2 })]);
  assert.equal(result.engine, 'interpreter');
  const counts = coverage.counts();
  assert.equal(counts.get('stops.c')!.functions.get('beyond')!.calls, 1);
  // Of two of the packets; the third one's copy was folded into its caller's line.
  assert.equal(counts.get('stops.h')!.lines.get(3), 2);
});

test('an object that is loaded again adds to the same counts', () => {
  const coverage = new Coverage();
  for (let i = 0; i < 3; i++) {
    const object = open(coverage);
    object.programs['branches']!.run({ packet: packet() });
    object.dispose();
  }
  const [file] = [...coverage.counts().values()].slice(0, 1);
  assert.equal(file!.functions.get('branches')!.calls, 3);
  assert.equal(linesOf(coverage)('int branches('), 3);
});

test('only the interpreter counts, and only what has lines', () => {
  const refused = (code: string, act: () => unknown): void =>
    assert.throws(act, (error) => error instanceof BpfError && error.code === code);
  refused('runtime/coverage', () => loadBytes(bytes, { coverage: new Coverage(), engine: 'arm64-sim' }));
  refused('runtime/no-line-info', () => loadText('raw', 'r0 = 0\nexit', { coverage: new Coverage() }));
  assert.equal(loadText('raw', 'r0 = 0\nexit', { coverage: new Coverage({ strict: false }) }).programs['main']!.run().r0, 0n);
});

test('names of files lose what says nothing', () => {
  for (const [name, plain] of [
    ['././a.c', 'a.c'],
    ['/x/./y/../a.c', '/x/a.c'],
    ['../a.c', '../a.c'],
    ['../../b/../a.c', '../../a.c'],
    ['/a.c', '/a.c'],
  ] as const)
    assert.equal(plainName(name), plain);
});
