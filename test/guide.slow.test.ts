// What docs/guide.md shows is what happens: its files and commands in a new folder, but for those that need other people's tools, which CI
// runs too (`node tools/guide.mjs --full`).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('docs/guide.md', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  // The page runs tests, which this one would keep from running.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/guide.mjs')], { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
});
