// pcapng files for tests, block by block.

export interface NgOption {
  readonly code: number;
  readonly bytes: readonly number[];
}

const padded = (size: number): number => (size + 3) & ~3;

export class NgFile {
  readonly #little: boolean;
  readonly #bytes: number[] = [];

  constructor(little: boolean) {
    this.#little = little;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #number(value: number | bigint, size: 2 | 4 | 8): number[] {
    const all = Array.from({ length: size }, (_, i) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * i)) & 0xffn));
    return this.#little ? all : all.reverse();
  }

  #options(options: readonly NgOption[]): number[] {
    if (options.length === 0) return [];
    const each = options.flatMap(({ code, bytes }) => [...this.#number(code, 2), ...this.#number(bytes.length, 2), ...fill(bytes)]);
    return [...each, 0, 0, 0, 0];
  }

  /** A block of any type; `body` is filled up to 4 bytes. */
  block(type: number, body: readonly number[]): this {
    const whole = fill(body);
    const length = this.#number(12 + whole.length, 4);
    this.#bytes.push(...this.#number(type, 4), ...length, ...whole, ...length);
    return this;
  }

  section(): this {
    return this.block(0x0a0d0d0a, [...this.#number(0x1a2b3c4d, 4), ...this.#number(1, 2), ...this.#number(0, 2), ...this.#number(-1n, 8)]);
  }

  /** `resolution`: the byte of if_tsresol; `offset`: seconds of if_tsoffset. */
  face(linkType: number, { snapLength = 0, resolution, offset }: { snapLength?: number; resolution?: number; offset?: number } = {}): this {
    const options: NgOption[] = [];
    // if_name, of no interest.
    options.push({ code: 2, bytes: [0x65, 0x74, 0x68] });
    if (resolution !== undefined) options.push({ code: 9, bytes: [resolution] });
    if (offset !== undefined) options.push({ code: 14, bytes: this.#number(offset, 8) });
    return this.block(1, [...this.#number(linkType, 2), 0, 0, ...this.#number(snapLength, 4), ...this.#options(options)]);
  }

  packet(face: number, ticks: bigint, data: Uint8Array, wireLength: number = data.length, options: readonly NgOption[] = []): this {
    const time = [...this.#number(ticks >> 32n, 4), ...this.#number(ticks & 0xffff_ffffn, 4)];
    const lengths = [...this.#number(data.length, 4), ...this.#number(wireLength, 4)];
    return this.block(6, [...this.#number(face, 4), ...time, ...lengths, ...fill([...data]), ...this.#options(options)]);
  }

  obsolete(face: number, ticks: bigint, data: Uint8Array): this {
    const time = [...this.#number(ticks >> 32n, 4), ...this.#number(ticks & 0xffff_ffffn, 4)];
    const lengths = [...this.#number(data.length, 4), ...this.#number(data.length, 4)];
    return this.block(2, [...this.#number(face, 2), ...this.#number(7, 2), ...time, ...lengths, ...fill([...data])]);
  }

  simple(data: Uint8Array, wireLength: number = data.length): this {
    return this.block(3, [...this.#number(wireLength, 4), ...fill([...data])]);
  }
}

function fill(bytes: readonly number[]): number[] {
  return [...bytes, ...new Array<number>(padded(bytes.length) - bytes.length).fill(0)];
}
