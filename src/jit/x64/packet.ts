// Legacy packet loads [RFC9669 5.5]: R0 = the packet's bytes at R10, big-endian, or the function returns 0.
import { PACKET_BASE } from '../../isa/code.ts';
import { ACTIVATION } from '../activation.ts';
import type { Assembler } from '../assembler.ts';
import { WINDOW } from './abi.ts';
import { findActivation } from './activation.ts';
import { enc } from './encode.ts';
import { CC, ALU as OP, SHIFT } from './forms.ts';
import { alu, aluImmediate, moveConstant, shiftImmediate } from './immediates.ts';
import { jump, jumpCond } from './labels.ts';
import type { Memory } from './memory.ts';
import { indexed, REG } from './registers.ts';

const { rax, r10, r11 } = REG;

/** `size`: log2 of bytes; `at`: the place, undefined: it is in R10 (the machine's). Destroys R10 and R11. */
export function loadFromPacket(asm: Assembler, memory: Memory, size: number, at: number | undefined, leave: () => void): void {
  findActivation(asm, r11);
  if (at === undefined) fromHeaders(asm);
  else place(asm, at);
  enc['mov r32, m32'](asm, rax, r11, ACTIVATION.packetLength);
  const out = asm.newLabel();
  const inside = asm.newLabel();
  aluImmediate(asm, OP.sub, 1, rax, 1 << size);
  jumpCond(asm, CC.b, out);
  // A negative index is a large unsigned one; lengths are far below 2^31.
  alu(asm, OP.cmp, 1, rax, r10);
  jumpCond(asm, CC.b, out);
  enc['ALU r32, m32'](asm, OP.add, r10, r11, ACTIVATION.packet);
  memory.mem = indexed(WINDOW, r10);
  memory.displacement = 0;
  memory.load(size, false, false, rax);
  if (size > 0) enc['bswap r32'](asm, rax);
  if (size === 1) shiftImmediate(asm, SHIFT.shr, 0, rax, 16);
  jump(asm, inside);
  asm.bind(out);
  // [kernel gen_ld_abs]
  moveConstant(asm, rax, 0, 0);
  leave();
  asm.bind(inside);
}

/** A place that is known, in R10. */
function place(asm: Assembler, at: number): void {
  const isNetwork = at >= PACKET_BASE.network && at < 0;
  moveConstant(asm, r10, 0, at >= 0 ? at : at - (isNetwork ? PACKET_BASE.network : PACKET_BASE.link));
  if (isNetwork) enc['ALU r32, m32'](asm, OP.add, r10, r11, ACTIVATION.packetNetwork);
}

/** A place in R10 that is negative counts from a header. */
function fromHeaders(asm: Assembler): void {
  const [found, link] = [asm.newLabel(), asm.newLabel()];
  enc['test r32, r32'](asm, r10, r10);
  jumpCond(asm, CC.ns, found);
  aluImmediate(asm, OP.add, 0, r10, -PACKET_BASE.network);
  jumpCond(asm, CC.s, link);
  enc['ALU r32, m32'](asm, OP.add, r10, r11, ACTIVATION.packetNetwork);
  jump(asm, found);
  asm.bind(link);
  aluImmediate(asm, OP.add, 0, r10, PACKET_BASE.network - PACKET_BASE.link);
  asm.bind(found);
}
