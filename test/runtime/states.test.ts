// Saved states: what runs leave behind beside the contents of maps.
import assert from 'node:assert/strict';
import { parse } from '../../src/asm/parse.ts';
import type { Btf } from '../../src/btf/types.ts';
import { createProgram } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import { everywhere, loadText, run, signed } from './support.ts';

const TIMERS = { name: 'timers', type: 2, keySize: 4, valueSize: 24, maxEntries: 1, flags: 0 };

everywhere('a timer that has fired since is to fire again', (options) => {
  const text = `
    r1 = map[0][0] + 0
    r2 = map[0]
    r3 = 1
    call 169
    r1 = map[0][0] + 0
    r2 = function[fired]
    call 170
    r1 = map[0][0] + 0
    r2 = 100
    r3 = 0
    call 171
    exit
    fired:
    r1 = *(u64 *)(r3 + 16)
    r1 += 1
    *(u64 *)(r3 + 16) = r1
    r0 = 0
    exit`;
  using object = loadText('sched_cls', text, { ...options, clock: 0n }, { maps: [TIMERS] });
  assert.equal(signed(run(object)), 0n);
  const set = object.snapshot();
  const count = (): number => object.maps['timers']!.getBytes(new Uint8Array(4))![16]!;
  object.clock.advance(100n);
  assert.equal(count(), 1);
  const fired = object.snapshot();
  object.restore(set);
  assert.equal(object.clock.now(), 0n);
  object.clock.advance(99n);
  assert.equal(count(), 0);
  object.clock.advance(1n);
  assert.equal(count(), 1);
  object.restore(fired);
  object.clock.advance(1000n);
  assert.equal(count(), 1);
});

const RING = { name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 };

everywhere('positions of a ring, and what nobody has read', (options) => {
  const text = 'r2 = r10\nr2 += -8\nr3 = 7\n*(u64 *)(r2 + 0) = r3\nr1 = map[0]\nr3 = 8\nr4 = 0\ncall 130\nexit';
  using object = loadText('xdp', text, { ...options, unread: true }, { maps: [RING] });
  const ring = object.maps['ring']!.ring!;
  run(object);
  const once = object.snapshot();
  run(object);
  run(object);
  assert.equal(ring.consume().length, 3);
  object.restore(once);
  assert.deepEqual([ring.consumer, ring.producer, ring.wakeups], [0, 16, 1]);
  assert.equal(run(object).events.length, 1);
  assert.deepEqual(
    ring.consume().map((data) => data[0]),
    [7, 7],
  );
});

/** Type 1: struct node { u64 key; struct bpf_list_node links; }. */
const BTF = {
  types: [
    { kind: 'void', name: '' },
    { kind: 'struct', name: 'node', size: 40, members: [] },
  ],
  path: 'test',
} as unknown as Btf;
const HEADS = { name: 'heads', type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0 };
const KFUNCS = ['bpf_obj_new_impl', 'bpf_obj_drop_impl', 'bpf_list_push_back_impl', 'bpf_list_pop_front'];

everywhere('objects that programs have allocated, dropped since', (options) => {
  const push =
    'r1 = 1\nr2 = 0\ncall kfunc[0]\nr1 = 42\n*(u64 *)(r0 + 0) = r1\nr1 = map[0][0] + 0\nr2 = r0\nr2 += 8\nr3 = 0\nr4 = 0\ncall kfunc[2]\nexit';
  const pop = `r1 = map[0][0] + 0\ncall kfunc[3]\nif r0 == 0 goto none\nr0 += -8\nr6 = *(u64 *)(r0 + 0)\nr1 = r0\nr2 = 0\ncall kfunc[1]\nr0 = r6\nexit\nnone:\nexit`;
  const programs = Object.entries({ push, pop }).map(([name, text]) =>
    createProgram({ name, type: 'sched_cls', ...parse(text), maps: [HEADS], kfuncs: KFUNCS }),
  );
  using object = new LoadedObject({ name: 'test', programs, maps: [HEADS], btf: BTF }, options);
  const call = (name: string): bigint => object.programs[name]!.run({}).r0;
  call('push');
  const one = object.snapshot();
  assert.equal(call('pop'), 42n);
  assert.equal(call('pop'), 0n);
  object.restore(one);
  // Its place is taken: a new one goes elsewhere.
  call('push');
  assert.deepEqual([call('pop'), call('pop'), call('pop')], [42n, 42n, 0n]);
  object.restore(one);
  assert.equal(object.home.objects.all.size, 1);
  assert.equal(call('pop'), 42n);
});
