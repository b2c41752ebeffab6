// What stops say of registers: machine code names those that it surely has, with the values of the interpreter.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../../src/runtime/engines/engines.ts';
import { nativeHost } from '../../src/node.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { loadText } from './support.ts';

const ARRAY = { name: 'array', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };

const { host } = await nativeHost();
/** Slow where arm64 is emulated itself, and of no use where it is not. */
const SIMULATOR = process.arch === 'arm64' ? [] : (['arm64-sim'] as const);
const ENGINES = [...SIMULATOR, ...(host === undefined ? [] : [host.target])] as const;

function registersOf(text: string, engine: LoadOptions['engine'] & string, fuel: number): readonly (bigint | undefined)[] {
  using object = loadText('xdp', text, { engine, host, fuel, helpers: { 200: () => assert.fail('no') } }, { maps: [ARRAY] });
  try {
    object.programs['main']!.run();
  } catch (error) {
    if (error instanceof BpfStopped) return error.registers!;
    throw error;
  }
  throw new Error('no stop');
}

/** With the numbers of the registers that every engine must know. */
const PROGRAMS: Readonly<Record<string, readonly [text: string, fuel: number, known: readonly number[]]>> = {
  'fuel at a loop': ['r6 = 3\nr7 = r6\nr7 += 40\nagain:\nr7 += 1\nif r7 != 0 goto again\nr0 = r6\nexit\n', 100, [6, 7, 10]],
  'fuel in a function': ['r6 = 3\nagain:\nr1 = 7\ncall inner\nr6 += 1\ngoto again\ninner:\nr8 = r1\nr8 += 1\nr0 = r8\nexit\n', 100, [1]],
  'a fault in the middle of a block': ['r6 = 5\nr7 = 9\nif r1 == 0 goto out\nr6 += 1\nr2 = 8\nr0 = *(u64 *)(r2 + 0)\nr0 += r6\nr0 += r7\nout:\nexit\n', 100, [10]],
  'a fault behind a call': ['r6 = 5\nr7 = 0\ncall 5\nr6 += r0\nr0 = *(u64 *)(r7 + 0)\nr0 += r6\nexit\n', 100, [7, 10]],
  'a fault behind a lookup in place': ['r6 = 5\nr7 = 9\n*(u32 *)(r10 - 4) = 3\nr2 = r10\nr2 += -4\nr1 = map[array]\ncall 1\nr8 = r0\nr0 = *(u64 *)(r8 + 0)\nr0 += r6\nr0 += r7\nexit\n', 100, [10]],
  'a fault in an atomic that fetches into r0': ['r6 = 5\nr7 = 0\ncall 8\nr0 = atomic_fetch_and((u64 *)(r7 + 8), r0)\nr0 += r6\nexit\n', 100, [6, 7, 10]],
  'a fault in a function whose only call is dead': ['r1 = 7\ncall inner\nexit\ninner:\nr6 = 3\nr8 = r1\nif r1 == 1 goto other\nr8 += 1\ngoto over\nother:\nr8 += 2\nover:\nr2 = 8\nr0 = *(u64 *)(r2 + 0)\nr0 += r6\nr0 += r8\nexit\ncall 5\nexit\n', 100, []],
  'a tail call without fuel': ['r2 = 0\nr3 = 5\nr6 = r1\nr6 += 4\ncall 12\nr0 = r6\nexit\n', 100, [1, 2, 3, 6, 10]],
}; // biome-ignore format: a table

for (const [what, [text, fuel, known]] of Object.entries(PROGRAMS)) {
  test(`registers of a stop: ${what}`, () => {
    const expected = registersOf(text, 'interpreter', fuel);
    for (const engine of ENGINES) {
      const found = registersOf(text, engine, fuel);
      for (const [r, value] of found.entries()) if (value !== undefined) assert.equal(value, expected[r], `${engine} r${r}`);
      for (const r of known) assert.notEqual(found[r], undefined, `${engine} r${r}`);
    }
  });
}
