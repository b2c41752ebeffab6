// `bpfjit types` of every object in a folder, compiled in one go by `tsc --strict`: npm run declarations -- [DIR].
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from '../../src/object/load.ts';
import { printDeclarations } from '../../src/runtime/object/declarations.ts';
import { BpfError } from '../../src/util/error.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const folders =
  process.argv.length > 2
    ? process.argv.slice(2)
    : ['examples', 'test/corpus', '../shared/corpora/objects'].map((name) => join(root, name));
/** In the checkout, so that `bpfjit` is this package. */
const out = join(root, '.cache/declarations');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let written = 0;
const refused = new Map<string, number>();
for (const folder of folders) {
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    if (!/\.(o|elf)$/.test(name)) continue;
    const path = join(folder, name);
    try {
      writeFileSync(join(out, `${written}-${name.replace(/[^\w.-]/g, '_')}.ts`), printDeclarations(load(readFileSync(path), path)));
      written++;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
    }
  }
}
const options = {
  extends: '../../tsconfig.json',
  compilerOptions: { noEmit: true, skipLibCheck: false, rootDir: '../..' },
  include: ['*.ts'],
};
writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(options));
const started = performance.now();
const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', out], { encoding: 'utf8' });
process.stdout.write(stdout.split('\n').slice(0, 40).join('\n'));
const codes = [...refused].map(([code, n]) => `${n} ${code}`).join(', ');
process.stdout.write(
  `${written} modules, ${status === 0 ? 'all compile' : 'not all compile'} (${((performance.now() - started) / 1000).toFixed(1)} s)${codes === '' ? '' : `; no objects to load: ${codes}`}\n`,
);
if (status === 0) rmSync(out, { recursive: true });
process.exitCode = status === 0 && written > 0 ? 0 : 1;
