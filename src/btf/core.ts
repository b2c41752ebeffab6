// CO-RE ("compile once, run everywhere"): an instruction that was compiled against one layout of a struct is corrected for the layout
// of another BTF. Which type of the target is meant, and when a relocation fails, follow libbpf, so that an object behaves as there.
import { BpfError, type ErrorCode, type Position } from '../util/error.ts';
import { essentialName, fieldsCompatible, kindsCompatible, typesCompatible, typesMatch } from './compatible.ts';
import type { CoreKind, CoreRelocation } from './ext.ts';
import { patchInstruction, poisonInstruction } from './patch.ts';
import { type Btf, type BtfType, resolve, resolveId, sizeOf, type TypeId, typeById } from './types.ts';

export interface CoreTarget {
  /** The BTF of the object. */
  readonly local: Btf;
  /** That of the kernel to run on; undefined: the object's own, in which every type is its own and only candidate. */
  readonly target: Btf | undefined;
  readonly littleEndian: boolean;
}

/** One step on the way to a field. */
interface Accessor {
  readonly type: TypeId;
  readonly index: number;
  /** Undefined for an index: of an array, or of the pointer that the access starts from. */
  readonly name: string | undefined;
}

/** A type, field or enumerator of one BTF. */
interface Spec {
  readonly btf: Btf;
  readonly root: TypeId;
  readonly path: readonly Accessor[];
  readonly bitOffset: number;
}

/** What the instruction holds or shall hold. */
interface Value {
  readonly value: bigint;
  /** Bytes of the field and its type; 0 where the size of the access does not follow it. */
  readonly fieldSize: number;
  readonly fieldType: TypeId;
  /** The compiler cannot have meant anything else: the instruction is checked for it. */
  readonly certain: boolean;
}

const MAX_PATH = 64;
/** Structs without a name inside one struct, for the search of a member: far more than any kernel has, and no danger to the stack. */
const MAX_NESTED = 1000;
/** bpf_core_relo kinds by what they ask for. */
const ASKS: Readonly<Record<CoreKind, 'field' | 'type' | 'enumerator'>> = {
  fieldByteOffset: 'field', fieldByteSize: 'field', fieldExists: 'field', fieldSigned: 'field', fieldLeftShift: 'field',
  fieldRightShift: 'field', typeIdLocal: 'type', typeIdTarget: 'type', typeExists: 'type', typeSize: 'type', typeMatches: 'type',
  enumeratorExists: 'enumerator', enumeratorValue: 'enumerator',
}; // biome-ignore format: a table

/**
 * Corrects the instruction of one relocation in `code`, the bytes of its function; `position` is that of the instruction. False: there is no such thing in the target, and
 * the instruction has been replaced by one that must not be reached.
 */
export function relocateCore(
  target: CoreTarget,
  relocation: CoreRelocation & { readonly slot: number },
  code: Uint8Array,
  position: Position,
): boolean {
  const refuse = (error: ErrorCode, message: string): BpfError => {
    const type = target.local.types[relocation.type];
    const what = `${type?.kind} ${type?.name || 'without a name'} (${relocation.kind} ${relocation.access})`;
    return new BpfError(error, position, `CO-RE relocation of ${what}: ${message}`);
  };
  const { local } = target;
  const { kind } = relocation;
  const localSpec = parseAccess(local, relocation, refuse);
  if (kind === 'typeIdLocal') {
    const value = BigInt(relocation.type);
    patchInstruction(
      code,
      relocation.slot,
      { from: value, to: value, certain: false, fromSize: 0, toSize: 0, sizeMayChange: true },
      refuse,
    );
    return true;
  }
  const localName = typeById(local, relocation.type).name;
  if (localName === '') throw refuse('btf/core-anonymous', 'a type without a name cannot be looked for');

  const from = valueIn(localSpec, kind, target.littleEndian, refuse);
  let found: { readonly spec: Spec; readonly to: Value } | undefined;
  for (const candidate of candidates(target, relocation.type)) {
    const btf = target.target ?? local;
    const spec = match(localSpec, kind, btf, candidate, refuse);
    if (spec === undefined) continue;
    const to = valueIn(spec, kind, target.littleEndian, refuse);
    if (to === undefined) continue;
    if (found !== undefined && (found.spec.bitOffset !== spec.bitOffset || found.to.value !== to.value)) {
      const both = `types ${found.spec.root} and ${spec.root} of the target both match, one gives ${found.to.value}, the other ${to.value}`;
      throw refuse('btf/core-ambiguous', both);
    }
    found ??= { spec, to };
  }
  const to = found?.to ?? absent(kind);
  if (from === undefined || to === undefined) {
    poisonInstruction(code, relocation.slot);
    return false;
  }
  const btf = target.target ?? local;
  const sizeMayChange = from.fieldSize === to.fieldSize || bothZeroExtend(resolve(local, from.fieldType), resolve(btf, to.fieldType));
  return patchInstruction(
    code,
    relocation.slot,
    { from: from.value, to: to.value, certain: from.certain, fromSize: from.fieldSize, toSize: to.fieldSize, sizeMayChange },
    refuse,
  );
}

type Refuse = (error: ErrorCode, message: string) => BpfError;

/** What a relocation asks for in the object's own types. */
function parseAccess(btf: Btf, relocation: CoreRelocation, refuse: Refuse): Spec {
  const { type: root, access, kind } = relocation;
  typeById(btf, root);
  if (ASKS[kind] === 'type') {
    if (access !== '0') throw refuse('btf/core-bad-access', 'the access of a type is 0');
    return { btf, root, path: [], bitOffset: 0 };
  }
  if (!/^\d{1,9}(:\d{1,9})*$/.test(access)) throw refuse('btf/core-bad-access', 'an access is a list of numbers between colons');
  const indexes = access.split(':').map(Number);
  if (indexes.length > MAX_PATH) throw refuse('btf/core-bad-access', `an access has at most ${MAX_PATH} steps`);
  const first = indexes[0]!;
  let at = resolveId(btf, root);
  const start = btf.types[at]!;
  if (ASKS[kind] === 'enumerator') {
    const enumerator = start.kind === 'enum' || start.kind === 'enum64' ? start.enumerators[first] : undefined;
    if (enumerator === undefined || indexes.length > 1) throw refuse('btf/core-bad-access', `no enumerator ${access}`);
    return { btf, root, path: [{ type: at, index: first, name: enumerator.name }], bitOffset: 0 };
  }

  const path: Accessor[] = [{ type: at, index: first, name: undefined }];
  let bitOffset = first * bitsOf(btf, at, refuse);
  for (const index of indexes.slice(1)) {
    at = resolveId(btf, at);
    const type = btf.types[at]!;
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) throw refuse('btf/core-bad-access', `${type.kind} ${type.name} has no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') path.push({ type: at, index, name: member.name });
      at = member.type;
    } else if (type.kind === 'array') {
      if (index >= type.length && !isFlexible(btf, path[path.length - 1]!, type.length)) {
        throw refuse('btf/core-bad-access', `element ${index} of an array of ${type.length}`);
      }
      at = resolveId(btf, type.type);
      path.push({ type: at, index, name: undefined });
      bitOffset += index * bitsOf(btf, at, refuse);
    } else {
      throw refuse('btf/core-bad-access', `a ${type.kind} has no parts`);
    }
  }
  return { btf, root, path, bitOffset };
}

/** An array without length at the end of a struct: any element may be named. */
function isFlexible(btf: Btf, accessor: Accessor, length: number): boolean {
  const type = btf.types[accessor.type]!;
  const isStruct = type.kind === 'struct' || type.kind === 'union';
  return accessor.name !== undefined && length === 0 && isStruct && accessor.index === type.members.length - 1;
}

function bitsOf(btf: Btf, id: TypeId, refuse: Refuse): number {
  const size = sizeOf(btf, id);
  if (size === undefined) throw refuse('btf/core-bad-access', `type ${id} (${typeById(btf, id).kind}) has no size`);
  return 8 * size;
}

/** Types of the target with the same name, apart from a flavor (`task_struct___v5`), and the same kind. */
function candidates({ local, target }: CoreTarget, id: TypeId): readonly TypeId[] {
  if (target === undefined) return [id];
  const type = typeById(local, id);
  const name = essentialName(type.name);
  return (namesOf(target).get(name) ?? []).filter((other) => kindsCompatible(type, target.types[other]!));
}

/** Ids by name without flavor, for BTFs that were asked before. */
const NAMES: WeakMap<Btf, ReadonlyMap<string, readonly TypeId[]>> = new WeakMap();
function namesOf(btf: Btf): ReadonlyMap<string, readonly TypeId[]> {
  const known = NAMES.get(btf);
  if (known !== undefined) return known;
  const names = new Map<string, TypeId[]>();
  btf.types.forEach(({ name }, id) => {
    if (name === '') return;
    const essential = essentialName(name);
    const ids = names.get(essential);
    if (ids === undefined) names.set(essential, [id]);
    else ids.push(id);
  });
  NAMES.set(btf, names);
  return names;
}

/** The same thing in the candidate, if it has it. */
function match(local: Spec, kind: CoreKind, btf: Btf, root: TypeId, refuse: Refuse): Spec | undefined {
  switch (ASKS[kind]) {
    case 'type': {
      const matches =
        kind === 'typeMatches' ? typesMatch(local.btf, local.root, btf, root) : typesCompatible(local.btf, local.root, btf, root);
      return matches ? { btf, root, path: [], bitOffset: 0 } : undefined;
    }
    case 'enumerator': {
      const id = resolveId(btf, root);
      const type = btf.types[id]!;
      if (type.kind !== 'enum' && type.kind !== 'enum64') return undefined;
      const name = essentialName(local.path[0]!.name!);
      const index = type.enumerators.findIndex((enumerator) => essentialName(enumerator.name) === name);
      return index < 0 ? undefined : { btf, root, path: [{ type: id, index, name }], bitOffset: 0 };
    }
    case 'field':
      return matchField(local, btf, root, refuse);
  }
}

function matchField(local: Spec, btf: Btf, root: TypeId, refuse: Refuse): Spec | undefined {
  const path: Accessor[] = [];
  let at = root;
  let bitOffset = 0;
  for (const accessor of local.path) {
    at = resolveId(btf, at);
    const type = btf.types[at]!;
    if (accessor.name !== undefined) {
      const found = findMember(btf, at, accessor.name, new Set());
      if (found === undefined || !fieldsCompatible(local.btf, memberType(local.btf, accessor), btf, found.type)) return undefined;
      path.push({ type: found.owner, index: found.index, name: accessor.name });
      bitOffset += found.bitOffset;
      at = found.type;
      continue;
    }
    if (path.length > 0) {
      if (type.kind !== 'array') return undefined;
      if (accessor.index >= type.length && !isFlexible(btf, path[path.length - 1]!, type.length)) return undefined;
      at = resolveId(btf, type.type);
    }
    path.push({ type: at, index: accessor.index, name: undefined });
    bitOffset += accessor.index * bitsOf(btf, at, refuse);
  }
  return { btf, root, path, bitOffset };
}

interface FoundMember {
  /** The struct that it is a member of: `id` or one without a name inside. */
  readonly owner: TypeId;
  readonly index: number;
  readonly type: TypeId;
  readonly bitOffset: number;
}

/** A member by name, also of the structs without a name inside; the first one counts. */
function findMember(btf: Btf, id: TypeId, name: string, searched: Set<TypeId>): FoundMember | undefined {
  const owner = resolveId(btf, id);
  const type = btf.types[owner]!;
  if ((type.kind !== 'struct' && type.kind !== 'union') || searched.has(owner) || searched.size > MAX_NESTED) return undefined;
  searched.add(owner);
  for (const [index, member] of type.members.entries()) {
    if (member.name === name) return { owner, index, type: member.type, bitOffset: member.bitOffset };
    const inside = member.name === '' ? findMember(btf, member.type, name, searched) : undefined;
    if (inside !== undefined) return { ...inside, bitOffset: inside.bitOffset + member.bitOffset };
  }
  return undefined;
}

function memberType(btf: Btf, accessor: Accessor): TypeId {
  const type = btf.types[accessor.type]!;
  return type.kind === 'struct' || type.kind === 'union' ? type.members[accessor.index]!.type : 0;
}

/** What the relocation is about in one spec. */
function valueIn(spec: Spec, kind: CoreKind, littleEndian: boolean, refuse: Refuse): Value {
  const plain = (value: bigint | number, certain = true): Value => ({ value: BigInt(value), fieldSize: 0, fieldType: 0, certain });
  switch (kind) {
    case 'fieldExists':
    case 'typeExists':
    case 'typeMatches':
    case 'enumeratorExists':
      return plain(1);
    case 'typeIdLocal':
    case 'typeIdTarget':
      // Linking objects together renumbers types without touching instructions.
      return plain(spec.root, false);
    case 'typeSize':
      return plain(bitsOf(spec.btf, spec.root, refuse) / 8);
    case 'enumeratorValue': {
      const [accessor] = spec.path;
      const type = spec.btf.types[accessor!.type]!;
      return plain(type.kind === 'enum' || type.kind === 'enum64' ? type.enumerators[accessor!.index]!.value : 0n);
    }
    default:
      return fieldValue(spec, kind, littleEndian, refuse);
  }
}

type FieldKind = 'fieldByteOffset' | 'fieldByteSize' | 'fieldSigned' | 'fieldLeftShift' | 'fieldRightShift';

function fieldValue(spec: Spec, kind: FieldKind, littleEndian: boolean, refuse: Refuse): Value {
  const { btf, bitOffset } = spec;
  const last = spec.path[spec.path.length - 1]!;
  if (last.name === undefined) {
    const size = bitsOf(btf, last.type, refuse) / 8;
    if (kind === 'fieldByteOffset')
      return { value: BigInt(Math.floor(bitOffset / 8)), fieldSize: size, fieldType: last.type, certain: true };
    if (kind === 'fieldByteSize') return { value: BigInt(size), fieldSize: 0, fieldType: 0, certain: true };
    throw refuse('btf/core-bad-access', 'only offset and size can be asked of an array element');
  }
  const owner = btf.types[last.type]!;
  const member = owner.kind === 'struct' || owner.kind === 'union' ? owner.members[last.index]! : undefined;
  const type = resolveId(btf, member?.type ?? 0);
  const bitfieldBits = member?.bitfieldBits ?? 0;
  let byteSize = bitsOf(btf, type, refuse) / 8;
  let byteOffset = Math.floor(bitOffset / 8);
  let bits = 8 * byteSize;
  if (bitfieldBits > 0) {
    if (byteSize === 0) throw refuse('btf/core-bad-access', 'a bit-field of a type of 0 bytes');
    bits = bitfieldBits;
    byteOffset = alignDown(byteOffset, byteSize);
    // The smallest aligned integer that holds the whole bit-field.
    while (bitOffset + bits > 8 * (byteOffset + byteSize)) {
      if (byteSize >= 8) throw refuse('btf/core-bad-access', 'the bit-field does not fit an aligned 64-bit load');
      byteSize *= 2;
      byteOffset = alignDown(Math.floor(bitOffset / 8), byteSize);
    }
  }
  const isBitfield = bitfieldBits > 0;
  const bitInUnit = bitOffset - 8 * byteOffset;
  const value = (result: number, certain: boolean): Value => ({ value: BigInt(result), fieldSize: 0, fieldType: 0, certain });
  switch (kind) {
    case 'fieldByteOffset':
      if (isBitfield) return value(byteOffset, false);
      return { value: BigInt(byteOffset), fieldSize: byteSize, fieldType: type, certain: true };
    case 'fieldByteSize':
      return value(byteSize, !isBitfield);
    case 'fieldSigned':
      return value(isSigned(btf.types[type]!) ? 1 : 0, true);
    case 'fieldLeftShift':
      return value(littleEndian ? 64 - (bitInUnit + bits) : 8 * (8 - byteSize) + bitInUnit, !isBitfield);
    case 'fieldRightShift':
      return value(64 - bits, true);
  }
}

function isSigned(type: BtfType): boolean {
  return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
}

function alignDown(value: number, to: number): number {
  return Math.floor(value / to) * to;
}

/** What an instruction shall hold if the target has no such thing; undefined: the instruction makes no sense then. */
function absent(kind: CoreKind): Value | undefined {
  const asksWhether = kind === 'fieldExists' || kind === 'enumeratorExists' || ASKS[kind] === 'type';
  return asksWhether ? { value: 0n, fieldSize: 0, fieldType: 0, certain: true } : undefined;
}

/** Only of pointers and unsigned numbers can a load of another size still give the value: it zero-extends. */
function bothZeroExtend(from: BtfType, to: BtfType): boolean {
  if (from.kind === 'ptr' && to.kind === 'ptr') return true;
  // libbpf compares the whole encoding with "signed": a bool or a char that is signed passes, as there.
  const unsigned = (type: BtfType): boolean => type.kind === 'int' && !(type.signed && !type.char && !type.bool);
  return unsigned(from) && unsigned(to);
}
