// The maps of an object, made as its file describes them and filled with what the file puts into them.
import { mapTypeRow } from '../spec/maps.ts';
import { BpfError } from '../util/error.ts';
import type { Window } from '../window/window.ts';
import { isReadOnly } from './descriptor.ts';
import type { Home } from './home.ts';
import { BpfMap } from './maps.ts';
import { unknownName } from './names.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';
import { nameOf, refuseValue, type ValueCodec } from './values.ts';

export interface CreatedMaps {
  readonly maps: Record<string, BpfMap>;
  /** Those that no engine can have as the file describes them, and why: their users are refused. */
  readonly refused: ReadonlyMap<string, BpfError>;
}

/** `programs`: the names that elements of program arrays may have, in the order of their numbers, which begin with 1. */
export function createMaps(home: Home, input: ObjectInput, programs: readonly string[], sizes: LoadOptions['mapSizes'] = {}): CreatedMaps {
  const codec = programCodec(programs);
  const created = new Map<string, BpfMap>();
  const refused = new Map<string, BpfError>();
  for (const map of input.maps) {
    const isProgramArray = mapTypeRow(map.type)?.kept === 'programs' && map.valueSize === codec.bytes;
    const codecs = isProgramArray ? { ...map.codecs, value: codec } : map.codecs;
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
  for (const map of input.maps) {
    const target = created.get(map.name);
    if (target === undefined) continue;
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
