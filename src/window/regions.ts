// Which bytes of the window a program may touch just now: stack, context, packet, map values, global data. The interpreter asks for
// every access, so the answer is also an interval that later accesses can be compared with, without asking again.
import { assert } from '../util/error.ts';

export interface RegionOptions {
  /** For messages: 'the packet', 'a value of map counters'. */
  readonly name: string;
  readonly start: number;
  /** First byte beyond. */
  readonly end: number;
  /** Default true. */
  readonly writable?: boolean;
  /** An array of elements: an access must fall inside one element's program-visible bytes. Default: the region is one element. */
  readonly stride?: number;
  readonly elementOffset?: number;
  readonly elementSize?: number;
  /** Pointer to a uint32 that counts the elements that exist so far: those beyond are not live. */
  readonly liveCount?: number;
  /** Elements that come and go: the live one that has the byte at `pointer`, [start, end). Callers say `changed` where one went. */
  readonly elementAt?: ((pointer: number) => readonly [number, number] | undefined) | undefined;
  /** Only routines and the host may touch any of it. */
  readonly privileged?: boolean;
}

/** A live region; `start` and `end` may move (the packet does). Made by `Regions.add` only. */
export interface Region {
  readonly name: string;
  start: number;
  end: number;
  writable: boolean;
  readonly stride: number;
  readonly elementOffset: number;
  readonly elementSize: number;
  readonly liveCount: number;
  readonly elementAt: ((pointer: number) => readonly [number, number] | undefined) | undefined;
  readonly privileged: boolean;
}

export interface Miss {
  readonly name: string;
  /** Bytes beyond the end (positive) or before the start (negative) of the nearest live bytes; 0: inside, but not writable. */
  readonly by: number;
}

export class Regions {
  /** Sorted by start, disjoint. Starts apart, as a typed array, for the search. */
  #list: Region[] = [];
  #starts = new Float64Array(16);
  #generation = 1;
  /** The interval found by the last successful `find`, pointers. */
  low = 0;
  high = 0;
  writable = false;
  readonly #readU32: (pointer: number) => number;

  /** `readU32` reads the window, for live counts. */
  constructor(readU32: (pointer: number) => number) {
    this.#readU32 = readU32;
  }

  /** Changes whenever a region appears, vanishes or moves: found intervals are stale then. */
  get generation(): number {
    return this.#generation;
  }

  get list(): readonly Region[] {
    return this.#list;
  }

  add(options: RegionOptions): Region {
    const size = options.end - options.start;
    assert(size >= 0, 'region size');
    const region: Region = {
      name: options.name,
      start: options.start,
      end: options.end,
      writable: options.writable ?? true,
      stride: options.stride ?? 0,
      elementOffset: options.elementOffset ?? 0,
      elementSize: options.elementSize ?? size,
      liveCount: options.liveCount ?? 0,
      elementAt: options.elementAt,
      privileged: options.privileged ?? false,
    };
    const at = this.#after(region.start);
    assert(at === 0 || this.#list[at - 1]!.end <= region.start || size === 0, 'regions do not overlap');
    this.#list.splice(at, 0, region);
    this.#changed();
    return region;
  }

  remove(region: Region): void {
    const at = this.#list.indexOf(region);
    assert(at >= 0, 'the region is live');
    this.#list.splice(at, 1);
    this.#changed();
  }

  /** Moves the region, to anywhere that is free. */
  resize(region: Region, start: number, end: number): void {
    if (region.start === start && region.end === end) return;
    const list = this.#list;
    const at = list.indexOf(region);
    assert(at >= 0, 'the region is live');
    region.start = start;
    region.end = end;
    const follows = at === 0 || list[at - 1]!.start <= start;
    const precedes = at + 1 === list.length || start <= list[at + 1]!.start;
    if (!follows || !precedes) {
      list.splice(at, 1);
      this.#changed();
      list.splice(this.#after(start), 0, region);
    }
    this.#changed();
  }

  /** Intervals that were found before are stale. */
  changed(): void {
    this.#generation++;
    this.low = this.high = 0;
  }

  #changed(): void {
    this.changed();
    if (this.#list.length > this.#starts.length) this.#starts = new Float64Array(this.#list.length * 2);
    for (let i = 0; i < this.#list.length; i++) this.#starts[i] = this.#list[i]!.start;
  }

  /** Index of the first region that starts beyond `pointer`. */
  #after(pointer: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= pointer) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Whether [pointer, pointer + size) may be accessed; if so `low`, `high` and `writable` describe the bytes around it to which the
   * same answer applies until `generation` changes. `privileged`: as a routine sees it.
   */
  find(pointer: number, size: number, write: boolean, privileged: boolean): boolean {
    const region = this.#list[this.#after(pointer) - 1];
    if (region === undefined || pointer + size > region.end) return false;
    if (privileged) {
      this.low = region.start;
      this.high = region.end;
      this.writable = true;
      return true;
    }
    if (region.privileged || (write && !region.writable)) return false;
    let low = region.start;
    let high = region.end;
    if (region.elementAt !== undefined) {
      const found = region.elementAt(pointer);
      if (found === undefined || pointer + size > found[1]) return false;
      [low, high] = found;
    } else if (region.stride > 0) {
      const index = Math.floor((pointer - region.start) / region.stride);
      if (region.liveCount !== 0 && index >= this.#readU32(region.liveCount)) return false;
      low = region.start + index * region.stride + region.elementOffset;
      high = low + region.elementSize;
      if (pointer < low || pointer + size > high) return false;
    }
    this.low = low;
    this.high = high;
    this.writable = region.writable;
    return true;
  }

  /** The region that the pointer lies in, or right behind. */
  around(pointer: number): Region | undefined {
    const region = this.#list[this.#after(pointer) - 1];
    return region !== undefined && pointer <= region.end ? region : undefined;
  }

  /** The nearest bytes that a program may access, for messages. */
  nearest(pointer: number, size: number): Miss | undefined {
    let best: Miss | undefined;
    for (const region of this.#list) {
      if (region.privileged || region.end === region.start) continue;
      let low = region.start;
      let high = region.end;
      if (region.elementAt !== undefined) {
        const found = region.elementAt(pointer);
        if (found === undefined) continue;
        [low, high] = found;
      } else if (region.stride > 0) {
        const count = region.liveCount === 0 ? (region.end - region.start) / region.stride : this.#readU32(region.liveCount);
        if (count === 0) continue;
        const index = Math.min(count - 1, Math.max(0, Math.floor((pointer - region.start) / region.stride)));
        low = region.start + index * region.stride + region.elementOffset;
        high = low + region.elementSize;
      }
      const by = pointer + size > high ? pointer + size - high : pointer < low ? pointer - low : 0;
      if (best === undefined || Math.abs(by) < Math.abs(best.by)) best = { name: region.name, by };
    }
    return best;
  }
}
