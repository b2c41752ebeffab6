#!/usr/bin/env node
// Plugin of the official bpf_conformance runner, spawned once a test: the program as hex bytes on standard input, memory as hex bytes
// in an argument where there is any; prints R0 in hex. It imports only what a test needs: starting takes longer than running.
import { readFileSync } from 'node:fs';
import { Interpreter } from '../interpreter/interpret.ts';
import type { Callee } from '../interpreter/machine.ts';
import type { Program, ProgramInput } from '../program/program.ts';
import { createProgram } from '../program/program.ts';
import { tryParseHex } from '../util/bytes.ts';
import { Regions } from '../window/regions.ts';
import { PLACE, Window } from '../window/window.ts';
import { CONFORMANCE_FUEL, CONFORMANCE_HELPERS } from './conformance-helpers.ts';

const USAGE = 'usage: bpfjit-conformance-plugin [MEMORY] [--engine E] [--jit | --interpret] [--elf [true|false]] [--program NAME] < HEX\n';

interface Request {
  readonly memory: Uint8Array;
  readonly engine: string;
  readonly isElf: boolean;
  /** Of an object with several; default: its first. */
  readonly program: string | undefined;
}

class UsageFailure extends Error {}

function parseRequest(argv: readonly string[]): Request {
  let memory: Uint8Array | undefined;
  let engine: string = 'interpreter';
  let isElf = false;
  let program: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const [word, inline] = splitOption(argv[i]!);
    const value = (): string => {
      const given = inline ?? argv[++i];
      if (given === undefined) throw new UsageFailure(`${word} takes a value`);
      return given;
    };
    if (word === '--engine') engine = value();
    else if (word === '--program') program = value();
    else if (word === '--interpret') engine = 'interpreter';
    else if (word === '--jit') engine = 'auto';
    else if (word === '--elf') isElf = inline === undefined ? !['false', '0'].includes(bareBoolean(argv, i) ?? '') : inline !== 'false';
    else if (word.startsWith('--')) throw new UsageFailure(`unknown option ${word}`);
    else if (['true', 'false', '0', '1'].includes(word) && argv[i - 1] === '--elf') continue;
    else {
      const bytes = tryParseHex(word);
      if (bytes === undefined) throw new UsageFailure(`expected memory as hex bytes, got "${word.slice(0, 40)}"`);
      if (memory !== undefined) throw new UsageFailure('memory is given twice');
      memory = bytes;
    }
  }
  return { memory: memory ?? new Uint8Array(0), engine, isElf, program };
}

function splitOption(word: string): readonly [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** The runner's own spelling is `--elf true`. */
function bareBoolean(argv: readonly string[], at: number): string | undefined {
  const next = argv[at + 1];
  return next !== undefined && ['true', 'false', '0', '1'].includes(next) ? next : undefined;
}

async function readProgram({ isElf, program }: Request): Promise<Program> {
  const bytes = tryParseHex(readFileSync(0, 'latin1'));
  if (bytes === undefined) throw new UsageFailure('standard input is not hex bytes');
  return createProgram(isElf ? await fromElf(bytes, program) : { name: 'main', bytes });
}

/**
 * The object's program of that name, or its first. One that needs no linking is taken as it stands: the runner's own objects call
 * subprograms inside the only function that their symbols name.
 */
async function fromElf(bytes: Uint8Array, wanted: string | undefined): Promise<ProgramInput> {
  const path = 'standard input';
  const { holdsCode, readElf, relocationSections } = await import('../elf/read.ts');
  const elf = readElf(bytes, path);
  const [only, ...others] = elf.sections.filter((section) => holdsCode(section) && section.size > 0);
  if (only !== undefined && others.length === 0 && wanted === undefined && relocationSections(elf, only).length === 0) {
    return { name: 'main', bytes: only.data };
  }
  const [{ load }, { link }] = await Promise.all([import('../object/load.ts'), import('../object/link.ts')]);
  const collection = load(bytes, path);
  return { ...link(collection, wanted ?? collection.programs[0]?.name), maps: collection.maps };
}

/** R1 = memory, 0 where there is none; R2 = its length. */
async function run({ engine, memory }: Request, program: Program): Promise<bigint> {
  const r1 = memory.length === 0 ? 0 : PLACE.packet;
  if (engine === 'interpreter') return interpret(program, memory, r1);
  const { openPluginHost, runCompiled } = await import('./plugin-jit.ts');
  const host = await openPluginHost(engine);
  if (host === undefined) throw new UsageFailure(`--engine takes interpreter, arm64, arm64-sim, x64, auto, got "${engine}"`);
  return runCompiled(program, memory, host);
}

/** Without the runtime, whose modules would take longer to load than the test to run. */
function interpret(program: Program, memory: Uint8Array, r1: number): bigint {
  const window = new Window();
  const regions = new Regions((pointer) => window.u32(pointer));
  regions.add({ name: 'the memory', start: PLACE.packet, end: PLACE.packet + memory.length });
  window.write(PLACE.packet, memory);
  const helper = (id: number): Callee | undefined => {
    const call = CONFORMANCE_HELPERS[id];
    return call && { kind: 'host', call: ({ registers: r }) => void (r[0] = call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!)) };
  };
  const links = { map: () => 0, mapValue: () => 0, helper, kfunc: () => undefined, tailTarget: () => undefined };
  const state = {
    fuel: CONFORMANCE_FUEL, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: PLACE.packet, packetLength: memory.length,
    instructions: 0,
  }; // biome-ignore format: a record
  return new Interpreter({ program, window, regions, links }).run(state, BigInt(r1), BigInt(memory.length));
}

try {
  const request = parseRequest(process.argv.slice(2));
  const program = await readProgram(request);
  const r0 = await run(request, program);
  process.stdout.write(`${r0.toString(16)}\n`);
} catch (error) {
  // The runner compares the text with what a test expects: nothing around the message.
  const isUsage = error instanceof UsageFailure || (error as Error).name === 'UsageError';
  process.stderr.write(`${(error as Error).message}\n${isUsage ? USAGE : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
