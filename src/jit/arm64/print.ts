// A word as text, as LLVM prints it with its preferred aliases. Never throws: what is no form of ours is `.word 0x...`.
//
// Without an address, branch targets are displacements (`b #16`, as llvm-mc prints); with one they are addresses (`b 0x1010`, as objdump does).
import { assert } from '../../util/error.ts';
import { parseCondition } from '../../util/pattern.ts';
import type { Address } from '../target.ts';
import { decode, FIELDS } from './decode.ts';
import { FORMS, type Form } from './forms.ts';
import { bitmaskHigh, bitmaskLow } from './immediates.ts';
import { CONDITIONS, invert, wName, wNameOrSp, xName, xNameOrSp } from './registers.ts';

type Piece = (word: number, pc: Address | undefined) => string;
type Test = (word: number) => boolean;
type Read = (word: number) => number;

interface Printer {
  readonly when: Test;
  readonly pieces: readonly Piece[];
}

/** By form, made when first needed: its aliases and then its own text, which always applies. */
const printers: (readonly Printer[] | undefined)[] = FORMS.map(() => undefined);

export function print(word: number, pc?: Address): string {
  const number = decode(word);
  if (number < 0) return `.word 0x${hex32(word)}`;
  const alternatives = (printers[number] ??= makePrinters(number));
  const printer = alternatives.find(({ when }) => when(word))!;
  return printer.pieces.map((piece) => piece(word, pc)).join('');
}

function makePrinters(number: number): Printer[] {
  const form = FORMS[number]!;
  const fields = FIELDS[number]!;
  return [...form.aliases, ['', form.text] as const].map(([condition, text]) => ({
    when: makeTest(form, fields, condition),
    pieces: text.split(/[{}]/).map((part, i) => (i % 2 === 1 ? makePiece(part, fields, text) : () => part)),
  }));
}

type Fields = Readonly<Record<string, Read>>;

function field(fields: Fields, name: string): Read {
  const read = fields[name];
  assert(read !== undefined, `no field ${name}`);
  return read;
}

function makeTest(form: Form, fields: Fields, condition: string): Test {
  const terms = condition === '' ? [] : condition.split(' ');
  const tests = terms.map((term): Test => {
    const equal = /^([A-Z]\w*)=([A-Z]\w*)$/.exec(term);
    if (equal) {
      const [a, b] = [field(fields, equal[1]!), field(fields, equal[2]!)];
      return (word) => a(word) === b(word);
    }
    switch (term) {
      case 'imms<immr':
        return (word) => fields['imms']!(word) < fields['immr']!(word);
      case 'imms+1=immr':
        return (word) => fields['imms']!(word) + 1 === fields['immr']!(word);
      case 'cond<al':
        return (word) => fields['cond']!(word) < 14;
      // MOV is preferred for MOVZ, then MOVN, then ORR, where several could make the constant.
      case 'mov-by-movz':
        return (word) => fields['imm16']!(word) !== 0 || fields['hw']!(word) === 0;
      case 'mov-by-movn':
        return (word) => {
          const imm16 = fields['imm16']!(word);
          return (imm16 !== 0 || fields['hw']!(word) === 0) && !(fields['sf']!(word) === 0 && imm16 === 0xffff);
        };
      case 'no-movz-or-movn':
        return (word) => {
          const value = bitmaskValue(fields, word);
          return fields['sf']!(word) === 1 ? !wide(value, 4) && !wide(~value, 4) : !wide(value, 2) && !wide(~value, 2);
        };
      default: {
        const { mask, value } = parseCondition(form.pattern, term);
        return (word) => (word & mask) === value;
      }
    }
  });
  return (word) => tests.every((test) => test(word));
}

/** At most one of the value's chunks is not zero. */
function wide(value: bigint, chunks: number): boolean {
  let used = 0;
  for (let i = 0; i < chunks; i++) if (((value >> BigInt(16 * i)) & 0xffffn) !== 0n) used++;
  return used <= 1;
}

function bitmaskValue(fields: Fields, word: number): bigint {
  const bits = fields['bitmask']!(word);
  const low = BigInt(bitmaskLow(bits) >>> 0);
  return fields['sf']!(word) === 0 ? low : (BigInt(bitmaskHigh(bits) >>> 0) << 32n) | low;
}

function registerPiece(letter: string, name: string, sp: boolean, byOption: boolean, fields: Fields): Piece {
  const read = field(fields, name);
  const { sf, size, bit, option } = fields;
  const [x, w] = sp ? [xNameOrSp, wNameOrSp] : [xName, wName];
  const is64: Test = byOption
    ? (word) => (option!(word) & 3) === 3 && (sf === undefined || sf(word) === 1)
    : letter !== 'R'
      ? () => letter === 'X'
      : sf
        ? (word) => sf(word) === 1
        : size
          ? (word) => size(word) === 3
          : (word) => bit!(word) >= 32;
  return (word) => (is64(word) ? x : w)(read(word));
}

const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'];
const EXTENDS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'];
const BARRIERS: Readonly<Record<number, string>> = {
  1: 'oshld',
  2: 'oshst',
  3: 'osh',
  5: 'nshld',
  6: 'nshst',
  7: 'nsh',
  9: 'ishld',
  10: 'ishst',
  11: 'ish',
  13: 'ld',
  14: 'st',
  15: 'sy',
};

/** The meaning of what stands between braces in a row's text. */
function makePiece(key: string, fields: Fields, text: string): Piece {
  const register = /^([RXW])([dnmas]|t2?)(\|SP)?( by option)?$/.exec(key);
  if (register) return registerPiece(register[1]!, `R${register[2]}`, register[3] !== undefined, register[4] !== undefined, fields);
  const suffix = /^(\w+)\?(\w+)$/.exec(key);
  if (suffix) {
    const read = field(fields, suffix[1]!);
    return (word) => (read(word) === 1 ? suffix[2]! : '');
  }
  const optional = /^, #(\w+)$/.exec(key);
  if (optional) {
    const read = field(fields, optional[1]!);
    return (word) => (read(word) === 0 ? '' : `, #${read(word)}`);
  }
  const label = /^(label|page) (\w+)$/.exec(key);
  if (label) {
    const read = field(fields, label[2]!);
    return (word, pc) => target(read(word), label[1] === 'page', pc);
  }
  const { sf, size, option, shift, imm3, imm6, immr, imms, imm16, hw, cond, Rd, Rn, S } = fields;
  const bits = (word: number): number => (sf!(word) === 1 ? 64 : 32);
  switch (key) {
    case '#bitmask':
      return (word) => `#0x${bitmaskValue(fields, word).toString(16)}`;
    case '#mov bitmask':
      return (word) => `#${BigInt.asIntN(bits(word), bitmaskValue(fields, word))}`;
    case '#mov movz':
      return (word) => `#${BigInt.asIntN(bits(word), BigInt(imm16!(word)) << BigInt(16 * hw!(word)))}`;
    case '#mov movn':
      return (word) => `#${BigInt.asIntN(bits(word), ~(BigInt(imm16!(word)) << BigInt(16 * hw!(word))))}`;
    case '#0ximm16':
      return (word) => (imm16!(word) === 0 ? '#0' : `#0x${imm16!(word).toString(16)}`);
    case '#-immr':
      return (word) => `#${(bits(word) - immr!(word)) % bits(word)}`;
    case '#imms+1':
      return (word) => `#${imms!(word) + 1}`;
    case '#imms-immr+1':
      return (word) => `#${imms!(word) - immr!(word) + 1}`;
    case ', lsl #12':
      return (word) => (fields['sh']!(word) === 1 ? ', lsl #12' : '');
    case ', lsl hw':
      return (word) => (hw!(word) === 0 ? '' : `, lsl #${16 * hw!(word)}`);
    case ', shift #imm6':
      return (word) => (shift!(word) === 0 && imm6!(word) === 0 ? '' : `, ${SHIFTS[shift!(word)]} #${imm6!(word)}`);
    case ', extend #imm3': {
      // Where SP is an operand, the extension that changes nothing is LSL, and left out if it shifts by 0.
      const spDestination = /^\w+ \{Rd\|SP\}/.test(text);
      return (word) => {
        const amount = imm3!(word);
        const sp = Rn!(word) === 31 || (spDestination && Rd!(word) === 31);
        if (sp && option!(word) === (sf!(word) === 1 ? 3 : 2)) return amount === 0 ? '' : `, lsl #${amount}`;
        return `, ${EXTENDS[option!(word)]}${amount === 0 ? '' : ` #${amount}`}`;
      };
    }
    case ', extend S':
      return (word) => {
        const scaled = S!(word) === 1;
        const kind = option!(word) === 3 ? 'lsl' : EXTENDS[option!(word)]!;
        if (!scaled) return kind === 'lsl' ? '' : `, ${kind}`;
        return `, ${kind} #${size!(word)}`;
      };
    case 'cond':
      return (word) => CONDITIONS[cond!(word)]!;
    case '!cond':
      return (word) => CONDITIONS[invert(cond!(word))]!;
    case 'size':
      return (word) => ['b', 'h', '', ''][size!(word)]!;
    case 'size|w':
      return (word) => ['b', 'h', 'w', ''][size!(word)]!;
    case 'barrier':
      return (word) => BARRIERS[fields['CRm']!(word)] ?? `#${fields['CRm']!(word)}`;
    case ' #CRm':
      return (word) => (fields['CRm']!(word) === 15 ? '' : ` #${fields['CRm']!(word)}`);
    case ' Xn':
      return (word) => (Rn!(word) === 30 ? '' : ` ${xName(Rn!(word))}`);
    case ' targets':
      return (word) => ['', ' c', ' j', ' jc'][fields['targets']!(word)]!;
    default: {
      const read = field(fields, key.slice(1));
      assert(key.startsWith('#'), `no operand {${key}}`);
      return (word) => `#${read(word)}`;
    }
  }
}

function target(displacement: number, pages: boolean, pc: Address | undefined): string {
  if (pc === undefined) return `#${pages ? displacement * 4096 : displacement}`;
  const from = (BigInt(pc.hi >>> 0) << 32n) | BigInt(pc.lo >>> 0);
  const to = pages ? (from & ~0xfffn) + BigInt(displacement) * 4096n : from + BigInt(displacement);
  return `0x${BigInt.asUintN(64, to).toString(16)}`;
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
