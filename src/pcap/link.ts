// Link types of captures, and the Ethernet frame that a packet of each is to a program. [linktypes]
import { BpfError } from '../util/error.ts';
import { PacketBlock } from './block.ts';
import type { CapturedPacket } from './read.ts';

/** Numbers of captures' link types, by the names of LINKTYPE_* constants. */
export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  /** What some systems write for `raw`: their DLT_RAW. */
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  ieee80211: 105,
  frelay: 107,
  loop: 108,
  linuxSll: 113,
  radiotap: 127,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;

/** Of link types without an Ethernet form that people meet, for messages. */
const NAMES: Readonly<Record<number, string>> = {
  6: 'Token Ring',
  9: 'PPP',
  50: 'PPP in HDLC framing',
  104: 'Cisco HDLC',
  105: 'IEEE 802.11',
  107: 'Frame Relay',
  119: 'IEEE 802.11 with Prism header',
  127: 'IEEE 802.11 with radiotap header',
  147: 'private use',
  163: 'IEEE 802.11 with AVS header',
  192: 'Per-Packet Information',
  195: 'IEEE 802.15.4',
  220: 'USB, Linux',
  249: 'USB, USBPcap',
  251: 'Bluetooth Low Energy',
  227: 'CAN, Linux',
  253: 'netlink, Linux',
};

export const ETHERNET_BYTES = 14;
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
/** Address families of IPv6 in null and loopback headers: FreeBSD's, macOS's, NetBSD's and OpenBSD's, Linux's. */
const AF_INET = 2;
const AF_INET6: ReadonlySet<number> = new Set([10, 24, 28, 30]);
/** Link-layer protocol numbers up to here are not EtherTypes: a frame carries its length there. [IEEE 802.3] */
const FIRST_ETHERTYPE = 0x600;
const SLL = { packetType: 0, addressBytes: 4, address: 6, protocol: 14, bytes: 16 } as const;
const SLL2 = { protocol: 0, packetType: 10, addressBytes: 11, address: 12, bytes: 20 } as const;
const SLL_BROADCAST = 1;

/** `127 (IEEE 802.11 with radiotap header)` */
export function linkTypeName(linkType: number): string {
  const known = NAMES[linkType] ?? Object.entries(LINKTYPE).find(([, number]) => number === linkType)?.[0];
  return known === undefined ? String(linkType) : `${linkType} (${known})`;
}

/**
 * Makes Ethernet frames of the block's packets, in place: in front of each lies a header that has been read, which has room for the one
 * that is made. `reader`: who needs it, for the message where a link type has no such form.
 */
export function toEthernet(block: PacketBlock, reader: string): void {
  const { count, linkTypes } = block;
  for (let i = 0; i < count; i++) if (linkTypes[i] !== LINKTYPE.ethernet) frame(block, i, reader);
}

function frame(block: PacketBlock, i: number, reader: string): void {
  const { bytes, offsets, lengths, wireLengths, linkTypes } = block;
  const at = offsets[i]!;
  const linkType = linkTypes[i]!;
  const captured = lengths[i]!;
  const header = Math.min(linkHeaderBytes(linkType) ?? refuse(block, i, reader), captured);
  const start = at + header - ETHERNET_BYTES;
  const whole = header === linkHeaderBytes(linkType);
  const type = whole ? etherType(bytes, at, captured, linkType) : 0;
  const broadcast = whole && packetType(bytes, at, linkType) === SLL_BROADCAST ? 0xff : 0;
  const address = whole ? macAddress(bytes, at, linkType) : NO_ADDRESS;
  bytes.fill(broadcast, start, start + 6);
  bytes.set(address, start + 6);
  bytes[start + 12] = type >> 8;
  bytes[start + 13] = type;
  offsets[i] = start;
  lengths[i] = captured - header + ETHERNET_BYTES;
  wireLengths[i] = Math.max(wireLengths[i]! - header + ETHERNET_BYTES, 0);
  linkTypes[i] = LINKTYPE.ethernet;
  block.headers[i] = block.headers[i]! + header - ETHERNET_BYTES;
}

const NO_ADDRESS = new Uint8Array(6);

/** Undefined: what lies behind the header is no network-layer packet that a frame could carry. */
function linkHeaderBytes(linkType: number): number | undefined {
  switch (linkType) {
    case LINKTYPE.raw:
    case LINKTYPE.rawBsd:
    case LINKTYPE.rawOpenBsd:
    case LINKTYPE.ipv4:
    case LINKTYPE.ipv6:
      return 0;
    case LINKTYPE.null:
    case LINKTYPE.loop:
      return 4;
    case LINKTYPE.linuxSll:
      return SLL.bytes;
    case LINKTYPE.linuxSll2:
      return SLL2.bytes;
    default:
      return undefined;
  }
}

/** The frame's EtherType; 0 where the header names a protocol that has none. */
function etherType(bytes: Uint8Array, at: number, captured: number, linkType: number): number {
  switch (linkType) {
    case LINKTYPE.ipv4:
      return ETHERTYPE.ipv4;
    case LINKTYPE.ipv6:
      return ETHERTYPE.ipv6;
    case LINKTYPE.null:
    case LINKTYPE.loop: {
      // `loop` is in network order, `null` in that of the machine that wrote it: families are small.
      const family = bytes[at + 1] === 0 && bytes[at] === 0 ? bytes[at + 3]! : bytes[at]!;
      return family === AF_INET ? ETHERTYPE.ipv4 : AF_INET6.has(family) ? ETHERTYPE.ipv6 : 0;
    }
    case LINKTYPE.linuxSll:
    case LINKTYPE.linuxSll2: {
      const field = at + (linkType === LINKTYPE.linuxSll ? SLL.protocol : SLL2.protocol);
      const protocol = (bytes[field]! << 8) | bytes[field + 1]!;
      const header = linkType === LINKTYPE.linuxSll ? SLL.bytes : SLL2.bytes;
      return protocol >= FIRST_ETHERTYPE ? protocol : Math.min(captured - header, FIRST_ETHERTYPE - 1);
    }
    default: {
      const version = captured === 0 ? 0 : bytes[at]! >> 4;
      return version === 4 ? ETHERTYPE.ipv4 : version === 6 ? ETHERTYPE.ipv6 : 0;
    }
  }
}

function packetType(bytes: Uint8Array, at: number, linkType: number): number {
  if (linkType === LINKTYPE.linuxSll) return bytes[at + SLL.packetType + 1]!;
  return linkType === LINKTYPE.linuxSll2 ? bytes[at + SLL2.packetType]! : 0;
}

/** The sender's, where the capture knows one of six bytes. */
function macAddress(bytes: Uint8Array, at: number, linkType: number): Uint8Array {
  if (linkType === LINKTYPE.linuxSll && bytes[at + SLL.addressBytes + 1] === 6) return bytes.slice(at + SLL.address, at + SLL.address + 6);
  if (linkType === LINKTYPE.linuxSll2 && bytes[at + SLL2.addressBytes] === 6) return bytes.slice(at + SLL2.address, at + SLL2.address + 6);
  return NO_ADDRESS;
}

function refuse(block: PacketBlock, i: number, reader: string): never {
  const link = linkTypeName(block.linkTypes[i]!);
  throw new BpfError(
    'pcap/link-type',
    { in: 'file', path: block.path, offset: block.recordAt(i) },
    `packet ${block.first + i + 1} has link type ${link}, which has no Ethernet form; ${reader} sees Ethernet frames`,
  );
}

/** The Ethernet frame that a packet of a capture is to a program, as `runBatch` makes it; its own bytes where it is one. */
export function ethernetFrame({ data, linkType, wireLength }: CapturedPacket): Uint8Array {
  if (linkType === LINKTYPE.ethernet) return data;
  const block = new PacketBlock(1);
  block.bytes = new Uint8Array(ETHERNET_BYTES + data.length);
  block.bytes.set(data, ETHERNET_BYTES);
  block.path = 'capture';
  block.count = 1;
  block.offsets[0] = ETHERNET_BYTES;
  block.lengths[0] = data.length;
  block.wireLengths[0] = wireLength;
  block.linkTypes[0] = linkType;
  toEthernet(block, 'the program');
  return block.bytes.subarray(block.offsets[0], block.offsets[0] + block.lengths[0]);
}
