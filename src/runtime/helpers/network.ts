// What a program can ask about the network around it: routes and sockets, from tables that the embedder gives. Without tables
// there is no route and nobody listens. [uapi bpf.h, kernel bpf_ipv4_fib_lookup, __bpf_sk_lookup]
import type { Caller } from '../../interpreter/machine.ts';
import type { Regions } from '../../window/regions.ts';
import type { Window } from '../../window/window.ts';
import type { Home } from '../object/home.ts';
import { parseAddress, parseLinkAddress, parsePrefix, startsWith } from './addresses.ts';
import { ERRNO, type Implementation, u32 } from './helpers.ts';
import { AF_INET, AF_INET6, SOCK, SOCK_BYTES } from './sock.ts';

const { EAFNOSUPPORT, EAGAIN, EINVAL, ENODEV } = ERRNO;
const LOOPBACK = 1;

/** A route that bpf_fib_lookup finds. Addresses are texts: `10.0.0.1`, `fd00::1`, `02:00:00:00:00:01`. */
export interface Route {
  /** `10.0.0.0/8`, `fd00::/8`. */
  readonly to: string;
  /** Default: unicast. */
  readonly kind?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly ifindex?: number;
  readonly via?: string;
  /** Preferred source address. */
  readonly source?: string;
  readonly mtu?: number;
  /** Link-layer addresses of the device and of the next hop; absent: the next hop is not resolved. */
  readonly neighbour?: { readonly device: string; readonly hop: string };
}

/** An address, IPv4 or IPv6 as text, and a port. */
export interface SocketEnd {
  readonly address: string;
  readonly port: number;
}

/** A socket that the look-ups of sockets find, and that maps of sockets may hold. */
export interface Socket {
  readonly protocol: 'tcp' | 'udp';
  readonly local: SocketEnd;
  /** Absent: it listens. */
  readonly remote?: SocketEnd;
  readonly mark?: number;
}

interface ParsedRoute extends Omit<Route, 'to'> {
  readonly prefix: { readonly address: Uint8Array; readonly length: number };
}

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const STREAM = 1;
const DATAGRAM = 2;
const STATE = { established: 1, close: 7, listen: 10 } as const;
const TCP_SOCK_BYTES = 112;

interface ParsedSocket {
  readonly socket: Socket;
  readonly local: Uint8Array;
  readonly remote: Uint8Array | undefined;
  /** struct bpf_sock in the window, 0: not asked for yet. */
  at: number;
}

export class Network {
  readonly #window: Window;
  readonly #regions: Regions;
  readonly #routes: readonly ParsedRoute[];
  readonly #sockets: readonly ParsedSocket[];
  #tcp = 0;

  constructor(window: Window, regions: Regions, routes: readonly Route[], sockets: readonly Socket[]) {
    this.#window = window;
    this.#regions = regions;
    this.#routes = routes.map(({ to, ...route }) => ({ ...route, prefix: parsePrefix(to) }));
    this.#sockets = sockets.map((socket) => ({
      ...{ socket, at: 0, local: parseAddress(socket.local.address) },
      remote: socket.remote === undefined ? undefined : parseAddress(socket.remote.address),
    }));
  }

  /** The longest prefix that the address starts with. */
  route(address: Uint8Array): ParsedRoute | undefined {
    let best: ParsedRoute | undefined;
    for (const route of this.#routes) {
      const { address: prefix, length } = route.prefix;
      if (startsWith(address, prefix, length) && (best === undefined || length > best.prefix.length)) best = route;
    }
    return best;
  }

  get forwards(): boolean {
    return this.#routes.length > 0;
  }

  hasDevice(ifindex: number): boolean {
    return ifindex === LOOPBACK || this.#routes.some((route) => route.ifindex === ifindex);
  }

  /** Pointer to the socket that a packet from `from` to `to` reaches, 0: none. Connected ones before listening ones. */
  find(protocol: Socket['protocol'], from: Uint8Array, fromPort: number, to: Uint8Array, toPort: number): number {
    let found: ParsedSocket | undefined;
    for (const candidate of this.#sockets) {
      const { socket, local, remote } = candidate;
      if (socket.protocol !== protocol || socket.local.port !== toPort || local.length !== to.length) continue;
      const any = local.every((byte) => byte === 0);
      if (!any && !startsWith(local, to, 8 * to.length)) continue;
      if (remote !== undefined && !(socket.remote!.port === fromPort && startsWith(remote, from, 8 * from.length))) continue;
      if (found === undefined || remote !== undefined) found = candidate;
    }
    return found === undefined ? 0 : this.#place(found);
  }

  /** For maps of sockets: the pointer of one that the caller has given, 0: it is none. */
  pointerOf(socket: unknown): number {
    const found = this.#sockets.find((candidate) => candidate.socket === socket);
    return found === undefined ? 0 : this.#place(found);
  }

  at(pointer: number): Socket | undefined {
    return this.#sockets.find(({ at }) => at === pointer && at !== 0)?.socket;
  }

  /** Pointer to the first socket that the caller has given, 0: there is none. */
  get first(): number {
    return this.#sockets[0] === undefined ? 0 : this.#place(this.#sockets[0]);
  }

  #place(found: ParsedSocket): number {
    if (found.at !== 0) return found.at;
    const { socket, local, remote } = found;
    const window = this.#window;
    const at = window.allocate(SOCK_BYTES);
    this.#regions.add({ name: 'a socket', start: at, end: at + SOCK_BYTES, writable: false });
    const wide = local.length === 16;
    window.setU32(at + SOCK.family, wide ? AF_INET6 : AF_INET);
    window.setU32(at + SOCK.type, socket.protocol === 'tcp' ? STREAM : DATAGRAM);
    window.setU32(at + SOCK.protocol, PROTOCOL[socket.protocol]);
    window.setU32(at + SOCK.mark, socket.mark ?? 0);
    window.write(at + (wide ? SOCK.srcIp6 : SOCK.srcIp4), local);
    window.setU32(at + SOCK.srcPort, socket.local.port);
    if (remote !== undefined && socket.remote !== undefined) {
      window.write(at + (wide ? SOCK.dstIp6 : SOCK.dstIp4), remote);
      window.write(at + SOCK.dstPort, Uint8Array.of(socket.remote.port >> 8, socket.remote.port & 0xff));
    }
    const state = remote !== undefined ? STATE.established : socket.protocol === 'tcp' ? STATE.listen : STATE.close;
    window.setU32(at + SOCK.state, state);
    found.at = at;
    return at;
  }

  /** struct bpf_tcp_sock of a socket: nothing was ever measured. */
  get tcpSock(): number {
    if (this.#tcp === 0) {
      this.#tcp = this.#window.allocate(TCP_SOCK_BYTES);
      this.#regions.add({ name: 'the state of a TCP socket', start: this.#tcp, end: this.#tcp + TCP_SOCK_BYTES, writable: false });
    }
    return this.#tcp;
  }
}

/** struct bpf_fib_lookup, and what the look-up returns. */
const FIB = { family: 0, mtu: 6, ifindex: 8, metric: 12, source: 16, destination: 32, vlan: 48, device: 52, hop: 58, bytes: 64 } as const;
const FIB_RESULT = {
  success: 0,
  blackhole: 1,
  unreachable: 2,
  prohibit: 3,
  notForwarded: 4,
  disabled: 5,
  noNeighbour: 7,
  tooLarge: 8,
  noSource: 9,
} as const;
const FIB_FLAGS = 0x3fn;
const SKIP_NEIGHBOUR = 4n;
const SET_SOURCE = 16n;
const DEFAULT_MTU = 1500;

/** Multicast, link-local and loopback addresses are never forwarded. [kernel rt6_need_strict] */
function staysOnLink(address: Uint8Array): boolean {
  const linkLocal = address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
  return address[0] === 0xff || linkLocal || (address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0));
}

function fibLookup(caller: Caller, home: Home): number {
  const bytes = u32(caller, 3) | 0;
  const flags = caller.registers[4]! & 0xffff_ffffn;
  if (bytes < FIB.bytes || (flags & ~FIB_FLAGS) !== 0n) return EINVAL;
  const at = caller.pointer(2, bytes, true);
  const { window, network } = home;
  const family = window.slice(at + FIB.family, 1)[0]!;
  const wide = family === AF_INET6;
  if (family !== AF_INET && !wide) return EAFNOSUPPORT;
  if (wide && [FIB.destination, FIB.source].some((field) => staysOnLink(window.read(at + field, 16)))) return FIB_RESULT.notForwarded;
  if (!network.hasDevice(window.u32(at + FIB.ifindex))) return ENODEV;
  const size = wide ? 16 : 4;
  const route = network.route(window.read(at + FIB.destination, size));
  // An interface of a host without routes forwards nothing; the kernel asks that first.
  if (route === undefined) return network.forwards ? FIB_RESULT.notForwarded : FIB_RESULT.disabled;
  const { kind = 'unicast', mtu = DEFAULT_MTU } = route;
  if (kind !== 'unicast') return FIB_RESULT[kind];
  const length = window.slice(at + FIB.mtu, 2);
  const total = length[0]! | (length[1]! << 8);
  length.set([mtu & 0xff, mtu >> 8]);
  if (total > mtu) return FIB_RESULT.tooLarge;
  window.setU32(at + FIB.metric, 0);
  window.setU32(at + FIB.ifindex, route.ifindex ?? LOOPBACK);
  if (route.via !== undefined) {
    const via = parseAddress(route.via);
    if (via.length === size) window.write(at + FIB.destination, via);
  }
  if ((flags & SET_SOURCE) !== 0n) {
    if (route.source === undefined) return FIB_RESULT.noSource;
    window.write(at + FIB.source, parseAddress(route.source));
  }
  if ((flags & SKIP_NEIGHBOUR) === 0n) {
    if (route.neighbour === undefined) return FIB_RESULT.noNeighbour;
    window.write(at + FIB.device, parseLinkAddress(route.neighbour.device));
    window.write(at + FIB.hop, parseLinkAddress(route.neighbour.hop));
  }
  window.setU32(at + FIB.vlan, 0);
  return FIB_RESULT.success;
}

const TUPLE_BYTES: Readonly<Record<number, number>> = { 12: 4, 36: 16 };

/** bpf_sk_lookup_*(ctx, tuple, size, netns, flags). */
function socketLookup(protocol: Socket['protocol']): Implementation {
  return (caller, home) => {
    const bytes = u32(caller, 3);
    const size = TUPLE_BYTES[bytes];
    if (size === undefined || caller.registers[5] !== 0n) return 0;
    const tuple = home.window.read(caller.pointer(2, bytes, false), bytes);
    const port = (at: number): number => (tuple[at]! << 8) | tuple[at + 1]!;
    return home.network.find(protocol, tuple.subarray(0, size), port(2 * size), tuple.subarray(size, 2 * size), port(2 * size + 2));
  };
}

const socketField = (caller: Caller, home: Home, offset: number): number => home.window.u32(caller.pointer(1, SOCK_BYTES, false) + offset);

/** A TCP socket that waits for connections: what SYN cookies are asked of. */
export function isListener(caller: Caller, home: Home): boolean {
  return socketField(caller, home, SOCK.protocol) === PROTOCOL.tcp && socketField(caller, home, SOCK.state) === STATE.listen;
}

export const NETWORK_HELPERS: Readonly<Record<number, Implementation>> = {
  33: () => EAGAIN,
  69: fibLookup,
  83: () => 0,
  84: socketLookup('tcp'),
  85: socketLookup('udp'),
  86: () => 0,
  95: (caller) => caller.registers[1]!,
  96: (caller, home) => (socketField(caller, home, SOCK.protocol) === PROTOCOL.tcp ? home.network.tcpSock : 0),
  98: (caller, home) => (socketField(caller, home, SOCK.state) === STATE.listen ? caller.registers[1]! : 0),
  99: socketLookup('tcp'),
  // bpf_sk_assign: the socket is known to exist, or is none.
  124: (caller) => (caller.registers[3] === 0n ? 0 : EINVAL),
  128: () => 0,
  129: () => 0,
  // Casts to structures of the kernel, which are not here.
  136: () => 0,
  137: () => 0,
  138: () => 0,
  139: () => 0,
  140: () => 0,
  178: () => 0,
  196: () => 0,
};
