// Conditional branches: the shortest comparison, and the condition that goes with it.
import { COND, type Code } from '../../isa/code.ts';
import { HOLDS, type Walker } from '../../program/facts.ts';
import { MIRROR, UNSIGNED } from '../conditions.ts';
import { enc } from './encode.ts';
import { ALU, BIT, CC } from './forms.ts';
import { alu, aluImmediate, moveConstant } from './immediates.ts';
import { REG } from './registers.ts';
import { P, type Values } from './values.ts';

const test32 = enc['test r32, r32'];
const test64 = enc['test r64, r64'];

/** Condition codes by COND; `set` compares with TEST. */
const CODE: Uint8Array = new Uint8Array(16);
CODE[COND.eq] = CC.e;
CODE[COND.ne] = CC.ne;
CODE[COND.gt] = CC.a;
CODE[COND.ge] = CC.ae;
CODE[COND.lt] = CC.b;
CODE[COND.le] = CC.be;
CODE[COND.sgt] = CC.g;
CODE[COND.sge] = CC.ge;
CODE[COND.slt] = CC.l;
CODE[COND.sle] = CC.le;
CODE[COND.set] = CC.ne;

/** x > c is x >= c + 1, and so on. */
const NEIGHBOUR: Uint8Array = new Uint8Array(16);
for (const [strict, other] of [
  [COND.gt, COND.ge],
  [COND.lt, COND.le],
  [COND.sgt, COND.sge],
  [COND.slt, COND.sle],
] as const) {
  NEIGHBOUR[strict] = other;
  NEIGHBOUR[other] = strict;
}

/** Writes the comparison of the branch at `slot`; the condition code with which it is taken. */
export function compare(v: Values, walker: Walker, code: Code, slot: number): number {
  let op = code.op[slot]!;
  let d = code.dst[slot]!;
  let s = code.x[slot] === 1 ? code.src[slot]! : -1;
  let sf = code.size[slot] === 64 ? 1 : 0;
  let known = s < 0 || walker.holds[s] === HOLDS.constant;
  let lo = s >= 0 ? walker.lo[s]! : code.imm[slot]!;
  let hi = s >= 0 ? walker.hi[s]! : lo >> 31;
  if (!known && walker.holds[d] === HOLDS.constant) {
    known = true;
    lo = walker.lo[d]!;
    hi = walker.hi[d]!;
    [d, s] = [s, d];
    op = MIRROR[op]!;
  }
  if (sf === 1 && v.isNarrow(d) && (known ? hi === 0 : v.isNarrow(s))) {
    sf = 0;
    op = UNSIGNED[op]!;
  }
  if (!known) {
    if (op === COND.set) return testRegister(v, sf, d, s);
    const y = v.operand(s, sf);
    alu(v.asm, ALU.cmp, sf, v.operand(d, sf), y);
    return CODE[op]!;
  }
  if (op === COND.set) return testConstant(v, sf, d, hi, lo);
  return compareConstant(v, op, sf, d, s, hi, lo);
}

/** Compares d & s with 0. */
export function testRegister(v: Values, sf: number, d: number, s: number): number {
  const y = v.operand(s, sf);
  (sf === 1 ? test64 : test32)(v.asm, v.operand(d, sf), y);
  return CC.ne;
}

/** Compares d & hi:lo with 0. */
export function testConstant(v: Values, sf: number, d: number, hi: number, lo: number): number {
  const { asm } = v;
  const high = sf === 1 ? hi : 0;
  if (high === 0) {
    const m = v.low(d);
    if (lo === -1) test32(asm, m, m);
    else if (lo > 0 && lo <= 0xff) (m === REG.rax ? testAl : enc['test r8, imm8'])(asm, m, lo);
    else if (lo !== 0 && (lo & (lo - 1)) === 0) {
      enc['BIT r32, uimm8'](asm, BIT.bt, m, 31 - Math.clz32(lo));
      return CC.b;
    } else if (m === REG.rax) enc['test eax, imm32'](asm, lo);
    else enc['test r32, imm32'](asm, m, lo);
    return CC.ne;
  }
  const m = v.full(d);
  if (lo === 0 && (hi & (hi - 1)) === 0) {
    enc['BIT r64, uimm8'](asm, BIT.bt, m, 63 - Math.clz32(hi));
    return CC.b;
  }
  if (hi === -1 && lo === -1) test64(asm, m, m);
  else if (hi === lo >> 31) {
    if (m === REG.rax) enc['test rax, simm32'](asm, lo);
    else enc['test r64, simm32'](asm, m, lo);
  } else test64(asm, m, constant(v, hi, lo));
  return CC.ne;
}

const testAl = (asm: Values['asm'], _al: number, imm: number): void => enc['test al, imm8'](asm, imm);

function constant(v: Values, hi: number, lo: number): number {
  const m = v.scratch();
  moveConstant(v.asm, m, hi, lo);
  return m;
}

function compareConstant(v: Values, first: number, sf: number, d: number, s: number, hi: number, lo: number): number {
  const { asm } = v;
  let op = first;
  const isEquality = op === COND.eq || op === COND.ne;
  const isShort = sf === 0 || hi === lo >> 31;
  // b + k == c: compare b with c - k.
  if (isEquality && isShort && v.kind[d] === P.sum && v.lo[d] !== 0 && (sf === 0 || v.wide[d] === 1)) {
    const difference = lo - v.lo[d]!;
    if (difference === (difference | 0)) {
      const m = v.home(v.base[d]!);
      if (difference === 0) (sf === 1 ? test64 : test32)(asm, m, m);
      else aluImmediate(asm, ALU.cmp, sf, m, difference);
      return CODE[op]!;
    }
  }
  const m = v.operand(d, sf);
  if (lo === 0 && (sf === 0 || hi === 0)) {
    (sf === 1 ? test64 : test32)(asm, m, m);
    return CODE[op]!;
  }
  if (isShort) {
    let by = lo;
    if ((by === 128 || by === -129) && !isEquality) {
      const isUp = op === COND.gt || op === COND.le || op === COND.sgt || op === COND.sle;
      if (isUp === by < 0) {
        by += isUp ? 1 : -1;
        op = NEIGHBOUR[op]!;
      }
    }
    aluImmediate(asm, ALU.cmp, sf, m, by);
    return CODE[op]!;
  }
  if (s >= 0 && v.kind[s] === P.home) alu(asm, ALU.cmp, sf, m, v.full(s));
  else {
    v.pinned |= 1 << m;
    alu(asm, ALU.cmp, sf, m, constant(v, hi, lo));
  }
  return CODE[op]!;
}
