// What the kernel oracle does not record: rings, perf buffers, queues, stacks, bloom filters, redirection, sockets, storage. Expectations
// are from the kernel's documentation and sources, named beside them.
import assert from 'node:assert/strict';
import type { MapShape } from '../../src/program/program.ts';
import type { Socket } from '../../src/runtime/helpers/network.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { helperByName } from '../../src/spec/helpers.ts';
import { MAP_TYPE, type MapTypeName } from '../../src/spec/map-types.ts';
import { everywhere, ipv4Frame, loadText, run, signed } from './support.ts';

const shape = (type: MapTypeName, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapShape => ({
  ...{ name: 'map', type: MAP_TYPE[type], keySize, valueSize, maxEntries, flags },
});

/** Helpers by name. */
const numbered = (lines: readonly string[]): string =>
  lines.join('\n').replace(/call (bpf_\w+)/g, (_, name: string) => `call ${helperByName(name)!.id}`);

const loadMap = (type: string, map: MapShape, lines: readonly string[], options: LoadOptions): LoadedObject =>
  loadText(type, numbered(lines), options, { maps: [map] });

const text = (events: readonly { readonly data: Uint8Array }[]): string[] => events.map(({ data }) => Buffer.from(data).toString('hex'));

const RING = shape('ringbuf', 0, 0, 4096);
/** Reserves a record, or goes to `none`. */
const reserve = (bytes: number): string[] => ['r1 = map[0]', `r2 = ${bytes}`, 'r3 = 0', 'call bpf_ringbuf_reserve', 'if r0 == 0 goto none'];
const submit = (flags = 0): string[] => ['r1 = r0', `r2 = ${flags}`, 'call bpf_ringbuf_submit'];
const discard = ['r1 = r0', 'r2 = 0', 'call bpf_ringbuf_discard'];
const fill = (byte: number, bytes: number): string[] => [
  `r2 = ${byte}`,
  ...Array.from({ length: bytes }, (_, i) => `*(u8 *)(r0 + ${i}) = r2`),
];
const end = ['r0 = 0', 'exit', 'none: r0 = 1', 'exit'];
const query = (which: number): string[] => ['r1 = map[0]', `r2 = ${which}`, 'call bpf_ringbuf_query', 'exit'];

everywhere('records of a ring have 8 bytes of header and are rounded up to 8', (options) => {
  // [kernel __bpf_ringbuf_reserve: len = round_up(size + BPF_RINGBUF_HDR_SZ, 8)]
  const object = loadMap(
    'xdp',
    RING,
    [...reserve(3), ...fill(7, 3), ...submit(), ...reserve(8), ...fill(9, 8), ...submit(), ...end],
    options,
  );
  const { ring } = object.maps['map']!;
  assert.deepEqual(text(run(object).events), ['070707', '09'.repeat(8)]);
  assert.equal(ring!.producer, 16 + 16);
  assert.deepEqual(
    [...ring!.records(0)].map(({ position, bytes, isBusy, isDiscarded }) => [position, bytes, isBusy, isDiscarded]),
    [
      [0, 3, false, false],
      [16, 8, false, false],
    ],
  );
});

everywhere('discarded records take room and are not seen', (options) => {
  // [kernel docs/bpf/ringbuf.rst: "consumer is expected to skip it"; bpf_ringbuf_commit sets BPF_RINGBUF_DISCARD_BIT]
  const object = loadMap('xdp', RING, [...reserve(8), ...discard, ...reserve(8), ...fill(1, 8), ...submit(), ...end], options);
  assert.deepEqual(text(run(object).events), ['01'.repeat(8)]);
  const records = [...object.maps['map']!.ring!.records(0)];
  assert.deepEqual(
    records.map(({ isDiscarded }) => isDiscarded),
    [true, false],
  );
});

everywhere('records come in the order in which they were reserved', (options) => {
  // [kernel docs/bpf/ringbuf.rst: "records are always consumed in order of reservation"]
  const first = [...reserve(8), 'r6 = r0', ...fill(1, 8)];
  const object = loadMap('xdp', RING, [...first, ...reserve(8), ...fill(2, 8), ...submit(), 'r0 = r6', ...submit(), ...end], options);
  assert.deepEqual(text(run(object).events), ['01'.repeat(8), '02'.repeat(8)]);
});

everywhere('a ring is full one byte before its size', (options) => {
  // [kernel __bpf_ringbuf_reserve: new_prod_pos - cons_pos > rb->mask is refused]
  const whole = loadMap('xdp', RING, [...reserve(4096 - 8), ...submit(), ...end], options);
  assert.equal(run(whole).r0, 1n);
  const almost = loadMap('xdp', RING, [...reserve(4096 - 16), ...submit(), ...reserve(1), ...submit(), ...end], options);
  assert.equal(run(almost).r0, 1n);
  // What a run has sent is read before the next, except where nobody reads.
  assert.equal(run(almost).events.length, 1);
  const unread = loadMap('xdp', RING, [...reserve(2000), ...submit(), ...end], { ...options, unread: true });
  assert.deepEqual([run(unread).r0, run(unread).r0, run(unread).r0], [0n, 0n, 1n]);
  assert.equal(unread.maps['map']!.ring!.consume().length, 2);
  assert.equal(run(unread).r0, 0n);
});

everywhere('a record that reaches over the end of a ring lies in one piece', (options) => {
  // [kernel bpf_ringbuf_area_alloc: data pages are mapped twice]
  const object = loadMap('xdp', RING, [...reserve(3000), ...fill(5, 1), 'r2 = 6', '*(u8 *)(r0 + 2999) = r2', ...submit(), ...end], options);
  for (let i = 0; i < 5; i++) {
    const [event] = run(object).events;
    assert.deepEqual([event!.data.length, event!.data[0], event!.data[2999]], [3000, 5, 6]);
  }
});

everywhere('positions of a ring as bpf_ringbuf_query gives them', (options) => {
  // [uapi bpf.h: BPF_RB_AVAIL_DATA 0, BPF_RB_RING_SIZE 1, BPF_RB_CONS_POS 2, BPF_RB_PROD_POS 3, others 0]
  const ask = (which: number): bigint[] => {
    const object = loadMap('xdp', RING, [...reserve(24), ...submit(), ...query(which), 'none: r0 = -1', 'exit'], options);
    return [run(object).r0, run(object).r0];
  };
  assert.deepEqual(
    [ask(0), ask(1), ask(2), ask(3), ask(4)],
    [
      [32n, 32n],
      [4096n, 4096n],
      [0n, 32n],
      [32n, 64n],
      [0n, 0n],
    ],
  );
});

everywhere('a reader is woken where it waits, or as the flags say', (options) => {
  // [kernel bpf_ringbuf_commit; uapi bpf.h: BPF_RB_NO_WAKEUP 1, BPF_RB_FORCE_WAKEUP 2]
  const wakeups = (...flags: number[]): number => {
    const object = loadMap('xdp', RING, [...flags.flatMap((flag) => [...reserve(8), ...submit(flag)]), ...end], options);
    run(object);
    return object.maps['map']!.ring!.wakeups;
  };
  assert.deepEqual([wakeups(0, 0, 0), wakeups(1, 0), wakeups(2, 2, 0), wakeups(1, 2)], [1, 0, 2, 1]);
});

everywhere('bpf_ringbuf_output copies, or says that there is no room', (options) => {
  // [kernel bpf_ringbuf_output: -EINVAL for other flags, -EAGAIN without room]
  const output = (bytes: number, flags: number): bigint => {
    const program = [
      'r1 = map[0]',
      'r2 = r10',
      'r2 += -8',
      'r3 = 77',
      '*(u64 *)(r2 + 0) = r3',
      `r3 = ${bytes}`,
      `r4 = ${flags}`,
      'call bpf_ringbuf_output',
      'exit',
    ];
    const object = loadMap('xdp', { ...RING, maxEntries: 4096 }, program, options);
    const result = run(object);
    if (result.r0 === 0n) assert.equal(result.events[0]!.data.length, bytes);
    return signed(result);
  };
  assert.deepEqual([output(8, 0), output(5, 1), output(0, 0), output(8, 4)], [0n, 0n, 0n, -22n]);
});

everywhere("a record that is not the program's any more", (options) => {
  if (options.engine !== 'interpreter') return;
  const twice = loadMap('xdp', RING, [...reserve(8), 'r6 = r0', ...submit(), 'r0 = r6', ...submit(), ...end], options);
  assert.throws(() => run(twice), /no reserved record/);
  const after = loadMap('xdp', RING, [...reserve(8), 'r6 = r0', ...submit(), 'r2 = 1', '*(u8 *)(r6 + 0) = r2', ...end], options);
  assert.throws(() => run(after), /write of 1 byte/);
  const beyond = loadMap('xdp', RING, [...reserve(8), 'r2 = 1', '*(u8 *)(r0 + 8) = r2', ...submit(), ...end], options);
  assert.throws(() => run(beyond), /record of ring map/);
});

const PERF = shape('perf_event_array', 4, 4, 2);
const perf = (bytes: number, flags = 0xffff_ffff): string[] => [
  ...['r6 = r1', 'r2 = map[0]', `w3 = ${flags | 0}`, 'r4 = r10', `r4 += -${Math.ceil(bytes / 8) * 8}`],
  ...Array.from({ length: Math.ceil(bytes / 8) }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = r3`),
  ...[`r5 = ${bytes}`, 'call bpf_perf_event_output', 'exit'],
];

everywhere('perf events: the CPU, the slot, and lost ones', (options) => {
  const packet = ipv4Frame();
  // [kernel __bpf_perf_event_output: -E2BIG beyond the map, -EOPNOTSUPP for another CPU's event]
  const at = (flags: number): bigint => signed(run(loadMap('xdp', PERF, perf(8, flags), { ...options, cpus: 2 }), { packet }));
  assert.deepEqual([at(0xffff_ffff), at(0), at(1), at(2)], [0n, 0n, -95n, -7n]);
  // [uapi linux/perf_event.h: PERF_RECORD_SAMPLE is a header of 8 bytes, the size in 4, the data; records are multiples of 8]
  const object = loadMap('xdp', PERF, perf(16), { ...options, perfBufferBytes: 32 });
  assert.equal(signed(run(object, { packet })), -28n);
  assert.equal(object.maps['map']!.lost, 1);
  const roomy = loadMap('xdp', PERF, perf(16), { ...options, perfBufferBytes: 40 });
  assert.equal(signed(run(roomy, { packet })), 0n);
  assert.equal(signed(run(roomy, { packet })), 0n);
  assert.equal(roomy.maps['map']!.lost, 0);
});

everywhere('queues are first in, first out; stacks last in', (options) => {
  // [kernel docs/bpf/map_queue_stack.rst; queue_stack_maps.c: -E2BIG where full, BPF_EXIST drops the oldest, -ENOENT where empty]
  const push = (value: number, flags: number): string[] => [
    ...['r2 = r10', 'r2 += -8', `r3 = ${value}`, '*(u64 *)(r2 + 0) = r3', 'r1 = map[0]', `r3 = ${flags}`, 'call bpf_map_push_elem'],
  ];
  const program = [
    ...push(1, 0),
    'r6 = r0',
    ...push(2, 0),
    ...push(3, 0),
    'r7 = r0',
    ...push(4, 2),
    ...push(5, 1),
    'r6 *= 100',
    'r6 += r7',
    'r6 += r0',
    'r0 = r6',
    'exit',
  ];
  for (const [type, left] of [
    ['queue', [2, 4]],
    ['stack', [4, 2]],
  ] as const) {
    const object = loadMap('xdp', shape(type, 0, 8, 2), program, options);
    assert.equal(signed(run(object)), -7n - 22n);
    const map = object.maps['map']!;
    assert.equal(map.peek(), BigInt(left[0]));
    assert.deepEqual([map.pop(), map.pop(), map.pop()], [BigInt(left[0]), BigInt(left[1]), undefined]);
  }
});

everywhere('an empty queue gives zeros', (options) => {
  const pop = (id: string): string[] => [
    'r2 = r10',
    'r2 += -8',
    'r3 = 5',
    '*(u64 *)(r2 + 0) = r3',
    'r1 = map[0]',
    `call bpf_${id}`,
    'r1 = *(u64 *)(r10 - 8)',
    'r0 += r1',
    'exit',
  ];
  for (const id of ['map_pop_elem', 'map_peek_elem'])
    assert.equal(signed(run(loadMap('xdp', shape('queue', 0, 8, 2), pop(id), options))), -2n);
});

everywhere('a bloom filter knows what was added', (options) => {
  // [kernel docs/bpf/map_bloom_filter.rst: push with BPF_ANY, peek gives 0 or -ENOENT, pop and delete are not supported]
  const peek = [
    'r2 = r10',
    'r2 += -8',
    'r3 = *(u32 *)(r1 + 0)',
    'r3 = *(u64 *)(r3 + 0)',
    '*(u64 *)(r2 + 0) = r3',
    'r1 = map[0]',
    'call bpf_map_peek_elem',
    'exit',
  ];
  const object = loadMap('xdp', shape('bloom_filter', 0, 8, 100), peek, options);
  const map = object.maps['map']!;
  for (let i = 0; i < 100; i++) map.push(i);
  let wrong = 0;
  for (let i = 0; i < 400; i++) {
    const packet = new Uint8Array(64);
    new DataView(packet.buffer).setUint32(0, i, true);
    const found = signed(run(object, { packet })) === 0n;
    assert.equal(found, map.mayHave(i));
    if (i < 100) assert.ok(found);
    else if (found) wrong++;
  }
  // 5 hash functions and 7/5 bits for each element and function: about 3 in 100.
  assert.ok(wrong < 30, `${wrong} of 300`);
  assert.equal(map.pushBytes(new Uint8Array(8), 1), -22);
  assert.throws(() => map.pop(), /cannot do that/);
});

everywhere('redirection: the slot, or the action in the lower bits of the flags', (options) => {
  // [uapi bpf.h: bpf_redirect_map returns XDP_REDIRECT, or the lower two bits of flags where the look-up fails]
  for (const [type, keySize] of [
    ['devmap', 4],
    ['devmap_hash', 4],
    ['cpumap', 4],
    ['xskmap', 4],
  ] as const) {
    const program = (key: number, flags: number): string[] => [
      'r1 = map[0]',
      `r2 = ${key}`,
      `r3 = ${flags}`,
      'call bpf_redirect_map',
      'exit',
    ];
    const filled = (key: number, flags: number) => {
      const object = loadMap('xdp', shape(type, keySize, 4, 4), program(key, flags), { ...options, cpus: 4 });
      object.maps['map']!.set(2, 7);
      return run(object, { packet: ipv4Frame() });
    };
    const { r0, redirect } = filled(2, 2);
    assert.deepEqual([r0, redirect], [4n, { map: 'map', key: 2, flags: 2n }]);
    assert.deepEqual([filled(1, 2).r0, filled(1, 0).r0, filled(1, 2).redirect], [2n, 0n, undefined]);
    // Other flags than the action, and for devices broadcast: XDP_ABORTED. [kernel __bpf_xdp_redirect_map]
    assert.equal(filled(2, 64).r0, 0n);
  }
});

const SOCKETS: readonly Socket[] = [
  { protocol: 'tcp', local: { address: '10.0.0.1', port: 80 } },
  { protocol: 'tcp', local: { address: '10.0.0.1', port: 81 } },
];

everywhere('maps of sockets: where the redirect goes', (options) => {
  // [kernel bpf_sk_redirect_map, bpf_msg_redirect_hash: SK_PASS 1, SK_DROP 0 where there is no socket or a flag is wrong]
  const byNumber = (key: number, flags: number): string[] => [
    'r2 = map[0]',
    `r3 = ${key}`,
    `r4 = ${flags}`,
    'call bpf_sk_redirect_map',
    'exit',
  ];
  const toSlot = (key: number, flags: number) => {
    const object = loadMap('sk_skb', shape('sockmap', 4, 4, 4), byNumber(key, flags), { ...options, sockets: SOCKETS });
    object.maps['map']!.set(1, SOCKETS[1]);
    assert.equal(object.maps['map']!.get(1), SOCKETS[1]);
    assert.equal(object.maps['map']!.get(0), undefined);
    return run(object, { packet: ipv4Frame() });
  };
  assert.equal(toSlot(1, 1).r0, 1n);
  assert.deepEqual(toSlot(1, 1).redirect, { map: 'map', key: 1, flags: 1n, socket: SOCKETS[1] });
  assert.deepEqual([toSlot(0, 0).r0, toSlot(9, 0).r0, toSlot(1, 2).r0], [0n, 0n, 0n]);

  const byKey = ['r2 = map[0]', 'r3 = 5', '*(u64 *)(r10 - 8) = r3', 'r3 = r10', 'r3 += -8', 'r4 = 0', 'call bpf_sk_redirect_hash', 'exit'];
  const hashed = loadMap('sk_skb', shape('sockhash', 8, 4, 4), byKey, { ...options, sockets: SOCKETS });
  assert.equal(run(hashed, { packet: ipv4Frame() }).r0, 0n);
  hashed.maps['map']!.set(5, SOCKETS[0]);
  const result = run(hashed, { packet: ipv4Frame() });
  assert.deepEqual([result.r0, result.redirect?.socket], [1n, SOCKETS[0]]);
  assert.throws(() => hashed.maps['map']!.set(6, { ...SOCKETS[0]! }), /no socket of the option/);
});

everywhere('programs look sockets up and put them elsewhere', (options) => {
  // [kernel docs/bpf/map_sockmap.rst: bpf_map_lookup_elem gives a struct sock, bpf_map_update_elem takes one]
  const key = (at: number, value: number): string[] => [`r1 = ${value}`, `*(u32 *)(r10 - ${at}) = r1`];
  const program = [
    ...[...key(4, 0), ...key(8, 2), 'r1 = map[0]', 'r2 = r10', 'r2 += -4', 'call bpf_map_lookup_elem', 'if r0 == 0 goto none', 'r6 = r0'],
    ...[
      'r7 = *(u32 *)(r6 + 44)',
      'r1 = map[0]',
      'r2 = r10',
      'r2 += -8',
      'r3 = r6',
      'r4 = 1',
      'call bpf_map_update_elem',
      'r7 += r0',
      'r0 = r7',
      'exit',
      'none: r0 = -1',
      'exit',
    ],
  ];
  for (const type of ['sockmap', 'sockhash'] as const) {
    const object = loadMap('sched_cls', shape(type, 4, 4, 4), program, { ...options, sockets: SOCKETS });
    assert.equal(signed(run(object, { packet: ipv4Frame() })), -1n);
    object.maps['map']!.set(0, SOCKETS[1]);
    assert.equal(signed(run(object, { packet: ipv4Frame() })), 81n);
    assert.equal(object.maps['map']!.get(2), SOCKETS[1]);
    // BPF_NOEXIST: -EEXIST the second time.
    assert.equal(signed(run(object, { packet: ipv4Frame() })), 81n - 17n);
    assert.equal(object.maps['map']!.deleteBytes(Uint8Array.of(2, 0, 0, 0)), 0);
    assert.equal(object.maps['map']!.get(2), undefined);
  }
});

everywhere('a socket is chosen among those of a port', (options) => {
  // [kernel sk_select_reuseport: 0, or -ENOENT]
  const program = [
    'r2 = map[0]',
    'r3 = 1',
    '*(u32 *)(r10 - 4) = r3',
    'r3 = r10',
    'r3 += -4',
    'r4 = 0',
    'call bpf_sk_select_reuseport',
    'exit',
  ];
  const object = loadMap('raw', shape('reuseport_sockarray', 4, 8, 2), program, { ...options, sockets: SOCKETS });
  assert.equal(signed(run(object)), -2n);
  object.maps['map']!.set(1, SOCKETS[0]);
  const result = run(object);
  assert.deepEqual([result.r0, result.redirect?.socket], [0n, SOCKETS[0]]);
});

everywhere('storage of a socket: made on request, found again, deleted', (options) => {
  // [uapi bpf.h bpf_sk_storage_get: BPF_LOCAL_STORAGE_GET_F_CREATE 1; kernel bpf_local_storage.c: delete gives -ENOENT]
  const tuple = ['*(u64 *)(r10 - 16) = r0', 'r3 = 0x100000a', '*(u32 *)(r10 - 12) = r3', 'r3 = 0x5000', '*(u16 *)(r10 - 6) = r3'];
  const find = [
    'r6 = r1',
    'r0 = 0',
    '*(u64 *)(r10 - 8) = r0',
    ...tuple,
    'r2 = r10',
    'r2 += -16',
    'r3 = 12',
    'r4 = 0',
    'r5 = 0',
    'call bpf_sk_lookup_tcp',
    'if r0 == 0 goto none',
    'r7 = r0',
  ];
  const get = (flags: number): string[] => ['r1 = map[0]', 'r2 = r7', 'r3 = 0', `r4 = ${flags}`, 'call bpf_sk_storage_get'];
  const count = [
    ...find,
    ...get(1),
    'if r0 == 0 goto none',
    'r1 = *(u64 *)(r0 + 0)',
    'r1 += 1',
    '*(u64 *)(r0 + 0) = r1',
    'r0 = r1',
    'exit',
    'none: r0 = -1',
    'exit',
  ];
  const map = shape('sk_storage', 4, 8, 0, 1);
  const object = loadMap('sched_cls', map, count, { ...options, sockets: SOCKETS });
  assert.deepEqual(
    [1, 2, 3].map(() => signed(run(object, { packet: ipv4Frame() }))),
    [1n, 2n, 3n],
  );
  assert.equal(object.maps['map']!.get(SOCKETS[0]), 3n);
  assert.equal(object.maps['map']!.get(SOCKETS[1]), undefined);
  object.maps['map']!.set(SOCKETS[0], 41n);
  assert.equal(signed(run(object, { packet: ipv4Frame() })), 42n);
  const remove = [...find, 'r1 = map[0]', 'r2 = r7', 'call bpf_sk_storage_delete', 'exit', 'none: r0 = -1', 'exit'];
  assert.equal(signed(run(loadMap('sched_cls', map, remove, { ...options, sockets: SOCKETS }), { packet: ipv4Frame() })), -2n);
});

everywhere('storage of the current task', (options) => {
  const program = [
    'call bpf_get_current_task_btf',
    'r2 = r0',
    'r1 = map[0]',
    'r3 = 0',
    'r4 = 1',
    'call bpf_task_storage_get',
    'if r0 == 0 goto none',
    'r1 = *(u64 *)(r0 + 0)',
    'r1 += 1',
    '*(u64 *)(r0 + 0) = r1',
    'r0 = r1',
    'exit',
    'none: r0 = -1',
    'exit',
  ];
  const object = loadMap('raw', shape('task_storage', 4, 8, 0, 1), program, options);
  assert.deepEqual([run(object).r0, run(object).r0], [1n, 2n]);
  assert.deepEqual([...object.maps['map']!.values()], [2n]);
});

everywhere('lines of bpf_trace_printk', (options) => {
  // [kernel bpf_trace_printk: the length of the text]
  const format = Buffer.from('n %d %x\n\0'.padEnd(16, '\0'));
  const words = [format.readInt32LE(0), format.readInt32LE(4), format.readInt32LE(8)];
  const program = [
    ...words.map((word, i) => `*(u32 *)(r10 - ${16 - 4 * i}) = ${word}`),
    'r1 = r10',
    'r1 += -16',
    'r2 = 9',
    'r3 = -5',
    'r4 = 255',
    'call bpf_trace_printk',
    'exit',
  ];
  const result = run(loadText('raw', numbered(program), options));
  assert.deepEqual(result.trace, ['n -5 ff']);
  assert.equal(result.r0, 8n);
});
