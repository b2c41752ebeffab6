// Writes the x86-64 instructions that thunks consist of. Notation and opcodes as in [SDM2]; registers by number.
import { assert } from '../util/error.ts';

export const rax = 0;
export const rcx = 1;
export const rdx = 2;
export const rbx = 3;
export const rsp = 4;
export const rbp = 5;
export const rsi = 6;
export const rdi = 7;
export const r8 = 8;
export const r9 = 9;
export const r10 = 10;
export const r11 = 11;
export const r12 = 12;
export const r13 = 13;
export const r14 = 14;
export const r15 = 15;

/** Condition codes [SDM2 Jcc]. */
export const CC = { b: 0x2, ae: 0x3, e: 0x4, ne: 0x5, be: 0x6, a: 0x7, s: 0x8, ns: 0x9, l: 0xc, ge: 0xd, le: 0xe, g: 0xf } as const;

/** The opcode of `op r, r/m`, and the digit of `op r/m, imm32`. */
export const OP = { add: [0x03, 0], and: [0x23, 4], sub: [0x2b, 5], xor: [0x33, 6], cmp: [0x3b, 7] } as const;
type Op = keyof typeof OP;

/** A label: its offset once bound, and the displacement fields that wait for it. */
export interface Label {
  offset: number;
  readonly uses: number[];
}

/** Invariant: `at` + `bytes.length` is the address of the next instruction. */
export class X64Code {
  readonly at: number;
  readonly bytes: number[] = [];

  constructor(at: number) {
    this.at = at;
  }

  get offset(): number {
    return this.bytes.length;
  }

  label(): Label {
    return { offset: -1, uses: [] };
  }

  bind(label: Label): void {
    label.offset = this.bytes.length;
    for (const use of label.uses) this.#patch32(use, label.offset - use - 4);
    label.uses.length = 0;
  }

  #patch32(at: number, value: number): void {
    for (let i = 0; i < 4; i++) this.bytes[at + i] = (value >> (8 * i)) & 0xff;
  }

  #imm32(value: number): void {
    assert(value >= -(2 ** 31) && value < 2 ** 32, 'a 32-bit immediate');
    this.bytes.push(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  }

  #rex(w: number, reg: number, base: number): void {
    const rex = (w << 3) | ((reg >> 3) << 2) | (base >> 3);
    if (rex !== 0) this.bytes.push(0x40 | rex);
  }

  /** ModRM and displacement of [base + disp]; a base of rsp or r12 needs a SIB byte [SDM2 table 2-2]. */
  #memory(reg: number, base: number, disp: number): void {
    const short = disp >= -128 && disp <= 127;
    this.bytes.push((short ? 0x40 : 0x80) | ((reg & 7) << 3) | (base & 7));
    if ((base & 7) === 4) this.bytes.push(0x24);
    if (short) this.bytes.push(disp & 0xff);
    else {
      assert(disp >= -(2 ** 31) && disp < 2 ** 31, 'a displacement');
      this.#imm32(disp);
    }
  }

  #memoryOp(w: number, opcode: readonly number[], reg: number, base: number, disp: number): void {
    this.#rex(w, reg, base);
    this.bytes.push(...opcode);
    this.#memory(reg, base, disp);
  }

  #registerOp(w: number, opcode: readonly number[], reg: number, rm: number): void {
    this.#rex(w, reg, rm);
    this.bytes.push(...opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  load(reg: number, base: number, disp: number): void {
    this.#memoryOp(1, [0x8b], reg, base, disp);
  }
  load32(reg: number, base: number, disp: number): void {
    this.#memoryOp(0, [0x8b], reg, base, disp);
  }
  store(base: number, disp: number, reg: number): void {
    this.#memoryOp(1, [0x89], reg, base, disp);
  }
  store32(base: number, disp: number, reg: number): void {
    this.#memoryOp(0, [0x89], reg, base, disp);
  }
  /** 8 bytes, sign-extended. */
  storeImm(base: number, disp: number, value: number): void {
    this.#memoryOp(1, [0xc7], 0, base, disp);
    this.#imm32(value);
  }
  storeImm32(base: number, disp: number, value: number): void {
    this.#memoryOp(0, [0xc7], 0, base, disp);
    this.#imm32(value);
  }
  lea(reg: number, base: number, disp: number): void {
    this.#memoryOp(1, [0x8d], reg, base, disp);
  }
  move(to: number, from: number): void {
    this.#registerOp(1, [0x8b], to, from);
  }
  /** Clears the upper half. */
  move32(to: number, from: number): void {
    this.#registerOp(0, [0x8b], to, from);
  }
  signExtend32(to: number, from: number): void {
    this.#registerOp(1, [0x63], to, from);
  }
  moveImm(reg: number, value: number): void {
    if (value >= 0 && value < 2 ** 32) {
      this.#rex(0, 0, reg);
      this.bytes.push(0xb8 | (reg & 7));
      this.#imm32(value);
      return;
    }
    this.#rex(1, 0, reg);
    this.bytes.push(0xb8 | (reg & 7));
    this.#imm32(value % 2 ** 32);
    this.#imm32(Math.floor(value / 2 ** 32));
  }
  /** Clears all 64 bits. */
  zero(reg: number): void {
    this.#registerOp(0, [0x33], reg, reg);
  }
  op(name: Op, to: number, from: number): void {
    this.#registerOp(1, [OP[name][0]], to, from);
  }
  opMemory(name: Op, to: number, base: number, disp: number): void {
    this.#memoryOp(1, [OP[name][0]], to, base, disp);
  }
  opImm(name: Op, reg: number, value: number): void {
    this.#registerOp(1, [0x81], OP[name][1], reg);
    this.#imm32(value);
  }
  opImm32(name: Op, reg: number, value: number): void {
    this.#registerOp(0, [0x81], OP[name][1], reg);
    this.#imm32(value);
  }
  subMemoryImm8(base: number, disp: number, value: number): void {
    this.#memoryOp(1, [0x83], 5, base, disp);
    this.bytes.push(value & 0xff);
  }
  cmpMemory32Imm8(base: number, disp: number, value: number): void {
    this.#memoryOp(0, [0x83], 7, base, disp);
    this.bytes.push(value & 0xff);
  }
  cmpMemoryImm8(base: number, disp: number, value: number): void {
    this.#memoryOp(1, [0x83], 7, base, disp);
    this.bytes.push(value & 0xff);
  }
  test32(a: number, b: number): void {
    this.#registerOp(0, [0x85], a, b);
  }
  test(a: number, b: number): void {
    this.#registerOp(1, [0x85], a, b);
  }
  /** reg = [base + disp] * value. */
  multiplyMemoryImm(reg: number, base: number, disp: number, value: number): void {
    this.#memoryOp(1, [0x69], reg, base, disp);
    this.#imm32(value);
  }
  conditionalMove(cc: number, to: number, from: number): void {
    this.#registerOp(1, [0x0f, 0x40 | cc], to, from);
  }
  push(reg: number): void {
    this.#rex(0, 0, reg);
    this.bytes.push(0x50 | (reg & 7));
  }
  pushImm8(value: number): void {
    this.bytes.push(0x6a, value & 0xff);
  }
  pop(reg: number): void {
    this.#rex(0, 0, reg);
    this.bytes.push(0x58 | (reg & 7));
  }
  callRegister(reg: number): void {
    this.#registerOp(0, [0xff], 2, reg);
  }
  jumpRegister(reg: number): void {
    this.#registerOp(0, [0xff], 4, reg);
  }
  /** Direct where the target is within 2 GiB of here, else through r10. */
  call(target: number): void {
    const displacement = target - (this.at + this.offset + 5);
    if (Math.abs(displacement) < 2 ** 31) {
      this.bytes.push(0xe8);
      this.#imm32(displacement);
    } else {
      this.moveImm(r10, target);
      this.callRegister(r10);
    }
  }
  jumpTo(target: number): void {
    const displacement = target - (this.at + this.offset + 5);
    assert(Math.abs(displacement) < 2 ** 31, 'a jump inside the code space');
    this.bytes.push(0xe9);
    this.#imm32(displacement);
  }
  jump(label: Label): void {
    this.bytes.push(0xe9);
    this.#use(label);
  }
  jumpIf(cc: number, label: Label): void {
    this.bytes.push(0x0f, 0x80 | cc);
    this.#use(label);
  }
  #use(label: Label): void {
    if (label.offset >= 0) this.#imm32(label.offset - this.offset - 4);
    else {
      label.uses.push(this.offset);
      this.#imm32(0);
    }
  }
  ret(): void {
    this.bytes.push(0xc3);
  }
  syscall(): void {
    this.bytes.push(0x0f, 0x05);
  }
  /** 16 bytes between memory and xmm0 [SDM2 MOVUPS]. */
  loadXmm0(base: number, disp: number): void {
    this.#memoryOp(0, [0x0f, 0x10], 0, base, disp);
  }
  storeXmm0(base: number, disp: number): void {
    this.#memoryOp(0, [0x0f, 0x11], 0, base, disp);
  }
  zeroXmm0(): void {
    this.bytes.push(0x0f, 0x57, 0xc0);
  }
  /** rcx times 8 bytes of rax to [rdi]. */
  repStosq(): void {
    this.bytes.push(0xf3, 0x48, 0xab);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
}
