// What changed between two states of an object: entries by map, variables by name.
import { toHex } from '../../util/bytes.ts';
import { BpfMap } from '../maps/maps.ts';
import type { Home } from './home.ts';
import type { ObjectSnapshot } from './object-state.ts';

/** Of one map. `changed`: entries that both states have, with other values. Queues and stacks: `key` is the place in the row. */
export interface MapDifference<K = unknown, V = unknown> {
  readonly added: readonly (readonly [key: K, value: V])[];
  readonly removed: readonly (readonly [key: K, value: V])[];
  readonly changed: readonly { readonly key: K; readonly before: V; readonly after: V }[];
}

/** Maps and variables that are the same are not in it. */
export interface ObjectDifference {
  readonly maps: Readonly<Record<string, MapDifference | undefined>>;
  readonly variables: Readonly<Record<string, { readonly before: unknown; readonly after: unknown } | undefined>>;
  /** Nanoseconds from one to the other. */
  readonly clock: bigint;
}

/** The bytes of an entry; only what differs is decoded. */
interface Bytes {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** `entries`: by what tells keys apart. */
interface MapState {
  readonly map: BpfMap;
  readonly entries: ReadonlyMap<string, Bytes>;
}

interface State {
  /** By name. */
  readonly maps: ReadonlyMap<string, MapState>;
  readonly variables: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly value: unknown }>;
}

/** Global data is compared by variable, not as maps. */
function stateOf(home: Home, variables: Readonly<Record<string, unknown>>, constants = true): State {
  const { window } = home;
  const declared = home.maps.filter(({ name }) => !name.startsWith('.'));
  return {
    maps: new Map(declared.map((map) => [map.name, { map, entries: entriesOf(map) }])),
    variables: new Map(
      home.variables
        .filter(({ constant }) => constants || !constant)
        .map(({ name, start, end }) => [name, { bytes: window.read(start, end - start), value: variables[name] }]),
    ),
  };
}

function entriesOf(map: BpfMap): MapState['entries'] {
  const entries = new Map<string, Bytes>();
  if (!map.isReadable) return entries;
  if (map.row.kept === 'queue') {
    for (let place = 0; place < map.size; place++) entries.set(String(place), { key: new Uint8Array(0), value: map.queued(place) });
  }
  for (const [key, value] of map.entriesBytes()) entries.set(toHex(key), { key, value });
  return entries;
}

/** As the map's `entries` has it; queues have places instead of keys. The value of an empty slot is undefined. */
function decoded({ map }: MapState, id: string, { key, value }: Bytes): readonly [key: unknown, value: unknown] {
  if (map.row.kept === 'queue') return [Number(id), map.decode(key, value)[1]];
  return map.decode(key, value);
}

/** Of a map; anything else stands for itself. */
function nameOf(value: unknown): unknown {
  return value instanceof BpfMap ? value.name : value;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What `look` sees while the maps are as they were. Maps that were made since have no older state. */
function inState<T>(home: Home, { maps }: ObjectSnapshot, look: () => T): T {
  const present = home.maps.map((map) => map.snapshot());
  const restore = (states: ObjectSnapshot['maps']): void => {
    states.forEach((state, i) => {
      home.maps[i]!.restore(state);
    });
  };
  try {
    restore(maps);
    return look();
  } finally {
    restore(present);
  }
}

/** `after` undefined: now. */
export function differenceOf(
  home: Home,
  variables: Readonly<Record<string, unknown>>,
  before: ObjectSnapshot,
  after: ObjectSnapshot | undefined,
): ObjectDifference {
  const look = (): State => stateOf(home, variables);
  const old = inState(home, before, look);
  const now = after === undefined ? look() : inState(home, after, look);
  return { ...changesOf(old, now), clock: (after?.clock ?? home.clock.now()) - before.clock };
}

/**
 * What differs between two objects, `before` of the first one. Maps and variables that only one of them has are not in it, nor constants,
 * which no run changes.
 */
export function differenceBetween(
  a: { readonly home: Home; readonly variables: Readonly<Record<string, unknown>> },
  b: { readonly home: Home; readonly variables: Readonly<Record<string, unknown>> },
): ObjectDifference {
  const clock = b.home.clock.now() - a.home.clock.now();
  return { ...changesOf(stateOf(a.home, a.variables, false), stateOf(b.home, b.variables, false), true), clock };
}

/** `common`: only maps that both have; without it, what `old` has not is new. */
function changesOf(old: State, now: State, common = false): Pick<ObjectDifference, 'maps' | 'variables'> {
  const maps: Record<string, MapDifference> = {};
  for (const [name, are] of now.maps) {
    const were = old.maps.get(name);
    if (common && were === undefined) continue;
    const added: (readonly [unknown, unknown])[] = [];
    const removed: (readonly [unknown, unknown])[] = [];
    const changed: { key: unknown; before: unknown; after: unknown }[] = [];
    for (const [id, entry] of are.entries) {
      const was = were?.entries.get(id);
      if (was !== undefined && isSame(was.value, entry.value)) continue;
      const [key, after] = decoded(are, id, entry);
      const before = was === undefined ? undefined : decoded(were!, id, was)[1];
      if (before === undefined && after !== undefined) added.push([key, after]);
      else if (before !== undefined && after === undefined) removed.push([key, before]);
      // Two objects have other pointers and numbers for maps and programs of the same name.
      else if (before !== undefined && nameOf(before) !== nameOf(after)) changed.push({ key, before, after });
    }
    for (const [id, entry] of were?.entries ?? []) if (!are.entries.has(id)) removed.push(decoded(were!, id, entry));
    if (added.length + removed.length + changed.length > 0) maps[name] = { added, removed, changed };
  }
  const variables: Record<string, { before: unknown; after: unknown }> = {};
  for (const [name, { bytes, value }] of now.variables) {
    const was = old.variables.get(name);
    if (was !== undefined && !isSame(was.bytes, bytes)) variables[name] = { before: was.value, after: value };
  }
  return { maps, variables };
}
