// Coverage through the command line and through the environment: files, their sums, the table.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseLcov } from '../../src/lcov/lcov.ts';
import { type Ran, runAll } from './run-all.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const object = join(root, 'test/corpus/stops.o');
const source = join(root, 'test/corpus/stops.c');
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
after(() => rmSync(folder, { recursive: true }));

const packet = '03'.repeat(64);

test('--coverage adds to the file, also where the program stops; bpfjit coverage shows the table', () => {
  const path = join(folder, 'one.info');
  const sumPath = join(folder, 'sum.info');
  const run = ['run', object, '--packet', packet, '--coverage', path, '--program'];
  const [ran, stopped, again, table, folded, low] = runAll([
    [...run, 'branches'],
    [...run, 'in_function'],
    [...run, 'branches'],
    ['coverage', path, path, '-o', sumPath],
    // Its own earlier output does not count.
    ['coverage', folder, '-o', sumPath],
    ['coverage', path, '--min', '99', '--json'],
  ]) as [Ran, Ran, Ran, Ran, Ran, Ran];
  assert.deepEqual([ran.status, ran.stderr, stopped.status, again.status], [0, '', 1, 0]);
  const file = parseLcov(readFileSync(path, 'utf8'), path).get(source)!;
  assert.deepEqual([file.functions.get('branches')?.calls, file.functions.get('count_kind')?.calls], [2, 1]);
  assert.equal(table.status, 0, table.stderr);
  const lines = table.stdout.split('\n');
  assert.match(lines[0]!, /^file +lines +functions +branches +lines not run$/);
  assert.match(lines[1]!, /^test\/corpus\/stops\.c +\d+\/\d+ +\d+\.\d% +\d\/\d +\d+\.\d% +\d+\/\d+ +\d+\.\d% {2}\d+/);
  assert.match(lines[3]!, /^all /);
  assert.equal(folded.status, 0, folded.stderr);
  assert.equal(parseLcov(readFileSync(sumPath, 'utf8'), sumPath).get(source)!.functions.get('branches')?.calls, 2);
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
  const { stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', env: { ...process.env, BPFJIT_COVERAGE: into } });
  assert.equal(stderr, '');
  const counts = readdirSync(into).map((name) => parseLcov(readFileSync(join(into, name), 'utf8'), name).get(source));
  assert.deepEqual(
    counts.map((file) => file?.functions.get('branches')?.calls),
    [1, 1],
  );
});
