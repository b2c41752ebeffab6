// What a stop says: the line of C, the function, who called it, and what the registers point at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../../src/program/program.ts';
import { meaningOf } from '../../src/runtime/diagnostics/meanings.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { BpfError, printPosition } from '../../src/util/error.ts';
import { excerpt } from '../../src/util/excerpt.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { everywhere } from './support.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const bytes = readFileSync(join(root, 'test/corpus/stops.o'));
const packet = new Uint8Array(14);
packet[12] = 0x08;

function stopOf(program: string, options: LoadOptions): BpfStopped {
  const object = loadBytes(bytes, { path: 'stops.o', variables: { which: 1 }, ...options });
  try {
    object.programs[program]!.run({ packet });
  } catch (error) {
    assert.ok(error instanceof BpfStopped, String(error));
    return error;
  } finally {
    object.dispose();
  }
  throw new assert.AssertionError({ message: `${program} did not stop` });
}

everywhere('a stop in a function names the line and the function', (options) => {
  const stop = stopOf('in_function', options);
  assert.match(stop.headline, /^\.\/stops\.c:45:17: program in_function, slot 26 in count_kind: read of 8 bytes at 0x0: /);
  assert.deepEqual(stop.message.split('\n').slice(1, 3), ['   45 |   found->packets++;', '      |                 ^']);
  assert.deepEqual([stop.frames[0]?.function, stop.frames[0]?.slot, stop.frames[0]?.by], ['count_kind', 26, 'stop']);
});

everywhere('a stop in a program that was tail-called names that program', (options) => {
  // Machine code reads on behind the packet.
  const stop = stopOf('after_tail_call', { ...options, ...(options.engine === 'interpreter' ? {} : { fuel: 1 }) });
  if (options.engine !== 'interpreter') return assert.equal(stop.reason, 'fuel');
  assert.match(stop.message, /^\.\/stops\.c:67:10: program beyond, slot \d+: read of 4 bytes/);
  assert.match(stop.message, / {2}tail-called from after_tail_call at \.\/stops\.c:72:3, slot 5$/);
});

test('the interpreter knows the callers and what registers point at', () => {
  const inFunction = stopOf('in_function', {});
  assert.match(inFunction.message, / {2}called from in_function at \.\/stops\.c:100:10, slot 13$/);
  assert.deepEqual(
    inFunction.frames.map((frame) => frame.by),
    ['stop', 'call'],
  );
  assert.deepEqual([inFunction.meanings?.[1], inFunction.meanings?.[2], inFunction.meanings?.[10]], ['map seen', 'fp - 4', 'fp']);
  const inCallback = stopOf('in_callback', {});
  assert.match(inCallback.message, /called back by a helper that was called from in_callback at \.\/stops\.c:58:3, slot 10$/);
  assert.deepEqual([inCallback.meanings?.[2], inCallback.meanings?.[3]], ['fp - 16 of the caller', 'packet_end']);
});

test('a pointer into a map names the element', () => {
  const object = loadBytes(bytes, { path: 'stops.o' });
  const { seen } = object.maps;
  seen!.set(4, { packets: 7n, bytes: 0n });
  const value = seen!.lookup(Uint8Array.of(4, 0, 0, 0))!;
  assert.equal(meaningOf(object.home, value), 'seen[4]');
  assert.equal(meaningOf(object.home, value, true), 'seen[4].packets');
  assert.equal(meaningOf(object.home, value + 8), 'seen[4].bytes');
  assert.equal(meaningOf(object.home, value + 12), 'seen[4].bytes + 4');
  assert.equal(meaningOf(object.home, seen!.pointer), 'map seen');
  assert.equal(meaningOf(object.home, object.maps['.bss']!.storage), 'which');
  assert.equal(meaningOf(object.home, 12), undefined);
  object.dispose();
});

test('a program that is refused says which line of C it is', () => {
  const lines = [{ slot: 0, file: 'a.c', line: 7, column: 3, text: '\tx = y;' }];
  const refused = (): unknown =>
    createProgram({ name: 'main', bytes: Uint8Array.of(0xb7, 0x0a, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0), lines });
  assert.throws(refused, (error) => {
    assert.ok(error instanceof BpfError);
    assert.equal(printPosition(error.position), 'a.c:7:3: program main, slot 0');
    return true;
  });
});

test('the mark stands under the column, behind tabs too', () => {
  assert.equal(excerpt({ file: 'a.c', line: 7, column: 4, text: '\tx = y;' }), '    7 | \tx = y;\n      | \t  ^\n');
  assert.equal(excerpt({ file: 'a.c', line: 12345, column: 0, text: 'int f(void)' }), '12345 | int f(void)\n');
  assert.equal(excerpt({ file: 'a.c', line: 1, column: 2 }), '');
});
