// What `link` makes of them: order of functions, calls, references, lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { link } from '../../src/object/link.ts';
import { createProgram } from '../../src/program/program.ts';
import { assertRefused, loadObject, slotOf } from './support.ts';

const CALL = 0x85;
const LDDW = 0x18;

test('subprograms are appended once, each before the next call is looked at', () => {
  const collection = loadObject('calls-v3.o');
  const order = (name: string): string[] => link(collection, name).subprograms.map((sub) => sub.name);
  assert.deepEqual(order('first'), ['first', 'overridable', 'shared', 'middle', 'leaf', 'beside']);
  assert.deepEqual(order('second'), ['second', 'shared', 'middle', 'leaf', 'add']);
  assert.deepEqual(order('third'), ['third']);
});

test('calls and function addresses lead to the start of a subprogram', () => {
  for (const object of ['calls-v1.o', 'calls-v3.o', 'calls-v4.o', 'calls-eb.o']) {
    const collection = loadObject(object);
    for (const { name } of collection.programs) {
      const linked = link(collection, name);
      const starts = new Map(linked.subprograms.map((sub) => [sub.start, sub]));
      const called = new Set<number>([0]);
      for (let slot = 0; slot * 8 < linked.bytes.length; slot++) {
        const { opcode, src, imm } = slotOf(linked.bytes, slot);
        const leads = (opcode === CALL && src === 1) || (opcode === LDDW && src === 4);
        if (leads) {
          assert(starts.has(slot + 1 + imm), `${object} ${name} slot ${slot} leads to ${slot + 1 + imm}`);
          called.add(slot + 1 + imm);
        }
        if (opcode === LDDW) slot++;
      }
      assert.deepEqual([...called].sort(), [...starts.keys()].sort(), `${object} ${name}: every subprogram is called`);
      assert.equal(linked.subprograms.at(-1)!.end * 8, linked.bytes.length);
    }
  }
});

test('map references have the index of the map, and the offset in its value', () => {
  const collection = loadObject('maps.o');
  const linked = link(collection, 'entry');
  const nameAt = (slot: number): string => collection.maps[slotOf(linked.bytes, slot).imm]!.name;
  for (const { slot, map } of linked.mapRefs) {
    const { opcode, src, imm } = slotOf(linked.bytes, slot);
    assert.equal(opcode, LDDW);
    assert.equal(imm, map);
    assert.equal(src, collection.maps[map]!.data === undefined ? 1 : 2);
  }
  const offsets = new Map<string, number[]>();
  for (const { slot } of linked.mapRefs)
    offsets.set(nameAt(slot), [...(offsets.get(nameAt(slot)) ?? []), slotOf(linked.bytes, slot + 1).imm]);
  assert.deepEqual(offsets.get('.rodata'), [0, 4]);
  assert.deepEqual(offsets.get('.data'), [0, 16, 8]);
  assert.deepEqual(offsets.get('outer'), [0]);
});

test('kernel functions are numbered by name, kernel variables are 0', () => {
  const collection = loadObject('externs.o');
  const linked = link(collection, 'symbols');
  assert.deepEqual(linked.kfuncs, ['kernel_lock', 'kernel_get']);
  const calls: number[] = [];
  const loads: number[][] = [];
  for (let slot = 0; slot * 8 < linked.bytes.length; slot++) {
    const { opcode, src, imm, offset } = slotOf(linked.bytes, slot);
    if (opcode === CALL) {
      assert.deepEqual([src, offset], [2, 0]);
      calls.push(imm);
    }
    if (opcode === LDDW) {
      loads.push([src, imm, slotOf(linked.bytes, slot + 1).imm]);
      slot++;
    }
  }
  assert.deepEqual(calls, [0, 1, 1, 0]);
  // kernel_base is weak: its address must be 0 where nobody has it; kernel_count is only known to the kernel.
  assert.deepEqual(loads.sort(), [
    [0, 0, 0],
    [3, 0, 0],
  ]);
});

test('what one program lacks does not keep the others from linking', () => {
  const collection = loadObject('externs.o');
  assertRefused(() => link(collection, 'broken'), 'object/undefined-symbol', /nowhere is not defined/);
  assert.equal(link(collection, 'values').mapRefs.length, 5);
});

test('errors in an instruction name its line of C', () => {
  assert.throws(
    () => link(loadObject('externs.o'), 'broken'),
    (error: { position?: unknown }) => {
      const { program, slot, source } = error.position as { program: string; slot: number; source: { line: number; text: string } };
      return program === 'broken' && slot === 1 && source.text.includes('nowhere(1)');
    },
  );
});

test('the handler of exceptions comes last: nothing calls it', () => {
  const { subprograms } = link(loadObject('exceptions.o'), 'guarded');
  assert.deepEqual(
    subprograms.map((sub) => sub.name),
    ['guarded', 'cleanup', 'handler'],
  );
});

test('a name is needed where there are several programs', () => {
  const collection = loadObject('calls-v3.o');
  assertRefused(() => link(collection, undefined), 'object/which-program', /3: first, second, third/);
  assertRefused(() => link(collection, 'leaf'), 'object/no-such-program', /no program leaf/);
  assert.equal(link(loadObject('xdp_counter.o'), undefined).name, 'xdp_counter');
});

test('lines are sorted by slot and stay within their subprogram', () => {
  const linked = link(loadObject('xdp_counter.o'), 'xdp_counter');
  const [main, sub] = linked.subprograms;
  assert.equal(sub!.name, 'count_packet');
  const inMain = linked.lines.filter(({ slot }) => slot < main!.end);
  const inSub = linked.lines.filter(({ slot }) => slot >= sub!.start);
  assert.deepEqual(
    linked.lines.map(({ slot }) => slot),
    linked.lines.map(({ slot }) => slot).sort((a, b) => a - b),
  );
  assert(inMain.some(({ text }) => text?.includes('__builtin_bswap16(port)')));
  assert(inSub.some(({ text }) => text?.includes('found->packets')));
  assert(!inMain.some(({ text }) => text?.includes('found->packets')));
});

test('the linked example is a program', () => {
  const collection = loadObject('xdp_counter.o');
  const program = createProgram({ ...link(collection, undefined), maps: collection.maps });
  assert.equal(program.type, 'xdp');
  assert.deepEqual(
    program.subprograms.map(({ name }) => name),
    ['xdp_counter', 'count_packet'],
  );
});
