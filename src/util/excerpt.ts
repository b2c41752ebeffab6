// A line of source with a mark under the column that is meant, as compilers print it.
import type { SourcePosition } from './error.ts';

/** Two lines, each ended; empty where the text of the line is not known. */
export function excerpt({ line, column, text }: SourcePosition): string {
  if (text === undefined || text.trim() === '') return '';
  const number = String(line).padStart(5);
  const shown = `${number} | ${text.trimEnd()}\n`;
  if (column === 0 || column > text.length) return shown;
  // Tabs stay tabs, so that the mark stands where the column is however wide they are.
  const before = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${shown}${' '.repeat(number.length)} | ${before}^\n`;
}
