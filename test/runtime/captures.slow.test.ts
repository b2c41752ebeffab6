// runBatch over captures: blocks that lie in the window as they were read give what single runs of the interpreter give.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { type Capture, nativeHost, readCapture } from '../../src/node.ts';
import { ethernetFrame, LINKTYPE } from '../../src/pcap/link.ts';
import { encodeCapture, type PacketToWrite } from '../../src/pcap/write.ts';
import type { EngineName } from '../../src/runtime/engines/engines.ts';
import { loadProgram } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { BpfError } from '../../src/util/error.ts';
import { NgFile } from './../pcap/pcapng.ts';

const { host } = await nativeHost();
const engines: EngineName[] = ['interpreter', 'arm64-sim', 'auto'];
const object = (type: string, text: string, clock = 0n): LoadedObject =>
  loadProgram({ name: 'main', type, bytes: parse(text).bytes }, { host, clock });

/** The packet's length, first and last byte, and their sum over the first one. */
const SUM = `
  r2 = *(u32 *)(r1 + DATA)
  r3 = *(u32 *)(r1 + END)
  r0 = r3
  r0 -= r2
  if r0 == 0 goto out
  r4 = *(u8 *)(r2 + 0)
  r0 += r4
  r4 = *(u8 *)(r3 - 1)
  r0 += r4
  *(u8 *)(r2 + 0) = r0
out:
  r0 &= 7`;
const XDP_SUM = `${SUM.replace('DATA', '0').replace('END', '4')}\nexit`;
/** And what the context says of the packet. */
const SKB_SUM = `r9 = r1${SUM.replace('DATA', '76').replace('END', '80')}
  r2 = *(u32 *)(r9 + 0)
  r0 += r2
  r2 = *(u32 *)(r9 + 4)
  r0 *= 31
  r0 += r2
  r2 = *(u32 *)(r9 + 16)
  r0 *= 31
  r0 += r2
  r2 = *(u32 *)(r9 + 176)
  r0 *= 31
  r0 += r2
  exit`;

/** More than a block holds; some cut by the snap length, two longer than the area that blocks are read into. */
function somePackets(count: number): PacketToWrite[] {
  let state = 99;
  const random = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  return Array.from({ length: count }, (_, i) => {
    const data = new Uint8Array(i === 100 || i === 101 ? 250_000 : i % 3 === 0 ? random() % 1500 : random() % 90);
    for (let at = 0; at < data.length; at++) data[at] = random();
    if (data.length >= 14) data.set(i % 2 === 0 ? [8, 0] : [0x86, 0xdd], 12);
    return { data, timestamp: BigInt(i) * 1_000_000_007n, wireLength: data.length + (i % 4 === 0 ? 50 : 0), linkType: 1 };
  });
}

for (const [type, text] of [
  ['xdp', XDP_SUM],
  ['sched_cls', SKB_SUM],
  ['cgroup_skb', SKB_SUM],
  ['raw', 'r0 = r2\nif r2 == 0 goto +2\n*(u8 *)(r1 + 0) = 7\nr0 += 1\nexit'],
] as const) {
  test(`captures through ${type}: pcap and pcapng, on every engine`, () => {
    const packets = somePackets(700);
    const hidden = type === 'cgroup_skb' ? 14 : 0;
    using one = object(type, text);
    const expected = packets.map(({ data, wireLength, timestamp }) => {
      const wire_len = Math.max(0, wireLength! - hidden);
      const ctx = type === 'sched_cls' || type === 'cgroup_skb' ? { ctx: { wire_len } } : {};
      const { r0, packet } = one.programs['main']!.run({ packet: data, ...ctx });
      return { r0, packet: packet!, frame: Buffer.concat([data.subarray(0, hidden), packet!]), timestamp, wireLength };
    });
    for (const format of ['pcap', 'pcapng'] as const) {
      const bytes = encodeCapture(packets, { format });
      for (const engine of engines) {
        using other = object(type, text);
        const { main } = other.programs;
        let index = 0;
        const looked = main!.runBatch(readCapture(bytes), {
          engine,
          each: ({ r0, packet, frame, timestamp, wireLength }) => {
            const what = `packet ${index} of ${format} on ${engine}`;
            const { r0: r, packet: p, frame: f, ...times } = expected[index++]!;
            assert.equal(r0, r, what);
            assert.equal(Buffer.compare(packet, p), 0, what);
            assert.equal(Buffer.compare(frame, f), 0, what);
            assert.deepEqual({ timestamp, wireLength }, times, what);
          },
        });
        assert.equal(index, packets.length);
        assert.equal(looked.cut, 175);
        if (format === 'pcapng') continue;
        const kept = main!.runBatch(readCapture(bytes), { engine });
        assert.deepEqual(
          [...kept.r0],
          expected.map(({ r0 }) => r0),
        );
        const counted = main!.runBatch(readCapture(bytes), { engine, keepResults: false });
        assert.deepEqual(counted.verdicts, kept.verdicts);
        assert.deepEqual([counted.r0.length, counted.packets], [0, packets.length]);
      }
    }
  });
}

test('packets of other link types become frames where they lie, and stay as they are for raw programs', () => {
  const file = new NgFile(false).section().face(LINKTYPE.raw).face(LINKTYPE.linuxSll2).face(LINKTYPE.ethernet).face(LINKTYPE.null);
  file.simple(Uint8Array.of(0x45, 1, 2));
  file.simple(Uint8Array.of(0x60, 3));
  file.packet(
    1,
    0n,
    Uint8Array.from({ length: 40 }, (_, i) => i * 3),
  );
  file.packet(
    2,
    0n,
    Uint8Array.from({ length: 30 }, (_, i) => i * 5),
  );
  file.packet(3, 0n, Uint8Array.of(2, 0, 0, 0, 0x45, 9, 9));
  const captured = [...readCapture(file.bytes)];
  for (const engine of engines) {
    for (const type of ['xdp', 'raw']) {
      using loaded = object(type, 'r0 = 2\nexit');
      const frames: Uint8Array[] = [];
      loaded.programs['main']!.runBatch(readCapture(file.bytes), { engine, each: ({ frame }) => void frames.push(new Uint8Array(frame)) });
      assert.deepEqual(frames, captured.map(type === 'xdp' ? ethernetFrame : ({ data }) => data), `${type} on ${engine}`);
    }
  }
  using loaded = object('xdp', 'r0 = 2\nexit');
  const radio = encodeCapture([captured[3]!, { ...captured[4]!, linkType: LINKTYPE.radiotap }], { format: 'pcapng' });
  assert.throws(
    () => loaded.programs['main']!.runBatch(readCapture(radio, 'air.pcapng')),
    (error) =>
      error instanceof BpfError &&
      /packet 2 has link type 127 .*radiotap.*main, a program of type xdp, sees Ethernet frames/.test(error.message) &&
      error.position.in === 'file' &&
      error.position.offset === radio.length - 40,
  );
});

test('a capture can be read again, by packet and by block; a file that is not there is said at once', () => {
  using loaded = object('xdp', 'r0 = 2\nexit');
  const capture = readCapture(encodeCapture([new Uint8Array(20), new Uint8Array(30)]));
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(
      [...capture].map(({ data }) => data.length),
      [20, 30],
    );
    assert.equal(loaded.programs['main']!.runBatch(capture).packets, 2);
  }
  assert.throws(() => readCapture('no-such-file.pcap'), { code: 'ENOENT', path: 'no-such-file.pcap' });
});

test("the clock goes by the capture's times, never back, and what came before a damaged record has run", () => {
  const stamps = [5n, 7n, 6n, 1_700_000_000_000_000_001n];
  const bytes = encodeCapture(stamps.map((timestamp) => ({ data: new Uint8Array(20), timestamp })));
  for (const engine of engines) {
    using timed = object('xdp', 'call 5\nexit');
    const times = timed.programs['main']!.runBatch(readCapture(bytes), { engine, clock: 'capture' });
    assert.deepEqual([...times.r0], [5n, 7n, 7n, 1_700_000_000_000_000_001n], engine);
    assert.equal(times.loop, timed.engine(engine).name === 'interpreter' ? 'javascript' : 'native');
    // Packets that do not ask for the time take theirs, too.
    const asks = 'r2 = *(u32 *)(r1 + 0)\nr2 = *(u8 *)(r2 + 0)\nr0 = 1\nif r2 == 0 goto out\ncall 5\nout:\nexit';
    using some = object('xdp', asks);
    const mixed = encodeCapture([0, 1, 0, 1].map((ask, i) => ({ data: new Uint8Array(20).fill(ask), timestamp: [3n, 4n, 9n, 7n][i]! })));
    assert.deepEqual([...some.programs['main']!.runBatch(readCapture(mixed), { engine, clock: 'capture' }).r0], [1n, 4n, 1n, 9n], engine);
    using other = object('xdp', 'r0 = 2\nexit', 3n);
    other.programs['main']!.runBatch(readCapture(bytes), { engine, clock: 'capture' });
    assert.equal(other.clock.now(), 1_700_000_000_000_000_001n, engine);
    let seen = 0;
    const cut = (): Capture => readCapture(bytes.subarray(0, bytes.length - 1));
    assert.throws(() => other.programs['main']!.runBatch(cut(), { engine, each: () => void seen++ }), /ends inside a record/);
    assert.equal(seen, 3, engine);
  }
  using running = loadProgram({ name: 'main', type: 'xdp', bytes: parse('call 5\nexit').bytes }, { host });
  assert.throws(() => running.programs['main']!.runBatch(readCapture(bytes), { clock: 'capture' }), /clock: 0n/);
  using standing = object('xdp', 'r0 = 2\nexit');
  assert.throws(() => standing.programs['main']!.runBatch([new Uint8Array(9)], { clock: 'capture' }), /readCapture/);
});
