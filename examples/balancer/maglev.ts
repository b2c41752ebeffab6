// Maglev's consistent hashing: each backend has a permutation of the table's entries and takes the next free one in turn. All get the same
// share, and when one comes or goes, few entries of the others change. ["Maglev: A Fast and Reliable Software Network Load Balancer", 3.4]

/** What each entry of a table of `size` (a prime) holds: an index into `backends`, which are told apart by their names. */
export function maglev(backends: readonly string[], size: number): Uint32Array {
  const entries = new Uint32Array(size);
  if (backends.length === 0) throw new RangeError('a table needs a backend');
  const free = new Uint8Array(size).fill(1);
  const offsets = backends.map((name) => hash(name, 1) % size);
  const skips = backends.map((name) => (hash(name, 2) % (size - 1)) + 1);
  const next = [...offsets];
  for (let filled = 0; ; ) {
    for (const [backend, skip] of skips.entries()) {
      let entry = next[backend]!;
      while (free[entry] === 0) entry = (entry + skip) % size;
      entries[entry] = backend;
      free[entry] = 0;
      next[backend] = (entry + skip) % size;
      if (++filled === size) return entries;
    }
  }
}

/** FNV-1a with a seed, finished as in MurmurHash3. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
