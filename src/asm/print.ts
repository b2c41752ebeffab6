// Instructions as text in the C-like dialect. What `printInstruction` writes, `parse` reads back.
import { type Code, KIND } from '../isa/code.ts';
import { encodingAt } from '../isa/codec.ts';
import { unreachable } from '../util/error.ts';
import { type Operand, PRINTED } from './syntax.ts';

/** How to write what a number stands for; where a name is undefined, the number or distance is written. */
export interface Names {
  /** Of a jump target or function. */
  readonly label?: (slot: number) => string | undefined;
  readonly map?: (index: number) => string | undefined;
}

/** The instruction that starts at `slot`, without label or line end. */
export function printInstruction(code: Code, slot: number, names: Names = {}): string {
  if (code.kind[slot] === KIND.second) return '(second half of lddw)';
  let text = '';
  for (const part of PRINTED.get(encodingAt(code, slot))!.parts) {
    text += 'literal' in part ? part.literal : printOperand(part.operand, code, slot, names);
  }
  return text;
}

/** A whole program, a line an instruction, with labels where `labels` (or a made-up `L<slot>`) wants them. */
export function print(code: Code, labels: ReadonlyMap<number, string> = new Map(), maps: readonly string[] = []): string {
  const named = new Map(labels);
  for (let slot = 0; slot < code.slots; slot++) {
    const target = targetAt(code, slot);
    if (target !== undefined && !named.has(target)) named.set(target, `L${target}`);
  }
  const names: Names = { label: (slot) => named.get(slot), map: (index) => maps[index] };
  const lines: string[] = [];
  for (let slot = 0; slot < code.slots; slot++) {
    const label = named.get(slot);
    if (label !== undefined) lines.push(`${label}:`);
    if (code.kind[slot] !== KIND.second) lines.push(`  ${printInstruction(code, slot, names)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The slot that a jump, call or function reference leads to. */
function targetAt(code: Code, slot: number): number | undefined {
  if (code.kind[slot] === KIND.second) return undefined;
  const { offset, imm } = encodingAt(code, slot);
  return offset === 'distance' || imm === 'distance' ? code.offset[slot] : undefined;
}

function printOperand(operand: Operand, code: Code, slot: number, names: Names): string {
  const imm = code.imm[slot]!;
  const offset = code.offset[slot]!;
  switch (operand) {
    case 'rd':
      return `r${code.dst[slot]}`;
    case 'rs':
      return `r${code.src[slot]}`;
    case 'wd':
      return `w${code.dst[slot]}`;
    case 'ws':
      return `w${code.src[slot]}`;
    case 'imm':
      return String(imm);
    case 'id':
      return String(imm >>> 0);
    case 'next':
      return String(code.hi[slot]! >>> 0);
    case 'imm64': {
      const high = (code.hi[slot]! >>> 0).toString(16);
      const low = (imm >>> 0).toString(16);
      return `0x${high === '0' ? low : high + low.padStart(8, '0')}`;
    }
    case 'disp':
      return offset < 0 ? `- ${-offset}` : `+ ${offset}`;
    case 'offset':
      return offset === 0 ? '' : signed(offset);
    case 'index':
      return names.map?.(imm) ?? String(imm >>> 0);
    case 'skb':
      return imm === 0 ? '' : imm < 0 ? ` - ${-imm}` : ` + ${imm}`;
    case 'fd':
      return code.hi[slot] === 0 ? '' : `:${code.hi[slot]}`;
    case 'to':
      return String(imm >>> 16);
    case 'from':
      return String(imm & 0xffff);
    case 'target':
      return names.label?.(offset) ?? signed(offset - slot - 1);
    case 'function':
      return names.label?.(offset) ?? `pc${signed(offset - slot - 1)}`;
    default:
      return unreachable(operand);
  }
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}
