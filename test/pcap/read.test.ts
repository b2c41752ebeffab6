import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINKTYPE } from '../../src/pcap/link.ts';
import { CaptureReader, readPackets } from '../../src/pcap/read.ts';
import { captureHeader, captureRecord } from '../../src/pcap/write.ts';
import { BpfError } from '../../src/util/error.ts';

function join(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const packets = [Uint8Array.of(1, 2, 3), new Uint8Array(60).fill(7), new Uint8Array(0)];
const capture = join(
  captureHeader(LINKTYPE.ethernet),
  ...packets.map((data, i) => captureRecord(data, BigInt(i) * 1_000_000_001n, data.length + i)),
);

/** A pcapng file with one interface of nanosecond resolution and the same packets. */
function pcapng(little: boolean): Uint8Array {
  const block = (type: number, body: number[]): Uint8Array => {
    const bytes = new Uint8Array(12 + 4 * body.length);
    const view = new DataView(bytes.buffer);
    for (const [i, word] of [type, bytes.length, ...body, bytes.length].entries()) view.setUint32(4 * i, word, little);
    return bytes;
  };
  const half = (first: number, second: number): number => (little ? (second << 16) | first : (first << 16) | second) >>> 0;
  const section = block(0x0a0d0d0a, [0x1a2b3c4d, half(1, 0), 0xffffffff, 0xffffffff]);
  const face = block(1, [half(LINKTYPE.ethernet, 0), 0, half(9, 1), little ? 9 : 0x09000000, 0]);
  const bodies = packets.map((data, i) => {
    const padded = new Uint8Array((data.length + 3) & ~3);
    padded.set(data);
    const view = new DataView(padded.buffer);
    const words = Array.from({ length: padded.length / 4 }, (_, j) => view.getUint32(4 * j, little));
    const time = BigInt(i) * 1_000_000_001n;
    return block(6, [0, Number(time >> 32n), Number(time & 0xffffffffn), data.length, data.length + i, ...words]);
  });
  return join(section, face, block(0x0bad, [1, 2, 3]), ...bodies);
}

for (const [name, bytes] of [
  ['pcap', capture],
  ['pcapng little-endian', pcapng(true)],
  ['pcapng big-endian', pcapng(false)],
] as const) {
  test(`${name}: packets, lengths and times come back`, () => {
    const read = [...readPackets(bytes, name)];
    assert.deepEqual(
      read.map((packet) => packet.data),
      packets,
    );
    assert.deepEqual(
      read.map((packet) => packet.wireLength),
      packets.map((data, i) => data.length + i),
    );
    assert.deepEqual(
      read.map((packet) => packet.timestamp),
      [0n, 1_000_000_001n, 2_000_000_002n],
    );
    assert.ok(read.every((packet) => packet.linkType === LINKTYPE.ethernet));
  });

  test(`${name}: the same one byte at a time`, () => {
    const reader = new CaptureReader(name);
    const lengths: number[] = [];
    for (const byte of bytes) {
      reader.push(Uint8Array.of(byte));
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) lengths.push(packet.data.length);
    }
    reader.end();
    assert.deepEqual(lengths, [3, 60, 0]);
  });

  test(`${name}: cut anywhere it is an error with an offset, or a whole shorter capture`, () => {
    for (let length = 0; length < bytes.length; length++) {
      try {
        const read = [...readPackets(bytes.subarray(0, length), name)];
        assert.ok(read.length < packets.length || name !== 'pcap');
      } catch (error) {
        assert.ok(error instanceof BpfError && error.code.startsWith('pcap/'), String(error));
        assert.ok(error.position.in === 'file' && error.position.offset !== undefined && error.position.offset <= length);
      }
    }
  });

  test(`${name}: flipped bytes never do worse than an error`, () => {
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = damaged[at]! ^ bit;
        try {
          for (const packet of readPackets(damaged, name)) assert.ok(packet.data.length <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof BpfError, String(error));
        }
      }
    }
  });
}
