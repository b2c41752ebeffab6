// Instructions with labels, and what several of them together do: numbers to registers and to the frame.
import { type CodeRow, codeFromRows } from '../src/isa/build.ts';
import { ALU, KIND, PSEUDO } from '../src/isa/code.ts';
import { encode } from '../src/isa/codec.ts';
import type { Bytes, Operand } from './tree.ts';

/** `label`: number of the label that `offset` shall lead to. */
type Row = CodeRow & { readonly label?: number };

export class Emitter {
  readonly #rows: Row[] = [];
  readonly #labels: number[] = [];

  bytes(): Uint8Array {
    return encode(codeFromRows(this.#rows.map((row) => (row.label === undefined ? row : { ...row, offset: this.#labels[row.label]! }))));
  }

  protected add(kind: number, fields: Omit<Row, 'kind'>): void {
    this.#rows.push({ kind, ...fields });
  }

  protected newLabel(): number {
    return this.#labels.push(-1) - 1;
  }

  protected bind(label: number): void {
    this.#labels[label] = this.#rows.length;
  }

  protected alu(op: number, dst: number, imm: number): void {
    this.add(KIND.alu, { op, size: 64, dst, imm });
  }

  protected mov(dst: number, src: number): void {
    this.add(KIND.alu, { op: ALU.mov, size: 64, dst, src, x: 1 });
  }

  protected lddw(dst: number, op: number, lo: number, hi: number): void {
    this.add(KIND.lddw, { op, size: 8, dst, imm: lo, hi });
    this.add(KIND.second, {});
  }

  protected frameAddress(dst: number, offset: number): void {
    this.mov(dst, 10);
    this.alu(ALU.add, dst, offset);
  }

  protected load(dst: number, src: number, offset: number, size: Bytes): void {
    this.add(KIND.load, { x: 1, size, dst, src, offset });
  }

  /** Registers R1 to R5 but for `but` get numbers. */
  protected refill(after: readonly number[], but?: number): void {
    for (const [i, imm] of after.entries()) if (i + 1 !== but) this.alu(ALU.mov, i + 1, imm);
  }

  protected operand(dst: number, operand: Operand): void {
    if ('imm' in operand) {
      if (operand.hi === undefined || operand.hi === operand.imm >> 31) this.alu(ALU.mov, dst, operand.imm);
      else this.lddw(dst, PSEUDO.none, operand.imm, operand.hi);
      return;
    }
    if (operand.register !== dst) this.mov(dst, operand.register);
    if (operand.mask !== undefined) this.alu(ALU.and, dst, operand.mask);
    if (operand.dirty === undefined) return;
    // Upper halves that a call must not look at; R0 is free before a call.
    this.lddw(0, PSEUDO.none, 0, operand.dirty);
    this.add(KIND.alu, { op: ALU.or, size: 64, dst, src: 0, x: 1 });
  }

  /** `size` bytes at R10 + offset, word by word of `step` bytes; R0 is used. */
  protected fill(offset: number, size: number, step: 4 | 8, words: readonly Operand[]): void {
    let at = 0;
    for (let i = 0; at < size; i++) {
      const operand = words[i % words.length]!;
      const left = size - at;
      const bytes = (left >= step ? step : left >= 4 ? 4 : left >= 2 ? 2 : 1) as Bytes;
      if ('imm' in operand && operand.hi === undefined)
        this.add(KIND.store, { size: bytes, dst: 10, offset: offset + at, imm: operand.imm });
      else {
        this.operand(0, operand);
        this.add(KIND.store, { size: bytes, dst: 10, offset: offset + at, src: 0, x: 1 });
      }
      at += bytes;
    }
  }

  protected call(imm: number): void {
    this.add(KIND.callHelper, { imm });
  }
}
