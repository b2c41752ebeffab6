// What the kernel checks before it takes a classic program: known instructions, jumps inside, no constant division by zero,
// scratch words written before they are read, a return at the end. [cBPF]
import { BpfError } from '../util/error.ts';
import {
  ANCILLARY,
  ANCILLARY_BASE,
  CLASS,
  type ClassicInstruction,
  JMP,
  MAX_CLASSIC_INSTRUCTIONS,
  MISC,
  MODE,
  RET,
  SCRATCH_WORDS,
  SIZE,
  SOURCE_X,
} from './decode.ts';

export interface CheckOptions {
  /** Name for messages. */
  readonly name: string;
  /** Accept jumps to earlier instructions (tcpdump's protochain), which the kernel refuses. */
  readonly backward?: boolean;
  /** Scratch words start as 0, as in tcpdump's own interpreter: reading one that was never written is no mistake. */
  readonly zeroedScratch?: boolean;
}

/** ALU operation fields that classic BPF has: add to xor without arsh and mov; neg has no operand. */
const ALU_BINARY: ReadonlySet<number> = new Set([0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0]);
const ALU_NEG = 0x80;
const [ALU_DIV, ALU_MOD, ALU_LSH, ALU_RSH] = [0x30, 0x90, 0x60, 0x70];

const known: ReadonlySet<number> = new Set([
  ...[SIZE.w, SIZE.h, SIZE.b].flatMap((size) => [CLASS.ld | size | MODE.abs, CLASS.ld | size | MODE.ind]),
  ...[MODE.imm, MODE.mem, MODE.len].flatMap((mode) => [CLASS.ld | mode, CLASS.ldx | mode]),
  CLASS.ldx | SIZE.b | MODE.msh,
  CLASS.st,
  CLASS.stx,
  ...[...ALU_BINARY].flatMap((op) => [CLASS.alu | op, CLASS.alu | op | SOURCE_X]),
  CLASS.alu | ALU_NEG,
  CLASS.jmp | JMP.ja,
  ...[JMP.jeq, JMP.jgt, JMP.jge, JMP.jset].flatMap((op) => [CLASS.jmp | op, CLASS.jmp | op | SOURCE_X]),
  CLASS.ret | RET.k,
  CLASS.ret | RET.a,
  CLASS.misc | MISC.tax,
  CLASS.misc | MISC.txa,
]);
const ancillaryOffsets: ReadonlySet<number> = new Set(Object.values(ANCILLARY));

/** The metadata that an absolute load names, or undefined where it reads the packet. */
export function ancillaryOf(instruction: ClassicInstruction): number | undefined {
  const { code, k } = instruction;
  if ((code & 7) !== CLASS.ld || (code & 0xe0) !== MODE.abs || k < ANCILLARY_BASE) return undefined;
  return ancillaryOffsets.has(k - ANCILLARY_BASE) ? k - ANCILLARY_BASE : undefined;
}

/** Throws `classic/...` with the instruction's number as slot. */
export function checkClassic(program: readonly ClassicInstruction[], options: CheckOptions): void {
  const fail = (code: `classic/${string}`, slot: number, message: string): never => {
    throw new BpfError(code, { in: 'program', program: options.name, slot }, message);
  };
  const count = program.length;
  if (count === 0) fail('classic/empty', 0, 'no instructions');
  if (count > MAX_CLASSIC_INSTRUCTIONS)
    fail('classic/too-long', count - 1, `${count} instructions, at most ${MAX_CLASSIC_INSTRUCTIONS} are accepted`);
  for (const [slot, instruction] of program.entries()) {
    const { code, jt, k } = instruction;
    if (!known.has(code)) fail('classic/unknown-instruction', slot, `unknown classic opcode 0x${code.toString(16).padStart(2, '0')}`);
    switch (code & 7) {
      case CLASS.alu: {
        const op = code & 0xf0;
        if ((code & SOURCE_X) !== 0) break;
        if ((op === ALU_DIV || op === ALU_MOD) && k === 0) fail('classic/division-by-zero', slot, 'division by the constant 0');
        if ((op === ALU_LSH || op === ALU_RSH) && k >= 32) fail('classic/shift', slot, `shift by ${k}, at most 31`);
        break;
      }
      case CLASS.ld:
      case CLASS.ldx:
        if ((code & 0xe0) === MODE.mem && k >= SCRATCH_WORDS)
          fail('classic/scratch', slot, `scratch word ${k}, there are ${SCRATCH_WORDS}`);
        if ((code & 0xe7) === (CLASS.ld | MODE.abs) && k >= ANCILLARY_BASE && ancillaryOf(instruction) === undefined) {
          fail('classic/ancillary', slot, `unknown ancillary load ${k - ANCILLARY_BASE}`);
        }
        break;
      case CLASS.st:
      case CLASS.stx:
        if (k >= SCRATCH_WORDS) fail('classic/scratch', slot, `scratch word ${k}, there are ${SCRATCH_WORDS}`);
        break;
      case CLASS.jmp:
        for (const target of jumpTargets(instruction, slot)) {
          if (target >= count || target < 0) fail('classic/jump', slot, `jump to instruction ${target}, the program has ${count}`);
          if (target <= slot && options.backward !== true) {
            fail(
              'classic/backward-jump',
              slot,
              `jump back to instruction ${target}; the kernel refuses it (--backward runs it under fuel)`,
            );
          }
        }
        if ((code & 0xf0) !== JMP.ja && jt + slot + 1 === count) fail('classic/jump', slot, 'jump past the end');
        break;
    }
  }
  if ((program[count - 1]!.code & 7) !== CLASS.ret) fail('classic/no-return', count - 1, 'the last instruction is not a return');
  if (options.zeroedScratch !== true) checkScratch(program, fail);
}

/** Instruction numbers that control may go to; `ja` counts its k as signed, which only backward programs use. */
export function jumpTargets(instruction: ClassicInstruction, slot: number): readonly number[] {
  const { code, jt, jf, k } = instruction;
  if ((code & 7) !== CLASS.jmp) return [slot + 1];
  return (code & 0xf0) === JMP.ja ? [slot + 1 + (k | 0)] : [slot + 1 + jt, slot + 1 + jf];
}

// A scratch word must be written on every path before it is read: forward data flow over sets of written words as bits. With
// backward jumps the sets only shrink, so repeating until nothing changes ends.
function checkScratch(
  program: readonly ClassicInstruction[],
  fail: (code: `classic/${string}`, slot: number, message: string) => never,
): void {
  const all = 0xffff;
  const written = new Uint16Array(program.length).fill(all);
  written[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const [slot, instruction] of program.entries()) {
      const { code, k } = instruction;
      const kind = code & 7;
      if (kind === CLASS.ret) continue;
      const after = written[slot]! | (kind === CLASS.st || kind === CLASS.stx ? 1 << k : 0);
      for (const target of jumpTargets(instruction, slot)) {
        if (target >= program.length) continue;
        const met = written[target]! & after;
        if (met !== written[target]) {
          written[target] = met;
          if (target <= slot) changed = true;
        }
      }
    }
  }
  for (const [slot, { code, k }] of program.entries()) {
    const reads = ((code & 7) === CLASS.ld || (code & 7) === CLASS.ldx) && (code & 0xe0) === MODE.mem;
    if (reads && (written[slot]! & (1 << k)) === 0) fail('classic/scratch', slot, `scratch word ${k} is read before it is written`);
  }
}
