// bpf_tail_call as x86-64 code: see ../tail-call.ts. RAX, R10 and R11 are free at a call.
import { HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { TAIL_CALL_FAILED, TAIL_CALL_LIMIT } from '../../spec/limits.ts';
import { ACTIVATION } from '../activation.ts';
import { PROGRAM_SLOT_SHIFT, TABLE_LENGTH, TAIL_STACK_FROM, TAIL_STACK_LOWEST, TAIL_STACK_SHIFT, type TailCall } from '../tail-call.ts';
import { helperSymbol } from '../unit.ts';
import { FRAME, HOME, WINDOW } from './abi.ts';
import { findActivation } from './activation.ts';
import { enc } from './encode.ts';
import { CC, ALU as OP, SHIFT } from './forms.ts';
import { alu, aluImmediate, moveConstant, shiftImmediate } from './immediates.ts';
import { callSymbol, jump, jumpCond, moveSymbol } from './labels.ts';
import { indexed, REG } from './registers.ts';
import type { Values } from './values.ts';

const { rax, rsp, r10, r11 } = REG;
const FRAME_POINTER = 10;
const [, CONTEXT, MAP, INDEX] = HOME as unknown as [number, number, number, number];
/** Of the caller's activation, while a callee that returns to it runs. */
const KEPT_FIELDS = [ACTIVATION.stackLimit, ACTIVATION.tailFrame];

/** Asks the host for the entry. */
interface SlowPath extends TailCall {
  readonly slot: number;
  readonly label: number;
  readonly found: number;
  readonly failed: number;
}

export class TailCalls {
  readonly #v: Values;
  readonly #slow: SlowPath[] = [];
  /** Code that makes the call for a function with a caller; -1: there is none. */
  #returning = -1;

  constructor(v: Values) {
    this.#v = v;
  }

  /** Operands lie in their homes. `restore` is the function's epilogue without the return; `givesResult`: someone reads R0 of a call that fails. */
  emit(slot: number, call: TailCall | undefined, givesResult: boolean, isEntry: boolean, restore: () => void): void {
    const { asm } = this.#v;
    const failed = asm.newLabel();
    if (call !== undefined) {
      // A context is a pointer.
      if (!this.#v.isClean(1)) enc['mov r32, r32'](asm, CONTEXT, CONTEXT);
      const slow = { ...call, slot, label: asm.newLabel(), found: asm.newLabel(), failed };
      this.#slow.push(slow);
      if (call.map !== -1) this.#programNumber(call, failed);
      findActivation(asm, r11);
      enc['ALU m32, simm8'](asm, OP.cmp, r11, ACTIVATION.tailCalls, TAIL_CALL_LIMIT);
      jumpCond(asm, CC.ae, failed);
      if (call.map === -1) jump(asm, slow.label);
      else {
        enc['mov r64, m64'](asm, r10, r11, ACTIVATION.programs);
        enc['ALU r64, m64'](asm, OP.cmp, rax, r10, TABLE_LENGTH);
        jumpCond(asm, CC.ae, slow.label);
        enc['mov r64, m64'](asm, r10, indexed(r10, rax, 3), 0);
        enc['test r64, r64'](asm, r10, r10);
        jumpCond(asm, CC.e, slow.label);
      }
      asm.bind(slow.found);
      enc['ALU m32, simm8'](asm, OP.add, r11, ACTIVATION.tailCalls, 1);
      restore();
      if (isEntry) enc['jmp r64'](asm, r10);
      else {
        if (this.#returning === -1) this.#returning = asm.newLabel();
        jump(asm, this.#returning);
      }
    }
    asm.bind(failed);
    if (givesResult) moveConstant(asm, rax, -1, TAIL_CALL_FAILED);
  }

  /** What the slot of the program array holds, in RAX. */
  #programNumber({ map, maxEntries, index }: TailCall, failed: number): void {
    const { asm } = this.#v;
    if (index === -1) {
      aluImmediate(asm, OP.cmp, 0, INDEX, maxEntries | 0);
      jumpCond(asm, CC.ae, failed);
    }
    const offset = index === -1 ? 0 : index << PROGRAM_SLOT_SHIFT;
    moveSymbol(asm, rax, asm.symbol({ kind: 'mapValue', index: map, offset }));
    if (index === -1) enc['lea r32, m'](asm, rax, indexed(rax, INDEX, PROGRAM_SLOT_SHIFT), 0);
    enc['mov r32, m32'](asm, rax, indexed(WINDOW, rax), 0);
    enc['test r32, r32'](asm, rax, rax);
    jumpCond(asm, CC.e, failed);
  }

  /** What stands at the image's end. */
  emitCold(): void {
    const { asm } = this.#v;
    for (const { slot, label, found, failed, map, index } of this.#slow) {
      asm.mark(slot);
      asm.bind(label);
      if (map !== -1) {
        moveSymbol(asm, MAP, asm.symbol({ kind: 'map', index: map }));
        if (index !== -1) moveConstant(asm, INDEX, 0, index | 0);
      }
      enc['push r64'](asm, CONTEXT);
      callSymbol(asm, asm.symbol(helperSymbol(HELPER_TAIL_CALL)));
      enc['pop r64'](asm, CONTEXT);
      enc['test r64, r64'](asm, rax, rax);
      jumpCond(asm, CC.e, failed);
      findActivation(asm, r11);
      enc['mov r64, r64'](asm, r10, rax);
      jump(asm, found);
    }
    if (this.#returning !== -1) this.#emitReturning();
  }

  /** The callee's entry is in R10, the activation in R11; returns to the function's caller. */
  #emitReturning(): void {
    const { asm } = this.#v;
    const kept = [...HOME.subarray(6)];
    asm.mark(-2);
    asm.bind(this.#returning);
    for (const m of kept) enc['push r64'](asm, m);
    for (const field of KEPT_FIELDS) {
      enc['mov r64, m64'](asm, rax, r11, field);
      enc['push r64'](asm, rax);
    }
    enc['mov m64, r64'](asm, r11, ACTIVATION.tailFrame, rsp);
    enc['mov r32, m32'](asm, rax, r11, ACTIVATION.tailCalls);
    enc['mov m32, r32'](asm, r11, ACTIVATION.tailStacks, rax);
    shiftImmediate(asm, SHIFT.shl, 0, rax, TAIL_STACK_SHIFT);
    enc['lea r64, m'](asm, FRAME, WINDOW, TAIL_STACK_FROM);
    alu(asm, OP.sub, 1, FRAME, rax);
    enc['lea r64, m'](asm, rax, FRAME, -TAIL_STACK_LOWEST);
    enc['mov m64, r64'](asm, r11, ACTIVATION.stackLimit, rax);
    enc['call r64'](asm, r10);
    findActivation(asm, r11);
    for (const field of [...KEPT_FIELDS].reverse()) {
      enc['pop r64'](asm, r10);
      enc['mov m64, r64'](asm, r11, field, r10);
    }
    for (const m of kept.reverse()) enc['pop r64'](asm, m);
    enc.ret(asm);
  }

  /** Where tail calls of other programs enter that reads the registers `live`; -1: at its first entry. */
  emitEntry(entry: number, live: number): number {
    const { asm } = this.#v;
    const unset = live & ~((1 << 1) | (1 << FRAME_POINTER));
    if (unset === 0) return -1;
    const label = asm.newLabel();
    asm.mark(-2);
    asm.bind(label);
    for (let r = 0; r < FRAME_POINTER; r++) if ((unset >> r) & 1) moveConstant(asm, HOME[r]!, 0, 0);
    jump(asm, entry);
    return label;
  }
}
