// Several instructions that one machine instruction does: rotations written as two shifts, an AND for the sake of a branch.
import { ALU, COND, type Code, KIND } from '../../isa/code.ts';
import type { Facts } from '../../program/facts.ts';

/** d = x rotated left by `by`, in `size` bits, done by `slots` instructions. */
export interface Rotation {
  slots: number;
  d: number;
  x: number;
  by: number;
  size: number;
}

/**
 * Whether the instructions from `slot` on, all before `end`, are t = x; t >>= a; d = x; d <<= b; d |= t, where a + b is the width and t is
 * dead behind them. The shifts may change places, x may be d (without the second copy), and the result may be t instead of d.
 */
export function findRotation(code: Code, facts: Facts, slot: number, end: number, found: Rotation): boolean {
  const { kind, op, size, dst, src, x, imm } = code;
  if (slot + 3 >= end || kind[slot] !== KIND.alu || op[slot] !== ALU.mov || x[slot] !== 1) return false;
  const t = dst[slot]!;
  const from = src[slot]!;
  const first = slot + 1;
  if (t === from || kind[first] !== KIND.alu || dst[first] !== t || x[first] !== 0) return false;
  const isLeftFirst = op[first] === ALU.lsh;
  if (!isLeftFirst && op[first] !== ALU.rsh) return false;
  const bits = size[first]!;
  if (bits === 64 && size[slot] !== 64) return false;
  let at = slot + 2;
  let d = from;
  if (kind[at] === KIND.alu && op[at] === ALU.mov) {
    if (x[at] !== 1 || src[at] !== from || dst[at] === t || (bits === 64 && size[at] !== 64)) return false;
    d = dst[at]!;
    at++;
  }
  const last = at + 1;
  if (last >= end || kind[at] !== KIND.alu || dst[at] !== d || x[at] !== 0 || size[at] !== bits) return false;
  if (op[at] !== (isLeftFirst ? ALU.rsh : ALU.lsh)) return false;
  const by = (isLeftFirst ? imm[first]! : imm[at]!) & (bits - 1);
  const back = (isLeftFirst ? imm[at]! : imm[first]!) & (bits - 1);
  if (by + back !== bits) return false;
  if (kind[last] !== KIND.alu || size[last] !== bits || x[last] !== 1) return false;
  if (op[last] !== ALU.or && op[last] !== ALU.xor && op[last] !== ALU.add) return false;
  const result = dst[last]!;
  const other = src[last]!;
  if (!((result === d && other === t) || (result === t && other === d))) return false;
  const after = facts.liveOut[last]!;
  if ((after >> other) & 1 || ((after >> result) & 1) === 0) return false;
  found.slots = last + 1 - slot;
  found.d = result;
  found.x = from;
  found.by = by;
  found.size = bits;
  return true;
}

/** The AND at `slot` and the branch behind it, which is all that wants to know of its result whether it is 0. */
export function isTest(code: Code, facts: Facts, slot: number, end: number): boolean {
  const { kind, op, dst, x, imm } = code;
  const next = slot + 1;
  if (next >= end || kind[slot] !== KIND.alu || op[slot] !== ALU.and || kind[next] !== KIND.branch) return false;
  const isEquality = op[next] === COND.eq || op[next] === COND.ne;
  return isEquality && dst[next] === dst[slot] && x[next] === 0 && imm[next] === 0 && ((facts.liveOut[next]! >> dst[slot]!) & 1) === 0;
}
