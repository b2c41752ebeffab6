// Every encoding of every instruction, one row each; decoder, encoder, parsers and printers derive from it. [RFC9669 3-5]
//
// A row gives what each of the five fields of a slot holds. A number is a constant: the field must have that value, and where
// several rows share an opcode the constants that differ tell them apart (mov and movsx by offset, atomics by imm, calls by src).
import { ALU, ATOMIC, COND, KIND, type Kind, PSEUDO, SWAP } from './code.ts';

/** Conformance groups [RFC9669 2.4]; `callx` and what is newer than the RFC have groups of their own. */
export type Group = 'base32' | 'base64' | 'divmul32' | 'divmul64' | 'atomic32' | 'atomic64' | 'packet' | 'callx' | 'linux';

/** A register field: read, written (R10 is refused), or a constant. */
export type RegisterField = 'read' | 'write' | number;
/** The offset and imm fields: a value, a jump distance in slots from the next slot, a pair of address spaces, or a constant. */
export type NumberField = 'value' | 'distance' | 'spaces' | number;

/** (to << 16) | from: the casts that exist are from the arena, address space 1, to the kernel's, 0, and back. [Linux bpf: arena] */
export const ADDRESS_SPACES: readonly number[] = [(0 << 16) | 1, (1 << 16) | 0];

export interface Encoding {
  /** Name in the bpf_conformance dialect, without the operands; unique together with `x`. */
  readonly name: string;
  readonly opcode: number;
  readonly dst: RegisterField;
  readonly src: RegisterField;
  readonly offset: NumberField;
  readonly imm: NumberField;
  /** Fields of the decoded form, as in code.ts. */
  readonly kind: Kind;
  readonly op: number;
  readonly size: number;
  readonly x: 0 | 1;
  readonly group: Group;
  /** First `-mcpu` version of LLVM that has it. */
  readonly cpu: 1 | 2 | 3 | 4;
  /** Section of RFC 9669, or the kernel's document where the RFC has nothing. */
  readonly section: string;
}

/** The class field, opcode bits 0-2. [RFC9669 3, table 2] */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
/** BPF_K and BPF_X, opcode bit 3. */
export const SOURCE = { k: 0x00, x: 0x08 } as const;
/** The size field of loads and stores by bytes, opcode bits 3-4. [RFC9669 5, table 10] */
export const SIZE = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 } as const;
/** The mode field of loads and stores, opcode bits 5-7. [RFC9669 5, table 9] */
export const MODE = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, memsx: 0x80, atomic: 0xc0 } as const;
/** Letters of the sizes, as in ldxw. */
export const SIZE_LETTER: Readonly<Record<1 | 2 | 4 | 8, string>> = { 1: 'b', 2: 'h', 4: 'w', 8: 'dw' };

const BYTES = [1, 2, 4, 8] as const;
const FETCH = 1;
/** Atomic loads and stores, newer than the RFC. [Linux bpf/standardization/instruction-set "Atomic operations"] */
const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;

// name, code field, offset (1: signed variant), group, first version            [RFC9669 4.1, table 3]
const ALU_ROWS = [
  ['add', 0x0, 0, 'base', 1],
  ['sub', 0x1, 0, 'base', 1],
  ['mul', 0x2, 0, 'divmul', 1],
  ['div', 0x3, 0, 'divmul', 1],
  ['sdiv', 0x3, 1, 'divmul', 4],
  ['or', 0x4, 0, 'base', 1],
  ['and', 0x5, 0, 'base', 1],
  ['lsh', 0x6, 0, 'base', 1],
  ['rsh', 0x7, 0, 'base', 1],
  ['mod', 0x9, 0, 'divmul', 1],
  ['smod', 0x9, 1, 'divmul', 4],
  ['xor', 0xa, 0, 'base', 1],
  ['mov', 0xb, 0, 'base', 1],
  ['arsh', 0xc, 0, 'base', 1],
] as const;

// name, code field, first version                                                [RFC9669 4.3, table 8]
const COND_ROWS = [
  ['eq', 0x1, 1],
  ['gt', 0x2, 1],
  ['ge', 0x3, 1],
  ['set', 0x4, 1],
  ['ne', 0x5, 1],
  ['sgt', 0x6, 1],
  ['sge', 0x7, 1],
  ['lt', 0xa, 2],
  ['le', 0xb, 2],
  ['slt', 0xc, 2],
  ['sle', 0xd, 2],
] as const;

function* rows(): Generator<Encoding> {
  for (const size of [32, 64] as const) {
    const aluClass = size === 64 ? CLASS.alu64 : CLASS.alu;
    const suffix = size === 64 ? '' : '32';
    for (const [name, code, offset, group, cpu] of ALU_ROWS) {
      const row = {
        name: name + suffix, kind: KIND.alu, op: ALU[name], size, dst: 'write', offset,
        group: `${group}${size}`, cpu, section: '4.1',
      } as const; // biome-ignore format: a table
      yield { ...row, opcode: (code << 4) | SOURCE.k | aluClass, src: 0, imm: 'value', x: 0 };
      yield { ...row, opcode: (code << 4) | SOURCE.x | aluClass, src: 'read', imm: 0, x: 1 };
    }
    yield {
      name: `neg${suffix}`, opcode: 0x80 | aluClass, dst: 'write', src: 0, offset: 0, imm: 0,
      kind: KIND.alu, op: ALU.neg, size, x: 0, group: `base${size}`, cpu: 1, section: '4.1',
    }; // biome-ignore format: a table
    for (const bits of size === 64 ? [8, 16, 32] : [8, 16]) {
      yield {
        name: `movsx${bits}${size}`, opcode: 0xb0 | SOURCE.x | aluClass, dst: 'write', src: 'read', offset: bits, imm: 0,
        kind: KIND.movsx, op: bits, size, x: 1, group: `base${size}`, cpu: 4, section: '4.1',
      }; // biome-ignore format: a table
    }
    // [Linux bpf: arena]: offset 1 tells it from mov, imm names the two address spaces.
    if (size === 64) {
      yield {
        name: 'addr_space_cast', opcode: 0xbf, dst: 'write', src: 'read', offset: 1, imm: 'spaces',
        kind: KIND.addrSpaceCast, op: 0, size, x: 1, group: 'linux', cpu: 4, section: 'Linux: arena',
      }; // biome-ignore format: a table
    }
    const jumpClass = size === 64 ? CLASS.jmp : CLASS.jmp32;
    for (const [name, code, cpu] of COND_ROWS) {
      const row = {
        name: `j${name}${suffix}`, kind: KIND.branch, op: COND[name], size, dst: 'read', offset: 'distance',
        group: `base${size}`, cpu: size === 64 ? cpu : 3, section: '4.3',
      } as const; // biome-ignore format: a table
      yield { ...row, opcode: (code << 4) | SOURCE.k | jumpClass, src: 0, imm: 'value', x: 0 };
      yield { ...row, opcode: (code << 4) | SOURCE.x | jumpClass, src: 'read', imm: 0, x: 1 };
    }
  }

  // [RFC9669 4.2]
  for (const size of [16, 32, 64] as const) {
    const row = { dst: 'write', src: 0, offset: 0, imm: size, kind: KIND.swap, size, x: 0, section: '4.2' } as const;
    const group = size === 64 ? 'base64' : 'base32';
    yield { ...row, name: `le${size}`, opcode: 0xd4, op: SWAP.le, group, cpu: 1 };
    yield { ...row, name: `be${size}`, opcode: 0xdc, op: SWAP.be, group, cpu: 1 };
    yield { ...row, name: `swap${size}`, opcode: 0xd7, op: SWAP.bswap, group, cpu: 4 };
  }

  // [RFC9669 4.3]
  const none = { dst: 0, src: 0, offset: 0, imm: 0, op: 0, size: 0, x: 0, group: 'base32', section: '4.3' } as const;
  yield { ...none, name: 'ja', opcode: 0x05, offset: 'distance', kind: KIND.jump, size: 16, cpu: 1 };
  yield { ...none, name: 'ja32', opcode: 0x06, imm: 'distance', kind: KIND.jump, size: 32, cpu: 4 };
  yield { ...none, name: 'exit', opcode: 0x95, kind: KIND.exit, cpu: 1 };
  yield { ...none, name: 'call', opcode: 0x85, imm: 'value', kind: KIND.callHelper, cpu: 1 };
  yield { ...none, name: 'call local', opcode: 0x85, src: 1, imm: 'distance', kind: KIND.callLocal, cpu: 3 };
  // The offset is an index into the loader's array of BTF descriptors. [Linux bpf/kfuncs]
  yield { ...none, name: 'call kfunc', opcode: 0x85, src: 2, offset: 'value', imm: 'value', kind: KIND.callKfunc, cpu: 3 };
  yield { ...none, name: 'callx', opcode: 0x8d, dst: 'read', kind: KIND.callx, cpu: 3, group: 'callx' };
  yield { ...none, name: 'may_goto', opcode: 0xe5, offset: 'distance', kind: KIND.mayGoto, cpu: 4, group: 'linux' };

  // [RFC9669 5.4]
  for (const [name, pseudo] of Object.entries(PSEUDO)) {
    yield {
      name: pseudo === PSEUDO.none ? 'lddw' : `lddw ${name}`, opcode: CLASS.ld | SIZE[8] | MODE.imm, dst: 'write', src: pseudo, offset: 0,
      imm: pseudo === PSEUDO.func ? 'distance' : 'value', kind: KIND.lddw, op: pseudo, size: 8, x: 0,
      group: 'base64', cpu: 1, section: '5.4',
    }; // biome-ignore format: a table
  }

  // [RFC9669 5.1, 5.2, 5.3, 5.5]
  for (const size of BYTES) {
    const letter = SIZE_LETTER[size];
    const wide = size === 8 ? 'base64' : 'base32';
    const memory = { offset: 'value', op: 0, size, group: wide, cpu: 1, section: '5.1' } as const;
    yield {
      ...memory, name: `ldx${letter}`, opcode: CLASS.ldx | SIZE[size] | MODE.mem, dst: 'write', src: 'read', imm: 0, kind: KIND.load, x: 1,
    }; // biome-ignore format: a table
    yield {
      ...memory, name: `st${letter}`, opcode: CLASS.st | SIZE[size] | MODE.mem, dst: 'read', src: 0, imm: 'value', kind: KIND.store, x: 0,
    }; // biome-ignore format: a table
    yield {
      ...memory, name: `stx${letter}`, opcode: CLASS.stx | SIZE[size] | MODE.mem, dst: 'read', src: 'read', imm: 0, kind: KIND.store, x: 1,
    }; // biome-ignore format: a table
    const atomicOpcode = CLASS.stx | SIZE[size] | MODE.atomic;
    const acquire = { ...memory, opcode: atomicOpcode, x: 1, group: 'linux', cpu: 4, section: 'Linux: atomic operations' } as const;
    yield { ...acquire, name: `load_acquire${letter}`, dst: 'write', src: 'read', imm: LOAD_ACQUIRE, kind: KIND.loadAcquire };
    yield { ...acquire, name: `store_release${letter}`, dst: 'read', src: 'read', imm: STORE_RELEASE, kind: KIND.storeRelease };
    if (size !== 8) {
      yield {
        ...memory, name: `ldxs${letter}`, opcode: CLASS.ldx | SIZE[size] | MODE.memsx, dst: 'write', src: 'read', imm: 0,
        kind: KIND.load, op: 1, x: 1, group: 'base64', cpu: 4, section: '5.2',
      }; // biome-ignore format: a table
      const packet = { dst: 0, offset: 0, imm: 'value', kind: KIND.packetLoad, size, group: 'packet', cpu: 1, section: '5.5' } as const;
      yield { ...packet, name: `ldabs${letter}`, opcode: CLASS.ld | SIZE[size] | MODE.abs, src: 0, op: 0, x: 0 };
      yield { ...packet, name: `ldind${letter}`, opcode: CLASS.ld | SIZE[size] | MODE.ind, src: 'read', op: 1, x: 0 };
    }
    if (size >= 4) {
      const suffix = size === 8 ? '' : '32';
      const row = {
        ...memory, opcode: atomicOpcode, dst: 'read', kind: KIND.atomic,
        group: size === 8 ? 'atomic64' : 'atomic32', section: '5.3',
      } as const; // biome-ignore format: a table
      for (const name of ['add', 'or', 'and', 'xor'] as const) {
        const op = ATOMIC[name];
        yield { ...row, name: `lock ${name}${suffix}`, src: 'read', imm: op, op, x: 0, cpu: name === 'add' ? 1 : 3 };
        yield { ...row, name: `lock fetch ${name}${suffix}`, src: 'write', imm: op | FETCH, op, x: 1, cpu: 3 };
      }
      yield { ...row, name: `lock xchg${suffix}`, src: 'write', imm: ATOMIC.xchg | FETCH, op: ATOMIC.xchg, x: 1, cpu: 3 };
      yield { ...row, name: `lock cmpxchg${suffix}`, src: 'read', imm: ATOMIC.cmpxchg | FETCH, op: ATOMIC.cmpxchg, x: 1, cpu: 3 };
    }
  }
}

/** All encodings; those of one opcode are neighbours. */
export const ENCODINGS: readonly Encoding[] = [...rows()].sort((a, b) => a.opcode - b.opcode);
