// The pipeline as one call, and what dump says of it. The target here lowers every instruction to one word: the passes are meant, not
// the machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIND } from '../../src/isa/code.ts';
import { addressFromBigint } from '../../src/jit/address.ts';
import { callSymbol, siteEncoder, testZero } from '../../src/jit/arm64/labels.ts';
import { Assembler } from '../../src/jit/assembler.ts';
import { compile, type Surroundings } from '../../src/jit/compile.ts';
import type { Image } from '../../src/jit/image.ts';
import { dump, listingOf, printListing, printPasses } from '../../src/jit/listing.ts';
import type { CompileOptions, Target } from '../../src/jit/target.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { BpfError } from '../../src/util/error.ts';

const target: Target = {
  ...siteEncoder,
  name: 'arm64',
  lower({ code }) {
    const asm = new Assembler(code.slots);
    const labels = asm.newLabels(code.slots);
    asm.mark(-1);
    asm.word(0xd503245f);
    for (let slot = 0; slot < code.slots; slot++) {
      asm.mark(slot);
      asm.bind(labels + slot);
      const kind = code.kind[slot]!;
      if (kind === KIND.callHelper) callSymbol(asm, asm.symbol({ kind: 'helper', id: code.imm[slot]!, name: `helper_${code.imm[slot]}` }));
      else if (kind === KIND.branch) testZero(asm, 0, 0, labels + code.offset[slot]!);
      else if (kind === KIND.exit) asm.word(0xd65f03c0);
      else if (kind !== KIND.second) for (let i = 0; i < code.imm[slot]!; i++) asm.word(0xd503201f);
    }
    return asm.finish('arm64');
  },
  printAt: (code, offset) => ({ text: `.word 0x${new DataView(code.buffer).getUint32(offset, true).toString(16)}`, length: 4 }),
};

/** Slots as opcode, registers, offset, imm. */
function program(...slots: readonly (readonly [number, number, number, number])[]): Program {
  const bytes = new Uint8Array(slots.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [opcode, registers, offset, imm]] of slots.entries()) {
    bytes.set([opcode, registers], i * 8);
    view.setInt16(i * 8 + 2, offset, true);
    view.setInt32(i * 8 + 4, imm, true);
  }
  const line = (slot: number, line: number, text: string) => ({ slot, file: 'a.c', line, column: 3, text });
  return createProgram({ name: 'demo', bytes, lines: [line(0, 4, '  int x = helper_1();'), line(2, 5, '  return x;')] });
}

const call = (id: number) => [0x85, 0, 0, id] as const;
const nops = (n: number) => [0xb7, 0, 0, n] as const;
const exit = [0x95, 0, 0, 0] as const;

const base = 0xffff800008000000n;
const addresses = new Map([
  [1, base + 0x100n],
  [2, base - 2n ** 27n],
  [3, 0xffff9000082118f4n],
]);
const surroundings: Surroundings = {
  resolve: (symbol) => addressFromBigint(symbol.kind === 'helper' ? addresses.get(symbol.id)! : 0n),
  allocate: () => addressFromBigint(base),
};
const compileDemo = (program: Program, options: CompileOptions = {}): Image => compile(program, target, surroundings, options);

test('compile asks for the bound, once, and every symbol once', () => {
  const asked: number[] = [];
  const resolved: string[] = [];
  const image = compile(program(call(1), call(3), call(1), exit), target, {
    resolve(symbol) {
      resolved.push(symbol.kind === 'helper' ? symbol.name : symbol.kind);
      return surroundings.resolve(symbol);
    },
    allocate(bytes) {
      asked.push(bytes);
      return addressFromBigint(base);
    },
  });
  assert.deepEqual(resolved, ['helper_1', 'helper_3']);
  assert.deepEqual(asked, [image.bytes.length]);
  assert.deepEqual(asked, [4 + 3 * 16 + 4 + 16]);
  assert.equal(image.size, 4 + 4 + 16 + 4 + 4);
});

test('a base that is not aligned and a program beyond the reach are refused', () => {
  const at = (lo: number): Surroundings => ({ ...surroundings, allocate: () => ({ hi: 0, lo }) });
  const code = (error: unknown): boolean => error instanceof BpfError && error.code === 'jit/unaligned-base';
  assert.throws(() => compile(program(exit), target, at(0x1002)), code);
  assert.throws(
    () => compile(program(nops(20), exit), { ...target, reach: 80 }, surroundings),
    (error: unknown) => error instanceof BpfError && error.code === 'jit/image-too-large' && /88 bytes.*80/.test(error.message),
  );
});

test('dump: calls, promotions, listing', () => {
  const demo = program([0x15, 0, 3, 0], call(1), call(2), nops(8191), call(3), exit);
  const data = dump(demo, compileDemo(demo), target);
  assert.deepEqual(
    { ...data, listing: [] },
    {
      program: 'demo',
      target: 'arm64',
      base: '0xffff800008000000',
      bytes: 4 + 8 + 4 + 8 + 4 * 8191 + 16 + 4,
      insns: 6,
      calls: [
        { slot: 1, helper: 'helper_1', form: 'direct', at: 12, target: '0xffff800008000100' },
        { slot: 2, helper: 'helper_2', form: 'indirect', at: 20, target: '0xffff800000000000' },
        { slot: 4, helper: 'helper_3', form: 'indirect', at: 4 + 8 + 4 + 8 + 4 * 8191 + 12, target: '0xffff9000082118f4' },
      ],
      rounds: 2,
      promotions: [{ slot: 0, at: 4, branch: 'tbz', from: 4, to: 8, displacement: 4 + 4 + 8 + 4 * 8191, round: 1 }],
      listing: [],
    },
  );
});

test('the listing has the C line, the instruction, the code, and who is called', () => {
  const demo = program(call(1), call(3), nops(1), call(3), exit);
  const image = compileDemo(demo);
  const listing = listingOf(demo, image, target);
  assert.deepEqual(
    listing.map(({ slot, line, code }) => [slot, line?.line, code.length]),
    [
      [-1, undefined, 1],
      [0, 4, 1],
      [1, 4, 1],
      [2, 5, 1],
      [3, 5, 1],
      [4, 5, 1],
      [-2, undefined, 4],
    ],
  );
  assert.equal(
    printListing(image, listing),
    `      prologue
      0000  5f 24 03 d5  .word 0xd503245f
; a.c:4  int x = helper_1();
   0: call 1
      0004  3f 00 00 94  .word 0x9400003f  ; helper_1, direct
   1: call 3
      0008  04 00 00 94  .word 0x94000004  ; helper_3, veneer
; a.c:5  return x;
   2: r0 = 1
      000c  1f 20 03 d5  .word 0xd503201f
   3: call 3
      0010  02 00 00 94  .word 0x94000002  ; helper_3, veneer
   4: exit
      0014  c0 03 5f d6  .word 0xd65f03c0
      stubs
      0018  70 e1 9c 92  .word 0x929ce170  ; veneer: helper_3
      001c  30 04 a1 f2  .word 0xf2a10430
      0020  10 00 d2 f2  .word 0xf2d20010
      0024  00 02 1f d6  .word 0xd61f0200
`,
  );
});

test('the passes say what was decided and why', () => {
  const demo = program([0x15, 0, 2, 0], call(1), nops(8188), call(2), call(3), call(3), exit);
  assert.equal(
    printPasses(compileDemo(demo)),
    `lower     32760 bytes of fixed code, 5 sites, 3 symbols
bound     32840 bytes: sites in their longest form 64, 1 veneer 16; 1 branch in doubt
allocate  0xffff800008000000 to 0xffff800008008048
settle    1 walk, 16 bytes of veneers
  slot 1 helper_1 at 0x8: direct, 0xffff800008000100 is +0xf8 away, in reach (-0x8000000 to +0x7fffffc)
  slot 3 helper_2 at 0x8000: indirect, 0xffff800000000000 is -0x8007ffc away, out of reach (-0x8000000 to +0x7fffffc), its only call
  slot 4 helper_3 at 0x8004: veneer at 0x8010, 0xffff9000082118f4 is +0x1000002098f0 away, out of reach (-0x8000000 to +0x7fffffc)
  slot 5 helper_3 at 0x8008: veneer at 0x8010, 0xffff9000082118f4 is +0x1000002098ec away, out of reach (-0x8000000 to +0x7fffffc)
emit      32800 bytes, 0 long, the other 40 of the room are traps
`,
  );
  const longer = program([0x15, 0, 2, 0], call(1), nops(8191), exit);
  assert.match(printPasses(compileDemo(longer)), /settle {4}2 walks, .*\n {2}walk 1: slot 0 tbz at 0x4 spans \+0x8004: 4 bytes become 8\n/);
  const forced = printPasses(compileDemo(demo, { forceLong: true }));
  assert.match(forced, /slot 1 helper_1 at 0x18: indirect, .* away, forced, its only call\n/);
  assert.match(forced, /1 long/);
});
