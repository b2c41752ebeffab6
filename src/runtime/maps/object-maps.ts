// The maps of an object, made as its file describes them and filled with what the file puts into them.
import { mapTypeName, mapTypeRow } from '../../spec/maps.ts';
import { assert, BpfError } from '../../util/error.ts';
import type { Window } from '../../window/window.ts';
import { Home } from '../object/home.ts';
import { unknownName } from '../object/names.ts';
import type { MapInput, ObjectInput } from '../object/object-input.ts';
import type { LoadOptions } from '../object/options.ts';
import { isReadOnly, type MapOptions } from './descriptor.ts';
import { BpfMap, type MapCodecs } from './maps.ts';
import { nameOf, refuseValue, type ValueCodec } from './values.ts';

export interface CreatedMaps {
  readonly maps: Record<string, BpfMap>;
  /** Those that no engine can have as the file describes them, and why: their users are refused. */
  readonly refused: ReadonlyMap<string, BpfError>;
}

/** `programs`: the names that elements of program arrays may have, in the order of their numbers, which begin with 1. */
export function createMaps(
  home: Home,
  input: ObjectInput,
  programs: readonly string[],
  { mapSizes: sizes = {}, maps: given = {} }: LoadOptions = {},
): CreatedMaps {
  const codec = programCodec(programs);
  const created = new Map<string, BpfMap>();
  const refused = new Map<string, BpfError>();
  for (const map of input.maps) {
    const isProgramArray = mapTypeRow(map.type)?.kept === 'programs' && map.valueSize === codec.bytes;
    const own = isProgramArray ? { ...map.codecs, value: codec } : map.codecs;
    const codecs = map.inner === undefined ? own : { ...own, inner: map.inner };
    const shared = Object.hasOwn(given, map.name) ? given[map.name] : undefined;
    if (shared !== undefined) {
      created.set(map.name, shareMap(home, { ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, shared, codecs));
      continue;
    }
    try {
      const made = new BpfMap(home, { ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, codecs);
      if (map.data !== undefined) home.window.write(made.storage, map.data.initial);
      home.addMap(made);
      created.set(map.name, made);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refused.set(map.name, error);
    }
  }
  const known = input.maps.map(({ name }) => name);
  for (const name of Object.keys(sizes))
    if (!known.includes(name)) throw unknownName('runtime/unknown-map', 'map', name, known, 'mapSizes');
  for (const name of Object.keys(given)) if (!known.includes(name)) throw unknownName('runtime/unknown-map', 'map', name, known, 'maps');
  for (const map of input.maps) {
    const target = created.get(map.name);
    // What another object has is filled already.
    if (target === undefined || Object.hasOwn(given, map.name)) continue;
    for (const { offset, map: name, into } of map.data?.pointers ?? []) {
      const to = created.get(name);
      if (to !== undefined) home.window.setU64(target.storage + offset, BigInt(into === undefined ? to.pointer : to.storage + into));
    }
    for (const { index, name } of map.elements ?? []) {
      const inner = created.get(name);
      if (target.row.kept === 'programs') target.set(index, name);
      else if (inner !== undefined) target.set(index, inner);
    }
  }
  return { maps: Object.fromEntries(created), refused };
}

const refuseShared = (name: string, why: string): never => {
  throw new BpfError('runtime/shared-map', { in: 'option', name: 'maps' }, `map ${name} cannot be shared: ${why}`);
};

/** The home of the maps that other objects lend; undefined: there are none. */
export function sharedHome({ maps = {}, cpus }: LoadOptions): Home | undefined {
  let found: Home | undefined;
  for (const [name, map] of Object.entries(maps)) {
    const { owner } = map;
    assert(owner instanceof Home, 'maps are made for a home');
    if (found !== undefined && owner.window !== found.window) refuseShared(name, 'it lies in another window than the others');
    if (cpus !== undefined && cpus !== owner.cpus) refuseShared(name, `it has values for ${owner.cpus} CPUs, not ${cpus}`);
    if (map.row.kept === 'programs') refuseShared(name, 'the programs of a program array are those of its own object');
    found ??= owner;
  }
  return found;
}

function shareMap(home: Home, map: MapInput, shared: BpfMap, codecs: MapCodecs | undefined): BpfMap {
  const shown = (of: MapOptions): string =>
    `${mapTypeName(of.type)}, keys of ${of.keySize}, values of ${of.valueSize}, ${of.maxEntries} entries, flags ${of.flags}`;
  if (!shared.isLike(map)) refuseShared(map.name, `it is ${shown(shared)}; the file wants ${shown(map)}`);
  return home.share(shared, map.name, codecs);
}

/** Reads global data that programs cannot write, as it is now. */
export function constantData(
  window: Window,
  input: ObjectInput,
  maps: Readonly<Record<string, BpfMap>>,
): (map: string, offset: number, size: number) => bigint | undefined {
  const constant = new Map(
    input.maps.flatMap((map) =>
      map.data !== undefined && isReadOnly(map) && Object.hasOwn(maps, map.name) ? [[map.name, maps[map.name]!]] : [],
    ),
  );
  return (name, offset, size) => {
    const map = constant.get(name);
    if (map === undefined || offset < 0 || offset + size > map.valueSize) return undefined;
    const bytes = window.read(map.storage + offset, size);
    return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  };
}

/** What a program array holds: the number of a program of this object, 0 an empty slot. Outside it is the program's name. */
function programCodec(programs: readonly string[]): ValueCodec {
  return {
    bytes: 4,
    decode: (bytes) => programs[bytes[0]! + 256 * bytes[1]! - 1],
    encode(value, out, what = () => 'program array') {
      const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : value;
      if (typeof name !== 'string') refuseValue(what(), `${nameOf(value)} given where a program or its name is needed`);
      const number = 1 + programs.indexOf(name);
      if (number === 0) throw unknownName('runtime/unknown-program', 'program', name, programs, what());
      out[0] = number & 0xff;
      out[1] = number >> 8;
    },
    fromJson: (json) => json,
  };
}
