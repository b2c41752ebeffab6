// From the bytes of an object file, or of bare instructions, to a loaded object.

import type { Btf } from '../../btf/types.ts';
import { link } from '../../object/link.ts';
import { loadBtf, load as loadSpec } from '../../object/load.ts';
import type { CollectionSpec, MapSpec } from '../../object/spec.ts';
import { guardKernelLoads } from '../../program/kernel-loads.ts';
import { createProgram, type MapShape, type Program, type ProgramInput } from '../../program/program.ts';
import { MAP_TYPE } from '../../spec/map-types.ts';
import { BpfError } from '../../util/error.ts';
import { btfCodec } from '../maps/btf-values.ts';
import { hiddenFields } from '../maps/hidden-fields.ts';
import type { MapCodecs } from '../maps/maps.ts';
import { type KconfigValue, kconfigValues } from './kconfig.ts';
import { type KsymValue, kernelSymbols } from './ksyms.ts';
import { LoadedObject } from './object.ts';
import type { MapInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';
import type { Refused } from './refusals.ts';
import type { AnyObject, ObjectTypes } from './types.ts';

/** `LoadOptions`, and what concerns reading the file. */
export interface LoadBytesOptions<T extends ObjectTypes = AnyObject> extends LoadOptions<T> {
  /** For messages: where the bytes came from. Default 'object'. */
  readonly path?: string;
  /** Links only the programs of these names. Default: all. */
  readonly only?: readonly string[];
  /** Type of programs whose section says nothing. Default 'raw': R1 = memory, R2 = its length. */
  readonly defaultType?: string;
  /**
   * Configuration values of the kernel (`__kconfig`): the text of a .config file, of which the object takes what it names, or values by
   * name: numbers, booleans, 'y', 'n', 'm', text. Those that nobody gives are 0: not set.
   */
  readonly kconfig?: string | Readonly<Record<string, KconfigValue>>;
  /** Symbols of the kernel (`__ksym`) by name: an address; or the bytes of a variable, one for each CPU of a per-CPU variable. */
  readonly ksyms?: Readonly<Record<string, KsymValue>>;
  /** BTF of the kernel whose layout CO-RE relocations shall give; default: that of the object itself. */
  readonly btf?: Uint8Array | Btf;
}

/** ELF objects, and bare eBPF instructions (8 bytes each), which are one program `main` of the default type. */
export function loadBytes<T extends ObjectTypes = AnyObject>(
  bytes: Uint8Array,
  options: LoadBytesOptions<NoInfer<T>> = {},
): LoadedObject<T> {
  const path = options.path ?? 'object';
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  const object = isElf
    ? loadCollection(loadSpec(bytes, path), options as LoadBytesOptions)
    : loadProgram({ name: 'main', bytes }, options as LoadBytesOptions);
  return object as LoadedObject<T>;
}

/** A single program, with the maps that it names. */
export function loadProgram(input: ProgramInput, options: LoadBytesOptions = {}): LoadedObject {
  const declared = input.type ?? 'raw';
  const type = declared === 'raw' ? (options.defaultType ?? 'raw') : declared;
  const program = guardKernelLoads(createProgram({ ...input, type, maps: (input.maps ?? []).map((map) => sized(map, options)) }));
  return new LoadedObject({ name: input.name, programs: [program], maps: program.maps }, options);
}

/** What `readCollection` has read, linked and loaded. Throws as `loadBytes` does. */
export function loadCollection(file: CollectionSpec, options: LoadBytesOptions = {}): LoadedObject {
  if (!file.littleEndian) {
    throw new BpfError('object/big-endian', { in: 'file', path: file.path }, 'an object for big-endian machines can be shown, not run');
  }
  const symbols = kernelSymbols(file, options);
  const { spec } = symbols;
  const shapes = spec.maps.map((map) => sized(shapeOf(map), options));
  const btf = options.btf instanceof Uint8Array ? loadBtf(options.btf, 'the BTF of the kernel') : options.btf;
  const { only } = options;
  const programs: Program[] = [];
  const refused: Refused[] = [];
  const optional = new Set<string>();
  for (const { name, type: declared, autoload } of spec.programs) {
    if (only !== undefined && !only.includes(name)) continue;
    const type = declared === 'raw' ? (options.defaultType ?? 'raw') : declared;
    if (!autoload) optional.add(name);
    try {
      programs.push(guardKernelLoads(createProgram({ ...link(spec, name, { btf, ksym: symbols.find }), type, maps: shapes })));
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refused.push({ name, type, error, optional: !autoload });
    }
  }
  const maps = spec.maps
    .map((map) => mapInput(spec, map))
    // What was not asked for cannot be reached: its slots stay empty.
    .map((map) => (map.elements === undefined ? map : { ...map, elements: map.elements.filter(isThere(spec, only)) }));
  const object = new LoadedObject(
    { name: spec.path, programs, refused, optional, maps, btf: spec.btf, kernelBtf: btf },
    {
      ...options,
      ...(options.kconfig === undefined ? {} : { variables: { ...kconfigValues(spec, options.kconfig), ...options.variables } }),
    },
  );
  symbols.place(object);
  for (const name of only ?? []) {
    const error = object.refused[name];
    if (error === undefined) continue;
    object.dispose();
    throw error;
  }
  return object;
}

/** Whether an initial element is a map, or a program that is wanted. */
function isThere(spec: CollectionSpec, only: readonly string[] | undefined) {
  const absent = new Set(only === undefined ? [] : spec.programs.map(({ name }) => name));
  for (const name of only ?? []) absent.delete(name);
  return ({ name }: { readonly name: string }): boolean => !absent.has(name);
}

/** Programs must know the size that the map will have: lookups in arrays are compiled with it. */
function sized(map: MapShape, { mapSizes }: LoadOptions): MapShape {
  return { ...map, maxEntries: mapSizes?.[map.name] ?? map.maxEntries };
}

function shapeOf({ name, type, keySize, valueSize, maxEntries, flags }: MapSpec): MapShape {
  return { name, type, ...loaderSizes(type, keySize, valueSize), maxEntries, flags };
}

/** Frames that PERF_MAX_STACK_DEPTH allows, 8 bytes each. */
const STACK_BYTES = 127 * 8;

/**
 * Sizes that are for loaders to choose: the value type of a ring buffer or a perf event array is that of what programs send, its slots hold
 * file descriptors; how deep stacks are traced is the loader's option. [cilium/ebpf elf_reader.go; libbpf-tools]
 */
function loaderSizes(type: number, keySize: number, valueSize: number): Pick<MapShape, 'keySize' | 'valueSize'> {
  if (type === MAP_TYPE.ringbuf) return { keySize, valueSize: 0 };
  if (type === MAP_TYPE.perf_event_array) return { keySize: keySize || 4, valueSize: 4 };
  return { keySize, valueSize: type === MAP_TYPE.stack_trace ? valueSize || STACK_BYTES : valueSize };
}

function codecsOf(btf: Btf | undefined, { name, type, data, keyType, keySize, valueType, valueSize }: MapSpec): MapCodecs {
  if (type === MAP_TYPE.perf_event_array || type === MAP_TYPE.ringbuf) return {};
  return {
    key: btfCodec(btf, keyType, keySize, `key of map ${name}`, { isKey: true }),
    value: btfCodec(btf, valueType, valueSize, `value of map ${name}`),
    hidden:
      data === undefined
        ? hiddenFields(btf, valueType)
        : data.variables.flatMap(({ type, offset }) =>
            hiddenFields(btf, type).map((field) => ({ ...field, offset: offset + field.offset })),
          ),
  };
}

function mapInput(spec: CollectionSpec, map: MapSpec): MapInput {
  const { btf } = spec;
  const { data } = map;
  return {
    ...shapeOf(map),
    mapExtra: Number(map.mapExtra),
    codecs: codecsOf(btf, map),
    elements: map.elements.map((element) => ({
      index: element.index,
      name: element.kind === 'map' ? spec.maps[element.map]!.name : spec.functions[element.function]!.name,
    })),
    ...(map.inner === undefined ? {} : { inner: { ...shapeOf(map.inner), codecs: codecsOf(btf, map.inner) } }),
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
