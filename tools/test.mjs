// Runs the compiled tests under node:test. `node tools/test.mjs [--slow | --all | PATH-PART...] [-- NODE-OPTIONS]`: those that take no
// second or two each (`npm test`), the others (`*.slow.test.ts`), all, or the files whose path has a part.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dash = process.argv.indexOf('--');
const given = process.argv.slice(2, dash < 0 ? undefined : dash);
const parts = given.filter((one) => !one.startsWith('--'));
const isSlow = given.includes('--slow');
const takesAll = given.includes('--all') || parts.length > 0;
const options = dash < 0 ? [] : process.argv.slice(dash + 1);
const files = ['dist/test', 'dist/examples']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, String(name))))
  .filter(
    (path) =>
      path.endsWith('.test.js') &&
      (takesAll || path.endsWith('.slow.test.js') === isSlow) &&
      existsSync(join(root, relative(join(root, 'dist'), path)).replace(/js$/, 'ts')) &&
      (parts.length === 0 || parts.some((part) => relative(root, path).includes(part))),
  )
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${parts.join(' ')}`);
  process.exit(1);
}
// The runner leaves one processor free by itself, which on two is half of them.
const concurrency = `--test-concurrency=${availableParallelism()}`;
const { status } = spawnSync(process.execPath, ['--test', concurrency, ...options, ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
