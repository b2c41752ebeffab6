// What fields of a context point at: the flow keys of a flow dissector, the socket of a packet. Taken from the window when first needed.

import type { Regions } from '../../window/regions.ts';
import { PLACE, type Window } from '../../window/window.ts';
import { ETHERNET_BYTES, type PacketArea } from './packet.ts';
import { AF_INET, AF_INET6, SOCK, SOCK_BYTES } from './sock.ts';

/** struct bpf_flow_keys. [uapi bpf.h] */
const FLOW_KEYS_BYTES = 56;
const KEYS = { nhoff: 0, thoff: 2, proto: 10 } as const;
const IPV4_PROTOCOL = 0x0008;
const IPV6_PROTOCOL = 0xdd86;
/** TCP_CLOSE: that of a socket that was made and never used. */
const CLOSED = 7;
const NO_QUEUE = 0xffff_ffff;

/** The socket that BPF_PROG_TEST_RUN makes for a packet: its ends are those of the packet, its ports are 0. */
export interface PacketSocket {
  readonly family: number;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** `packet` from its link-layer header on. */
export function socketOf(packet: Uint8Array): PacketSocket {
  const protocol = packet.length < ETHERNET_BYTES ? 0 : packet[12]! | (packet[13]! << 8);
  const at = ETHERNET_BYTES;
  if (protocol === IPV4_PROTOCOL && packet.length >= at + 20) {
    return { family: AF_INET, source: packet.slice(at + 12, at + 16), destination: packet.slice(at + 16, at + 20) };
  }
  if (protocol === IPV6_PROTOCOL && packet.length >= at + 40) {
    return { family: AF_INET6, source: packet.slice(at + 8, at + 24), destination: packet.slice(at + 24, at + 40) };
  }
  const family = protocol === IPV4_PROTOCOL ? AF_INET : protocol === IPV6_PROTOCOL ? AF_INET6 : 0;
  return { family, source: new Uint8Array(0), destination: new Uint8Array(0) };
}

export class ContextTargets {
  readonly #window: Window;
  readonly #regions: Regions;
  readonly #packet: PacketArea;
  #keys = 0;
  #sock = 0;

  constructor(window: Window, regions: Regions, packet: PacketArea) {
    this.#window = window;
    this.#regions = regions;
    this.#packet = packet;
  }

  #take(name: string, bytes: number, writable: boolean): number {
    const at = this.#window.allocate(bytes);
    this.#regions.add({ name, start: at, end: at + bytes, writable });
    return at;
  }

  /** The socket of the packet, as `skb->sk`; 0 before the first packet. */
  get socket(): number {
    return this.#sock;
  }

  placeSocket({ family, source, destination }: PacketSocket): void {
    this.#sock ||= this.#take('the socket of the packet', SOCK_BYTES, false);
    const window = this.#window;
    const at = this.#sock;
    window.zero(at, SOCK_BYTES);
    window.setU32(at + SOCK.family, family);
    window.setU32(at + SOCK.state, CLOSED);
    window.setU32(at + SOCK.rxQueue, NO_QUEUE);
    const wide = family === AF_INET6;
    window.write(at + (wide ? SOCK.srcIp6 : SOCK.srcIp4), source);
    window.write(at + (wide ? SOCK.dstIp6 : SOCK.dstIp4), destination);
    this.#packet.setField('sk', at);
    this.#packet.setField('family', family);
    this.#setAddress(wide ? 'local_ip6' : 'local_ip4', source);
    this.#setAddress(wide ? 'remote_ip6' : 'remote_ip4', destination);
  }

  #setAddress(field: string, address: Uint8Array): void {
    const found = this.#packet.spec?.fields.find((candidate) => candidate.name === field);
    if (found !== undefined) this.#window.write(PLACE.context + found.offset, address);
  }

  /** As the kernel prepares them for a frame: the network header is where the link layer ends. */
  placeFlowKeys(packet: Uint8Array): void {
    this.#keys ||= this.#take('the flow keys', FLOW_KEYS_BYTES, true);
    const window = this.#window;
    window.zero(this.#keys, FLOW_KEYS_BYTES);
    const view = window.slice(this.#keys, FLOW_KEYS_BYTES);
    view[KEYS.nhoff] = ETHERNET_BYTES;
    view[KEYS.thoff] = ETHERNET_BYTES;
    if (packet.length >= ETHERNET_BYTES) view.set(packet.subarray(12, 14), KEYS.proto);
    this.#packet.setField('flow_keys', this.#keys);
  }

  /** What the dissector found; offsets beyond the packet are brought back into it. [kernel bpf_flow_dissect] */
  readFlowKeys(): Uint8Array {
    const bytes = this.#window.read(this.#keys, FLOW_KEYS_BYTES);
    const view = new DataView(bytes.buffer);
    const clamp = (value: number, low: number): number => Math.max(low, Math.min(value, this.#packet.length));
    const network = clamp(view.getUint16(KEYS.nhoff, true), ETHERNET_BYTES);
    view.setUint16(KEYS.nhoff, network, true);
    view.setUint16(KEYS.thoff, clamp(view.getUint16(KEYS.thoff, true), network), true);
    return bytes;
  }
}
