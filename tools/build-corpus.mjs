// Compiles the C sources of examples/, its folders and test/corpus/ with clang for BPF. Lines `// build: NAME.o FLAGS...` in a source name its
// objects (default: the source's name, -mcpu=v3). DWARF, which nothing reads, is taken out: it names the compiler's patch version.
// `--check`: compile into a temporary folder and compare with what is committed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const check = process.argv.includes('--check');
const parts = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const clang = process.env.CLANG ?? 'clang-19';
const strip = process.env.LLVM_STRIP ?? 'llvm-strip-19';
// Debug paths must not depend on where the checkout is.
const common = ['-O2', '-g', '-Wall', '-Wno-unused-function', '-fdebug-compilation-dir=.'];
// Where Debian has asm/types.h, for sources that include the kernel's and libbpf's headers (libbpf-dev).
common.push('-idirafter', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);

const scratch = check ? mkdtempSync(join(tmpdir(), 'bpfjit-corpus-')) : undefined;
let failures = 0;
const examples = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const folder of ['examples', ...examples.map(({ name }) => `examples/${name}`), 'test/corpus']) {
  const directory = join(root, folder);
  for (const name of readdirSync(directory).sort()) {
    if (!name.endsWith('.c') || (parts.length > 0 && !parts.some((part) => name.includes(part)))) continue;
    const lines = [...readFileSync(join(directory, name), 'utf8').matchAll(/^\/\/ build: (\S+)(.*)$/gm)];
    const builds =
      lines.length > 0 ? lines.map((line) => [line[1], line[2].trim().split(/\s+/).filter(Boolean)]) : [[name.replace(/c$/, 'o'), []]];
    for (const [output, flags] of builds) {
      const cpu = flags.some((flag) => flag.startsWith('-mcpu=')) ? [] : ['-mcpu=v3'];
      const path = scratch === undefined ? output : join(scratch, output);
      const target = flags.includes('-mbig-endian') ? 'bpfeb' : 'bpfel';
      const options = flags.filter((flag) => flag !== '-mbig-endian');
      const command = [...common, '-target', target, ...cpu, ...options, '-c', name, '-o', path];
      const run = (tool, ...options) => {
        const { status, error } = spawnSync(tool, options, { cwd: directory, stdio: 'inherit' });
        if (error) throw error;
        return status === 0;
      };
      if (!run(clang, ...command) || !run(strip, '-g', path)) {
        failures++;
        console.error(`${folder}/${name}: ${clang} ${command.join(' ')} failed`);
      } else if (check && !readFileSync(path).equals(readFileSync(join(directory, output)))) {
        failures++;
        console.error(`${folder}/${output} is not what ${clang} makes of ${name}`);
      } else {
        console.log(`${folder}/${output}`);
      }
    }
  }
}
if (scratch !== undefined) rmSync(scratch, { recursive: true });
process.exit(failures === 0 ? 0 : 1);
