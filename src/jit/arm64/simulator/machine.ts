// The simulated machine's state: registers as halves, flags, the memory map. What an instruction's action may touch, and nothing else.

/** A stretch of address space; the whole of it lies below 2^53. `bytes` may be replaced by a longer view of the same memory. */
export interface Area {
  readonly base: number;
  bytes: Uint8Array;
  /** Default true. */
  readonly writable?: boolean;
}

/** Positions in the register array: SP is number 31; the zero register reads one slot and writes another. */
export const SP_SLOT: number = 2 * 31;
export const ZERO_SLOT: number = 2 * 32;
export const SINK_SLOT: number = 2 * 33;
export const THREAD_SLOT: number = 2 * 34;
const SLOTS = 35;

const TWO32 = 2 ** 32;
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** Why an instruction could not complete; thrown by actions, caught by the simulator's loop. One object, no stack trace. */
export const TRAP: { readonly trap: true } = { trap: true };

export type TrapKind = 'unmapped' | 'readonly' | 'alignment' | 'brk' | 'undefined';

interface Mapped {
  readonly area: Area;
  bytes: Uint8Array;
  view: DataView;
}

/** Invariant: slot ZERO_SLOT is 0. Halves are little-endian in the array, so `x` reads whole registers (on a little-endian host). */
export class Machine {
  /** Low half of register n at 2n, high half at 2n + 1. */
  readonly r: Int32Array = new Int32Array(2 * SLOTS);
  readonly x: BigUint64Array = new BigUint64Array(this.r.buffer);
  readonly s: BigInt64Array = new BigInt64Array(this.r.buffer);
  /** N Z C V as bits 3 to 0. */
  nzcv = 0;
  /** Number of the next instruction in the current code area; -1: execution goes on at `pc`, outside it. */
  index = 0;
  pcLo = 0;
  pcHi = 0;
  codeLo = 0;
  codeHi = 0;
  codeBytes = 0;
  /** Memory of the access that `at` or `atStore` has just placed. */
  view: DataView = NO_VIEW;
  /** Result of a two-word computation. */
  lo = 0;
  hi = 0;
  trapKind: TrapKind = 'undefined';
  /** brk: the immediate; undefined: the word. */
  trapValue = 0;
  trapLo = 0;
  trapHi = 0;
  /** Bytes under the exclusive monitor; 0: open. */
  monitorSize = 0;
  monitorLo = 0;
  monitorHi = 0;

  #firstLo = 0;
  #firstHi = 0;
  #firstBytes = 0;
  #firstView: DataView = NO_VIEW;
  #areas: Mapped[] = [];
  #recent = 0;

  /** The first area is the fast one: it must be writable. */
  map(areas: readonly Area[]): void {
    this.#areas = areas.map((area) => ({ area, bytes: area.bytes, view: viewOf(area.bytes) }));
    this.#recent = 0;
    this.#setFirst();
  }

  /** Takes up areas whose `bytes` have been replaced. */
  refresh(): void {
    for (const mapped of this.#areas) {
      if (mapped.bytes === mapped.area.bytes) continue;
      mapped.bytes = mapped.area.bytes;
      mapped.view = viewOf(mapped.bytes);
    }
    this.#setFirst();
  }

  #setFirst(): void {
    const first = this.#areas[0];
    const base = first?.area.base ?? 0;
    this.#firstLo = base % TWO32;
    this.#firstHi = Math.floor(base / TWO32);
    this.#firstBytes = first?.bytes.length ?? 0;
    this.#firstView = first?.view ?? NO_VIEW;
  }

  /** Offset into `view` of `size` bytes at hi:lo + displacement (a number below 2^53). */
  at(lo: number, hi: number, displacement: number, size: number): number {
    const offset = (hi - this.#firstHi) * TWO32 + ((lo >>> 0) - this.#firstLo + displacement);
    if (offset >= 0 && offset <= this.#firstBytes - size) {
      this.view = this.#firstView;
      return offset;
    }
    return this.#elsewhere(lo, hi, displacement, size, false);
  }

  atStore(lo: number, hi: number, displacement: number, size: number): number {
    const offset = (hi - this.#firstHi) * TWO32 + ((lo >>> 0) - this.#firstLo + displacement);
    if (offset >= 0 && offset <= this.#firstBytes - size) {
      this.view = this.#firstView;
      return offset;
    }
    return this.#elsewhere(lo, hi, displacement, size, true);
  }

  #elsewhere(lo: number, hi: number, displacement: number, size: number, store: boolean): number {
    const low = (lo >>> 0) + displacement;
    const high = hi + Math.floor(low / TWO32);
    const address = (high >>> 0) * TWO32 + (low - Math.floor(low / TWO32) * TWO32);
    const areas = this.#areas;
    for (let i = 0; i < areas.length; i++) {
      const at = this.#recent + i < areas.length ? this.#recent + i : this.#recent + i - areas.length;
      const { area, bytes, view } = areas[at]!;
      const offset = address - area.base;
      if (offset < 0 || offset > bytes.length - size) continue;
      if (store && area.writable === false) this.trap('readonly', low | 0, high | 0);
      this.#recent = at;
      this.view = view;
      return offset;
    }
    return this.trap('unmapped', low | 0, high | 0);
  }

  trap(kind: TrapKind, lo: number, hi: number): never {
    this.trapKind = kind;
    this.trapLo = lo;
    this.trapHi = hi;
    throw TRAP;
  }

  /** Continues at an address: within the current code area by its index, else outside. */
  jump(lo: number, hi: number): void {
    const offset = (hi - this.codeHi) * TWO32 + ((lo >>> 0) - this.codeLo);
    if (offset >= 0 && offset < this.codeBytes && (lo & 3) === 0) this.index = offset / 4;
    else {
      this.pcLo = lo;
      this.pcHi = hi;
      this.index = -1;
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
