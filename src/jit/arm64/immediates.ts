// Immediates: which values fit add/sub, logical and move instructions, and the shortest sequence that makes a constant.
// 64-bit values are two int32 halves.
import { enc } from './encode.ts';
import { ZR } from './registers.ts';

/** `sh:imm12` of ADD/SUB (immediate) as one 13-bit number, or -1. The value is unsigned. */
export function addSubImmediate(value: number): number {
  if (value < 0 || value > 0xfff000) return -1;
  if (value <= 0xfff) return value;
  return (value & 0xfff) === 0 ? 0x1000 | (value >> 12) : -1;
}

/**
 * `N:immr:imms` of a logical immediate, or -1 [ArmARM DecodeBitMasks]: the value repeats an element of 2, 4 ... 64 bits, and the element
 * is a rotated run of ones, neither all zeros nor all ones. A 32-bit immediate is one whose halves are equal (see `bitmask32`).
 */
export function bitmask64(lo: number, hi: number): number {
  let size = 64;
  let element = lo;
  if (lo === hi) {
    size = 32;
    while (size > 2) {
      const half = size >> 1;
      if (((element ^ (element >>> half)) & low(half)) !== 0) break;
      size = half;
      element &= low(half);
    }
  }
  let ones: number;
  let start: number; // Position of the run's lowest bit, 0 to size - 1.
  if (size === 64) {
    ones = popcount(lo) + popcount(hi);
    if ((lo & 1) === 0) {
      start = lo === 0 ? 32 + trailingZeros(hi) : trailingZeros(lo);
      const leading = hi === 0 ? 32 + Math.clz32(lo) : Math.clz32(hi);
      if (leading + ones + start !== 64) return -1;
    } else {
      const gap = ~lo === 0 ? 32 + trailingZeros(~hi) : trailingZeros(~lo);
      const leading = ~hi === 0 ? 32 + Math.clz32(~lo) : Math.clz32(~hi);
      const zeros = 64 - ones;
      if (leading + zeros + gap !== 64) return -1;
      start = (gap + zeros) & 63;
    }
  } else {
    const mask = low(size);
    element &= mask;
    if (element === 0 || element === mask) return -1;
    ones = popcount(element);
    const flipped = ~element & mask;
    if ((element & 1) === 0) {
      start = trailingZeros(element);
      if (Math.clz32(element) - (32 - size) + ones + start !== size) return -1;
    } else {
      const gap = trailingZeros(flipped);
      const zeros = size - ones;
      if (Math.clz32(flipped) - (32 - size) + zeros + gap !== size) return -1;
      start = (gap + zeros) & (size - 1);
    }
  }
  const immr = (size - start) & (size - 1);
  return ((size >> 6) << 12) | (immr << 6) | ((~(2 * size - 1) & 0x3f) | (ones - 1));
}

/** `N:immr:imms` (N is 0) of a logical immediate of the 32-bit forms, or -1. */
export function bitmask32(value: number): number {
  return bitmask64(value | 0, value | 0);
}

/** Low half of the value that a valid `N:immr:imms` stands for. */
export function bitmaskLow(bitmask: number): number {
  return bitmaskHalf(bitmask, 0);
}

export function bitmaskHigh(bitmask: number): number {
  return bitmaskHalf(bitmask, 32);
}

function bitmaskHalf(bitmask: number, from: number): number {
  const size = bitmask >> 12 !== 0 ? 64 : 1 << (31 - Math.clz32(~bitmask & 0x3f));
  const ones = (bitmask & (size - 1)) + 1;
  const rotation = (bitmask >> 6) & (size - 1);
  let value = 0;
  for (let i = 0; i < 32; i++) if (((from + i + rotation) & (size - 1)) < ones) value |= 1 << i;
  return value;
}

const scratch = new Int32Array(4);

/** Number of words of `moveImmediate`. */
export function moveImmediateLength(sf: number, lo: number, hi: number): number {
  return moveImmediate(sf, 0, lo, hi, scratch);
}

/**
 * Writes the shortest MOVZ/MOVN/MOVK or ORR sequence for a constant to `out` and returns its length, 1 to 4 words. `lo`, `hi` are int32; for
 * sf = 0 `hi` does not matter and the upper half of Rd becomes 0.
 */
export function moveImmediate(sf: number, Rd: number, lo: number, hi: number, out: Int32Array): number {
  const high = sf === 0 ? 0 : hi;
  if (high === 0) return moveLow(Rd, lo, out);
  let zeros = 0;
  let ones = 0;
  for (let i = 0; i < 4; i++) {
    const part = chunk(lo, high, i);
    if (part === 0) zeros++;
    else if (part === 0xffff) ones++;
  }
  const plain = 4 - Math.max(zeros, ones);
  if (plain <= 1) return moveWide(Rd, lo, high, zeros >= ones, out);
  const bitmask = bitmask64(lo, high);
  if (bitmask >= 0) {
    out[0] = enc.orrImm(1, Rd, ZR, bitmask);
    return 1;
  }
  if (plain > 2 && usable(lo & 0xffff) + usable(lo >>> 16) + usable(hi & 0xffff) + usable(hi >>> 16) >= 2) {
    const length = patchedBitmask(Rd, lo, high, plain, out);
    if (length > 0) return length;
  }
  return moveWide(Rd, lo, high, zeros >= ones, out);
}

function moveLow(Rd: number, lo: number, out: Int32Array): number {
  const low16 = lo & 0xffff;
  const high16 = lo >>> 16;
  if (high16 === 0) out[0] = enc.movz(0, Rd, low16, 0);
  else if (low16 === 0) out[0] = enc.movz(0, Rd, high16, 1);
  else if (high16 === 0xffff) out[0] = enc.movn(0, Rd, ~low16 & 0xffff, 0);
  else if (low16 === 0xffff) out[0] = enc.movn(0, Rd, ~high16 & 0xffff, 1);
  else {
    const bitmask = bitmask32(lo);
    if (bitmask >= 0) {
      out[0] = enc.orrImm(0, Rd, ZR, bitmask);
      return 1;
    }
    out[0] = enc.movz(0, Rd, low16, 0);
    out[1] = enc.movk(0, Rd, high16, 1);
    return 2;
  }
  return 1;
}

function moveWide(Rd: number, lo: number, hi: number, fromZeros: boolean, out: Int32Array): number {
  const background = fromZeros ? 0 : 0xffff;
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const part = chunk(lo, hi, i);
    if (part === background) continue;
    out[length] = length > 0 ? enc.movk(1, Rd, part, i) : fromZeros ? enc.movz(1, Rd, part, i) : enc.movn(1, Rd, ~part & 0xffff, i);
    length++;
  }
  if (length === 0) out[length++] = fromZeros ? enc.movz(1, Rd, 0, 0) : enc.movn(1, Rd, 0, 0);
  return length;
}

/**
 * 1 if some bitmask has this chunk: its element has 32 or 64 bits, so at most two changes from bit to bit lie within a chunk, or 16 (the same), or at most
 * 8, and the chunk's bytes are equal.
 */
function usable(part: number): number {
  return part >> 8 === (part & 0xff) || popcount((part ^ (part >> 1)) & 0x7fff) <= 2 ? 1 : 0;
}

// A bitmask that differs in one chunk (then MOVK makes two words) or in two (three words, worth it against four). What a chunk can have been in a
// bitmask: another chunk, where the element repeats, or 0 or 0xffff, where the run lies beside or across it.
function patchedBitmask(Rd: number, lo: number, hi: number, limit: number, out: Int32Array): number {
  for (let i = 0; i < 4; i++) {
    for (let candidate = 0; candidate < 6; candidate++) {
      const part = candidateChunk(lo, hi, candidate);
      const bitmask = bitmask64(withChunk(lo, part, i), withChunk(hi, part, i - 2));
      if (bitmask < 0) continue;
      out[0] = enc.orrImm(1, Rd, ZR, bitmask);
      out[1] = enc.movk(1, Rd, chunk(lo, hi, i), i);
      return 2;
    }
  }
  if (limit < 4) return 0;
  for (let i = 0; i < 3; i++) {
    for (let candidate = 0; candidate < 6; candidate++) {
      const part = candidateChunk(lo, hi, candidate);
      const firstLo = withChunk(lo, part, i);
      const firstHi = withChunk(hi, part, i - 2);
      for (let j = i + 1; j < 4; j++) {
        for (let other = 0; other < 6; other++) {
          const second = candidateChunk(lo, hi, other);
          const bitmask = bitmask64(withChunk(firstLo, second, j), withChunk(firstHi, second, j - 2));
          if (bitmask < 0) continue;
          out[0] = enc.orrImm(1, Rd, ZR, bitmask);
          out[1] = enc.movk(1, Rd, chunk(lo, hi, i), i);
          out[2] = enc.movk(1, Rd, chunk(lo, hi, j), j);
          return 3;
        }
      }
    }
  }
  return 0;
}

function candidateChunk(lo: number, hi: number, candidate: number): number {
  return candidate < 4 ? chunk(lo, hi, candidate) : candidate === 4 ? 0 : 0xffff;
}

/** Chunk 0 or 1 of `half` replaced; unchanged for any other index. */
function withChunk(half: number, part: number, index: number): number {
  return index === 0 ? (half & ~0xffff) | part : index === 1 ? (half & 0xffff) | (part << 16) : half;
}

function chunk(lo: number, hi: number, index: number): number {
  return ((index < 2 ? lo : hi) >>> ((index & 1) << 4)) & 0xffff;
}

function low(bits: number): number {
  return bits === 32 ? -1 : (1 << bits) - 1;
}

function trailingZeros(value: number): number {
  return value === 0 ? 32 : 31 - Math.clz32(value & -value);
}

function popcount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
