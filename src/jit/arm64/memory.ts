// Memory accesses: an address is a native base in a scratch register plus an immediate; bases are shared while the pointer they were
// computed from is unchanged; adjacent accesses become pairs.
import type { Walker } from '../../program/facts.ts';
import { HOLDS } from '../../program/facts.ts';
import { FRAME, WINDOW } from './abi.ts';
import { enc, UXTW, UXTX } from './encode.ts';
import { NONE, V } from './kinds.ts';
import { ZR } from './registers.ts';
import { MAX_BASE_OFFSET, type Values } from './values.ts';

/** Where `locate` found a place: [base, #displacement], or [base, index] where index is not NONE. */
export interface Place {
  base: number;
  index: number;
  displacement: number;
}

/** Size as log2 of bytes. The unscaled forms take every displacement of 9 bits. */
function fits(displacement: number, size: number): boolean {
  if (displacement >= -256 && displacement <= 255) return true;
  return displacement >= 0 && (displacement & ((1 << size) - 1)) === 0 && displacement >> size <= 4095;
}

/** Arithmetic instructions between two accesses that still become one, at most. */
const MAX_BETWEEN = 4;

/** Invariant: `#lastAt` is the length of the code right after the last access; since then no label was bound, nothing but arithmetic written. */
export class Memory {
  readonly place: Place = { base: 0, index: NONE, displacement: 0 };
  readonly #values: Values;
  readonly #confined: boolean;
  #lastAt = -1;
  #lastIsStore = false;
  #lastSize = 0;
  #lastBase = 0;
  #lastDisplacement = 0;
  #lastRegister = 0;
  #lastSymbolMoves = 0;

  constructor(values: Values, confined: boolean) {
    this.#values = values;
    this.#confined = confined;
  }

  /** What follows may be reached from elsewhere, or is separated by a site: no pair with the access before. */
  forget(): void {
    this.#lastAt = -1;
  }

  /** The register of the last store, as a mask: not to be reused for the next, which may join it. */
  storing(): number {
    return this.#lastAt >= 0 && this.#lastIsStore && this.#lastRegister !== ZR ? 1 << this.#lastRegister : 0;
  }

  /**
   * Finds the place of the bytes at pointer Rr + offset. `size`: log2 of bytes, or -1 where the instruction takes no displacement.
   * `shared`: another access near this pointer follows, so that a base is worth its instruction.
   */
  locate(walker: Walker, r: number, offset: number, size: number, shared: boolean): void {
    const v = this.#values;
    // Farther from the frame only a truncated pointer is sure to stay inside the window.
    if (walker.holds[r] === HOLDS.frame && Math.abs(walker.lo[r]! + offset) <= MAX_BASE_OFFSET) {
      this.#fromBase(FRAME, walker.lo[r]! + offset, size, true);
      return;
    }
    const n = v.of[r]!;
    if (v.isPending(n) && v.kind[n] === V.addImm && v.a[n] !== ZR && Math.abs(v.lo[n]! + offset) <= MAX_BASE_OFFSET) {
      const of = v.a[n]!;
      const total = v.lo[n]! + offset;
      if (this.#find(of, total, size) !== NONE || (size >= 0 && fits(total, size))) {
        v.pinned |= 1 << of;
        this.#fromBase(of, total, size, true);
        return;
      }
    }
    const of = this.#confined ? v.lower(n) : v.register(n);
    this.#fromBase(of === ZR ? v.register(n) : of, offset, size, shared);
  }

  /** A known base within reach, or NONE. */
  #find(of: number, offset: number, size: number): number {
    const v = this.#values;
    if (of === FRAME && (size < 0 ? offset === 0 : fits(offset, size))) return FRAME;
    for (let base = 6; base <= v.lastScratch; base++) {
      if (v.baseOf[base] !== of) continue;
      const displacement = offset - v.baseOffset[base]!;
      if (size < 0 ? displacement === 0 : fits(displacement, size)) return base;
    }
    return NONE;
  }

  #fromBase(of: number, offset: number, size: number, shared: boolean): void {
    const v = this.#values;
    const place = this.place;
    place.index = NONE;
    let base = this.#find(of, offset, size);
    if (base === NONE) {
      if (!shared && offset === 0 && size >= 0 && of !== FRAME) {
        place.base = WINDOW;
        place.index = of;
        place.displacement = 0;
        return;
      }
      base = v.scratch();
      const near = of !== FRAME && size >= 0 && fits(offset, size) ? 0 : offset;
      v.writeBase(base, of, near, this.#confined);
    } else if (base !== FRAME) v.touchBase(base);
    v.pinned |= 1 << base;
    place.base = base;
    place.displacement = base === FRAME ? offset : offset - v.baseOffset[base]!;
  }

  /** Register Rt = the value at `place`, sign-extended to 64 bits or zero-extended. */
  load(size: number, isSigned: boolean, Rt: number): void {
    const { base, index, displacement } = this.place;
    const asm = this.#values.asm;
    if (index !== NONE) {
      const option = this.#confined ? UXTW : UXTX;
      asm.word(isSigned ? enc.ldrsXReg(size, Rt, base, index, option, 0) : enc.ldrReg(size, Rt, base, index, option, 0));
      this.forget();
      return;
    }
    if (!isSigned && this.#pair(false, size, Rt)) return;
    const scaled = displacement >= 0 && (displacement & ((1 << size) - 1)) === 0;
    if (scaled) asm.word(isSigned ? enc.ldrsXImm(size, Rt, base, displacement) : enc.ldrImm(size, Rt, base, displacement));
    else asm.word(isSigned ? enc.ldursX(size, Rt, base, displacement) : enc.ldur(size, Rt, base, displacement));
    if (isSigned) this.forget();
    else this.#remember(false, size, Rt);
  }

  store(size: number, Rt: number): void {
    const { base, index, displacement } = this.place;
    const asm = this.#values.asm;
    if (index !== NONE) {
      asm.word(enc.strReg(size, Rt, base, index, this.#confined ? UXTW : UXTX, 0));
      this.forget();
      return;
    }
    if (this.#pair(true, size, Rt)) return;
    const scaled = displacement >= 0 && (displacement & ((1 << size) - 1)) === 0;
    asm.word(scaled ? enc.strImm(size, Rt, base, displacement) : enc.stur(size, Rt, base, displacement));
    this.#remember(true, size, Rt);
  }

  #remember(isStore: boolean, size: number, Rt: number): void {
    this.#lastAt = this.#values.asm.length;
    this.#lastIsStore = isStore;
    this.#lastSize = size;
    this.#lastBase = this.place.base;
    this.#lastDisplacement = this.place.displacement;
    this.#lastRegister = Rt;
    this.#lastSymbolMoves = this.#values.symbolMoves;
  }

  /** Makes one instruction of this access and the last one, if that lies just before it or only arithmetic that does not mind. */
  #pair(isStore: boolean, size: number, Rt: number): boolean {
    const asm = this.#values.asm;
    const { base, displacement } = this.place;
    if (this.#lastAt < 0 || this.#lastIsStore !== isStore || this.#lastSize !== size || size < 2) return false;
    if (this.#lastBase !== base || this.#lastSymbolMoves !== this.#values.symbolMoves) return false;
    const bytes = 1 << size;
    const ascends = displacement === this.#lastDisplacement + bytes;
    if (!ascends && displacement !== this.#lastDisplacement - bytes) return false;
    const from = Math.min(displacement, this.#lastDisplacement);
    if ((from & (bytes - 1)) !== 0 || from < -64 * bytes || from > 63 * bytes) return false;
    // Loads: two results, and the first must not have been the base.
    if (!isStore && (this.#lastRegister === Rt || this.#lastRegister === base)) return false;
    if (!this.#canMeet(isStore, isStore ? this.#lastRegister : Rt, base)) return false;
    const first = ascends ? this.#lastRegister : Rt;
    const second = ascends ? Rt : this.#lastRegister;
    const sf = size - 2;
    if (isStore) {
      // The earlier store comes down to this one.
      asm.bytes.copyWithin(this.#lastAt - 4, this.#lastAt, asm.length);
      asm.length -= 4;
      asm.word(enc.stp(sf, first, second, base, from));
    } else {
      // This load goes up to the earlier one.
      const { length } = asm;
      asm.length = this.#lastAt - 4;
      asm.word(enc.ldp(sf, first, second, base, from));
      asm.length = length;
    }
    this.forget();
    return true;
  }

  /** Nothing between the last access and here but arithmetic that leaves `base` and the moved register alone (a load's: does not read it either). */
  #canMeet(isStore: boolean, moved: number, base: number): boolean {
    const { bytes, length } = this.#values.asm;
    if (length - this.#lastAt > 4 * MAX_BETWEEN) return false;
    for (let at = this.#lastAt; at < length; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      // Data processing, immediate (100x) or register (x101) [ArmARM "A64 instruction set encoding"].
      const group = (word >>> 25) & 15;
      if (group !== 8 && group !== 9 && group !== 5 && group !== 13) return false;
      const Rd = word & 31;
      if (Rd === base || (Rd === moved && moved !== ZR)) return false;
      if (isStore || moved === ZR) continue;
      // Rn, Ra, Rm, wherever an instruction has them.
      if (((word >>> 5) & 31) === moved || ((word >>> 10) & 31) === moved || ((word >>> 16) & 31) === moved) return false;
    }
    return true;
  }
}
