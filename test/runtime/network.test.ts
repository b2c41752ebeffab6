// Routes, sockets, SYN cookies, tunnels, flow keys: from the embedder's tables, empty ones otherwise. [uapi bpf.h, net/core/filter.c]
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, startsWith } from '../../src/runtime/helpers/addresses.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { everywhere, ipv4Frame, loadText, run, signed } from './support.ts';

const TUPLE = { name: 'data', type: 2, keySize: 4, valueSize: 64, maxEntries: 1, flags: 0 };

test('addresses', () => {
  assert.deepEqual(parseAddress('10.0.255.1'), Uint8Array.of(10, 0, 255, 1));
  assert.deepEqual(parseAddress('fd00::1:2'), Uint8Array.of(0xfd, ...new Array(12).fill(0), 1, 0, 2));
  assert.deepEqual(parseAddress('::'), new Uint8Array(16));
  for (const bad of ['10.0.0', '10.0.0.256', '1:2', '1::2::3', 'g::', '1:2:3:4:5:6:7:8:9'])
    assert.throws(() => parseAddress(bad), /no IPv4/);
  assert.equal(startsWith(Uint8Array.of(10, 1, 0x7f, 0), Uint8Array.of(10, 1, 0x40, 0), 18), true);
  assert.equal(startsWith(Uint8Array.of(10, 1, 0x7f, 0), Uint8Array.of(10, 1, 0x40, 0), 19), false);
});

/** Calls helper `id` with R2 = the map's 64 bytes; they come back with R0. */
function ask(options: LoadOptions, head: string, id: number, value: Uint8Array, type = 'sched_cls') {
  const text = `r2 = map[0][0] + 0\n${head}\ncall ${id}\nif r0 == 0 goto out\nr6 = r0\nr0 = r6\nout:\nexit`;
  using object = loadText(type, text, options, { maps: [TUPLE] });
  const data = object.maps['data']!;
  const bytes = new Uint8Array(64);
  bytes.set(value);
  data.setBytes(new Uint8Array(4), bytes);
  const r0 = signed(run(object, { packet: ipv4Frame() }));
  return { r0: Number(r0), value: data.getBytes(new Uint8Array(4))! };
}

/** struct bpf_fib_lookup for IPv4 from the loopback device. */
function fib(destination: string, length = 0): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes[0] = 2;
  bytes[8] = 1;
  bytes.set([length & 255, length >> 8], 6);
  bytes.set(parseAddress(destination), 32);
  return bytes;
}

everywhere('bpf_fib_lookup takes the longest prefix', (options) => {
  const routes = [
    { to: '10.0.0.0/8', ifindex: 2, via: '192.168.0.1', mtu: 1400, neighbour: { device: '02:00:00:00:00:01', hop: '02:00:00:00:00:02' } },
    { to: '10.1.0.0/16', kind: 'blackhole' },
    { to: '10.2.0.0/16', ifindex: 3 },
  ] as const;
  const look = (params: Uint8Array, given: LoadOptions = { ...options, routes }) => ask(given, 'r3 = 64\nr4 = 0', 69, params);
  const found = look(fib('10.9.9.9'));
  assert.equal(found.r0, 0);
  assert.equal(found.value[8], 2);
  assert.deepEqual(found.value.subarray(32, 36), Uint8Array.of(192, 168, 0, 1));
  assert.deepEqual(found.value.subarray(52), Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2));
  assert.equal(look(fib('10.1.0.1')).r0, 1);
  assert.equal(look(fib('10.2.0.1')).r0, 7);
  assert.equal(look(fib('11.0.0.1')).r0, 4);
  assert.equal(look(fib('10.9.9.9', 1401)).r0, 8);
  assert.equal(look(fib('10.9.9.9'), options).r0, 5);
  assert.equal(ask(options, 'r3 = 63\nr4 = 0', 69, fib('10.9.9.9')).r0, -22);
  const unknown = fib('10.9.9.9');
  unknown[8] = 9;
  assert.equal(look(unknown).r0, -19);
});

everywhere('bpf_sk_lookup_*: connected before listening, none without a table', (options) => {
  const local = { address: '10.0.0.2', port: 80 };
  const sockets = [
    { protocol: 'tcp', local },
    { protocol: 'tcp', local, remote: { address: '10.0.0.1', port: 1234 }, mark: 7 },
  ] as const;
  const tuple = Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2, 1234 >> 8, 1234 & 255, 0, 80);
  const text = (id: number, bytes: number, offset: number) =>
    `r2 = map[0][0] + 0\nr3 = ${bytes}\nr4 = -1\nr5 = 0\ncall ${id}\nif r0 == 0 goto out\nr0 = *(u32 *)(r0 + ${offset})\nout:\nexit`;
  const field = (id: number, offset: number, given: LoadOptions = { ...options, sockets }, from = tuple, bytes = 12): number => {
    using object = loadText('sched_cls', text(id, bytes, offset), given, { maps: [TUPLE] });
    const value = new Uint8Array(64);
    value.set(from);
    object.maps['data']!.setBytes(new Uint8Array(4), value);
    return Number(signed(run(object, { packet: ipv4Frame() })));
  };
  assert.equal(field(84, 16), 7);
  assert.equal(field(84, 72), 1);
  const other = tuple.slice();
  other[9] = 99;
  assert.equal(field(84, 72, { ...options, sockets }, other), 10);
  assert.equal(field(85, 4), 0);
  assert.equal(field(84, 4, options), 0);
  assert.equal(field(84, 4, { ...options, sockets }, tuple, 13), 0);
});

everywhere('the socket of a packet has its addresses, and was never connected', (options) => {
  const field = (offset: number): bigint => {
    using object = loadText('cgroup_skb', `r1 = *(u64 *)(r1 + 168)\nr0 = *(u32 *)(r1 + ${offset})\nexit`, options);
    return run(object, { packet: ipv4Frame() }).r0;
  };
  assert.deepEqual([field(4), field(24), field(52), field(72)], [2n, 0x0100000an, 0x0200000an, 7n]);
});

everywhere('a SYN cookie is good for its flow, and for two minutes', (options) => {
  // IPv4 and TCP header in the map: a SYN first, the ACK that answers the cookie afterwards.
  const text = `
    r1 = map[0][0] + 0
    r2 = map[0][0] + 20
    r3 = *(u32 *)(r1 + 60)
    if r3 == 0 goto check
    call 204
    exit
  check:
    call 206
    exit`;
  using object = loadText('xdp', text, { ...options, clock: 10n ** 12n }, { maps: [TUPLE] });
  const header = new Uint8Array(64);
  const view = new DataView(header.buffer);
  header[0] = 0x45;
  header.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
  view.setUint16(20, 1234);
  view.setUint16(22, 80);
  view.setUint32(24, 0xffff_ff00);
  header.set([0x60, 0x02], 32);
  header.set([2, 4, 0x05, 0xb4], 40);
  view.setUint32(60, 24, true);
  const set = (): number => object.maps['data']!.setBytes(new Uint8Array(4), header);
  set();
  const made = run(object, { packet: new Uint8Array(60) }).r0;
  assert.equal(made >> 32n, 1460n);
  view.setUint32(24, 0xffff_ff01);
  view.setUint32(28, Number((made + 1n) & 0xffff_ffffn));
  header.set([0x50, 0x10], 32);
  view.setUint32(60, 0, true);
  const answer = (): bigint => {
    set();
    return signed(run(object, { packet: new Uint8Array(60) }));
  };
  assert.equal(answer(), 0n);
  view.setUint16(20, 1235);
  assert.equal(answer(), -13n);
  view.setUint16(20, 1234);
  object.clock.advance(60_000_000_000n);
  assert.equal(answer(), 0n);
  object.clock.advance(60_000_000_000n);
  assert.equal(answer(), -13n);
});

everywhere('a tunnel key is what the program has set', (options) => {
  const text = (flags: number) => `
    r6 = r1
    r2 = map[0][0] + 0
    r3 = 44
    r4 = 0
    call 21
    if r0 != 0 goto out
    r1 = r6
    r2 = r10
    r2 += -48
    r3 = 44
    r4 = ${flags}
    call 20
    if r0 != 0 goto out
    r0 = *(u32 *)(r10 - 44)
  out:
    exit`;
  const key = new Uint8Array(64);
  key.set([9, 0, 0, 0, 1, 2, 3, 4]);
  const go = (flags: number, given: Uint8Array) => {
    using object = loadText('sched_cls', text(flags), options, { maps: [TUPLE] });
    object.maps['data']!.setBytes(new Uint8Array(4), given);
    return run(object, { packet: ipv4Frame() });
  };
  const result = go(0, key);
  assert.equal(result.r0, 0x04030201n);
  assert.deepEqual(result.tunnel?.key.subarray(0, 8), key.subarray(0, 8));
  assert.equal(signed(go(1, key)), -71n);
  const labelled = key.slice();
  labelled[24] = 1;
  assert.equal(signed(go(0, labelled)), -22n);
});

everywhere('a flow dissector finds keys in front of it, and leaves them clamped to the frame', (options) => {
  const text = 'r2 = *(u64 *)(r1 + 144)\nr0 = *(u16 *)(r2 + 10)\n*(u16 *)(r2 + 2) = 1000\n*(u8 *)(r2 + 9) = 17\nexit';
  using object = loadText('flow_dissector', text, options);
  const { r0, flowKeys } = run(object, { packet: ipv4Frame() });
  assert.equal(r0, 8n);
  assert.deepEqual([...flowKeys!.subarray(0, 12)], [14, 0, 60, 0, 0, 0, 0, 0, 0, 17, 8, 0]);
});
