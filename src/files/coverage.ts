// Coverage in files: written, added to what is there, gathered from a whole test suite by an environment variable.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers';
import { threadId } from 'node:worker_threads';
import { type Lcov, mergeLcov, parseLcov, printLcov } from '../lcov/lcov.ts';
import { Coverage, plainName } from '../runtime/diagnostics/coverage.ts';
import { findSource } from './sources.ts';

/** A folder: each process that loads objects while it is set leaves a file of its own there, as NODE_V8_COVERAGE does. */
export const COVERAGE_VARIABLE = 'BPFJIT_COVERAGE';

/** Source files by their paths on this machine where they are found, else by the compiler's names. */
export function countsWithPaths(coverage: Coverage): Lcov {
  return coverage.counts((file, object) => findSource(file, object) ?? plainName(file));
}

/** What the file at `path` has, empty where there is none; makes its folder. Throws BpfError lcov/syntax where it is something else. */
export function existingCounts(path: string): Lcov {
  mkdirSync(dirname(path), { recursive: true });
  return existsSync(path) ? parseLcov(readFileSync(path, 'utf8'), path) : new Map();
}

/**
 * Writes what was counted to `path` in lcov's format. Where the file exists its counts are added: runs of a suite one after the other
 * may share a file, runs at the same time may not. Throws BpfError lcov/syntax where the file is something else.
 */
export function writeCoverage(coverage: Coverage, path: string): void {
  const counts = existingCounts(path);
  mergeLcov(counts, countsWithPaths(coverage));
  replaceFile(path, printLcov(counts));
}

/** Whoever reads the file meanwhile finds a whole one. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.part`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

/** As part of the time that running takes: what keeping the file up to date may take. */
const WRITING_SHARE = 1 / 5;

let gathered: Coverage | undefined;

/**
 * What the environment variable asks for: all objects of this thread count in it. Its file is written when the thread ends, and whenever
 * it comes to rest after a run: test runners terminate their workers.
 */
export function gatheredCoverage(): Coverage | undefined {
  const folder = process.env[COVERAGE_VARIABLE];
  if (folder === undefined || folder === '') return undefined;
  if (gathered === undefined) {
    gathered = new Coverage({ strict: false });
    keepWritten(gathered, join(folder, `${process.pid}-${threadId}-${Date.now().toString(36)}.info`));
  }
  return gathered;
}

function keepWritten(coverage: Coverage, path: string): void {
  let isDue = false;
  let pauseMs = 0;
  const write = (): void => {
    isDue = false;
    const started = performance.now();
    const counts = countsWithPaths(coverage);
    mkdirSync(dirname(path), { recursive: true });
    if (counts.size > 0) replaceFile(path, printLcov(counts));
    pauseMs = (performance.now() - started) / WRITING_SHARE;
  };
  coverage.onRun = () => {
    if (isDue) return;
    isDue = true;
    if (pauseMs === 0) setImmediate(write);
    else setTimeout(write, pauseMs).unref();
  };
  // Objects that were never run count too.
  process.on('exit', write);
}
