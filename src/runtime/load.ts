// From the bytes of an object file, or of bare instructions, to a loaded object.

import type { Btf } from '../btf/types.ts';
import { KIND, PSEUDO } from '../isa/code.ts';
import { link } from '../object/link.ts';
import { loadBtf, load as loadSpec } from '../object/load.ts';
import type { CollectionSpec, MapSpec } from '../object/spec.ts';
import { createProgram, type MapShape, type Program, type ProgramInput } from '../program/program.ts';
import { isSupported } from '../spec/maps.ts';
import { BpfError } from '../util/error.ts';
import { btfCodec } from './btf-values.ts';
import { hiddenFields } from './hidden-fields.ts';
import { LoadedObject } from './object.ts';
import type { MapInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';

export interface LoadBytesOptions extends LoadOptions {
  /** For messages: where the bytes came from. Default 'object'. */
  readonly path?: string;
  /** Links only the programs of these names. Default: all. */
  readonly only?: readonly string[];
  /** Type of programs whose section says nothing. Default 'raw': R1 = memory, R2 = its length. */
  readonly defaultType?: string;
  /** BTF of the kernel whose layout CO-RE relocations shall give; default: that of the object itself. */
  readonly btf?: Uint8Array | Btf;
}

/** ELF objects, and bare eBPF instructions (8 bytes each), which are one raw program `main`. */
export function loadBytes(bytes: Uint8Array, options: LoadBytesOptions = {}): LoadedObject {
  const path = options.path ?? 'object';
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!isElf) return loadProgram({ name: 'main', bytes }, options);
  return loadCollection(loadSpec(bytes, path), options);
}

/** A single program, with the maps that it names. */
export function loadProgram(input: ProgramInput, options: LoadOptions = {}): LoadedObject {
  const program = createProgram({ ...input, maps: (input.maps ?? []).map((map) => sized(map, options)) });
  return new LoadedObject({ name: input.name, programs: [program], maps: program.maps }, options);
}

export function loadCollection(spec: CollectionSpec, options: LoadBytesOptions = {}): LoadedObject {
  if (!spec.littleEndian) {
    throw new BpfError('object/big-endian', { in: 'file', path: spec.path }, 'an object for big-endian machines can be shown, not run');
  }
  const shapes = spec.maps.map((map) => sized(shapeOf(map), options));
  const btf = options.btf instanceof Uint8Array ? loadBtf(options.btf, 'the BTF of the kernel') : options.btf;
  const { only } = options;
  const programs: Program[] = [];
  for (const { name } of spec.programs) {
    if (only !== undefined && !only.includes(name)) continue;
    const linked = link(spec, name, { btf });
    const type = linked.type === 'raw' ? (options.defaultType ?? 'raw') : linked.type;
    programs.push(createProgram({ ...linked, type, maps: shapes }));
  }
  const used = new Set(programs.flatMap(mapsOf));
  // A map that no engine has stands in the way only of the programs that use it.
  const maps = spec.maps
    .filter((map, index) => used.has(index) || isSupported(map.type))
    .map((map) => mapInput(spec, map))
    // What is not linked cannot be reached: its slots stay empty.
    .map((map) => (map.elements === undefined ? map : { ...map, elements: map.elements.filter(isThere(spec, programs)) }));
  return new LoadedObject({ name: spec.path, programs, maps, btf: spec.btf }, options);
}

function isThere(spec: CollectionSpec, programs: readonly Program[]) {
  const absent = new Set(spec.programs.map(({ name }) => name));
  for (const { name } of programs) absent.delete(name);
  return ({ name }: { readonly name: string }): boolean => !absent.has(name);
}

/** Programs must know the size that the map will have: lookups in arrays are compiled with it. */
function sized(map: MapShape, { mapSizes }: LoadOptions): MapShape {
  return { ...map, maxEntries: mapSizes?.[map.name] ?? map.maxEntries };
}

/** Indexes of the maps that the program's code names. */
function mapsOf({ code }: Program): number[] {
  const found: number[] = [];
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] === KIND.lddw && (code.op[slot] === PSEUDO.map || code.op[slot] === PSEUDO.mapValue)) found.push(code.imm[slot]!);
  }
  return found;
}

function shapeOf({ name, type, keySize, valueSize, maxEntries, flags }: MapSpec): MapShape {
  return { name, type, keySize, valueSize, maxEntries, flags };
}

function mapInput(spec: CollectionSpec, map: MapSpec): MapInput {
  const { btf } = spec;
  const { data } = map;
  return {
    ...shapeOf(map),
    codecs: {
      key: btfCodec(btf, map.keyType, map.keySize, `key of map ${map.name}`, { isKey: true }),
      value: btfCodec(btf, map.valueType, map.valueSize, `value of map ${map.name}`),
      hidden:
        data === undefined
          ? hiddenFields(btf, map.valueType)
          : data.variables.flatMap(({ type, offset }) =>
              hiddenFields(btf, type).map((field) => ({ ...field, offset: offset + field.offset })),
            ),
    },
    elements: map.elements.map((element) => ({
      index: element.index,
      name: element.kind === 'map' ? spec.maps[element.map]!.name : spec.functions[element.function]!.name,
    })),
    ...(map.inner === undefined ? {} : { inner: shapeOf(map.inner) }),
    ...(data === undefined
      ? {}
      : {
          data: {
            initial: data.initial,
            // Data that holds addresses of data: the map's storage, plus an offset.
            pointers: data.pointers.flatMap((pointer) => {
              if (pointer.kind === 'function') return [];
              return [
                {
                  offset: pointer.offset,
                  map: spec.maps[pointer.map]!.name,
                  into: pointer.kind === 'mapValue' ? pointer.offsetInMap : undefined,
                },
              ];
            }),
            variables: data.variables.map(({ name, offset, size, type }) => ({
              ...{ name, offset, bytes: size },
              codec: btfCodec(btf, type, size, `variable ${name}`),
            })),
          },
        }),
  };
}
