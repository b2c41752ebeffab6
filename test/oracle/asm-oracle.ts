// Our assembly text against LLVM's, both ways, over every form at the extremes of its fields. `npm run oracle-asm`.
import { spawnSync } from 'node:child_process';
import { parse } from '../../src/asm/parse.ts';
import { printInstruction } from '../../src/asm/print.ts';
import { KIND, PSEUDO } from '../../src/isa/code.ts';
import { decode } from '../../src/isa/codec.ts';
import type { Encoding } from '../../src/isa/opcodes.ts';
import { toHex } from '../../src/util/bytes.ts';
import { FORM_SLOT, formPrograms } from '../support/forms.ts';

const LLVM_MC = 'llvm-mc-19';
const FLAGS = ['--triple=bpfel', '--mcpu=v4', '--mattr=+alu32'];

interface Form {
  readonly encoding: Encoding;
  /** Of the instruction alone. */
  readonly hex: string;
  readonly text: string;
}

/** Forms that LLVM 19 has no text for: newer than it, or written as symbols there. */
function isOurs({ encoding, hex }: Form): boolean {
  const { kind, op } = encoding;
  if (kind === KIND.loadAcquire || kind === KIND.storeRelease || kind === KIND.callLocal || kind === KIND.callKfunc) return true;
  if (kind === KIND.lddw) return op !== PSEUDO.none;
  return kind === KIND.packetLoad && op === 1 && !hex.endsWith('00000000');
}

/** LLVM prints these otherwise: w registers in narrow loads and stores, 64-bit immediates in decimal. */
function hasOtherText({ kind }: Encoding): boolean {
  return kind === KIND.load || kind === KIND.store || kind === KIND.lddw;
}

function run(flags: readonly string[], lines: readonly string[]): { stdout: string; stderr: string } {
  const result = spawnSync(LLVM_MC, [...FLAGS, ...flags], { input: `${lines.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.error) throw new Error(`${LLVM_MC}: ${result.error.message}`);
  return result;
}

/** What LLVM said a line, in order; undefined for the lines that it refused. */
function byLine(count: number, { stdout, stderr }: { stdout: string; stderr: string }): (string | undefined)[] {
  const refused = new Set(Array.from(stderr.matchAll(/^<stdin>:(\d+):\d+: (?:error|warning)/gm), (match) => Number(match[1]) - 1));
  const said = stdout.split('\n').filter((line) => /^\t(?!\.text)/.test(line));
  let next = 0;
  const result = Array.from({ length: count }, (_, line) => (refused.has(line) ? undefined : said[next++]?.trim()));
  if (next !== said.length) throw new Error(`${LLVM_MC} printed ${said.length} lines for ${next}`);
  return result;
}

const forms: Form[] = Array.from(formPrograms(), ({ encoding, bytes }) => ({
  encoding,
  hex: toHex(bytes.subarray(8 * FORM_SLOT, bytes.length - 8)),
  text: printInstruction(decode(bytes, 'test'), FORM_SLOT),
}));
const theirs = forms.filter((form) => !isOurs(form));
const differences: string[] = [];

const assembled = byLine(theirs.length, run(['--show-encoding'], theirs.map(({ text }) => text))); // biome-ignore format: short
theirs.forEach(({ hex, text }, i) => {
  const bytes = /encoding: \[(.*)\]/.exec(assembled[i] ?? '')?.[1]?.replace(/0x|,/g, '');
  if (bytes !== hex) differences.push(`assembles '${text}' to ${bytes ?? 'nothing'}, we to ${hex}`);
});

const inBytes = theirs.map(({ hex }) => hex.replace(/../g, '0x$& '));
const texts = byLine(theirs.length, run(['--disassemble'], inBytes));
theirs.forEach(({ encoding, hex, text }, i) => {
  const llvm = texts[i];
  if (llvm === undefined) {
    differences.push(`disassembles ${hex} to nothing, we to '${text}'`);
    return;
  }
  if (!hasOtherText(encoding) && llvm !== text) differences.push(`prints '${llvm}', we '${text}'`);
  const back = toHex(parse(`exit\n${llvm}\nexit`).bytes.subarray(8 * FORM_SLOT, 8 * FORM_SLOT + hex.length / 2));
  if (back !== hex) differences.push(`prints ${hex} as '${llvm}', which we assemble to ${back}`);
});

console.log(`${LLVM_MC}: ${theirs.length} texts and encodings compared, ${forms.length - theirs.length} have no LLVM 19 text`);
for (const difference of differences.slice(0, 40)) console.log(`LLVM ${difference}`);
if (differences.length > 0) console.log(`${differences.length} differences`);
process.exitCode = differences.length === 0 ? 0 : 1;
