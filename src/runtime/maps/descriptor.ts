// The descriptor that a map pointer points at, and the layout of a map's storage: the same as routines/map.h, `struct map`.
import { MAP_FLAG, type MapTypeRow, STORE, storeOf } from '../../spec/maps.ts';
import { checkDefinition } from './map-definition.ts';

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
  lock: 76,
  head: 80,
  special: 84,
  lengths: 88,
  hashes: 92,
  mask: 96,
  wakeups: 100,
} as const;
export const DESCRIPTOR_BYTES = 104;

/** What `inner` says of the values. */
export const INNER = { values: 0, maps: 1, sockets: 2 } as const;

export interface MapOptions {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Bloom filters: hash functions; 0 and absent: 5. */
  readonly mapExtra?: number;
}

/** What a map takes of the window. */
export interface MapLayout {
  readonly store: number;
  /** Bytes of a key as it is stored. */
  readonly keyBytes: number;
  readonly stride: number;
  readonly valueOffset: number;
  readonly cpuStride: number;
  /** Elements that storage has room for. */
  readonly capacity: number;
  /** Elements that there can be. */
  readonly entries: number;
  /** Power of two; 0: not a hash. */
  readonly bucketCount: number;
  /** Bloom filters and rings. */
  readonly hashes: number;
  readonly mask: number;
}

const round8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;
/** Pages of a ring before its records, and between the two places of its data and the numbers of its records. */
export const RING_PAGE = 4096;
export const RING_DATA: number = 3 * RING_PAGE;
/** struct lru_node. */
const LRU_BYTES = 16;
const DEFAULT_HASHES = 5;
/** Sockets, tasks, inodes or cgroups that one map can have values for. */
const LOCAL_ENTRIES = 4096;

/** A bloom filter's bits: for each element as many as hash functions, and 7/5 of that; a power of two. [kernel bloom_map_alloc] */
function bloomBits(maxEntries: number, hashes: number): number {
  const bits = Math.floor((maxEntries * hashes) / 5) * 7;
  if (maxEntries * hashes >= 2 ** 32 || bits > 2 ** 31) return 2 ** 32;
  return Math.max(64, 2 ** Math.ceil(Math.log2(bits)));
}

export function layoutOf(options: MapOptions, row: MapTypeRow, cpus: number): MapLayout {
  checkDefinition(options, row);
  const { type, flags } = options;
  const store = storeOf(type, options.keySize);
  const valueSize = options.valueSize;
  const cpuStride = row.perCpu ? round8(valueSize) : 0;
  const valueBytes = row.perCpu ? cpuStride * cpus : round8(valueSize);
  const flat = {
    ...{ store, keyBytes: options.keySize, stride: valueBytes, valueOffset: 0, cpuStride, bucketCount: 0, hashes: 0, mask: 0 },
    ...{ capacity: options.maxEntries, entries: options.maxEntries },
  };
  switch (row.kept) {
    case 'ring':
      return { ...flat, stride: RING_DATA + 2 * options.maxEntries, capacity: 1, mask: options.maxEntries - 1 };
    case 'bloom': {
      const hashes = options.mapExtra || DEFAULT_HASHES;
      const bits = bloomBits(options.maxEntries, hashes);
      return { ...flat, stride: bits / 8, capacity: 1, hashes, mask: bits - 1 };
    }
    case 'events':
      return { ...flat, stride: 8, capacity: Math.max(1, options.maxEntries) };
    case 'storage':
      return { ...flat, capacity: 1 };
    case 'hash':
    case 'lpm':
    case 'local':
      break;
    default:
      return flat;
  }
  const isLocal = row.kept === 'local';
  const keyBytes = isLocal ? 8 : options.keySize;
  // The lists of each CPU have the same number of elements.
  const shared = row.lru === true && (flags & MAP_FLAG.noCommonLru) !== 0;
  const maxEntries = isLocal ? LOCAL_ENTRIES : shared ? Math.ceil(options.maxEntries / cpus) * cpus : options.maxEntries;
  // Keys of 4 bytes stand in the node's header.
  const valueOffset = 8 + (store === STORE.hash4 ? 0 : round8(keyBytes)) + (row.lru ? LRU_BYTES : 0);
  const bucketCount = Math.max(2, 2 ** Math.ceil(Math.log2(maxEntries)));
  return {
    ...{ ...flat, keyBytes, stride: valueOffset + valueBytes, valueOffset, bucketCount, entries: maxEntries },
    // One more than the elements: what overwriting takes.
    capacity: row.lru ? maxEntries : maxEntries + 1,
  };
}

export function isReadOnly(options: MapOptions): boolean {
  return (options.flags & MAP_FLAG.readOnlyProgram) !== 0;
}
