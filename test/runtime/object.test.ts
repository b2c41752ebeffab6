// A loaded object as its users see it: the example counter through BTF types, variables, snapshots, options and refusals.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type LoadBytesOptions, loadBytes } from '../../src/runtime/object/load.ts';
import '../../src/runtime/engines/engines.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import type { BpfError } from '../../src/util/error.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const bytes = readFileSync(join(root, 'examples/xdp_counter.o'));
const counter = (options: LoadBytesOptions = {}): LoadedObject => loadBytes(bytes, { path: 'xdp_counter.o', ...options });

/** A UDP packet of 60 bytes to `port`. */
function udp(port: number): Uint8Array {
  const packet = new Uint8Array(60);
  packet.set([0x08, 0x00, 0x45], 12);
  packet[23] = 17;
  packet.set([port >> 8, port & 255], 36);
  return packet;
}

test('values, keys and variables have the types of the source', () => {
  using object = counter();
  const program = object.programs['xdp_counter']!;
  assert.equal(program.run({ packet: udp(7) }).verdict, 'XDP_DROP');
  assert.equal(program.run({ packet: udp(53) }).verdict, 'XDP_PASS');
  const stats = object.maps['stats']!;
  assert.deepEqual([...stats], [[17, { packets: 2n, bytes: 120n }]]);
  assert.deepEqual({ ...object.variables }, { port: 7, dropped: 1n });
  stats.set(6, { packets: 5n });
  assert.deepEqual(stats.get(6), { packets: 5n, bytes: 0n });
  assert.throws(() => stats.set(6, { packet: 5n }), {
    message: 'stats[6]: struct count has no member packet; did you mean packets? there are packets, bytes',
  });
  object.variables['dropped'] = 40n;
  program.run({ packet: udp(7) });
  assert.equal(object.variables['dropped'], 41n);
});

test('constants are set before loading, sizes of maps too', () => {
  using object = counter({ variables: { port: 53 }, mapSizes: { stats: 1 } });
  const program = object.programs['xdp_counter']!;
  assert.equal(program.run({ packet: udp(53) }).verdict, 'XDP_DROP');
  const other = udp(53);
  other[23] = 6;
  program.run({ packet: other });
  assert.deepEqual([...object.maps['stats']!.keys()], [17]);
  const code = (wanted: string) => (error: BpfError) => error.code === wanted;
  assert.throws(() => counter({ variables: { ports: 1 } }), code('runtime/unknown-variable'));
  assert.throws(() => counter({ mapSizes: { stat: 1 } }), code('runtime/unknown-map'));
  assert.throws(() => counter({ variables: { port: 70000 } }), code('map/value'));
});

test('a program cannot write its constants', () => {
  using object = counter();
  const rodata = object.home.regions.list.find((region) => region.name === 'the value of map .rodata');
  assert.equal(rodata?.writable, false);
});

test('a snapshot brings maps, variables and the clock back', () => {
  using object = counter({ clock: 5n });
  const program = object.programs['xdp_counter']!;
  program.run({ packet: udp(7) });
  const before = object.snapshot();
  object.clock.advance(1_000_000_000n);
  for (let i = 0; i < 3; i++) program.run({ packet: udp(7) });
  assert.equal(object.variables['dropped'], 4n);
  object.restore(before);
  assert.equal(object.variables['dropped'], 1n);
  assert.deepEqual(object.maps['stats']!.get(17), { packets: 1n, bytes: 60n });
  assert.equal(object.clock.now(), 5n);
});

test('context fields: defaults, setting, names that do not exist', () => {
  using object = counter();
  const program = object.programs['xdp_counter']!;
  const { ctx } = program.run({ packet: udp(1), ctx: { rx_queue_index: 4 } });
  assert.deepEqual(ctx, { data: 0x20100, data_end: 0x2013c, data_meta: 0x20100, ingress_ifindex: 1, rx_queue_index: 4, egress_ifindex: 0 });
  assert.throws(() => program.run({ packet: udp(1), ctx: { queue: 4 } }), /struct xdp_md has no field queue/);
  assert.throws(() => program.run({ packet: udp(1), ctx: { data: 4 } }), /follows from the packet/);
});

test('options out of range are refused', () => {
  using object = counter();
  const program = object.programs['xdp_counter']!;
  const refused = (error: BpfError): boolean => error.code === 'runtime/option';
  assert.throws(() => program.run({ packet: udp(1), fuel: -1 }), refused);
  assert.throws(() => program.run({ packet: udp(1), fuel: 0.5 }), refused);
  assert.throws(() => program.run({ packet: udp(1), cpu: 1 }), refused);
  assert.throws(() => counter({ cpus: 0 }), refused);
});

test('a packet of any size', () => {
  using object = counter();
  const program = object.programs['xdp_counter']!;
  for (const size of [0, 1, 13, 60, 4096, 200_000, 2_000_000, 60]) {
    const packet = new Uint8Array(size);
    packet.set(udp(9).subarray(0, Math.min(size, 60)));
    const result = program.run({ packet });
    assert.equal(result.verdict, 'XDP_PASS');
    assert.deepEqual(result.packet, packet);
  }
});

test('what was disposed of is gone', () => {
  const object = counter();
  object.dispose();
  object.dispose();
  assert.throws(
    () => object.programs['xdp_counter']!.run({ packet: udp(7) }),
    (error: BpfError) => error.code === 'runtime/disposed',
  );
});
