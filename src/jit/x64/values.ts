// Where the program's registers are. Each has its home; constants, addresses of the frame, symbols and sums with a constant are
// written there only when something needs them as a register: until then later instructions can take them as operands, and what is
// never needed is never written.
//
// Invariant: a register that the facts know to be below 2^32 has a clear upper half in its home as well, and every 32-bit instruction
// leaves one: that is what lets addresses do without truncation.
import { HOLDS, type Walker } from '../../program/facts.ts';
import { assert } from '../../util/error.ts';
import type { Assembler } from '../assembler.ts';
import { FIRST_SCRATCH, FRAME, HOME, LAST_SCRATCH, WINDOW } from './abi.ts';
import { enc } from './encode.ts';
import { ALU } from './forms.ts';
import { alu, moveConstant } from './immediates.ts';
import { moveSymbol } from './labels.ts';

const mov32 = enc['mov r32, r32'];
const mov64 = enc['mov r64, r64'];
const lea32 = enc['lea r32, m'];
const lea64 = enc['lea r64, m'];

/** What is known of a register's value instead of having it in its home. */
export const P = {
  home: 0,
  /** hi:lo */
  constant: 1,
  /** The value of symbol lo. */
  symbol: 2,
  /** R10 + lo, as a pointer. */
  frame: 3,
  /** Home of register `base` + lo; cut to 32 bits unless `wide`. The base is in its home. */
  sum: 4,
} as const;

const REGISTERS = 11;
const FRAME_POINTER = 10;
const NONE = -1;

export class Values {
  asm: Assembler;
  readonly walker: Walker;
  /** Program registers that are still to be read: by this instruction or after it. */
  live = 0;
  /** Machine registers (scratch ones) that hold operands of the instruction at work. */
  pinned = 0;
  readonly kind: Uint8Array = new Uint8Array(REGISTERS);
  readonly base: Uint8Array = new Uint8Array(REGISTERS);
  readonly wide: Uint8Array = new Uint8Array(REGISTERS);
  readonly lo: Int32Array = new Int32Array(REGISTERS);
  readonly hi: Int32Array = new Int32Array(REGISTERS);
  /** Registers whose home has a clear upper half, besides those that the facts know. */
  clean = 0;
  /** Registers whose home holds an older value than the walker speaks of. */
  stale = 0;
  /** The register whose facts are already those after the instruction at work; -1: none. */
  changing: number = NONE;
  /** Scratch register i holds the home of register `cacheOf[i]` + `cacheOffset[i]`, cut to 32 bits; -1: nothing known. */
  readonly cacheOf: Int32Array = new Int32Array(16).fill(NONE);
  readonly cacheOffset: Int32Array = new Int32Array(16);

  constructor(asm: Assembler, walker: Walker) {
    this.asm = asm;
    this.walker = walker;
  }

  /** A block's start: every register of `live` lies in its home; what lies in the other homes is not what the walker says. */
  start(live: number): void {
    this.kind.fill(P.home);
    this.kind[FRAME_POINTER] = P.frame;
    this.lo[FRAME_POINTER] = 0;
    this.wide[FRAME_POINTER] = 0;
    this.clean = 0;
    this.stale = ~live;
    this.dropCaches();
  }

  dropCaches(): void {
    this.cacheOf[FIRST_SCRATCH] = NONE;
    this.cacheOf[LAST_SCRATCH] = NONE;
  }

  /** The home of r has a clear upper half. */
  isClean(r: number): boolean {
    return ((this.clean >> r) & 1) === 1 || (r !== this.changing && ((this.stale >> r) & 1) === 0 && this.walker.width[r]! <= 32);
  }

  /** The value of r is below 2^32, if its upper half is read at all. */
  isNarrow(r: number): boolean {
    switch (this.kind[r]) {
      case P.home:
        return this.isClean(r);
      case P.sum:
        return this.wide[r] === 0 || (this.lo[r] === 0 && this.isClean(this.base[r]!));
      default:
        return this.wide[r] === 0;
    }
  }

  // Definitions.

  /** The walker steps over an instruction that writes r before its code is written. */
  change(r: number): void {
    this.#noteWidth(r);
    this.changing = r;
  }

  /** The walker steps over an instruction whose result in r nobody reads: the home keeps the old value, which sums may still need. */
  abandon(r: number): void {
    this.#noteWidth(r);
    this.stale |= 1 << r;
  }

  /** What the walker knows of the value in the home of r holds for as long as it stays there. */
  #noteWidth(r: number): void {
    if (this.kind[r] === P.home && ((this.stale >> r) & 1) === 0 && this.walker.width[r]! <= 32) this.clean |= 1 << r;
  }

  /** The home of r is about to change: what is computed from it is written now, if anybody needs it. */
  release(r: number): void {
    for (let q = 0; q < FRAME_POINTER; q++) {
      if (this.kind[q] !== P.sum || this.base[q] !== r || q === r) continue;
      if ((this.live >> q) & 1) this.materialize(q);
      else this.kind[q] = P.home;
    }
    if (this.cacheOf[FIRST_SCRATCH] === r) this.cacheOf[FIRST_SCRATCH] = NONE;
    if (this.cacheOf[LAST_SCRATCH] === r) this.cacheOf[LAST_SCRATCH] = NONE;
  }

  /** r has just been written to its home. */
  land(r: number, isClean: boolean): void {
    this.kind[r] = P.home;
    if (isClean) this.clean |= 1 << r;
    else this.clean &= ~(1 << r);
    this.stale &= ~(1 << r);
  }

  #pend(r: number, kind: number, wide: number, hi: number, lo: number): void {
    this.release(r);
    this.kind[r] = kind;
    this.wide[r] = wide;
    this.hi[r] = hi;
    this.lo[r] = lo;
    this.clean &= ~(1 << r);
  }

  setConstant(r: number, hi: number, lo: number): void {
    this.#pend(r, P.constant, hi === 0 ? 0 : 1, hi, lo);
  }

  setSymbol(r: number, symbol: number): void {
    this.#pend(r, P.symbol, 0, 0, symbol);
  }

  setFrame(r: number, wide: number, offset: number): void {
    this.#pend(r, P.frame, wide, 0, offset);
  }

  setSum(r: number, base: number, wide: number, offset: number): void {
    assert(base !== r && this.kind[base] === P.home, 'the base of a sum lies in its home');
    this.#pend(r, P.sum, wide, 0, offset);
    this.base[r] = base;
  }

  // Uses.

  /** Writes r to its home. */
  materialize(r: number): void {
    const { asm } = this;
    const m = HOME[r]!;
    const kind = this.kind[r]!;
    const lo = this.lo[r]!;
    const isWide = this.wide[r] === 1;
    switch (kind) {
      case P.home:
        return;
      case P.constant:
        moveConstant(asm, m, this.hi[r]!, lo);
        this.land(r, !isWide);
        return;
      case P.symbol:
        moveSymbol(asm, m, lo);
        this.land(r, true);
        return;
      case P.frame:
        this.#frame(r, m, lo, isWide);
        this.land(r, !isWide);
        return;
      default: {
        const b = this.base[r]!;
        const s = HOME[b]!;
        const baseIsClean = this.isClean(b);
        if (lo !== 0) (isWide ? lea64 : lea32)(asm, m, s, lo);
        else if (isWide && !baseIsClean) mov64(asm, m, s);
        else mov32(asm, m, s);
        this.land(r, !isWide || (lo === 0 && baseIsClean));
      }
    }
  }

  #frame(r: number, m: number, lo: number, isWide: boolean): void {
    const { asm } = this;
    if (!isWide) {
      // Another pointer into the frame is near: one instruction instead of two.
      for (let q = 0; q < FRAME_POINTER; q++) {
        // What is dead may never have been written to its home.
        if (q === r || q === this.changing || this.kind[q] !== P.home || (((this.live & ~this.stale) >> q) & 1) === 0) continue;
        if (this.walker.holds[q] !== HOLDS.frame || this.walker.width[q]! > 32) continue;
        const difference = lo - this.walker.lo[q]!;
        if (difference === 0) mov32(asm, m, HOME[q]!);
        else if (difference >= -128 && difference <= 127) lea32(asm, m, HOME[q]!, difference);
        else continue;
        return;
      }
    }
    const sf = isWide ? 1 : 0;
    if (lo === 0) (isWide ? mov64 : mov32)(asm, m, FRAME);
    else (isWide ? lea64 : lea32)(asm, m, FRAME, lo);
    alu(asm, ALU.sub, sf, m, WINDOW);
  }

  /** The machine register that is r's home, with r in it. */
  home(r: number): number {
    assert(r !== FRAME_POINTER, 'R10 has no register');
    if (this.kind[r] !== P.home) this.materialize(r);
    return HOME[r]!;
  }

  /** A machine register with the value of r, all 64 bits. */
  full(r: number): number {
    if (r === FRAME_POINTER) return this.framePointer();
    if (this.kind[r] === P.sum && this.lo[r] === 0 && (this.wide[r] === 1 || this.isClean(this.base[r]!))) return HOME[this.base[r]!]!;
    return this.home(r);
  }

  /** A machine register with the low 32 bits of r in its low half. */
  low(r: number): number {
    if (r === FRAME_POINTER) return this.framePointer();
    if (this.kind[r] === P.sum && this.lo[r] === 0) return HOME[this.base[r]!]!;
    return this.home(r);
  }

  operand(r: number, sf: number): number {
    return sf === 1 ? this.full(r) : this.low(r);
  }

  /** R10 as a value, in a scratch register. */
  framePointer(): number {
    const m = this.scratch();
    this.pinned |= 1 << m;
    this.#frame(FRAME_POINTER, m, 0, false);
    return m;
  }

  /** A free scratch register. Nothing is known to be in it any more. */
  scratch(): number {
    const first = ((this.pinned >> LAST_SCRATCH) & 1) === 0;
    const second = ((this.pinned >> FIRST_SCRATCH) & 1) === 0;
    assert(first || second, 'both scratch registers hold operands');
    const m =
      first && (!second || this.cacheOf[LAST_SCRATCH] === NONE || this.cacheOf[FIRST_SCRATCH] !== NONE) ? LAST_SCRATCH : FIRST_SCRATCH;
    this.cacheOf[m] = NONE;
    return m;
  }

  /** Writes all of `mask` to their homes. */
  settle(mask: number): void {
    for (let r = 0; r < FRAME_POINTER; r++) if ((mask >> r) & 1 && this.kind[r] !== P.home) this.materialize(r);
  }

  /** After a call: R0 to R5 are new, scratch registers hold nothing. */
  afterCall(): void {
    for (let r = 0; r < 6; r++) this.land(r, false);
    this.dropCaches();
  }
}
