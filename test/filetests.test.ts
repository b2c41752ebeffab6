// Every file under test/filetests; BLESS=1 rewrites their expectations.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blessFiletest, checkFiletest, parseFiletest } from './support/filetest.ts';

const root = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'test', 'filetests');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.bpft'))
  .sort();

test('there are filetests', () => {
  assert.ok(files.length > 0, root);
});

for (const file of files) {
  const path = join(root, file);
  test(relative(root, path), () => {
    const text = readFileSync(path, 'utf8');
    const filetest = parseFiletest(text, file);
    if (process.env['BLESS'] === '1') {
      const blessed = blessFiletest(text, filetest);
      if (blessed !== text) writeFileSync(path, blessed);
      return;
    }
    const wrong = checkFiletest(filetest);
    assert.equal(wrong.length, 0, wrong.join('\n'));
  });
}
