// Programs that try to leave the window, compiled and run natively: addresses of every origin, every access, displacements at both
// ends, before and after growth; with canaries directly below and above what a program can name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STOP } from '../../src/jit/activation.ts';
import { createProgram } from '../../src/program/program.ts';
import { PLACE } from '../../src/window/window.ts';
import { place, TARGETS } from '../support/native.ts';
import { type Bench, makeBench, placeCanaries, tryHost } from './support.ts';

const found = await tryHost();
const host = typeof found === 'string' ? undefined : found;
const target = TARGETS.find(({ name }) => name === host?.target);
const skip = typeof found === 'string' ? found : target === undefined ? `no compiler for ${found.target}` : false;

/** [RFC9669 3]. */
function instruction(opcode: number, dst: number, src: number, offset: number, imm: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setUint8(1, (src << 4) | dst);
  view.setInt16(2, offset, true);
  view.setInt32(4, imm, true);
  return bytes;
}
const lddw = (dst: number, value: bigint): Uint8Array[] => [
  instruction(0x18, dst, 0, 0, Number(BigInt.asIntN(32, value))),
  instruction(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n))),
];
const EXIT = instruction(0x95, 0, 0, 0, 0);

/** R2 holds the address, R3 a value. */
interface Access {
  readonly name: string;
  readonly bytes: number;
  /** Atomics may demand alignment. */
  readonly aligned?: boolean;
  code(offset: number): Uint8Array;
}
const SIZES = [
  [1, 0x10],
  [2, 0x08],
  [4, 0x00],
  [8, 0x18],
] as const;
const ATOMIC_OPS = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];
const ACCESSES: readonly Access[] = [
  ...SIZES.flatMap(([bytes, size]): Access[] => [
    { name: `load ${bytes}`, bytes, code: (offset) => instruction(0x61 | size, 0, 2, offset, 0) },
    { name: `store ${bytes}`, bytes, code: (offset) => instruction(0x63 | size, 2, 3, offset, 0) },
    { name: `store immediate ${bytes}`, bytes, code: (offset) => instruction(0x62 | size, 2, 0, offset, 0x11) },
    { name: `load-acquire ${bytes}`, bytes, aligned: true, code: (offset) => instruction(0xc3 | size, 0, 2, offset, 0x100) },
    { name: `store-release ${bytes}`, bytes, aligned: true, code: (offset) => instruction(0xc3 | size, 2, 3, offset, 0x110) },
  ]),
  ...SIZES.slice(0, 3).map(
    ([bytes, size]): Access => ({
      name: `load sign-extended ${bytes}`,
      bytes,
      code: (offset) => instruction(0x81 | size, 0, 2, offset, 0),
    }),
  ),
  ...SIZES.slice(2).flatMap(([bytes, size]) =>
    ATOMIC_OPS.map(
      (imm): Access => ({
        name: `atomic 0x${imm.toString(16)} ${bytes}`,
        bytes,
        aligned: true,
        code: (offset) => instruction(0xc3 | size, 2, 3, offset, imm),
      }),
    ),
  ),
];

/** How the address comes about; `r1` is what the program is given. */
interface Origin {
  readonly name: string;
  readonly r1: number;
  code(pointer: bigint): Uint8Array[];
}
const BIG = 0xf000_1234;
const ORIGINS: readonly Origin[] = [
  { name: 'a constant', r1: 0, code: (pointer) => lddw(2, pointer) },
  { name: 'a sum with an unknown', r1: BIG, code: (pointer) => [...lddw(2, pointer - BigInt(BIG)), instruction(0x0f, 2, 1, 0, 0)] },
  {
    name: 'a 32-bit sum with an unknown',
    r1: BIG,
    code: (pointer) => [...lddw(2, pointer - BigInt(BIG)), instruction(0x0c, 2, 1, 0, 0)],
  },
  {
    name: 'a sum with the frame pointer',
    r1: 0,
    code: (pointer) => [...lddw(2, pointer - BigInt(PLACE.stackTop)), instruction(0x0f, 2, 10, 0, 0)],
  },
  { name: 'a product', r1: 1, code: (pointer) => [...lddw(2, pointer), instruction(0x2f, 2, 1, 0, 0)] },
];
/** R1 is not known to the compiler: dirty upper halves must be cut off, not followed. */
const DIRT = [0n, 0x1_0000_0000n, 0xffff_ffff_0000_0000n, 0x7f00_0000_0000n << 8n];
const OFFSETS = [-32_768, -8, -1, 0, 1, 32_767];

function attempt(bench: Bench, access: Access, origin: Origin, pointer: bigint, offset: number): number {
  const parts = [...lddw(3, 0x5555n), ...origin.code(pointer), access.code(offset), EXIT];
  const bytes = new Uint8Array(8 * parts.length);
  for (const [i, part] of parts.entries()) bytes.set(part, 8 * i);
  const { executable, room } = place(createProgram({ name: 'hostile', bytes }), target!, bench.open, new Map(), { cpu: bench.host.cpu });
  const reason = executable.run(origin.r1, 0);
  if (reason !== STOP.none) {
    const stop = executable.stopped();
    assert.equal(reason, STOP.fault, `${access.name} stops with reason ${reason}`);
    assert.ok(stop.pc >= room.address && stop.pc < room.address + room.bytes);
  }
  executable.dispose();
  room.free();
  return reason;
}

test('no access leaves the window', { skip }, () => {
  const bench = makeBench(host!);
  const { window } = bench;
  const canaries = placeCanaries(bench);
  const round = (accesses: readonly Access[]): void => {
    const pointers = [0, 65_536, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1, window.end, window.end - 4];
    let turn = 0;
    for (const access of accesses) {
      for (const pointer of pointers) {
        for (const offset of OFFSETS) {
          const at = pointer + offset;
          if (access.aligned === true && at % access.bytes !== 0) continue;
          // Each combination with another origin and other dirt: all pairs come about.
          const origin = ORIGINS[turn % ORIGINS.length]!;
          const dirt = DIRT[Math.floor(turn++ / ORIGINS.length) % DIRT.length]!;
          const inside = at >= 65_536 && at + access.bytes <= window.end;
          const reason = attempt(bench, access, origin, BigInt(pointer) + dirt, offset);
          assert.equal(
            reason === STOP.none,
            inside,
            `${access.name} at ${pointer} + ${offset}, the address is ${origin.name}, dirt ${dirt}`,
          );
        }
      }
    }
  };
  try {
    round(ACCESSES);
    const before = window.end;
    window.allocate(2 ** 20);
    assert.ok(window.end > before);
    round(ACCESSES.slice(0, 4));
    for (const bytes of canaries) assert.ok(bytes.every((byte) => byte === 0x5a));
  } finally {
    bench.dispose();
  }
});
