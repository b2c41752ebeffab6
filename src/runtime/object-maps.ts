// The maps of an object, made as its file describes them and filled with what the file puts into them.
import { BpfError } from '../util/error.ts';
import type { Home } from './home.ts';
import { BpfMap } from './maps.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';

export function createMaps(home: Home, input: ObjectInput, sizes: LoadOptions['mapSizes'] = {}): Record<string, BpfMap> {
  const maps: Record<string, BpfMap> = {};
  for (const map of input.maps) {
    const created = new BpfMap(home, { ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, map.codecs);
    if (map.data !== undefined) home.window.write(created.storage, map.data.initial);
    home.addMap(created);
    maps[map.name] = created;
  }
  for (const name of Object.keys(sizes)) {
    if (maps[name] === undefined)
      throw new BpfError('runtime/unknown-map', { in: 'option', name: 'mapSizes' }, `the object has no map ${name}`);
  }
  for (const map of input.maps) {
    const target = maps[map.name]!;
    for (const { offset, map: name, into } of map.data?.pointers ?? []) {
      const to = maps[name]!;
      home.window.setU64(target.storage + offset, BigInt(into === undefined ? to.pointer : to.storage + into));
    }
    for (const { index, name } of map.elements ?? []) {
      if (target.row.kept === 'programs') setProgram(input, target, index, name);
      else if (maps[name] !== undefined) target.set(index, maps[name]);
    }
  }
  return maps;
}

/** What a program array holds for a program of that name; its element 0 is an empty slot. */
export function setProgram({ programs }: ObjectInput, map: BpfMap, index: number, name: string | undefined): void {
  const number = name === undefined ? 0 : 1 + programs.findIndex((program) => program.name === name);
  if (name !== undefined && number === 0) {
    throw new BpfError('runtime/unknown-program', { in: 'option', name: map.name }, `the object has no program ${name}`);
  }
  map.set(index, number);
}
