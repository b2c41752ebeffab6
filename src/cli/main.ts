#!/usr/bin/env node
// The command line: picks the command, prints errors in one form, sets the exit status (0 ran, 1 refused or stopped, 2 usage).
import { findCommand } from './commands.ts';
import { UsageError } from './usage.ts';

const [name, ...args] = process.argv.slice(2);
process.exitCode = await main(name, args);

async function main(command: string | undefined, argv: readonly string[]): Promise<number> {
  const [about] = argv;
  if (command === undefined || (isHelp(command) && about === undefined)) {
    const { overview } = await import('./help.ts');
    process.stdout.write(overview());
    return command === undefined ? 2 : 0;
  }
  if (command === '--version' || command === 'version') {
    const { version } = await import('./version.ts');
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const wanted = isHelp(command) ? about! : command;
  const row = findCommand(wanted);
  if (row === undefined) {
    process.stderr.write(`error: unknown command "${wanted}"; bpfjit help lists them\n`);
    return 2;
  }
  if (isHelp(command) || argv.includes('--help') || argv.includes('-h')) {
    const { commandHelp } = await import('./help.ts');
    process.stdout.write(await commandHelp(wanted, row));
    return 0;
  }
  // A reader that went away (head, less) is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    return await (await row.load()).run(argv);
  } catch (error) {
    if (error instanceof UsageError) {
      const { usageOf } = await import('./help.ts');
      process.stderr.write(`error: ${error.message}\n${usageOf(command, row)}; see bpfjit help ${command}\n`);
      return 2;
    }
    const { printFailure } = await import('./failure.ts');
    // Sources are looked for beside the files of the command line.
    return printFailure(
      error,
      argv.filter((arg) => !arg.startsWith('-')),
    );
  }
}

function isHelp(command: string): boolean {
  return command === 'help' || command === '--help' || command === '-h';
}
