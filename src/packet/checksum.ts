// The Internet checksum, in network order, and what each protocol adds to it. [RFC1071]

/** One's complement sum of the 16-bit words in network order, an odd last byte padded with zero; carries added back. */
export function sumWords(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let sum = seed;
  let at = from;
  // No more than 2^36 for what a packet can have.
  for (; at + 1 < to; at += 2) sum += bytes[at]! * 256 + bytes[at + 1]!;
  if (at < to) sum += bytes[at]! * 256;
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** Internet checksum of `bytes`: the number that a header's field has to hold if the field itself is zero in `bytes`. */
export function internetChecksum(bytes: Uint8Array): number {
  return ~sumWords(bytes, 0, bytes.length) & 0xffff;
}

/** Both zeros mean the same in one's complement. */
export function sameChecksum(a: number, b: number): boolean {
  return a === b || ((a === 0 || a === 0xffff) && (b === 0 || b === 0xffff));
}
