// Helpers that change a socket buffer's shape, against what net/core/filter.c of Linux does: bpf_skb_adjust_room, bpf_skb_change_proto,
// bpf_skb_change_tail, bpf_skb_change_head.
import assert from 'node:assert/strict';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { everywhere, ipv4Frame, loadText, run, signed } from './support.ts';

function call(options: LoadOptions, id: number, args: readonly (number | bigint)[]) {
  const set = args.map((value, i) => `r${i + 2} = ${value} ll`).join('\n');
  using object = loadText('sched_cls', `${set}\ncall ${id}\nexit`, options);
  const result = run(object, { packet: ipv4Frame() });
  return { r0: Number(signed(result)), packet: result.packet!, ctx: result.ctx as Record<string, number> };
}

everywhere('bpf_skb_adjust_room opens room behind the link layer or the network header, and closes it', (options) => {
  const frame = ipv4Frame();
  const mac = call(options, 50, [20, 1, 0]);
  assert.equal(mac.r0, 0);
  assert.deepEqual(mac.packet, Uint8Array.of(...frame.subarray(0, 14), ...new Array(20).fill(0), ...frame.subarray(14)));
  const net = call(options, 50, [8, 0, 0]);
  assert.deepEqual(net.packet, Uint8Array.of(...frame.subarray(0, 34), ...new Array(8).fill(0), ...frame.subarray(34)));
  const shrunk = call(options, 50, [0xfffffff8, 0, 0]);
  assert.deepEqual(shrunk.packet, Uint8Array.of(...frame.subarray(0, 34), ...frame.subarray(42)));
});

everywhere('bpf_skb_adjust_room: the outer protocol follows encapsulation flags; refusals in the kernel’s order', (options) => {
  assert.equal(call(options, 50, [40, 1, 4]).ctx['protocol'], 0xdd86);
  assert.equal(call(options, 50, [20, 1, 2]).ctx['protocol'], 0x0008);
  assert.equal(call(options, 50, [20, 1, 6]).r0, -22);
  assert.equal(call(options, 50, [20, 1, 0x200]).r0, -22);
  assert.equal(call(options, 50, [0x1000, 1, 0]).r0, -14);
  assert.equal(call(options, 50, [20, 2, 0]).r0, -524);
  // 46 bytes behind the link layer: 20 must stay.
  assert.equal(call(options, 50, [0x1_0000_0000 - 27, 1, 0]).r0, -524);
  assert.equal(call(options, 50, [0x1_0000_0000 - 26, 1, 0]).r0, 0);
  // Decapsulation only shrinks.
  assert.equal(call(options, 50, [20, 1, 0x80]).r0, -22);
});

everywhere('bpf_skb_change_proto trades an IPv4 header’s room for that of IPv6', (options) => {
  const frame = ipv4Frame();
  const { r0, packet, ctx } = call(options, 31, [0xdd86, 0]);
  assert.equal(r0, 0);
  assert.equal(ctx['protocol'], 0xdd86);
  assert.deepEqual(packet, Uint8Array.of(...frame.subarray(0, 14), ...new Array(20).fill(0), ...frame.subarray(14)));
  assert.equal(call(options, 31, [0x0008, 0]).r0, -524);
  assert.equal(call(options, 31, [0xdd86, 1]).r0, -22);
});

everywhere('bpf_skb_change_tail and _head', (options) => {
  const frame = ipv4Frame();
  assert.deepEqual(call(options, 38, [40, 0]).packet, frame.subarray(0, 40));
  const long = call(options, 38, [16_064, 0]);
  assert.equal(long.r0, 0);
  assert.deepEqual(long.packet, Uint8Array.of(...frame, ...new Array(16_004).fill(0)));
  assert.equal(call(options, 38, [16_065, 0]).r0, -22);
  assert.equal(call(options, 38, [13, 0]).r0, -22);
  const head = call(options, 43, [1000, 0]);
  assert.equal(head.r0, 0);
  assert.deepEqual(head.packet, Uint8Array.of(...new Array(1000).fill(0), ...frame));
  assert.equal(call(options, 43, [8, 1]).r0, -22);
});
