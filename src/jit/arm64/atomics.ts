// Atomic operations: one LSE instruction where there is one, else a loop of exclusive accesses.
import { ATOMIC } from '../../isa/code.ts';
import type { Assembler } from '../assembler.ts';
import { enc, LSL } from './encode.ts';
import { compareNotZero } from './labels.ts';
import { ZR } from './registers.ts';

/** DMB's option for all accesses in the inner shareable domain [ArmARM "DMB"]. */
const ISH = 11;

/**
 * [base] = [base] op value; `target` gets the old value where `fetches` (cmpxchg: it holds the expected value before). `size`: log2 of
 * bytes, 2 or 3. `value` may be `target`. The three others are free registers, different from all else.
 */
export function emitAtomic(
  asm: Assembler,
  lse: boolean,
  op: number,
  fetches: boolean,
  size: number,
  value: number,
  target: number,
  base: number,
  first: number,
  second: number,
  third: number,
): void {
  if (lse) single(asm, op, fetches, size, value, target, base, first);
  else loop(asm, op, fetches, size, value, target, base, first, second, third);
}

function single(
  asm: Assembler,
  op: number,
  fetches: boolean,
  size: number,
  value: number,
  target: number,
  base: number,
  temporary: number,
): void {
  const ordered = fetches ? 1 : 0;
  switch (op) {
    case ATOMIC.add:
      asm.word(enc.ldadd(size, ordered, ordered, value, target, base));
      return;
    case ATOMIC.or:
      asm.word(enc.ldset(size, ordered, ordered, value, target, base));
      return;
    case ATOMIC.and:
      asm.word(enc.ornReg(size - 2, temporary, ZR, value, LSL, 0));
      asm.word(enc.ldclr(size, ordered, ordered, temporary, target, base));
      return;
    case ATOMIC.xor:
      asm.word(enc.ldeor(size, ordered, ordered, value, target, base));
      return;
    case ATOMIC.xchg:
      asm.word(enc.swp(size, 1, 1, value, target, base));
      return;
    default:
      asm.word(enc.cas(size, 1, 1, target, value, base));
      return;
  }
}

function loop(
  asm: Assembler,
  op: number,
  fetches: boolean,
  size: number,
  value: number,
  target: number,
  base: number,
  old: number,
  changed: number,
  status: number,
): void {
  const sf = size - 2;
  const again = asm.newLabel();
  const done = asm.newLabel();
  asm.bind(again);
  asm.word(enc.ldxr(size, old, base));
  let result = changed;
  switch (op) {
    case ATOMIC.add:
      asm.word(enc.addReg(sf, changed, old, value, LSL, 0));
      break;
    case ATOMIC.or:
      asm.word(enc.orrReg(sf, changed, old, value, LSL, 0));
      break;
    case ATOMIC.and:
      asm.word(enc.andReg(sf, changed, old, value, LSL, 0));
      break;
    case ATOMIC.xor:
      asm.word(enc.eorReg(sf, changed, old, value, LSL, 0));
      break;
    case ATOMIC.xchg:
      result = value;
      break;
    default:
      result = value;
      asm.word(enc.eorReg(sf, changed, old, target, LSL, 0));
      compareNotZero(asm, sf, changed, done);
  }
  asm.word(fetches ? enc.stlxr(size, status, result, base) : enc.stxr(size, status, result, base));
  compareNotZero(asm, 0, status, again);
  asm.bind(done);
  if (!fetches) return;
  asm.word(enc.dmb(ISH));
  asm.word(enc.orrReg(sf, target, ZR, old, LSL, 0));
}
