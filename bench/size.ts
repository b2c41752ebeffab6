// Size of our code against the kernel's: the whole image for the benchmark objects of the corpora, in instructions on arm64, in bytes on
// x86-64.
//
//   node dist/bench/size.js [--target x64] [--version v4] [--listing NAME [--fuel]]
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compile } from '../src/jit/compile.ts';
import type { Image } from '../src/jit/image.ts';
import { listingOf, printListing } from '../src/jit/listing.ts';
import type { CompileOptions } from '../src/jit/target.ts';
import { findTarget } from '../src/jit/targets.ts';
import { link } from '../src/object/link.ts';
import { load } from '../src/object/load.ts';
import { createProgram, type Program } from '../src/program/program.ts';

interface KernelSize {
  readonly arm64Insns?: Readonly<Record<string, number>>;
  readonly bytes?: number;
}

const folder = new URL('../../../shared/corpora/bench/', import.meta.url);
const { values } = parseArgs({
  options: {
    listing: { type: 'string' },
    fuel: { type: 'boolean', default: false },
    target: { type: 'string', default: 'arm64' },
    version: { type: 'string', default: 'v3' },
  },
});
if (!existsSync(folder)) {
  console.error(`no corpora at ${folder.pathname}: nothing to compare with`);
  process.exit(0);
}
const found = findTarget(values.target);
if (found === undefined) throw new Error(`no target ${values.target}`);
const target = found;
const isArm64 = target.name === 'arm64';
/** Bytes in the unit that is compared. */
const UNIT = isArm64 ? 4 : 1;
/** Fuel is something that the kernel's verifier spares it; its frame is something that our thunk spares us. */
const KERNEL_FRAME = isArm64 ? 10 : 30;
const cpu = new Set(['bmi1', 'bmi2', 'movbe']);

const kernel = JSON.parse(readFileSync(new URL(`kernel-${target.name}.json`, folder), 'utf8')) as Record<
  string,
  Record<string, KernelSize>
>;
let sum = 0;
let sumWithFuel = 0;
let count = 0;
console.log('program     kernel   ours  ratio   fuel  ratio');
for (const [name, versions] of Object.entries(kernel)) {
  const size = versions[values.version]!;
  const theirs = size.arm64Insns?.['7.3.4 LSE'] ?? size.bytes!;
  const path = new URL(`objects/${name}.xdp.${values.version}.o`, folder);
  const collection = load(readFileSync(path), path.pathname);
  const program = createProgram({ ...link(collection, undefined), maps: collection.maps });
  const plain = image(program, { fuel: false }).size / UNIT;
  const fuelled = image(program, { fuel: true }).size / UNIT;
  sum += Math.log(plain / theirs);
  sumWithFuel += Math.log(fuelled / (theirs - KERNEL_FRAME));
  count++;
  console.log(`${name.padEnd(10)} ${columns(theirs, plain, theirs)} ${columns(undefined, fuelled, theirs - KERNEL_FRAME)}`);
  if (values.listing === name) {
    const shown = image(program, { fuel: values.fuel });
    console.log(printListing(shown, listingOf(program, shown, target)));
  }
}
console.log(`geometric mean ${Math.exp(sum / count).toFixed(3)}; with fuel ${Math.exp(sumWithFuel / count).toFixed(3)}`);

function columns(theirs: number | undefined, ours: number, against: number): string {
  const first = theirs === undefined ? '' : String(theirs).padStart(7);
  return `${first}${String(ours).padStart(7)} ${(ours / against).toFixed(3).padStart(6)}`;
}

/** Helpers near the image: every call is direct. */
function image(program: Program, options: CompileOptions): Image {
  const resolve = (): { hi: number; lo: number } => ({ hi: 0, lo: 0x20000 });
  return compile(program, target, { resolve, allocate: () => ({ hi: 0, lo: 0x100000 }) }, { cpu, ...options });
}
