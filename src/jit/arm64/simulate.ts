// Executes images by translating each word once to an action with operands and then running actions in a loop. Code, data and the outside world
// live at addresses that the caller makes up; going to an address outside the code calls the host.
//
// One thread: atomics are not atomic against other Workers on the same memory. The monitor of exclusive accesses is opened by host calls.
import { assert } from '../../util/error.ts';
import type { Address } from '../target.ts';
import { decode, FIELDS } from './decode.ts';
import { FORMS } from './forms.ts';
import { type Area, Machine, SP_SLOT, THREAD_SLOT, TRAP, type TrapKind } from './simulator/machine.ts';
import { MEANINGS, undefinedStep } from './simulator/meanings.ts';
import type { Action, Site } from './simulator/step.ts';

export type { Area } from './simulator/machine.ts';

export type Stop =
  | { readonly kind: 'returned' }
  /** `pc`: the instruction that could not access `address`. */
  | { readonly kind: 'fault'; readonly why: 'unmapped' | 'readonly' | 'alignment'; readonly pc: number; readonly address: Address }
  | { readonly kind: 'brk'; readonly pc: number; readonly imm16: number }
  /** A word of no form that we know, or UDF, HLT. */
  | { readonly kind: 'undefined'; readonly pc: number; readonly word: number }
  | { readonly kind: 'limit'; readonly pc: number };

export interface SimulatorOptions {
  /** Data, the window first: the first area is the fast one and writable. Code is not readable unless its area is listed here too. */
  readonly memory: readonly Area[];
  readonly code: readonly CodeArea[];
  /** A branch there ends the run; `run` sets x30 to it. */
  readonly returnAddress: number;
  /** Execution has come to an address outside the code: do what is there and give the address to go on at (usually `linkAddress()`). May throw. */
  hostCall(hi: number, lo: number, simulator: Simulator): number;
}

export interface CodeArea {
  /** Multiple of 4. */
  readonly base: number;
  readonly bytes: Uint8Array;
}

interface Translated {
  readonly base: number;
  readonly words: number;
  readonly actions: Action[];
  /** Four operands a word. */
  readonly operands: Int32Array;
}

const TWO32 = 2 ** 32;
/** Instructions between looks at the limit, so that the loop counts in small integers. */
const CHUNK = 1 << 30;

/** Invariant between runs: nothing of the machine's state depends on the last code area. Runs may nest (a host call that runs). */
export class Simulator {
  readonly #machine = new Machine();
  readonly #options: SimulatorOptions;
  /** By ascending base. */
  readonly #code: (CodeArea & { translated: Translated | undefined })[] = [];
  #bases = new Float64Array(0);
  readonly #returnAddress: number;
  #trapped = false;
  /** Instructions started, over all runs. */
  executed = 0;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#returnAddress = options.returnAddress;
    assert(options.memory[0]?.writable !== false, 'the first area is read-only');
    this.#machine.map(options.memory);
    for (const area of options.code) this.addCode(area);
  }

  /** x0 to x30 by number. */
  get x(): BigUint64Array {
    return this.#machine.x;
  }

  /** The same registers as int32 halves: low of n at 2n, high at 2n + 1. */
  get halves(): Int32Array {
    return this.#machine.r;
  }

  get sp(): number {
    return this.getRegister(SP_SLOT / 2);
  }
  set sp(value: number) {
    this.setRegister(SP_SLOT / 2, value);
  }

  /** What MRS TPIDR_EL0 reads. */
  set threadPointer(value: number) {
    this.setRegister(THREAD_SLOT / 2, value);
  }

  /** N Z C V as bits 3 to 0. */
  get nzcv(): number {
    return this.#machine.nzcv;
  }
  set nzcv(value: number) {
    this.#machine.nzcv = value & 15;
  }

  /** Register as an unsigned number: exact below 2^53. */
  getRegister(register: number): number {
    const { r } = this.#machine;
    return (r[2 * register + 1]! >>> 0) * TWO32 + (r[2 * register]! >>> 0);
  }

  /** The value is below 2^53, and not negative. */
  setRegister(register: number, value: number): void {
    const { r } = this.#machine;
    r[2 * register] = value | 0;
    r[2 * register + 1] = Math.floor(value / TWO32);
  }

  /** The address in x30, for host calls to return to. */
  linkAddress(): number {
    return this.getRegister(30);
  }

  /** Code is translated when first reached; bytes that change afterwards are not seen until the area is added again. */
  addCode(area: CodeArea): void {
    assert(area.base % 4 === 0 && area.bytes.length % 4 === 0, 'code is not aligned to words');
    this.removeCode(area.base);
    const after = this.#code.findIndex(({ base }) => base > area.base);
    this.#code.splice(after < 0 ? this.#code.length : after, 0, { ...area, translated: undefined });
    this.#bases = Float64Array.from(this.#code, ({ base }) => base);
  }

  removeCode(base: number): void {
    const at = this.#code.findIndex((area) => area.base === base);
    if (at >= 0) this.#code.splice(at, 1);
    this.#bases = Float64Array.from(this.#code, (area) => area.base);
  }

  /** Other data areas than before. */
  setMemory(memory: readonly Area[]): void {
    assert(memory[0]?.writable !== false, 'the first area is read-only');
    this.#machine.map(memory);
  }

  /** Runs from `entry` until it returns to the return address, stops, or has started `limit` instructions and host calls. x30 is set. */
  run(entry: number, limit: number = Number.POSITIVE_INFINITY): Stop {
    this.setRegister(30, this.#returnAddress);
    return this.resume(entry, limit);
  }

  /** As `run`, with x30 as it is: goes on after a `limit`, too. */
  resume(pc: number, limit: number = Number.POSITIVE_INFINITY): Stop {
    const m = this.#machine;
    m.refresh();
    m.pcLo = pc | 0;
    m.pcHi = Math.floor(pc / TWO32) | 0;
    let left = limit;
    for (;;) {
      const area = this.#areaAt(m.pcLo, m.pcHi);
      if (area === undefined) {
        const at = (m.pcHi >>> 0) * TWO32 + (m.pcLo >>> 0);
        if (at === this.#returnAddress) return { kind: 'returned' };
        if (left <= 0) return { kind: 'limit', pc: at };
        // Counted, so that host calls that lead to each other end, too.
        left--;
        m.monitorSize = 0;
        const next = this.#options.hostCall(m.pcHi, m.pcLo, this);
        m.refresh();
        m.pcLo = next | 0;
        m.pcHi = Math.floor(next / TWO32) | 0;
        continue;
      }
      m.codeLo = area.base % TWO32;
      m.codeHi = Math.floor(area.base / TWO32);
      m.codeBytes = 4 * area.words;
      m.jump(m.pcLo, m.pcHi);
      if (m.index < 0) return { kind: 'fault', why: 'alignment', pc: addressOf(m), address: { hi: m.pcHi, lo: m.pcLo } };
      while (m.index >= 0 && m.index < area.words) {
        if (left <= 0) return { kind: 'limit', pc: area.base + 4 * m.index };
        const executed = this.#execute(area, Math.min(left, CHUNK));
        this.executed += executed;
        left -= executed;
        if (this.#trapped) return stopOf(m, area.base + 4 * (m.index - 1));
      }
      if (m.index >= 0) {
        const end = area.base + 4 * area.words;
        m.pcLo = end | 0;
        m.pcHi = Math.floor(end / TWO32) | 0;
      }
    }
  }

  /** Runs actions until the code area is left, one traps, or `budget` have been started; gives their number. */
  #execute({ actions, operands, words }: Translated, budget: number): number {
    const m = this.#machine;
    this.#trapped = false;
    let left = budget;
    try {
      while (left > 0) {
        const i = m.index;
        // Also true of -1: the area has been left by a branch.
        if (i >>> 0 >= words) break;
        left--;
        m.index = i + 1;
        const at = 4 * i;
        actions[i]!(m, operands[at]!, operands[at + 1]!, operands[at + 2]!, operands[at + 3]!);
      }
    } catch (error) {
      if (error !== TRAP) throw error;
      this.#trapped = true;
    }
    return budget - left;
  }

  #areaAt(lo: number, hi: number): Translated | undefined {
    const address = (hi >>> 0) * TWO32 + (lo >>> 0);
    const bases = this.#bases;
    let from = 0;
    let to = bases.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (bases[middle]! <= address) from = middle + 1;
      else to = middle;
    }
    const area = this.#code[from - 1];
    if (area === undefined || address - area.base >= area.bytes.length) return undefined;
    return (area.translated ??= translate(area));
  }
}

function addressOf(m: Machine): number {
  return (m.pcHi >>> 0) * TWO32 + (m.pcLo >>> 0);
}

function stopOf(m: Machine, pc: number): Stop {
  const kind: TrapKind = m.trapKind;
  if (kind === 'brk') return { kind, pc, imm16: m.trapValue };
  if (kind === 'undefined') return { kind, pc, word: m.trapValue >>> 0 };
  return { kind: 'fault', why: kind, pc, address: { hi: m.trapHi, lo: m.trapLo } };
}

function translate({ base, bytes }: CodeArea): Translated {
  const words = bytes.length >> 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const actions: Action[] = new Array(words);
  const operands = new Int32Array(4 * words);
  for (let index = 0; index < words; index++) {
    const word = view.getInt32(4 * index, true);
    const form = decode(word);
    const pc = base + 4 * index;
    const site: Site = {
      field: (name) => {
        const read = FIELDS[form]![name];
        assert(read !== undefined, `no field ${name}`);
        return read(word);
      },
      word,
      pcLo: pc | 0,
      pcHi: Math.floor(pc / TWO32) | 0,
      index,
      words,
    };
    const [action, a = 0, b = 0, c = 0, d = 0] = form < 0 ? undefinedStep(word) : MEANINGS[FORMS[form]!.name](site);
    actions[index] = action;
    operands.set([a, b, c, d], 4 * index);
  }
  return { base, words, actions, operands };
}
