// Makes a checkout ready: installs the locked dependencies if they are missing, compiles, and puts the commands together. Needs only Node
// and npm.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(root, 'node_modules/typescript/bin/tsc');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(tsc)) run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
run(process.execPath, [tsc, '-p', 'tsconfig.json']);
bundle(root);
