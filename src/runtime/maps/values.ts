// How keys and values look in JavaScript: through a map's BTF types where the object has them, else numbers, bigints and bytes by size.
import type { Shape } from '../../btf/shape.ts';
import { tryParseHex } from '../../util/bytes.ts';
import { BpfError } from '../../util/error.ts';

/** Turns the bytes of a key, a value or a variable into JavaScript and back. */
export interface ValueCodec {
  readonly bytes: number;
  /** Of BTF types. */
  readonly shape?: Shape;
  decode(bytes: Uint8Array): unknown;
  /** Fills `out`, which is zeroed and has the codec's size. `what` names the value in messages, the codec's own name otherwise. */
  encode(value: unknown, out: Uint8Array, what?: () => string): void;
  /** What `encode` takes, from what `toJson` made of it. */
  fromJson(json: unknown, what?: string): unknown;
}

/** 1, 2 and 4 bytes are numbers, 8 are bigints, other sizes are bytes. Takes numbers, bigints and bytes for any size up to 8. */
export function plainCodec(size: number, name: string): ValueCodec {
  const isNumber = size > 0 && size <= 8 && (size & (size - 1)) === 0;
  return {
    bytes: size,
    decode(bytes) {
      if (!isNumber) return bytes.slice();
      const view = new DataView(bytes.buffer, bytes.byteOffset, size);
      if (size === 8) return view.getBigUint64(0, true);
      return size === 4 ? view.getUint32(0, true) : size === 2 ? view.getUint16(0, true) : view.getUint8(0);
    },
    encode(value, out, what = () => name) {
      encodePlain(value, out, what);
    },
    fromJson: (json, what = name) => (isNumber ? integerOfJson(json) : bytesOfJson(json, what)),
  };
}

/** Any number that the bytes can hold, signed or not, or just those bytes. */
export function encodePlain(value: unknown, out: Uint8Array, what: () => string): void {
  if (value instanceof Uint8Array) {
    if (value.length !== out.length) refuseValue(what(), `${value.length} bytes given, it has ${out.length}`);
    out.set(value);
    return;
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    refuseValue(what(), `${nameOf(value)} given where bytes or a number are needed`);
  }
  if (typeof value === 'number' && !Number.isInteger(value)) refuseValue(what(), `${value} is no integer`);
  if (out.length > 8) refuseValue(what(), `it has ${out.length} bytes, which a number cannot name`);
  const bits = BigInt(8 * out.length);
  const whole = BigInt(value);
  if (whole >= 1n << bits || whole < -(1n << (bits - 1n))) refuseValue(what(), `${value} does not fit into ${out.length} bytes`);
  writeInteger(whole, out);
}

/** The lowest bytes of a number, little-endian. */
export function writeInteger(value: bigint, out: Uint8Array): void {
  let rest = value;
  for (let i = 0; i < out.length; i++) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** `a string`, `an array`, `undefined`. */
export function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : typeof value === 'string' ? `the string ${JSON.stringify(value)}` : `a ${typeof value}`;
}

/** `where`: as somebody would write it: `stats[3].ports[2].proto`. */
export function refuseValue(where: string, why: string): never {
  throw new BpfError('map/value', { in: 'option', name: where }, `${where}: ${why}`);
}

export function integerOfJson(json: unknown): unknown {
  return typeof json === 'string' && /^-?\d+$/.test(json) ? BigInt(json) : json;
}

export function bytesOfJson(json: unknown, what: string): unknown {
  if (typeof json !== 'string') return json;
  return tryParseHex(json) ?? refuseValue(what, `${JSON.stringify(json)} is no text of hex digits`);
}
