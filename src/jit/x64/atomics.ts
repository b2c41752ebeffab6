// Atomic operations: one locked instruction, or for what x86 cannot fetch a loop around LOCK CMPXCHG.
import { ATOMIC } from '../../isa/code.ts';
import type { Assembler } from '../assembler.ts';
import { enc } from './encode.ts';
import { ALU, CC } from './forms.ts';
import { alu } from './immediates.ts';
import { jumpCond } from './labels.ts';
import { indexOf, REG } from './registers.ts';

const NUMBER: Readonly<Record<number, number>> = {
  [ATOMIC.add]: ALU.add,
  [ATOMIC.or]: ALU.or,
  [ATOMIC.and]: ALU.and,
  [ATOMIC.xor]: ALU.xor,
};

/** The fetching forms of these are loops, which use rax. */
export function isLoop(op: number, fetches: boolean): boolean {
  return fetches && (op === ATOMIC.or || op === ATOMIC.and || op === ATOMIC.xor);
}

/** [mem + disp] = [mem + disp] op value; where `fetches`, the old value to `value` (cmpxchg: to rax). sf: 1 for 8 bytes, 0 for 4. */
export function emitAtomic(asm: Assembler, op: number, fetches: boolean, sf: number, value: number, mem: number, disp: number): void {
  switch (op) {
    case ATOMIC.xchg:
      (sf === 1 ? enc['xchg m64, r64'] : enc['xchg m32, r32'])(asm, mem, disp, value);
      return;
    case ATOMIC.cmpxchg:
      (sf === 1 ? enc['lock cmpxchg m64, r64'] : enc['lock cmpxchg m32, r32'])(asm, mem, disp, value);
      // Where they were equal, rax is left alone.
      if (sf === 0) enc['mov r32, r32'](asm, REG.rax, REG.rax);
      return;
    case ATOMIC.add:
      if (fetches) {
        (sf === 1 ? enc['lock xadd m64, r64'] : enc['lock xadd m32, r32'])(asm, mem, disp, value);
        return;
      }
  }
  (sf === 1 ? enc['lock RMW m64, r64'] : enc['lock RMW m32, r32'])(asm, NUMBER[op]!, mem, disp, value);
}

/** The same for `isLoop`. `mem` does not use rax; `scratch` is in no operand. `keepsRax`: R0 is live and not the result. */
export function emitAtomicLoop(
  asm: Assembler,
  op: number,
  sf: number,
  value: number,
  mem: number,
  disp: number,
  scratch: number,
  keepsRax: boolean,
): void {
  const { rax, rbx, r13 } = REG;
  const move = sf === 1 ? enc['mov r64, r64'] : enc['mov r32, r32'];
  const isRax = value === rax;
  // The operand must outlive the loop's rax.
  const borrowed = indexOf(mem) === rbx ? r13 : rbx;
  const operand = isRax ? borrowed : value;
  const load = sf === 1 ? enc['mov r64, m64'] : enc['mov r32, m32'];
  if (isRax) {
    // The first access, which may fault: registers are still what the program has in them.
    load(asm, scratch, mem, disp);
    enc['push r64'](asm, borrowed);
    move(asm, borrowed, rax);
    move(asm, rax, scratch);
  } else {
    if (keepsRax) enc['push r64'](asm, rax);
    load(asm, rax, mem, disp);
  }
  const again = asm.newLabel();
  asm.bind(again);
  move(asm, scratch, rax);
  alu(asm, NUMBER[op]!, sf, scratch, operand);
  (sf === 1 ? enc['lock cmpxchg m64, r64'] : enc['lock cmpxchg m32, r32'])(asm, mem, disp, scratch);
  jumpCond(asm, CC.ne, again);
  if (isRax) {
    enc['pop r64'](asm, borrowed);
    if (sf === 0) move(asm, rax, rax);
  } else {
    move(asm, value, rax);
    if (keepsRax) enc['pop r64'](asm, rax);
  }
}
