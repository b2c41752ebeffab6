// Machine code back to forms and operands. Knows what the encoders write (and longer displacements, as padding has them);
// anything else is one unknown byte.
import { FORMS, type Form, membersOf } from './forms.ts';
import { indexed, NO_BASE, NO_INDEX, RIP } from './registers.ts';

export type Decoded =
  /** `form`: place in FORMS; `operands`: what its encoder takes, with 32-bit values as int32 and simm and rel sign-extended. */
  | { readonly kind: 'instruction'; readonly form: number; readonly operands: readonly number[]; readonly length: number }
  | { readonly kind: 'unknown'; readonly length: 1 };

const UNKNOWN: Decoded = { kind: 'unknown', length: 1 };

interface Candidate {
  readonly number: number;
  readonly form: Form;
  readonly n: number;
  /** ModRM.reg must be this, or -1. */
  readonly digit: number;
  /** A mod of 3, another one, or no ModRM. */
  readonly mod: 'register' | 'memory' | 'none';
  /** The opcode's low bits are a register. */
  readonly inOpcode: boolean;
}

/** By prefix, VEX, W, map and opcode. */
const candidates = new Map<number, Candidate[]>();

function keyOf(prefix: number, vex: boolean, w: number, map: number, opcode: number): number {
  return (((((prefix << 1) | (vex ? 1 : 0)) << 1) | w) << 10) | (map << 8) | opcode;
}

FORMS.forEach((form, number) => {
  const { prefix, vex, w, map, modrm, operands } = form;
  const mod = modrm === 'none' ? 'none' : operands.some(({ kind }) => kind === 'memory') ? 'memory' : 'register';
  const inOpcode = operands.some((operand) => operand.kind === 'register' && operand.in === 'opcode');
  for (const n of membersOf(form)) {
    const candidate = { number, form, n, digit: modrm === 'n' ? n : typeof modrm === 'number' ? modrm : -1, mod, inOpcode } as const;
    for (let low = 0; low < (inOpcode ? 8 : 1); low++) {
      const key = keyOf(prefix, vex, w, map, form.opcode + form.opcodeStep * n + low);
      candidates.set(key, [...(candidates.get(key) ?? []), candidate]);
    }
  }
});

/** What stands before ModRM. */
interface Head {
  readonly candidates: readonly Candidate[];
  readonly opcode: number;
  /** Offset after the opcode. */
  readonly at: number;
  /** Extension bits, each 0 or 8. */
  readonly r: number;
  readonly x: number;
  readonly b: number;
  readonly vvvv: number;
  readonly rex: boolean;
}

const PP_PREFIX = [0, 0x66, 0xf3, 0xf2];
const NONE: readonly Candidate[] = [];

// Bytes beyond the end read as undefined, which no comparison takes for an opcode.
function readHead(code: Uint8Array, offset: number): Head {
  if (code[offset] === 0xc4) return readVex(code, offset);
  let at = offset;
  let prefix = 0;
  if (code[at] === 0xf0 || code[at] === 0x66 || code[at] === 0xf2 || code[at] === 0xf3) prefix = code[at++]!;
  const rex = (code[at]! & 0xf0) === 0x40 ? code[at++]! : 0;
  let map = 0;
  if (code[at] === 0x0f) {
    map = code[at + 1] === 0x38 ? 2 : code[at + 1] === 0x3a ? 3 : 1;
    at += map === 1 ? 1 : 2;
  }
  const opcode = code[at++] ?? -1;
  const found = opcode < 0 ? undefined : candidates.get(keyOf(prefix, false, (rex >> 3) & 1, map, opcode));
  return { candidates: found ?? NONE, opcode, at, r: (rex & 4) << 1, x: (rex & 2) << 2, b: (rex & 1) << 3, vvvv: 0, rex: rex !== 0 };
}

function readVex(code: Uint8Array, offset: number): Head {
  const first = code[offset + 1] ?? 0;
  const second = code[offset + 2] ?? 0;
  const opcode = code[offset + 3] ?? -1;
  const map = first & 31;
  const long = (second & 4) !== 0;
  const key = keyOf(PP_PREFIX[second & 3]!, true, second >> 7, map, opcode);
  return {
    candidates: (opcode < 0 || map > 3 || long ? undefined : candidates.get(key)) ?? NONE,
    opcode,
    at: offset + 4,
    r: (~first & 0x80) >> 4,
    x: (~first & 0x40) >> 3,
    b: (~first & 0x20) >> 2,
    vvvv: (~second >> 3) & 15,
    rex: true,
  };
}

/** The instruction at `offset`. Never throws. */
export function decode(code: Uint8Array, offset: number): Decoded {
  const head = readHead(code, offset);
  for (const candidate of head.candidates) {
    const decoded = tryCandidate(code, offset, head, candidate);
    if (decoded !== undefined) return decoded;
  }
  return UNKNOWN;
}

function tryCandidate(code: Uint8Array, offset: number, head: Head, candidate: Candidate): Decoded | undefined {
  const { form, n, digit, mod } = candidate;
  let at = head.at;
  let reg = 0;
  let rm = 0;
  let memory: Memory | undefined;
  // NOP with REX.B is XCHG.
  if (mod === 'none' && !candidate.inOpcode && (head.r | head.x | head.b) !== 0) return undefined;
  if (mod !== 'none') {
    const modrm = code[at];
    if (modrm === undefined || modrm >= 0xc0 !== (mod === 'register')) return undefined;
    if (digit >= 0 && ((modrm >> 3) & 7) !== digit) return undefined;
    reg = ((modrm >> 3) & 7) | head.r;
    rm = (modrm & 7) | head.b;
    if (mod === 'memory') {
      memory = readMemory(code, at, head);
      if (memory === undefined) return undefined;
      at = memory.at;
    } else at++;
  }
  if (form.fixed !== -1 && code[at++] !== form.fixed) return undefined;
  if (at + form.tail > code.length) return undefined;
  const operands: number[] = form.group === undefined ? [] : [n];
  let usesVvvv = false;
  for (const operand of form.operands) {
    switch (operand.kind) {
      case 'register': {
        const number =
          operand.in === 'reg' ? reg : operand.in === 'rm' ? rm : operand.in === 'vvvv' ? head.vvvv : (head.opcode & 7) | head.b;
        // Without REX these are ah, ch, dh and bh.
        if (operand.width === 8 && number >= 4 && !head.rex) return undefined;
        usesVvvv ||= operand.in === 'vvvv';
        operands.push(number);
        break;
      }
      case 'memory':
        operands.push(memory!.mem, memory!.disp);
        break;
      case 'immediate':
        if (operand.bytes === 8) operands.push(readInt(code, at, 4), readInt(code, at + 4, 4));
        else if (operand.reading === 'simm' || operand.bytes === 4) operands.push(readInt(code, at, operand.bytes));
        else operands.push(readInt(code, at, operand.bytes) & (2 ** (8 * operand.bytes) - 1));
        break;
      case 'relative':
        operands.push(readInt(code, at, operand.bytes));
        break;
      case 'fixed':
        break;
      default:
        operand satisfies never;
    }
  }
  if (form.vex && !usesVvvv && head.vvvv !== 0) return undefined;
  return { kind: 'instruction', form: candidate.number, operands, length: at + form.tail - offset };
}

/** Little-endian, sign-extended. */
function readInt(code: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | code[at + i]!;
  return (value << (32 - 8 * bytes)) >> (32 - 8 * bytes);
}

interface Memory {
  readonly mem: number;
  readonly disp: number;
  readonly at: number;
}

/** ModRM with mod 0 to 2, SIB, displacement [SDM2 2.1.5]. */
function readMemory(code: Uint8Array, start: number, { x, b }: Head): Memory | undefined {
  const modrm = code[start]!;
  const mod = modrm >> 6;
  let at = start + 1;
  let base = (modrm & 7) | b;
  let index: number = NO_INDEX;
  let scaleLog2 = 0;
  if ((modrm & 7) === 4) {
    const sib = code[at++];
    if (sib === undefined) return undefined;
    base = (sib & 7) | b;
    index = ((sib >> 3) & 7) | x;
    scaleLog2 = sib >> 6;
    // A SIB byte that says nothing: no index, and a base that would not need it, or a scale.
    const baseless = mod === 0 && (sib & 7) === 5;
    if (index === NO_INDEX && (scaleLog2 !== 0 || ((base & 7) !== 4 && !baseless))) return undefined;
    if (baseless) base = NO_BASE;
  } else if (mod === 0 && (modrm & 7) === 5) base = RIP;
  const size = mod === 1 ? 1 : mod === 2 || base >= RIP ? 4 : 0;
  if (at + size > code.length) return undefined;
  const mem = index === NO_INDEX ? base : indexed(base, index, scaleLog2);
  return { mem, disp: size === 0 ? 0 : readInt(code, at, size), at: at + size };
}
