// Names and numbers of the general-purpose registers, and memory operands packed into one small integer [SDM2 2.1.5].
import { assert } from '../../util/error.ts';

export const REG = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

export type Width = 8 | 16 | 32 | 64;

const names64 = Object.keys(REG);
const legacy = names64.slice(0, 8).map((name) => name.slice(1));

/** By width in bits and number. Bytes are the low ones: spl to dil, which need a REX prefix, never ah to bh. */
export const REGISTER_NAMES: Readonly<Record<Width, readonly string[]>> = {
  8: names64.map((name, i) => (i < 4 ? `${name[1]}l` : i < 8 ? `${legacy[i]}l` : `${name}b`)),
  16: names64.map((name, i) => legacy[i] ?? `${name}w`),
  32: names64.map((name, i) => (i < 8 ? `e${legacy[i]}` : `${name}d`)),
  64: names64,
};

// A memory operand is a pair of numbers: `mem` and a signed 32-bit displacement. mem: base in bits 0 to 4, log2 of the scale in
// bits 5 and 6, index XOR 4 in bits 8 to 11. Number 4 (rsp) cannot be an index, so 0 there is none, and a register's number
// stands for [register + displacement].

/** Bases that are not registers: the next instruction's address; none (then the displacement is an absolute address). */
export const RIP = 16;
export const NO_BASE = 17;
/** No index: as SIB.index encodes it. */
export const NO_INDEX = 4;

/** [base + index * 2^scaleLog2 + displacement] */
export function indexed(base: number, index: number, scaleLog2 = 0): number {
  assert(index >= 0 && index <= 15 && index !== NO_INDEX && scaleLog2 >= 0 && scaleLog2 <= 3 && base !== RIP, 'not an index');
  return base | (scaleLog2 << 5) | ((index ^ NO_INDEX) << 8);
}

export const baseOf = (mem: number): number => mem & 31;
export const scaleLog2Of = (mem: number): number => (mem >> 5) & 3;
export const indexOf = (mem: number): number => ((mem >> 8) & 15) ^ NO_INDEX;
