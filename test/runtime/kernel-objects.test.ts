// Lists, trees and objects of programs. [kernel bpf_list_push_front_impl, bpf_rbtree_add_impl, bpf_obj_drop_impl]
import assert from 'node:assert/strict';
import { parse } from '../../src/asm/parse.ts';
import type { Btf } from '../../src/btf/types.ts';
import { createProgram } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import { everywhere, run, signed } from './support.ts';

/** Type 1: struct node { u64 key; struct bpf_rb_node links; }. */
const BTF = {
  types: [
    { kind: 'void', name: '' },
    { kind: 'struct', name: 'node', size: 40, members: [] },
  ],
  path: 'test',
} as unknown as Btf;
const MAP = { name: 'heads', type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0 };

/** Makes nodes with those keys and adds each by `adds`; then takes them out by `takes`: keys as decimal digits, in that order. */
function order(options: object, keys: readonly number[], adds: string, takes: readonly string[]): bigint {
  const kfuncs = ['bpf_obj_new_impl', 'bpf_obj_drop_impl', adds, ...takes];
  const insert = keys.map(
    (key) =>
      `r1 = 1\nr2 = 0\ncall kfunc[0]\n*(u64 *)(r0 + 0) = ${key}\nr1 = map[0][0] + 0\nr2 = r0\nr2 += 8\nr3 = function[less]\nr4 = 0\ncall kfunc[2]`,
  );
  // A tree's first node is found, then removed: the last call gives the node.
  const take = keys.map(() => {
    const calls = takes.map((_, i) => `r1 = map[0][0] + 0\nr2 = r0\ncall kfunc[${3 + i}]`);
    return `${calls.join('\n')}\nr1 = r0\nr1 += -8\nr6 *= 10\nr2 = *(u64 *)(r1 + 0)\nr6 += r2\nr2 = 0\ncall kfunc[1]`;
  });
  const text = `r6 = 0\n${insert.join('\n')}\n${take.join('\n')}\nr0 = r6\nexit
    less:
    r1 = *(u64 *)(r1 - 8)
    r2 = *(u64 *)(r2 - 8)
    r0 = 0
    if r1 >= r2 goto out
    r0 = 1
    out:
    exit`;
  const { bytes, subprograms } = parse(text);
  const program = createProgram({ name: 'main', type: 'sched_cls', bytes, subprograms, maps: [MAP], kfuncs });
  using object = new LoadedObject({ name: 'test', programs: [program], maps: [MAP], btf: BTF }, options);
  const result = signed(run(object));
  assert.equal(object.home.objects.all.size, 0);
  return result;
}

everywhere('a list gives its nodes from the end that is asked for', (options) => {
  assert.equal(order(options, [1, 2, 3], 'bpf_list_push_back_impl', ['bpf_list_pop_front']), 123n);
  assert.equal(order(options, [1, 2, 3], 'bpf_list_push_front_impl', ['bpf_list_pop_front']), 321n);
  assert.equal(order(options, [1, 2, 3], 'bpf_list_push_back_impl', ['bpf_list_pop_back']), 321n);
});

everywhere('a tree gives its nodes in order', (options) => {
  assert.equal(order(options, [5, 2, 9, 2, 7], 'bpf_rbtree_add_impl', ['bpf_rbtree_first', 'bpf_rbtree_remove']), 22579n);
});

everywhere('a head that leads out of the window stops the program', (options) => {
  const { bytes } = parse('r1 = map[0][0] + 0\nr2 = 0xfffffff0 ll\n*(u64 *)(r1 + 0) = r2\n*(u64 *)(r1 + 8) = r2\ncall kfunc[0]\nexit');
  const kfuncs = ['bpf_list_pop_front'];
  const program = createProgram({ name: 'main', type: 'sched_cls', bytes, maps: [MAP], kfuncs });
  using object = new LoadedObject({ name: 'test', programs: [program], maps: [MAP], btf: BTF }, options);
  assert.throws(() => run(object), /a list or tree is damaged: it leads to 0xffff/);
});
