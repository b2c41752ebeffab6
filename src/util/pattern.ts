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
  const pattern = { fixed: { mask, value }, fields, except: twins };
  return { ...pattern, except: [...twins, ...parseConditions(pattern, except)] };
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
  const scaled = fields.findIndex((field) => field.scaledBy !== undefined);
  const split = fields.some((field) => field.pieces.some((piece) => piece.width !== field.width));
  const encode = split ? piecewise(name, pattern, fields) : arity(name, pattern, fields);
  if (scaled < 0) return encode;
  const { scale, scaledBy } = fields[scaled]!;
  assert(scaled === fields.length - 1 && scaledBy === operands[0], `${name}: the scaled operand is not last or the scale not first`);
  const misaligned = (value: number, units: number): never => {
    throw new AssertionFailure(`${name}: ${operands[scaled]} = ${value} is not a multiple of ${2 ** units}`);
  };
  const units = (by: number, value: number): number => {
    const raw = value >> (scale + by);
    if (raw << (scale + by) !== value) misaligned(value, scale + by);
    return raw;
  };
  switch (fields.length) {
    case 4:
      return (a, b, c, d) => encode(a!, b!, c!, units(a!, d!));
    case 5:
      return (a, b, c, d, e) => encode(a!, b!, c!, d!, units(a!, e!));
    default:
      throw new AssertionFailure(`${name}: ${fields.length} operands with a scale`);
  }
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

const NONE: Placement = { bias: 0, forbidden: 0, mask: 0, left: 0, right: 0 };

function checker(name: string, { except }: Pattern): (word: number) => number {
  const reserved = (word: number): never => {
    throw new AssertionFailure(`${name}: word 0x${(word >>> 0).toString(16)} is reserved`);
  };
  const flat = Int32Array.from(except.flatMap(({ mask, value }) => [mask, value]));
  // Most forms have at most two exceptions: no loop for those. A missing second one equals the first.
  const [m0 = 0, v0 = 1, m1 = m0, v1 = v0] = flat;
  if (except.length <= 2) return (word) => ((word & m0) === v0 || (word & m1) === v1 ? reserved(word) : word);
  return (word) => {
    for (let i = 0; i < flat.length; i += 2) if ((word & flat[i]!) === flat[i + 1]!) reserved(word);
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

// One closure per number of operands: 1 to 2 ns a word, against 170 for a loop over an operand object. Only the first operand (sf) may
// stand twice.
function arity(name: string, pattern: Pattern, fields: readonly Field[]): Encode {
  assert(
    fields.slice(1).every((field) => field.pieces.length === 1),
    `${name}: an operand other than the first stands twice`,
  );
  const fixed = pattern.fixed.value;
  const check = pattern.except.length === 0 ? undefined : checker(name, pattern);
  const refuse = refusal(name, fields);
  const placements = fields.map((field) => placement(field));
  const { mask: mt, left: lt } = fields[0] === undefined ? NONE : placement(fields[0], 1);
  const [p0 = NONE, p1 = NONE, p2 = NONE, p3 = NONE, p4 = NONE, p5 = NONE] = placements;
  const { bias: b0, forbidden: f0, mask: m0, left: l0, right: r0 } = p0;
  const { bias: b1, forbidden: f1, mask: m1, left: l1, right: r1 } = p1;
  const { bias: b2, forbidden: f2, mask: m2, left: l2, right: r2 } = p2;
  const { bias: b3, forbidden: f3, mask: m3, left: l3, right: r3 } = p3;
  const { bias: b4, forbidden: f4, mask: m4, left: l4, right: r4 } = p4;
  const { bias: b5, forbidden: f5, mask: m5, left: l5, right: r5 } = p5;
  switch (fields.length) {
    case 0:
      return () => fixed;
    case 1:
      return (a) => {
        if ((a! | 0) !== a || ((a! + b0) & f0) !== 0) refuse(a!);
        const word = fixed | ((a! & mt) << lt) | (((a! & m0) << l0) >>> r0);
        return check === undefined ? word : check(word);
      };
    case 2:
      return (a, b) => {
        if ((a! | 0) !== a || (b! | 0) !== b || (((a! + b0) & f0) | ((b! + b1) & f1)) !== 0) refuse(a!, b!);
        const word = fixed | ((a! & mt) << lt) | (((a! & m0) << l0) >>> r0) | (((b! & m1) << l1) >>> r1);
        return check === undefined ? word : check(word);
      };
    case 3:
      return (a, b, c) => {
        if ((a! | 0) !== a || (b! | 0) !== b || (c! | 0) !== c || (((a! + b0) & f0) | ((b! + b1) & f1) | ((c! + b2) & f2)) !== 0)
          refuse(a!, b!, c!);
        const word = fixed | ((a! & mt) << lt) | (((a! & m0) << l0) >>> r0) | (((b! & m1) << l1) >>> r1) | (((c! & m2) << l2) >>> r2);
        return check === undefined ? word : check(word);
      };
    case 4:
      return (a, b, c, d) => {
        if (
          (a! | 0) !== a ||
          (b! | 0) !== b ||
          (c! | 0) !== c ||
          (d! | 0) !== d ||
          (((a! + b0) & f0) | ((b! + b1) & f1) | ((c! + b2) & f2) | ((d! + b3) & f3)) !== 0
        )
          refuse(a!, b!, c!, d!);
        const word =
          fixed |
          ((a! & mt) << lt) |
          (((a! & m0) << l0) >>> r0) |
          (((b! & m1) << l1) >>> r1) |
          (((c! & m2) << l2) >>> r2) |
          (((d! & m3) << l3) >>> r3);
        return check === undefined ? word : check(word);
      };
    case 5:
      return (a, b, c, d, e) => {
        if (
          (a! | 0) !== a ||
          (b! | 0) !== b ||
          (c! | 0) !== c ||
          (d! | 0) !== d ||
          (e! | 0) !== e ||
          (((a! + b0) & f0) | ((b! + b1) & f1) | ((c! + b2) & f2) | ((d! + b3) & f3) | ((e! + b4) & f4)) !== 0
        )
          refuse(a!, b!, c!, d!, e!);
        const word =
          fixed |
          ((a! & mt) << lt) |
          (((a! & m0) << l0) >>> r0) |
          (((b! & m1) << l1) >>> r1) |
          (((c! & m2) << l2) >>> r2) |
          (((d! & m3) << l3) >>> r3) |
          (((e! & m4) << l4) >>> r4);
        return check === undefined ? word : check(word);
      };
    case 6:
      return (a, b, c, d, e, f) => {
        if (
          (a! | 0) !== a ||
          (b! | 0) !== b ||
          (c! | 0) !== c ||
          (d! | 0) !== d ||
          (e! | 0) !== e ||
          (f! | 0) !== f ||
          (((a! + b0) & f0) | ((b! + b1) & f1) | ((c! + b2) & f2) | ((d! + b3) & f3) | ((e! + b4) & f4) | ((f! + b5) & f5)) !== 0
        )
          refuse(a!, b!, c!, d!, e!, f!);
        const word =
          fixed |
          ((a! & mt) << lt) |
          (((a! & m0) << l0) >>> r0) |
          (((b! & m1) << l1) >>> r1) |
          (((c! & m2) << l2) >>> r2) |
          (((d! & m3) << l3) >>> r3) |
          (((e! & m4) << l4) >>> r4) |
          (((f! & m5) << l5) >>> r5);
        return check === undefined ? word : check(word);
      };
    default:
      throw new AssertionFailure(`${name}: ${fields.length} operands`);
  }
}

function ones(width: number): number {
  return width === 32 ? -1 : (1 << width) - 1;
}
