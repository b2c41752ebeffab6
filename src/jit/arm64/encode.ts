// One typed encoder a form, derived from the table: `enc.addImm(1, Rd, Rn, imm12, 0)` is a word. Displacements and offsets are bytes.
// Operands that do not fit, one byte past a branch's reach or a misaligned offset, are assertions.
import { type Encode, encoder } from '../../util/pattern.ts';
import { FORMS, type FormName, type ROWS } from './forms.ts';

/** Labelled tuples, so that an editor shows the operands' names. */
interface Labels {
  sf: [sf: number];
  size: [size: number];
  A: [acquire: number];
  R: [release: number];
  Rd: [Rd: number];
  Rn: [Rn: number];
  Rm: [Rm: number];
  Ra: [Ra: number];
  Rs: [Rs: number];
  Rt: [Rt: number];
  Rt2: [Rt2: number];
  shift: [shift: number];
  option: [option: number];
  S: [S: number];
  sh: [sh: number];
  hw: [hw: number];
  immr: [immr: number];
  imms: [imms: number];
  bitmask: [bitmask: number];
  bit: [bit: number];
  cond: [cond: number];
  nzcv: [nzcv: number];
  CRm: [CRm: number];
  targets: [targets: number];
  imm: [imm: number];
  imm3: [imm3: number];
  imm5: [imm5: number];
  imm6: [imm6: number];
  imm7: [offset: number];
  imm9: [offset: number];
  imm12: [imm12: number];
  imm14: [displacement: number];
  imm16: [imm16: number];
  imm19: [displacement: number];
  imm26: [displacement: number];
}

type Operands<Text extends string> = Text extends `${infer Head extends keyof Labels} ${infer Rest}`
  ? [...Labels[Head], ...Operands<Rest>]
  : Text extends keyof Labels
    ? Labels[Text]
    : [];

export type Encoders = { readonly [Name in FormName]: (...operands: Operands<(typeof ROWS)[Name][1]>) => number };

export const enc: Encoders = Object.fromEntries(
  FORMS.map(({ name, pattern, operands }): [string, Encode] => [name, encoder(name, pattern, operands)]),
) as Encoders;

/** Shift types of the shifted-register forms. */
export const LSL = 0;
export const LSR = 1;
export const ASR = 2;
/** Only logical forms. */
export const ROR = 3;

/** Values of `option` in extended-register forms and register offsets. */
export const UXTB = 0;
export const UXTH = 1;
export const UXTW = 2;
export const UXTX = 3;
export const SXTB = 4;
export const SXTH = 5;
export const SXTW = 6;
export const SXTX = 7;

/** `sf` and `size` of 32- and 64-bit operations. */
export const W = 0;
export const X = 1;
