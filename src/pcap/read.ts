// Reads pcap and pcapng captures, pushed in as chunks of any size: memory stays constant in the file's size. [pcap] [pcapng]
import { BpfError } from '../util/error.ts';

export interface CapturedPacket {
  /** Captured bytes: a view that is valid until the next push or packet. */
  readonly data: Uint8Array;
  /** Bytes on the wire as the file says: more than data.length where the snap length cut it; damaged files say less. */
  readonly wireLength: number;
  /** Nanoseconds since 1970. */
  readonly timestamp: bigint;
  /** LINKTYPE_* number. */
  readonly linkType: number;
  /** File offset of the packet's record. */
  readonly offset: number;
}

export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  frelay: 107,
  linuxSll: 113,
  radiotap: 127,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const;

const PCAP_MAGIC_MICRO = 0xa1b2c3d4;
const PCAP_MAGIC_NANO = 0xa1b23c4d;
const NG_SECTION = 0x0a0d0d0a;
const NG_BYTE_ORDER = 0x1a2b3c4d;
const NG_INTERFACE = 1;
const NG_PACKET_OBSOLETE = 2;
const NG_SIMPLE_PACKET = 3;
const NG_ENHANCED_PACKET = 6;
const NG_OPTION_TSRESOL = 9;
const NG_OPTION_TSOFFSET = 14;
/** No capture tool writes longer packets; a larger length is damage, not a reason to allocate. */
const MAX_PACKET_BYTES = 64 * 1024 * 1024;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks a second. */
  readonly resolution: bigint;
  readonly offsetSeconds: bigint;
}

/** Its time is worked out when it is asked for: the bigint would cost as much as the rest. */
class PcapPacket implements CapturedPacket {
  readonly data: Uint8Array;
  readonly wireLength: number;
  readonly linkType: number;
  readonly offset: number;
  readonly #seconds: number;
  readonly #nanoseconds: number;

  constructor(data: Uint8Array, wireLength: number, linkType: number, offset: number, seconds: number, nanoseconds: number) {
    this.data = data;
    this.wireLength = wireLength;
    this.linkType = linkType;
    this.offset = offset;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
  }

  get timestamp(): bigint {
    return BigInt(this.#seconds) * 1_000_000_000n + BigInt(this.#nanoseconds);
  }
}

/**
 * Push chunks, pull packets; call `end` after the last chunk. Invariant: `#at` is the file offset of the first byte of `#rest`,
 * and everything before it has been consumed.
 */
export class CaptureReader {
  readonly #path: string;
  #rest: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#rest.buffer);
  #pos = 0;
  #at = 0;
  #format: 'unknown' | 'pcap' | 'pcapng' = 'unknown';
  #little = true;
  #nano = false;
  #linkType = 0;
  #interfaces: Interface[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  push(chunk: Uint8Array): void {
    const left = this.#rest.length - this.#pos;
    this.#at += this.#pos;
    if (left === 0) this.#rest = chunk;
    else {
      const joined = new Uint8Array(left + chunk.length);
      joined.set(this.#rest.subarray(this.#pos));
      joined.set(chunk, left);
      this.#rest = joined;
    }
    this.#pos = 0;
    this.#view = new DataView(this.#rest.buffer, this.#rest.byteOffset, this.#rest.length);
  }

  /** The next whole packet in what was pushed, or undefined: push more. */
  next(): CapturedPacket | undefined {
    if (this.#format === 'unknown' && !this.#readMagic()) return undefined;
    return this.#format === 'pcap' ? this.#nextPcap() : this.#nextPcapng();
  }

  /** Throws where the file ended inside a record. */
  end(): void {
    const left = this.#rest.length - this.#pos;
    if (this.#format === 'unknown') throw this.#error('pcap/not-a-capture', 0, `the file has ${left} bytes, too short for a capture`);
    if (left > 0) throw this.#error('pcap/truncated', 0, `the file ends inside a record, ${left} bytes are left over`);
  }

  #error(code: `pcap/${string}`, ahead: number, message: string): BpfError {
    return new BpfError(code, { in: 'file', path: this.#path, offset: this.#at + this.#pos + ahead }, message);
  }

  #has(size: number): boolean {
    return this.#rest.length - this.#pos >= size;
  }
  #u16(ahead: number): number {
    return this.#view.getUint16(this.#pos + ahead, this.#little);
  }
  #u32(ahead: number): number {
    return this.#view.getUint32(this.#pos + ahead, this.#little);
  }

  #readMagic(): boolean {
    if (!this.#has(4)) return false;
    const magic = this.#view.getUint32(this.#pos, true);
    if (magic === NG_SECTION) {
      this.#format = 'pcapng';
      return true;
    }
    const swapped = this.#view.getUint32(this.#pos, false);
    this.#little = magic === PCAP_MAGIC_MICRO || magic === PCAP_MAGIC_NANO;
    const natural = this.#little ? magic : swapped;
    if (natural !== PCAP_MAGIC_MICRO && natural !== PCAP_MAGIC_NANO) {
      throw this.#error('pcap/not-a-capture', 0, `magic number 0x${magic.toString(16).padStart(8, '0')} is neither pcap nor pcapng`);
    }
    if (!this.#has(24)) return false;
    this.#nano = natural === PCAP_MAGIC_NANO;
    if (this.#u16(4) !== 2) throw this.#error('pcap/version', 4, `pcap version ${this.#u16(4)}.${this.#u16(6)}, expected 2.x`);
    // The upper bits hold the frame-check-sequence length. [pcap 4]
    this.#linkType = this.#u32(20) & 0xffff;
    this.#format = 'pcap';
    this.#pos += 24;
    return true;
  }

  #nextPcap(): CapturedPacket | undefined {
    if (!this.#has(16)) return undefined;
    const captured = this.#u32(8);
    if (captured > MAX_PACKET_BYTES)
      throw this.#error('pcap/length', 8, `captured length ${captured}, at most ${MAX_PACKET_BYTES} is believed`);
    if (!this.#has(16 + captured)) return undefined;
    const fraction = this.#u32(4);
    const packet = new PcapPacket(
      this.#rest.subarray(this.#pos + 16, this.#pos + 16 + captured),
      this.#u32(12),
      this.#linkType,
      this.#at + this.#pos,
      this.#u32(0),
      this.#nano ? fraction : fraction * 1000,
    );
    this.#pos += 16 + captured;
    return packet;
  }

  #nextPcapng(): CapturedPacket | undefined {
    for (;;) {
      if (!this.#has(12)) return undefined;
      const type = this.#view.getUint32(this.#pos, this.#little);
      // A section header reads the same in both byte orders and brings the order of what follows.
      if (type === NG_SECTION) {
        const order = this.#view.getUint32(this.#pos + 8, true);
        const swapped = this.#view.getUint32(this.#pos + 8, false);
        if (order !== NG_BYTE_ORDER && swapped !== NG_BYTE_ORDER)
          throw this.#error('pcap/byte-order', 8, `byte-order magic 0x${order.toString(16)}`);
        this.#little = order === NG_BYTE_ORDER;
      }
      const length = this.#u32(4);
      if (length < 12 || length % 4 !== 0) throw this.#error('pcap/length', 4, `block length ${length}`);
      if (length > MAX_PACKET_BYTES + 64 * 1024)
        throw this.#error('pcap/length', 4, `block length ${length}, at most ${MAX_PACKET_BYTES} is believed`);
      if (!this.#has(length)) return undefined;
      if (this.#u32(length - 4) !== length)
        throw this.#error('pcap/length', length - 4, `block ends with length ${this.#u32(length - 4)}, began with ${length}`);
      const packet = this.#readBlock(type, length);
      this.#pos += length;
      if (packet !== undefined) return packet;
    }
  }

  #readBlock(type: number, length: number): CapturedPacket | undefined {
    const offset = this.#at + this.#pos;
    switch (type) {
      case NG_SECTION:
        this.#interfaces = [];
        return undefined;
      case NG_INTERFACE: {
        if (length < 20) throw this.#error('pcap/length', 4, `interface block of ${length} bytes`);
        this.#interfaces.push(this.#readInterface(length));
        return undefined;
      }
      case NG_ENHANCED_PACKET:
      case NG_PACKET_OBSOLETE: {
        if (length < 32) throw this.#error('pcap/length', 4, `packet block of ${length} bytes`);
        const id = type === NG_ENHANCED_PACKET ? this.#u32(8) : this.#u16(8);
        const face = this.#interfaces[id];
        if (face === undefined)
          throw this.#error('pcap/interface', 8, `packet of interface ${id}, the section has ${this.#interfaces.length}`);
        const captured = this.#u32(20);
        if (captured > length - 32) throw this.#error('pcap/length', 20, `captured length ${captured} in a block of ${length} bytes`);
        const ticks = (BigInt(this.#u32(12)) << 32n) | BigInt(this.#u32(16));
        return {
          data: this.#rest.subarray(this.#pos + 28, this.#pos + 28 + captured),
          wireLength: this.#u32(24),
          timestamp: (ticks * 1_000_000_000n) / face.resolution + face.offsetSeconds * 1_000_000_000n,
          linkType: face.linkType,
          offset,
        };
      }
      case NG_SIMPLE_PACKET: {
        if (length < 16) throw this.#error('pcap/length', 4, `packet block of ${length} bytes`);
        const face = this.#interfaces[0];
        if (face === undefined) throw this.#error('pcap/interface', 0, 'a simple packet block before any interface block');
        const wireLength = this.#u32(8);
        const limit = face.snapLength === 0 ? wireLength : Math.min(wireLength, face.snapLength);
        const captured = Math.min(limit, length - 16);
        return {
          data: this.#rest.subarray(this.#pos + 12, this.#pos + 12 + captured),
          wireLength,
          timestamp: 0n,
          linkType: face.linkType,
          offset,
        };
      }
      default:
        return undefined;
    }
  }

  #readInterface(length: number): Interface {
    let resolution = 1_000_000n;
    let offsetSeconds = 0n;
    for (let at = 16; at + 4 <= length - 4; ) {
      const code = this.#u16(at);
      const size = this.#u16(at + 2);
      if (code === 0) break;
      if (at + 4 + size > length - 4) throw this.#error('pcap/option', at, `option of ${size} bytes leaves its block`);
      if (code === NG_OPTION_TSRESOL && size >= 1) {
        const value = this.#view.getUint8(this.#pos + at + 4);
        const exponent = BigInt(value & 0x7f);
        resolution = (value & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
      }
      if (code === NG_OPTION_TSOFFSET && size >= 8) offsetSeconds = this.#view.getBigInt64(this.#pos + at + 4, this.#little);
      at += 4 + ((size + 3) & ~3);
    }
    return { linkType: this.#u16(8), snapLength: this.#u32(12), resolution, offsetSeconds };
  }
}

/** All packets of a capture in memory. */
export function* readCapture(bytes: Uint8Array, path: string): Generator<CapturedPacket, void, void> {
  const reader = new CaptureReader(path);
  reader.push(bytes);
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
  reader.end();
}
