// The main job on the example: a packet through the arm64 image, with verdict, maps, and the listing that shows its direct calls.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = ['run', 'examples/xdp_counter.o', '--engine', 'arm64', '--packet', '@examples/udp-echo.hex', '--maps', '--listing'];
process.stderr.write(`$ bpfjit ${command.join(' ')}\n`);
const { status } = spawnSync(process.execPath, [join(root, 'dist/src/cli/main.js'), ...command], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
