// Writes the final bytes of a settled unit, and remembers what tools ask of an image: which slot an address belongs to, where
// subprograms start, what each call became.
import { AssertionFailure, assert } from '../util/error.ts';
import { FORM, type Settled } from './layout.ts';
import type { Address, SiteEncoder } from './target.ts';
import type { SymbolRef } from './unit.ts';

/** A unit at one base. Offsets are bytes from the base. */
export interface Image {
  readonly target: string;
  readonly base: Address;
  /** The whole allocation: `size` bytes of code and veneers, the rest traps. */
  readonly bytes: Uint8Array;
  readonly size: number;
  /** Where the code of slot `rangeSlot[i]` starts, ascending; it ends where the next range starts. -1: prologue, -2: stubs and veneers. */
  readonly rangeSlot: Int32Array;
  readonly rangeAt: Int32Array;
  /** Entry of each subprogram. */
  readonly entries: Int32Array;
  /** Where tail calls of other programs enter. */
  readonly tailEntry: number;
  /** How it came about: forms and places of all sites, rounds, promotions. */
  readonly settled: Settled;
}

/** Slot of code that belongs to none. */
export const PROLOGUE = -1;
export const STUBS = -2;

export interface Call {
  readonly slot: number;
  readonly site: number;
  readonly symbol: SymbolRef;
  readonly form: 'direct' | 'veneer' | 'indirect';
  /** Offset of the branch instruction itself. */
  readonly at: number;
  readonly address: Address;
}

/** Writes every site where and as long as `settle` said it would be. */
export function emit(settled: Settled): Image {
  const { bounded, base, shift, form, veneerAt } = settled;
  const { unit, target, addresses } = bounded;
  const { code, sites, siteAt, siteKind, siteOperand, siteTarget, labelAt, labelSites } = unit;
  const bytes = new Uint8Array(bounded.bytes);
  let at = 0;
  let from = 0;
  for (let site = 0; site < sites; site++) {
    const to = siteAt[site]!;
    at = copy(code, from, to, bytes, at);
    from = to;
    if (at !== to + shift[site]!) misplaced(site, at, to + shift[site]!);
    const kind = siteKind[site]!;
    const operand = siteOperand[site]!;
    const goal = siteTarget[site]!;
    let length: number;
    switch (form[site]) {
      case FORM.short:
        length = target.emitShort(kind, operand, labelAt[goal]! + shift[labelSites[goal]!]! - at, bytes, at);
        break;
      case FORM.long:
        length = target.emitLong(kind, operand, labelAt[goal]! + shift[labelSites[goal]!]! - at, (base.lo + at) | 0, bytes, at);
        break;
      case FORM.direct:
        // Of a distance in reach the low half is the whole.
        length = target.emitShort(kind, operand, (addresses[goal]!.lo - base.lo - at) | 0, bytes, at);
        break;
      case FORM.veneer:
        length = target.emitShort(kind, operand, veneerAt[goal]! - at, bytes, at);
        break;
      case FORM.indirect:
        length = target.emitIndirect(addresses[goal]!, bytes, at);
        break;
      case FORM.padding:
        length = target.emitPadding!(shift[site + 1]! - shift[site]!, bytes, at);
        break;
      default:
        length = target.emitValue(operand, addresses[goal]!, bytes, at);
    }
    at += length;
    if (at !== to + shift[site + 1]!) misplaced(site, at, to + shift[site + 1]!);
  }
  at = copy(code, from, code.length, bytes, at);
  assert(at === settled.codeBytes, `code of ${at} bytes, settled at ${settled.codeBytes}`);
  for (let symbol = 0; symbol < veneerAt.length; symbol++) {
    if (veneerAt[symbol] === -1) continue;
    assert(at === veneerAt[symbol], `veneer ${symbol} at ${at}, settled at ${veneerAt[symbol]}`);
    at += target.emitVeneer(addresses[symbol]!, bytes, at);
  }
  assert(at === settled.bytes, `an image of ${at} bytes, settled at ${settled.bytes}`);
  fillTraps(bytes, at, target);
  return {
    target: unit.target,
    base,
    bytes,
    size: at,
    ...ranges(settled),
    entries: unit.entries.map((label) => offsetOfLabel(settled, label)),
    tailEntry: offsetOfLabel(settled, unit.tailEntry),
    settled,
  };
}

/** Appends code[from, to) at out[at]: runs between sites are short, `set` pays only for long ones. */
function copy(code: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  if (to - from > 64) {
    out.set(code.subarray(from, to), at);
    return at + to - from;
  }
  for (let i = from; i < to; i++) out[at++] = code[i]!;
  return at;
}

function misplaced(site: number, at: number, settled: number): never {
  throw new AssertionFailure(`site ${site}: offset ${at}, settled at ${settled}`);
}

function fillTraps(bytes: Uint8Array, from: number, { trap }: SiteEncoder): void {
  for (let at = from; at < bytes.length; at++) bytes[at] = trap[(at - from) % trap.length]!;
}

function ranges({ bounded: { unit }, shift, codeBytes, bytes }: Settled): { rangeSlot: Int32Array; rangeAt: Int32Array } {
  const { marks, markSlot, markAt, markSites } = unit;
  const veneers = bytes > codeBytes ? 1 : 0;
  const rangeSlot = new Int32Array(marks + veneers);
  const rangeAt = new Int32Array(marks + veneers);
  for (let mark = 0; mark < marks; mark++) {
    rangeSlot[mark] = markSlot[mark]!;
    rangeAt[mark] = markAt[mark]! + shift[markSites[mark]!]!;
  }
  if (veneers === 1) {
    rangeSlot[marks] = STUBS;
    rangeAt[marks] = codeBytes;
  }
  return { rangeSlot, rangeAt };
}

/** Offset of a label of the unit. */
export function offsetOfLabel({ bounded: { unit }, shift }: Settled, label: number): number {
  return unit.labelAt[label]! + shift[unit.labelSites[label]!]!;
}

/** Offset of a site of the unit. */
export function offsetOfSite({ bounded: { unit }, shift }: Settled, site: number): number {
  return unit.siteAt[site]! + shift[site]!;
}

/** The slot that the code at `offset` belongs to; PROLOGUE or STUBS where it belongs to none. */
export function slotAt({ rangeSlot, rangeAt }: Image, offset: number): number {
  let low = 0;
  let high = rangeAt.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rangeAt[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? PROLOGUE : rangeSlot[low - 1]!;
}

/** Where the code of `slot` starts; undefined where it has none. */
export function offsetOfSlot({ rangeSlot, rangeAt }: Image, slot: number): number | undefined {
  const range = rangeSlot.indexOf(slot);
  return range < 0 ? undefined : rangeAt[range];
}

const CALL_FORMS: readonly (Call['form'] | undefined)[] = [undefined, undefined, 'direct', 'veneer', 'indirect'];

/** Every call of a symbol, in code order. */
export function calls(image: Image): readonly Call[] {
  const { bounded, form, shift } = image.settled;
  const { unit, target, addresses } = bounded;
  const list: Call[] = [];
  for (let site = 0; site < unit.sites; site++) {
    const callForm = CALL_FORMS[form[site]!];
    if (callForm === undefined) continue;
    const start = offsetOfSite(image.settled, site);
    const symbol = unit.siteTarget[site]!;
    const length = shift[site + 1]! - shift[site]!;
    const address = addresses[symbol]!;
    list.push({
      slot: slotAt(image, start),
      site,
      symbol: unit.symbols[symbol]!,
      form: callForm,
      at: callForm === 'indirect' ? start + length - target.indirectBranch : start,
      address,
    });
  }
  return list;
}
