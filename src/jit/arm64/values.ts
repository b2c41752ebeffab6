// The values of a block, computed lazily. A register of the program names a value; a value either lies in a machine register or is
// one machine instruction yet to be written, whose operands lie in machine registers. It is written when something needs it in a register,
// when an operand is about to be overwritten, or at the block's end; until then later instructions can take it into their own
// operands, copies cost nothing, and what is never needed is never written.
import { assert } from '../../util/error.ts';
import type { Assembler } from '../assembler.ts';
import {
  FIRST_SCRATCH,
  FRAME,
  FRAME_POINTER,
  HOME,
  LAST_LEAF_SCRATCH,
  LAST_SCRATCH,
  LEAF_HOME,
  STOP_REASON,
  STOP_SLOT,
  WINDOW,
} from './abi.ts';
import { enc, LSL, UXTX } from './encode.ts';
import { addSubImmediate, moveImmediate } from './immediates.ts';
import { NONE, V } from './kinds.ts';
import { moveSymbol } from './labels.ts';
import { ZR } from './registers.ts';
import { wordOf } from './write.ts';

/** Bytes between a pointer and an address computed from another one: far less than the guards around the window. */
export const MAX_BASE_OFFSET = 0x4000;
const REGISTERS = 10;

export class Values {
  asm: Assembler;
  home: Uint8Array = HOME;
  lastScratch: number = LAST_SCRATCH;
  /** Program registers that are still to be read: by this instruction or after it. */
  live = 0;
  /** Those of them that arithmetic at work leaves: better places for its operands than its own result's. */
  after = -1;
  /** Machine registers that hold operands of the instruction at work. */
  pinned = 0;
  /** Value per program register. */
  readonly of: Int32Array = new Int32Array(REGISTERS + 1);
  /** Value per machine register, or -1. */
  readonly holder: Int32Array = new Int32Array(32).fill(-1);
  /** Native addresses: scratch register m holds the address of pointer `baseOf[m]` (zero-extended) + baseOffset[m]; NONE: no address. */
  readonly baseOf: Uint8Array = new Uint8Array(32).fill(NONE);
  readonly baseOffset: Int32Array = new Int32Array(32);
  /** The comparison whose flags hold, as a word, 0: none; and the registers that it read, which are what they were. */
  flags = 0;
  flagsOf = 0;
  /** Registers that some base was computed from, at least. */
  basedOn = 0;
  readonly #baseUsed = new Int32Array(32);
  #clock = 0;
  /** R10 lies in FRAME_POINTER throughout the function. */
  #keepsFramePointer = false;
  #count = 0;
  kind: Uint8Array;
  sf: Uint8Array;
  a: Uint8Array;
  b: Uint8Array;
  c: Uint8Array;
  s: Uint8Array;
  n: Uint8Array;
  lo: Int32Array;
  hi: Int32Array;
  /** The value is below 2^width; its lower half below 2^low. */
  width: Uint8Array;
  low: Uint8Array;
  /** Machine register, or NONE. */
  place: Uint8Array;
  /** Program registers with this value. */
  users: Uint16Array;
  /** Loads that may be pending, at most. */
  pendingLoads = 0;
  /** Slot at work. */
  slot = 0;
  /** Sites that have been written between fixed instructions. */
  symbolMoves = 0;
  readonly #words = new Int32Array(4);

  constructor(asm: Assembler) {
    this.asm = asm;
    const count = 512;
    const bytes = new ArrayBuffer(count * 20);
    let at = 0;
    const narrow = (): Uint8Array => new Uint8Array(bytes, (at += count) - count, count);
    this.lo = new Int32Array(bytes, 0, count);
    this.hi = new Int32Array(bytes, 4 * count, count);
    this.users = new Uint16Array(bytes, 8 * count, count);
    at = 10 * count;
    this.kind = narrow();
    this.sf = narrow();
    this.a = narrow();
    this.b = narrow();
    this.c = narrow();
    this.s = narrow();
    this.n = narrow();
    this.width = narrow();
    this.low = narrow();
    this.place = narrow();
  }

  #grow(): void {
    for (const name of ['kind', 'sf', 'a', 'b', 'c', 's', 'n', 'width', 'low', 'place'] as const) {
      const grown = new Uint8Array(this[name].length * 2);
      grown.set(this[name]);
      this[name] = grown;
    }
    for (const name of ['lo', 'hi'] as const) {
      const grown = new Int32Array(this[name].length * 2);
      grown.set(this[name]);
      this[name] = grown;
    }
    const grown = new Uint16Array(this.users.length * 2);
    grown.set(this.users);
    this.users = grown;
  }

  /** Registers of the function that is to be lowered. */
  choose(leaf: boolean, keepsFramePointer: boolean): void {
    this.#keepsFramePointer = keepsFramePointer;
    this.home = leaf ? LEAF_HOME : HOME;
    this.lastScratch = leaf ? LAST_LEAF_SCRATCH : LAST_SCRATCH;
  }

  /** Registers that lie in their homes with an upper half of 0. */
  cleanHomes(): number {
    let mask = 0;
    for (let r = 0; r < REGISTERS; r++) {
      const n = this.of[r]!;
      if (this.width[n]! <= 32 && this.place[n] === this.home[r]) mask |= 1 << r;
    }
    return mask;
  }

  /** A block's start: every register lies in its home. `width` per register holds of those in `upperKnown`, of the others' lower halves. */
  start(width: Uint8Array, upperKnown: number): void {
    this.holder.fill(-1);
    for (let r = 0; r < REGISTERS; r++) {
      // Value r; placed values have no operands.
      this.kind[r] = V.placed;
      this.of[r] = r;
      this.users[r] = 1 << r;
      this.width[r] = (upperKnown >> r) & 1 ? width[r]! : 64;
      this.low[r] = Math.min(32, width[r]!);
      this.place[r] = this.home[r]!;
      this.holder[this.home[r]!] = r;
    }
    this.#count = REGISTERS;
    this.pendingLoads = 0;
    // R10 as a value is R10 + 0.
    const frame = this.create(V.frame, 1, NONE, NONE, NONE, 0, 0, 0, 0, 32);
    this.of[REGISTERS] = frame;
    this.users[frame] = 1 << REGISTERS;
    if (!this.#keepsFramePointer) return;
    this.place[frame] = FRAME_POINTER;
    this.holder[FRAME_POINTER] = frame;
  }

  /** After a call: R0 to R5 are new, scratch registers hold nothing. */
  afterCall(): void {
    this.flags = 0;
    this.holder.fill(-1, 0, 19);
    this.dropBases();
    for (let r = 0; r < 6; r++) {
      const n = this.#new(V.placed, 1);
      this.rename(r, n);
      this.place[n] = this.home[r]!;
      this.holder[this.home[r]!] = n;
    }
  }

  /** Register r has just been written to its home by machine code. */
  land(r: number, width = 64): void {
    const n = this.#new(V.placed, 1);
    this.width[n] = width;
    this.low[n] = Math.min(32, width);
    this.rename(r, n);
    this.put(n, this.home[r]!);
  }

  #new(kind: number, sf: number): number {
    const n = this.#count++;
    if (n === this.kind.length) this.#grow();
    this.kind[n] = kind;
    this.sf[n] = sf;
    this.a[n] = NONE;
    this.b[n] = NONE;
    this.c[n] = NONE;
    this.s[n] = 0;
    this.n[n] = 0;
    this.lo[n] = 0;
    this.hi[n] = 0;
    this.place[n] = NONE;
    this.users[n] = 0;
    this.width[n] = 64;
    this.low[n] = 32;
    return n;
  }

  create(
    kind: number,
    sf: number,
    a: number,
    b: number,
    c: number,
    s: number,
    amount: number,
    lo: number,
    hi: number,
    width: number,
  ): number {
    const n = this.#new(kind, sf);
    this.a[n] = a;
    this.b[n] = b;
    this.c[n] = c;
    this.s[n] = s;
    this.n[n] = amount;
    this.lo[n] = lo;
    this.hi[n] = hi;
    const w = sf === 0 && width > 32 ? 32 : width;
    this.width[n] = w;
    this.low[n] = Math.min(w, 32);
    return n;
  }

  constant(hi: number, lo: number): number {
    const width = hi !== 0 ? 64 - Math.clz32(hi) : 32 - Math.clz32(lo);
    return this.create(V.constant, hi === 0 ? 0 : 1, NONE, NONE, NONE, 0, 0, lo, hi, width);
  }

  /** Register r has value n from here on. */
  rename(r: number, n: number): void {
    const bit = 1 << r;
    const old = this.of[r]!;
    this.users[old] = this.users[old]! & ~bit;
    this.of[r] = n;
    this.users[n] = this.users[n]! | bit;
  }

  isPending(n: number): boolean {
    return this.place[n] === NONE;
  }

  #reads(n: number, m: number): boolean {
    return this.a[n] === m || this.b[n] === m || this.c[n] === m;
  }

  /** Machine register m must not be overwritten: an operand lies there, a live value, or what a live pending value other than `except` reads. */
  busy(m: number, except: number): boolean {
    if ((this.pinned >> m) & 1) return true;
    return this.#inUse(m, except);
  }

  #inUse(m: number, except: number): boolean {
    const h = this.holder[m]!;
    if (h >= 0 && (this.users[h]! & this.live) !== 0) return true;
    return this.#isRead(m, except);
  }

  #isRead(m: number, except: number): boolean {
    for (let mask = this.live; mask !== 0; mask &= mask - 1) {
      const n = this.of[31 - Math.clz32(mask & -mask)]!;
      if (this.place[n] === NONE && n !== except && this.#reads(n, m)) return true;
    }
    return false;
  }

  /** The value lies in m now; whatever was there does not any more. Addresses computed from m are gone. */
  put(n: number, m: number): void {
    if ((this.flagsOf >> m) & 1) this.flags = 0;
    const kind = this.kind[n]!;
    if (kind === V.addImm && this.a[n] === m) this.#moveBases(m, this.lo[n]!);
    else this.#forgetBases(m);
    const old = this.holder[m]!;
    if (old >= 0 && this.place[old] === m) this.place[old] = NONE;
    this.holder[m] = n;
    this.place[n] = m;
    if (kind > V.frame) {
      this.kind[n] = V.placed;
      this.a[n] = NONE;
      this.b[n] = NONE;
      this.c[n] = NONE;
    }
  }

  #forgetBases(m: number): void {
    this.baseOf[m] = NONE;
    if (((this.basedOn >> m) & 1) === 0) return;
    this.basedOn &= ~(1 << m);
    for (let base = FIRST_SCRATCH; base <= this.lastScratch; base++) if (this.baseOf[base] === m) this.baseOf[base] = NONE;
  }

  /** Register m has moved on by `distance`: addresses computed from its old value stay good for a while. */
  #moveBases(m: number, distance: number): void {
    this.baseOf[m] = NONE;
    for (let base = FIRST_SCRATCH; base <= this.lastScratch; base++) {
      if (this.baseOf[base] !== m) continue;
      const offset = this.baseOffset[base]! - distance;
      if (Math.abs(offset) > MAX_BASE_OFFSET) this.baseOf[base] = NONE;
      else this.baseOffset[base] = offset;
    }
  }

  dropBases(): void {
    this.basedOn = 0;
    for (let base = FIRST_SCRATCH; base <= LAST_SCRATCH; base++) this.baseOf[base] = NONE;
  }

  setBase(base: number, of: number, offset: number): void {
    this.baseOf[base] = of;
    this.baseOffset[base] = offset;
    this.basedOn |= 1 << of;
  }

  touchBase(m: number): void {
    this.#baseUsed[m] = ++this.#clock;
  }

  /** A machine register that nothing needs; addresses give way, the longest unused first. */
  scratch(except = -1): number {
    let oldest = NONE;
    for (let m = FIRST_SCRATCH; m <= this.lastScratch; m++) {
      if (this.busy(m, except)) continue;
      if (this.baseOf[m] === NONE) return m;
      if (oldest === NONE || this.#baseUsed[m]! < this.#baseUsed[oldest]!) oldest = m;
    }
    if (oldest !== NONE) {
      this.baseOf[oldest] = NONE;
      return oldest;
    }
    const usable = this.home === LEAF_HOME ? REGISTERS : 6;
    for (let r = 0; r < usable; r++) if (!this.busy(this.home[r]!, except)) return this.home[r]!;
    return this.#relieve(except);
  }

  /**
   * All registers hold something: pending values are written until one is free, into their homes where those are free, else over an
   * operand that nothing else reads. Each turn leaves fewer pending values.
   */
  #relieve(except: number): number {
    for (;;) {
      let at = -1;
      let to = NONE;
      for (let mask = this.live & 0x3ff; mask !== 0; mask &= mask - 1) {
        const r = 31 - Math.clz32(mask & -mask);
        const p = this.of[r]!;
        if (this.place[p] !== NONE || p === except) continue;
        if (!this.busy(this.home[r]!, p)) {
          at = p;
          to = this.home[r]!;
          break;
        }
        for (let sources = this.sources(p); sources !== 0; sources &= sources - 1) {
          const m = 31 - Math.clz32(sources & -sources);
          if (m > this.lastScratch || this.busy(m, p)) continue;
          at = p;
          to = m;
        }
      }
      assert(at !== -1, 'no machine register is free');
      this.write(at, to);
      this.put(at, to);
      for (let m = FIRST_SCRATCH; m <= this.lastScratch; m++) if (!this.busy(m, except)) return m;
      const usable = this.home === LEAF_HOME ? REGISTERS : 6;
      for (let r = 0; r < usable; r++) if (!this.busy(this.home[r]!, except)) return this.home[r]!;
    }
  }

  /** The machine register that holds value n, which is written now if it is pending. Pins it. */
  register(n: number): number {
    let m = this.place[n]!;
    if (m === NONE && this.kind[n] === V.load) {
      // Of several that fault the first one must.
      this.#loadsBefore(this.hi[n]!);
      m = this.place[n]!;
    }
    if (m === NONE) {
      m = this.#choose(n);
      this.write(n, m);
      this.put(n, m);
    }
    this.pinned |= 1 << m;
    return m;
  }

  /** As `register`, but the zero register for 0. For operands that take it. */
  operand(n: number): number {
    if (this.kind[n] === V.constant && this.lo[n] === 0 && this.hi[n] === 0) return ZR;
    return this.register(n);
  }

  /** As `register`, for an instruction that reads only the lower 32 bits. */
  lower(n: number): number {
    if (this.place[n] === NONE) {
      if (this.kind[n] === V.ubfx && this.s[n] === 0 && this.n[n]! >= 32) {
        const m = this.a[n]!;
        this.pinned |= 1 << m;
        return m;
      }
      if (this.kind[n] === V.constant && this.lo[n] === 0) return ZR;
    }
    return this.register(n);
  }

  /**
   * Narrow loads may wait for their neighbours, to become one wide load with them. Nothing that writes memory, leaves the block or can
   * fault itself may be written before this has been called.
   */
  flushLoads(): void {
    if (this.pendingLoads === 0) return;
    this.#loadsBefore(Number.MAX_SAFE_INTEGER);
    this.pendingLoads = 0;
  }

  #loadsBefore(slot: number): void {
    const pinned = this.pinned;
    for (;;) {
      let first = -1;
      for (let mask = this.live; mask !== 0; mask &= mask - 1) {
        const n = this.of[31 - Math.clz32(mask & -mask)]!;
        if (this.place[n] !== NONE || this.kind[n] !== V.load || this.hi[n]! >= slot) continue;
        if (first === -1 || this.hi[n]! < this.hi[first]!) first = n;
      }
      if (first === -1) break;
      const m = this.#choose(first);
      if (this.place[first] !== NONE) continue;
      this.write(first, m);
      this.put(first, m);
    }
    this.pinned = pinned;
  }

  /** A load that waits: `bytes` at machine register `base` + displacement. */
  createLoad(base: number, displacement: number, bytes: number, isBig: boolean, shift: number, slot: number): number {
    const n = this.create(V.load, isBig ? 1 : 0, base, NONE, NONE, shift, bytes, displacement, slot, 64);
    this.width[n] = shift + 8 * bytes;
    this.low[n] = Math.min(32, shift + 8 * bytes);
    this.pendingLoads++;
    return n;
  }

  /** By the widest loads that fit, from low addresses up. */
  #writeLoad(n: number, d: number): void {
    const asm = this.asm;
    const bytes = this.n[n]!;
    const isBig = this.sf[n] === 1;
    const shift = this.s[n]!;
    asm.mark(this.hi[n]!);
    let base = this.a[n]!;
    if (base === d && (bytes & (bytes - 1)) !== 0) {
      this.move(1, STOP_REASON, base);
      base = STOP_REASON;
    }
    const sf = bytes > 4 ? 1 : 0;
    for (let done = 0; done < bytes; ) {
      const size = 31 - Math.clz32(bytes - done);
      const to = done === 0 ? d : STOP_SLOT;
      this.#loadPart(size, to, base, this.lo[n]! + done);
      if (isBig && size === 1) asm.word(enc.rev16(0, to, to));
      else if (isBig && size > 1) asm.word(enc.rev(size - 2, to, to));
      if (done > 0 && isBig) asm.word(enc.orrReg(sf, d, STOP_SLOT, d, LSL, 8 << size));
      else if (done > 0) asm.word(enc.orrReg(sf, d, d, STOP_SLOT, LSL, 8 * done));
      done += 1 << size;
    }
    asm.mark(this.slot);
    if (shift > 0) asm.word(enc.ubfm(1, d, d, -shift & 63, 63 - shift));
  }

  #loadPart(size: number, to: number, base: number, displacement: number): void {
    const asm = this.asm;
    if (displacement >= 0 && (displacement & ((1 << size) - 1)) === 0 && displacement >> size <= 4095) {
      asm.word(enc.ldrImm(size, to, base, displacement));
    } else if (displacement >= -256 && displacement <= 255) asm.word(enc.ldur(size, to, base, displacement));
    else {
      this.addConstant(1, STOP_REASON, base, displacement);
      asm.word(enc.ldrImm(size, to, STOP_REASON, 0));
    }
  }

  #choose(n: number): number {
    const users = this.users[n]!;
    const live = users & this.live;
    for (let mask = live & this.after & 0x3ff; mask !== 0; mask &= mask - 1) {
      const h = this.home[31 - Math.clz32(mask & -mask)]!;
      if (!this.busy(h, n)) return h;
    }
    for (let mask = live & 0x3ff; mask !== 0; mask &= mask - 1) {
      const h = this.home[31 - Math.clz32(mask & -mask)]!;
      if (!this.busy(h, n)) return h;
    }
    for (let mask = live & 0x3ff; mask !== 0; mask &= mask - 1) {
      const h = this.home[31 - Math.clz32(mask & -mask)]!;
      if ((this.pinned >> h) & 1) continue;
      this.evict(h, n);
      if (!this.busy(h, n)) return h;
    }
    for (let mask = users & ~live & 0x3ff; mask !== 0; mask &= mask - 1) {
      const h = this.home[31 - Math.clz32(mask & -mask)]!;
      if (!this.busy(h, n)) return h;
    }
    return this.scratch(n);
  }

  /** Makes m free for value n (or for an instruction's result, -1): moves a live value away, writes pending ones that read m. */
  evict(m: number, n: number): void {
    const pinned = this.pinned;
    this.pinned |= 1 << m;
    if (n >= 0) this.pinned |= this.sources(n);
    const h = this.holder[m]!;
    const users = h >= 0 ? this.users[h]! & this.live : 0;
    if (users !== 0) {
      const to = this.#refuge(users, m);
      this.move(this.width[h]! > 32 ? 1 : 0, to, m);
      this.put(h, to);
      this.holder[m] = -1;
      for (let mask = this.live; mask !== 0; mask &= mask - 1) {
        const p = this.of[31 - Math.clz32(mask & -mask)]!;
        if (this.place[p] === NONE && p !== n) this.#redirect(p, m, to);
      }
    } else {
      for (let mask = this.live; mask !== 0; mask &= mask - 1) {
        const p = this.of[31 - Math.clz32(mask & -mask)]!;
        if (p !== n && this.place[p] === NONE && this.#reads(p, m)) this.register(p);
      }
    }
    this.pinned = pinned;
  }

  #refuge(users: number, not: number): number {
    for (let mask = users & 0x3ff; mask !== 0; mask &= mask - 1) {
      const h = this.home[31 - Math.clz32(mask & -mask)]!;
      if (h !== not && !this.busy(h, -1)) return h;
    }
    return this.scratch();
  }

  #redirect(p: number, from: number, to: number): void {
    if (this.a[p] === from) this.a[p] = to;
    if (this.b[p] === from) this.b[p] = to;
    if (this.c[p] === from) this.c[p] = to;
  }

  /** The machine registers that value n is computed from, as a mask. */
  sources(n: number): number {
    let mask = 0;
    if (this.place[n] !== NONE) return 0;
    if (this.a[n]! < 31) mask |= 1 << this.a[n]!;
    if (this.b[n]! < 31) mask |= 1 << this.b[n]!;
    if (this.c[n]! < 31) mask |= 1 << this.c[n]!;
    return mask;
  }

  /** The register that the result of an instruction that is written at once goes to, for program register r. */
  claim(r: number): number {
    const h = this.home[r]!;
    if (this.#inUse(h, -1)) this.evict(h, -1);
    return h;
  }

  /** Puts the registers of `mask` into their homes: a parallel assignment. */
  settle(mask: number): void {
    this.pinned = 0;
    const live = this.live;
    this.live |= mask;
    this.flushLoads();
    let left = mask & 0x3ff;
    while (left !== 0) {
      let progress = false;
      for (let rest = left; rest !== 0; rest &= rest - 1) {
        const r = 31 - Math.clz32(rest & -rest);
        const n = this.of[r]!;
        const h = this.home[r]!;
        if (this.place[n] !== h) {
          if (this.#settleBlocked(h, r, n)) continue;
          if (this.place[n] === NONE) {
            this.write(n, h);
            this.put(n, h);
          } else this.#split(r, n, h);
        }
        left &= ~(1 << r);
        progress = true;
      }
      if (!progress) this.#unblock(left);
    }
    this.live = live;
  }

  /** Writes an instruction that only sets flags, unless they are set that way. */
  compare(word: number, registers: number): void {
    if (this.flags === word) return;
    this.asm.word(word);
    this.flags = word;
    this.flagsOf = registers;
  }

  /** Something else that is still needed lies in h, or is to be computed from it. */
  #settleBlocked(h: number, r: number, n: number): boolean {
    const holder = this.holder[h]!;
    if (holder >= 0 && (this.users[holder]! & this.live & ~(1 << r)) !== 0) return true;
    return this.#isRead(h, n);
  }

  /** Register r shares a value with another: it gets a copy of its own in h. */
  #split(r: number, n: number, h: number): void {
    this.move(this.width[n]! > 32 ? 1 : 0, h, this.place[n]!);
    if ((this.users[n]! & this.live & ~(1 << r)) === 0) {
      const from = this.place[n]!;
      this.put(n, h);
      if (this.holder[from] === n) this.holder[from] = -1;
      return;
    }
    const copy = this.#new(V.placed, 1);
    this.width[copy] = this.width[n]!;
    this.low[copy] = this.low[n]!;
    this.rename(r, copy);
    this.put(copy, h);
  }

  /** Every home that is left is blocked: free the first. */
  #unblock(left: number): void {
    const r = 31 - Math.clz32(left & -left);
    const n = this.of[r]!;
    this.evict(this.home[r]!, this.place[n] === NONE ? n : -1);
  }

  move(sf: number, to: number, from: number): void {
    this.asm.word(enc.orrReg(sf, to, ZR, from, LSL, 0));
  }

  moveConstant(sf: number, to: number, hi: number, lo: number): void {
    const words = this.#words;
    const count = moveImmediate(sf, to, lo, hi, words);
    for (let i = 0; i < count; i++) this.asm.word(words[i]!);
  }

  /** to = from + value, by one or two instructions, or through `to` and x16. `from` is not the zero register. */
  addConstant(sf: number, to: number, from: number, value: number): void {
    const asm = this.asm;
    const size = Math.abs(value);
    const imm = addSubImmediate(size);
    const op = value < 0 ? enc.subImm : enc.addImm;
    if (imm >= 0) {
      asm.word(op(sf, to, from, imm & 0xfff, imm >> 12));
    } else if (size <= 0xffffff) {
      asm.word(op(sf, to, from, size >>> 12, 1));
      asm.word(op(sf, to, to, size & 0xfff, 0));
    } else {
      const temporary = to === from ? 16 : to;
      this.moveConstant(sf, temporary, value >> 31, value);
      asm.word(enc.addReg(sf, to, from, temporary, LSL, 0));
    }
  }

  /** Writes the instruction(s) of pending value n with the result in d. */
  write(n: number, d: number): void {
    const asm = this.asm;
    const sf = this.sf[n]!;
    const a = this.a[n]!;
    const s = this.s[n]!;
    const amount = this.n[n]!;
    const lo = this.lo[n]!;
    switch (this.kind[n]) {
      case V.constant:
        this.#writeConstant(n, d);
        return;
      case V.symbol:
        moveSymbol(asm, d, lo);
        this.symbolMoves++;
        return;
      case V.frame:
        this.#writeFrame(lo, d);
        return;
      case V.ubfx: {
        const wide = s + amount > 32 ? 1 : 0;
        if (s === 0 && amount === 32) this.move(0, d, a);
        else asm.word(enc.ubfm(wide, d, a, s, s + amount - 1));
        return;
      }
      case V.addImm:
        this.addConstant(sf, d, a, lo);
        return;
      case V.load:
        this.#writeLoad(n, d);
        return;
      default:
        asm.word(wordOf(this, n, d));
    }
  }

  /** From another constant in a register where that is shorter. */
  #writeConstant(n: number, d: number): void {
    const lo = this.lo[n]!;
    const hi = this.hi[n]!;
    const sf = hi === 0 ? 0 : 1;
    const words = this.#words;
    const length = moveImmediate(sf, d, lo, hi, words);
    if (length > 1 && this.#fromNeighbour(sf, d, hi, lo)) return;
    for (let i = 0; i < length; i++) this.asm.word(words[i]!);
  }

  #fromNeighbour(sf: number, d: number, hi: number, lo: number): boolean {
    for (let r = 0; r < REGISTERS; r++) {
      const other = this.of[r]!;
      if (this.kind[other] !== V.constant || this.place[other] === NONE || hi !== this.hi[other]) continue;
      const difference = (lo - this.lo[other]!) | 0;
      // 64 bits: no carry may cross into the upper half.
      if (sf === 1 && (this.lo[other]! >>> 0) + difference !== lo >>> 0) continue;
      if (addSubImmediate(Math.abs(difference)) < 0) continue;
      this.addConstant(sf, d, this.place[other]!, difference);
      return true;
    }
    return false;
  }

  #writeFrame(offset: number, d: number): void {
    for (let r = REGISTERS; r >= 0; r--) {
      const other = this.of[r]!;
      if (this.kind[other] !== V.frame || this.place[other] === NONE) continue;
      const difference = offset - this.lo[other]!;
      if (difference === 0) this.move(1, d, this.place[other]!);
      else this.addConstant(1, d, this.place[other]!, difference);
      return;
    }
    this.asm.word(enc.subReg(1, d, FRAME, WINDOW, LSL, 0));
    if (offset !== 0) this.addConstant(1, d, d, offset);
  }

  /** Writes base = address of pointer `of` (machine register) and remembers it. */
  writeBase(base: number, of: number, offset: number, confined: boolean): void {
    this.vacate(base);
    if (of === FRAME) this.addConstant(1, base, FRAME, offset);
    else {
      this.asm.word(confined ? enc.addExt(1, base, WINDOW, of, 2, 0) : enc.addExt(1, base, WINDOW, of, UXTX, 0));
      if (offset !== 0) this.addConstant(1, base, base, offset);
    }
    this.setBase(base, of, offset);
    this.touchBase(base);
  }

  /** Machine register m is about to hold something that is no value. */
  vacate(m: number): void {
    if ((this.flagsOf >> m) & 1) this.flags = 0;
    const old = this.holder[m]!;
    if (old >= 0 && this.place[old] === m) this.place[old] = NONE;
    this.#forgetBases(m);
    this.holder[m] = -1;
  }
}
