// Loads through the kernel's pointers: what leads nowhere gives 0, on every engine; everything else is as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../../src/runtime/engines/engines.ts';
import { parse } from '../../src/asm/parse.ts';
import { guardKernelLoads } from '../../src/program/kernel-loads.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';

const DATA = { name: 'data', type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0 };

function made(text: string, type = 'tracing'): Program {
  const { bytes, subprograms, lines } = parse(text, 'some.c');
  return createProgram({ name: 'main', type, attach: 'trace_fentry', bytes, subprograms, lines, maps: [DATA] });
}

function run(program: Program, engine: 'interpreter' | 'arm64-sim', first: bigint): bigint {
  using object = new LoadedObject({ name: 'test', programs: [program], maps: [DATA] }, { engine });
  object.maps['data']!.setBytes(
    new Uint8Array(4),
    Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  );
  return object.programs['main']!.run({ ctx: new Uint8Array(BigUint64Array.of(first, 2n).buffer) }).r0;
}

for (const engine of ['interpreter', 'arm64-sim'] as const) {
  test(`${engine}: null, kernel and user addresses give 0, and the walk goes on`, () => {
    const program = guardKernelLoads(made('r1 = *(u64 *)(r1 + 0)\nr0 = 7\nr1 = *(u64 *)(r1 + 16)\nr0 = *(u32 *)(r1 + 8)\nr0 += 1\nexit\n'));
    for (const address of [0n, 8n, 0xffff_8880_1234_5678n, 0x7fff_0000_1000n, 0xffff_ffff_ffff_ffffn])
      assert.equal(run(program, engine, address), 1n, `0x${address.toString(16)}`);
    assert.throws(() => run(made('r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 16)\nexit\n'), engine, 0n));
  });

  test(`${engine}: memory of the program, branches, subprograms and their lines stay`, () => {
    const text = `
      r6 = r1
      *(u64 *)(r10 - 8) = 5
      r7 = 0
    again:
      r1 = r10
      r1 += -8
      call inner
      r7 += r0
      if r7 < 15 goto again
      r1 = map[data][0] + 0
      r0 = *(u8 *)(r1 + 3)
      r0 += r7
      r2 = *(u64 *)(r6 + 8)
      r0 += r2
      exit
    inner:
      r0 = *(u64 *)(r1 + 0)
      exit
    `;
    const program = guardKernelLoads(made(text));
    assert.equal(run(program, engine, 0n), 15n + 4n + 2n);
    assert.equal(program.code.slots, made(text).code.slots + 4);
    const last = program.lines.at(-2)!;
    assert.equal(last.text, 'r0 = *(u64 *)(r1 + 0)');
    assert.equal(program.subprograms[1]!.start, last.slot);
  });
}

test('only programs that may follow such pointers are changed', () => {
  const text = 'r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 16)\nexit\n';
  for (const type of ['xdp', 'kprobe', 'raw_tracepoint', 'raw']) {
    const program = made(text, type);
    assert.equal(guardKernelLoads(program), program);
  }
  const known = made('r0 = *(u64 *)(r1 + 8)\nexit\n');
  assert.equal(guardKernelLoads(known), known);
});
