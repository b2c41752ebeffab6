// Reads captures packet by packet, pushed in as chunks of any size: memory stays constant in the file's size.
import { PacketBlock, toTimestamp } from './block.ts';
import { CaptureScanner } from './scan.ts';

/** A packet of a capture. */
export interface CapturedPacket {
  /** Captured bytes, from the header of its link type on: a view of what was read. */
  readonly data: Uint8Array;
  /** Bytes on the wire as the file says: more than data.length where the snap length cut it; damaged files say less. */
  readonly wireLength: number;
  /** Nanoseconds since 1970; 0 where the file has no time for it. */
  readonly timestamp: bigint;
  /** LINKTYPE_* number. */
  readonly linkType: number;
  /** Offset in the file of the packet's record. */
  readonly offset: number;
}

/** Its time is worked out when it is asked for: the bigint would cost as much as the rest. */
class PacketOfBlock implements CapturedPacket {
  readonly data: Uint8Array;
  readonly wireLength: number;
  readonly linkType: number;
  readonly offset: number;
  readonly #seconds: number;
  readonly #nanoseconds: number;

  constructor(block: PacketBlock, index: number) {
    const at = block.offsets[index]!;
    this.data = block.bytes.subarray(at, at + block.lengths[index]!);
    this.wireLength = block.wireLengths[index]!;
    this.linkType = block.linkTypes[index]!;
    this.offset = block.recordAt(index);
    this.#seconds = block.seconds[index]!;
    this.#nanoseconds = block.nanoseconds[index]!;
  }

  get timestamp(): bigint {
    return toTimestamp(this.#seconds, this.#nanoseconds);
  }
}

/** Push chunks, pull packets; call `end` after the last chunk. Nothing of a chunk may change while its packets are looked at. */
export class CaptureReader {
  readonly #scanner: CaptureScanner;
  readonly #block: PacketBlock = new PacketBlock(256);
  /** Of the block, those that were given. */
  #given = 0;
  #rest: Uint8Array = new Uint8Array(0);
  /** What was scanned of `#rest`, and its offset in the file. */
  #pos = 0;
  #at = 0;

  constructor(path: string) {
    this.#scanner = new CaptureScanner(path);
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
  }

  /** The next whole packet in what was pushed, or undefined: push more. */
  next(): CapturedPacket | undefined {
    const block = this.#block;
    if (this.#given === block.count) {
      this.#pos = this.#scanner.scan(this.#rest, this.#pos, this.#rest.length, this.#at, block);
      this.#given = 0;
      if (block.count === 0) return undefined;
    }
    return new PacketOfBlock(block, this.#given++);
  }

  /** Throws where the file ended inside a record. */
  end(): void {
    this.#scanner.end(this.#rest.length - this.#pos, this.#at + this.#pos);
  }
}

/** All packets of a capture in memory. */
export function* readPackets(bytes: Uint8Array, path: string): Generator<CapturedPacket, void, void> {
  const reader = new CaptureReader(path);
  reader.push(bytes);
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
  reader.end();
}

/** All packets of a capture that comes in pieces. */
export async function* streamPackets(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  path: string,
): AsyncGenerator<CapturedPacket, void, void> {
  const reader = new CaptureReader(path);
  for await (const chunk of chunks) {
    reader.push(chunk);
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
  }
  reader.end();
}
