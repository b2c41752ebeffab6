// bpf_loop as arm64 code: see ../loop.ts.
import { MAX_LOOPS } from '../../spec/helpers.ts';
import { FRAME_BYTES } from '../../spec/limits.ts';
import { LOOP_FAILED, type Loop } from '../loop.ts';
import { FRAME, HOME } from './abi.ts';
import { enc, LSL } from './encode.ts';
import { branchCond, branchLink, compareNotZero, compareZero } from './labels.ts';
import { cond, SP, ZR } from './registers.ts';
import type { Values } from './values.ts';

const [RESULT, TURNS, SECOND, CONTEXT, FLAGS] = HOME as unknown as [number, number, number, number, number];
/** On the native stack: how many turns there are, the context, the turn. */
const STACK = { turns: 0, context: 8, turn: 16, bytes: 32 } as const;

/** Operands lie in their homes. `entry`: label of the function; `frame`: it looks at its frame. */
export function emitLoop(v: Values, { zeros }: Loop, entry: number, frame: boolean): void {
  const { asm } = v;
  const [again, out, failed] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  v.flags = 0;
  v.moveConstant(1, RESULT, -1, LOOP_FAILED.flags);
  compareNotZero(asm, 1, FLAGS, failed);
  v.moveConstant(1, RESULT, -1, LOOP_FAILED.turns);
  asm.word(enc.subsImm(0, ZR, TURNS, MAX_LOOPS >> 12, 1));
  branchCond(asm, cond.hi, failed);
  asm.word(enc.stpPre(1, TURNS, CONTEXT, SP, -STACK.bytes));
  asm.word(enc.strImm(3, ZR, SP, STACK.turn));
  if (frame) asm.word(enc.subImm(1, FRAME, FRAME, FRAME_BYTES, 0));
  asm.bind(again);
  asm.word(enc.ldrImm(2, TURNS, SP, STACK.turn));
  asm.word(enc.ldrImm(2, RESULT, SP, STACK.turns));
  asm.word(enc.subsReg(0, ZR, TURNS, RESULT, LSL, 0));
  branchCond(asm, cond.hs, out);
  asm.word(enc.addImm(0, RESULT, TURNS, 1, 0));
  asm.word(enc.strImm(2, RESULT, SP, STACK.turn));
  asm.word(enc.ldrImm(3, SECOND, SP, STACK.context));
  for (let r = 3; r < 6; r++) if ((zeros >> r) & 1) v.moveConstant(0, HOME[r]!, 0, 0);
  branchLink(asm, entry);
  compareZero(asm, 1, RESULT, again);
  asm.bind(out);
  if (frame) asm.word(enc.addImm(1, FRAME, FRAME, FRAME_BYTES, 0));
  asm.word(enc.ldrImm(2, RESULT, SP, STACK.turn));
  asm.word(enc.addImm(1, SP, SP, STACK.bytes, 0));
  asm.bind(failed);
}
