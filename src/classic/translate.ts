// Classic BPF to eBPF: A is R0, X is R7, the context R6, scratch words lie on the stack. [cBPF]
//
// The result is a socket-filter program: R1 is a `struct __sk_buff`, packet bytes come through the legacy loads (whose miss
// ends the program with 0, as classic BPF wants it), metadata from the context's fields.
import { type CodeRow, codeFromRows } from '../isa/build.ts';
import { ALU, COND, type Code, KIND, SWAP } from '../isa/code.ts';
import { assert, BpfError } from '../util/error.ts';
import { ancillaryOf, type CheckOptions, checkClassic, jumpTargets } from './check.ts';
import { ANCILLARY, CLASS, type ClassicInstruction, JMP, MISC, MODE, SIZE, SOURCE_X } from './decode.ts';

export type TranslateOptions = CheckOptions;

/** Helpers that only translated programs call; numbers outside the kernel's range. Arguments: context, A, X. */
export const CLASSIC_HELPER = { hatype: 0x10000, payOffset: 0x10001, nlattr: 0x10002, nlattrNest: 0x10003 } as const;
const HELPER_RANDOM = 7;
const HELPER_CPU = 8;

const [A, CTX, X, SAVED, FP] = [0, 6, 7, 8, 10];
/** Byte offsets in struct __sk_buff. [uapi bpf.h] */
const SKB = {
  len: 0,
  pktType: 4,
  mark: 8,
  queueMapping: 12,
  protocol: 16,
  vlanPresent: 20,
  vlanTci: 24,
  vlanProto: 28,
  ifindex: 40,
  hash: 68,
};

const CLASSIC_COND: Readonly<Record<number, { readonly taken: number; readonly inverse: number }>> = {
  [JMP.jeq]: { taken: COND.eq, inverse: COND.ne },
  [JMP.jgt]: { taken: COND.gt, inverse: COND.le },
  [JMP.jge]: { taken: COND.ge, inverse: COND.lt },
};

/** Checks and translates; throws `classic/...`. */
export function translateClassic(program: readonly ClassicInstruction[], options: TranslateOptions): Code {
  checkClassic(program, options);
  const out = new Builder();
  const starts = new Int32Array(program.length);
  out.move(64, CTX, 1);
  out.alu(ALU.xor, 32, A, A);
  out.alu(ALU.xor, 32, X, X);
  for (const [slot, instruction] of program.entries()) {
    starts[slot] = out.slots;
    translateOne(out, instruction, slot, options);
  }
  return out.finish(starts);
}

function translateOne(out: Builder, instruction: ClassicInstruction, slot: number, options: TranslateOptions): void {
  const { code, k } = instruction;
  const bytes = (code & 0x18) === SIZE.w ? 4 : (code & 0x18) === SIZE.h ? 2 : 1;
  switch (code & 7) {
    case CLASS.ld: {
      const ancillary = ancillaryOf(instruction);
      if (ancillary !== undefined) return translateAncillary(out, ancillary);
      if ((code & 0xe0) === MODE.abs) return out.packet(bytes, k, undefined);
      if ((code & 0xe0) === MODE.ind) return out.packet(bytes, k, X);
      return translateSimpleLoad(out, A, code, k);
    }
    case CLASS.ldx:
      if ((code & 0xe0) !== MODE.msh) return translateSimpleLoad(out, X, code, k);
      out.move(32, SAVED, A);
      out.packet(1, k, undefined);
      out.aluImm(ALU.and, 32, A, 0xf);
      out.aluImm(ALU.lsh, 32, A, 2);
      out.move(32, X, A);
      return out.move(32, A, SAVED);
    case CLASS.st:
      return out.store(4, FP, scratch(k), A);
    case CLASS.stx:
      return out.store(4, FP, scratch(k), X);
    case CLASS.alu: {
      const op = (code & 0xf0) >> 4;
      if (op === ALU.neg) return out.aluImm(ALU.neg, 32, A, 0);
      if ((code & SOURCE_X) === 0) return out.aluImm(op, 32, A, k | 0);
      if (op === ALU.div || op === ALU.mod) {
        // Classic division by a zero X ends the program with 0.
        out.branchImm(COND.ne, X, 0, out.slots + 3);
        out.moveImm(A, 0);
        out.exit();
      }
      return out.alu(op, 32, A, X);
    }
    case CLASS.jmp:
      return translateJump(out, instruction, slot);
    case CLASS.ret:
      if ((code & 0x18) === 0x00) out.moveImm(A, k | 0);
      return out.exit();
    case CLASS.misc:
      return (code & 0xf8) === MISC.tax ? out.move(32, X, A) : out.move(32, A, X);
    default:
      throw new BpfError('classic/unknown-instruction', { in: 'program', program: options.name, slot }, `opcode 0x${code.toString(16)}`);
  }
}

function translateSimpleLoad(out: Builder, register: number, code: number, k: number): void {
  switch (code & 0xe0) {
    case MODE.imm:
      return out.moveImm(register, k | 0);
    case MODE.mem:
      return out.load(4, register, FP, scratch(k));
    case MODE.len:
      return out.load(4, register, CTX, SKB.len);
    default:
      assert(false, `classic load 0x${code.toString(16)} passed the check`);
  }
}

function translateAncillary(out: Builder, what: number): void {
  switch (what) {
    case ANCILLARY.protocol:
      out.load(4, A, CTX, SKB.protocol);
      return out.swap(16, A);
    case ANCILLARY.vlanTpid:
      out.load(4, A, CTX, SKB.vlanProto);
      return out.swap(16, A);
    case ANCILLARY.pktType:
      return out.load(4, A, CTX, SKB.pktType);
    case ANCILLARY.ifindex:
      // No device: the program ends with 0.
      out.load(4, A, CTX, SKB.ifindex);
      out.branchImm(COND.ne, A, 0, out.slots + 2);
      return out.exit();
    case ANCILLARY.mark:
      return out.load(4, A, CTX, SKB.mark);
    case ANCILLARY.queue:
      return out.load(4, A, CTX, SKB.queueMapping);
    case ANCILLARY.rxhash:
      return out.load(4, A, CTX, SKB.hash);
    case ANCILLARY.vlanTag:
      return out.load(4, A, CTX, SKB.vlanTci);
    case ANCILLARY.vlanTagPresent:
      return out.load(4, A, CTX, SKB.vlanPresent);
    case ANCILLARY.aluXorX:
      return out.alu(ALU.xor, 32, A, X);
    case ANCILLARY.cpu:
      return out.helper(HELPER_CPU);
    case ANCILLARY.random:
      return out.helper(HELPER_RANDOM);
    case ANCILLARY.hatype:
      return out.helper(CLASSIC_HELPER.hatype);
    case ANCILLARY.payOffset:
      return out.helper(CLASSIC_HELPER.payOffset);
    case ANCILLARY.nlattr:
      return out.helper(CLASSIC_HELPER.nlattr);
    case ANCILLARY.nlattrNest:
      return out.helper(CLASSIC_HELPER.nlattrNest);
    default:
      assert(false, `ancillary load ${what} passed the check`);
  }
}

function translateJump(out: Builder, instruction: ClassicInstruction, slot: number): void {
  const { code, k } = instruction;
  const targets = jumpTargets(instruction, slot);
  if ((code & 0xf0) === JMP.ja) return out.jumpTo(targets[0]!);
  const [taken, other] = targets as readonly [number, number];
  const x = (code & SOURCE_X) !== 0;
  if (taken === other) {
    if (taken !== slot + 1) out.jumpTo(taken);
    return;
  }
  if ((code & 0xf0) === JMP.jset) {
    if (taken !== slot + 1) {
      out.branchTo(COND.set, x, k | 0, taken);
      if (other !== slot + 1) out.jumpTo(other);
    } else {
      // There is no "no bit in common" branch: step over the jump to the other target.
      out.branchTo(COND.set, x, k | 0, taken);
      out.jumpTo(other);
    }
    return;
  }
  const cond = CLASSIC_COND[code & 0xf0];
  assert(cond !== undefined, `classic jump 0x${code.toString(16)} passed the check`);
  if (taken === slot + 1) return out.branchTo(cond.inverse, x, k | 0, other);
  out.branchTo(cond.taken, x, k | 0, taken);
  if (other !== slot + 1) out.jumpTo(other);
}

/** Stack offset of a scratch word. */
function scratch(k: number): number {
  return -4 * (k + 1);
}

/** Collects eBPF instructions; targets given as classic instruction numbers are replaced at the end. */
class Builder {
  readonly #rows: (CodeRow & { readonly classic?: boolean })[] = [];

  get slots(): number {
    return this.#rows.length;
  }
  #add(kind: number, fields: Omit<CodeRow, 'kind'> & { readonly classic?: boolean }): void {
    this.#rows.push({ kind, ...fields });
  }
  alu(op: number, size: number, dst: number, src: number): void {
    this.#add(KIND.alu, { op, size, dst, src, x: 1 });
  }
  aluImm(op: number, size: number, dst: number, imm: number): void {
    this.#add(KIND.alu, { op, size, dst, imm });
  }
  move(size: number, dst: number, src: number): void {
    this.alu(ALU.mov, size, dst, src);
  }
  moveImm(dst: number, imm: number): void {
    this.aluImm(ALU.mov, 32, dst, imm);
  }
  swap(size: number, dst: number): void {
    this.#add(KIND.swap, { op: SWAP.be, size, dst });
  }
  load(size: number, dst: number, src: number, offset: number): void {
    this.#add(KIND.load, { size, dst, src, x: 1, offset });
  }
  store(size: number, dst: number, offset: number, src: number): void {
    this.#add(KIND.store, { size, dst, src, offset, x: 1 });
  }
  packet(size: number, k: number, register: number | undefined): void {
    this.#add(KIND.packetLoad, { size, imm: k | 0, op: register === undefined ? 0 : 1, src: register ?? 0 });
  }
  /** X and A after a call: R0 is A, R6..R9 survive. Arguments: context, A, X. */
  helper(id: number): void {
    this.move(64, 1, CTX);
    this.move(64, 2, A);
    this.move(64, 3, X);
    this.#add(KIND.callHelper, { imm: id });
    this.move(32, A, A);
  }
  /** `if register COND imm goto slot`, an eBPF slot. */
  branchImm(op: number, dst: number, imm: number, slot: number): void {
    this.#add(KIND.branch, { op, size: 32, dst, imm, offset: slot });
  }
  branchTo(op: number, x: boolean, imm: number, classicTarget: number): void {
    this.#add(KIND.branch, { op, size: 32, dst: A, src: x ? X : 0, x: x ? 1 : 0, imm: x ? 0 : imm, offset: classicTarget, classic: true });
  }
  jumpTo(classicTarget: number): void {
    this.#add(KIND.jump, { size: 32, offset: classicTarget, classic: true });
  }
  exit(): void {
    this.#add(KIND.exit, {});
  }

  finish(starts: Int32Array): Code {
    return codeFromRows(this.#rows.map((row) => (row.classic === true ? { ...row, offset: starts[row.offset!]! } : row)));
  }
}
