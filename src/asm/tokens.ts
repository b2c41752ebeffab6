// One line of assembly text to tokens. Comments start at `#`, `;` or `//`.
import { BpfError, type Position } from '../util/error.ts';

export interface Token {
  readonly kind: 'word' | 'number' | 'mark';
  /** As written, but registers without their `%`. */
  readonly text: string;
  /** Columns of the first character and of the one after the last, from 1. */
  readonly column: number;
  readonly end: number;
}

/** More digits than any field has: refused before they are turned into a number. */
const MAX_NUMBER_LENGTH = 40;
const COMMENT = /#|;|\/\//;
const TOKEN = /\s*(?:%?([A-Za-z_.$@][\w.$@]*)|(\d\w*)|(>>=|<<=|[-+*/%&|^=!<>]=|[-+*/%&|^=<>()[\],:]))/y;
const NUMBER = /^(?:0[xX][0-9a-fA-F]+|\d+)$/;

export function tokenize(line: string, at: (column: number) => Position): readonly Token[] {
  const comment = COMMENT.exec(line);
  const text = (comment === null ? line : line.slice(0, comment.index)).trimEnd();
  const tokens: Token[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      const skipped = text.slice(start).length - text.slice(start).trimStart().length;
      const found = String.fromCodePoint(text.codePointAt(start + skipped)!);
      throw new BpfError('asm/bad-character', at(start + skipped + 1), `${JSON.stringify(found)} has no meaning here`);
    }
    const [, word, number, mark] = match;
    const end = TOKEN.lastIndex + 1;
    const token = word ?? number ?? mark ?? '';
    const column = end - token.length - (text[end - token.length - 2] === '%' && word !== undefined ? 1 : 0);
    if (number !== undefined && (!NUMBER.test(number) || number.length > MAX_NUMBER_LENGTH)) {
      throw new BpfError('asm/bad-number', at(column), `${JSON.stringify(number.slice(0, MAX_NUMBER_LENGTH))} is not a number`);
    }
    tokens.push({ kind: word !== undefined ? 'word' : number !== undefined ? 'number' : 'mark', text: token, column, end });
  }
  return tokens;
}
