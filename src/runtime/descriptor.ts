// The descriptor that a map pointer points at, and the layout of a map's storage: the same as routines/map.h, `struct map`.
import { MAP_FLAG, STORE, storeOf } from '../spec/maps.ts';
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

export function layoutOf(options: MapOptions, perCpu: boolean, lru: boolean, cpus: number): MapLayout {
  const { type, keySize, valueSize, maxEntries } = options;
  const store = storeOf(type, keySize);
  if (maxEntries === 0) refuse(options, 'max_entries is 0');
  if (valueSize === 0 || valueSize > 2 ** 26) refuse(options, `value size ${valueSize} is not in 1 to ${2 ** 26}`);
  const cpuStride = perCpu ? round8(valueSize) : 0;
  const valueBytes = perCpu ? cpuStride * cpus : round8(valueSize);
  if (store === STORE.array || store === STORE.none) {
    if (keySize !== 4) refuse(options, `an array has keys of 4 bytes, not ${keySize}`);
    return { store, stride: valueBytes, valueOffset: 0, cpuStride, capacity: maxEntries, bucketCount: 0 };
  }
  if (keySize === 0 || keySize > 512) refuse(options, `key size ${keySize} is not in 1 to 512`);
  // Keys of 4 bytes stand in the node's header; an LRU map's mark stands before the value.
  const valueOffset = 8 + (store === STORE.hash4 ? 0 : round8(keySize)) + (lru ? 8 : 0);
  const bucketCount = Math.max(2, 2 ** Math.ceil(Math.log2(maxEntries)));
  // One more than the elements: what overwriting takes.
  return { store, stride: valueOffset + valueBytes, valueOffset, cpuStride, capacity: maxEntries + 1, bucketCount };
}

/** For messages: bytes of the window that a map of that layout takes. */
export function layoutBytes(layout: MapLayout): number {
  return layout.capacity * layout.stride + 4 * layout.bucketCount;
}

export function isReadOnly(options: MapOptions): boolean {
  return (options.flags & MAP_FLAG.readOnlyProgram) !== 0;
}
