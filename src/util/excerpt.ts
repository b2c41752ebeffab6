// A line of source with a mark under the column that is meant, as compilers print it.
import type { SourcePosition } from './error.ts';

/** Two lines, each ended; empty where the text of the line is not known. */
export function excerpt({ line, column, text }: SourcePosition): string {
  if (text === undefined || text.trim() === '') return '';
  const number = String(line).padStart(5);
  const shown = `${number} | ${printable(text.trimEnd())}\n`;
  if (column === 0 || column > Math.min(text.length, MAX_COLUMNS)) return shown;
  // Tabs stay tabs, so that the mark stands where the column is however wide they are.
  const before = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${shown}${' '.repeat(number.length)} | ${before}^\n`;
}

const MAX_COLUMNS = 240;

/** The text is the object's: control characters would be the terminal's. */
function printable(text: string): string {
  const cut = text.length > MAX_COLUMNS ? `${text.slice(0, MAX_COLUMNS)}...` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return cut.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, '?');
}
