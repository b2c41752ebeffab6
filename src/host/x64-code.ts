// Writes the x86-64 instructions that thunks consist of, at a known address, with labels. The bytes come from the encoder.
import { type CodeBuffer, enc } from '../jit/x64/encode.ts';
import { ALU } from '../jit/x64/forms.ts';
import { REG } from '../jit/x64/registers.ts';
import { assert } from '../util/error.ts';

const { r10 } = REG;
type Alu = keyof typeof ALU;

/** A label: its offset once bound, and the displacement fields that wait for it. */
export interface Label {
  offset: number;
  readonly uses: number[];
}

const fitsByte = (value: number): boolean => value >= -128 && value <= 127;

/** Invariant: `at` + `length` is the address of the next instruction. A memory operand is a base register and a displacement. */
export class X64Code implements CodeBuffer {
  readonly at: number;
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;

  constructor(at: number) {
    this.at = at;
  }

  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + size));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  get offset(): number {
    return this.length;
  }

  label(): Label {
    return { offset: -1, uses: [] };
  }

  bind(label: Label): void {
    label.offset = this.length;
    for (const use of label.uses) new DataView(this.bytes.buffer).setInt32(use, label.offset - use - 4, true);
    label.uses.length = 0;
  }

  load(reg: number, base: number, disp: number): void {
    enc['mov r64, m64'](this, reg, base, disp);
  }
  load32(reg: number, base: number, disp: number): void {
    enc['mov r32, m32'](this, reg, base, disp);
  }
  store(base: number, disp: number, reg: number): void {
    enc['mov m64, r64'](this, base, disp, reg);
  }
  store32(base: number, disp: number, reg: number): void {
    enc['mov m32, r32'](this, base, disp, reg);
  }
  /** 8 bytes, sign-extended. */
  storeImm(base: number, disp: number, value: number): void {
    enc['mov m64, simm32'](this, base, disp, value);
  }
  storeImm32(base: number, disp: number, value: number): void {
    enc['mov m32, imm32'](this, base, disp, value);
  }
  lea(reg: number, base: number, disp: number): void {
    enc['lea r64, m'](this, reg, base, disp);
  }
  move(to: number, from: number): void {
    enc['mov r64, r64'](this, to, from);
  }
  /** Clears the upper half. */
  move32(to: number, from: number): void {
    enc['mov r32, r32'](this, to, from);
  }
  signExtend32(to: number, from: number): void {
    enc['movsxd r64, r32'](this, to, from);
  }
  /** A value below 2^53. */
  moveImm(reg: number, value: number): void {
    if (value < 2 ** 32) enc['mov r32, imm32'](this, reg, value | 0);
    else enc['movabs r64, imm64'](this, reg, value | 0, Math.floor(value / 2 ** 32));
  }
  /** Clears all 64 bits. */
  zero(reg: number): void {
    enc['ALU r32, r32'](this, ALU.xor, reg, reg);
  }
  op(name: Alu, to: number, from: number): void {
    enc['ALU r64, r64'](this, ALU[name], to, from);
  }
  opMemory(name: Alu, to: number, base: number, disp: number): void {
    enc['ALU r64, m64'](this, ALU[name], to, base, disp);
  }
  opImm(name: Alu, reg: number, value: number): void {
    if (fitsByte(value)) enc['ALU r64, simm8'](this, ALU[name], reg, value);
    else enc['ALU r64, simm32'](this, ALU[name], reg, value);
  }
  opImm32(name: Alu, reg: number, value: number): void {
    if (fitsByte(value)) enc['ALU r32, simm8'](this, ALU[name], reg, value);
    else enc['ALU r32, imm32'](this, ALU[name], reg, value);
  }
  opMemoryImm8(name: Alu, base: number, disp: number, value: number): void {
    enc['ALU m64, simm8'](this, ALU[name], base, disp, value);
  }
  compareMemory32(base: number, disp: number, value: number): void {
    enc['ALU m32, simm8'](this, ALU.cmp, base, disp, value);
  }
  test32(a: number, b: number): void {
    enc['test r32, r32'](this, a, b);
  }
  test(a: number, b: number): void {
    enc['test r64, r64'](this, a, b);
  }
  /** reg = [base + disp] * value. */
  multiplyMemory(reg: number, base: number, disp: number, value: number): void {
    enc['imul r64, m64, simm32'](this, reg, base, disp, value);
  }
  conditionalMove(cc: number, to: number, from: number): void {
    enc['cmovCC r64, r64'](this, cc, to, from);
  }
  push(reg: number): void {
    enc['push r64'](this, reg);
  }
  pushImm8(value: number): void {
    enc['push simm8'](this, value);
  }
  pop(reg: number): void {
    enc['pop r64'](this, reg);
  }
  callRegister(reg: number): void {
    enc['call r64'](this, reg);
  }
  jumpRegister(reg: number): void {
    enc['jmp r64'](this, reg);
  }
  /** Direct where the target is within 2 GiB of here, else through r10. */
  call(target: number): void {
    const displacement = target - (this.at + this.length + 5);
    if (Math.abs(displacement) < 2 ** 31) enc['call rel32'](this, displacement);
    else {
      this.moveImm(r10, target);
      this.callRegister(r10);
    }
  }
  jumpTo(target: number): void {
    enc['jmp rel32'](this, target - (this.at + this.length + 5));
  }
  jump(label: Label): void {
    enc['jmp rel32'](this, 0);
    this.#use(label);
  }
  jumpIf(cc: number, label: Label): void {
    enc['jCC rel32'](this, cc, 0);
    this.#use(label);
  }
  /** The displacement that has just been appended leads to the label. */
  #use(label: Label): void {
    const at = this.length - 4;
    if (label.offset >= 0) new DataView(this.bytes.buffer).setInt32(at, label.offset - this.length, true);
    else label.uses.push(at);
  }
  ret(): void {
    enc.ret(this);
  }
  syscall(): void {
    enc.syscall(this);
  }
  /** rcx times 8 bytes of rax to [rdi], rdi advances: F3 REX.W AB [SDM2 STOS]; nothing else in this project needs a string instruction. */
  repStosq(): void {
    this.reserve(3);
    this.bytes.set([0xf3, 0x48, 0xab], this.length);
    this.length += 3;
  }

  finish(): Uint8Array {
    assert(this.length <= this.bytes.length, 'the buffer holds the code');
    return this.bytes.slice(0, this.length);
  }
}
