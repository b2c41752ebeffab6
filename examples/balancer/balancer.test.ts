// The load balancer: which backend a flow goes to, how its packets are wrapped, and that connections stay where they are.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import {
  assertPacket,
  type DissectedLayer,
  dissect,
  ethernet,
  icmp,
  ipv4,
  ipv4Bytes,
  ipv6,
  ipv6Bytes,
  type LoadedObject,
  load,
  macBytes,
  type ObjectSnapshot,
  type PacketLayer,
  packet,
  payload,
  tcp,
  udp,
  vxlan,
} from 'bpfjit';
import { maglev } from './maglev.ts';

/** As in balancer.c. */
const TABLE_SIZE = 4093;
const IPIP = 0;
const VXLAN = 1;
const TCP = 6;
const UDP = 17;

const SELF = { address: '10.0.0.1', mac: '02:00:00:00:00:0b', gateway: '02:00:00:00:00:fe' };
const SERVICE = '198.51.100.1';
const SERVICE_IPV6 = '2001:db8::80';
const BACKENDS = ['10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.4', '10.0.1.5'];

let balancer: LoadedObject;
let filled: ObjectSnapshot;

before(async () => {
  const self = { address: ipv4Bytes(SELF.address), mac: macBytes(SELF.mac), gateway: macBytes(SELF.gateway) };
  balancer = await load('examples/balancer/balancer.o', { variables: { self } });
  addService(0, SERVICE, 80, TCP, [0, 1, 2, 3, 4]);
  for (const [index, address] of BACKENDS.entries()) setBackend(index, address, IPIP);
  filled = balancer.snapshot();
});

// What a test changes in the maps, the next does not see.
beforeEach(() => balancer.restore(filled));

function setBackend(index: number, address: string, method: number, vni = 0): void {
  balancer.maps['backends']!.set(index, { address: ipv4Bytes(address), method, vni });
}

function addService(number: number, address: string, port: number, protocol: number, backends: readonly number[]): void {
  const mapped = ipv6Bytes(address.includes(':') ? address : `::ffff:${address}`);
  // A port in network order, as the packet has it.
  const key = { address: { s6_addr: mapped }, port: Uint8Array.of(port >> 8, port & 0xff), protocol, zero: 0 };
  balancer.maps['services']!.set(key, { number });
  fillTable(number, backends);
}

function fillTable(number: number, backends: readonly number[]): void {
  const entries = maglev(
    backends.map((index) => BACKENDS[index]!),
    TABLE_SIZE,
  );
  balancer.maps['table']!.setAll(Array.from(entries, (entry, i) => [number * TABLE_SIZE + i, backends[entry]] as const));
}

const run = (bytes: Uint8Array) => balancer.programs['balance']!.run({ packet: bytes });

/** Segments from one of many clients. */
const segment = (client: number, flags = 'S'): readonly PacketLayer[] => [
  ipv4({ src: `192.0.2.${client % 250}`, dst: SERVICE, ttl: 61 }),
  tcp({ sport: 1024 + client, dport: 80, flags }),
];

/** The address that a packet was sent to in the end. */
function backendOf(bytes: Uint8Array | undefined): string {
  return dissect(bytes!).layer('ipv4')!.fields.dst;
}

const outer = (fields: Partial<DissectedLayer<'ipv4'>['fields']>): readonly PacketLayer[] => [
  ethernet({ src: SELF.mac, dst: SELF.gateway }),
  ipv4({ src: SELF.address, df: true, ...fields }),
];

test('packets that are not for a service pass', () => {
  for (const layers of [
    [ipv4({ dst: SERVICE }), tcp({ dport: 81 })],
    [ipv4({ dst: SERVICE }), udp({ dport: 80 })],
    [ipv4({ dst: '198.51.100.2' }), tcp({ dport: 80 })],
    [ipv4({ dst: SERVICE }), icmp()],
    [ipv4({ dst: SERVICE, mf: true }), tcp({ dport: 80 })],
  ]) {
    const bytes = packet(ethernet(), ...layers);
    const { verdict, packet: left } = run(bytes);
    assert.equal(verdict, 'XDP_PASS');
    assertPacket(left, bytes);
  }
});

test('IPIP: the packet in an IPv4 header of ours', () => {
  const inner = [...segment(1), payload('data')];
  const { verdict, packet: left } = run(packet(ethernet(), ...inner));
  assert.equal(verdict, 'XDP_TX');
  assertPacket(left, packet(...outer({ dst: backendOf(left) }), ...inner));
  assert.ok(BACKENDS.includes(backendOf(left)));
});

test('VXLAN: the whole frame in UDP, its source port by flow', () => {
  for (const index of BACKENDS.keys()) setBackend(index, BACKENDS[index]!, VXLAN, 700 + index);
  const frame = [ethernet(), ...segment(1)];
  const { verdict, packet: left } = run(packet(...frame));
  assert.equal(verdict, 'XDP_TX');
  const sport = dissect(left!).layer('udp')!.fields.sport;
  assert.ok(sport >= 0xc000);
  const dst = backendOf(left);
  assertPacket(left, packet(...outer({ dst }), udp({ sport, checksum: 0 }), vxlan(700 + BACKENDS.indexOf(dst)), ...frame));
});

test('IPv6 services have IPv4 backends: 6in4', () => {
  addService(1, SERVICE_IPV6, 443, UDP, [2]);
  const inner = [ipv6({ src: '2001:db8:9::1', dst: SERVICE_IPV6 }), udp({ sport: 5000, dport: 443 }), payload('quic')];
  const { verdict, packet: left } = run(packet(ethernet(), ...inner));
  assert.equal(verdict, 'XDP_TX');
  assertPacket(left, packet(...outer({ dst: BACKENDS[2]! }), ...inner));
});

test('flows spread evenly, and one flow stays together', () => {
  const shares = new Map<string, number>();
  for (let client = 0; client < 1000; client++) {
    const first = backendOf(run(packet(ethernet(), ...segment(client))).packet);
    const second = backendOf(run(packet(ethernet(), ...segment(client, 'A'))).packet);
    assert.equal(second, first);
    shares.set(first, (shares.get(first) ?? 0) + 1);
  }
  assert.equal(shares.size, BACKENDS.length);
  for (const share of shares.values()) assert.ok(share > 140 && share < 260, `${share} of 1000`);
});

test('without a backend, the others keep nearly all of their flows', () => {
  const clients = Array.from({ length: 500 }, (_, client) => client);
  const go = (): string[] => clients.map((client) => backendOf(run(packet(ethernet(), ...segment(client))).packet));
  const before = go();
  fillTable(0, [0, 1, 3, 4]);
  const after = go();
  assert.ok(!after.includes(BACKENDS[2]!));
  const moved = clients.filter((client) => before[client] !== BACKENDS[2] && before[client] !== after[client]);
  assert.ok(moved.length < 0.1 * clients.length, `${moved.length} of ${clients.length} moved for nothing`);
});

test('a connection stays with its backend when the table changes; a new one does not', () => {
  const first = backendOf(run(packet(ethernet(), ...segment(7))).packet);
  const others = [0, 1, 2, 3, 4].filter((index) => BACKENDS[index] !== first);
  fillTable(0, others);
  assert.equal(backendOf(run(packet(ethernet(), ...segment(7, 'A'))).packet), first);
  assert.notEqual(backendOf(run(packet(ethernet(), ...segment(7, 'S'))).packet), first);
});

test('counters: packets, bytes, new flows; a backend that is not there is a failure', () => {
  const bytes = packet(ethernet(), ...segment(1));
  run(bytes);
  run(packet(ethernet(), ...segment(1, 'A')));
  for (const index of BACKENDS.keys()) setBackend(index, '0.0.0.0', IPIP);
  assert.equal(run(bytes).verdict, 'XDP_DROP');
  for (const [index, address] of BACKENDS.entries()) setBackend(index, address, 9);
  assert.equal(run(bytes).verdict, 'XDP_DROP');
  assert.deepEqual(balancer.maps['counts']!.get(0), [{ packets: 4n, bytes: 4n * 54n, new_flows: 3n, failed: 2n }]);
});

test('packets that end early pass', () => {
  const bytes = packet(ethernet(), ...segment(1));
  for (let length = 14; length < bytes.length; length++) assert.equal(run(bytes.slice(0, length)).verdict, 'XDP_PASS');
});
