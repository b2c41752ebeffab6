// Nanoseconds per eBPF instruction from bytecode to image, split by stage, on programs made for it: `node dist/bench/compile.js`.
// Medians of runs after warming up. `passes` has a stand-in for lowering that appends one word or site an instruction: what the
// assembler and the passes after lowering cost at least.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KIND } from '../src/isa/code.ts';
import { addressFromNumber } from '../src/jit/address.ts';
import { branch, branchCond, callSymbol, siteEncoder } from '../src/jit/arm64/labels.ts';
import { arm64 } from '../src/jit/arm64/target.ts';
import { Assembler } from '../src/jit/assembler.ts';
import { emit, type Image } from '../src/jit/image.ts';
import { bound, settle } from '../src/jit/layout.ts';
import type { CompileOptions, SiteEncoder } from '../src/jit/target.ts';
import type { SymbolRef, Unit } from '../src/jit/unit.ts';
import { x64 } from '../src/jit/x64/target.ts';
import { link } from '../src/object/link.ts';
import { load } from '../src/object/load.ts';
import { createProgram, type Program, type ProgramInput } from '../src/program/program.ts';
import { BpfError } from '../src/util/error.ts';

interface Candidate extends SiteEncoder {
  readonly name: string;
  lower(program: Program, options: CompileOptions): Unit;
}

const passes: Candidate = {
  ...siteEncoder,
  name: 'passes',
  lower({ code }) {
    const asm = new Assembler(code.slots);
    const labels = asm.newLabels(code.slots);
    for (let slot = 0; slot < code.slots; slot++) {
      asm.mark(slot);
      asm.bind(labels + slot);
      const kind = code.kind[slot]!;
      if (kind === KIND.callHelper) callSymbol(asm, asm.symbol({ kind: 'helper', id: code.imm[slot]!, name: '' }));
      else if (kind === KIND.branch) branchCond(asm, 0, labels + code.offset[slot]!);
      else if (kind === KIND.jump) branch(asm, labels + code.offset[slot]!);
      else asm.word(0xd503201f);
    }
    return asm.finish('arm64');
  },
};

const candidates: readonly Candidate[] = [passes, arm64, x64];

/** Of 10 instructions: 2 loads, 2 stores, 1 branch, every other time 1 call, the rest arithmetic. Only R10 is dereferenced. */
function synthetic(slots: number): Uint8Array {
  const bytes = new Uint8Array(slots * 8);
  const view = new DataView(bytes.buffer);
  let slot = 0;
  const add = (opcode: number, dst: number, src: number, offset: number, imm: number): void => {
    view.setUint32(slot * 8, opcode | (dst << 8) | (src << 12) | (offset << 16), true);
    view.setInt32(slot * 8 + 4, imm, true);
    slot++;
  };
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const alu64 = [0x07, 0x0f, 0x1f, 0x2f, 0x57, 0x67, 0xaf, 0xbf, 0xb7] as const;
  for (let r = 0; r < 10; r++) add(0xb7, r, 0, 0, r);
  while (slot < slots - 12) {
    add(0x79, 6 + random(4), 10, -8 * (1 + random(64)), 0);
    add(0x61, 1 + random(5), 10, -4 * (1 + random(64)), 0);
    for (let i = 0; i < 4; i++) {
      const opcode = alu64[random(alu64.length)]!;
      const register = (opcode & 0x08) !== 0;
      add(opcode, random(10), register ? random(10) : 0, 0, register ? 0 : random(32));
    }
    add(0x7b, 10, 6 + random(4), -8 * (1 + random(64)), 0);
    add(0x63, 10, random(6), -4 * (1 + random(64)), 0);
    add(0x55, random(10), 0, random(3), random(100));
    if (random(2) === 0) {
      add(0x85, 0, 0, 0, 1 + random(20));
      for (let r = 1; r < 6; r++) add(0xb7, r, 0, 0, r);
    }
  }
  while (slot < slots - 1) add(0xb7, 0, 0, 0, 0);
  add(0x95, 0, 0, 0, 0);
  return bytes;
}

const base = addressFromNumber(0x7f00_0000_0000);
/** Every third helper is far. */
const resolve = (symbol: SymbolRef) =>
  symbol.kind === 'helper'
    ? addressFromNumber(symbol.id % 3 === 0 ? 0x7fff_0000_0000 + 64 * symbol.id : 0x7f00_0400_0000 + 64 * symbol.id)
    : base;

const STAGES = ['program', 'lower', 'bound', 'settle', 'emit', 'all'] as const;

/** Milliseconds of each stage. */
function once(candidate: Candidate, input: ProgramInput): { times: number[]; image: Image } {
  const t0 = performance.now();
  const program = createProgram(input);
  const t1 = performance.now();
  const unit = candidate.lower(program, {});
  const t2 = performance.now();
  const bounded = bound(unit, candidate, unit.symbols.map(resolve));
  const t3 = performance.now();
  const settled = settle(bounded, base);
  const t4 = performance.now();
  const image = emit(settled);
  const t5 = performance.now();
  return { times: [t1 - t0, t2 - t1, t3 - t2, t4 - t3, t5 - t4, t5 - t0], image };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Repeats for about a second. */
function measure(candidate: Candidate, input: ProgramInput): { ns: readonly number[]; image: Image } {
  const slots = input.bytes.length / 8;
  const runs: number[][] = [];
  let image: Image | undefined;
  const start = performance.now();
  while (runs.length < 6 || (performance.now() - start < 1000 && runs.length < 500)) {
    const run = once(candidate, input);
    runs.push(run.times);
    image = run.image;
  }
  const warm = runs.slice(runs.length >> 1);
  return { ns: STAGES.map((_, stage) => (median(warm.map((times) => times[stage]!)) * 1e6) / slots), image: image! };
}

/** Objects looked through for the largest program, by size of the file. */
const MAX_OBJECTS = 40;

/** The program with the most instructions among the largest objects that `candidate` compiles. */
function largest(folder: string, candidate: Candidate): ProgramInput | undefined {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  let best: ProgramInput | undefined;
  for (const file of files.slice(0, MAX_OBJECTS)) {
    for (const input of programsOf(file)) {
      if (input.bytes.length <= (best?.bytes.length ?? 0)) continue;
      const compiles = attempt(() => candidate.lower(createProgram(input), {})) !== undefined;
      if (compiles) best = { ...input, name: `${input.name} of ${relative(folder, file)}` };
    }
  }
  return best;
}

function programsOf(file: string): ProgramInput[] {
  const collection = attempt(() => load(readFileSync(file), file));
  if (collection?.littleEndian !== true) return [];
  const inputs = collection.programs.map(({ name }) => attempt(() => ({ ...link(collection, name), maps: collection.maps })));
  return inputs.filter((input) => input !== undefined);
}

/** Undefined where the input is refused. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof BpfError) return undefined;
    throw error;
  }
}

function report(candidate: Candidate, input: ProgramInput): void {
  const slots = input.bytes.length / 8;
  const { ns, image } = measure(candidate, input);
  const cells = ns.map((one) => one.toFixed(1).padStart(8));
  const size = (image.size / slots).toFixed(2).padStart(10);
  const rounds = String(image.settled.rounds).padStart(5);
  console.log([candidate.name.padEnd(8), String(slots).padStart(9), ...cells, size, rounds, ` ${input.name}`].join(' '));
}

console.log(['target'.padEnd(8), 'insns'.padStart(9), ...STAGES.map((name) => name.padStart(8)), 'bytes/insn', 'walks'].join(' '));
const objects = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '..', 'shared', 'corpora', 'objects');
for (const candidate of candidates) {
  for (const slots of [1_000, 10_000, 100_000, 1_000_000]) report(candidate, { name: 'synthetic', bytes: synthetic(slots) });
  const input = existsSync(objects) ? largest(objects, candidate) : undefined;
  if (input !== undefined) report(candidate, input);
}
