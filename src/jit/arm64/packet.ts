// Legacy packet loads [RFC9669 5.5]: R0 = the packet's bytes, big-endian, or the function returns 0. x15 to x17 are nobody's between sites.
import { PACKET_BASE } from '../../isa/code.ts';
import { ACTIVATION } from '../activation.ts';
import type { Assembler } from '../assembler.ts';
import { ACTIVATION_REGISTER, HOME, WINDOW } from './abi.ts';
import { enc, LSL, UXTW, UXTX } from './encode.ts';
import { NONE } from './kinds.ts';
import { branch, branchCond, testNotZero, testZero } from './labels.ts';
import { cond, ZR } from './registers.ts';
import type { Values } from './values.ts';

const PLACE = 16;
const ADDRESS = 17;

/** `size`: log2 of bytes; the place is `index` (a machine register, or NONE) + `imm`; `target` is where R0 is to be. */
export function loadFromPacket(
  v: Values,
  size: number,
  index: number,
  imm: number,
  target: number,
  isConfined: boolean,
  leave: () => void,
): void {
  const { asm } = v;
  if (index === NONE) place(v, imm);
  else {
    v.addConstant(0, PLACE, index, imm);
    fromHeaders(asm);
  }
  asm.word(enc.ldrImm(2, ADDRESS, ACTIVATION_REGISTER, ACTIVATION.packetLength));
  asm.word(enc.subsImm(1, ADDRESS, ADDRESS, 1 << size, 0));
  // A negative index is a large unsigned one; lengths are far below 2^31.
  const out = asm.newLabel();
  branchCond(asm, cond.lo, out);
  asm.word(enc.subsReg(1, ZR, ADDRESS, PLACE, LSL, 0));
  branchCond(asm, cond.lo, out);
  const inside = asm.newLabel();
  asm.word(enc.ldrImm(2, ADDRESS, ACTIVATION_REGISTER, ACTIVATION.packet));
  asm.word(enc.addReg(1, ADDRESS, ADDRESS, PLACE, LSL, 0));
  asm.word(enc.ldrReg(size, target, WINDOW, ADDRESS, isConfined ? UXTW : UXTX, 0));
  if (size === 1) asm.word(enc.rev16(0, target, target));
  else if (size > 1) asm.word(enc.rev(0, target, target));
  branch(asm, inside);
  asm.bind(out);
  // [kernel gen_ld_abs]
  v.moveConstant(0, HOME[0]!, 0, 0);
  leave();
  asm.bind(inside);
}

/** A place that is known. */
function place(v: Values, at: number): void {
  const { asm } = v;
  if (at >= PACKET_BASE.network && at < 0) {
    v.moveConstant(0, PLACE, 0, at - PACKET_BASE.network);
    asm.word(enc.ldrImm(2, ADDRESS, ACTIVATION_REGISTER, ACTIVATION.packetNetwork));
    asm.word(enc.addReg(0, PLACE, PLACE, ADDRESS, LSL, 0));
  } else v.moveConstant(0, PLACE, 0, at < 0 ? at - PACKET_BASE.link : at);
}

/** A place that is negative counts from a header. */
function fromHeaders(asm: Assembler): void {
  const [found, link] = [asm.newLabel(), asm.newLabel()];
  testZero(asm, PLACE, 31, found);
  asm.word(enc.addImm(0, PLACE, PLACE, -PACKET_BASE.network >> 12, 1));
  testNotZero(asm, PLACE, 31, link);
  asm.word(enc.ldrImm(2, ADDRESS, ACTIVATION_REGISTER, ACTIVATION.packetNetwork));
  asm.word(enc.addReg(0, PLACE, PLACE, ADDRESS, LSL, 0));
  branch(asm, found);
  asm.bind(link);
  asm.word(enc.addImm(0, PLACE, PLACE, (PACKET_BASE.network - PACKET_BASE.link) >> 12, 1));
  asm.bind(found);
}
