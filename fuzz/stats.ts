// What the generator draws: instructions, their operands, helpers and map kinds, counted, with what was never drawn.
import { KIND, PSEUDO } from '../src/isa/code.ts';
import { decode, encodingAt } from '../src/isa/codec.ts';
import { ENCODINGS } from '../src/isa/opcodes.ts';
import { helperLabel } from '../src/spec/helpers.ts';
import { mapTypeName } from '../src/spec/maps.ts';
import { assemble } from './assemble.ts';
import type { GeneratedProgram } from './tree.ts';

/** Those of linked programs. */
const ALL = ENCODINGS.filter(({ kind, op }) => kind !== KIND.lddw || (op !== PSEUDO.mapIndex && op !== PSEUDO.mapIndexValue)).map(
  ({ name, x }) => `${name}${x === 1 ? ' x' : ' k'}`,
);

export class Stats {
  readonly #encodings = new Map<string, number>();
  readonly #pairs = new Map<string, Set<string>>();
  readonly #helpers = new Map<string, number>();
  readonly #mapTypes = new Map<string, number>();
  #programs = 0;
  #slots = 0;

  add(program: GeneratedProgram): void {
    const code = decode(assemble(program), 'fuzz');
    this.#programs++;
    this.#slots += code.slots;
    for (const { type } of program.maps) count(this.#mapTypes, mapTypeName(type));
    for (let slot = 0; slot < code.slots; slot++) {
      const kind = code.kind[slot];
      if (kind === KIND.second) continue;
      const encoding = encodingAt(code, slot);
      const key = `${encoding.name}${encoding.x === 1 ? ' x' : ' k'}`;
      count(this.#encodings, key);
      if (kind === KIND.callHelper) count(this.#helpers, helperLabel(code.imm[slot]!));
      if (typeof encoding.dst === 'number' || typeof encoding.src === 'number') continue;
      const pairs = this.#pairs.get(key) ?? new Set();
      this.#pairs.set(key, pairs.add(`${code.dst[slot]},${code.src[slot]}`));
    }
  }

  /** Instructions that no program has had so far. */
  never(): string[] {
    return ALL.filter((key) => !this.#encodings.has(key));
  }

  text(): string {
    const never = this.never();
    const pairs = [...this.#pairs].map(([key, found]) => [found.size, key] as const).sort((a, b) => a[0] - b[0]);
    return [
      `${this.#programs} programs, ${(this.#slots / this.#programs).toFixed(0)} slots each`,
      `instructions: ${ALL.length - never.length} of ${ALL.length}; never: ${never.join(', ') || 'none'}`,
      `rarest: ${rarest(this.#encodings)}`,
      `register pairs, fewest first: ${pairs.slice(0, 12).map(([size, key]) => `${key} ${size}`).join(', ')}`,
      `helpers: ${rarest(this.#helpers, Number.POSITIVE_INFINITY)}`,
      `map types: ${rarest(this.#mapTypes, Number.POSITIVE_INFINITY)}`,
    ].join('\n'); // biome-ignore format: a table
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function rarest(counts: ReadonlyMap<string, number>, most = 20): string {
  return [...counts]
    .sort((a, b) => a[1] - b[1])
    .slice(0, most)
    .map(([key, times]) => `${key} ${times}`)
    .join(', ');
}
