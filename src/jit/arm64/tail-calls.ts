// bpf_tail_call as arm64 code: see ../tail-call.ts.
import { HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { TAIL_CALL_FAILED, TAIL_CALL_LIMIT } from '../../spec/limits.ts';
import { ACTIVATION } from '../activation.ts';
import { PROGRAM_SLOT_SHIFT, TABLE_LENGTH, TAIL_STACK_FROM, TAIL_STACK_LOWEST, TAIL_STACK_SHIFT, type TailCall } from '../tail-call.ts';
import type { CompileOptions } from '../target.ts';
import { helperSymbol } from '../unit.ts';
import { ACTIVATION_REGISTER, FIRST_SCRATCH, FRAME, FRAME_POINTER, HOME, RETURN_ADDRESS, TAIL_FRAME_RESUME, WINDOW } from './abi.ts';
import { enc, LSL, UXTW, UXTX } from './encode.ts';
import { addSubImmediate } from './immediates.ts';
import { addressOf, branch, branchCond, callSymbol, compareZero, moveSymbol } from './labels.ts';
import { cond, LR, SP, ZR } from './registers.ts';
import type { Values } from './values.ts';

const R10 = 10;
const HINT_C = 1;
const [RESULT, CONTEXT, MAP, INDEX] = HOME as unknown as [number, number, number, number];
/** The program's number, then its entry, which a landing pad lets in from this register; the count; a table. */
const CALLEE = 16;
const COUNT = 17;
const TABLE = 15;
/** On the native stack while a callee that returns to a function's caller runs: registers in pairs, fields of the activation, where bpf_throw goes on. */
const KEPT_REGISTERS = [FRAME, LR, 19, 20, 21, 22, FRAME_POINTER, RETURN_ADDRESS] as const;
const KEPT_FIELDS = [ACTIVATION.stackLimit, ACTIVATION.tailFrame] as const;
const KEPT_BYTES = 96;

/** How the function at work is left. */
interface Leaving {
  /** The thunk alone enters it. */
  readonly isEntry: boolean;
  readonly returnRegister: number;
  /** The epilogue without the return. */
  restore(): void;
}

/** Asks the host for the entry. */
interface SlowPath extends TailCall {
  readonly slot: number;
  readonly label: number;
  readonly found: number;
  readonly failed: number;
}

export class TailCalls {
  readonly #v: Values;
  readonly #options: CompileOptions;
  readonly #slow: SlowPath[] = [];
  /** Code that makes the call for a function with a caller; -1: there is none. */
  #returning = -1;

  constructor(v: Values, options: CompileOptions) {
    this.#v = v;
    this.#options = options;
  }

  /** Operands lie in their homes. `isWide`: R1 may have an upper half; `givesResult`: someone reads R0 of a call that fails. */
  emit(slot: number, call: TailCall | undefined, isWide: boolean, givesResult: boolean, leaving: Leaving): void {
    const { asm } = this.#v;
    const failed = asm.newLabel();
    this.#v.flags = 0;
    if (call !== undefined) {
      // A context is a pointer.
      if (isWide) asm.word(enc.orrReg(0, CONTEXT, ZR, CONTEXT, LSL, 0));
      const slow = { ...call, slot, label: asm.newLabel(), found: asm.newLabel(), failed };
      this.#slow.push(slow);
      if (call.map !== -1) this.#programNumber(call, failed);
      asm.word(enc.ldrImm(2, COUNT, ACTIVATION_REGISTER, ACTIVATION.tailCalls));
      asm.word(enc.subsImm(0, ZR, COUNT, TAIL_CALL_LIMIT, 0));
      branchCond(asm, cond.hs, failed);
      if (call.map === -1) branch(asm, slow.label);
      else {
        asm.word(enc.ldrImm(3, TABLE, ACTIVATION_REGISTER, ACTIVATION.programs));
        asm.word(enc.ldur(3, FIRST_SCRATCH, TABLE, TABLE_LENGTH));
        asm.word(enc.subsReg(1, ZR, CALLEE, FIRST_SCRATCH, LSL, 0));
        branchCond(asm, cond.hs, slow.label);
        asm.word(enc.ldrReg(3, CALLEE, TABLE, CALLEE, UXTX, 1));
        compareZero(asm, 1, CALLEE, slow.label);
      }
      asm.bind(slow.found);
      asm.word(enc.addImm(0, COUNT, COUNT, 1, 0));
      asm.word(enc.strImm(2, COUNT, ACTIVATION_REGISTER, ACTIVATION.tailCalls));
      leaving.restore();
      if (leaving.isEntry) {
        if (leaving.returnRegister !== LR) asm.word(enc.orrReg(1, LR, ZR, leaving.returnRegister, LSL, 0));
        asm.word(enc.br(CALLEE));
      } else {
        if (this.#returning === -1) this.#returning = asm.newLabel();
        branch(asm, this.#returning);
      }
    }
    asm.bind(failed);
    if (givesResult) this.#v.moveConstant(1, RESULT, -1, TAIL_CALL_FAILED);
  }

  /** What the slot of the program array holds, in CALLEE. */
  #programNumber({ map, maxEntries, index }: TailCall, failed: number): void {
    const { asm } = this.#v;
    if (index === -1) {
      const imm = addSubImmediate(maxEntries);
      if (imm >= 0) asm.word(enc.subsImm(0, ZR, INDEX, imm & 0xfff, imm >> 12));
      else {
        this.#v.moveConstant(0, CALLEE, 0, maxEntries);
        asm.word(enc.subsReg(0, ZR, INDEX, CALLEE, LSL, 0));
      }
      branchCond(asm, cond.hs, failed);
    }
    const offset = index === -1 ? 0 : index << PROGRAM_SLOT_SHIFT;
    moveSymbol(asm, CALLEE, asm.symbol({ kind: 'mapValue', index: map, offset }));
    if (index === -1) asm.word(enc.addReg(0, CALLEE, CALLEE, INDEX, LSL, PROGRAM_SLOT_SHIFT));
    asm.word(enc.ldrReg(2, CALLEE, WINDOW, CALLEE, UXTW, 0));
    compareZero(asm, 0, CALLEE, failed);
  }

  /** What stands at the image's end. */
  emitCold(): void {
    const { asm } = this.#v;
    for (const { slot, label, found, failed, map, index } of this.#slow) {
      asm.mark(slot);
      asm.bind(label);
      if (map !== -1) {
        moveSymbol(asm, MAP, asm.symbol({ kind: 'map', index: map }));
        if (index !== -1) this.#v.moveConstant(0, INDEX, 0, index | 0);
      }
      asm.word(enc.stpPre(1, CONTEXT, LR, SP, -16));
      callSymbol(asm, asm.symbol(helperSymbol(HELPER_TAIL_CALL)));
      asm.word(enc.ldpPost(1, CONTEXT, LR, SP, 16));
      compareZero(asm, 1, RESULT, failed);
      asm.word(enc.orrReg(1, CALLEE, ZR, RESULT, LSL, 0));
      asm.word(enc.ldrImm(2, COUNT, ACTIVATION_REGISTER, ACTIVATION.tailCalls));
      branch(asm, found);
    }
    if (this.#returning !== -1) this.#emitReturning();
  }

  /** Branches to CALLEE for a function whose epilogue is done; COUNT is the tail call's number. */
  #emitReturning(): void {
    const { asm } = this.#v;
    const { pac, bti } = this.#options;
    const back = asm.newLabel();
    const fieldsAt = 8 * KEPT_REGISTERS.length;
    asm.mark(-2);
    asm.bind(this.#returning);
    if (pac === true) asm.word(enc.paciasp());
    asm.word(enc.stpPre(1, KEPT_REGISTERS[0], KEPT_REGISTERS[1], SP, -KEPT_BYTES));
    for (let i = 2; i < KEPT_REGISTERS.length; i += 2) asm.word(enc.stp(1, KEPT_REGISTERS[i]!, KEPT_REGISTERS[i + 1]!, SP, 8 * i));
    for (const [i, field] of KEPT_FIELDS.entries()) {
      asm.word(enc.ldrImm(3, TABLE, ACTIVATION_REGISTER, field));
      asm.word(enc.strImm(3, TABLE, SP, fieldsAt + 8 * i));
    }
    addressOf(asm, TABLE, back);
    asm.word(enc.strImm(3, TABLE, SP, TAIL_FRAME_RESUME));
    asm.word(enc.addImm(1, TABLE, SP, 0, 0));
    asm.word(enc.strImm(3, TABLE, ACTIVATION_REGISTER, ACTIVATION.tailFrame));
    asm.word(enc.strImm(2, COUNT, ACTIVATION_REGISTER, ACTIVATION.tailStacks));
    this.#v.moveConstant(0, TABLE, 0, TAIL_STACK_FROM);
    asm.word(enc.subReg(0, TABLE, TABLE, COUNT, LSL, TAIL_STACK_SHIFT));
    asm.word(enc.addReg(1, FRAME, WINDOW, TABLE, LSL, 0));
    asm.word(enc.subImm(1, TABLE, FRAME, TAIL_STACK_LOWEST, 0));
    asm.word(enc.strImm(3, TABLE, ACTIVATION_REGISTER, ACTIVATION.stackLimit));
    asm.word(enc.blr(CALLEE));
    asm.bind(back);
    // bpf_throw branches here.
    if (bti === true) asm.word(enc.bti(HINT_C));
    for (const [i, field] of KEPT_FIELDS.entries()) {
      asm.word(enc.ldrImm(3, TABLE, SP, fieldsAt + 8 * i));
      asm.word(enc.strImm(3, TABLE, ACTIVATION_REGISTER, field));
    }
    for (let i = 2; i < KEPT_REGISTERS.length; i += 2) asm.word(enc.ldp(1, KEPT_REGISTERS[i]!, KEPT_REGISTERS[i + 1]!, SP, 8 * i));
    asm.word(enc.ldpPost(1, KEPT_REGISTERS[0], KEPT_REGISTERS[1], SP, KEPT_BYTES));
    if (pac === true) asm.word(enc.autiasp());
    asm.word(enc.ret(LR));
  }

  /** Where tail calls of other programs enter that reads the registers `live`; -1: at its first entry. */
  emitEntry(entry: number, live: number): number {
    const { asm } = this.#v;
    const unset = live & ~((1 << 1) | (1 << R10));
    if (unset === 0) return -1;
    const label = asm.newLabel();
    asm.mark(-2);
    asm.bind(label);
    if (this.#options.bti === true || this.#options.pac === true) asm.word(enc.bti(HINT_C));
    for (let r = 0; r < R10; r++) if ((unset >> r) & 1) this.#v.moveConstant(0, HOME[r]!, 0, 0);
    branch(asm, entry);
    return label;
  }
}
