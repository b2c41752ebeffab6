// Which machine register is what: the `bpf` calling convention on x86-64, shared by lowered code, entry thunks and stubs.
import { REG } from './registers.ts';

/** Of R0 to R9, and the native address of R10. R6 to R9 survive calls; so do rbp, r9, r12. */
export const HOME: Uint8Array = Uint8Array.of(
  REG.rax,
  REG.rdi,
  REG.rsi,
  REG.rdx,
  REG.rcx,
  REG.r8,
  REG.rbx,
  REG.r13,
  REG.r14,
  REG.r15,
  REG.rbp,
);
/** Native address of R10. */
export const FRAME: number = REG.rbp;
/** Fuel slice (32 bits). */
export const FUEL: number = REG.r9;
/** Native address of pointer 0. */
export const WINDOW: number = REG.r12;
/** Free between instructions; calls, fuel checks and stops destroy both. */
export const FIRST_SCRATCH: number = REG.r10;
export const LAST_SCRATCH: number = REG.r11;
/** In stubs: the slot of a stop or fuel check, and the activation. */
export const STUB_SLOT: number = REG.r10;
export const STUB_ACTIVATION: number = REG.r11;
/** The activation block is at the native stack pointer, and this: stacks are aligned chunks of 16 KiB. */
export const ACTIVATION_MASK = -16_384;
