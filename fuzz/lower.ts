// Differential fuzzing of the lowerings on memory-heavy code: every engine of this host against the interpreter.
//
//   npm run fuzz-lower -- [--seconds N | --count N] [--seed S]
import { parseArgs } from 'node:util';
import { parse } from '../src/asm/parse.ts';
import { createProgram } from '../src/program/program.ts';
import { ENGINES, type Outcome } from '../test/support/engines.ts';
import { MEMORY, pointerProgram } from './pointers.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, count: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const first = Number(values.seed);
const limit = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
const seconds = values.count === undefined ? Number(values.seconds ?? 10) : Number.POSITIVE_INFINITY;
const engines = ENGINES.filter(({ missing }) => missing === undefined);
const memory = Uint8Array.from({ length: MEMORY }, (_, i) => (i * 37) & 0xff);
const started = performance.now();

let count = 0;
let failed = 0;
let strayed = 0;
for (; count < limit && failed < 5 && performance.now() - started < seconds * 1000; count++) {
  const text = pointerProgram(first + count);
  const why = difference(text);
  if (why === undefined) continue;
  failed++;
  console.log(`# seed ${first + count}\n${why}\n-- asm\n${smaller(text)}\n`);
}
console.log(`seeds ${first} to ${first + count - 1}: ${strayed} strayed from their memory`);
console.log(`${count - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function difference(text: string): string | undefined {
  const program = createProgram({ name: 'fuzz', bytes: parse(text).bytes });
  let expected: string | undefined;
  for (const engine of engines) {
    let outcome: string;
    try {
      outcome = describe(engine.run(program, memory, 100_000));
    } catch (error) {
      outcome = `threw ${(error as Error).stack}`;
    }
    expected ??= outcome;
    // Only the interpreter sees an access that is inside the window but in no live region [DESIGN 2.2]: nothing to compare.
    if (expected.startsWith('stop fault')) {
      strayed++;
      return undefined;
    }
    if (outcome !== expected) return `# interpreter: ${expected.slice(0, 100)}\n# ${engine.name}: ${outcome.slice(0, 300)}`;
  }
  return undefined;
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'stop') return `stop ${outcome.reason} ${outcome.slot}`;
  return `exit 0x${outcome.r0.toString(16)} fuel ${outcome.fuelLeft} memory ${Buffer.from(outcome.memory).toString('hex')}`;
}

/** Drops lines while the engines still differ without a stop. */
function smaller(text: string): string {
  let lines = text.split('\n');
  for (let size = lines.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= lines.length; ) {
      const shorter = [...lines.slice(0, at), ...lines.slice(at + size)];
      let why: string | undefined;
      try {
        why = difference(shorter.join('\n'));
      } catch {
        // It does not assemble.
      }
      if (why !== undefined && !why.includes('interpreter: stop')) lines = shorter;
      else at += size;
    }
  }
  return lines.join('\n');
}
