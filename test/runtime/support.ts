// Programs from text, on the engines that run anywhere.
import { test } from 'node:test';
import '../../src/runtime/engines/engines.ts';
import { parse } from '../../src/asm/parse.ts';
import { createProgram, type MapShape } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions, RunOptions, RunResult } from '../../src/runtime/object/options.ts';

export const ENGINES = ['interpreter', 'arm64-sim'] as const;

export interface Parts {
  readonly maps?: readonly MapShape[];
  readonly kfuncs?: readonly string[];
  readonly exceptionCallback?: number;
}

/** One program `main` of that type. */
export function loadText(type: string, text: string, options: LoadOptions = {}, { maps = [], ...parts }: Parts = {}): LoadedObject {
  const { bytes, subprograms } = parse(text);
  const program = createProgram({ name: 'main', type, bytes, subprograms, maps, ...parts });
  return new LoadedObject({ name: 'test', programs: [program], maps }, options);
}

export function everywhere(what: string, check: (options: LoadOptions) => void): void {
  for (const engine of ENGINES) test(`${engine}: ${what}`, () => check({ engine }));
}

export const run = (object: LoadedObject, options: RunOptions = {}): RunResult => object.programs['main']!.run(options);

/** R0 as the program means it. */
export const signed = ({ r0 }: RunResult): bigint => BigInt.asIntN(64, r0);

/** An Ethernet frame of IPv4, 60 bytes, its payload counting up. */
export function ipv4Frame(): Uint8Array {
  const frame = Uint8Array.from({ length: 60 }, (_, i) => i);
  frame.set([0x08, 0x00, 0x45, 0x00], 12);
  frame.set([10, 0, 0, 1, 10, 0, 0, 2], 26);
  return frame;
}
