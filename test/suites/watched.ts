// Every object of the corpora under trace and coverage: each stop names its line, what is written reads back, and nothing breaks.
//
//   npm run watched [-- FOLDER]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeWatched } from '../../fuzz/watched.ts';
import '../../src/runtime/engines/engines.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus } from '../support/corpora.ts';

const folder = process.argv[2] ?? corpus('objects');
if (folder === undefined) {
  console.log('skipped: the corpora (../shared/corpora) are absent');
  process.exit(0);
}
/** TCP over IPv4, its payload counting up. */
const packet = Uint8Array.from({ length: 64 }, (_, i) => i);
packet.set([0x08, 0x00, 0x45], 12);
packet[23] = 6;

let objects = 0;
let programs = 0;
let refused = 0;
let wrong = 0;
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!name.endsWith('.o')) continue;
  try {
    programs += takeWatched(readFileSync(join(folder, name)), packet, Number.POSITIVE_INFINITY);
    objects++;
  } catch (error) {
    if (error instanceof BpfError) refused++;
    else {
      wrong++;
      console.error(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}
console.log(`${objects} objects, ${programs} programs traced and counted; ${refused} objects refused, ${wrong} wrong`);
process.exit(wrong === 0 && objects > 0 ? 0 : 1);
