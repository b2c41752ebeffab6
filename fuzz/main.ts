// Differential fuzzing: generated programs on every engine that this host has, and on the running kernel where it is permitted.
//
//   npm run fuzz -- [--seconds N | --count N] [--seed S] [--fuel N] [--kernel]
//
// Compared: R0, the memory after, the reason and slot of a stop; with --kernel the 32 bits that its test run gives, for programs that
// its verifier takes. A difference is made small and printed as a filetest; the exit status is 1.
import { parseArgs } from 'node:util';
import { print } from '../src/asm/print.ts';
import { createProgram, type Program } from '../src/program/program.ts';
import { ENGINES, type Outcome, type TestEngine } from '../test/support/engines.ts';
import { type Kernel, openKernel, PROG_TYPE } from '../test/support/kernel-bpf.ts';
import { generate } from './generate.ts';
import { assemble, type GeneratedProgram, minimise } from './program.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
    fuel: { type: 'string', default: '1000000' },
    kernel: { type: 'boolean', default: false },
  },
});
const firstSeed = Number(values.seed);
const limit = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
const seconds = values.seconds === undefined ? (values.count === undefined ? 10 : Number.POSITIVE_INFINITY) : Number(values.seconds);
const engines = ENGINES.filter(({ missing }) => missing === undefined);
for (const { name, missing } of ENGINES) if (missing !== undefined) console.error(`without ${name}: ${missing}`);
const kernel = values.kernel ? await openKernel() : undefined;
if (typeof kernel === 'string') console.error(`without the kernel: ${kernel}`);

const memory = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff);
const started = performance.now();
let count = 0;
let accepted = 0;
let stops = 0;
let differences = 0;
for (; count < limit && performance.now() - started < seconds * 1000; count++) {
  const generated = generate(firstSeed + count, { verifiable: kernel !== undefined, statements: 6 + (count % 40) });
  // Little fuel makes some programs stop in the middle: all engines must stop at the same slot.
  const fuel = count % 4 === 0 ? 1 + (count % 997) : Number(values.fuel);
  const why = difference(generated, fuel, true);
  if (why === undefined) continue;
  differences++;
  const small = minimise(generated, (candidate) => difference(candidate, fuel, false) !== undefined);
  report(small, fuel);
  if (differences === 10) break;
}
const rate = Math.round(count / ((performance.now() - started) / 1000));
const kernelText = typeof kernel === 'object' ? `, ${accepted} accepted by the kernel` : '';
console.log(
  `seeds ${firstSeed} to ${firstSeed + count - 1} on ${engines.map(({ name }) => name).join(', ')}: ${stops} stopped${kernelText}; ${rate}/s`,
);
console.log(`${count - differences} passed, ${differences} failed`);
process.exitCode = differences === 0 ? 0 : 1;

/** What differs, in words; undefined: nothing. */
function difference(generated: GeneratedProgram, fuel: number, counts: boolean): string | undefined {
  const bytes = assemble(generated);
  const program = createProgram({ name: 'fuzz', bytes });
  const outcomes = engines.map((engine) => [engine.name, outcomeOf(engine, program, fuel)] as const);
  const [firstName, first] = outcomes[0]!;
  if (counts && first.startsWith('stop')) stops++;
  for (const [name, outcome] of outcomes.slice(1)) if (outcome !== first) return `${firstName}: ${first}\n${name}: ${outcome}`;
  if (typeof kernel !== 'object' || !first.startsWith('exit')) return undefined;
  const theirs = kernelResult(kernel, bytes);
  if (theirs === undefined) return undefined;
  if (counts) accepted++;
  const ours = Number(BigInt(first.split(' ')[1]!) & 0xffffffffn);
  return theirs === ours ? undefined : `${firstName}: 0x${ours.toString(16)}\nkernel: 0x${theirs.toString(16)}`;
}

function outcomeOf(engine: TestEngine, program: Program, fuel: number): string {
  try {
    return describe(engine.run(program, memory, fuel));
  } catch (error) {
    return `threw ${(error as Error).message}`;
  }
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'stop') return `stop ${outcome.reason} ${outcome.slot}`;
  return `exit 0x${outcome.r0.toString(16)} fuel ${outcome.fuelLeft} memory ${Buffer.from(outcome.memory).toString('hex')}`;
}

function kernelResult(oracle: Kernel, bytes: Uint8Array): number | undefined {
  const loaded = oracle.load({ type: PROG_TYPE.xdp, bytes });
  if (!('fd' in loaded)) return undefined;
  try {
    return oracle.testRun(loaded.fd, new Uint8Array(64)).retval;
  } finally {
    oracle.close(loaded.fd);
  }
}

function report(generated: GeneratedProgram, fuel: number): void {
  const program = createProgram({ name: 'fuzz', bytes: assemble(generated) });
  const comment = (difference(generated, fuel, false) ?? '').split('\n').map((line) => `# ${line.slice(0, 200)}`);
  const names = new Map(program.subprograms.slice(1).map(({ name, start }) => [start, name]));
  console.log(`# seed ${generated.seed}\n${comment.join('\n')}\n-- fuel ${fuel}\n-- asm\n${print(program.code, names)}`);
}
