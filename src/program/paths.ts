// What is certain on every path through a program: which slots can be reached at all, and which registers surely hold the context's
// address, an address in the frame, or a constant. Like the kernel's verifier it knows the content of data that no program can write,
// so that what is behind a feature switch that is off is not reached; unlike it, it joins paths where they meet, and is then unsure.
import { ALU, COND, KIND, PSEUDO } from '../isa/code.ts';
import { FRAME_POINTER } from '../isa/codec.ts';
import { helperById } from '../spec/helpers.ts';
import { FRAME_BYTES } from '../spec/limits.ts';
import { controlFlow } from './cfg.ts';
import type { Program } from './program.ts';

/** any: even an address in a frame, or the context's; other: neither of these. Offsets in bytes. */
export type Value =
  | { readonly is: 'any' }
  | { readonly is: 'other' }
  /** Unsigned 64 bits. */
  | { readonly is: 'constant'; readonly value: bigint }
  /** A number of which nothing is known but that its bits outside `bits` are 0: whoever adds it to an address loses that. */
  | { readonly is: 'unknown'; readonly bits: bigint }
  | { readonly is: 'context'; readonly offset: number }
  /** The context's address plus such a number. */
  | { readonly is: 'somewhere' }
  /** R10 of this function + offset. */
  | { readonly is: 'frame'; readonly offset: number }
  /** Into the only value of map number `map`, which programs cannot write. */
  | { readonly is: 'data'; readonly map: number; readonly offset: number };

const ANY: Value = { is: 'any' };
const OTHER: Value = { is: 'other' };
const FRAME: Value = { is: 'frame', offset: 0 };
const SOMEWHERE: Value = { is: 'somewhere' };

/** Registers R0 to R10, and whole words of the frame by their offset from R10. */
export interface State {
  readonly registers: Value[];
  words: Map<number, Value>;
}

export interface PathsOptions {
  /** Bytes of a map that no program can write, as an unsigned number; undefined: not known. `offset`: into its only value. */
  readonly data?: (map: number, offset: number, size: number) => bigint | undefined;
  /** Sees each slot that can be reached, once, with what is certain before it. */
  readonly visit: (slot: number, state: State) => void;
}

/** Blocks that are walked, for each that there is and in all, before the analysis knows nothing: keeps hostile programs linear. */
const MAX_RUNS = { each: 4, all: 20_000 } as const;
const WORD = 8;

/** False: too entangled to say anything; nothing was visited. */
export function walkPaths(program: Program, options: PathsOptions): boolean {
  return new Paths(program, options).walk();
}

class Paths {
  readonly #program: Program;
  readonly #options: PathsOptions;
  readonly #flow;
  /** What holds at the start of each block; undefined: not reached. */
  readonly #entry: (State | undefined)[];
  readonly #dirty: Uint8Array;
  #state: State = { registers: [], words: new Map() };
  /** The words of the state are no block's. */
  #ownsWords = true;

  constructor(program: Program, options: PathsOptions) {
    this.#program = program;
    this.#options = options;
    this.#flow = controlFlow(program);
    this.#entry = new Array<undefined>(this.#flow.blocks).fill(undefined);
    this.#dirty = new Uint8Array(this.#flow.blocks);
  }

  walk(): boolean {
    const { exceptionCallback, subprograms } = this.#program;
    this.#arrive(0, entryState({ is: 'context', offset: 0 }));
    if (exceptionCallback !== undefined) this.#arrive(subprograms[exceptionCallback]!.start, entryState(OTHER));
    let budget = MAX_RUNS.each * this.#flow.blocks + MAX_RUNS.all;
    while (this.#dirty.includes(1)) {
      for (let block = 0; block < this.#flow.blocks; block++) {
        if (this.#dirty[block] === 0) continue;
        this.#dirty[block] = 0;
        if (budget-- === 0) return false;
        this.#run(block, undefined);
      }
    }
    for (let block = 0; block < this.#flow.blocks; block++) if (this.#entry[block] !== undefined) this.#run(block, this.#options.visit);
    return true;
  }

  #run(block: number, visit: PathsOptions['visit'] | undefined): void {
    const { starts } = this.#flow;
    const { kind, offset } = this.#program.code;
    const end = starts[block + 1]!;
    const { registers, words } = this.#entry[block]!;
    this.#state = { registers: registers.slice(), words };
    this.#ownsWords = false;
    for (let slot = starts[block]!; slot < end; slot++) {
      if (kind[slot] === KIND.second) continue;
      visit?.(slot, this.#state);
      this.#step(slot);
    }
    // The final pass finds everything as it was.
    if (visit !== undefined) return;
    const last = end - 1;
    const taken = kind[last] === KIND.branch ? this.#decide(last) : undefined;
    if (kind[last] === KIND.branch && taken === undefined) this.#learn();
    if ((kind[last] === KIND.jump || kind[last] === KIND.branch || kind[last] === KIND.mayGoto) && taken !== false)
      this.#arrive(offset[last]!, this.#state);
    if (kind[last] !== KIND.jump && kind[last] !== KIND.exit && taken !== true && this.#continues(end)) this.#arrive(end, this.#state);
  }

  #continues(slot: number): boolean {
    const { code, subprogramOf } = this.#program;
    return slot < code.slots && subprogramOf[slot] === subprogramOf[slot - 1];
  }

  /** Joins what holds on one more way to the block that begins at `slot`. */
  #arrive(slot: number, state: State): void {
    const block = this.#flow.blockOf[slot]!;
    const known = this.#entry[block];
    const joined = known === undefined ? { registers: state.registers.slice(), words: state.words } : join(known, state);
    if (joined === known) return;
    this.#ownsWords = false;
    this.#entry[block] = joined;
    this.#dirty[block] = 1;
  }

  /** Whether the branch is always taken, or never. */
  #decide(slot: number): boolean | undefined {
    const { op, size, dst, src, x, imm } = this.#program.code;
    const a = this.#state.registers[dst[slot]!]!;
    if (a.is !== 'constant') return undefined;
    const b = this.#operand(x[slot]!, src[slot]!, imm[slot]!);
    return b.is === 'constant' ? compare(op[slot]!, size[slot]!, a.value, b.value) : undefined;
  }

  /** A branch says something of the numbers that it compares, and of their copies. */
  #learn(): void {
    const { registers, words } = this.#state;
    registers.forEach(({ is }, r) => {
      if (is === 'unknown') registers[r] = OTHER;
    });
    for (const [at, { is }] of words) if (is === 'unknown') this.#ownWords().set(at, OTHER);
  }

  /** The words, to be changed. */
  #ownWords(): Map<number, Value> {
    if (!this.#ownsWords) this.#state.words = new Map(this.#state.words);
    this.#ownsWords = true;
    return this.#state.words;
  }

  #forgetWords(): void {
    if (this.#state.words.size > 0) this.#ownWords().clear();
  }

  #operand(x: number, src: number, imm: number): Value {
    return x === 1 ? this.#state.registers[src]! : constant(BigInt(imm));
  }

  #step(slot: number): void {
    const { kind, op, size, dst, src, x, offset, imm, hi } = this.#program.code;
    const { registers } = this.#state;
    const [d, s] = [dst[slot]!, src[slot]!];
    switch (kind[slot]) {
      case KIND.alu:
        // With a number that is known nothing becomes of what is not.
        if (x[slot] === 0 && op[slot] !== ALU.mov && registers[d]!.is === 'other') return;
        registers[d] = calculate(op[slot]!, size[slot]!, registers[d]!, this.#operand(x[slot]!, s, imm[slot]!));
        return;
      case KIND.movsx: {
        const from = registers[s]!;
        registers[d] = from.is === 'constant' ? extended(from.value, op[slot]!, size[slot]!) : OTHER;
        return;
      }
      case KIND.swap:
      case KIND.addrSpaceCast:
        registers[d] = OTHER;
        return;
      case KIND.load:
        registers[d] = this.#load(registers[s]!, offset[slot]!, size[slot]!, op[slot] === 1);
        return;
      case KIND.loadAcquire:
        registers[d] = this.#load(registers[s]!, offset[slot]!, size[slot]!, false);
        return;
      case KIND.store:
        this.#store(registers[d]!, offset[slot]!, size[slot]!, this.#operand(x[slot]!, s, imm[slot]!));
        return;
      case KIND.storeRelease:
        this.#store(registers[d]!, offset[slot]!, size[slot]!, registers[s]!);
        return;
      case KIND.atomic:
        this.#store(registers[d]!, offset[slot]!, size[slot]!, ANY);
        if (x[slot] === 1) registers[op[slot] === CMPXCHG ? 0 : s] = ANY;
        return;
      case KIND.packetLoad:
        registers[0] = OTHER;
        return;
      case KIND.lddw:
        registers[d] = this.#wide(slot, op[slot]!, imm[slot]!, hi[slot]!);
        return;
      case KIND.callHelper:
        this.#helper(imm[slot]!);
        return;
      case KIND.callLocal:
        this.#enter(offset[slot]!);
        return;
      case KIND.callKfunc:
      case KIND.callx:
        this.#expose([1, 2, 3, 4, 5]);
        this.#clobber(ANY);
        return;
      default:
    }
  }

  #wide(slot: number, pseudo: number, imm: number, hi: number): Value {
    switch (pseudo) {
      case PSEUDO.none:
        return constant((BigInt(hi) << 32n) | BigInt(imm >>> 0));
      case PSEUDO.mapValue:
        return { is: 'data', map: imm, offset: hi };
      case PSEUDO.func:
        // A function with a handle may be called with anything.
        this.#arrive(this.#program.code.offset[slot]!, entryState(ANY));
        return OTHER;
      default:
        return OTHER;
    }
  }

  #load(base: Value, offset: number, size: number, signed: boolean): Value {
    switch (base.is) {
      case 'any':
        return ANY;
      case 'frame': {
        const at = base.offset + offset;
        if (size !== WORD) return OTHER;
        return this.#state.words.get(at) ?? ANY;
      }
      case 'data': {
        const value = this.#options.data?.(base.map, base.offset + offset, size);
        if (value === undefined) return OTHER;
        return constant(signed ? BigInt.asIntN(8 * size, value) : value);
      }
      case 'context':
        return signed ? OTHER : { is: 'unknown', bits: (1n << BigInt(8 * size)) - 1n };
      default:
        return OTHER;
    }
  }

  #store(base: Value, offset: number, size: number, value: Value): void {
    if (base.is === 'any') this.#forgetWords();
    if (base.is !== 'frame') return;
    const at = base.offset + offset;
    const words = this.#ownWords();
    for (let word = at - (((at % WORD) + WORD) % WORD); word < at + size; word += WORD) words.delete(word);
    if (size === WORD && at % WORD === 0 && at >= -FRAME_BYTES && at < 0 && value.is !== 'any') words.set(at, value);
  }

  /** A call may write where these registers point at, and after. */
  #expose(registers: readonly number[]): void {
    for (const r of registers) {
      const value = this.#state.registers[r]!;
      if (value.is === 'any') this.#forgetWords();
      if (value.is !== 'frame') continue;
      for (const at of this.#state.words.keys()) if (at + WORD > value.offset) this.#ownWords().delete(at);
    }
  }

  #clobber(result: Value): void {
    const { registers } = this.#state;
    registers[0] = result;
    for (let r = 1; r <= 5; r++) registers[r] = ANY;
  }

  #helper(id: number): void {
    const spec = helperById(id);
    const written = spec?.arguments.flatMap((kind, i) => (WRITTEN.test(kind) ? [i + 1] : [])) ?? [1, 2, 3, 4, 5];
    this.#expose(written);
    this.#clobber(spec === undefined ? ANY : OTHER);
  }

  /** A local call: the callee has a frame of its own, and ours only through its arguments. */
  #enter(slot: number): void {
    const { registers } = this.#state;
    const args = registers.map((value, r): Value => (r === 0 || r > 5 || value.is === 'frame' ? ANY : value));
    args[FRAME_POINTER] = FRAME;
    this.#arrive(slot, { registers: args, words: new Map() });
    const shares = [1, 2, 3, 4, 5].some((r) => registers[r]!.is === 'frame' || registers[r]!.is === 'any');
    if (shares) this.#forgetWords();
    this.#clobber(ANY);
  }
}

const CMPXCHG = 0xf0;
/** Kinds of arguments that a helper may write through. A callback may write whatever its context leads to. */
const WRITTEN = /^(w\d|valueOut|p|callback)$/;

function entryState(first: Value): State {
  const registers: Value[] = Array.from({ length: FRAME_POINTER }, () => ANY);
  registers[1] = first;
  registers.push(FRAME);
  return { registers, words: new Map() };
}

function constant(value: bigint): Value {
  return { is: 'constant', value: BigInt.asUintN(64, value) };
}

function same(a: Value, b: Value): boolean {
  if (a === b) return true;
  switch (a.is) {
    case 'constant':
      return b.is === 'constant' && a.value === b.value;
    case 'context':
      return b.is === 'context' && a.offset === b.offset;
    case 'frame':
      return b.is === 'frame' && a.offset === b.offset;
    case 'unknown':
      return b.is === 'unknown' && a.bits === b.bits;
    case 'data':
      return b.is === 'data' && a.map === b.map && a.offset === b.offset;
    default:
      return a.is === b.is;
  }
}

const mayBeFrame = ({ is }: Value): boolean => is === 'any' || is === 'frame' || is === 'context' || is === 'somewhere';

function joinValues(a: Value, b: Value): Value {
  if (same(a, b)) return a;
  return mayBeFrame(a) || mayBeFrame(b) ? ANY : OTHER;
}

/** `known` itself where nothing changes. */
function join(known: State, state: State): State {
  let registers = known.registers;
  for (let r = 0; r < registers.length; r++) {
    const joined = joinValues(known.registers[r]!, state.registers[r]!);
    if (joined === registers[r]) continue;
    if (registers === known.registers) registers = registers.slice();
    registers[r] = joined;
  }
  let { words } = known;
  if (words !== state.words) {
    for (const [at, a] of known.words) {
      const joined = joinValues(a, state.words.get(at) ?? ANY);
      if (joined === a) continue;
      if (words === known.words) words = new Map(words);
      if (joined.is === 'any') words.delete(at);
      else words.set(at, joined);
    }
  }
  return registers === known.registers && words === known.words ? known : { registers, words };
}

function calculate(op: number, size: number, a: Value, b: Value): Value {
  const wide = size === 64;
  if (op === ALU.mov) {
    if (wide) return b;
    return b.is === 'constant' ? constant(BigInt.asUintN(32, b.value)) : OTHER;
  }
  if (op === ALU.neg) return a.is === 'constant' ? narrowed(-a.value, size) : wide ? afterAlu(a, a) : OTHER;
  if (a.is === 'constant' && b.is === 'constant') {
    const result = fold(op, size, a.value, b.value);
    return result === undefined ? OTHER : narrowed(result, size);
  }
  if (!wide) return OTHER;
  if ((op === ALU.add || op === ALU.sub) && b.is === 'constant')
    return moved(a, Number(BigInt.asIntN(64, op === ALU.add ? b.value : -b.value)));
  if (op === ALU.add && a.is === 'constant') return moved(b, Number(BigInt.asIntN(64, a.value)));
  if (op === ALU.and && a.is === 'unknown' && b.is === 'constant') {
    const bits = a.bits & b.value;
    return bits === 0n ? constant(0n) : { is: 'unknown', bits };
  }
  if (op === ALU.add && a.is === 'context' && b.is === 'unknown') return SOMEWHERE;
  return afterAlu(a, b);
}

/** A pointer plus a constant. */
function moved(value: Value, by: number): Value {
  switch (value.is) {
    case 'context':
    case 'frame':
    case 'data':
      return { ...value, offset: value.offset + by };
    default:
      return value.is === 'constant' || value.is === 'unknown' ? OTHER : value;
  }
}

function afterAlu(a: Value, b: Value): Value {
  return mayBeFrame(a) || mayBeFrame(b) ? ANY : OTHER;
}

function narrowed(value: bigint, size: number): Value {
  return constant(BigInt.asUintN(size, value));
}

function extended(value: bigint, bits: number, size: number): Value {
  return narrowed(BigInt.asIntN(bits, value), size);
}

/** 64 bits hold what the operation needs; undefined: not worked out here. */
function fold(op: number, size: number, left: bigint, right: bigint): bigint | undefined {
  const a = BigInt.asUintN(size, left);
  const b = BigInt.asUintN(size, right);
  const shift = b & BigInt(size - 1);
  switch (op) {
    case ALU.add:
      return a + b;
    case ALU.sub:
      return a - b;
    case ALU.mul:
      return a * b;
    case ALU.div:
      return b === 0n ? 0n : a / b;
    case ALU.mod:
      return b === 0n ? a : a % b;
    case ALU.or:
      return a | b;
    case ALU.and:
      return a & b;
    case ALU.xor:
      return a ^ b;
    case ALU.lsh:
      return a << shift;
    case ALU.rsh:
      return a >> shift;
    case ALU.arsh:
      return BigInt.asIntN(size, a) >> shift;
    default:
      return undefined;
  }
}

function compare(op: number, size: number, left: bigint, right: bigint): boolean | undefined {
  const [a, b] = [BigInt.asUintN(size, left), BigInt.asUintN(size, right)];
  const [sa, sb] = [BigInt.asIntN(size, left), BigInt.asIntN(size, right)];
  switch (op) {
    case COND.eq:
      return a === b;
    case COND.ne:
      return a !== b;
    case COND.gt:
      return a > b;
    case COND.ge:
      return a >= b;
    case COND.lt:
      return a < b;
    case COND.le:
      return a <= b;
    case COND.set:
      return (a & b) !== 0n;
    case COND.sgt:
      return sa > sb;
    case COND.sge:
      return sa >= sb;
    case COND.slt:
      return sa < sb;
    case COND.sle:
      return sa <= sb;
    default:
      return undefined;
  }
}
