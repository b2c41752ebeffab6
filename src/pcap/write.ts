// Writes pcap and pcapng files with nanosecond time stamps, little-endian. [pcap] [pcapng]
import { BpfError } from '../util/error.ts';
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
import { LINKTYPE, linkTypeName } from './link.ts';
import type { CaptureFormat } from './scan.ts';

const SNAP_LENGTH = 262144;
/** Option if_tsresol: 10^-9 s. */
const NANOSECONDS = 9;
/** Bytes that are gathered before they are handed on. */
const BUFFER_BYTES = 1 << 18;

/** The 24 bytes that begin a pcap file of one link type. */
export function captureHeader(linkType: number): Uint8Array {
  const bytes = new Uint8Array(PCAP_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PCAP_MAGIC_NANO, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, linkType, true);
  return bytes;
}

/** One pcap record: header and bytes. `timestamp` in nanoseconds since 1970. */
export function captureRecord(data: Uint8Array, timestamp: bigint, wireLength: number = data.length): Uint8Array {
  const bytes = new Uint8Array(PCAP_RECORD + data.length);
  putRecord(new DataView(bytes.buffer), 0, data.length, wireLength, ...split(timestamp));
  bytes.set(data, PCAP_RECORD);
  return bytes;
}

/** Seconds and nanoseconds, the latter not negative. */
function split(timestamp: bigint): [seconds: number, nanoseconds: number] {
  const nanoseconds = BigInt.asIntN(64, timestamp % 1_000_000_000n);
  const positive = nanoseconds < 0n ? nanoseconds + 1_000_000_000n : nanoseconds;
  return [Number((timestamp - positive) / 1_000_000_000n), Number(positive)];
}

function putRecord(view: DataView, at: number, captured: number, wireLength: number, seconds: number, nanoseconds: number): void {
  view.setUint32(at, seconds, true);
  view.setUint32(at + 4, nanoseconds, true);
  view.setUint32(at + 8, captured, true);
  view.setUint32(at + 12, Math.max(wireLength, captured), true);
}

function sectionHeader(): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, NG_SECTION, true);
  view.setUint32(4, bytes.length, true);
  view.setUint32(8, NG_BYTE_ORDER, true);
  view.setUint16(12, 1, true);
  // Length of the section: not known.
  view.setBigInt64(16, -1n, true);
  view.setUint32(24, bytes.length, true);
  return bytes;
}

function interfaceBlock(linkType: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, NG_INTERFACE, true);
  view.setUint32(4, bytes.length, true);
  view.setUint16(8, linkType, true);
  view.setUint16(16, NG_OPTION_TSRESOL, true);
  view.setUint16(18, 1, true);
  view.setUint8(20, NANOSECONDS);
  view.setUint32(28, bytes.length, true);
  return bytes;
}

/** Gathers the bytes of a capture and hands them on in large pieces, which are valid during the call. */
export class CaptureWriter {
  readonly #format: CaptureFormat;
  readonly #path: string;
  readonly #write: (bytes: Uint8Array) => void;
  #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  #view: DataView = new DataView(this.#buffer.buffer);
  #filled = 0;
  /** Those of the file's interfaces, in order; of a pcap file one. */
  readonly #linkTypes: number[] = [];

  /** `path`: for messages. */
  constructor(format: CaptureFormat, path: string, write: (bytes: Uint8Array) => void) {
    this.#format = format;
    this.#path = path;
    this.#write = write;
  }

  /** `timestamp`: nanoseconds since 1970. */
  add(data: Uint8Array, linkType: number, timestamp: bigint, wireLength: number = data.length): void {
    this.addAt(data, linkType, ...split(timestamp), wireLength);
  }

  /** The same with the time as seconds since 1970, and the nanoseconds beyond. */
  addAt(data: Uint8Array, linkType: number, seconds: number, nanoseconds: number, wireLength: number): void {
    if (nanoseconds >= 1e9) {
      this.addAt(data, linkType, seconds + Math.floor(nanoseconds / 1e9), nanoseconds % 1e9, wireLength);
      return;
    }
    const face = this.#interface(linkType);
    const captured = data.length;
    if (this.#format === 'pcap') {
      const at = this.#room(PCAP_RECORD + captured);
      putRecord(this.#view, at, captured, wireLength, seconds, nanoseconds);
      this.#buffer.set(data, at + PCAP_RECORD);
      return;
    }
    const end = NG_PACKET_HEADER + ((captured + 3) & ~3);
    const at = this.#room(end + 4);
    const view = this.#view;
    // Fills up the data; of packets without any, what follows overwrites it.
    view.setUint32(at + end - 4, 0, true);
    view.setUint32(at, NG_ENHANCED_PACKET, true);
    view.setUint32(at + 4, end + 4, true);
    view.setUint32(at + 8, face, true);
    this.#putTime(at + 12, seconds, nanoseconds);
    view.setUint32(at + 20, captured, true);
    view.setUint32(at + 24, Math.max(wireLength, captured), true);
    this.#buffer.set(data, at + NG_PACKET_HEADER);
    view.setUint32(at + end, end + 4, true);
  }

  /** Nanoseconds as two halves, the upper one first. */
  #putTime(at: number, seconds: number, nanoseconds: number): void {
    // Seconds that fit into 32 bits are multiplied in halves, which stays exact.
    const upper = Math.floor(seconds / 65_536) * 1e9;
    const low = (upper % 65_536) * 65_536 + (seconds % 65_536) * 1e9 + nanoseconds;
    this.#view.setUint32(at, Math.floor(upper / 65_536) + Math.floor(low / 2 ** 32), true);
    this.#view.setUint32(at + 4, low % 2 ** 32, true);
  }

  #interface(linkType: number): number {
    const known = this.#linkTypes.indexOf(linkType);
    if (known >= 0) return known;
    const [first] = this.#linkTypes;
    if (this.#format === 'pcap' && first !== undefined)
      throw new BpfError(
        'pcap/link-type',
        { in: 'file', path: this.#path },
        `a pcap file has packets of one link type, not of ${linkTypeName(first)} and ${linkTypeName(linkType)}: write pcapng`,
      );
    if (first === undefined && this.#format === 'pcapng') this.#append(sectionHeader());
    this.#append(this.#format === 'pcap' ? captureHeader(linkType) : interfaceBlock(linkType));
    return this.#linkTypes.push(linkType) - 1;
  }

  #append(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#room(bytes.length));
  }

  /** Place of that many bytes in the buffer. */
  #room(bytes: number): number {
    if (this.#filled + bytes > this.#buffer.length) {
      this.#flush();
      if (bytes > this.#buffer.length) {
        this.#buffer = new Uint8Array(bytes);
        this.#view = new DataView(this.#buffer.buffer);
      }
    }
    const at = this.#filled;
    this.#filled += bytes;
    return at;
  }

  #flush(): void {
    if (this.#filled > 0) this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** After the last packet. A capture without packets has a header of `linkType`. */
  end(linkType: number): void {
    if (this.#linkTypes.length === 0) this.#interface(linkType);
    this.#flush();
  }
}

/** What is written of a packet: what `readCapture` gives will do. */
export interface PacketToWrite {
  readonly data: Uint8Array;
  /** Nanoseconds since 1970. Default 0. */
  readonly timestamp?: bigint;
  /** Bytes on the wire. Default: those of `data`. */
  readonly wireLength?: number;
  /** LINKTYPE_* number. Default: that of the options. */
  readonly linkType?: number;
}

/** How a capture is written. */
export interface WriteOptions {
  /** Default 'pcap', which has packets of one link type. */
  readonly format?: CaptureFormat;
  /** Of packets that have none, and of a capture without packets. Default 1: Ethernet. */
  readonly linkType?: number;
}

export function addPackets(writer: CaptureWriter, packets: Iterable<PacketToWrite | Uint8Array>, options: WriteOptions): void {
  const ethernet = options.linkType ?? LINKTYPE.ethernet;
  for (const packet of packets) {
    if (packet instanceof Uint8Array) writer.addAt(packet, ethernet, 0, 0, packet.length);
    else writer.add(packet.data, packet.linkType ?? ethernet, packet.timestamp ?? 0n, packet.wireLength);
  }
  writer.end(ethernet);
}

/** The bytes of a capture, with nanosecond time stamps. */
export function encodeCapture(packets: Iterable<PacketToWrite | Uint8Array>, options: WriteOptions = {}): Uint8Array {
  const pieces: Uint8Array[] = [];
  addPackets(new CaptureWriter(options.format ?? 'pcap', 'capture', (bytes) => void pieces.push(bytes.slice())), packets, options);
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
