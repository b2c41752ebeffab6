// What follows a header, by the number in it. [IANA "IEEE 802 Numbers", "Protocol Numbers", "Service Name and Port Number"]

import type { LayerName } from './fields.ts';

/** The spaces that numbers of what follows are taken from. */
export type Numbering = 'ethertype' | 'protocol' | 'port';

/** The first number of a layer is the one that a builder writes. */
const NUMBERS: Readonly<Record<Numbering, readonly (readonly [LayerName, number])[]>> = {
  ethertype: [
    ['ipv4', 0x0800],
    ['arp', 0x0806],
    ['ethernet', 0x6558],
    ['vlan', 0x8100],
    ['vlan', 0x88a8],
    ['vlan', 0x9100],
    ['ipv6', 0x86dd],
    ['mpls', 0x8847],
    ['mpls', 0x8848],
  ],
  protocol: [
    ['hopByHop', 0],
    ['icmp', 1],
    ['ipv4', 4],
    ['tcp', 6],
    ['udp', 17],
    ['ipv6', 41],
    ['routing', 43],
    ['ipv6Fragment', 44],
    ['gre', 47],
    ['esp', 50],
    ['ah', 51],
    ['icmpv6', 58],
    ['destinationOptions', 60],
    ['mpls', 137],
    ['ethernet', 143],
  ],
  // The second is the port that Linux takes where none is given.
  port: [
    ['vxlan', 4789],
    ['vxlan', 8472],
    ['geneve', 6081],
  ],
};

const byNumber = new Map(
  Object.entries(NUMBERS).map(([numbering, rows]) => [numbering, new Map(rows.map(([layer, number]) => [number, layer]))] as const),
);
const byLayer = new Map(
  Object.entries(NUMBERS).map(
    ([numbering, rows]) => [numbering, new Map([...rows].reverse().map(([layer, number]) => [layer, number]))] as const,
  ),
);

export function layerOf(numbering: Numbering, number: number): LayerName | undefined {
  return byNumber.get(numbering)!.get(number);
}

export function numberOf(numbering: Numbering, layer: LayerName): number | undefined {
  return byLayer.get(numbering)!.get(layer);
}

/** Of an outer tag, where another follows. [802.1Q "Service VLAN Tag"] */
export const SERVICE_TAG = 0x88a8;
/** For local experiments [802 9.2.4]; [RFC3692 2.1]. What builders write before bytes that have no header. */
export const EXPERIMENTAL: Readonly<Record<'ethertype' | 'protocol', number>> = { ethertype: 0x88b5, protocol: 253 };
/** Nothing follows. [RFC8200 4.7] */
export const NO_NEXT_HEADER = 59;
/** Numbers up to it are the length of an LLC frame. [802.3 3.2.6] */
export const MAX_LLC_LENGTH = 1500;

/** Names of protocols that have no header here, for people. */
export const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  2: 'IGMP',
  8: 'EGP',
  33: 'DCCP',
  46: 'RSVP',
  59: 'no next header',
  88: 'EIGRP',
  89: 'OSPF',
  103: 'PIM',
  108: 'IPComp',
  112: 'VRRP',
  115: 'L2TP',
  132: 'SCTP',
  135: 'Mobility',
  136: 'UDP-Lite',
};

export const ETHERTYPE_NAMES: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  8035: 'RARP',
  33079: 'IPX',
  34525: 'IPv6',
  34827: 'PPP',
  34887: 'MPLS',
  34915: 'PPPoE discovery',
  34916: 'PPPoE session',
  34958: 'EAPOL',
  35020: 'LLDP',
  35045: 'MACsec',
  35063: 'PTP',
};
