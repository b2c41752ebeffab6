// Little- and big-endian reading and writing of byte ranges, with bounds errors that carry the offset.
import { BpfError, type ErrorCode, type Position } from './error.ts';

/** Reads numbers at absolute offsets of `bytes`; anything outside is a `BpfError` with the offset (and the section that `bytes` is). */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly #path: string;
  readonly #code: ErrorCode;
  readonly #section: string | undefined;

  constructor(bytes: Uint8Array, path: string, code: ErrorCode, littleEndian = true, section?: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.littleEndian = littleEndian;
    this.#path = path;
    this.#code = code;
    this.#section = section;
  }

  get length(): number {
    return this.bytes.length;
  }

  at(offset: number): Position {
    const where = { in: 'file', path: this.#path, offset } as const;
    return this.#section === undefined ? where : { ...where, section: this.#section };
  }

  /** Throws unless `[offset, offset + size)` lies inside; `what` names the thing that is being read. */
  need(offset: number, size: number, what: string): void {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.bytes.length)) {
      const whole = this.#section === undefined ? 'file' : 'section';
      throw new BpfError(
        this.#code,
        this.at(offset),
        `${what} needs ${size} bytes at offset ${offset}, the ${whole} has ${this.bytes.length}`,
      );
    }
  }

  u8(offset: number, what = 'a byte'): number {
    this.need(offset, 1, what);
    return this.view.getUint8(offset);
  }
  u16(offset: number, what = 'a 16-bit field'): number {
    this.need(offset, 2, what);
    return this.view.getUint16(offset, this.littleEndian);
  }
  u32(offset: number, what = 'a 32-bit field'): number {
    this.need(offset, 4, what);
    return this.view.getUint32(offset, this.littleEndian);
  }
  i32(offset: number, what = 'a 32-bit field'): number {
    this.need(offset, 4, what);
    return this.view.getInt32(offset, this.littleEndian);
  }
  u64(offset: number, what = 'a 64-bit field'): bigint {
    this.need(offset, 8, what);
    return this.view.getBigUint64(offset, this.littleEndian);
  }

  /** A 64-bit field that must be a size or an offset: at most 2^53. */
  size64(offset: number, what = 'a 64-bit size'): number {
    const value = this.u64(offset, what);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new BpfError(this.#code, this.at(offset), `${what} is ${value}, larger than any file`);
    return Number(value);
  }

  slice(offset: number, size: number, what: string): Uint8Array {
    this.need(offset, size, what);
    return this.bytes.subarray(offset, offset + size);
  }

  /** A zero-terminated string of Latin letters and UTF-8; unterminated is an error. */
  string(offset: number, end: number, what: string): string {
    this.need(offset, 0, what);
    const stop = this.bytes.subarray(0, end).indexOf(0, offset);
    if (stop < 0) throw new BpfError(this.#code, this.at(offset), `${what} is not terminated`);
    return utf8.decode(this.bytes.subarray(offset, stop));
  }
}

const utf8 = new TextDecoder();

/** `0a 1b` or `0a1b`: hex digits with any white space between bytes; undefined where it is not that. */
export function tryParseHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) return undefined;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex, two digits a byte, in memory order. */
export function toHex(bytes: Uint8Array, separator = ''): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += i === 0 ? HEX[bytes[i]!]! : separator + HEX[bytes[i]!]!;
  return text;
}

/** Bounce buffer of `copyBytes`. */
let bounce = new Uint8Array(0);

/**
 * `into.set(bytes)`. The engine copies to and from shared memory byte by byte unless both sides lie alike in their words: longer pieces
 * take the way over memory that does.
 */
export function copyBytes(into: Uint8Array, bytes: Uint8Array): void {
  const alike = ((into.byteOffset ^ bytes.byteOffset) & 7) === 0;
  if (alike || bytes.length < 1024 || !(isShared(into) || isShared(bytes))) {
    into.set(bytes);
    return;
  }
  if (bounce.length < bytes.length + 8) bounce = new Uint8Array(bytes.length + 8);
  const shared = isShared(into) ? into : bytes;
  const at = shared.byteOffset & 7;
  const piece = bounce.subarray(at, at + bytes.length);
  piece.set(bytes);
  into.set(piece);
}

function isShared({ buffer }: Uint8Array): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
}
