// One line a packet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ah,
  arp,
  esp,
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
  packet,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  vxlan,
} from '../../src/packet/build.ts';
import { describePacket, explain } from '../../src/packet/explain.ts';

const a = { src: '10.0.0.1', dst: '10.0.0.2' };
const b = { src: '2001:db8::a', dst: '2001:db8::b' };

const LINES: readonly (readonly [string, Uint8Array])[] = [
  ['IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S] seq 1 win 64240, 40 bytes', packet(ipv4(a), tcp({ sport: 1234, seq: 1, flags: 'S' }))],
  [
    'VLAN 5 / IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [PA] seq 1 ack 2 win 9 <nop, nop, timestamp 1 echo 2> len 3, 73 bytes',
    packet(
      ethernet(),
      vlan(5),
      ipv4(a),
      tcp({ sport: 1234, seq: 1, ack: 2, window: 9, flags: 'AP', options: ['nop', 'nop', { timestamp: 1, echo: 2 }] }),
      payload('abc'),
    ),
  ],
  ['IPv6 [2001:db8::a]:5 > [2001:db8::b]:53 UDP len 2, 50 bytes', packet(ipv6(b), udp({ sport: 5 }), payload('hi'))],
  ['IPv4 10.0.0.1 > 10.0.0.2 ICMP echo request id 1 seq 2, 28 bytes', packet(ipv4(a), icmp({ id: 1, sequence: 2 }))],
  [
    'IPv4 10.0.0.1 > 10.0.0.2 ICMP fragmentation needed mtu 1400 / IPv4 10.0.0.2 > 10.0.0.1 protocol 132 (SCTP), 48 bytes',
    packet(ipv4(a), icmp({ type: 3, code: 4, mtu: 1400 }), ipv4({ src: a.dst, dst: a.src, protocol: 132 })),
  ],
  ['IPv4 10.0.0.1 > 10.0.0.2 ICMP type 42 code 1, 28 bytes', packet(ipv4(a), icmp({ type: 42, code: 1 }))],
  [
    'IPv6 2001:db8::a > 2001:db8::b ICMPv6 neighbour solicitation fe80::1 <sourceLink 02:00:00:00:00:01>, 72 bytes',
    packet(ipv6(b), icmpv6({ type: 135, target: 'fe80::1', options: [{ sourceLink: '02:00:00:00:00:01' }] })),
  ],
  ['ARP request, who has 10.0.0.2, tell 10.0.0.1, 42 bytes', packet(ethernet(), arp({ senderIp: a.src, targetIp: a.dst }))],
  ['ARP reply, 10.0.0.1 is at 02:00:00:00:00:01, 42 bytes', packet(ethernet(), arp({ operation: 2, senderIp: a.src }))],
  [
    'IPv4 10.0.0.1 > 10.0.0.2 GRE key 5 seq 1 / IPv6 [2001:db8::a]:49152 > [2001:db8::b]:80 TCP [A] seq 0 ack 0 win 64240, 92 bytes',
    packet(ipv4(a), gre({ key: 5, sequence: 1 }), ipv6(b), tcp()),
  ],
  [
    'IPv4 10.0.0.1:49152 > 10.0.0.2:4789 UDP VXLAN 7 / IPv4 10.0.0.1:49152 > 10.0.0.2:53 UDP, 78 bytes',
    packet(ipv4(a), udp(), vxlan(7), ethernet(), ipv4(a), udp()),
  ],
  ['IPv4 10.0.0.1:49152 > 10.0.0.2:6081 UDP Geneve 9 type 0x88b5, 36 bytes', packet(ipv4(a), udp(), geneve({ vni: 9 }))],
  [
    'MPLS 1 / MPLS 2 / IPv4 10.0.0.1 > 10.0.0.2 protocol 89 (OSPF), 42 bytes',
    packet(ethernet(), mpls(1), mpls(2), ipv4({ ...a, protocol: 89 })),
  ],
  ['IPv4 10.0.0.1 > 10.0.0.2 fragment 1480+ of id 7, 24 bytes', packet(ipv4({ ...a, fragment: 185, mf: true, id: 7 }), payload('abcd'))],
  [
    'IPv6 [2001:db8::a]:49152 > [2001:db8::b]:53 hop-by-hop <routerAlert 0, kind 1> fragment 0+ of id 0x7 UDP, 64 bytes',
    packet(ipv6(b), hopByHop({ options: [{ routerAlert: 0 }] }), ipv6Fragment({ mf: true, id: 7 }), udp()),
  ],
  [
    'IPv6 2001:db8::a > 2001:db8::b routing type 4 1 left <2001:db8::c> protocol 59 (no next header), 64 bytes',
    packet(ipv6(b), routing({ segments: ['2001:db8::c'], segmentsLeft: 1 })),
  ],
  [
    'IPv4 10.0.0.1 > 10.0.0.2 AH spi 0x1 ESP spi 0x2 seq 3, 55 bytes',
    packet(ipv4(a), ah({ spi: 1 }), esp({ spi: 2, sequence: 3 }), payload('abc')),
  ],
  ['Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x88cc (LLDP), 15 bytes', packet(ethernet({ type: 0x88cc }), payload('x'))],
  ['LLC 0x42 0x42, 20 bytes', packet(ethernet(), llc({ dsap: 0x42, ssap: 0x42 }), payload('abc'))],
  ['1 byte; truncated: ethernet header of 14 bytes, 1 are there', new Uint8Array(1)],
  [
    'IPv4 10.0.0.1:49152 > 10.0.0.2:53 UDP, 28 bytes; bad ipv4 checksum 0x1234, should be 0x66cf; bad udp checksum 0x0001, should be 0x2ba6',
    packet(ipv4({ ...a, checksum: 0x1234 }), udp({ checksum: 1 })),
  ],
];

for (const [line, bytes] of LINES) {
  test(line, () => {
    const from = bytes.length > 1 && (bytes[0] === 0x45 || bytes[0] === 0x60) ? 'ip' : 'ethernet';
    assert.equal(explain(bytes, { from }), line);
  });
}

test('describePacket has every field on a line', () => {
  assert.deepEqual(describePacket(packet(udp({ sport: 1 }), payload('A')), { from: 'udp' }).split('\n'), [
    'udp.sport 1',
    'udp.dport 53',
    'udp.length 9',
    'udp.checksum 0x0000',
    'payload.data 41',
  ]);
});
