// Other people's tests, beside the repository. Absent on a user's machine: the test is skipped and says so; CI must have them.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Path inside the corpora folder; undefined where it is absent. Fails under CI=true. */
export function corpus(path: string): string | undefined {
  const full = join(root, '..', 'shared', 'corpora', path);
  if (existsSync(full)) return full;
  if (process.env['CI'] === 'true') throw new Error(`CI needs the corpus ${full}`);
  return undefined;
}

export const SKIP = 'the corpora (../shared/corpora) are absent';
