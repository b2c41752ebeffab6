// Tunnel keys and options of a packet: what a program sets is what it, and whoever looks at the result, gets. A packet that came in
// without a tunnel has none. [uapi bpf.h, kernel bpf_skb_set_tunnel_key]
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { bytesAt, ERRNO, type Implementation, u32 } from './helpers.ts';

const { EINVAL, ENOENT, ENOMEM, EPROTO } = ERRNO;
/** struct bpf_tunnel_key, and the sizes that it had before. */
const KEY = { ext: 22, label: 24, bytes: 44 } as const;
const OLDER: readonly number[] = [8, 22, 24, 28];
const IPV6 = 1n;
const GET_FLAGS = IPV6 | 0x10n;
const SET_FLAGS = 0x1fn;
const MAX_OPTION_BYTES = 255;

/** The tunnel metadata of a packet, as bpf_skb_set_tunnel_key and bpf_skb_set_tunnel_opt have set it. */
export interface Tunnel {
  readonly isIpv6: boolean;
  /** struct bpf_tunnel_key. */
  readonly key: Uint8Array;
  readonly options: Uint8Array;
}

function getKey(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  const flags = caller.registers[4]!;
  const out = bytesAt(caller, 2, size, true);
  out.fill(0);
  const { tunnel } = home;
  if (tunnel === undefined || (flags & ~GET_FLAGS) !== 0n) return EINVAL;
  if (tunnel.isIpv6 !== ((flags & IPV6) !== 0n)) return EPROTO;
  if (size !== KEY.bytes && !OLDER.includes(size)) return EINVAL;
  out.set(tunnel.key.subarray(0, size));
  return 0;
}

function setKey(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  const flags = caller.registers[4]!;
  const given = bytesAt(caller, 2, size);
  if ((flags & ~SET_FLAGS) !== 0n || (size !== KEY.bytes && !OLDER.includes(size))) return EINVAL;
  const key = new Uint8Array(KEY.bytes);
  key.set(given);
  const isIpv6 = (flags & IPV6) !== 0n;
  const view = new DataView(key.buffer);
  if ((!isIpv6 && view.getUint32(KEY.label, true) !== 0) || view.getUint16(KEY.ext, true) !== 0) return EINVAL;
  home.tunnel = { isIpv6, key, options: new Uint8Array(0) };
  return 0;
}

function getOptions(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  const out = bytesAt(caller, 2, size, true);
  const options = home.tunnel?.options;
  const fails = options === undefined || options.length === 0 ? ENOENT : size < options.length ? ENOMEM : 0;
  out.fill(0);
  if (fails !== 0 || options === undefined) return fails;
  out.set(options);
  return options.length;
}

function setOptions(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  if (home.tunnel === undefined || size % 4 !== 0) return EINVAL;
  if (size > MAX_OPTION_BYTES) return ENOMEM;
  home.tunnel = { ...home.tunnel, options: bytesAt(caller, 2, size).slice() };
  return 0;
}

export const TUNNEL_HELPERS: Readonly<Record<number, Implementation>> = { 20: getKey, 21: setKey, 29: getOptions, 30: setOptions };
