// Objects that programs allocate, and what holds them: lists, trees, kernel pointers in maps. [kernel bpf_obj_new_impl, bpf_rbtree_add_impl]
import { sizeOf } from '../../btf/types.ts';
import type { Caller } from '../../interpreter/machine.ts';
import type { Region } from '../../window/regions.ts';
import type { Home } from '../object/home.ts';
import { ERRNO, type Implementation } from './helpers.ts';

const { EINVAL } = ERRNO;
/** Words of a list's head and node, of a tree's root and node: the neighbours, then the container that a node is in. A head is a node
 * whose neighbours are the last and the first; a tree is kept as a list in its order. */
const NODE = { next: 0, previous: 8, owner: 16 } as const;
const HEAD_BYTES = 16;
const NODE_BYTES = 24;

interface Allocated {
  readonly bytes: number;
  readonly region: Region;
  references: number;
}

/** The objects of one loaded object, by their address. */
export class KernelObjects {
  readonly all: Map<number, Allocated> = new Map();
}

function allocate(caller: Caller, home: Home): number {
  const type = Number(caller.registers[1]! & 0xffff_ffffn);
  const bytes = home.btf === undefined ? undefined : home.btf.types[type] === undefined ? undefined : sizeOf(home.btf, type);
  if (bytes === undefined || bytes === 0) caller.stop('helper', `type ${type} of bpf_obj_new has no size`);
  const { at, region } = home.blocks.take(bytes, 'an object of the program');
  home.objects.all.set(at, { bytes, region, references: 1 });
  return at;
}

function found(caller: Caller, home: Home, at: number): Allocated {
  const object = home.objects.all.get(at);
  if (object === undefined) caller.stop('helper', `0x${at.toString(16)} is no object of the program`);
  return object;
}

function drop(caller: Caller, home: Home, at: number): void {
  const object = found(caller, home, at);
  if (--object.references > 0) return;
  home.objects.all.delete(at);
  home.blocks.give(at, object.region);
}

/** Heads and nodes lie in the program's memory: their neighbours may be anything. */
function checkPlace(caller: Caller, at: number): void {
  if (!caller.window.has(at, 8)) caller.stop('helper', `a list or tree is damaged: it leads to 0x${at.toString(16)}`);
}

function word(caller: Caller, at: number): number {
  checkPlace(caller, at);
  return Number(caller.window.u64(at) & 0xffff_ffffn);
}

function setWord(caller: Caller, at: number, value: number): void {
  checkPlace(caller, at);
  caller.window.setU64(at, BigInt(value));
}

/** A head of zeros is an empty list. */
function settle(caller: Caller, head: number): void {
  if (word(caller, head + NODE.next) !== 0) return;
  setWord(caller, head + NODE.next, head);
  setWord(caller, head + NODE.previous, head);
}

function link(caller: Caller, head: number, node: number, before: number): void {
  const previous = word(caller, before + NODE.previous);
  setWord(caller, node + NODE.next, before);
  setWord(caller, node + NODE.previous, previous);
  setWord(caller, node + NODE.owner, head);
  setWord(caller, previous + NODE.next, node);
  setWord(caller, before + NODE.previous, node);
}

function unlink(caller: Caller, node: number): void {
  const next = word(caller, node + NODE.next);
  const previous = word(caller, node + NODE.previous);
  setWord(caller, previous + NODE.next, next);
  setWord(caller, next + NODE.previous, previous);
  caller.window.zero(node, NODE_BYTES);
}

/** A node that is in a container already is refused, and the program's reference to its object dropped. */
function refused(caller: Caller, home: Home, node: number): number {
  for (const [at, { bytes }] of home.objects.all) {
    if (node < at || node >= at + bytes) continue;
    drop(caller, home, at);
    break;
  }
  return EINVAL;
}

function push(front: boolean): Implementation {
  return (caller, home) => {
    const head = caller.pointer(1, HEAD_BYTES, true);
    const node = caller.pointer(2, NODE_BYTES, true);
    settle(caller, head);
    if (word(caller, node + NODE.owner) !== 0) return refused(caller, home, node);
    link(caller, head, node, front ? word(caller, head + NODE.next) : head);
    return 0;
  };
}

function pop(front: boolean): Implementation {
  return (caller) => {
    const head = caller.pointer(1, HEAD_BYTES, true);
    settle(caller, head);
    const node = word(caller, head + (front ? NODE.next : NODE.previous));
    if (node === head) return 0;
    unlink(caller, node);
    return node;
  };
}

/** bpf_rbtree_add(root, node, less): behind all that are not greater. */
function add(caller: Caller, home: Home): number {
  const root = caller.pointer(1, HEAD_BYTES, true);
  const node = caller.pointer(2, NODE_BYTES, true);
  const less = caller.registers[3]!;
  settle(caller, root);
  if (word(caller, node + NODE.owner) !== 0) return refused(caller, home, node);
  let at = word(caller, root + NODE.next);
  while (at !== root && caller.callback(less, BigInt(node), BigInt(at), 0n, 0n, 0n) === 0n) at = word(caller, at + NODE.next);
  link(caller, root, node, at);
  return 0;
}

function remove(caller: Caller): number {
  const root = caller.pointer(1, HEAD_BYTES, true);
  const node = caller.pointer(2, NODE_BYTES, true);
  if (word(caller, node + NODE.owner) !== root) return 0;
  unlink(caller, node);
  return node;
}

function first(caller: Caller): number {
  const root = caller.pointer(1, HEAD_BYTES, true);
  const node = word(caller, root + NODE.next);
  return node === root ? 0 : node;
}

export const OBJECT_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_obj_new_impl: allocate,
  bpf_obj_drop_impl: (caller, home) => {
    drop(caller, home, Number(caller.registers[1]!));
    return 0;
  },
  bpf_refcount_acquire_impl: (caller, home) => {
    found(caller, home, Number(caller.registers[1]!)).references++;
    return caller.registers[1]!;
  },
  bpf_list_push_front_impl: push(true),
  bpf_list_push_back_impl: push(false),
  bpf_list_pop_front: pop(true),
  bpf_list_pop_back: pop(false),
  bpf_rbtree_add_impl: add,
  bpf_rbtree_remove: remove,
  bpf_rbtree_first: first,
};

export const OBJECT_HELPERS: Readonly<Record<number, Implementation>> = {
  /** bpf_kptr_xchg(place, pointer): the old pointer. */
  194: (caller, home) => {
    const at = caller.pointer(1, 8, true);
    const old = home.window.u64(at);
    home.window.setU64(at, caller.registers[2]!);
    return old;
  },
};
