// npm run startup: what `bpfjit run` of a small object, and the conformance plugin with a program of two instructions, take beyond
// `node -e 0`, medians side by side. Wall-clock time, and processor time, which a busy machine changes less. `modules`: the same from
// dist/src, a file a module, as it was before tools/bundle.mjs.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const runs = Number(process.argv[2] ?? 21);
const object = join(root, 'examples/xdp_counter.o');
const run = ['run', object, '--packet', `@${join(root, 'examples/udp-echo.hex')}`];
const bin = (name: string): string => join(root, 'dist/bin', `${name}.cjs`);
/** r0 = 42; exit */
const PROGRAM = 'b70000002a0000009500000000000000';
const plugin = bin('bpfjit-conformance-plugin');
const cases: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['node -e 0', ['-e', '0']],
  ['bpfjit run', [bin('bpfjit'), ...run]],
  ['bpfjit run, modules', [join(root, 'dist/src/cli/main.js'), ...run]],
  ['bpfjit run --engine arm64-sim', [bin('bpfjit'), ...run, '--engine', 'arm64-sim']],
  ['bpfjit run --engine auto', [bin('bpfjit'), ...run, '--engine', 'auto']],
  ['plugin', [plugin]],
  ['plugin --engine arm64-sim', [plugin, '--engine', 'arm64-sim']],
  ['plugin --jit', [plugin, '--jit']],
  ['plugin --jit, modules', [join(root, 'dist/src/cli/conformance-plugin.js'), '--jit']],
];

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
const wall = cases.map((): number[] => []);
const cpu = cases.map((): number[] => []);
for (let i = 0; i < runs; i++) {
  for (const [which, [name, args]] of cases.entries()) {
    const started = performance.now();
    const milliseconds = processorTime(name, args);
    wall[which]!.push(performance.now() - started);
    cpu[which]!.push(milliseconds);
  }
}

/** Milliseconds, as the shell's `times` tells them of its child. */
function processorTime(name: string, args: readonly string[]): number {
  const { status, stdout } = spawnSync('sh', ['-c', '"$@" > /dev/null || exit 1; times', 'sh', process.execPath, ...args], {
    encoding: 'utf8',
    input: PROGRAM,
  });
  if (status !== 0) throw new Error(`${name} failed`);
  const times = stdout
    .trim()
    .split('\n')
    .at(-1)!
    .matchAll(/(\d+)m([\d.]+)s/g);
  return [...times].reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000, 0);
}

console.log(`medians of ${runs} runs, ms; Node ${process.version}`.padEnd(50), 'wall-clock', '  processor');
const base = [median(wall[0]!), median(cpu[0]!)] as const;
for (const [which, [name]] of cases.entries()) {
  const row = [median(wall[which]!), median(cpu[which]!)].map(
    (value, i) => `${value.toFixed(0).padStart(4)} (${(value - base[i]!).toFixed(0).padStart(3)} more)`,
  );
  console.log(name.padEnd(50), row.join('  '));
}
