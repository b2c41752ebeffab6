// The compiler: a program becomes an image at the address that its memory was given.
import type { Program } from '../program/program.ts';
import { BpfError } from '../util/error.ts';
import { printAddress } from './address.ts';
import { emit, type Image } from './image.ts';
import { type Bounded, bound, settle } from './layout.ts';
import type { Address, CompileOptions, SiteEncoder, Target } from './target.ts';
import type { SymbolRef } from './unit.ts';

/** What lies around an image. */
export interface Surroundings {
  /** Address of a callee, or the value of a map reference or function handle. Called once per symbol. */
  resolve(symbol: SymbolRef): Address;
  /** Takes memory for an image of at most `bytes` bytes; from then on its address is known. */
  allocate(bytes: number): Address;
}

/** The passes in their order. A unit can be kept, and bounded, settled and emitted again for other surroundings. */
export function compile(program: Program, target: Target, surroundings: Surroundings, options: CompileOptions = {}): Image {
  const unit = target.lower(program, options);
  const addresses = unit.symbols.map((symbol) => surroundings.resolve(symbol));
  const bounded = bound(unit, target, addresses, options);
  checkSize(bounded, program);
  const base = surroundings.allocate(bounded.bytes);
  checkBase(base, target);
  const settled = settle(bounded, base);
  return emit(settled);
}

function checkSize({ bytes, target }: Bounded, { name }: Program): void {
  if (bytes <= target.reach) return;
  const message = `the image may need ${bytes} bytes, branches reach ${target.reach}`;
  throw new BpfError('jit/image-too-large', { in: 'program', program: name }, message);
}

/** `dump --base` takes any address. */
export function checkBase(base: Address, { alignment }: SiteEncoder): void {
  if ((base.lo >>> 0) % alignment === 0) return;
  throw new BpfError('jit/unaligned-base', { in: 'option', name: 'base' }, `${printAddress(base)} is not a multiple of ${alignment}`);
}
