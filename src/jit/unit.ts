// The lowered program before its place is known: fixed code with variable sites. `layout.ts` settles it at a base address.
import { HELPERS } from '../spec/helpers.ts';

/** What code refers to outside its own image. Interned by the assembler; resolved to 64-bit addresses at layout. */
export type SymbolRef =
  /** A helper of the program, as a callee in the `bpf` convention (arguments and R0 in place). */
  | { readonly kind: 'helper'; readonly id: number; readonly name: string }
  | { readonly kind: 'kfunc'; readonly name: string }
  /** A runtime routine, callee in the `bpf` convention. */
  | { readonly kind: 'routine'; readonly name: string }
  /** The window offset of a map's descriptor (what lddw map gives). */
  | { readonly kind: 'map'; readonly index: number }
  /** The window offset of byte `offset` of a map's storage (globals: lddw map value; inlined array lookups). */
  | { readonly kind: 'mapValue'; readonly index: number; readonly offset: number }
  /** A code handle for the subprogram that starts at `slot`. */
  | { readonly kind: 'function'; readonly slot: number }
  /** The native address of the program's table of code addresses by handle; its length (uint64) lies before it. */
  | { readonly kind: 'functions' };

/** How a site's bytes depend on where things are. A target has a table of these; `Unit.siteKind` indexes it. */
export interface SiteKind {
  readonly name: string;
  /**
   * label: a place in this image, short form while in reach, else long, for good;
   * call: a symbol, direct while in reach, else through a veneer or indirect in place;
   * value: a symbol's value moved to a register, length known once the symbol is;
   * padding: to nothing, as many bytes as bring what follows to a multiple of the operand (a power of 2, at most 128).
   */
  readonly refers: 'label' | 'call' | 'value' | 'padding';
  /** Bytes of the short or direct form. */
  readonly short: number;
  /** Bytes of the long form (labels); equal to `short`: the only form, which reaches everywhere. Calls and values ask the target. */
  readonly long: number;
  /** Displacements that the short form encodes, bytes, both inclusive, from the start of the site plus `bias`. */
  readonly min: number;
  readonly max: number;
  /** Displacements are multiples of this (arm64: 4); a symbol elsewhere cannot be called directly. */
  readonly granule: number;
  /** Bytes from the site's start to the point the machine measures from, short form (x86: the end). */
  readonly bias: number;
}

/**
 * Fixed bytes plus sites, in code order. A position in a unit is a pair (fixed offset, number of sites before it); its address
 * once settled is base + fixed offset + the lengths of those sites.
 */
export interface Unit {
  readonly target: string;
  /** Fixed code, without the bytes of sites. */
  readonly code: Uint8Array;
  readonly sites: number;
  /** Fixed offset at which the site stands; ascending. */
  readonly siteAt: Int32Array;
  readonly siteKind: Uint8Array;
  /** Register, condition, bit: as the target packs it. */
  readonly siteOperand: Int32Array;
  /** Label number or symbol number. */
  readonly siteTarget: Int32Array;
  readonly labels: number;
  readonly labelAt: Int32Array;
  readonly labelSites: Int32Array;
  readonly symbols: readonly SymbolRef[];
  /** Which eBPF slot code belongs to: mark i holds from its position to mark i+1. Slot -1: prologue, -2: stubs at the end. */
  readonly marks: number;
  readonly markSlot: Int32Array;
  readonly markAt: Int32Array;
  readonly markSites: Int32Array;
  /** Label number of each subprogram's entry. */
  readonly entries: Int32Array;
  /** Label number of the place that tail calls of other programs enter at. */
  readonly tailEntry: number;
}

const helperSymbols = new Map(HELPERS.map(({ id, name }): [number, SymbolRef] => [id, { kind: 'helper', id, name: `bpf_${name}` }]));

/** Helpers that the kernel does not have are named by their number. */
export function helperSymbol(id: number): SymbolRef {
  return helperSymbols.get(id) ?? { kind: 'helper', id, name: `helper ${id}` };
}
