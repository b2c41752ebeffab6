// Files and standard input, and what kind of file a program stands in.
import { readFileSync, writeFileSync } from 'node:fs';
import { naming } from '../files/naming.ts';
import { UsageError } from './usage.ts';

export type FileKind = 'elf' | 'bytecode' | 'assembly';

/** `-` is standard input. */
export function readInput(path: string): Uint8Array {
  return naming(path, () => (path === '-' ? readFileSync(0) : readFileSync(path)));
}

export function writeOutput(path: string, bytes: Uint8Array | string): void {
  if (path === '-') process.stdout.write(bytes);
  else writeFileSync(path, bytes);
}

/** `@FILE` of an option that wants one. */
export function fileArgument(option: string, text: string): string {
  if (!text.startsWith('@') || text.length === 1) throw new UsageError(`--${option} takes @FILE, got "${text}"`);
  return text.slice(1);
}

/** By content first (ELF's magic), then by name; standard input that is not ELF is assembly if it is text. */
export function kindOf(path: string, bytes: Uint8Array): FileKind {
  if (bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46) return 'elf';
  if (/\.(bpfasm|bpft|asm|data|s|txt)$/i.test(path)) return 'assembly';
  if (/\.(bin|o)$/i.test(path)) return path.endsWith('.o') ? 'elf' : 'bytecode';
  return isText(bytes) ? 'assembly' : 'bytecode';
}

function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 4096).every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

export const text: (bytes: Uint8Array) => string = (bytes) => new TextDecoder().decode(bytes);
