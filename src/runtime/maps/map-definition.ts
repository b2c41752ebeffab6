// Which definitions of maps the kernel would create: sizes, entries and flags by type. One row a type. [kernel *_map_alloc_check]
import { MAP_TYPE, type MapTypeName } from '../../spec/map-types.ts';
import { MAP_FLAG, type MapTypeRow } from '../../spec/maps.ts';
import { BpfError } from '../../util/error.ts';
import type { MapOptions } from './descriptor.ts';

const { noPrealloc, noCommonLru, numaNode, readOnly, writeOnly, zeroSeed, readOnlyProgram, writeOnlyProgram, clone } = MAP_FLAG;
const { mmapable, preserveElements, innerMap } = MAP_FLAG;
const OUTSIDE = readOnly | writeOnly;
const ACCESS = OUTSIDE | readOnlyProgram | writeOnlyProgram;
const STACK_BUILD_ID = 0x20;

type Sizes = readonly number[] | { readonly from: number; readonly to: number };

interface Rule {
  readonly key: Sizes;
  readonly value: Sizes;
  /** 'none': must be 0; 'ring': a power of two of pages; default: at least 1. */
  readonly entries?: 'none' | 'ring' | 'any';
  readonly flags: number;
  /** Flags that must be there. */
  readonly needs?: number;
}

/** KMALLOC_MAX_SIZE, less what the kernel puts in front. */
const LARGEST = 2 ** 22 - 512;
/** PCPU_MIN_UNIT_SIZE. */
const LARGEST_PER_CPU = 2 ** 15;
const WORD = [4];
const WORDS = [4, 8];
const VALUE: Sizes = { from: 1, to: LARGEST };
const ARRAY: Rule = { key: WORD, value: { from: 1, to: 2 ** 31 - 1 }, flags: numaNode | ACCESS };
const HASH: Rule = { key: { from: 1, to: LARGEST }, value: VALUE, flags: noPrealloc | numaNode | ACCESS | zeroSeed };
const FILES: Rule = { key: WORD, value: WORD, flags: numaNode | OUTSIDE };
const DEVICES: Rule = { key: WORD, value: WORDS, flags: numaNode | OUTSIDE };
const QUEUE: Rule = { key: [0], value: VALUE, flags: numaNode | ACCESS };
const LOCAL: Rule = { key: WORD, value: { from: 1, to: 0xfe00 }, entries: 'none', flags: noPrealloc | clone, needs: noPrealloc };
const CGROUP: Rule = { key: [8, 16], value: { from: 1, to: 0xfe00 }, entries: 'none', flags: numaNode | ACCESS };

const RULES: Readonly<Partial<Record<MapTypeName, Rule>>> = {
  hash: HASH,
  array: { ...ARRAY, flags: ARRAY.flags | mmapable | innerMap },
  prog_array: FILES,
  perf_event_array: { ...FILES, entries: 'any', flags: FILES.flags | preserveElements },
  // Each CPU's values lie on its own node.
  percpu_hash: { ...HASH, flags: HASH.flags & ~numaNode },
  percpu_array: { ...ARRAY, flags: ACCESS },
  stack_trace: { key: WORD, value: { from: 8, to: 32 * 127 }, flags: numaNode | OUTSIDE | STACK_BUILD_ID },
  cgroup_array: FILES,
  lru_hash: { ...HASH, flags: (HASH.flags & ~noPrealloc) | noCommonLru },
  lru_percpu_hash: { ...HASH, flags: (HASH.flags & ~(noPrealloc | numaNode)) | noCommonLru },
  lpm_trie: { key: { from: 5, to: 4 + 256 }, value: VALUE, flags: noPrealloc | numaNode | ACCESS, needs: noPrealloc },
  array_of_maps: FILES,
  hash_of_maps: { ...HASH, value: WORD, flags: HASH.flags & ~(readOnlyProgram | writeOnlyProgram) },
  devmap: DEVICES,
  devmap_hash: DEVICES,
  sockmap: DEVICES,
  sockhash: { ...DEVICES, key: { from: 1, to: 512 } },
  cpumap: { ...DEVICES, flags: numaNode },
  xskmap: { ...DEVICES, value: WORD },
  cgroup_storage: CGROUP,
  percpu_cgroup_storage: CGROUP,
  reuseport_sockarray: { ...ARRAY, value: WORDS },
  queue: QUEUE,
  stack: QUEUE,
  bloom_filter: { ...QUEUE, flags: QUEUE.flags | zeroSeed },
  sk_storage: LOCAL,
  inode_storage: LOCAL,
  task_storage: LOCAL,
  cgrp_storage: LOCAL,
  ringbuf: { key: [0], value: [0], entries: 'ring', flags: numaNode },
};

const shown = (sizes: Sizes): string =>
  'from' in sizes
    ? `${sizes.from} to ${sizes.to}`
    : sizes.length === 1
      ? String(sizes[0])
      : `${sizes.slice(0, -1).join(', ')} or ${sizes.at(-1)}`;
const fits = (size: number, sizes: Sizes): boolean => ('from' in sizes ? size >= sizes.from && size <= sizes.to : sizes.includes(size));

/** Throws where the kernel would not create that map. */
export function checkDefinition(options: MapOptions, row: MapTypeRow): void {
  const refuse = (what: string): never => {
    throw new BpfError('map/definition', { in: 'option', name: options.name }, `map ${options.name}: ${what}`);
  };
  const rule = RULES[row.name as MapTypeName];
  if (rule === undefined) return;
  const { keySize, valueSize, maxEntries, flags, type } = options;
  const a = `a map of type ${row.name} has`;
  if (!fits(keySize, rule.key)) refuse(`${a} a key size of ${shown(rule.key)}, not ${keySize}`);
  if (!fits(valueSize, rule.value)) refuse(`${a} a value size of ${shown(rule.value)}, not ${valueSize}`);
  if (row.perCpu === true && valueSize > LARGEST_PER_CPU)
    refuse(`${a} values of at most ${LARGEST_PER_CPU} bytes for each CPU, not ${valueSize}`);
  // Of struct bpf_stack_build_id, or of addresses.
  const frameBytes = (flags & STACK_BUILD_ID) !== 0 ? 32 : 8;
  if (type === MAP_TYPE.stack_trace && valueSize % frameBytes !== 0)
    refuse(`${a} frames of ${frameBytes} bytes, not ${valueSize} bytes of them`);
  if (type === MAP_TYPE.stack_trace && valueSize > 127 * frameBytes) refuse(`${a} at most 127 frames, not ${valueSize / frameBytes}`);
  if (rule.entries === 'none' && maxEntries !== 0) refuse(`${a} max_entries 0, not ${maxEntries}`);
  if ((rule.entries === undefined || rule.entries === 'ring') && maxEntries === 0)
    refuse(`max_entries is 0: who loads the object has to say how many; mapSizes: { ${options.name}: N }, --map-size ${options.name}=N`);
  if (rule.entries === 'ring' && (maxEntries === 0 || maxEntries % 4096 !== 0 || (maxEntries & (maxEntries - 1)) !== 0))
    refuse(`a ring buffer has a power of two of bytes, at least 4096, not ${maxEntries}`);
  const unknown = flags & ~rule.flags;
  if (unknown !== 0) refuse(`flags 0x${(unknown >>> 0).toString(16)} mean nothing for type ${row.name}`);
  if (rule.needs !== undefined && (flags & rule.needs) !== rule.needs) refuse(`a map of type ${row.name} needs the flag BPF_F_NO_PREALLOC`);
  if ((flags & readOnlyProgram) !== 0 && (flags & writeOnlyProgram) !== 0)
    refuse('no program could use it: BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG');
  if (type === MAP_TYPE.bloom_filter && (options.mapExtra ?? 0) > 15)
    refuse(`a bloom filter has 1 to 15 hash functions, not ${options.mapExtra}`);
}
