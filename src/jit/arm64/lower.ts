// eBPF to arm64: walks the blocks in order, one instruction after the other, with the facts of the program at hand. Arithmetic becomes
// values (select.ts), which are written when needed (values.ts); what has an effect is written at once. long because every kind of
// instruction that is no arithmetic is lowered here.
import { ALU, ATOMIC, type Code, KIND, PSEUDO } from '../../isa/code.ts';
import { computeFacts, definedBy, type Facts, HOLDS, Walker } from '../../program/facts.ts';
import type { Program } from '../../program/program.ts';
import { HELPER_LOOP, HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { FRAME_BYTES } from '../../spec/limits.ts';
import { assert } from '../../util/error.ts';
import { ACTIVATION, STOP } from '../activation.ts';
import { Assembler } from '../assembler.ts';
import { callsOf, innerEntries, lastExitOf } from '../functions.ts';
import { findInlined } from '../inline.ts';
import { LOOP_OPERANDS, loopAt } from '../loop.ts';
import { type Plan, planFlow } from '../plan.ts';
import { TABLE_LENGTH, tailCallAt, tailCallOperands } from '../tail-call.ts';
import type { CompileOptions } from '../target.ts';
import { helperSymbol, type SymbolRef, type Unit } from '../unit.ts';
import {
  ACTIVATION_REGISTER,
  FIRST_SCRATCH,
  FRAME,
  FRAME_POINTER,
  FUEL,
  FUEL_RETURN,
  HOME,
  RETURN_ADDRESS,
  STOP_REASON,
  STOP_SLOT,
  STUB,
  WINDOW,
} from './abi.ts';
import { emitAtomic } from './atomics.ts';
import { Branches } from './branches.ts';
import { Edges } from './edges.ts';
import { enc, LSL, UXTX } from './encode.ts';
import { addSubImmediate, bitmask64 } from './immediates.ts';
import { NONE, V } from './kinds.ts';
import { addressOf, branch, branchCond, branchLink, callSymbol, compareZero, moveSymbol } from './labels.ts';
import { emitLoop } from './loop.ts';
import { Memory } from './memory.ts';
import { loadFromPacket } from './packet.ts';
import { cond, LR, SP, ZR } from './registers.ts';
import { arithmetic, byteSwap, signExtend, zeroExtend } from './select.ts';
import { TailCalls } from './tail-calls.ts';
import { Values } from './values.ts';

const CALLEE_SAVED = 0x3c0;
const R10 = 10;
const HINT_C = 1;
/** How far to look for accesses through the same pointer. */
const LOOKAHEAD = 24;

/** Code at the image's end: a fuel check's slow path, or a stop. */
interface Cold {
  readonly label: number;
  readonly slot: number;
  /** Where a fuel check goes on; -1: a stop. */
  readonly back: number;
  readonly reason: number;
}

/** Made once: most programs are smaller than its arrays. Lowering does not nest. */
let spare: Values | undefined;

export function lower(program: Program, options: CompileOptions): Unit {
  const asm = new Assembler(program.code.slots);
  const values = spare ?? new Values(asm);
  spare = undefined;
  values.asm = asm;
  const unit = new Lowering(program, options, asm, values).run();
  spare = values;
  return unit;
}

class Lowering {
  readonly program: Program;
  readonly options: CompileOptions;
  readonly code: Code;
  readonly facts: Facts;
  readonly walker: Walker;
  readonly asm: Assembler;
  readonly v: Values;
  readonly memory: Memory;
  readonly branches: Branches;
  readonly #confined: boolean;
  readonly #fuel: boolean;
  readonly #plan: Plan;
  readonly #label: Int32Array;
  readonly #edges: Edges;
  /** Calls of helpers that are written in place. */
  readonly #isInlined: Uint8Array;
  /** Lookups in maps that are known, by slot. */
  readonly #routines: Map<number, SymbolRef> = new Map();
  readonly #cold: Cold[] = [];
  readonly #tailCalls: TailCalls;
  #epilogue = -1;
  #lastExit = -1;
  #saved: number[] = [];
  #returnRegister = LR;
  #signed = false;
  /** The block that was lowered last: a branch may take in the ones that follow. */
  #at = 0;
  /** The function at work is entered by the thunk alone. */
  #isEntry = false;
  /** The function at work sets the frame register to the routines' stack. */
  #ownStack = false;
  #keepsFramePointer = false;
  /** Per function: where local calls of a routine go that has an entry for calls from outside in front of it; -1: to the entry. */
  #inner: Int32Array;

  constructor(program: Program, options: CompileOptions, asm: Assembler, values: Values) {
    this.program = program;
    this.options = options;
    this.code = program.code;
    this.#confined = options.sandbox !== false;
    this.#fuel = options.fuel !== false && options.routine !== true;
    this.facts = computeFacts(program, { wideAddresses: !this.#confined });
    this.walker = new Walker(program, this.facts.entry);
    this.asm = asm;
    this.v = values;
    this.memory = new Memory(this.v, this.#confined);
    this.#tailCalls = new TailCalls(values, options);
    this.branches = new Branches(this.v, this.walker, program.code);
    this.#plan = planFlow(program, this.facts, this.#fuel);
    this.#label = new Int32Array(this.facts.flow.blocks).fill(-1);
    this.#edges = new Edges(this.v, program.code, this.facts, this.#plan, this.#confined);
    this.#isInlined = findInlined(program, this.facts, this.#plan, this.walker, options, this.#routines);
    this.#inner = new Int32Array(program.subprograms.length).fill(-1);
  }

  run(): Unit {
    const { asm, program } = this;
    const entries = asm.newLabels(program.subprograms.length);
    if (this.options.routine === true) this.#inner = innerEntries(program, this.facts, asm);
    program.subprograms.forEach((_, index) => {
      this.#lowerFunction(index, entries);
    });
    this.#emitCold();
    this.#tailCalls.emitCold();
    const tailEntry = this.options.tailEntry === true ? this.#tailCalls.emitEntry(entries, this.facts.liveIn[0]!) : -1;
    return asm.finish('arm64', tailEntry);
  }

  // Control flow.

  #labelOf(block: number): number {
    if (this.#label[block] === -1) this.#label[block] = this.asm.newLabel();
    return this.#label[block]!;
  }

  #bind(label: number): void {
    this.asm.bind(label);
    this.memory.forget();
  }

  // Functions.

  #lowerFunction(index: number, entries: number): void {
    const { asm, facts, program } = this;
    const { start } = program.subprograms[index]!;
    const first = facts.flow.blockOf[start]!;
    this.#beginFunction(index, first);
    asm.mark(-1);
    asm.entry(entries + index);
    if (this.#inner[index] !== -1) this.#routineEntry(this.#inner[index]!);
    this.memory.forget();
    this.#prologue();
    this.v.dropBases();
    this.v.flags = 0;
    // The prologue runs once: a jump back to the first slot lands behind it.
    this.v.start(this.walker.width, 0);
    this.#edges.record(first);
    let continues = false;
    for (let block = first; block >= 0; block = this.#plan.next[this.#at]!) {
      this.#at = block;
      continues = this.#lowerBlock(block, continues, entries);
    }
  }

  #beginFunction(index: number, first: number): void {
    const { facts, program } = this;
    const isEntry = index === 0 && !facts.entryIsCalled && this.options.routine !== true;
    this.#isEntry = isEntry;
    this.#lastExit = lastExitOf(this.code, facts, this.#plan, first);
    const written = facts.written[index]!;
    const liveAtEntry = facts.liveIn[program.subprograms[index]!.start]!;
    const { calls: callsOthers, tailCalls } = callsOf(program, facts, this.#plan, this.#isInlined, index);
    // A tail call's slow path keeps the return address, but only what callees keep of the others.
    const calls = callsOthers || (this.options.pac === true && tailCalls);
    const leaf = !isEntry && !calls && !tailCalls && (liveAtEntry & CALLEE_SAVED) === 0;
    // One instruction at the start for one less at each use; elsewhere it must be saved, too.
    this.#keepsFramePointer = !leaf && this.#framePointerUses(first) >= (isEntry ? 2 : 4);
    this.v.choose(leaf, this.#keepsFramePointer);
    this.#saved = [];
    this.#signed = this.options.pac === true && calls;
    this.#returnRegister = LR;
    if (calls) {
      if (isEntry && !this.#signed) this.#returnRegister = RETURN_ADDRESS;
      else this.#saved.push(LR);
    }
    this.#ownStack = this.options.routine === true && facts.usesFrame[index] === 1 && this.#inner[index] === -1;
    if (this.#ownStack) this.#saved.push(FRAME);
    if (!isEntry && !leaf) for (let r = 6; r < 10; r++) if ((written >> r) & 1) this.#saved.push(HOME[r]!);
    if (!isEntry && this.#keepsFramePointer) this.#saved.push(FRAME_POINTER);
    this.#epilogue = -1;
  }

  /** How often the function from that block on takes R10 as a value. */
  #framePointerUses(first: number): number {
    const { code, facts } = this;
    let count = 0;
    for (let block = first; block >= 0; block = this.#plan.next[block]!) {
      const end = facts.flow.starts[block + 1]!;
      for (let slot = facts.flow.starts[block]!; slot < end; slot++) {
        if (code.kind[slot] === KIND.alu && code.x[slot] === 1 && code.src[slot] === R10)
          count += (facts.liveOut[slot]! >> code.dst[slot]!) & 1;
      }
    }
    return count;
  }

  /** A routine that routines call as well, on their stack: whoever comes from outside gets the top of it here. */
  #routineEntry(inner: number): void {
    const { asm, options } = this;
    if (options.pac === true) asm.word(enc.paciasp());
    else if (options.bti === true) asm.word(enc.bti(HINT_C));
    asm.word(enc.stpPre(1, LR, FRAME, SP, -16));
    asm.word(enc.ldrImm(3, FRAME, ACTIVATION_REGISTER, ACTIVATION.routineStack));
    branchLink(asm, inner);
    asm.word(enc.ldpPost(1, LR, FRAME, SP, 16));
    if (options.pac === true) asm.word(enc.autiasp());
    asm.word(enc.ret(LR));
    asm.bind(inner);
  }

  #prologue(): void {
    const { asm, options } = this;
    if (this.#signed) asm.word(enc.paciasp());
    else if (options.bti === true) asm.word(enc.bti(HINT_C));
    if (this.#returnRegister !== LR) asm.word(enc.orrReg(1, this.#returnRegister, ZR, LR, LSL, 0));
    const saved = this.#saved;
    const bytes = ((saved.length + 1) >> 1) * 16;
    for (let i = 0; i < saved.length; i += 2) {
      const first = saved[i]!;
      const second = saved[i + 1];
      if (i === 0) asm.word(second === undefined ? enc.strPre(3, first, SP, -bytes) : enc.stpPre(1, first, second, SP, -bytes));
      else asm.word(second === undefined ? enc.strImm(3, first, SP, i * 8) : enc.stp(1, first, second, SP, i * 8));
    }
    if (this.#ownStack) asm.word(enc.ldrImm(3, FRAME, ACTIVATION_REGISTER, ACTIVATION.routineStack));
    if (this.#keepsFramePointer) asm.word(enc.subReg(1, FRAME_POINTER, FRAME, WINDOW, LSL, 0));
  }

  #emitReturn(): void {
    this.#restore();
    this.asm.word(enc.ret(this.#returnRegister));
  }

  /** The epilogue without the return. */
  #restore(): void {
    const { asm } = this;
    const saved = this.#saved;
    const bytes = ((saved.length + 1) >> 1) * 16;
    for (let i = (saved.length - 1) & ~1; i >= 0 && saved.length > 0; i -= 2) {
      const first = saved[i]!;
      const second = saved[i + 1];
      if (i === 0) asm.word(second === undefined ? enc.ldrPost(3, first, SP, bytes) : enc.ldpPost(1, first, second, SP, bytes));
      else asm.word(second === undefined ? enc.ldrImm(3, first, SP, i * 8) : enc.ldp(1, first, second, SP, i * 8));
    }
    if (this.#signed) asm.word(enc.autiasp());
  }

  /** The last exit runs into the epilogue, others branch there, unless it is one instruction. */
  #exit(slot: number): void {
    if (this.#saved.length === 0 && !this.#signed) {
      this.#emitReturn();
      return;
    }
    if (this.#epilogue === -1) this.#epilogue = this.asm.newLabel();
    if (slot !== this.#lastExit) {
      branch(this.asm, this.#epilogue);
      return;
    }
    this.#bind(this.#epilogue);
    this.#emitReturn();
  }

  // Blocks.

  /** `continues`: this block is entered only from the code right before it, whose state holds on. Returns the same for the next one. */
  #lowerBlock(block: number, continues: boolean, entries: number): boolean {
    const { asm, v, facts, walker, code } = this;
    const { flow } = facts;
    const start = flow.starts[block]!;
    const end = flow.starts[block + 1]!;
    walker.enter(block);
    if (!continues) {
      v.start(walker.width, facts.upperIn[start]! | this.#edges.clean(block));
      this.#edges.enter(block);
      if (this.#plan.predecessors[block]! > 0) this.#bind(this.#labelOf(block));
    }
    for (let slot = start; slot < end; slot++) {
      const kind = code.kind[slot]!;
      if (kind === KIND.second) continue;
      asm.mark(slot);
      v.slot = slot;
      v.pinned = 0;
      if (this.#fuel && this.program.fuelCost[slot] !== 0) {
        v.live = facts.liveIn[slot]!;
        v.flushLoads();
        // In the middle of a block: what a stop says of registers must lie in them.
        if (slot !== start) v.settle(v.live);
        this.#checkFuel(slot, this.program.fuelCost[slot]!);
      }
      if (kind === KIND.branch) return this.#branch(slot, block);
      if (kind === KIND.jump) {
        return this.#runOn(this.#plan.takenTo[block]!, this.#plan.next[block]!);
      }
      if (kind === KIND.exit) {
        v.live = 1;
        v.settle(1);
        this.#exit(slot);
        return false;
      }
      if (kind === KIND.forbidden) {
        v.live = 0;
        v.settle(0);
        branch(asm, this.#stop(slot, STOP.unsupported));
        return false;
      }
      if (kind === KIND.alu || kind === KIND.movsx || kind === KIND.swap) this.#compute(slot, kind);
      else {
        this.#instruction(slot, kind, entries);
        walker.step(slot);
      }
    }
    // Runs on into the next block.
    return this.#runOn(this.#plan.fallTo[block]!, this.#plan.next[block]!);
  }

  #runOn(to: number, next: number): boolean {
    if (to === next && this.#plan.predecessors[next] === 1) return true;
    this.#goto(to, next);
    return false;
  }

  #goto(to: number, next: number): void {
    const live = this.facts.liveIn[this.facts.flow.starts[to]!]!;
    this.v.live = live;
    this.v.settle(live);
    if (to === next) this.#edges.prepare(to);
    this.#edges.leave(to, this.#isBound(to));
    if (to !== next) branch(this.asm, this.#labelOf(to));
  }

  #branch(slot: number, block: number): boolean {
    const { v, facts, asm, branches } = this;
    const { predecessors, takenTo, fallTo, next: nextOf } = this.#plan;
    const { starts } = facts.flow;
    const taken = takenTo[block]!;
    const fall = fallTo[block]!;
    if (taken === fall) return this.#runOn(taken, nextOf[block]!);
    if (fall === nextOf[block] && this.#isSelect(slot, taken, fall)) return this.#select(slot, taken, fall);

    // The chain of branches from here on that lead to one place unless they run on, each with nothing but its comparison.
    let goal = taken === nextOf[block] ? fall : taken;
    let on = goal === taken ? fall : taken;
    const wayOut = goal;
    let last = block;
    let operands = this.#operandsOf(slot);
    if (branches.setsFlags(slot)) {
      while (on === nextOf[last] && this.#isChainLink(on, wayOut)) {
        last = on;
        operands |= this.#operandsOf(starts[last]!);
        on = takenTo[last] === wayOut ? fallTo[last]! : takenTo[last]!;
      }
    }
    const next = nextOf[last]!;
    const inverted = wayOut === next && on !== next;
    if (inverted) {
      goal = on;
      on = wayOut;
    }
    const liveAway = facts.liveIn[starts[goal]!]!;
    const liveOn = facts.liveIn[starts[on]!]!;
    const continues = on === next && predecessors[on] === 1;
    v.live = liveAway | liveOn | operands;
    v.settle(continues ? liveAway : liveAway | liveOn);
    // The comparison may take a scratch register from a base: an edge onwards is recorded behind it.
    if (this.#isBound(goal)) this.#edges.leave(goal, true);
    const promised = this.#isBound(goal) ? this.#edges.promised(goal) : 0;
    v.pinned = promised;
    branches.compare(slot, last === block ? liveAway | liveOn : liveAway | liveOn | operands);
    let isTaken = taken === wayOut;
    for (let link = block; link !== last; ) {
      link = nextOf[link]!;
      const at = starts[link]!;
      asm.mark(at);
      v.pinned = promised;
      const condition = isTaken ? branches.condition ^ 1 : branches.condition;
      isTaken = true;
      branches.chain(at, condition, takenTo[link] !== wayOut);
    }
    if (!this.#isBound(goal)) this.#edges.record(goal);
    branches.jump(this.#labelOf(goal), inverted === isTaken);
    this.memory.forget();
    this.#at = last;
    if (continues) {
      v.live = liveOn;
      return true;
    }
    if (on === next) this.#edges.prepare(on);
    this.#edges.leave(on, this.#isBound(on));
    if (on !== next) branch(asm, this.#labelOf(on));
    return false;
  }

  /** The block is just a branch, entered from one place, and one of its ways leads to `wayOut`. */
  #isChainLink(block: number, wayOut: number): boolean {
    const { starts } = this.facts.flow;
    const { takenTo, fallTo, predecessors } = this.#plan;
    const slot = starts[block]!;
    if (predecessors[block] !== 1 || starts[block + 1] !== slot + 1 || this.code.kind[slot] !== KIND.branch) return false;
    const taken = takenTo[block]!;
    const fall = fallTo[block]!;
    return taken !== fall && (taken === wayOut || fall === wayOut) && this.branches.canChain(slot);
  }

  /** The branch skips one move to a register, nothing else. */
  #isSelect(slot: number, around: number, arm: number): boolean {
    const { code, facts, v } = this;
    const { starts } = facts.flow;
    const { takenTo, fallTo, predecessors } = this.#plan;
    const at = starts[arm]!;
    if (predecessors[arm] !== 1 || code.kind[at] !== KIND.alu || code.op[at] !== ALU.mov) return false;
    const end = starts[arm + 1]!;
    if (!(end === at + 1 || (end === at + 2 && code.kind[at + 1] === KIND.jump))) return false;
    if ((end === at + 1 ? fallTo[arm] : takenTo[arm]) !== around) return false;
    if (((facts.liveIn[starts[around]!]! >> code.dst[at]!) & 1) === 0) return false;
    // A 32-bit move clears an upper half that somebody may read.
    const isUpperLive = ((facts.upperIn[starts[around]!]! >> code.dst[at]!) & 1) === 1;
    if (code.x[at] === 1 && code.size[at] === 32 && isUpperLive && v.width[v.of[code.src[at]!]!]! > 32) return false;
    return this.branches.setsFlags(slot);
  }

  /** A conditional select in place of a branch around a move. */
  #select(slot: number, around: number, arm: number): boolean {
    const { code, v, facts, asm, branches } = this;
    const { starts } = facts.flow;
    const at = starts[arm]!;
    const d = code.dst[at]!;
    const after = facts.liveIn[starts[around]!]!;
    const isRegister = code.x[at] === 1;
    v.live = after | this.#operandsOf(slot) | (1 << d) | (isRegister ? 1 << code.src[at]! : 0);
    branches.compare(slot, v.live);
    v.pinned = 0;
    v.live = after | (isRegister ? 1 << code.src[at]! : 0);
    const old = v.of[d]!;
    const imm = code.imm[at]!;
    const fresh = isRegister ? v.of[code.src[at]!]! : v.constant(code.size[at] === 64 ? imm >> 31 : 0, imm);
    const width = Math.max(v.width[old]!, v.width[fresh]!);
    const sf = width > 32 ? 1 : 0;
    const { condition } = branches;
    // Where the branch is taken the old value stays; 0, 1 and -1 need no register.
    const specialNew = special(v, fresh, sf);
    const specialOld = specialNew > 0 ? 0 : special(v, old, sf);
    const rn = specialOld > 0 ? v.operand(fresh) : v.operand(old);
    const rm = specialNew > 0 || specialOld > 0 ? ZR : v.operand(specialOld > 0 ? old : fresh);
    v.live = after & ~(1 << d);
    const target = v.claim(d);
    const holds = specialOld > 0 ? condition ^ 1 : condition;
    const kind = specialNew + specialOld;
    asm.mark(at);
    asm.word((kind === 1 ? enc.csinc : kind === 2 ? enc.csinv : enc.csel)(sf, target, rn, rm, holds));
    v.land(d, width);
    v.live = after;
    this.#at = arm;
    const next = this.#plan.next[arm]!;
    if (around === next && this.#plan.predecessors[around] === 2) return true;
    this.#goto(around, next);
    return false;
  }

  #operandsOf(slot: number): number {
    const { dst, src, x } = this.code;
    return (1 << dst[slot]!) | (x[slot] === 1 ? 1 << src[slot]! : 0);
  }

  #isBound(block: number): boolean {
    return this.asm.isBound(this.#labelOf(block));
  }

  // Instructions.

  #instruction(slot: number, kind: number, entries: number): void {
    const { code, v, facts, walker } = this;
    const d = code.dst[slot]!;
    const s = code.src[slot]!;
    const after = facts.liveOut[slot]! & ~definedBy(code, slot);
    switch (kind) {
      case KIND.lddw:
        if (((facts.liveOut[slot]! >> d) & 1) === 0) return;
        this.#longConstant(slot, d);
        return;
      case KIND.load: {
        const size = log2(code.size[slot]!);
        v.live = after | (1 << s);
        const waits = this.#waits(slot, d);
        if (!waits) v.flushLoads();
        this.memory.locate(walker, s, code.offset[slot]!, size, waits || this.#isShared(slot, s));
        const { place } = this.memory;
        if (waits && place.index === NONE) {
          v.rename(d, v.createLoad(place.base, place.displacement, 1 << size, false, 0, slot));
          return;
        }
        v.live = after;
        const target = (facts.liveOut[slot]! >> d) & 1 ? v.claim(d) : ZR;
        this.memory.load(size, code.op[slot] === 1, target);
        if (target !== ZR) v.land(d, code.op[slot] === 1 ? 64 : code.size[slot]! * 8);
        return;
      }
      case KIND.store: {
        const size = log2(code.size[slot]!);
        v.live = after | (1 << d) | (code.x[slot] === 1 ? 1 << s : 0);
        v.flushLoads();
        const value = code.x[slot] === 1 ? v.of[s]! : v.constant(code.imm[slot]! >> 31, code.imm[slot]!);
        v.pinned = code.x[slot] === 1 ? 0 : this.memory.storing();
        const rt = this.#storeOperand(value, size, walker, code.x[slot] === 1 ? s : -1);
        this.memory.locate(walker, d, code.offset[slot]!, size, this.#isShared(slot, d));
        this.memory.store(size, rt);
        return;
      }
      case KIND.loadAcquire: {
        v.live = after | (1 << s);
        v.flushLoads();
        this.memory.locate(walker, s, code.offset[slot]!, -1, true);
        this.#checkAlignment(slot, s);
        v.live = after;
        const target = v.claim(d);
        this.asm.word(enc.ldar(log2(code.size[slot]!), target, this.memory.place.base));
        v.land(d, code.size[slot]! * 8);
        this.memory.forget();
        return;
      }
      case KIND.storeRelease: {
        v.live = after | (1 << d) | (1 << s);
        v.flushLoads();
        const rt = code.size[slot] === 8 ? v.operand(v.of[s]!) : v.lower(v.of[s]!);
        this.memory.locate(walker, d, code.offset[slot]!, -1, true);
        this.#checkAlignment(slot, d);
        this.asm.word(enc.stlr(log2(code.size[slot]!), rt, this.memory.place.base));
        this.memory.forget();
        return;
      }
      case KIND.atomic:
        this.#atomic(slot, d, s, after);
        return;
      case KIND.packetLoad:
        this.#packetLoad(slot, s, after);
        return;
      case KIND.addrSpaceCast:
        // There is no arena: as the interpreter.
        v.live = after;
        v.settle(after);
        branch(this.asm, this.#stop(slot, STOP.unsupported));
        if ((facts.liveOut[slot]! >> d) & 1) {
          v.claim(d);
          v.land(d, 64);
        }
        return;
      case KIND.callHelper:
        if (this.#isInlined[slot] === 1) this.#arrayLookup(slot, after);
        else if (code.imm[slot] === HELPER_TAIL_CALL) this.#tailCall(slot, after);
        else if (code.imm[slot] === HELPER_LOOP) this.#loop(slot, after, entries);
        else this.#call(slot, after, this.#routines.get(slot) ?? helperSymbol(code.imm[slot]!));
        return;
      case KIND.callKfunc:
        this.#call(slot, after, { kind: 'kfunc', name: this.program.kfuncs[code.imm[slot]!] ?? '' });
        return;
      case KIND.callLocal:
        this.#callLocal(slot, after, entries);
        return;
      case KIND.callx:
        this.#callx(slot, after);
        return;
      case KIND.mayGoto:
        return;
      default:
        assert(false, `slot ${slot} has kind ${kind}`);
    }
  }

  /** Arithmetic; steps the walker. */
  #compute(slot: number, kind: number): void {
    const { code, v, facts, walker } = this;
    const d = code.dst[slot]!;
    const s = code.src[slot]!;
    if (((facts.liveOut[slot]! >> d) & 1) === 0) {
      walker.step(slot);
      return;
    }
    const after = facts.liveOut[slot]! & ~(1 << d);
    v.after = after;
    const op = code.op[slot]!;
    const size = code.size[slot]!;
    const upperLive = ((facts.upperOut[slot]! >> d) & 1) === 1;
    let n: number;
    if (kind === KIND.alu) {
      const inRegister = code.x[slot] === 1 && op !== ALU.neg;
      const known = !inRegister || walker.holds[s] === HOLDS.constant;
      const lo = !inRegister ? code.imm[slot]! : walker.lo[s]!;
      const hi = !inRegister ? lo >> 31 : walker.hi[s]!;
      v.live = after | (op === ALU.mov ? 0 : 1 << d) | (inRegister ? 1 << s : 0);
      walker.step(slot);
      if (walker.holds[d] === HOLDS.constant) n = v.constant(walker.hi[d]!, walker.lo[d]!);
      else if (walker.holds[d] === HOLDS.frame) {
        n = v.create(V.frame, 1, NONE, NONE, NONE, 0, 0, walker.lo[d]!, 0, walker.width[d]!);
      } else if (op === ALU.mov) n = size === 64 ? v.of[s]! : zeroExtend(v, v.of[s]!, upperLive);
      else {
        const y = inRegister ? v.of[s]! : v.constant(hi, lo);
        n = arithmetic(v, op, v.of[d]!, y, known, hi, lo, size, upperLive, after);
      }
    } else {
      v.live = after | (1 << (kind === KIND.movsx ? s : d));
      walker.step(slot);
      if (walker.holds[d] === HOLDS.constant) n = v.constant(walker.hi[d]!, walker.lo[d]!);
      else if (kind === KIND.movsx) n = signExtend(v, v.of[s]!, op, size === 64 ? 1 : 0, upperLive);
      else n = byteSwap(v, op, v.of[d]!, size, upperLive);
    }
    // What is known of the result holds for the register unless its upper half was left dirty.
    if (v.users[n] === 0) {
      const width = walker.width[d]!;
      if ((upperLive || v.sf[n] === 0) && width < v.width[n]!) v.width[n] = width;
      if (width < v.low[n]!) v.low[n] = width;
    }
    v.rename(d, n);
    v.after = -1;
  }

  #longConstant(slot: number, d: number): void {
    const { code, v } = this;
    const op = code.op[slot]!;
    if (op === PSEUDO.none || op === PSEUDO.btfId) {
      v.rename(d, v.constant(code.hi[slot]!, code.imm[slot]!));
      return;
    }
    const index = code.imm[slot]!;
    let ref: SymbolRef;
    if (op === PSEUDO.func) ref = { kind: 'function', slot: code.offset[slot]! };
    else if (op === PSEUDO.map || op === PSEUDO.mapIndex) ref = { kind: 'map', index };
    else ref = { kind: 'mapValue', index, offset: code.hi[slot]! };
    v.rename(d, v.create(V.symbol, 1, NONE, NONE, NONE, 0, 0, this.asm.symbol(ref), 0, 32));
  }

  /** The register to store: the zero register for 0, any that has the right lower bytes. */
  #storeOperand(value: number, size: number, walker: Walker, r: number): number {
    const { v } = this;
    if (r >= 0 && walker.holds[r] === HOLDS.constant && walker.lo[r] === 0 && (size < 3 || walker.hi[r] === 0)) return ZR;
    if (size === 3) return v.operand(value);
    if (v.isPending(value)) {
      const kind = v.kind[value]!;
      // Cut to the size that is stored anyway.
      if (kind === V.ubfx && v.s[value] === 0 && v.n[value]! >= 8 << size) {
        const m = v.a[value]!;
        v.pinned |= 1 << m;
        return m;
      }
      if (kind === V.constant && size < 2) {
        const lo = size === 0 ? v.lo[value]! & 0xff : v.lo[value]! & 0xffff;
        return v.operand(v.constant(0, lo));
      }
      if (kind === V.constant) return v.operand(v.constant(0, v.lo[value]!));
    }
    return v.lower(value);
  }

  /** A narrow load whose value is next shifted or put together with another: its neighbours may follow. */
  #waits(slot: number, d: number): boolean {
    const { code, facts } = this;
    if (code.size[slot]! > 2 || code.op[slot] === 1 || ((facts.liveOut[slot]! >> d) & 1) === 0) return false;
    const end = Math.min(slot + LOOKAHEAD, facts.flow.starts[facts.flow.blockOf[slot]! + 1]!);
    for (let next = slot + 1; next < end; next++) {
      const kind = code.kind[next]!;
      const reads = code.dst[next] === d || (code.src[next] === d && (code.x[next] === 1 || kind === KIND.load));
      if (!reads || kind === KIND.second) continue;
      if (kind === KIND.load && code.src[next] !== d) return false;
      if (kind !== KIND.alu) return false;
      const op = code.op[next]!;
      if (op === ALU.lsh) return code.x[next] === 0 && code.dst[next] === d && (code.imm[next]! & 7) === 0;
      return op === ALU.or && code.x[next] === 1;
    }
    return false;
  }

  /** Another access near the pointer in Rr follows before it changes: a base for both pays. */
  #isShared(slot: number, r: number): boolean {
    const { code, facts } = this;
    const end = Math.min(code.slots, slot + LOOKAHEAD, facts.flow.starts[facts.flow.blockOf[slot]! + 1]!);
    const bit = 1 << r;
    if (definedBy(code, slot) & bit) return false;
    const first = code.offset[slot]!;
    for (let next = slot + 1; next < end; next++) {
      const kind = code.kind[next]!;
      const isLoad = kind === KIND.load || kind === KIND.loadAcquire;
      const isStore = kind === KIND.store || kind === KIND.storeRelease || kind === KIND.atomic;
      if ((isLoad && code.src[next] === r) || (isStore && code.dst[next] === r)) {
        if (code.offset[next] !== first || kind !== KIND.load) return true;
      }
      if (definedBy(code, next) & bit) return false;
    }
    return false;
  }

  #atomic(slot: number, d: number, s: number, after: number): void {
    const { code, v, walker } = this;
    const op = code.op[slot]!;
    const fetches = code.x[slot] === 1;
    const compares = op === ATOMIC.cmpxchg;
    const size = log2(code.size[slot]!);
    v.live = after | (1 << d) | (1 << s) | (compares ? 1 : 0);
    v.flushLoads();
    if (compares) v.settle(1);
    v.pinned = compares ? 1 << v.home[0]! : 0;
    const value = size === 3 ? v.operand(v.of[s]!) : v.lower(v.of[s]!);
    this.memory.locate(walker, d, code.offset[slot]!, -1, true);
    this.#checkAlignment(slot, d);
    const base = this.memory.place.base;
    v.live = after;
    const result = compares ? 0 : s;
    let target = ZR;
    if (fetches) {
      // The value's own register may be overwritten by the result: it is read first.
      target = v.claim(result);
      v.pinned |= 1 << target;
    }
    const first = v.scratch();
    v.pinned |= 1 << first;
    const second = v.scratch();
    v.pinned |= 1 << second;
    const third = v.scratch();
    for (const m of [first, second, third]) v.vacate(m);
    emitAtomic(this.asm, this.options.lse !== false, op, fetches, size, value, target, base, first, second, third);
    this.memory.forget();
    if (fetches) v.land(result, code.size[slot]! * 8);
  }

  /** Stops where the place that was located through Rr is no multiple of the size. Some machines would fault, others not. */
  #checkAlignment(slot: number, r: number): void {
    const { asm, code, walker, v } = this;
    const mask = code.size[slot]! - 1;
    if (mask === 0 || this.options.routine === true) return;
    if (walker.holds[r] === HOLDS.frame) {
      // Frames are aligned.
      if (((walker.lo[r]! + code.offset[slot]!) & mask) !== 0) branch(asm, this.#stop(slot, STOP.unaligned));
      return;
    }
    v.flags = 0;
    asm.word(enc.andsImm(1, ZR, this.memory.place.base, bitmask64(mask, 0)));
    branchCond(asm, cond.ne, this.#stop(slot, STOP.unaligned));
  }

  #packetLoad(slot: number, s: number, after: number): void {
    const { code, v } = this;
    const size = log2(code.size[slot]!);
    const indirect = code.op[slot] === 1;
    v.live = after | (indirect ? 1 << s : 0);
    v.flushLoads();
    // x15 to x17 are nobody's between sites.
    const index = indirect ? v.lower(v.of[s]!) : NONE;
    v.live = after;
    const target = v.claim(0);
    loadFromPacket(v, size, index === ZR ? NONE : index, code.imm[slot]!, target, this.#confined, () => this.#emitReturn());
    this.memory.forget();
    v.flags = 0;
    v.land(0, 8 << size);
  }

  // Calls.

  #beforeCall(after: number, used: number): void {
    const { v } = this;
    const mask = (after & CALLEE_SAVED) | used;
    v.live = mask;
    v.settle(mask);
  }

  #afterCall(after: number): void {
    this.v.live = after;
    this.v.afterCall();
    this.memory.forget();
  }

  #call(slot: number, after: number, ref: SymbolRef): void {
    this.#beforeCall(after, this.facts.liveIn[slot]! & 0x3e);
    callSymbol(this.asm, this.asm.symbol(ref));
    this.#afterCall(after);
  }

  #enterFrame(slot: number): void {
    const { asm } = this;
    asm.word(enc.subImm(1, FRAME, FRAME, FRAME_BYTES, 0));
    if (!this.program.checksDepth) return;
    asm.word(enc.ldrImm(3, STUB, ACTIVATION_REGISTER, ACTIVATION.stackLimit));
    asm.word(enc.subsReg(1, ZR, FRAME, STUB, LSL, 0));
    branchCond(asm, cond.lo, this.#stop(slot, STOP.stack));
  }

  #leaveFrame(): void {
    this.asm.word(enc.addImm(1, FRAME, FRAME, FRAME_BYTES, 0));
  }

  #callLocal(slot: number, after: number, entries: number): void {
    const { facts, program } = this;
    const target = this.code.offset[slot]!;
    const callee = program.subprogramOf[target]!;
    this.#beforeCall(after, facts.liveIn[target]! & 0x3ff);
    const frame = facts.usesFrame[callee] === 1 || program.checksDepth;
    if (frame) this.#enterFrame(slot);
    branchLink(this.asm, this.#inner[callee] === -1 ? entries + callee : this.#inner[callee]!);
    if (frame) this.#leaveFrame();
    this.#afterCall(after);
  }

  #callx(slot: number, after: number): void {
    const { asm, v } = this;
    const r = this.code.dst[slot]!;
    this.#beforeCall(after, 0x3fe | (1 << r));
    const handle = r === R10 ? v.register(v.of[R10]!) : v.home[r]!;
    const bad = this.#stop(slot, STOP.badCall);
    moveSymbol(asm, STUB, asm.symbol({ kind: 'functions' }));
    asm.word(enc.ldur(3, FIRST_SCRATCH, STUB, TABLE_LENGTH));
    asm.word(enc.subsReg(1, ZR, handle, FIRST_SCRATCH, LSL, 0));
    branchCond(asm, cond.hs, bad);
    asm.word(enc.ldrReg(3, FIRST_SCRATCH, STUB, handle, UXTX, 1));
    compareZero(asm, 1, FIRST_SCRATCH, bad);
    this.#enterFrame(slot);
    asm.word(enc.blr(FIRST_SCRATCH));
    this.#leaveFrame();
    this.#afterCall(after);
  }

  /** See loop.ts. */
  #loop(slot: number, after: number, entries: number): void {
    const { facts, program, walker, options } = this;
    const loop = loopAt(program, facts, walker, options);
    if (loop === undefined) {
      this.#call(slot, after, helperSymbol(HELPER_LOOP));
      return;
    }
    this.#beforeCall(after, LOOP_OPERANDS);
    emitLoop(this.v, loop, entries + loop.callee, facts.usesFrame[loop.callee] === 1);
    this.#afterCall(after);
  }

  /** See tail-call.ts. */
  #tailCall(slot: number, after: number): void {
    const { facts, walker } = this;
    const call = tailCallAt(this.program, walker);
    this.#beforeCall(after, call === undefined ? 0 : tailCallOperands(call));
    const jumps = { isEntry: this.#isEntry, returnRegister: this.#returnRegister, restore: () => this.#restore() };
    this.#tailCalls.emit(slot, call, walker.width[1]! > 32, (facts.liveOut[slot]! & 1) === 1, jumps);
    this.#afterCall(after);
  }

  /** bpf_map_lookup_elem of an array: storage + key * stride, or 0 for a key beyond the end. */
  #arrayLookup(slot: number, after: number): void {
    const { asm, v, walker } = this;
    const index = walker.lo[1]!;
    const map = this.program.maps[index]!;
    v.live = after | (1 << 2);
    v.flushLoads();
    this.memory.locate(walker, 2, 0, 2, false);
    v.live = after;
    const key = v.scratch();
    v.vacate(key);
    v.pinned |= 1 << key;
    this.memory.load(2, false, key);
    const target = v.claim(0);
    v.pinned |= 1 << target;
    const entries = addSubImmediate(map.maxEntries);
    moveSymbol(asm, target, asm.symbol({ kind: 'mapValue', index, offset: 0 }));
    this.memory.forget();
    const stride = (map.valueSize + 7) & ~7;
    if ((stride & (stride - 1)) === 0) asm.word(enc.addReg(1, target, target, key, LSL, 31 - Math.clz32(stride)));
    else {
      v.moveConstant(0, STOP_SLOT, 0, stride);
      asm.word(enc.umaddl(target, key, STOP_SLOT, target));
    }
    if (entries >= 0) asm.word(enc.subsImm(0, ZR, key, entries & 0xfff, entries >> 12));
    else {
      v.moveConstant(0, STOP_SLOT, 0, map.maxEntries);
      asm.word(enc.subsReg(0, ZR, key, STOP_SLOT, LSL, 0));
    }
    asm.word(enc.csel(1, target, target, ZR, cond.lo));
    v.pinned = 0;
    v.flags = 0;
    v.land(0, 32);
    assert(this.#isInlined[slot] === 1, 'an inlined lookup');
  }

  // Fuel and stops.

  #checkFuel(slot: number, cost: number): void {
    const { asm, v } = this;
    v.flags = 0;
    const imm = addSubImmediate(cost);
    if (imm >= 0) asm.word(enc.subsImm(0, FUEL, FUEL, imm & 0xfff, imm >> 12));
    else {
      v.moveConstant(0, STOP_SLOT, 0, cost);
      asm.word(enc.subsReg(0, FUEL, FUEL, STOP_SLOT, LSL, 0));
    }
    const label = asm.newLabel();
    const back = asm.newLabel();
    branchCond(asm, cond.mi, label);
    this.#bind(back);
    this.#cold.push({ label, slot, back, reason: STOP.fuel });
  }

  #stop(slot: number, reason: number): number {
    const label = this.asm.newLabel();
    this.#cold.push({ label, slot, back: -1, reason });
    return label;
  }

  #emitCold(): void {
    const { asm, v } = this;
    const fuel = this.#cold.filter((cold) => cold.back !== -1);
    const stops = this.#cold.filter((cold) => cold.back === -1);
    asm.mark(-2);
    for (const [list, field] of [
      [fuel, ACTIVATION.fuelStub],
      [stops, ACTIVATION.stopStub],
    ] as const) {
      if (list.length === 0) continue;
      const common = asm.newLabel();
      list.forEach((cold, i) => {
        asm.bind(cold.label);
        v.moveConstant(0, STOP_SLOT, 0, cold.slot);
        if (cold.back === -1) v.moveConstant(0, STOP_REASON, 0, cold.reason);
        else addressOf(asm, FUEL_RETURN, cold.back);
        if (i < list.length - 1) branch(asm, common);
      });
      asm.bind(common);
      asm.word(enc.ldrImm(3, STUB, ACTIVATION_REGISTER, field));
      // A stop's return address tells whose it is.
      asm.word((list === fuel ? enc.br : enc.blr)(STUB));
    }
  }
}

/** 1 for a constant 1, 2 for -1 of that size: CSINC and CSINV make them of the zero register. */
function special(v: Values, n: number, sf: number): number {
  if (v.kind[n] !== V.constant || !v.isPending(n)) return 0;
  if (v.lo[n] === 1 && v.hi[n] === 0) return 1;
  return v.lo[n] === -1 && (sf === 0 ? v.hi[n] === 0 : v.hi[n] === -1) ? 2 : 0;
}

function log2(bytes: number): number {
  return 31 - Math.clz32(bytes);
}
