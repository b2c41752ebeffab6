// Dynptrs: bounded pointers to memory, ring records and packets. `struct bpf_dynptr` holds what the kernel's `bpf_dynptr_kern` does:
// a pointer (0 for packets, which move), the size with type and read-only flag above it, an offset. [uapi bpf.h, kernel bpf_dynptr_kern]
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { bytesAt, ERRNO, type Implementation, u32 } from './helpers.ts';
import { finishRecord, reserveRecord } from './helpers-maps.ts';

const { E2BIG, EFAULT, EINVAL, ERANGE } = ERRNO;
const DYNPTR_BYTES = 16;
const MAX_SIZE = 0xff_ffff;
const TYPE = { none: 0, local: 1, ring: 2, skb: 3, xdp: 4 } as const;
const TYPE_SHIFT = 28;
const READ_ONLY = 0x8000_0000;
/** Packets of these programs may not be written to. [kernel may_access_direct_pkt_data] */
const READ_ONLY_TYPES: ReadonlySet<string> = new Set([
  'socket_filter',
  'cgroup_skb',
  'lwt_in',
  'lwt_out',
  'lwt_seg6local',
  'flow_dissector',
]);

interface Dynptr {
  /** Where the structure lies. */
  readonly at: number;
  readonly type: number;
  readonly readOnly: boolean;
  /** Of the memory, where it does not move. */
  readonly base: number;
  readonly offset: number;
  readonly size: number;
}

function write(home: Home, at: number, base: number, type: number, size: number, offset: number, readOnly: boolean): void {
  const { window } = home;
  // Packets have a pointer that is not 0 and points nowhere.
  window.setU64(at, BigInt(base === 0 && type !== TYPE.none ? 1 : base));
  window.setU32(at + 8, (size | (type << TYPE_SHIFT) | (readOnly ? READ_ONLY : 0)) >>> 0);
  window.setU32(at + 12, offset);
}

const clear = (home: Home, at: number): void => write(home, at, 0, TYPE.none, 0, 0, false);

/** undefined: a null one. */
function read(caller: Caller, home: Home, argument: number): Dynptr | undefined {
  const at = caller.pointer(argument, DYNPTR_BYTES, false);
  const { window } = home;
  const base = Number(window.u64(at) & 0xffff_ffffn);
  if (base === 0) return undefined;
  const word = window.u32(at + 8);
  const type = (word >>> TYPE_SHIFT) & 7;
  return { at, type, readOnly: (word & READ_ONLY) !== 0, base, offset: window.u32(at + 12), size: word & MAX_SIZE };
}

const fits = (dynptr: Dynptr, offset: number, bytes: number): boolean => bytes <= dynptr.size && offset <= dynptr.size - bytes;

const isPacket = ({ type }: Dynptr): boolean => type === TYPE.skb || type === TYPE.xdp;

/** Where those bytes are now; undefined: the packet does not have them any more. */
function locate(home: Home, dynptr: Dynptr, offset: number, bytes: number): number | undefined {
  const within = dynptr.offset + offset;
  if (isPacket(dynptr)) return within + bytes <= home.packet.length ? home.packet.data + within : undefined;
  const at = dynptr.base + within;
  return home.window.has(at, bytes) ? at : undefined;
}

function fromMem(caller: Caller, home: Home): number {
  const size = u32(caller, 2);
  const at = caller.pointer(4, DYNPTR_BYTES, true);
  clear(home, at);
  if (size > MAX_SIZE) return E2BIG;
  if (caller.registers[3] !== 0n) return EINVAL;
  write(home, at, caller.pointer(1, size, true), TYPE.local, size, 0, false);
  return 0;
}

function reserve(caller: Caller, home: Home): number {
  const size = u32(caller, 2);
  const at = caller.pointer(4, DYNPTR_BYTES, true);
  clear(home, at);
  if (caller.registers[3] !== 0n) return EINVAL;
  if (size > MAX_SIZE) return E2BIG;
  const record = reserveRecord(caller, home);
  if (record === 0) return EINVAL;
  write(home, at, record, TYPE.ring, size, 0, false);
  return 0;
}

function finish(submits: boolean): Implementation {
  const end = finishRecord(submits);
  return (caller, home) => {
    const dynptr = read(caller, home, 1);
    if (dynptr === undefined) return 0;
    clear(home, dynptr.at);
    caller.registers[1] = BigInt(dynptr.base);
    return end(caller, home);
  };
}

function readBytes(caller: Caller, home: Home): number {
  const bytes = u32(caller, 2);
  const out = bytesAt(caller, 1, bytes, true);
  const dynptr = read(caller, home, 3);
  const offset = u32(caller, 4);
  if (dynptr === undefined || caller.registers[5] !== 0n) return EINVAL;
  if (!fits(dynptr, offset, bytes)) return E2BIG;
  const at = locate(home, dynptr, offset, bytes);
  if (at === undefined) return EFAULT;
  out.set(home.window.read(at, bytes));
  return 0;
}

function writeBytes(caller: Caller, home: Home): number {
  const dynptr = read(caller, home, 1);
  const offset = u32(caller, 2);
  const bytes = u32(caller, 4);
  const from = bytesAt(caller, 3, bytes).slice();
  const flags = caller.registers[5]!;
  if (dynptr === undefined || dynptr.readOnly) return EINVAL;
  if (!fits(dynptr, offset, bytes)) return E2BIG;
  // Only packets of socket buffers have flags: those of bpf_skb_store_bytes.
  if ((flags & ~(dynptr.type === TYPE.skb ? 3n : 0n)) !== 0n) return EINVAL;
  const at = locate(home, dynptr, offset, bytes);
  if (at === undefined) return EFAULT;
  home.window.write(at, from);
  return 0;
}

function data(caller: Caller, home: Home): number {
  const dynptr = read(caller, home, 1);
  const offset = u32(caller, 2);
  const bytes = u32(caller, 3);
  if (dynptr === undefined || isPacket(dynptr) || dynptr.readOnly || !fits(dynptr, offset, bytes)) return 0;
  return locate(home, dynptr, offset, bytes) ?? 0;
}

export const DYNPTR_HELPERS: Readonly<Record<number, Implementation>> = {
  197: fromMem,
  198: reserve,
  199: finish(true),
  200: finish(false),
  201: readBytes,
  202: writeBytes,
  203: data,
};

/** bpf_dynptr_from_skb(ctx, flags, ptr), bpf_dynptr_from_xdp(ctx, flags, ptr). */
function fromPacket(type: number): Implementation {
  return (caller, home) => {
    const at = caller.pointer(3, DYNPTR_BYTES, true);
    clear(home, at);
    if (caller.registers[2] !== 0n) return EINVAL;
    write(home, at, 0, type, home.packet.length, 0, type === TYPE.skb && READ_ONLY_TYPES.has(home.programType));
    return 0;
  };
}

/** bpf_dynptr_slice(ptr, offset, buffer, size): a pointer to the bytes where they lie. Packets are all in one piece here. */
function slice(writes: boolean): Implementation {
  return (caller, home) => {
    const dynptr = read(caller, home, 1);
    const offset = u32(caller, 2);
    const bytes = u32(caller, 4);
    if (dynptr === undefined || !fits(dynptr, offset, bytes) || (writes && dynptr.readOnly)) return 0;
    return locate(home, dynptr, offset, bytes) ?? 0;
  };
}

function adjust(caller: Caller, home: Home): number {
  const dynptr = read(caller, home, 1);
  const start = u32(caller, 2);
  const end = u32(caller, 3);
  if (dynptr === undefined || start > end) return EINVAL;
  if (start > dynptr.size || end > dynptr.size) return ERANGE;
  const base = isPacket(dynptr) ? 0 : dynptr.base;
  write(home, dynptr.at, base, dynptr.type, end - start, dynptr.offset + start, dynptr.readOnly);
  return 0;
}

function clone(caller: Caller, home: Home): number {
  const dynptr = read(caller, home, 1);
  const at = caller.pointer(2, DYNPTR_BYTES, true);
  if (dynptr === undefined) {
    clear(home, at);
    return EINVAL;
  }
  home.window.write(at, home.window.read(dynptr.at, DYNPTR_BYTES));
  return 0;
}

/** bpf_dynptr_copy(to, offset, from, offset, size). */
function copy(caller: Caller, home: Home): number {
  const to = read(caller, home, 1);
  const from = read(caller, home, 3);
  const [toOffset, fromOffset, bytes] = [u32(caller, 2), u32(caller, 4), u32(caller, 5)];
  if (to === undefined || from === undefined || to.readOnly) return EINVAL;
  if (!fits(to, toOffset, bytes) || !fits(from, fromOffset, bytes)) return E2BIG;
  const target = locate(home, to, toOffset, bytes);
  const source = locate(home, from, fromOffset, bytes);
  if (target === undefined || source === undefined) return EFAULT;
  home.window.write(target, home.window.read(source, bytes));
  return 0;
}

export const DYNPTR_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_dynptr_from_skb: fromPacket(TYPE.skb),
  bpf_dynptr_from_xdp: fromPacket(TYPE.xdp),
  bpf_dynptr_slice: slice(false),
  bpf_dynptr_slice_rdwr: slice(true),
  bpf_dynptr_adjust: adjust,
  bpf_dynptr_is_null: (caller, home) => (read(caller, home, 1) === undefined ? 1 : 0),
  bpf_dynptr_is_rdonly: (caller, home) => (read(caller, home, 1)?.readOnly === true ? 1 : 0),
  bpf_dynptr_size: (caller, home) => read(caller, home, 1)?.size ?? EINVAL,
  bpf_dynptr_clone: clone,
  bpf_dynptr_copy: copy,
};
