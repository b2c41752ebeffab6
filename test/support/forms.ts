// Every encoding with its fields at their extremes, each as a small program: the instruction between two exits.
import { KIND } from '../../src/isa/code.ts';
import { ADDRESS_SPACES, ENCODINGS, type Encoding, type NumberField, type RegisterField } from '../../src/isa/opcodes.ts';

export interface FormProgram {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/** Slot of the instruction under test. */
export const FORM_SLOT = 1;
const WORDS = [0, 1, -1, 0x7fffffff, -0x80000000, 4096];

export function slotBytes(opcode: number, dst: number, src: number, offset: number, imm: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, imm, true);
  return bytes;
}

export const EXIT: Uint8Array = slotBytes(0x95, 0, 0, 0, 0);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function* formPrograms(): Generator<FormProgram> {
  for (const encoding of ENCODINGS) {
    for (const dst of registers(encoding.dst)) {
      for (const src of registers(encoding.src)) {
        for (const offset of numbers(encoding.offset, [0, 1, -1, 0x7fff, -0x8000])) {
          for (const imm of numbers(encoding.imm, WORDS)) {
            if (encoding.kind !== KIND.lddw) {
              yield { encoding, bytes: concat(EXIT, slotBytes(encoding.opcode, dst, src, offset, imm), EXIT) };
              continue;
            }
            for (const next of nextImms(encoding)) {
              yield { encoding, bytes: concat(EXIT, slotBytes(encoding.opcode, dst, src, offset, imm), slotBytes(0, 0, 0, 0, next), EXIT) };
            }
          }
        }
      }
    }
  }
}

function registers(field: RegisterField): readonly number[] {
  return typeof field === 'number' ? [field] : field === 'read' ? [0, 3, 10] : [0, 7, 9];
}

function numbers(field: NumberField, values: readonly number[]): readonly number[] {
  if (typeof field === 'number') return [field];
  if (field === 'spaces') return ADDRESS_SPACES;
  return field === 'distance' ? [-2, -1] : values;
}

/** lddw of maps by number and of functions has no use for the second imm. */
function nextImms({ name }: Encoding): readonly number[] {
  return ['lddw map', 'lddw func', 'lddw mapIndex'].includes(name) ? [0] : WORDS;
}
