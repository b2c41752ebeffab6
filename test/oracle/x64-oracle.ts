// Our x86-64 encoder, decoder and printer against llvm-mc, both ways: our bytes as it disassembles them, our texts as it assembles
// them; then arbitrary bytes: what we claim to know, it must print alike. `npm run oracle-x64`; `-- --golden` writes the golden rows.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { decode } from '../../src/jit/x64/decode.ts';
import { ENCODERS } from '../../src/jit/x64/encode.ts';
import { FORMS, type Form } from '../../src/jit/x64/forms.ts';
import { print } from '../../src/jit/x64/print.ts';
import { toHex } from '../../src/util/bytes.ts';
import { casesOf, newBuffer } from '../jit/x64/cases.ts';

const ORIGIN = { hi: 0, lo: 0 };
const tool = ['llvm-mc-19', 'llvm-mc'].find((name) => spawnSync(name, ['--version']).status === 0);
if (tool === undefined) {
  console.log('oracle-x64: skipped, llvm-mc is not installed');
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}

interface Case {
  readonly number: number;
  readonly operands: readonly number[];
  readonly bytes: Uint8Array;
  /** Branches with their operand instead of an address. */
  readonly text: string;
}

/** As llvm-mc prints it: branches with the distance. */
function textOf(form: Form, operands: readonly number[]): string {
  const text = print(form, operands, ORIGIN);
  return form.operands.some(({ kind }) => kind === 'relative') ? text.replace(/0x[0-9a-f]+$/, String(operands.at(-1))) : text;
}

function makeCase(number: number, operands: readonly number[]): Case {
  const buffer = newBuffer();
  ENCODERS[number]!(buffer, ...operands);
  return { number, operands, bytes: buffer.bytes.slice(0, buffer.length), text: textOf(FORMS[number]!, operands) };
}

const hexLine = (bytes: Uint8Array): string => Array.from(bytes, (byte) => `0x${byte.toString(16)}`).join(',');

function run(args: readonly string[], input: string): string {
  const { stdout, stderr, status } = spawnSync(tool!, ['--triple=x86_64', ...args], { input, maxBuffer: 2 ** 30, encoding: 'utf8' });
  assert.equal(status, 0, stderr.slice(0, 2000));
  return stdout;
}

/** One text a line of bytes; '' where the tool does not know them. Alternating with INT3, so that a line's end shows. */
function disassemble(lines: readonly Uint8Array[]): string[] {
  const out = run(['--disassemble', '--output-asm-variant=1'], lines.map((bytes) => `${hexLine(bytes)}\n0xcc,0xcc,0xcc\n`).join(''));
  const texts = out
    .replace(/^\s*\.text\n/, '')
    .replace(/\t+/g, ' ')
    .replace(/ *#.*$/gm, '')
    .replace(/\block *\n/g, 'lock ');
  return texts.split(/(?: int3\n){3}/).map((text) => text.trim().replace(/\n */g, '; ').replace(/ +/g, ' '));
}

function assemble(texts: readonly string[]): string[] {
  const out = run(['-x86-asm-syntax=intel', '--show-encoding'], texts.join('\n'));
  return [...out.matchAll(/encoding: \[(.*)\]/g)].map(([, bytes]) => bytes!.replace(/0x|,/g, ''));
}

const cases = FORMS.flatMap((form, number) => casesOf(form, 7 + (number % 5)).map((operands) => makeCase(number, operands)));
const failures: string[] = [];

// Our bytes, disassembled. INT3 itself would end a line.
const forward = cases.filter(({ text }) => text !== 'int3');
const printed = disassemble(forward.map(({ bytes }) => bytes));
assert.equal(printed.length, forward.length + 1);
forward.forEach(({ number, bytes, text }, i) => {
  if (printed[i] !== text) failures.push(`${FORMS[number]!.text}: ${toHex(bytes)} is "${printed[i]}", we print "${text}"`);
});

// Our texts, assembled: the same bytes, or shorter ones that mean the same.
const assembled = cases.filter(({ text, number }) => !FORMS[number]!.operands.some(({ kind }) => kind === 'relative') && text !== 'nop');
const encoded = assemble(assembled.map(({ text }) => text));
assert.equal(encoded.length, assembled.length);
const others: { readonly theirs: Uint8Array; readonly ours: Case }[] = [];
assembled.forEach((ours, i) => {
  if (encoded[i] === toHex(ours.bytes)) return;
  const theirs = Uint8Array.from(Buffer.from(encoded[i]!, 'hex'));
  others.push({ theirs, ours });
});
/** Other texts of the same: of a word, -1 as a sign-extended byte is 65535; a shift by one has an encoding without the 1; xchg is symmetric. */
const ofWords = (text: string): string[] => [16, 32].map((bits) => text.replace(/-\d+$/, (last) => String(Number(last) + 2 ** bits)));
const synonyms = (text: string): string[] => [text, `${text}, 1`, text.replace(/^xchg (\w+), (\w+)$/, 'xchg $2, $1'), ...ofWords(text)];
const again = disassemble(others.map(({ theirs }) => theirs));
others.forEach(({ theirs, ours }, i) => {
  const longer = theirs.length > ours.bytes.length;
  if (longer || !synonyms(again[i]!).includes(ours.text))
    failures.push(`"${ours.text}": ${toHex(ours.bytes)}, theirs ${toHex(theirs)} is "${again[i]}"`);
});
const shorter = new Set(others.filter(({ theirs, ours }) => theirs.length < ours.bytes.length).map(({ ours }) => FORMS[ours.number]!.text));

// Arbitrary bytes, near the forms and far from them.
let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};
const arbitrary = Array.from({ length: 60000 }, (_, i) => {
  const { bytes } = cases[random(cases.length)]!;
  const mutated = new Uint8Array(15).map(() => random(256));
  if (i % 3 !== 0) mutated.set(bytes);
  if (i % 3 === 1) mutated[random(bytes.length)]! ^= 1 << random(8);
  return mutated;
});
const known = arbitrary.flatMap((bytes) => {
  const decoded = decode(bytes, 0);
  if (decoded.kind === 'unknown') return [];
  return [{ bytes: bytes.slice(0, decoded.length), text: textOf(FORMS[decoded.form]!, decoded.operands) }];
});
const judged = known.filter(({ text }) => text !== 'int3');
disassemble(judged.map(({ bytes }) => bytes))
  .slice(0, -1)
  .forEach((text, i) => {
    const { bytes, text: ours } = judged[i]!;
    if (text !== ours) failures.push(`arbitrary ${toHex(bytes)} is "${text}", we print "${ours}"`);
  });

for (const failure of failures.slice(0, 40)) console.error(failure);
console.log(
  `oracle-x64: ${FORMS.length} forms, ${cases.length} cases, ${others.length} assembled otherwise (${shorter.size} forms have shorter ones), ` +
    `${judged.length} of ${arbitrary.length} arbitrary byte strings known, ${failures.length} differences`,
);
assert.equal(failures.length, 0);

// Up to four cases a form, theirs and ours being the same bytes.
if (process.argv.includes('--golden')) {
  const rows = FORMS.flatMap((form, number) => {
    const own = cases.filter((one) => one.number === number);
    const picked = new Set([0, Math.floor(own.length * 0.4), Math.floor(own.length * 0.7), own.length - 1].map((i) => own[i]!));
    return [...picked].map(({ operands, bytes, text }) => `${form.text}|${operands.join(' ')}|${text}|${toHex(bytes)}`);
  });
  const header =
    '// Form, operands, text, bytes: written by `npm run oracle-x64 -- --golden`, which compares them with llvm-mc 19; branches show rel.';
  writeFileSync('test/jit/x64/golden.ts', `${header}\nexport const GOLDEN = \`\n${rows.join('\n')}\n\`;\n`);
}
