// The reader's side of a ring buffer, whose layout is that of struct bpf_ringbuf: routines/ring.h writes it. [kernel ringbuf.c]
import type { Window } from '../../window/window.ts';
import { DESCRIPTOR, RING_DATA, RING_PAGE } from './descriptor.ts';

const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const HEADER_BYTES = 8;

export interface RingRecord {
  /** Bytes into the stream of all records, headers included, since the ring was made. */
  readonly position: number;
  readonly bytes: number;
  /** Pointer to what the program wrote. */
  readonly pointer: number;
  /** Reserved and not submitted yet: the reader waits. */
  readonly isBusy: boolean;
  readonly isDiscarded: boolean;
  /** Counts all records of all rings of the object. */
  readonly order: number;
}

export class Ring {
  readonly #window: Window;
  readonly #map: number;
  readonly #at: number;
  readonly #size: number;
  readonly #numbers: number;
  /** How far the runs' results have told of records. */
  reported = 0;

  /** Pointers to the map's descriptor, the ring's first page, the numbers of its records; `size`: bytes of data. */
  constructor(window: Window, map: number, at: number, size: number, numbers: number) {
    this.#window = window;
    this.#map = map;
    this.#at = at;
    this.#size = size;
    this.#numbers = numbers;
  }

  /** Bytes that have been read. */
  get consumer(): number {
    return Number(this.#window.u64(this.#at + RING_PAGE));
  }
  set consumer(position: number) {
    this.#window.setU64(this.#at + RING_PAGE, BigInt(position));
  }

  /** Bytes that have been reserved. */
  get producer(): number {
    return Number(this.#window.u64(this.#at + 2 * RING_PAGE));
  }
  set producer(position: number) {
    this.#window.setU64(this.#at + 2 * RING_PAGE, BigInt(position));
  }

  /** How often a reader that waits would have been woken: BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP have their say. */
  get wakeups(): number {
    return this.#window.u32(this.#map + DESCRIPTOR.wakeups);
  }

  #record(position: number): RingRecord {
    const window = this.#window;
    const offset = position & (this.#size - 1);
    const at = this.#at + RING_DATA + offset;
    const word = window.u32(at);
    const order = window.u32(this.#numbers + 4 * (offset >> 3));
    const bytes = (word & ~(BUSY | DISCARD)) >>> 0;
    return {
      ...{ position, bytes, pointer: at + HEADER_BYTES, order },
      ...{ isBusy: (word & BUSY) !== 0, isDiscarded: (word & DISCARD) !== 0 },
    };
  }

  /** From one position to the producer's, busy and discarded ones too. A program that writes where it must not may end it early. */
  *records(from: number = this.consumer): Generator<RingRecord> {
    const { producer } = this;
    if (producer > Number.MAX_SAFE_INTEGER) return;
    for (let position = Math.max(from, producer - this.#size); position < producer; ) {
      const record = this.#record(position);
      if (record.bytes > this.#size) return;
      yield record;
      position += Math.ceil((record.bytes + HEADER_BYTES) / 8) * 8;
    }
  }

  /** Takes what has been submitted out, up to the first record that is still busy. */
  consume(): Uint8Array<ArrayBuffer>[] {
    const taken: Uint8Array<ArrayBuffer>[] = [];
    for (const { position, bytes, pointer, isBusy, isDiscarded } of this.records()) {
      if (isBusy) break;
      if (!isDiscarded) taken.push(this.#window.read(pointer, bytes));
      this.consumer = position + Math.ceil((bytes + HEADER_BYTES) / 8) * 8;
    }
    return taken;
  }

  /** First byte, and the one beyond the last, of the reserved record that has that byte. */
  reserved(pointer: number): readonly [number, number] | undefined {
    for (const { pointer: start, bytes, isBusy } of this.records())
      if (isBusy && pointer >= start && pointer <= start + bytes) return [start, start + bytes];
    return undefined;
  }

  /** What was never submitted nor discarded is discarded: no program may leave it so. */
  dropReserved(): void {
    for (const { pointer, isBusy } of this.records()) {
      if (!isBusy) continue;
      const header = pointer - HEADER_BYTES;
      this.#window.setU32(header, ((this.#window.u32(header) & ~BUSY) | DISCARD) >>> 0);
    }
  }

  /** Pieces of the window that hold positions and unread records. */
  parts(): readonly { readonly pointer: number; readonly bytes: number }[] {
    const { consumer, producer } = this;
    const size = this.#size;
    const data = this.#at + RING_DATA;
    const from = consumer & (size - 1);
    const unread = Math.max(0, Math.min(size, producer - consumer));
    return [
      { pointer: this.#at + RING_PAGE, bytes: 8 },
      { pointer: this.#at + 2 * RING_PAGE, bytes: 8 },
      { pointer: data + from, bytes: unread },
      ...(from + unread > size ? [{ pointer: data, bytes: from + unread - size }] : []),
    ];
  }
}
