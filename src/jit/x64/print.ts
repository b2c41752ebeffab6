// Machine code as text: Intel syntax as llvm-mc prints it, except that branches show the address they go to.
import { addressPlus, printAddress } from '../address.ts';
import type { Address } from '../target.ts';
import { decode } from './decode.ts';
import { FORMS, type Form, GROUPS, type Operand } from './forms.ts';
import { baseOf, indexOf, NO_BASE, NO_INDEX, REGISTER_NAMES, RIP, scaleLog2Of, type Width } from './registers.ts';

const SIZES: Readonly<Record<Width, string>> = { 8: 'byte ptr ', 16: 'word ptr ', 32: 'dword ptr ', 64: 'qword ptr ' };

/** Text of the machine instruction at `offset`, and its length in bytes. Never throws. */
export function printAt(code: Uint8Array, offset: number, base: Address): { readonly text: string; readonly length: number } {
  const decoded = decode(code, offset);
  if (decoded.kind === 'unknown') return { text: `.byte 0x${(code[offset] ?? 0).toString(16).padStart(2, '0')}`, length: 1 };
  const next = addressPlus(base, offset + decoded.length);
  return { text: print(FORMS[decoded.form]!, decoded.operands, next), length: decoded.length };
}

/** `values`: what the form's encoder takes; `next`: the address after the instruction. */
export function print(form: Form, values: readonly number[], next: Address): string {
  let at = 0;
  let mnemonic = form.mnemonic;
  if (form.group !== undefined) mnemonic = mnemonic.replace(form.group, GROUPS[form.group][values[at++]!] ?? '?');
  const operands: string[] = [];
  for (const operand of form.operands) {
    switch (operand.kind) {
      case 'register':
        operands.push(REGISTER_NAMES[operand.width][values[at++]!]!);
        break;
      case 'memory':
        operands.push(printMemory(operand.width, values[at]!, values[at + 1]!));
        at += 2;
        break;
      case 'immediate':
        operands.push(printImmediate(operand, values[at]!, values[at + 1]));
        at += operand.bytes === 8 ? 2 : 1;
        break;
      case 'relative':
        operands.push(printAddress(addressAt(next, values[at++]!)));
        break;
      case 'fixed':
        // A shift by one is printed without the 1.
        if (operand.text !== '1') operands.push(operand.text);
        break;
      default:
        operand satisfies never;
    }
  }
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(', ')}`;
}

function addressAt(next: Address, rel: number): Address {
  const { hi, lo } = addressPlus(next, rel >>> 0);
  return { hi: rel < 0 ? (hi - 1) | 0 : hi, lo };
}

function printMemory(width: Width | undefined, mem: number, disp: number): string {
  const base = baseOf(mem);
  const index = indexOf(mem);
  const terms: string[] = [];
  if (base !== NO_BASE) terms.push(base === RIP ? 'rip' : REGISTER_NAMES[64][base]!);
  if (index !== NO_INDEX) {
    const scale = scaleLog2Of(mem) === 0 && base !== NO_BASE ? '' : `${1 << scaleLog2Of(mem)}*`;
    terms.push(`${scale}${REGISTER_NAMES[64][index]}`);
  }
  const size = width === undefined ? '' : SIZES[width];
  const sum = terms.join(' + ');
  if (sum === '') return `${size}[${disp}]`;
  return `${size}[${sum}${disp === 0 ? '' : disp < 0 ? ` - ${-disp}` : ` + ${disp}`}]`;
}

/** Bytes and sign-extended values with a sign, other words without. */
function printImmediate({ reading, bytes }: Operand & { kind: 'immediate' }, value: number, high: number | undefined): string {
  if (bytes === 8) return String((BigInt(high!) << 32n) | BigInt(value >>> 0));
  if (bytes === 1) return String(reading === 'uimm' ? value & 0xff : (value << 24) >> 24);
  if (reading === 'simm') return String(value);
  return String(bytes === 2 ? value & 0xffff : value >>> 0);
}
