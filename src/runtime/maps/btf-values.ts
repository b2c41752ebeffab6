// Keys, values, variables and records through their BTF types, both ways:
//
//   integers, pointers   numbers up to 4 bytes, bigints beyond; pointers are offsets into the window
//   _Bool, float         booleans, numbers
//   enums                their numbers; written also by name
//   struct, union        objects, the members of nameless ones among the others; a union has every member, and is written by any one
//   arrays               lists; of `char` text, of other unsigned bytes Uint8Arrays
//   the kernel's fields  (locks, timers, list heads) are no members
//
// Text ends at its first zero byte, that of keys, in which every byte counts, at its last byte that is none. Instead of anything, its bytes.
import { describeShape, namedMembers, type RecordShape, type Shape, type ShapeMember, shapeOf } from '../../btf/shape.ts';
import { type Btf, sizeOf, type TypeId } from '../../btf/types.ts';
import { bytesOfText, knownNames, textOf } from '../../util/text.ts';
import { bytesOfJson, integerOfJson, nameOf, plainCodec, refuseValue, type ValueCodec, writeInteger } from './values.ts';

export interface BtfCodecOptions {
  /** A map's key. */
  readonly isKey?: boolean;
}

/** The codec of a type; where the type says nothing useful of these `bytes`, the plain one. `name`: for messages. */
export function btfCodec(
  btf: Btf | undefined,
  type: TypeId,
  bytes: number,
  name: string,
  { isKey = false }: BtfCodecOptions = {},
): ValueCodec {
  if (btf === undefined || type === 0 || sizeOf(btf, type) !== bytes) return plainCodec(bytes, name);
  // A program of a hundred maps is loaded before the types of one are needed.
  let shape: Shape | undefined;
  const made = (): Shape => (shape ??= shapeOf(btf, type));
  return {
    bytes,
    get shape() {
      return made();
    },
    decode: (data) => decodeShape(made(), data, isKey),
    encode: (value, out, what = () => name) => encodeShape(btf, made(), value, out, what),
    fromJson: (json, what = name) => shapeFromJson(made(), json, what),
  };
}

/** A value from its bytes; an array without a length at the end of a struct has what bytes are left. `exact`: no byte of a text is lost. */
export function decodeShape(shape: Shape, data: Uint8Array, exact = false): unknown {
  return read(shape, data, new DataView(data.buffer, data.byteOffset, data.length), 0, data.length, exact);
}

function read(shape: Shape, data: Uint8Array, view: DataView, at: number, end: number, exact: boolean): unknown {
  switch (shape.kind) {
    case 'int':
    case 'enum':
      return readInteger(view, at, shape.bytes, shape.signed);
    case 'bool':
      return data[at] !== 0;
    case 'pointer':
      return view.getBigUint64(at, true);
    case 'float':
      return shape.bytes === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true);
    case 'text': {
      let stop = exact ? end : data.subarray(at, end).indexOf(0) + at;
      if (stop < at) stop = end;
      if (exact) while (stop > at && data[stop - 1] === 0) stop--;
      return textOf(data.subarray(at, stop));
    }
    case 'bytes':
      return data.slice(at, end);
    case 'list': {
      const { bytes } = shape.element;
      const list: unknown[] = [];
      for (let one = at; one + bytes <= end; one += bytes) list.push(read(shape.element, data, view, one, one + bytes, exact));
      return list;
    }
    case 'record': {
      const object: Record<string, unknown> = {};
      readMembers(shape, data, view, at, end, exact, object);
      return object;
    }
  }
}

function readMembers(
  shape: RecordShape,
  data: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  exact: boolean,
  object: Record<string, unknown>,
): void {
  const { members } = shape;
  for (const member of members) {
    const from = at + member.offset;
    const open = shape.open && member === members[members.length - 1];
    const to = open ? end : from + member.shape.bytes;
    if (member.name === '' && member.shape.kind === 'record') readMembers(member.shape, data, view, from, to, exact, object);
    else if (member.name !== '') {
      const value = member.bits === undefined ? read(member.shape, data, view, from, to, exact) : readBits(member, data, from);
      if (member.name === '__proto__') Object.defineProperty(object, member.name, { value, enumerable: true });
      else object[member.name] = value;
    }
  }
}

/** Numbers up to 4 bytes, bigints beyond. */
function readInteger(view: DataView, at: number, bytes: number, signed: boolean): number | bigint {
  switch (bytes) {
    case 1:
      return signed ? view.getInt8(at) : view.getUint8(at);
    case 2:
      return signed ? view.getInt16(at, true) : view.getUint16(at, true);
    case 4:
      return signed ? view.getInt32(at, true) : view.getUint32(at, true);
    case 8:
      return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
    default: {
      let value = 0n;
      for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
      if (signed) value = BigInt.asIntN(8 * bytes, value);
      return bytes <= 4 ? Number(value) : value;
    }
  }
}

function readBits({ bits, shape }: ShapeMember, data: Uint8Array, at: number): number | bigint | boolean {
  const { skip, width } = bits!;
  let value = 0n;
  for (let i = Math.ceil((skip + width) / 8) - 1; i >= 0; i--) value = (value << 8n) | BigInt(data[at + i]!);
  value = BigInt.asUintN(width, value >> BigInt(skip));
  if (shape.kind === 'bool') return value !== 0n;
  if ((shape.kind === 'int' || shape.kind === 'enum') && shape.signed) value = BigInt.asIntN(width, value);
  return shape.bytes <= 4 ? Number(value) : value;
}

/** Where in the value that is being encoded we are; kept apart, so that it costs nothing while all goes well. */
class Place {
  readonly btf: Btf;
  readonly #what: () => string;
  readonly path: (string | number)[] = [];

  constructor(btf: Btf, what: () => string) {
    this.btf = btf;
    this.#what = what;
  }

  refuse(why: string): never {
    const path = this.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
    refuseValue(this.#what() + path, why);
  }

  /** The value is not what this shape takes. */
  mismatch(value: unknown, shape: Shape): never {
    this.refuse(`${nameOf(value)} given where ${describeShape(this.btf, shape)} is needed`);
  }
}

/** Bytes from a value. `out` is zeroed; members that are not given, and elements beyond the given ones, stay zero. */
export function encodeShape(btf: Btf, shape: Shape, value: unknown, out: Uint8Array, what: () => string): void {
  write(shape, value, out, new Place(btf, what));
}

function write(shape: Shape, value: unknown, out: Uint8Array, place: Place): void {
  if (value instanceof Uint8Array) {
    if (value.length !== out.length) place.refuse(`${value.length} bytes given, it has ${out.length}`);
    out.set(value);
    return;
  }
  switch (shape.kind) {
    case 'int':
      return writeInteger(integerFor(value, 8 * out.length, shape.signed, shape, place), out);
    case 'bool':
    case 'pointer':
      return writeInteger(integerFor(value, shape.kind === 'bool' ? 1 : 8 * out.length, false, shape, place), out);
    case 'enum':
      return writeInteger(integerFor(enumerator(shape, value, place), 8 * out.length, shape.signed, shape, place), out);
    case 'float': {
      if (typeof value !== 'number') return place.mismatch(value, shape);
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      if (shape.bytes === 8) view.setFloat64(0, value, true);
      else view.setFloat32(0, value, true);
      return;
    }
    case 'text':
    case 'bytes':
      return writeBytes(shape, value, out, place);
    case 'list': {
      const list = Array.isArray(value) ? (value as unknown[]) : isNumberArray(value) ? value : place.mismatch(value, shape);
      const { bytes } = shape.element;
      const room = Math.floor(out.length / bytes);
      if (list.length > room) place.refuse(`${list.length} elements given, it has ${room}`);
      for (let i = 0; i < list.length; i++) {
        place.path.push(i);
        write(shape.element, list[i], out.subarray(i * bytes, (i + 1) * bytes), place);
        place.path.pop();
      }
      return;
    }
    case 'record': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return place.mismatch(value, shape);
      for (const name of Object.keys(value)) if (!hasMember(shape, name)) refuseMember(shape, name, place);
      return writeMembers(shape, value as Record<string, unknown>, out, place);
    }
  }
}

function writeBytes(shape: Shape, value: unknown, out: Uint8Array, place: Place): void {
  if (typeof value === 'string') {
    const bytes = bytesOfText(value);
    if (bytes.length > out.length) place.refuse(`${JSON.stringify(value)} has ${bytes.length} bytes, more than ${out.length}`);
    out.set(bytes);
    // Says so in a union as well, over what another member put there.
    if (bytes.length < out.length) out[bytes.length] = 0;
    return;
  }
  if ((typeof value === 'number' || typeof value === 'bigint') && shape.kind === 'bytes' && out.length <= 8) {
    return writeInteger(integerFor(value, 8 * out.length, false, shape, place), out);
  }
  if (!Array.isArray(value)) return place.mismatch(value, shape);
  if (value.length > out.length) place.refuse(`${value.length} elements given, it has ${out.length}`);
  const byte: Shape = { kind: 'int', bytes: 1, leaves: 1, signed: false, order: undefined };
  value.forEach((one: unknown, i) => {
    place.path.push(i);
    out[i] = Number(integerFor(one, 8, false, byte, place));
    place.path.pop();
  });
}

function isNumberArray(value: unknown): value is ArrayLike<number | bigint> {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** A whole number that `bits` bits can hold. */
function integerFor(value: unknown, bits: number, signed: boolean, shape: Shape, place: Place): bigint {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value !== 'number' && typeof value !== 'bigint') return place.mismatch(value, shape);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    place.refuse(Number.isInteger(value) ? `${value} is not exact as a number, a bigint would be` : `${value} is no integer`);
  }
  const whole = BigInt(value);
  if (whole !== (signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole))) {
    const partial = bits < 8 * shape.bytes && shape.kind !== 'bool';
    place.refuse(`${value} does not fit ${partial ? `${bits} bits of ` : ''}${describeShape(place.btf, shape)}`);
  }
  return whole;
}

function enumerator(shape: Extract<Shape, { kind: 'enum' }>, value: unknown, place: Place): unknown {
  if (typeof value !== 'string') return value;
  const found = shape.enumerators.find(({ name }) => name === value);
  if (found !== undefined) return found.value;
  const names = shape.enumerators.map(({ name }) => name);
  return place.refuse(`${describeShape(place.btf, shape)} has no ${value}; ${knownNames(value, names)}`);
}

/** Names in the record by shape, those of nameless members included. */
const memberNames = new WeakMap<RecordShape, ReadonlySet<string>>();

function namesOf(shape: RecordShape): ReadonlySet<string> {
  let names = memberNames.get(shape);
  if (names === undefined) memberNames.set(shape, (names = new Set([...namedMembers(shape)].map(({ name }) => name))));
  return names;
}

const hasMember = (shape: RecordShape, name: string): boolean => namesOf(shape).has(name);

function refuseMember(shape: RecordShape, name: string, place: Place): never {
  place.refuse(`${describeShape(place.btf, shape)} has no member ${name}; ${knownNames(name, [...namesOf(shape)])}`);
}

function isGiven({ name, shape }: ShapeMember, value: Record<string, unknown>): boolean {
  if (name !== '') return value[name] !== undefined;
  if (shape.kind !== 'record') return false;
  for (const inner of namesOf(shape)) if (value[inner] !== undefined) return true;
  return false;
}

function writeMembers(shape: RecordShape, value: Record<string, unknown>, out: Uint8Array, place: Place): void {
  const given = shape.members.filter((member) => isGiven(member, value));
  if (shape.union && given.length > 1) return writeUnion(shape, given, value, out, place);
  for (const member of given) writeMember(shape, member, value, out, place);
}

function writeMember(shape: RecordShape, member: ShapeMember, value: Record<string, unknown>, out: Uint8Array, place: Place): void {
  const { name, offset, bits } = member;
  const open = shape.open && member === shape.members[shape.members.length - 1];
  const part = out.subarray(offset, open ? out.length : offset + member.shape.bytes);
  if (name === '') return writeMembers(member.shape as RecordShape, value, part, place);
  place.path.push(name);
  if (bits === undefined) write(member.shape, value[name], part, place);
  else writeBits(member, value[name], out, place);
  place.path.pop();
}

/** Several members of a union are what reading it gives: they must agree in the bits that they share. */
function writeUnion(
  shape: RecordShape,
  given: readonly ShapeMember[],
  value: Record<string, unknown>,
  out: Uint8Array,
  place: Place,
): void {
  const decided = new Uint8Array(out.length);
  const by: ShapeMember[] = [];
  for (const member of given) {
    // Bits that come out the same over zeros and over ones are the member's.
    const zeros = new Uint8Array(out.length);
    const ones = new Uint8Array(out.length).fill(0xff);
    writeMember(shape, member, value, zeros, place);
    writeMember(shape, member, value, ones, place);
    for (let i = 0; i < out.length; i++) {
      const own = ~(zeros[i]! ^ ones[i]!) & 0xff;
      if (((out[i]! ^ zeros[i]!) & own & decided[i]!) !== 0) {
        const label = ({ name }: ShapeMember): string => name || 'a nameless member';
        const other = by.map(label).join(', ');
        place.refuse(`${label(member)} and ${other} are members of one union and say different things; give one of them`);
      }
      out[i] = (out[i]! & ~own) | (zeros[i]! & own);
      decided[i] = decided[i]! | own;
    }
    by.push(member);
  }
}

function writeBits({ bits, offset, shape }: ShapeMember, value: unknown, out: Uint8Array, place: Place): void {
  const { skip, width } = bits!;
  const signed = (shape.kind === 'int' || shape.kind === 'enum') && shape.signed;
  const whole = integerFor(shape.kind === 'enum' ? enumerator(shape, value, place) : value, width, signed, shape, place);
  const mask = ((1n << BigInt(width)) - 1n) << BigInt(skip);
  const wanted = (whole << BigInt(skip)) & mask;
  const bytes = Math.ceil((skip + width) / 8);
  for (let i = 0; i < bytes; i++) {
    const shift = BigInt(8 * i);
    const kept = ~Number((mask >> shift) & 0xffn);
    out[offset + i] = (out[offset + i]! & kept) | Number((wanted >> shift) & 0xffn);
  }
}

/** What `encodeShape` takes, from what `toJson` made of it; `what` names it. */
function shapeFromJson(shape: Shape, json: unknown, what: string): unknown {
  switch (shape.kind) {
    case 'int':
    case 'pointer':
      return integerOfJson(json);
    case 'enum':
      return integerOfJson(json);
    case 'bytes':
      return bytesOfJson(json, what);
    case 'float':
      return typeof json === 'string' && /^(NaN|-?Infinity)$/.test(json) ? Number(json) : json;
    case 'list':
      return Array.isArray(json) ? json.map((one: unknown, i) => shapeFromJson(shape.element, one, `${what}[${i}]`)) : json;
    case 'record': {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) return bytesOfJson(json, what);
      const shapes = new Map([...namedMembers(shape)].map((member) => [member.name, member.shape]));
      return Object.fromEntries(
        Object.entries(json).map(([name, value]) => {
          const inner = shapes.get(name);
          return [name, inner === undefined ? value : shapeFromJson(inner, value, `${what}.${name}`)];
        }),
      );
    }
    default:
      return json;
  }
}
