// The BPF Type Format: what a .BTF section says, as a discriminated union, and questions about layout. [BTF]
import { ByteReader } from '../util/bytes.ts';
import { BpfError, type ErrorCode } from '../util/error.ts';
import { StringTable } from '../util/strings.ts';

/** Position of a type in its table; 0 is void. */
export type TypeId = number;

export interface BtfMember {
  readonly name: string;
  readonly type: TypeId;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Width of a bit-field, 0 for any other member. */
  readonly bitfieldBits: number;
}

export interface BtfEnumerator {
  readonly name: string;
  readonly value: bigint;
}

export interface BtfParameter {
  readonly name: string;
  /** 0 at the last one: variadic. */
  readonly type: TypeId;
}

/** A variable of a section. */
export interface BtfSectionVariable {
  readonly type: TypeId;
  readonly offset: number;
  readonly size: number;
}

/** Sizes in bytes. A name that is not there is ''. */
export type BtfType =
  | { readonly kind: 'void'; readonly name: '' }
  | { readonly kind: 'int'; readonly name: string; readonly size: number; readonly bits: number; readonly bitOffset: number; readonly signed: boolean; readonly char: boolean; readonly bool: boolean }
  | { readonly kind: 'ptr'; readonly name: string; readonly type: TypeId }
  | { readonly kind: 'array'; readonly name: string; readonly type: TypeId; readonly indexType: TypeId; readonly length: number }
  | { readonly kind: 'struct' | 'union'; readonly name: string; readonly size: number; readonly members: readonly BtfMember[] }
  | { readonly kind: 'enum' | 'enum64'; readonly name: string; readonly size: number; readonly signed: boolean; readonly enumerators: readonly BtfEnumerator[] }
  | { readonly kind: 'fwd'; readonly name: string; readonly union: boolean }
  | { readonly kind: 'typedef' | 'volatile' | 'const' | 'restrict' | 'typeTag'; readonly name: string; readonly type: TypeId }
  | { readonly kind: 'func'; readonly name: string; readonly type: TypeId; readonly linkage: Linkage }
  | { readonly kind: 'funcProto'; readonly name: string; readonly returns: TypeId; readonly parameters: readonly BtfParameter[] }
  | { readonly kind: 'var'; readonly name: string; readonly type: TypeId; readonly linkage: Linkage }
  | { readonly kind: 'datasec'; readonly name: string; readonly size: number; readonly variables: readonly BtfSectionVariable[] }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'declTag'; readonly name: string; readonly type: TypeId; /** Member or parameter, -1: the whole. */ readonly component: number }; // biome-ignore format: a table

export type BtfKind = BtfType['kind'];
/** Of functions and variables. */
export type Linkage = 'static' | 'global' | 'extern';

/** By the number in a record's info field; 13 is FUNC_PROTO. */
const KINDS: readonly BtfKind[] = [
  'void', 'int', 'ptr', 'array', 'struct', 'union', 'enum', 'fwd', 'typedef', 'volatile', 'const', 'restrict', 'func', 'funcProto',
  'var', 'datasec', 'float', 'declTag', 'typeTag', 'enum64',
]; // biome-ignore format: a table
const LINKAGES: readonly Linkage[] = ['static', 'global', 'extern'];

const MAGIC = 0xeb9f;
/** Modifiers and typedefs in a row, arrays in arrays: more is taken for a cycle, as libbpf does. */
const MAX_CHAIN = 32;

/** The types of one .BTF section or of a kernel. */
export interface Btf {
  readonly types: readonly BtfType[];
  /** Names by offset, for line information and relocations. */
  readonly strings: StringTable;
  readonly path: string;
}

export function parseBtf(bytes: Uint8Array, path: string, section = '.BTF'): Btf {
  const littleEndian = bytes[0] === (MAGIC & 0xff);
  const reader = new ByteReader(bytes, path, 'btf/truncated', littleEndian, section);
  const refuse = (code: ErrorCode, offset: number, message: string): never => {
    throw new BpfError(code, reader.at(offset), message);
  };
  if (reader.u16(0, 'the BTF header') !== MAGIC) refuse('btf/bad-magic', 0, `BTF starts with 0x${MAGIC.toString(16)}`);
  if (reader.u8(2) !== 1) refuse('btf/unsupported', 2, `BTF version ${reader.u8(2)}, 1 is known`);
  const headerBytes = reader.u32(4, 'the BTF header');
  if (headerBytes < 24) refuse('btf/bad-header', 4, `the BTF header has at least 24 bytes, says ${headerBytes}`);
  const typesAt = headerBytes + reader.u32(8, 'the BTF header');
  const typesEnd = typesAt + reader.u32(12, 'the BTF header');
  const stringsAt = headerBytes + reader.u32(16, 'the BTF header');
  const stringBytes = reader.u32(20, 'the BTF header');
  reader.need(typesAt, typesEnd - typesAt, 'the types');
  const strings = new StringTable(reader.slice(stringsAt, stringBytes, 'the strings'), 'btf/bad-string', reader.at(stringsAt));

  const types: BtfType[] = [{ kind: 'void', name: '' }];
  for (let at = typesAt; at < typesEnd; ) {
    if (at + 12 > typesEnd) refuse('btf/truncated', at, `type ${types.length} needs 12 bytes, ${typesEnd - at} are left`);
    at += readType(reader, strings, at, typesEnd, types);
  }
  checkIds(types, reader, typesAt);
  return { types, strings, path };
}

/** Appends the type at `at`; the result is its size. */
function readType(reader: ByteReader, strings: StringTable, at: number, end: number, types: BtfType[]): number {
  const id = types.length;
  const info = reader.u32(at + 4);
  const sizeOrType = reader.u32(at + 8);
  const count = info & 0xffff;
  const flag = info >>> 31 === 1;
  const kind = KINDS[(info >>> 24) & 31];
  const name = strings.at(reader.u32(at), `type ${id}`);
  const body = at + 12;
  const rows = (bytes: number, rowCount: number): number => {
    if (body + bytes * rowCount > end) {
      throw new BpfError(
        'btf/truncated',
        reader.at(at),
        `type ${id} (${kind}) has ${rowCount} entries of ${bytes} bytes, ${end - body} bytes are left`,
      );
    }
    return 12 + bytes * rowCount;
  };
  const linkage = (value: number): Linkage => {
    const known = LINKAGES[value];
    if (known === undefined)
      throw new BpfError('btf/bad-type', reader.at(at), `type ${id} (${kind}) has linkage ${value}, 0 to 2 are known`);
    return known;
  };
  switch (kind) {
    case 'int': {
      const length = rows(4, 1);
      const data = reader.u32(body);
      const encoding = (data >>> 24) & 15;
      types.push({
        kind, name, size: sizeOrType, bits: data & 0xff, bitOffset: (data >>> 16) & 0xff,
        signed: (encoding & 1) !== 0, char: (encoding & 2) !== 0, bool: (encoding & 4) !== 0,
      }); // biome-ignore format: a table
      return length;
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'typeTag':
      types.push({ kind, name, type: sizeOrType });
      return 12;
    case 'array': {
      const length = rows(12, 1);
      types.push({ kind, name, type: reader.u32(body), indexType: reader.u32(body + 4), length: reader.u32(body + 8) });
      return length;
    }
    case 'struct':
    case 'union': {
      const length = rows(12, count);
      const members: BtfMember[] = [];
      for (let i = 0; i < count; i++) {
        const row = body + 12 * i;
        const offset = reader.u32(row + 8);
        members.push({
          name: strings.at(reader.u32(row), `member ${i} of type ${id}`),
          type: reader.u32(row + 4),
          bitOffset: flag ? offset & 0xffffff : offset,
          bitfieldBits: flag ? offset >>> 24 : 0,
        });
      }
      types.push({ kind, name, size: sizeOrType, members });
      return length;
    }
    case 'enum':
    case 'enum64': {
      const rowBytes = kind === 'enum' ? 8 : 12;
      const length = rows(rowBytes, count);
      const enumerators: BtfEnumerator[] = [];
      for (let i = 0; i < count; i++) {
        const row = body + rowBytes * i;
        const low = BigInt(reader.u32(row + 4));
        const value = kind === 'enum' ? low : low | (BigInt(reader.u32(row + 8)) << 32n);
        enumerators.push({
          name: strings.at(reader.u32(row), `enumerator ${i} of type ${id}`),
          value: flag ? BigInt.asIntN(kind === 'enum' ? 32 : 64, value) : value,
        });
      }
      types.push({ kind, name, size: sizeOrType, signed: flag, enumerators });
      return length;
    }
    case 'fwd':
      types.push({ kind, name, union: flag });
      return 12;
    case 'func':
      types.push({ kind, name, type: sizeOrType, linkage: linkage(count) });
      return 12;
    case 'funcProto': {
      const length = rows(8, count);
      const parameters: BtfParameter[] = [];
      for (let i = 0; i < count; i++) {
        parameters.push({
          name: strings.at(reader.u32(body + 8 * i), `parameter ${i} of type ${id}`),
          type: reader.u32(body + 8 * i + 4),
        });
      }
      types.push({ kind, name, returns: sizeOrType, parameters });
      return length;
    }
    case 'var': {
      const length = rows(4, 1);
      types.push({ kind, name, type: sizeOrType, linkage: linkage(reader.u32(body)) });
      return length;
    }
    case 'datasec': {
      const length = rows(12, count);
      const variables: BtfSectionVariable[] = [];
      for (let i = 0; i < count; i++) {
        const row = body + 12 * i;
        variables.push({ type: reader.u32(row), offset: reader.u32(row + 4), size: reader.u32(row + 8) });
      }
      types.push({ kind, name, size: sizeOrType, variables });
      return length;
    }
    case 'float':
      types.push({ kind, name, size: sizeOrType });
      return 12;
    case 'declTag': {
      const length = rows(4, 1);
      types.push({ kind, name, type: sizeOrType, component: reader.i32(body) });
      return length;
    }
    default:
      throw new BpfError(
        'btf/unknown-kind',
        reader.at(at),
        `type ${id} is of kind ${(info >>> 24) & 31}, 1 to ${KINDS.length - 1} are known`,
      );
  }
}

/** Every id that a type names must be in the table. */
function checkIds(types: readonly BtfType[], reader: ByteReader, typesAt: number): void {
  for (let id = 0; id < types.length; id++) {
    const type = types[id]!;
    for (const to of namedIds(type)) {
      if (to >= types.length) {
        const message = `type ${id} (${type.kind} ${type.name || 'without a name'}) names type ${to}, the last one is ${types.length - 1}`;
        throw new BpfError('btf/bad-type-id', reader.at(typesAt), message);
      }
    }
  }
}

function namedIds(type: BtfType): readonly TypeId[] {
  switch (type.kind) {
    case 'array':
      return [type.type, type.indexType];
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'funcProto':
      return [type.returns, ...type.parameters.map((parameter) => parameter.type)];
    case 'datasec':
      return type.variables.map((variable) => variable.type);
    case 'void':
    case 'int':
    case 'enum':
    case 'enum64':
    case 'fwd':
    case 'float':
      return [];
    default:
      return [type.type];
  }
}

/** A type by id; ids out of the table can only come from outside it (a relocation, a line of another section). */
export function typeById(btf: Btf, id: TypeId): BtfType {
  const type = btf.types[id];
  if (type === undefined) {
    throw new BpfError(
      'btf/bad-type-id',
      { in: 'file', path: btf.path, section: '.BTF' },
      `type ${id}, the last one is ${btf.types.length - 1}`,
    );
  }
  return type;
}

/** The id behind typedefs and modifiers. */
export function resolveId(btf: Btf, id: TypeId): TypeId {
  let at = id;
  for (let steps = 0; ; steps++) {
    const type = typeById(btf, at);
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'typeTag':
        if (steps >= MAX_CHAIN) throw cycle(btf, id);
        at = type.type;
        break;
      default:
        return at;
    }
  }
}

/** The type behind typedefs and modifiers. */
export function resolve(btf: Btf, id: TypeId): BtfType {
  return btf.types[resolveId(btf, id)]!;
}

/** Bytes of a value of the type; undefined for what has no size (void, functions, forward declarations). */
export function sizeOf(btf: Btf, id: TypeId): number | undefined {
  let elements = 1;
  let at = id;
  for (let steps = 0; steps <= MAX_CHAIN; steps++) {
    const type = resolve(btf, at);
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'float':
      case 'datasec':
        return checkedSize(btf, id, elements * type.size);
      case 'ptr':
        return checkedSize(btf, id, elements * POINTER_BYTES);
      case 'array':
        elements *= type.length;
        at = type.type;
        break;
      case 'var':
        at = type.type;
        break;
      default:
        return undefined;
    }
  }
  throw cycle(btf, id);
}
const POINTER_BYTES = 8;

/** Bytes that addresses of such a value are a multiple of; 1 for what has no size. */
export function alignOf(btf: Btf, id: TypeId): number {
  return alignWithin(btf, id, 0, new Map());
}

function alignWithin(btf: Btf, id: TypeId, depth: number, known: Map<TypeId, number>): number {
  if (depth > MAX_CHAIN) throw cycle(btf, id);
  const align = known.get(id) ?? alignOnce(btf, id, depth, known);
  known.set(id, align);
  return align;
}

function alignOnce(btf: Btf, id: TypeId, depth: number, known: Map<TypeId, number>): number {
  const type = resolve(btf, id);
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'enum64':
    case 'float':
      return Math.max(1, Math.min(POINTER_BYTES, type.size));
    case 'ptr':
      return POINTER_BYTES;
    case 'array':
    case 'var':
      return alignWithin(btf, type.type, depth + 1, known);
    case 'struct':
    case 'union': {
      let most = 1;
      for (const member of type.members) {
        const align = alignWithin(btf, member.type, depth + 1, known);
        // A member off its alignment, or a size that is no multiple of it, shows a packed struct.
        if (member.bitfieldBits === 0 && member.bitOffset % (8 * align) !== 0) return 1;
        most = Math.max(most, align);
      }
      return type.size % most === 0 ? most : 1;
    }
    default:
      return 1;
  }
}

/** Lengths of an array's dimensions, outermost first, and the type of its elements; [] for anything else. */
export function arrayDimensions(btf: Btf, id: TypeId): { readonly dimensions: readonly number[]; readonly element: TypeId } {
  const dimensions: number[] = [];
  let at = id;
  for (;;) {
    const type = resolve(btf, at);
    if (type.kind !== 'array') return { dimensions, element: at };
    if (dimensions.length >= MAX_CHAIN) throw cycle(btf, id);
    dimensions.push(type.length);
    at = type.type;
  }
}

/** The first type of that name, and of one of the kinds if any are given. */
export function findByName(btf: Btf, name: string, ...kinds: readonly BtfKind[]): TypeId | undefined {
  const id = btf.types.findIndex((type) => type.name === name && (kinds.length === 0 || kinds.includes(type.kind)));
  return id < 0 ? undefined : id;
}

/** The section of that name. */
export function findSection(btf: Btf, name: string): Extract<BtfType, { kind: 'datasec' }> | undefined {
  for (const type of btf.types) if (type.kind === 'datasec' && type.name === name) return type;
  return undefined;
}

function checkedSize(btf: Btf, id: TypeId, size: number): number {
  if (size > 0xffffffff) {
    throw new BpfError(
      'btf/bad-type',
      { in: 'file', path: btf.path, section: '.BTF' },
      `type ${id} has ${size} bytes, more than 32 bits can say`,
    );
  }
  return size;
}

function cycle(btf: Btf, id: TypeId): BpfError {
  return new BpfError(
    'btf/cycle',
    { in: 'file', path: btf.path, section: '.BTF' },
    `type ${id} leads through more than ${MAX_CHAIN} types`,
  );
}
