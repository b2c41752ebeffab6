// The kernel's printf of BPF programs: the conversions that bpf_trace_printk, bpf_snprintf and bpf_seq_printf know.

import type { Window } from '../../window/window.ts';
import { ERRNO } from './errno.ts';

const latin = new TextDecoder('latin1');
const utf8 = new TextDecoder();
const { EINVAL } = ERRNO;
/** Longest string that %s prints, bytes. */
const STRING_LIMIT = 512;
/** Widest field. */
const MAX_WIDTH = 512;

const CONVERSION = /%([-+ #0]*)(\d*)(?:\.(\d+))?(hh|h|ll|l|z)?(%|p(?:[iI][46]|[BsSxKf])?|[a-zA-Z])/g;

/** The text, or a negative errno where the format has something that the kernel refuses. `next` gives the arguments one by one. */
export function formatText(window: Window, format: Uint8Array, next: () => bigint | undefined): string | number {
  const text = latin.decode(format);
  let failed = false;
  let count = 0;
  const out = text.replace(
    CONVERSION,
    (_all, flags: string, width: string, precision: string | undefined, length: string | undefined, what: string) => {
      if (what === '%') {
        count++;
        return '%';
      }
      count++;
      const value = next();
      if (value === undefined) {
        failed = true;
        return '';
      }
      const converted = convert(window, what, value, length, flags, precision);
      if (converted === undefined || Number(width) > MAX_WIDTH) {
        failed = true;
        return '';
      }
      return pad(converted, Number(width || 0), flags, what);
    },
  );
  // A lone % is refused, as is a conversion that is not one of the above.
  const percents = [...text.matchAll(/%/g)].length;
  const used = [...text.matchAll(CONVERSION)].reduce((sum, match) => sum + (match[5] === '%' ? 2 : 1), 0);
  return failed || percents !== used || count < 0 ? EINVAL : out;
}

function pad(text: string, width: number, flags: string, what: string): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0') || what === 's' || what === 'c') return text.padStart(width);
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  const prefix = /^0[xX]/.exec(text.slice(sign.length))?.[0] ?? '';
  return sign + prefix + text.slice(sign.length + prefix.length).padStart(width - sign.length - prefix.length, '0');
}

function convert(
  window: Window,
  what: string,
  value: bigint,
  length: string | undefined,
  flags: string,
  precision: string | undefined,
): string | undefined {
  const bits = length === 'l' || length === 'll' || length === 'z' ? 64 : length === 'h' ? 16 : length === 'hh' ? 8 : 32;
  switch (what) {
    case 'd':
    case 'i': {
      const signed = BigInt.asIntN(bits, value);
      return signed >= 0n && flags.includes('+') ? `+${signed}` : signed >= 0n && flags.includes(' ') ? ` ${signed}` : String(signed);
    }
    case 'u':
      return String(BigInt.asUintN(bits, value));
    case 'x':
    case 'X': {
      const hex = BigInt.asUintN(bits, value).toString(16);
      const text = flags.includes('#') ? `0x${hex}` : hex;
      return what === 'X' ? text.toUpperCase() : text;
    }
    case 'o':
      return BigInt.asUintN(bits, value).toString(8);
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 's': {
      if (value === 0n) return '(null)';
      if (value > 0xffff_ffffn || !window.has(Number(value), 1)) return '';
      const limit = precision === undefined ? STRING_LIMIT : Math.min(STRING_LIMIT, Number(precision));
      return utf8.decode(window.string(Number(value), limit));
    }
    case 'p':
    case 'px':
    case 'pK':
    case 'pB':
    case 'ps':
    case 'pS':
      return value.toString(16).padStart(16, '0');
    default:
      return /^p[iI][46]$/.test(what) ? addressText(window, what, value) : undefined;
  }
}

/** %pI4 10.0.0.1, %pi4 010.000.000.001, %pI6 and %pi6 with and without colons. */
function addressText(window: Window, what: string, value: bigint): string | undefined {
  const size = what.endsWith('4') ? 4 : 16;
  if (value > 0xffff_ffffn || !window.has(Number(value), size)) return undefined;
  const bytes = [...window.slice(Number(value), size)];
  if (size === 4) return bytes.map((byte) => (what[1] === 'i' ? String(byte).padStart(3, '0') : String(byte))).join('.');
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return what[1] === 'i' ? hex : hex.match(/.{4}/g)!.join(':');
}
