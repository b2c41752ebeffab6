// Division: by zero gives 0, the remainder by zero is the dividend, and the smallest integer by -1 wraps [RFC9669 4.1]. DIV traps on
// all of these, so each is told apart before it.
import { ALU as OP } from '../../isa/code.ts';
import { LAST_SCRATCH } from './abi.ts';
import { enc } from './encode.ts';
import { ALU, BIT, CC, SHIFT, UNARY } from './forms.ts';
import { alu, aluImmediate, moveConstant, shiftImmediate } from './immediates.ts';
import { jump, jumpCond } from './labels.ts';
import { REG } from './registers.ts';
import { P, type Values } from './values.ts';

const mov32 = enc['mov r32, r32'];
const mov64 = enc['mov r64, r64'];
const test32 = enc['test r32, r32'];
const test64 = enc['test r64, r64'];
const unary32 = enc['UNARY r32'];
const unary64 = enc['UNARY r64'];
const { rax, rdx } = REG;
const R0 = 0;
const R3 = 3;

function isPowerOf2(hi: number, lo: number): boolean {
  return hi === 0 && lo !== 0 && (lo & (lo - 1)) === 0;
}

/** d = d op hi:lo, without DIV where that is easy. `sf`: 1 for 64 bits. */
export function divideByConstant(v: Values, op: number, sf: number, d: number, hi: number, lo: number): void {
  const { asm } = v;
  const isSigned = op === OP.sdiv || op === OP.smod;
  const isRemainder = op === OP.mod || op === OP.smod;
  const m = v.home(d);
  const isZero = lo === 0 && (sf === 0 || hi === 0);
  const isMinusOne = lo === -1 && (sf === 0 || hi === -1);
  v.release(d);
  if (isZero) {
    if (!isRemainder) moveConstant(asm, m, 0, 0);
    else if (sf === 0 && !v.isClean(d)) mov32(asm, m, m);
  } else if (isSigned && isMinusOne) {
    if (isRemainder) moveConstant(asm, m, 0, 0);
    else (sf === 1 ? unary64 : unary32)(asm, UNARY.neg, m);
  } else if (!isSigned && isPowerOf2(sf === 1 ? hi : 0, lo)) {
    const by = 31 - Math.clz32(lo);
    if (!isRemainder) {
      if (by === 0 && sf === 0) mov32(asm, m, m);
      shiftImmediate(asm, SHIFT.shr, sf, m, by);
    } else if (by === 8) enc['movzx r32, r8'](asm, m, m);
    else if (by === 16) enc['movzx r32, r16'](asm, m, m);
    else if (by === 31) enc['BIT r32, uimm8'](asm, BIT.btr, m, 31);
    else aluImmediate(asm, ALU.and, 0, m, lo - 1);
  } else {
    moveConstant(asm, LAST_SCRATCH, sf === 1 ? hi : 0, lo);
    v.dropCaches();
    divide(v, isSigned, isRemainder, sf, m, LAST_SCRATCH);
  }
  v.land(d, sf === 0);
}

/** d = d op s. */
export function divideByRegister(v: Values, op: number, sf: number, d: number, s: number): void {
  const { asm } = v;
  const isSigned = op === OP.sdiv || op === OP.smod;
  const isRemainder = op === OP.mod || op === OP.smod;
  const move = sf === 1 ? mov64 : mov32;
  const m = v.home(d);
  const source = v.operand(s, sf);
  v.release(d);
  v.dropCaches();
  let by = source;
  if (source === rax || source === rdx) {
    move(asm, LAST_SCRATCH, source);
    by = LAST_SCRATCH;
  }
  const done = asm.newLabel();
  const zero = isRemainder ? done : asm.newLabel();
  if (isRemainder && sf === 0 && !v.isClean(d)) mov32(asm, m, m);
  (sf === 1 ? test64 : test32)(asm, by, by);
  jumpCond(asm, CC.e, zero);
  if (isSigned) {
    const regular = asm.newLabel();
    aluImmediate(asm, ALU.cmp, sf, by, -1);
    jumpCond(asm, CC.ne, regular);
    if (isRemainder) moveConstant(asm, m, 0, 0);
    else (sf === 1 ? unary64 : unary32)(asm, UNARY.neg, m);
    jump(asm, done);
    asm.bind(regular);
  }
  divide(v, isSigned, isRemainder, sf, m, by);
  if (!isRemainder) {
    jump(asm, done);
    asm.bind(zero);
    moveConstant(asm, m, 0, 0);
  }
  asm.bind(done);
  v.land(d, sf === 0);
}

/** m = m / by or m % by; `by` is neither rax nor rdx. R0 and R3 keep their values where they are live. */
function divide(v: Values, isSigned: boolean, isRemainder: boolean, sf: number, m: number, by: number): void {
  const { asm } = v;
  const move = sf === 1 ? mov64 : mov32;
  const unary = sf === 1 ? unary64 : unary32;
  const savesRax = m !== rax && isNeeded(v, R0);
  const savesRdx = m !== rdx && isNeeded(v, R3);
  if (savesRax) enc['push r64'](asm, rax);
  if (savesRdx) enc['push r64'](asm, rdx);
  if (m !== rax) move(asm, rax, m);
  if (isSigned) (sf === 1 ? enc.cqo : enc.cdq)(asm);
  else alu(asm, ALU.xor, 0, rdx, rdx);
  unary(asm, isSigned ? UNARY.idiv : UNARY.div, by);
  const result = isRemainder ? rdx : rax;
  if (m !== result) move(asm, m, result);
  if (savesRdx) enc['pop r64'](asm, rdx);
  if (savesRax) enc['pop r64'](asm, rax);
}

/** R0 or R3 is live in its home, or what is computed from it is. */
function isNeeded(v: Values, r: number): boolean {
  if ((v.live >> r) & 1 && v.kind[r] === P.home) return true;
  for (let q = 0; q < 10; q++) if (q !== r && v.kind[q] === P.sum && v.base[q] === r && (v.live >> q) & 1) return true;
  return false;
}
