// Packets that the caller has as arrays, given by the block.
import type { BlockReader, PacketBlock } from '../../pcap/block.ts';
import { LINKTYPE } from '../../pcap/link.ts';

/** Zeros between two packets, at least. */
const GAP = 64;
/** Of the packets' pointers. */
const ALIGNMENT = 64;

/** Where a block is put together: shared memory takes bytes that do not lie alike one by one. Of a batch that is over, for the next. */
let spare: Uint8Array | undefined;

export class ListedPackets implements BlockReader {
  readonly #packets: Iterator<Uint8Array>;
  /** Did not fit into the last block. */
  #held: Uint8Array | undefined;
  #count = 0;
  #staging: Uint8Array | undefined = spare;

  constructor(packets: Iterable<Uint8Array>) {
    this.#packets = packets[Symbol.iterator]();
    spare = undefined;
  }

  nextBlock(area: Uint8Array, block: PacketBlock): boolean {
    if (this.#staging === undefined || this.#staging.length < area.length) this.#staging = new Uint8Array(area.length);
    const staging = this.#staging;
    block.bytes = area;
    block.count = 0;
    block.first = this.#count;
    let next = ALIGNMENT;
    while (block.count < block.capacity) {
      const packet = this.#held ?? this.#next();
      this.#held = undefined;
      if (packet === undefined) break;
      const { length } = packet;
      if (next + length + GAP > area.length) {
        // Too long to lie beside others, or for what is left.
        if (block.count > 0) this.#held = packet;
        else add(block, 0, length, packet);
        break;
      }
      staging.set(packet, next);
      add(block, next, length, area);
      next = (next + length + GAP + ALIGNMENT - 1) & -ALIGNMENT;
    }
    if (block.bytes === area) {
      const used = Math.min(next, area.length);
      area.set(staging.subarray(0, used));
      staging.fill(0, 0, used);
    }
    this.#count += block.count;
    return block.count > 0;
  }

  #next(): Uint8Array | undefined {
    const { done, value } = this.#packets.next();
    return done === true ? undefined : value;
  }

  close(): void {
    this.#packets.return?.();
    spare = this.#staging;
  }
}

function add(block: PacketBlock, at: number, length: number, bytes: Uint8Array): void {
  const index = block.count++;
  block.bytes = bytes;
  block.offsets[index] = at;
  block.lengths[index] = length;
  block.wireLengths[index] = length;
  block.linkTypes[index] = LINKTYPE.ethernet;
}
