// Bytes to the decoded form and back, driven by tables made from `opcodes.ts`. Decoding refuses whatever could not be encoded
// again: unknown opcodes, reserved fields that are set, bad registers, jumps out of the program or into the middle of an lddw.
import { assert, BpfError, type ErrorCode } from '../util/error.ts';
import { type Code, KIND, PSEUDO } from './code.ts';
import { ADDRESS_SPACES, ENCODINGS, type Encoding, type NumberField } from './opcodes.ts';

/** Bytes in a slot. */
export const SLOT_BYTES = 8;
/** R10, the last register; programs may not write it. [RFC9669 3] */
export const FRAME_POINTER = 10;

// A slot as two little-endian words. [RFC9669 3]
const FIELDS = {
  dst: { word: 'low', lsb: 8, mask: 0xf00 },
  src: { word: 'low', lsb: 12, mask: 0xf000 },
  offset: { word: 'low', lsb: 16, mask: 0xffff0000 | 0 },
  imm: { word: 'high', lsb: 0, mask: 0xffffffff | 0 },
} as const;
type FieldName = keyof typeof FIELDS;
const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** What becomes of the offset and imm fields. `wide` takes its upper half from the second slot. */
const SHAPE = { plain: 0, offset: 1, distance: 2, longDistance: 3, kfunc: 4, spaces: 5, wide: 6, wideDistance: 7 } as const;

/**
 * Decodes a program: 8 bytes a slot, little-endian; `program` names it in errors.
 * Of the result holds: `encode` gives the same bytes; registers are at most R10; every jump, call and function reference leads
 * to a slot where an instruction starts.
 */
export function decode(bytes: Uint8Array, program: string): Code {
  if (bytes.length % SLOT_BYTES !== 0) {
    const message = `a program is a whole number of ${SLOT_BYTES}-byte slots, got ${bytes.length} bytes`;
    throw new BpfError('isa/odd-length', { in: 'program', program }, message);
  }
  const slots = bytes.length / SLOT_BYTES;
  const code = newCode(slots);
  const { kind, op, size, dst, src, x, offset, imm, hi } = code;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hasTargets = false;

  for (let slot = 0; slot < slots; slot++) {
    const low = view.getInt32(slot * SLOT_BYTES, true);
    const high = view.getInt32(slot * SLOT_BYTES + 4, true);
    const opcode = low & 0xff;
    const selector = SELECTS_BY_IMM[opcode] === 1 ? high : low & SELECT_MASK[opcode]!;
    const end = LAST[opcode]!;
    let e = FIRST[opcode]!;
    while (e < end && KEY[e] !== selector) e++;
    if (e === end) refuseUnknown(program, slot, low, high);
    if ((((low & LOW_MASK[e]!) ^ LOW_VALUE[e]!) | ((high & HIGH_MASK[e]!) ^ HIGH_VALUE[e]!)) !== 0) {
      refuseReserved(program, slot, e, low, high);
    }
    const d = (low >> 8) & 15;
    const s = (low >> 12) & 15;
    if (d > DST_MAX[e]! || s > SRC_MAX[e]!) refuseRegister(program, slot, e, d, s);

    kind[slot] = KIND_OF[e]!;
    op[slot] = OP_OF[e]!;
    size[slot] = SIZE_OF[e]!;
    dst[slot] = d;
    src[slot] = s & SRC_KEEP[e]!;
    x[slot] = X_OF[e]!;
    imm[slot] = high & IMM_KEEP[e]!;
    const shape = SHAPE_OF[e]!;
    if (shape === SHAPE.plain) continue;
    if (shape === SHAPE.offset) {
      offset[slot] = low >> 16;
      continue;
    }
    if (shape === SHAPE.spaces) {
      if (!ADDRESS_SPACES.includes(high)) {
        const known = ADDRESS_SPACES.map((spaces) => `0x${spaces.toString(16)}`).join(' or ');
        refuse('isa/reserved-field', program, slot, `imm of ${nameOf(e)} must be ${known}, is 0x${(high >>> 0).toString(16)}`);
      }
      continue;
    }
    if (shape === SHAPE.kfunc) {
      hi[slot] = low >> 16;
      continue;
    }
    if (shape === SHAPE.distance || shape === SHAPE.longDistance || shape === SHAPE.wideDistance) {
      const target = slot + 1 + (shape === SHAPE.distance ? low >> 16 : high);
      if (target < 0 || target >= slots) {
        refuse('isa/jump-out-of-range', program, slot, `${nameOf(e)} leads to slot ${target}, the program has slots 0 to ${slots - 1}`);
      }
      offset[slot] = target;
      hasTargets = true;
    }
    if (shape >= SHAPE.wide) {
      if (slot + 1 === slots) refuse('isa/truncated-lddw', program, slot, 'lddw takes two slots, the program ends after the first');
      const nextLow = view.getInt32((slot + 1) * SLOT_BYTES, true);
      const nextHigh = view.getInt32((slot + 1) * SLOT_BYTES + 4, true);
      if (nextLow !== 0) {
        refuse('isa/reserved-field', program, slot + 1, 'opcode, registers and offset of the second slot of lddw must be 0');
      }
      if (nextHigh !== 0 && NEXT_IMM_IS_ZERO[e] === 1) {
        refuse('isa/reserved-field', program, slot + 1, `imm of the second slot of ${nameOf(e)} must be 0, is ${nextHigh}`);
      }
      hi[slot] = nextHigh;
      slot++;
    }
  }
  if (hasTargets) checkTargets(code, program);
  return code;
}

/** The bytes of a decoded program, the inverse of `decode`. Fields that have no encoding are our mistake: an assertion. */
export function encode(code: Code): Uint8Array {
  const bytes = new Uint8Array(code.slots * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < code.slots; slot++) {
    const e = encodingIndexAt(code, slot);
    const shape = SHAPE_OF[e]!;
    const distance = code.offset[slot]! - slot - 1;
    let low = LOW_VALUE[e]! | (code.dst[slot]! << 8) | (code.src[slot]! << 12);
    let high = HIGH_VALUE[e]! | code.imm[slot]!;
    if (shape === SHAPE.offset || shape === SHAPE.distance || shape === SHAPE.kfunc) {
      const field = shape === SHAPE.offset ? code.offset[slot]! : shape === SHAPE.kfunc ? code.hi[slot]! : distance;
      assert((field << 16) >> 16 === field, `slot ${slot}: ${field} does not fit the 16-bit offset of ${nameOf(e)}`);
      low |= field << 16;
    } else if (shape === SHAPE.longDistance || shape === SHAPE.wideDistance) {
      high = distance;
    }
    view.setInt32(slot * SLOT_BYTES, low, true);
    view.setInt32(slot * SLOT_BYTES + 4, high, true);
    if (shape >= SHAPE.wide) {
      assert(slot + 1 < code.slots && code.kind[slot + 1] === KIND.second, `slot ${slot}: lddw without its second slot`);
      view.setInt32((slot + 1) * SLOT_BYTES + 4, code.hi[slot]!, true);
      slot++;
    }
  }
  return bytes;
}

/** An all-zero Code of `slots` slots, to be filled once. */
export function newCode(slots: number): Code {
  const bytes = (): Uint8Array => new Uint8Array(slots);
  const words = (): Int32Array => new Int32Array(slots);
  return {
    slots, kind: bytes(), op: bytes(), size: bytes(), dst: bytes(), src: bytes(), x: bytes(), offset: words(), imm: words(), hi: words(),
  }; // biome-ignore format: a table
}

/** The register that an instruction's own operands make it write; those of calls and cmpxchg (R0) are not operands. */
export function writtenOperand(code: Code, slot: number): number | undefined {
  const e = encodingIndexAt(code, slot);
  return ENCODINGS[e]!.dst === 'write' ? code.dst[slot] : ENCODINGS[e]!.src === 'write' ? code.src[slot] : undefined;
}

/** The row of `ENCODINGS` that a decoded instruction came from. */
export function encodingAt(code: Code, slot: number): Encoding {
  return ENCODINGS[encodingIndexAt(code, slot)]!;
}

/** Big-endian bytecode (`bpfeb`) rewritten as little-endian: registers swapped, offset and imm byte-swapped. [RFC9669 3.1] */
export function fromBigEndian(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let at = 0; at + SLOT_BYTES <= bytes.length; at += SLOT_BYTES) {
    const registers = bytes[at + 1]!;
    result[at] = bytes[at]!;
    result[at + 1] = (registers >> 4) | (registers << 4);
    result[at + 2] = bytes[at + 3]!;
    result[at + 3] = bytes[at + 2]!;
    for (let i = 0; i < 4; i++) result[at + 4 + i] = bytes[at + 7 - i]!;
  }
  return result;
}

function encodingIndexAt(code: Code, slot: number): number {
  const key = formKey((code.written ?? code.kind)[slot]!, code.op[slot]!, code.size[slot]!, code.x[slot]!);
  const e = BY_FORM.get(key);
  assert(e !== undefined, `slot ${slot}: no encoding for kind ${code.kind[slot]}, op ${code.op[slot]}, size ${code.size[slot]}`);
  return e;
}

/** kind, op, size and x together name one encoding: 5 + 8 + 7 + 1 bits. */
function formKey(kind: number, op: number, size: number, x: number): number {
  return (((kind << 8) | op) << 8) | (size << 1) | x;
}

function checkTargets(code: Code, program: string): void {
  const { kind, op, offset } = code;
  for (let slot = 0; slot < code.slots; slot++) {
    const k = kind[slot]!;
    const leads =
      k === KIND.jump || k === KIND.branch || k === KIND.mayGoto || k === KIND.callLocal || (k === KIND.lddw && op[slot] === PSEUDO.func);
    if (leads && kind[offset[slot]!] === KIND.second) {
      const message = `${encodingAt(code, slot).name} leads to slot ${offset[slot]}, the second slot of an lddw`;
      refuse('isa/jump-into-lddw', program, slot, message);
    }
  }
}

function refuse(code: ErrorCode, program: string, slot: number, message: string): never {
  throw new BpfError(code, { in: 'program', program, slot }, message);
}

function refuseUnknown(program: string, slot: number, low: number, high: number): never {
  const opcode = low & 0xff;
  const rows = ENCODINGS.slice(FIRST[opcode], LAST[opcode]);
  const hex = `0x${opcode.toString(16).padStart(2, '0')}`;
  if (rows.length === 0) refuse('isa/unknown-opcode', program, slot, `opcode ${hex} is not an instruction`);
  const field = selectorOf(rows);
  const known = rows.map((row) => String(row[field])).join(', ');
  refuse(
    'isa/unknown-opcode',
    program,
    slot,
    `opcode ${hex} with ${field} ${fieldValue(field, low, high)}: ${field} must be one of ${known}`,
  );
}

function refuseReserved(program: string, slot: number, e: number, low: number, high: number): never {
  const row = ENCODINGS[e]!;
  const field = FIELD_NAMES.find((name) => typeof row[name] === 'number' && row[name] !== fieldValue(name, low, high));
  assert(field !== undefined, 'a reserved field differs');
  refuse('isa/reserved-field', program, slot, `${field} of ${nameOf(e)} must be ${row[field]}, is ${fieldValue(field, low, high)}`);
}

function refuseRegister(program: string, slot: number, e: number, dst: number, src: number): never {
  const bad = dst > DST_MAX[e]! ? dst : src;
  refuse('isa/bad-register', program, slot, `${nameOf(e)} names register R${bad}, the last one is R${FRAME_POINTER}`);
}

function nameOf(e: number): string {
  return ENCODINGS[e]!.name;
}

function fieldValue(name: FieldName, low: number, high: number): number {
  const { word, lsb, mask } = FIELDS[name];
  return ((word === 'low' ? low : high) & mask) >> lsb;
}

/** The field whose constants tell the rows of one opcode apart. */
function selectorOf(rows: readonly Encoding[]): FieldName {
  const field = FIELD_NAMES.find(
    (name) => rows.every((row) => typeof row[name] === 'number') && new Set(rows.map((row) => row[name])).size === rows.length,
  );
  assert(field !== undefined, `rows of opcode ${rows[0]?.opcode} cannot be told apart`);
  return field;
}

function shapeOf({ kind, offset, imm }: { kind: number; offset: NumberField; imm: NumberField }): number {
  if (kind === KIND.lddw) return imm === 'distance' ? SHAPE.wideDistance : SHAPE.wide;
  if (kind === KIND.callKfunc) return SHAPE.kfunc;
  if (imm === 'spaces') return SHAPE.spaces;
  if (imm === 'distance') return SHAPE.longDistance;
  if (offset === 'distance') return SHAPE.distance;
  return offset === 'value' ? SHAPE.offset : SHAPE.plain;
}

// Per opcode: its rows [FIRST, LAST) and the field that tells them apart.
const FIRST: Uint8Array = new Uint8Array(256);
const LAST: Uint8Array = new Uint8Array(256);
const SELECT_MASK: Int32Array = new Int32Array(256);
const SELECTS_BY_IMM: Uint8Array = new Uint8Array(256);
// Per row.
const byRow = (value: (row: Encoding) => number): Uint8Array => Uint8Array.from(ENCODINGS, value);
const KEY: Int32Array = new Int32Array(ENCODINGS.length);
const LOW_MASK: Int32Array = new Int32Array(ENCODINGS.length);
const LOW_VALUE: Int32Array = new Int32Array(ENCODINGS.length);
const HIGH_MASK: Int32Array = new Int32Array(ENCODINGS.length);
const HIGH_VALUE: Int32Array = new Int32Array(ENCODINGS.length);
const KIND_OF: Uint8Array = byRow((row) => row.kind);
const OP_OF: Uint8Array = byRow((row) => row.op);
const SIZE_OF: Uint8Array = byRow((row) => row.size);
const X_OF: Uint8Array = byRow((row) => row.x);
const DST_MAX: Uint8Array = byRow((row) => (typeof row.dst === 'number' ? 15 : FRAME_POINTER));
const SRC_MAX: Uint8Array = byRow((row) => (typeof row.src === 'number' ? 15 : FRAME_POINTER));
const SRC_KEEP: Uint8Array = byRow((row) => (typeof row.src === 'number' ? 0 : 15));
const IMM_KEEP: Int32Array = Int32Array.from(ENCODINGS, (row) => (typeof row.imm === 'number' || row.imm === 'distance' ? 0 : -1));
const SHAPE_OF: Uint8Array = byRow(shapeOf);
/** Only values, addresses inside a value and BTF ids use the second immediate. [RFC9669 5.4] */
const NEXT_IMM_IS_ZERO: Uint8Array = byRow((row) =>
  row.kind === KIND.lddw && (row.op === PSEUDO.map || row.op === PSEUDO.func || row.op === PSEUDO.mapIndex) ? 1 : 0,
);
const BY_FORM: ReadonlyMap<number, number> = new Map(ENCODINGS.map((row, e) => [formKey(row.kind, row.op, row.size, row.x), e]));
assert(BY_FORM.size === ENCODINGS.length, 'kind, op, size and x name one encoding');

for (let e = 0; e < ENCODINGS.length; ) {
  const opcode = ENCODINGS[e]!.opcode;
  const rows = ENCODINGS.filter((row) => row.opcode === opcode);
  FIRST[opcode] = e;
  LAST[opcode] = e + rows.length;
  const selector = rows.length > 1 ? selectorOf(rows) : undefined;
  if (selector !== undefined && selector !== 'imm') SELECT_MASK[opcode] = FIELDS[selector].mask;
  SELECTS_BY_IMM[opcode] = selector === 'imm' ? 1 : 0;
  for (const row of rows) {
    LOW_VALUE[e] = opcode;
    LOW_MASK[e] = 0xff;
    for (const name of FIELD_NAMES) {
      const constant = row[name];
      if (typeof constant !== 'number') continue;
      const { word, lsb, mask } = FIELDS[name];
      const [values, masks] = word === 'low' ? [LOW_VALUE, LOW_MASK] : [HIGH_VALUE, HIGH_MASK];
      values[e] = values[e]! | (constant << lsb);
      masks[e] = masks[e]! | mask;
      if (name === selector) KEY[e] = constant << lsb;
    }
    e++;
  }
}
