// A capture, read from its beginning on: by the packet, or by the block where nobody looks at each.
import { copyBytes } from '../util/bytes.ts';
import type { BlockReader, PacketBlock, PacketSource } from './block.ts';
import { type CapturedPacket, CaptureReader, readPackets, streamPackets } from './read.ts';
import { type CaptureFormat, CaptureScanner } from './scan.ts';

/** The bytes of a capture, in order. */
export interface ByteSource {
  /** Puts up to `into.length` bytes there and says how many; 0: there are no more. */
  read(into: Uint8Array): number;
  close(): void;
}

/** Bytes in front of the first record of a block: see `toEthernet`. */
const MARGIN = 16;
const CHUNK_BYTES = 1 << 20;

/** A capture: packets in order, for a loop or for `runBatch`. Each reads it from the beginning. */
export class Capture implements Iterable<CapturedPacket>, PacketSource {
  /** For messages. */
  readonly path: string;
  readonly #open: () => ByteSource;
  /** All of it, where it lies in memory. */
  readonly #whole: Uint8Array | undefined;

  constructor(path: string, open: () => ByteSource, whole?: Uint8Array) {
    this.path = path;
    this.#open = open;
    this.#whole = whole;
  }

  /** Packets in order; their bytes stay valid. */
  *[Symbol.iterator](): Generator<CapturedPacket, void, void> {
    if (this.#whole !== undefined) return yield* readPackets(this.#whole, this.path);
    const reader = new CaptureReader(this.path);
    const source = this.#open();
    try {
      for (;;) {
        const chunk = new Uint8Array(CHUNK_BYTES);
        const size = source.read(chunk);
        if (size === 0) break;
        reader.push(chunk.subarray(0, size));
        for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
      }
      reader.end();
    } finally {
      source.close();
    }
  }

  blocks(): CaptureBlocks {
    return new CaptureBlocks(this.path, this.#open());
  }
}

/** One reading of a capture, by the block. */
export class CaptureBlocks implements BlockReader {
  readonly #source: ByteSource;
  readonly #scanner: CaptureScanner;
  /** Read, but in no block yet: the beginning of a record, or records that found no room. */
  #rest: Uint8Array = new Uint8Array(0);
  /** File offset of `#rest`. */
  #at = 0;
  /** Average bytes of a record so far. */
  #recordBytes = 0;
  #records = 0;

  constructor(path: string, source: ByteSource) {
    this.#source = source;
    this.#scanner = new CaptureScanner(path);
  }

  /** Known once the first bytes have been read. */
  get format(): CaptureFormat | undefined {
    return this.#scanner.format;
  }

  nextBlock(area: Uint8Array, block: PacketBlock): boolean {
    for (let into = area; ; ) {
      const rest = this.#rest;
      const { needed } = this.#scanner;
      // A record that is longer than the area gets memory of its own, as much of it as its bytes turn out to take.
      if (MARGIN + Math.max(needed, rest.length) > into.length)
        into = new Uint8Array(MARGIN + Math.max(rest.length, Math.min(needed, Math.max(2 * rest.length, CHUNK_BYTES))));
      into.set(rest, MARGIN);
      const filled = MARGIN + rest.length;
      const limit = into === area ? this.#limit(area.length, filled, block.capacity) : into.length;
      const end = filled + this.#source.read(into.subarray(filled, limit));
      const to = this.#scanner.scan(into, MARGIN, end, this.#at - MARGIN, block);
      this.#rest = into.slice(to, end);
      this.#at += to - MARGIN;
      this.#recordBytes += to - MARGIN;
      this.#records += block.count;
      if (block.count > 0) return true;
      if (end === filled && limit > filled) {
        this.#scanner.end(this.#rest.length, this.#at);
        return false;
      }
    }
  }

  /** Where reading stops: what finds no room in the block would be copied out and in again. */
  #limit(size: number, filled: number, capacity: number): number {
    if (this.#records === 0) return size;
    const expected = MARGIN + Math.ceil((1.05 * capacity * this.#recordBytes) / this.#records);
    return Math.min(size, Math.max(expected, filled + 4096));
  }

  close(): void {
    this.#source.close();
  }
}

function captureOfBytes(bytes: Uint8Array, path: string): Capture {
  const open = (): ByteSource => {
    let at = 0;
    const read = (into: Uint8Array): number => {
      const size = Math.min(into.length, bytes.length - at);
      copyBytes(into.subarray(0, size), bytes.subarray(at, at + size));
      at += size;
      return size;
    };
    return { read, close: () => undefined };
  };
  return new Capture(path, open, bytes);
}

/**
 * Reads a pcap or pcapng capture: of bytes in memory, packet by packet or with `runBatch`; of chunks that arrive, with `for await`.
 * `path` is for messages. Damage throws `pcap/...` with its offset in the file, after the packets before it have been given.
 */
export function readCapture(input: Uint8Array, path?: string): Capture;
export function readCapture(input: AsyncIterable<Uint8Array>, path?: string): AsyncGenerator<CapturedPacket, void, void>;
export function readCapture(
  input: Uint8Array | AsyncIterable<Uint8Array>,
  path?: string,
): Capture | AsyncGenerator<CapturedPacket, void, void>;
export function readCapture(
  input: Uint8Array | AsyncIterable<Uint8Array>,
  path = 'capture',
): Capture | AsyncGenerator<CapturedPacket, void, void> {
  return input instanceof Uint8Array ? captureOfBytes(input, path) : streamPackets(input, path);
}
