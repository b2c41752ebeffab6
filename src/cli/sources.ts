// Source files that an object names, as they lie here.
import { readFileSync } from 'node:fs';
import { findSource, shownPath } from '../files/sources.ts';
import type { SourcePosition } from '../util/error.ts';

/**
 * The position with the path that the file has here, if it is found, and with its line where the object does not carry that. `near`:
 * paths beside which it is looked for, of objects.
 */
export function foundSource(source: SourcePosition, near: readonly string[]): SourcePosition {
  const path = [...near, '.'].map((object) => findSource(source.file, object)).find((found) => found !== undefined);
  if (path === undefined) return source;
  const file = shownPath(path);
  if (source.text !== undefined && source.text !== '') return { ...source, file };
  const text = readFileSync(path, 'utf8').split(/\r?\n/)[source.line - 1];
  return text === undefined ? { ...source, file } : { ...source, file, text };
}
