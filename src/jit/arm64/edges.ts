// Native base addresses over block borders: a block may rely on a base in a scratch register if every edge into it provides it.
// Edges from earlier code are intersected as they are written; a loop then promises the bases that it uses and does not disturb, and
// every jump back makes them good again.
import { type Code, isCall, KIND } from '../../isa/code.ts';
import { definedBy, type Facts, REGISTERS } from '../../program/facts.ts';
import { Columns } from '../../util/columns.ts';
import type { Plan } from '../plan.ts';
import { FIRST_SCRATCH, FRAME, LAST_SCRATCH } from './abi.ts';
import { NONE } from './kinds.ts';
import type { Values } from './values.ts';

const SCRATCHES = LAST_SCRATCH - FIRST_SCRATCH + 1;
/** Slots of loop bodies that are looked at, per slot of the program: nested loops stay linear. */
const SCANS = 32;

export class Edges {
  readonly #v: Values;
  readonly #code: Code;
  readonly #facts: Facts;
  readonly #plan: Plan;
  readonly #confined: boolean;
  /** Per block and scratch register: what base holds on every edge seen so far; of blocks that have been entered: what it relies on. */
  readonly #of: Uint8Array;
  readonly #offset: Int32Array;
  readonly #isSeen: Uint8Array;
  /** 1: there may be such bases; most blocks have none. */
  readonly #hasBases: Uint8Array;
  /** The comparison whose flags hold on every edge, and its registers. */
  readonly #flags: Int32Array;
  readonly #flagsOf: Int32Array;
  /** Registers of the program whose upper half is 0 in the machine on every edge, also where nobody reads it. */
  readonly #clean: Uint16Array;
  #budget: number;

  constructor(v: Values, code: Code, facts: Facts, plan: Plan, confined: boolean) {
    this.#v = v;
    this.#code = code;
    this.#facts = facts;
    this.#plan = plan;
    this.#confined = confined;
    const { blocks } = facts.flow;
    const columns = new Columns(blocks * (5 * SCRATCHES + 12) + 16);
    this.#offset = columns.int32(blocks * SCRATCHES);
    this.#flags = columns.int32(blocks);
    this.#flagsOf = columns.int32(blocks);
    this.#clean = columns.uint16(blocks);
    this.#of = columns.uint8(blocks * SCRATCHES);
    this.#of.fill(NONE);
    this.#isSeen = columns.uint8(blocks);
    this.#hasBases = columns.uint8(blocks);
    this.#budget = SCANS * code.slots;
  }

  /**
   * Control runs on into block `to`, and nothing from earlier code jumps there. If it is a loop, computes what it would compute in every
   * turn: bases of pointers that it leaves alone, places of its atomic operations in the frame.
   */
  prepare(to: number): void {
    const v = this.#v;
    if (this.#isSeen[to] === 1 || this.#plan.loopEnd[to]! < 0) return;
    const keeps = this.#keeps(to);
    if (keeps === 0) return;
    let room = v.lastScratch - FIRST_SCRATCH - 3;
    const code = this.#code;
    const { starts } = this.#facts.flow;
    const { order, position, loopEnd } = this.#plan;
    for (let at = position[to]!; at <= loopEnd[to]!; at++) {
      for (let slot = starts[order[at]!]!; slot < starts[order[at]! + 1]!; slot++) {
        const kind = code.kind[slot]!;
        const isLoad = kind === KIND.load;
        if (!isLoad && kind !== KIND.store && kind !== KIND.atomic) continue;
        const r = isLoad ? code.src[slot]! : code.dst[slot]!;
        const isFrame = r === REGISTERS - 1;
        const of = isFrame ? FRAME : v.home[r]!;
        const offset = isFrame ? code.offset[slot]! : 0;
        // The frame has an address of its own; a lone access at a pointer needs none.
        if (((keeps >> of) & 1) === 0 || (isFrame ? kind !== KIND.atomic : code.offset[slot] === 0 && kind !== KIND.atomic)) continue;
        if (room <= 0 || this.#has(of, offset)) continue;
        v.writeBase(v.scratch(), of, offset, this.#confined);
        room--;
      }
    }
  }

  #has(of: number, offset: number): boolean {
    const v = this.#v;
    for (let base = FIRST_SCRATCH; base <= v.lastScratch; base++) {
      if (v.baseOf[base] === of && v.baseOffset[base] === offset) return true;
    }
    return false;
  }

  /** The edge to block `to` leaves here; `isEntered`: its code stands already. */
  leave(to: number, isEntered: boolean): void {
    if (isEntered) this.#repair(to);
    else this.record(to);
  }

  /** Scratch registers whose bases an entered block relies on. */
  promised(to: number): number {
    let mask = 0;
    if (this.#hasBases[to] === 0) return mask;
    for (let i = 0; i < SCRATCHES; i++) if (this.#of[to * SCRATCHES + i] !== NONE) mask |= 1 << (FIRST_SCRATCH + i);
    return mask;
  }

  record(to: number): void {
    const v = this.#v;
    const at = to * SCRATCHES;
    const seen = this.#isSeen[to] === 1;
    this.#isSeen[to] = 1;
    const clean = v.cleanHomes();
    this.#clean[to] = seen ? this.#clean[to]! & clean : clean;
    if (!seen) {
      this.#flags[to] = v.flags;
      this.#flagsOf[to] = v.flagsOf;
    } else if (this.#flags[to] !== v.flags) this.#flags[to] = 0;
    if (v.basedOn === 0 || (seen && this.#hasBases[to] === 0)) {
      if (this.#hasBases[to] === 1) this.#of.fill(NONE, at, at + SCRATCHES);
      this.#hasBases[to] = 0;
      return;
    }
    this.#hasBases[to] = 1;
    for (let i = 0; i < SCRATCHES; i++) {
      const base = FIRST_SCRATCH + i;
      const of = base > v.lastScratch ? NONE : v.baseOf[base]!;
      // Scratch registers mean something else in the next block.
      const carries = of !== NONE && (of === FRAME || of < FIRST_SCRATCH || of > LAST_SCRATCH);
      if (!seen) {
        this.#of[at + i] = carries ? of : NONE;
        this.#offset[at + i] = carries ? v.baseOffset[base]! : 0;
      } else if (this.#of[at + i] !== NONE && (this.#of[at + i] !== of || this.#offset[at + i] !== v.baseOffset[base])) {
        this.#of[at + i] = NONE;
      }
    }
  }

  #repair(to: number): void {
    if (this.#hasBases[to] === 0) return;
    const v = this.#v;
    const at = to * SCRATCHES;
    for (let i = 0; i < SCRATCHES; i++) {
      const of = this.#of[at + i]!;
      if (of === NONE) continue;
      const base = FIRST_SCRATCH + i;
      if (v.baseOf[base] === of && v.baseOffset[base] === this.#offset[at + i]) continue;
      if (v.busy(base, -1)) v.evict(base, -1);
      v.writeBase(base, of, this.#offset[at + i]!, this.#confined);
    }
  }

  /** See `#clean`; edges from further on are not known yet. */
  clean(block: number): number {
    return this.#isSeen[block] === 1 && this.#plan.loopEnd[block]! < 0 ? this.#clean[block]! : 0;
  }

  /** Sets the bases at the start of a block. */
  enter(block: number): void {
    const v = this.#v;
    const at = block * SCRATCHES;
    v.dropBases();
    // Jumps back would have to compare anew.
    v.flags = this.#isSeen[block] === 1 && this.#plan.loopEnd[block]! < 0 ? this.#flags[block]! : 0;
    v.flagsOf = this.#flagsOf[block]!;
    if (this.#hasBases[block] === 0) return;
    const keeps = this.#plan.loopEnd[block]! >= 0 ? this.#keeps(block) : -1;
    // Leaves enough scratch registers for everything else.
    let room = keeps === -1 ? SCRATCHES : v.lastScratch - FIRST_SCRATCH - 2;
    for (let i = 0; i < SCRATCHES; i++) {
      const of = this.#of[at + i]!;
      if (of === NONE) continue;
      if (room === 0 || (keeps !== -1 && ((keeps >> of) & 1) === 0)) {
        this.#of[at + i] = NONE;
        continue;
      }
      room--;
      v.setBase(FIRST_SCRATCH + i, of, this.#offset[at + i]!);
    }
  }

  /** Machine registers that hold pointers which the loop at `block` uses and leaves alone. */
  #keeps(block: number): number {
    const code = this.#code;
    const { starts } = this.#facts.flow;
    const { order, position, loopEnd } = this.#plan;
    const end = loopEnd[block]!;
    let written = 0;
    let used = 0;
    for (let at = position[block]!; at <= end; at++) {
      const start = starts[order[at]!]!;
      const after = starts[order[at]! + 1]!;
      this.#budget -= after - start;
      if (this.#budget < 0) return 0;
      for (let slot = start; slot < after; slot++) {
        const kind = code.kind[slot]!;
        written |= definedBy(code, slot);
        if (kind === KIND.load || kind === KIND.loadAcquire) used |= 1 << code.src[slot]!;
        else if (kind === KIND.store || kind === KIND.storeRelease || kind === KIND.atomic) used |= 1 << code.dst[slot]!;
        else if (isCall(kind)) return 0;
      }
    }
    const kept = used & ~written & this.#facts.liveIn[starts[block]!]!;
    let machine = 0;
    for (let r = 0; r < REGISTERS - 1; r++) if ((kept >> r) & 1) machine |= 1 << this.#v.home[r]!;
    return (used >> (REGISTERS - 1)) & 1 ? machine | (1 << FRAME) : machine;
  }
}
