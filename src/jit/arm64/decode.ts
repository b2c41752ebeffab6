// From a word to its form: a table over bits 31 to 21, whose entries list the few forms that share them. Never throws.
import { assert } from '../../util/error.ts';
import { extractor, fits } from '../../util/pattern.ts';
import { FORMS } from './forms.ts';

const KEY_SHIFT = 21;
const KEYS = 1 << (32 - KEY_SHIFT);

function candidates(): Uint8Array[] {
  const lists: number[][] = Array.from({ length: KEYS }, () => []);
  assert(FORMS.length <= 256, 'form numbers do not fit a byte');
  FORMS.forEach(({ pattern }, number) => {
    const mask = pattern.fixed.mask >>> KEY_SHIFT;
    const value = pattern.fixed.value >>> KEY_SHIFT;
    // All keys that agree with the form's fixed bits: the subsets of its free bits.
    const free = ~mask & (KEYS - 1);
    for (let subset = free; ; subset = (subset - 1) & free) {
      lists[value | subset]!.push(number);
      if (subset === 0) break;
    }
  });
  return lists.map((list) => Uint8Array.from(list));
}

const byKey = candidates();

/** The number of the word's form (its place in FORMS), or -1. */
export function decode(word: number): number {
  const list = byKey[word >>> KEY_SHIFT]!;
  for (let i = 0; i < list.length; i++) if (fits(FORMS[list[i]!]!.pattern, word)) return list[i]!;
  return -1;
}

/** By form number: readers of its fields by name, in the units of the encoder's operands. */
export const FIELDS: readonly Readonly<Record<string, (word: number) => number>>[] = FORMS.map(({ pattern, operands }) =>
  Object.fromEntries(operands.map((name) => [name, extractor(pattern, name)])),
);

/** The operands that make the encoder of `form` give `word` back. */
export function operandsOf(form: number, word: number): number[] {
  return FORMS[form]!.operands.map((name) => FIELDS[form]![name]!(word));
}
