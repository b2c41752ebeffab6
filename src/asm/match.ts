// One line of tokens against the templates: which instruction it is and what its operands are, or what was expected where.
import type { Encoding } from '../isa/opcodes.ts';
import { unreachable } from '../util/error.ts';
import { ACCEPTED, type Operand, type Template } from './syntax.ts';
import type { Token } from './tokens.ts';

export interface Match {
  readonly encoding: Encoding;
  readonly fields: Readonly<Fields>;
}

/** Operands as written. */
export interface Fields {
  dst: number | undefined;
  src: number | undefined;
  offset: number;
  imm: number;
  hi: number;
  /** A map by its name: its index goes to imm. */
  map: string | undefined;
  target: Target | undefined;
}

/** A label, a distance, or digits alone: a label of that name or else a distance. */
export interface Target {
  readonly token: Token;
  readonly label: string | undefined;
  readonly distance: number | undefined;
}

export interface Mismatch {
  readonly code: 'asm/unknown-instruction' | 'asm/syntax' | 'asm/out-of-range';
  readonly column: number;
  readonly message: string;
}

const LAST_REGISTER = 10;
/** Alternatives that a message lists. */
const MAX_LISTED = 6;

/** Tries the templates that start as the line does. */
export function matchLine(tokens: readonly Token[]): Match | Mismatch {
  const matcher = new LineMatcher(tokens);
  for (const template of TEMPLATES_BY_START.get(startOf(tokens[0]!.text)) ?? []) {
    if (matcher.matches(template)) return { encoding: template.encoding, fields: matcher.fields };
  }
  return matcher.mismatch();
}

/** Templates by how the line starts: `r` or `w` for registers, else the first word or mark. */
const TEMPLATES_BY_START: ReadonlyMap<string, readonly Template[]> = groupByStart(ACCEPTED);

function groupByStart(templates: readonly Template[]): ReadonlyMap<string, readonly Template[]> {
  const groups = new Map<string, Template[]>();
  for (const template of templates) {
    const first = template.parts[0]!;
    const start = 'operand' in first ? first.operand.slice(0, 1) : startOf(first.tokens[0]!.text);
    const group = groups.get(start) ?? [];
    group.push(template);
    groups.set(start, group);
  }
  return groups;
}

function startOf(text: string): string {
  return tryRegister(text)?.letter ?? text;
}

function tryRegister(text: string): { readonly letter: string; readonly number: number } | undefined {
  const match = /^([rw])(0|[1-9]\d?)$/i.exec(text);
  return match === null ? undefined : { letter: match[1]!.toLowerCase(), number: Number(match[2]) };
}

/** Guards the place in the line and remembers the furthest place where a template failed, with what it wanted there. */
class LineMatcher {
  readonly #tokens: readonly Token[];
  #next = 0;
  fields: Fields = noFields();
  #furthest = 0;
  readonly #expected = new Set<string>();
  #outOfRange: { readonly column: number; readonly message: string } | undefined;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  matches({ parts }: Template): boolean {
    this.#next = 0;
    this.fields = noFields();
    for (const part of parts) {
      if ('operand' in part) {
        if (!this.#operand(part.operand)) return false;
      } else {
        for (const { text } of part.tokens) {
          if (!this.#take(text)) return false;
        }
      }
    }
    return this.#next === this.#tokens.length || this.#fail('the end of the line');
  }

  mismatch(): Mismatch {
    if (this.#outOfRange !== undefined) return { code: 'asm/out-of-range', ...this.#outOfRange };
    const token = this.#tokens[this.#furthest];
    const found = token === undefined ? 'the line ends' : `found '${token.text}'`;
    const column = token?.column ?? this.#tokens.at(-1)!.end;
    if (this.#furthest === 0) {
      return { code: 'asm/unknown-instruction', column, message: `no instruction starts with '${token?.text}'` };
    }
    const wanted = [...this.#expected];
    const listed = wanted.slice(0, MAX_LISTED).join(' or ') + (wanted.length > MAX_LISTED ? ' ...' : '');
    return { code: 'asm/syntax', column, message: `expected ${listed}, ${found}` };
  }

  #fail(expected: string): false {
    if (this.#next > this.#furthest) {
      this.#furthest = this.#next;
      this.#expected.clear();
    }
    if (this.#next === this.#furthest) this.#expected.add(expected);
    return false;
  }

  #refuseRange(token: Token, message: string): false {
    this.#outOfRange ??= { column: token.column, message };
    return false;
  }

  #is(text: string): boolean {
    return this.#tokens[this.#next]?.text === text;
  }

  #take(text: string): boolean {
    if (this.#tokens[this.#next]?.text.toLowerCase() !== text) return this.#fail(`'${text}'`);
    this.#next++;
    return true;
  }

  #operand(operand: Operand): boolean {
    const { fields } = this;
    switch (operand) {
      case 'rd':
      case 'wd':
      case 'rs':
      case 'ws':
        return this.#register(operand[0]!, operand[1] === 'd' ? 'dst' : 'src');
      case 'imm': {
        const imm = this.#number('a number', -0x80000000, 0x7fffffff, 0xffffffff);
        fields.imm = imm | 0;
        return !Number.isNaN(imm);
      }
      case 'imm64':
        return this.#imm64();
      case 'disp':
      case 'offset': {
        if (!this.#is('+') && !this.#is('-')) {
          fields.offset = 0;
          return this.#is(')') || this.#is(']') || this.#is(',') || this.#fail('+ or -');
        }
        // The conformance suite writes negative offsets also as 16-bit hex.
        const offset = this.#number('a number', -0x8000, 0x7fff, operand === 'offset' ? 0xffff : 0x7fff);
        fields.offset = (offset << 16) >> 16;
        return !Number.isNaN(offset);
      }
      case 'skb': {
        if (!this.#is('+') && !this.#is('-')) return true;
        const imm = this.#number('a number', -0x80000000, 0x7fffffff, 0x7fffffff);
        fields.imm = imm | 0;
        return !Number.isNaN(imm);
      }
      case 'index': {
        const token = this.#tokens[this.#next];
        if (token?.kind !== 'word') return this.#unsigned('imm', 'a map');
        fields.map = token.text;
        this.#next++;
        return true;
      }
      case 'id':
        return this.#unsigned('imm', 'a number');
      case 'next':
        return this.#unsigned('hi', 'a number');
      case 'fd': {
        if (!this.#is(':')) return true;
        this.#next++;
        const fd = this.#number('a number', -0x8000, 0x7fff, 0x7fff);
        fields.hi = fd | 0;
        return !Number.isNaN(fd);
      }
      case 'to':
      case 'from': {
        const space = this.#number('an address space', 0, 0xffff, 0xffff);
        fields.imm |= operand === 'to' ? space << 16 : space;
        return !Number.isNaN(space);
      }
      case 'target':
        return this.#target();
      case 'function':
        if (this.#is('pc') && this.#tokens[this.#next + 1]?.kind === 'mark') this.#next++;
        return this.#target();
      default:
        return unreachable(operand);
    }
  }

  #register(letter: string, field: 'dst' | 'src'): boolean {
    const token = this.#tokens[this.#next];
    const register = token === undefined ? undefined : tryRegister(token.text);
    const tied = this.fields[field];
    if (register === undefined || register.letter !== letter) return this.#fail(`register ${letter}${tied ?? ''}`);
    if (register.number > LAST_REGISTER) {
      return this.#refuseRange(token!, `there is no register ${token!.text}, the last one is ${letter}${LAST_REGISTER}`);
    }
    if (tied !== undefined && tied !== register.number) return this.#fail(`${letter}${tied}, the register on the left`);
    this.fields[field] = register.number;
    this.#next++;
    return true;
  }

  /** A signed number, hex up to `maxHex`; NaN where there is none. */
  #number(what: string, min: number, max: number, maxHex: number): number {
    const start = this.#next;
    const negative = this.#is('-');
    if (negative || this.#is('+')) this.#next++;
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'number') {
      this.#fail(what);
      return Number.NaN;
    }
    const value = negative ? -Number(token.text) : Number(token.text);
    const isHex = token.text.length > 2 && !/^\d+$/.test(token.text);
    if (value < min || value > (isHex && !negative ? maxHex : max)) {
      this.#refuseRange(this.#tokens[start]!, `${negative ? '-' : ''}${token.text} is not in ${min} to ${max}`);
      return Number.NaN;
    }
    this.#next++;
    return value;
  }

  #unsigned(field: 'imm' | 'hi', what: string): boolean {
    const value = this.#number(what, 0, 0xffffffff, 0xffffffff);
    this.fields[field] = value | 0;
    return !Number.isNaN(value);
  }

  #imm64(): boolean {
    const start = this.#next;
    const negative = this.#is('-');
    if (negative || this.#is('+')) this.#next++;
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'number') return this.#fail('a number');
    const value = negative ? -BigInt(token.text) : BigInt(token.text);
    if (value < -(1n << 63n) || value >= 1n << 64n) {
      return this.#refuseRange(this.#tokens[start]!, `${negative ? '-' : ''}${token.text} does not fit 64 bits`);
    }
    this.fields.imm = Number(BigInt.asIntN(32, value));
    this.fields.hi = Number(BigInt.asIntN(32, value >> 32n));
    this.#next++;
    return true;
  }

  #target(): boolean {
    const token = this.#tokens[this.#next];
    if (token === undefined) return this.#fail('a label or a distance');
    if (token.kind === 'word' && tryRegister(token.text) !== undefined) return this.#fail('a label or a distance');
    if (token.kind === 'word') {
      this.fields.target = { token, label: token.text, distance: undefined };
      this.#next++;
      return true;
    }
    const label = token.kind === 'number' ? token.text : undefined;
    const distance = this.#number('a label or a distance', -0x80000000, 0x7fffffff, 0x7fffffff);
    this.fields.target = { token, label, distance };
    if (Number.isNaN(distance)) return false;
    // What llvm-objdump adds: `goto +3 <name+0x20>`.
    if (this.#is('<') && this.#tokens.at(-1)!.text === '>') this.#next = this.#tokens.length;
    return true;
  }
}

function noFields(): Fields {
  return { dst: undefined, src: undefined, offset: 0, imm: 0, hi: 0, map: undefined, target: undefined };
}
