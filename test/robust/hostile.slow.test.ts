// Programs that try to leave the window: addresses of every origin, every kind of access, displacements at both ends, straddles of every
// edge, before and after growth. Machine code stops exactly where bytes lie outside the window, at the slot of the access, and touches
// nothing beyond; the interpreter stops wherever they lie outside the live regions. ALL=1 takes every combination.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { KIND } from '../../src/isa/code.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { BpfError } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { FLOOR, PLACE } from '../../src/window/window.ts';
import { ENGINES, type RobustEngine } from './engines.ts';

interface Access {
  readonly name: string;
  readonly bytes: number;
  readonly isAtomic?: boolean;
  /** Through r2 at `offset`, value in r3, result in r0. */
  readonly text: (place: string) => string;
}
const at = (offset: number): string => (offset < 0 ? `r2 - ${-offset}` : `r2 + ${offset}`);
const SIZES = [1, 2, 4, 8] as const;
const ACCESSES: readonly Access[] = [
  ...SIZES.flatMap((bytes): Access[] => {
    const type = `u${8 * bytes}`;
    return [
      { name: `load ${bytes}`, bytes, text: (place) => `r0 = *(${type} *)(${place})` },
      { name: `store ${bytes}`, bytes, text: (place) => `*(${type} *)(${place}) = r3` },
      { name: `store immediate ${bytes}`, bytes, text: (place) => `*(${type} *)(${place}) = 17` },
      {
        name: `load-acquire ${bytes}`,
        ...{ bytes, isAtomic: true },
        text: (place) => `${bytes === 8 ? 'r0' : 'w0'} = load_acquire((${type} *)(${place}))`,
      },
      {
        name: `store-release ${bytes}`,
        ...{ bytes, isAtomic: true },
        text: (place) => `store_release((${type} *)(${place}), ${bytes === 8 ? 'r3' : 'w3'})`,
      },
    ];
  }),
  ...SIZES.slice(0, 3).map(
    (bytes): Access => ({ name: `load signed ${bytes}`, bytes, text: (place) => `r0 = *(s${8 * bytes} *)(${place})` }),
  ),
  ...['+', '|', '&', '^'].flatMap((op): Access[] => [
    { name: `atomic ${op} 4`, bytes: 4, isAtomic: true, text: (place) => `lock *(u32 *)(${place}) ${op}= w3` },
    { name: `atomic ${op} 8`, bytes: 8, isAtomic: true, text: (place) => `lock *(u64 *)(${place}) ${op}= r3` },
  ]),
  { name: 'fetch add 8', bytes: 8, isAtomic: true, text: (place) => `r3 = atomic_fetch_add((u64 *)(${place}), r3)` },
  { name: 'fetch add 4', bytes: 4, isAtomic: true, text: (place) => `w3 = atomic_fetch_add((u32 *)(${place}), w3)` },
  { name: 'xchg 8', bytes: 8, isAtomic: true, text: (place) => `r3 = xchg_64(${place}, r3)` },
  { name: 'xchg 4', bytes: 4, isAtomic: true, text: (place) => `w3 = xchg32_32(${place}, w3)` },
  { name: 'cmpxchg 8', bytes: 8, isAtomic: true, text: (place) => `r0 = cmpxchg_64(${place}, r0, r3)` },
  { name: 'cmpxchg 4', bytes: 4, isAtomic: true, text: (place) => `w0 = cmpxchg32_32(${place}, w0, w3)` },
];
const OFFSETS = [-32_768, -32_761, -4096, -257, -9, -8, -7, -1, 0, 1, 4, 7, 8, 255, 4095, 4096, 32_760, 32_767];

/** How the address gets into r2. Memory at r1: the address, an addend, and the address less the addend. */
interface Origin {
  readonly name: string;
  /** The program's text up to the access; `access` goes in place of ACCESS. */
  readonly text: string;
  /** The address is known when the program is made. */
  readonly known?: (pointer: bigint) => string;
}
const ACCESS = 'r3 = 21845\nACCESS\nexit\n';
const ORIGINS: readonly Origin[] = [
  { name: 'memory', text: `r2 = *(u64 *)(r1 + 0)\n${ACCESS}` },
  { name: 'a sum', text: `r2 = *(u64 *)(r1 + 8)\nr4 = *(u64 *)(r1 + 16)\nr2 += r4\n${ACCESS}` },
  { name: 'a difference', text: `r2 = r1\nr4 = *(u64 *)(r1 + 0)\nr5 = r1\nr5 -= r4\nr2 -= r5\n${ACCESS}` },
  { name: 'the frame and an unknown', text: `r4 = *(u64 *)(r1 + 0)\nr5 = r10\nr4 -= r5\nr2 = r10\nr2 += r4\n${ACCESS}` },
  { name: 'bits', text: `r2 = *(u64 *)(r1 + 0)\nr4 = r2\nr4 &= 1023\nr2 >>= 10\nr2 <<= 10\nr2 |= r4\nr2 ^= 0\n${ACCESS}` },
  { name: 'a product', text: `r2 = *(u64 *)(r1 + 0)\nr2 *= -1\nr2 = -r2\n${ACCESS}` },
  { name: 'a spill', text: `r2 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r2\nr2 = 0\nr2 = *(u64 *)(r10 - 8)\n${ACCESS}` },
  { name: 'either of two', text: `r2 = *(u64 *)(r1 + 0)\nr4 = *(u64 *)(r1 + 8)\nif r4 != 77 goto take\nr2 = r10\ntake:\n${ACCESS}` },
  { name: 'an argument', text: `r2 = *(u64 *)(r1 + 0)\ncall sub\nexit\nsub:\n${ACCESS}` },
  { name: 'a result', text: `call sub\nr2 = r0\n${ACCESS}sub:\nr0 = *(u64 *)(r1 + 0)\nexit\n` },
  { name: 'a constant', text: ACCESS, known: (pointer) => `r2 = ${pointer} ll\n` },
  {
    name: 'the frame and a constant',
    text: ACCESS,
    known: (pointer) => `r2 = ${BigInt.asUintN(64, pointer - BigInt(PLACE.stackTop))} ll\nr2 += r10\n`,
  },
  {
    // Steps of 32 bits: what is known of the frame adds up.
    name: 'the frame in steps',
    text: ACCESS,
    known(pointer) {
      let rest = BigInt.asIntN(64, pointer - BigInt(PLACE.stackTop));
      let text = 'r2 = r10\n';
      for (let i = 0; i < 6 && rest !== 0n; i++) {
        const step = rest > 0x7fff_ffffn ? 0x7fff_ffffn : rest < -0x8000_0000n ? -0x8000_0000n : rest;
        text += `r2 += ${step}\n`;
        rest -= step;
      }
      return rest === 0n ? text : `r2 = ${pointer} ll\n`;
    },
  },
];

const DIRT = [0n, 0x1_0000_0000n, 0xffff_ffff_0000_0000n, 0x7fff_0000_0000_0000n];
/** Pointers that offsets are added to; `end`: of the window. */
function pointers(end: number): number[] {
  return [
    0,
    1,
    32_768,
    FLOOR - 8,
    FLOOR,
    PLACE.packet,
    PLACE.packet + 63,
    2 ** 31 - 4,
    2 ** 31,
    end - 8,
    end - 1,
    end,
    2 ** 32 - 32_768,
    2 ** 32 - 8,
    2 ** 32 - 1,
  ];
}

/** The instruction through r2, or an atomic one. */
function accessSlot({ code }: Program): number {
  for (let slot = code.slots - 1; slot >= 0; slot--) {
    const kind = code.kind[slot];
    const through = kind === KIND.load || kind === KIND.loadAcquire ? code.src[slot] : code.dst[slot];
    const touches =
      kind === KIND.load || kind === KIND.loadAcquire || kind === KIND.store || kind === KIND.storeRelease || kind === KIND.atomic;
    if (touches && through === 2) return slot;
  }
  throw new Error('no access');
}

function textProgram(name: string, text: string): Program {
  const { bytes, subprograms } = parse(text, name);
  return createProgram({ name, bytes, ...(subprograms.length === 0 ? {} : { subprograms }) });
}

const u64s = (...values: readonly bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, value)).buffer);

type Result = { readonly reason: string; readonly slot: number } | { readonly r0: bigint; readonly packet: Uint8Array | undefined };

function outcome(act: () => { readonly r0: bigint; readonly packet: Uint8Array | undefined }): Result {
  try {
    const { r0, packet } = act();
    return { r0, packet };
  } catch (error) {
    if (error instanceof BpfStopped) return { reason: error.reason, slot: error.slot };
    throw error;
  }
}

function open(under: RobustEngine, programs: readonly Program[], options: LoadOptions = {}): LoadedObject {
  return new LoadedObject(
    { name: 'hostile', programs, maps: [] },
    { engine: under.engine, host: under.host, windowBytes: 2 ** 22, ...options },
  );
}

/** Every combination, or (without ALL=1) each access, origin, offset, pointer and dirt in changing company. */
const STEP = process.env['ALL'] === '1' ? 1 : 199;

for (const under of ENGINES) {
  test(`${under.name}: no access leaves the window`, () => {
    let turn = 0;
    let runs = 0;
    let inside = 0;
    const addend = 0xf000_1234n;
    for (const origin of ORIGINS) {
      // One object for what is only known at run time.
      const programs: Program[] = [];
      const plans: { access: Access; offset: number; program: Program; pointer: number; dirt: bigint }[] = [];
      const unknown = new Map<string, Program>();
      const end = FLOOR + PLACE.heap;
      for (const access of ACCESSES) {
        for (const offset of OFFSETS) {
          for (const pointer of pointers(end)) {
            if (turn++ % STEP !== 0) continue;
            const dirt = DIRT[((turn / STEP) % DIRT.length) | 0]!;
            const full = BigInt.asUintN(64, BigInt(pointer) + dirt);
            const key = `${access.name} ${offset}`;
            let program = origin.known === undefined ? unknown.get(key) : undefined;
            if (program === undefined) {
              const text = `r0 = 0\n${origin.known?.(full) ?? ''}${origin.text.replace('ACCESS', access.text(at(offset)))}`;
              program = textProgram(`p${programs.length}`, text);
              programs.push(program);
              unknown.set(key, program);
            }
            plans.push({ access, offset, program, pointer, dirt });
          }
        }
      }
      using object = open(under, programs);
      const windowEnd = object.home.window.end;
      for (const { access, offset, program, pointer, dirt } of plans) {
        runs++;
        const full = BigInt.asUintN(64, BigInt(pointer) + dirt);
        const packet = u64s(full, addend, full - addend, 1n, 2n, 3n, 4n, 5n);
        const slot = accessSlot(program);
        const result = outcome(() => object.programs[program.name]!.run({ packet }));
        const what = `${access.name} at 0x${full.toString(16)} + ${offset}, the address is ${origin.name}`;
        const from = pointer + offset;
        const isInside = from >= FLOOR && from + access.bytes <= windowEnd;
        if (isInside) inside++;
        if (access.isAtomic === true && from % access.bytes !== 0) {
          assert.ok('reason' in result, what);
          assert.deepEqual([result.reason, result.slot], ['unaligned', slot], what);
          continue;
        }
        if ('reason' in result) {
          assert.deepEqual([result.reason, result.slot], ['fault', slot], what);
          assert.ok(!under.isMachine || !isInside, `${what}: stopped inside the window`);
        } else assert.ok(isInside, `${what}: went on outside the window`);
        const harmless =
          (dirt === 0n && from >= PLACE.packet && from + access.bytes <= PLACE.packet + 64) || 'reason' in result || under.isMachine;
        assert.ok(harmless || isInside, `${what}: the interpreter let it through`);
      }
    }
    assert.equal(under.harm(), undefined);
    assert.ok(runs > 400 && inside > 40, `${runs} runs, ${inside} inside`);
  });

  test(`${under.name}: far from the frame pointer`, () => {
    const distances = [-40_000, -100_000, -200_000, -0x10_0000, -0x7fff_ffff, -0x8000_0000, 2 ** 30, 0x7fff_ffff];
    const programs = distances.flatMap((distance) =>
      [-32_768, 0, 12, 32_767].map((offset) =>
        textProgram(
          `far${distance}${offset}`,
          `r2 = r10\nr2 += ${distance}\nr3 = 1\n*(u32 *)(${at(offset)}) = r3\nr0 = *(u32 *)(${at(offset)})\nexit\n`,
        ),
      ),
    );
    using object = open(under, programs);
    for (const { name } of programs) {
      const result = outcome(() => object.programs[name]!.run());
      assert.deepEqual(result, { reason: 'fault', slot: 3 }, name);
    }
    assert.equal(under.harm(), undefined);
  });

  test(`${under.name}: a window that grows while the program runs`, () => {
    // r6 = address; helper 200 grows; then the access.
    const program = textProgram('grows', 'r6 = *(u64 *)(r1 + 0)\nr7 = *(u8 *)(r1 + 0)\ncall 200\nr0 = 0\nr0 = *(u8 *)(r6 + 0)\nexit\n');
    using object = open(under, [program], {
      helpers: {
        200: () => {
          const { window } = object.home;
          const pointer = window.allocate(100_000);
          object.home.regions.add({ name: 'grown', start: pointer, end: pointer + 100_000 });
          window.bytes[pointer - FLOOR] = 42;
          return 0n;
        },
      },
    });
    const { window } = object.home;
    const run = (pointer: number) => outcome(() => object.programs['grows']!.run({ packet: u64s(BigInt(pointer)) }));
    for (let round = 0; round < 4; round++) {
      const before = window.end;
      // Beyond the end before, the first allocated byte after.
      const result = run(window.used);
      assert.equal('r0' in result ? result.r0 : result.reason, 42n);
      const beyond = run(2 ** 22 + 65_536);
      assert.deepEqual(beyond, { reason: 'fault', slot: 4 });
      const null_ = run(8);
      assert.deepEqual(null_, { reason: 'fault', slot: 4 }, 'the low pages stay closed');
      assert.ok(window.end > before);
    }
    assert.equal(under.harm(), undefined);
  });

  // The interpreter does not let a program write there.
  test(`${under.name}: chains of a map that a program made a ring`, { skip: !under.isMachine }, () => {
    for (const keySize of [4, 8, 16]) {
      const maps = [{ ...{ name: `m${keySize}`, type: 1, keySize, valueSize: 8 }, ...{ maxEntries: 4, flags: 0 } }];
      // The key and the value lie on the stack. A node's first word is the next one; of 4-byte keys the second is the key.
      const valueOffset = keySize === 4 ? 8 : 8 + keySize;
      const lookup = `r1 = map[m${keySize}]\nr2 = r10\nr2 += -16\n`;
      const text = `*(u64 *)(r10 - 16) = 1\n*(u64 *)(r10 - 8) = 0\n${lookup}r3 = r10\nr3 += -16\nr4 = 0\ncall 2\n${lookup}call 1
        if r0 == 0 goto out\nr1 = r0\nr1 += -${valueOffset}\n*(u32 *)(r1 + 0) = r1\nr2 = -2\n*(u32 *)(r1 + 4) = r2
        *(u32 *)(r1 + 8) = r2\n${lookup}call 1\nr6 = r0\n${lookup}call 3\nr0 = r6\nout:\nexit\n`;
      const { bytes } = parse(text, 'ring', 1);
      using object = new LoadedObject(
        { name: 'ring', programs: [createProgram({ name: 'ring', bytes, maps })], maps },
        { engine: under.engine, host: under.host },
      );
      const started = performance.now();
      const result = outcome(() => object.programs['ring']!.run());
      assert.ok('r0' in result || result.reason === 'fault');
      // Walked to an end, or damaged; never without end.
      const map = object.maps[`m${keySize}`]!;
      try {
        assert.ok([...map.entriesBytes()].length <= 2 * 5);
      } catch (error) {
        assert.ok(error instanceof BpfError && error.code === 'map/damaged', String(error));
      }
      assert.ok(performance.now() - started < 5000);
    }
  });

  test(`${under.name}: frames, depth, handles and fuel`, () => {
    const programs = [
      textProgram('deep', 'call sub\nexit\nsub:\nr1 = r10\ncall sub2\nexit\nsub2:\nr0 = *(u64 *)(r1 - 8)\nexit\n'),
      textProgram('below', 'r0 = *(u64 *)(r10 - 4104)\nexit\n'),
      textProgram('handle', 'r1 = 0x7f0000001000 ll\ncallx r1\nexit\n'),
      textProgram('handle0', 'r1 = 0\ncallx r1\nexit\n'),
      textProgram('handleBig', 'r1 = 4294967295 ll\ncallx r1\nexit\n'),
      textProgram('spin', 'r0 = 0\nagain:\nr0 += 1\ngoto again\nexit\n'),
      textProgram('recursive', 'r6 = function[sub]\ncall sub\nexit\nsub:\nr1 = function[sub]\ncallx r1\nexit\n'),
    ];
    using object = open(under, programs);
    const run = (name: string) => outcome(() => object.programs[name]!.run({ fuel: 100_000 }));
    const deep = run('deep');
    assert.ok('r0' in deep && deep.r0 === 0n);
    assert.deepEqual(run('below'), { reason: 'fault', slot: 0 });
    assert.deepEqual(run('handle'), { reason: 'badCall', slot: 2 });
    assert.deepEqual(run('handle0'), { reason: 'badCall', slot: 1 });
    assert.deepEqual(run('handleBig'), { reason: 'badCall', slot: 2 });
    assert.deepEqual(run('spin'), { reason: 'fuel', slot: 1 });
    const recursive = run('recursive');
    assert.equal('reason' in recursive ? recursive.reason : recursive.r0, 'stack');
    assert.equal(under.harm(), undefined);
  });
}
