// bpfjit types: TypeScript declarations of what an object's maps, variables and programs hold.
import { printDeclarations } from '../runtime/object/declarations.ts';
import { BpfError } from '../util/error.ts';
import { writeOutput } from './files.ts';
import { openSource } from './source.ts';
import { type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o', value: 'OUT', help: 'where to write them; default: standard output' },
  name: { type: 'string', value: 'NAME', help: 'name of the interface; default: made from that of the file' },
  type: {
    type: 'string',
    multiple: true,
    default: [] as string[],
    value: 'STRUCT',
    help: 'another struct that is wanted, of events for instance; may be repeated',
  },
} as const;
export const options: OptionTable = OPTIONS;

export async function types(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  if (values.name !== undefined && !/^[A-Za-z_$][\w$]*$/.test(values.name))
    throw new UsageError(`--name takes an identifier, got "${values.name}"`);
  const { collection, path } = await openSource(files[0]!);
  if (collection === undefined)
    throw new BpfError('cli/no-object', { in: 'file', path }, 'only object files have maps, variables and types');
  const text = printDeclarations(collection, { types: values.type, ...(values.name === undefined ? {} : { name: values.name }) });
  if (values.output === undefined) process.stdout.write(text);
  else writeOutput(values.output, new TextEncoder().encode(text));
  return 0;
}
