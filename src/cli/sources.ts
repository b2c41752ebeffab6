// Lines of source files that an object names but does not carry.
import { readFileSync } from 'node:fs';
import { findSource } from '../files/sources.ts';
import type { SourcePosition } from '../util/error.ts';

/** The text of that line; undefined where no file is found. `near`: paths of objects. */
export function lineOfSource({ file, line }: SourcePosition, near: readonly string[]): string | undefined {
  const path = ['.', ...near].map((object) => findSource(file, object)).find((found) => found !== undefined);
  if (path === undefined) return undefined;
  return readFileSync(path, 'utf8').split(/\r?\n/)[line - 1];
}
