// Classic BPF as data: instruction layout, opcode fields, and reading what `tcpdump -ddd` and `-dd` print. [cBPF]
import { BpfError } from '../util/error.ts';

/** struct sock_filter: a forward-jumping accumulator machine. `k` is unsigned 32-bit. */
export interface ClassicInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS: what the kernel accepts of a classic program. */
export const MAX_CLASSIC_INSTRUCTIONS = 4096;
/** BPF_MEMWORDS: scratch words. */
export const SCRATCH_WORDS = 16;

/** Opcode fields: class, size, mode, operation, source. */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const;
export const SIZE = { w: 0x00, h: 0x08, b: 0x10 } as const;
export const MODE = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, len: 0x80, msh: 0xa0 } as const;
export const JMP = { ja: 0x00, jeq: 0x10, jgt: 0x20, jge: 0x30, jset: 0x40 } as const;
export const RET = { k: 0x00, a: 0x10 } as const;
export const MISC = { tax: 0x00, txa: 0x80 } as const;
/** BPF_X in alu and jmp: the operand is X instead of k. */
export const SOURCE_X = 0x08;

/** SKF_AD_*: absolute loads from `ANCILLARY_BASE` up give metadata instead of packet bytes. [uapi filter.h] */
export const ANCILLARY_BASE = 0xfffff000;
export const ANCILLARY = {
  protocol: 0, pktType: 4, ifindex: 8, nlattr: 12, nlattrNest: 16, mark: 20, queue: 24, hatype: 28, rxhash: 32, cpu: 36,
  aluXorX: 40, vlanTag: 44, vlanTagPresent: 48, payOffset: 52, random: 56, vlanTpid: 60,
} as const; // biome-ignore format: a table

/** Decodes `struct sock_filter` records: 8 bytes each, little-endian. */
export function decodeClassic(bytes: Uint8Array, path: string): ClassicInstruction[] {
  if (bytes.length % 8 !== 0) {
    throw new BpfError(
      'classic/size',
      { in: 'file', path, offset: bytes.length },
      `classic program of ${bytes.length} bytes, not a multiple of 8`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    jt: view.getUint8(8 * i + 2),
    jf: view.getUint8(8 * i + 3),
    k: view.getUint32(8 * i + 4, true),
  }));
}

/** Reads `tcpdump -ddd` (a count, then `code jt jf k` in decimal a line) or `-dd` (`{ 0x28, 0, 0, 0x0000000c },`). */
export function parseClassic(text: string, path: string): ClassicInstruction[] {
  const instructions: ClassicInstruction[] = [];
  let expected: number | undefined;
  const lines = text.split('\n');
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const at = { in: 'text', path, line: index + 1, column: raw.length - raw.trimStart().length + 1 } as const;
    const braces = /^\{(.*)\}\s*,?$/.exec(line);
    const fields = (braces === null ? line.split(/\s+/) : braces[1]!.split(','))
      .map((field) => field.trim())
      .filter((field) => field !== '');
    const numbers = fields.map((field) => (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(field) ? Number(field) : Number.NaN));
    if (numbers.some((value) => !Number.isInteger(value))) throw new BpfError('classic/syntax', at, `expected numbers, got "${line}"`);
    if (numbers.length === 1 && expected === undefined && instructions.length === 0) {
      expected = numbers[0]!;
      continue;
    }
    if (numbers.length !== 4) throw new BpfError('classic/syntax', at, `expected "code jt jf k", got ${numbers.length} numbers`);
    const [code, jt, jf, k] = numbers as [number, number, number, number];
    if (code > 0xffff || jt > 0xff || jf > 0xff || k > 0xffffffff)
      throw new BpfError('classic/syntax', at, `a field is out of range in "${line}"`);
    instructions.push({ code, jt, jf, k });
  }
  if (expected !== undefined && expected !== instructions.length) {
    const at = { in: 'text', path, line: lines.length, column: 1 } as const;
    throw new BpfError('classic/count', at, `the first line announces ${expected} instructions, ${instructions.length} follow`);
  }
  if (instructions.length === 0) throw new BpfError('classic/empty', { in: 'text', path, line: 1, column: 1 }, 'no instructions');
  return instructions;
}
