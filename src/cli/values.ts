// Bytes as text.
import { toHex } from '../util/bytes.ts';

/** 16 bytes a line, with offsets and the printable ones beside them. */
export function hexDump(bytes: Uint8Array, indent: string): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${indent}${at.toString(16).padStart(4, '0')}  ${toHex(row, ' ').padEnd(47)}  ${text}\n`);
  }
  return lines.join('');
}
