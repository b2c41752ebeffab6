// Imports go down the list of layers, never up or sideways [DESIGN 3]; only src/host touches koffi; nothing below it needs Node.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'src');

/** Each row may import the rows above it, and itself only within one folder. */
const layers: readonly (readonly string[])[] = [
  ['util'],
  ['isa', 'spec'],
  ['asm', 'elf', 'btf', 'classic', 'pcap', 'packet', 'lcov'],
  ['object', 'program', 'window'],
  ['interpreter', 'jit'],
  ['runtime'],
  ['index.ts', 'host', 'files'],
  ['node.ts'],
  ['cli'],
];
const levelOf = new Map(layers.flatMap((names, level) => names.map((name) => [name, level] as const)));
/** The layers that may use Node's own modules. */
const nodeOnly = new Set(['host', 'files', 'node.ts', 'cli']);

/** `jit/arm64` for files of a target, else the first part of the path. */
function roomOf(path: string): { layer: string; target: string | undefined } {
  const parts = path.split('/');
  return { layer: parts[0]!, target: parts[0] === 'jit' && parts.length > 2 ? parts[1] : undefined };
}

const files = readdirSync(src, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  return [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

test('every import goes down the list of layers', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const from = roomOf(file);
    const fromLevel = levelOf.get(from.layer);
    if (fromLevel === undefined) {
      wrong.push(`${file}: ${from.layer} is in no layer`);
      continue;
    }
    for (const name of importsOf(file)) {
      if (name.startsWith('node:')) {
        if (!nodeOnly.has(from.layer)) wrong.push(`${file} -> ${name}: needs Node`);
        continue;
      }
      if (!name.startsWith('.')) {
        if (!(name === 'koffi' && from.layer === 'host')) wrong.push(`${file} -> ${name}: a package`);
        continue;
      }
      const to = roomOf(relative(src, join(src, dirname(file), name)));
      const toLevel = levelOf.get(to.layer) ?? -1;
      if (to.layer === from.layer) {
        if (to.target !== undefined && from.target !== undefined && to.target !== from.target)
          wrong.push(`${file} -> ${name}: another target`);
      } else if (toLevel >= fromLevel) {
        wrong.push(`${file} -> ${name}: ${from.layer} may not import ${to.layer}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('a file over 800 lines says why in its header', () => {
  const wrong = files.filter((file) => {
    const lines = readFileSync(join(src, file), 'utf8').split('\n');
    return lines.length > 800 && !lines.slice(0, 12).some((line) => /^\/\/.*\blong because\b/.test(line));
  });
  assert.deepEqual(wrong, [], 'write "long because ..." in the header or split the file');
});
