// The descriptor that a map pointer points at, and the layout of a map's storage: the same as routines/map.h, `struct map`.
import { MAP_FLAG, type MapTypeRow, STORE, storeOf } from '../spec/maps.ts';
import { BpfError } from '../util/error.ts';

/** Byte offsets; all fields uint32. */
export const DESCRIPTOR = {
  type: 0,
  keySize: 4,
  valueSize: 8,
  maxEntries: 12,
  flags: 16,
  store: 20,
  storage: 24,
  stride: 28,
  buckets: 32,
  shift: 36,
  valueOffset: 40,
  cpuStride: 44,
  cpus: 48,
  free: 52,
  used: 56,
  count: 60,
  extra: 64,
  inner: 68,
  lru: 72,
  hand: 76,
  head: 80,
  tail: 84,
  lengths: 88,
} as const;
export const DESCRIPTOR_BYTES = 96;

export interface MapOptions {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** What a map takes of the window. */
export interface MapLayout {
  readonly store: number;
  readonly stride: number;
  readonly valueOffset: number;
  readonly cpuStride: number;
  /** Elements that storage has room for. */
  readonly capacity: number;
  /** Power of two; 0: not a hash. */
  readonly bucketCount: number;
}

const round8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;

function refuse(options: MapOptions, what: string): never {
  throw new BpfError('map/definition', { in: 'option', name: options.name }, `map ${options.name}: ${what}`);
}

export function layoutOf(options: MapOptions, row: MapTypeRow, cpus: number): MapLayout {
  const { type, keySize, valueSize, maxEntries } = options;
  const store = storeOf(type, keySize);
  const cpuStride = row.perCpu ? round8(valueSize) : 0;
  const valueBytes = row.perCpu ? cpuStride * cpus : round8(valueSize);
  const flat = { store, stride: valueBytes, valueOffset: 0, cpuStride, capacity: maxEntries, bucketCount: 0 };
  switch (row.kept) {
    case 'ring':
      if (maxEntries === 0 || maxEntries % 4096 !== 0 || (maxEntries & (maxEntries - 1)) !== 0) {
        refuse(options, `a ring buffer has a power of two of bytes, at least 4096, not ${maxEntries}`);
      }
      return { ...flat, stride: 8, capacity: 1 };
    case 'events':
      return { ...flat, stride: 8, capacity: Math.max(1, maxEntries) };
    case 'storage':
      return { ...flat, capacity: 1 };
    default:
  }
  if (maxEntries === 0) refuse(options, 'max_entries is 0');
  if (valueSize === 0 || valueSize > 2 ** 26) refuse(options, `value size ${valueSize} is not in 1 to ${2 ** 26}`);
  if (row.kept === 'queue') {
    if (keySize !== 0) refuse(options, `a ${row.name} has no keys, but a key size of ${keySize}`);
    return flat;
  }
  if (row.kept !== 'hash' && row.kept !== 'lpm') {
    if (keySize !== 4) refuse(options, `a map of type ${row.name} has keys of 4 bytes, not ${keySize}`);
    return flat;
  }
  if (keySize === 0 || keySize > 512) refuse(options, `key size ${keySize} is not in 1 to 512`);
  if (row.kept === 'lpm' && (keySize < 5 || keySize > 4 + 256)) refuse(options, `keys of a trie have 5 to 260 bytes, not ${keySize}`);
  // Keys of 4 bytes stand in the node's header; an LRU map's mark stands before the value.
  const valueOffset = 8 + (store === STORE.hash4 ? 0 : round8(keySize)) + (row.lru ? 8 : 0);
  const bucketCount = Math.max(2, 2 ** Math.ceil(Math.log2(maxEntries)));
  // One more than the elements: what overwriting takes.
  return { store, stride: valueOffset + valueBytes, valueOffset, cpuStride, capacity: maxEntries + 1, bucketCount };
}

export function isReadOnly(options: MapOptions): boolean {
  return (options.flags & MAP_FLAG.readOnlyProgram) !== 0;
}
