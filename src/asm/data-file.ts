// The test format of bpf_conformance: sections of program text, input memory and expected result. `#` starts a comment; a line
// `-- name` starts a section. Ours adds sections of its own (`-- test`, `-- fuel`, `-- map`, ...): test/support.
import { BpfError } from '../util/error.ts';
import { type AssemblyLine, parse } from './parse.ts';

export interface Section {
  /** The first word or words after `--`: 'asm', 'mem', 'expect error', ... */
  readonly name: string;
  /** What follows the name on the line. */
  readonly argument: string;
  /** Line number of the first line of the body. */
  readonly line: number;
  /** As written, comments included. */
  readonly body: string;
}

export interface DataFile {
  readonly path: string;
  readonly sections: readonly Section[];
  /** Assembles `asm`, or reads `raw`, which goes before it. */
  program(): DataProgram;
  /** What R1 points at. */
  readonly memory: Uint8Array;
  /** R0 at exit; undefined where the program is expected to fail. */
  readonly result: bigint | undefined;
  /** The message of the expected failure; empty: any. */
  readonly error: string | undefined;
}

export interface DataProgram {
  readonly bytes: Uint8Array;
  readonly lines: readonly AssemblyLine[];
  readonly subprograms: readonly { readonly name: string; readonly start: number; readonly end: number }[];
  readonly maps: readonly string[];
}

/** In the order in which bpf_conformance looks for them in a `--` line. */
const UPSTREAM_NAMES = ['asm', 'result', 'mem', 'raw', 'no register offset', 'c', 'error'] as const;
const OWN_NAMES = /^(expect\s+\S+|test|fuel|engines|type|map|kfuncs|program|element|run)\b/;

export function parseDataFile(text: string, path: string): DataFile {
  const sections = splitSections(text, path);
  const find = (name: string): Section | undefined => sections.find((section) => section.name === name);
  const raw = find('raw');
  const asm = find('asm');
  const mem = find('mem');
  const result = find('result');
  return {
    path,
    sections,
    program() {
      if (raw !== undefined) return { bytes: rawBytes(raw, path), lines: [], subprograms: [], maps: [] };
      return parse(asm?.body ?? '', path, asm?.line ?? 1);
    },
    memory: mem === undefined ? new Uint8Array(0) : hexBytes(mem, path),
    result: result === undefined ? undefined : lastNumber(result, path),
    error: find('error') && uncommented(find('error')!).join('\n').trim(),
  };
}

function splitSections(text: string, path: string): readonly Section[] {
  const lines = text.split(/\r\n|\n|\r/);
  const heads = lines.flatMap((line, index) => (/^\s*--/.test(line) ? [index] : []));
  return heads.map((head, index) => {
    const title = lines[head]!.replace(/#.*/, '').trim().slice(2).trim();
    const own = OWN_NAMES.exec(title)?.[0];
    const name = own?.replace(/\s+/, ' ') ?? UPSTREAM_NAMES.find((known) => (known === 'c' ? title === 'c' : title.includes(known)));
    if (name === undefined) {
      throw new BpfError('asm/unknown-directive', { in: 'text', path, line: head + 1, column: 1 }, `unknown section '-- ${title}'`);
    }
    const body = lines.slice(head + 1, heads[index + 1] ?? lines.length).join('\n');
    return { name, argument: own === undefined ? '' : title.slice(own.length).trim(), line: head + 2, body };
  });
}

function uncommented({ body }: Section): readonly string[] {
  return body.split('\n').map((line) => line.replace(/#.*/, '').trim());
}

function hexBytes(section: Section, path: string): Uint8Array {
  const bytes = uncommented(section).flatMap((line, index) =>
    line.split(/\s+/).flatMap((word) => {
      if (word === '') return [];
      if (!/^[0-9a-fA-F]{2}$/.test(word)) refuse(section, path, index, `'${word.slice(0, 20)}' is not a byte of two hex digits`);
      return [Number.parseInt(word, 16)];
    }),
  );
  return Uint8Array.from(bytes);
}

/** Eight hex bytes a line, or 64-bit numbers. */
function rawBytes(section: Section, path: string): Uint8Array {
  const words = uncommented(section).flatMap((line, index) => {
    const parts = line === '' ? [] : line.split(/\s+/);
    if (parts.length === 8 && parts.every((part) => /^[0-9a-fA-F]{2}$/.test(part))) return [BigInt(`0x${[...parts].reverse().join('')}`)];
    return parts.map((part) => number(part) ?? refuse(section, path, index, `'${part.slice(0, 20)}' is not a 64-bit number`));
  });
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

function lastNumber(section: Section, path: string): bigint {
  const lines = uncommented(section);
  const last = lines.findLastIndex((line) => line !== '');
  return number(lines[last] ?? '') ?? refuse(section, path, Math.max(last, 0), 'expected a 64-bit number');
}

function number(text: string): bigint | undefined {
  return /^(-?\d{1,20}|0[xX][0-9a-fA-F]{1,16})$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : undefined;
}

function refuse(section: Section, path: string, index: number, message: string): never {
  throw new BpfError('asm/bad-data', { in: 'text', path, line: section.line + index, column: 1 }, message);
}
