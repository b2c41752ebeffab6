// bpfjit run --pcap, as a process, over a capture made here: counts, survivors with their times, stops.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readPackets } from '../../src/pcap/read.ts';
import { captureHeader, captureRecord, encodeCapture } from '../../src/pcap/write.ts';

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

test('a capture that is not Ethernet: survivors are frames in pcapng, cut packets are counted, repetitions replay all of it', () => {
  const cooked = join(folder, 'cooked.pcap');
  const header = Buffer.from('00000001000602aabbccddee00000800', 'hex');
  const times = [7n, 1_700_000_000_123_456_789n];
  const written = times.map((timestamp, i) => ({
    ...{ data: Buffer.concat([header, Uint8Array.of(0x45, i)]), timestamp, wireLength: 18 + 100 * i, linkType: 113 },
  }));
  writeFileSync(cooked, encodeCapture(written));
  const source = join(folder, 'first.bpfasm');
  writeFileSync(source, 'r2 = *(u32 *)(r1 + 0)\nr0 = 2\n*(u8 *)(r2 + 0) = 9\nexit');
  const out = join(folder, 'out.pcapng');
  const args = [main, 'run', source, '--type', 'xdp', '--pcap', cooked, '--json', '--clock', 'capture', '--repeat', '3'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--out', out], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { packets: count, verdicts, cut } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual({ count, verdicts, cut }, { count: 2, verdicts: { XDP_PASS: 2 }, cut: 1 });
  const survivors = [...readPackets(readFileSync(out), out)];
  assert.deepEqual(
    survivors.map(({ data, timestamp, wireLength, linkType }) => [Buffer.from(data).toString('hex'), timestamp, wireLength, linkType]),
    times.map((time, i) => [`09000000000002aabbccddee0800450${i}`, time, 16 + 100 * i, 1]),
  );
  assert.equal(readFileSync(out).readUInt32LE(0), 0x0a0d0d0a);
  const same = spawnSync(process.execPath, [...args, '--out', cooked], { encoding: 'utf8' });
  assert.deepEqual([same.status, /--out would overwrite the capture/.test(same.stderr)], [2, true]);
  writeFileSync(cooked, encodeCapture(written, { linkType: 127 }).fill(127, 20, 21));
  const refused = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.match(refused.stderr, /cooked\.pcap\+0x18: packet 1 has link type 127 \(IEEE 802\.11 with radiotap header\).*\[pcap\/link-type\]/);
  assert.equal(refused.status, 1);
});
