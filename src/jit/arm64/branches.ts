// Conditional branches: the shortest comparison and the branch that goes with it.
import { COND, type Code } from '../../isa/code.ts';
import { HOLDS, type Walker } from '../../program/facts.ts';
import { assert } from '../../util/error.ts';
import { MIRROR, UNSIGNED } from '../conditions.ts';
import { enc, LSL } from './encode.ts';
import { addSubImmediate, bitmask32, bitmask64, bitmaskHigh, bitmaskLow } from './immediates.ts';
import { V } from './kinds.ts';
import { branchCond, compareNotZero, compareZero, testNotZero, testZero } from './labels.ts';
import { cond, ZR } from './registers.ts';
import { extendedOperand, found, shiftedOperand } from './select.ts';
import type { Values } from './values.ts';

/** Condition codes by COND; `set` compares with TST. */
const CODE: Uint8Array = new Uint8Array(16);
CODE[COND.eq] = cond.eq;
CODE[COND.ne] = cond.ne;
CODE[COND.gt] = cond.hi;
CODE[COND.ge] = cond.hs;
CODE[COND.lt] = cond.lo;
CODE[COND.le] = cond.ls;
CODE[COND.sgt] = cond.gt;
CODE[COND.sge] = cond.ge;
CODE[COND.slt] = cond.lt;
CODE[COND.sle] = cond.le;
CODE[COND.set] = cond.ne;

/** Flags under which each condition holds, as NZCV. */
const FLAGS_FOR: Uint8Array = Uint8Array.of(4, 0, 2, 0, 8, 0, 1, 0, 2, 0, 0, 8, 0, 4);

/** What `#constantOf` says where neither operand is a constant, or one is but not simply: beyond all numbers of 32 bits. */
const NO_CONSTANT = 2 ** 40;
const WIDE_CONSTANT = 2 ** 41;

const FLAGS = 0;
const ZERO = 1;
const BIT = 2;

/** Between `compare` and `jump` nothing may be written. */
export class Branches {
  readonly #v: Values;
  readonly #walker: Walker;
  readonly #code: Code;
  #kind = FLAGS;
  #register = 0;
  #sf = 0;
  #bit = 0;
  /** Of FLAGS: condition code. Of ZERO and BIT: 1: taken where not zero. */
  #condition = 0;

  constructor(v: Values, walker: Walker, code: Code) {
    this.#v = v;
    this.#walker = walker;
    this.#code = code;
  }

  jump(label: number, inverted: boolean): void {
    const asm = this.#v.asm;
    const isSet = (this.#condition === 1) !== inverted;
    if (this.#kind === FLAGS) branchCond(asm, inverted ? this.#condition ^ 1 : this.#condition, label);
    else if (this.#kind === ZERO) (isSet ? compareNotZero : compareZero)(asm, this.#sf, this.#register, label);
    else (isSet ? testNotZero : testZero)(asm, this.#register, this.#bit, label);
  }

  /** The condition code under which the branch is taken, where flags decide it. */
  get condition(): number {
    assert(this.#kind === FLAGS, 'the branch does not depend on flags');
    return this.#condition;
  }

  /** The branch at `slot` takes a comparison that sets flags, as far as can be told before its operands are looked at. */
  setsFlags(slot: number): boolean {
    const code = this.#code;
    const op = code.op[slot]!;
    const constant = this.#constantOf(slot);
    if (constant === NO_CONSTANT) return true;
    if (constant === WIDE_CONSTANT) return false;
    if (op === COND.set) return (constant < 0 && code.size[slot] === 64) || singleBit(0, constant) < 0;
    return constant !== 0 && constant !== 1 && constant !== -1;
  }

  /** The branch at `slot` can be decided by CCMP or CCMN, without more instructions than CMP would take. */
  canChain(slot: number): boolean {
    const code = this.#code;
    if (code.op[slot] === COND.set || !this.setsFlags(slot)) return false;
    const constant = this.#constantOf(slot);
    if (constant === NO_CONSTANT) {
      const left = this.#v.of[code.dst[slot]!]!;
      const right = this.#v.of[code.src[slot]!]!;
      return !this.#v.isPending(left) && !this.#v.isPending(right);
    }
    if (constant >= -31 && constant <= 31) return true;
    return addSubImmediate(Math.abs(constant)) < 0;
  }

  /** What the second operand is, where it is a constant of at most 32 bits. */
  #constantOf(slot: number): number {
    const code = this.#code;
    const walker = this.#walker;
    if (code.x[slot] === 0) return code.imm[slot]!;
    const s = code.src[slot]!;
    if (walker.holds[s] !== HOLDS.constant) return walker.holds[code.dst[slot]!] === HOLDS.constant ? WIDE_CONSTANT : NO_CONSTANT;
    return code.size[slot] === 32 || walker.hi[s] === walker.lo[s]! >> 31 ? walker.lo[s]! : WIDE_CONSTANT;
  }

  /**
   * Makes the flags those of the comparison of the branch at `slot` where `condition` holds of the flags so far; else such that the
   * branch's own condition (inverted where `inverts`) holds. That one decides the jump.
   */
  chain(slot: number, condition: number, inverts: boolean): void {
    const v = this.#v;
    const code = this.#code;
    const sf = code.size[slot] === 64 ? 1 : 0;
    const op = code.op[slot]!;
    const own = inverts ? CODE[op]! ^ 1 : CODE[op]!;
    const rn = v.register(v.of[code.dst[slot]!]!);
    const nzcv = FLAGS_FOR[own]!;
    const constant = this.#constantOf(slot);
    if (constant >= 0 && constant <= 31) v.asm.word(enc.ccmpImm(sf, rn, constant, nzcv, condition));
    else if (constant < 0 && constant >= -31) v.asm.word(enc.ccmnImm(sf, rn, -constant, nzcv, condition));
    else {
      const y = code.x[slot] === 1 ? v.of[code.src[slot]!]! : v.constant(sf === 1 ? code.imm[slot]! >> 31 : 0, code.imm[slot]!);
      v.asm.word(enc.ccmpReg(sf, rn, v.register(y), nzcv, condition));
    }
    v.flags = 0;
    this.#flags(own);
  }

  /** Writes the comparison of the branch at `slot`. `after`: program registers that are read behind it. */
  compare(slot: number, after: number): void {
    const v = this.#v;
    const walker = this.#walker;
    const code = this.#code;
    let op = code.op[slot]!;
    const d = code.dst[slot]!;
    const s = code.src[slot]!;
    const inRegister = code.x[slot] === 1;
    let sf = code.size[slot] === 64 ? 1 : 0;
    let x = v.of[d]!;
    let y = inRegister ? v.of[s]! : -1;
    let known = !inRegister || walker.holds[s] === HOLDS.constant;
    let lo = inRegister ? walker.lo[s]! : code.imm[slot]!;
    let hi = inRegister ? walker.hi[s]! : lo >> 31;
    if (inRegister && !known && walker.holds[d] === HOLDS.constant) {
      known = true;
      lo = walker.lo[d]!;
      hi = walker.hi[d]!;
      x = v.of[s]!;
      y = v.of[d]!;
      op = MIRROR[op]!;
    }
    if (sf === 1 && v.width[x]! <= 32 && (known ? hi === 0 : v.width[y]! <= 32)) {
      sf = 0;
      op = UNSIGNED[op]!;
    }
    if (known) this.#withConstant(op, sf, x, y, sf === 1 ? hi : lo >> 31, lo, after);
    else this.#withRegister(op, sf, x, y);
  }

  #flags(condition: number): void {
    this.#kind = FLAGS;
    this.#condition = condition;
  }

  #testBit(register: number, bit: number, isSet: boolean): void {
    this.#kind = BIT;
    this.#register = register;
    this.#bit = bit;
    this.#condition = isSet ? 1 : 0;
  }

  #source(n: number, sf: number): number {
    return sf === 1 ? this.#v.operand(n) : this.#v.lower(n);
  }

  #withRegister(op: number, sf: number, left: number, right: number): void {
    const v = this.#v;
    let x = left;
    let y = right;
    let o = op;
    const isTest = op === COND.set;
    const canTake = (n: number): boolean => shiftedOperand(v, n, sf, isTest) || (!isTest && extendedOperand(v, n, sf));
    if (!canTake(y) && canTake(x)) {
      x = right;
      y = left;
      o = MIRROR[op]!;
    }
    if (shiftedOperand(v, y, sf, isTest)) {
      const { register, how, amount } = found;
      v.pinned |= 1 << register;
      const rn = this.#source(x, sf);
      v.compare(
        isTest ? enc.andsReg(sf, ZR, rn, register, how, amount) : enc.subsReg(sf, ZR, rn, register, how, amount),
        (1 << rn) | (1 << register),
      );
    } else if (!isTest && extendedOperand(v, y, sf)) {
      const { register, how, amount } = found;
      v.pinned |= 1 << register;
      // Register 31 would be the stack pointer in this form.
      const rn = v.register(x);
      v.compare(enc.subsExt(sf, ZR, rn, register, how, amount), (1 << rn) | (1 << register));
    } else {
      const rn = this.#source(x, sf);
      const rm = this.#source(y, sf);
      v.compare(isTest ? enc.andsReg(sf, ZR, rn, rm, LSL, 0) : enc.subsReg(sf, ZR, rn, rm, LSL, 0), (1 << rn) | (1 << rm));
    }
    this.#flags(CODE[o]!);
  }

  #withConstant(op: number, sf: number, x: number, y: number, hi: number, lo: number, after: number): void {
    const isZero = lo === 0 && hi === 0;
    const isOne = lo === 1 && hi === 0;
    const isMinusOne = lo === -1 && hi === -1;
    const sign = sf === 1 ? 63 : 31;
    switch (op) {
      case COND.set:
        this.#test(sf, x, y, hi, lo);
        return;
      case COND.eq:
      case COND.ne:
        if (isZero) this.#zero(sf, x, op === COND.ne, after);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.gt:
        if (isZero) this.#zero(sf, x, true, after);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.le:
        if (isZero) this.#zero(sf, x, false, after);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.lt:
        if (isOne) this.#zero(sf, x, false, after);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.ge:
        if (isOne) this.#zero(sf, x, true, after);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.slt:
        if (isZero) this.#testBit(this.#source(x, sf), sign, true);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.sge:
        if (isZero) this.#testBit(this.#source(x, sf), sign, false);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      case COND.sgt:
        if (isMinusOne) this.#testBit(this.#source(x, sf), sign, false);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
      default:
        if (isMinusOne) this.#testBit(this.#source(x, sf), sign, true);
        else this.#compareConstant(op, sf, x, y, hi, lo, after);
        return;
    }
  }

  /** x & hi:lo, not zero. */
  #test(sf: number, x: number, y: number, hi: number, lo: number): void {
    const v = this.#v;
    const high = sf === 1 ? hi : 0;
    const bit = singleBit(high, lo);
    if (bit >= 0) {
      this.#testBit(bit < 32 ? v.lower(x) : v.register(x), bit, true);
      return;
    }
    // Without upper half the test is a 32-bit one.
    const size = high === 0 ? 0 : 1;
    const mask = size === 0 ? bitmask32(lo) : bitmask64(lo, high);
    const rn = this.#source(x, size);
    if (mask >= 0) v.compare(enc.andsImm(size, ZR, rn, mask), 1 << rn);
    else {
      const rm = this.#source(y >= 0 ? y : v.constant(high, lo), size);
      v.compare(enc.andsReg(size, ZR, rn, rm, LSL, 0), (1 << rn) | (1 << rm));
    }
    this.#flags(cond.ne);
  }

  /** Branches where x is (not) zero; a value that nothing else needs is compared instead of computed. */
  #zero(sf: number, x: number, isSet: boolean, after: number): void {
    const v = this.#v;
    if (v.isPending(x) && (v.users[x]! & after) === 0 && this.#zeroOfPending(sf, x, isSet)) return;
    this.#kind = ZERO;
    this.#sf = sf;
    this.#register = this.#source(x, sf);
    this.#condition = isSet ? 1 : 0;
  }

  #zeroOfPending(sf: number, x: number, isSet: boolean): boolean {
    const v = this.#v;
    const a = v.a[x]!;
    const b = v.b[x]!;
    const s = v.s[x]!;
    const n = v.n[x]!;
    const lo = v.lo[x]!;
    const own = v.sf[x]!;
    switch (v.kind[x]) {
      case V.ubfx: {
        const length = sf === 0 ? Math.min(n, 32) : n;
        if (length === 1) {
          this.#testBit(a, s, isSet);
          return true;
        }
        const wide = s + length > 32 ? 1 : 0;
        if (wide === 1 ? s === 0 && length === 64 : s === 0 && length === 32) {
          this.#kind = ZERO;
          this.#sf = wide;
          this.#register = a;
          this.#condition = isSet ? 1 : 0;
          return true;
        }
        v.compare(enc.andsImm(wide, ZR, a, fieldMask(wide, s, length)), 1 << a);
        this.#flags(isSet ? cond.ne : cond.eq);
        return true;
      }
      case V.andImm: {
        if (own === 1 && sf === 0) return false;
        const high = own === 1 ? bitmaskHigh(lo) : 0;
        const bit = singleBit(high, bitmaskLow(lo));
        if (bit >= 0) this.#testBit(a, bit, isSet);
        else {
          v.compare(enc.andsImm(own, ZR, a, lo), 1 << a);
          this.#flags(isSet ? cond.ne : cond.eq);
        }
        return true;
      }
      case V.and:
      case V.bic:
        if (own === 1 && sf === 0) return false;
        v.compare((v.kind[x] === V.and ? enc.andsReg : enc.bicsReg)(own, ZR, a, b, s, n), (1 << a) | (1 << b));
        this.#flags(isSet ? cond.ne : cond.eq);
        return true;
      case V.sub:
      case V.eor:
        if ((own === 1 && sf === 0) || (v.kind[x] === V.eor && s === 3)) return false;
        v.compare(enc.subsReg(own, ZR, a, b, s, n), (1 << a) | (1 << b));
        this.#flags(isSet ? cond.ne : cond.eq);
        return true;
      case V.addImm: {
        if (own === 1 && sf === 0) return false;
        if (lo === -0x80000000) return false;
        return this.#immediate(own, a, -lo >> 31, -lo | 0, isSet ? cond.ne : cond.eq);
      }
      default:
        return false;
    }
  }

  /** CMP or CMN with an immediate, where it fits. */
  #immediate(sf: number, register: number, hi: number, lo: number, condition: number): boolean {
    const v = this.#v;
    if (sf === 1 && hi !== lo >> 31 && !(hi === 0 && lo > 0)) return false;
    if (register === ZR) return false;
    const plain = lo >= 0 ? addSubImmediate(lo) : -1;
    if (plain >= 0) {
      v.compare(enc.subsImm(sf, ZR, register, plain & 0xfff, plain >> 12), 1 << register);
      this.#flags(condition);
      return true;
    }
    const negated = lo < 0 && lo !== -0x80000000 ? addSubImmediate(-lo) : -1;
    if (negated < 0) return false;
    v.compare(enc.addsImm(sf, ZR, register, negated & 0xfff, negated >> 12), 1 << register);
    this.#flags(condition);
    return true;
  }

  #compareConstant(op: number, sf: number, x: number, y: number, hi: number, lo: number, after: number): void {
    const v = this.#v;
    const isEquality = op === COND.eq || op === COND.ne;
    // x + k == c: compare x with c - k.
    if (isEquality && v.isPending(x) && v.kind[x] === V.addImm && (v.users[x]! & after) === 0 && (sf === 0 || v.sf[x] === 1)) {
      const difference = lo - v.lo[x]!;
      if (hi === lo >> 31 && Math.abs(difference) <= 0xfff000 && this.#immediate(sf, v.a[x]!, difference >> 31, difference, CODE[op]!))
        return;
    }
    const rn = this.#source(x, sf);
    if (this.#immediate(sf, rn, hi, lo, CODE[op]!)) return;
    // The neighbouring constant may fit, with the other kind of inequality.
    if (!isEquality && hi === lo >> 31) {
      const up = op === COND.gt || op === COND.le || op === COND.sgt || op === COND.sle;
      const near = up ? lo + 1 : lo - 1;
      const wraps = up ? lo === -1 || lo === 0x7fffffff : lo === 0 || lo === -0x80000000;
      if (!wraps && this.#immediate(sf, rn, near >> 31, near, CODE[NEIGHBOUR[op]!]!)) return;
    }
    const constant = y >= 0 ? y : v.constant(sf === 1 ? hi : 0, lo);
    const rm = this.#source(constant, sf);
    v.compare(enc.subsReg(sf, ZR, rn, rm, LSL, 0), (1 << rn) | (1 << rm));
    this.#flags(CODE[op]!);
  }
}

/** x > c is x >= c + 1, and so on. */
const NEIGHBOUR: Uint8Array = new Uint8Array(16);
for (const [strict, other] of [
  [COND.gt, COND.ge],
  [COND.lt, COND.le],
  [COND.sgt, COND.sge],
  [COND.slt, COND.sle],
] as const) {
  NEIGHBOUR[strict] = other;
  NEIGHBOUR[other] = strict;
}

/** The bit's number if just one is set, or -1. */
function singleBit(hi: number, lo: number): number {
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
  return lo === 0 && (hi & (hi - 1)) === 0 ? 63 - Math.clz32(hi) : -1;
}

/** Immediate with bits [from, from + length). */
function fieldMask(sf: number, from: number, length: number): number {
  if (sf === 0) return bitmask32(((1 << length) - 1) << from);
  const lo = length >= 32 ? -1 : (1 << length) - 1;
  const hi = length <= 32 ? 0 : length === 64 ? -1 : (1 << (length - 32)) - 1;
  if (from === 0) return bitmask64(lo, hi);
  return from >= 32 ? bitmask64(0, lo << (from - 32)) : bitmask64(lo << from, (hi << from) | (lo >>> (32 - from)));
}
