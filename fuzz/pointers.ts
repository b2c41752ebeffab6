// Draws programs that work on memory through pointers: copies, constant and variable steps, neighbouring and unaligned accesses, loops that
// carry a pointer, chains of branches with one goal, moves that a branch skips, shifts and masks that follow each other, calls in between.
// The lowering's sharing of addresses and its fusions live on such code. All accesses lie inside MEMORY bytes at R1.
import { type Random, random } from './random.ts';

export const MEMORY = 256;
/** A helper of the test engines that leaves nothing in R1 to R5. */
const HELPER = 77;
const CONDITIONS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];
const OPERATIONS = ['+=', '-=', '*=', '&=', '|=', '^=', '/=', '%=', '<<=', '>>=', 's>>='];
const IMMEDIATES = [
  0, 1, -1, 2, 5, 7, 8, 15, 16, 31, 32, 64, 255, 256, 4095, 4096, 0xffff, 0x10000, -4096, 0x7fffffff, -0x80000000, 65343, 20480, 240,
];
const SIZES = [1, 2, 4, 8];

/** A pointer is at least `low` and at most `high` bytes from the memory's start; undefined: a number. */
type Kind = { readonly low: number; readonly high: number } | undefined;

/** R9 keeps the memory's start, R8 counts loops; the rest changes. */
const FREE = [0, 1, 2, 3, 4, 5, 6, 7] as const;

class Writer {
  readonly lines: string[] = [];
  readonly kinds: Kind[] = new Array<Kind>(10).fill(undefined);
  readonly r: Random;
  #labels = 0;
  #loops = false;

  constructor(r: Random) {
    this.r = r;
    this.kinds[9] = { low: 0, high: 0 };
  }

  put(line: string): void {
    this.lines.push(line);
  }

  label(): string {
    return `L${this.#labels++}`;
  }

  any(): number {
    return this.r.pick(FREE);
  }

  number(): number {
    for (let i = 0; i < 8; i++) {
      const register = this.any();
      if (this.kinds[register] === undefined) return register;
    }
    const register = this.any();
    this.constant(register);
    return register;
  }

  pointer(): number {
    const pointers = [9, ...FREE].filter((register) => this.kinds[register] !== undefined);
    return this.r.pick(pointers);
  }

  constant(register: number): void {
    this.kinds[register] = undefined;
    const { r } = this;
    if (r.oneIn(4)) this.put(`r${register} = ${(BigInt(r.next()) << 32n) | BigInt(r.next())} ll`);
    else this.put(`${r.oneIn(2) ? 'w' : 'r'}${register} = ${r.pick(IMMEDIATES)}`);
  }

  statement(depth: number): void {
    const { r } = this;
    switch (r.below(depth > 0 ? 16 : 11)) {
      case 0:
        this.constant(this.any());
        return;
      case 1:
      case 2: {
        const d = this.number();
        const w = r.oneIn(2) ? 'w' : 'r';
        const s = r.oneIn(3) ? this.number() : -1;
        const operation = r.pick(OPERATIONS);
        const isShift = operation.endsWith('<<=') || operation.endsWith('>>=');
        this.put(`${w}${d} ${operation} ${s >= 0 ? `${w}${s}` : isShift ? r.below(w === 'w' ? 32 : 64) : r.pick(IMMEDIATES)}`);
        return;
      }
      case 3: {
        // Shifts, masks, rotations of a copy.
        const s = this.number();
        const d = this.any();
        const e = this.any();
        const w = r.oneIn(2) ? 'w' : 'r';
        const bits = w === 'w' ? 32 : 64;
        const by = 1 + r.below(bits - 1);
        this.kinds[d] = undefined;
        this.put(`${w}${d} = ${w}${s}`);
        this.put(`${w}${d} ${r.pick(['<<=', '>>=', 's>>='])} ${by}`);
        if (r.oneIn(2)) {
          this.kinds[e] = undefined;
          this.put(`${w}${e} = ${w}${this.kinds[s] === undefined ? s : d}`);
          this.put(`${w}${e} ${r.pick(['<<=', '>>='])} ${r.oneIn(3) ? r.below(bits) : bits - by}`);
          this.put(`${w}${d} ${r.pick(['|=', '^=', '+=', '-=', '&='])} ${w}${e}`);
        } else this.put(`${w}${d} &= ${r.pick(IMMEDIATES)}`);
        return;
      }
      case 4: {
        const s = this.any();
        const d = this.any();
        this.kinds[d] = this.kinds[s];
        this.put(`r${d} = r${s}`);
        return;
      }
      case 5: {
        // A pointer, a constant further on.
        const p = this.pointer();
        const from = this.kinds[p]!;
        const d = this.any();
        const step = r.below(MEMORY - from.high + 1) - (r.oneIn(2) ? from.low : 0);
        if (from.high + step > MEMORY || from.low + step < 0) return;
        if (d !== p) this.put(`r${d} = r${p}`);
        this.put(`r${d} += ${step}`);
        this.kinds[d] = { low: from.low + step, high: from.high + step };
        return;
      }
      case 6: {
        // A variable distance.
        const p = this.pointer();
        const from = this.kinds[p]!;
        const index = this.number();
        if (from.high + 15 > MEMORY || index === p) return;
        const d = this.any();
        this.put(`w${index} &= 15`);
        if (d === index) this.put(`r${d} += r${p}`);
        else {
          if (d !== p) this.put(`r${d} = r${p}`);
          this.put(`r${d} += r${index}`);
        }
        this.kinds[d] = { low: from.low, high: from.high + 15 };
        return;
      }
      case 7:
      case 8:
        this.accesses();
        return;
      case 9:
        if (r.oneIn(3)) this.recompose();
        else this.accesses();
        return;
      case 10: {
        const d = this.number();
        const choice = r.below(3);
        if (choice === 0) this.put(`r${d} = be${r.pick([16, 32, 64])} r${d}`);
        else if (choice === 1) this.put(`r${d} = bswap${r.pick([16, 32, 64])} r${d}`);
        else this.put(`${r.oneIn(2) ? `w${d} = (s${r.pick([8, 16])})w${d}` : `r${d} = (s${r.pick([8, 16, 32])})r${d}`}`);
        return;
      }
      case 11: {
        // A move that is skipped.
        const over = this.label();
        const d = this.number();
        if (r.oneIn(2)) this.constant(d);
        this.condition(over);
        if (r.oneIn(2)) this.put(`r${d} = r${this.number()}`);
        else this.put(`${r.oneIn(2) ? 'w' : 'r'}${d} = ${r.pick(IMMEDIATES)}`);
        this.put(`${over}:`);
        return;
      }
      case 12: {
        // Conditions with one goal.
        const goal = this.label();
        const before = [...this.kinds];
        for (let i = 1 + r.below(4); i > 0; i--) this.condition(goal);
        this.body(depth - 1, 1 + r.below(3));
        this.put(`${goal}:`);
        this.join(before);
        return;
      }
      case 13: {
        const otherwise = this.label();
        const end = this.label();
        this.condition(otherwise);
        const before = [...this.kinds];
        this.body(depth - 1, 1 + r.below(4));
        this.put(`goto ${end}`);
        this.put(`${otherwise}:`);
        const after = this.kinds.splice(0, this.kinds.length, ...before);
        this.body(depth - 1, 1 + r.below(4));
        this.put(`${end}:`);
        this.join(after);
        return;
      }
      case 14:
        this.loop(depth);
        return;
      default: {
        for (let register = 1; register <= 5; register++) if (this.kinds[register] !== undefined) this.constant(register);
        this.put(`call ${HELPER}`);
        for (let register = 0; register <= 5; register++) {
          this.kinds[register] = undefined;
          if (register > 0) this.put(`r${register} = ${r.below(1000)}`);
        }
      }
    }
  }

  /** Registers that are pointers with other bounds on another way become numbers. */
  join(other: readonly Kind[]): void {
    for (const register of FREE) {
      const here = this.kinds[register];
      const there = other[register];
      if (here === undefined && there === undefined) continue;
      if (here === undefined || there === undefined) {
        this.put(`r${register} = ${this.r.below(100)}`);
        this.kinds[register] = undefined;
      } else this.kinds[register] = { low: Math.min(here.low, there.low), high: Math.max(here.high, there.high) };
    }
  }

  /** Bytes of neighbouring places put together, in either order, often as many as a load has. */
  recompose(): void {
    const { r } = this;
    const p = this.pointer();
    const { low, high } = this.kinds[p]!;
    const bytes = r.pick([2, 2, 3, 4, 4, 5, 6, 7, 8]);
    const room = MEMORY - high - bytes;
    if (room < 0) return;
    const offset = r.below(room + low + 1) - low;
    const d = this.number();
    const t = this.number();
    if (d === t || d === p || t === p) return;
    const isBig = r.oneIn(2);
    const w = bytes <= 4 && r.oneIn(2) ? 'w' : 'r';
    const order = Array.from({ length: bytes }, (_, i) => i);
    if (r.oneIn(2)) order.reverse();
    order.forEach((i, nth) => {
      const at = r.oneIn(20) ? i ^ 1 : i;
      const to = nth === 0 ? d : t;
      const place = offset + (at < bytes ? at : i);
      this.put(`r${to} = *(u8 *)(r${p} ${place < 0 ? '-' : '+'} ${Math.abs(place)})`);
      const by = 8 * (isBig ? bytes - 1 - i : i);
      if (by > 0) this.put(`${w}${to} <<= ${by}`);
      if (r.oneIn(25)) this.put(`*(u8 *)(r9 + ${r.below(MEMORY)}) = r${this.number()}`);
      if (nth > 0) this.put(`${w}${d} ${r.pick(['|=', '|=', '|=', '^=', '+='])} ${w}${t}`);
    });
  }

  condition(goal: string): void {
    const { r } = this;
    const w = r.oneIn(2) ? 'w' : 'r';
    const right = r.oneIn(3) ? `${w}${this.number()}` : String(r.pick(IMMEDIATES));
    this.put(`if ${w}${this.number()} ${r.pick(CONDITIONS)} ${right} goto ${goal}`);
  }

  /** A few neighbouring accesses through one pointer. */
  accesses(): void {
    const { r } = this;
    const p = this.pointer();
    const { low, high } = this.kinds[p]!;
    const size = r.pick(SIZES);
    const room = MEMORY - high - size;
    if (room < 0) return;
    let offset = r.below(room + low + 1) - low;
    if (r.oneIn(2)) offset -= ((offset % size) + size) % size;
    for (let i = 1 + r.below(3); i > 0; i--) {
      if (offset < -low || offset > room) offset = room;
      const place = `*(u${size * 8} *)(r${p} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
      if (r.oneIn(2)) {
        const d = this.any();
        this.put(size < 8 && r.oneIn(5) ? `r${d} = ${place.replace('u', 's')}` : `r${d} = ${place}`);
        this.kinds[d] = undefined;
        if (d === p) return;
      } else if (r.oneIn(3)) this.put(`${place} = ${r.oneIn(2) ? 0 : r.below(100)}`);
      else this.put(`${place} = r${this.number()}`);
      offset += r.oneIn(2) ? size : -size;
    }
  }

  loop(depth: number): void {
    if (this.#loops) return;
    const { r } = this;
    const times = 1 + r.below(4);
    const step = r.below(9);
    const again = this.label();
    const p = this.any();
    const low = r.below(64);
    this.put(`r${p} = r9`);
    this.put(`r${p} += ${low}`);
    this.put(`r8 = ${times}`);
    // What the body leaves is not known at its start.
    for (const register of FREE) if (register !== p && this.kinds[register] !== undefined) this.constant(register);
    this.kinds[p] = { low, high: low + times * step };
    this.put(`${again}:`);
    this.#loops = true;
    this.body(depth - 1, 1 + r.below(5));
    this.#loops = false;
    for (const register of FREE) if (register !== p && this.kinds[register] !== undefined) this.constant(register);
    if (this.kinds[p]?.low === low && this.kinds[p].high === low + times * step) this.put(`r${p} += ${step}`);
    else {
      // The body has changed it: from the start again.
      this.put(`r${p} = r9`);
      this.put(`r${p} += ${low}`);
    }
    this.put('r8 += -1');
    this.put(`if r8 != 0 goto ${again}`);
    this.constant(p);
  }

  body(depth: number, statements: number): void {
    for (let i = 0; i < statements; i++) this.statement(depth);
  }
}

/** Assembly text of the program of a seed. */
export function pointerProgram(seed: number): string {
  const r = random(seed);
  const w = new Writer(r);
  w.put('r9 = r1');
  for (const register of [0, 2, 3, 4, 5, 6, 7, 8]) w.put(`r${register} = ${r.pick(IMMEDIATES)}`);
  w.kinds[1] = { low: 0, high: 0 };
  w.body(3, 4 + r.below(30));
  for (const register of FREE) {
    w.put('r0 *= 31');
    if (register !== 0) w.put(`r0 += r${register}`);
  }
  w.put('exit');
  return w.lines.join('\n');
}
