// The maps of an object, made as its file describes them and filled with what the file puts into them.
import { mapTypeRow } from '../spec/maps.ts';
import type { Home } from './home.ts';
import { BpfMap } from './maps.ts';
import { unknownName } from './names.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';
import { nameOf, refuseValue, type ValueCodec } from './values.ts';

export function createMaps(home: Home, input: ObjectInput, sizes: LoadOptions['mapSizes'] = {}): Record<string, BpfMap> {
  const programs = programCodec(input);
  const created = new Map<string, BpfMap>();
  for (const map of input.maps) {
    const isProgramArray = mapTypeRow(map.type)?.kept === 'programs' && map.valueSize === programs.bytes;
    const codecs = isProgramArray ? { ...map.codecs, value: programs } : map.codecs;
    const made = new BpfMap(home, { ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, codecs);
    if (map.data !== undefined) home.window.write(made.storage, map.data.initial);
    home.addMap(made);
    created.set(map.name, made);
  }
  for (const name of Object.keys(sizes)) {
    if (!created.has(name)) throw unknownName('runtime/unknown-map', 'map', name, [...created.keys()], 'mapSizes');
  }
  for (const map of input.maps) {
    const target = created.get(map.name)!;
    for (const { offset, map: name, into } of map.data?.pointers ?? []) {
      const to = created.get(name)!;
      home.window.setU64(target.storage + offset, BigInt(into === undefined ? to.pointer : to.storage + into));
    }
    for (const { index, name } of map.elements ?? []) {
      const inner = created.get(name);
      if (target.row.kept === 'programs') target.set(index, name);
      else if (inner !== undefined) target.set(index, inner);
    }
  }
  return Object.fromEntries(created);
}

/** What a program array holds: the number of a program of this object, 0 an empty slot. Outside it is the program's name. */
function programCodec({ programs }: ObjectInput): ValueCodec {
  return {
    bytes: 4,
    decode: (bytes) => programs[bytes[0]! + 256 * bytes[1]! - 1]?.name,
    encode(value, out, what = () => 'program array') {
      const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : value;
      if (typeof name !== 'string') refuseValue(what(), `${nameOf(value)} given where a program or its name is needed`);
      const number = 1 + programs.findIndex((program) => program.name === name);
      if (number === 0) {
        throw unknownName(
          'runtime/unknown-program',
          'program',
          name,
          programs.map((program) => program.name),
          what(),
        );
      }
      out[0] = number & 0xff;
      out[1] = number >> 8;
    },
    fromJson: (json) => json,
  };
}
