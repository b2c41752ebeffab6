// runBatch gives each packet what run gives it: on every engine, whether machine code or JavaScript goes from packet to packet.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from '../../src/asm/parse.ts';
import { nativeHost } from '../../src/node.ts';
import { ipv6Bytes } from '../../src/packet/address.ts';
import { ethernet, ipv4, packet, tcp, udp } from '../../src/packet/build.ts';
import { readPackets } from '../../src/pcap/read.ts';
import { computeFacts } from '../../src/program/facts.ts';
import { createProgram } from '../../src/program/program.ts';
import { readsUnwritten } from '../../src/program/stack-use.ts';
import type { EngineName } from '../../src/runtime/engines/engines.ts';
import type { ProgramEvent } from '../../src/runtime/object/events.ts';
import { loadBytes, loadProgram } from '../../src/runtime/object/load.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { BatchOptions, RunResult } from '../../src/runtime/object/options.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { corpus, SKIP } from '../support/corpora.ts';

const native = await nativeHost();
const { host } = native;
const engines: EngineName[] = ['interpreter', 'arm64-sim', 'auto'];

interface Seen {
  readonly r0: bigint;
  readonly verdict: string | undefined;
  readonly packet: Uint8Array;
  readonly redirect: unknown;
  readonly events: readonly ProgramEvent[];
  readonly stop: string | undefined;
}

function oneByOne(object: LoadedObject, name: string, packets: readonly Uint8Array[], options: BatchOptions): Seen[] {
  return packets.map((packet) => {
    let result: RunResult | undefined;
    try {
      result = object.programs[name]!.run({ engine: 'interpreter', ...options, packet });
    } catch (error) {
      if (!(error instanceof BpfStopped)) throw error;
      return { r0: 0n, verdict: undefined, packet: new Uint8Array(0), redirect: undefined, events: [], stop: error.reason };
    }
    const { r0, verdict, redirect, events } = result;
    return { r0, verdict, packet: result.packet!, redirect, events, stop: undefined };
  });
}

function inOneGo(object: LoadedObject, name: string, packets: readonly Uint8Array[], options: BatchOptions): [Seen[], string] {
  const seen: Seen[] = [];
  const {
    loop,
    packets: count,
    verdicts,
    stops,
  } = object.programs[name]!.runBatch(packets, {
    ...options,
    each: ({ index, r0, verdict, packet, redirect, events, stop }) => {
      assert.equal(index, seen.length);
      seen.push({
        r0,
        verdict,
        packet: stop === undefined ? new Uint8Array(packet) : new Uint8Array(0),
        redirect,
        events,
        stop: stop?.reason,
      });
    },
  });
  assert.equal(count, packets.length);
  assert.equal(Object.values(verdicts).reduce((sum, n) => sum + n, 0) + stops, packets.length);
  return [seen, loop];
}

/** Packets of many lengths; deterministic. */
function somePackets(count: number, longest = 1600): Uint8Array[] {
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  return Array.from({ length: count }, (_, i) => {
    const packet = new Uint8Array(14 + (i % 7 === 0 ? random() % longest : random() % 100));
    for (let at = 0; at < packet.length; at++) packet[at] = random();
    packet.set(i % 3 === 0 ? [0x08, 0x00] : i % 3 === 1 ? [0x86, 0xdd] : [0x00, 0x40], 12);
    if (i % 5 === 0) packet.fill(i % 2 === 0 ? 0xff : 0, 0, 6);
    return packet;
  });
}

const asm = (type: string, text: string) => ({ name: 'main', type, bytes: parse(text).bytes });

const PROGRAMS: Readonly<Record<string, { type: string; text: string; loop: 'native' | 'javascript'; stops?: boolean }>> = {
  'a sum over the packet, which it writes back': {
    type: 'xdp',
    loop: 'native',
    text: `
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u32 *)(r1 + 4)
      r0 = 0
      r4 = r2
    again:
      r5 = r4
      r5 += 1
      if r5 > r3 goto done
      r6 = *(u8 *)(r4 + 0)
      r0 += r6
      r4 = r5
      goto again
    done:
      *(u8 *)(r2 + 0) = r0
      r0 &= 3
      exit`,
  },
  'what an earlier run left on the stack is not seen': {
    type: 'xdp',
    loop: 'native',
    text: `
      r0 = *(u64 *)(r10 - 16)
      r2 = *(u32 *)(r10 - 500)
      r0 += r2
      *(u64 *)(r10 - 16) = r1
      *(u32 *)(r10 - 500) = r1
      exit`,
  },
  'fields of an skb, one of them changed': {
    type: 'sched_cls',
    loop: 'native',
    text: `
      r0 = *(u32 *)(r1 + 0)
      r2 = *(u32 *)(r1 + 4)
      r0 *= 31
      r0 += r2
      r2 = *(u32 *)(r1 + 16)
      r0 *= 31
      r0 += r2
      r2 = *(u32 *)(r1 + 8)
      r0 *= 31
      r0 += r2
      *(u32 *)(r1 + 8) = r0
      r2 = *(u32 *)(r1 + 176)
      r0 *= 31
      r0 += r2
      exit`,
  },
  'a socket filter sees no link-layer header': {
    type: 'socket_filter',
    loop: 'native',
    text: `
      r6 = r1
      r0 = *(u16 *)skb[4]
      r2 = *(u32 *)(r6 + 0)
      r0 += r2
      exit`,
  },
  'a classifier loads from its network header': {
    type: 'sched_cls',
    loop: 'native',
    text: `
      r6 = r1
      r0 = *(u16 *)skb[-1048576]
      exit`,
  },
  'the socket of an skb': {
    type: 'sched_cls',
    loop: 'javascript',
    text: `
      r0 = 0
      r2 = *(u64 *)(r1 + 168)
      if r2 == 0 goto out
      r0 = *(u32 *)(r2 + 24)
    out:
      exit`,
  },
  'a raw program': {
    type: 'raw',
    loop: 'native',
    text: `
      r0 = *(u8 *)(r1 + 3)
      *(u8 *)(r1 + 2) = r0
      r0 *= r2
      exit`,
  },
  'some packets stop it': {
    type: 'xdp',
    loop: 'native',
    stops: true,
    text: `
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u8 *)(r2 + 0)
      *(u8 *)(r2 + 1) = 77
      r3 &= 1
      r0 = 2
      if r3 == 0 goto out
      r0 = *(u64 *)(r3 + 0)
    out:
      exit`,
  },
  'some packets use up their fuel': {
    type: 'xdp',
    loop: 'native',
    stops: true,
    text: `
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u8 *)(r2 + 1)
    again:
      r3 += -1
      if r3 s> 0 goto again
      r0 = 1
      exit`,
  },
  'helpers that move the packet': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      r2 = -12
      call 44
      r1 = r6
      r2 = 8
      call 54
      r9 = r0
      r1 = r6
      r2 = -8
      call 54
      r0 += r9
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r3 -= r2
      r0 += r3
      r4 = *(u64 *)(r2 + 4)
      *(u32 *)(r2 + 0) = r3
      r0 += r4
      exit`,
  },
  'a helper that lets the packet grow, some of them too far': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      r2 = *(u32 *)(r1 + 0)
      r2 = *(u8 *)(r2 + 0)
      r2 *= 15
      r2 -= 20
      r1 = r6
      call 65
      r7 = r0
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r4 = *(u8 *)(r3 - 1)
      *(u8 *)(r3 - 1) = 7
      r3 -= r2
      r0 = r3
      r0 += r4
      r0 += r7
      exit`,
  },
  'helpers that read and write the packet, and a redirection of some': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      *(u64 *)(r10 - 8) = 0
      r2 = 6
      r3 = r10
      r3 += -8
      r4 = 4
      call 189
      r7 = *(u64 *)(r10 - 8)
      r2 = *(u64 *)(r10 - 8)
      r2 += 1
      *(u64 *)(r10 - 8) = r2
      r1 = r6
      r2 = 8
      r3 = r10
      r3 += -8
      r4 = 4
      call 190
      r0 = r7
      r7 &= 3
      if r7 != 0 goto out
      r1 = 5
      r2 = 0
      call 23
    out:
      exit`,
  },
  'helpers of an skb': {
    type: 'cgroup_skb',
    loop: 'native',
    text: `
      r6 = r1
      *(u64 *)(r10 - 8) = 0
      r2 = 2
      r3 = r10
      r3 += -8
      r4 = 4
      call 26
      r7 = r0
      r0 = *(u64 *)(r10 - 8)
      r0 += r7
      exit`,
  },
  'metadata, and heads that move under it, by what the packet says': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      r2 = *(u32 *)(r6 + 0)
      r2 += 14
      r3 = *(u32 *)(r6 + 4)
      r0 = 9
      if r2 > r3 goto out
      r2 = -8
      call 54
      if r0 != 0 goto out
      r2 = *(u32 *)(r6 + 8)
      r3 = *(u32 *)(r6 + 0)
      *(u32 *)(r2 + 0) = 0x01020304
      r4 = *(u32 *)(r3 + 7)
      *(u32 *)(r2 + 4) = r4
      r2 = *(s8 *)(r3 + 2)
      r1 = r6
      call 44
      r7 = r0
      r1 = r6
      r2 = *(u32 *)(r6 + 0)
      r2 = *(s8 *)(r2 + 5)
      call 44
      r0 <<= 8
      r0 |= r7
      r2 = *(u32 *)(r6 + 8)
      r3 = *(u32 *)(r2 + 4)
      r0 += r3
      r3 = *(u32 *)(r6 + 0)
      r3 -= r2
      r0 += r3
    out:
      exit`,
  },
  'tails that grow and shrink, by what the packet says': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      r2 = *(u32 *)(r6 + 0)
      r2 += 14
      r3 = *(u32 *)(r6 + 4)
      r0 = 9
      if r2 > r3 goto out
      r2 = *(u32 *)(r6 + 0)
      r2 = *(s8 *)(r2 + 3)
      call 65
      r7 = r0
      r1 = r6
      r2 = *(u32 *)(r6 + 0)
      r2 = *(s16 *)(r2 + 7)
      call 65
      r0 <<= 8
      r0 |= r7
    out:
      exit`,
  },
  'some packets stop it after they have moved': {
    type: 'xdp',
    loop: 'native',
    stops: true,
    text: `
      r6 = r1
      r2 = -20
      call 44
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u8 *)(r2 + 20)
      *(u8 *)(r2 + 0) = 7
      r3 &= 1
      r0 = 3
      if r3 == 0 goto out
      r0 = *(u64 *)(r3 + 0)
    out:
      exit`,
  },
  'helpers in JavaScript after the packet has moved, and again': {
    type: 'xdp',
    loop: 'native',
    text: `
      r6 = r1
      r2 = -20
      call 44
      r1 = r6
      r2 = 3
      r3 = r10
      r3 += -8
      r4 = 8
      call 189
      r1 = r6
      r2 = -6
      call 44
      r1 = r6
      call 188
      r1 = *(u64 *)(r10 - 8)
      r0 ^= r1
      exit`,
  },
  'a redirection': {
    type: 'xdp',
    loop: 'native',
    text: `
      r2 = *(u32 *)(r1 + 4)
      r1 = *(u32 *)(r1 + 0)
      r2 -= r1
      r1 = r2
      r2 = 0
      call 23
      exit`,
  },
  'a helper that knows nothing of packets': {
    type: 'xdp',
    loop: 'native',
    text: `
      call 8
      r6 = r0
      call 5
      r0 += r6
      exit`,
  },
};

for (const [what, { type, text, loop, stops }] of Object.entries(PROGRAMS)) {
  test(`batches: ${what}`, () => {
    const packets = somePackets(300);
    // Too long to lie beside others, and too short to be frames.
    packets.splice(100, 0, new Uint8Array(200_000).fill(0x45), new Uint8Array(3520).fill(2), new Uint8Array(3521).fill(2));
    if (type === 'xdp') packets.splice(200, 0, Uint8Array.of(2, 2));
    for (const engine of engines) {
      using object = loadProgram(asm(type, text), { host, clock: 1000n });
      const options: BatchOptions = {
        engine,
        fuel: what.includes('fuel') ? 100 : 10_000_000,
        ...(type === 'raw' ? {} : { ctx: type === 'xdp' ? { rx_queue_index: 3 } : { priority: 7 } }),
      };
      const expected = oneByOne(object, 'main', packets, { ...options, engine: 'interpreter' });
      const [seen, took] = inOneGo(object, 'main', packets, options);
      assert.equal(
        seen.some(({ stop }) => stop !== undefined),
        stops === true,
      );
      assert.deepEqual(seen, expected, engine);
      const result = object.programs['main']!.runBatch(packets, options);
      assert.equal(took, object.engine(engine).name === 'interpreter' ? 'javascript' : loop);
      assert.deepEqual(
        [...result.r0],
        expected.map(({ r0 }) => r0),
        engine,
      );
      assert.deepEqual(
        result.redirects.map(({ redirect }) => redirect),
        expected.flatMap(({ redirect }) => redirect ?? []),
      );
      assert.equal(
        result.firstStop?.index ?? -1,
        expected.findIndex(({ stop }) => stop !== undefined),
      );
    }
  });
}

test('batches: what packets send is theirs, from rings and perf buffers; what they print is told', () => {
  const maps = [
    { name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
    { name: 'perf', type: 4, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 },
  ];
  // By the first byte: nothing, a record, one that is discarded, a perf event, or both and a fault; a word of the packet goes into each.
  const text = `
      r6 = r1
      r7 = *(u32 *)(r1 + 0)
      r8 = *(u8 *)(r7 + 0)
      r9 = *(u32 *)(r7 + 4)
      *(u64 *)(r10 - 8) = r9
      r0 = 2
      if r8 < 150 goto out
      if r8 < 190 goto perf
      r1 = map[0]
      r2 = 40
      r3 = 0
      call 131
      r1 = 17
      if r0 == 0 goto full
      *(u64 *)(r0 + 0) = r9
      *(u64 *)(r0 + 8) = r9
      *(u64 *)(r0 + 16) = r9
      *(u64 *)(r0 + 24) = r9
      *(u64 *)(r0 + 32) = r9
      r1 = r0
      r2 = 0
      if r8 > 200 goto submit
      call 133
      r0 = 3
      exit
    submit:
      call 132
      if r8 < 240 goto out2
    perf:
      r1 = r6
      r2 = map[1]
      r3 = 0xffffffff ll
      r4 = r10
      r4 += -8
      r5 = 8
      call 25
      if r8 < 190 goto out2
      r1 = 0
      r0 = *(u64 *)(r1 + 0)
    full:
      r0 = r1
      exit
    out2:
      r0 = 1
    out:
      exit`;
  const open = (): LoadedObject =>
    new LoadedObject({ name: 'send', programs: [createProgram({ ...asm('xdp', text), maps })], maps }, { host, cpus: 4 });
  const packets = somePackets(800);
  using one = open();
  const expected = oneByOne(one, 'main', packets, { engine: 'interpreter' });
  // More than the ring holds at a time.
  assert.ok(expected.filter(({ events }) => events.some(({ map }) => map === 'ring')).length > 4096 / 48);
  for (const engine of engines) {
    using other = open();
    const [seen, loop] = inOneGo(other, 'main', packets, { engine });
    assert.equal(loop, other.engine(engine).name === 'interpreter' ? 'javascript' : 'native');
    // Single runs that stop do not tell what they have sent.
    assert.deepEqual(
      seen.map((item) => (item.stop === undefined ? item : { ...item, events: [] })),
      expected,
      engine,
    );
    assert.ok(
      seen.every(({ stop, events }) => stop === undefined || events.length === 2),
      engine,
    );
    const { sent, events } = other.programs['main']!.runBatch(packets, { engine });
    assert.equal(sent, seen.flatMap((item) => item.events).length);
    assert.deepEqual(
      events.map(({ event }) => event),
      seen.flatMap((item) => item.events),
    );
    using printer = loadProgram(asm('xdp', 'r1 = r10\nr1 += -8\n*(u32 *)(r10 - 8) = 0x6968\nr2 = 3\ncall 6\nexit'), { host });
    const { trace } = printer.programs['main']!.runBatch(packets.slice(0, 5), { engine });
    assert.deepEqual(trace, ['hi', 'hi', 'hi', 'hi', 'hi'], engine);
  }
});

test('batches: tail calls, to programs that move the packet and read a stack that nobody has written', () => {
  const maps = [{ name: 'next', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 }];
  const program = (name: string, text: string, within = 'xdp') => createProgram({ name, type: within, bytes: parse(text).bytes, maps });
  // The first byte says where to go; 3 is an empty slot.
  const first = `
      r3 = *(u32 *)(r1 + 0)
      r3 = *(u8 *)(r3 + 0)
      r3 &= 3
      *(u64 *)(r10 - 8) = r3
      r2 = map[0]
      call 12
      r0 = 100
      exit`;
  const moves = `
      r6 = r1
      r2 = -4
      call 44
      r2 = *(u32 *)(r6 + 0)
      *(u32 *)(r2 + 0) = 1
      r0 = 1
      exit`;
  const reads = `
      r0 = *(u64 *)(r10 - 8)
      r2 = *(u64 *)(r10 - 16)
      r0 += r2
      *(u64 *)(r10 - 16) = 7
      exit`;
  const open = (functions = false): LoadedObject => {
    const text = functions ? `call sub\nexit\nsub:${first}` : first;
    const programs = [program('main', text), program('moves', moves), program('reads', reads)];
    const object = new LoadedObject({ name: 'tail', programs, maps }, { host });
    object.maps['next']!.set(0, object.programs['moves']);
    object.maps['next']!.set(1, object.programs['reads']);
    return object;
  };
  const packets = somePackets(500);
  for (const engine of engines) {
    using one = open();
    const expected = oneByOne(one, 'main', packets, { engine: 'interpreter' });
    using other = open();
    const [seen, loop] = inOneGo(other, 'main', packets, { engine });
    assert.deepEqual(seen, expected, engine);
    assert.equal(loop, other.engine(engine).name === 'interpreter' ? 'javascript' : 'native');
    assert.deepEqual([...new Set(expected.map(({ r0 }) => r0))].sort(), [1n, 100n], 'programs of the array were reached');
    using functions = open(true);
    assert.equal(inOneGo(functions, 'main', packets, { engine })[1], 'javascript');
  }
});

test('batches: the load balancer of the examples, on all its ways', () => {
  const path = join(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))), 'examples/balancer/balancer.o');
  const packets = somePackets(300).map((bytes, i) => {
    if (bytes.length < 54 || i % 7 === 1) return bytes;
    const ports = { sport: 1000 + (i % 40), dport: 53 };
    return packet(ethernet(), ipv4({ dst: '10.0.1.1' }), i % 2 === 0 ? tcp(ports) : udp(ports), bytes);
  });
  const open = (): LoadedObject => {
    const object = loadBytes(readFileSync(path), { path, host, clock: 0n });
    const { services, backends } = object.maps;
    for (const protocol of [6, 17]) {
      const address = { s6_addr: ipv6Bytes('::ffff:10.0.1.1') };
      services!.set({ address, port: Uint8Array.of(0, 53), protocol, zero: 0 }, { number: protocol });
    }
    // All entries of the table say 0. A method that there is not: the tail call fails.
    backends!.set(0, { address: Uint8Array.of(10, 0, 9, 1), method: 1, vni: 9 });
    return object;
  };
  for (const engine of engines) {
    using one = open();
    using other = open();
    const change = (object: LoadedObject, method: number): void => {
      object.maps['backends']!.set(0, { address: Uint8Array.of(10, 0, 9, 1), method, vni: 9 });
    };
    for (const method of [1, 0, 2]) {
      change(one, method);
      change(other, method);
      const expected = oneByOne(one, 'balance', packets, {});
      const [seen, loop] = inOneGo(other, 'balance', packets, { engine });
      assert.equal(loop, other.engine(engine).name === 'interpreter' ? 'javascript' : 'native');
      assert.deepEqual(seen, expected, `${engine}, method ${method}`);
      assert.deepEqual(other.snapshot(), one.snapshot(), `${engine}, method ${method}: maps`);
    }
  }
});

test('a batch under way refuses other runs of its object', () => {
  using object = loadProgram(asm('xdp', 'r0 = 1\nexit'), { host });
  const { main } = object.programs;
  const packets = somePackets(3);
  assert.throws(() => main!.runBatch(packets, { each: () => void main!.run() }), /a batch of this object is under way/);
  assert.equal(main!.runBatch(packets).verdicts['XDP_DROP'], 3);
});

test('null faults natively although the window grew before the native engine was opened', () => {
  using object = loadProgram(asm('xdp', 'r0 = 0\nr0 = *(u64 *)(r0 + 8)\nexit'), { host });
  const { main } = object.programs;
  // Longer than the packet area: the window grows.
  main!.runBatch([new Uint8Array(4_000_000)], { engine: 'interpreter' });
  assert.equal(main!.runBatch(somePackets(3)).stops, 3);
});

test('which bytes of the stack must be cleared', () => {
  const use = (text: string) => {
    const program = createProgram(asm('xdp', `${text}\nexit`));
    const { from, to } = readsUnwritten(program, computeFacts(program));
    return `${from}-${to}`;
  };
  assert.equal(use('r0 = 0'), '0-0');
  assert.equal(use('*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 8)'), '0-0');
  assert.equal(use('*(u32 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 8)'), '8-0');
  assert.equal(use('r2 = r10\nr2 += -40\nr0 = *(u8 *)(r2 + 3)'), '40-32');
  assert.equal(use('if r1 == 0 goto +1\n*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 8)'), '8-0');
  assert.equal(use('r2 = r10\nr2 += -16\nr1 = 0\ncall 1'), '16-0');
  assert.equal(use('*(u64 *)(r10 - 8) = r10\nr0 = 0'), '512-0');
  assert.equal(use('r2 = r10\nr2 += r1\nr0 = *(u8 *)(r2 + 0)'), '512-0');
  assert.equal(use('r0 = *(u8 *)(r10 - 513)'), '4096-0');
});

const OBJECTS: readonly (readonly [path: string, program: string])[] = [
  ['debian/libxdp1__usr_lib_x86_64-linux-gnu_bpf_xdpfilt_dny_all.o', 'xdpfilt_dny_all'],
  ['debian/libxdp1__usr_lib_x86_64-linux-gnu_bpf_xdpfilt_alw_tcp.o', 'xdpfilt_alw_tcp'],
  ['debian/xdp-tools__usr_sbin_xdp-filter.embedded3.o', 'xsk_def_prog'],
  ['ebpf-samples/suricata/xdp_filter.o', 'xdp_hashfilter'],
  ['../bench/objects/xdpfilter.xdp.v3.o', 'bpf_main'],
];

test("batches: other people's programs over captured packets", (t) => {
  const capture = corpus('pcaps/merged-eth.pcap');
  const folder = corpus('objects');
  if (capture === undefined || folder === undefined) return t.skip(SKIP);
  const packets = [...readPackets(readFileSync(capture), capture)].filter((_, i) => i % 80 === 0).map(({ data }) => data);
  const loops = new Set<string>();
  for (const [path, program] of OBJECTS) {
    for (const engine of engines) {
      const bytes: Uint8Array = readFileSync(join(folder, path));
      using one = loadBytes(bytes, { path, host, clock: 0n, only: [program] });
      using other = loadBytes(bytes, { path, host, clock: 0n, only: [program] });
      const expected = oneByOne(one, program, packets, {});
      const [seen, loop] = inOneGo(other, program, packets, { engine });
      loops.add(loop);
      assert.deepEqual(seen, expected, `${path} ${program} on ${engine}`);
      assert.deepEqual(other.snapshot(), one.snapshot(), `${path} ${program} on ${engine}: maps`);
    }
  }
  assert.deepEqual([...loops].sort(), ['javascript', 'native']);
});
