// Constants and immediates in their shortest forms.
import type { Assembler } from '../assembler.ts';
import { enc } from './encode.ts';
import { ALU, SHIFT } from './forms.ts';
import { REG } from './registers.ts';

const movImm32 = enc['mov r32, imm32'];
const movImm64 = enc['mov r64, simm32'];
const movabs = enc['movabs r64, imm64'];
const aluReg32 = enc['ALU r32, r32'];
const aluReg64 = enc['ALU r64, r64'];
const aluImm8of32 = enc['ALU r32, simm8'];
const aluImm8of64 = enc['ALU r64, simm8'];
const aluImm32 = enc['ALU r32, imm32'];
const aluImm64 = enc['ALU r64, simm32'];
const aluEax = enc['ALU eax, imm32'];
const aluRax = enc['ALU rax, simm32'];
const shiftOne32 = enc['SHIFT r32, 1'];
const shiftOne64 = enc['SHIFT r64, 1'];
const shift32 = enc['SHIFT r32, uimm8'];
const shift64 = enc['SHIFT r64, uimm8'];

export const isImm8 = (value: number): boolean => value >= -128 && value <= 127;

/** Register m = hi:lo. Destroys flags. */
export function moveConstant(asm: Assembler, m: number, hi: number, lo: number): void {
  if (hi === 0) {
    if (lo === 0) aluReg32(asm, ALU.xor, m, m);
    else movImm32(asm, m, lo);
  } else if (hi === -1 && lo === -1) aluImm8of64(asm, ALU.or, m, -1);
  else if (hi === lo >> 31) movImm64(asm, m, lo);
  else movabs(asm, m, lo, hi);
}

/** m = m op s; sf: 1 for 64 bits. */
export function alu(asm: Assembler, n: number, sf: number, m: number, s: number): void {
  if (sf === 1) aluReg64(asm, n, m, s);
  else aluReg32(asm, n, m, s);
}

/** m = m op imm (sign-extended). */
export function aluImmediate(asm: Assembler, n: number, sf: number, m: number, imm: number): void {
  // 128 is one more than fits, -128 fits.
  if (imm === 128 && (n === ALU.add || n === ALU.sub)) {
    aluImmediate(asm, n === ALU.add ? ALU.sub : ALU.add, sf, m, -128);
    return;
  }
  if (isImm8(imm)) {
    if (sf === 1) aluImm8of64(asm, n, m, imm);
    else aluImm8of32(asm, n, m, imm);
  } else if (m === REG.rax) {
    if (sf === 1) aluRax(asm, n, imm);
    else aluEax(asm, n, imm);
  } else if (sf === 1) aluImm64(asm, n, m, imm);
  else aluImm32(asm, n, m, imm);
}

/** `by`: 0 to the width less 1. */
export function shiftImmediate(asm: Assembler, n: number, sf: number, m: number, by: number): void {
  if (by === 0) return;
  if (n === SHIFT.shl && by === 1) alu(asm, ALU.add, sf, m, m);
  else if (by === 1) (sf === 1 ? shiftOne64 : shiftOne32)(asm, n, m);
  else if (sf === 1) shift64(asm, n, m, by);
  else shift32(asm, n, m, by);
}
