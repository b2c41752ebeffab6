// Packets from layers: what is computed, what can be wrong, and what is refused.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  arp,
  destinationOptions,
  ethernet,
  geneve,
  gre,
  hopByHop,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  ipv6Fragment,
  llc,
  mpls,
  type PacketLayer,
  packet,
  padding,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  vxlan,
} from '../../src/packet/build.ts';
import { dissect } from '../../src/packet/dissect.ts';
import { explain } from '../../src/packet/explain.ts';
import { toHex } from '../../src/util/bytes.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const hex = (...layers: readonly (PacketLayer | Uint8Array)[]): string => toHex(packet(...layers));

test('a UDP packet, byte for byte', () => {
  const file = readFileSync(join(root, 'examples/udp-echo.hex'), 'utf8');
  assert.equal(
    hex(
      ethernet({ dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' }),
      ipv4({ src: '192.0.2.1', dst: '198.51.100.7', id: 1 }),
      udp({ sport: 40000, dport: 7 }),
      payload('echo, please'),
    ),
    file.replace(/\s/g, ''),
  );
});

// The IPv4 header that everyone computes by hand (RFC 1071's method; Wikipedia "Internet checksum").
test('the IPv4 header checksum', () => {
  const header = packet(ipv4({ length: 0x73, df: true, ttl: 64, protocol: 17, src: '192.168.0.1', dst: '192.168.0.199' }));
  assert.equal(toHex(header), '45000073000040004011b861c0a80001c0a800c7');
});

test('what follows names itself', () => {
  const types = (...layers: PacketLayer[]): unknown[] => dissect(packet(ethernet(), ...layers)).layers.map(({ kind }) => kind);
  const stacks: readonly (readonly PacketLayer[])[] = [
    [arp()],
    [ipv4(), tcp()],
    [ipv4(), udp()],
    [ipv4(), icmp()],
    [ipv4(), ipv4(), tcp()],
    [ipv4(), ipv6(), udp()],
    [ipv6(), ipv4(), udp()],
    [ipv6(), ipv6(), icmpv6()],
    [ipv4(), gre(), ipv4(), tcp()],
    [ipv4(), gre({ key: 1 }), ethernet(), ipv4(), tcp()],
    [ipv4(), gre({ key: 1, sequence: 2, hasChecksum: true }), ipv6(), tcp()],
    [ipv4(), udp(), vxlan(1), ethernet(), ipv4(), tcp()],
    [ipv6(), udp(), geneve({ vni: 1, options: new Uint8Array(8) }), ethernet(), vlan(), ipv6(), udp()],
    [ipv6(), hopByHop(), routing({ segments: ['2001:db8::3'], segmentsLeft: 1 }), ipv6Fragment(), destinationOptions(), tcp()],
    [vlan(5), ipv4(), udp()],
    [vlan(6), vlan(5), ipv6(), udp()],
    [mpls(100), mpls(200), ipv4(), udp()],
    [llc(), ipv4(), udp()],
  ];
  for (const layers of stacks) {
    const bytes = packet(ethernet(), ...layers);
    assert.deepEqual(types(...layers), ['ethernet', ...layers.map(({ kind }) => kind)]);
    assert.deepEqual(dissect(bytes).problems, [], explain(bytes));
  }
  assert.equal(dissect(packet(ethernet(), vlan(6), vlan(5), arp())).layer('ethernet')?.fields.type, 0x88a8);
  assert.equal(dissect(packet(ethernet(), vlan(5), arp())).layer('ethernet')?.fields.type, 0x8100);
  assert.equal(dissect(packet(ipv6()), { from: 'ipv6' }).layer('ipv6')?.fields.nextHeader, 59);
});

test('a UDP checksum that would be 0 is sent as all ones [RFC768]', () => {
  const build = (data: number): Uint8Array =>
    packet(ipv4({ src: '0.0.0.0', dst: '0.0.0.0' }), udp({ sport: 0, dport: 0 }), Uint8Array.of(data >> 8, data & 0xff));
  // Pseudo header 17 + 10, length 10: these two bytes make the sum all ones.
  const bytes = build(0xffff - 17 - 10 - 10);
  assert.equal(dissect(bytes, { from: 'ip' }).layer('udp')?.fields.checksum, 0xffff);
  assert.deepEqual(dissect(bytes, { from: 'ip' }).problems, []);
});

test('the pseudo header has the last address of a routing header [RFC8200 8.1]', () => {
  const over = (...layers: PacketLayer[]): number => dissect(packet(...layers, tcp()), { from: 'ip' }).layer('tcp')!.fields.checksum;
  const direct = over(ipv6({ dst: '2001:db8::9' }));
  assert.equal(over(ipv6({ dst: '2001:db8::5' }), routing({ segmentsLeft: 1, segments: ['2001:db8::9', '2001:db8::5'] })), direct);
  assert.equal(over(ipv6({ dst: '2001:db8::5' }), routing({ type: 0, segmentsLeft: 1, segments: ['2001:db8::9'] })), direct);
  assert.equal(over(ipv6({ dst: '2001:db8::9' }), routing({ segmentsLeft: 0, segments: ['2001:db8::9', '2001:db8::5'] })), direct);
});

test('padding is outside of lengths; inside of a tunnel the tunnel counts it', () => {
  const plain = dissect(packet(ethernet(), ipv4(), udp(), padding(18)));
  assert.equal(plain.bytes.length, 60);
  assert.equal(plain.layer('ipv4')?.fields.length, 28);
  const tunnelled = dissect(packet(ethernet(), ipv4(), udp(), vxlan(1), ethernet(), ipv4(), udp(), padding(18), padding(4, 0)));
  assert.equal(tunnelled.layer('ipv4')?.fields.length, 28 + 8 + 60);
  assert.equal(tunnelled.layer('ipv4', 1)?.fields.length, 28);
  assert.deepEqual(tunnelled.problems, []);
  assert.deepEqual(packet(...tunnelled.layers), tunnelled.bytes);
});

test('options are padded to whole words and come back as a list', () => {
  const options = [{ mss: 1460 }, 'sackPermitted', { timestamp: 0xffffffff, echo: 2 }, 'nop', { windowScale: 7 }] as const;
  const syn = dissect(packet(ipv4({ options: [{ routerAlert: 0 }] }), tcp({ flags: 'SE', options })), { from: 'ip' });
  assert.deepEqual(syn.layer('tcp')?.fields.options, options);
  assert.deepEqual([syn.layer('tcp')?.fields.dataOffset, syn.layer('tcp')?.fields.flags], [10, 'SE']);
  assert.deepEqual([syn.layer('ipv4')?.fields.ihl, syn.layer('ipv4')?.fields.options], [6, [{ routerAlert: 0 }]]);
  const sack = [{ sack: [1, 2, 3, 4] }, { kind: 254, data: Uint8Array.of(1) }] as const;
  assert.deepEqual(dissect(packet(tcp({ options: sack })), { from: 'tcp' }).layer('tcp')?.fields.options, sack);
  const jumbo = dissect(packet(ipv6(), hopByHop({ options: [{ jumbo: 70000 }] }), payload(new Uint8Array(70000 - 8))), { from: 'ip' });
  assert.equal(jumbo.layer('ipv6')?.fields.length, 0);
  assert.equal(jumbo.layer('payload')?.fields.data.length, 70000 - 8);
  const neighbour = [{ sourceLink: '02:00:00:00:00:07' }, { mtu: 1500 }] as const;
  assert.deepEqual(
    dissect(packet(icmpv6({ type: 135, options: neighbour })), { from: 'icmpv6' }).layer('icmpv6')?.fields.options,
    neighbour,
  );
});

test('every computed field can be wrong', () => {
  const bytes = packet(
    ethernet({ type: 0x0800 }),
    ipv4({ version: 5, ihl: 15, length: 1, protocol: 200, checksum: 0xdead }),
    tcp({ dataOffset: 1, checksum: 0xbeef, reserved: 15 }),
  );
  assert.equal(toHex(bytes.subarray(14, 26)), '5f0000010000000040c8dead');
  assert.equal(toHex(bytes.subarray(46, 52)), '1f10faf0beef');
});

test('what does not fit names layer and field', () => {
  const refused = (code: string, field: string, layer: string, build: () => unknown): void => {
    assert.throws(build, (error: { code: string; message: string; position: object }) => {
      assert.equal(error.code, code);
      assert.ok(error.message.startsWith(`${layer}.${field}: `), error.message);
      assert.deepEqual(error.position, { in: 'header', layer, index: 1, field });
      return true;
    });
  };
  const build = (layer: object) => () => packet(ethernet(), layer as PacketLayer);
  refused('packet/value', 'src', 'ipv4', build(ipv4({ src: '10.0.0' })));
  refused('packet/value', 'src', 'ipv4', build(ipv4({ src: new Uint8Array(3) })));
  refused('packet/value', 'dst', 'ipv6', build(ipv6({ dst: '10.0.0.1' })));
  refused('packet/value', 'ttl', 'ipv4', build(ipv4({ ttl: 256 })));
  refused('packet/value', 'ttl', 'ipv4', build(ipv4({ ttl: 1.5 })));
  refused('packet/value', 'df', 'ipv4', build({ kind: 'ipv4', fields: { df: 'yes' } }));
  refused('packet/value', 'flags', 'tcp', build(tcp({ flags: 'SS' })));
  refused('packet/value', 'options', 'tcp', build({ kind: 'tcp', fields: { options: [{ routerAlert: 1 }] } }));
  refused('packet/value', 'options', 'tcp', build(tcp({ options: [{ mss: 65536 }] })));
  refused('packet/value', 'data', 'payload', build({ kind: 'payload', fields: { data: 5 } }));
  refused('packet/field', 'ttll', 'ipv4', build({ kind: 'ipv4', fields: { ttll: 5 } }));
  refused('packet/field', 'id', 'icmp', build(icmp({ type: 3, id: 5 })));
  refused('packet/field', 'key', 'gre', build(gre({ hasKey: false, key: 5 })));
  refused('packet/range', 'ihl', 'ipv4', build(ipv4({ options: new Uint8Array(44) })));
  refused('packet/range', 'dataOffset', 'tcp', build(tcp({ options: new Uint8Array(3) })));
  assert.throws(() => packet(ipv4(), new Uint8Array(70000)), { code: 'packet/range' });
  assert.throws(build({ kind: 'tcpp', fields: {} }), { code: 'packet/layer' });
});
