// One typed encoder a form, derived from the table: `enc['ALU r64, m64'](asm, ALU.add, REG.rax, REG.rdi, 8)`. Operands in the text's
// order; a group's member first; memory is two numbers, mem (registers.ts) and displacement; imm64 two int32 halves, low first;
// rel counts from the end of the instruction. What does not fit is an assertion, and then nothing was appended.
import { AssertionFailure, assert } from '../../util/error.ts';
import { FORMS, type Form, type FormText, type GroupName, membersOf } from './forms.ts';
import { baseOf, RIP } from './registers.ts';

/** What encoders append to: the assembler, or any buffer that grows. */
export interface CodeBuffer {
  bytes: Uint8Array;
  length: number;
  /** Makes room for `size` more bytes. */
  reserve(size: number): void;
}

type OperandArgs<Text extends string> = Text extends 'imm64'
  ? [lo: number, hi: number]
  : Text extends `${'imm' | 'simm' | 'uimm'}${number}`
    ? [imm: number]
    : Text extends `rel${number}`
      ? [rel: number]
      : Text extends 'm' | `m${number}`
        ? [mem: number, disp: number]
        : Text extends `r${number}` | `r${number}b`
          ? [reg: number]
          : [];
type OperandsArgs<Text extends string> = Text extends `${infer Head}, ${infer Rest}`
  ? [...OperandArgs<Head>, ...OperandsArgs<Rest>]
  : OperandArgs<Text>;
type MemberArgs<Text extends string> = Text extends `${string}${GroupName}${string}` ? [n: number] : [];
type TextArgs<Text extends string> = Text extends `lock ${infer Rest}`
  ? TextArgs<Rest>
  : Text extends `${infer Mnemonic} ${infer Operands}`
    ? [...MemberArgs<Mnemonic>, ...OperandsArgs<Operands>]
    : [];

export type Encoders = { readonly [Text in FormText]: (buffer: CodeBuffer, ...operands: TextArgs<Text>) => void };

/** [SDM2 2.3.11]: the longest instruction. */
const MAX_LENGTH = 15;
/** How legacy prefixes are written in VEX.pp. */
const PP: Readonly<Record<number, number>> = { 0: 0, 102: 1, 243: 2, 242: 3 };

/** What encoding a form needs, as plain numbers in one shape. */
interface Plan {
  readonly text: string;
  readonly prefix: number;
  readonly vex: boolean;
  /** First byte of VEX's third: W, L = 0 and pp. Without VEX: 48 for REX.W, else 0. */
  readonly w: number;
  readonly map: number;
  readonly opcode: number;
  readonly opcodeStep: number;
  /** ModRM.reg: digit, plus n times this. */
  readonly digit: number;
  readonly digitStep: number;
  readonly fixed: number;
  /** Byte registers 4 to 7 need a REX prefix, without which they are ah to bh. */
  readonly byteReg: boolean;
  readonly byteRm: boolean;
  /** Bit n: the group has a member n. */
  readonly members: number;
  readonly immBytes: number;
  readonly immMin: number;
  readonly immMax: number;
}

const REX = 0x40;
const REX_W = 0x48;

function planOf(form: Form): Plan {
  const { text, prefix, vex, w, map, opcode, opcodeStep, modrm, fixed, operands } = form;
  const isByte = (place: string): boolean =>
    operands.some((operand) => operand.kind === 'register' && operand.in === place && operand.width === 8);
  const range = { immBytes: 0, immMin: 0, immMax: 0 };
  for (const operand of operands) {
    if (operand.kind !== 'immediate' && operand.kind !== 'relative') continue;
    const values = 2 ** (operand.bytes * 8);
    const reading = operand.kind === 'relative' ? 'simm' : operand.reading;
    range.immBytes = operand.bytes;
    range.immMin = reading === 'uimm' ? 0 : -values / 2;
    range.immMax = (reading === 'simm' ? values / 2 : values) - 1;
  }
  return {
    text,
    prefix,
    vex,
    w: vex ? (w << 7) | PP[prefix]! : w === 1 ? REX_W : 0,
    map,
    opcode,
    opcodeStep,
    digit: typeof modrm === 'number' ? modrm : 0,
    digitStep: modrm === 'n' ? 1 : 0,
    fixed,
    byteReg: isByte('reg'),
    byteRm: isByte('rm'),
    members: membersOf(form).reduce((bits, n) => bits | (1 << n), 0),
    ...range,
  };
}

function refuse(plan: Plan, what: string, value: number): never {
  throw new AssertionFailure(`${plan.text}: ${what} ${value}`);
}

function open(plan: Plan, buffer: CodeBuffer, n: number): void {
  if (((plan.members >>> n) & 1) === 0 || n >>> 0 > 15) refuse(plan, 'no member', n);
  buffer.reserve(MAX_LENGTH);
}

/** Everything before ModRM. `rxb`: the extension bits as in REX. Returns the offset after it. */
function emitHead(plan: Plan, buffer: CodeBuffer, n: number, rxb: number, byteNeedsRex: boolean): number {
  const { bytes } = buffer;
  let at = buffer.length;
  if (plan.prefix !== 0) bytes[at++] = plan.prefix;
  const rex = plan.w | rxb;
  if (rex !== 0 || byteNeedsRex) bytes[at++] = rex | REX;
  if (plan.map !== 0) {
    bytes[at++] = 0x0f;
    if (plan.map === 2) bytes[at++] = 0x38;
    else if (plan.map === 3) bytes[at++] = 0x3a;
  }
  bytes[at++] = plan.opcode + plan.opcodeStep * n;
  return at;
}

/** The three-byte form of VEX [SDM2 2.3.5], whose extension bits and vvvv are inverted, and the opcode. */
function emitVex(plan: Plan, buffer: CodeBuffer, rxb: number, vvvv: number): number {
  const { bytes, length } = buffer;
  bytes[length] = 0xc4;
  bytes[length + 1] = ((~rxb & 7) << 5) | plan.map;
  bytes[length + 2] = plan.w | ((~vvvv & 15) << 3);
  bytes[length + 3] = plan.opcode;
  return length + 4;
}

/** Extension bits of a memory operand: REX.X and REX.B. No bit of the bases that are not registers lies in their places. */
const extensionOf = (mem: number): number => ((mem >> 10) & 2) | ((mem >> 3) & 1);

/** ModRM, SIB and displacement [SDM2 2.1.5]. */
function emitMemory(bytes: Uint8Array, start: number, reg: number, mem: number, disp: number): number {
  let at = start;
  const base = mem & 31;
  const middle = (reg & 7) << 3;
  if (base >= RIP) {
    bytes[at++] = middle | (base === RIP ? 5 : 4);
    if (base !== RIP) bytes[at++] = sib(mem, 5);
    return write32(bytes, at, disp);
  }
  // r/m 5 and base 5 (rbp, r13) with mod 0 mean something else, so their displacement is written even if it is 0.
  const mod = disp === 0 && (base & 7) !== 5 ? 0 : (disp << 24) >> 24 === disp ? 0x40 : 0x80;
  // r/m 4 (rsp, r12) announces a SIB byte. mem < 16: no index.
  if (mem < 16 && (base & 7) !== 4) bytes[at++] = mod | middle | (base & 7);
  else {
    bytes[at++] = mod | middle | 4;
    bytes[at++] = sib(mem, base & 7);
  }
  if (mod === 0) return at;
  if (mod === 0x80) return write32(bytes, at, disp);
  bytes[at++] = disp;
  return at;
}

const sib = (mem: number, base: number): number => (((mem >> 5) & 3) << 6) | ((((mem >> 8) & 7) ^ 4) << 3) | base;

function write32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
  return at + 4;
}

/** The buffer, not its bytes: those may be replaced while the part before, which gives `at`, is written. */
function emitImmediate(plan: Plan, { bytes }: CodeBuffer, at: number, imm: number): number {
  if (!(imm >= plan.immMin && imm <= plan.immMax)) refuse(plan, 'immediate', imm);
  if (plan.immBytes === 1) {
    bytes[at] = imm;
    return at + 1;
  }
  if (plan.immBytes === 4) return write32(bytes, at, imm | 0);
  bytes[at] = imm;
  bytes[at + 1] = imm >> 8;
  return at + 2;
}

function emitRegister(plan: Plan, buffer: CodeBuffer, n: number, reg: number, rm: number): number {
  if ((reg | rm) >>> 0 > 15) refuse(plan, 'register', Math.max(reg, rm));
  open(plan, buffer, n);
  const byteNeedsRex = (plan.byteReg && reg >= 4) || (plan.byteRm && rm >= 4);
  const at = emitHead(plan, buffer, n, ((reg >> 1) & 4) | (rm >> 3), byteNeedsRex);
  buffer.bytes[at] = 0xc0 | ((reg & 7) << 3) | (rm & 7);
  return at + 1;
}

function emitAddress(plan: Plan, buffer: CodeBuffer, n: number, reg: number, mem: number, disp: number): number {
  checkAddress(plan, reg, mem, disp);
  open(plan, buffer, n);
  const at = emitHead(plan, buffer, n, ((reg >> 1) & 4) | extensionOf(mem), plan.byteReg && reg >= 4);
  return emitMemory(buffer.bytes, at, reg, mem, disp);
}

function checkAddress(plan: Plan, reg: number, mem: number, disp: number): void {
  if (reg >>> 0 > 15) refuse(plan, 'register', reg);
  if (mem >>> 0 > 0xf71 || baseOf(mem) > 17) refuse(plan, 'memory operand', mem);
  if ((disp | 0) !== disp) refuse(plan, 'displacement', disp);
}

function emitOpcode(plan: Plan, buffer: CodeBuffer, n: number, reg: number): number {
  if (reg >>> 0 > 15) refuse(plan, 'register', reg);
  open(plan, buffer, n);
  const at = emitHead(plan, buffer, n, reg >> 3, false);
  buffer.bytes[at - 1]! += reg & 7;
  return at;
}

function emitVexRegister(plan: Plan, buffer: CodeBuffer, reg: number, vvvv: number, rm: number): number {
  if ((reg | rm | vvvv) >>> 0 > 15) refuse(plan, 'register', Math.max(reg, rm, vvvv));
  buffer.reserve(MAX_LENGTH);
  const at = emitVex(plan, buffer, ((reg >> 1) & 4) | (rm >> 3), vvvv);
  buffer.bytes[at] = 0xc0 | ((reg & 7) << 3) | (rm & 7);
  return at + 1;
}

function emitVexAddress(plan: Plan, buffer: CodeBuffer, reg: number, vvvv: number, mem: number, disp: number): number {
  checkAddress(plan, reg | vvvv, mem, disp);
  buffer.reserve(MAX_LENGTH);
  const at = emitVex(plan, buffer, ((reg >> 1) & 4) | extensionOf(mem), vvvv);
  return emitMemory(buffer.bytes, at, reg, mem, disp);
}

type Encoder = (buffer: CodeBuffer, ...operands: readonly number[]) => void;
type Closure<Args extends number[]> = (buffer: CodeBuffer, ...operands: Args) => void;
type N1 = [number];
type N2 = [number, number];
type N3 = [number, number, number];
type N4 = [number, number, number, number];

/** How encoders take their operands: n, registers (reg, rm, vvvv, opcode), mem (two numbers), imm (or rel), imm64 (two numbers). */
const SHAPES = {
  '':
    (p: Plan): Closure<[]> =>
    (b) => {
      open(p, b, 0);
      const at = emitHead(p, b, 0, 0, false);
      if (p.fixed !== -1) b.bytes[at] = p.fixed;
      b.length = p.fixed === -1 ? at : at + 1;
    },
  imm:
    (p: Plan): Closure<N1> =>
    (b, imm) => {
      open(p, b, 0);
      b.length = emitImmediate(p, b, emitHead(p, b, 0, 0, false), imm);
    },
  'n imm':
    (p: Plan): Closure<N2> =>
    (b, n, imm) => {
      open(p, b, n);
      b.length = emitImmediate(p, b, emitHead(p, b, n, 0, false), imm);
    },
  opcode:
    (p: Plan): Closure<N1> =>
    (b, reg) => {
      b.length = emitOpcode(p, b, 0, reg);
    },
  'opcode imm':
    (p: Plan): Closure<N2> =>
    (b, reg, imm) => {
      b.length = emitImmediate(p, b, emitOpcode(p, b, 0, reg), imm);
    },
  'opcode imm64':
    (p: Plan): Closure<N3> =>
    (b, reg, lo, hi) => {
      const at = emitOpcode(p, b, 0, reg);
      b.length = write32(b.bytes, write32(b.bytes, at, lo), hi);
    },
  rm:
    (p: Plan): Closure<N1> =>
    (b, rm) => {
      b.length = emitRegister(p, b, 0, p.digit, rm);
    },
  'n rm':
    (p: Plan): Closure<N2> =>
    (b, n, rm) => {
      b.length = emitRegister(p, b, n, p.digit + p.digitStep * n, rm);
    },
  'rm imm':
    (p: Plan): Closure<N2> =>
    (b, rm, imm) => {
      b.length = emitImmediate(p, b, emitRegister(p, b, 0, p.digit, rm), imm);
    },
  'n rm imm':
    (p: Plan): Closure<N3> =>
    (b, n, rm, imm) => {
      b.length = emitImmediate(p, b, emitRegister(p, b, n, p.digit + p.digitStep * n, rm), imm);
    },
  'rm reg':
    (p: Plan): Closure<N2> =>
    (b, rm, reg) => {
      b.length = emitRegister(p, b, 0, reg, rm);
    },
  'n rm reg':
    (p: Plan): Closure<N3> =>
    (b, n, rm, reg) => {
      b.length = emitRegister(p, b, n, reg, rm);
    },
  'reg rm':
    (p: Plan): Closure<N2> =>
    (b, reg, rm) => {
      b.length = emitRegister(p, b, 0, reg, rm);
    },
  'n reg rm':
    (p: Plan): Closure<N3> =>
    (b, n, reg, rm) => {
      b.length = emitRegister(p, b, n, reg, rm);
    },
  'reg rm imm':
    (p: Plan): Closure<N3> =>
    (b, reg, rm, imm) => {
      b.length = emitImmediate(p, b, emitRegister(p, b, 0, reg, rm), imm);
    },
  mem:
    (p: Plan): Closure<N2> =>
    (b, mem, disp) => {
      b.length = emitAddress(p, b, 0, p.digit, mem, disp);
    },
  'n mem':
    (p: Plan): Closure<N3> =>
    (b, n, mem, disp) => {
      b.length = emitAddress(p, b, n, p.digit + p.digitStep * n, mem, disp);
    },
  'mem imm':
    (p: Plan): Closure<N3> =>
    (b, mem, disp, imm) => {
      b.length = emitImmediate(p, b, emitAddress(p, b, 0, p.digit, mem, disp), imm);
    },
  'n mem imm':
    (p: Plan): Closure<N4> =>
    (b, n, mem, disp, imm) => {
      b.length = emitImmediate(p, b, emitAddress(p, b, n, p.digit + p.digitStep * n, mem, disp), imm);
    },
  'mem reg':
    (p: Plan): Closure<N3> =>
    (b, mem, disp, reg) => {
      b.length = emitAddress(p, b, 0, reg, mem, disp);
    },
  'n mem reg':
    (p: Plan): Closure<N4> =>
    (b, n, mem, disp, reg) => {
      b.length = emitAddress(p, b, n, reg, mem, disp);
    },
  'reg mem':
    (p: Plan): Closure<N3> =>
    (b, reg, mem, disp) => {
      b.length = emitAddress(p, b, 0, reg, mem, disp);
    },
  'n reg mem':
    (p: Plan): Closure<N4> =>
    (b, n, reg, mem, disp) => {
      b.length = emitAddress(p, b, n, reg, mem, disp);
    },
  'reg mem imm':
    (p: Plan): Closure<N4> =>
    (b, reg, mem, disp, imm) => {
      b.length = emitImmediate(p, b, emitAddress(p, b, 0, reg, mem, disp), imm);
    },
  'vex reg rm vvvv':
    (p: Plan): Closure<N3> =>
    (b, reg, rm, vvvv) => {
      b.length = emitVexRegister(p, b, reg, vvvv, rm);
    },
  'vex reg mem vvvv':
    (p: Plan): Closure<N4> =>
    (b, reg, mem, disp, vvvv) => {
      b.length = emitVexAddress(p, b, reg, vvvv, mem, disp);
    },
  'vex reg vvvv rm':
    (p: Plan): Closure<N3> =>
    (b, reg, vvvv, rm) => {
      b.length = emitVexRegister(p, b, reg, vvvv, rm);
    },
  'vex reg vvvv mem':
    (p: Plan): Closure<N4> =>
    (b, reg, vvvv, mem, disp) => {
      b.length = emitVexAddress(p, b, reg, vvvv, mem, disp);
    },
  // vvvv unused must be 1111, inverted 0 [SDM2 2.3.5].
  'vex reg rm imm':
    (p: Plan): Closure<N3> =>
    (b, reg, rm, imm) => {
      b.length = emitImmediate(p, b, emitVexRegister(p, b, reg, 0, rm), imm);
    },
  'vex reg mem imm':
    (p: Plan): Closure<N4> =>
    (b, reg, mem, disp, imm) => {
      b.length = emitImmediate(p, b, emitVexAddress(p, b, reg, 0, mem, disp), imm);
    },
} as const;

function shapeOf({ vex, group, operands }: Form): string {
  const places = operands.map((operand) => {
    if (operand.kind === 'register') return operand.in;
    if (operand.kind === 'memory') return 'mem';
    if (operand.kind === 'fixed') return '';
    return operand.bytes === 8 ? 'imm64' : 'imm';
  });
  return [vex ? 'vex' : '', group === undefined ? '' : 'n', ...places].filter((place) => place !== '').join(' ');
}

function encoderOf(form: Form): Encoder {
  const shape = shapeOf(form);
  assert(Object.hasOwn(SHAPES, shape), `no encoder of shape "${shape}" for ${form.text}`);
  return SHAPES[shape as keyof typeof SHAPES](planOf(form)) as Encoder;
}

/** Hoist what is used often: `const addRegister = enc['ALU r64, r64']`. */
export const enc: Encoders = Object.fromEntries(FORMS.map((form) => [form.text, encoderOf(form)])) as unknown as Encoders;

/** The encoder by the form's place in FORMS, for operands that came from `decode`. */
export const ENCODERS: readonly Encoder[] = FORMS.map((form) => enc[form.text] as Encoder);

const hex = (text: string): Uint8Array => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));
/** Instructions of 1 to 9 bytes that do nothing [SDM2 NOP "Recommended Multi-Byte Sequence of NOP Instruction"]; [0] is empty. */
export const NOPS: readonly Uint8Array[] = [
  new Uint8Array(0),
  hex('90'),
  hex('66 90'),
  hex('0F 1F 00'),
  hex('0F 1F 40 00'),
  hex('0F 1F 44 00 00'),
  hex('66 0F 1F 44 00 00'),
  hex('0F 1F 80 00 00 00 00'),
  hex('0F 1F 84 00 00 00 00 00'),
  hex('66 0F 1F 84 00 00 00 00 00'),
];

/** Appends `size` bytes that do nothing, in as few instructions as can be. */
export function padding(buffer: CodeBuffer, size: number): void {
  buffer.reserve(size);
  for (let left = size; left > 0; ) {
    const nop = NOPS[Math.min(left, NOPS.length - 1)]!;
    buffer.bytes.set(nop, buffer.length);
    buffer.length += nop.length;
    left -= nop.length;
  }
}
