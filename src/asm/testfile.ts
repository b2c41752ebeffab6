// Test files: `# comment` lines and `-- name` sections, the format of bpf_conformance's .data files and a superset of it.
import { tryParseHex } from '../util/bytes.ts';
import { BpfError } from '../util/error.ts';
import { parse } from './parse.ts';

export interface Section {
  /** What stands after `--`, in one spelling: single blanks. */
  readonly name: string;
  /** Number of the first line after the heading. */
  readonly line: number;
  readonly text: string;
}

/** A program to run and what it must give. */
export interface TestCase {
  readonly path: string;
  /** 8 bytes a slot. */
  readonly bytes: Uint8Array;
  /** Subprograms as the text names them; empty where it does not, or where the program is given as numbers. */
  readonly subprograms: readonly { readonly name: string; readonly start: number; readonly end: number }[];
  /** What R1 points at; absent: R1 = 0. */
  readonly memory: Uint8Array | undefined;
  /** R0, unsigned. */
  readonly result: bigint | undefined;
  /** The message of a program that must be refused or stopped. */
  readonly error: string | undefined;
}

/** Splits a file; text before the first heading must be blank or comment. */
export function splitSections(text: string, path: string): Section[] {
  const sections: { name: string; line: number; lines: string[] }[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const heading = /^\s*--\s*(.*?)\s*$/.exec(line);
    if (heading !== null) sections.push({ name: heading[1]!.replace(/\s+/g, ' '), line: index + 2, lines: [] });
    else if (sections.length > 0) sections.at(-1)!.lines.push(line);
    else if (withoutComment(line) !== '') {
      throw new BpfError('asm/no-section', { in: 'text', path, line: index + 1, column: 1 }, 'expected a "-- section" heading first');
    }
  }
  return sections.map(({ name, line, lines }) => ({ name, line, text: lines.join('\n') }));
}

/** A bpf_conformance case. Throws `asm/...` with path, line and column. */
export function parseTestCase(text: string, path: string): TestCase {
  const sections = new Map(splitSections(text, path).map((section) => [section.name, section]));
  const raw = sections.get('raw');
  const asm = sections.get('asm');
  if (asm === undefined && raw === undefined) {
    throw new BpfError('asm/no-program', { in: 'text', path, line: 1, column: 1 }, 'there is no "-- asm" section');
  }
  const program = raw !== undefined ? { bytes: parseRaw(raw, path), subprograms: [] } : parse(asm!.text, path, asm!.line);
  const mem = sections.get('mem');
  const result = sections.get('result');
  const error = sections.get('error');
  return {
    path,
    bytes: program.bytes,
    subprograms: program.subprograms,
    memory: mem === undefined ? undefined : parseMemory(mem, path),
    result: result === undefined ? undefined : parseResult(result, path),
    error: error === undefined ? undefined : lastLine(error)?.text,
  };
}

function withoutComment(line: string): string {
  return line.replace(/#.*$/, '').trim();
}

/** One integer a line: the instruction's 8 bytes as a little-endian number. */
function parseRaw(section: Section, path: string): Uint8Array {
  const words: bigint[] = [];
  for (const [index, line] of section.text.split('\n').entries()) {
    const text = withoutComment(line);
    if (text !== '') words.push(integer(text, path, section.line + index));
  }
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [slot, word] of words.entries()) view.setBigUint64(8 * slot, word, true);
  return bytes;
}

function parseMemory(section: Section, path: string): Uint8Array {
  const text = section.text.split('\n').map(withoutComment).join(' ');
  const bytes = tryParseHex(text.replace(/0x/gi, ''));
  if (bytes === undefined) throw new BpfError('asm/bad-memory', { in: 'text', path, line: section.line, column: 1 }, 'expected hex bytes');
  return bytes;
}

function parseResult(section: Section, path: string): bigint {
  const last = lastLine(section);
  if (last === undefined) throw new BpfError('asm/no-result', { in: 'text', path, line: section.line, column: 1 }, 'the result is missing');
  return integer(last.text, path, last.line);
}

function lastLine(section: Section): { text: string; line: number } | undefined {
  const lines = section.text.split('\n').map((line, index) => ({ text: withoutComment(line), line: section.line + index }));
  return lines.filter(({ text }) => text !== '').at(-1);
}

function integer(text: string, path: string, line: number): bigint {
  const at = { in: 'text', path, line, column: 1 } as const;
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) throw new BpfError('asm/bad-number', at, `expected a number, got "${text}"`);
  const negative = text.startsWith('-');
  const value = BigInt(negative ? text.slice(1) : text);
  if (value >= 1n << 64n) throw new BpfError('asm/bad-number', at, `${text} takes more than 64 bits`);
  return BigInt.asUintN(64, negative ? -value : value);
}
