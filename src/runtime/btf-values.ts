// Keys, values and variables through their BTF types: structs are objects, arrays lists, 64-bit integers bigints, char arrays strings.
import { type Btf, type BtfMember, resolve, sizeOf, type TypeId } from '../btf/types.ts';
import { BpfError } from '../util/error.ts';
import { encodePlain, plainCodec, type ValueCodec } from './values.ts';

/** A type that refers to itself only through pointers is no deeper than this. */
const MAX_DEPTH = 32;

/** The codec of a type; where the type says nothing useful of these `bytes`, the plain one. */
export function btfCodec(btf: Btf | undefined, type: TypeId, bytes: number, what: string): ValueCodec {
  if (btf === undefined || type === 0 || sizeOf(btf, type) !== bytes) return plainCodec(bytes, what);
  return {
    bytes,
    decode: (data) => decode(btf, type, data, 0),
    encode(value, out) {
      if (value instanceof Uint8Array && value.length === bytes) out.set(value);
      else encode(btf, type, value, out, what, 0);
    },
  };
}

function refuse(what: string, why: string): never {
  throw new BpfError('map/value', { in: 'option', name: what }, `${what}: ${why}`);
}

function unsigned(data: Uint8Array): bigint {
  let value = 0n;
  for (let i = data.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(data[i]!);
  return value;
}

/** Numbers up to 4 bytes, bigints beyond. */
function integer(data: Uint8Array, signed: boolean): number | bigint {
  const value = unsigned(data);
  const exact = signed ? BigInt.asIntN(8 * data.length, value) : value;
  return data.length <= 4 ? Number(exact) : exact;
}

function isChar(btf: Btf, type: TypeId): boolean {
  const found = resolve(btf, type);
  return found.kind === 'int' && found.size === 1 && found.signed;
}

function isByte(btf: Btf, type: TypeId): boolean {
  const found = resolve(btf, type);
  return found.kind === 'int' && found.size === 1 && !found.bool;
}

function decode(btf: Btf, id: TypeId, data: Uint8Array, depth: number): unknown {
  const type = resolve(btf, id);
  if (depth > MAX_DEPTH) return data.slice();
  switch (type.kind) {
    case 'int':
      return type.bool ? data[0] !== 0 : integer(data, type.signed);
    case 'enum':
    case 'enum64':
      return integer(data, type.signed);
    case 'ptr':
      return unsigned(data);
    case 'float': {
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      return data.length === 8 ? view.getFloat64(0, true) : data.length === 4 ? view.getFloat32(0, true) : data.slice();
    }
    case 'array': {
      if (isChar(btf, type.type)) {
        const end = data.indexOf(0);
        return new TextDecoder().decode(data.slice(0, end < 0 ? data.length : end));
      }
      if (isByte(btf, type.type)) return data.slice();
      const size = sizeOf(btf, type.type) ?? 0;
      return Array.from({ length: size === 0 ? 0 : type.length }, (_, i) =>
        decode(btf, type.type, data.subarray(i * size, (i + 1) * size), depth + 1),
      );
    }
    case 'struct':
    case 'union': {
      const object: Record<string, unknown> = {};
      for (const member of type.members) {
        const value = decodeMember(btf, member, data, depth);
        // The members of a nameless struct are those of the one around it.
        if (member.name === '') Object.assign(object, value);
        else object[member.name] = value;
      }
      return object;
    }
    default:
      return data.slice();
  }
}

function decodeMember(btf: Btf, member: BtfMember, data: Uint8Array, depth: number): unknown {
  if (member.bitfieldBits === 0) {
    const at = member.bitOffset / 8;
    return decode(btf, member.type, data.subarray(at, at + (sizeOf(btf, member.type) ?? 0)), depth + 1);
  }
  const type = resolve(btf, member.type);
  const value = (unsigned(data) >> BigInt(member.bitOffset)) & ((1n << BigInt(member.bitfieldBits)) - 1n);
  const signed = type.kind === 'int' && type.signed;
  const exact = signed ? BigInt.asIntN(member.bitfieldBits, value) : value;
  return (sizeOf(btf, member.type) ?? 8) <= 4 ? Number(exact) : exact;
}

function encode(btf: Btf, id: TypeId, value: unknown, out: Uint8Array, what: string, depth: number): void {
  const type = resolve(btf, id);
  if (depth > MAX_DEPTH) refuse(what, 'the type is too deep');
  if (value instanceof Uint8Array && value.length === out.length) {
    out.set(value);
    return;
  }
  switch (type.kind) {
    case 'struct':
    case 'union': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return encodePlain(value, out, what);
      encodeMembers(btf, type.members, value as Record<string, unknown>, out, what, depth);
      const known = memberNames(btf, type.members);
      const unknown = Object.keys(value).find((name) => !known.has(name));
      if (unknown !== undefined) refuse(what, `no member ${unknown}; it has ${[...known].join(', ')}`);
      return;
    }
    case 'array': {
      if (typeof value === 'string') {
        const bytes = new TextEncoder().encode(value);
        if (bytes.length > out.length) refuse(what, `"${value}" is longer than ${out.length} bytes`);
        out.set(bytes);
        return;
      }
      if (!Array.isArray(value)) return encodePlain(value, out, what);
      if (value.length > type.length) refuse(what, `${value.length} elements given, it has ${type.length}`);
      const size = sizeOf(btf, type.type) ?? 0;
      value.forEach((one, i) => {
        encode(btf, type.type, one, out.subarray(i * size, (i + 1) * size), `${what}[${i}]`, depth + 1);
      });
      return;
    }
    case 'float': {
      if (typeof value !== 'number' || out.length < 4) return encodePlain(value, out, what);
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      if (out.length === 8) view.setFloat64(0, value, true);
      else view.setFloat32(0, value, true);
      return;
    }
    case 'enum':
    case 'enum64': {
      const named = typeof value === 'string' ? type.enumerators.find((one) => one.name === value) : undefined;
      if (typeof value === 'string' && named === undefined)
        refuse(what, `${value} is none of ${type.enumerators.map((one) => one.name).join(', ')}`);
      return encodePlain(named === undefined ? value : named.value, out, what);
    }
    default:
      encodePlain(typeof value === 'boolean' ? Number(value) : value, out, what);
  }
}

/** Those of nameless members included. */
function memberNames(btf: Btf, members: readonly BtfMember[]): Set<string> {
  return new Set(
    members.flatMap((member) => {
      if (member.name !== '') return [member.name];
      const type = resolve(btf, member.type);
      return type.kind === 'struct' || type.kind === 'union' ? [...memberNames(btf, type.members)] : [];
    }),
  );
}

/** Members that the object does not name keep what `out` has. */
function encodeMembers(
  btf: Btf,
  members: readonly BtfMember[],
  value: Record<string, unknown>,
  out: Uint8Array,
  what: string,
  depth: number,
): void {
  for (const member of members) {
    const at = Math.floor(member.bitOffset / 8);
    if (member.name === '') {
      const type = resolve(btf, member.type);
      if (type.kind === 'struct' || type.kind === 'union') {
        const shifted = type.members.map((inner) => ({ ...inner, bitOffset: inner.bitOffset + member.bitOffset }));
        encodeMembers(btf, shifted, value, out, what, depth + 1);
      }
      continue;
    }
    const given = value[member.name];
    if (given === undefined) continue;
    const name = `${what}.${member.name}`;
    if (member.bitfieldBits === 0) encode(btf, member.type, given, out.subarray(at, at + (sizeOf(btf, member.type) ?? 0)), name, depth + 1);
    else encodeBits(given, member, out, name);
  }
}

function encodeBits(value: unknown, { bitOffset, bitfieldBits }: BtfMember, out: Uint8Array, what: string): void {
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean')
    refuse(what, `a ${typeof value} given for a bit-field`);
  const bits = BigInt.asUintN(bitfieldBits, BigInt(value));
  for (let i = 0; i < bitfieldBits; i++) {
    const at = bitOffset + i;
    const mask = 1 << (at & 7);
    out[at >> 3] = ((bits >> BigInt(i)) & 1n) === 1n ? out[at >> 3]! | mask : out[at >> 3]! & ~mask;
  }
}
