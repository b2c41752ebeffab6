// Bit patterns of 32-bit instruction words in the manual's notation, and what derives from a row: match and mask, encoders, extractors.
//
// A pattern is pieces from bit 31 down to bit 0, separated by `|`:
//   `0010`            fixed bits
//   `imm12:12`        an unsigned field of 12 bits
//   `imm9:s9`         a signed field
//   `imm26:s26<<2`    a field in units of 4: its value is a multiple of 4
//   `imm12:12<<size`  in units of 2^size, size being another field; `imm7:s7<<2+sf` in units of 4 * 2^sf
//   `imm:s21[1:0]`    bits 1 to 0 of a field of 21 bits that stands in several places
// A field of one bit that stands twice has the same value in both places.
// A condition is `field=bits` or several of them, all of which hold: `sf=0 imm6=1xxxxx`. Conditions in a list are separated by commas.
import { AssertionFailure, assert } from './error.ts';

interface Piece {
  /** Position of the piece's lowest bit in the word, and in the field. */
  readonly at: number;
  readonly low: number;
  readonly width: number;
}

export interface Field {
  readonly name: string;
  readonly width: number;
  readonly signed: boolean;
  /** The value is in units of 2^(scale + value of the field `scaledBy`). */
  readonly scale: number;
  readonly scaledBy: string | undefined;
  readonly pieces: readonly Piece[];
}

/** A word fits when `(word & mask) === value`. */
export interface Condition {
  readonly mask: number;
  readonly value: number;
}

export interface Pattern {
  readonly fixed: Condition;
  readonly fields: ReadonlyMap<string, Field>;
  /** Words that fit one of these are not of this pattern. */
  readonly except: readonly Condition[];
  /** Those of them that an encoder could produce: not the two places of one bit that differ. */
  readonly reserved: readonly Condition[];
}

const fieldPiece = /^([A-Za-z]\w*):(s?)(\d+)(?:<<(?:(\d+)\+)?(?:(\d+)|([A-Za-z]\w*)))?(?:\[(\d+)(?::(\d+))?\])?$/;

/** `bits` and `except` are written by us: a mistake in them is an assertion when the module loads. */
export function parsePattern(bits: string, except = ''): Pattern {
  let at = 32;
  let mask = 0;
  let value = 0;
  const fields = new Map<string, Field>();
  const twins: Condition[] = [];
  for (const text of bits.split('|')) {
    if (/^[01]+$/.test(text)) {
      at -= text.length;
      assert(at >= 0, `pattern ${bits} covers more than 32 bits`);
      mask |= ones(text.length) << at;
      value |= Number.parseInt(text, 2) << at;
      continue;
    }
    const parts = fieldPiece.exec(text);
    assert(parts, `piece '${text}' of pattern ${bits}`);
    const [, name = '', sign, width = '', scale, plainScale, scaledBy, high, low] = parts;
    const field = {
      name,
      width: Number(width),
      signed: sign === 's',
      scale: Number(scale ?? plainScale ?? 0),
      scaledBy,
    };
    const pieceLow = high === undefined ? 0 : Number(low ?? high);
    const pieceWidth = high === undefined ? field.width : Number(high) - pieceLow + 1;
    at -= pieceWidth;
    assert(at >= 0, `pattern ${bits} covers more than 32 bits`);
    const piece: Piece = { at, low: pieceLow, width: pieceWidth };
    const known = fields.get(name);
    if (known !== undefined) {
      assert(
        known.width === field.width && known.signed === field.signed && known.scale === field.scale,
        `field ${name} of ${bits} differs`,
      );
      if (high === undefined) {
        assert(field.width === 1, `field ${name} of ${bits} stands twice with ${field.width} bits`);
        const first = known.pieces[0]!;
        const both = (1 << first.at) | (1 << at);
        twins.push({ mask: both, value: 1 << first.at }, { mask: both, value: 1 << at });
      }
    }
    fields.set(name, { ...field, pieces: [...(known?.pieces ?? []), piece] });
  }
  assert(at === 0, `pattern ${bits} covers ${32 - at} bits`);
  for (const { name, width, pieces, scaledBy } of fields.values()) {
    let covered = 0;
    for (const piece of pieces) covered |= ones(piece.width) << piece.low;
    assert(covered === ones(width), `field ${name} of ${bits} is not covered`);
    assert(scaledBy === undefined || fields.has(scaledBy), `no field ${scaledBy} in ${bits}`);
  }
  const pattern = { fixed: { mask, value }, fields, except: twins, reserved: [] };
  const reserved = parseConditions(pattern, except);
  return { ...pattern, except: [...twins, ...reserved], reserved };
}

function parseConditions(pattern: Pattern, text: string): Condition[] {
  return text === '' ? [] : text.split(/\s*,\s*/).map((one) => parseCondition(pattern, one));
}

export function parseCondition(pattern: Pattern, text: string): Condition {
  let mask = 0;
  let value = 0;
  for (const term of text.split(/\s+/)) {
    const parts = /^(\w+)=([01x]+)$/.exec(term);
    const field = pattern.fields.get(parts?.[1] ?? '');
    assert(parts && field && parts[2]!.length === field.width, `condition '${term}'`);
    const bits = parts[2]!;
    for (const { at, low, width } of field.pieces) {
      for (let i = 0; i < width; i++) {
        const bit = bits[field.width - 1 - low - i];
        if (bit === 'x') continue;
        mask |= 1 << (at + i);
        if (bit === '1') value |= 1 << (at + i);
      }
    }
  }
  return { mask, value };
}

export function fits(pattern: Pattern, word: number): boolean {
  if ((word & pattern.fixed.mask) !== pattern.fixed.value) return false;
  const except = pattern.except;
  for (let i = 0; i < except.length; i++) {
    const { mask, value } = except[i]!;
    if ((word & mask) === value) return false;
  }
  return true;
}

/** The field's value in the word, in the units in which the encoder takes it. */
export function extractor(pattern: Pattern, name: string): (word: number) => number {
  const field = pattern.fields.get(name);
  assert(field !== undefined, `no field ${name}`);
  const raw = rawExtractor(field);
  const { scale, scaledBy } = field;
  if (scaledBy !== undefined) {
    const by = extractor(pattern, scaledBy);
    return (word) => raw(word) << (scale + by(word));
  }
  return scale === 0 ? raw : (word) => raw(word) << scale;
}

function rawExtractor({ pieces, width, signed }: Field): (word: number) => number {
  const { at, width: pieceWidth } = pieces[0]!;
  if (pieceWidth === width) {
    const mask = ones(width);
    return signed ? (word) => (word << (32 - at - width)) >> (32 - width) : (word) => (word >>> at) & mask;
  }
  return (word) => {
    let value = 0;
    for (const piece of pieces) value |= ((word >>> piece.at) & ones(piece.width)) << piece.low;
    return signed ? (value << (32 - width)) >> (32 - width) : value;
  };
}

export type Encode = (...operands: readonly number[]) => number;

/**
 * An encoder whose operands are the fields `operands` in that order. An operand that does not fit its field, or a word that is excepted,
 * is an assertion. Words are int32: V8 would box an unsigned word with bit 31 set.
 */
export function encoder(name: string, pattern: Pattern, operands: readonly string[]): Encode {
  const fields = operands.map((operand) => pattern.fields.get(operand)!);
  assert(fields.every((field) => field !== undefined) && new Set(operands).size === pattern.fields.size, `operands of ${name}`);
  const split = fields.some((field) => field.pieces.some((piece) => piece.width !== field.width));
  return split ? piecewise(name, pattern, fields) : arity(name, pattern, fields);
}

/** A value v is placed as `((v & mask) << left) >>> right` if `(v + bias) & forbidden` is 0. */
interface Placement {
  readonly bias: number;
  readonly forbidden: number;
  readonly mask: number;
  readonly left: number;
  readonly right: number;
}

function placement({ width, signed, scale, scaledBy, pieces }: Field, piece = 0): Placement {
  const at = pieces[piece]?.at;
  if (at === undefined) return NONE;
  const unit = scaledBy === undefined ? scale : 0;
  const mask = ones(width) << unit;
  const shift = at - unit;
  return { bias: signed ? 2 ** (width - 1 + unit) : 0, forbidden: ~mask, mask, left: Math.max(shift, 0), right: Math.max(-shift, 0) };
}

const NEVER: Condition = { mask: 0, value: 1 };
const NONE: Placement = { bias: 0, forbidden: 0, mask: 0, left: 0, right: 0 };

function checker(name: string, { reserved }: Pattern): (word: number) => number {
  return (word) => {
    for (let i = 0; i < reserved.length; i++) {
      const { mask, value } = reserved[i]!;
      if ((word & mask) === value) throw new AssertionFailure(`${name}: word 0x${(word >>> 0).toString(16)} is reserved`);
    }
    return word;
  };
}

function refusal(name: string, fields: readonly Field[]): (...values: number[]) => never {
  return (...values) => {
    throw new AssertionFailure(`${name} cannot encode ${values.map((value, i) => `${fields[i]!.name} = ${value}`).join(', ')}`);
  };
}

/** Fields in several pieces (ADR, TBZ): slower, and rare. */
function piecewise(name: string, pattern: Pattern, fields: readonly Field[]): Encode {
  const refuse = refusal(name, fields);
  const check = checker(name, pattern);
  return (...operands) => {
    let word = pattern.fixed.value;
    for (let i = 0; i < fields.length; i++) {
      const { scale, signed, width, pieces } = fields[i]!;
      const operand = operands[i]!;
      const raw = operand >> scale;
      const bias = signed ? 2 ** (width - 1) : 0;
      if ((operand | 0) !== operand || raw << scale !== operand || ((raw + bias) & ~ones(width)) !== 0) refuse(...operands);
      for (const piece of pieces) word |= ((raw >> piece.low) & ones(piece.width)) << piece.at;
    }
    return check(word);
  };
}

// One closure per number of operands, without calls on the way: 1 to 3 ns a word where V8 inlines it, against 170 for a loop over an operand
// object. Only the first operand (sf) may stand twice, only the last be signed or in units; of four or five operands the last may be in units of
// 2^(scale + first). That all are integers is checked of their sum.
function arity(name: string, pattern: Pattern, fields: readonly Field[]): Encode {
  assert(
    fields.slice(1).every((field) => field.pieces.length === 1),
    `${name}: an operand other than the first stands twice`,
  );
  const scaled = fields.findIndex((field) => field.scaledBy !== undefined);
  const last = fields.length - 1;
  assert(scaled < 0 || (scaled === last && (last === 3 || last === 4) && fields[last]!.scaledBy === fields[0]!.name), `${name}: its scale`);
  const unit = scaled >= 0 ? fields[last]!.scale : 0;
  const byFirst = scaled >= 0 ? -1 : 0;
  const fixed = pattern.fixed.value;
  const check = checker(name, pattern);
  const { reserved } = pattern;
  const many = reserved.length > 2;
  // Up to two reserved conditions are compared in place; no word fits "mask 0, value 1".
  const { mask: xm0, value: xv0 } = reserved[0] ?? NEVER;
  const { mask: xm1, value: xv1 } = reserved[1] ?? NEVER;
  const refuse = refusal(name, fields);
  const placements = fields.map((field) => placement(field));
  const { mask: mt, left: lt } = fields[0] === undefined ? NONE : placement(fields[0], 1);
  assert(
    placements.every(({ bias, right }, i) => i === last || (bias === 0 && right === 0)),
    `${name}: an operand other than the last is signed or in units`,
  );
  const { bias, right } = placements[last] ?? NONE;
  const [p0 = NONE, p1 = NONE, p2 = NONE, p3 = NONE, p4 = NONE, p5 = NONE] = placements;
  const { forbidden: f0, mask: m0, left: l0 } = p0;
  const { forbidden: f1, mask: m1, left: l1 } = p1;
  const { forbidden: f2, mask: m2, left: l2 } = p2;
  const { forbidden: f3, mask: m3, left: l3 } = p3;
  const { forbidden: f4, mask: m4, left: l4 } = p4;
  const { forbidden: f5, mask: m5, left: l5 } = p5;
  switch (fields.length) {
    case 0:
      return () => fixed;
    case 1:
      return (a) => {
        if ((a! | 0) !== a || ((a! + bias) & f0) !== 0) refuse(a!);
        const word = fixed | ((a! & mt) << lt) | (((a! & m0) << l0) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    case 2:
      return (a, b) => {
        const sum = a! + b!;
        if ((sum | 0) !== sum || ((a! & f0) | ((b! + bias) & f1)) !== 0) refuse(a!, b!);
        const word = fixed | ((a! & mt) << lt) | ((a! & m0) << l0) | (((b! & m1) << l1) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    case 3:
      return (a, b, c) => {
        const sum = a! + b! + c!;
        if ((sum | 0) !== sum || ((a! & f0) | (b! & f1) | ((c! + bias) & f2)) !== 0) refuse(a!, b!, c!);
        const word = fixed | ((a! & mt) << lt) | ((a! & m0) << l0) | ((b! & m1) << l1) | (((c! & m2) << l2) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    case 4:
      return (a, b, c, d) => {
        const sum = a! + b! + c! + d!;
        const scale = unit + (a! & byFirst);
        const raw = d! >> scale;
        if ((sum | 0) !== sum || raw << scale !== d || ((a! & f0) | (b! & f1) | (c! & f2) | ((raw + bias) & f3)) !== 0)
          refuse(a!, b!, c!, d!);
        const word = fixed | ((a! & mt) << lt) | ((a! & m0) << l0) | ((b! & m1) << l1) | ((c! & m2) << l2) | (((raw & m3) << l3) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    case 5:
      return (a, b, c, d, e) => {
        const sum = a! + b! + c! + d! + e!;
        const scale = unit + (a! & byFirst);
        const raw = e! >> scale;
        if ((sum | 0) !== sum || raw << scale !== e || ((a! & f0) | (b! & f1) | (c! & f2) | (d! & f3) | ((raw + bias) & f4)) !== 0)
          refuse(a!, b!, c!, d!, e!);
        const word =
          fixed |
          ((a! & mt) << lt) |
          ((a! & m0) << l0) |
          ((b! & m1) << l1) |
          ((c! & m2) << l2) |
          ((d! & m3) << l3) |
          (((raw & m4) << l4) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    case 6:
      return (a, b, c, d, e, f) => {
        const sum = a! + b! + c! + d! + e! + f!;
        if ((sum | 0) !== sum || ((a! & f0) | (b! & f1) | (c! & f2) | (d! & f3) | (e! & f4) | ((f! + bias) & f5)) !== 0)
          refuse(a!, b!, c!, d!, e!, f!);
        const word =
          fixed |
          ((a! & m0) << l0) |
          ((b! & m1) << l1) |
          ((c! & m2) << l2) |
          ((d! & m3) << l3) |
          ((e! & m4) << l4) |
          (((f! & m5) << l5) >>> right);
        return many || (word & xm0) === xv0 || (word & xm1) === xv1 ? check(word) : word;
      };
    default:
      throw new AssertionFailure(`${name}: ${fields.length} operands`);
  }
}

function ones(width: number): number {
  return width === 32 ? -1 : (1 << width) - 1;
}
