// Decides the form of every site of a unit: `bound` before the image's place is known, `settle` after.
//
// The scheme is that of the arm64 kernel JIT's direct calls [Thread]. `settle` walks the sites in code order. What
// stands in front of the first call has known lengths, so the first call's address is known, so whether its target is in reach, so
// its length, so the second call's address, and so on: one walk decides every call, exactly. A branch is different, its label may
// lie ahead. `bound` has the sites' longest lengths; the real ones are never longer, so a branch that is short between the longest
// lengths is short between the real ones, and the walk need not ask again. For the rest, the `doubtful` ones: after a walk, those
// that do not reach become long, for good, and the walk is repeated. Nothing becomes short again, so this ends, and only calls may
// change their minds either way, each walk anew. A unit without doubtful branches has exactly one walk.
//
// A hostile program can make each walk promote a single branch. After `PATIENCE` walks all that are still doubtful become long:
// most PATIENCE + 1 walks, each linear in the number of sites.
import { assert } from '../util/error.ts';
import { distanceBetween } from './address.ts';
import type { Address, LayoutOptions, SiteEncoder } from './target.ts';
import type { SiteKind, Unit } from './unit.ts';

/** What became of a site. `short` and `long` are labels', the next three calls'. */
export const FORM = { short: 0, long: 1, direct: 2, veneer: 3, indirect: 4, value: 5, padding: 6 } as const;
export type Form = keyof typeof FORM;

/** More walks than any program met so far has needed; see above. */
export const PATIENCE = 24;

const REFERS = { label: 0, call: 1, value: 2, padding: 3 } as const satisfies Record<SiteKind['refers'], number>;

/** A unit with the lengths that its sites can have, wherever it comes to lie. */
export interface Bounded {
  readonly unit: Unit;
  readonly target: SiteEncoder;
  /** By symbol number. */
  readonly addresses: readonly Address[];
  readonly options: LayoutOptions;
  /** Upper bound of the image. */
  readonly bytes: number;
  /** Bytes of each site in its longest form. */
  readonly longest: Uint8Array;
  /** Number of call sites of each symbol. */
  readonly callSites: Int32Array;
  /** Bytes of each symbol's veneer, 0 where it gets none. */
  readonly veneerLength: Uint8Array;
  /** Label sites that do not reach when all other sites are longest, ascending. */
  readonly doubtful: Int32Array;
}

/** Branches that became long, in the order of promotion. */
export interface Promotions {
  readonly count: number;
  readonly site: Int32Array;
  readonly displacement: Int32Array;
  /** The walk, from 1, after which it was promoted. */
  readonly round: Int32Array;
}

/** Every site's form and place. Offsets are bytes from the image's start. */
export interface Settled {
  readonly bounded: Bounded;
  readonly base: Address;
  /** Bytes of the sites in front of each site; one entry more than sites. */
  readonly shift: Int32Array;
  /** FORM of each site. */
  readonly form: Uint8Array;
  /** Offset of each symbol's veneer, -1 where it has none. */
  readonly veneerAt: Int32Array;
  /** Bytes of code, and of code and veneers. */
  readonly codeBytes: number;
  readonly bytes: number;
  /** Walks that were needed: 1 where no branch became long. */
  readonly rounds: number;
  readonly promotions: Promotions;
}

/** The rows of a target's `sites` as columns. */
interface Columns {
  readonly refers: Uint8Array;
  readonly short: Uint8Array;
  readonly long: Uint8Array;
  /** Displacements from the site's start, bytes, inclusive. */
  readonly least: Float64Array;
  readonly most: Float64Array;
}

function columns(sites: readonly SiteKind[]): Columns {
  return {
    refers: Uint8Array.from(sites, (site) => REFERS[site.refers]),
    short: Uint8Array.from(sites, (site) => site.short),
    long: Uint8Array.from(sites, (site) => site.long),
    least: Float64Array.from(sites, (site) => site.min + site.bias),
    most: Float64Array.from(sites, (site) => site.max + site.bias),
  };
}

/** Counts every site in its longest form, and a veneer for each symbol with two or more call sites. */
export function bound(unit: Unit, target: SiteEncoder, addresses: readonly Address[], options: LayoutOptions = {}): Bounded {
  assert(addresses.length === unit.symbols.length, `${addresses.length} addresses for ${unit.symbols.length} symbols`);
  const { sites, siteKind, siteOperand, siteTarget } = unit;
  const { refers, short, long } = columns(target.sites);
  const longest = new Uint8Array(sites);
  const indirect = Uint8Array.from(addresses, (address) => target.indirectLength(address));
  const shift = new Int32Array(sites + 1);
  const callSites = new Int32Array(unit.symbols.length);
  let sum = 0;
  for (let site = 0; site < sites; site++) {
    shift[site] = sum;
    const kind = siteKind[site]!;
    let length: number;
    if (refers[kind] === REFERS.label) {
      assert(siteTarget[site]! < unit.labels, 'a label that the unit does not have');
      length = long[kind]!;
    } else if (refers[kind] === REFERS.padding) length = siteOperand[site]! - 1;
    else {
      const symbol = siteTarget[site]!;
      if (refers[kind] === REFERS.call) {
        callSites[symbol]!++;
        length = indirect[symbol]!;
        assert(length >= short[kind]!, 'an indirect call shorter than the direct one');
      } else length = target.valueLength(siteOperand[site]!, addresses[symbol]!);
    }
    longest[site] = length;
    sum += length;
  }
  shift[sites] = sum;
  const enough = options.forceVeneers === true ? 1 : options.forceLong === true ? Number.POSITIVE_INFINITY : 2;
  const veneerLength = Uint8Array.from(addresses, (address, symbol) => (callSites[symbol]! >= enough ? target.veneerLength(address) : 0));
  const bytes = unit.code.length + sum + veneerLength.reduce((all, length) => all + length, 0);
  return { unit, target, addresses, options, bytes, longest, callSites, veneerLength, doubtful: findDoubtful(unit, target, shift) };
}

function findDoubtful(unit: Unit, target: SiteEncoder, shift: Int32Array): Int32Array {
  const { sites, siteAt, siteKind, siteTarget, labelAt, labelSites } = unit;
  const { refers, short, long, least, most } = columns(target.sites);
  let found: Int32Array = new Int32Array(16);
  let count = 0;
  for (let site = 0; site < sites; site++) {
    const kind = siteKind[site]!;
    if (refers[kind] !== REFERS.label || long[kind] === short[kind]) continue;
    const label = siteTarget[site]!;
    const before = labelSites[label]!;
    let displacement = labelAt[label]! + shift[before]! - (siteAt[site]! + shift[site]!);
    // A label ahead is measured over the site itself, which is short while the question is open.
    if (before > site) displacement -= long[kind]! - short[kind]!;
    if (displacement >= least[kind]! && displacement <= most[kind]!) continue;
    if (count === found.length) found = enlarge(found);
    found[count++] = site;
  }
  return found.subarray(0, count);
}

/** Decides every site for an image at `base`. */
export function settle(bounded: Bounded, base: Address): Settled {
  const { target, options } = bounded;
  assert(bounded.bytes <= target.reach, `an image of ${bounded.bytes} bytes`);
  assert((base.lo >>> 0) % target.alignment === 0, 'an image that is not aligned');
  const draft = newDraft(bounded, base);
  const promotions = new PromotionList();
  let doubtful: Int32Array = options.forceLong === true ? new Int32Array(0) : bounded.doubtful.slice();
  let rounds = 0;
  for (let settled = false; !settled; ) {
    walk(draft);
    rounds++;
    const left = promote(draft, doubtful, rounds, promotions);
    settled = left.length === doubtful.length && !giveUpVeneers(draft, rounds);
    doubtful = left;
  }
  const { shift, form, veneerAt, codeBytes, bytes } = draft;
  return { bounded, base, shift, form, veneerAt, codeBytes, bytes, rounds, promotions };
}

/** What a walk reads and writes. */
interface Draft {
  readonly bounded: Bounded;
  readonly base: Address;
  readonly columns: Columns;
  /** From the base to each symbol, bytes; infinite where no direct call can go. */
  readonly distance: Float64Array;
  readonly shift: Int32Array;
  readonly form: Uint8Array;
  readonly veneerAt: Int32Array;
  /** 1: this call does not reach its symbol's veneer. Undefined while veneers are in reach from anywhere. */
  readonly noVeneer: Uint8Array | undefined;
  codeBytes: number;
  bytes: number;
}

function newDraft(bounded: Bounded, base: Address): Draft {
  const { unit, target, addresses, options } = bounded;
  const { sites, siteKind } = unit;
  const cols = columns(target.sites);
  const form = new Uint8Array(sites);
  for (let site = 0; site < sites; site++) {
    const kind = siteKind[site]!;
    if (cols.refers[kind] === REFERS.value) form[site] = FORM.value;
    else if (cols.refers[kind] === REFERS.padding) form[site] = FORM.padding;
    else if (options.forceLong === true && cols.refers[kind] === REFERS.label && cols.long[kind] !== cols.short[kind])
      form[site] = FORM.long;
  }
  const calls = target.sites.filter((site) => site.refers === 'call');
  const forced = options.forceVeneers === true || options.forceLong === true;
  const granule = Math.max(1, ...calls.map((site) => site.granule));
  return {
    bounded,
    base,
    columns: cols,
    distance: Float64Array.from(addresses, (address) =>
      forced || ((address.lo - base.lo) & (granule - 1)) !== 0 ? Number.POSITIVE_INFINITY : distanceBetween(base, address),
    ),
    shift: new Int32Array(sites + 1),
    form,
    veneerAt: new Int32Array(unit.symbols.length).fill(-1),
    noVeneer: calls.some((site) => site.max < bounded.bytes) ? new Uint8Array(sites) : undefined,
    codeBytes: 0,
    bytes: 0,
  };
}

function walk(draft: Draft): void {
  const { unit, longest, veneerLength } = draft.bounded;
  const { refers, short, long, least, most } = draft.columns;
  const { sites, siteAt, siteKind, siteOperand, siteTarget } = unit;
  const { base, distance, shift, form, veneerAt, noVeneer } = draft;
  veneerAt.fill(-1);
  let sum = 0;
  for (let site = 0; site < sites; site++) {
    shift[site] = sum;
    const kind = siteKind[site]!;
    if (refers[kind] === REFERS.label) {
      sum += form[site] === FORM.long ? long[kind]! : short[kind]!;
    } else if (refers[kind] === REFERS.call) {
      const symbol = siteTarget[site]!;
      const displacement = distance[symbol]! - (siteAt[site]! + sum);
      if (displacement >= least[kind]! && displacement <= most[kind]!) {
        form[site] = FORM.direct;
        sum += short[kind]!;
      } else if (veneerLength[symbol] !== 0 && noVeneer?.[site] !== 1) {
        form[site] = FORM.veneer;
        veneerAt[symbol] = 0;
        sum += short[kind]!;
      } else {
        form[site] = FORM.indirect;
        sum += longest[site]!;
      }
    } else if (refers[kind] === REFERS.padding) sum += -(base.lo + siteAt[site]! + sum) & (siteOperand[site]! - 1);
    else sum += longest[site]!;
  }
  shift[sites] = sum;
  draft.codeBytes = unit.code.length + sum;
  draft.bytes = draft.codeBytes;
  for (let symbol = 0; symbol < veneerAt.length; symbol++) {
    if (veneerAt[symbol] === -1) continue;
    veneerAt[symbol] = draft.bytes;
    draft.bytes += veneerLength[symbol]!;
  }
}

/** Makes those of `doubtful` long that do not reach, after too many rounds all, and returns the others. */
function promote(draft: Draft, doubtful: Int32Array, round: number, promotions: PromotionList): Int32Array {
  const { siteAt, siteKind, siteTarget, labelAt, labelSites } = draft.bounded.unit;
  const { least, most } = draft.columns;
  const { shift, form } = draft;
  const first = promotions.count;
  let left = 0;
  for (let i = 0; i < doubtful.length; i++) {
    const site = doubtful[i]!;
    const kind = siteKind[site]!;
    const label = siteTarget[site]!;
    const displacement = labelAt[label]! + shift[labelSites[label]!]! - (siteAt[site]! + shift[site]!);
    if (displacement >= least[kind]! && displacement <= most[kind]!) doubtful[left++] = site;
    else {
      form[site] = FORM.long;
      promotions.push(site, displacement, round);
    }
  }
  if (round < PATIENCE || promotions.count === first) return doubtful.subarray(0, left);
  for (let i = 0; i < left; i++) {
    const site = doubtful[i]!;
    const label = siteTarget[site]!;
    form[site] = FORM.long;
    promotions.push(site, labelAt[label]! + shift[labelSites[label]!]! - (siteAt[site]! + shift[site]!), round);
  }
  return doubtful.subarray(0, 0);
}

/** Calls that do not reach their veneer do without, for good. Whether there was one. */
function giveUpVeneers(draft: Draft, round: number): boolean {
  const { noVeneer, form, shift, veneerAt } = draft;
  if (noVeneer === undefined) return false;
  const { sites, siteAt, siteKind, siteTarget } = draft.bounded.unit;
  const { least, most } = draft.columns;
  let changed = false;
  for (let site = 0; site < sites; site++) {
    if (form[site] !== FORM.veneer) continue;
    const kind = siteKind[site]!;
    const displacement = veneerAt[siteTarget[site]!]! - (siteAt[site]! + shift[site]!);
    if (displacement >= least[kind]! && displacement <= most[kind]!) continue;
    noVeneer[site] = 1;
    changed = true;
  }
  if (changed && round >= PATIENCE) noVeneer.fill(1);
  return changed;
}

/** Grows as it is filled. */
class PromotionList implements Promotions {
  count = 0;
  site: Int32Array = new Int32Array(16);
  displacement: Int32Array = new Int32Array(16);
  round: Int32Array = new Int32Array(16);

  push(site: number, displacement: number, round: number): void {
    if (this.count === this.site.length) {
      this.site = enlarge(this.site);
      this.displacement = enlarge(this.displacement);
      this.round = enlarge(this.round);
    }
    this.site[this.count] = site;
    this.displacement[this.count] = displacement;
    this.round[this.count++] = round;
  }
}

function enlarge(array: Int32Array): Int32Array {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
