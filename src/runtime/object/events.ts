// What programs send while they run: records of rings and perf events, put into the order in which they were sent.
import { PLACE, type Window } from '../../window/window.ts';
import type { BpfMap } from '../maps/maps.ts';

/** Something that a program sent: to a perf event array or a ring buffer. */
export interface ProgramEvent {
  readonly map: string;
  readonly cpu: number;
  readonly data: Uint8Array;
  /** `data` in the type that the map's definition, or the option `events`, gives it; missing where neither does. */
  readonly value?: unknown;
}

/** struct globals, routines/map.h: numbers what is sent, in rings and here. */
export const SENT_COUNTER: number = PLACE.globals + 8;

interface Sent {
  readonly order: number;
  readonly event: ProgramEvent;
}

export class Events {
  readonly #window: Window;
  readonly #maps: readonly BpfMap[];
  #sent: Sent[] = [];
  /** Bytes taken of each CPU's perf buffers, by map and CPU, since they were last read. */
  readonly #taken = new Map<string, number>();
  /** Nobody reads: rings fill up, perf event arrays have no events. */
  unread = false;
  /** Bytes of each CPU's perf buffer of each map; Infinity: there is always room. */
  perfBufferBytes: number = Number.POSITIVE_INFINITY;

  /** What makes values of data, by name of the map; undefined: the data is no such value. */
  readonly types: Map<string, (data: Uint8Array) => unknown> = new Map();

  constructor(window: Window, maps: readonly BpfMap[]) {
    this.#window = window;
    this.#maps = maps;
  }

  send(event: ProgramEvent): void {
    const order = this.#window.u32(SENT_COUNTER) + 1;
    this.#window.setU32(SENT_COUNTER, order);
    this.#sent.push({ order, event });
  }

  /** Whether a perf buffer has room for a record; a record never fills it to the last byte. */
  takeRoom(map: BpfMap, cpu: number, bytes: number): boolean {
    const key = `${map.name} ${cpu}`;
    const taken = (this.#taken.get(key) ?? 0) + bytes;
    if (taken >= this.perfBufferBytes) return false;
    this.#taken.set(key, taken);
    return true;
  }

  /** What rings have got since it was last asked, as far as it is submitted. */
  #collect(cpu: number): void {
    let found = false;
    for (const { name, ring } of this.#maps) {
      if (ring === undefined || ring.reported === ring.producer) continue;
      for (const { pointer, bytes, isDiscarded, isBusy, order } of ring.records(ring.reported)) {
        if (isDiscarded || isBusy) continue;
        found = true;
        this.#sent.push({ order, event: { map: name, cpu, data: this.#window.read(pointer, bytes) } });
      }
      ring.reported = ring.producer;
    }
    if (found) this.#sent.sort((a, b) => a.order - b.order);
  }

  /** Before a run: what the last one sent has been read, where somebody reads. */
  read(cpu: number): void {
    this.#collect(cpu);
    this.#taken.clear();
    if (this.unread) return;
    for (const { ring } of this.#maps) if (ring !== undefined) ring.consumer = ring.producer;
  }

  #typed(event: ProgramEvent): ProgramEvent {
    const value = this.types.get(event.map)?.(event.data);
    return value === undefined ? event : { ...event, value };
  }

  /** After a run, or callbacks of timers: records that were left reserved are dropped; everything that was sent since the last time. */
  take(cpu: number): ProgramEvent[] {
    for (const { ring } of this.#maps) ring?.dropReserved();
    this.#collect(cpu);
    const events = this.#sent.map(({ event }) => this.#typed(event));
    this.#sent = [];
    return events;
  }
}
