// What the generator draws: instructions, their operands, helpers and map kinds, counted, with what was never drawn.
import { KIND } from '../src/isa/code.ts';
import { decode, encodingAt } from '../src/isa/codec.ts';
import { ENCODINGS } from '../src/isa/opcodes.ts';
import { helperLabel } from '../src/spec/helpers.ts';
import { mapTypeName } from '../src/spec/maps.ts';
import { assemble } from './assemble.ts';
import type { GeneratedProgram } from './tree.ts';

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

  text(): string {
    const all = ENCODINGS.map(({ name, x }) => `${name}${x === 1 ? ' x' : ' k'}`);
    const never = all.filter((key) => !this.#encodings.has(key));
    const pairs = [...this.#pairs].map(([key, found]) => [found.size, key] as const).sort((a, b) => a[0] - b[0]);
    return [
      `${this.#programs} programs, ${(this.#slots / this.#programs).toFixed(0)} slots each`,
      `instructions: ${all.length - never.length} of ${all.length}; never: ${never.join(', ') || 'none'}`,
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
