// bpfjit run: a program over nothing, one packet or a capture.

import { type Json, toJson } from '../runtime/object/contents.ts';
import type { LoadedProgram } from '../runtime/object/loaded-program.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import type { RunResult } from '../runtime/object/options.ts';
import { printMaps, toText } from '../runtime/object/tables.ts';
import { toHex } from '../util/bytes.ts';
import { BpfStopped } from '../util/stopped.ts';
import { type Engines, openEngines } from './engines.ts';
import { readInput } from './files.ts';
import { type ContextGiven, contextOf, fillMaps, loadingOf, packetBytes } from './inputs.ts';
import { openObject } from './object.ts';
import { BTF, ENGINE, FUEL, INPUTS, JSON_OUTPUT, LOADING, PACKET, PCAP, PROGRAM } from './options.ts';
import { changesJson, changeText, packetChange } from './packet-text.ts';
import { count, integer, type OptionTable, readArguments, UsageError } from './usage.ts';
import { hexDump } from './values.ts';
import { openCoverage, openTrace, type TraceOutput, WATCH_OPTIONS, watchedEngine } from './watch.ts';

const OPTIONS = {
  program: PROGRAM,
  engine: { ...ENGINE, help: `${ENGINE.help}. Default: interpreter; over a capture auto` },
  packet: PACKET,
  pcap: PCAP,
  out: {
    type: 'string',
    value: 'OUT',
    help: 'with --pcap: packets that pass, as the program left them, to a capture (OUT.pcapng: pcapng)',
  },
  ...LOADING,
  ...INPUTS,
  maps: { type: 'boolean', help: 'show maps and global variables after the run' },
  repeat: { type: 'string', default: '1', value: 'N', help: 'run so many times, and say how long a run takes' },
  clock: {
    type: 'string',
    value: 'NS|capture',
    help: 'the clock stands at NS nanoseconds, or follows the times of the capture; default: it runs',
  },
  fuel: FUEL,
  timeout: { type: 'string', value: 'MS', help: 'milliseconds until a run is stopped' },
  listing: { type: 'boolean', help: 'show the machine code that was run (engines that compile)' },
  expect: { type: 'string', value: 'VERDICT', help: 'exit status 1 where the verdict (XDP_PASS), or R0 as a number, is another' },
  btf: BTF,
  ...WATCH_OPTIONS,
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

export async function run(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  if (values.packet !== undefined && values.pcap !== undefined) throw new UsageError('--packet and --pcap exclude each other');
  if (values.out !== undefined && values.pcap === undefined) throw new UsageError('--out goes with --pcap');
  if (values.clock !== undefined && values.clock !== 'capture' && !/^\d+$/.test(values.clock))
    throw new UsageError(`--clock takes nanoseconds or "capture", got "${values.clock}"`);
  if (values.clock === 'capture' && values.pcap === undefined) throw new UsageError('--clock capture goes with --pcap');
  if (values.listing === true && values.pcap !== undefined) throw new UsageError('--listing goes with a single run');
  const engines = await openEngines(watchedEngine(values) ?? values.engine ?? (values.pcap === undefined ? 'interpreter' : 'auto'));
  const coverage = await openCoverage(values);
  if (values.listing === true && (engines.name === 'interpreter' || (engines.name === 'auto' && engines.host === undefined)))
    throw new UsageError('--listing needs an engine that compiles: arm64, arm64-sim or x64');
  const { object, program } = await openObject(files[0]!, values.program, {
    host: engines.host,
    engine: engines.name,
    ...loadingOf(values),
    ...(values.fuel === undefined ? {} : { fuel: count('fuel', values.fuel) }),
    ...(values.timeout === undefined ? {} : { timeoutMs: count('timeout', values.timeout) }),
    ...(values.clock === undefined ? {} : { clock: values.clock === 'capture' ? 0n : BigInt(values.clock) }),
    ...(values.btf === undefined ? {} : { btf: readInput(values.btf) }),
    ...(coverage === undefined ? {} : { coverage: coverage.counts }),
  });
  let trace: TraceOutput | undefined;
  try {
    trace = await openTrace(values, object);
    if (values['maps-in'] !== undefined) fillMaps(object, values['maps-in']);
    if (values.pcap !== undefined) {
      const { runCapture } = await import('./run-pcap.ts');
      return runCapture(program, { ...values, pcap: values.pcap, given: contextOf(values), trace, object });
    }
    return runOnce(object, program, values, engines, trace);
  } catch (error) {
    if (!(error instanceof BpfStopped)) throw error;
    trace?.close(true);
    const { printFailure } = await import('./failure.ts');
    return printFailure(
      error,
      files,
      Object.values(object.programs).map((one) => one.program),
    );
  } finally {
    trace?.close();
    object.dispose();
    coverage?.write();
  }
}

interface Once extends ContextGiven {
  readonly packet?: string | undefined;
  readonly maps?: boolean | undefined;
  readonly repeat: string;
  readonly listing?: boolean | undefined;
  readonly expect?: string | undefined;
  readonly json?: boolean | undefined;
}

function runOnce(object: LoadedObject, program: LoadedProgram, values: Once, engines: Engines, trace: TraceOutput | undefined): number {
  const packet = values.packet === undefined ? undefined : packetBytes(values.packet);
  const ctx = contextOf(values);
  const repeat = count('repeat', values.repeat, 1);
  const interpreted = engines.name === 'interpreter';
  const options = {
    ...(packet === undefined ? {} : { packet }),
    ...(ctx === undefined ? {} : { ctx }),
    ...(interpreted && repeat === 1 ? { countInstructions: true } : {}),
  };
  let result = program.run(trace === undefined ? options : { ...options, trace: trace.hook });
  trace?.close();
  const started = performance.now();
  for (let i = 1; i < repeat; i++) result = program.run(options);
  const nsPerRun = repeat === 1 ? undefined : ((performance.now() - started) * 1e6) / (repeat - 1);
  const insns = result.instructions;
  if (values.json === true)
    process.stdout.write(`${JSON.stringify(resultJson(object, program, result, { packet, nsPerRun, insns }, values.maps))}\n`);
  else process.stdout.write(resultText(object, program, result, { packet, nsPerRun, insns }, values.maps));
  if (values.listing === true) process.stdout.write(`\n${listingText(program, engines)}`);
  return expectation(values.expect, program, result);
}

interface Extras {
  readonly packet: Uint8Array | undefined;
  readonly nsPerRun: number | undefined;
  readonly insns: number | undefined;
}

function resultText(
  object: LoadedObject,
  program: LoadedProgram,
  result: RunResult,
  { packet, nsPerRun, insns }: Extras,
  maps: boolean | undefined,
): string {
  const { r0, verdict, redirect } = result;
  const lines = [`${program.name} on ${result.engine}: ${verdict === undefined ? '' : `${verdict}, `}r0 = ${r0} (0x${r0.toString(16)})\n`];
  if (insns !== undefined) lines.push(`${insns} instructions\n`);
  if (nsPerRun !== undefined) lines.push(`${nsPerRun.toFixed(1)} ns a run\n`);
  if (redirect !== undefined) lines.push(`redirect: ${toText(redirect)}\n`);
  for (const line of result.trace) lines.push(`trace: ${line}\n`);
  for (const { map, cpu, data, value } of result.events) {
    lines.push(`event: ${map}, CPU ${cpu}\n${value === undefined ? hexDump(data, '  ') : `  ${toText(value)}\n`}`);
  }
  if (packet !== undefined && result.packet !== undefined)
    lines.push(changeText(packetChange(program.type, packet, result.packet), result.packet));
  if (maps === true) lines.push(printMaps(object));
  return lines.join('');
}

function resultJson(
  object: LoadedObject,
  program: LoadedProgram,
  result: RunResult,
  { packet, nsPerRun, insns }: Extras,
  maps: boolean | undefined,
): Json {
  const { ctx, redirect, events, trace } = result;
  const change = packet === undefined || result.packet === undefined ? undefined : packetChange(program.type, packet, result.packet);
  return {
    program: program.name,
    engine: result.engine,
    r0: result.r0.toString(),
    verdict: result.verdict ?? null,
    ...(result.packet === undefined || change === undefined ? {} : { packet: toHex(result.packet) }),
    ...(change === undefined || change.differences.length === 0 ? {} : { changes: changesJson(change) }),
    ...(ctx === undefined ? {} : { ctx: toJson(ctx) }),
    ...(redirect === undefined ? {} : { redirect: toJson(redirect) }),
    ...(events.length === 0 ? {} : { events: toJson(events) }),
    ...(trace.length === 0 ? {} : { trace }),
    ...(maps === true ? { maps: object.contents() } : {}),
    stats: { nsPerRun: nsPerRun ?? null, insns: insns ?? null },
  };
}

function listingText(program: LoadedProgram, engines: Engines): string {
  const compiled = program.image(engines.name);
  if (compiled === undefined) throw new UsageError('--listing needs an engine that compiles: arm64, arm64-sim or x64');
  return compiled.listing();
}

function expectation(expected: string | undefined, program: LoadedProgram, result: RunResult): number {
  if (expected === undefined) return 0;
  const isNumber = /^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(expected);
  const met = isNumber ? BigInt.asUintN(64, integer('expect', expected)) === result.r0 : expected === result.verdict;
  if (met) return 0;
  process.stderr.write(
    `error: program ${program.name}: expected ${expected}, got ${result.verdict ?? result.r0} [cli/unexpected-verdict]\n`,
  );
  return 1;
}
