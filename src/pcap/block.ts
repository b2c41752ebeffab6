// Many packets at once, without an object for each: their bytes in one piece of memory, what is known of them in columns.

/** Packets in columns: `bytes` holds all of them, `offsets` and `lengths` say where each lies. For many packets at once. */
export class PacketBlock {
  /** Packets that fit. */
  readonly capacity: number;
  count = 0;
  /** Memory that the packets lie in. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Name of the capture, for messages, and the offset in it of `bytes[0]`. */
  path = '';
  at = 0;
  /** Number of the first packet in the capture. */
  first = 0;
  /** Of each packet: its first byte in `bytes`, and its captured bytes. */
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /** Bytes on the wire as the file says. */
  readonly wireLengths: Uint32Array;
  readonly linkTypes: Uint16Array;
  /** Bytes of the record in front of the packet: at least 16, which have been read. */
  readonly headers: Uint8Array;
  /** Since 1970; nanoseconds beyond a second only in damaged files. */
  readonly seconds: Float64Array;
  readonly nanoseconds: Float64Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.offsets = new Uint32Array(capacity);
    this.lengths = new Uint32Array(capacity);
    this.wireLengths = new Uint32Array(capacity);
    this.linkTypes = new Uint16Array(capacity);
    this.headers = new Uint8Array(capacity);
    this.seconds = new Float64Array(capacity);
    this.nanoseconds = new Float64Array(capacity);
  }

  /** Nanoseconds since 1970. */
  timestamp(index: number): bigint {
    return toTimestamp(this.seconds[index]!, this.nanoseconds[index]!);
  }

  /** Offset in the capture of the packet's record. */
  recordAt(index: number): number {
    return this.at + this.offsets[index]! - this.headers[index]!;
  }
}

/** Packets that can be had by the block; each reading begins at the first. */
export interface PacketSource {
  blocks(): BlockReader;
}

/** Gives packets by the block. */
export interface BlockReader {
  /**
   * Fills the block; its packets lie in `area`, or in memory of the reader's own where one is too long for that. False: there are
   * no more. What an earlier call gave is gone then.
   */
  nextBlock(area: Uint8Array, block: PacketBlock): boolean;
  /** After the last block that is taken. */
  close(): void;
}

export function toTimestamp(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}
