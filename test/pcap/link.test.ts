// What packets of each link type are to a program: Ethernet frames.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ethernetFrame, LINKTYPE } from '../../src/pcap/link.ts';
import { BpfError } from '../../src/util/error.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.replace(/ /g, '').match(/../g) ?? [], (two) => Number.parseInt(two, 16));
const frame = (linkType: number, hex: string): string =>
  Buffer.from(ethernetFrame({ data: bytes(hex), linkType, wireLength: 100, timestamp: 0n, offset: 0 })).toString('hex');

const NOBODY = '000000000000';
const rows: readonly (readonly [what: string, linkType: number, packet: string, frame: string])[] = [
  ['Ethernet as it is', LINKTYPE.ethernet, '112233', '112233'],
  ['raw IPv4', LINKTYPE.raw, '45 01', `${NOBODY}${NOBODY}08004501`],
  ['raw IPv6', LINKTYPE.rawBsd, '60 01', `${NOBODY}${NOBODY}86dd6001`],
  ['raw, but no IP', LINKTYPE.rawOpenBsd, '00', `${NOBODY}${NOBODY}000000`],
  ['nothing raw', LINKTYPE.raw, '', `${NOBODY}${NOBODY}0000`],
  ['IPv4 by link type', LINKTYPE.ipv4, '00', `${NOBODY}${NOBODY}080000`],
  ['IPv6 by link type', LINKTYPE.ipv6, '00', `${NOBODY}${NOBODY}86dd00`],
  ['null of a little-endian machine', LINKTYPE.null, '02000000 45', `${NOBODY}${NOBODY}080045`],
  ['null of a big-endian machine', LINKTYPE.null, '0000001e 60', `${NOBODY}${NOBODY}86dd60`],
  ['null of FreeBSD', LINKTYPE.null, '1c000000 60', `${NOBODY}${NOBODY}86dd60`],
  ['null with another protocol', LINKTYPE.null, '07000000 60', `${NOBODY}${NOBODY}000060`],
  ['loopback of OpenBSD', LINKTYPE.loop, '00000018 60', `${NOBODY}${NOBODY}86dd60`],
  ['null cut in its header', LINKTYPE.null, '0200', `${NOBODY}${NOBODY}0000`],
  [
    'cooked, with the sender',
    LINKTYPE.linuxSll,
    '0000 0001 0006 010203040506 0000 0800 45',
    `${NOBODY}0102030405060800 45`.replace(/ /g, ''),
  ],
  ['cooked, a broadcast', LINKTYPE.linuxSll, '0001 0001 0006 010203040506 0000 0806 00', 'ffffffffffff010203040506080600'],
  ['cooked, no address', LINKTYPE.linuxSll, '0000 0200 0000 0000000000000000 86dd 60', `${NOBODY}${NOBODY}86dd60`],
  ['cooked, a length behind it', LINKTYPE.linuxSll, '0000 0001 0000 0000000000000000 0004 4242', `${NOBODY}${NOBODY}00024242`],
  ['cooked 2', LINKTYPE.linuxSll2, '0800 0000 00000003 0001 04 06 0a0b0c0d0e0f0000 45', `${NOBODY}0a0b0c0d0e0f080045`],
  ['cooked 2, a broadcast', LINKTYPE.linuxSll2, '86dd 0000 00000003 0001 01 06 0a0b0c0d0e0f0000 60', 'ffffffffffff0a0b0c0d0e0f86dd60'],
];

for (const [what, linkType, packet, expected] of rows) {
  test(`link types: ${what}`, () => {
    assert.equal(frame(linkType, packet), expected);
  });
}

test('link types that carry no frame are refused by name', () => {
  for (const [linkType, name] of [
    [105, /105 \(IEEE 802\.11\)/],
    [127, /127 \(IEEE 802\.11 with radiotap header\)/],
    [107, /107 \(Frame Relay\)/],
    [9999, /link type 9999,/],
  ] as const) {
    assert.throws(
      () => frame(linkType, '00'),
      (error) => error instanceof BpfError && error.code === 'pcap/link-type' && name.test(error.message),
    );
  }
});
