// SYN cookies: sequence numbers that carry a flow's hash, the minute and the segment size. The secret is fixed, so that runs repeat.
// [kernel secure_tcp_syn_cookie, __cookie_v4_check, bpf_tcp_raw_gen_syncookie_ipv4]
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { ERRNO, type Implementation, u32 } from './helpers.ts';
import { isListener } from './network.ts';

const { EACCES, EINVAL, ENOENT } = ERRNO;
const TCP_BYTES = 20;
const COOKIE_BITS = 24;
const COOKIE_MASK = 0xff_ffff;
/** Minutes for which a cookie is good. */
const MAX_AGE = 2;
const NANOSECONDS_A_MINUTE = 60_000_000_000n;
const DEFAULT_SEGMENT = 536;
/** Segment sizes that a cookie can name. */
const SEGMENTS = { 4: [536, 1300, 1440, 1460], 6: [1220, 1420, 1440, 8940] } as const;
type Version = keyof typeof SEGMENTS;
const HEADER = { 4: { bytes: 20, addresses: 12, size: 8 }, 6: { bytes: 40, addresses: 8, size: 32 } } as const;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

interface Flow {
  readonly addresses: Uint8Array;
  /** The TCP header. */
  readonly tcp: DataView;
}

function flowAt(home: Home, version: Version, ip: number, tcp: Uint8Array): Flow {
  const { addresses, size } = HEADER[version];
  return { addresses: home.window.read(ip + addresses, size), tcp: new DataView(tcp.buffer, tcp.byteOffset, tcp.length) };
}

function hashOf({ addresses, tcp }: Flow, count: number, which: number): number {
  let hash = 0x9e37_79b9 ^ which;
  const mix = (word: number): void => {
    hash = Math.imul(hash ^ word, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    hash ^= hash >>> 16;
  };
  for (const byte of addresses) mix(byte);
  mix(tcp.getUint32(0));
  mix(count);
  return hash >>> 0;
}

const minutes = (home: Home): number => Number((home.clock.now() / NANOSECONDS_A_MINUTE) & 0xffff_ffffn);

function cookieOf(home: Home, flow: Flow, sequence: number, index: number): number {
  const count = minutes(home);
  const first = hashOf(flow, 0, 0) + sequence + (count & 0xff) * 2 ** COOKIE_BITS;
  return (first + ((hashOf(flow, count, 1) + index) & COOKIE_MASK)) % 2 ** 32;
}

/** The segment size that the cookie in an ACK names; 0: it is none of ours. */
function checkedSegment(home: Home, version: Version, flow: Flow): number {
  const cookie = (flow.tcp.getUint32(8) - 1) >>> 0;
  const sequence = (flow.tcp.getUint32(4) - 1) >>> 0;
  const rest = (cookie - hashOf(flow, 0, 0) - sequence) >>> 0;
  const count = minutes(home);
  const age = (count - (rest >>> COOKIE_BITS)) & 0xff;
  if (age >= MAX_AGE) return 0;
  const index = (rest - hashOf(flow, count - age, 1)) & COOKIE_MASK;
  return SEGMENTS[version][index] ?? 0;
}

/** The option that a SYN gives, or the default. */
function segmentOf(tcp: DataView): number {
  let at = TCP_BYTES;
  while (at < tcp.byteLength) {
    const kind = tcp.getUint8(at);
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < tcp.byteLength ? tcp.getUint8(at + 1) : 0;
    if (length < 2 || at + length > tcp.byteLength) break;
    if (kind === 2 && length === 4) return tcp.getUint16(at + 2) || DEFAULT_SEGMENT;
    at += length;
  }
  return DEFAULT_SEGMENT;
}

function generated(home: Home, version: Version, flow: Flow): bigint {
  const wanted = segmentOf(flow.tcp);
  const known = SEGMENTS[version];
  let index = known.length - 1;
  while (index > 0 && known[index]! > wanted) index--;
  const cookie = cookieOf(home, flow, flow.tcp.getUint32(4), index);
  return BigInt(cookie) | (BigInt(known[index]!) << 32n);
}

/** bpf_tcp_raw_gen_syncookie_ipv*(ip, tcp, size). */
function rawGenerate(version: Version): Implementation {
  return (caller, home) => {
    const size = u32(caller, 3);
    if (size < TCP_BYTES) return EINVAL;
    const tcp = home.window.read(caller.pointer(2, size, false), size);
    if (size !== (tcp[12]! >> 4) * 4) return EINVAL;
    return generated(home, version, flowAt(home, version, caller.pointer(1, HEADER[version].bytes, false), tcp));
  };
}

/** bpf_tcp_raw_check_syncookie_ipv*(ip, tcp). */
function rawCheck(version: Version): Implementation {
  return (caller, home) => {
    const tcp = home.window.read(caller.pointer(2, TCP_BYTES, false), TCP_BYTES);
    return checkedSegment(home, version, flowAt(home, version, caller.pointer(1, HEADER[version].bytes, false), tcp)) > 0 ? 0 : EACCES;
  };
}

/** Arguments of the two that take a socket: (sk, ip, size, tcp, size). */
function withSocket(home: Home, caller: Caller): { readonly version: Version; readonly flow: Flow; readonly flags: number } | number {
  const ipBytes = u32(caller, 3);
  const tcpBytes = u32(caller, 5);
  if (tcpBytes < TCP_BYTES || !isListener(caller, home)) return EINVAL;
  const tcp = home.window.read(caller.pointer(4, tcpBytes, false), tcpBytes);
  if (ipBytes < HEADER[4].bytes) return EINVAL;
  const ip = caller.pointer(2, ipBytes, false);
  const version = home.window.slice(ip, 1)[0]! >> 4;
  if (version !== 4 && !(version === 6 && ipBytes >= HEADER[6].bytes)) return EINVAL;
  return { version, flow: flowAt(home, version, ip, tcp), flags: tcp[13]! };
}

function check(caller: Caller, home: Home): number {
  const found = withSocket(home, caller);
  if (typeof found === 'number') return found;
  if ((found.flags & ACK) === 0 || (found.flags & (RST | SYN)) !== 0) return ENOENT;
  return checkedSegment(home, found.version, found.flow) > 0 ? 0 : ENOENT;
}

function generate(caller: Caller, home: Home): bigint | number {
  const found = withSocket(home, caller);
  if (typeof found === 'number') return found;
  if ((found.flags & (SYN | ACK | FIN | RST)) !== SYN || found.flow.tcp.byteLength !== (found.flow.tcp.getUint8(12) >> 4) * 4)
    return EINVAL;
  return generated(home, found.version, found.flow);
}

export const SYNCOOKIE_HELPERS: Readonly<Record<number, Implementation>> = {
  100: check,
  110: generate,
  204: rawGenerate(4),
  205: rawGenerate(6),
  206: rawCheck(4),
  207: rawCheck(6),
};
