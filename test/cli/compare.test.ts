// bpfjit compare: what differs between two programs over the same packets, as text, as JSON and as exit status.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { captureHeader, captureRecord } from '../../src/pcap/write.ts';
import { type Ran, runAll } from './run-all.ts';

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const root = dirname(dist);
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const stops = join(root, 'test/corpus/stops.o');
const counter = join(root, 'examples/xdp_counter.o');

/** 20 bytes: byte 0 counts, byte 5 is what programs write. */
const packets = Array.from({ length: 1500 }, (_, i) => Uint8Array.from({ length: 20 }, (_, at) => (at === 0 ? i : 1)));
const capture = file('in.pcap', Buffer.concat([captureHeader(1), ...packets.map((packet, i) => captureRecord(packet, BigInt(i) * 1000n))]));
const base = file('base.bpfasm', 'r2 = *(u8 *)(r1 + 0)\nr0 = 1\n*(u8 *)(r1 + 5) = 9\nexit\n');
// Where byte 0 is 7: another result; where it is 8: another byte; where it is 9: stops.
const other = file(
  'other.bpfasm',
  `r2 = *(u8 *)(r1 + 0)
  r0 = 1
  if r2 != 7 goto +1
  r0 = 2
  *(u8 *)(r1 + 5) = 9
  if r2 != 8 goto +1
  *(u16 *)(r1 + 5) = 10
  if r2 != 9 goto +1
  r0 = *(u8 *)(r2 + 0)
  exit`,
);

test('what differs is counted, the first packets are explained', () => {
  const [text, json, alike, engines, maps, usage, oneFile, names] = runAll([
    ['compare', base, other, '--program', 'base,other', '--pcap', capture, '--engine', 'interpreter,arm64-sim', '--limit', '3'],
    ['compare', base, other, '--program', 'base,other', '--pcap', capture, '--json', '--limit', '1'],
    ['compare', base, base, '--pcap', capture],
    ['compare', counter, '--engine', 'interpreter,arm64-sim', '--pcap', capture],
    ['compare', stops, '--program', 'branches,in_function', '--packet', '03'.repeat(64)],
    ['compare', base, other],
    ['compare', base, '--packet', '00'],
    ['compare', base, other, '--packet', '00'],
  ]) as [Ran, Ran, Ran, Ran, Ran, Ran, Ran, Ran];
  assert.equal(text.status, 1, text.stderr);
  const lines = text.stdout.split('\n');
  assert.deepEqual(
    [lines[0]!.endsWith('base.bpfasm on interpreter'), lines[1]!.endsWith('other.bpfasm on arm64-sim'), ...lines.slice(2, 14)],
    [
      ...[true, true, '1500 packets, 18 differ'],
      '          6  r0 = 1 -> 2',
      '          6  packet',
      '          6  r0 = 1 -> stopped (fault)',
      'packet 8: 20 bytes',
      '  r0 = 1 -> 2',
      'packet 9: 20 bytes',
      '  packet',
      '  bytes 5 to 6: 09 01 -> 0a 00',
      'packet 10: 20 bytes',
      '  r0 = 1 -> stopped (fault)',
      `  second: ${join(folder, 'other.bpfasm')}:9:3: program other, slot 8: read of 1 byte at 0x9: outside the window`,
    ],
  );
  assert.equal(lines[14], 'and 15 more; --limit shows more of them');
  const parsed = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(parsed), ['a', 'b', 'packets', 'differing', 'kinds', 'differences', 'maps', 'variables']);
  assert.deepEqual([parsed['packets'], parsed['differing'], (parsed['differences'] as unknown[]).length], [1500, 18, 1]);
  assert.deepEqual([alike.status, alike.stdout.includes('1500 packets, all alike')], [0, true]);
  assert.deepEqual([engines.status, engines.stdout.includes('at the end: alike')], [0, true], engines.stderr);
  assert.match(maps.stdout, /1 packet, 1 differ\n +1 {2}XDP_TX -> stopped/);
  assert.match(maps.stdout, /^packet 1: .*, 64 bytes/m);
  assert.deepEqual([usage.status, oneFile.status, names.status], [2, 2, 1]);
  assert.match(names.stderr, /no program base; the file is one program, other/);
});
