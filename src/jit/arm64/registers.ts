// Names and numbers of the general-purpose registers and the conditions [ArmARM "Registers in AArch64 Execution state"].

/** Number 31 is the stack pointer or the zero register, as the instruction's operand says. */
export const SP = 31;
export const ZR = 31;
/** Scratch registers that veneers may clobber [AAPCS64 "General-purpose registers"]. */
export const IP0 = 16;
export const IP1 = 17;
export const FP = 29;
export const LR = 30;

export function xName(register: number): string {
  return register === 31 ? 'xzr' : `x${register}`;
}

export function wName(register: number): string {
  return register === 31 ? 'wzr' : `w${register}`;
}

export function xNameOrSp(register: number): string {
  return register === 31 ? 'sp' : `x${register}`;
}

export function wNameOrSp(register: number): string {
  return register === 31 ? 'wsp' : `w${register}`;
}

/** Condition codes by number; each pair that differs in the low bit is inverse, except al and nv. */
export const CONDITIONS = ['eq', 'ne', 'hs', 'lo', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al', 'nv'] as const;
export type ConditionName = (typeof CONDITIONS)[number];

/** cond.eq = 0 ... cond.nv = 15. */
export const cond: Readonly<Record<ConditionName, number>> = Object.fromEntries(CONDITIONS.map((name, i) => [name, i])) as Record<
  ConditionName,
  number
>;

export function invert(condition: number): number {
  return condition ^ 1;
}

// N Z C V as bits 3 to 0.
function holds(condition: number, nzcv: number): boolean {
  const n = (nzcv >> 3) & 1;
  const z = (nzcv >> 2) & 1;
  const c = (nzcv >> 1) & 1;
  const v = nzcv & 1;
  const base = [z, c, n, v, c & ~z, n === v ? 1 : 0, (n === v ? 1 : 0) & ~z, 1][condition >> 1]! === 1;
  // Both al and nv always hold [ArmARM ConditionHolds].
  return condition >= 14 || base !== ((condition & 1) === 1);
}

/** `CONDITION_HOLDS[condition << 4 | nzcv]` is 1 where the condition holds. */
export const CONDITION_HOLDS: Uint8Array = Uint8Array.from({ length: 256 }, (_, i) => (holds(i >> 4, i & 15) ? 1 : 0));
