// Classic filters on an engine: the socket buffer that a translated program sees, and the helpers that only such programs call. [cBPF]

import type { CheckOptions } from '../../classic/check.ts';
import type { ClassicInstruction } from '../../classic/decode.ts';
import { CLASSIC_HELPER, translateClassic } from '../../classic/translate.ts';
import { encode } from '../../isa/codec.ts';
import { createProgram, type Program } from '../../program/program.ts';
import { assert } from '../../util/error.ts';
import type { Region } from '../../window/regions.ts';
import { PLACE } from '../../window/window.ts';
import type { HostCall } from '../engines/host.ts';
import type { RawMachine, RawRun } from './raw.ts';

/** Metadata of a packet; what is left out is 0. `protocol` and `vlanProto`: EtherType in host order. */
export interface SkbFields {
  /** Default: the packet's bytes; more where a capture cut it. */
  readonly length?: number;
  readonly pktType?: number;
  readonly mark?: number;
  readonly queue?: number;
  readonly protocol?: number;
  readonly vlanPresent?: number;
  readonly vlanTci?: number;
  readonly vlanProto?: number;
  readonly ifindex?: number;
  readonly hash?: number;
  /** ARPHRD_* of the device. */
  readonly deviceType?: number;
  /** Offset of the network header. */
  readonly network?: number;
}

/** Byte offsets in struct __sk_buff. [uapi bpf.h] */
const FIELD = {
  len: 0, pktType: 4, mark: 8, queue: 12, protocol: 16, vlanPresent: 20, vlanTci: 24, vlanProto: 28, ifindex: 40, hash: 68,
} as const; // biome-ignore format: a record
const SKB_BYTES = 192;
const MAX_PACKET = PLACE.packetEnd - PLACE.packet;
const HELPER_RANDOM = 7;
const HELPER_CPU = 8;

/** The packet and its context in a machine's window, one packet after the other. */
export class Skb {
  #machine: RawMachine | undefined;
  #packet: Region | undefined;
  #context: Region | undefined;
  data: Uint8Array = new Uint8Array(0);
  fields: SkbFields = {};
  #large: { readonly at: number; readonly bytes: number } | undefined;
  #random = 1;

  /** A machine is made with `helpers`; then it can be attached. */
  attach(machine: RawMachine): void {
    this.#machine = machine;
    this.#packet = machine.regions.add({ name: 'the packet', start: PLACE.packet, end: PLACE.packet });
    this.#context = machine.regions.add({ name: 'the context', start: PLACE.context, end: PLACE.context });
  }

  /** Gives how to run a program on the packet. */
  place(data: Uint8Array, fields: SkbFields = {}): RawRun {
    assert(this.#machine !== undefined && this.#packet !== undefined && this.#context !== undefined, 'attached');
    const { window, regions } = this.#machine;
    this.data = data;
    this.fields = fields;
    const pointer = data.length <= MAX_PACKET ? PLACE.packet : this.#room(data.length);
    window.write(pointer, data);
    window.zero(PLACE.context, SKB_BYTES);
    const set = (offset: number, value: number | undefined): void => {
      if (value !== undefined) window.setU32(PLACE.context + offset, value);
    };
    set(FIELD.len, fields.length ?? data.length);
    set(FIELD.pktType, fields.pktType);
    set(FIELD.mark, fields.mark);
    set(FIELD.queue, fields.queue);
    set(FIELD.protocol, swapped(fields.protocol));
    set(FIELD.vlanPresent, fields.vlanPresent);
    set(FIELD.vlanTci, fields.vlanTci);
    set(FIELD.vlanProto, swapped(fields.vlanProto));
    set(FIELD.ifindex, fields.ifindex);
    set(FIELD.hash, fields.hash);
    if (pointer === PLACE.packet) regions.resize(this.#packet, pointer, pointer + data.length);
    regions.resize(this.#context, PLACE.context, PLACE.context + SKB_BYTES);
    const packet = { pointer, length: data.length, network: fields.network ?? 0 };
    return { r1: PLACE.context, r2: 0, packet };
  }

  /** For packets that the fixed place is too small for; legacy loads ask no region. */
  #room(bytes: number): number {
    if (this.#large === undefined || this.#large.bytes < bytes) {
      if (this.#large !== undefined) this.#machine!.window.free(this.#large.at, this.#large.bytes);
      this.#large = { at: this.#machine!.window.allocate(bytes), bytes };
    }
    return this.#large.at;
  }

  /** What translated programs call; arguments: context, A, X. */
  readonly helpers: Readonly<Record<number, HostCall>> = {
    [CLASSIC_HELPER.hatype]: (_context, _a) => BigInt(this.fields.deviceType ?? 0),
    [CLASSIC_HELPER.payOffset]: (_context, _a) => BigInt(payloadOffset(this.data, this.fields.network ?? 0, this.fields.protocol ?? 0)),
    [CLASSIC_HELPER.nlattr]: (_context, a, x, _r4, _r5) => BigInt(findAttribute(this.data, low(a), low(x))),
    [CLASSIC_HELPER.nlattrNest]: (_context, a, x, _r4, _r5) => BigInt(findNested(this.data, low(a), low(x))),
    [HELPER_RANDOM]: (_r1, _r2) => BigInt(this.#nextRandom()),
    [HELPER_CPU]: (_r1, _r2) => 0n,
  };

  /** The same numbers every time: tests must be able to rely on them. [Marsaglia, Xorshift RNGs, 3] */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }
}

/** Throws `classic/...` for what the kernel refuses. */
export function classicProgram(instructions: readonly ClassicInstruction[], options: CheckOptions): Program {
  const bytes = encode(translateClassic(instructions, options));
  return createProgram({ name: options.name, type: 'socket_filter', bytes });
}

const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const swapped = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : ((value & 0xff) << 8) | ((value >> 8) & 0xff);

const ATTRIBUTE_HEADER = 4;
/** Type bits without the nested and byte-order flags. [uapi netlink.h] */
const ATTRIBUTE_TYPE = 0x3fff;

/** Offset of the netlink attribute of that type from `start` on, 0 where there is none. */
function findAttribute(data: Uint8Array, start: number, type: number, end: number = data.length): number {
  const u16 = (at: number): number => data[at]! | (data[at + 1]! << 8);
  for (let at = start; at + ATTRIBUTE_HEADER <= end; ) {
    const length = u16(at);
    if (length < ATTRIBUTE_HEADER || at + length > end) return 0;
    if ((u16(at + 2) & ATTRIBUTE_TYPE) === type) return at;
    at += (length + 3) & ~3;
  }
  return 0;
}

/** The same inside the attribute at `start`. */
function findNested(data: Uint8Array, start: number, type: number): number {
  if (start + ATTRIBUTE_HEADER > data.length) return 0;
  const end = start + (data[start]! | (data[start + 1]! << 8));
  return end > data.length ? 0 : findAttribute(data, start + ATTRIBUTE_HEADER, type, end);
}

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
const IPPROTO = { hopByHop: 0, icmp: 1, igmp: 2, tcp: 6, udp: 17, dccp: 33, routing: 43, fragment: 44, icmpv6: 58, options: 60, sctp: 132, udplite: 136 } as const; // biome-ignore format: a record
/** Header bytes of transport protocols other than TCP. */
const TRANSPORT_BYTES: Readonly<Record<number, number>> = {
  [IPPROTO.icmp]: 8, [IPPROTO.igmp]: 8, [IPPROTO.udp]: 8, [IPPROTO.udplite]: 8, [IPPROTO.icmpv6]: 8, [IPPROTO.dccp]: 12, [IPPROTO.sctp]: 12,
}; // biome-ignore format: a record

/** Where the payload of the transport protocol begins; 0: the headers are not understood. */
function payloadOffset(data: Uint8Array, network: number, protocol: number): number {
  let at = network;
  let ethertype = protocol;
  while (ethertype === ETHERTYPE.vlan || ethertype === ETHERTYPE.serviceVlan) {
    if (at + 4 > data.length) return 0;
    ethertype = (data[at + 2]! << 8) | data[at + 3]!;
    at += 4;
  }
  if (ethertype === ETHERTYPE.ipv4) {
    if (at + 20 > data.length) return 0;
    const headerBytes = (data[at]! & 0xf) * 4;
    if (headerBytes < 20) return 0;
    const isLaterFragment = (((data[at + 6]! & 0x1f) << 8) | data[at + 7]!) !== 0;
    const transport = at + headerBytes;
    return isLaterFragment ? transport : transport + transportBytes(data, transport, data[at + 9]!);
  }
  return ethertype === ETHERTYPE.ipv6 ? payloadOffset6(data, at) : 0;
}

function payloadOffset6(data: Uint8Array, header: number): number {
  if (header + 40 > data.length) return 0;
  let next = data[header + 6]!;
  let at = header + 40;
  for (;;) {
    if (next === IPPROTO.fragment) {
      if (at + 8 > data.length) return 0;
      const isLater = (((data[at + 2]! << 8) | data[at + 3]!) & 0xfff8) !== 0;
      next = data[at]!;
      at += 8;
      if (isLater) return at;
    } else if (next === IPPROTO.hopByHop || next === IPPROTO.routing || next === IPPROTO.options) {
      if (at + 2 > data.length) return 0;
      next = data[at]!;
      at += (data[at + 1]! + 1) * 8;
    } else return at + transportBytes(data, at, next);
  }
}

function transportBytes(data: Uint8Array, at: number, protocol: number): number {
  if (protocol !== IPPROTO.tcp) return TRANSPORT_BYTES[protocol] ?? 0;
  return at + 13 > data.length ? 0 : Math.max(20, (data[at + 12]! >> 4) * 4);
}
