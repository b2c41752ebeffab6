// Map types of [uapi bpf.h] and how the runtime keeps each: one row a type. No code but lookups in the tables.
import { MAP_TYPE, type MapTypeName } from './map-types.ts';

/** How elements are stored; the numbers are those of runtime/routines/map.h. */
export const STORE = { none: 0, array: 1, hash4: 2, hash8: 3, hash: 4, lpm: 5, targets: 6 } as const;
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

const ROWS: Readonly<Record<Exclude<MapTypeName, 'unspec'>, Omit<MapTypeRow, 'type' | 'name'>>> = {
  hash: { kept: 'hash' },
  array: { kept: 'array' },
  prog_array: { kept: 'programs' },
  perf_event_array: { kept: 'events' },
  percpu_hash: { kept: 'hash', perCpu: true },
  percpu_array: { kept: 'array', perCpu: true },
  stack_trace: { kept: 'refused' },
  cgroup_array: { kept: 'targets' },
  lru_hash: { kept: 'hash', lru: true },
  lru_percpu_hash: { kept: 'hash', lru: true, perCpu: true },
  lpm_trie: { kept: 'lpm' },
  array_of_maps: { kept: 'array', ofMaps: true },
  hash_of_maps: { kept: 'hash', ofMaps: true },
  devmap: { kept: 'targets' },
  sockmap: { kept: 'refused' },
  cpumap: { kept: 'targets' },
  xskmap: { kept: 'targets' },
  sockhash: { kept: 'refused' },
  cgroup_storage: { kept: 'storage' },
  reuseport_sockarray: { kept: 'refused' },
  percpu_cgroup_storage: { kept: 'storage', perCpu: true },
  queue: { kept: 'queue' },
  stack: { kept: 'queue' },
  sk_storage: { kept: 'refused' },
  devmap_hash: { kept: 'hash' },
  struct_ops: { kept: 'refused' },
  ringbuf: { kept: 'ring' },
  inode_storage: { kept: 'refused' },
  task_storage: { kept: 'refused' },
  bloom_filter: { kept: 'refused' },
  user_ringbuf: { kept: 'refused' },
  cgrp_storage: { kept: 'refused' },
  arena: { kept: 'refused' },
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
  mmapable: 0x400,
  innerMap: 0x1000,
  link: 0x2000,
} as const;

/** Flags of bpf_map_update_elem. */
export const UPDATE = { any: 0, noExist: 1, exist: 2, lock: 4 } as const;

export function storeOf(type: number, keySize: number): Store {
  const row = rowOf.get(type);
  if (row?.kept === 'array') return STORE.array;
  if (row?.kept === 'lpm') return STORE.lpm;
  if (row?.kept === 'targets') return STORE.targets;
  if (row?.kept !== 'hash') return STORE.none;
  return keySize === 4 ? STORE.hash4 : keySize === 8 ? STORE.hash8 : STORE.hash;
}

/**
 * The routine that does bpf_map_lookup_elem for a map that is known when the program is compiled: shorter than `map_lookup`, which
 * asks the descriptor what kind of map it is. Undefined: only `map_lookup` will do.
 */
export function lookupRoutine(map: { readonly type: number; readonly keySize: number }): string | undefined {
  if (map.type === MAP_TYPE.array) return 'array_lookup';
  if (map.type !== MAP_TYPE.hash) return undefined;
  return map.keySize === 4 ? 'hash_lookup_4' : map.keySize === 8 ? 'hash_lookup_8' : 'hash_lookup';
}
