// Words of every form for the oracles: every field at its extremes with the others random, and random words.
import { FORMS, type Form } from '../../src/jit/arm64/forms.ts';
import type { Field } from '../../src/util/pattern.ts';
import { fits } from '../../src/util/pattern.ts';

/** xorshift32: the same words every time. */
export function randomWords(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

function put(word: number, field: Field, raw: number): number {
  let result = word;
  for (const { at, low, width } of field.pieces) {
    const mask = ((1 << width) - 1) << at;
    result = (result & ~mask) | (((raw >> low) << at) & mask);
  }
  return result;
}

/** Each field at 0, 1, the middle, one below the top and the top, others random, then `count` random ones; reserved words left out. */
export function wordsOf({ pattern }: Form, random: () => number, count: number): number[] {
  const words = new Set<number>();
  const { mask, value } = pattern.fixed;
  const add = (word: number): void => {
    if (fits(pattern, word)) words.add(word >>> 0);
  };
  const base = (): number => {
    let word = (random() & ~mask) | value;
    const sf = pattern.fields.get('sf');
    if (sf !== undefined) word = put(word, sf, random() & 1);
    return word;
  };
  for (const field of pattern.fields.values()) {
    const top = 2 ** field.width - 1;
    const middle = 2 ** (field.width - 1);
    for (const raw of [0, 1, middle - 1, middle, top - 1, top]) for (let i = 0; i < 12; i++) add(put(base(), field, raw));
  }
  for (const raw of [0, -1]) {
    let word = base();
    for (const field of pattern.fields.values()) word = put(word, field, raw);
    add(word);
  }
  // Aliases hang on equal and extreme fields, which random words seldom have.
  for (let i = 0; i < count; i++) {
    let word = base();
    for (const field of pattern.fields.values()) {
      const chance = (random() >>> 8) & 7;
      if (chance === 0) word = put(word, field, 0);
      else if (chance === 1) word = put(word, field, -1);
      else if (chance === 2 && field.name === 'Rm') word = put(word, field, (word >>> 5) & 31);
    }
    add(word);
  }
  return [...words];
}

export function allWords(random: () => number, count: number): number[] {
  return FORMS.flatMap((form) => wordsOf(form, random, count));
}
