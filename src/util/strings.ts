// A table of zero-terminated strings that records name by offset, as ELF and BTF have it.
import { BpfError, type ErrorCode, type Position } from './error.ts';

/**
 * Longest text that all names of one table may have together, in bytes. Names may overlap, so without a limit a small hostile file
 * could ask for the product of its table's size and its number of records.
 */
const MAX_TEXT_BYTES = 1 << 26;

/** Decodes on demand and remembers; guards the sum of what it decoded. */
export class StringTable {
  readonly #bytes: Uint8Array;
  readonly #code: ErrorCode;
  readonly #position: Position;
  readonly #known: Map<number, string> = new Map();
  #decoded = 0;

  constructor(bytes: Uint8Array, code: ErrorCode, position: Position) {
    this.#bytes = bytes;
    this.#code = code;
    this.#position = position;
  }

  /** The string at `offset`; `what` names the thing whose name it is. */
  at(offset: number, what: string): string {
    const known = this.#known.get(offset);
    if (known !== undefined) return known;
    if (offset === 0 && this.#bytes.length === 0) return '';
    if (offset >= this.#bytes.length) {
      throw new BpfError(
        this.#code,
        this.#position,
        `name of ${what} at offset ${offset}, the string table has ${this.#bytes.length} bytes`,
      );
    }
    const end = this.#bytes.indexOf(0, offset);
    if (end < 0) throw new BpfError(this.#code, this.#position, `name of ${what} at offset ${offset} is not terminated`);
    this.#decoded += end - offset;
    if (this.#decoded > MAX_TEXT_BYTES) {
      throw new BpfError(this.#code, this.#position, `names add up to more than ${MAX_TEXT_BYTES} bytes`);
    }
    const text = utf8.decode(this.#bytes.subarray(offset, end));
    this.#known.set(offset, text);
    return text;
  }
}

const utf8 = new TextDecoder();
