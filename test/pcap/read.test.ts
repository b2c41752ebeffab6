// Reading captures: pcap and pcapng in both byte orders, whole, in pieces, by the block, damaged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketBlock } from '../../src/pcap/block.ts';
import { Capture, readCapture } from '../../src/pcap/capture.ts';
import { LINKTYPE } from '../../src/pcap/link.ts';
import { type CapturedPacket, CaptureReader, readPackets } from '../../src/pcap/read.ts';
import { encodeCapture } from '../../src/pcap/write.ts';
import { BpfError } from '../../src/util/error.ts';
import { NgFile } from './pcapng.ts';

const packets = [Uint8Array.of(1, 2, 3), new Uint8Array(60).fill(7), new Uint8Array(0)];
const times = [0n, 1_000_000_001n, 2_000_000_002n];

/** A pcap file as the format says, field by field. */
function pcap(little: boolean, nano: boolean, minor = 4): Uint8Array {
  const bytes: number[] = [];
  const number = (value: number, size: 2 | 4): void => {
    const all = Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
    bytes.push(...(little ? all : all.reverse()));
  };
  number(nano ? 0xa1b23c4d : 0xa1b2c3d4, 4);
  number(2, 2);
  number(minor, 2);
  // Time zone, accuracy, snap length; the upper half of the link type tells of frame check sequences.
  for (const field of [0, 0, 65535, 0x1400_0000 | LINKTYPE.ethernet]) number(field, 4);
  for (const [i, data] of packets.entries()) {
    number(i, 4);
    number(nano ? i : 1000 * i, 4);
    const lengths = [data.length, data.length + i];
    for (const length of minor < 3 ? lengths.reverse() : lengths) number(length, 4);
    bytes.push(...data);
  }
  return Uint8Array.from(bytes);
}

/** One interface of nanosecond resolution, and a block that nobody knows. */
function pcapng(little: boolean): Uint8Array {
  const file = new NgFile(little).section().face(LINKTYPE.ethernet, { resolution: 9 }).block(0x0bad, [1, 2, 3]);
  for (const [i, data] of packets.entries()) file.packet(0, times[i]!, data, data.length + i, [{ code: 1, bytes: [0x68, 0x69] }]);
  return file.bytes;
}

const files: readonly (readonly [name: string, bytes: Uint8Array, times: readonly bigint[]])[] = [
  ['pcap', pcap(true, true), times],
  ['pcap big-endian', pcap(false, true), times],
  ['pcap microseconds', pcap(true, false), [0n, 1_001_000_000n, 2_002_000_000n]],
  ['pcap big-endian microseconds', pcap(false, false), [0n, 1_001_000_000n, 2_002_000_000n]],
  ['pcap 2.2', pcap(true, true, 2), times],
  ['pcapng little-endian', pcapng(true), times],
  ['pcapng big-endian', pcapng(false), times],
];

/** Of every block: its packets and their times, through an area of that size, `piece` bytes a read. */
function byBlocks(bytes: Uint8Array, areaBytes: number, capacity: number, piece: number): [Uint8Array[], bigint[]] {
  let at = 0;
  const read = (into: Uint8Array): number => {
    const size = Math.min(into.length, piece, bytes.length - at);
    into.set(bytes.subarray(at, at + size));
    at += size;
    return size;
  };
  const capture = new Capture('blocks', () => ({ read, close: () => undefined })).blocks();
  const area = new Uint8Array(areaBytes);
  const block = new PacketBlock(capacity);
  const found: Uint8Array[] = [];
  const stamps: bigint[] = [];
  while (capture.nextBlock(area, block)) {
    for (let i = 0; i < block.count; i++) {
      found.push(block.bytes.slice(block.offsets[i]!, block.offsets[i]! + block.lengths[i]!));
      stamps.push(block.timestamp(i));
      assert.ok(block.offsets[i]! >= 16, 'room for a link-layer header in front');
    }
  }
  return [found, stamps];
}

for (const [name, bytes, expectedTimes] of files) {
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
      expectedTimes,
    );
    assert.ok(read.every((packet) => packet.linkType === LINKTYPE.ethernet));
  });

  test(`${name}: the same one byte at a time, and by the block`, () => {
    const reader = new CaptureReader(name);
    const lengths: number[] = [];
    for (const byte of bytes) {
      reader.push(Uint8Array.of(byte));
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) lengths.push(packet.data.length);
    }
    reader.end();
    assert.deepEqual(lengths, [3, 60, 0]);
    for (const [area, capacity, piece] of [
      [4096, 100, 4096],
      [4096, 1, 4096],
      [4096, 2, 5],
      // Smaller than a record: it gets memory of its own.
      [64, 100, 4096],
      [64, 1, 1],
    ] as const) {
      assert.deepEqual(byBlocks(bytes, area, capacity, piece), [packets, expectedTimes], `${area} ${capacity} ${piece}`);
    }
  });

  test(`${name}: cut anywhere it is an error with an offset behind whole packets, or a whole shorter capture`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const whole = collect(() => readPackets(cut, name));
      const blocks = collect(() => byBlocks(cut, 128, 2, 9)[0]);
      assert.equal(blocks.error?.message, whole.error?.message, `${length}`);
      if (whole.error === undefined) assert.ok(name.startsWith('pcapng') || [24, 43, 119].includes(length), `${length}`);
      else assert.ok(whole.error.position.in === 'file' && whole.error.position.offset! <= length);
    }
  });

  test(`${name}: flipped bytes never do worse than an error`, () => {
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = damaged[at]! ^ bit;
        const whole = collect(() => readPackets(damaged, name));
        const blocks = collect(() => byBlocks(damaged, 128, 2, 9)[0]);
        assert.equal(blocks.error?.message, whole.error?.message);
        if (whole.error === undefined) assert.deepEqual(blocks.found, whole.found);
      }
    }
  });
}

function collect(read: () => Iterable<CapturedPacket | Uint8Array>): { found: Uint8Array[]; error: BpfError | undefined } {
  const found: Uint8Array[] = [];
  try {
    for (const one of read()) found.push(one instanceof Uint8Array ? one : one.data);
  } catch (error) {
    assert.ok(error instanceof BpfError && error.code.startsWith('pcap/'), String(error));
    return { found, error };
  }
  return { found, error: undefined };
}

test('packets before damage are given, then the error with its offset', () => {
  const [, bytes] = files[0]!;
  const damaged = Uint8Array.from([...bytes, ...new Uint8Array(8), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
  const { found, error } = collect(() => readPackets(damaged, 'damaged'));
  assert.equal(found.length, 3);
  assert.equal(error?.code, 'pcap/length');
  assert.equal(error.position.in === 'file' && error.position.offset, bytes.length + 8);
});

test('pcapng: interfaces with link types, clocks and snap lengths of their own; sections; simple and obsolete blocks', () => {
  const bytes = [true, false].flatMap((little) => [
    ...new NgFile(little)
      .section()
      .face(LINKTYPE.raw, { snapLength: 4 })
      .face(LINKTYPE.ethernet, { resolution: 0x80 | 20, offset: 1000 })
      .face(LINKTYPE.linuxSll, { resolution: 12 })
      .face(LINKTYPE.ethernet, { resolution: 3, offset: -5 })
      .simple(Uint8Array.of(0x45, 2, 3, 4), 1500)
      .packet(0, 1_700_000_000_123_456n, Uint8Array.of(9))
      .packet(1, 3n << 19n, Uint8Array.of(8))
      .packet(2, 1_700_000_000_123_456_789_012n & 0xffff_ffff_ffff_ffffn, Uint8Array.of(7))
      .packet(3, 65_001n, Uint8Array.of(6))
      .obsolete(1, 1n << 20n, Uint8Array.of(5, 5, 5, 5, 5)).bytes,
  ]);
  const once = [
    [LINKTYPE.raw, 0n, 4, 1500],
    [LINKTYPE.raw, 1_700_000_000_123_456_000n, 1, 1],
    [LINKTYPE.ethernet, 1_001_500_000_000n, 1, 1],
    [LINKTYPE.linuxSll, (1_700_000_000_123_456_789_012n & 0xffff_ffff_ffff_ffffn) / 1000n, 1, 1],
    [LINKTYPE.ethernet, 60_001_000_000n, 1, 1],
    [LINKTYPE.ethernet, 1_001_000_000_000n, 5, 5],
  ];
  const read = [...readPackets(Uint8Array.from(bytes), 'sections')];
  assert.deepEqual(
    read.map(({ linkType, timestamp, data, wireLength }) => [linkType, timestamp, data.length, wireLength]),
    [...once, ...once],
  );
  assert.deepEqual([bytes[read[0]!.offset], bytes[read[6]!.offset + 3]], [3, 3], 'records are where they say');
});

test('what pcapng must not hold is refused with its place', () => {
  const section = () => new NgFile(true).section();
  const face = () => section().face(1);
  const cases: readonly (readonly [NgFile, string, RegExp])[] = [
    [section().packet(0, 0n, packets[0]!), 'pcap/interface', /interface 0, the section has 0/],
    [section().simple(packets[0]!), 'pcap/interface', /before any interface/],
    [face().section().packet(0, 0n, packets[0]!), 'pcap/interface', /the section has 0/],
    [face().simple(packets[0]!, 9), 'pcap/length', /packet of 9 bytes in a block of 20/],
    [section().block(1, [1, 0, 0, 0]), 'pcap/length', /interface block of 16 bytes/],
    [section().block(1, [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 40, 0]), 'pcap/option', /option of 40 bytes/],
    [new NgFile(true).block(0x0a0d0d0a, [0x4d, 0x3c, 0x2b, 0x1a, 2, 0, 0, 0, ...new Uint8Array(8)]), 'pcap/version', /version 2\.0/],
  ];
  for (const [file, code, message] of cases) {
    const { error } = collect(() => readPackets(file.bytes, 'bad'));
    assert.equal(error?.code, code, String(error));
    assert.match(error.message, message);
  }
});

test('what is written is read again: both formats, odd lengths, late times, several link types', async () => {
  const written = [
    { data: Uint8Array.of(1), timestamp: 1_700_000_000_123_456_789n, wireLength: 77, linkType: 1 },
    { data: new Uint8Array(300_000).fill(3), timestamp: 4_294_967_295_999_999_999n, wireLength: 300_000, linkType: 1 },
    { data: Uint8Array.of(1, 2, 3), timestamp: 0n, wireLength: 3, linkType: 1 },
  ];
  const plain = ({ data, timestamp, wireLength, linkType }: CapturedPacket): unknown => ({ data, timestamp, wireLength, linkType });
  assert.deepEqual([...readCapture(encodeCapture(written))].map(plain), written);
  const mixed = [...written, { ...written[0]!, linkType: LINKTYPE.raw }];
  const bytes = encodeCapture(mixed, { format: 'pcapng' });
  assert.deepEqual([...readCapture(bytes)].map(plain), mixed);
  assert.throws(() => encodeCapture(mixed), /one link type, not of 1 \(ethernet\) and 101 \(raw\): write pcapng/);
  assert.equal([...readCapture(encodeCapture([], { linkType: 113 }))].length, 0);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
  };
  const streamed: unknown[] = [];
  for await (const packet of readCapture(chunks())) streamed.push(plain(packet));
  assert.deepEqual(streamed, mixed);
});
