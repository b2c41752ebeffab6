// What conditions of eBPF branches become when their operands change. For every target.
import { COND } from '../isa/code.ts';

/** The condition with its operands exchanged. */
export const MIRROR: Uint8Array = Uint8Array.from({ length: 16 }, (_, op) => op);
/** Signed conditions on values that are not negative. */
export const UNSIGNED: Uint8Array = Uint8Array.from({ length: 16 }, (_, op) => op);
for (const [a, b] of [
  [COND.gt, COND.lt],
  [COND.ge, COND.le],
  [COND.sgt, COND.slt],
  [COND.sge, COND.sle],
] as const) {
  MIRROR[a] = b;
  MIRROR[b] = a;
}
UNSIGNED[COND.sgt] = COND.gt;
UNSIGNED[COND.sge] = COND.ge;
UNSIGNED[COND.slt] = COND.lt;
UNSIGNED[COND.sle] = COND.le;
