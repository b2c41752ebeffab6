// Arithmetic: the shortest instructions for an operation of two values, given what is known of them.
import { ALU as OP, SWAP } from '../../isa/code.ts';
import { FIRST_SCRATCH, HOME, LAST_SCRATCH } from './abi.ts';
import { divideByConstant, divideByRegister } from './divide.ts';
import { enc } from './encode.ts';
import { ALU, SHIFT, UNARY } from './forms.ts';
import { alu, aluImmediate, isImm8, moveConstant, shiftImmediate } from './immediates.ts';
import { indexed, REG } from './registers.ts';
import { P, type Values } from './values.ts';

const mov32 = enc['mov r32, r32'];
const mov64 = enc['mov r64, r64'];
const lea32 = enc['lea r32, m'];
const lea64 = enc['lea r64, m'];
const movzx8 = enc['movzx r32, r8'];
const movzx16 = enc['movzx r32, r16'];
const unary32 = enc['UNARY r32'];
const unary64 = enc['UNARY r64'];
const { rcx } = REG;
const R4 = 4;
const FRAME_POINTER = 10;

/** What arithmetic needs to know of its operation. `live` of the values is what is read after it, and d. */
export interface Operation {
  op: number;
  /** Bits of the operation: 32 or 64. */
  size: number;
  d: number;
  /** Second operand: register s, or where `known` hi:lo (s is -1 where it is an immediate). */
  s: number;
  known: boolean;
  hi: number;
  lo: number;
  /** The upper half of the result is read, and may not be 0. */
  upper: boolean;
  /** Before the operation, d is below 2^width. */
  width: number;
  bmi2: boolean;
}

const NUMBER: Partial<Record<number, number>> = {
  [OP.add]: ALU.add,
  [OP.sub]: ALU.sub,
  [OP.and]: ALU.and,
  [OP.or]: ALU.or,
  [OP.xor]: ALU.xor,
};

export function arithmetic(v: Values, o: Operation): void {
  const { op, size, d, s, known } = o;
  const wide = size === 64 ? 1 : 0;
  /** Enough for the low half, and for all where the upper half of the result is 0 or not read. */
  const sf = wide === 1 && o.upper ? 1 : 0;
  switch (op) {
    case OP.add:
    case OP.sub:
    case OP.and:
    case OP.or:
    case OP.xor:
      if (known && (sf === 0 || o.hi === o.lo >> 31)) withImmediate(v, o, sf);
      else if (op === OP.add) addRegister(v, o, sf);
      else inPlace(v, NUMBER[op]!, sf, d, operandOf(v, o, sf));
      return;
    case OP.mul:
      multiply(v, o, sf);
      return;
    case OP.div:
    case OP.mod:
    case OP.sdiv:
    case OP.smod: {
      const isSigned = op === OP.sdiv || op === OP.smod;
      // Unsigned and both below 2^32: the short division gives the same.
      const short = wide === 0 || (!isSigned && o.width <= 32 && (known ? o.hi === 0 : v.walker.width[s]! <= 32));
      if (known) divideByConstant(v, op, short ? 0 : 1, d, o.hi, o.lo);
      else divideByRegister(v, op, short ? 0 : 1, d, s);
      return;
    }
    case OP.lsh:
    case OP.rsh:
    case OP.arsh:
      if (known) shiftByConstant(v, o, sf);
      else shiftByRegister(v, o);
      return;
    default: {
      const m = v.home(d);
      v.release(d);
      (sf === 1 ? unary64 : unary32)(v.asm, UNARY.neg, m);
      v.land(d, sf === 0);
    }
  }
}

/** A machine register with the second operand. */
function operandOf(v: Values, o: Operation, sf: number): number {
  if (o.s >= 0) return v.operand(o.s, sf);
  const m = v.scratch();
  v.pinned |= 1 << m;
  moveConstant(v.asm, m, sf === 1 ? o.hi : 0, o.lo);
  return m;
}

function inPlace(v: Values, n: number, sf: number, d: number, source: number): void {
  const m = v.home(d);
  v.release(d);
  alu(v.asm, n, sf, m, source);
  v.land(d, sf === 0);
}

function withImmediate(v: Values, o: Operation, sf: number): void {
  const { op, d, lo } = o;
  const { asm } = v;
  if (op === OP.add || op === OP.sub) {
    const k = op === OP.add ? lo : -lo;
    if (v.kind[d] === P.sum) {
      const total = v.lo[d]! + k;
      const isExact = sf === 0 || v.wide[d] === 1 || (v.lo[d] === 0 && v.isClean(v.base[d]!));
      if (total === (total | 0) && isExact) {
        v.wide[d] = sf;
        v.lo[d] = total;
        v.clean &= ~(1 << d);
        return;
      }
    }
  }
  if (op === OP.and) {
    const bits = lo === 0xff ? 8 : lo === 0xffff ? 16 : lo === -1 && sf === 0 ? 32 : 0;
    if (bits !== 0) {
      const source = v.low(d);
      v.release(d);
      if (bits === 8) movzx8(asm, HOME[d]!, source);
      else if (bits === 16) movzx16(asm, HOME[d]!, source);
      else if (source !== HOME[d]! || !v.isClean(d)) mov32(asm, HOME[d]!, source);
      v.land(d, true);
      return;
    }
  }
  const m = v.home(d);
  v.release(d);
  if (op === OP.xor && lo === -1) (sf === 1 ? unary64 : unary32)(asm, UNARY.not, m);
  else if (op === OP.and && sf === 1 && lo === -1) return;
  else aluImmediate(asm, NUMBER[op]!, sf, m, lo);
  v.land(d, sf === 0);
}

/** d += s, where each may be a sum itself: LEA takes two registers and a displacement. */
function addRegister(v: Values, o: Operation, sf: number): void {
  const { d, s } = o;
  const { asm } = v;
  if (s < 0 || s === FRAME_POINTER) {
    inPlace(v, ALU.add, sf, d, operandOf(v, o, sf));
    return;
  }
  if (isLoose(v, d, sf)) v.materialize(d);
  if (isLoose(v, s, sf)) v.materialize(s);
  const first = v.kind[d] === P.sum ? v.base[d]! : d;
  const second = v.kind[s] === P.sum ? v.base[s]! : s;
  const k = (v.kind[d] === P.sum ? v.lo[d]! : 0) + (v.kind[s] === P.sum ? v.lo[s]! : 0);
  const m = HOME[d]!;
  v.release(d);
  if (k === 0 && first === d) alu(asm, ALU.add, sf, m, HOME[second]!);
  else if (k === 0 && second === d) alu(asm, ALU.add, sf, m, HOME[first]!);
  else {
    // A base of r13 would need a displacement.
    const swap = k === 0 && (HOME[first]! & 7) === 5;
    const base = HOME[swap ? second : first]!;
    const index = HOME[swap ? first : second]!;
    (sf === 1 ? lea64 : lea32)(asm, m, indexed(base, index), k);
  }
  v.land(d, sf === 0);
}

/** Neither in its home nor a sum that is exact in as many bits as are asked for, with a displacement left for another. */
function isLoose(v: Values, r: number, sf: number): boolean {
  if (v.kind[r] === P.home) return false;
  if (v.kind[r] !== P.sum || Math.abs(v.lo[r]!) > 0x3fffffff) return true;
  return sf === 1 && v.wide[r] === 0 && !(v.lo[r] === 0 && v.isClean(v.base[r]!));
}

function multiply(v: Values, o: Operation, sf: number): void {
  const { d, known, hi, lo } = o;
  const { asm } = v;
  if (known && (sf === 0 || hi === lo >> 31)) {
    const by = lo > 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
    if (by >= 0) {
      const m = v.home(d);
      v.release(d);
      if (by === 0 && sf === 0 && !v.isClean(d)) mov32(asm, m, m);
      shiftImmediate(asm, SHIFT.shl, sf, m, by);
      v.land(d, sf === 0);
      return;
    }
    const source = v.operand(d, sf);
    v.release(d);
    const m = HOME[d]!;
    if (lo === 3 || lo === 5 || lo === 9) {
      const scaled = indexed(source, source, lo === 3 ? 1 : lo === 5 ? 2 : 3);
      (sf === 1 ? lea64 : lea32)(asm, m, scaled, 0);
    } else if (isImm8(lo)) (sf === 1 ? enc['imul r64, r64, simm8'] : enc['imul r32, r32, simm8'])(asm, m, source, lo);
    else (sf === 1 ? enc['imul r64, r64, simm32'] : enc['imul r32, r32, imm32'])(asm, m, source, lo);
    v.land(d, sf === 0);
    return;
  }
  const source = operandOf(v, o, sf);
  const m = v.home(d);
  v.release(d);
  (sf === 1 ? enc['imul r64, r64'] : enc['imul r32, r32'])(asm, m, source);
  v.land(d, sf === 0);
}

const SHIFT_NUMBER: Partial<Record<number, number>> = { [OP.lsh]: SHIFT.shl, [OP.rsh]: SHIFT.shr, [OP.arsh]: SHIFT.sar };

function shiftByConstant(v: Values, o: Operation, sf: number): void {
  const { op, size, d } = o;
  const { asm } = v;
  const by = o.lo & (size - 1);
  let n = SHIFT_NUMBER[op]!;
  let wide = size === 64 ? 1 : 0;
  if (op === OP.lsh) {
    wide = sf;
    if (wide === 0 && by >= 32) {
      v.setConstant(d, 0, 0);
      return;
    }
  } else if (wide === 1 && o.width <= 32) {
    // Below 2^32 there is no sign.
    wide = 0;
    n = SHIFT.shr;
    if (by >= 32) {
      v.setConstant(d, 0, 0);
      return;
    }
  }
  const m = v.home(d);
  v.release(d);
  if (by === 0 && wide === 0 && !v.isClean(d)) mov32(asm, m, m);
  else shiftImmediate(asm, n, wide, m, by);
  v.land(d, wide === 0 || (n === SHIFT.shr && by >= 32));
}

/** Counts are taken modulo the width, as the machine does [SDM2 SAL/SAR/SHL/SHR]. */
function shiftByRegister(v: Values, o: Operation): void {
  const { op, size, d, s, bmi2 } = o;
  const { asm } = v;
  const wide = size === 64;
  const count = v.low(s);
  if (bmi2) {
    const source = v.operand(d, wide ? 1 : 0);
    if (count !== rcx || source !== HOME[d]! || HOME[d] === rcx) {
      v.release(d);
      const shift =
        op === OP.lsh
          ? enc[wide ? 'shlx r64, r64, r64b' : 'shlx r32, r32, r32b']
          : op === OP.rsh
            ? enc[wide ? 'shrx r64, r64, r64b' : 'shrx r32, r32, r32b']
            : enc[wide ? 'sarx r64, r64, r64b' : 'sarx r32, r32, r32b'];
      shift(asm, HOME[d]!, source, count);
      v.land(d, !wide);
      return;
    }
  }
  const m = v.home(d);
  v.release(d);
  const shift = enc[wide ? 'SHIFT r64, cl' : 'SHIFT r32, cl'];
  const n = SHIFT_NUMBER[op]!;
  if (m === rcx) {
    const x = v.scratch();
    mov64(asm, x, rcx);
    if (count !== rcx) mov32(asm, rcx, count);
    shift(asm, n, x);
    (wide ? mov64 : mov32)(asm, rcx, x);
  } else if (count === rcx) shift(asm, n, m);
  else {
    const keeps = isHeld(v, R4);
    const x = keeps ? v.scratch() : FIRST_SCRATCH;
    if (keeps) mov64(asm, x, rcx);
    mov32(asm, rcx, count);
    shift(asm, n, m);
    if (keeps) mov64(asm, rcx, x);
    else if (v.kind[R4] === P.home) v.release(R4);
  }
  v.land(d, !wide);
}

/** Rr is live in its home, or what is computed from that is. */
function isHeld(v: Values, r: number): boolean {
  if ((v.live >> r) & 1 && v.kind[r] === P.home) return true;
  for (let q = 0; q < 10; q++) if (v.kind[q] === P.sum && v.base[q] === r && (v.live >> q) & 1) return true;
  return v.cacheOf[FIRST_SCRATCH] === r || v.cacheOf[LAST_SCRATCH] === r;
}

/** d = the low `from` bits of s, sign-extended; `upper`: to 64 bits. */
export function signExtend(v: Values, d: number, s: number, from: number, upper: boolean): void {
  const { asm } = v;
  const source = v.low(s);
  v.release(d);
  const m = HOME[d]!;
  if (from === 8) (upper ? enc['movsx r64, r8'] : enc['movsx r32, r8'])(asm, m, source);
  else if (from === 16) (upper ? enc['movsx r64, r16'] : enc['movsx r32, r16'])(asm, m, source);
  else if (upper) enc['movsxd r64, r32'](asm, m, source);
  else if (m !== source || !v.isClean(d)) mov32(asm, m, source);
  v.land(d, !upper);
}

/** `size`: 16, 32 or 64 bits. */
export function byteSwap(v: Values, op: number, d: number, size: number): void {
  const { asm } = v;
  const m = HOME[d]!;
  if (op === SWAP.le) {
    if (size === 64) return;
    const source = v.low(d);
    const isHome = source === m;
    v.release(d);
    if (size === 16) movzx16(asm, m, source);
    else if (!isHome || !v.isClean(d)) mov32(asm, m, source);
    v.land(d, true);
    return;
  }
  v.home(d);
  v.release(d);
  if (size === 64) enc['bswap r64'](asm, m);
  else {
    enc['bswap r32'](asm, m);
    if (size === 16) shiftImmediate(asm, SHIFT.shr, 0, m, 16);
  }
  v.land(d, size < 64);
}
