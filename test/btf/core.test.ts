// CO-RE relocations of test/corpus/core.c against its own BTF and against that of core-target.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { essentialName } from '../../src/btf/compatible.ts';
import { findByName } from '../../src/btf/types.ts';
import { type LinkedProgram, link } from '../../src/object/link.ts';
import { functionNamed, loadObject, slotOf } from '../object/support.ts';

const target = loadObject('core-target.o').btf!;

/** Per relocation of the program: kind and access, and the value in the instruction: offset of a load or store, or immediate. */
function values(object: string, program: string, btf?: typeof target): { linked: LinkedProgram; values: Record<string, string> } {
  const collection = loadObject(object);
  const linked = link(collection, program, btf === undefined ? {} : { btf });
  const found = functionNamed(collection, program);
  const rows: Record<string, string> = {};
  for (const { slot, kind, access, type } of found.relocations) {
    const { opcode, offset, imm } = slotOf(linked.bytes, slot);
    const isAccess = [1, 2, 3].includes(opcode & 7);
    const wide =
      opcode === 0x18 ? `${BigInt.asUintN(64, (BigInt(slotOf(linked.bytes, slot + 1).imm) << 32n) | BigInt(imm >>> 0))}` : String(imm);
    rows[`${kind} ${collection.btf!.types[type]!.name} ${access} @${slot}`] = isAccess ? `${opcode.toString(16)} ${offset}` : wide;
  }
  return { linked, values: rows };
}

test('fields: offsets follow the target, and loads of unsigned numbers and pointers its sizes', () => {
  assert.deepEqual(Object.values(values('core.o', 'fields', target).values), [
    '61 136', // id: 64 bits before, 32 in the target
    '79 24', // flags: 32 before, 64 in the target
    '71 107', // name[3]
    '61 80', // at[2].y
    '69 36', // nested, in a struct in a union
    '79 8', // parent
    '61 136', // parent->id
    '7b 24', // flags = 7
  ]);
});

test('the object on its own BTF stays as it is', () => {
  const collection = loadObject('core.o');
  const { linked } = values('core.o', 'fields');
  const found = functionNamed(collection, 'fields');
  for (const { slot } of found.relocations) assert.deepEqual(slotOf(linked.bytes, slot), slotOf(found.bytes, slot));
  assert.deepEqual(linked.poisoned, []);
});

test('questions about fields', () => {
  assert.deepEqual(Object.values(values('core.o', 'infos', target).values), ['16', '4', '1', '43', '52', '64', '1', '1', '0']);
});

test('questions about types', () => {
  const local = findByName(loadObject('core.o').btf!, 'point', 'struct');
  const there = findByName(target, 'point', 'struct');
  assert.deepEqual(Object.values(values('core.o', 'types', target).values), ['1', '0', '144', '1', '0', String(local), String(there), '4']);
});

test('questions about enumerators, with flavors', () => {
  assert.deepEqual(Object.values(values('core.o', 'enums', target).values), ['1', '20', '0', String(0xfedcba9876543210n)]);
});

test('an instruction without a target must not be reached', () => {
  const { linked } = values('core.o', 'missing', target);
  assert.deepEqual(linked.poisoned, [3]);
  assert.deepEqual(slotOf(linked.bytes, 3), { opcode: 0x85, dst: 0, src: 0, offset: 0, imm: 0xbad2310 });
});

test('instructions of v4 are patched alike', () => {
  for (const program of ['fields', 'infos', 'types', 'enums']) {
    const v3 = Object.values(values('core.o', program, target).values);
    const v4 = Object.values(values('core-v4.o', program, target).values);
    // v4 stores an immediate where v3 stores a register.
    const stores = (row: string): string => row.replace(/^7[ab] /, 'store ');
    assert.deepEqual(v4.map(stores), v3.map(stores), program);
  }
});

test('a flavor is what follows the last three underscores', () => {
  assert.equal(essentialName('task_struct___v5'), 'task_struct');
  assert.equal(essentialName('a___b___c'), 'a___b');
  assert.equal(essentialName('task__struct'), 'task__struct');
  assert.equal(essentialName('task____v'), 'task____v');
  assert.equal(essentialName('___v'), '___v');
  assert.equal(essentialName('task___'), 'task___');
});
