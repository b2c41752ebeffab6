// How keys and values look in JavaScript: through a map's BTF types where the object has them, else numbers, bigints and bytes by size.
import { BpfError } from '../util/error.ts';

/** Turns the bytes of a key, a value or a variable into JavaScript and back. */
export interface ValueCodec {
  readonly bytes: number;
  decode(bytes: Uint8Array): unknown;
  /** Fills `out`, which is zeroed and has the codec's size. */
  encode(value: unknown, out: Uint8Array): void;
}

/** 1, 2 and 4 bytes are numbers, 8 are bigints, other sizes are bytes. Takes numbers, bigints and bytes for any size up to 8. */
export function plainCodec(size: number, what: string): ValueCodec {
  return {
    bytes: size,
    decode(bytes) {
      if (size > 8 || (size & (size - 1)) !== 0) return bytes.slice();
      const view = new DataView(bytes.buffer, bytes.byteOffset, size);
      if (size === 8) return view.getBigUint64(0, true);
      return size === 4 ? view.getUint32(0, true) : size === 2 ? view.getUint16(0, true) : view.getUint8(0);
    },
    encode(value, out) {
      encodePlain(value, out, what);
    },
  };
}

export function encodePlain(value: unknown, out: Uint8Array, what: string): void {
  if (value instanceof Uint8Array) {
    if (value.length !== out.length) refuse(what, `${value.length} bytes given, it has ${out.length}`);
    out.set(value);
    return;
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') refuse(what, `a ${typeof value} given where bytes or a number are needed`);
  if (typeof value === 'number' && !Number.isInteger(value)) refuse(what, `${value} is no integer`);
  if (out.length > 8) refuse(what, `it has ${out.length} bytes, which a number cannot name`);
  let rest = BigInt(value);
  const bits = BigInt(8 * out.length);
  if (rest >= 1n << bits || rest < -(1n << (bits - 1n))) refuse(what, `${value} does not fit into ${out.length} bytes`);
  for (let i = 0; i < out.length; i++) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function refuse(what: string, why: string): never {
  throw new BpfError('map/value', { in: 'option', name: what }, `${what}: ${why}`);
}
