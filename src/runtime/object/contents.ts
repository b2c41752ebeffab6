// The contents of an object's maps and variables as JSON that goes both ways: 64-bit numbers are decimal strings, bytes hex.
import { toHex } from '../../util/bytes.ts';
import { BpfError, type ErrorCode, type Position } from '../../util/error.ts';
import { knownNames } from '../../util/text.ts';
import { BpfMap } from '../maps/maps.ts';

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Keys are missing where the map has none (queues and stacks). */
export type JsonEntry = { readonly key?: Json; readonly value: Json };

/** By name of the map; global data are maps too (`.bss`), of one value. */
export type JsonContents = Readonly<Record<string, readonly JsonEntry[]>>;

/** Bigints as decimal strings, bytes as hex, numbers that JSON has not (NaN) as strings, maps and programs as their names. */
export function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'string':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return toHex(value);
      if (value instanceof BpfMap) return value.name;
      if (Array.isArray(value)) return value.map(toJson);
      return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toJson(field)]));
    default:
      return null;
  }
}

/** Elements in which something is, none of maps that only programs may read; those of arrays that are zero are left out. `whole`: global data, which may be zero for a reason. */
export function* shownEntries(map: BpfMap, whole = false): Generator<readonly [key: unknown, value: unknown]> {
  if (!map.isReadable) return;
  const zeroIsNothing = !whole && map.row.kept !== 'hash' && map.row.kept !== 'lpm';
  if (map.row.kept === 'queue') for (const value of map.values()) yield [undefined, value];
  for (const [key, bytes] of map.entriesBytes()) {
    if (zeroIsNothing && bytes.every((byte) => byte === 0)) continue;
    const entry = map.decode(key, bytes);
    if (entry[1] !== undefined) yield entry;
  }
}

export function contentsOf(maps: readonly BpfMap[], isData: (map: BpfMap) => boolean): JsonContents {
  return Object.fromEntries(
    maps.map((map) => [
      map.name,
      Array.from(shownEntries(map, isData(map)), ([key, value]) => ({
        ...(key === undefined ? {} : { key: toJson(key) }),
        value: toJson(value),
      })),
    ]),
  );
}

/**
 * Puts in what `contentsOf` has given; elements that it does not name stay. `path`: of the file that it came from. `create` makes maps that
 * the object does not have itself, or does not know them.
 */
export function fillMaps(
  maps: readonly BpfMap[],
  contents: unknown,
  path: string | undefined,
  create: (name: string) => BpfMap | undefined,
): void {
  const position: Position = path === undefined ? { in: 'option', name: 'contents' } : { in: 'file', path };
  const refuse = (what: string, code: ErrorCode = 'runtime/bad-contents'): never => {
    throw new BpfError(code, position, what);
  };
  try {
    putIn(maps, contents, create, refuse);
  } catch (error) {
    if (!(error instanceof BpfError) || path === undefined) throw error;
    throw new BpfError(error.code, position, error.message, { cause: error });
  }
}

function putIn(
  maps: readonly BpfMap[],
  contents: unknown,
  create: (name: string) => BpfMap | undefined,
  refuse: (what: string, code?: ErrorCode) => never,
): void {
  if (!isRecord(contents)) return refuse('expected {MAP: [{key, value}]}');
  const byName = new Map(maps.map((map) => [map.name, map]));
  for (const name of Object.keys(contents)) {
    const map = byName.get(name) ?? create(name);
    if (map === undefined) return refuse(`the object has no map ${name}; ${knownNames(name, [...byName.keys()])}`, 'runtime/unknown-map');
    byName.set(name, map);
  }
  for (const [name, entries] of Object.entries(contents)) {
    const map = byName.get(name)!;
    if (!Array.isArray(entries)) return refuse(`map ${name}: expected a list of {key, value}`);
    for (const entry of entries as unknown[]) {
      const needsKey = map.keySize > 0;
      if (!isRecord(entry) || !('value' in entry) || 'key' in entry !== needsKey) {
        return refuse(`map ${name}: expected {${needsKey ? 'key, value' : 'value'}}, got ${JSON.stringify(entry)}`);
      }
      const { key, value } = entry;
      if (!needsKey) map.push(map.valueFromJson(undefined, value));
      else if (!map.row.ofMaps) map.set(map.keyFromJson(key), map.valueFromJson(key, value));
      else {
        const inner = typeof value === 'string' ? byName.get(value) : undefined;
        if (inner === undefined) return refuse(`map ${name}: ${JSON.stringify(value)} is no map of the object`);
        map.set(map.keyFromJson(key), inner);
      }
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
