// Map definitions: structs of the section `.maps`, whose meaning is in their BTF type, and the plain structs of the old section `maps`.
import { type Btf, type BtfMember, findSection, resolve, sizeOf, type TypeId, typeById } from '../btf/types.ts';
import { type ElfFile, type ElfSection, holdsCode, inSection, SHT, STT } from '../elf/read.ts';
import { MAP_TYPE } from '../spec/map-types.ts';
import { MAP_FLAG } from '../spec/maps.ts';
import { ByteReader } from '../util/bytes.ts';
import { BpfError } from '../util/error.ts';
import type { MapSpec } from './spec.ts';

export const MAPS_SECTION = '.maps';

/** A map and the bytes of the file that stand for it. */
export interface PlacedMap {
  readonly spec: MapSpec;
  readonly section: number;
  readonly offset: number;
  readonly size: number;
  /** Bytes from `offset` to the initial elements; undefined: the definition has none. */
  readonly valuesAt: number | undefined;
}

/** What a map has that no definition mentions. */
export const PLAIN_MAP: MapSpec = {
  name: '', type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0, mapExtra: 0n, numaNode: undefined, pinning: 'none',
  keyType: 0, valueType: 0, inner: undefined, elements: [], data: undefined,
}; // biome-ignore format: a table

/** Maps of `.maps`, in the order of the section's BTF. [libbpf "BTF-defined maps"] */
export function btfMaps(elf: ElfFile, btf: Btf | undefined): readonly PlacedMap[] {
  const section = elf.sections.find((other) => other.name === MAPS_SECTION);
  if (section === undefined) return [];
  const definitions = btf === undefined ? undefined : findSection(btf, MAPS_SECTION);
  if (btf === undefined || definitions === undefined) {
    if (section.size === 0) return [];
    throw new BpfError(
      'object/no-btf',
      inSection(elf.path, section),
      'maps are defined by BTF, and the object has none for them: compile with -g',
    );
  }
  return definitions.variables.map(({ type, offset, size }): PlacedMap => {
    const variable = typeById(btf, type);
    if (variable.kind !== 'var' || variable.name === '')
      throw badMap(elf, section, variable.name, `is a ${variable.kind}, should be a variable`);
    const refuse = (message: string): BpfError => badMap(elf, section, variable.name, message);
    if (offset + size > section.size) throw refuse(`has bytes ${offset} to ${offset + size}, the section has ${section.size}`);
    if (variable.linkage !== 'global') throw refuse(`is ${variable.linkage}, maps must be global`);
    const definition = resolve(btf, variable.type);
    if (definition.kind !== 'struct') throw refuse(`is defined by a ${definition.kind}, should be a struct`);
    if (definition.size > size) throw refuse(`has ${size} bytes, its type ${definition.size}`);
    const spec = readDefinition(btf, definition.members, variable.name, refuse, false);
    const values = definition.members.find((member) => member.name === 'values');
    return { spec, section: section.index, offset, size, valuesAt: values === undefined ? undefined : values.bitOffset / 8 };
  });
}

/** Numbers stand in the length of an array: `int (*max_entries)[256]`; types behind a pointer: `struct value *value`. */
function readDefinition(
  btf: Btf,
  members: readonly BtfMember[],
  name: string,
  refuse: (message: string) => BpfError,
  isInner: boolean,
): MapSpec {
  const spec: { -readonly [Field in keyof MapSpec]: MapSpec[Field] } = { ...PLAIN_MAP, name };
  const given = { keySize: undefined as number | undefined, valueSize: undefined as number | undefined };
  const setSize = (field: 'keySize' | 'valueSize', size: number, what: string): void => {
    if (given[field] !== undefined && given[field] !== size) throw refuse(`has ${what} of ${size} bytes, and of ${given[field]} bytes`);
    given[field] = size;
    spec[field] = size;
  };
  const number = (member: BtfMember): number => {
    const pointer = resolve(btf, member.type);
    const array = pointer.kind === 'ptr' ? typeById(btf, pointer.type) : pointer;
    if (pointer.kind !== 'ptr' || array.kind !== 'array') {
      const what = pointer.kind === 'ptr' ? `a pointer to ${array.kind}` : pointer.kind;
      throw refuse(`gives \`${member.name}\` as ${what}, should be a pointer to an array of that length`);
    }
    return array.length;
  };
  const pointee = (member: BtfMember): { readonly type: TypeId; readonly size: number } => {
    const pointer = typeById(btf, member.type);
    if (pointer.kind !== 'ptr') throw refuse(`has ${member.name} of a ${pointer.kind}, should be a pointer to the type`);
    const size = sizeOf(btf, pointer.type);
    if (size === undefined)
      throw refuse(`has ${member.name} of type ${pointer.type} (${typeById(btf, pointer.type).kind}), which has no size`);
    return { type: pointer.type, size };
  };

  members.forEach((member, i) => {
    switch (member.name) {
      case 'type':
        spec.type = number(member);
        break;
      case 'max_entries':
        spec.maxEntries = number(member);
        break;
      case 'map_flags':
        spec.flags = number(member);
        break;
      case 'numa_node':
        spec.numaNode = number(member);
        break;
      case 'map_extra':
        spec.mapExtra = longNumber(btf, member, number, refuse);
        break;
      case 'key_size':
        setSize('keySize', number(member), 'keys');
        break;
      case 'value_size':
        setSize('valueSize', number(member), 'values');
        break;
      case 'key': {
        const { type, size } = pointee(member);
        setSize('keySize', size, 'keys');
        spec.keyType = type;
        break;
      }
      case 'value': {
        const { type, size } = pointee(member);
        setSize('valueSize', size, 'values');
        spec.valueType = type;
        break;
      }
      case 'pinning': {
        const pinning = number(member);
        if (isInner) throw refuse('has an inner map that is pinned');
        if (pinning > 1 && pinning !== CILIUM_PIN_REPLACE) throw refuse(`has pinning ${pinning}, 0 (none) and 1 (by name) are known`);
        spec.pinning = pinning === 0 ? 'none' : 'byName';
        break;
      }
      case 'values':
        if (isInner) throw refuse('has an inner map of maps, one level is known');
        if (i !== members.length - 1) throw refuse('has members after `values`, which must be the last');
        spec.inner = innerDefinition(btf, member, spec.type, name, refuse);
        setSize('valueSize', MAP_REFERENCE_BYTES, 'values');
        break;
      default:
        throw refuse(`has a member ${member.name}, which means nothing in a map`);
    }
  });
  if (spec.type === 0) throw refuse('has no type');
  if (spec.type === MAP_TYPE.ringbuf || spec.type === MAP_TYPE.user_ringbuf) spec.maxEntries = ringSize(spec.maxEntries);
  return spec;
}

/** Cilium's own: by name, in the place of what is pinned there. */
const CILIUM_PIN_REPLACE = 1 << 4;

/** What a user of the system calls sees as the value of a prog array or a map of maps: a file descriptor. */
const MAP_REFERENCE_BYTES = 4;

/** `__ulong(map_extra, N)`: an enumerator's value, or a number like all others. */
function longNumber(btf: Btf, member: BtfMember, number: (member: BtfMember) => number, refuse: (message: string) => BpfError): bigint {
  const type = resolve(btf, member.type);
  if (type.kind !== 'enum' && type.kind !== 'enum64') return BigInt(number(member));
  if (type.enumerators.length !== 1) throw refuse(`has ${member.name} of an enum of ${type.enumerators.length} values, should be one`);
  return BigInt.asUintN(64, type.enumerators[0]!.value);
}

/** The map that `values` of a map of maps holds; undefined for a prog array. */
function innerDefinition(
  btf: Btf,
  values: BtfMember,
  type: number,
  name: string,
  refuse: (message: string) => BpfError,
): MapSpec | undefined {
  const isProgArray = type === MAP_TYPE.prog_array;
  if (!isProgArray && !isMapOfMaps(type))
    throw refuse('has `values`, but is neither a map of maps nor a prog array (or `type` comes after)');
  const array = typeById(btf, values.type);
  if (array.kind !== 'array' || array.length !== 0) throw refuse(`has \`values\` of a ${array.kind}, should be an array without length`);
  const pointer = resolve(btf, array.type);
  if (pointer.kind !== 'ptr') throw refuse(`has \`values\` of ${pointer.kind}, should be pointers`);
  const target = resolve(btf, pointer.type);
  const wanted = isProgArray ? 'funcProto' : 'struct';
  if (target.kind !== wanted) throw refuse(`has \`values\` that point to a ${target.kind}, should be a ${wanted}`);
  return target.kind === 'struct' ? readDefinition(btf, target.members, `${name}.inner`, refuse, true) : undefined;
}

export function isMapOfMaps(type: number): boolean {
  return type === MAP_TYPE.array_of_maps || type === MAP_TYPE.hash_of_maps;
}

/** The kernel wants a power of two of pages; sizes between are rounded up, as libbpf does. */
function ringSize(bytes: number): number {
  if (bytes === 0 || bytes > 2 ** 31) return bytes;
  return Math.max(PAGE_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
}
const PAGE_BYTES = 4096;

/**
 * Maps of the sections `maps`, `maps/NAME` and `TYPE/maps`: struct bpf_map_def, 32-bit fields: type, key size, value size, entries, then as far as it goes
 * flags (20 bytes), index of the inner map and NUMA node (28, kernel samples); or id, pinning, inner id, inner index (36, iproute2).
 */
export function legacyMaps(elf: ElfFile): readonly PlacedMap[] {
  const placed: PlacedMap[] = [];
  const inner: InnerOf[] = [];
  const ids: number[] = [];
  for (const section of elf.sections) {
    if (section.type !== SHT.progbits || holdsCode(section) || !isLegacyMapSection(section.name)) continue;
    const reader = new ByteReader(section.data, elf.path, 'object/bad-map', elf.littleEndian, section.name);
    const starts = new Map<number, string>();
    for (const symbol of elf.symbols) {
      const isMap = symbol.section === section.index && symbol.type !== STT.section && symbol.type !== STT.file && symbol.name !== '';
      if (isMap && !starts.has(symbol.value)) starts.set(symbol.value, symbol.name);
    }
    const offsets = [...starts.keys()].sort((a, b) => a - b);
    offsets.forEach((offset, i) => {
      const name = starts.get(offset)!;
      const size = (offsets[i + 1] ?? section.size) - offset;
      if (size < 16) throw badMap(elf, section, name, `has ${size} bytes, a definition has at least 16`);
      const field = (index: number): number => (4 * index + 4 <= size ? reader.u32(offset + 4 * index) : 0);
      const isIproute2 = size >= 36 && size < 64;
      placed.push({
        spec: {
          ...PLAIN_MAP,
          name,
          type: field(0),
          keySize: field(1),
          valueSize: field(2),
          maxEntries: field(3),
          flags: field(4),
          numaNode: size === 28 && (field(4) & MAP_FLAG.numaNode) !== 0 ? field(6) : undefined,
          pinning: (isIproute2 && field(6) !== 0) || (size >= 64 && field(5) !== 0) ? 'byName' : 'none',
        },
        section: section.index,
        offset,
        size,
        valuesAt: undefined,
      });
      ids.push(isIproute2 ? field(5) : 0);
      inner.push(isIproute2 ? { by: 'id', id: field(7) } : { by: 'index', index: field(5) });
    });
  }
  return placed.map((map, i) => {
    if (!isMapOfMaps(map.spec.type)) return map;
    const to = inner[i]!;
    const found = placed[to.by === 'index' ? to.index : ids.findIndex((id) => id === to.id && id !== 0)];
    // Loaders set the size of references, old definitions leave it out.
    const spec = { ...map.spec, valueSize: map.spec.valueSize || MAP_REFERENCE_BYTES };
    return { ...map, spec: found === undefined || found === map ? spec : { ...spec, inner: found.spec } };
  });
}

export function isLegacyMapSection(name: string): boolean {
  return name === 'maps' || name.startsWith('maps/') || name.endsWith('/maps');
}

/** How an old definition names the inner map. */
type InnerOf = { readonly by: 'index'; readonly index: number } | { readonly by: 'id'; readonly id: number };

function badMap(elf: ElfFile, section: ElfSection, name: string, message: string): BpfError {
  return new BpfError('object/bad-map', inSection(elf.path, section), `map ${name || 'without a name'} ${message}`);
}
