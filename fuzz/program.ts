// Generated programs as trees: statements that can be dropped one by one, so that a failing program can be made small.

import { type CodeRow, codeFromRows } from '../src/isa/build.ts';
import { ALU, ATOMIC, COND, KIND, PSEUDO, SWAP } from '../src/isa/code.ts';
import { encode } from '../src/isa/codec.ts';

export type Width = 32 | 64;
export type Bytes = 1 | 2 | 4 | 8;

/** Registers are eBPF numbers; `offset`s into the frame are negative bytes from R10. Every register holds a number between statements. */
export type Statement =
  | {
      readonly do: 'alu';
      readonly op: number;
      readonly width: Width;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
    }
  | { readonly do: 'movsx'; readonly bits: 8 | 16 | 32; readonly width: Width; readonly dst: number; readonly src: number }
  | { readonly do: 'swap'; readonly op: number; readonly bits: 16 | 32 | 64; readonly dst: number }
  | { readonly do: 'lddw'; readonly dst: number; readonly lo: number; readonly hi: number }
  /** Through R10, or through `via` = R10 + part of the offset. */
  | {
      readonly do: 'load';
      readonly bytes: Bytes;
      readonly signed: boolean;
      readonly dst: number;
      readonly offset: number;
      readonly via: Via | undefined;
    }
  | {
      readonly do: 'store';
      readonly bytes: Bytes;
      readonly src: number | undefined;
      readonly imm: number;
      readonly offset: number;
      readonly via: Via | undefined;
    }
  | {
      readonly do: 'atomic';
      readonly op: number;
      readonly fetch: boolean;
      readonly bytes: 4 | 8;
      readonly src: number;
      readonly offset: number;
      /** Clear the upper half of R0 by hand: after a 32-bit cmpxchg the kernel (6.18, x86-64) sometimes leaves it, seed 46178. */
      readonly zeroExtend: boolean;
      readonly via: Via | undefined;
    }
  | { readonly do: 'acquire'; readonly bytes: Bytes; readonly dst: number; readonly offset: number }
  | { readonly do: 'release'; readonly bytes: Bytes; readonly src: number; readonly offset: number }
  | {
      readonly do: 'if';
      readonly op: number;
      readonly width: Width;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
      readonly far: boolean;
    }
  /** `counter` counts from `times` down to 1; statements inside do not write it. */
  | { readonly do: 'loop'; readonly counter: number; readonly times: number; readonly body: readonly Statement[] }
  | { readonly do: 'call'; readonly callee: number; readonly after: readonly number[] }
  /** Element `index` (masked by the program) of array or hash map `map`: R0 becomes old value, the value is then changed by `add`. */
  | { readonly do: 'map'; readonly map: number; readonly key: number; readonly add: number; readonly after: readonly number[] }
  | {
      readonly do: 'mapUpdate';
      readonly map: number;
      readonly key: number;
      readonly value: number;
      readonly flags: number;
      readonly after: readonly number[];
    }
  | { readonly do: 'mapDelete'; readonly map: number; readonly key: number; readonly after: readonly number[] }
  | { readonly do: 'exitEarly'; readonly op: number; readonly dst: number; readonly imm: number };

/** A scratch register that becomes R10 + `part`; it gets the number `refill` afterwards. */
export interface Via {
  readonly register: number;
  readonly part: number;
  readonly refill: number;
}

export interface GeneratedFunction {
  readonly constants: readonly (readonly [lo: number, hi: number])[];
  /** 8-byte words below R10 that are written at entry. */
  readonly words: number;
  readonly body: readonly Statement[];
}

export interface GeneratedMap {
  readonly name: string;
  readonly type: 1 | 2;
  readonly maxEntries: number;
}

export interface GeneratedProgram {
  readonly seed: number;
  readonly functions: readonly GeneratedFunction[];
  readonly maps: readonly GeneratedMap[];
}

/** Keys are 4 bytes, values 8. */
export const MAP_KEY_BYTES = 4;
export const MAP_VALUE_BYTES = 8;

/** `label`: number of the label that `offset` shall lead to. */
type Row = CodeRow & { readonly label?: number };

/** The program's bytes: lddw map references carry the index into `maps`. */
export function assemble(program: GeneratedProgram): Uint8Array {
  const rows: Row[] = [];
  const labels: number[] = [];
  const add = (kind: number, fields: Omit<Row, 'kind'>): void => {
    rows.push({ kind, ...fields });
  };
  const lddw = (dst: number, op: number, lo: number, hi: number): void => {
    add(KIND.lddw, { op, size: 8, dst, imm: lo, hi });
    add(KIND.second, {});
  };
  const newLabel = (): number => labels.push(-1) - 1;
  const bind = (label: number): void => {
    labels[label] = rows.length;
  };
  const mov = (dst: number, src: number): void => add(KIND.alu, { op: ALU.mov, size: 64, dst, src, x: 1 });
  const movImm = (dst: number, imm: number): void => add(KIND.alu, { op: ALU.mov, size: 64, dst, imm });
  const addImm = (dst: number, imm: number): void => add(KIND.alu, { op: ALU.add, size: 64, dst, imm });
  const entries = program.functions.map(newLabel);

  const through = (via: Via | undefined, offset: number, emit: (base: number, offset: number) => void): void => {
    if (via === undefined) return emit(10, offset);
    mov(via.register, 10);
    addImm(via.register, via.part);
    emit(via.register, offset - via.part);
    movImm(via.register, via.refill);
  };
  /** R1 to R5 are unreadable after a call. */
  const refill = (after: readonly number[]): void => {
    for (const [i, imm] of after.entries()) movImm(i + 1, imm);
  };
  /** Key at R10 - 4, below the words: the frame's last word is kept for it. */
  const mapCall = (map: number, key: number, helper: number, prepare: () => void): void => {
    add(KIND.store, { size: 4, dst: 10, offset: KEY_OFFSET, imm: key });
    prepare();
    lddw(1, PSEUDO.map, map, 0);
    mov(2, 10);
    addImm(2, KEY_OFFSET);
    add(KIND.callHelper, { imm: helper });
  };

  const statement = (s: Statement): void => {
    switch (s.do) {
      case 'alu':
        return add(KIND.alu, {
          op: s.op,
          size: s.width,
          dst: s.dst,
          src: s.src ?? 0,
          x: s.src === undefined ? 0 : 1,
          imm: s.src === undefined ? s.imm : 0,
        });
      case 'movsx':
        return add(KIND.movsx, { op: s.bits, size: s.width, dst: s.dst, src: s.src, x: 1 });
      case 'swap':
        return add(KIND.swap, { op: s.op, size: s.bits, dst: s.dst });
      case 'lddw':
        return lddw(s.dst, PSEUDO.none, s.lo, s.hi);
      case 'load':
        return through(s.via, s.offset, (src, offset) =>
          add(KIND.load, { x: 1, size: s.bytes, op: s.signed ? 1 : 0, dst: s.dst, src, offset }),
        );
      case 'store':
        return through(s.via, s.offset, (dst, offset) =>
          add(KIND.store, {
            size: s.bytes,
            dst,
            offset,
            src: s.src ?? 0,
            x: s.src === undefined ? 0 : 1,
            imm: s.src === undefined ? s.imm : 0,
          }),
        );
      case 'atomic':
        through(s.via, s.offset, (dst, offset) =>
          add(KIND.atomic, { op: s.op, size: s.bytes, dst, src: s.src, x: s.fetch ? 1 : 0, offset }),
        );
        if (s.zeroExtend) add(KIND.alu, { op: ALU.mov, size: 32, dst: 0, src: 0, x: 1 });
        return;
      case 'acquire':
        return add(KIND.loadAcquire, { x: 1, size: s.bytes, dst: s.dst, src: 10, offset: s.offset });
      case 'release':
        return add(KIND.storeRelease, { x: 1, size: s.bytes, dst: 10, src: s.src, offset: s.offset });
      case 'if': {
        const then = newLabel();
        const end = newLabel();
        add(KIND.branch, {
          op: s.op,
          size: s.width,
          dst: s.dst,
          src: s.src ?? 0,
          x: s.src === undefined ? 0 : 1,
          imm: s.src === undefined ? s.imm : 0,
          label: then,
        });
        s.otherwise.forEach(statement);
        add(KIND.jump, { size: s.far ? 32 : 16, label: end });
        bind(then);
        s.then.forEach(statement);
        return bind(end);
      }
      case 'loop': {
        const again = newLabel();
        movImm(s.counter, s.times);
        bind(again);
        s.body.forEach(statement);
        addImm(s.counter, -1);
        return add(KIND.branch, { op: COND.ne, size: 64, dst: s.counter, imm: 0, label: again });
      }
      case 'call':
        add(KIND.callLocal, { label: entries[s.callee]! });
        return refill(s.after);
      case 'map': {
        const miss = newLabel();
        mapCall(s.map, s.key, 1, () => undefined);
        add(KIND.branch, { op: COND.eq, size: 64, dst: 0, imm: 0, label: miss });
        add(KIND.load, { x: 1, size: 8, dst: 1, src: 0, offset: 0 });
        addImm(1, s.add);
        add(KIND.store, { size: 8, dst: 0, offset: 0, src: 1, x: 1 });
        mov(0, 1);
        bind(miss);
        return refill(s.after);
      }
      case 'mapUpdate':
        mapCall(s.map, s.key, 2, () => {
          add(KIND.store, { size: 8, dst: 10, offset: VALUE_OFFSET, imm: s.value });
          mov(3, 10);
          addImm(3, VALUE_OFFSET);
          movImm(4, s.flags);
        });
        return refill(s.after);
      case 'mapDelete':
        mapCall(s.map, s.key, 3, () => undefined);
        return refill(s.after);
      case 'exitEarly': {
        const on = newLabel();
        add(KIND.branch, { op: s.op, size: 64, dst: s.dst, imm: s.imm, label: on });
        mov(0, s.dst);
        add(KIND.exit, {});
        return bind(on);
      }
    }
  };

  for (const [index, fn] of program.functions.entries()) {
    bind(entries[index]!);
    fn.constants.forEach(([lo, hi], register) => {
      // Arguments stay as they came; main's R1 and R2 do not, so that no pointer is computed with.
      if (index > 0 && register >= 1 && register <= 2) return;
      lddw(register, PSEUDO.none, lo, hi);
    });
    for (let word = 0; word < fn.words; word++) add(KIND.store, { size: 8, dst: 10, offset: -8 * (word + 1), src: word % 10, x: 1 });
    fn.body.forEach(statement);
    // The result depends on every register and word.
    for (let register = 1; register <= 9; register++) {
      add(KIND.alu, { op: ALU.mul, size: 64, dst: 0, imm: 31 });
      add(KIND.alu, { op: ALU.add, size: 64, dst: 0, src: register, x: 1 });
    }
    for (let word = 0; word < fn.words; word++) {
      add(KIND.load, { x: 1, size: 8, dst: 1, src: 10, offset: -8 * (word + 1) });
      add(KIND.alu, { op: ALU.mul, size: 64, dst: 0, imm: 37 });
      add(KIND.alu, { op: ALU.xor, size: 64, dst: 0, src: 1, x: 1 });
    }
    if (index === 0) {
      // The kernel's test run gives 32 bits: fold the upper half in.
      mov(1, 0);
      add(KIND.alu, { op: ALU.rsh, size: 64, dst: 1, imm: 32 });
      add(KIND.alu, { op: ALU.xor, size: 64, dst: 0, src: 1, x: 1 });
    }
    add(KIND.exit, {});
  }

  return encode(codeFromRows(rows.map((row) => (row.label === undefined ? row : { ...row, offset: labels[row.label]! }))));
}

/** Where map keys and values are passed, under the words that statements use. */
const KEY_OFFSET = -100;
const VALUE_OFFSET = -112;
/** Words that statements may use: R10 - 8 to R10 - 96. */
export const MAX_WORDS = 12;

/** All programs with one statement (or one branch of one) less. */
export function* smaller(program: GeneratedProgram): Generator<GeneratedProgram, void, void> {
  for (const [index, fn] of program.functions.entries()) {
    for (const body of smallerBodies(fn.body)) {
      yield { ...program, functions: program.functions.map((other, i) => (i === index ? { ...fn, body } : other)) };
    }
  }
}

function* smallerBodies(body: readonly Statement[]): Generator<readonly Statement[], void, void> {
  for (let size = body.length >> 1; size > 1; size >>= 1) {
    for (let at = 0; at + size <= body.length; at += size) yield [...body.slice(0, at), ...body.slice(at + size)];
  }
  for (const [at, s] of body.entries()) {
    const replace = (...by: readonly Statement[]): readonly Statement[] => [...body.slice(0, at), ...by, ...body.slice(at + 1)];
    yield replace();
    if (s.do === 'if') {
      yield replace(...s.then);
      yield replace(...s.otherwise);
      for (const then of smallerBodies(s.then)) yield replace({ ...s, then });
      for (const otherwise of smallerBodies(s.otherwise)) yield replace({ ...s, otherwise });
    }
    if (s.do === 'loop') {
      if (s.times > 1) yield replace({ ...s, times: 1 });
      for (const inner of smallerBodies(s.body)) yield replace({ ...s, body: inner });
    }
  }
}

/** The smallest program found by dropping statements while `fails` holds; at most `tries` programs are tried. */
export function minimise(program: GeneratedProgram, fails: (program: GeneratedProgram) => boolean, tries = 2000): GeneratedProgram {
  let best = program;
  for (let progress = true; progress && tries > 0; ) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (--tries <= 0) break;
      if (fails(candidate)) {
        best = candidate;
        progress = true;
        break;
      }
    }
  }
  return best;
}

export { ALU, ATOMIC, COND, SWAP };
