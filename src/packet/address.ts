// Addresses as text and as bytes, and values in network byte order where a program keeps them: in maps, variables and events.
import { BpfError } from '../util/error.ts';

/** `02:00:00:00:00:01`, `10.0.0.1`, `2001:db8::1`; or the bytes in network order. */
export type Address = string | Uint8Array;

export const MAC_BYTES = 6;
export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;

/** Six bytes from hex pairs between colons or hyphens. */
export function tryParseMac(text: string): Uint8Array | undefined {
  const parts = text.split(text.includes('-') ? '-' : ':');
  if (parts.length !== MAC_BYTES || !parts.every((part) => /^[0-9a-fA-F]{2}$/.test(part))) return undefined;
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

export function tryParseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== IPV4_BYTES || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

/** All forms of [RFC4291 2.2]; no zone. */
export function tryParseIpv6(text: string): Uint8Array | undefined {
  // The last two groups may be written as an IPv4 address.
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded !== null) {
    const ipv4 = tryParseIpv4(embedded[2]!);
    if (ipv4 === undefined) return undefined;
    const [a, b, c, d] = Array.from(ipv4, (byte) => byte.toString(16).padStart(2, '0'));
    return tryParseIpv6(`${embedded[1]}${a}${b}:${c}${d}`);
  }
  const [left = '', right, ...more] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const missing = 8 - head.length - tail.length;
  if (more.length > 0 || (right === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(
    groups.flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** `02:00:00:00:00:01`. */
export function macText(address: Uint8Array | readonly number[]): string {
  return Array.from(bytesOf(address, MAC_BYTES, 'macText'), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * `10.0.0.1`, from four bytes in network order, or from the number that a `__be32` of a map, variable or context is read as (bytes in
 * memory order on a little-endian machine).
 */
export function ipv4Text(address: Uint8Array | readonly number[] | number): string {
  if (typeof address !== 'number') return Array.from(bytesOf(address, IPV4_BYTES, 'ipv4Text')).join('.');
  const value = unsigned(address, 32, 'ipv4Text');
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24].join('.');
}

/** The shortest form, `2001:db8::1`. [RFC5952] */
export function ipv6Text(address: Uint8Array | readonly number[]): string {
  const bytes = bytesOf(address, IPV6_BYTES, 'ipv6Text');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`;
  // The longest run of at least two zero groups, the first of equals.
  let start = 0;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}

/** Six bytes of `02:00:00:00:00:01`; throws `packet/address`. */
export function macBytes(text: string): Uint8Array {
  return tryParseMac(text) ?? refuse('macBytes', `${text} is no link-layer address such as 02:00:00:00:00:01`);
}

/** Four bytes of `10.0.0.1` in network order, as keys and values of maps take them; throws `packet/address`. */
export function ipv4Bytes(text: string): Uint8Array {
  return tryParseIpv4(text) ?? refuse('ipv4Bytes', `${text} is no IPv4 address`);
}

/** Sixteen bytes of `2001:db8::1` in network order; throws `packet/address`. */
export function ipv6Bytes(text: string): Uint8Array {
  return tryParseIpv6(text) ?? refuse('ipv6Bytes', `${text} is no IPv6 address`);
}

/**
 * The 16-bit number that stands in network order at `offset` of some bytes; of a number, the one with its two bytes swapped: what a
 * `__be16` that was read as a number means, and what to write into one (`be16(be16(x)) === x`).
 */
export function be16(value: Uint8Array | number, offset = 0): number {
  if (typeof value !== 'number') return viewOf(value, offset, 2, 'be16').getUint16(0);
  const number = unsigned(value, 16, 'be16');
  return ((number & 0xff) << 8) | (number >>> 8);
}

/** As `be16`, for 32 bits. */
export function be32(value: Uint8Array | number, offset = 0): number {
  if (typeof value !== 'number') return viewOf(value, offset, 4, 'be32').getUint32(0);
  const number = unsigned(value, 32, 'be32');
  return ((number << 24) | ((number & 0xff00) << 8) | ((number >>> 8) & 0xff00) | (number >>> 24)) >>> 0;
}

/** As `be16`, for 64 bits. */
export function be64(value: Uint8Array | bigint, offset = 0): bigint {
  if (typeof value !== 'bigint') return viewOf(value, offset, 8, 'be64').getBigUint64(0);
  if (value < 0n || value >= 1n << 64n) refuse('be64', `${value} is no unsigned 64-bit number`);
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  return view.getBigUint64(0);
}

function refuse(name: string, message: string): never {
  throw new BpfError('packet/address', { in: 'option', name }, message);
}

function unsigned(value: number, bits: number, name: string): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) refuse(name, `${value} is no unsigned ${bits}-bit number`);
  return value;
}

function bytesOf(address: Uint8Array | readonly number[], length: number, name: string): Uint8Array {
  if (address.length !== length) refuse(name, `${address.length} bytes given, the address has ${length}`);
  return address instanceof Uint8Array ? address : Uint8Array.from(address);
}

function viewOf(bytes: Uint8Array, offset: number, size: number, name: string): DataView {
  if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length)
    refuse(name, `${size} bytes at offset ${offset}, there are ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
}
