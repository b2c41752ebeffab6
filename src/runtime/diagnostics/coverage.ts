// Which lines, functions and branches of C a test suite has run: filled by the interpreter, from any number of objects and runs.
import type { Counters } from '../../interpreter/machine.ts';
import { type Lcov, printLcov, type Summary, summaryOf } from '../../lcov/lcov.ts';
import type { Program } from '../../program/program.ts';
import { BpfError } from '../../util/error.ts';
import { addCounts } from './line-counts.ts';

/** Gives the path under which a source file, named as the compiler did, is reported; `object`: what names it. */
export type SourceNames = (file: string, object: string) => string;

interface Covered {
  readonly object: string;
  readonly program: Program;
  readonly counters: Counters;
}

/**
 * Counts of lines, functions and branches of C source over any number of objects and runs, for the option `coverage` of `load`. Programs
 * run on the interpreter then; `lcov` gives what was counted.
 */
export class Coverage {
  /** By program name: an object that is loaded again adds to the same counters. */
  readonly #covered = new Map<string, Covered[]>();
  readonly #counters = new WeakMap<Program, Counters>();
  readonly #isStrict: boolean;
  /** Told after each run that has counted. */
  onRun: (() => void) | undefined;

  /** `strict: false`: objects without lines of source are left out instead of refused. */
  constructor(options: { readonly strict?: boolean } = {}) {
    this.#isStrict = options.strict ?? true;
  }

  /**
   * Counts these programs from now on; what is never run counts as found and not hit. Throws BpfError runtime/no-line-info where
   * none has lines of source. `object`: its path.
   */
  add(programs: readonly Program[], object: string): void {
    if (this.#isStrict && programs.length > 0 && !programs.some(hasLines)) {
      const message = 'no line information, so there is nothing to count: compile with -g';
      throw new BpfError('runtime/no-line-info', { in: 'file', path: object }, message);
    }
    for (const program of programs) if (hasLines(program)) this.#add(program, object);
  }

  #add(program: Program, object: string): void {
    const known = this.#covered.get(program.name) ?? [];
    this.#covered.set(program.name, known);
    let found = known.find((one) => isSame(one.program, program));
    if (found === undefined) {
      const { slots } = program.code;
      found = { object, program, counters: { hits: new Float64Array(slots), taken: new Float64Array(slots) } };
      known.push(found);
    }
    this.#counters.set(program, found.counters);
  }

  /** Undefined: the program has no lines. */
  countersOf(program: Program): Counters | undefined {
    return this.#counters.get(program);
  }

  /** By source file. `names`: default is the compiler's name, without `./` and `x/../`. */
  counts(names: SourceNames = plainName): Lcov {
    const lcov: Lcov = new Map();
    for (const { object, program, counters } of [...this.#covered.values()].flat()) {
      addCounts(lcov, program, counters, (file) => names(file, object));
    }
    return lcov;
  }

  /** As text in lcov's format. */
  lcov(names?: SourceNames): string {
    return printLcov(this.counts(names));
  }

  summary(): Summary {
    return summaryOf(this.counts());
  }
}

function hasLines({ lines }: Program): boolean {
  return lines.some(({ line }) => line !== 0);
}

function isSame(a: Program, b: Program): boolean {
  if (a.bytes.length !== b.bytes.length || a.lines.length !== b.lines.length) return false;
  if (!a.bytes.every((byte, i) => byte === b.bytes[i])) return false;
  return a.lines.every(({ slot, line, file }, i) => slot === b.lines[i]!.slot && line === b.lines[i]!.line && file === b.lines[i]!.file);
}

/** `/a/./b/../c.c` is /a/c.c. */
export function plainName(file: string): string {
  const parts: string[] = [];
  for (const part of file.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue;
    const last = parts.at(-1);
    if (part === '..' && last !== undefined && last !== '..' && last !== '') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}
