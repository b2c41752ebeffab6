// Helpers that look at packets and change them: those of XDP and of __sk_buff programs. Semantics and error numbers: [uapi bpf.h].
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { carry, fold, partialSum, replaced, shifted, subtract } from './checksum.ts';
import { bytesAt, ERRNO, type Implementation, u32 } from './helpers.ts';
import { ETHERNET_BYTES } from './packet.ts';

const { EACCES, EFAULT, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP } = ERRNO;
/** struct xdp_frame, which the kernel keeps at the start of the headroom. */
const XDP_FRAME_BYTES = 40;
const MAX_METADATA = 252;
const MAX_OFFSET = 0xffff;

function i32(caller: Caller, argument: number): number {
  return Number(BigInt.asIntN(32, caller.registers[argument]!));
}

const isXdp = (home: Home): boolean => home.programType === 'xdp';

function adjustHead(caller: Caller, home: Home): number {
  const { packet } = home;
  const offset = i32(caller, 2);
  const metadata = packet.data - packet.meta;
  const data = packet.data + offset;
  if (data < packet.start + XDP_FRAME_BYTES + metadata || data > packet.end - ETHERNET_BYTES) return EINVAL;
  if (metadata > 0) home.window.write(packet.meta + offset, home.window.read(packet.meta, metadata));
  packet.move(packet.meta + offset, data, packet.end);
  return 0;
}

function adjustMeta(caller: Caller, home: Home): number {
  const { packet } = home;
  const meta = packet.meta + i32(caller, 2);
  const bytes = packet.data - meta;
  if (meta < packet.start + XDP_FRAME_BYTES || bytes < 0) return EINVAL;
  if (bytes % 4 !== 0 || bytes > MAX_METADATA) return EACCES;
  packet.move(meta, packet.data, packet.end);
  return 0;
}

function adjustTail(caller: Caller, home: Home): number {
  const { packet } = home;
  const end = packet.end + i32(caller, 2);
  if (end > packet.limit || end < packet.data + ETHERNET_BYTES) return EINVAL;
  if (end > packet.end) home.window.zero(packet.end, end - packet.end);
  packet.move(packet.meta, packet.data, end);
  return 0;
}

/** Whether [offset, offset + size) is packet. */
function inPacket(home: Home, offset: number, size: number): boolean {
  return offset >= 0 && size >= 0 && offset + size <= home.packet.length;
}

/** `from`: bytes into the packet at which offset 0 lies; undefined: nowhere. */
function loadBytes(caller: Caller, home: Home, from: number | undefined): number {
  const offset = u32(caller, 2);
  const size = u32(caller, 4);
  const out = bytesAt(caller, 3, size, true);
  if (from === undefined || offset > MAX_OFFSET || !inPacket(home, from + offset, size)) {
    out.fill(0);
    return EFAULT;
  }
  out.set(home.window.read(home.packet.data + from + offset, size));
  return 0;
}

function skbLoadBytes(caller: Caller, home: Home): number {
  return loadBytes(caller, home, 0);
}

/** From the link-layer (0) or the network header (1) on. */
function skbLoadBytesRelative(caller: Caller, home: Home): number {
  const start = caller.registers[5]!;
  if (start > 1n) return loadBytes(caller, home, undefined);
  return loadBytes(caller, home, start === 1n && home.seesLinkLayer ? ETHERNET_BYTES : 0);
}

function skbStoreBytes(caller: Caller, home: Home): number {
  const offset = u32(caller, 2);
  const size = u32(caller, 4);
  const from = bytesAt(caller, 3, size);
  const flags = caller.registers[5]!;
  if ((flags & ~3n) !== 0n) return EINVAL;
  if (!inPacket(home, offset, size)) return EFAULT;
  home.window.write(home.packet.data + offset, from.slice());
  if ((flags & 2n) !== 0n) home.packet.setField('hash', 0);
  return 0;
}

function xdpCopy(write: boolean): Implementation {
  return (caller, home) => {
    const offset = u32(caller, 2);
    const size = u32(caller, 4);
    const buffer = bytesAt(caller, 3, size, !write);
    if (offset > MAX_OFFSET || size > MAX_OFFSET) return EFAULT;
    if (!inPacket(home, offset, size)) return EINVAL;
    if (write) home.window.write(home.packet.data + offset, buffer.slice());
    else buffer.set(home.window.read(home.packet.data + offset, size));
    return 0;
  };
}

function csumDiff(caller: Caller): number {
  const fromSize = u32(caller, 2);
  const toSize = u32(caller, 4);
  const seed = u32(caller, 5);
  if (((fromSize | toSize) & 3) !== 0) return EINVAL;
  const from = fromSize === 0 ? new Uint8Array(0) : bytesAt(caller, 1, fromSize);
  const to = toSize === 0 ? new Uint8Array(0) : bytesAt(caller, 3, toSize);
  if (fromSize > 0 && toSize > 0) return fold(subtract(partialSum(to, seed), partialSum(from, 0)));
  if (toSize > 0) return fold(partialSum(to, seed));
  if (fromSize > 0) return fold(~partialSum(from, ~seed >>> 0) >>> 0);
  return fold(seed);
}

/** Checksum field at `offset`: 16 bits as the little-endian machine reads them. */
function checksumAt(home: Home, offset: number): DataView | undefined {
  if (offset > MAX_OFFSET || offset % 2 !== 0 || !inPacket(home, offset, 2)) return undefined;
  const bytes = home.window.slice(home.packet.data + offset, 2);
  return new DataView(bytes.buffer, bytes.byteOffset, 2);
}

/** `size`: how many bytes have changed, 0: `to` is a difference. */
function newChecksum(check: number, size: number, from: bigint, to: bigint): number | undefined {
  const [a, b] = [Number(from & 0xffff_ffffn), Number(to & 0xffff_ffffn)];
  if (size === 0) return from === 0n ? shifted(check, b) : undefined;
  if (size === 2) return replaced(check, a & 0xffff, b & 0xffff);
  return size === 4 ? replaced(check, a, b) : undefined;
}

function l3CsumReplace(caller: Caller, home: Home): number {
  const [, , , from, to, flags] = [...caller.registers.subarray(0, 6)];
  if ((flags! & ~0xfn) !== 0n) return EINVAL;
  const field = checksumAt(home, u32(caller, 2));
  if (field === undefined) return EFAULT;
  const check = newChecksum(field.getUint16(0, true), Number(flags), from!, to!);
  if (check === undefined) return EINVAL;
  field.setUint16(0, check, true);
  return 0;
}

const MARK_MANGLED_0 = 0x20n;
const MARK_ENFORCE = 0x40n;

function l4CsumReplace(caller: Caller, home: Home): number {
  const [, , , from, to, flags] = [...caller.registers.subarray(0, 6)];
  if ((flags! & ~0x7fn) !== 0n) return EINVAL;
  const field = checksumAt(home, u32(caller, 2));
  if (field === undefined) return EFAULT;
  const old = field.getUint16(0, true);
  const marks = (flags! & MARK_MANGLED_0) !== 0n;
  if (marks && (flags! & MARK_ENFORCE) === 0n && old === 0) return 0;
  const check = newChecksum(old, Number(flags! & 0xfn), from!, to!);
  if (check === undefined) return EINVAL;
  field.setUint16(0, marks && check === 0 ? 0xffff : check, true);
  return 0;
}

/** Puts `count` zero bytes in at `offset`, or takes -count out. */
function resizeAt(home: Home, offset: number, count: number): boolean {
  const { packet, window } = home;
  const data = packet.data - count;
  if (data < packet.start || packet.length + count < offset) return false;
  window.write(data, window.read(packet.data, offset));
  if (count > 0) window.zero(data + offset, count);
  packet.move(data, data, packet.end);
  return true;
}

const ETH_P_8021Q = 0x0081;
const ETH_P_8021AD = 0xa888;

/** The tag is kept beside the packet, in the context, as the kernel keeps it beside the skb; a second one goes into the packet. */
function vlanPush(caller: Caller, home: Home): number {
  const { packet } = home;
  const given = u32(caller, 2) & 0xffff;
  const protocol = given === ETH_P_8021Q || given === ETH_P_8021AD ? given : ETH_P_8021Q;
  if (packet.field('vlan_present') !== 0) {
    const tag = packet.field('vlan_tci');
    const type = packet.field('vlan_proto');
    if (!resizeAt(home, 12, 4)) return ENOMEM;
    home.window.write(packet.data + 12, Uint8Array.of(type & 0xff, type >> 8, tag >> 8, tag & 0xff));
    packet.setField('protocol', type);
  }
  packet.setField('vlan_present', 1);
  packet.setField('vlan_tci', u32(caller, 3) & 0xffff);
  packet.setField('vlan_proto', protocol);
  return 0;
}

function vlanPop(_: Caller, home: Home): number {
  const { packet, window } = home;
  const isTag = (type: number): boolean => type === ETH_P_8021Q || type === ETH_P_8021AD;
  if (packet.field('vlan_present') !== 0) {
    packet.setField('vlan_present', 0);
    packet.setField('vlan_tci', 0);
    packet.setField('vlan_proto', 0);
  } else {
    if (!isTag(packet.field('protocol')) || packet.length < 18) return 0;
    if (!takeTag(home)) return ENOMEM;
  }
  // The next tag, if any, moves out of the packet.
  if (!isTag(packet.field('protocol')) || packet.length < 18) return 0;
  const [hi, lo] = [...window.read(packet.data + 14, 2)];
  const proto = packet.field('protocol');
  if (!takeTag(home)) return ENOMEM;
  packet.setField('vlan_present', 1);
  packet.setField('vlan_tci', (hi! << 8) | lo!);
  packet.setField('vlan_proto', proto);
  return 0;
}

function takeTag(home: Home): boolean {
  const { packet, window } = home;
  if (!resizeAtKeeping(home, 12, 4)) return false;
  const type = window.read(packet.data + 12, 2);
  packet.setField('protocol', type[0]! | (type[1]! << 8));
  return true;
}

/** Takes `count` bytes out at `offset`. */
function resizeAtKeeping(home: Home, offset: number, count: number): boolean {
  const { packet, window } = home;
  if (packet.length < offset + count) return false;
  window.write(packet.data + count, window.read(packet.data, offset));
  packet.move(packet.data + count, packet.data + count, packet.end);
  return true;
}

/** The loopback device: its MTU, and the link-layer header that does not count towards it. */
const LOOPBACK = { index: 1, mtu: 65_536, header: ETHERNET_BYTES } as const;

function checkMtu(caller: Caller, home: Home): number {
  const index = u32(caller, 2);
  const at = caller.pointer(3, 4, true);
  const flags = caller.registers[5]!;
  if (isXdp(home) ? flags !== 0n : (flags & ~1n) !== 0n) return EINVAL;
  const given = home.window.u32(at);
  const difference = i32(caller, 4);
  if (flags === 1n && (difference !== 0 || given !== 0)) return EINVAL;
  if (index !== 0 && index !== LOOPBACK.index) return ENODEV;
  const length = (given === 0 ? home.packet.length : given + LOOPBACK.header) + difference;
  home.window.setU32(at, LOOPBACK.mtu);
  return length > LOOPBACK.mtu + LOOPBACK.header ? 1 : 0;
}

/** 1 for tc's shot and XDP's aborted follow from the program's type. */
function redirect(caller: Caller, home: Home): number {
  const ifindex = u32(caller, 1);
  const flags = caller.registers[2]!;
  if (isXdp(home)) {
    if (flags !== 0n) return 0;
    home.redirect = { ifindex, flags };
    return 4;
  }
  if ((flags & ~1n) !== 0n) return 2;
  home.redirect = { ifindex, flags };
  return 7;
}

function redirectElsewhere(caller: Caller, home: Home): number {
  home.redirect = { ifindex: u32(caller, 1), flags: 0n };
  return 7;
}

/** A hash of addresses and ports, never 0, the same for the same flow. */
function hashOfFlow(home: Home): number {
  const known = home.packet.field('hash');
  if (known !== 0) return known;
  let hash = 0x811c_9dc5;
  const { packet } = home;
  const bytes = home.window.slice(packet.data, Math.min(packet.length, 64));
  const link = home.seesLinkLayer ? ETHERNET_BYTES : 0;
  const from = link + (bytes[link]! >> 4 === 6 ? 8 : 12);
  for (const byte of bytes.subarray(from, from + (bytes[link]! >> 4 === 6 ? 36 : 12))) hash = Math.imul(hash ^ byte, 0x0100_0193);
  packet.setField('hash', hash >>> 0 || 1);
  return hash >>> 0 || 1;
}

export const PACKET_HELPERS: Readonly<Record<number, Implementation>> = {
  9: skbStoreBytes,
  10: l3CsumReplace,
  11: l4CsumReplace,
  13: (caller, home) => {
    if ((caller.registers[3]! & ~1n) !== 0n) return EINVAL;
    home.events.send({ map: 'clone_redirect', cpu: home.cpu, data: home.packet.readPacket() });
    return u32(caller, 2) === 0 ? EINVAL : 0;
  },
  17: () => 0,
  18: vlanPush,
  19: vlanPop,
  23: redirect,
  24: () => 0,
  26: skbLoadBytes,
  28: csumDiff,
  32: (caller, home) => {
    const type = u32(caller, 2);
    if (type > 3 || home.packet.field('pkt_type') > 3) return EINVAL;
    home.packet.setField('pkt_type', type);
    return 0;
  },
  34: (_, home) => hashOfFlow(home),
  39: (caller, home) => (u32(caller, 2) <= home.packet.length ? 0 : ENOMEM),
  40: (caller) => carry(u32(caller, 2)),
  41: (_, home) => {
    home.packet.setField('hash', 0);
    return 0;
  },
  44: adjustHead,
  46: () => 0,
  47: () => 65534,
  48: (caller, home) => {
    home.packet.setField('hash', u32(caller, 2));
    return 0;
  },
  54: adjustMeta,
  65: adjustTail,
  68: skbLoadBytesRelative,
  79: () => 0,
  97: () => 0,
  122: () => 1,
  135: () => EINVAL,
  152: redirectElsewhere,
  155: redirectElsewhere,
  163: checkMtu,
  188: (_, home) => home.packet.length,
  189: xdpCopy(false),
  190: xdpCopy(true),
  192: (caller, home) => {
    const protocol = home.packet.field('protocol');
    if (protocol !== 0x0008 && protocol !== 0xdd86) return EOPNOTSUPP;
    const type = u32(caller, 3);
    if (type > 2 || (type === 0 && caller.registers[2] !== 0n) || (type !== 0 && caller.registers[2] === 0n)) return EINVAL;
    home.packet.setField('tstamp', Number(caller.registers[2]! & 0xffff_ffffn));
    home.packet.setField('tstamp_type', type);
    return 0;
  },
};
