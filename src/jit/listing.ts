// What `dump` shows of an image: per slot the C line, the eBPF instruction and its machine code; and the passes that led to it, with
// the reason for the form of every call and branch. Data first, then its text.

import { printInstruction } from '../asm/print.ts';
import { KIND } from '../isa/code.ts';
import { sourceAt } from '../program/lines.ts';
import type { Program } from '../program/program.ts';
import { toHex } from '../util/bytes.ts';
import { assert, type SourcePosition, unreachable } from '../util/error.ts';
import { addressPlus, addressToBigint, printAddress } from './address.ts';
import { type Call, calls, type Image, offsetOfSite, PROLOGUE, STUBS, slotAt } from './image.ts';
import { FORM } from './layout.ts';
import type { Target } from './target.ts';
import type { SymbolRef } from './unit.ts';

/** `offset`: bytes into the image; `hex`: in memory order. */
export interface ListedInstruction {
  readonly offset: number;
  readonly hex: string;
  readonly text: string;
}

/** A stretch of code that belongs to one slot; PROLOGUE and STUBS belong to none. In code order: a slot may come again. */
export interface ListedSlot {
  readonly slot: number;
  readonly bpf: string;
  readonly line?: SourcePosition;
  readonly code: readonly ListedInstruction[];
}

export interface ListedCall {
  readonly slot: number;
  readonly helper: string;
  readonly form: Call['form'];
  /** Of the branch instruction itself, bytes into the image. */
  readonly at: number;
  readonly target: string;
}

export interface ListedPromotion {
  readonly slot: number;
  /** The branch's place in the final image. */
  readonly at: number;
  readonly branch: string;
  /** Bytes before and after. */
  readonly from: number;
  readonly to: number;
  /** What the short form would have had to span when it was promoted, and after which walk that was. */
  readonly displacement: number;
  readonly round: number;
}

/** `dump --json`. Addresses are hex strings. */
export interface Dump {
  readonly program: string;
  readonly target: string;
  readonly base: string;
  /** Bytes of machine code; eBPF instructions. */
  readonly bytes: number;
  readonly insns: number;
  readonly calls: readonly ListedCall[];
  readonly rounds: number;
  readonly promotions: readonly ListedPromotion[];
  readonly listing: readonly ListedSlot[];
}

export function dump(program: Program, image: Image, target: Target): Dump {
  return {
    program: program.name,
    target: image.target,
    base: printAddress(image.base),
    bytes: image.size,
    insns: program.code.kind.reduce((n, kind) => n + (kind === KIND.second ? 0 : 1), 0),
    calls: calls(image).map(({ slot, symbol, form, at, address }) => ({
      slot,
      helper: symbolName(symbol),
      form,
      at,
      target: printAddress(address),
    })),
    rounds: image.settled.rounds,
    promotions: promotionsOf(image),
    listing: listingOf(program, image, target),
  };
}

/** A symbol as people know it. */
export function symbolName(symbol: SymbolRef): string {
  switch (symbol.kind) {
    case 'helper':
    case 'kfunc':
    case 'routine':
      return symbol.name;
    case 'map':
      return `map ${symbol.index}`;
    case 'mapValue':
      return `map ${symbol.index} + ${symbol.offset}`;
    case 'function':
      return `function at slot ${symbol.slot}`;
    case 'functions':
      return 'table of functions';
    default:
      return unreachable(symbol);
  }
}

export function listingOf(program: Program, image: Image, target: Target): ListedSlot[] {
  const names = { label: (slot: number): string => `L${slot}`, map: (index: number): string | undefined => program.maps[index]?.name };
  const { bytes, size, base, rangeSlot, rangeAt } = image;
  const list: ListedSlot[] = [];
  for (let range = 0; range < rangeSlot.length; range++) {
    const slot = rangeSlot[range]!;
    const end = rangeAt[range + 1] ?? size;
    const code: ListedInstruction[] = [];
    for (let offset = rangeAt[range]!; offset < end; ) {
      const { text, length } = target.printAt(bytes, offset, base);
      assert(length > 0, `an instruction of ${length} bytes`);
      code.push({ offset, hex: toHex(bytes.subarray(offset, offset + length)), text });
      offset += length;
    }
    if (code.length === 0 && (slot < 0 || program.code.kind[slot] === KIND.second)) continue;
    const line = slot < 0 ? undefined : sourceAt(program, slot);
    const bpf = slot === PROLOGUE ? 'prologue' : slot === STUBS ? 'stubs' : printInstruction(program.code, slot, names);
    list.push({ slot, bpf, ...(line === undefined ? {} : { line }), code });
  }
  return list;
}

function promotionsOf(image: Image): ListedPromotion[] {
  const { bounded, promotions } = image.settled;
  const { unit, target } = bounded;
  return Array.from(promotions.site.subarray(0, promotions.count), (site, i) => {
    const kind = target.sites[unit.siteKind[site]!]!;
    const at = offsetOfSite(image.settled, site);
    const displacement = promotions.displacement[i]!;
    return { slot: slotAt(image, at), at, branch: kind.name, from: kind.short, to: kind.long, displacement, round: promotions.round[i]! };
  });
}

/** C line, eBPF instruction, machine code; calls with their callee. */
export function printListing(image: Image, listing: readonly ListedSlot[]): string {
  const notes = notesOf(image);
  const lines: string[] = [];
  let shown: SourcePosition | undefined;
  for (const { slot, bpf, line, code } of listing) {
    if (line !== undefined && (line.file !== shown?.file || line.line !== shown.line)) {
      lines.push(`; ${line.file}:${line.line}${line.text === undefined ? '' : `  ${line.text.trim()}`}`);
      shown = line;
    }
    lines.push(slot < 0 ? `      ${bpf}` : `${String(slot).padStart(4)}: ${bpf}`);
    for (const { offset, hex, text } of code) {
      const note = notes.get(offset);
      const bytes = hex.replace(/..(?=.)/g, '$& ').padEnd(image.target === 'arm64' ? 11 : 29);
      lines.push(`      ${offset.toString(16).padStart(4, '0')}  ${bytes}  ${text}${note === undefined ? '' : `  ; ${note}`}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What to say beside the instruction at an offset. */
function notesOf(image: Image): Map<number, string> {
  const notes = new Map(calls(image).map(({ at, symbol, form }) => [at, `${symbolName(symbol)}, ${form}`]));
  const { veneerAt, bounded } = image.settled;
  veneerAt.forEach((at, symbol) => {
    if (at !== -1) notes.set(at, `veneer: ${symbolName(bounded.unit.symbols[symbol]!)}`);
  });
  return notes;
}

/** The passes in their order, with every decision: `dump --passes`. */
export function printPasses(image: Image): string {
  const { bounded, base, bytes, codeBytes, rounds, form } = image.settled;
  const { unit, veneerLength, doubtful } = bounded;
  const veneers = veneerLength.reduce((n, length) => n + (length > 0 ? 1 : 0), 0);
  const veneerBytes = veneerLength.reduce((n, length) => n + length, 0);
  const siteBytes = bounded.bytes - unit.code.length - veneerBytes;
  const lines = [
    `lower     ${count(unit.code.length, 'byte')} of fixed code, ${count(unit.sites, 'site')}, ${count(unit.symbols.length, 'symbol')}`,
    `bound     ${count(bounded.bytes, 'byte')}: sites in their longest form ${siteBytes}, ${count(veneers, 'veneer')} ${veneerBytes}; ${count(doubtful.length, 'branch', 'branches')} in doubt`,
    `allocate  ${printAddress(base)} to ${printAddress(addressPlus(base, bounded.bytes))}`,
    `settle    ${count(rounds, 'walk')}, ${count(bytes - codeBytes, 'byte')} of veneers`,
  ];
  for (const { slot, at, branch, from, to, displacement, round } of promotionsOf(image))
    lines.push(
      `  walk ${round}: ${placeOf(slot)} ${branch} at ${hex(at)} spans ${signedBytes(BigInt(displacement))}: ${from} bytes become ${to}`,
    );
  for (const call of calls(image))
    lines.push(`  ${placeOf(call.slot)} ${symbolName(call.symbol)} at ${hex(call.at)}: ${reason(image, call)}`);
  const long = form.reduce((n, one) => n + (one === FORM.long ? 1 : 0), 0);
  lines.push(`emit      ${count(bytes, 'byte')}, ${long} long, the other ${bounded.bytes - bytes} of the room are traps`);
  return lines.map((line) => `${line}\n`).join('');
}

function reason(image: Image, { form, address, site }: Call): string {
  const { bounded, base } = image.settled;
  const kind = bounded.target.sites[bounded.unit.siteKind[site]!]!;
  const start = offsetOfSite(image.settled, site);
  const distance = BigInt.asIntN(64, addressToBigint(address) - addressToBigint(base) - BigInt(start));
  const far = `${printAddress(address)} is ${signedBytes(distance)} away`;
  const reach = `${signedBytes(BigInt(kind.min + kind.bias))} to ${signedBytes(BigInt(kind.max + kind.bias))}`;
  if (form === 'direct') return `direct, ${far}, in reach (${reach})`;
  const symbol = bounded.unit.siteTarget[site]!;
  const { forceVeneers = false, forceLong = false } = bounded.options;
  const why = forceVeneers || forceLong ? 'forced' : distance % BigInt(kind.granule) !== 0n ? 'not aligned' : `out of reach (${reach})`;
  if (form === 'veneer') return `veneer at ${hex(image.settled.veneerAt[symbol]!)}, ${far}, ${why}`;
  const sites = bounded.callSites[symbol]!;
  return `indirect, ${far}, ${why}${sites === 1 ? ', its only call' : ''}`;
}

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
const hex = (n: number): string => `0x${n.toString(16)}`;
const placeOf = (slot: number): string => (slot === PROLOGUE ? 'prologue' : slot === STUBS ? 'stubs' : `slot ${slot}`);

/** +0x7fffffc: sign and hex, as branches are thought of. */
function signedBytes(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `+0x${value.toString(16)}`;
}
