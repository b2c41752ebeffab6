// Many command lines in one process: starting one for each would take half a minute.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Ran } from './batch.ts';

export type { Ran };

const batch = fileURLToPath(new URL('./batch.js', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Each list is what stands behind `bpfjit`; the working directory is the checkout. */
export function runAll(cases: readonly (readonly string[])[]): readonly Ran[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [batch], {
    ...{ input: JSON.stringify(cases), encoding: 'utf8', maxBuffer: 2 ** 26, cwd: root },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Ran[];
}
