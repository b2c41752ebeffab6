// The arm64 machine layer against other people's: LLVM for bytes and text, qemu-aarch64 for what instructions do. `npm run oracle-arm64`;
// with `--bless` the table of golden encodings that the tests read is written anew from LLVM's answers.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FORMS } from '../../src/jit/arm64/forms.ts';
import { compareWithLlvm, disassemble } from './arm64-llvm.ts';
import { compareWithQemu } from './arm64-qemu.ts';
import { randomWords, wordsOf } from './arm64-words.ts';

const GOLDEN = fileURLToPath(new URL('../../../test/jit/arm64/golden.txt', import.meta.url));

function bless(): void {
  const random = randomWords(7);
  const lines = ['# llvm-mc 19: word | text, every form of the table with its fields at extremes and random'];
  for (const form of FORMS) {
    const words = wordsOf(form, random, 40);
    const step = Math.max(1, Math.floor(words.length / 16));
    const chosen = words.filter((_, i) => i % step === 0).slice(0, 20);
    lines.push(...disassemble(chosen).map((text, i) => `${chosen[i]!.toString(16).padStart(8, '0')} | ${text}`));
  }
  writeFileSync(GOLDEN, `${lines.join('\n')}\n`);
}

if (process.argv.includes('--bless')) bless();

function report(title: string, differences: readonly string[]): void {
  console.log(`${title}, ${differences.length} differences`);
  for (const difference of differences.slice(0, 60)) console.log(`  ${difference}`);
  if (differences.length > 0) process.exitCode = 1;
}

const llvm = compareWithLlvm(300);
report(`llvm-mc: ${llvm.compared} words compared, ${llvm.unknown} random words of no form`, llvm.differences);
const qemu = compareWithQemu(150);
report(`qemu-aarch64: ${qemu.compared} cases of ${qemu.forms} forms compared`, qemu.differences);
