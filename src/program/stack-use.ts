// Which bytes of its stack a program may read before it has written them: they must be zero when a run starts. Many runs in a row
// clear these only.
import { ALU, KIND } from '../isa/code.ts';
import { helperById } from '../spec/helpers.ts';
import { FRAME_BYTES, MAX_FRAMES } from '../spec/limits.ts';
import { type Facts, HOLDS, REGISTERS, Walker } from './facts.ts';
import type { Program } from './program.ts';

/** [from, to) in bytes below the main function's R10, multiples of 8; from = to = 0: none. */
export interface StackUse {
  readonly from: number;
  readonly to: number;
}

const NONE: StackUse = { from: 0, to: 0 };
const MAIN: StackUse = { from: FRAME_BYTES, to: 0 };
const ALL: StackUse = { from: FRAME_BYTES * MAX_FRAMES, to: 0 };
const FRAME_POINTER = 10;
const ARGUMENTS = [1, 2, 3, 4, 5] as const;

export function readsUnwritten(program: Program, facts: Facts): StackUse {
  if (program.checksDepth || facts.entryIsCalled || facts.usesFrame.subarray(1).includes(1)) return ALL;
  if (facts.usesFrame[0] === 0) return NONE;
  const main = new MainFrame(program, facts);
  if (!main.staysKnown()) return MAIN;
  return main.unwritten();
}

/** A set of the frame's bytes: byte i is that at R10 - 512 + i. */
type Bytes = Uint8Array;

class MainFrame {
  readonly #program: Program;
  readonly #facts: Facts;
  readonly #walker: Walker;
  /** Per block of the main function: bytes that are written on every way to its start. */
  readonly #entry: (Bytes | undefined)[];
  readonly #blocks: number;
  #written: Bytes = new Uint8Array(FRAME_BYTES);
  readonly #needed: Bytes = new Uint8Array(FRAME_BYTES);
  /** It reaches below its frame, or above. */
  #leaves = false;

  constructor(program: Program, facts: Facts) {
    this.#program = program;
    this.#facts = facts;
    this.#walker = new Walker(program, facts.entry);
    this.#entry = new Array<undefined>(facts.flow.blocks).fill(undefined);
    const { end } = program.subprograms[0]!;
    this.#blocks = end < program.code.slots ? facts.flow.blockOf[end]! : facts.flow.blocks;
  }

  #points(register: number): boolean {
    return this.#walker.holds[register] === HOLDS.frame;
  }

  /** Whether every address in the frame is R10 plus a constant wherever it is used: none is stored, calculated with, or lost. */
  staysKnown(): boolean {
    const { code } = this.#program;
    const { flow, reachable, liveIn, entry } = this.#facts;
    const walker = this.#walker;
    for (let block = 0; block < this.#blocks; block++) {
      if (reachable[block] === 0) continue;
      walker.enter(block);
      const end = flow.starts[block + 1]!;
      for (let slot = flow.starts[block]!; slot < end; slot++) {
        if (this.#loses(slot)) return false;
        walker.step(slot);
      }
      for (let i = flow.successorStart[block]!; i < flow.successorStart[block + 1]!; i++) {
        const next = flow.successors[i]!;
        const live = liveIn[flow.starts[next]!]!;
        for (let r = 0; r < FRAME_POINTER; r++) {
          if (this.#points(r) && (live & (1 << r)) !== 0 && entry.holds[next * REGISTERS + r] !== HOLDS.frame) return false;
        }
      }
    }
    return code.slots > 0;
  }

  #loses(slot: number): boolean {
    const { kind, op, size, dst, src, x, imm } = this.#program.code;
    const [d, s] = [dst[slot]!, src[slot]!];
    switch (kind[slot]) {
      case KIND.alu: {
        const second = x[slot] === 1 && op[slot] !== ALU.neg;
        if (op[slot] === ALU.mov) return second && this.#points(s) && size[slot] !== 64;
        if (second && this.#points(s)) return true;
        if (!this.#points(d)) return false;
        const constant = !second || this.#walker.holds[s] === HOLDS.constant;
        return !(constant && size[slot] === 64 && (op[slot] === ALU.add || op[slot] === ALU.sub) && Math.abs(imm[slot]!) < 0x10000);
      }
      case KIND.movsx:
      case KIND.addrSpaceCast:
        return this.#points(s);
      case KIND.swap:
        return this.#points(d);
      case KIND.store:
        return x[slot] === 1 && this.#points(s);
      case KIND.storeRelease:
      case KIND.atomic:
        return this.#points(s);
      case KIND.callLocal: {
        const live = this.#facts.liveIn[this.#program.code.offset[slot]!]!;
        return this.#walker.holds.some((holds, r) => r < FRAME_POINTER && holds === HOLDS.frame && (live & (1 << r)) !== 0);
      }
      case KIND.callKfunc:
      case KIND.callx:
        return true;
      default:
        return false;
    }
  }

  /** Goes forward over the blocks until what is surely written no longer shrinks, then looks at what is read. */
  unwritten(): StackUse {
    const { flow, reachable } = this.#facts;
    this.#entry[0] = new Uint8Array(FRAME_BYTES);
    let changed = true;
    while (changed) {
      changed = false;
      for (let block = 0; block < this.#blocks; block++) {
        const at = this.#entry[block];
        if (reachable[block] === 0 || at === undefined) continue;
        this.#written = at.slice();
        this.#walk(block, false);
        for (let i = flow.successorStart[block]!; i < flow.successorStart[block + 1]!; i++) {
          if (this.#meet(flow.successors[i]!)) changed = true;
        }
      }
    }
    for (let block = 0; block < this.#blocks; block++) {
      const at = this.#entry[block];
      if (reachable[block] === 0 || at === undefined) continue;
      this.#written = at.slice();
      this.#walk(block, true);
    }
    if (this.#leaves) return ALL;
    const first = this.#needed.indexOf(1);
    if (first < 0) return NONE;
    const last = this.#needed.lastIndexOf(1);
    return { from: FRAME_BYTES - (first & ~7), to: FRAME_BYTES - ((last + 8) & ~7) };
  }

  #meet(block: number): boolean {
    const known = this.#entry[block];
    if (known === undefined) {
      this.#entry[block] = this.#written.slice();
      return true;
    }
    let changed = false;
    for (let i = 0; i < FRAME_BYTES; i++) {
      if (known[i] === 1 && this.#written[i] === 0) {
        known[i] = 0;
        changed = true;
      }
    }
    return changed;
  }

  #walk(block: number, collects: boolean): void {
    const { code } = this.#program;
    const { starts } = this.#facts.flow;
    const walker = this.#walker;
    walker.enter(block);
    for (let slot = starts[block]!; slot < starts[block + 1]!; slot++) {
      const kind = code.kind[slot];
      const size = code.size[slot]!;
      if (kind === KIND.load || kind === KIND.loadAcquire) this.#read(code.src[slot]!, code.offset[slot]!, size, collects);
      else if (kind === KIND.atomic) this.#read(code.dst[slot]!, code.offset[slot]!, size, collects);
      else if (kind === KIND.callHelper) this.#call(code.imm[slot]!, collects);
      else if (kind === KIND.store || kind === KIND.storeRelease) {
        const d = code.dst[slot]!;
        if (!this.#points(d)) continue;
        const from = FRAME_BYTES + walker.lo[d]! + code.offset[slot]!;
        if (from < 0 || from + size > FRAME_BYTES) this.#leaves = true;
        else this.#written.fill(1, from, from + size);
      }
      walker.step(slot);
    }
  }

  #read(register: number, offset: number, size: number, collects: boolean): void {
    if (!collects || !this.#points(register)) return;
    const from = FRAME_BYTES + this.#walker.lo[register]! + offset;
    const to = Math.min(FRAME_BYTES, from + size);
    if (from < 0) this.#leaves = true;
    for (let i = Math.max(0, from); i < to; i++) if (this.#written[i] === 0) this.#needed[i] = 1;
  }

  /** What a helper reads of the frame: as its prototype says, else all from the pointer on. */
  #call(id: number, collects: boolean): void {
    if (!collects) return;
    const walker = this.#walker;
    const types = helperById(id)?.arguments;
    const mapAt = types?.indexOf('map') ?? -1;
    const map = mapAt >= 0 && walker.holds[mapAt + 1] === HOLDS.map ? this.#program.maps[walker.lo[mapAt + 1]!] : undefined;
    for (const r of ARGUMENTS) {
      // Registers beyond the prototype may still hold addresses, which nobody looks at.
      if (!this.#points(r) || (types !== undefined && r > types.length)) continue;
      const type = types?.[r - 1] ?? 'p';
      let size = FRAME_BYTES;
      if (type === 'key' && map !== undefined) size = map.keySize;
      else if (type === 'value' && map !== undefined) size = map.valueSize;
      else if (/^[rw]\d$/.test(type)) {
        const length = Number(type[1]);
        // A part that a failing call leaves unwritten may show what was there.
        if (walker.holds[length] === HOLDS.constant) size = Math.min(FRAME_BYTES, walker.lo[length]! >>> 0);
      }
      this.#read(r, 0, size, true);
    }
  }
}
