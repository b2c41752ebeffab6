// bpfjit asm: text to raw bytecode.
import { parse } from '../asm/parse.ts';
import { readInput, text, writeOutput } from './files.ts';
import { readArguments, UsageError } from './usage.ts';

export async function asm(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, { output: { type: 'string', short: 'o' } } as const, { min: 1, max: 1 });
  if (values.output === undefined) throw new UsageError('-o OUT is missing');
  const { bytes } = parse(text(readInput(files[0]!)), files[0]!);
  writeOutput(values.output, bytes);
  return 0;
}
