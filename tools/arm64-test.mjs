// Runs compiled tests in an arm64 Node under qemu-user, file by file: `node tools/arm64-test.mjs [PATH-PART]...`. The test runner
// itself cannot be used there, since it starts process.execPath.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const parts = process.argv.slice(2);
const files = readdirSync(join(root, 'dist/test'), { recursive: true })
  .map((name) => join(root, 'dist/test', String(name)))
  .filter((path) => path.endsWith('.test.js') && (parts.length === 0 || parts.some((part) => relative(root, path).includes(part))))
  .sort();
let failed = files.length === 0;
for (const file of files) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'tools/arm64-node.mjs'), file], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1] ?? 0);
  const ok = status === 0 && count('fail') === 0 && count('pass') + count('skipped') > 0;
  console.log(
    `${ok ? 'ok' : 'FAILED'} ${relative(root, file)}: ${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped`,
  );
  if (ok) continue;
  failed = true;
  console.log(stdout, stderr);
}
process.exit(failed ? 1 : 0);
