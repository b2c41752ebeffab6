// Contents of maps as the kernel oracle has them: filling them before the first packet, reading and comparing them after the last.
import type { BpfMap } from '../../src/runtime/maps/maps.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { tryParseHex } from '../../src/util/bytes.ts';

export interface MapAfter {
  readonly type: string;
  readonly key_size: number;
  readonly value_size: number;
  readonly unchanged?: boolean;
  /** Hex; of a per-CPU map one value a CPU. */
  readonly entries?: readonly (readonly [key: string, value: string | readonly string[]])[];
}

export type MapsAfter = Readonly<Record<string, MapAfter>>;

/** Key to value, hex, sorted; a per-CPU map's values one after the other. */
export type Contents = ReadonlyMap<string, string>;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** libbpf puts the start of the object's name before that of a data section. */
function findMap(object: LoadedObject, name: string): BpfMap | undefined {
  if (Object.hasOwn(object.maps, name)) return object.maps[name];
  const section = name.slice(name.lastIndexOf('.'));
  return section.startsWith('.') && Object.hasOwn(object.maps, section) ? object.maps[section] : undefined;
}

export function fillMaps(object: LoadedObject, entries: readonly (readonly [string, string, string])[]): void {
  for (const [name, key, value] of entries) {
    const map = findMap(object, name);
    // Maps that no linked program uses need not exist.
    if (map === undefined) continue;
    const keyBytes = tryParseHex(key)!;
    if (value.startsWith('prog:')) {
      const program = value.slice('prog:'.length);
      const index = keyBytes.length === 4 ? new DataView(keyBytes.buffer, keyBytes.byteOffset).getUint32(0, true) : 0;
      if (Object.hasOwn(object.programs, program)) object.setProgram(map, index, program);
    } else {
      const result = map.setBytes(keyBytes, tryParseHex(value)!);
      if (result !== 0) throw new Error(`filling ${name}: ${result}`);
    }
  }
}

const READABLE = new Set(['array', 'hash', 'percpu_array', 'percpu_hash', 'lru_hash', 'lru_percpu_hash', 'lpm_trie']);

export function contentsOf(object: LoadedObject): ReadonlyMap<string, Contents> {
  const all = new Map<string, Contents>();
  for (const [name, map] of Object.entries(object.maps)) {
    if (!READABLE.has(map.typeName)) continue;
    const found: [string, string][] = [];
    const array = map.typeName === 'array' || map.typeName === 'percpu_array';
    for (const [key, value] of map.entriesBytes()) {
      if (array && value.every((byte) => byte === 0)) continue;
      found.push([hex(key), hex(value)]);
    }
    all.set(name, new Map(found.sort(([a], [b]) => (a < b ? -1 : 1))));
  }
  return all;
}

/** As the runtime gives the value: a per-CPU map's rounded up to 8 bytes each. */
function expectedValue(map: BpfMap, value: string | readonly string[]): string {
  if (typeof value === 'string') return value;
  const stride = Math.ceil(map.valueSize / 8) * 16;
  return value.map((one) => one.padEnd(stride, '0')).join('');
}

/** The first difference in words; undefined: none. */
export function compareMaps(object: LoadedObject, before: ReadonlyMap<string, Contents>, after: MapsAfter): string | undefined {
  const now = contentsOf(object);
  for (const [name, expected] of Object.entries(after)) {
    const map = findMap(object, name);
    if (map === undefined) continue;
    const got = now.get(map.name);
    if (got === undefined || (expected.entries === undefined && expected.unchanged !== true)) continue;
    const wanted =
      expected.entries === undefined
        ? before.get(map.name)!
        : new Map(expected.entries.map(([key, value]) => [key, expectedValue(map, value)]));
    for (const [key, value] of wanted) {
      const mine = got.get(key);
      if (mine === undefined) return `map ${name}: no element ${key}, the kernel has ${value}`;
      if (mine !== value) return `map ${name}: ${key} is ${mine}, the kernel has ${value}`;
    }
    for (const key of got.keys()) if (!wanted.has(key)) return `map ${name}: element ${key} that the kernel does not have`;
  }
  return undefined;
}
