// The x86-64 instructions that this project knows: one row a form. Encoder, decoder and printer derive from it.
//
// Row: the instruction and opcode columns of [SDM2], and after '|' the CPUID feature that it needs. A row with r/m stands for two
// forms, with r and with m in its place. Deviations: prefixes are written out (66 where the operands have 16 bits, F0 for lock);
// immediates say how they are read: imm as wide as the operation, simm sign-extended to it, uimm a count; capitals in the mnemonic
// are a group (GROUPS) whose member's number n is the encoder's first operand and stands in the opcode (+n, +8n) or in ModRM.reg (/n).
// Where two registers have no '/m', the first is ModRM.reg. With VEX, the operand that ends in b is VEX.vvvv.
import { assert } from '../../util/error.ts';
import type { Width } from './registers.ts';

export const ROWS = {
  // Moves.
  'mov r/m8, r8': '88 /r',
  'mov r/m16, r16': '66 89 /r',
  'mov r/m32, r32': '89 /r',
  'mov r/m64, r64': 'REX.W 89 /r',
  'mov r8, m8': '8A /r',
  'mov r16, m16': '66 8B /r',
  'mov r32, m32': '8B /r',
  'mov r64, m64': 'REX.W 8B /r',
  'mov r32, imm32': 'B8+r id',
  'movabs r64, imm64': 'REX.W B8+r io',
  'mov m8, imm8': 'C6 /0 ib',
  'mov m16, imm16': '66 C7 /0 iw',
  'mov m32, imm32': 'C7 /0 id',
  'mov r/m64, simm32': 'REX.W C7 /0 id',
  'movzx r32, r/m8': '0F B6 /r',
  'movzx r32, r/m16': '0F B7 /r',
  'movsx r32, r/m8': '0F BE /r',
  'movsx r32, r/m16': '0F BF /r',
  'movsx r64, r/m8': 'REX.W 0F BE /r',
  'movsx r64, r/m16': 'REX.W 0F BF /r',
  'movsxd r64, r/m32': 'REX.W 63 /r',
  'lea r32, m': '8D /r',
  'lea r64, m': 'REX.W 8D /r',
  'cmovCC r32, r/m32': '0F 40+n /r',
  'cmovCC r64, r/m64': 'REX.W 0F 40+n /r',
  'setCC r/m8': '0F 90+n /0',
  'push r64': '50+r',
  'pop r64': '58+r',
  'push simm8': '6A ib',
  'push simm32': '68 id',
  'bswap r32': '0F C8+r',
  'bswap r64': 'REX.W 0F C8+r',
  'movbe r16, m16': '66 0F 38 F0 /r | MOVBE',
  'movbe r32, m32': '0F 38 F0 /r | MOVBE',
  'movbe r64, m64': 'REX.W 0F 38 F0 /r | MOVBE',
  'movbe m16, r16': '66 0F 38 F1 /r | MOVBE',
  'movbe m32, r32': '0F 38 F1 /r | MOVBE',
  'movbe m64, r64': 'REX.W 0F 38 F1 /r | MOVBE',

  // Arithmetic and logic.
  'ALU r/m8, r8': '00+8n /r',
  'ALU r/m16, r16': '66 01+8n /r',
  'ALU r/m32, r32': '01+8n /r',
  'ALU r/m64, r64': 'REX.W 01+8n /r',
  'ALU r8, m8': '02+8n /r',
  'ALU r16, m16': '66 03+8n /r',
  'ALU r32, m32': '03+8n /r',
  'ALU r64, m64': 'REX.W 03+8n /r',
  'ALU al, imm8': '04+8n ib',
  'ALU eax, imm32': '05+8n id',
  'ALU rax, simm32': 'REX.W 05+8n id',
  'ALU r/m8, imm8': '80 /n ib',
  'ALU r/m16, imm16': '66 81 /n iw',
  'ALU r/m32, imm32': '81 /n id',
  'ALU r/m64, simm32': 'REX.W 81 /n id',
  'ALU r/m16, simm8': '66 83 /n ib',
  'ALU r/m32, simm8': '83 /n ib',
  'ALU r/m64, simm8': 'REX.W 83 /n ib',
  'test r/m8, r8': '84 /r',
  'test r/m16, r16': '66 85 /r',
  'test r/m32, r32': '85 /r',
  'test r/m64, r64': 'REX.W 85 /r',
  'test al, imm8': 'A8 ib',
  'test eax, imm32': 'A9 id',
  'test rax, simm32': 'REX.W A9 id',
  'test r/m8, imm8': 'F6 /0 ib',
  'test r/m16, imm16': '66 F7 /0 iw',
  'test r/m32, imm32': 'F7 /0 id',
  'test r/m64, simm32': 'REX.W F7 /0 id',
  'imul r32, r/m32': '0F AF /r',
  'imul r64, r/m64': 'REX.W 0F AF /r',
  'imul r32, r/m32, simm8': '6B /r ib',
  'imul r64, r/m64, simm8': 'REX.W 6B /r ib',
  'imul r32, r/m32, imm32': '69 /r id',
  'imul r64, r/m64, simm32': 'REX.W 69 /r id',
  'UNARY r/m32': 'F7 /n',
  'UNARY r/m64': 'REX.W F7 /n',
  cdq: '99',
  cqo: 'REX.W 99',
  'BIT r/m32, r32': '0F 83+8n /r',
  'BIT r/m64, r64': 'REX.W 0F 83+8n /r',
  'BIT r/m32, uimm8': '0F BA /n ib',
  'BIT r/m64, uimm8': 'REX.W 0F BA /n ib',

  // Shifts.
  'SHIFT r/m16, uimm8': '66 C1 /n ib',
  'SHIFT r/m32, 1': 'D1 /n',
  'SHIFT r/m64, 1': 'REX.W D1 /n',
  'SHIFT r/m32, uimm8': 'C1 /n ib',
  'SHIFT r/m64, uimm8': 'REX.W C1 /n ib',
  'SHIFT r/m32, cl': 'D3 /n',
  'SHIFT r/m64, cl': 'REX.W D3 /n',
  'shlx r32, r/m32, r32b': 'VEX.LZ.66.0F38.W0 F7 /r | BMI2',
  'shlx r64, r/m64, r64b': 'VEX.LZ.66.0F38.W1 F7 /r | BMI2',
  'shrx r32, r/m32, r32b': 'VEX.LZ.F2.0F38.W0 F7 /r | BMI2',
  'shrx r64, r/m64, r64b': 'VEX.LZ.F2.0F38.W1 F7 /r | BMI2',
  'sarx r32, r/m32, r32b': 'VEX.LZ.F3.0F38.W0 F7 /r | BMI2',
  'sarx r64, r/m64, r64b': 'VEX.LZ.F3.0F38.W1 F7 /r | BMI2',
  'rorx r32, r/m32, uimm8': 'VEX.LZ.F2.0F3A.W0 F0 /r ib | BMI2',
  'rorx r64, r/m64, uimm8': 'VEX.LZ.F2.0F3A.W1 F0 /r ib | BMI2',
  'andn r32, r32b, r/m32': 'VEX.LZ.NP.0F38.W0 F2 /r | BMI1',
  'andn r64, r64b, r/m64': 'VEX.LZ.NP.0F38.W1 F2 /r | BMI1',
  'bextr r32, r/m32, r32b': 'VEX.LZ.NP.0F38.W0 F7 /r | BMI1',
  'bextr r64, r/m64, r64b': 'VEX.LZ.NP.0F38.W1 F7 /r | BMI1',

  // Atomics.
  'xchg m8, r8': '86 /r',
  'xchg m16, r16': '66 87 /r',
  'xchg m32, r32': '87 /r',
  'xchg m64, r64': 'REX.W 87 /r',
  'xchg r32, r32': '87 /r',
  'xchg r64, r64': 'REX.W 87 /r',
  'lock xadd m32, r32': 'F0 0F C1 /r',
  'lock xadd m64, r64': 'F0 REX.W 0F C1 /r',
  'lock cmpxchg m32, r32': 'F0 0F B1 /r',
  'lock cmpxchg m64, r64': 'F0 REX.W 0F B1 /r',
  'lock RMW m32, r32': 'F0 01+8n /r',
  'lock RMW m64, r64': 'F0 REX.W 01+8n /r',
  'lock RMW m32, simm8': 'F0 83 /n ib',
  'lock RMW m64, simm8': 'F0 REX.W 83 /n ib',
  'lock RMW m32, imm32': 'F0 81 /n id',
  'lock RMW m64, simm32': 'F0 REX.W 81 /n id',
  lfence: '0F AE E8',
  mfence: '0F AE F0',

  // Branches.
  'call rel32': 'E8 cd',
  'call r/m64': 'FF /2',
  'jmp rel8': 'EB cb',
  'jmp rel32': 'E9 cd',
  'jmp r/m64': 'FF /4',
  'jCC rel8': '70+n cb',
  'jCC rel32': '0F 80+n cd',
  ret: 'C3',
  int3: 'CC',
  ud2: '0F 0B',
  endbr64: 'F3 0F 1E FA',
  syscall: '0F 05',
  nop: '90',
  'nop r/m16': '66 0F 1F /0',
  'nop r/m32': '0F 1F /0',
} as const;

type Row = keyof typeof ROWS;
/** The text of a form: that of its row with r/m replaced. */
export type FormText = Row extends infer Text ? (Text extends `${infer A}r/m${infer B}` ? `${A}${'r' | 'm'}${B}` : Text) : never;

/** Mnemonics by n; undefined: no instruction of this group. */
export const GROUPS = {
  ALU: ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'],
  /** Those that can be locked. */
  RMW: ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor'],
  SHIFT: ['rol', 'ror', undefined, undefined, 'shl', 'shr', undefined, 'sar'],
  UNARY: [undefined, undefined, 'not', 'neg', 'mul', 'imul', 'div', 'idiv'],
  BIT: [undefined, undefined, undefined, undefined, 'bt', 'bts', 'btr', 'btc'],
  CC: ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'],
} as const;
export type GroupName = keyof typeof GROUPS;

function numbers<Name extends string>(names: readonly (Name | undefined)[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.flatMap((name, n) => (name === undefined ? [] : [[name, n]]))) as Record<Name, number>;
}
/** ALU.add = 0 and so on: first operands of the forms whose text starts so. */
export const ALU: Readonly<Record<NonNullable<(typeof GROUPS.ALU)[number]>, number>> = numbers(GROUPS.ALU);
export const SHIFT: Readonly<Record<NonNullable<(typeof GROUPS.SHIFT)[number]>, number>> = numbers(GROUPS.SHIFT);
export const UNARY: Readonly<Record<NonNullable<(typeof GROUPS.UNARY)[number]>, number>> = numbers(GROUPS.UNARY);
export const BIT: Readonly<Record<NonNullable<(typeof GROUPS.BIT)[number]>, number>> = numbers(GROUPS.BIT);
/** Condition codes; the inverse differs in the low bit. */
export const CC: Readonly<Record<(typeof GROUPS.CC)[number], number>> = numbers(GROUPS.CC);

/** Where an operand goes: ModRM.reg, ModRM.r/m as register or memory, VEX.vvvv, the opcode's low bits, after it, or nowhere. */
export type Operand =
  | { readonly kind: 'register'; readonly in: 'reg' | 'rm' | 'vvvv' | 'opcode'; readonly width: Width }
  | { readonly kind: 'memory'; readonly width: Width | undefined }
  | { readonly kind: 'immediate'; readonly reading: 'imm' | 'simm' | 'uimm'; readonly bytes: 1 | 2 | 4 | 8 }
  | { readonly kind: 'relative'; readonly bytes: 1 | 4 }
  | { readonly kind: 'fixed'; readonly text: string };

export interface Form {
  readonly text: FormText;
  readonly group: GroupName | undefined;
  /** With the group's name in capitals. */
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly feature: string | undefined;
  /** Legacy prefix byte or 0: at most one of F0, 66, F2 and F3. */
  readonly prefix: number;
  readonly vex: boolean;
  readonly w: 0 | 1;
  /** Opcode map as in VEX.mmmmm: 0 one byte, 1 0F, 2 0F 38, 3 0F 3A. */
  readonly map: number;
  readonly opcode: number;
  /** How often n is added to the opcode. */
  readonly opcodeStep: number;
  /** ModRM.reg: 0 to 7; that of the operand; n; or there is no ModRM. */
  readonly modrm: number | 'operand' | 'n' | 'none';
  /** Byte after the opcode that belongs to it, or -1. */
  readonly fixed: number;
  /** Bytes of immediate or relative operand. */
  readonly tail: 0 | 1 | 2 | 4 | 8;
}

const TAILS = { ib: 1, iw: 2, id: 4, io: 8, cb: 1, cd: 4 } as const;
const ESCAPES = ['', '0F', '0F 38', '0F 3A'];

type Opcode = Pick<Form, 'prefix' | 'vex' | 'w' | 'map' | 'opcode' | 'opcodeStep' | 'modrm' | 'fixed' | 'tail'> & {
  readonly inOpcode: boolean;
};

function parseOpcode(column: string): Opcode {
  const parts =
    /^(?<lock>F0 )?(?<vex>VEX\.LZ\.(?<pp>NP|66|F2|F3)\.(?<mm>0F|0F38|0F3A)\.W(?<vw>[01]) )?(?<prefix>66 |F2 |F3 )?(?<rex>REX\.W )?(?<escape>0F 38 |0F 3A |0F )?(?<opcode>[0-9A-F]{2})(?<plus>\+r|\+n|\+8n)?(?<fixed> [0-9A-F]{2})?(?<modrm> \/[0-7rn])?(?<tail> [ic][bwdo])?$/;
  const g = parts.exec(column)?.groups;
  assert(g !== undefined, `opcode ${column}`);
  const leading = g['mm']?.replace(/(..)(..)/, '$1 $2') ?? g['escape']?.trim() ?? '';
  const modrm = g['modrm']?.slice(2);
  return {
    prefix: Number.parseInt((g['lock'] ?? g['prefix'] ?? g['pp']?.replace('NP', '0') ?? '0').trim(), 16),
    vex: g['vex'] !== undefined,
    w: g['rex'] !== undefined || g['vw'] === '1' ? 1 : 0,
    map: ESCAPES.indexOf(leading),
    opcode: Number.parseInt(g['opcode']!, 16),
    opcodeStep: g['plus'] === '+n' ? 1 : g['plus'] === '+8n' ? 8 : 0,
    inOpcode: g['plus'] === '+r',
    modrm: modrm === undefined ? 'none' : modrm === 'r' ? 'operand' : modrm === 'n' ? 'n' : Number(modrm),
    fixed: g['fixed'] === undefined ? -1 : Number.parseInt(g['fixed'], 16),
    tail: g['tail'] === undefined ? 0 : TAILS[g['tail'].trim() as keyof typeof TAILS],
  };
}

/** `row`: the operands of the row, which say by r/m where registers go. */
function parseOperand(text: string, row: readonly string[], at: number, opcode: Opcode): Operand {
  const [, reading, bits] = /^(imm|simm|uimm)(\d+)$/.exec(text) ?? [];
  if (reading !== undefined) {
    return { kind: 'immediate', reading: reading as 'imm' | 'simm' | 'uimm', bytes: (Number(bits) / 8) as 1 | 2 | 4 | 8 };
  }
  if (text.startsWith('rel')) return { kind: 'relative', bytes: text === 'rel8' ? 1 : 4 };
  if (text === 'm') return { kind: 'memory', width: undefined };
  const [, kind, width, vvvv] = /^([rm])(8|16|32|64)(b?)$/.exec(text) ?? [];
  if (kind === undefined) return { kind: 'fixed', text };
  if (kind === 'm') return { kind: 'memory', width: Number(width) as Width };
  const rowHasRm = row.some((operand) => operand.startsWith('r/m') || /^m\d*$/.test(operand));
  const isRm = row[at]!.startsWith('r/m') || (!rowHasRm && at === 1);
  const place = opcode.inOpcode ? 'opcode' : vvvv === 'b' ? 'vvvv' : isRm ? 'rm' : 'reg';
  return { kind: 'register', in: place, width: Number(width) as Width };
}

function splitText(text: string): { readonly mnemonic: string; readonly operands: readonly string[] } {
  const [, mnemonic, operands] = /^((?:lock )?\w+)(?: (.*))?$/.exec(text)!;
  return { mnemonic: mnemonic!, operands: operands === undefined ? [] : operands.split(', ') };
}

function parseForm(row: Row, text: FormText): Form {
  const [column, feature] = ROWS[row].split(' | ');
  const { inOpcode, ...opcode } = parseOpcode(column!);
  const { mnemonic, operands } = splitText(text);
  const rowOperands = splitText(row).operands;
  const group = /[A-Z]+/.exec(mnemonic)?.[0] as GroupName | undefined;
  assert((group !== undefined) === (opcode.opcodeStep !== 0 || opcode.modrm === 'n'), `group of ${text}`);
  return {
    text,
    group,
    mnemonic,
    operands: operands.map((operand, at) => parseOperand(operand, rowOperands, at, { inOpcode, ...opcode })),
    feature,
    ...opcode,
  };
}

/** In the order of the rows. */
export const FORMS: readonly Form[] = (Object.keys(ROWS) as Row[]).flatMap((row) =>
  row.includes('r/m') ? ['r', 'm'].map((x) => parseForm(row, row.replace('r/m', x) as FormText)) : [parseForm(row, row as FormText)],
);

/** Members of a form's group that exist; [0] for a form without. */
export function membersOf(form: Form): readonly number[] {
  if (form.group === undefined) return [0];
  return GROUPS[form.group].flatMap((name, n) => (name === undefined ? [] : [n]));
}
