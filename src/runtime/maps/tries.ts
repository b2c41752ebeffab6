// The order in which the kernel walks a trie: an element comes after all longer prefixes that begin with it. [kernel trie_get_next_key]

/** Bit `index` of a key {u32 length, bytes, most significant bit first}. */
const bit = (key: Uint8Array, index: number): number => (key[4 + (index >> 3)]! >> (7 - (index & 7))) & 1;
const length = (key: Uint8Array): number => key[0]! | (key[1]! << 8);

function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(length(a), length(b));
  const whole = shared >> 3;
  for (let at = 0; at < whole; at++) if (a[4 + at] !== b[4 + at]) return a[4 + at]! - b[4 + at]!;
  for (let index = 8 * whole; index < shared; index++) {
    const difference = bit(a, index) - bit(b, index);
    if (difference !== 0) return difference;
  }
  return length(b) - length(a);
}

/** Sorts in place, by the key that each element begins with. */
export function inPostorder<T extends readonly [key: Uint8Array, ...rest: unknown[]]>(elements: T[]): T[] {
  return elements.sort(([a], [b]) => compare(a, b));
}
