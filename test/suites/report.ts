// What the suites' commands have in common: arguments, engines, counts.
import { parseArgs } from 'node:util';
import { openEngines } from '../../src/cli/engines.ts';
import type { Engine } from '../../src/runtime/engines/engine.ts';
import { type EngineName, engineByName } from '../../src/runtime/engines/engines.ts';
import type { Host } from '../../src/runtime/engines/host.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus } from '../support/corpora.ts';

/** Every engine that this machine may be able to run. */
const ENGINES: readonly EngineName[] = process.arch === 'arm64' ? ['interpreter', 'arm64'] : ['interpreter', 'arm64-sim', 'x64'];

export interface OpenedEngine {
  readonly engine: Engine;
  /** Undefined where the engine needs none. */
  readonly host: Host | undefined;
}

export interface SuiteArguments {
  readonly path: string;
  readonly engines: readonly OpenedEngine[];
}

/** `[PATH] [--engine E]...`: default the corpus, every engine that this host can run. */
export async function suiteArguments(defaultPath: string): Promise<SuiteArguments> {
  const { values, positionals } = parseArgs({ options: { engine: { type: 'string', multiple: true } }, allowPositionals: true });
  const path = positionals[0] ?? corpus(defaultPath);
  if (path === undefined) {
    process.stderr.write(`skipped: ../shared/corpora/${defaultPath} is absent; give a PATH\n`);
    process.exit(0);
  }
  const engines: OpenedEngine[] = [];
  for (const name of values.engine ?? ENGINES) {
    try {
      const opened = await openEngines(name);
      engines.push({ engine: engineByName(opened.name, opened.host), host: opened.host });
    } catch (error) {
      if (values.engine !== undefined || !(error instanceof BpfError)) throw error;
      process.stdout.write(`${name}: not here: ${error.message}\n`);
    }
  }
  return { path, engines };
}

/** Counts of one engine, by what was asked. */
export class Report {
  readonly engine: string;
  readonly #counts = new Map<string, { right: number; of: number }>();
  #failures = 0;
  #lacks = 0;
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

  /** What cannot be asked: the runtime has no such map or helper. */
  lack(name: string, why: string): void {
    this.#lacks++;
    process.stdout.write(`${this.engine}: not run: ${name}: ${why}\n`);
  }

  get failures(): number {
    return this.#failures;
  }

  print(milliseconds: number): void {
    const parts = [...this.#counts].map(([what, { right, of }]) => `${what} ${right} of ${of}`);
    if (this.#lacks > 0) parts.push(`not run ${this.#lacks}`);
    process.stdout.write(`${this.engine}: ${parts.join(', ')} (${(milliseconds / 1000).toFixed(1)} s)\n`);
  }
}

/** Runs `check` on each engine; exit status 1 where anything was wrong. */
export function runSuite(engines: readonly OpenedEngine[], check: (engine: OpenedEngine, report: Report) => void): void {
  for (const engine of engines) {
    const report = new Report(engine.engine.name);
    const start = performance.now();
    check(engine, report);
    report.print(performance.now() - start);
    if (report.failures > 0) process.exitCode = 1;
  }
}
