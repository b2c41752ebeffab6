// Runs docs/guide.md as a reader would, in a new folder: files are written as they come, commands run, and what they print is compared
// with what the page shows (a line `...` skips any number of lines). `--full`: from an empty folder, with the packed package, clang, Vitest
// and the TypeScript compiler, which need network and system packages; without it those commands are left out, the checkout stands for
// the package and the committed object for clang's.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const full = process.argv.includes('--full');

/** Files that the page shows, but that are in the repository: the page must show them as they are. */
const SHOWN = { 'limiter.c': 'examples/limiter/limiter.c' };

/** Commands for other people's tools. */
const ELSEWHERE = /^(npm |clang |npx (vitest|tsc)\b|sudo )/;

/** Whether programs may be loaded into this machine's kernel. */
const hasKernel = full && process.getuid() === 0 && spawnSync('bpftool', ['prog', 'show']).status === 0;

const page = readFileSync(join(root, 'docs/guide.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, name, text], i, all) => ({
  line: page.slice(0, all[i].index).split('\n').length,
  language,
  name,
  text,
}));
const project = mkdtempSync(join(tmpdir(), 'bpfjit-guide-'));
let failures = 0;
const fail = (line, message) => {
  failures++;
  console.error(`docs/guide.md:${line}: ${message}`);
};

if (!full) {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(root, join(project, 'node_modules/bpfjit'));
  copyFileSync(join(root, 'examples/limiter/limiter.o'), join(project, 'limiter.o'));
  const importAll = "for (const name of readdirSync('.')) if (name.endsWith('.test.mjs')) await import('./' + name);";
  writeFileSync(join(project, 'all-tests.mjs'), `import { readdirSync } from 'node:fs';\n${importAll}\n`);
  // As `npm init` says it.
  writeFileSync(join(project, 'package.json'), '{}\n');
}

for (const { line, language, name, text } of blocks) {
  if (language === 'console') runCommands(line, text);
  else if (name === undefined) fail(line, 'a block that nothing runs: it needs a file name');
  else {
    const shown = SHOWN[name];
    const source = shown === undefined ? text : readFileSync(join(root, shown), 'utf8');
    if (shown !== undefined && text !== '' && text !== source) fail(line, `differs from ${shown}`);
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), source);
  }
}
rmSync(project, { recursive: true });
console.log(failures === 0 ? `docs/guide.md: ${blocks.length} blocks as shown` : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

function runCommands(line, text) {
  const steps = [];
  for (const one of text.trimEnd().split('\n')) {
    if (one.startsWith('$ ')) steps.push({ command: one.slice(2), expected: [] });
    else steps.at(-1).expected.push(one.trimEnd());
  }
  for (const { command, expected } of steps) {
    if (!full && ELSEWHERE.test(command)) continue;
    if (!hasKernel && command.startsWith('sudo ')) {
      if (full) console.log(`left out, the kernel takes no programs here: ${command}`);
      continue;
    }
    const { status, stdout, stderr } = spawnSync('bash', ['-c', here(command)], { cwd: project, encoding: 'utf8' });
    if (status !== 0) fail(line, `$ ${command}\nexit status ${status}\n${stdout}${stderr}`);
    else compare(line, command, stdout, expected);
  }
}

/** The command with what this machine has. */
function here(command) {
  const local = command
    .replace('../bpfjit', `'${root}'`)
    .replace(/^clang /, 'clang-19 ')
    .replace(/^sudo /, '')
    .replace(/(?<=^|^\S+=\S+ )node /, `'${process.execPath}' `);
  if (full) return local;
  // One process for all test files instead of one each.
  return local
    .replace('npx bpfjit', `'${process.execPath}' node_modules/bpfjit/dist/src/cli/main.js`)
    .replace(/ --test$/, ' all-tests.mjs')
    .replace(' --test ', ' ');
}

function compare(line, command, stdout, expected) {
  const printed = stdout
    .trimEnd()
    .split('\n')
    .map((one) => one.trimEnd());
  if (expected.length === 0) return;
  let at = 0;
  let skips = false;
  for (const one of expected) {
    if (one === '...') {
      skips = true;
      continue;
    }
    const found = skips ? printed.indexOf(one, at) : printed[at] === one ? at : -1;
    if (found < 0) return fail(line, `$ ${command}\n"${one}" is not what is printed there:\n${printed.slice(at, at + 30).join('\n')}`);
    at = found + 1;
    skips = false;
  }
  if (!skips && at < printed.length) fail(line, `$ ${command}\nprints more:\n${printed.slice(at).join('\n')}`);
}
