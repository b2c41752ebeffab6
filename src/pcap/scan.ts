// Finds the records of pcap and pcapng captures in a piece of memory, a block of packets at a time. [pcap] [pcapng]
import { BpfError } from '../util/error.ts';
import type { PacketBlock } from './block.ts';
import {
  NG_BYTE_ORDER,
  NG_ENHANCED_PACKET,
  NG_INTERFACE,
  NG_OPTION_TSRESOL,
  NG_PACKET_HEADER,
  NG_SECTION,
  PCAP_HEADER,
  PCAP_MAGIC_NANO,
  PCAP_RECORD,
} from './format.ts';

const PCAP_MAGIC_MICRO = 0xa1b2c3d4;
/** Up to this minor version of format 2 the two lengths of a record stood in either order. */
const PCAP_EITHER_ORDER = 3;
const NG_PACKET_OBSOLETE = 2;
const NG_SIMPLE_PACKET = 3;
const NG_OPTION_TSOFFSET = 14;
/** Bytes of a simple packet block in front of the data, with the length that ends the block before. */
const NG_SIMPLE_HEADER = 12;
/** No capture tool writes longer packets; a larger length is damage, not a reason to allocate. */
const MAX_PACKET_BYTES = 64 * 1024 * 1024;
const MAX_BLOCK_BYTES = MAX_PACKET_BYTES + 64 * 1024;
/** Ticks a second up to which a 64-bit time is divided in steps of 16 bits that stay exact. */
const MAX_NUMBER_RESOLUTION = 2 ** 36;

/** The two formats of captures; either byte order and resolution of time is read. */
export type CaptureFormat = 'pcap' | 'pcapng';

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks a second. */
  readonly resolution: bigint;
  /** The same as a number; 0: too large for one. */
  readonly ticks: number;
  readonly offsetSeconds: number;
}

export class CaptureScanner {
  readonly path: string;
  /** Undefined: too little was seen. */
  format: CaptureFormat | undefined;
  /** Bytes that the record needs at which the last scan stopped because it was not whole; 0: it stopped for another reason. */
  needed = 0;
  #little = true;
  #nanosecondsPerTick = 1000;
  #eitherOrder = false;
  #linkType = 0;
  #interfaces: Interface[] = [];
  #packets = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  /** File offset of `#bytes[0]`. */
  #at = 0;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Puts the packets of `bytes[from, end)` into the block; gives where the first record begins that is not whole or finds no room.
   * `at`: the offset of `bytes[0]` in the capture.
   */
  scan(bytes: Uint8Array, from: number, end: number, at: number, block: PacketBlock): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#at = at;
    this.needed = 0;
    block.count = 0;
    block.bytes = bytes;
    block.path = this.path;
    block.at = at;
    block.first = this.#packets;
    let pos = from;
    if (this.format === undefined) {
      pos += this.#readMagic(pos, end);
      if (this.format === undefined) return pos;
    }
    const to = this.format === 'pcap' ? this.#scanPcap(pos, end, block) : this.#scanPcapng(pos, end, block);
    this.#packets += block.count;
    return to;
  }

  /** After the last byte: throws where `left` bytes from offset `at` on are no whole record. */
  end(left: number, at: number): void {
    this.#at = at;
    if (this.format === undefined) throw this.#error('pcap/not-a-capture', 0, `the file has ${left} bytes, too short for a capture`);
    if (left > 0) throw this.#error('pcap/truncated', 0, `the file ends inside a record, ${left} bytes are left over`);
  }

  #error(code: `pcap/${string}`, offset: number, message: string): BpfError {
    return new BpfError(code, { in: 'file', path: this.path, offset: this.#at + offset }, message);
  }

  #u16(offset: number): number {
    return this.#view.getUint16(offset, this.#little);
  }
  #u32(offset: number): number {
    return this.#view.getUint32(offset, this.#little);
  }

  /** Bytes of the file's header; 0 where there are too few to tell, or where blocks follow at once. */
  #readMagic(pos: number, end: number): number {
    if (end - pos < 4) return this.#incomplete(4);
    const magic = this.#view.getUint32(pos, true);
    if (magic === NG_SECTION) {
      this.format = 'pcapng';
      return 0;
    }
    this.#little = magic === PCAP_MAGIC_MICRO || magic === PCAP_MAGIC_NANO;
    const natural = this.#view.getUint32(pos, this.#little);
    if (natural !== PCAP_MAGIC_MICRO && natural !== PCAP_MAGIC_NANO) {
      throw this.#error('pcap/not-a-capture', pos, `magic number 0x${magic.toString(16).padStart(8, '0')} is neither pcap nor pcapng`);
    }
    if (end - pos < PCAP_HEADER) return this.#incomplete(PCAP_HEADER);
    const minor = this.#u16(pos + 6);
    if (this.#u16(pos + 4) !== 2) throw this.#error('pcap/version', pos + 4, `pcap version ${this.#u16(pos + 4)}.${minor}, expected 2.x`);
    this.#nanosecondsPerTick = natural === PCAP_MAGIC_NANO ? 1 : 1000;
    this.#eitherOrder = minor <= PCAP_EITHER_ORDER;
    // The upper bits hold the frame-check-sequence length. [pcap 4]
    this.#linkType = this.#u32(pos + 20) & 0xffff;
    this.format = 'pcap';
    return PCAP_HEADER;
  }

  #incomplete(needed: number): 0 {
    this.needed = needed;
    return 0;
  }

  #scanPcap(from: number, end: number, block: PacketBlock): number {
    const view = this.#view;
    const little = this.#little;
    const nanosecondsPerTick = this.#nanosecondsPerTick;
    const linkType = this.#linkType;
    const eitherOrder = this.#eitherOrder;
    const { capacity, offsets, lengths, wireLengths, linkTypes, headers, seconds, nanoseconds } = block;
    let count = 0;
    let pos = from;
    while (count < capacity) {
      const data = pos + PCAP_RECORD;
      if (data > end) {
        this.needed = PCAP_RECORD;
        break;
      }
      let captured = view.getUint32(pos + 8, little);
      let wire = view.getUint32(pos + 12, little);
      if (eitherOrder && captured > wire) [captured, wire] = [wire, captured];
      if (captured > end - data) {
        // What stands before a damaged record is good: the next scan begins with it.
        if (captured > MAX_PACKET_BYTES && count === 0)
          throw this.#error('pcap/length', pos + 8, `captured length ${captured}, at most ${MAX_PACKET_BYTES} is believed`);
        this.needed = captured > MAX_PACKET_BYTES ? 0 : PCAP_RECORD + captured;
        break;
      }
      offsets[count] = data;
      lengths[count] = captured;
      wireLengths[count] = wire;
      linkTypes[count] = linkType;
      headers[count] = PCAP_RECORD;
      seconds[count] = view.getUint32(pos, little);
      nanoseconds[count] = view.getUint32(pos + 4, little) * nanosecondsPerTick;
      pos = data + captured;
      count++;
    }
    block.count = count;
    return pos;
  }

  #scanPcapng(from: number, end: number, block: PacketBlock): number {
    let pos = from;
    try {
      while (block.count < block.capacity) {
        const length = this.#wholeBlock(pos, end);
        if (length === 0) break;
        this.#readBlock(this.#u32(pos), pos, length, block);
        pos += length;
      }
    } catch (error) {
      // What stands before a damaged block is good: the next scan begins with it.
      if (block.count === 0) throw error;
    }
    return pos;
  }

  /** Length of the block at `pos`; 0 where it is not whole. */
  #wholeBlock(pos: number, end: number): number {
    if (end - pos < 12) return this.#incomplete(12);
    // A section header reads the same in both byte orders and brings the order of what follows.
    if (this.#u32(pos) === NG_SECTION) {
      const order = this.#view.getUint32(pos + 8, true);
      if (order !== NG_BYTE_ORDER && this.#view.getUint32(pos + 8, false) !== NG_BYTE_ORDER)
        throw this.#error('pcap/byte-order', pos + 8, `byte-order magic 0x${order.toString(16)}`);
      this.#little = order === NG_BYTE_ORDER;
    }
    const length = this.#u32(pos + 4);
    if (length < 12 || length % 4 !== 0) throw this.#error('pcap/length', pos + 4, `block length ${length}`);
    if (length > end - pos) {
      if (length > MAX_BLOCK_BYTES)
        throw this.#error('pcap/length', pos + 4, `block length ${length}, at most ${MAX_BLOCK_BYTES} is believed`);
      return this.#incomplete(length);
    }
    const again = this.#u32(pos + length - 4);
    if (again !== length) throw this.#error('pcap/length', pos + length - 4, `block ends with length ${again}, began with ${length}`);
    return length;
  }

  #readBlock(type: number, pos: number, length: number, block: PacketBlock): void {
    switch (type) {
      case NG_ENHANCED_PACKET:
      case NG_PACKET_OBSOLETE:
        this.#readPacket(type, pos, length, block);
        break;
      case NG_SIMPLE_PACKET:
        this.#readSimplePacket(pos, length, block);
        break;
      case NG_INTERFACE:
        this.#needBlock(pos, length, 20, 'interface');
        this.#interfaces.push(this.#readInterface(pos, length));
        break;
      case NG_SECTION: {
        this.#needBlock(pos, length, 28, 'section header');
        const major = this.#u16(pos + 12);
        if (major !== 1) throw this.#error('pcap/version', pos + 12, `pcapng version ${major}.${this.#u16(pos + 14)}, expected 1.x`);
        this.#interfaces = [];
        break;
      }
      default:
        break;
    }
  }

  #needBlock(pos: number, length: number, least: number, what: string): void {
    if (length < least) throw this.#error('pcap/length', pos + 4, `${what} block of ${length} bytes, it has at least ${least}`);
  }

  #readPacket(type: number, pos: number, length: number, block: PacketBlock): void {
    this.#needBlock(pos, length, NG_PACKET_HEADER + 4, 'packet');
    const id = type === NG_ENHANCED_PACKET ? this.#u32(pos + 8) : this.#u16(pos + 8);
    const face = this.#interfaces[id];
    if (face === undefined)
      throw this.#error('pcap/interface', pos + 8, `packet of interface ${id}, the section has ${this.#interfaces.length}`);
    const captured = this.#u32(pos + 20);
    const room = length - NG_PACKET_HEADER - 4;
    if (captured > room) throw this.#error('pcap/length', pos + 20, `captured length ${captured} in a block of ${length} bytes`);
    const padded = (captured + 3) & ~3;
    if (padded < room) this.#checkOptions(pos + NG_PACKET_HEADER + padded, pos + length - 4);
    const index = this.#addPacket(block, face, pos, NG_PACKET_HEADER, captured, this.#u32(pos + 24));
    this.#setTime(block, index, face, this.#u32(pos + 12), this.#u32(pos + 16));
  }

  #readSimplePacket(pos: number, length: number, block: PacketBlock): void {
    this.#needBlock(pos, length, NG_SIMPLE_HEADER + 4, 'packet');
    const face = this.#interfaces[0];
    if (face === undefined) throw this.#error('pcap/interface', pos, 'a simple packet block before any interface block');
    const wire = this.#u32(pos + 8);
    const captured = face.snapLength === 0 ? wire : Math.min(wire, face.snapLength);
    if (captured > length - NG_SIMPLE_HEADER - 4)
      throw this.#error('pcap/length', pos + 8, `packet of ${wire} bytes in a block of ${length} bytes, snap length ${face.snapLength}`);
    const index = this.#addPacket(block, face, pos, NG_SIMPLE_HEADER, captured, wire);
    block.seconds[index] = 0;
    block.nanoseconds[index] = 0;
  }

  #addPacket(block: PacketBlock, face: Interface, pos: number, header: number, captured: number, wire: number): number {
    const index = block.count++;
    block.offsets[index] = pos + header;
    block.lengths[index] = captured;
    block.wireLengths[index] = wire;
    block.linkTypes[index] = face.linkType;
    block.headers[index] = header;
    return index;
  }

  #setTime(block: PacketBlock, index: number, face: Interface, high: number, low: number): void {
    const { ticks, offsetSeconds } = face;
    if (ticks === 0) {
      const time = (((BigInt(high) << 32n) | BigInt(low)) * 1_000_000_000n) / face.resolution;
      block.seconds[index] = Number(time / 1_000_000_000n) + offsetSeconds;
      block.nanoseconds[index] = Number(time % 1_000_000_000n);
      return;
    }
    // Long division, 16 bits at a time.
    const first = high % ticks;
    const second = first * 65_536 + (low >>> 16);
    const third = (second % ticks) * 65_536 + (low & 0xffff);
    const rest = third % ticks;
    const quotient = Math.floor(high / ticks) * 2 ** 32 + Math.floor(second / ticks) * 65_536 + Math.floor(third / ticks);
    block.seconds[index] = quotient + offsetSeconds;
    block.nanoseconds[index] = 1e9 % ticks === 0 ? rest * (1e9 / ticks) : Number((BigInt(rest) * 1_000_000_000n) / face.resolution);
  }

  /** Their lengths must stay in their block. */
  #checkOptions(from: number, end: number): void {
    for (let at = from; at + 4 <= end; ) {
      const size = this.#u16(at + 2);
      if (this.#u16(at) === 0) break;
      if (at + 4 + size > end) throw this.#error('pcap/option', at, `option of ${size} bytes leaves its block`);
      at += 4 + ((size + 3) & ~3);
    }
  }

  #readInterface(pos: number, length: number): Interface {
    const end = pos + length - 4;
    let resolution = 1_000_000n;
    let offsetSeconds = 0;
    this.#checkOptions(pos + 16, end);
    for (let at = pos + 16; at + 4 <= end; ) {
      const code = this.#u16(at);
      const size = this.#u16(at + 2);
      if (code === 0) break;
      if (code === NG_OPTION_TSRESOL && size >= 1) {
        const value = this.#view.getUint8(at + 4);
        const exponent = BigInt(value & 0x7f);
        resolution = (value & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
      }
      if (code === NG_OPTION_TSOFFSET && size >= 8) offsetSeconds = Number(this.#view.getBigInt64(at + 4, this.#little));
      at += 4 + ((size + 3) & ~3);
    }
    const ticks = resolution <= BigInt(MAX_NUMBER_RESOLUTION) ? Number(resolution) : 0;
    return { linkType: this.#u16(pos + 8), snapLength: this.#u32(pos + 12), resolution, ticks, offsetSeconds };
  }
}
