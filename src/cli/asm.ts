// bpfjit asm: text to raw bytecode.
import { parse } from '../asm/parse.ts';
import { readInput, text, writeOutput } from './files.ts';
import { type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o', value: 'OUT', help: 'the bytecode, 8 bytes an instruction' },
} as const;
export const options: OptionTable = OPTIONS;

export async function asm(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  if (values.output === undefined) throw new UsageError('-o OUT is missing');
  const { bytes } = parse(text(readInput(files[0]!)), files[0]!);
  writeOutput(values.output, bytes);
  return 0;
}
