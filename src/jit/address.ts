// Arithmetic on 64-bit addresses as two int32 halves. bigint only at the edges.
import type { Address } from './target.ts';

/** `value`: an integer below 2^53, as hosts give addresses. */
export function addressFromNumber(value: number): Address {
  return { hi: Math.floor(value / 2 ** 32) | 0, lo: value | 0 };
}

export function addressFromBigint(value: bigint): Address {
  return { hi: Number(BigInt.asIntN(32, value >> 32n)), lo: Number(BigInt.asIntN(32, value)) };
}

export function addressToBigint({ hi, lo }: Address): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** `offset`: 0 to 2^32 - 1. Modulo 2^64. */
export function addressPlus({ hi, lo }: Address, offset: number): Address {
  const sum = (lo >>> 0) + offset;
  return { hi: (hi + (sum >= 2 ** 32 ? 1 : 0)) | 0, lo: sum | 0 };
}

/** Signed distance, modulo 2^64: exact below 2^53, and otherwise beyond any branch. */
export function distanceBetween(from: Address, to: Address): number {
  const lo = (to.lo >>> 0) - (from.lo >>> 0);
  const hi = (to.hi - from.hi - (lo < 0 ? 1 : 0)) | 0;
  return hi * 2 ** 32 + (lo >>> 0);
}

/** 0x and the digits that are needed. */
export function printAddress({ hi, lo }: Address): string {
  return hi === 0 ? `0x${(lo >>> 0).toString(16)}` : `0x${(hi >>> 0).toString(16)}${(lo >>> 0).toString(16).padStart(8, '0')}`;
}
