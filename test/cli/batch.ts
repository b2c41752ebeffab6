// Runs the command line once for every list of arguments on standard input (JSON), all in this process; prints what came of each.
import { readFileSync, writeSync } from 'node:fs';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = new URL('../../src/cli/main.js', import.meta.url);
const written = { stdout: '', stderr: '' };
const streams = ['stdout', 'stderr'] as const;
for (const name of streams) {
  process[name].write = ((text: string | Uint8Array) => {
    written[name] += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    return true;
  }) as typeof process.stdout.write;
}

const results: Ran[] = [];
for (const args of JSON.parse(readFileSync(0, 'utf8')) as string[][]) {
  for (const name of streams) written[name] = '';
  process.argv.splice(1, process.argv.length, main.pathname, ...args);
  process.exitCode = undefined;
  // The main module anew.
  await import(`${main.href}?${results.length}`);
  results.push({ status: Number(process.exitCode), ...written });
  process.stdout.removeAllListeners('error');
}
process.exitCode = 0;
writeSync(1, JSON.stringify(results));
