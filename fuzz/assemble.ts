// Generated trees to instructions.
import { ALU, ATOMIC, COND, KIND, PSEUDO, SWAP } from '../src/isa/code.ts';
import { Emitter } from './emit.ts';
import {
  ARGUMENT_BYTES,
  type Argument,
  type GeneratedFunction,
  type GeneratedProgram,
  type Operand,
  PACKET_FIELDS,
  RESERVED,
  reservedBytes,
  type Statement,
  type TangleBlock,
  type Via,
} from './tree.ts';

const HELPER = {
  lookup: 1, update: 2, delete: 3, tailCall: 12, push: 87, pop: 88, peek: 89, reserve: 131, submit: 132, discard: 133,
  forEach: 164, loop: 181, lookupPerCpu: 195,
} as const; // biome-ignore format: a table

/** The program's bytes: lddw map references carry the index into `maps`. */
export function assemble(program: GeneratedProgram): Uint8Array {
  return new Assembler(program).bytes();
}

class Assembler extends Emitter {
  readonly #program: GeneratedProgram;
  readonly #entries: readonly number[];
  /** Bytes under R10 before the words of functions. */
  readonly #reserved: number;
  #function: GeneratedFunction;

  constructor(program: GeneratedProgram) {
    super();
    this.#program = program;
    this.#reserved = reservedBytes(program);
    this.#entries = program.functions.map(() => this.newLabel());
    this.#function = program.functions[0]!;
    for (const [index, fn] of program.functions.entries()) {
      this.bind(this.#entries[index]!);
      this.#write(fn);
    }
  }

  #handle(dst: number, callee: number): void {
    this.add(KIND.lddw, { op: PSEUDO.func, size: 8, dst, label: this.#entries[callee]! });
    this.add(KIND.second, {});
  }

  #context(dst: number): void {
    this.load(dst, 10, RESERVED.context, 8);
  }

  #argument(dst: number, argument: Argument): void {
    if (argument === 'context') this.#context(dst);
    else if ('stack' in argument) this.frameAddress(dst, RESERVED.argument + argument.stack);
    else if ('map' in argument) this.lddw(dst, PSEUDO.map, argument.map, 0);
    else this.operand(dst, argument);
  }

  #keyAndMap(map: number, key: readonly Operand[]): void {
    this.fill(RESERVED.key, this.#program.maps[map]!.keySize, 4, key);
  }

  #mapAndKey({ map, through }: { readonly map: number; readonly through: number | undefined }): void {
    if (through === undefined) this.lddw(1, PSEUDO.map, map, 0);
    else this.mov(1, through);
    this.frameAddress(2, RESERVED.key);
  }

  /** Words of the function, as a callback gets them. */
  #words(dst: number): void {
    this.frameAddress(dst, -this.#reserved - 8 * this.#function.words);
  }

  #body(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #through(
    s: { readonly offset: number; readonly base?: number | undefined; readonly via: Via | undefined },
    emit: (base: number, offset: number) => void,
    loaded?: number,
  ): void {
    const { via, offset, base } = s;
    if (via === undefined) return emit(base ?? 10, offset);
    this.mov(via.register, via.from);
    this.alu(ALU.add, via.register, via.part);
    emit(via.register, offset - via.part);
    if (via.register !== loaded) this.alu(ALU.mov, via.register, via.refill);
  }

  #branch(s: Pick<TangleBlock, 'op' | 'width' | 'dst' | 'src' | 'imm'>, label: number): void {
    const { op, width, dst, src, imm } = s;
    if (src === undefined) this.add(KIND.branch, { op, size: width, dst, imm, label });
    else this.add(KIND.branch, { op, size: width, dst, src, x: 1, label });
  }

  #tangle({ counter, times, blocks }: Extract<Statement, { readonly do: 'tangle' }>): void {
    const labels = blocks.map(() => this.newLabel());
    const end = this.newLabel();
    this.alu(ALU.mov, counter, times);
    for (const [i, block] of blocks.entries()) {
      this.bind(labels[i]!);
      this.#body(block.body);
      this.alu(ALU.add, counter, -1);
      this.add(KIND.branch, { op: COND.eq, size: 64, dst: counter, imm: 0, label: end });
      this.#branch(block, labels[block.target] ?? end);
    }
    this.bind(end);
  }

  #statement(s: Statement): void {
    switch (s.do) {
      case 'alu':
        return this.add(KIND.alu, {
          op: s.op,
          size: s.width,
          dst: s.dst,
          src: s.src ?? 0,
          x: s.src === undefined ? 0 : 1,
          imm: s.src === undefined ? s.imm : 0,
        });
      case 'movsx':
        return this.add(KIND.movsx, { op: s.bits, size: s.width, dst: s.dst, src: s.src, x: 1 });
      case 'swap':
        return this.add(KIND.swap, { op: s.op, size: s.bits, dst: s.dst });
      case 'lddw':
        return this.lddw(s.dst, PSEUDO.none, s.lo, s.hi);
      case 'kernelAddress':
        return this.lddw(s.dst, PSEUDO.btfId, s.type, 0);
      case 'cast':
        return this.add(KIND.addrSpaceCast, { size: 64, dst: s.dst, src: s.src, x: 1, imm: s.spaces });
      case 'load':
        return this.#through(
          s,
          (src, offset) => this.add(KIND.load, { x: 1, size: s.bytes, op: s.signed ? 1 : 0, dst: s.dst, src, offset }),
          s.dst,
        );
      case 'store':
        return this.#through(s, (dst, offset) =>
          this.add(KIND.store, {
            size: s.bytes,
            dst,
            offset,
            src: s.src ?? 0,
            x: s.src === undefined ? 0 : 1,
            imm: s.src === undefined ? s.imm : 0,
          }),
        );
      case 'atomic':
        this.#through(s, (dst, offset) => this.add(KIND.atomic, { op: s.op, size: s.bytes, dst, src: s.src, x: s.fetch ? 1 : 0, offset }));
        if (s.forget) this.add(KIND.swap, { op: SWAP.le, size: 8 * s.bytes, dst: s.op === ATOMIC.cmpxchg ? 0 : s.src });
        return;
      case 'acquire':
        return this.#through(s, (src, offset) => this.add(KIND.loadAcquire, { x: 1, size: s.bytes, dst: s.dst, src, offset }), s.dst);
      case 'release':
        return this.#through(s, (dst, offset) => this.add(KIND.storeRelease, { x: 1, size: s.bytes, dst, src: s.src, offset }));
      case 'if': {
        const then = this.newLabel();
        const end = this.newLabel();
        this.#branch(s, then);
        this.#body(s.otherwise);
        this.add(KIND.jump, { size: s.far ? 32 : 16, label: end });
        this.bind(then);
        this.#body(s.taken);
        return this.bind(end);
      }
      case 'loop': {
        const again = this.newLabel();
        const end = this.newLabel();
        this.alu(ALU.mov, s.counter, s.times);
        this.bind(again);
        if (s.mayGoto) this.add(KIND.mayGoto, { label: end });
        this.#body(s.body);
        this.alu(ALU.add, s.counter, -1);
        this.add(KIND.branch, { op: COND.ne, size: 64, dst: s.counter, imm: 0, label: again });
        return this.bind(end);
      }
      case 'tangle':
        return this.#tangle(s);
      case 'pad': {
        const { words } = this.#function;
        for (let i = 0; i < s.times; i++) {
          this.add(KIND.store, { size: 8, dst: 10, offset: -this.#reserved - 8 * ((i % words) + 1), src: s.src, x: 1 });
        }
        return;
      }
      case 'dead': {
        const on = this.newLabel();
        this.add(KIND.jump, { size: 16, label: on });
        this.#body(s.body);
        return this.bind(on);
      }
      case 'call':
        if (this.#reserved > 0 && ['main', 'sub'].includes(this.#program.functions[s.callee]!.role)) this.#context(1);
        this.add(KIND.callLocal, { label: this.#entries[s.callee]! });
        return this.refill(s.after);
      case 'callx':
        this.#handle(s.through, s.callee);
        this.add(KIND.callx, { dst: s.through });
        return this.refill(s.after);
      case 'exitEarly': {
        const on = this.newLabel();
        this.add(KIND.branch, { op: s.op, size: 64, dst: s.dst, imm: s.imm, label: on });
        this.mov(0, s.dst);
        this.add(KIND.exit, {});
        return this.bind(on);
      }
      case 'wild':
        this.alu(ALU.mov, s.via, s.address);
        if (s.address < 0) this.add(KIND.alu, { op: ALU.mov, size: 32, dst: s.via, src: s.via, x: 1 });
        if (s.write) this.add(KIND.store, { size: s.bytes, dst: s.via, offset: s.offset, imm: 1 });
        else this.load(s.via, s.via, s.offset, s.bytes);
        return;
      default:
        return this.#callStatement(s);
    }
  }

  /** Statements of programs that have a context and maps. */
  #callStatement(
    s: Exclude<
      Statement,
      {
        readonly do:
          | 'alu'
          | 'movsx'
          | 'swap'
          | 'lddw'
          | 'kernelAddress'
          | 'cast'
          | 'load'
          | 'store'
          | 'atomic'
          | 'acquire'
          | 'release'
          | 'if'
          | 'loop'
          | 'tangle'
          | 'dead'
          | 'call'
          | 'callx'
          | 'exitEarly'
          | 'wild';
      }
    >,
  ): void {
    switch (s.do) {
      case 'lookup': {
        const miss = this.newLabel();
        const end = this.newLabel();
        this.#keyAndMap(s.map, s.key);
        if (s.cpu !== undefined) this.operand(3, s.cpu);
        this.#mapAndKey(s);
        this.call(s.cpu === undefined ? HELPER.lookup : HELPER.lookupPerCpu);
        if (s.checked) this.add(KIND.branch, { op: COND.eq, size: 64, dst: 0, imm: 0, label: miss });
        this.#pointing(s, s.after);
        this.add(KIND.jump, { size: 16, label: end });
        this.bind(miss);
        this.refill(s.after);
        this.#body(s.miss);
        return this.bind(end);
      }
      case 'step':
        this.operand(s.pointer, { register: s.index, mask: s.mask });
        this.add(KIND.alu, { op: ALU.add, size: 64, dst: s.pointer, src: s.from, x: 1 });
        this.#body(s.body);
        return this.alu(ALU.mov, s.pointer, s.refill);
      case 'mapValue':
        this.lddw(s.pointer, PSEUDO.mapValue, s.map, s.offset);
        this.#body(s.body);
        return this.alu(ALU.mov, s.pointer, s.refill);
      case 'update':
        this.#keyAndMap(s.map, s.key);
        this.fill(RESERVED.argument, this.#program.maps[s.map]!.valueSize, 8, s.value);
        this.operand(4, s.flags);
        this.#mapAndKey(s);
        this.frameAddress(3, RESERVED.argument);
        this.call(HELPER.update);
        return this.refill(s.after);
      case 'delete':
        this.#keyAndMap(s.map, s.key);
        this.#mapAndKey(s);
        this.call(HELPER.delete);
        return this.refill(s.after);
      case 'push':
        this.fill(RESERVED.argument, this.#program.maps[s.map]!.valueSize, 8, s.value);
        this.operand(3, s.flags);
        this.lddw(1, PSEUDO.map, s.map, 0);
        this.frameAddress(2, RESERVED.argument);
        this.call(HELPER.push);
        return this.refill(s.after);
      case 'pop': {
        this.lddw(1, PSEUDO.map, s.map, 0);
        this.frameAddress(2, RESERVED.argument);
        this.call(s.peek ? HELPER.peek : HELPER.pop);
        this.refill(s.after);
        const size = this.#program.maps[s.map]!.valueSize;
        return this.load(s.into, 10, RESERVED.argument, size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1);
      }
      case 'reserve': {
        const none = this.newLabel();
        const end = this.newLabel();
        this.lddw(1, PSEUDO.map, s.map, 0);
        this.alu(ALU.mov, 2, s.bytes);
        this.alu(ALU.mov, 3, 0);
        this.call(HELPER.reserve);
        this.add(KIND.branch, { op: COND.eq, size: 64, dst: 0, imm: 0, label: none });
        if (s.pointer !== 0) this.mov(s.pointer, 0);
        this.alu(ALU.mov, s.pointer === 0 ? 1 : 0, 0);
        this.refill(s.after, s.pointer);
        // A record begins with nothing that may be relied on.
        for (let at = 0; at < s.bytes; at += 8) this.add(KIND.store, { size: 8, dst: s.pointer, offset: at, imm: at });
        this.#body(s.body);
        this.mov(1, s.pointer);
        this.alu(ALU.mov, 2, s.flags);
        this.call(s.submit ? HELPER.submit : HELPER.discard);
        this.alu(ALU.mov, 0, s.refill);
        this.alu(ALU.mov, s.pointer, s.refill);
        this.refill(s.after, s.pointer);
        this.add(KIND.jump, { size: 16, label: end });
        this.bind(none);
        this.refill(s.after);
        return this.bind(end);
      }
      case 'packet': {
        const miss = this.newLabel();
        const end = this.newLabel();
        const [data, dataEnd, dataMeta] = PACKET_FIELDS[this.#program.type];
        this.#context(1);
        this.load(2, 1, s.meta ? dataMeta : data, 4);
        this.load(3, 1, s.meta ? data : dataEnd, 4);
        this.mov(4, 2);
        this.alu(ALU.add, 4, s.bytes);
        this.add(KIND.branch, { op: COND.gt, size: 64, dst: 4, src: 3, x: 1, label: miss });
        if (s.pointer !== 2) this.mov(s.pointer, 2);
        this.refill(s.after, s.pointer);
        this.#body(s.body);
        this.alu(ALU.mov, s.pointer, s.refill);
        this.add(KIND.jump, { size: 16, label: end });
        this.bind(miss);
        this.refill(s.after);
        this.#body(s.miss);
        return this.bind(end);
      }
      case 'packetLoad':
        if (s.index !== undefined) this.operand(7, s.index);
        this.#context(6);
        this.add(KIND.packetLoad, { op: s.index === undefined ? 0 : 1, size: s.bytes, src: s.index === undefined ? 0 : 7, imm: s.offset });
        this.alu(ALU.mov, 6, s.refill);
        return this.refill(s.after);
      case 'kfunc':
        this.add(KIND.callKfunc, { imm: s.name });
        this.alu(ALU.mov, 0, s.refill);
        return this.refill(s.after);
      case 'contextLoad':
        this.#context(s.dst);
        return this.load(s.dst, s.dst, s.offset, s.bytes);
      case 'contextStore':
        this.#context(s.through);
        this.add(KIND.store, { size: s.bytes, dst: s.through, offset: s.offset, src: s.src, x: 1 });
        return this.alu(ALU.mov, s.through, 0);
      case 'helper':
        if (s.data.length > 0) this.fill(RESERVED.argument, ARGUMENT_BYTES, 8, s.data);
        // Those that use R0 first.
        s.arguments.forEach((argument, i) => {
          if (typeof argument !== 'string' && 'register' in argument) this.#argument(i + 1, argument);
        });
        s.arguments.forEach((argument, i) => {
          if (typeof argument === 'string' || !('register' in argument)) this.#argument(i + 1, argument);
        });
        this.call(s.id);
        this.refill(s.after);
        if (s.into !== undefined) this.load(s.into, 10, RESERVED.argument, 8);
        return;
      case 'bpfLoop':
        this.operand(1, s.count);
        this.#handle(2, s.callee);
        this.#words(3);
        this.alu(ALU.mov, 4, s.flags);
        this.call(HELPER.loop);
        return this.refill(s.after);
      case 'forEach':
        this.lddw(1, PSEUDO.map, s.map, 0);
        this.#handle(2, s.callee);
        this.#words(3);
        this.alu(ALU.mov, 4, s.flags);
        this.call(HELPER.forEach);
        return this.refill(s.after);
      case 'tailCall':
        this.operand(3, s.index);
        this.#context(1);
        this.lddw(2, PSEUDO.map, s.map, 0);
        this.call(HELPER.tailCall);
        this.alu(ALU.mov, 0, s.refill);
        return this.refill(s.after);
    }
  }

  /** R0 is a pointer: to its register, the body, and a number again. */
  #pointing(
    { pointer, refill, body }: { readonly pointer: number; readonly refill: number; readonly body: readonly Statement[] },
    after: readonly number[],
  ): void {
    if (pointer !== 0) {
      this.mov(pointer, 0);
      this.alu(ALU.mov, 0, refill);
    }
    this.refill(after, pointer);
    this.#body(body);
    this.alu(ALU.mov, pointer, refill);
  }

  #write(fn: GeneratedFunction): void {
    const { role, words } = fn;
    const hasContext = this.#reserved > 0 && (role === 'main' || role === 'sub');
    this.#function = fn;
    if (hasContext) this.add(KIND.store, { size: 8, dst: 10, offset: RESERVED.context, src: 1, x: 1 });
    if (fn.frame !== undefined) this.mov(fn.frame[0], role === 'loop' ? 2 : 4);
    if (fn.value !== undefined) this.mov(fn.value[0], 3);
    const kept = new Set([fn.frame?.[0], fn.value?.[0]]);
    fn.constants.forEach(([lo, hi], register) => {
      // Numbers stay as they came; pointers do not, so that none is computed with.
      if ((role === 'leaf' && (register === 1 || register === 2)) || (role === 'loop' && register === 1) || kept.has(register)) return;
      if (fn.plain === true) this.alu(ALU.mov, register, register);
      else this.lddw(register, PSEUDO.none, lo, hi);
    });
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((register) => !kept.has(register));
    for (let word = 0; word < words; word++) {
      this.add(KIND.store, { size: 8, dst: 10, offset: -this.#reserved - 8 * (word + 1), src: numbers[word % numbers.length]!, x: 1 });
    }
    this.#body(fn.body);
    for (const pointer of [fn.frame, fn.value]) if (pointer !== undefined) this.alu(ALU.mov, pointer[0], pointer[1]);
    this.#result(fn);
  }

  /** The result depends on every register and word. */
  #result({ role, words, stops, plain }: GeneratedFunction): void {
    const isCallback = role === 'loop' || role === 'each';
    if (plain === true && !isCallback) return this.add(KIND.exit, {});
    for (let register = 1; plain !== true && register <= 9; register++) {
      this.alu(ALU.mul, 0, 31);
      this.add(KIND.alu, { op: ALU.add, size: 64, dst: 0, src: register, x: 1 });
    }
    for (let word = 0; plain !== true && word < words; word++) {
      this.load(1, 10, -this.#reserved - 8 * (word + 1), 8);
      this.alu(ALU.mul, 0, 37);
      this.add(KIND.alu, { op: ALU.xor, size: 64, dst: 0, src: 1, x: 1 });
    }
    if (role === 'main') {
      // The kernel's test run gives 32 bits: fold the upper half in.
      this.mov(1, 0);
      this.alu(ALU.rsh, 1, 32);
      this.add(KIND.alu, { op: ALU.xor, size: 64, dst: 0, src: 1, x: 1 });
    }
    if (isCallback) this.alu(ALU.and, 0, stops === true ? 1 : 0);
    this.add(KIND.exit, {});
  }
}
