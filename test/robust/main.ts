// npm run robust -- [--flips N] [--multi N] [--step N]: the example cut off at every byte, and damaged at random, on all engines.
import { parseArgs } from 'node:util';
import { objectBytes } from '../object/support.ts';
import { newTally, type Tally } from './outcome.ts';
import { flipSweep, truncationSweep } from './sweep.ts';

const { values } = parseArgs({
  options: {
    flips: { type: 'string', default: '10000' },
    multi: { type: 'string', default: '1000' },
    step: { type: 'string', default: '1' },
  },
});
const bytes = objectBytes('xdp_counter.o');

function report(what: string, act: (tally: Tally) => void): void {
  const tally = newTally();
  const started = performance.now();
  const before = process.memoryUsage().rss;
  act(tally);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const grown = ((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0);
  const { refused, loaded, ended, stopped, loose, undefinedReads, findings } = tally;
  for (const finding of findings.slice(0, 10)) console.log(`FINDING ${finding}\n`);
  if (findings.length > 0) process.exitCode = 1;
  console.log(
    `${what}: ${refused} refused, ${loaded} loaded; programs: ${ended} ended, ${stopped} stopped (${loose} where only the interpreter stops), ${undefinedReads} read what calls leave undefined; ${seconds} s, ${grown} MiB more; ${findings.length} findings`,
  );
}

report(`cut off at every ${values.step} bytes`, (tally) => truncationSweep(bytes, Number(values.step), tally));
report(`${values.flips} with one damaged byte`, (tally) => flipSweep(bytes, 1, Number(values.flips), 1, tally));
report(`${values.multi} with up to 8 damaged bytes`, (tally) => flipSweep(bytes, 2, Number(values.multi), 8, tally));
