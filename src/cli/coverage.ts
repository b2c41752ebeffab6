// bpfjit coverage: adds up lcov files, writes the sum, prints a table.
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { shownPath } from '../files/sources.ts';
import {
  type FileCounts,
  type Lcov,
  mergeLcov,
  parseLcov,
  printLcov,
  type Share,
  type Summary,
  summaryOf,
  summaryOfFile,
} from '../lcov/lcov.ts';
import { readInput, text, writeOutput } from './files.ts';
import { JSON_OUTPUT } from './options.ts';
import { count, type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  output: { type: 'string', short: 'o', value: 'OUT', help: 'the sum, in the format of lcov: genhtml makes pages of it' },
  min: { type: 'string', value: 'PERCENT', help: 'exit status 1 where fewer lines were run' },
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

export async function coverage(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: Infinity });
  const min = values.min === undefined ? 0 : count('min', values.min);
  if (min > 100) throw new UsageError(`--min takes a percentage, got "${values.min}"`);
  const paths = files.flatMap((path) => infoFiles(path, values.output));
  if (paths.length === 0) throw new UsageError(`no .info file in ${files.join(', ')}`);
  const sum: Lcov = new Map();
  for (const path of paths) mergeLcov(sum, parseLcov(text(readInput(path)), path));
  if (values.output !== undefined) writeOutput(values.output, printLcov(sum));
  const total = summaryOf(sum);
  // What was written to standard output is all that stands there.
  if (values.output !== '-') process.stdout.write(values.json === true ? `${JSON.stringify(asJson(sum, total))}\n` : table(sum, total));
  if (percent(total.lines) >= min) return 0;
  process.stderr.write(`error: ${shareText(total.lines)} of the lines were run, less than ${min}% [cli/too-little-coverage]\n`);
  return 1;
}

/** A folder stands for its .info files, but for the sum that an earlier run has written there. */
function infoFiles(path: string, output: string | undefined): string[] {
  if (path === '-' || !statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith('.info'))
    .sort()
    .map((name) => join(path, name))
    .filter((file) => output === undefined || resolve(file) !== resolve(output));
}

function percent({ found, hit }: Share): number {
  return found === 0 ? 100 : (100 * hit) / found;
}

function shareText(share: Share): string {
  return `${percent(share).toFixed(1)}%`;
}

function asJson(lcov: Lcov, total: Summary): object {
  return { files: [...lcov].map(([file, counts]) => ({ file, ...summaryOfFile(counts), notRun: notRun(counts) })), total };
}

function table(lcov: Lcov, total: Summary): string {
  const rows = [...lcov]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, counts]) => [shownPath(file), ...cells(summaryOfFile(counts)), rangesText(notRun(counts))]);
  const all = [['file', 'lines', 'functions', 'branches', 'lines not run'], ...rows, ['all', ...cells(total), '']];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      `${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : i < 4 ? cell.padStart(widths[i]!) : cell)).join('  ')}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function cells({ lines, functions, branches }: Summary): string[] {
  return [lines, functions, branches].map((share) =>
    share.found === 0 ? '-' : `${share.hit}/${share.found} ${shareText(share).padStart(6)}`,
  );
}

/** Lines that were found and not run, as ranges; a line between two of them that has no code does not part them. */
function notRun({ lines }: FileCounts): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  let isOpen = false;
  for (const [line, times] of [...lines].sort(([a], [b]) => a - b)) {
    if (times > 0) isOpen = false;
    else if (isOpen) ranges.at(-1)![1] = line;
    else {
      ranges.push([line, line]);
      isOpen = true;
    }
  }
  return ranges;
}

const MAX_RANGES = 8;

function rangesText(ranges: readonly (readonly [number, number])[]): string {
  const shown = ranges.slice(0, MAX_RANGES).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return [...shown, ...(ranges.length > MAX_RANGES ? [`and ${ranges.length - MAX_RANGES} more`] : [])].join(', ');
}
