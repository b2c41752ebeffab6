// What a BTF type is to somebody who reads and writes values of it: typedefs and qualifiers gone, bit-fields and offsets computed,
// everything inside the type's own bytes. Pointers are leaves, so every shape is a finite tree.
import { type Btf, type BtfEnumerator, type BtfMember, type BtfType, resolveId, sizeOf, type TypeId, typeById } from './types.ts';

export type Shape =
  | { readonly kind: 'int'; readonly bytes: number; readonly leaves: 1; readonly signed: boolean; readonly order: NetworkOrder | undefined }
  | { readonly kind: 'bool'; readonly bytes: number; readonly leaves: 1 }
  | { readonly kind: 'enum'; readonly bytes: number; readonly leaves: 1; readonly signed: boolean; readonly enumerators: readonly BtfEnumerator[]; readonly id: TypeId }
  | { readonly kind: 'float'; readonly bytes: 4 | 8; readonly leaves: 1 }
  | { readonly kind: 'pointer'; readonly bytes: number; readonly leaves: 1 }
  /** An array of `char`. */
  | { readonly kind: 'text'; readonly bytes: number; readonly leaves: 1 }
  /** An array of other bytes, and what has no better description. */
  | { readonly kind: 'bytes'; readonly bytes: number; readonly leaves: 1 }
  | { readonly kind: 'list'; readonly bytes: number; readonly leaves: number; readonly length: number; readonly element: Shape }
  | RecordShape; // biome-ignore format: a table

export interface RecordShape {
  readonly kind: 'record';
  readonly bytes: number;
  /** Values that are no records themselves: what reading one costs. */
  readonly leaves: number;
  readonly union: boolean;
  readonly members: readonly ShapeMember[];
  /** The last member is an array without a length, which has what bytes are left: what the struct is padded with too. */
  readonly open: boolean;
  /** The struct, union or section. */
  readonly id: TypeId;
}

export interface ShapeMember {
  /** '': a struct or union without a name, whose members are those of the one around it. */
  readonly name: string;
  /** Bytes; of a bit-field, the byte that its first bit is in. */
  readonly offset: number;
  /** A bit-field: the bits of the byte at `offset` in front of it, and its width. */
  readonly bits: { readonly skip: number; readonly width: number } | undefined;
  readonly shape: Shape;
  /** As declared: what the shape has lost. */
  readonly type: TypeId;
}

/** The typedefs of the kernel's headers for numbers that are stored as they go over the network. */
export type NetworkOrder = 'be16' | 'be32' | 'be64';
const ORDERS: ReadonlyMap<string, NetworkOrder> = new Map([
  ['__be16', 'be16'],
  ['__be32', 'be32'],
  ['__be64', 'be64'],
]);

/** Fields that belong to the kernel: no part of a value to anybody outside. [kernel btf_parse_fields] */
export const KERNEL_STRUCTS: ReadonlySet<string> = new Set([
  ...['bpf_spin_lock', 'bpf_res_spin_lock', 'bpf_timer', 'bpf_wq', 'bpf_task_work', 'bpf_refcount'],
  ...['bpf_list_head', 'bpf_list_node', 'bpf_rb_root', 'bpf_rb_node'],
]);

/** Structs in structs; more is opaque. */
const MAX_DEPTH = 32;
/** A type that has more values in it (a struct of overlapping unions can, in a few bytes) is opaque. */
const MAX_LEAVES = 1 << 22;

const known = new WeakMap<Btf, Map<TypeId, Shape>>();

/** The shape of a type that has a size; of any other, no bytes. */
export function shapeOf(btf: Btf, type: TypeId): Shape {
  return shapeWithin(btf, type, 0);
}

function shapeWithin(btf: Btf, type: TypeId, depth: number): Shape {
  let shapes = known.get(btf);
  if (shapes === undefined) known.set(btf, (shapes = new Map()));
  const found = shapes.get(type);
  if (found !== undefined) return found;
  // What holds itself, which no compiler makes, is opaque there.
  shapes.set(type, opaque(sizeOf(btf, type) ?? 0));
  if (depth > MAX_DEPTH) return shapes.get(type)!;
  const shape = build(btf, type, depth);
  shapes.set(type, shape);
  return shape;
}

function opaque(bytes: number): Shape {
  return { kind: 'bytes', bytes, leaves: 1 };
}

function build(btf: Btf, declared: TypeId, depth: number): Shape {
  const id = resolveId(btf, declared);
  const type = typeById(btf, id);
  switch (type.kind) {
    case 'int':
      if (type.bool) return { kind: 'bool', bytes: type.size, leaves: 1 };
      return { kind: 'int', bytes: type.size, leaves: 1, signed: type.signed, order: orderOf(btf, declared) };
    case 'enum':
    case 'enum64':
      return { kind: 'enum', bytes: type.size, leaves: 1, signed: type.signed, enumerators: type.enumerators, id };
    case 'ptr':
      return { kind: 'pointer', bytes: 8, leaves: 1 };
    case 'float':
      return type.size === 4 || type.size === 8 ? { kind: 'float', bytes: type.size, leaves: 1 } : opaque(type.size);
    case 'array': {
      const bytes = sizeOf(btf, id) ?? 0;
      const element = typeById(btf, resolveId(btf, type.type));
      if (element.kind === 'int' && element.size === 1 && !element.bool) {
        if (isChar(element)) return { kind: 'text', bytes, leaves: 1 };
        if (!element.signed) return { kind: 'bytes', bytes, leaves: 1 };
      }
      const shape = shapeWithin(btf, type.type, depth + 1);
      const leaves = type.length * shape.leaves;
      if (shape.bytes === 0 || leaves > MAX_LEAVES) return opaque(bytes);
      return { kind: 'list', bytes, leaves, length: type.length, element: shape };
    }
    case 'struct':
    case 'union':
      return record(btf, id, type.size, type.members, type.kind === 'union', depth);
    case 'datasec': {
      const members = type.variables.map(({ type: to, offset }): BtfMember => {
        const variable = typeById(btf, to);
        return { name: variable.name, type: variable.kind === 'var' ? variable.type : to, bitOffset: 8 * offset, bitfieldBits: 0 };
      });
      return record(btf, id, type.size, members, false, depth);
    }
    default:
      return opaque(sizeOf(btf, id) ?? 0);
  }
}

/** `char`, not `signed char`: one is text, the other a small number. */
function isChar(type: Extract<BtfType, { kind: 'int' }>): boolean {
  return type.char || type.name === 'char';
}

function record(btf: Btf, id: TypeId, bytes: number, declared: readonly BtfMember[], union: boolean, depth: number): Shape {
  const members: ShapeMember[] = [];
  let leaves = 1;
  if (bytes > 0) {
    for (const member of declared) {
      const made = memberOf(btf, member, bytes, depth);
      if (made === undefined) return opaque(bytes);
      if (isKernels(btf, made.shape)) continue;
      members.push(made);
      leaves += made.shape.leaves;
    }
  }
  if (leaves > MAX_LEAVES) return opaque(bytes);
  const last = members.at(-1);
  const open = !union && last !== undefined && isOpen(last.shape);
  return { kind: 'record', bytes, leaves, union, members, open, id };
}

/** Undefined: it does not lie in the struct. */
function memberOf(btf: Btf, { name, type, bitOffset, bitfieldBits }: BtfMember, bytes: number, depth: number): ShapeMember | undefined {
  const resolved = typeById(btf, resolveId(btf, type));
  // Compilers before kind_flag put width and offset into an int type of its own. [BTF "BTF_KIND_INT"]
  const old = bitfieldBits === 0 && resolved.kind === 'int' && resolved.bits > 0 && resolved.bits < 8 * resolved.size;
  const width = old ? resolved.bits : bitfieldBits;
  const at = old ? bitOffset + resolved.bitOffset : bitOffset;
  const shape = shapeWithin(btf, type, depth + 1);
  const offset = Math.floor(at / 8);
  if (width === 0) return at % 8 !== 0 || offset + shape.bytes > bytes ? undefined : { name, offset, bits: undefined, shape, type };
  const isNumber = shape.kind === 'int' || shape.kind === 'enum' || shape.kind === 'bool';
  if (!isNumber || width > 8 * shape.bytes || at + width > 8 * bytes) return undefined;
  return { name, offset, bits: { skip: at % 8, width }, shape, type };
}

function isKernels(btf: Btf, shape: Shape): boolean {
  if (shape.kind === 'list') return isKernels(btf, shape.element);
  return shape.kind === 'record' && KERNEL_STRUCTS.has(typeById(btf, shape.id).name);
}

/** An array without a length, or a struct that ends in one. */
function isOpen(shape: Shape): boolean {
  if (shape.kind === 'record') return shape.open;
  return shape.bytes === 0 && (shape.kind === 'list' || shape.kind === 'text' || shape.kind === 'bytes');
}

function orderOf(btf: Btf, declared: TypeId): NetworkOrder | undefined {
  for (let at = declared; ; ) {
    const type = typeById(btf, at);
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'typeTag': {
        const order = type.kind === 'typedef' ? ORDERS.get(type.name) : undefined;
        if (order !== undefined) return order;
        at = type.type;
        break;
      }
      default:
        return undefined;
    }
  }
}

/** The members of a record, those of nameless members in the place where they stand. */
export function* namedMembers(shape: RecordShape): Generator<ShapeMember> {
  for (const member of shape.members) {
    if (member.name !== '') yield member;
    else if (member.shape.kind === 'record') yield* namedMembers(member.shape);
  }
}

/** For messages: `u16`, `text of 16 bytes`. */
export function describeShape(btf: Btf, shape: Shape): string {
  switch (shape.kind) {
    case 'int':
      return `${shape.signed ? 's' : 'u'}${8 * shape.bytes}`;
    case 'bool':
      return 'bool';
    case 'enum': {
      const { name } = typeById(btf, shape.id);
      return name === '' ? 'the enum' : `enum ${name}`;
    }
    case 'float':
      return shape.bytes === 4 ? 'float' : 'double';
    case 'pointer':
      return 'a pointer';
    case 'text':
      return `text of ${shape.bytes} bytes`;
    case 'bytes':
      return `${shape.bytes} bytes`;
    case 'list':
      return `a list of ${shape.length}`;
    case 'record': {
      const type = typeById(btf, shape.id);
      return type.name === '' ? `a ${type.kind}` : `${type.kind} ${type.name}`;
    }
  }
}
