#!/usr/bin/env node
// The command line: picks the command, prints errors in one form, sets the exit status (0 ran, 1 refused or stopped, 2 usage).
import { COMMANDS, type CommandName } from './commands.ts';
import { UsageError } from './usage.ts';

const [name, ...args] = process.argv.slice(2);
process.exitCode = await main(name, args);

async function main(command: string | undefined, argv: readonly string[]): Promise<number> {
  if (command === undefined || command === 'help' || command === '--help' || command === '-h') {
    process.stdout.write(overview());
    return command === undefined ? 2 : 0;
  }
  if (command === '--version' || command === 'version') {
    const { version } = await import('./version.ts');
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    process.stderr.write(`error: unknown command "${command}"; bpfjit help lists them\n`);
    return 2;
  }
  const row = COMMANDS[command as CommandName];
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`usage: bpfjit ${row.usage}\n\n${row.summary}\n`);
    return 0;
  }
  // A reader that went away (head, less) is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    return await (await row.load())(argv);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`error: ${error.message}\nusage: bpfjit ${row.usage}\n`);
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

function overview(): string {
  const rows = Object.values(COMMANDS).map((row) => `  bpfjit ${row.usage}\n      ${row.summary}\n`);
  return `bpfjit: load, run, compile and inspect eBPF programs\n\n${rows.join('')}\nFILE is an ELF object, raw bytecode (.bin), assembly text, or - for standard input.\n`;
}
