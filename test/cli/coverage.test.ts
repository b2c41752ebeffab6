// Coverage through the command line and through the environment: files, their sums, the table. As processes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseLcov } from '../../src/lcov/lcov.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const main = join(root, 'dist/src/cli/main.js');
const object = join(root, 'test/corpus/stops.o');
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
after(() => rmSync(folder, { recursive: true }));

const spawned = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } });
const packet = '03'.repeat(64);

test('--coverage adds to the file, also where the program stops; bpfjit coverage shows the table', () => {
  const path = join(folder, 'one.info');
  const ran = spawned([main, 'run', object, '--program', 'branches', '--packet', packet, '--coverage', path]);
  assert.deepEqual([ran.status, ran.stderr], [0, '']);
  const stopped = spawned([main, 'run', object, '--program', 'in_function', '--packet', packet, '--coverage', path]);
  assert.equal(stopped.status, 1);
  spawned([main, 'run', object, '--program', 'branches', '--packet', packet, '--coverage', path]);
  const file = parseLcov(readFileSync(path, 'utf8'), path).get(join(root, 'test/corpus/stops.c'))!;
  assert.deepEqual([file.functions.get('branches')?.calls, file.functions.get('count_kind')?.calls], [2, 1]);

  const table = spawned([main, 'coverage', path, path, '-o', join(folder, 'sum.info')]);
  assert.equal(table.status, 0, table.stderr);
  const lines = table.stdout.split('\n');
  assert.match(lines[0]!, /^file +lines +functions +branches +lines not run$/);
  assert.match(lines[1]!, /^test\/corpus\/stops\.c +\d+\/\d+ +\d+\.\d% +\d\/\d +\d+\.\d% +\d+\/\d+ +\d+\.\d% {2}\d+/);
  assert.match(lines[3]!, /^all /);
  const sum = parseLcov(readFileSync(join(folder, 'sum.info'), 'utf8'), 'sum');
  assert.equal(sum.get(join(root, 'test/corpus/stops.c'))!.functions.get('branches')?.calls, 4);
  const low = spawned([main, 'coverage', path, '--min', '99', '--json']);
  assert.equal(low.status, 1);
  assert.match(low.stderr, /^error: \d+\.\d% of the lines were run, less than 99% \[cli\/too-little-coverage\]\n$/);
  assert.deepEqual(Object.keys(JSON.parse(low.stdout) as object), ['files', 'total']);
});

test('BPFJIT_COVERAGE: each process and each Worker leaves a file, which add up, also where it is terminated', () => {
  const into = join(folder, 'suite');
  const script = join(folder, 'suite.mjs');
  writeFileSync(
    script,
    `import { isMainThread, parentPort, Worker } from 'node:worker_threads';
    import { load } from ${JSON.stringify(join(root, 'dist/src/node.js'))};
    const object = await load(${JSON.stringify(object)});
    object.programs.branches.run({ packet: new Uint8Array(64) });
    const raw = await load(new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]));
    raw.programs.main.run();
    if (!isMainThread) setTimeout(() => parentPort.postMessage('ran'), 5), setInterval(() => {}, 1e6);
    else {
      const worker = new Worker(new URL(import.meta.url));
      worker.once('message', () => worker.terminate());
    }`,
  );
  for (let i = 0; i < 2; i++) assert.equal(spawned([script], { BPFJIT_COVERAGE: into }).stderr, '');
  assert.equal(readdirSync(into).length, 4);
  const { stdout } = spawned([main, 'coverage', into, '-o', '-']);
  assert.match(stdout, /^FNDA:4,branches$/m);
});
