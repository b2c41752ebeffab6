// What a program was compiled to, to look at.
import type { Image } from '../../jit/image.ts';
import { type Dump, dump, listingOf, printListing, printPasses } from '../../jit/listing.ts';
import { findTarget } from '../../jit/targets.ts';
import type { Program } from '../../program/program.ts';
import { assert } from '../../util/error.ts';

/** A program as machine code. The texts are those of `bpfjit dump`. */
export interface CompiledProgram {
  readonly image: Image;
  /** C line, eBPF instruction, machine code. */
  listing(): string;
  /** The passes in their order, with every decision. */
  passes(): string;
  /** The same as data: what `bpfjit dump --json` prints. */
  dump(): Dump;
}

export function compiledProgram(program: Program, image: Image): CompiledProgram {
  const target = findTarget(image.target);
  assert(target !== undefined, 'an image has a target');
  return {
    image,
    listing: () => printListing(image, listingOf(program, image, target)),
    passes: () => printPasses(image),
    dump: () => dump(program, image, target),
  };
}
