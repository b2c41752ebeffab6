// A small deterministic random source: the same seed gives the same programs on every host.

export interface Random {
  /** 32 random bits, unsigned. */
  next(): number;
  /** 0 to n - 1. */
  below(n: number): number;
  /** True once in n. */
  oneIn(n: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** splitmix32: one 32-bit state, good enough to spread seeds that follow each other. */
export function random(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  return {
    next,
    below: (n) => next() % n,
    oneIn: (n) => next() % n === 0,
    pick: (items) => items[next() % items.length]!,
  };
}
