// bpfjit conformance: runs files of bpf_conformance on an engine and counts what they say.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type DataFile, parseDataFile } from '../asm/data-file.ts';
import { KIND } from '../isa/code.ts';
import { encodingAt } from '../isa/codec.ts';
import type { Group } from '../isa/opcodes.ts';
import { createProgram, type Program } from '../program/program.ts';
import { engineByName } from '../runtime/engines/engines.ts';
import { RawMachine } from '../runtime/object/raw.ts';
import { BpfError, printPosition } from '../util/error.ts';
import { BpfStopped } from '../util/stopped.ts';
import { PLACE } from '../window/window.ts';
import { CONFORMANCE_FUEL, CONFORMANCE_HELPERS } from './conformance-helpers.ts';
import { openEngines } from './engines.ts';
import { ENGINE, JSON_OUTPUT } from './options.ts';
import { Progress } from './progress.ts';
import { type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  engine: { ...ENGINE, help: `${ENGINE.help}. Default: interpreter` },
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

export type ConformanceOutcome = 'passed' | 'failed' | 'skipped';

export interface ConformanceResult {
  readonly file: string;
  readonly outcome: ConformanceOutcome;
  /** What was expected and what came; empty where the result was as expected. */
  readonly why: string;
}

interface Checked extends ConformanceResult {
  /** Conformance groups [RFC9669 2.4] that the program needs. */
  readonly groups: ReadonlySet<Group>;
}

/** In the suite's folder of that name, files that assembler or loader must refuse: refusing them is what passes. */
const NEGATIVE = 'negative';
const MAX_MEMORY = PLACE.packetEnd - PLACE.packet;

export async function conformance(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: Infinity });
  const { name, host } = await openEngines(values.engine ?? 'interpreter');
  const paths = files.flatMap(dataFiles);
  if (paths.length === 0) throw new UsageError(`no .data file in ${files.join(', ')}`);
  const machine = new RawMachine(engineByName(name, host), { helpers: CONFORMANCE_HELPERS, host });
  const progress = new Progress('files', paths.length);
  const results = paths.map((file) => {
    progress.step();
    return checkFile(machine, file);
  });
  progress.end();
  const count = (wanted: ConformanceOutcome): number => results.filter(({ outcome }) => outcome === wanted).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  if (values.json === true) {
    const rows = results.map(({ file, outcome, why }) => ({ file, outcome, why }));
    process.stdout.write(`${JSON.stringify({ engine: machine.engine, ...counts, results: rows }, undefined, 2)}\n`);
  } else process.stdout.write(printResults(machine.engine, counts, results));
  return counts.failed === 0 ? 0 : 1;
}

/** A folder stands for its `.data` files, and those of the folders in it. */
function dataFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const here = names.filter((entry) => entry.isFile() && entry.name.endsWith('.data')).map(({ name }) => join(path, name));
  return [...here, ...names.filter((entry) => entry.isDirectory()).flatMap(({ name }) => dataFiles(join(path, name)))];
}

export function checkFile(machine: RawMachine, path: string): Checked {
  const groups = new Set<Group>();
  const outcome = (kind: ConformanceOutcome, why = ''): Checked => ({ file: path, outcome: kind, why, groups });
  const mustBeRefused = basename(dirname(path)) === NEGATIVE;
  let data: DataFile;
  let program: Program;
  try {
    data = parseDataFile(readFileSync(path, 'utf8'), path);
    if (data.sections.length === 0) return outcome('failed', 'the file has no sections');
    const { bytes, lines, subprograms } = data.program();
    program = createProgram({ name: basename(path), bytes, lines, subprograms });
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const isExpected = mustBeRefused || expectsError(path);
    return outcome(isExpected ? 'passed' : 'failed', `refused: ${printPosition(error.position)}: ${error.message} [${error.code}]`);
  }
  for (const group of groupsOf(program)) groups.add(group);
  if (data.error === '') return outcome('failed', 'accepted, should have been refused');
  try {
    const r0 = runProgram(machine, program, data.memory);
    if (data.error !== undefined) return outcome('failed', `0x${r0.toString(16)}, expected the error "${data.error}"`);
    if (data.result === undefined) return outcome('skipped', 'the file says no result');
    return r0 === data.result ? outcome('passed') : outcome('failed', `0x${r0.toString(16)}, expected 0x${data.result.toString(16)}`);
  } catch (error) {
    if (error instanceof BpfStopped) return outcome(data.error === undefined ? 'failed' : 'passed', `stopped: ${error.headline}`);
    if (error instanceof BpfError) return outcome('failed', `${error.message} [${error.code}]`);
    throw error;
  }
}

/** Of files that cannot be read otherwise. */
function expectsError(path: string): boolean {
  return /^--\s*error\b/m.test(readFileSync(path, 'utf8'));
}

/** R1 = memory, R2 = its length, as the suite has it. Throws BpfError, BpfStopped. */
export function runProgram(machine: RawMachine, program: Program, memory: Uint8Array): bigint {
  if (memory.length > MAX_MEMORY) {
    throw new BpfError('cli/memory-too-large', { in: 'program', program: program.name }, `${memory.length} bytes, at most ${MAX_MEMORY}`);
  }
  const region = machine.regions.add({ name: 'the memory', start: PLACE.packet, end: PLACE.packet + memory.length });
  try {
    machine.window.write(PLACE.packet, memory);
    const packet = { pointer: PLACE.packet, length: memory.length };
    // The suite has r1 = 0 where a test has no memory.
    const r1 = memory.length === 0 ? 0 : PLACE.packet;
    return machine.load(program).run({ r1, r2: memory.length, fuel: CONFORMANCE_FUEL, packet });
  } finally {
    machine.regions.remove(region);
  }
}

function groupsOf({ code }: Program): Set<Group> {
  const groups = new Set<Group>();
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] !== KIND.second) groups.add(encodingAt(code, slot).group);
  }
  return groups;
}

function printResults(engine: string, counts: Readonly<Record<ConformanceOutcome, number>>, results: readonly Checked[]): string {
  const lines = results.filter(({ outcome }) => outcome !== 'passed').map(({ file, outcome, why }) => `${outcome}: ${file}: ${why}`);
  const groups = [...new Set(results.flatMap((result) => [...result.groups]))].sort();
  lines.push('', 'group       passed  of');
  for (const group of groups) {
    const needing = results.filter((result) => result.groups.has(group));
    const passed = needing.filter(({ outcome }) => outcome === 'passed').length;
    lines.push(`${group.padEnd(10)}  ${String(passed).padStart(6)}  ${needing.length}`);
  }
  lines.push('', `${engine}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return `${lines.join('\n').trimStart()}\n`;
}
