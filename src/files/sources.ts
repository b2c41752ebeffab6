// Finding the source files that an object names.
import { statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';

/**
 * Where `file`, as the compiler named it, lies: under that name, from the folder of the object at `object` or from the working
 * directory, or in one of these two itself; absolute. Undefined: nowhere there.
 */
export function findSource(file: string, object: string): string | undefined {
  const folders = [dirname(object), '.'];
  const places = isAbsolute(file) ? [file] : folders.map((folder) => join(folder, file));
  return [...places, ...folders.map((folder) => join(folder, basename(file)))].map((path) => resolve(path)).find(isFile);
}

/** The name comes from an object: it may say /dev/zero, or be too long for a name. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

/** As reports name a file: from the working directory where it lies below. */
export function shownPath(path: string): string {
  const from = relative('.', path);
  return from.startsWith('..') || isAbsolute(from) ? path : from;
}
