// What changed between two states of an object: entries by map, variables by name.
import { toHex } from '../util/bytes.ts';
import type { Home } from './home.ts';
import type { BpfMap } from './maps.ts';
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

type Entries = ReadonlyMap<string, { readonly bytes: string; readonly key: unknown; readonly value: unknown }>;

interface State {
  /** By name. */
  readonly maps: ReadonlyMap<string, Entries>;
  readonly variables: ReadonlyMap<string, { readonly bytes: string; readonly value: unknown }>;
}

/** Global data is compared by variable, not as maps. */
function stateOf(home: Home, variables: Readonly<Record<string, unknown>>, constants = true): State {
  const { window } = home;
  return {
    maps: new Map(home.maps.filter(({ name }) => !name.startsWith('.')).map((map) => [map.name, entriesOf(map)])),
    variables: new Map(
      home.variables
        .filter(({ constant }) => constants || !constant)
        .map(({ name, start, end }) => [name, { bytes: toHex(window.read(start, end - start)), value: variables[name] }]),
    ),
  };
}

function entriesOf(map: BpfMap): Entries {
  const entries = new Map<string, { bytes: string; key: unknown; value: unknown }>();
  if (!map.isReadable) return entries;
  let place = 0;
  if (map.row.kept === 'queue') {
    for (const value of map.values()) {
      entries.set(String(place), { bytes: JSON.stringify(value, plain), key: place, value });
      place++;
    }
  }
  for (const [keyBytes, bytes] of map.entriesBytes()) {
    const [key, value] = map.decode(keyBytes, bytes);
    if (value !== undefined) entries.set(toHex(keyBytes), { bytes: toHex(bytes), key, value });
  }
  return entries;
}

const plain = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

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
    if (common && !old.maps.has(name)) continue;
    const were: Entries = old.maps.get(name) ?? new Map();
    const added = [...are].filter(([id]) => !were.has(id)).map(([, { key, value }]) => [key, value] as const);
    const removed = [...were].filter(([id]) => !are.has(id)).map(([, { key, value }]) => [key, value] as const);
    const changed: { key: unknown; before: unknown; after: unknown }[] = [];
    for (const [id, { bytes, key, value }] of are) {
      const was = were.get(id);
      if (was !== undefined && was.bytes !== bytes) changed.push({ key, before: was.value, after: value });
    }
    if (added.length + removed.length + changed.length > 0) maps[name] = { added, removed, changed };
  }
  const variables: Record<string, { before: unknown; after: unknown }> = {};
  for (const [name, { bytes, value }] of now.variables) {
    const was = old.variables.get(name);
    if (was !== undefined && was.bytes !== bytes) variables[name] = { before: was.value, after: value };
  }
  return { maps, variables };
}
