// bpfjit run --pcap, as a process, over a capture made here: counts, survivors with their times, stops.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readPackets } from '../../src/pcap/read.ts';
import { captureHeader, captureRecord } from '../../src/pcap/write.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const main = join(root, 'dist/src/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const COUNT = 10_000;
const packets = Array.from({ length: COUNT }, (_, i) => {
  const packet = new Uint8Array(14 + (i % 200));
  packet[12] = i % 3 === 0 ? 0x08 : 0x86;
  packet[13] = i % 3 === 0 ? 0x00 : 0xdd;
  packet[0] = i;
  return packet;
});
const capture = join(folder, 'in.pcap');
writeFileSync(capture, Buffer.concat([captureHeader(1), ...packets.map((packet, i) => captureRecord(packet, BigInt(i) * 1_000_003n))]));

/** A raw program: adds 1 to the packet's first byte; R0 = its new value; `stops`: reads what it gives as an address. */
const program = (stops: boolean): string =>
  `${stops ? 'r2 = *(u8 *)(r1 + 12)\nif r2 != 8 goto +1\nr2 = *(u8 *)(r2 + 0)\n' : ''}r0 = *(u8 *)(r1 + 0)\nr0 += 1\n*(u8 *)(r1 + 0) = r0\nr0 &= 3\nexit`;

function run(source: string, ...args: readonly string[]): { status: number | null; summary: Record<string, unknown>; stderr: string } {
  const path = join(folder, 'program.bpfasm');
  writeFileSync(path, source);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'run', path, '--pcap', capture, '--json', ...args], {
    encoding: 'utf8',
  });
  return { status, summary: stdout === '' ? {} : JSON.parse(stdout), stderr };
}

for (const engine of ['interpreter', 'arm64-sim', 'auto']) {
  test(`a capture on ${engine}: survivors are written as the program left them`, () => {
    const out = join(folder, `${engine}.pcap`);
    const { status, summary, stderr } = run(program(false), '--engine', engine, '--out', out);
    assert.equal(status, 0, stderr);
    assert.equal(summary['packets'], COUNT);
    assert.deepEqual(summary['verdicts'], { 'r0 = 0': 2500, 'r0 = 1': 2500, 'r0 = 2': 2500, 'r0 = 3': 2500 });
    const survivors = [...readPackets(readFileSync(out), out)];
    assert.equal(survivors.length, COUNT);
    for (const [i, { data, timestamp }] of survivors.entries()) {
      const expected = packets[i]!.slice();
      expected[0] = i + 1;
      assert.deepEqual(new Uint8Array(data), expected);
      assert.equal(timestamp, BigInt(i) * 1_000_003n);
    }
  });
}

test('a capture: stops are counted, the first is told, and repetitions do not count', () => {
  const { status, summary } = run(program(true), '--engine', 'arm64-sim', '--repeat', '2');
  assert.equal(status, 1);
  assert.equal(summary['packets'], COUNT);
  assert.equal(summary['stops'], Math.ceil(COUNT / 3));
  assert.match(String(summary['firstStop']), /outside the window/);
});
