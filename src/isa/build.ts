// Code from rows that name only the fields they use: what translators and generators write.
import type { Code } from './code.ts';
import { newCode } from './codec.ts';

/** Fields of one slot, as in `Code`; those left out are 0. */
export interface CodeRow {
  readonly kind: number;
  readonly op?: number;
  readonly size?: number;
  readonly dst?: number;
  readonly src?: number;
  readonly x?: number;
  readonly offset?: number;
  readonly imm?: number;
  readonly hi?: number;
}

export function codeFromRows(rows: readonly CodeRow[]): Code {
  const code = newCode(rows.length);
  for (const [slot, row] of rows.entries()) {
    code.kind[slot] = row.kind;
    code.op[slot] = row.op ?? 0;
    code.size[slot] = row.size ?? 0;
    code.dst[slot] = row.dst ?? 0;
    code.src[slot] = row.src ?? 0;
    code.x[slot] = row.x ?? 0;
    code.offset[slot] = row.offset ?? 0;
    code.imm[slot] = row.imm ?? 0;
    code.hi[slot] = row.hi ?? 0;
  }
  return code;
}
