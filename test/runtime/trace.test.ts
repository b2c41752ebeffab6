// What a trace prints of each kind of instruction.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import '../../src/runtime/engines/engines.ts';
import { type TraceOptions, Tracer } from '../../src/runtime/diagnostics/trace.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { BpfError } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { loadText } from './support.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const bytes = readFileSync(join(root, 'test/corpus/stops.o'));

function traceOf(object: LoadedObject, program: string, packet?: Uint8Array, options?: TraceOptions): { lines: string[]; tracer: Tracer } {
  const lines: string[] = [];
  const tracer = new Tracer(object, (line) => lines.push(line.replace(/\s+/g, ' ').replace(/ \(0x8[0-9a-f]{4}\)/g, ' (HEAP)')), options);
  try {
    object.programs[program]!.run({ ...(packet === undefined ? {} : { packet }), trace: tracer.hook });
    tracer.end();
  } catch (error) {
    if (!(error instanceof BpfStopped)) throw error;
    tracer.end(true);
  }
  return { lines, tracer };
}

test('each instruction with what it did', () => {
  const text = `
    r6 = r1
    w2 = -1
    *(u16 *)(r10 - 8) = r2
    r3 = *(u8 *)(r6 + 1)
    r4 = 5
    *(u64 *)(r10 - 16) = 37
    lock *(u64 *)(r10 - 16) += r4
    r4 = atomic_fetch_add((u64 *)(r10 - 16), r4)
    if r3 == 7 goto +1
    r0 = 1
    call f
    r0 -= 9
    exit
  f:
    r0 = r10
    exit`;
  const { lines } = traceOf(loadText('raw', text), 'main', Uint8Array.of(1, 7));
  assert.deepEqual(lines, [
    'main:',
    ' 0 r6 = r1 r6 = packet (0x20100)',
    ' 1 w2 = -1 r2 = 4294967295 (0xffffffff)',
    ' 2 *(u16 *)(r10 - 8) = r2 fp - 8 = 65535 (0xffff)',
    ' 3 r3 = *(u8 *)(r6 + 1) r3 = 7, from packet + 1',
    ' 4 r4 = 5 r4 = 5',
    ' 5 *(u64 *)(r10 - 16) = 37 fp - 16 = 37 (0x25)',
    ' 6 lock *(u64 *)(r10 - 16) += r4 fp - 16 was 37 (0x25), is 42 (0x2a)',
    ' 7 r4 = atomic_fetch_add((u64 *)(r10 - 16), r4) fp - 16 was 42 (0x2a), is 47 (0x2f), r4 = 42 (0x2a)',
    ' 8 if r3 == 7 goto +1 taken, to 10',
    ' 10 call f',
    ' f (main):',
    ' 13 r0 = r10 r0 = fp (0x10e00)',
    ' 14 exit r0 = fp (0x10e00)',
    'main:',
    ' 11 r0 -= 9 r0 = 69111 (0x10df7)',
    ' 12 exit r0 = 69111 (0x10df7)',
  ]);
});

test('helpers with their arguments and memory, lines of C in between, the instruction that stopped', () => {
  const packet = new Uint8Array(14);
  packet[12] = 8;
  const { lines } = traceOf(loadBytes(bytes), 'in_function', packet);
  const at = lines.indexOf(' ; stops.c:44 struct value *found = bpf_map_lookup_elem(&seen, &kind);');
  assert.deepEqual(lines.slice(at + 1), [
    ' 23 r1 = map[seen] r1 = map seen (HEAP)',
    ' 25 call bpf_map_lookup_elem (map seen, fp - 4: 04 00 00 00) -> r0 = 0',
    ' ; stops.c:45 found->packets++;',
    ' 26 r1 = *(u64 *)(r0 + 0) stopped here',
  ]);
});

test('callbacks stand between a call and its return; tail calls show the other program', () => {
  const object = loadBytes(bytes, { variables: { which: 1 } });
  const { lines } = traceOf(object, 'in_callback', new Uint8Array(64).fill(1));
  const call = lines.findIndex((line) => line.includes('call bpf_loop'));
  assert.equal(lines[call], ' 10 call bpf_loop (20 (0x14), sum, fp - 16, 0)');
  assert.equal(lines[call + 1], ' sum (in_callback):');
  assert.equal(lines.filter((line) => line === ' 10 (returns) r0 = 20 (0x14)').length, 1);
  const tail = traceOf(object, 'after_tail_call', new Uint8Array(64)).lines;
  assert.deepEqual(tail.slice(tail.indexOf(' 5 call bpf_tail_call (ctx, map programs, 1)') + 1).slice(0, 1), ['beyond:']);
});

test('a limit: the rest is counted', () => {
  const { lines, tracer } = traceOf(loadText('raw', 'r0 = 1\nr0 = 2\nr0 = 3\nexit'), 'main', undefined, { limit: 2 });
  assert.deepEqual(lines, ['main:', ' 0 r0 = 1 r0 = 1', ' 1 r0 = 2 r0 = 2']);
  assert.equal(tracer.omitted, 2);
});

test('machine code cannot be traced', () => {
  const object = loadText('raw', 'r0 = 1\nexit', { engine: 'arm64-sim' });
  const run = () => object.programs['main']!.run({ trace: () => undefined });
  assert.throws(run, (error) => error instanceof BpfError && error.code === 'runtime/trace');
});
