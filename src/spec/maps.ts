// Map types of [uapi bpf.h] and how the runtime keeps each: one row a type. No code but lookups in the tables.

/** How elements are stored; the numbers are those of runtime/routines/map.h. */
export const STORE = { none: 0, array: 1, hash4: 2, hash8: 3, hash: 4, lpm: 5 } as const;
export type Store = (typeof STORE)[keyof typeof STORE];

export interface MapTypeRow {
  readonly type: number;
  /** As in BPF_MAP_TYPE_*, lower case. */
  readonly name: string;
  /** hash: one of the three hash stores by key size; host: the runtime's JavaScript keeps it; refused: no engine has it yet. */
  readonly kept: 'array' | 'hash' | 'programs' | 'queue' | 'ring' | 'events' | 'lpm' | 'targets' | 'storage' | 'refused';
  /** One value per CPU. */
  readonly perCpu?: boolean;
  /** Evicts when full. */
  readonly lru?: boolean;
  /** Values are maps. */
  readonly ofMaps?: boolean;
}

export const MAP_TYPES: readonly MapTypeRow[] = [
  { type: 1, name: 'hash', kept: 'hash' },
  { type: 2, name: 'array', kept: 'array' },
  { type: 3, name: 'prog_array', kept: 'programs' },
  { type: 4, name: 'perf_event_array', kept: 'events' },
  { type: 5, name: 'percpu_hash', kept: 'hash', perCpu: true },
  { type: 6, name: 'percpu_array', kept: 'array', perCpu: true },
  { type: 7, name: 'stack_trace', kept: 'refused' },
  { type: 8, name: 'cgroup_array', kept: 'targets' },
  { type: 9, name: 'lru_hash', kept: 'hash', lru: true },
  { type: 10, name: 'lru_percpu_hash', kept: 'hash', lru: true, perCpu: true },
  { type: 11, name: 'lpm_trie', kept: 'lpm' },
  { type: 12, name: 'array_of_maps', kept: 'array', ofMaps: true },
  { type: 13, name: 'hash_of_maps', kept: 'hash', ofMaps: true },
  { type: 14, name: 'devmap', kept: 'targets' },
  { type: 15, name: 'sockmap', kept: 'refused' },
  { type: 16, name: 'cpumap', kept: 'targets' },
  { type: 17, name: 'xskmap', kept: 'targets' },
  { type: 18, name: 'sockhash', kept: 'refused' },
  { type: 19, name: 'cgroup_storage', kept: 'storage' },
  { type: 20, name: 'reuseport_sockarray', kept: 'refused' },
  { type: 21, name: 'percpu_cgroup_storage', kept: 'storage', perCpu: true },
  { type: 22, name: 'queue', kept: 'queue' },
  { type: 23, name: 'stack', kept: 'queue' },
  { type: 24, name: 'sk_storage', kept: 'refused' },
  { type: 25, name: 'devmap_hash', kept: 'hash' },
  { type: 26, name: 'struct_ops', kept: 'refused' },
  { type: 27, name: 'ringbuf', kept: 'ring' },
  { type: 28, name: 'inode_storage', kept: 'refused' },
  { type: 29, name: 'task_storage', kept: 'refused' },
  { type: 30, name: 'bloom_filter', kept: 'refused' },
  { type: 31, name: 'user_ringbuf', kept: 'refused' },
  { type: 32, name: 'cgrp_storage', kept: 'refused' },
  { type: 33, name: 'arena', kept: 'refused' },
];

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
  mmapable: 0x400,
  innerMap: 0x1000,
} as const;

/** Flags of bpf_map_update_elem. */
export const UPDATE = { any: 0, noExist: 1, exist: 2, lock: 4 } as const;

export function storeOf(type: number, keySize: number): Store {
  const row = rowOf.get(type);
  if (row?.kept === 'array') return STORE.array;
  if (row?.kept === 'lpm') return STORE.lpm;
  if (row?.kept !== 'hash') return STORE.none;
  return keySize === 4 ? STORE.hash4 : keySize === 8 ? STORE.hash8 : STORE.hash;
}

/**
 * The routine that does bpf_map_lookup_elem for a map that is known when the program is compiled: shorter than `map_lookup`, which
 * asks the descriptor what kind of map it is. Undefined: only `map_lookup` will do.
 */
export function lookupRoutine(map: { readonly type: number; readonly keySize: number }): string | undefined {
  if (map.type === 2) return 'array_lookup';
  if (map.type !== 1) return undefined;
  return map.keySize === 4 ? 'hash_lookup_4' : map.keySize === 8 ? 'hash_lookup_8' : 'hash_lookup';
}
