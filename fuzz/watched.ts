// Damaged objects under trace and coverage: what is told of them is told, whatever they are.
import { parseLcov, printLcov, summaryOf } from '../src/lcov/lcov.ts';
import { Coverage } from '../src/runtime/diagnostics/coverage.ts';
import { Tracer } from '../src/runtime/diagnostics/trace.ts';
import { loadBytes } from '../src/runtime/object/load.ts';
import { BpfStopped } from '../src/util/stopped.ts';

/** Of the lcov kind. */
export const LCOV_SEEDS: readonly string[] = [
  'TN:\nSF:/src/a.c\nFN:3,f\nFNDA:2,f\nFNF:1\nFNH:1\nBRDA:4,1,0,-\nBRDA:4,1,1,3\nBRF:2\nBRH:1\nDA:3,2\nDA:4,0\nLF:2\nLH:1\nend_of_record\n',
  'SF:b.js\nFN:1,9,g\nFNDA:1,g\nFNL:0,5,7\nFNA:0,4,h\nDA:1,2,abc==\nBRDA:1,0,if a,0\nend_of_record\nSF:c.js\nDA:1,1\nend_of_record\n',
];

const FUEL = 20_000;
const TRACED = 2_000;

/** Runs the first `limit` programs; gives how many. Throws BpfError where the object is refused. */
export function takeWatched(bytes: Uint8Array, packet: Uint8Array, limit = 8): number {
  const coverage = new Coverage({ strict: false });
  const object = loadBytes(bytes, { path: 'fuzz.o', coverage, fuel: FUEL, timeoutMs: 1000, clock: 0n });
  try {
    const programs = Object.values(object.programs).slice(0, limit);
    for (const program of programs) {
      const tracer = new Tracer(object, () => undefined, { limit: TRACED });
      try {
        program.run({ packet, trace: tracer.hook });
        tracer.end();
      } catch (error) {
        tracer.end(true);
        if (!(error instanceof BpfStopped)) throw error;
        if (error.frames[0]?.slot !== error.slot) throw new Error(`frames of another stop: ${error.message}`);
        // What stands in for a refused program has no lines; its caller has.
        const own = error.frames.find((frame) => frame.program === program.name);
        const hasLine = own === undefined || own.source !== undefined;
        if (!hasLine && program.program.lines.length > 0) throw new Error(`a stop without its line: ${error.message}`);
      }
    }
    takeLcov(coverage.lcov());
    return programs.length;
  } finally {
    object.dispose();
  }
}

/** What was written reads back as the same. */
export function takeLcov(text: string): void {
  const lcov = parseLcov(text, 'fuzz.info');
  const printed = printLcov(lcov);
  const again = parseLcov(printed, 'fuzz.info');
  if (printLcov(again) !== printed) throw new Error(`printed twice, it differs:\n${printed}`);
  const { lines, functions, branches } = summaryOf(lcov);
  if ([lines, functions, branches].some(({ found, hit }) => hit > found)) throw new Error('more is hit than found');
}
