// bpfjit disasm: the instructions of a file as text that `asm` reads back.
import { print } from '../asm/print.ts';
import type { Program } from '../program/program.ts';
import { JSON_OUTPUT, PROGRAM } from './options.ts';
import { openSource } from './source.ts';
import { type OptionTable, readArguments } from './usage.ts';

const OPTIONS = {
  program: { ...PROGRAM, help: 'only this one; default: all' },
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

export async function disasm(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  const source = await openSource(files[0]!);
  const names = values.program === undefined ? source.programNames : [values.program];
  const programs = names.map((name) => source.program(name));
  if (values.json === true) {
    const rows = programs.map((program) => ({
      program: program.name,
      section: program.section,
      slots: program.code.slots,
      text: listing(program),
    }));
    process.stdout.write(`${JSON.stringify({ programs: rows })}\n`);
    return 0;
  }
  for (const program of programs) {
    if (source.collection !== undefined) process.stdout.write(`# ${program.name} (${program.section})\n`);
    process.stdout.write(listing(program));
  }
  return 0;
}

function listing(program: Program): string {
  const labels = new Map(program.subprograms.slice(1).map(({ start, name }) => [start, name.replace(/[^\w.$]/g, '_')]));
  return print(
    program.code,
    labels,
    program.maps.map(({ name }) => name),
  );
}
