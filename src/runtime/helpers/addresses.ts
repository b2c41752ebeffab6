// Addresses and prefixes that an embedder gives as text.
import { tryParseIpv4, tryParseIpv6, tryParseMac } from '../../packet/address.ts';
import { BpfError } from '../../util/error.ts';

function refuse(text: string): never {
  throw new BpfError('runtime/address', { in: 'option', name: text }, `${text} is no IPv4 or IPv6 address`);
}

/** 4 or 16 bytes in network order. */
export function parseAddress(text: string): Uint8Array {
  return tryParseIpv4(text) ?? tryParseIpv6(text) ?? refuse(text);
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
  const bytes = tryParseMac(text);
  if (bytes === undefined) throw new BpfError('runtime/address', { in: 'option', name: text }, `${text} is no link-layer address`);
  return bytes;
}

export function startsWith(address: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  if (address.length !== prefix.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if (((address[bit >> 3]! ^ prefix[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}
