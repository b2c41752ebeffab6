// What the suites' commands have in common: arguments, engines, counts.
import { parseArgs } from 'node:util';
import { openRawMachine, RAW_ENGINES, type RawMachine, rawEngine } from '../../src/runtime/raw.ts';
import { corpus } from '../support/corpora.ts';

export interface SuiteArguments {
  readonly path: string;
  readonly machines: readonly RawMachine[];
}

/** `[PATH] [--engine E]...`: default the corpus, every engine that this host can run. */
export async function suiteArguments(defaultPath: string): Promise<SuiteArguments> {
  const { values, positionals } = parseArgs({ options: { engine: { type: 'string', multiple: true } }, allowPositionals: true });
  const path = positionals[0] ?? corpus(defaultPath);
  if (path === undefined) {
    process.stderr.write(`skipped: ../shared/corpora/${defaultPath} is absent; give a PATH\n`);
    process.exit(0);
  }
  const machines: RawMachine[] = [];
  for (const engine of values.engine?.map(rawEngine) ?? RAW_ENGINES) {
    try {
      machines.push(await openRawMachine(engine));
    } catch (error) {
      if (values.engine !== undefined) throw error;
      process.stdout.write(`${engine}: not here: ${(error as Error).message}\n`);
    }
  }
  return { path, machines };
}

/** Counts of one engine, by what was asked. */
export class Report {
  readonly engine: string;
  readonly #counts = new Map<string, { right: number; of: number }>();
  #failures = 0;
  static readonly #SHOWN = 40;

  constructor(engine: string) {
    this.engine = engine;
  }

  /** `wrong`: undefined where it was right. */
  count(what: string, name: string, wrong: string | undefined): void {
    const row = this.#counts.get(what) ?? { right: 0, of: 0 };
    this.#counts.set(what, { right: row.right + (wrong === undefined ? 1 : 0), of: row.of + 1 });
    if (wrong === undefined) return;
    this.#failures++;
    if (this.#failures <= Report.#SHOWN) process.stdout.write(`${this.engine}: ${what}: ${name}: ${wrong}\n`);
  }

  get failures(): number {
    return this.#failures;
  }

  print(milliseconds: number): void {
    const parts = [...this.#counts].map(([what, { right, of }]) => `${what} ${right} of ${of}`);
    process.stdout.write(`${this.engine}: ${parts.join(', ')} (${(milliseconds / 1000).toFixed(1)} s)\n`);
  }
}

/** Runs `check` on each engine; exit status 1 where anything was wrong. */
export function runSuite(machines: readonly RawMachine[], check: (machine: RawMachine, report: Report) => void): void {
  for (const machine of machines) {
    const report = new Report(machine.engine);
    const start = performance.now();
    check(machine, report);
    report.print(performance.now() - start);
    if (report.failures > 0) process.exitCode = 1;
  }
}
