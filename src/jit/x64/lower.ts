// eBPF to x86-64: walks the blocks in order, one instruction after the other, with the facts of the program at hand. Where registers
// are is values.ts, arithmetic select.ts, addresses memory.ts.
import { ALU, ATOMIC, COND, type Code, KIND, PSEUDO } from '../../isa/code.ts';
import { computeFacts, definedBy, type Facts, HOLDS, Walker } from '../../program/facts.ts';
import type { Program } from '../../program/program.ts';
import { HELPER_LOOP, HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { FRAME_BYTES } from '../../spec/limits.ts';
import { assert } from '../../util/error.ts';
import { ACTIVATION, STOP } from '../activation.ts';
import { Assembler } from '../assembler.ts';
import { innerEntries, lastExitOf } from '../functions.ts';
import { findInlined } from '../inline.ts';
import { LOOP_OPERANDS, loopAt } from '../loop.ts';
import { type Plan, planFlow } from '../plan.ts';
import { TABLE_LENGTH, tailCallAt, tailCallOperands } from '../tail-call.ts';
import type { CompileOptions } from '../target.ts';
import { helperSymbol, type SymbolRef, type Unit } from '../unit.ts';
import { FRAME, FUEL, HOME, STUB_ACTIVATION, STUB_SLOT, WINDOW } from './abi.ts';
import { findActivation } from './activation.ts';
import { emitAtomic, emitAtomicLoop, isLoop } from './atomics.ts';
import { compare, testConstant, testRegister } from './branches.ts';
import { enc } from './encode.ts';
import { CC, ALU as OP, SHIFT } from './forms.ts';
import { findRotation, isTest, type Rotation } from './idioms.ts';
import { alu, aluImmediate, isImm8, moveConstant, shiftImmediate } from './immediates.ts';
import { align, callLocal, callSymbol, jump, jumpCond, moveSymbol } from './labels.ts';
import { emitLoop } from './loop.ts';
import { Memory } from './memory.ts';
import { loadFromPacket } from './packet.ts';
import { indexed, indexOf, REG } from './registers.ts';
import { arithmetic, byteSwap, type Operation, signExtend } from './select.ts';
import { TailCalls } from './tail-calls.ts';
import { P, Values } from './values.ts';

const ARGUMENTS = 0x3e;
const CALLEE_SAVED = 0x3c0;
const FRAME_POINTER = 10;
/** Slots of a loop that fits into a line of the cache, and the bytes of such a line. */
const MAX_TIGHT_LOOP = 16;
const LOOP_ALIGNMENT = 64;
/** Bytes of an epilogue that is not worth a jump. */
const SHORT_EPILOGUE = 3;

const { rax, rdi, r10, r11 } = REG;

/** Code at the image's end: a fuel check's slow path, or a stop. */
interface Cold {
  readonly label: number;
  readonly slot: number;
  /** Where a fuel check goes on; -1: a stop. */
  readonly back: number;
  readonly reason: number;
}

export function lower(program: Program, options: CompileOptions): Unit {
  return new Lowering(program, options).run();
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
  readonly #confined: boolean;
  readonly #fuel: boolean;
  readonly #plan: Plan;
  readonly #label: Int32Array;
  /** Calls of helpers that are written in place. */
  readonly #isInlined: Uint8Array;
  /** Lookups in maps that are known, by slot. */
  readonly #routines: Map<number, SymbolRef> = new Map();
  readonly #cold: Cold[] = [];
  readonly #tailCalls: TailCalls;
  readonly #operation: Operation;
  readonly #rotation: Rotation = { slots: 0, d: 0, x: 0, by: 0, size: 0 };
  /** Slot of an AND that the branch behind it does; -2: none. */
  #tested = -2;
  #epilogue = -1;
  #lastExit = -1;
  #saved: number[] = [];
  /** The function at work is entered by the thunk alone. */
  #isEntry = false;
  /** The function at work sets the frame register to the routines' stack. */
  #ownStack = false;
  /** Per function: where local calls of a routine go that has an entry for calls from outside in front of it; -1: to the entry. */
  #inner: Int32Array;

  constructor(program: Program, options: CompileOptions) {
    this.program = program;
    this.options = options;
    this.code = program.code;
    this.#confined = options.sandbox !== false;
    this.#fuel = options.fuel !== false && options.routine !== true;
    this.facts = computeFacts(program, { wideAddresses: !this.#confined });
    this.walker = new Walker(program, this.facts.entry);
    this.asm = new Assembler(program.code.slots);
    this.v = new Values(this.asm, this.walker);
    this.memory = new Memory(this.v, this.#confined);
    this.#tailCalls = new TailCalls(this.v);
    this.#plan = planFlow(program, this.facts, this.#fuel);
    this.#label = new Int32Array(this.facts.flow.blocks).fill(-1);
    this.#isInlined = findInlined(program, this.facts, this.#plan, this.walker, options, this.#routines);
    this.#inner = new Int32Array(program.subprograms.length).fill(-1);
    const bmi2 = options.cpu?.has('bmi2') === true;
    this.#operation = { op: 0, size: 0, d: 0, s: 0, known: false, hi: 0, lo: 0, upper: false, width: 0, bmi2 };
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
    return asm.finish('x64', tailEntry);
  }

  #labelOf(block: number): number {
    if (this.#label[block] === -1) this.#label[block] = this.asm.newLabel();
    return this.#label[block]!;
  }

  // Functions.

  #lowerFunction(index: number, entries: number): void {
    const { asm, facts, program } = this;
    const first = facts.flow.blockOf[program.subprograms[index]!.start]!;
    this.#beginFunction(index, first);
    asm.mark(-1);
    asm.entry(entries + index);
    if (this.#inner[index] !== -1) this.#routineEntry(this.#inner[index]!);
    this.#prologue();
    let continues = false;
    for (let block = first; block >= 0; block = this.#plan.next[block]!) continues = this.#lowerBlock(block, continues, entries);
  }

  #beginFunction(index: number, first: number): void {
    const { facts } = this;
    this.#isEntry = index === 0 && !facts.entryIsCalled && this.options.routine !== true;
    this.#lastExit = lastExitOf(this.code, facts, this.#plan, first);
    this.#saved = [];
    this.#ownStack = this.options.routine === true && facts.usesFrame[index] === 1 && this.#inner[index] === -1;
    if (this.#ownStack) this.#saved.push(FRAME);
    if (!this.#isEntry) for (let r = 6; r < 10; r++) if ((facts.written[index]! >> r) & 1) this.#saved.push(HOME[r]!);
    this.#epilogue = -1;
  }

  /** A routine that routines call as well, on their stack: whoever comes from outside gets the top of it here. */
  #routineEntry(inner: number): void {
    const { asm } = this;
    enc['push r64'](asm, FRAME);
    this.#takeRoutineStack();
    callLocal(asm, inner);
    enc['pop r64'](asm, FRAME);
    enc.ret(asm);
    asm.bind(inner);
  }

  #takeRoutineStack(): void {
    findActivation(this.asm, r11);
    enc['mov r64, m64'](this.asm, FRAME, r11, ACTIVATION.routineStack);
  }

  #prologue(): void {
    for (const m of this.#saved) enc['push r64'](this.asm, m);
    if (this.#ownStack) this.#takeRoutineStack();
  }

  #restore(): void {
    for (let i = this.#saved.length - 1; i >= 0; i--) enc['pop r64'](this.asm, this.#saved[i]!);
  }

  #emitReturn(): void {
    this.#restore();
    enc.ret(this.asm);
  }

  /** The last exit runs into the epilogue, others jump there, unless it is about as short. */
  #exit(slot: number): void {
    let bytes = 1;
    for (const m of this.#saved) bytes += m < 8 ? 1 : 2;
    if (bytes <= SHORT_EPILOGUE) {
      this.#emitReturn();
      return;
    }
    if (this.#epilogue === -1) this.#epilogue = this.asm.newLabel();
    if (slot !== this.#lastExit) {
      jump(this.asm, this.#epilogue);
      return;
    }
    this.asm.bind(this.#epilogue);
    this.#emitReturn();
  }

  // Blocks.

  /** `continues`: this block is entered only from the code right before it, whose state holds on. Returns the same for the next one. */
  #lowerBlock(block: number, continues: boolean, entries: number): boolean {
    const { asm, v, facts, walker, code } = this;
    const start = facts.flow.starts[block]!;
    const end = facts.flow.starts[block + 1]!;
    walker.enter(block);
    if (!continues) {
      v.start(facts.liveIn[start]!);
      if (this.#isTightLoop(block)) align(asm, LOOP_ALIGNMENT);
      if (this.#plan.predecessors[block]! > 0) asm.bind(this.#labelOf(block));
    }
    for (let slot = start; slot < end; slot++) {
      const kind = code.kind[slot]!;
      if (kind === KIND.second) continue;
      asm.mark(slot);
      v.pinned = 0;
      if (this.#fuel && this.program.fuelCost[slot] !== 0) {
        // In the middle of a block: what a stop says of registers must lie in them.
        if (slot !== start) this.#settleAt(slot);
        this.#checkFuel(slot, this.program.fuelCost[slot]!);
      }
      if (kind === KIND.branch) return this.#branch(slot, block);
      if (kind === KIND.jump) return this.#runOn(this.#plan.takenTo[block]!, this.#plan.next[block]!);
      if (kind === KIND.exit) {
        v.live = 1;
        v.settle(1);
        this.#exit(slot);
        return false;
      }
      if (kind === KIND.forbidden) {
        v.live = 0;
        v.settle(0);
        jump(asm, this.#stop(slot, STOP.unsupported));
        return false;
      }
      if (kind === KIND.alu && findRotation(code, facts, slot, end, this.#rotation)) {
        this.#rotate(slot);
        for (const last = slot + this.#rotation.slots - 1; slot < last; slot++) walker.step(slot);
        walker.step(slot);
      } else if (kind === KIND.alu && isTest(code, facts, slot, end)) this.#tested = slot;
      else if (kind === KIND.alu || kind === KIND.movsx || kind === KIND.swap) this.#compute(slot, kind);
      else {
        this.#instruction(slot, kind, entries);
        const unread = definedBy(code, slot) & ~facts.liveOut[slot]!;
        if (unread !== 0) for (let r = 0; r < 10; r++) if ((unread >> r) & 1) v.abandon(r);
        walker.step(slot);
      }
    }
    return this.#runOn(this.#plan.fallTo[block]!, this.#plan.next[block]!);
  }

  #settleAt(slot: number): void {
    this.v.live = this.facts.liveIn[slot]!;
    this.v.settle(this.v.live);
  }

  /** A short loop without another in it: where it lies decides how fast it is fetched. */
  #isTightLoop(block: number): boolean {
    const { loopEnd, order, position } = this.#plan;
    if (loopEnd[block]! < 0) return false;
    let slots = 0;
    for (let i = position[block]!; i <= loopEnd[block]!; i++) {
      const inner = order[i]!;
      slots += this.facts.flow.starts[inner + 1]! - this.facts.flow.starts[inner]!;
      if (slots > MAX_TIGHT_LOOP || (inner !== block && loopEnd[inner]! >= 0)) return false;
    }
    return true;
  }

  /** Whether the next block goes on with the state of this one. */
  #runOn(to: number, next: number): boolean {
    if (to === next && this.#plan.predecessors[next] === 1) return true;
    this.#goto(to, next);
    return false;
  }

  #goto(to: number, next: number): void {
    const live = this.facts.liveIn[this.facts.flow.starts[to]!]!;
    this.v.live = live;
    this.v.settle(live);
    if (to !== next) jump(this.asm, this.#labelOf(to));
  }

  #branch(slot: number, block: number): boolean {
    const { v, facts, asm, walker, code } = this;
    const { starts } = facts.flow;
    const taken = this.#plan.takenTo[block]!;
    const fall = this.#plan.fallTo[block]!;
    const next = this.#plan.next[block]!;
    if (taken === fall) return this.#runOn(taken, next);
    const inverted = taken === next;
    const away = inverted ? fall : taken;
    const on = inverted ? taken : fall;
    const liveAway = facts.liveIn[starts[away]!]!;
    const liveOn = facts.liveIn[starts[on]!]!;
    const continues = on === next && this.#plan.predecessors[on] === 1;
    v.live = liveAway | liveOn | (1 << code.dst[slot]!) | (code.x[slot] === 1 ? 1 << code.src[slot]! : 0);
    v.settle(continues ? liveAway : liveAway | liveOn);
    const condition = this.#tested === slot - 1 ? this.#test(slot) : compare(v, walker, code, slot);
    jumpCond(asm, inverted ? condition ^ 1 : condition, this.#labelOf(away));
    if (continues) {
      v.live = liveOn;
      return true;
    }
    if (on !== next) jump(asm, this.#labelOf(on));
    return false;
  }

  /** The branch's comparison of what an AND would have given with 0. The walker has not stepped over that. */
  #test(slot: number): number {
    const { code, v, walker } = this;
    const at = slot - 1;
    const s = code.src[at]!;
    const inRegister = code.x[at] === 1;
    const known = !inRegister || walker.holds[s] === HOLDS.constant;
    const lo = inRegister ? walker.lo[s]! : code.imm[at]!;
    const hi = inRegister ? walker.hi[s]! : lo >> 31;
    const sf = code.size[at] === 64 && code.size[slot] === 64 && !v.isNarrow(code.dst[at]!) ? 1 : 0;
    const condition = known ? testConstant(v, sf, code.dst[at]!, hi, lo) : testRegister(v, sf, code.dst[at]!, s);
    v.abandon(code.dst[at]!);
    return code.op[slot] === COND.ne ? condition : condition ^ 1;
  }

  // Instructions.

  /** d = x rotated, in place of the instructions that #rotation counts. */
  #rotate(slot: number): void {
    const { asm, v, facts } = this;
    const { slots, d, x, by, size } = this.#rotation;
    const sf = size === 64 ? 1 : 0;
    v.live = facts.liveOut[slot + slots - 1]!;
    const source = v.operand(x, sf);
    v.release(d);
    for (let at = slot; at < slot + slots; at++) if (this.code.dst[at] !== d) v.abandon(this.code.dst[at]!);
    const m = HOME[d]!;
    if (sf === 1 && m !== source && this.#operation.bmi2) enc['rorx r64, r64, uimm8'](asm, m, source, 64 - by);
    else {
      if (m !== source) (sf === 1 ? enc['mov r64, r64'] : enc['mov r32, r32'])(asm, m, source);
      shiftImmediate(asm, SHIFT.rol, sf, m, by);
    }
    v.land(d, sf === 0);
  }

  #instruction(slot: number, kind: number, entries: number): void {
    const { code, v, facts, walker } = this;
    const d = code.dst[slot]!;
    const s = code.src[slot]!;
    const after = facts.liveOut[slot]! & ~definedBy(code, slot);
    const upper = facts.upperIn[slot]!;
    switch (kind) {
      case KIND.lddw:
        v.live = after;
        if (((facts.liveOut[slot]! >> d) & 1) === 1) this.#longConstant(slot, d);
        return;
      case KIND.load:
      case KIND.loadAcquire: {
        v.live = after | (1 << s);
        this.memory.locate(s, code.offset[slot]!, isSet(upper, s));
        if (kind === KIND.loadAcquire) this.#checkAlignment(slot);
        v.live = after;
        const isSigned = kind === KIND.load && code.op[slot] === 1;
        const isLive = ((facts.liveOut[slot]! >> d) & 1) === 1;
        const isWide = isSigned && isSet(facts.upperOut[slot]!, d);
        // An access nobody reads may fault all the same.
        if (isLive) v.release(d);
        this.memory.load(log2(code.size[slot]!), isSigned, isWide, isLive ? HOME[d]! : v.scratch());
        if (isLive) v.land(d, code.size[slot]! < 8 && !isWide);
        return;
      }
      case KIND.store:
      case KIND.storeRelease: {
        v.live = after | (1 << d) | (1 << s);
        const size = log2(code.size[slot]!);
        const known = code.x[slot] === 0 || walker.holds[s] === HOLDS.constant;
        const lo = code.x[slot] === 0 && kind === KIND.store ? code.imm[slot]! : walker.lo[s]!;
        const hi = code.x[slot] === 0 && kind === KIND.store ? lo >> 31 : walker.hi[s]!;
        const isImmediate = known && kind === KIND.store && (size < 3 || hi === lo >> 31);
        // A register is shorter, if the constant lies in one.
        if (isImmediate && (code.x[slot] === 0 || v.kind[s] !== P.home)) {
          this.memory.locate(d, code.offset[slot]!, isSet(upper, d));
          this.memory.storeImmediate(size, lo);
          return;
        }
        const m = v.operand(s, size === 3 ? 1 : 0);
        this.memory.locate(d, code.offset[slot]!, isSet(upper, d));
        if (kind === KIND.storeRelease) this.#checkAlignment(slot);
        this.memory.store(size, m);
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
        jump(this.asm, this.#stop(slot, STOP.unsupported));
        if ((facts.liveOut[slot]! >> d) & 1) {
          v.release(d);
          v.land(d, false);
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
      v.abandon(d);
      walker.step(slot);
      return;
    }
    const op = code.op[slot]!;
    const size = code.size[slot]!;
    const inRegister = kind === KIND.alu && code.x[slot] === 1 && op !== ALU.neg;
    const known = kind === KIND.alu && op !== ALU.neg && (!inRegister || walker.holds[s] === HOLDS.constant);
    const lo = inRegister ? walker.lo[s]! : code.imm[slot]!;
    const hi = inRegister ? walker.hi[s]! : lo >> 31;
    const width = walker.width[d]!;
    v.live = facts.liveOut[slot]!;
    v.change(d);
    walker.step(slot);
    const isUpperLive = isSet(facts.upperOut[slot]!, d);
    // Of what is below 2^32 the upper half follows from the lower.
    const upper = isUpperLive && walker.width[d]! > 32;
    if (walker.holds[d] === HOLDS.constant) v.setConstant(d, isUpperLive ? walker.hi[d]! : 0, walker.lo[d]!);
    else if (walker.holds[d] === HOLDS.frame) v.setFrame(d, upper ? 1 : 0, walker.lo[d]!);
    else if (kind === KIND.movsx) signExtend(v, d, s, op, upper && size === 64);
    else if (kind === KIND.swap) byteSwap(v, op, d, size);
    else if (op === ALU.mov) this.#copy(d, s, size, upper);
    else {
      const o = this.#operation;
      o.op = op;
      o.size = size;
      o.d = d;
      o.s = inRegister ? s : -1;
      o.known = known;
      o.hi = hi;
      o.lo = lo;
      o.upper = upper;
      o.width = width;
      arithmetic(v, o);
    }
    v.changing = -1;
  }

  /** d = s; where `upper`, all of it. */
  #copy(d: number, s: number, size: number, upper: boolean): void {
    const { v } = this;
    const wide = upper && size === 64 ? 1 : 0;
    switch (v.kind[s]) {
      case P.symbol:
        if (s !== d) v.setSymbol(d, v.lo[s]!);
        return;
      case P.sum: {
        const b = v.base[s]!;
        const lo = v.lo[s]!;
        if (s === d) {
          if (size === 32) v.wide[d] = 0;
        } else if (b === d) this.#addInPlace(d, lo, wide === 1 ? v.wide[s]! : 0);
        else v.setSum(d, b, wide === 1 ? v.wide[s]! : 0, lo);
        return;
      }
      case P.home:
        if (s !== d) v.setSum(d, s, wide, 0);
        else if (size === 32 && !v.isClean(d)) {
          v.release(d);
          enc['mov r32, r32'](this.asm, HOME[d]!, HOME[d]!);
          v.land(d, true);
        }
        return;
      default:
        v.materialize(s);
        if (s !== d) v.setSum(d, s, wide, 0);
    }
  }

  /** d += lo; cut to 32 bits unless `wide`. */
  #addInPlace(d: number, lo: number, wide: number): void {
    const { v, asm } = this;
    v.release(d);
    if (lo !== 0) aluImmediate(asm, OP.add, wide, HOME[d]!, lo);
    else if (wide === 0 && !v.isClean(d)) enc['mov r32, r32'](asm, HOME[d]!, HOME[d]!);
    v.land(d, wide === 0 || (lo === 0 && v.isClean(d)));
  }

  #longConstant(slot: number, d: number): void {
    const { code, v } = this;
    const op = code.op[slot]!;
    if (op === PSEUDO.none || op === PSEUDO.btfId) {
      v.setConstant(d, isSet(this.facts.upperOut[slot]!, d) ? code.hi[slot]! : 0, code.imm[slot]!);
      return;
    }
    const index = code.imm[slot]!;
    let ref: SymbolRef;
    if (op === PSEUDO.func) ref = { kind: 'function', slot: code.offset[slot]! };
    else if (op === PSEUDO.map || op === PSEUDO.mapIndex) ref = { kind: 'map', index };
    else ref = { kind: 'mapValue', index, offset: code.hi[slot]! };
    v.setSymbol(d, this.asm.symbol(ref));
  }

  #atomic(slot: number, d: number, s: number, after: number): void {
    const { asm, code, v, facts } = this;
    const op = code.op[slot]!;
    const fetches = code.x[slot] === 1;
    const compares = op === ATOMIC.cmpxchg;
    const sf = code.size[slot] === 8 ? 1 : 0;
    const upper = isSet(facts.upperIn[slot]!, d);
    const result = compares ? 0 : s;
    const loops = isLoop(op, fetches);
    v.live = after | (1 << d) | (1 << s) | (compares ? 1 : 0);
    if (compares) v.home(0);
    const exchanges = fetches || op === ATOMIC.xchg;
    // What the operation overwrites must be the register itself.
    const value = exchanges && !compares ? v.home(s) : v.operand(s, sf);
    if (loops) this.#locateApart(d, code.offset[slot]!);
    else this.memory.locate(d, code.offset[slot]!, upper);
    this.#checkAlignment(slot);
    const { mem, displacement } = this.memory;
    v.live = after | (exchanges ? 1 << result : 0);
    if (exchanges) v.release(result);
    if (loops) {
      const scratch = v.scratch();
      const keepsRax = isSet(after, 0) || this.#isBase(0);
      emitAtomicLoop(asm, op, sf, value, mem, displacement, scratch, keepsRax);
    } else emitAtomic(asm, op, fetches, sf, value, mem, displacement);
    if (exchanges && (facts.liveOut[slot]! >> result) & 1) v.land(result, sf === 0);
    else if (exchanges) v.land(result, false);
  }

  /** Stops where the place that was located is no multiple of the size. */
  #checkAlignment(slot: number): void {
    const mask = this.code.size[slot]! - 1;
    if (mask === 0 || this.options.routine === true) return;
    const { mem, displacement } = this.memory;
    const low = displacement & mask;
    // Frames and the window are aligned.
    if (mem < 16) {
      if (low !== 0) jump(this.asm, this.#stop(slot, STOP.unaligned));
      return;
    }
    const m = indexOf(mem);
    if (low !== 0) {
      enc['push r64'](this.asm, m);
      aluImmediate(this.asm, OP.add, 0, m, low);
    }
    enc['test r8, imm8'](this.asm, m, mask);
    if (low !== 0) enc['pop r64'](this.asm, m);
    jumpCond(this.asm, CC.ne, this.#stop(slot, STOP.unaligned));
  }

  /** As `locate`, but not in a register of the program: loops use rax. */
  #locateApart(d: number, offset: number): void {
    const { v, memory } = this;
    memory.locate(d, offset, true);
    if (memory.mem < 16) return;
    for (let r = 0; r < FRAME_POINTER; r++) {
      if (memory.mem !== indexed(WINDOW, HOME[r]!)) continue;
      const m = v.scratch();
      enc['mov r64, r64'](this.asm, m, HOME[r]!);
      v.pinned |= 1 << m;
      memory.mem = indexed(WINDOW, m);
      return;
    }
  }

  /** A live value is computed from the home of r. */
  #isBase(r: number): boolean {
    const { v } = this;
    for (let q = 0; q < FRAME_POINTER; q++) if (v.kind[q] === P.sum && v.base[q] === r && isSet(v.live, q)) return true;
    return false;
  }

  #packetLoad(slot: number, s: number, after: number): void {
    const { asm, code, v } = this;
    const size = log2(code.size[slot]!);
    const imm = code.imm[slot]!;
    const isIndirect = code.op[slot] === 1;
    v.live = after | (isIndirect ? 1 << s : 0);
    if (isIndirect) {
      const index = v.low(s);
      if (imm === 0) enc['mov r32, r32'](asm, r10, index);
      else enc['lea r32, m'](asm, r10, index, imm);
    }
    v.live = after;
    v.release(0);
    v.dropCaches();
    loadFromPacket(asm, this.memory, size, isIndirect ? undefined : imm, () => this.#emitReturn());
    v.land(0, true);
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
  }

  #call(slot: number, after: number, ref: SymbolRef): void {
    this.#beforeCall(after, ARGUMENTS);
    assert(this.code.kind[slot] === KIND.callHelper || this.code.kind[slot] === KIND.callKfunc, 'a call of a symbol');
    callSymbol(this.asm, this.asm.symbol(ref));
    this.#afterCall(after);
  }

  /** Leaves r11 alone. */
  #enterFrame(slot: number): void {
    const { asm } = this;
    enc['ALU r64, simm32'](asm, OP.sub, FRAME, FRAME_BYTES);
    if (!this.program.checksDepth) return;
    findActivation(this.asm, r10);
    enc['ALU r64, m64'](asm, OP.cmp, FRAME, r10, ACTIVATION.stackLimit);
    jumpCond(asm, CC.b, this.#stop(slot, STOP.stack));
  }

  #leaveFrame(): void {
    enc['ALU r64, simm32'](this.asm, OP.add, FRAME, FRAME_BYTES);
  }

  #callLocal(slot: number, after: number, entries: number): void {
    const { facts, program } = this;
    const target = this.code.offset[slot]!;
    const callee = program.subprogramOf[target]!;
    this.#beforeCall(after, facts.liveIn[target]! & 0x3ff);
    const frame = facts.usesFrame[callee] === 1 || program.checksDepth;
    if (frame) this.#enterFrame(slot);
    callLocal(this.asm, this.#inner[callee] === -1 ? entries + callee : this.#inner[callee]!);
    if (frame) this.#leaveFrame();
    this.#afterCall(after);
  }

  #callx(slot: number, after: number): void {
    const { asm } = this;
    const r = this.code.dst[slot]!;
    this.#beforeCall(after, 0x3fe | (1 << r));
    const handle = HOME[r]!;
    const bad = this.#stop(slot, STOP.badCall);
    moveSymbol(asm, r11, asm.symbol({ kind: 'functions' }));
    enc['ALU r64, m64'](asm, OP.cmp, handle, r11, TABLE_LENGTH);
    jumpCond(asm, CC.ae, bad);
    enc['mov r64, m64'](asm, r11, indexed(r11, handle, 3), 0);
    enc['test r64, r64'](asm, r11, r11);
    jumpCond(asm, CC.e, bad);
    this.#enterFrame(slot);
    enc['call r64'](asm, r11);
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
    emitLoop(this.asm, loop, entries + loop.callee, facts.usesFrame[loop.callee] === 1);
    this.#afterCall(after);
  }

  /** See tail-call.ts. */
  #tailCall(slot: number, after: number): void {
    const call = tailCallAt(this.program, this.walker);
    this.#beforeCall(after, call === undefined ? 0 : tailCallOperands(call));
    this.#tailCalls.emit(slot, call, isSet(this.facts.liveOut[slot]!, 0), this.#isEntry, () => this.#restore());
    this.#afterCall(after);
  }

  /** bpf_map_lookup_elem of an array: storage + key * stride, or 0 for a key beyond the end. R1 to R5 are free. */
  #arrayLookup(slot: number, after: number): void {
    const { asm, v, walker, facts } = this;
    const index = walker.lo[1]!;
    const map = this.program.maps[index]!;
    v.live = (after & CALLEE_SAVED) | (1 << 2);
    v.settle(after & CALLEE_SAVED);
    this.memory.locate(2, 0, isSet(facts.upperIn[slot]!, 2));
    this.memory.load(2, false, false, rdi);
    const end = asm.newLabel();
    moveConstant(asm, rax, 0, 0);
    aluImmediate(asm, OP.cmp, 0, rdi, map.maxEntries | 0);
    jumpCond(asm, CC.ae, end);
    moveSymbol(asm, rax, asm.symbol({ kind: 'mapValue', index, offset: 0 }));
    const stride = (map.valueSize + 7) & ~7;
    if (stride === 8) enc['lea r32, m'](asm, rax, indexed(rax, rdi, 3), 0);
    else {
      if ((stride & (stride - 1)) === 0) shiftImmediate(asm, SHIFT.shl, 0, rdi, 31 - Math.clz32(stride));
      else if (isImm8(stride)) enc['imul r32, r32, simm8'](asm, rdi, rdi, stride);
      else enc['imul r32, r32, imm32'](asm, rdi, rdi, stride);
      alu(asm, OP.add, 0, rax, rdi);
    }
    asm.bind(end);
    v.afterCall();
    v.land(0, true);
    v.live = after;
  }

  // Fuel and stops.

  #checkFuel(slot: number, cost: number): void {
    const { asm, v } = this;
    aluImmediate(asm, OP.sub, 0, FUEL, cost);
    const label = asm.newLabel();
    const back = asm.newLabel();
    jumpCond(asm, CC.s, label);
    asm.bind(back);
    v.dropCaches();
    this.#cold.push({ label, slot, back, reason: STOP.fuel });
  }

  #stop(slot: number, reason: number): number {
    const label = this.asm.newLabel();
    this.#cold.push({ label, slot, back: -1, reason });
    return label;
  }

  #emitCold(): void {
    const { asm } = this;
    const fuel = this.#cold.filter((cold) => cold.back !== -1);
    const stops = this.#cold.filter((cold) => cold.back === -1);
    asm.mark(-2);
    for (const [list, field] of [
      [fuel, ACTIVATION.fuelStub],
      [stops, ACTIVATION.stopStub],
    ] as const) {
      if (list.length === 0) continue;
      const common = asm.newLabel();
      list.forEach((cold) => {
        asm.bind(cold.label);
        if (cold.back === -1) {
          enc['push simm8'](asm, cold.reason);
          moveConstant(asm, STUB_SLOT, 0, cold.slot);
          jump(asm, common);
        } else {
          moveConstant(asm, STUB_SLOT, 0, cold.slot);
          callLocal(asm, common);
          jump(asm, cold.back);
        }
      });
      asm.bind(common);
      findActivation(this.asm, STUB_ACTIVATION);
      // A stop's return address tells whose it is.
      (list === fuel ? enc['jmp m64'] : enc['call m64'])(asm, STUB_ACTIVATION, field);
    }
  }
}

const isSet = (mask: number, r: number): boolean => ((mask >> r) & 1) === 1;

function log2(bytes: number): number {
  return 31 - Math.clz32(bytes);
}
