// Differential fuzzing: generated programs and objects on every engine that this host has, and on the running kernel where it is permitted.
//
//   npm run fuzz -- [--seconds N | --count N] [--seed S] [--engine NAME]... [--only bare|objects] [--kernel] [--stats]
//
// 32 seeds are bare programs, the next 32 objects with the same maps, and so on. Compared of bare programs: R0, the memory
// after, fuel left, the reason and slot of a stop; of objects also packet, context, events, and every byte of the maps; with --kernel R0,
// packet and the contents of the maps, for programs that its verifier takes. A difference is made small and printed as a filetest; the exit
// status is 1. --stats runs nothing: it says what the seeds draw; its exit status is 1 where some instruction is not drawn.
import { parseArgs } from 'node:util';
import { Comparer, type Comparison, OBJECT_FUEL } from './compare.ts';
import type { GenerateOptions } from './draw.ts';
import { generate } from './generate.ts';
import { compareWithKernel, type KernelTally, openComparison } from './kernel.ts';
import { minimise, minimiseObject } from './minimise.ts';
import { GROUP, generateObject } from './objects.ts';
import { reportObject, reportProgram } from './report.ts';
import { Stats } from './stats.ts';
import type { GeneratedObject, GeneratedProgram } from './tree.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', multiple: true },
    only: { type: 'string' },
    kernel: { type: 'boolean', default: false },
    stats: { type: 'boolean', default: false },
  },
});
const MAX_DIFFERENCES = 10;
const FUEL = 1_000_000;
const PROGRESS_MS = 30_000;
/** A bare program as an object. */
const ALONE = { maps: [], elements: [], runs: [{ packet: new Uint8Array(64) }] } as const;

const firstSeed = Number(values.seed);
const limit = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
const seconds = values.seconds === undefined ? (values.count === undefined ? 10 : Number.POSITIVE_INFINITY) : Number(values.seconds);
const comparer = new Comparer(values.engine);
const kernel = values.kernel ? await openComparison() : undefined;
if (typeof kernel === 'string') {
  console.error(`without the kernel: ${kernel}`);
  process.exitCode = 1;
}
const isObject = (seed: number): boolean => (values.only === undefined ? Math.floor(seed / GROUP) % 2 === 1 : values.only === 'objects');
const options = (seed: number): GenerateOptions => ({
  verifiable: kernel !== undefined,
  statements: isObject(seed) ? 4 + (seed % 23) : 6 + (seed % 40),
});
const tally: KernelTally = { accepted: 0, refused: 0, reasons: new Map() };

const started = performance.now();
let count = 0;
let objects = 0;
let stops = 0;
let differences = 0;

if (values.stats) stats();
else run();

function run(): void {
  let seed = firstSeed;
  let told = started;
  while (count < limit && differences < MAX_DIFFERENCES && performance.now() - started < seconds * 1000) {
    const end = Math.min((Math.floor(seed / GROUP) + 1) * GROUP, firstSeed + limit);
    const seeds = Array.from({ length: end - seed }, (_, i) => seed + i);
    if (isObject(seed)) runObjects(seeds);
    else for (const one of seeds) runProgram(one);
    count += seeds.length;
    seed = end;
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    console.error(`  up to seed ${seed - 1}: ${differences} failed${kernel === undefined ? '' : `, ${tally.accepted} accepted`}`);
  }
  const elapsed = (performance.now() - started) / 1000;
  const { accepted, refused } = tally;
  const kernelText = accepted + refused > 0 ? `; kernel: ${accepted} accepted, ${refused} refused` : '';
  console.log(
    `seeds ${firstSeed} to ${seed - 1} on ${comparer.names.join(', ')}: ${objects} of them objects, ${stops} stopped${kernelText}; ` +
      `${elapsed.toFixed(0)} s, ${Math.round(count / elapsed)}/s`,
  );
  const common = [...tally.reasons].sort((a, b) => b[1] - a[1]).slice(0, 8); // biome-ignore format: short
  for (const [reason, times] of common) console.log(`  refused ${times} times: ${reason}`);
  console.log(`${count - differences} passed, ${differences} failed`);
  if (differences > 0) process.exitCode = 1;
}

function noted({ reference, difference }: Comparison): string | undefined {
  if (reference.startsWith('stop')) stops++;
  return difference;
}

function runProgram(seed: number): void {
  const generated = generate(seed, options(seed));
  // Little fuel makes some programs stop in the middle: all engines must stop at the same slot.
  const fuel = littleFuel(seed) ?? FUEL;
  const compare = (candidate: GeneratedProgram, counts?: KernelTally): string | undefined => {
    const comparison = comparer.program(candidate, fuel);
    const found = counts === undefined ? comparison.difference : noted(comparison);
    if (found !== undefined || typeof kernel !== 'object' || fuel !== FUEL) return found;
    return compareWithKernel(kernel, { ...ALONE, seed, programs: [candidate] }, counts);
  };
  if (compare(generated, tally) === undefined) return;
  differences++;
  const small = minimise(generated, (candidate) => compare(candidate) !== undefined);
  console.log(reportProgram(small, fuel, compare(small) ?? ''));
}

/** Every fourth seed, but for the kernel, which counts nothing: what many programs use up, and now and then more. */
function littleFuel(seed: number): number | undefined {
  if (seed % 4 !== 0 || kernel !== undefined) return undefined;
  return 1 + (seed % 8 === 0 ? (seed >> 3) % 149 : seed % 1499);
}

function objectFuel({ seed }: GeneratedObject): number {
  return littleFuel(seed) ?? OBJECT_FUEL;
}

function runObjects(seeds: readonly number[]): void {
  const drawn = seeds.map((seed) => generateObject(seed, options(seed)));
  objects += drawn.length;
  const found = comparer.objects(drawn, objectFuel).map(noted);
  for (const [i, object] of drawn.entries()) {
    const fuel = objectFuel(object);
    let difference = found[i];
    if (difference === undefined && typeof kernel === 'object' && fuel === OBJECT_FUEL)
      difference = compareWithKernel(kernel, object, tally);
    if (difference === undefined) continue;
    differences++;
    const compare = (candidate: GeneratedObject): string | undefined =>
      comparer.objects([candidate], () => fuel)[0]!.difference ??
      (typeof kernel === 'object' && fuel === OBJECT_FUEL ? compareWithKernel(kernel, candidate) : undefined);
    if (compare(object) === undefined) {
      console.log(`# seed ${object.seed}: only together with seeds ${seeds[0]} to ${seeds.at(-1)}\n${difference}`);
      continue;
    }
    const small = minimiseObject(object, (candidate) => compare(candidate) !== undefined);
    console.log(reportObject(small, fuel, compare(small) ?? ''));
  }
}

function stats(): void {
  const drawn = new Stats();
  const last = Number.isFinite(limit) ? limit : 1000;
  for (let seed = firstSeed; seed < firstSeed + last; seed++) {
    if (!isObject(seed)) drawn.add(generate(seed, options(seed)));
    else for (const program of generateObject(seed, options(seed)).programs) drawn.add(program);
  }
  console.log(drawn.text());
  if (drawn.never().length > 0) process.exitCode = 1;
}
