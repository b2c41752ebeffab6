// Dynptrs and other kernel functions: bounds, null pointers, packets; exceptions; iterators. [uapi bpf.h, kernel/bpf/helpers.c]
import assert from 'node:assert/strict';
import { everywhere, ipv4Frame, loadText, run, signed } from './support.ts';

const RING = { name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 };

everywhere('bpf_dynptr_from_mem, _write, _read, _data keep to their bounds', (options) => {
  // 16 bytes of the context-free stack are the memory.
  const text = (offset: number, bytes: number) => `
    *(u64 *)(r10 - 8) = 0
    *(u64 *)(r10 - 16) = 0
    r1 = r10
    r1 += -16
    r2 = 16
    r3 = 0
    r4 = r10
    r4 += -32
    call 197
    if r0 != 0 goto out
    r1 = 0x1122334455667788 ll
    *(u64 *)(r10 - 40) = r1
    r1 = r10
    r1 += -32
    r2 = ${offset}
    r3 = r10
    r3 += -40
    r4 = ${bytes}
    r5 = 0
    call 202
    if r0 != 0 goto out
    r0 = *(u64 *)(r10 - 8)
  out:
    exit`;
  const give = (offset: number, bytes: number): bigint => {
    using object = loadText('raw', text(offset, bytes), options);
    return signed(run(object));
  };
  assert.equal(give(8, 8), 0x1122334455667788n);
  assert.equal(give(12, 4), 0x5566778800000000n);
  assert.equal(give(9, 8), -7n);
  assert.equal(give(17, 0), -7n);
});

everywhere('a record of a ring by dynptr; the second end of it is none', (options) => {
  const text = (bytes: number) => `
    r1 = map[0]
    r2 = ${bytes}
    r3 = 0
    r4 = r10
    r4 += -16
    call 198
    r6 = r0
    r1 = r10
    r1 += -16
    r2 = 4
    r3 = 4
    call 203
    if r0 == 0 goto submit
    *(u32 *)(r0 + 0) = 0x0a0b0c0d
  submit:
    r1 = r10
    r1 += -16
    r2 = 0
    call 199
    r1 = r10
    r1 += -16
    r2 = 0
    call 200
    r0 = r6
    exit`;
  using object = loadText('raw', text(8), options, { maps: [RING] });
  const { events } = run(object);
  assert.deepEqual(
    events.map(({ data }) => [...data]),
    [[0, 0, 0, 0, 13, 12, 11, 10]],
  );
  using large = loadText('raw', text(4096), options, { maps: [RING] });
  const refused = run(large);
  assert.equal(signed(refused), -22n);
  assert.deepEqual(refused.events, []);
});

everywhere('a ring that nobody reads fills up; one that is read does not', (options) => {
  const text = `
    r1 = map[0]
    r2 = r10
    r2 += -512
    r3 = 512
    r4 = 0
    call 130
    exit`;
  for (const unread of [true, false]) {
    using object = loadText('raw', text, { ...options, unread }, { maps: [RING] });
    // 520 bytes a record with its header, and one byte must stay free.
    const results = Array.from({ length: 9 }, () => signed(run(object)));
    assert.deepEqual(results, [0n, 0n, 0n, 0n, 0n, 0n, 0n, unread ? -11n : 0n, unread ? -11n : 0n]);
  }
});

everywhere('dynptrs of packets: slices, adjusting, read-only where the program may not write', (options) => {
  const text = `
    r2 = 0
    r3 = r10
    r3 += -16
    call kfunc[0]
    if r0 != 0 goto out
    r1 = r10
    r1 += -16
    r2 = 30
    r3 = 34
    call kfunc[1]
    if r0 != 0 goto out
    r1 = r10
    r1 += -16
    r2 = 0
    r3 = 0
    r4 = 4
    call kfunc[2]
    if r0 == 0 goto out
    r6 = *(u32 *)(r0 + 0)
    r1 = r10
    r1 += -16
    r2 = 1
    r3 = 0
    r4 = 4
    call kfunc[2]
    r6 += r0
    r1 = r10
    r1 += -16
    call kfunc[3]
    r0 <<= 40
    r0 += r6
  out:
    exit`;
  const kfuncs = ['bpf_dynptr_from_skb', 'bpf_dynptr_adjust', 'bpf_dynptr_slice', 'bpf_dynptr_is_rdonly'];
  using tc = loadText('sched_cls', text, options, { kfuncs });
  assert.equal(run(tc, { packet: ipv4Frame() }).r0, 0x0200000an);
  using cgroup = loadText('cgroup_skb', text.replace('r2 = 30', 'r2 = 16').replace('r3 = 34', 'r3 = 20'), options, { kfuncs });
  assert.equal(run(cgroup, { packet: ipv4Frame() }).r0, 0x0200000an + (1n << 40n));
});

everywhere('bpf_throw leaves all frames; the callback turns the cookie into the result', (options) => {
  const text = `
    call inner
    r0 = 1
    exit
  inner:
    r1 = 41
    call kfunc[0]
    r0 = 2
    exit`;
  using plain = loadText('raw', text, options, { kfuncs: ['bpf_throw'] });
  assert.equal(run(plain).r0, 41n);
  const handler = `${text}
  handler:
    r0 = r1
    r0 += 1
    exit`;
  // The handler is called by nobody: a reference makes it a function.
  using caught = loadText('raw', `r6 = function[handler]\n${handler}`, options, { kfuncs: ['bpf_throw'], exceptionCallback: 2 });
  assert.equal(run(caught).r0, 42n);
  assert.equal(run(caught).r0, 42n);
});

everywhere('bpf_iter_num counts from start to end, and refuses what is too long', (options) => {
  const text = (start: number, end: number) =>
    `
    r1 = r10
    r1 += -8
    r2 = ${start}
    r3 = ${end}
    call kfunc[0]
    if r0 != 0 goto out
    r6 = 0
  next:
    r1 = r10
    r1 += -8
    call kfunc[1]
    if r0 == 0 goto done
    w1 = *(u32 *)(r0 + 0)
    r6 += r1
    goto next
  done:
    r0 = r6
  out:
    exit`.replace('w1 =', 'r1 =');
  const kfuncs = ['bpf_iter_num_new', 'bpf_iter_num_next'];
  const give = (start: number, end: number): bigint => {
    using object = loadText('raw', text(start, end), options, { kfuncs });
    return signed(run(object));
  };
  assert.equal(give(3, 7), 3n + 4n + 5n + 6n);
  assert.equal(give(5, 5), 0n);
  assert.equal(give(6, 5), -22n);
  assert.equal(give(0, 8 * 1024 * 1024 + 1), -7n);
});
