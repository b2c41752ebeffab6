// bpfjit filter over a capture made here.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { captureHeader, captureRecord } from '../../src/pcap/write.ts';
import { runAll } from './run-all.ts';

const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function ethernet(type: number, bytes = 60): Uint8Array {
  const packet = new Uint8Array(bytes);
  packet[12] = type >> 8;
  packet[13] = type & 0xff;
  return packet;
}

const packets = [ethernet(0x0800), ethernet(0x86dd), ethernet(0x0800), ethernet(0x0806, 14), new Uint8Array(0)];
const capture = file(
  'in.pcap',
  Buffer.concat([captureHeader(1), ...packets.map((packet) => captureRecord(packet, 0n, packet.length * 2))]),
);
/** tcpdump -ddd ip */
const ip = file('ip.txt', '4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n');
/** tcpdump -ddd 'len > 100': by the length on the wire. */
const long = file('long.txt', '4\n128 0 0 0\n37 0 1 100\n6 0 0 262144\n6 0 0 0\n');
/** Jumps back as long as X is below A. */
const backward = file('backward.txt', '7\n0 0 0 3\n135 0 0 0\n4 0 0 1\n7 0 0 0\n37 1 0 4\n5 0 0 4294967291\n6 0 0 1\n');

const scratch = file('scratch.txt', '2\n96 0 0 3\n22 0 0 0\n');
const division = file('division.txt', '2\n52 0 0 0\n6 0 0 0\n');

const ENGINES = ['interpreter', 'arm64-sim', 'auto'];
const over = (path: string, ...options: string[]): string[] => ['filter', `@${path}`, '--pcap', capture, ...options];
const interpreted = ['--engine', 'interpreter'];
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ENGINES.flatMap((engine) => [
      [`ip ${engine}`, over(ip, '--engine', engine, '--json')],
      [`long ${engine}`, over(long, '--engine', engine, '--json')],
    ]),
  ),
  people: over(ip, ...interpreted),
  refused: over(backward),
  backward: over(backward, ...interpreted, '--backward', '--json'),
  stopped: over(backward, ...interpreted, '--backward', '--fuel', '3', '--json'),
  scratch: over(scratch, ...interpreted, '--json'),
  noCapture: ['filter', `@${ip}`],
  noFilter: ['filter', '--pcap', capture],
  noText: over(capture),
  captureIsText: ['filter', `@${ip}`, '--pcap', ip],
  division: over(division),
};
const results = runAll(Object.values(COMMANDS));
const ran = Object.fromEntries(Object.keys(COMMANDS).map((name, i) => [name, results[i]!]));

for (const engine of ENGINES) {
  test(`filter on ${engine}`, () => {
    const report = (name: string): unknown => {
      const { status, stdout, stderr } = ran[`${name} ${engine}`]!;
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    };
    assert.deepEqual(report('ip'), { packets: 5, matched: 2, matches: [0, 2] });
    assert.deepEqual(report('long'), { packets: 5, matched: 3, matches: [0, 1, 2] });
  });
}

test('filter for people: indexes, then the count', () => {
  const { status, stdout } = ran['people']!;
  assert.equal(status, 0);
  assert.equal(stdout, '0\n2\n2 of 5 packets match (interpreter)\n');
});

test('backward jumps are refused, and run under fuel when asked for', () => {
  const { refused, backward: allowed, stopped } = ran;
  assert.equal(refused!.status, 1);
  assert.match(refused!.stderr, /\[classic\/backward-jump\]/);
  assert.equal(allowed!.status, 0);
  assert.deepEqual(JSON.parse(allowed!.stdout), { packets: 5, matched: 5, matches: [0, 1, 2, 3, 4] });
  assert.equal(stopped!.status, 1);
  assert.match(stopped!.stderr, /5 of 5 packets stopped the filter, first: .*fuel/);
  assert.deepEqual(JSON.parse(stopped!.stdout), { packets: 5, matched: 0, matches: [] });
});

test('a scratch word that was never written reads as 0, as in tcpdump', () => {
  const { status, stdout } = ran['scratch']!;
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { packets: 5, matched: 0, matches: [] });
});

test('wrong input is refused', () => {
  assert.equal(ran['noCapture']!.status, 2, 'no capture');
  assert.equal(ran['noFilter']!.status, 2, 'no filter');
  assert.match(ran['noText']!.stderr, /\[classic\/syntax\]/);
  assert.match(ran['captureIsText']!.stderr, /\[pcap\/not-a-capture\]/);
  assert.match(ran['division']!.stderr, /\[classic\/division-by-zero\]/);
});
