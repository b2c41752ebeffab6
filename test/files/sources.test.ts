// Finding the sources that an object names, whatever it names.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { foundSource } from '../../src/cli/sources.ts';
import { findSource, shownPath } from '../../src/files/sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'src'));
writeFileSync(join(folder, 'src/a.c'), 'int a;\nint b;\n');
writeFileSync(join(folder, 'c.c'), 'int c;\n');
const object = join(folder, 'a.o');

test('beside the object, under the name or its last part', () => {
  assert.equal(findSource('./src/a.c', object), join(folder, 'src/a.c'));
  assert.equal(findSource(join(folder, 'src/a.c'), '/elsewhere/a.o'), join(folder, 'src/a.c'));
  assert.equal(findSource('/build/machine/c.c', object), join(folder, 'c.c'));
  assert.equal(findSource('absent.c', object), undefined);
});

test('what is no file is not found: folders, devices, names that are too long', () => {
  for (const name of ['src', '/dev/zero', 'x'.repeat(100_000), '']) assert.equal(findSource(name, object), undefined, name.slice(0, 20));
});

test('a line that the object does not carry comes from the file; one that it carries stays', () => {
  const at = { file: 'src/a.c', line: 2, column: 1 };
  assert.deepEqual(foundSource(at, [object]), { ...at, file: join(folder, 'src/a.c'), text: 'int b;' });
  assert.deepEqual(foundSource({ ...at, text: 'int old;' }, [object]), { ...at, file: join(folder, 'src/a.c'), text: 'int old;' });
  assert.deepEqual(foundSource({ ...at, line: 9 }, [object]), { ...at, line: 9, file: join(folder, 'src/a.c') });
  assert.deepEqual(foundSource({ ...at, file: 'absent.c' }, [object]), { ...at, file: 'absent.c' });
});

test('below the working directory, paths are shown from there', () => {
  assert.equal(shownPath(join(process.cwd(), 'src/a.c')), 'src/a.c');
  assert.equal(shownPath('/elsewhere/a.c'), '/elsewhere/a.c');
});
