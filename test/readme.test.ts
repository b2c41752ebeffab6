// What the README and the docs show is what happens: `$ bpfjit ...` blocks are run and compared line by line (a line `...` skips any
// number of lines), ```ts blocks with a comment `// runs` are executed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAll } from './cli/run-all.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1]!,
    text: match[2]!,
  }));
}

const blocks = pages.flatMap(blocksOf);

/** Where maps lie in the window is not what a page is about. */
const comparable = (line: string): string => line.trimEnd().replace(/\(0x8[0-9a-f]{4}\)/g, '(a place in the window)');

const commands = blocks.filter(({ text }) => text.startsWith('$ bpfjit '));
const ran = runAll(
  commands.map(({ text }) =>
    text
      .slice('$ bpfjit '.length, text.indexOf('\n'))
      .replace(/ 2>&1$/, '')
      .match(/'[^']*'|\S+/g)!
      .map((word) => word.replace(/^'|'$/g, '')),
  ),
);

for (const [i, { page, line, text }] of commands.entries()) {
  const [command, ...shown] = text.trimEnd().split('\n');
  test(`${page}:${line}: ${command}`, () => {
    const { stdout, stderr } = ran[i]!;
    const printed = (command!.endsWith(' 2>&1') ? stdout + stderr : stdout).split('\n').map(comparable);
    let at = 0;
    let skipping = false;
    for (const expected of shown.map(comparable)) {
      if (expected === '...') {
        skipping = true;
        continue;
      }
      const found = skipping ? printed.indexOf(expected, at) : printed[at] === expected ? at : -1;
      assert.ok(found >= 0, `"${expected}" is not what is printed there; printed from there on:\n${printed.slice(at, at + 12).join('\n')}`);
      at = found + 1;
      skipping = false;
    }
  });
}

for (const { page, line, text } of blocks.filter(({ text }) => text.startsWith('// runs'))) {
  test(`${page}:${line}: the example runs`, () => {
    // Inside the checkout, so that the package finds itself by name.
    const folder = mkdtempSync(join(root, 'dist', 'example-'));
    try {
      writeFileSync(join(folder, 'example.mjs'), text);
      const { status, stderr } = spawnSync(process.execPath, [join(folder, 'example.mjs')], { cwd: root, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('the README has such blocks', () => {
  assert.ok(blocks.some(({ page, text }) => page === 'README.md' && text.startsWith('$ bpfjit run')));
  assert.ok(blocks.some(({ page, text }) => page === 'README.md' && text.startsWith('// runs')));
});
