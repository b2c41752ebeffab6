// What a word becomes when it is translated: an action with four operands. Shared by the tables of meanings.
//
// Register operands are positions of low halves in `machine.r`. Actions read all sources before they write, since they may be the same register.
import type { FormName } from '../forms.ts';
import { type Machine, SINK_SLOT, SP_SLOT, ZERO_SLOT } from './machine.ts';

export type Action = (m: Machine, a: number, b: number, c: number, d: number) => void;
export type Step = readonly [action: Action, a?: number, b?: number, c?: number, d?: number];

/** A word about to be translated: its fields by name, and where it stands. */
export interface Site {
  /** The value of a field, in the encoder's units. */
  field(name: string): number;
  readonly word: number;
  readonly pcLo: number;
  readonly pcHi: number;
  /** Index of the word in its code area, and the area's length in words. */
  readonly index: number;
  readonly words: number;
}

/** Forms by name, with the translation of a word of that form. */
export type Meanings = Readonly<Partial<Record<FormName, (site: Site) => Step>>>;

export const TWO32: number = 2 ** 32;

export function source(site: Site, name: string): number {
  return slot(site.field(name), ZERO_SLOT);
}

export function destination(site: Site, name: string): number {
  return slot(site.field(name), SINK_SLOT);
}

export function orSp(site: Site, name: string): number {
  return slot(site.field(name), SP_SLOT);
}

function slot(register: number, for31: number): number {
  return register === 31 ? for31 : 2 * register;
}

export function setResult(m: Machine, a: number): void {
  m.r[a] = m.lo;
  m.r[a + 1] = m.hi;
}

export function setLow(m: Machine, a: number, value: number): void {
  m.r[a] = value;
  m.r[a + 1] = 0;
}

/** Forms Rd, Rn, Rm with sf. */
export function fromRegisters(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [site.field('sf') === 0 ? narrow : wide, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rm')];
}

export function fromOne(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [site.field('sf') === 1 ? wide : narrow, destination(site, 'Rd'), source(site, 'Rn')];
}

export function fromFour(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [
    site.field('sf') === 1 ? wide : narrow,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    source(site, 'Rm'),
    source(site, 'Ra'),
  ];
}

/** The address at a displacement from the word. */
export function displaced(site: Site, displacement: number): [lo: number, hi: number] {
  const low = (site.pcLo >>> 0) + displacement;
  return [low | 0, (site.pcHi + Math.floor(low / TWO32)) | 0];
}

export const moveX: Action = (m, a, _b, c) => {
  const r = m.r;
  const hi = r[c + 1]!;
  r[a] = r[c]!;
  r[a + 1] = hi;
};
