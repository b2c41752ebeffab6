// Map types of [uapi bpf.h] and how the runtime keeps each: one row a type. No code but lookups in the tables.
import { MAP_TYPE, type MapTypeName } from './map-types.ts';

/** How elements are stored; the numbers are those of runtime/routines/map.h. */
export const STORE = {
  none: 0, array: 1, hash4: 2, hash8: 3, hash: 4, lpm: 5, targets: 6, queue: 7, stack: 8, bloom: 9, ring: 10,
} as const; // biome-ignore format: a table
export type Store = (typeof STORE)[keyof typeof STORE];

/**
 * What a map is to the runtime. array, hash, lpm, queue, bloom, ring: as the kernel's; programs, targets: slots that hold what is outside;
 * events: slots for readers, what is sent goes to the run's events; storage: one value, that of the program's own cgroup; local: values of
 * sockets, tasks, inodes, cgroups, by their pointer; refused: makes no sense here, or is not there.
 */
export type MapKind =
  | 'array' | 'hash' | 'programs' | 'queue' | 'bloom' | 'ring' | 'events' | 'lpm' | 'targets' | 'storage' | 'local' | 'refused'; // biome-ignore format: a list

export interface MapTypeRow {
  readonly type: number;
  /** As in BPF_MAP_TYPE_*, lower case. */
  readonly name: string;
  readonly kept: MapKind;
  /** One value per CPU. */
  readonly perCpu?: boolean;
  /** Evicts when full. */
  readonly lru?: boolean;
  /** Values are maps. */
  readonly ofMaps?: boolean;
  /** Values are sockets that the caller has given. */
  readonly ofSockets?: boolean;
  /** What there is of it, or why it is refused. */
  readonly state: string;
}

const LOCAL = 'keyed by the pointer that the program has; created with F_CREATE, read from JavaScript by that pointer';

const ROWS: Readonly<Record<Exclude<MapTypeName, 'unspec'>, Omit<MapTypeRow, 'type' | 'name'>>> = {
  hash: { kept: 'hash', state: 'as the kernel' },
  array: { kept: 'array', state: 'as the kernel' },
  prog_array: { kept: 'programs', state: 'programs of the same object' },
  perf_event_array: { kept: 'events', state: "what is sent is in the run's events; lost ones are counted where the buffers have a size" },
  percpu_hash: { kept: 'hash', perCpu: true, state: 'as the kernel' },
  percpu_array: { kept: 'array', perCpu: true, state: 'as the kernel' },
  stack_trace: { kept: 'targets', state: 'always empty: there are no stacks to trace' },
  cgroup_array: { kept: 'targets', state: 'slots hold cgroup ids that the caller puts there' },
  lru_hash: { kept: 'hash', lru: true, state: 'as the kernel, eviction included; BPF_F_NO_COMMON_LRU too' },
  lru_percpu_hash: { kept: 'hash', lru: true, perCpu: true, state: 'as the kernel, eviction included' },
  lpm_trie: { kept: 'lpm', state: 'as the kernel' },
  array_of_maps: { kept: 'array', ofMaps: true, state: 'as the kernel' },
  hash_of_maps: { kept: 'hash', ofMaps: true, state: 'as the kernel' },
  devmap: { kept: 'targets', state: 'the redirect is recorded; any device index is taken' },
  sockmap: { kept: 'targets', ofSockets: true, state: 'holds sockets of the option `sockets`; the redirect is recorded' },
  cpumap: { kept: 'targets', state: 'the redirect is recorded' },
  xskmap: { kept: 'targets', state: 'the redirect is recorded' },
  sockhash: { kept: 'hash', ofSockets: true, state: 'holds sockets of the option `sockets`; the redirect is recorded' },
  cgroup_storage: { kept: 'storage', state: "the value of the program's own cgroup" },
  reuseport_sockarray: { kept: 'targets', ofSockets: true, state: 'holds sockets of the option `sockets`; the choice is recorded' },
  percpu_cgroup_storage: { kept: 'storage', perCpu: true, state: "the value of the program's own cgroup" },
  queue: { kept: 'queue', state: 'as the kernel' },
  stack: { kept: 'queue', state: 'as the kernel' },
  sk_storage: { kept: 'local', state: LOCAL },
  devmap_hash: { kept: 'hash', state: 'the redirect is recorded; any device index is taken' },
  struct_ops: { kept: 'refused', state: 'shown, not run: the kernel calls such programs, nobody does here' },
  ringbuf: { kept: 'ring', state: "as the kernel; what is submitted is in the run's events" },
  inode_storage: { kept: 'local', state: LOCAL },
  task_storage: { kept: 'local', state: LOCAL },
  bloom_filter: { kept: 'bloom', state: 'as the kernel, with the seed 0 that BPF_F_ZERO_SEED gives' },
  user_ringbuf: { kept: 'refused', state: 'a process writes to it, and there is none' },
  cgrp_storage: { kept: 'local', state: LOCAL },
  arena: { kept: 'refused', state: 'memory shared with a process at 64-bit addresses, which a window of 32-bit pointers has no place for' },
};

export const MAP_TYPES: readonly MapTypeRow[] = Object.entries(ROWS).map(([name, row]) => ({
  type: MAP_TYPE[name as MapTypeName],
  name,
  ...row,
}));

const rowOf = new Map(MAP_TYPES.map((row) => [row.type, row]));

export function mapTypeRow(type: number): MapTypeRow | undefined {
  return rowOf.get(type);
}

export function isSupported(type: number): boolean {
  const row = rowOf.get(type);
  return row !== undefined && row.kept !== 'refused';
}

export function mapTypeName(type: number): string {
  return rowOf.get(type)?.name ?? `type ${type}`;
}

/** Map creation flags. [uapi bpf.h] */
export const MAP_FLAG = {
  noPrealloc: 0x1,
  noCommonLru: 0x2,
  numaNode: 0x4,
  readOnly: 0x8,
  writeOnly: 0x10,
  zeroSeed: 0x40,
  readOnlyProgram: 0x80,
  writeOnlyProgram: 0x100,
  clone: 0x200,
  mmapable: 0x400,
  preserveElements: 0x800,
  innerMap: 0x1000,
  link: 0x2000,
} as const;

/** Flags of bpf_map_update_elem. */
export const UPDATE = { any: 0, noExist: 1, exist: 2, lock: 4 } as const;

export function storeOf(type: number, keySize: number): Store {
  const row = rowOf.get(type);
  if (type === MAP_TYPE.queue) return STORE.queue;
  if (type === MAP_TYPE.stack) return STORE.stack;
  if (row?.kept === 'bloom') return STORE.bloom;
  if (row?.kept === 'ring') return STORE.ring;
  if (row?.kept === 'local') return STORE.hash8;
  if (row?.kept === 'array') return STORE.array;
  if (row?.kept === 'lpm') return STORE.lpm;
  if (row?.kept === 'targets') return STORE.targets;
  if (row?.kept !== 'hash') return STORE.none;
  return keySize === 4 ? STORE.hash4 : keySize === 8 ? STORE.hash8 : STORE.hash;
}

/** Bytes of keys of hashes whose look-ups have code of their own. */
const OWN_LOOKUPS: readonly number[] = [4, 8, 16];

/**
 * The routine that does bpf_map_lookup_elem for a map that is known when the program is compiled: shorter than `map_lookup`, which
 * asks the descriptor what kind of map it is. Undefined: only `map_lookup` will do.
 */
export function lookupRoutine(map: { readonly type: number; readonly keySize: number }): string | undefined {
  if (map.type === MAP_TYPE.array) return 'array_lookup';
  if (map.type !== MAP_TYPE.hash) return undefined;
  return OWN_LOOKUPS.includes(map.keySize) ? `hash_lookup_${map.keySize}` : 'hash_lookup';
}
