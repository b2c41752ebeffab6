// Operands that a form must get right: each operand at its extremes while the others go round.
import { type Form, membersOf, type Operand } from '../../../src/jit/x64/forms.ts';
import { indexed, NO_BASE, RIP } from '../../../src/jit/x64/registers.ts';

export const REGISTERS: readonly number[] = Array.from({ length: 16 }, (_, i) => i);
const DISPLACEMENTS = [0, 1, -1, 127, 128, -128, -129, 2 ** 31 - 1, -(2 ** 31)];

const memory: readonly (readonly number[])[] = [
  ...REGISTERS.flatMap((base) => DISPLACEMENTS.map((disp) => [base, disp])),
  ...REGISTERS.filter((index) => index !== 4).flatMap((index) =>
    REGISTERS.flatMap((base) => [0, 1, 2, 3].map((scale) => [indexed(base, index, scale), DISPLACEMENTS[(base + index + scale) % 9]!])),
  ),
  ...REGISTERS.filter((index) => index !== 4).flatMap((index) => [0, 1, 2, 3].map((scale) => [indexed(NO_BASE, index, scale), scale << 6])),
  ...[0, 127, -(2 ** 31), 2 ** 31 - 1].flatMap((disp) => [
    [RIP, disp],
    [NO_BASE, disp],
  ]),
];

function valuesOf(operand: Operand): readonly (readonly number[])[] {
  switch (operand.kind) {
    case 'register':
      return REGISTERS.map((register) => [register]);
    case 'memory':
      return memory;
    case 'immediate': {
      if (operand.bytes === 8)
        return [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)].flatMap((lo) => [0, -1, 0x12345678, -(2 ** 31)].map((hi) => [lo, hi]));
      if (operand.reading === 'uimm') return [[0], [1], [31], [63], [128], [255]];
      // As decode gives them: words of 32 bits and simm with a sign, others without.
      const half = 2 ** (8 * operand.bytes - 1);
      const signed = operand.reading === 'simm' || operand.bytes === 4;
      return signed ? [[-half], [-1], [0], [1], [100], [half - 1]] : [[0], [1], [100], [half - 1], [half], [2 * half - 1]];
    }
    case 'relative':
      return operand.bytes === 1 ? [[-128], [-2], [0], [127]] : [[-(2 ** 31)], [-5], [0], [1000], [2 ** 31 - 1]];
    case 'fixed':
      return [[]];
    default:
      return operand satisfies never;
  }
}

/** All values of one operand after another; `memoryStep`: every how many-th memory operand (there are about a thousand). */
export function casesOf(form: Form, memoryStep = 1): number[][] {
  const members = membersOf(form).map((n) => (form.group === undefined ? [] : [n]));
  const lists = [members, ...form.operands.map(valuesOf)];
  const cases: number[][] = [];
  lists.forEach((list, varied) => {
    const step = list === memory ? memoryStep : 1;
    for (let i = 0; i < list.length; i += step) {
      cases.push(lists.flatMap((other, at) => (at === varied ? list[i]! : other[(i * 7 + at * 3) % other.length]!)));
    }
  });
  return cases;
}

/** A buffer to encode into. */
export function newBuffer(): { bytes: Uint8Array; length: number; reserve(size: number): void } {
  return {
    bytes: new Uint8Array(64),
    length: 0,
    reserve(size) {
      if (this.length + size <= this.bytes.length) return;
      const grown = new Uint8Array(this.bytes.length * 2 + size);
      grown.set(this.bytes);
      this.bytes = grown;
    },
  };
}
