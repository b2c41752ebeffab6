// docs/api.md is what the docstrings say, and everything that is exported has one; docs/support.md is what the tables say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

test('docs/api.md is current: npm run docs', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/api-docs.mjs'), '--check'], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0);
});

test('docs/support.md is current: npm run docs', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/support.mjs'), '--check'], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0);
});
