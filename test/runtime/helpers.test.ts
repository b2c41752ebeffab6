// Helpers on every engine that runs anywhere: what they give, what they change, what they refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { createProgram, type MapShape } from '../../src/program/program.ts';
import { fold, partialSum, replaced } from '../../src/runtime/helpers/checksum.ts';
import { formatText } from '../../src/runtime/helpers/format.ts';
import '../../src/runtime/engines/engines.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { PLACE, Window } from '../../src/window/window.ts';

const ENGINES = ['interpreter', 'arm64-sim'] as const;

function load(type: string, text: string, options: LoadOptions = {}, maps: readonly MapShape[] = []): LoadedObject {
  const program = createProgram({ name: 'main', type, bytes: parse(text).bytes, maps });
  return new LoadedObject({ name: 'test', programs: [program], maps }, options);
}

function everywhere(what: string, check: (options: LoadOptions) => void): void {
  for (const engine of ENGINES) test(`${engine}: ${what}`, () => check({ engine }));
}

everywhere('time, CPU and random numbers are those of the options', (options) => {
  using object = load('raw', 'call 5\nr6 = r0\ncall 8\nr6 += r0\ncall 7\nr0 += r6\nexit', {
    ...options,
    clock: 1000n,
    cpus: 4,
    random: () => 30,
  });
  assert.equal(object.programs['main']!.run({ cpu: 2 }).r0, 1032n);
  object.clock.advance(5n);
  assert.equal(object.programs['main']!.run({ cpu: 2 }).r0, 1037n);
});

everywhere('bpf_trace_printk', (options) => {
  // "n=%d\n" on the stack.
  const text = `r1 = 0x0a64253d6e ll
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    r2 = 6
    r3 = -5
    call 6
    exit`;
  using object = load('raw', text, options);
  const { trace, r0 } = object.programs['main']!.run();
  assert.deepEqual(trace, ['n=-5']);
  assert.equal(r0, 5n);
});

everywhere('bpf_xdp_adjust_head and _tail move the packet', (options) => {
  const text = `r6 = r1
    r2 = -4
    call 44
    if r0 != 0 goto out
    r1 = r6
    r2 = -10
    call 65
    if r0 != 0 goto out
    r2 = *(u32 *)(r6 + 0)
    r0 = *(u32 *)(r6 + 4)
    r0 -= r2
    *(u32 *)(r2 + 0) = 0x01020304
  out:
    exit`;
  using object = load('xdp', text, options);
  const result = object.programs['main']!.run({ packet: new Uint8Array(60).fill(9) });
  assert.equal(result.r0, 54n);
  assert.deepEqual(result.packet, Uint8Array.from([4, 3, 2, 1, ...new Array(50).fill(9)]));
  // Less than an Ethernet header must not be left.
  using short = load('xdp', 'r2 = -50\ncall 65\nexit', options);
  assert.equal(BigInt.asIntN(64, short.programs['main']!.run({ packet: new Uint8Array(60) }).r0), -22n);
});

everywhere('bpf_probe_read of anything but live memory fails and clears', (options) => {
  const text = `*(u64 *)(r10 - 8) = -1
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0xffff888000000000 ll
    call 113
    r1 = *(u64 *)(r10 - 8)
    r0 += r1
    exit`;
  using object = load('raw', text, options);
  assert.equal(BigInt.asIntN(64, object.programs['main']!.run().r0), -14n);
});

everywhere('rings and perf arrays become events', (options) => {
  const maps = [
    { name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
    { name: 'perf', type: 4, keySize: 4, valueSize: 4, maxEntries: 0, flags: 0 },
  ];
  const text = `r6 = r1
    r1 = map[ring]
    r2 = 8
    r3 = 0
    call 131
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = 7
    r1 = r0
    r2 = 0
    call 132
    *(u32 *)(r10 - 4) = 5
    r1 = r6
    r2 = map[perf]
    r3 = 0xffffffff ll
    r4 = r10
    r4 += -4
    r5 = 4
    call 25
  out:
    exit`;
  using object = load('xdp', text, options, maps);
  const { events, r0 } = object.programs['main']!.run({ packet: new Uint8Array(14) });
  assert.equal(r0, 0n);
  assert.deepEqual(
    events.map(({ map, data }) => [map, ...data]),
    [
      ['ring', 7, 0, 0, 0, 0, 0, 0, 0],
      ['perf', 5, 0, 0, 0],
    ],
  );
});

everywhere('a redirection says where to', (options) => {
  using object = load('xdp', 'r1 = 3\nr2 = 0\ncall 23\nexit', options);
  const { verdict, redirect } = object.programs['main']!.run({ packet: new Uint8Array(14) });
  assert.equal(verdict, 'XDP_REDIRECT');
  assert.deepEqual(redirect, { ifindex: 3, flags: 0n });
});

test('conversions of the kernel', () => {
  const window = new Window();
  window.write(PLACE.heap - 64, new TextEncoder().encode('text\0'));
  window.write(PLACE.heap - 32, Uint8Array.of(10, 0, 0, 1));
  const print = (format: string, ...values: bigint[]): string | number =>
    formatText(window, new TextEncoder().encode(format), () => values.shift());
  assert.equal(print('%d %i %u', 2n ** 64n - 1n, 5n, 2n ** 32n - 1n), '-1 5 4294967295');
  assert.equal(print('%lld %llu %lx', 2n ** 64n - 1n, 2n ** 64n - 1n, 2n ** 63n), '-1 18446744073709551615 8000000000000000');
  assert.equal(print('%5d|%-5d|%05d|%x|%#x', 42n, 42n, -42n, 255n, 255n), '   42|42   |-0042|ff|0xff');
  assert.equal(print('%s %c %%', BigInt(PLACE.heap - 64), 65n), 'text A %');
  assert.equal(print('%pI4 %p', BigInt(PLACE.heap - 32), 4096n), '10.0.0.1 0000000000001000');
  assert.equal(print('%q', 1n), -22);
  assert.equal(print('100%'), -22);
  assert.equal(print('%d %d', 1n), -22);
});

test('checksums: the incremental way agrees with the whole', () => {
  const packet = Uint8Array.from({ length: 20 }, (_, i) => (i * 37 + 11) & 255);
  const sum = (bytes: Uint8Array): number => ~fold(partialSum(bytes, 0)) & 0xffff;
  const before = sum(packet);
  const view = new DataView(packet.buffer);
  const old = view.getUint32(12, true);
  view.setUint32(12, 0xc0a80101, true);
  assert.equal(replaced(before, old, 0xc0a80101), sum(packet));
});
