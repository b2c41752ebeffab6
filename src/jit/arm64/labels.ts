// The sites of arm64 code: what branches, calls and symbol values become once their distance is known. Lowering appends them with
// the functions at the end; layout chooses the forms; image writes them.
import { AssertionFailure, assert } from '../../util/error.ts';
import type { Assembler } from '../assembler.ts';
import type { SiteEncoder } from '../target.ts';
import type { SiteKind } from '../unit.ts';

/** Signed displacement field of `bits` bits, in words [ArmARM "B", "B.cond", "CBZ", "TBZ"]. */
function words(name: string, bits: number, refers: SiteKind['refers'], long: number): SiteKind {
  return { name, refers, short: 4, long, min: -(2 ** (bits + 1)), max: 2 ** (bits + 1) - 4, granule: 4, bias: 0 };
}

/** Numbers of the rows of `sites`. */
export const SITE = { b: 0, bl: 1, bCond: 2, cbz: 3, tbz: 4, adr: 5, call: 6, value: 7 } as const;

const sites: readonly SiteKind[] = [
  words('b', 26, 'label', 4),
  words('bl', 26, 'label', 4),
  words('b.cond', 19, 'label', 8),
  words('cbz', 19, 'label', 8),
  words('tbz', 14, 'label', 8),
  { name: 'adr', refers: 'label', short: 4, long: 8, min: -(2 ** 20), max: 2 ** 20 - 1, granule: 1, bias: 0 },
  words('call', 26, 'call', 4),
  { name: 'value', refers: 'value', short: 4, long: 4, min: 0, max: 0, granule: 1, bias: 0 },
];

/** Operand of `cbz`: Rt, then this bit for CBNZ, then sf. Of `tbz`: Rt, six bits of bit number, then this bit for TBNZ. */
const CBZ_NOT = 1 << 5;
const TBZ_NOT = 1 << 11;

/** Of an indirect call: any register that a call clobbers. Of a veneer: x16, which branches may clobber on their way [AAPCS64 "IP0"]. */
const CALL_SCRATCH = 10;
const VENEER_SCRATCH = 16;

/** Moves a 64-bit value: the shortest chain of one MOVZ or MOVN and MOVKs. Without `out` only counts. Returns bytes. */
function chain(Rd: number, hi: number, lo: number, out: Uint8Array | undefined, at: number): number {
  let zeros = 0;
  let ones = 0;
  for (let hw = 0; hw < 4; hw++) {
    const half = chunk(hi, lo, hw);
    if (half === 0) zeros++;
    else if (half === 0xffff) ones++;
  }
  // A 32-bit MOVN clears the upper word.
  const narrow = hi === 0 && ones > 0;
  const inverted = narrow || ones > zeros;
  const skip = inverted ? 0xffff : 0;
  const halves = narrow ? 2 : 4;
  let first = 0;
  while (first < halves && chunk(hi, lo, first) === skip) first++;
  if (first === halves) first = 0;
  let size = 0;
  for (let hw = first; hw < halves; hw++) {
    const half = chunk(hi, lo, hw);
    if (hw !== first && half === skip) continue;
    if (out !== undefined) {
      const opcode = hw !== first ? 0x72800000 : inverted ? 0x12800000 : 0x52800000;
      const imm16 = hw === first && inverted ? half ^ 0xffff : half;
      writeWord(out, at + size, opcode | (narrow ? 0 : 1 << 31) | (hw << 21) | (imm16 << 5) | Rd);
    }
    size += 4;
  }
  return size;
}

const chunk = (hi: number, lo: number, hw: number): number => ((hw < 2 ? lo : hi) >>> ((hw & 1) << 4)) & 0xffff;

function writeWord(out: Uint8Array, at: number, word: number): void {
  out[at] = word;
  out[at + 1] = word >>> 8;
  out[at + 2] = word >>> 16;
  out[at + 3] = word >>> 24;
}

/** The field of `bits` bits for a displacement that layout has found in reach. */
function field(displacement: number, bits: number): number {
  const imm = displacement >> 2;
  assert((displacement & 3) === 0 && (imm << (32 - bits)) >> (32 - bits) === imm, `displacement ${displacement} does not fit ${bits} bits`);
  return imm & (2 ** bits - 1);
}

const b = (displacement: number): number => 0x14000000 | field(displacement, 26);
const bl = (displacement: number): number => 0x94000000 | field(displacement, 26);
const bCond = (cond: number, displacement: number): number => 0x54000000 | (field(displacement, 19) << 5) | cond;
const cbz = (operand: number, displacement: number): number =>
  0x34000000 | ((operand >> 6) << 31) | (((operand >> 5) & 1) << 24) | (field(displacement, 19) << 5) | (operand & 31);
const tbz = (operand: number, displacement: number): number =>
  0x36000000 |
  ((operand >> 10) << 31) |
  (((operand >> 11) & 1) << 24) |
  (((operand >> 5) & 31) << 19) |
  (field(displacement, 14) << 5) |
  (operand & 31);
const br = (Rn: number): number => 0xd61f0000 | (Rn << 5);
const blr = (Rn: number): number => 0xd63f0000 | (Rn << 5);
const adr = (Rd: number, imm21: number): number => 0x10000000 | ((imm21 & 3) << 29) | (((imm21 >> 2) & 0x7ffff) << 5) | Rd;
const adrp = (Rd: number, pages: number): number => adr(Rd, pages) | (1 << 31);
const addImm12 = (Rd: number, imm12: number): number => 0x91000000 | (imm12 << 10) | (Rd << 5) | Rd;

function shortWord(kind: number, operand: number, displacement: number): number {
  switch (kind) {
    case SITE.b:
      return b(displacement);
    case SITE.bl:
    case SITE.call:
      return bl(displacement);
    case SITE.bCond:
      return bCond(operand, displacement);
    case SITE.cbz:
      return cbz(operand, displacement);
    case SITE.tbz:
      return tbz(operand, displacement);
    case SITE.adr:
      assert(displacement >= -(2 ** 20) && displacement < 2 ** 20, `displacement ${displacement} does not fit adr`);
      return adr(operand, displacement);
    default:
      throw new AssertionFailure(`site kind ${kind} has no short form`);
  }
}

/** The branch of that kind and operand with the opposite condition, over the B that follows it. */
function inverse(kind: number, operand: number): number {
  switch (kind) {
    case SITE.bCond:
      // Conditions that are each other's opposite differ in the lowest bit [ArmARM "Condition codes"].
      return bCond(operand ^ 1, 8);
    case SITE.cbz:
      return cbz(operand ^ CBZ_NOT, 8);
    case SITE.tbz:
      return tbz(operand ^ TBZ_NOT, 8);
    default:
      throw new AssertionFailure(`site kind ${kind} has no long form`);
  }
}

export const siteEncoder: SiteEncoder = {
  sites,
  alignment: 4,
  reach: 2 ** 27 - 4,
  // BRK #0xb9f
  trap: Uint8Array.of(0xe0, 0x73, 0x21, 0xd4),
  indirectBranch: 4,
  indirectLength: (_operand, { hi, lo }) => chain(CALL_SCRATCH, hi, lo, undefined, 0) + 4,
  veneerLength: ({ hi, lo }) => chain(VENEER_SCRATCH, hi, lo, undefined, 0) + 4,
  valueLength: (operand, { hi, lo }) => chain(operand, hi, lo, undefined, 0),
  emitShort(kind, operand, displacement, out, at) {
    writeWord(out, at, shortWord(kind, operand, displacement));
    return 4;
  },
  emitLong(kind, operand, displacement, pc, out, at) {
    if (kind === SITE.adr) {
      const fromPage = (pc & 0xfff) + displacement;
      writeWord(out, at, adrp(operand, fromPage >> 12));
      writeWord(out, at + 4, addImm12(operand, fromPage & 0xfff));
    } else {
      writeWord(out, at, inverse(kind, operand));
      writeWord(out, at + 4, b(displacement - 4));
    }
    return 8;
  },
  emitIndirect(_operand, { hi, lo }, out, at) {
    const size = chain(CALL_SCRATCH, hi, lo, out, at);
    writeWord(out, at + size, blr(CALL_SCRATCH));
    return size + 4;
  },
  emitVeneer({ hi, lo }, out, at) {
    const size = chain(VENEER_SCRATCH, hi, lo, out, at);
    writeWord(out, at + size, br(VENEER_SCRATCH));
    return size + 4;
  },
  emitValue: (operand, { hi, lo }, out, at) => chain(operand, hi, lo, out, at),
};

/** `sf` 1: 64-bit register; `bit` 0 to 63; `cond` as in B.cond, never AL: it has no opposite. */
export const branch = (asm: Assembler, label: number): void => asm.site(SITE.b, 0, label);
export const branchLink = (asm: Assembler, label: number): void => asm.site(SITE.bl, 0, label);
export function branchCond(asm: Assembler, cond: number, label: number): void {
  assert(cond >= 0 && cond < 14, `condition ${cond}`);
  asm.site(SITE.bCond, cond, label);
}
export const compareZero = (asm: Assembler, sf: number, Rt: number, label: number): void => asm.site(SITE.cbz, Rt | (sf << 6), label);
export const compareNotZero = (asm: Assembler, sf: number, Rt: number, label: number): void =>
  asm.site(SITE.cbz, Rt | CBZ_NOT | (sf << 6), label);
export const testZero = (asm: Assembler, Rt: number, bit: number, label: number): void => asm.site(SITE.tbz, Rt | (bit << 5), label);
export const testNotZero = (asm: Assembler, Rt: number, bit: number, label: number): void =>
  asm.site(SITE.tbz, Rt | (bit << 5) | TBZ_NOT, label);
export const addressOf = (asm: Assembler, Rd: number, label: number): void => asm.site(SITE.adr, Rd, label);
export const callSymbol = (asm: Assembler, symbol: number): void => asm.site(SITE.call, 0, symbol);
/** Moves a symbol's value (a window offset, a handle) to Rd. */
export const moveSymbol = (asm: Assembler, Rd: number, symbol: number): void => asm.site(SITE.value, Rd, symbol);
