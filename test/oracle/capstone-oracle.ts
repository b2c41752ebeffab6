// Our decoders and printers against capstone's, a second opinion beside llvm-mc's: every form of both machines over the ends of its fields and
// random operands. `npm run oracle-capstone`; CI puts the package into .cache.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { decode as decodeArm64 } from '../../src/jit/arm64/decode.ts';
import { FORMS as ARM64_FORMS } from '../../src/jit/arm64/forms.ts';
import { print as printArm64 } from '../../src/jit/arm64/print.ts';
import { decode as decodeX64 } from '../../src/jit/x64/decode.ts';
import { ENCODERS } from '../../src/jit/x64/encode.ts';
import { FORMS as X64_FORMS } from '../../src/jit/x64/forms.ts';
import { print as printX64 } from '../../src/jit/x64/print.ts';
import { toHex } from '../../src/util/bytes.ts';
import { casesOf, newBuffer } from '../jit/x64/cases.ts';
import { allWords, randomWords } from './arm64-words.ts';

interface Capstone {
  disasm(
    bytes: readonly number[],
    address: number,
  ): readonly { readonly size: number; readonly mnemonic: string; readonly op_str: string }[];
}
interface Library {
  readonly ARCH_ARM64: number;
  readonly ARCH_X86: number;
  readonly MODE_ARM: number;
  readonly MODE_64: number;
  readonly Capstone: new (arch: number, mode: number) => Capstone;
}

const RANDOM_STRINGS = 40_000;
const home = fileURLToPath(new URL('../../../.cache/capstone/', import.meta.url));
if (!existsSync(home)) {
  console.log('oracle-capstone: skipped; npm install --prefix .cache/capstone @alexaltea/capstone-js@5.0.9 puts it there');
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}
const library = await (createRequire(home)('@alexaltea/capstone-js') as () => Promise<Library>)();

/** Its text; undefined where it knows no instruction that takes all the bytes. */
function disassemble(engine: Capstone, bytes: readonly number[]): string | undefined {
  try {
    const [first] = engine.disasm(bytes, 0);
    return first === undefined || first.size !== bytes.length ? undefined : `${first.mnemonic} ${first.op_str}`.trim();
  } catch {
    return undefined;
  }
}

interface Rule {
  readonly why: string;
  readonly from: RegExp;
  readonly to: string | ((...match: string[]) => string);
}

const apply = (rules: readonly Rule[], text: string): string =>
  rules.reduce((so, { from, to }) => so.replace(from, to as (...match: string[]) => string), text);

/** Both texts are brought to one form by these. */
const BOTH: readonly Rule[] = [
  {
    why: 'numbers above 9 are hexadecimal there',
    from: /(-?)\b0x([0-9a-f]+)\b/g,
    to: (_, sign, digits) => `${sign}${BigInt(`0x${digits}`)}`,
  },
];
const unsigned = (bits: number, digits: string): string => String(BigInt.asUintN(bits, BigInt(digits)));
const ARM64_RULES: readonly Rule[] = [
  ...BOTH,
  {
    why: 'LLVM keeps orr where movz or movn could say the same, capstone prints the alias whenever it is one',
    from: /^orr ([wx]\d+|w?sp), [wx]zr, #/,
    to: 'mov $1, #',
  },
  {
    why: 'moves to w registers are sign-extended to 64 bits there',
    from: /^(mov w\w+, #)(-?\d+)$/,
    to: (_, head, n) => head + unsigned(32, n),
  },
  { why: 'negative numbers are sometimes printed as 64-bit ones', from: /#(-?\d+)/g, to: (_, n) => `#${unsigned(64, n)}` },
  { why: 'an alias of the newer architecture', from: /^dfb$/, to: 'dsb #12' },
  { why: 'names of system registers are in small letters there', from: /TPIDR_EL0/, to: 'tpidr_el0' },
];
/** Bits of an operand, by its first. */
function widthOf(text: string): number {
  const [, size] = /(byte|word|dword|qword) ptr/.exec(text) ?? [];
  if (size !== undefined) return { byte: 8, word: 16, dword: 32, qword: 64 }[size]!;
  const [, register] = /^\S+ (\w+)/.exec(text) ?? [];
  if (register === undefined || /^(r\d+|r[a-ds][xip]|r[bs]p|r[sd]i)$/.test(register)) return 64;
  if (/^(r\d+d|e\w\w)$/.test(register)) return 32;
  return /^(\w?[a-d]l|[sd]il|[bs]pl|r\d+b)$/.test(register) ? 8 : 16;
}
const X64_RULES: readonly Rule[] = [
  ...BOTH,
  {
    why: 'the scale stands behind the index there',
    from: /\b([1248])\*(\w+)/g,
    to: (_, scale, index) => (scale === '1' ? index : `${index}*${scale}`),
  },
  { why: 'a scale of one is not printed', from: /\*1\b/g, to: '' },
  { why: 'shifts by one are printed with the 1', from: /^((?:lock )?(?:rol|ror|rcl|rcr|shl|shr|sar) [^,]*)$/, to: '$1, 1' },
  {
    why: 'immediates are printed without a sign, in the width of the operation',
    from: /^(.*[ ,])(-?\d+)$/,
    to: (_, head, n) => head + unsigned(widthOf(head), n),
  },
  { why: 'absolute addresses are printed without a sign', from: /\[(-\d+)\]/, to: (_, n) => `[${unsigned(64, n!)}]` },
  { why: 'exchanges are symmetric', from: /^xchg (\w+), (\w+)$/, to: (_, a, b) => `xchg ${[a, b].sort().join(', ')}` },
];

const differences: string[] = [];
interface Tally {
  compared: number;
  /** Forms of which capstone knows no case, and cases of the others that it does not know. */
  readonly unknown: Map<string, number>;
  readonly known: Set<string>;
}

function report(machine: string, forms: number, { compared, unknown, known }: Tally): void {
  const never = [...unknown.keys()].filter((name) => !known.has(name));
  const sometimes = [...unknown].filter(([name]) => known.has(name));
  console.log(`oracle-capstone: ${machine}: ${known.size} of ${forms} forms, ${compared} cases compared`);
  if (never.length > 0) console.log(`  forms that capstone does not know: ${never.join(', ')}`);
  if (sometimes.length > 0) console.log(`  cases that it does not know: ${sometimes.map(([name, n]) => `${name} ${n}`).join(', ')}`);
}

function take(tally: Tally, form: string, hex: string, ours: string, theirs: string | undefined): void {
  if (theirs === undefined) {
    tally.unknown.set(form, (tally.unknown.get(form) ?? 0) + 1);
    return;
  }
  tally.compared++;
  tally.known.add(form);
  if (ours !== theirs) differences.push(`${form}: ${hex}: ours "${ours}", theirs "${theirs}"`);
}

function compareArm64(): void {
  const engine = new library.Capstone(library.ARCH_ARM64, library.MODE_ARM);
  const tally: Tally = { compared: 0, unknown: new Map(), known: new Set() };
  for (const word of allWords(randomWords(77), 100)) {
    const form = ARM64_FORMS[decodeArm64(word)];
    assert(form !== undefined, 'words are of forms');
    const bytes = [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
    const theirs = disassemble(engine, bytes);
    take(
      tally,
      form.name,
      (word >>> 0).toString(16).padStart(8, '0'),
      apply(ARM64_RULES, printArm64(word)),
      theirs && apply(ARM64_RULES, theirs),
    );
  }
  report('arm64', ARM64_FORMS.length, tally);
}

function compareX64(): void {
  const engine = new library.Capstone(library.ARCH_X86, library.MODE_64);
  const tally: Tally = { compared: 0, unknown: new Map(), known: new Set() };
  const compare = (number: number, operands: readonly number[], bytes: Uint8Array): void => {
    const form = X64_FORMS[number]!;
    const ours = printX64(form, operands, { hi: 0, lo: bytes.length });
    const theirs = disassemble(engine, [...bytes]);
    take(tally, form.text, toHex(bytes), apply(X64_RULES, ours), theirs && apply(X64_RULES, theirs));
  };
  const seeds: Uint8Array[] = [];
  for (const [number, form] of X64_FORMS.entries()) {
    for (const operands of casesOf(form, 7 + (number % 5))) {
      const buffer = newBuffer();
      ENCODERS[number]!(buffer, ...operands);
      const bytes = buffer.bytes.slice(0, buffer.length);
      seeds.push(bytes);
      compare(number, operands, bytes);
    }
  }
  // Any operands: what our decoder makes of those bytes with others in place of the opcode's successors.
  const random = randomWords(4242);
  for (let i = 0; i < RANDOM_STRINGS; i++) {
    const bytes = new Uint8Array(15).map(random);
    const seed = seeds[(random() >>> 1) % seeds.length]!;
    bytes.set(seed.subarray(0, 2 + ((random() >>> 3) % 4)));
    const decoded = decodeX64(bytes, 0);
    if (decoded.kind !== 'unknown') compare(decoded.form, decoded.operands, bytes.slice(0, decoded.length));
  }
  report('x86-64', X64_FORMS.length, tally);
}

compareArm64();
compareX64();
for (const difference of differences.slice(0, Number(process.argv[2] ?? 60))) console.error(difference);
console.log(`oracle-capstone: ${differences.length} differences`);
process.exitCode = differences.length === 0 ? 0 : 1;
