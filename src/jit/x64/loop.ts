// bpf_loop as x86-64 code: see ../loop.ts.
import { MAX_LOOPS } from '../../spec/helpers.ts';
import { FRAME_BYTES } from '../../spec/limits.ts';
import type { Assembler } from '../assembler.ts';
import { LOOP_FAILED, type Loop } from '../loop.ts';
import { FRAME, HOME } from './abi.ts';
import { enc } from './encode.ts';
import { CC, ALU as OP } from './forms.ts';
import { aluImmediate, moveConstant } from './immediates.ts';
import { callLocal, jumpCond } from './labels.ts';
import { REG } from './registers.ts';

const { rax, rsp } = REG;
const [, TURNS, SECOND, CONTEXT, FLAGS] = HOME as unknown as [number, number, number, number, number];
/** On the native stack: the turn, how many there are, the context. */
const STACK = { turn: 0, turns: 8, context: 16, bytes: 24 } as const;

/** Operands lie in their homes. `entry`: label of the function; `frame`: it looks at its frame. */
export function emitLoop(asm: Assembler, { zeros }: Loop, entry: number, frame: boolean): void {
  const [again, out, failed] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  moveConstant(asm, rax, -1, LOOP_FAILED.flags);
  enc['test r64, r64'](asm, FLAGS, FLAGS);
  jumpCond(asm, CC.ne, failed);
  moveConstant(asm, rax, -1, LOOP_FAILED.turns);
  aluImmediate(asm, OP.cmp, 0, TURNS, MAX_LOOPS);
  jumpCond(asm, CC.a, failed);
  enc['push r64'](asm, CONTEXT);
  enc['push r64'](asm, TURNS);
  enc['push simm8'](asm, 0);
  if (frame) enc['ALU r64, simm32'](asm, OP.sub, FRAME, FRAME_BYTES);
  asm.bind(again);
  enc['mov r32, m32'](asm, TURNS, rsp, STACK.turn);
  enc['ALU r32, m32'](asm, OP.cmp, TURNS, rsp, STACK.turns);
  jumpCond(asm, CC.ae, out);
  enc['ALU m32, simm8'](asm, OP.add, rsp, STACK.turn, 1);
  enc['mov r64, m64'](asm, SECOND, rsp, STACK.context);
  for (let r = 3; r < 6; r++) if ((zeros >> r) & 1) moveConstant(asm, HOME[r]!, 0, 0);
  callLocal(asm, entry);
  enc['test r64, r64'](asm, rax, rax);
  jumpCond(asm, CC.e, again);
  asm.bind(out);
  if (frame) enc['ALU r64, simm32'](asm, OP.add, FRAME, FRAME_BYTES);
  enc['mov r32, m32'](asm, rax, rsp, STACK.turn);
  enc['lea r64, m'](asm, rsp, rsp, STACK.bytes);
  asm.bind(failed);
}
