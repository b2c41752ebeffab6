// The sites of arm64 code: what branches, calls and symbol values become once their distance is known. Lowering appends them with
// the functions at the end; layout chooses the forms; image writes them.
import { AssertionFailure, assert } from '../../util/error.ts';
import type { Assembler } from '../assembler.ts';
import type { SiteEncoder } from '../target.ts';
import type { SiteKind } from '../unit.ts';
import { enc, X } from './encode.ts';
import { FORMS, type FormName } from './forms.ts';
import { moveImmediate, moveImmediateLength } from './immediates.ts';
import { cond, IP0, invert } from './registers.ts';

/** Numbers of the rows of `sites`. */
export const SITE = { b: 0, bl: 1, bCond: 2, cbz: 3, tbz: 4, adr: 5, call: 6, value: 7 } as const;

const sites: readonly SiteKind[] = [
  row('b', 'b', 'imm26', 'label', 4),
  row('bl', 'bl', 'imm26', 'label', 4),
  row('b.cond', 'bcond', 'imm19', 'label', 8),
  row('cbz', 'cbz', 'imm19', 'label', 8),
  row('tbz', 'tbz', 'imm14', 'label', 8),
  row('adr', 'adr', 'imm', 'label', 8),
  row('call', 'bl', 'imm26', 'call', 4),
  { name: 'value', refers: 'value', short: 4, long: 4, min: 0, max: 0, granule: 1, bias: 0 },
];

/** Reaches as far as the form's displacement field does, from the instruction itself. */
function row(name: string, form: FormName, field: string, refers: SiteKind['refers'], long: number): SiteKind {
  const { width, scale } = FORMS.find((one) => one.name === form)!.pattern.fields.get(field)!;
  const half = 2 ** (width - 1);
  const granule = 2 ** scale;
  return { name, refers, short: 4, long, min: -half * granule, max: (half - 1) * granule, granule, bias: 0 };
}

/** Operand of `cbz`: Rt, then this bit for CBNZ, then sf. Of `tbz`: Rt, six bits of bit number, then this bit for TBNZ. */
const CBZ_NOT = 1 << 5;
const TBZ_NOT = 1 << 11;

/** A register that every call clobbers. */
const CALL_SCRATCH = 10;

function writeWord(out: Uint8Array, at: number, word: number): number {
  out[at] = word;
  out[at + 1] = word >>> 8;
  out[at + 2] = word >>> 16;
  out[at + 3] = word >>> 24;
  return 4;
}

const words = new Int32Array(4);

/** Rd = value, in as few words as can be. */
function writeMove(Rd: number, lo: number, hi: number, out: Uint8Array, at: number): number {
  const length = moveImmediate(X, Rd, lo, hi, words);
  for (let i = 0; i < length; i++) writeWord(out, at + 4 * i, words[i]!);
  return 4 * length;
}

const cbz = (operand: number, displacement: number): number =>
  (operand & CBZ_NOT) === 0 ? enc.cbz(operand >> 6, operand & 31, displacement) : enc.cbnz(operand >> 6, operand & 31, displacement);
const tbz = (operand: number, displacement: number): number =>
  (operand & TBZ_NOT) === 0
    ? enc.tbz(operand & 31, (operand >> 5) & 63, displacement)
    : enc.tbnz(operand & 31, (operand >> 5) & 63, displacement);

function shortWord(kind: number, operand: number, displacement: number): number {
  switch (kind) {
    case SITE.b:
      return enc.b(displacement);
    case SITE.bl:
    case SITE.call:
      return enc.bl(displacement);
    case SITE.bCond:
      return enc.bcond(operand, displacement);
    case SITE.cbz:
      return cbz(operand, displacement);
    case SITE.tbz:
      return tbz(operand, displacement);
    case SITE.adr:
      return enc.adr(operand, displacement);
    default:
      throw new AssertionFailure(`site kind ${kind} has no short form`);
  }
}

/** The branch of that kind and operand with the opposite condition, over the B that follows it. */
function inverse(kind: number, operand: number): number {
  switch (kind) {
    case SITE.bCond:
      return enc.bcond(invert(operand), 8);
    case SITE.cbz:
      return cbz(operand ^ CBZ_NOT, 8);
    case SITE.tbz:
      return tbz(operand ^ TBZ_NOT, 8);
    default:
      throw new AssertionFailure(`site kind ${kind} has no long form`);
  }
}

const trap = new Uint8Array(4);
writeWord(trap, 0, enc.brk(0x100));

export const siteEncoder: SiteEncoder = {
  sites,
  alignment: 4,
  reach: sites[SITE.b]!.max,
  trap,
  indirectBranch: 4,
  indirectLength: ({ hi, lo }) => 4 * moveImmediateLength(X, lo, hi) + 4,
  veneerLength: ({ hi, lo }) => 4 * moveImmediateLength(X, lo, hi) + 4,
  valueLength: (_operand, { hi, lo }) => 4 * moveImmediateLength(X, lo, hi),
  emitShort: (kind, operand, displacement, out, at) => writeWord(out, at, shortWord(kind, operand, displacement)),
  emitLong(kind, operand, displacement, pc, out, at) {
    if (kind === SITE.adr) {
      const fromPage = (pc & 0xfff) + displacement;
      writeWord(out, at, enc.adrp(operand, fromPage >> 12));
      writeWord(out, at + 4, enc.addImm(X, operand, operand, fromPage & 0xfff, 0));
    } else {
      writeWord(out, at, inverse(kind, operand));
      writeWord(out, at + 4, enc.b(displacement - 4));
    }
    return 8;
  },
  emitIndirect({ hi, lo }, out, at) {
    const size = writeMove(CALL_SCRATCH, lo, hi, out, at);
    return size + writeWord(out, at + size, enc.blr(CALL_SCRATCH));
  },
  emitVeneer({ hi, lo }, out, at) {
    const size = writeMove(IP0, lo, hi, out, at);
    return size + writeWord(out, at + size, enc.br(IP0));
  },
  emitValue: (operand, { hi, lo }, out, at) => writeMove(operand, lo, hi, out, at),
};

/** `sf` 1: 64-bit register; `bit` 0 to 63; `condition` as in B.cond, not AL. */
export const branch = (asm: Assembler, label: number): void => asm.site(SITE.b, 0, label);
export const branchLink = (asm: Assembler, label: number): void => asm.site(SITE.bl, 0, label);
export function branchCond(asm: Assembler, condition: number, label: number): void {
  assert(condition < cond.al, `condition ${condition} has no opposite`);
  asm.site(SITE.bCond, condition, label);
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
