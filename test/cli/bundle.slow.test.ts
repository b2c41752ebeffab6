// The commands as the package has them: put together from the compiled modules by tools/bundle.mjs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

function run(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', input });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('bundled commands do what their modules do', () => {
  run(['tools/bundle.mjs']);
  const example = ['examples/xdp_counter.o', '--packet', '@examples/udp-echo.hex', '--json', '--engine', 'arm64-sim'];
  for (const args of [['--version'], ['run', ...example]]) {
    assert.equal(run(['dist/bin/bpfjit.cjs', ...args]), run(['dist/src/cli/main.js', ...args]));
  }
  for (const engine of ['interpreter', 'arm64-sim']) {
    assert.equal(run(['dist/bin/bpfjit-conformance-plugin.cjs', '--engine', engine], 'b70000002a0000009500000000000000'), '2a\n');
  }
});
