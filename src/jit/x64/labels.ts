// The sites of x86-64 code: what jumps, calls and symbol values become once their distance is known. Lowering appends them with
// the functions at the end; layout chooses the forms; image writes them.
import { AssertionFailure, assert } from '../../util/error.ts';
import type { Assembler } from '../assembler.ts';
import type { SiteEncoder } from '../target.ts';
import type { SiteKind } from '../unit.ts';
import { NOPS } from './encode.ts';

/** Numbers of the rows of `sites`. */
export const SITE = { jmp: 0, callLocal: 1, jcc: 2, lea: 3, call: 4, value: 5, padding: 6 } as const;

/** Displacements count from the end of the instruction [SDM2 JMP], which is where `bias` stands. */
function relative(name: string, refers: SiteKind['refers'], bits: 8 | 32, short: number, long: number): SiteKind {
  return { name, refers, short, long, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1, granule: 1, bias: short };
}

const sites: readonly SiteKind[] = [
  relative('jmp', 'label', 8, 2, 5),
  relative('callLocal', 'label', 32, 5, 5),
  relative('jcc', 'label', 8, 2, 6),
  relative('lea', 'label', 32, 7, 7),
  relative('call', 'call', 32, 5, 5),
  { name: 'value', refers: 'value', short: 5, long: 5, min: 0, max: 0, granule: 1, bias: 0 },
  { name: 'padding', refers: 'padding', short: 0, long: 0, min: 0, max: 0, granule: 1, bias: 0 },
];

/** Of indirect calls and veneers: neither R10 nor R11 holds anything across a call [SysV-x64 3.2.3]. */
const SCRATCH = 11;

function write32(out: Uint8Array, at: number, value: number): void {
  out[at] = value;
  out[at + 1] = value >>> 8;
  out[at + 2] = value >>> 16;
  out[at + 3] = value >>> 24;
}

/** Bytes of the shortest MOV of a 64-bit value: imm32 zero-extended, imm32 sign-extended, imm64 [SDM2 MOV]. */
function moveLength(reg: number, hi: number, lo: number): number {
  if (hi === 0) return reg < 8 ? 5 : 6;
  return hi === lo >> 31 ? 7 : 10;
}

function move(reg: number, hi: number, lo: number, out: Uint8Array, at: number): number {
  const extended = reg >> 3;
  let p = at;
  if (hi === 0) {
    if (extended === 1) out[p++] = 0x41;
    out[p++] = 0xb8 | (reg & 7);
    write32(out, p, lo);
    return p + 4 - at;
  }
  out[p++] = 0x48 | extended;
  if (hi === lo >> 31) {
    out[p++] = 0xc7;
    out[p++] = 0xc0 | (reg & 7);
    write32(out, p, lo);
    return p + 4 - at;
  }
  out[p++] = 0xb8 | (reg & 7);
  write32(out, p, lo);
  write32(out, p + 4, hi);
  return p + 8 - at;
}

/** FF /2 (call) or FF /4 (jmp) through the scratch register. */
function throughScratch(digit: 2 | 4, out: Uint8Array, at: number): number {
  out[at] = 0x41;
  out[at + 1] = 0xff;
  out[at + 2] = 0xc0 | (digit << 3) | (SCRATCH & 7);
  return 3;
}

function write8(out: Uint8Array, at: number, displacement: number): void {
  assert(displacement >= -128 && displacement <= 127, `displacement ${displacement} does not fit rel8`);
  out[at] = displacement;
}

export const siteEncoder: SiteEncoder = {
  sites,
  alignment: 1,
  reach: 2 ** 31 - 4096,
  // INT3
  trap: Uint8Array.of(0xcc),
  indirectBranch: 3,
  indirectLength: ({ hi, lo }) => moveLength(SCRATCH, hi, lo) + 3,
  veneerLength: ({ hi, lo }) => moveLength(SCRATCH, hi, lo) + 3,
  valueLength: (operand, { hi, lo }) => moveLength(operand, hi, lo),
  emitShort(kind, operand, displacement, out, at) {
    switch (kind) {
      case SITE.jmp:
        out[at] = 0xeb;
        write8(out, at + 1, displacement - 2);
        return 2;
      case SITE.jcc:
        out[at] = 0x70 | operand;
        write8(out, at + 1, displacement - 2);
        return 2;
      case SITE.callLocal:
      case SITE.call:
        out[at] = 0xe8;
        write32(out, at + 1, displacement - 5);
        return 5;
      case SITE.lea:
        // REX.W 8D /r with RIP-relative addressing: mod 0, r/m 5.
        out[at] = 0x48 | ((operand >> 3) << 2);
        out[at + 1] = 0x8d;
        out[at + 2] = 0x05 | ((operand & 7) << 3);
        write32(out, at + 3, displacement - 7);
        return 7;
      default:
        throw new AssertionFailure(`site kind ${kind} has no short form`);
    }
  },
  emitLong(kind, operand, displacement, _pc, out, at) {
    if (kind === SITE.jmp) {
      out[at] = 0xe9;
      write32(out, at + 1, displacement - 5);
      return 5;
    }
    assert(kind === SITE.jcc, `site kind ${kind} has no long form`);
    out[at] = 0x0f;
    out[at + 1] = 0x80 | operand;
    write32(out, at + 2, displacement - 6);
    return 6;
  },
  emitIndirect({ hi, lo }, out, at) {
    const size = move(SCRATCH, hi, lo, out, at);
    return size + throughScratch(2, out, at + size);
  },
  emitVeneer({ hi, lo }, out, at) {
    const size = move(SCRATCH, hi, lo, out, at);
    return size + throughScratch(4, out, at + size);
  },
  emitValue: (operand, { hi, lo }, out, at) => move(operand, hi, lo, out, at),
  emitPadding(length, out, at) {
    for (let done = 0; done < length; ) {
      const nop = NOPS[Math.min(length - done, NOPS.length - 1)]!;
      out.set(nop, at + done);
      done += nop.length;
    }
    return length;
  },
};

export const jump = (asm: Assembler, label: number): void => asm.site(SITE.jmp, 0, label);
/** `cc`: condition code as in 70+cc. */
export const jumpCond = (asm: Assembler, cc: number, label: number): void => asm.site(SITE.jcc, cc, label);
/** Call of a place in this image. */
export const callLocal = (asm: Assembler, label: number): void => asm.site(SITE.callLocal, 0, label);
/** Address of a place in this image to `reg` (64 bits). */
export const addressOf = (asm: Assembler, reg: number, label: number): void => asm.site(SITE.lea, reg, label);
export const callSymbol = (asm: Assembler, symbol: number): void => asm.site(SITE.call, 0, symbol);
/** What follows starts at a multiple of `bytes`. */
export const align = (asm: Assembler, bytes: number): void => asm.site(SITE.padding, bytes, 0);
/** Moves a symbol's value (a window offset, a handle) to `reg`. */
export const moveSymbol = (asm: Assembler, reg: number, symbol: number): void => asm.site(SITE.value, reg, symbol);
