// bpfjit help, bpfjit help COMMAND.
import { COMMANDS, type CommandName, type CommandRow } from './commands.ts';
import type { OptionTable } from './usage.ts';

const COLUMNS = 100;
const FILE_KINDS = 'FILE is an ELF object from clang, bytecode (.bin), assembly text, or - for standard input.\n';

export function overview(): string {
  const names = Object.keys(COMMANDS) as CommandName[];
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => wrapped(`  ${name.padEnd(width)}  `, COMMANDS[name].summary));
  return [
    'bpfjit: load, run, compile and inspect eBPF programs, without a kernel\n\n',
    ...rows,
    `\n${FILE_KINDS}`,
    'bpfjit help COMMAND (or bpfjit COMMAND --help) has the options, and examples.\n',
    'Exit status 0: it ran; 1: the program or the input was refused or stopped; 2: wrong usage.\n',
  ].join('');
}

export async function commandHelp(name: string, row: CommandRow): Promise<string> {
  const { options } = await row.load();
  const flags = Object.entries(options).map(([long, option]) => [flagText(long, option), option.help] as const);
  const width = Math.max(...flags.map(([flag]) => flag.length));
  return [
    `${usageOf(name, row)}\n\n`,
    wrapped('', sentence(row.summary)),
    ...(row.more === undefined ? [] : [wrapped('', row.more)]),
    ...(row.takes.startsWith('FILE') && !row.takes.startsWith('FILE...') ? [FILE_KINDS] : []),
    '\n',
    ...flags.map(([flag, help]) => wrapped(`  ${flag.padEnd(width)}  `, help)),
    ...(row.examples === undefined ? [] : ['\nexamples\n', ...row.examples.map((example) => `  bpfjit ${example}\n`)]),
  ].join('');
}

/** One line. */
export function usageOf(name: string, { takes }: CommandRow): string {
  return `usage: bpfjit ${name}${takes === '' ? '' : ` ${takes}`} [OPTION]...`;
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

function flagText(long: string, { short, value }: OptionTable[string]): string {
  return `${short === undefined ? '' : `-${short}, `}--${long}${value === undefined ? '' : ` ${value}`}`;
}

/** `text` behind `head`, in lines of COLUMNS, the later ones indented as far as the head is long. */
function wrapped(head: string, text: string): string {
  const lines: string[] = [];
  let line = head;
  for (const word of text.split(' ')) {
    const isFirst = line.length === head.length;
    if (!isFirst && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `${' '.repeat(head.length)}${word}`;
    } else line += `${isFirst ? '' : ' '}${word}`;
  }
  return `${[...lines, line].join('\n')}\n`;
}
