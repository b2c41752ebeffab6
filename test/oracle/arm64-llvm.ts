// Our texts and bytes against llvm-mc's, both ways. Result: the differences, and how many words were compared.
import { spawnSync } from 'node:child_process';
import { decode, operandsOf } from '../../src/jit/arm64/decode.ts';
import { enc } from '../../src/jit/arm64/encode.ts';
import { FORMS } from '../../src/jit/arm64/forms.ts';
import { bitmask32, bitmask64, bitmaskHigh, bitmaskLow } from '../../src/jit/arm64/immediates.ts';
import { print } from '../../src/jit/arm64/print.ts';
import { allWords, randomWords } from './arm64-words.ts';

export const LLVM_MC = 'llvm-mc-19';
const FLAGS = ['--triple=aarch64', '--mattr=+v8.5a,+lse'];

function run(flags: readonly string[], input: string): { stdout: string; stderr: string } {
  const result = spawnSync(LLVM_MC, [...FLAGS, ...flags], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.error) throw result.error;
  return result;
}

/** One text a word; undefined where LLVM knows no instruction. */
export function disassemble(words: readonly number[]): (string | undefined)[] {
  const input = words.map((word) => [0, 8, 16, 24].map((shift) => `0x${((word >>> shift) & 0xff).toString(16)}`).join(' ')).join('\n');
  const { stdout, stderr } = run(['--disassemble'], `${input}\n`);
  const invalid = new Set(
    Array.from(stderr.matchAll(/^<stdin>:(\d+):\d+: warning: invalid instruction encoding/gm), (match) => Number(match[1]) - 1),
  );
  const lines = stdout.split('\n').filter((line) => /^\t(?!\.text)/.test(line));
  let next = 0;
  const texts = words.map((_, i) => (invalid.has(i) ? undefined : lines[next++]));
  if (next !== lines.length) throw new Error(`llvm-mc printed ${lines.length} lines, expected ${next}`);
  return texts.map((text) =>
    text
      ?.replace(/\s*\/\/.*$/, '')
      .trim()
      .replace(/\s+/g, ' '),
  );
}

/** One word a text; undefined where LLVM refuses it, 'unpredictable' where it does because of its registers (write-back to the loaded one). */
export function assemble(texts: readonly string[]): (number | 'unpredictable' | undefined)[] {
  const { stdout, stderr } = run(['--show-encoding'], `${texts.join('\n')}\n`);
  const refused = new Map(Array.from(stderr.matchAll(/^<stdin>:(\d+):\d+: error: (.*)$/gm), (match) => [Number(match[1]) - 1, match[2]!]));
  const words = Array.from(stdout.matchAll(/encoding: \[0x(..),0x(..),0x(..),0x(..)\]/g), (match) =>
    Number.parseInt(match[4]! + match[3]! + match[2]! + match[1]!, 16),
  );
  let next = 0;
  const result = texts.map((_, i) => {
    const why = refused.get(i);
    return why === undefined ? words[next++] : why.startsWith('unpredictable') ? 'unpredictable' : undefined;
  });
  if (next !== words.length) throw new Error(`llvm-mc encoded ${words.length} lines, expected ${next}`);
  return result;
}

/** The word with its logical immediate in the one way that assemblers choose: bits of immr above the element's size are ignored. */
function canonical(word: number): number {
  const form = decode(word);
  const field = FORMS[form]?.operands.indexOf('bitmask') ?? -1;
  if (field < 0) return word;
  const operands = operandsOf(form, word);
  const bits = operands[field]!;
  operands[field] = operands[0] === 1 ? bitmask64(bitmaskLow(bits), bitmaskHigh(bits)) : bitmask32(bitmaskLow(bits));
  const encode = enc[FORMS[form]!.name] as (...operands: number[]) => number;
  return encode(...operands) >>> 0;
}

export function compareWithLlvm(count: number): { compared: number; unknown: number; differences: string[] } {
  const random = randomWords(2024);
  const words = [...allWords(random, count), ...Array.from({ length: 40 * count }, () => random() >>> 0)];
  const differences: string[] = [];
  let unknown = 0;
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  const theirs = disassemble(words);
  const known: number[] = [];
  words.forEach((word, i) => {
    const form = decode(word);
    if (form < 0) {
      unknown++;
      return;
    }
    known.push(word);
    const encode = enc[FORMS[form]!.name] as (...operands: number[]) => number;
    const again = encode(...operandsOf(form, word)) >>> 0;
    if (again !== word) differences.push(`${hex(word)}: encodes as ${hex(again)}`);
    if (print(word) !== theirs[i]) differences.push(`${hex(word)}: ours '${print(word)}', theirs '${theirs[i]}'`);
  });
  const texts = known.map((word) => print(word));
  assemble(texts).forEach((word, i) => {
    if (word !== 'unpredictable' && word !== canonical(known[i]!))
      differences.push(`'${texts[i]}': ours ${hex(known[i]!)}, theirs ${word === undefined ? 'refused' : hex(word)}`);
  });
  return { compared: known.length, unknown, differences };
}
