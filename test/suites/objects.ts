// Every object of a folder, loaded as `load` does: `npm run objects -- [DIR] [--only PART] [--refused]`. A table of objects with the programs
// that can be run and the reasons why the others cannot; then the reasons by number. `--refused` leaves out what loads whole. Exit
// status 1 where anything but a typed error comes out.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import '../../src/runtime/engines/engines.ts';
import { isElf } from '../../src/elf/read.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import { BpfError, printPosition } from '../../src/util/error.ts';
import { corpus } from '../support/corpora.ts';

const { values, positionals } = parseArgs({
  options: { only: { type: 'string' }, refused: { type: 'boolean' } },
  allowPositionals: true,
});
const root = positionals[0] ?? corpus('objects');
if (root === undefined) {
  process.stderr.write('skipped: ../shared/corpora/objects is absent; give a folder\n');
  process.exit(0);
}

function* filesUnder(path: string): Generator<string> {
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* filesUnder(join(path, name));
}

const reasons = new Map<string, number>();
const total = { objects: 0, whole: 0, partly: 0, refused: 0, programs: 0, loaded: 0, crashes: 0 };

/** What a message says without names, so that like ones are counted together. */
function reasonOf({ code, message }: BpfError): string {
  return `${code}: ${message.replace(/^map \S+?:/, 'map:').replace(/; supply it as .*$/, '')}`;
}

function lineOf(error: BpfError): string {
  return `${printPosition(error.position)}: ${error.message} [${error.code}]`;
}

function refuse(error: unknown): string {
  if (!(error instanceof BpfError)) {
    total.crashes++;
    return `CRASH: ${error instanceof Error ? error.stack : String(error)}`;
  }
  reasons.set(reasonOf(error), (reasons.get(reasonOf(error)) ?? 0) + 1);
  return lineOf(error);
}

function report(name: string, bytes: Uint8Array): string {
  const started = performance.now();
  try {
    const object = loadBytes(bytes, { path: name });
    const loaded = Object.keys(object.programs).length;
    const refused = Object.values(object.refused);
    total.loaded += loaded;
    total.programs += loaded + refused.length;
    total[refused.length === 0 ? 'whole' : 'partly']++;
    object.dispose();
    const lines = refused.map((error) => `\n    ${refuse(error)}`).join('');
    if (values.refused === true && refused.length === 0) return '';
    const milliseconds = (performance.now() - started).toFixed(0);
    return `${name}: ${loaded} of ${loaded + refused.length} programs, ${Object.keys(object.maps).length} maps, ${milliseconds} ms${lines}\n`;
  } catch (error) {
    total.refused++;
    return `${name}: refused: ${refuse(error)}\n`;
  }
}

for (const path of filesUnder(root)) {
  const name = relative(root, path) || path;
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const bytes = new Uint8Array(readFileSync(path));
  if (!isElf(bytes)) continue;
  total.objects++;
  process.stdout.write(report(name, bytes));
}
process.stdout.write('\nrefused, by reason:\n');
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1])) process.stdout.write(`${String(count).padStart(5)}  ${reason}\n`);
process.stdout.write(
  `\n${total.objects} objects: ${total.whole} load whole, ${total.partly} in part, ${total.refused} are refused; ${total.loaded} of ${total.programs} programs\n`,
);
if (total.crashes > 0) process.exitCode = 1;
