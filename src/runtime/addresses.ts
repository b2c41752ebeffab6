// Internet addresses as text.
import { BpfError } from '../util/error.ts';

function refuse(text: string): never {
  throw new BpfError('runtime/address', { in: 'option', name: text }, `${text} is no IPv4 or IPv6 address`);
}

/** 4 or 16 bytes in network order. */
export function parseAddress(text: string): Uint8Array {
  if (!text.includes(':')) {
    const parts = text.split('.');
    if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) refuse(text);
    return Uint8Array.from(parts, Number);
  }
  const [left = '', right, ...more] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const missing = 8 - head.length - tail.length;
  if (more.length > 0 || (right === undefined ? missing !== 0 : missing < 1)) refuse(text);
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) refuse(text);
  return Uint8Array.from(
    groups.flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** `address/length`. */
export function parsePrefix(text: string): { readonly address: Uint8Array; readonly length: number } {
  const [given = '', length = ''] = text.split('/');
  const address = parseAddress(given);
  if (!/^\d+$/.test(length) || Number(length) > 8 * address.length) refuse(text);
  return { address, length: Number(length) };
}

/** Six bytes from `02:00:00:00:00:01`. */
export function parseLinkAddress(text: string): Uint8Array {
  const parts = text.split(':');
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{2}$/.test(part))) {
    throw new BpfError('runtime/address', { in: 'option', name: text }, `${text} is no link-layer address`);
  }
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

export function startsWith(address: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  if (address.length !== prefix.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if (((address[bit >> 3]! ^ prefix[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}
