// Helpers that give a socket buffer another shape: room for headers, another network protocol, another length. Checks, their order and
// error numbers are those of the kernel. [uapi bpf.h, kernel bpf_skb_adjust_room, bpf_skb_change_proto, bpf_skb_change_tail]
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { ERRNO, type Implementation, u32 } from './helpers.ts';
import { ETHERNET_BYTES } from './packet.ts';

const { EALREADY, EFAULT, EINVAL, ENOTSUPP } = ERRNO;
const IPV4 = 0x0008;
const IPV6 = 0xdd86;
const HEADER_BYTES = { [IPV4]: 20, [IPV6]: 40 } as const;
/** SKB_MAX_ALLOC: two orders of pages less struct skb_shared_info. */
const MAX_LENGTH = 4 * 4096 - 320;
const MAX_DIFFERENCE = 0xfff;

const ROOM = {
  fixedGso: 1n << 0n,
  encapIpv4: 1n << 1n,
  encapIpv6: 1n << 2n,
  encapGre: 1n << 3n,
  encapUdp: 1n << 4n,
  noChecksumReset: 1n << 5n,
  encapEthernet: 1n << 6n,
  decapIpv4: 1n << 7n,
  decapIpv6: 1n << 8n,
  innerLinkShift: 56n,
} as const;
const ENCAP_L3 = ROOM.encapIpv4 | ROOM.encapIpv6;
const DECAP_L3 = ROOM.decapIpv4 | ROOM.decapIpv6;
const INNER_LINK = 0xffn << ROOM.innerLinkShift;
const ROOM_FLAGS = 0x1ffn | INNER_LINK;
/** Modes: behind the network header, behind the link-layer header. */
const MODE = { net: 0, mac: 1 } as const;

/** Offset of the network header. */
const networkOffset = (home: Home): number => (home.seesLinkLayer ? ETHERNET_BYTES : 0);

/** Puts `bytes` zeros in at `offset`. */
function open(home: Home, offset: number, bytes: number): void {
  const { packet, window } = home;
  packet.ensureRoom(bytes, 0);
  const data = packet.data - bytes;
  window.write(data, window.read(packet.data, offset));
  window.zero(data + offset, bytes);
  packet.move(data, data, packet.end);
}

/** Takes `bytes` out at `offset`. */
function close(home: Home, offset: number, bytes: number): void {
  const { packet, window } = home;
  const data = packet.data + bytes;
  window.write(data, window.read(packet.data, offset));
  packet.move(data, data, packet.end);
}

function adjustRoom(caller: Caller, home: Home): number {
  const difference = Number(BigInt.asIntN(32, caller.registers[2]!));
  const mode = u32(caller, 3);
  const flags = caller.registers[4]!;
  const bytes = Math.abs(difference);
  const shrinks = difference < 0;
  const { packet } = home;
  if ((flags & ~ROOM_FLAGS) !== 0n) return EINVAL;
  if (bytes > MAX_DIFFERENCE) return EFAULT;
  const protocol = packet.field('protocol');
  if (protocol !== IPV4 && protocol !== IPV6) return ENOTSUPP;
  if (mode !== MODE.net && mode !== MODE.mac) return ENOTSUPP;
  const network = networkOffset(home);
  const header = HEADER_BYTES[protocol];
  let least: number = header;
  if ((flags & DECAP_L3) !== 0n) {
    if (!shrinks || (flags & DECAP_L3) === DECAP_L3) return EINVAL;
    least = (flags & ROOM.decapIpv4) !== 0n ? HEADER_BYTES[IPV4] : HEADER_BYTES[IPV6];
  }
  const length = packet.length - network;
  if (shrinks ? bytes >= length || length - bytes < least : packet.length + bytes > MAX_LENGTH) return ENOTSUPP;
  const offset = network + (mode === MODE.net ? header : 0);
  return shrinks ? shrink(home, offset, bytes, flags) : grow(home, offset, bytes, flags);
}

function shrink(home: Home, offset: number, bytes: number, flags: bigint): number {
  if ((flags & ~(ROOM.fixedGso | DECAP_L3 | ROOM.noChecksumReset)) !== 0n) return EINVAL;
  close(home, offset, bytes);
  if ((flags & ROOM.decapIpv4) !== 0n) home.packet.setField('protocol', IPV4);
  if ((flags & ROOM.decapIpv6) !== 0n) home.packet.setField('protocol', IPV6);
  return 0;
}

function grow(home: Home, offset: number, bytes: number, flags: bigint): number {
  const { packet } = home;
  const encapsulates = (flags & ENCAP_L3) !== 0n;
  if (encapsulates) {
    const innerLink = Number(flags >> ROOM.innerLinkShift);
    if ((flags & ENCAP_L3) === ENCAP_L3) return EINVAL;
    if ((flags & ROOM.encapGre) !== 0n && (flags & ROOM.encapUdp) !== 0n) return EINVAL;
    if ((flags & ROOM.encapEthernet) !== 0n && innerLink < ETHERNET_BYTES) return EINVAL;
    if (packet.encapsulated) return EALREADY;
    if (innerLink > bytes) return EINVAL;
  }
  open(home, offset, bytes);
  if (encapsulates) {
    packet.encapsulated = true;
    packet.setField('protocol', (flags & ROOM.encapIpv4) !== 0n ? IPV4 : IPV6);
  }
  return 0;
}

/** Between IPv4 and IPv6: the header grows or shrinks behind the link layer, its contents are the program's business. */
function changeProtocol(caller: Caller, home: Home): number {
  if (caller.registers[3] !== 0n) return EINVAL;
  const from = home.packet.field('protocol');
  const to = u32(caller, 2) & 0xffff;
  const offset = networkOffset(home);
  const bytes = HEADER_BYTES[IPV6] - HEADER_BYTES[IPV4];
  if (from === IPV4 && to === IPV6) open(home, offset, bytes);
  else if (from === IPV6 && to === IPV4 && home.packet.length >= offset + bytes) close(home, offset, bytes);
  else return ENOTSUPP;
  home.packet.setField('protocol', to);
  home.packet.setField('hash', 0);
  return 0;
}

function changeTail(caller: Caller, home: Home): number {
  const { packet } = home;
  const length = u32(caller, 2);
  if (caller.registers[3] !== 0n || length > MAX_LENGTH || length < networkOffset(home)) return EINVAL;
  if (packet.encapsulated) return ENOTSUPP;
  const more = length - packet.length;
  if (more > 0) {
    packet.ensureRoom(0, more);
    home.window.zero(packet.end, more);
  }
  packet.move(packet.meta, packet.data, packet.data + length);
  return 0;
}

function changeHead(caller: Caller, home: Home): number {
  const { packet } = home;
  const bytes = u32(caller, 2) | 0;
  if (caller.registers[3] !== 0n || bytes < 0 || packet.length + bytes > MAX_LENGTH) return EINVAL;
  open(home, 0, bytes);
  return 0;
}

export const SHAPE_HELPERS: Readonly<Record<number, Implementation>> = {
  31: changeProtocol,
  38: changeTail,
  43: changeHead,
  50: adjustRoom,
};
