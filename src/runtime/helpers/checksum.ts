// One's complement arithmetic as the kernel's checksum helpers do it: 16-bit words in memory order, little-endian machine.

/** Sum of the 16-bit words, an odd last byte padded with zero, folded to 32 bits with the carries added back. */
export function partialSum(bytes: Uint8Array, seed: number): number {
  let sum = seed >>> 0;
  let i = 0;
  // 32 bits at a time: a sum of words that cancel out is then ~0 as the kernel's is, and its complement 0.
  for (; i + 3 < bytes.length; i += 4) sum += (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16)) + bytes[i + 3]! * 2 ** 24;
  if (i + 1 < bytes.length) {
    sum += bytes[i]! | (bytes[i + 1]! << 8);
    i += 2;
  }
  if (i < bytes.length) sum += bytes[i]!;
  return carry(sum);
}

/** Adds what does not fit into 32 bits. */
export function carry(sum: number): number {
  let folded = sum;
  while (folded > 0xffff_ffff) folded = (folded % 2 ** 32) + Math.floor(folded / 2 ** 32);
  return folded;
}

/** 32 bits to 16, carries added. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

export function subtract(a: number, b: number): number {
  return carry(a + (~b >>> 0));
}

/** A checksum field after `from` has become `to` in what it covers: `~fold(~check + ~from + to)`. */
export function replaced(check: number, from: number, to: number): number {
  return ~fold(carry((~check & 0xffff) + (~from >>> 0) + (to >>> 0))) & 0xffff;
}

/** The same for a difference that was computed before. */
export function shifted(check: number, difference: number): number {
  return ~fold(carry((difference >>> 0) + (~check & 0xffff))) & 0xffff;
}
