// Size of our arm64 code against the kernel's: instructions of the whole image for the benchmark objects of the corpora.
//
//   node dist/bench/size.js [--listing NAME]
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { arm64 } from '../src/jit/arm64/target.ts';
import { compile } from '../src/jit/compile.ts';
import type { Image } from '../src/jit/image.ts';
import { listingOf, printListing } from '../src/jit/listing.ts';
import type { CompileOptions } from '../src/jit/target.ts';
import { link } from '../src/object/link.ts';
import { load } from '../src/object/load.ts';
import { createProgram, type Program } from '../src/program/program.ts';

type KernelSizes = Readonly<Record<string, Readonly<Record<string, { readonly arm64Insns: Readonly<Record<string, number>> }>>>>;

const folder = new URL('../../../shared/corpora/bench/', import.meta.url);
/** Fuel is something that the kernel's verifier spares it; its frame is something that our thunk spares us: instructions. */
const KERNEL_FRAME = 10;

const { values } = parseArgs({ options: { listing: { type: 'string' } } });
if (!existsSync(folder)) {
  console.error(`no corpora at ${folder.pathname}: nothing to compare with`);
  process.exit(0);
}

const kernel = JSON.parse(readFileSync(new URL('kernel-arm64.json', folder), 'utf8')) as KernelSizes;
let sum = 0;
let sumWithFuel = 0;
let count = 0;
console.log('program     kernel   ours  ratio   fuel  ratio');
for (const [name, versions] of Object.entries(kernel)) {
  const theirs = versions['v3']!.arm64Insns['7.3.4 LSE']!;
  const path = new URL(`objects/${name}.xdp.v3.o`, folder);
  const collection = load(readFileSync(path), path.pathname);
  const program = createProgram({ ...link(collection, undefined), maps: collection.maps });
  const plain = image(program, { fuel: false }).size / 4;
  const fuelled = image(program, { fuel: true }).size / 4;
  sum += Math.log(plain / theirs);
  sumWithFuel += Math.log(fuelled / (theirs - KERNEL_FRAME));
  count++;
  console.log(`${name.padEnd(10)} ${columns(theirs, plain, theirs)} ${columns(undefined, fuelled, theirs - KERNEL_FRAME)}`);
  if (values.listing === name) {
    const shown = image(program, { fuel: false });
    console.log(printListing(shown, listingOf(program, shown, arm64)));
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
  return compile(program, arm64, { resolve, allocate: () => ({ hi: 0, lo: 0x100000 }) }, options);
}
