// What `run` can watch: every instruction (--trace), and which lines are run (--coverage). Both need the interpreter.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { TraceHook } from '../interpreter/machine.ts';
import type { Coverage } from '../runtime/diagnostics/coverage.ts';
import type { Tracer } from '../runtime/diagnostics/trace.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import type { FlagOption, StringOption } from './options.ts';
import { count, UsageError } from './usage.ts';

export const WATCH_OPTIONS: {
  readonly trace: FlagOption;
  readonly 'trace-out': StringOption;
  readonly 'trace-limit': StringOption;
  readonly coverage: StringOption;
} = {
  trace: { type: 'boolean', help: 'show each instruction with what it did, between the lines of C (interpreter)' },
  'trace-out': { type: 'string', value: 'FILE', help: 'the trace to a file' },
  'trace-limit': { type: 'string', value: 'N', help: 'instructions that a trace shows, default 10000; the rest is counted' },
  coverage: {
    ...{ type: 'string', value: 'FILE' },
    help: 'count lines, functions and branches of C; added to FILE in the format of lcov (interpreter)',
  },
};

export interface Watched {
  readonly engine?: string | undefined;
  readonly json?: boolean | undefined;
  readonly coverage?: string | undefined;
  readonly trace?: boolean | undefined;
  readonly 'trace-out'?: string | undefined;
  readonly 'trace-limit'?: string | undefined;
}

/** The engine that must run; undefined: any. */
export function watchedEngine(values: Watched): 'interpreter' | undefined {
  const traces = values.trace === true || values['trace-out'] !== undefined;
  if (!traces && values['trace-limit'] !== undefined) throw new UsageError('--trace-limit goes with --trace or --trace-out');
  if (!traces && values.coverage === undefined) return undefined;
  const { engine = 'interpreter' } = values;
  if (engine !== 'interpreter' && engine !== 'auto')
    throw new UsageError(`--${traces ? 'trace' : 'coverage'} needs the interpreter, not --engine ${engine}`);
  return 'interpreter';
}

/** Buffered; `-` is standard output. */
export class TraceOutput {
  readonly #tracer: Tracer;
  readonly #limit: number;
  readonly #file: number | undefined;
  readonly #stream: NodeJS.WritableStream;
  #text = '';
  #heading: string | undefined;
  #isOpen = true;

  constructor(path: string | undefined, isJson: boolean, limit: number, tracer: (write: (line: string) => void) => Tracer) {
    this.#limit = limit;
    this.#stream = isJson ? process.stderr : process.stdout;
    this.#file = path === undefined || path === '-' ? undefined : openSync(path, 'w');
    this.#tracer = tracer((line) => this.#line(line));
  }

  get hook(): TraceHook {
    return this.#tracer.hook;
  }

  /** Stands before the next run, if anything of that is shown. */
  heading(text: string): void {
    this.#heading = text;
  }

  #line(text: string): void {
    if (this.#heading !== undefined) this.#text += `${this.#heading}\n`;
    this.#heading = undefined;
    this.#text += `${text}\n`;
    if (this.#text.length > 1 << 16) this.#flush();
  }

  #flush(): void {
    if (this.#file === undefined) this.#stream.write(this.#text);
    else writeSync(this.#file, this.#text);
    this.#text = '';
  }

  /** A run is over. */
  next(stopped = false): void {
    this.#tracer.end(stopped);
  }

  close(stopped = false): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#tracer.end(stopped);
    this.#heading = undefined;
    const { omitted } = this.#tracer;
    if (omitted > 0) this.#line(`... and ${omitted} more instructions; --trace-limit ${this.#limit + omitted} shows them all`);
    this.#flush();
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

export async function openTrace(values: Watched, object: LoadedObject): Promise<TraceOutput | undefined> {
  const path = values['trace-out'];
  if (values.trace !== true && path === undefined) return undefined;
  const [{ DEFAULT_TRACE_LIMIT, Tracer }, { plainName }, { findSource, shownPath }] = await Promise.all([
    import('../runtime/diagnostics/trace.ts'),
    import('../runtime/diagnostics/coverage.ts'),
    import('../files/sources.ts'),
  ]);
  const limit = values['trace-limit'] === undefined ? DEFAULT_TRACE_LIMIT : count('trace-limit', values['trace-limit'], 1);
  const sourceName = (file: string): string => shownPath(findSource(file, object.name) ?? plainName(file));
  return new TraceOutput(path, values.json === true, limit, (write) => new Tracer(object, write, { limit, sourceName }));
}

export interface CoverageOutput {
  readonly counts: Coverage;
  /** Adds what was counted to the file. */
  write(): void;
}

/** Its modules are loaded only where they are wanted. */
export async function openCoverage({ coverage: path }: Watched): Promise<CoverageOutput | undefined> {
  if (path === undefined) return undefined;
  const [{ Coverage }, { existingCounts, writeCoverage }] = await Promise.all([
    import('../runtime/diagnostics/coverage.ts'),
    import('../files/coverage.ts'),
  ]);
  // Before a long run, not after it.
  existingCounts(path);
  const counts = new Coverage();
  return { counts, write: () => writeCoverage(counts, path) };
}
