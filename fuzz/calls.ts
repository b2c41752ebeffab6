// Draws the statements of programs that have a context and maps: maps by every operation and flag, packets, helpers, callbacks, tail calls.
import { PACKET_BASE } from '../src/isa/code.ts';
import { MAP_TYPE } from '../src/spec/map-types.ts';
import {
  edge,
  FRAMES,
  freePointer,
  immediate,
  mayCall,
  offsetIn,
  operand,
  type Pointer,
  RUN_COST,
  readable,
  refills,
  type State,
  small,
  withPointer,
  writable,
} from './draw.ts';
import { ARGUMENT_BYTES, type Argument, type GeneratedMap, KFUNCS, type Operand, type Statement } from './tree.ts';

type Draw = (count: number) => Statement[];
type Kind = 'keyed' | 'queue' | 'ring' | 'programs' | 'events';

const KIND_OF: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  ...[
    MAP_TYPE.hash, MAP_TYPE.array, MAP_TYPE.percpu_hash, MAP_TYPE.percpu_array, MAP_TYPE.lru_hash, MAP_TYPE.lru_percpu_hash,
    MAP_TYPE.lpm_trie,
    MAP_TYPE.array_of_maps,
    MAP_TYPE.hash_of_maps,
  ].map((type) => [type, 'keyed'] as const), // biome-ignore format: a table
  [MAP_TYPE.queue, 'queue'],
  [MAP_TYPE.stack, 'queue'],
  [MAP_TYPE.bloom_filter, 'queue'],
  [MAP_TYPE.ringbuf, 'ring'],
  [MAP_TYPE.prog_array, 'programs'],
  [MAP_TYPE.perf_event_array, 'events'],
]);
const PER_CPU: readonly number[] = [MAP_TYPE.percpu_hash, MAP_TYPE.percpu_array, MAP_TYPE.lru_percpu_hash];
export const ARRAYS: readonly number[] = [MAP_TYPE.array, MAP_TYPE.percpu_array];
/** Largest count of bpf_loop. */
const LOOPS = 7;

/** One of them that fits here; undefined: none was found. */
export function callStatement(state: State, draw: Draw): Statement | undefined {
  const { r } = state;
  if (!mayCall(state)) return undefined;
  const choice = r.below(20);
  if (choice < 10) return mapStatement(state, draw);
  if (choice < 13) return packet(state, draw);
  if (choice < 15) return context(state);
  if (choice < 17) return helper(state);
  return choice < 19 ? callback(state) : tailCall(state);
}

function mapOf(state: State, kind: Kind): number | undefined {
  const able = state.maps.flatMap(({ type }, index) => (KIND_OF.get(type) === kind ? [index] : []));
  return able.length === 0 ? undefined : state.r.pick(able);
}

function mapStatement(state: State, draw: Draw): Statement | undefined {
  const { r } = state;
  const able = state.maps.flatMap(({ type }, index) => (KIND_OF.get(type) === 'programs' || KIND_OF.get(type) === 'events' ? [] : [index]));
  if (able.length === 0) return undefined;
  const holders = state.pointers.filter((pointer) => pointer.kind === 'map');
  const holder = holders.length > 0 && !r.oneIn(3) ? r.pick(holders) : undefined;
  const map = holder?.map ?? r.pick(able);
  const through = holder?.register;
  const shape = state.maps[map]!;
  const kind = KIND_OF.get(shape.type);
  if (shape.inner !== undefined) return lookup(state, map, through, draw);
  if (kind === 'queue') return queue(state, map);
  if (kind === 'ring') return ring(state, map, draw);
  // What becomes of a value whose element goes away is for the kernel to say.
  const isHeld = state.options.verifiable === true && state.pointers.some((pointer) => pointer.kind === 'value');
  const choice = r.below(8);
  if (choice < 4) return lookup(state, map, through, draw);
  if (choice < 5 && shape.type === MAP_TYPE.array) return mapValue(state, map, shape, draw);
  if (choice < 7 && !isHeld) {
    return { do: 'update', map, through, key: key(state, shape), value: values(state), flags: updateFlags(state), after: refills(r) };
  }
  return isHeld ? undefined : { do: 'delete', map, through, key: key(state, shape), after: refills(r) };
}

/** Few different keys, so that they meet. */
function key(state: State, { type, maxEntries, keySize }: GeneratedMap): Operand[] {
  const { r } = state;
  if (type === MAP_TYPE.lpm_trie) {
    const bits = 8 * (keySize - 4);
    return [
      r.oneIn(20) ? { imm: bits + 1 + r.below(8) } : { imm: r.below(bits + 1) },
      ...Array.from({ length: 4 }, () => ({ imm: r.pick([0, 10, 0x10a, 0x800a, -1]) })),
    ];
  }
  const first = small(state, Math.min(maxEntries + 1, 12));
  return keySize <= 4 ? [first] : [first, ...Array.from({ length: 3 }, () => (r.oneIn(3) ? small(state, 2) : { imm: 0 }))];
}

function values(state: State): Operand[] {
  return Array.from({ length: ARGUMENT_BYTES / 8 }, () => operand(state));
}

/** Values that meet. */
function few({ r }: State): Operand[] {
  return [{ imm: r.below(8) }, { imm: 0 }];
}

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST, and what none allows. */
function updateFlags(state: State): Operand {
  const { r } = state;
  if (!r.oneIn(8)) return { imm: r.below(3) };
  return r.pick<Operand>([{ imm: 3 }, { imm: 4 }, { imm: 0, hi: 1 }, { imm: -1, hi: -1 }, { imm: 8 }, { register: readable(state) }]);
}

function lookup(state: State, map: number, through: number | undefined, draw: Draw): Statement | undefined {
  const { r } = state;
  const shape = state.maps[map]!;
  const { inner } = shape;
  const pointer = freePointer(state, inner !== undefined || !r.oneIn(4));
  if (pointer === undefined) return undefined;
  const isPerCpu = PER_CPU.includes(shape.type) && r.oneIn(3);
  const at: Pointer =
    inner === undefined
      ? { register: pointer, bytes: shape.valueSize, alignment: 8, kind: 'value', map }
      : { register: pointer, bytes: 0, alignment: 1, kind: 'map', map: inner };
  const checked = state.options.verifiable === true || inner !== undefined || !r.oneIn(60);
  return {
    do: 'lookup',
    map,
    through,
    key: key(state, shape),
    cpu: isPerCpu ? (state.options.verifiable === true ? { imm: 0 } : small(state, 2)) : undefined,
    checked,
    pointer,
    body: withPointer(state, at, () => draw(1 + r.below(4))),
    miss: r.oneIn(3) ? draw(1 + r.below(2)) : [],
    refill: edge(r),
    after: refills(r),
  };
}

function mapValue(state: State, map: number, { valueSize, maxEntries }: GeneratedMap, draw: Draw): Statement | undefined {
  const { r } = state;
  if (maxEntries > 1 && state.options.verifiable === true) return undefined;
  const pointer = freePointer(state, r.oneIn(2));
  if (pointer === undefined) return undefined;
  const offset = offsetIn(state, valueSize - (valueSize % 8), 8, false);
  if (offset >= valueSize || offset < 0) return undefined;
  const at: Pointer = { register: pointer, bytes: valueSize - offset, alignment: offset % 8 === 0 ? 8 : 1, kind: 'value', map };
  return { do: 'mapValue', map, offset, pointer, body: withPointer(state, at, () => draw(1 + r.below(4))), refill: edge(r) };
}

function queue(state: State, map: number): Statement {
  const { r } = state;
  const isFilter = state.maps[map]!.type === MAP_TYPE.bloom_filter;
  // A filter is asked about what stands in the argument area.
  if (isFilter && r.oneIn(2))
    return { do: 'helper', id: PEEK, arguments: [{ map }, { stack: 0 }], data: few(state), into: undefined, after: refills(r) };
  if (isFilter || r.oneIn(2)) {
    const flags: Operand = r.oneIn(8) ? r.pick([{ imm: 1 }, { imm: 3 }, { imm: 0, hi: 1 }]) : { imm: r.oneIn(3) && !isFilter ? 2 : 0 };
    return { do: 'push', map, value: isFilter ? few(state) : values(state), flags, after: refills(r) };
  }
  return { do: 'pop', map, peek: r.oneIn(3), into: writable(state), after: refills(r) };
}

function ring(state: State, map: number, draw: Draw): Statement | undefined {
  const { r } = state;
  const data = values(state);
  switch (r.below(4)) {
    case 0:
      return {
        do: 'helper',
        id: 130,
        arguments: [{ map }, { stack: 0 }, { imm: 1 + r.below(ARGUMENT_BYTES) }, { imm: r.oneIn(8) ? 4 + r.below(9) : r.below(3) }],
        data,
        into: undefined,
        after: refills(r),
      };
    case 1: {
      // Positions are the kernel's own business: what was reserved before us is not there.
      return { do: 'helper', id: 134, arguments: [{ map }, { imm: r.below(5) }], data: [], into: undefined, after: refills(r) };
    }
    default: {
      const pointer = freePointer(state, true);
      // A tail call or an exit would leak the record.
      if (pointer === undefined || state.pointers.some(({ kind }) => kind === 'record')) return undefined;
      const bytes = 8 * (1 + r.below(6));
      const at: Pointer = { register: pointer, bytes, alignment: 8, kind: 'record' };
      return {
        do: 'reserve',
        map,
        bytes,
        submit: !r.oneIn(3),
        flags: r.below(3),
        pointer,
        body: withPointer(state, at, () => draw(1 + r.below(4))),
        refill: edge(r),
        after: refills(r),
      };
    }
  }
}

function packet(state: State, draw: Draw): Statement | undefined {
  const { r, role } = state;
  if (role !== 'main' && role !== 'sub') return undefined;
  const pointer = freePointer(state, !r.oneIn(4));
  if (pointer === undefined) return undefined;
  const meta = r.oneIn(6);
  const bytes = meta ? r.pick([4, 8]) : r.pick([1, 2, 8, 14, 20, 34, 54, 60, 64, 128]);
  return {
    do: 'packet',
    meta,
    bytes,
    pointer,
    body: withPointer(state, { register: pointer, bytes, alignment: 1, kind: 'packet' }, () => draw(1 + r.below(5))),
    miss: r.oneIn(3) ? draw(1 + r.below(2)) : [],
    refill: edge(r),
    after: refills(r),
  };
}

/** Distances that are not known; eight bytes at a time keep what atomics need. The verifier wants packets checked anew. */
export function step(state: State, draw: Draw): Statement | undefined {
  const { r } = state;
  const able = state.pointers.filter(({ kind, bytes }) => bytes > 8 && (kind === 'value' || kind === 'record'));
  const pointer = able.length === 0 ? undefined : freePointer(state, r.oneIn(2));
  if (pointer === undefined) return undefined;
  const from = r.pick(able);
  const mask = r.pick([1, 3, 7, 8, 8, 24].filter((most) => most < from.bytes));
  const at: Pointer = { ...from, register: pointer, bytes: from.bytes - mask, alignment: mask % 8 === 0 ? from.alignment : 1 };
  const index = readable(state);
  return {
    do: 'step',
    from: from.register,
    index,
    mask,
    pointer,
    body: withPointer(state, at, () => draw(1 + r.below(3))),
    refill: edge(r),
  };
}

/** Fields that the kernel lets programs see and that a test run sets as we do: offset, writable. */
const FIELDS = {
  // xdp_md: ingress_ifindex, rx_queue_index.
  xdp: [
    [12, false],
    [16, false],
  ],
  // __sk_buff: len, mark, priority, tc_index, cb[0] to cb[4].
  sched_cls: [
    [0, false],
    [8, true],
    [32, true],
    [44, true],
    [48, true],
    [52, true],
    [64, true],
  ],
} as const;

function context(state: State): Statement | undefined {
  const { r, role, type } = state;
  if (type === 'raw' || (role !== 'main' && role !== 'sub')) return undefined;
  if (type === 'sched_cls' && role === 'main' && r.oneIn(2)) {
    const loaded = packetLoad(state);
    if (loaded !== undefined) return loaded;
  }
  const [offset, isWritable] = r.pick<readonly [number, boolean]>(FIELDS[type]);
  if (isWritable && r.oneIn(2)) {
    const through = writable(state);
    const src = readable(state);
    if (through !== src) return { do: 'contextStore', offset, bytes: 4, src, through };
  }
  return { do: 'contextLoad', offset, bytes: 4, dst: writable(state) };
}

/** At places in the packet, beyond it, and relative to its headers. */
function packetLoad(state: State): Statement | undefined {
  const { r, locked } = state;
  // It may end the program, which then owes a record.
  if (locked.has(6) || locked.has(7) || locked.has(0) || state.pointers.some(({ kind }) => kind === 'record')) return undefined;
  const bytes = r.pick([1, 2, 4] as const);
  const offset = r.oneIn(8) ? r.pick([PACKET_BASE.link + r.below(20), PACKET_BASE.network + r.below(8), -1, 2000]) : r.below(24);
  return { do: 'packetLoad', bytes, offset, index: r.oneIn(2) ? small(state, 15) : undefined, refill: edge(r), after: refills(r) };
}

interface HelperRow {
  readonly id: number;
  readonly types: readonly ('xdp' | 'sched_cls')[];
  /** Not for the kernel: it knows other answers, or refuses the arguments. */
  readonly ours?: boolean;
  /** Pointers to the packet are stale behind it. */
  readonly changesPacket?: boolean;
  readonly arguments: (state: State) => readonly Argument[] | undefined;
  readonly data?: (state: State) => readonly Operand[];
  /** Of the first words of the argument area. */
  readonly reads?: boolean;
}

const ALL = ['xdp', 'sched_cls'] as const;
/** Stands for a kernel function in the table of helpers. */
const KFUNC = -1;
const PEEK = 89;
/** Text of numbers, and what is none: eight bytes each. */
const TEXTS = ['  -12345', '0x1fZ   ', '077 99  ', '18446744', '73709551', '616     ', '+5      ', '-0x     '].map((text) => {
  const view = new DataView(new TextEncoder().encode(text).buffer);
  return { imm: view.getInt32(0, true), hi: view.getInt32(4, true) };
});

const HELPERS: readonly HelperRow[] = [
  { id: 5, types: ALL, ours: true, arguments: () => [] },
  { id: 7, types: ALL, ours: true, arguments: () => [] },
  { id: 8, types: ALL, arguments: () => [] },
  { id: 16, types: ALL, ours: true, reads: true, arguments: ({ r }) => [{ stack: 0 }, { imm: r.below(ARGUMENT_BYTES + 1) }], data: values },
  {
    id: 28,
    types: ALL,
    arguments: (state) => {
      const sizes = [0, 4, 8, 12, 16];
      return [{ stack: 0 }, { imm: state.r.pick(sizes) }, { stack: 16 }, { imm: state.r.pick(sizes) }, operand(state)];
    },
    data: values,
  },
  {
    id: 44,
    types: ['xdp'],
    changesPacket: true,
    arguments: ({ r }) => ['context', { imm: r.pick([-8, -14, -4, 4, 8, 14, 20, 200, -300, 0]) }],
  },
  { id: 54, types: ['xdp'], changesPacket: true, arguments: ({ r }) => ['context', { imm: r.pick([-4, -8, -32, 4, 3, 0, -256]) }] },
  { id: 65, types: ['xdp'], changesPacket: true, arguments: ({ r }) => ['context', { imm: r.pick([-8, -14, -40, 4, 8, 32, 0, -2000]) }] },
  { id: 188, types: ['xdp'], arguments: () => ['context'] },
  {
    id: 189,
    types: ['xdp'],
    reads: true,
    arguments: (state) => ['context', small(state, 127), { stack: 0 }, { imm: 1 + state.r.below(ARGUMENT_BYTES) }],
    data: values,
  },
  {
    id: 190,
    types: ['xdp'],
    changesPacket: true,
    arguments: (state) => ['context', small(state, 127), { stack: 0 }, { imm: 1 + state.r.below(ARGUMENT_BYTES) }],
    data: values,
  },
  {
    id: 26,
    types: ['sched_cls'],
    reads: true,
    arguments: (state) => ['context', small(state, 127), { stack: 0 }, { imm: 1 + state.r.below(ARGUMENT_BYTES) }],
    data: values,
  },
  {
    id: 9,
    types: ['sched_cls'],
    changesPacket: true,
    arguments: (state) => ['context', small(state, 127), { stack: 0 }, { imm: 1 + state.r.below(ARGUMENT_BYTES) }, { imm: 0 }],
    data: values,
  },
  {
    id: 25,
    types: ALL,
    arguments: (state) => {
      const map = mapOf(state, 'events');
      const flags = state.r.pick<Operand>([
        { imm: -1, hi: 0 },
        { imm: 0 },
        { imm: 1 },
        { imm: 0, hi: 8 },
        { imm: 0, hi: 1 << 20 },
        { imm: 99 },
      ]);
      return map === undefined ? undefined : ['context', { map }, flags, { stack: 0 }, { imm: 1 + state.r.below(ARGUMENT_BYTES) }];
    },
    data: values,
  },
  ...[105, 106].map(
    (id): HelperRow => ({
      id,
      types: ALL,
      arguments: ({ r }) => [{ stack: 0 }, { imm: 1 + r.below(24) }, { imm: r.pick([0, 8, 10, 16, 7]) }, { stack: 24 }],
      data: ({ r }) => [r.pick(TEXTS), r.pick(TEXTS), r.pick(TEXTS), { imm: 0 }],
    }),
  ),
  {
    id: 113,
    types: ALL,
    reads: true,
    arguments: ({ r }) => [{ stack: 0 }, { imm: r.below(ARGUMENT_BYTES + 1) }, { imm: r.below(4096) }],
    data: values,
  },
  { id: KFUNC, types: ALL, ours: true, arguments: () => [] },
  { id: 125, types: ALL, ours: true, arguments: () => [] },
  { id: 182, types: ALL, ours: true, arguments: ({ r }) => [{ stack: 0 }, { imm: r.below(17) }, { stack: 16 }], data: values },
  // An address that is none, and a helper that nobody has: the program stops.
  {
    id: 189,
    types: ['xdp'],
    ours: true,
    arguments: ({ r }) => (r.oneIn(8) ? ['context', { imm: 0 }, { imm: r.below(1 << 15) }, { imm: 8 }] : undefined),
  },
  { id: 4000, types: ALL, ours: true, arguments: ({ r }) => (r.oneIn(8) ? [] : undefined) },
];

function helper(state: State): Statement | undefined {
  const { r, role, type } = state;
  const hasContext = role === 'main' || role === 'sub';
  const pointsAtPacket = state.pointers.some(({ kind }) => kind === 'packet');
  const able = HELPERS.filter(
    ({ types, ours, changesPacket }) =>
      (types as readonly string[]).includes(type) && !(ours && state.options.verifiable === true) && !(changesPacket && pointsAtPacket),
  );
  const row = r.pick(able);
  if (row.id === KFUNC) return { do: 'kfunc', name: r.below(KFUNCS.length), refill: edge(r), after: refills(r) };
  const given = row.arguments(state);
  if (given === undefined || (given[0] === 'context' && !hasContext)) return undefined;
  state.changesPacket ||= row.changesPacket === true;
  return {
    do: 'helper',
    id: row.id,
    arguments: given,
    data: row.data?.(state) ?? [],
    into: row.reads === true ? writable(state) : undefined,
    after: refills(r),
  };
}

function callback(state: State): Statement | undefined {
  const { r } = state;
  const able = state.callees.filter(
    ({ role, frameWords, frames, cost, map }) =>
      (role === 'loop' || role === 'each') &&
      frameWords <= state.words &&
      frames + 1 < FRAMES &&
      cost * iterations(state, map) * state.loopFactor < RUN_COST,
  );
  if (able.length === 0) return undefined;
  const { index, map, frames, cost } = r.pick(able);
  const callee = { callee: index, flags: r.oneIn(12) ? 1 : 0, after: refills(r) } as const;
  state.frames = Math.max(state.frames, frames);
  state.cost += cost * iterations(state, map) * state.loopFactor;
  return map === undefined ? { do: 'bpfLoop', count: count(state), ...callee } : { do: 'forEach', map, ...callee };
}

/** Too many now and then. Not for the kernel: where it inlines bpf_loop, -E2BIG has 32 bits. [Linux inline_bpf_loop] */
function count(state: State): Operand {
  const { r } = state;
  return r.oneIn(24) && state.options.verifiable !== true
    ? { imm: 0x80_0001 }
    : state.r.oneIn(3)
      ? { register: readable(state), mask: LOOPS }
      : { imm: r.below(LOOPS + 1) };
}

function iterations(state: State, map: number | undefined): number {
  return map === undefined ? LOOPS : state.maps[map]!.maxEntries;
}

function tailCall(state: State): Statement | undefined {
  const { r } = state;
  const map = state.tailCalls ? mapOf(state, 'programs') : undefined;
  // What was reserved must be given back, and the callee may move the packet.
  if (map === undefined || state.pointers.some(({ kind }) => kind === 'packet' || kind === 'record')) return undefined;
  const { maxEntries } = state.maps[map]!;
  state.changesPacket = true;
  const index: Operand = r.oneIn(3)
    ? { register: readable(state), mask: 7, ...(r.oneIn(2) ? { dirty: edge(r) } : {}) }
    : r.oneIn(4)
      ? { imm: r.below(maxEntries + 1), hi: edge(r) }
      : r.oneIn(12)
        ? immediate(r)
        : { imm: r.below(maxEntries) };
  return { do: 'tailCall', map, index, refill: edge(r), after: refills(r) };
}
