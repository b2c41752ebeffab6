// Collects a unit: appends fixed code, sites, labels and slot marks. Lowering is its only user.
import { assert, unreachable } from '../util/error.ts';
import type { SymbolRef, Unit } from './unit.ts';

const UNBOUND = -1;

/** Invariant: site and mark positions ascend; `length` never passes the buffer (callers of `bytes` call `reserve` first). */
export class Assembler {
  /** Write at `length` after `reserve`, then advance `length`; or use `word`/`byte`. Replaced when it grows. */
  bytes: Uint8Array;
  length = 0;
  #words: Int32Array;
  #siteAt: Int32Array;
  #siteKind: Uint8Array;
  #siteOperand: Int32Array;
  #siteTarget: Int32Array;
  #sites = 0;
  #labelAt: Int32Array;
  #labelSites: Int32Array;
  #labels = 0;
  #markSlot: Int32Array;
  #markAt: Int32Array;
  #markSites: Int32Array;
  #marks = 0;
  readonly #symbols: SymbolRef[] = [];
  readonly #symbolIds: Record<SymbolRef['kind'], Map<number | string, number>> = {
    helper: new Map(),
    kfunc: new Map(),
    routine: new Map(),
    map: new Map(),
    mapValue: new Map(),
    function: new Map(),
    functions: new Map(),
  };
  readonly #entries: number[] = [];

  /** `slots`: length of the program, for the first size of the arrays. */
  constructor(slots: number) {
    this.bytes = new Uint8Array(64 + slots * 16);
    this.#words = new Int32Array(this.bytes.buffer);
    const sites = 16 + (slots >> 2);
    const marks = slots + 16;
    // One allocation: most programs need no more.
    const columns = new ArrayBuffer(4 * (5 * sites + 3 * marks) + sites);
    this.#siteAt = new Int32Array(columns, 0, sites);
    this.#siteOperand = new Int32Array(columns, 4 * sites, sites);
    this.#siteTarget = new Int32Array(columns, 8 * sites, sites);
    this.#labelAt = new Int32Array(columns, 12 * sites, sites).fill(UNBOUND);
    this.#labelSites = new Int32Array(columns, 16 * sites, sites);
    this.#markSlot = new Int32Array(columns, 20 * sites, marks);
    this.#markAt = new Int32Array(columns, 20 * sites + 4 * marks, marks);
    this.#markSites = new Int32Array(columns, 20 * sites + 8 * marks, marks);
    this.#siteKind = new Uint8Array(columns, 20 * sites + 12 * marks, sites);
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, (this.length + size + 7) & ~7));
    grown.set(this.bytes);
    this.bytes = grown;
    this.#words = new Int32Array(grown.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends a 32-bit word; the length must be a multiple of 4 (fixed-width targets append nothing else). */
  word(value: number): void {
    if (this.length + 4 > this.bytes.length) this.reserve(4);
    this.#words[this.length >> 2] = value;
    this.length += 4;
  }

  newLabel(): number {
    return this.newLabels(1);
  }

  /** `count` labels with consecutive numbers; the first is returned. */
  newLabels(count: number): number {
    const first = this.#labels;
    this.#labels += count;
    const old = this.#labelAt.length;
    if (this.#labels > old) {
      this.#labelAt = grow(this.#labelAt, this.#labels).fill(UNBOUND, old);
      this.#labelSites = grow(this.#labelSites, this.#labels);
    }
    return first;
  }

  bind(label: number): void {
    assert(this.#labelAt[label] === UNBOUND, `label ${label} bound twice`);
    this.#labelAt[label] = this.length;
    this.#labelSites[label] = this.#sites;
  }

  isBound(label: number): boolean {
    return this.#labelAt[label] !== UNBOUND;
  }

  /** Appends a site of the target's kind number `kind` that refers to a label or a symbol. */
  site(kind: number, operand: number, target: number): void {
    if (this.#sites === this.#siteAt.length) {
      this.#siteAt = grow(this.#siteAt);
      this.#siteKind = grow(this.#siteKind);
      this.#siteOperand = grow(this.#siteOperand);
      this.#siteTarget = grow(this.#siteTarget);
    }
    const i = this.#sites++;
    this.#siteAt[i] = this.length;
    this.#siteKind[i] = kind;
    this.#siteOperand[i] = operand;
    this.#siteTarget[i] = target;
  }

  /** The number of a symbol; equal references share one. */
  symbol(ref: SymbolRef): number {
    const ids = this.#symbolIds[ref.kind];
    const key = symbolKey(ref);
    let id = ids.get(key);
    if (id === undefined) {
      id = this.#symbols.length;
      this.#symbols.push(ref);
      ids.set(key, id);
    }
    return id;
  }

  /** The code from here on belongs to eBPF slot `slot` (-1 prologue, -2 stubs). */
  mark(slot: number): void {
    if (this.#marks === this.#markSlot.length) {
      this.#markSlot = grow(this.#markSlot);
      this.#markAt = grow(this.#markAt);
      this.#markSites = grow(this.#markSites);
    }
    const i = this.#marks++;
    this.#markSlot[i] = slot;
    this.#markAt[i] = this.length;
    this.#markSites[i] = this.#sites;
  }

  /** Binds the entry of the next subprogram here. */
  entry(label: number): void {
    this.bind(label);
    this.#entries.push(label);
  }

  /** `tailEntry`: label of the place that tail calls enter at; -1: the first function's entry. */
  finish(target: string, tailEntry: number = UNBOUND): Unit {
    for (let label = 0; label < this.#labels; label++) assert(this.#labelAt[label] !== UNBOUND, `label ${label} is not bound`);
    return {
      target,
      code: this.bytes.subarray(0, this.length),
      sites: this.#sites,
      siteAt: this.#siteAt,
      siteKind: this.#siteKind,
      siteOperand: this.#siteOperand,
      siteTarget: this.#siteTarget,
      labels: this.#labels,
      labelAt: this.#labelAt,
      labelSites: this.#labelSites,
      symbols: this.#symbols,
      marks: this.#marks,
      markSlot: this.#markSlot,
      markAt: this.#markAt,
      markSites: this.#markSites,
      entries: Int32Array.from(this.#entries),
      tailEntry: tailEntry === UNBOUND ? this.#entries[0]! : tailEntry,
    };
  }
}

function grow<T extends Int32Array | Uint8Array>(array: T, needed = 0): T {
  const grown = new (array.constructor as new (length: number) => T)(Math.max(array.length * 2, needed));
  grown.set(array);
  return grown;
}

/** Tells references of one kind apart. */
function symbolKey(ref: SymbolRef): number | string {
  switch (ref.kind) {
    case 'helper':
      return ref.id;
    case 'kfunc':
    case 'routine':
      return ref.name;
    case 'map':
      return ref.index;
    case 'mapValue':
      return ref.index * 2 ** 32 + (ref.offset >>> 0);
    case 'function':
      return ref.slot;
    case 'functions':
      return 0;
    default:
      return unreachable(ref);
  }
}
