// Maps through the routines, against a JavaScript Map as the model, and the kernel's error numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DESCRIPTOR } from '../../src/runtime/maps/descriptor.ts';
import { BpfMap, type MapHome } from '../../src/runtime/maps/maps.ts';
import { Routines } from '../../src/runtime/maps/routines.ts';
import type { BpfError } from '../../src/util/error.ts';
import { Regions } from '../../src/window/regions.ts';
import { PLACE, Window } from '../../src/window/window.ts';

function home(cpus = 1): MapHome {
  const window = new Window();
  const regions = new Regions((pointer) => window.u32(pointer));
  return { window, regions, routines: new Routines(window, regions), cpus, mapAt: () => undefined };
}

function map(type: number, keySize: number, valueSize: number, maxEntries: number, where = home(), flags = 0): BpfMap {
  return new BpfMap(where, { name: 'm', type, keySize, valueSize, maxEntries, flags });
}

/** Small linear congruential generator: the same numbers every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

for (const keySize of [1, 2, 3, 4, 7, 8, 12, 16, 40]) {
  test(`a hash with keys of ${keySize} bytes agrees with a Map`, () => {
    const next = random(keySize);
    const values = [1, 4, 8, 17];
    const valueSize = values[next(values.length)]!;
    const subject = map(1, keySize, valueSize, 50);
    const model = new Map<string, Uint8Array>();
    for (let i = 0; i < 1500; i++) {
      const key = new Uint8Array(keySize);
      key[next(keySize)] = next(20);
      key[keySize - 1]! ^= next(4);
      const name = key.join();
      const value = Uint8Array.from({ length: valueSize }, () => next(256));
      switch (next(5)) {
        case 0:
          assert.equal(subject.deleteBytes(key), model.delete(name) ? 0 : -2);
          break;
        case 1: {
          const found = subject.getBytes(key);
          assert.deepEqual(found, model.get(name));
          break;
        }
        default: {
          const mode = (['any', 'noexist', 'exist'] as const)[next(3)]!;
          const expected =
            mode === 'noexist' && model.has(name)
              ? -17
              : mode === 'exist' && !model.has(name)
                ? -2
                : !model.has(name) && model.size === 50
                  ? -7
                  : 0;
          assert.equal(subject.setBytes(key, value, mode), expected);
          if (expected === 0) model.set(name, value);
        }
      }
      assert.equal(subject.size, model.size);
    }
    const seen = new Map([...subject.entriesBytes()].map(([key, value]) => [key.join(), value]));
    assert.deepEqual(new Map([...seen].sort()), new Map([...model].sort()));
  });
}

test('arrays: bounds, flags, no deletion', () => {
  const subject = map(2, 4, 12, 3);
  const key = (index: number) => Uint8Array.of(index, 0, 0, 0);
  assert.deepEqual(subject.getBytes(key(2)), new Uint8Array(12));
  assert.equal(subject.setBytes(key(2), new Uint8Array(12).fill(7)), 0);
  assert.deepEqual(subject.getBytes(key(2)), new Uint8Array(12).fill(7));
  assert.equal(subject.getBytes(key(3)), undefined);
  assert.equal(subject.setBytes(key(3), new Uint8Array(12)), -7);
  assert.equal(subject.setBytes(key(0), new Uint8Array(12), 'noexist'), -17);
  assert.equal(subject.deleteBytes(key(0)), -22);
  assert.throws(
    () => subject.delete(0),
    (error: BpfError) => error.code === 'map/refused',
  );
  assert.equal([...subject.entries()].length, 3);
});

test('keys and values by size, without types', () => {
  const subject = map(1, 4, 8, 10);
  subject.set(5, 2n ** 64n - 1n).set(-1, 1);
  assert.equal(subject.get(5), 2n ** 64n - 1n);
  assert.equal(subject.get(0xffff_ffff), 1n);
  assert.equal(subject.get(6), undefined);
  assert.throws(() => subject.set(2 ** 32, 1), /does not fit/);
  assert.throws(() => subject.set(1.5, 1), /no integer/);
  assert.throws(() => subject.set('x', 1), /string/);
  assert.equal(subject.delete(5), true);
  assert.equal(subject.delete(5), false);
});

test('an overwritten value stays readable where it was', () => {
  const where = home();
  const subject = map(1, 4, 8, 2, where);
  subject.set(1, 10).set(2, 20);
  const before = subject.lookup(Uint8Array.of(1, 0, 0, 0))!;
  subject.set(1, 11);
  assert.equal(where.window.u64(before), 10n);
  assert.equal(subject.get(1), 11n);
});

test('per-CPU maps keep a value for each CPU', () => {
  for (const type of [5, 6]) {
    const subject = map(type, 4, 4, 4, home(3));
    subject.set(1, 9);
    assert.deepEqual(subject.get(1), [9, 9, 9]);
    subject.set(1, [1, 2, 3]);
    assert.deepEqual(subject.get(1), [1, 2, 3]);
  }
});

/** As a program does it: the element has been used. [kernel htab_lru_map_lookup_elem] */
function lookUp(where: MapHome, subject: BpfMap, key: number): void {
  where.window.setU32(PLACE.scratch, key);
  where.routines.call('map_lookup', subject.pointer, PLACE.scratch);
}

test('an LRU map evicts as the kernel does', () => {
  // [kernel bpf_lru_list.c]: a CPU takes over half of its share of the free nodes at once, here 2. The sixth element finds none: of 0 to
  // 3, in this order on the inactive list, 0 was used, so 1 and 2 go.
  const where = home();
  const subject = map(9, 4, 4, 4, where);
  for (let i = 0; i < 4; i++) subject.set(i, i);
  lookUp(where, subject, 0);
  subject.set(100, 1);
  assert.deepEqual([...subject.keys()].sort(), [0, 100, 3]);
  for (let i = 0; i < 1000; i++) subject.set(i, i);
  assert.ok(subject.size >= 3 && subject.size <= 4);
  assert.equal(subject.get(999), 999);
});

test('lists of their own for each CPU', () => {
  // BPF_F_NO_COMMON_LRU: the entries are rounded up to the same number for each CPU.
  const where = home(2);
  const subject = map(9, 4, 4, 3, where, 2);
  for (let i = 0; i < 2; i++) subject.set(i, i);
  assert.equal(subject.size, 2);
  // The CPU's two are evicted at once: PERCPU_FREE_TARGET is 4.
  subject.set(2, 2);
  assert.deepEqual([...subject.keys()], [2]);
  where.window.setU32(PLACE.globals, 1);
  subject.set(3, 3).set(4, 4);
  assert.equal(subject.size, 3);
});

test('a map of a million entries takes its storage when it is filled', () => {
  const subject = map(1, 8, 64, 1_000_000);
  for (let i = 0; i < 100; i++) subject.set(i, new Uint8Array(64).fill(i));
  assert.equal(subject.size, 100);
  assert.deepEqual(subject.get(99), new Uint8Array(64).fill(99));
});

test('a snapshot brings back what was', () => {
  const subject = map(1, 16, 4, 100);
  const key = (i: number) => new Uint8Array(16).fill(i);
  const empty = subject.snapshot();
  for (let i = 0; i < 20; i++) subject.set(key(i), i);
  const twenty = subject.snapshot();
  for (let i = 10; i < 60; i++) subject.set(key(i), i + 1);
  subject.delete(key(3));
  subject.restore(twenty);
  assert.equal(subject.size, 20);
  assert.equal(subject.get(key(3)), 3);
  assert.equal(subject.get(key(15)), 15);
  assert.equal(subject.get(key(40)), undefined);
  subject.restore(empty);
  assert.equal(subject.size, 0);
  assert.deepEqual([...subject.keys()], []);
  subject.set(key(1), 1);
  assert.deepEqual([...subject.keys()], [key(1)]);
});

test('definitions that make no sense are refused', () => {
  const code = (error: BpfError): boolean => error.code === 'map/definition';
  assert.throws(() => map(2, 8, 4, 1), code);
  assert.throws(() => map(1, 0, 4, 1), code);
  assert.throws(() => map(1, 4, 0, 1), code);
  assert.throws(() => map(1, 4, 4, 0), code);
  assert.throws(
    () => map(33, 0, 0, 1),
    (error: BpfError) => error.code === 'map/type',
  );
});

test('keys that follow a pattern spread over the buckets', () => {
  const patterns: Readonly<Record<string, (i: number) => number>> = {
    'in sequence': (i) => i,
    'multiples of 64': (i) => i * 64,
    'upper bits': (i) => i * 2 ** 20,
    'addresses of a network': (i) => (10 + Math.floor(i / 256)) * 2 ** 24 + (i % 256),
    'byte-swapped numbers': (i) => ((i & 0xff) << 24) | ((i & 0xff00) << 8),
  };
  for (const keySize of [4, 8, 16]) {
    for (const [what, pattern] of Object.entries(patterns)) {
      const where = home();
      const subject = map(1, keySize, 4, 4096, where);
      for (let i = 0; i < 4096; i++) {
        const key = new Uint8Array(keySize);
        new DataView(key.buffer).setUint32(0, pattern(i), true);
        subject.setBytes(key, new Uint8Array(4));
      }
      let longest = 0;
      const buckets = where.window.u32(subject.pointer + DESCRIPTOR.buckets);
      for (let bucket = 0; bucket < 4096; bucket++) {
        let length = 0;
        for (let node = where.window.u32(buckets + 4 * bucket); node !== 0; node = where.window.u32(node)) length++;
        longest = Math.max(longest, length);
      }
      // A random function's longest chain of 4096 in 4096 is 6 or 7.
      assert.ok(longest <= 10, `${what}, keys of ${keySize} bytes: a chain of ${longest}`);
    }
  }
});

test('a trie finds the longest prefix', () => {
  const next = random(11);
  const trie = map(11, 8, 4, 200, home(), 1);
  const key = (bits: number, address: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bits, true);
    view.setUint32(4, address);
    return bytes;
  };
  const masked = (bits: number, address: number): number => (bits === 0 ? 0 : (address & (-1 << (32 - bits))) >>> 0);
  const model = new Map<string, number>();
  for (let i = 0; i < 300; i++) {
    const bits = next(33);
    const address = next(4) * 2 ** 30 + next(8) * 2 ** 20 + next(3);
    const name = `${bits} ${masked(bits, address)}`;
    if (next(4) === 0) assert.equal(trie.deleteBytes(key(bits, address)), model.delete(name) ? 0 : -2);
    else if (trie.setBytes(key(bits, address), Uint8Array.of(i & 255, i >> 8, 0, 0)) === 0) model.set(name, i);
    const wanted = next(4) * 2 ** 30 + next(8) * 2 ** 20 + next(3);
    let expected: number | undefined;
    for (let length = 0; length <= 32; length++) expected = model.get(`${length} ${masked(length, wanted)}`) ?? expected;
    assert.equal(trie.getBytes(key(32, wanted))?.[0], expected === undefined ? undefined : expected & 255);
  }
  assert.equal(trie.size, model.size);
  assert.equal([...trie.keys()].length, model.size);
  assert.equal(trie.setBytes(key(33, 0), new Uint8Array(4)), -22);
});

test('queues give the oldest, stacks the newest', () => {
  const queue = map(22, 0, 4, 3);
  const stack = map(23, 0, 4, 3);
  for (const subject of [queue, stack]) {
    for (const value of [1, 2, 3]) subject.push(value);
    assert.throws(
      () => subject.push(4),
      (error: BpfError) => error.code === 'map/refused',
    );
    assert.equal(subject.pushBytes(Uint8Array.of(4, 0, 0, 0), 2), 0);
    assert.equal(subject.size, 3);
  }
  assert.deepEqual([queue.pop(), queue.pop(), queue.pop(), queue.pop()], [2, 3, 4, undefined]);
  assert.deepEqual([stack.pop(), stack.pop(), stack.pop(), stack.pop()], [4, 3, 2, undefined]);
});

test('locks and timers in values: updates leave them alone, or free them', () => {
  // [kernel copy_map_value: "skipping all special fields"; bpf_obj_free_fields after an update of an array; htab: a new node has zeros]
  const hidden = [
    { offset: 0, bytes: 4, isLock: true },
    { offset: 8, bytes: 16, isFreed: true },
  ];
  const where = home();
  const ones = new Uint8Array(32).fill(1);
  const fresh = (type: number): BpfMap =>
    new BpfMap(where, { name: `m${type}`, type, keySize: 4, valueSize: 32, maxEntries: 4, flags: 0 }, { hidden });
  const key = Uint8Array.of(1, 0, 0, 0);
  const rest = [...new Array(4).fill(0), 1, 1, 1, 1, ...new Array(16).fill(0), ...new Array(8).fill(1)];
  const mark = (subject: BpfMap): number => {
    const at = subject.lookup(key)!;
    where.window.setU32(at, 7);
    where.window.setU64(at + 8, 9n);
    return at;
  };
  for (const type of [1, 2, 9]) {
    const subject = fresh(type);
    assert.equal(subject.setBytes(key, ones), 0);
    assert.deepEqual([...subject.getBytes(key)!], rest);
    const at = mark(subject);
    // Reading hides them, too.
    assert.deepEqual([...subject.getBytes(key)!], rest);
    assert.equal(subject.setBytes(key, ones), 0);
    const now = subject.lookup(key)!;
    assert.deepEqual([where.window.u32(now), where.window.u64(now + 8)], type === 2 ? [7, 0n] : [0, 0n]);
    // An element of an array keeps its place, and its lock.
    assert.equal(now === at, type === 2);
  }
  // BPF_F_LOCK writes in place and frees nothing; an LRU map refuses it, and every map without a lock.
  const [hash, array, lru] = [fresh(1), fresh(2), fresh(9)];
  for (const subject of [hash, array]) {
    subject.setBytes(key, ones);
    const at = mark(subject);
    assert.equal(subject.setBytes(key, ones, 4 | 2), 0);
    assert.deepEqual([subject.lookup(key), where.window.u32(at), where.window.u64(at + 8)], [at, 7, 9n]);
  }
  assert.equal(lru.setBytes(key, ones, 4), -22);
  assert.equal(map(1, 4, 8, 4).setBytes(key, new Uint8Array(8), 4), -22);
});

test('a frozen map, and maps that are for reading or writing only', () => {
  // [kernel map_freeze, map_update_elem: -EPERM without FMODE_CAN_WRITE, map_lookup_elem without FMODE_CAN_READ]
  const key = Uint8Array.of(1, 0, 0, 0);
  const frozen = map(1, 4, 4, 4).set(1, 5);
  frozen.freeze();
  assert.deepEqual([frozen.setBytes(key, key), frozen.deleteBytes(key), frozen.get(1)], [-1, -1, 5]);
  assert.throws(() => frozen.set(1, 6), /frozen/);
  assert.equal(map(2, 4, 4, 4, home(), 8).setBytes(key, key), -1);
  const secret = map(1, 4, 4, 4, home(), 16).set(1, 5);
  for (const read of [() => secret.get(1), () => secret.has(1), () => [...secret], () => secret.getBytes(key)])
    assert.throws(read, /do not allow/);
  assert.equal(map(22, 0, 4, 4, home(), 8).pushBytes(key), -1);
});

test('a map of maps takes what its definition describes', () => {
  // [kernel bpf_map_meta_equal; array_map_meta_equal asks for the same max_entries unless BPF_F_INNER_MAP is set]
  const where = home();
  const all = new Map<number, BpfMap>();
  const seen: MapHome = { ...where, mapAt: (pointer) => all.get(pointer) };
  const make = (type: number, maxEntries: number, flags = 0, keySize = 4): BpfMap => {
    const made = new BpfMap(seen, { name: 'inner', type, keySize, valueSize: 4, maxEntries, flags });
    all.set(made.pointer, made);
    return made;
  };
  const outer = (type: number, maxEntries: number, flags = 0): BpfMap =>
    new BpfMap(
      seen,
      { name: 'outer', type: 12, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 },
      { inner: { name: 'inner', type, keySize: 4, valueSize: 4, maxEntries, flags } },
    );
  const ofHashes = outer(1, 8);
  ofHashes.set(0, make(1, 100));
  assert.throws(() => ofHashes.set(1, make(2, 8)), /not possible/);
  assert.throws(() => ofHashes.set(1, make(1, 8, 1)), /not possible/);
  assert.throws(() => ofHashes.set(1, make(1, 8, 0, 8)), /not possible/);
  const ofArrays = outer(2, 8);
  ofArrays.set(0, make(2, 8));
  assert.throws(() => ofArrays.set(1, make(2, 9)), /not possible/);
  outer(2, 8, 0x1000).set(0, make(2, 9, 0x1000));
  assert.equal(ofArrays.delete(0), true);
  assert.equal(ofArrays.delete(0), false);
  assert.equal(ofArrays.deleteBytes(Uint8Array.of(9, 0, 0, 0)), -7);
});
