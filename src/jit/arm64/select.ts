// Instruction selection for arithmetic: an instruction of the program and the values of its operands become a new value, taking
// pending operands in where one machine instruction can do both.
import { ALU, SWAP } from '../../isa/code.ts';
import { ASR, LSL, LSR, ROR, SXTB, SXTH, SXTW, UXTB, UXTH, UXTW } from './encode.ts';
import { bitmask32, bitmask64 } from './immediates.ts';
import { NONE, V } from './kinds.ts';
import { ZR } from './registers.ts';
import type { Values } from './values.ts';

/** What `shiftedOperand` and `extendedOperand` found: a register, shift type or extend option, and amount. */
export const found: { register: number; how: number; amount: number } = { register: 0, how: 0, amount: 0 };

/** Width of a pending value's source, kept in `hi` of bit-field values: what lies above is zero. */
function field(v: Values, kind: number, sf: number, a: number, from: number, length: number, sourceWidth: number, width: number): number {
  if (kind === V.ubfx && from === 0 && sourceWidth <= length && a !== ZR) {
    // All of it, and the register still has a name.
    const n = v.holder[a]!;
    if (n >= 0 && v.place[n] === a && v.width[n]! <= length) return n;
  }
  return v.create(kind, sf, a, NONE, NONE, from, length, 0, sourceWidth, width);
}

/** The lower 32 bits of value n, zero-extended; n itself where nobody reads the upper half. */
export function zeroExtend(v: Values, n: number, upperLive: boolean): number {
  if (v.width[n]! <= 32 || !upperLive) return n;
  if (v.isPending(n)) {
    const narrow = narrowed(v, n);
    if (narrow >= 0) return narrow;
  }
  return field(v, V.ubfx, 1, v.register(n), 0, 32, 64, 32);
}

/** A 32-bit form of a pending 64-bit value whose lower half depends on the lower halves of its sources only; -1: there is none. */
function narrowed(v: Values, n: number): number {
  const kind = v.kind[n]!;
  const s = v.s[n]!;
  const a = v.a[n]!;
  const b = v.b[n]!;
  switch (kind) {
    case V.constant:
      return v.constant(0, v.lo[n]!);
    case V.add:
    case V.sub:
    case V.and:
    case V.bic:
    case V.orr:
    case V.orn:
    case V.eor:
    case V.eon:
      if (s !== LSL || v.n[n]! > 31) return -1;
      return v.create(kind, 0, a, b, NONE, s, v.n[n]!, 0, 0, 32);
    case V.addImm:
      return v.create(kind, 0, a, NONE, NONE, 0, 0, v.lo[n]!, 0, 32);
    case V.madd:
    case V.msub:
      return v.create(kind, 0, a, b, v.c[n]!, 0, 0, 0, 0, 32);
    case V.umaddl:
    case V.smaddl:
      return v.create(V.madd, 0, a, b, v.c[n]!, 0, 0, 0, 0, 32);
    case V.umsubl:
      return v.create(V.msub, 0, a, b, v.c[n]!, 0, 0, 0, 0, 32);
    case V.ubfiz:
      if (s >= 32) return v.constant(0, 0);
      return field(v, V.ubfiz, 0, a, s, Math.min(v.n[n]!, 32 - s), v.hi[n]!, 32);
    case V.ubfx:
      return field(v, V.ubfx, 0, a, s, Math.min(v.n[n]!, 32), v.hi[n]!, 32);
    default:
      return -1;
  }
}

const source = (v: Values, n: number, sf: number): number => (sf === 1 ? v.operand(n) : v.lower(n));
/** Width of what `source` gives, for the machine. */
const sourceWidth = (v: Values, n: number, sf: number): number => (sf === 1 ? v.width[n]! : 64);

export function shiftLeft(v: Values, n: number, by: number, sf: number, upperLive: boolean): number {
  const bits = sf === 1 ? 64 : 32;
  if (by === 0) return sf === 1 ? n : zeroExtend(v, n, upperLive);
  if (isLoad(v, n) && dies(v, n) && v.s[n]! + 8 * v.n[n]! + by <= bits) {
    return v.createLoad(v.a[n]!, v.lo[n]!, v.n[n]!, v.sf[n] === 1, v.s[n]! + by, v.hi[n]!);
  }
  if (v.isPending(n)) {
    const s = v.s[n]!;
    const length = v.n[n]!;
    if (v.kind[n] === V.ubfiz) {
      if (s + by >= bits) return v.constant(0, 0);
      return field(v, V.ubfiz, sf, v.a[n]!, s + by, Math.min(length, bits - by - s), v.hi[n]!, bits);
    }
    if (v.kind[n] === V.ubfx) {
      if (s === 0) return field(v, V.ubfiz, sf, v.a[n]!, by, Math.min(length, bits - by), v.hi[n]!, bits);
      if (s === by) {
        const mask = maskOf(v, sf, by, Math.min(length, bits - by));
        return v.create(V.andImm, sf, v.a[n]!, NONE, NONE, 0, 0, mask, 0, bits);
      }
    }
  }
  return field(v, V.ubfiz, sf, source(v, n, sf), by, bits - by, sourceWidth(v, n, sf), bits);
}

function maskOf(_v: Values, sf: number, from: number, length: number): number {
  if (sf === 0) return bitmask32((length === 32 ? -1 : (1 << length) - 1) << from);
  const lo = length >= 32 ? -1 : (1 << length) - 1;
  const hi = length <= 32 ? 0 : length === 64 ? -1 : (1 << (length - 32)) - 1;
  return bitmask64(from >= 32 ? 0 : lo << from, from === 0 ? hi : from >= 32 ? lo << (from - 32) : (hi << from) | (lo >>> (32 - from)));
}

export function shiftRight(v: Values, n: number, by: number, sf: number, upperLive: boolean): number {
  const bits = sf === 1 ? 64 : 32;
  if (by === 0) return sf === 1 ? n : zeroExtend(v, n, upperLive);
  if (v.isPending(n)) {
    const s = v.s[n]!;
    let length = v.n[n]!;
    if (v.kind[n] === V.ubfx) {
      if (length > bits) length = bits;
      if (by >= length) return v.constant(0, 0);
      return field(v, V.ubfx, sf, v.a[n]!, s + by, length - by, v.hi[n]!, length - by);
    }
    if (v.kind[n] === V.ubfiz && s < bits) {
      if (length > bits - s) length = bits - s;
      if (by < s) return field(v, V.ubfiz, sf, v.a[n]!, s - by, length, v.hi[n]!, s - by + length);
      if (by - s >= length) return v.constant(0, 0);
      return field(v, V.ubfx, sf, v.a[n]!, by - s, length - (by - s), v.hi[n]!, length - (by - s));
    }
  }
  return field(v, V.ubfx, sf, source(v, n, sf), by, bits - by, sourceWidth(v, n, sf), bits - by);
}

export function shiftRightSigned(v: Values, n: number, by: number, sf: number, upperLive: boolean): number {
  const bits = sf === 1 ? 64 : 32;
  if (by === 0) return sf === 1 ? n : zeroExtend(v, n, upperLive);
  if (sf === 1 ? v.width[n]! < 64 : v.low[n]! < 32) return shiftRight(v, n, by, sf, upperLive);
  if (v.isPending(n)) {
    const s = v.s[n]!;
    const length = v.n[n]!;
    if (v.kind[n] === V.ubfiz && s + length >= bits && s < bits) {
      if (by < s) return field(v, V.sbfiz, sf, v.a[n]!, s - by, bits - s, 64, bits);
      return field(v, V.sbfx, sf, v.a[n]!, by - s, bits - by, 64, bits);
    }
    if (v.kind[n] === V.sbfx && v.sf[n] === sf) {
      const skip = Math.min(by, length - 1);
      return field(v, V.sbfx, sf, v.a[n]!, s + skip, length - skip, 64, bits);
    }
  }
  return field(v, V.sbfx, sf, source(v, n, sf), by, bits - by, 64, bits);
}

export function signExtend(v: Values, n: number, from: number, sf: number, upperLive: boolean): number {
  const bits = sf === 1 ? 64 : 32;
  if (v.width[n]! < from) return n;
  if (v.low[n]! < from) return zeroExtend(v, n, upperLive);
  if (from === 32 && sf === 0) return zeroExtend(v, n, upperLive);
  if (v.isPending(n) && v.kind[n] === V.ubfx && v.n[n]! >= from && v.s[n]! + from <= bits) {
    return field(v, V.sbfx, sf, v.a[n]!, v.s[n]!, from, 64, bits);
  }
  return field(v, V.sbfx, sf, v.lower(n), 0, from, 64, bits);
}

/** n & hi:lo. */
export function andConstant(v: Values, n: number, hi: number, lo: number, sf: number, upperLive: boolean, constant: number): number {
  // A mask without upper half: 32-bit arithmetic does it, and clears the upper half.
  if (sf === 1 && hi !== 0 && upperLive) {
    const length = hi === -1 && lo === -1 ? 64 : lo === -1 && (hi & (hi + 1)) === 0 ? 64 - Math.clz32(hi) : 0;
    if (v.width[n]! <= length) return n;
    if (length > 0) return lowBits(v, n, length);
    const mask = bitmask64(lo, hi);
    if (mask >= 0) return v.create(V.andImm, 1, v.register(n), NONE, NONE, 0, 0, mask, 0, v.width[n]!);
    return logic(v, V.and, n, constant, 1);
  }
  const low = v.low[n]!;
  const known = low === 32 ? -1 : (1 << low) - 1;
  const kept = lo & known;
  if (kept === 0) return v.constant(0, 0);
  if (kept === known) return zeroExtend(v, n, upperLive);
  if ((kept & (kept + 1)) === 0) return lowBits(v, n, 32 - Math.clz32(kept));
  let mask = bitmask32(kept);
  if (mask < 0) mask = bitmask32(kept | ~known);
  if (mask < 0) mask = bitmask32(lo);
  if (mask >= 0) {
    return v.create(V.andImm, 0, v.lower(n), NONE, NONE, 0, 0, mask, 0, 32 - Math.clz32(kept));
  }
  return logic(v, V.and, n, constant, 0);
}

/** The low `length` bits, 1 to 63. */
function lowBits(v: Values, n: number, length: number): number {
  if (v.isPending(n)) {
    const s = v.s[n]!;
    if (v.kind[n] === V.ubfx) {
      const shorter = Math.min(v.n[n]!, length);
      return field(v, V.ubfx, v.sf[n]!, v.a[n]!, s, shorter, v.hi[n]!, shorter);
    }
    if (v.kind[n] === V.ubfiz) {
      if (length <= s) return v.constant(0, 0);
      const shorter = Math.min(v.n[n]!, length - s);
      return field(v, V.ubfiz, v.sf[n]!, v.a[n]!, s, shorter, v.hi[n]!, s + shorter);
    }
  }
  const a = length > 32 ? v.register(n) : v.lower(n);
  return field(v, V.ubfx, length > 32 ? 1 : 0, a, 0, length, length > 32 ? v.width[n]! : 64, length);
}

/** Value n as `register, shift #amount` of an instruction of size sf; sets `found`. */
export function shiftedOperand(v: Values, n: number, sf: number, logical: boolean): boolean {
  if (!v.isPending(n)) return false;
  const s = v.s[n]!;
  const length = v.n[n]!;
  const bits = sf === 1 ? 64 : 32;
  // Bits of the source above this are zero.
  const zeroFrom = v.hi[n]!;
  switch (v.kind[n]) {
    case V.ubfiz:
      if (s >= bits || !(s + length >= bits || zeroFrom <= length)) return false;
      found.how = LSL;
      break;
    case V.ubfx:
      if (s === 0 && sf === 0 && length >= 32) found.how = LSL;
      else if (s > 0 && s < bits && (s + length === bits || (zeroFrom <= s + length && zeroFrom <= bits))) found.how = LSR;
      else return false;
      break;
    case V.sbfx:
      if (s === 0 && sf === 0 && length === 32) found.how = LSL;
      else if (v.sf[n] === sf && s > 0 && s + length === bits) found.how = ASR;
      else return false;
      break;
    case V.extr:
      if (!logical || v.a[n] !== v.b[n] || v.sf[n] !== sf) return false;
      found.how = ROR;
      break;
    default:
      return false;
  }
  found.register = v.a[n]!;
  found.amount = s;
  return true;
}

/** Value n as `register, extend #amount`. */
export function extendedOperand(v: Values, n: number, sf: number): boolean {
  if (!v.isPending(n)) return false;
  const kind = v.kind[n]!;
  const length = v.n[n]!;
  const isLeft = kind === V.ubfiz || kind === V.sbfiz;
  const isSigned = kind === V.sbfx || kind === V.sbfiz;
  if (!isLeft && kind !== V.ubfx && kind !== V.sbfx) return false;
  if (isLeft ? v.s[n]! > 4 : v.s[n] !== 0) return false;
  if (isSigned && sf === 1 && v.sf[n] === 0) return false;
  if (length === 8) found.how = isSigned ? SXTB : UXTB;
  else if (length === 16) found.how = isSigned ? SXTH : UXTH;
  else if (length === 32) found.how = isSigned ? SXTW : UXTW;
  else return false;
  found.register = v.a[n]!;
  found.amount = isLeft ? v.s[n]! : 0;
  return true;
}

/** Program registers that need a value after the instruction at work; its own operands excluded. */
let after = 0;
const dies = (v: Values, n: number): boolean => (v.users[n]! & after) === 0;

const isLoad = (v: Values, n: number): boolean => v.isPending(n) && v.kind[n] === V.load;

/** The wide load that two waiting narrow ones make up when their bits are put together; -1: they do not. */
function joined(v: Values, x: number, y: number): number {
  if (!isLoad(v, x) || !isLoad(v, y) || v.a[x] !== v.a[y] || !dies(v, x) || !dies(v, y)) return -1;
  const low = v.s[x]! < v.s[y]! ? x : y;
  const high = low === x ? y : x;
  const bytes = v.n[low]! + v.n[high]!;
  if (v.s[low]! + 8 * v.n[low]! !== v.s[high]! || bytes > 8) return -1;
  const slot = Math.min(v.hi[x]!, v.hi[y]!);
  const isSingle = (n: number): boolean => v.n[n] === 1;
  const isLittle = (isSingle(low) || v.sf[low] === 0) && (isSingle(high) || v.sf[high] === 0);
  if (isLittle && v.lo[low]! + v.n[low]! === v.lo[high]) return v.createLoad(v.a[x]!, v.lo[low]!, bytes, false, v.s[low]!, slot);
  const isBig = (isSingle(low) || v.sf[low] === 1) && (isSingle(high) || v.sf[high] === 1);
  if (isBig && v.lo[high]! + v.n[high]! === v.lo[low]) return v.createLoad(v.a[x]!, v.lo[high]!, bytes, true, v.s[low]!, slot);
  return -1;
}

/** A waiting load that is shifted and nobody else's: loaded now, the shift is left to whoever takes the value in. */
function loaded(v: Values, n: number): number {
  if (!isLoad(v, n) || v.s[n] === 0 || !dies(v, n)) return n;
  const bytes = v.n[n]!;
  const plain = v.createLoad(v.a[n]!, v.lo[n]!, bytes, v.sf[n] === 1, 0, v.hi[n]!);
  return field(v, V.ubfiz, 1, v.register(plain), v.s[n]!, 8 * bytes, 8 * bytes, v.s[n]! + 8 * bytes);
}

/** An operand that can be taken in, of two: the one that nothing else needs rather than the other. */
function swapForShift(v: Values, x: number, y: number, sf: number, logical: boolean): boolean {
  const canY = shiftedOperand(v, y, sf, logical) || (!logical && extendedOperand(v, y, sf));
  const canX = shiftedOperand(v, x, sf, logical) || (!logical && extendedOperand(v, x, sf));
  return canX && (!canY || (dies(v, x) && !dies(v, y)));
}

/** x AND, ORR, EOR y. */
function logic(v: Values, kind: number, x: number, y: number, sf: number): number {
  let a = x;
  let b = y;
  const isNot = (n: number): boolean =>
    v.isPending(n) && v.kind[n] === V.orn && v.a[n] === ZR && (v.sf[n] === sf || sf === 0) && v.n[n] === 0;
  if (isNot(a) && !isNot(b)) {
    a = y;
    b = x;
  }
  if (isNot(b)) {
    const m = v.b[b]!;
    v.pinned |= 1 << m;
    return v.create(kind + 1, sf, source(v, a, sf), m, NONE, LSL, 0, 0, 0, 64);
  }
  if (swapForShift(v, a, b, sf, true)) {
    a = y;
    b = x;
  }
  if (shiftedOperand(v, b, sf, true)) {
    const m = found.register;
    const type = found.how;
    const by = found.amount;
    v.pinned |= 1 << m;
    return v.create(kind, sf, source(v, a, sf), m, NONE, type, by, 0, 0, 64);
  }
  const rn = source(v, a, sf);
  return v.create(kind, sf, rn, source(v, b, sf), NONE, LSL, 0, 0, 0, 64);
}

/** A left and a right shift that make up all bits: EXTR, or -1. */
function rotation(v: Values, x: number, y: number, sf: number): number {
  if (!v.isPending(x) || !v.isPending(y)) return -1;
  let left = x;
  let right = y;
  if (v.kind[left] !== V.ubfiz) {
    left = y;
    right = x;
  }
  const bits = sf === 1 ? 64 : 32;
  if (v.kind[left] !== V.ubfiz || v.kind[right] !== V.ubfx) return -1;
  const by = v.s[right]!;
  if (v.s[left]! + by !== bits || by === 0 || v.s[left]! + v.n[left]! < bits) return -1;
  const end = by + v.n[right]!;
  if (end !== bits && !(v.hi[right]! <= end && v.hi[right]! <= bits)) return -1;
  return v.create(V.extr, sf, v.a[left]!, v.a[right]!, NONE, by, 0, 0, 0, 64);
}

function add(v: Values, x: number, y: number, sf: number): number {
  for (let i = 0; i < 2; i++) {
    const [n, other] = i === 0 ? [y, x] : [x, y];
    if (!v.isPending(n) || !dies(v, n)) continue;
    const product = v.kind[n]!;
    if ((product === V.madd && (sf === 0 || v.sf[n] === 1)) || product === V.umaddl || product === V.smaddl) {
      if (v.c[n] !== ZR) continue;
      return fused(v, sf === 0 ? V.madd : product, sf, n, other);
    }
    if (product === V.sub && v.a[n] === ZR && (v.sf[n] === sf || sf === 0) && v.s[n] === LSL) {
      const b = v.b[n]!;
      v.pinned |= 1 << b;
      return v.create(V.sub, sf, source(v, other, sf), b, NONE, LSL, v.n[n]!, 0, 0, 64);
    }
  }
  let a = x;
  let b = y;
  if (swapForShift(v, a, b, sf, false)) {
    a = y;
    b = x;
  }
  return additive(v, V.add, V.addExt, a, b, sf);
}

function fused(v: Values, kind: number, sf: number, product: number, other: number): number {
  const a = v.a[product]!;
  const b = v.b[product]!;
  v.pinned |= (1 << a) | (1 << b);
  return v.create(kind, sf, a, b, sf === 0 ? v.lower(other) : v.operand(other), 0, 0, 0, 0, 64);
}

function subtract(v: Values, x: number, y: number, sf: number): number {
  if (v.isPending(y) && dies(v, y)) {
    const product = v.kind[y]!;
    if ((product === V.madd && (sf === 0 || v.sf[y] === 1)) || product === V.umaddl) {
      if (v.c[y] === ZR) return fused(v, sf === 0 || product === V.madd ? V.msub : V.umsubl, sf, y, x);
    }
    if (product === V.sub && v.a[y] === ZR && (v.sf[y] === sf || sf === 0) && v.s[y] === LSL) {
      const b = v.b[y]!;
      v.pinned |= 1 << b;
      return v.create(V.add, sf, source(v, x, sf), b, NONE, LSL, v.n[y]!, 0, 0, 64);
    }
  }
  return additive(v, V.sub, V.subExt, x, y, sf);
}

function additive(v: Values, kind: number, extendKind: number, a: number, b: number, sf: number): number {
  if (shiftedOperand(v, b, sf, false)) {
    const m = found.register;
    const type = found.how;
    const by = found.amount;
    v.pinned |= 1 << m;
    return v.create(kind, sf, source(v, a, sf), m, NONE, type, by, 0, 0, 64);
  }
  if (extendedOperand(v, b, sf)) {
    const m = found.register;
    const option = found.how;
    const by = found.amount;
    v.pinned |= 1 << m;
    // Register 31 would be the stack pointer in this form.
    const rn = source(v, a, sf);
    if (rn !== ZR) return v.create(extendKind, sf, rn, m, NONE, option, by, 0, 0, 64);
    return v.create(kind, sf, ZR, source(v, b, sf), NONE, LSL, 0, 0, 0, 64);
  }
  const rn = source(v, a, sf);
  return v.create(kind, sf, rn, source(v, b, sf), NONE, LSL, 0, 0, 0, 64);
}

/** n + hi:lo. */
function addConstant(v: Values, n: number, hi: number, lo: number, sf: number, constant: number): number {
  if (sf === 1 && hi !== lo >> 31) return add(v, n, constant, sf);
  if (v.isPending(n) && v.kind[n] === V.addImm && (sf === 0 || v.sf[n] === 1)) {
    const sum = v.lo[n]! + lo;
    if (sf === 0 || sum === (sum | 0)) return v.create(V.addImm, sf, v.a[n]!, NONE, NONE, 0, 0, sum | 0, 0, 64);
  }
  const m = source(v, n, sf);
  if (m === ZR) return v.constant(sf === 1 ? hi : 0, lo);
  return v.create(V.addImm, sf, m, NONE, NONE, 0, 0, lo, 0, 64);
}

function multiply(v: Values, x: number, y: number, sf: number): number {
  if (sf === 1) {
    const narrow = (n: number): number => {
      if (!v.isPending(n)) return v.width[n]! <= 32 ? 1 : 0;
      if (v.kind[n] === V.ubfx && v.s[n] === 0 && v.n[n] === 32) return 2;
      return v.width[n]! <= 32 ? 1 : 0;
    };
    const nx = narrow(x);
    const ny = narrow(y);
    if (nx > 0 && ny > 0 && nx + ny > 2) {
      const a = v.lower(x);
      return v.create(V.umaddl, 1, a, v.lower(y), ZR, 0, 0, 0, 0, 64);
    }
  }
  const a = source(v, x, sf);
  return v.create(V.madd, sf, a, source(v, y, sf), ZR, 0, 0, 0, 0, 64);
}

/** Exponent if hi:lo is a power of two, or -1. */
function exponent(hi: number, lo: number): number {
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
  return lo === 0 && (hi & (hi - 1)) === 0 ? 63 - Math.clz32(hi) : -1;
}

function multiplyConstant(v: Values, n: number, hi: number, lo: number, sf: number, upperLive: boolean, constant: number): number {
  const high = sf === 1 ? hi : 0;
  if (high === 0 && lo === 0) return v.constant(0, 0);
  const power = exponent(high, lo);
  if (power >= 0) return shiftLeft(v, n, power, sf, upperLive);
  const plus = high === 0 || lo !== 0 ? exponent(high, lo - 1) : -1;
  if (plus > 0 && (lo & 1) === 1) {
    const m = source(v, n, sf);
    return v.create(V.add, sf, m, m, NONE, LSL, plus, 0, 0, 64);
  }
  const isMinusOne = lo === -1 && (sf === 0 || hi === -1);
  if (isMinusOne) return v.create(V.sub, sf, ZR, source(v, n, sf), NONE, LSL, 0, 0, 0, 64);
  // 1 - 2^k: n - (n << k).
  if (hi === -1 || sf === 0) {
    const less = exponent(0, (1 - lo) | 0);
    if (less > 0 && lo < 0) {
      const m = source(v, n, sf);
      return v.create(V.sub, sf, m, m, NONE, LSL, less, 0, 0, 64);
    }
  }
  return multiply(v, n, constant, sf);
}

function divide(v: Values, op: number, x: number, y: number, sf: number): number {
  const a = source(v, x, sf);
  const b = source(v, y, sf);
  const isSigned = op === ALU.sdiv || op === ALU.smod;
  const quotient = v.create(isSigned ? V.sdiv : V.udiv, sf, a, b, NONE, 0, 0, 0, 0, 64);
  if (op === ALU.div || op === ALU.sdiv) return quotient;
  // x - x / 0 * 0 = x, and MIN / -1 * -1 = MIN.
  return v.create(V.msub, sf, v.register(quotient), b, a, 0, 0, 0, 0, 64);
}

/**
 * x OP y for the size sf (upper half of the result live or not); `hi:lo` is y where `known`. Value y may be a constant that is not in a
 * register yet. `needed`: program registers read after this instruction, its result excluded.
 */
export function arithmetic(
  v: Values,
  op: number,
  x: number,
  y: number,
  known: boolean,
  hi: number,
  lo: number,
  size: number,
  upperLive: boolean,
  needed: number,
): number {
  after = needed;
  let sf = size === 64 ? 1 : 0;
  // What only carries upwards can be done in 32 bits where the upper half is not read.
  const narrow = sf === 1 && !upperLive ? 0 : sf;
  switch (op) {
    case ALU.add:
      return known ? addConstant(v, x, hi, lo, narrow, y) : both(v, x, y, narrow, V.add);
    case ALU.sub:
      if (known && (narrow === 0 || (hi === lo >> 31 && lo !== -0x80000000))) {
        const minus = -lo | 0;
        return addConstant(v, x, minus >> 31, minus, narrow, y);
      }
      return subtract(v, x, y, narrow);
    case ALU.mul:
      return known ? multiplyConstant(v, x, hi, lo, narrow, upperLive, y) : multiply(v, x, y, narrow);
    case ALU.and:
      return known ? andConstant(v, x, hi, lo, narrow, upperLive, y) : logic(v, V.and, x, y, narrow);
    case ALU.or:
    case ALU.xor: {
      sf = narrow;
      const kind = op === ALU.or ? V.orr : V.eor;
      if (!known) return both(v, x, y, sf, kind);
      const high = sf === 1 ? hi : 0;
      if (lo === 0 && high === 0) return sf === 1 ? x : zeroExtend(v, x, upperLive);
      if (op === ALU.xor && lo === -1 && (sf === 0 || hi === -1)) {
        return v.create(V.orn, sf, ZR, source(v, x, sf), NONE, LSL, 0, 0, 0, 64);
      }
      const mask = sf === 1 ? bitmask64(lo, hi) : bitmask32(lo);
      if (mask < 0) return logic(v, kind, x, y, sf);
      return v.create(op === ALU.or ? V.orrImm : V.eorImm, sf, source(v, x, sf), NONE, NONE, 0, 0, mask, 0, 64);
    }
    case ALU.lsh:
      if (known) return shiftLeft(v, x, lo & (size - 1), sf === 1 && !upperLive && (lo & 63) < 32 ? 0 : sf, upperLive);
      return shiftBy(v, V.lslv, x, y, sf);
    case ALU.rsh:
      return known ? shiftRight(v, x, lo & (size - 1), sf, upperLive) : shiftBy(v, V.lsrv, x, y, sf);
    case ALU.arsh:
      return known ? shiftRightSigned(v, x, lo & (size - 1), sf, upperLive) : shiftBy(v, V.asrv, x, y, sf);
    case ALU.div:
    case ALU.mod:
      if (known) {
        const high = sf === 1 ? hi : 0;
        const power = exponent(high, lo);
        if (lo === 0 && high === 0) {
          if (op === ALU.div) return v.constant(0, 0);
          return sf === 1 ? x : zeroExtend(v, x, upperLive);
        }
        if (power >= 0) {
          if (op === ALU.div) return shiftRight(v, x, power, sf, upperLive);
          if (power === 0) return v.constant(0, 0);
          return remainder(v, x, power, sf, upperLive);
        }
      }
      return divide(v, op, x, y, sf);
    case ALU.sdiv:
    case ALU.smod:
      return divide(v, op, x, y, sf);
    default:
      // Negation: 0 - x.
      return additive(v, V.sub, V.subExt, v.constant(0, 0), x, narrow);
  }
}

function remainder(v: Values, x: number, power: number, sf: number, upperLive: boolean): number {
  if ((sf === 1 ? v.width[x]! : v.low[x]!) <= power) return sf === 1 ? x : zeroExtend(v, x, upperLive);
  return lowBits(v, x, power);
}

function both(v: Values, x: number, y: number, sf: number, kind: number): number {
  const wide = joined(v, x, y);
  if (wide >= 0) return wide;
  const left = loaded(v, x);
  const right = x === y ? left : loaded(v, y);
  const rotated = rotation(v, left, right, sf);
  if (rotated >= 0) return rotated;
  return kind === V.add ? add(v, left, right, sf) : logic(v, kind, left, right, sf);
}

function shiftBy(v: Values, kind: number, x: number, y: number, sf: number): number {
  const a = source(v, x, sf);
  // Only the lowest bits of the amount count.
  return v.create(kind, sf, a, v.lower(y), NONE, 0, 0, 0, 0, 64);
}

export function byteSwap(v: Values, op: number, n: number, size: number, upperLive: boolean): number {
  if (op === SWAP.le) {
    if (size === 64) return n;
    return size === 32 ? zeroExtend(v, n, upperLive) : v.low[n]! <= 16 ? zeroExtend(v, n, upperLive) : lowBits(v, n, 16);
  }
  if (size === 64) return v.create(V.rev, 1, v.register(n), NONE, NONE, 0, 0, 0, 0, 64);
  if (size === 32) return v.create(V.rev, 0, v.lower(n), NONE, NONE, 0, 0, 0, 0, 32);
  if (v.low[n]! <= 16) return v.create(V.rev16, 0, v.lower(n), NONE, NONE, 0, 0, 0, 0, 16);
  const swapped = v.create(V.rev, 0, v.lower(n), NONE, NONE, 0, 0, 0, 0, 32);
  return field(v, V.ubfx, 0, v.register(swapped), 16, 16, 32, 16);
}
