// Helpers called with anything: pointers into everything and nothing, sizes beyond all bounds, things that are no map and no function.
// The program ends or is stopped at the call, with a reason; nothing else is thrown, hangs or allocates without measure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../fuzz/random.ts';
import { parse } from '../../src/asm/parse.ts';
import { FIRST_HANDLE } from '../../src/interpreter/machine.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import { ALL_HELPERS } from '../../src/runtime/helpers/all-helpers.ts';
import { ROUTINE_HELPERS } from '../../src/runtime/maps/routines.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import { BpfError } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { FLOOR, PLACE } from '../../src/window/window.ts';
import { bounded } from './allocations.ts';
import { ENGINES } from './engines.ts';

const shape = (name: string, type: number, keySize: number, valueSize: number, maxEntries: number): MapShape => ({
  ...{ name, type, keySize, valueSize, maxEntries, flags: 0 },
});
const MAPS = [
  ...[shape('hash', 1, 4, 8, 8), shape('bytes', 1, 16, 24, 8), shape('array', 2, 4, 64, 4), shape('programs', 3, 4, 4, 4)],
  ...[shape('events', 4, 4, 4, 1), shape('percpu', 6, 4, 8, 4), shape('lru', 9, 8, 8, 4), { ...shape('trie', 11, 8, 8, 4), flags: 1 }],
];
/** Data pointer of a packet, without a call to ask it: the context's first field. */
const TYPES = ['raw', 'xdp', 'tc', 'tracing'] as const;

/** The five arguments come from the packet; r1 of raw programs points at it, xdp's and tc's contexts have its place. */
function program(id: number, type: (typeof TYPES)[number]): Program {
  const field = type === 'xdp' ? 0 : 76;
  const start = type === 'raw' || type === 'tracing' ? 'r6 = r1\n' : `r6 = *(u32 *)(r1 + ${field})\n`;
  const load = [1, 2, 3, 4, 5].map((r) => `r${r} = *(u64 *)(r6 + ${8 * (r - 1)})\n`).join('');
  const text = `${start}r7 = function[other]\n${load}call ${id}\nexit\nother:\nr0 = 0\nexit\n`;
  const { bytes, subprograms } = parse(text, 'helpers');
  return createProgram({ name: `h${id}`, bytes, subprograms, maps: MAPS, type });
}

const IDS = [...Object.keys(ALL_HELPERS).map(Number), ...ROUTINE_HELPERS.keys()].filter((id) => id !== 12).sort((a, b) => a - b);
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);

for (const under of ENGINES) {
  test(`${under.name}: helpers with anything`, () => {
    let stops = 0;
    let ends = 0;
    for (const type of TYPES) {
      const programs = IDS.map((id) => program(id, type));
      using object = new LoadedObject(
        { name: 'helpers', programs, maps: MAPS },
        { engine: under.engine, host: under.host, clock: 1n, fuel: 200_000, timeoutMs: 1000 },
      );
      const { window } = object.home;
      const pointers = [
        ...[
          0,
          1,
          FLOOR - 1,
          FLOOR,
          PLACE.stackTop - 64,
          PLACE.stackTop - 1,
          PLACE.stackTop,
          PLACE.context,
          PLACE.packet,
          PLACE.packet + 0x100,
        ],
        ...[
          PLACE.globals,
          PLACE.scratch,
          window.end - 1,
          window.end,
          2 ** 32 - 1,
          ...Object.values(object.maps).map(({ pointer }) => pointer),
        ],
        ...Object.values(object.maps).map(({ storage }) => storage),
      ].map(BigInt);
      const sizes = [
        0n,
        1n,
        4n,
        7n,
        8n,
        16n,
        24n,
        64n,
        512n,
        4096n,
        65_535n,
        1n << 20n,
        1n << 31n,
        (1n << 32n) - 1n,
        (1n << 64n) - 1n,
        1n << 63n,
      ];
      const handles = [BigInt(FIRST_HANDLE), BigInt(FIRST_HANDLE + 1), BigInt(FIRST_HANDLE + 2), 5n];
      for (const [i, { name }] of programs.entries()) {
        const source = random(i + 1000 * TYPES.indexOf(type));
        for (let round = 0; round < ROUNDS; round++) {
          const args = Array.from({ length: 5 }, () => {
            const values = source.pick([pointers, pointers, pointers, sizes, sizes, handles]);
            const value = source.pick(values);
            return source.oneIn(12) ? value | (1n << BigInt(32 + source.below(32))) : value;
          });
          const packet = new Uint8Array(BigUint64Array.from([...args, 0n, 0n, 0n], (value) => BigInt.asUintN(64, value)).buffer);
          const what = `${type}: helper ${name.slice(1)}(${args.map((value) => `0x${value.toString(16)}`).join(', ')})`;
          const started = performance.now();
          try {
            bounded(2 ** 24, () => object.programs[name]!.run(type === 'tracing' ? { ctx: packet } : { packet }));
            ends++;
          } catch (error) {
            stops++;
            if (error instanceof BpfStopped)
              assert.ok(error.slot >= 0 && error.slot < programs[i]!.code.slots, `${what}: slot ${error.slot}: ${error.message}`);
            else assert.ok(error instanceof BpfError, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
          }
          assert.ok(performance.now() - started < 2000, `${what}: ${performance.now() - started} ms`);
        }
      }
    }
    assert.equal(under.harm(), undefined);
    assert.ok(stops > 100 && ends > 100, `${stops} stopped, ${ends} ended`);
  });
}
