// Puts the result of a CO-RE relocation into an instruction: an immediate, the offset of a load or store and perhaps its size, or a
// 64-bit immediate.
import type { BpfError, ErrorCode } from '../util/error.ts';

export interface Change {
  /** What the compiler put there, and what shall be there. */
  readonly from: bigint;
  readonly to: bigint;
  /** `from` is certain: anything else in the instruction is an error. */
  readonly certain: boolean;
  /** Bytes of the field before and after. */
  readonly fromSize: number;
  readonly toSize: number;
  /** A load or store of another size still means the same. */
  readonly sizeMayChange: boolean;
}

export const CALL_OPCODE = 0x85;
export const LDDW_OPCODE = 0x18;
const SLOT_BYTES = 8;
/** A helper that nobody has: "bad relo" in hex. An instruction without a target becomes a call of it, as libbpf does. */
export const POISON = 0xbad2310;

// Classes, size and source fields of the opcode. [RFC9669 3.1, 4, 5]
const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, alu64: 7 } as const;
const SIZE_MASK = 0x18;
const SIZE_BITS: ReadonlyMap<number, number> = new Map([[4, 0x00], [2, 0x08], [1, 0x10], [8, 0x18]]); // biome-ignore format: a table
const REGISTER_SOURCE = 0x08;

/** False: the instruction would not mean the same any more and has been poisoned. */
export function patchInstruction(
  code: Uint8Array,
  slot: number,
  change: Change,
  refuse: (error: ErrorCode, message: string) => BpfError,
): boolean {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const at = slot * SLOT_BYTES;
  if (at + SLOT_BYTES > code.length) throw refuse('btf/core-bad-instruction', 'the slot is not in the function');
  const opcode = code[at]!;
  const { from, to, certain } = change;
  const expect = (found: bigint, bits: number): void => {
    if (certain && BigInt.asIntN(bits, found) !== BigInt.asIntN(bits, from))
      throw refuse('btf/core-bad-instruction', `the instruction has ${found}, expected ${from}`);
  };
  switch (opcode & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      if ((opcode & REGISTER_SOURCE) !== 0) throw refuse('btf/core-bad-instruction', 'an operation without an immediate');
      expect(BigInt(view.getInt32(at + 4, true)), 32);
      view.setInt32(at + 4, Number(BigInt.asIntN(32, to)), true);
      return true;
    case CLASS.ldx:
    case CLASS.st:
    case CLASS.stx: {
      expect(BigInt(view.getInt16(at + 2, true)), 64);
      if (to > 0x7fffn) throw refuse('btf/core-bad-instruction', `the field is at byte ${to}, offsets have 16 bits`);
      if (!change.sizeMayChange) {
        poisonInstruction(code, slot);
        return false;
      }
      view.setInt16(at + 2, Number(to), true);
      if (change.fromSize === change.toSize) return true;
      const size = SIZE_BITS.get(change.toSize);
      if (SIZE_BITS.get(change.fromSize) !== (opcode & SIZE_MASK) || size === undefined) {
        throw refuse(
          'btf/core-bad-instruction',
          `the field has ${change.fromSize} bytes, in the target ${change.toSize}: no access does both`,
        );
      }
      code[at] = (opcode & ~SIZE_MASK) | size;
      return true;
    }
    case CLASS.ld: {
      const isPlain = opcode === LDDW_OPCODE && at + 2 * SLOT_BYTES <= code.length && code[at + 1]! >> 4 === 0;
      if (!isPlain) throw refuse('btf/core-bad-instruction', 'a load of class LD that is no plain lddw');
      const high = BigInt(view.getUint32(at + SLOT_BYTES + 4, true)) << 32n;
      expect(BigInt(view.getUint32(at + 4, true)) | high, 64);
      view.setUint32(at + 4, Number(BigInt.asUintN(32, to)), true);
      view.setUint32(at + SLOT_BYTES + 4, Number(BigInt.asUintN(32, to >> 32n)), true);
      return true;
    }
    default:
      throw refuse('btf/core-bad-instruction', `opcode 0x${opcode.toString(16)} holds no value that could be relocated`);
  }
}

/** Makes an instruction, both slots of an lddw, one that must not be reached. */
export function poisonInstruction(code: Uint8Array, slot: number): void {
  const at = slot * SLOT_BYTES;
  const end = Math.min(code.length, at + (code[at] === LDDW_OPCODE ? 2 : 1) * SLOT_BYTES);
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let i = at; i < end; i += SLOT_BYTES) {
    code.fill(0, i, i + SLOT_BYTES);
    code[i] = CALL_OPCODE;
    view.setUint32(i + 4, POISON, true);
  }
}
