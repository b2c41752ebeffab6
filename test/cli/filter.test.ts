// bpfjit filter, as a process, over a capture made here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { captureHeader, captureRecord } from '../../src/pcap/write.ts';

const main = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'src/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function filter(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, 'filter', ...args], { encoding: 'utf8' });
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

for (const engine of ['interpreter', 'arm64-sim', 'auto']) {
  test(`filter on ${engine}`, () => {
    const report = (path: string): unknown => {
      const { status, stdout, stderr } = filter(`@${path}`, '--pcap', capture, '--engine', engine, '--json');
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    };
    assert.deepEqual(report(ip), { packets: 5, matched: 2, matches: [0, 2] });
    assert.deepEqual(report(long), { packets: 5, matched: 3, matches: [0, 1, 2] });
  });
}

test('filter for people: indexes, then the count', () => {
  const { status, stdout } = filter(`@${ip}`, '--pcap', capture, '--engine', 'interpreter');
  assert.equal(status, 0);
  assert.equal(stdout, '0\n2\n2 of 5 packets match (interpreter)\n');
});

test('backward jumps are refused, and run under fuel when asked for', () => {
  const refused = filter(`@${backward}`, '--pcap', capture);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /\[classic\/backward-jump\]/);
  const { status, stdout } = filter(`@${backward}`, '--pcap', capture, '--engine', 'interpreter', '--backward', '--json');
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { packets: 5, matched: 5, matches: [0, 1, 2, 3, 4] });
  const stopped = filter(`@${backward}`, '--pcap', capture, '--engine', 'interpreter', '--backward', '--fuel', '3', '--json');
  assert.equal(stopped.status, 1);
  assert.match(stopped.stderr, /5 of 5 packets stopped the filter, first: .*fuel/);
  assert.deepEqual(JSON.parse(stopped.stdout), { packets: 5, matched: 0, matches: [] });
});

test('a scratch word that was never written reads as 0, as in tcpdump', () => {
  const path = file('scratch.txt', '2\n96 0 0 3\n22 0 0 0\n');
  const { status, stdout } = filter(`@${path}`, '--pcap', capture, '--engine', 'interpreter', '--json');
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { packets: 5, matched: 0, matches: [] });
});

test('wrong input is refused', () => {
  assert.equal(filter(`@${ip}`).status, 2, 'no capture');
  assert.equal(filter('--pcap', capture).status, 2, 'no filter');
  assert.match(filter(`@${capture}`, '--pcap', capture).stderr, /\[classic\/syntax\]/);
  assert.match(filter(`@${ip}`, '--pcap', ip).stderr, /\[pcap\/not-a-capture\]/);
  const division = file('division.txt', '2\n52 0 0 0\n6 0 0 0\n');
  assert.match(filter(`@${division}`, '--pcap', capture).stderr, /\[classic\/division-by-zero\]/);
});
