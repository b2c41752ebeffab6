// How x86-64 code finds its activation block.
import type { Assembler } from '../assembler.ts';
import { ACTIVATION_MASK } from './abi.ts';
import { enc } from './encode.ts';
import { ALU } from './forms.ts';
import { REG } from './registers.ts';

/** Register m = the block's address. Destroys flags. */
export function findActivation(asm: Assembler, m: number): void {
  enc['mov r64, r64'](asm, m, REG.rsp);
  enc['ALU r64, simm32'](asm, ALU.and, m, ACTIVATION_MASK);
}
