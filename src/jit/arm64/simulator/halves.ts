// 64-bit arithmetic on int32 halves, as the simulator needs it. A two-word result is left in `machine.lo`, `machine.hi`.
import type { Machine } from './machine.ts';

/** High 32 bits of the unsigned 64-bit product of two 32-bit numbers. */
export function multiplyHigh32(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + (middle >>> 16) + (other >>> 16)) | 0;
}

/** High 64 bits of the unsigned 128-bit product. */
export function multiplyHigh64(m: Machine, al: number, ah: number, bl: number, bh: number): void {
  const middle = (multiplyHigh32(al, bl) >>> 0) + (Math.imul(al, bh) >>> 0) + (Math.imul(ah, bl) >>> 0);
  const low = (Math.imul(ah, bh) >>> 0) + (multiplyHigh32(al, bh) >>> 0) + (multiplyHigh32(ah, bl) >>> 0) + Math.floor(middle / 4294967296);
  m.lo = low | 0;
  m.hi = (multiplyHigh32(ah, bh) + Math.floor(low / 4294967296)) | 0;
}

/** `a - b` of 64-bit numbers. */
export function subtract64(m: Machine, al: number, ah: number, bl: number, bh: number): void {
  m.lo = (al - bl) | 0;
  m.hi = (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
}

/** Amounts are 0 to 63. */
export function shiftLeft64(m: Machine, lo: number, hi: number, amount: number): void {
  if (amount === 0) {
    m.lo = lo;
    m.hi = hi;
  } else if (amount < 32) {
    m.lo = lo << amount;
    m.hi = (hi << amount) | (lo >>> (32 - amount));
  } else {
    m.lo = 0;
    m.hi = lo << (amount - 32);
  }
}

export function shiftRight64(m: Machine, lo: number, hi: number, amount: number): void {
  if (amount === 0) {
    m.lo = lo;
    m.hi = hi;
  } else if (amount < 32) {
    m.lo = (lo >>> amount) | (hi << (32 - amount));
    m.hi = hi >>> amount;
  } else {
    m.lo = hi >>> (amount - 32);
    m.hi = 0;
  }
}

export function shiftRightSigned64(m: Machine, lo: number, hi: number, amount: number): void {
  if (amount === 0) {
    m.lo = lo;
    m.hi = hi;
  } else if (amount < 32) {
    m.lo = (lo >>> amount) | (hi << (32 - amount));
    m.hi = hi >> amount;
  } else {
    m.lo = hi >> (amount - 32);
    m.hi = hi >> 31;
  }
}

export function rotateRight64(m: Machine, lo: number, hi: number, amount: number): void {
  const n = amount & 31;
  const [low, high] = amount < 32 ? [lo, hi] : [hi, lo];
  m.lo = n === 0 ? low : (low >>> n) | (high << (32 - n));
  m.hi = n === 0 ? high : (high >>> n) | (low << (32 - n));
}

/** Shift types as in the shifted-register forms: LSL, LSR, ASR, ROR. */
export function shift64(m: Machine, lo: number, hi: number, type: number, amount: number): void {
  if (type === 0) shiftLeft64(m, lo, hi, amount);
  else if (type === 1) shiftRight64(m, lo, hi, amount);
  else if (type === 2) shiftRightSigned64(m, lo, hi, amount);
  else rotateRight64(m, lo, hi, amount);
}

/** Amounts are 0 to 31. */
export function shift32(value: number, type: number, amount: number): number {
  if (type === 0) return value << amount;
  if (type === 1) return (value >>> amount) | 0;
  if (type === 2) return value >> amount;
  return amount === 0 ? value : (value >>> amount) | (value << (32 - amount));
}

export function reverseBits32(value: number): number {
  let v = ((value >>> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  return reverseBytes32(v);
}

export function reverseBytes32(value: number): number {
  return (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | (value << 24);
}

export function reverseBytes16s(value: number): number {
  return ((value >>> 8) & 0x00ff00ff) | ((value & 0x00ff00ff) << 8);
}
