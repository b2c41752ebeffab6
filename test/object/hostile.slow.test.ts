// Files that are cut off or damaged: a typed error, or an object that is as well formed as any; never a crash, a hang or a giant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readElf } from '../../src/elf/read.ts';
import { link } from '../../src/object/link.ts';
import { load } from '../../src/object/load.ts';
import { createProgram } from '../../src/program/program.ts';
import { BpfError } from '../../src/util/error.ts';
import { assertRefused, objectBytes } from './support.ts';

/** Loads and links everything; undefined where it is refused as it should be. */
function attempt(bytes: Uint8Array, what: string): 'loaded' | 'refused' {
  try {
    const collection = load(bytes, 'damaged.o');
    for (const program of collection.programs) {
      try {
        createProgram({ ...link(collection, program.name), maps: collection.maps });
      } catch (error) {
        checkError(error, what);
      }
    }
    return 'loaded';
  } catch (error) {
    checkError(error, what);
    return 'refused';
  }
}

function checkError(error: unknown, what: string): void {
  assert(error instanceof BpfError, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
  assert.match(error.code, /^(elf|btf|object|isa|program)\/[a-z0-9-]+$/, what);
  assert(error.message.length > 10, what);
}

/** Numbers in [0, limit), the same ones every time. */
function* randomNumbers(seed: number): Generator<number, never, number> {
  let state = seed;
  let limit = 1;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    limit = yield Math.floor((state / 2 ** 32) * limit);
  }
}

test('the example cut off at every byte', () => {
  const bytes = objectBytes('xdp_counter.o');
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(attempt(bytes.subarray(0, length), `${length} bytes`), 'refused', `${length} of ${bytes.length} bytes`);
  }
});

test('bytes of the headers set to 0 and 0xff', () => {
  const bytes = objectBytes('maps.o');
  const sectionHeaders = new DataView(bytes.buffer, bytes.byteOffset).getUint32(40, true);
  const places = [...Array(64).keys(), ...Array.from({ length: bytes.length - sectionHeaders }, (_, i) => sectionHeaders + i)];
  // A section's header has 64 bytes: of each field one byte or another.
  for (const at of places.filter((_, i) => i < 64 || i % 3 === 0)) {
    for (const value of [0, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] = value;
      attempt(damaged, `byte ${at} = ${value}`);
    }
  }
});

test('random damage in what is read', () => {
  const random = randomNumbers(20261123);
  random.next(1);
  const outcomes = { loaded: 0, refused: 0 };
  for (const name of ['xdp_counter.o', 'maps.o', 'calls-v3.o', 'externs.o', 'core.o', 'legacy.o', 'maps-eb.o']) {
    const bytes = objectBytes(name);
    for (let i = 0; i < 250; i++) {
      const damaged = bytes.slice();
      const flips = 1 + random.next(3).value;
      for (let flip = 0; flip < flips; flip++) {
        const at = random.next(bytes.length).value;
        damaged[at] = damaged[at]! ^ (1 << random.next(8).value);
      }
      outcomes[attempt(damaged, `${name}, damage ${i}`)]++;
    }
  }
  assert(outcomes.loaded > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
});

test('an lddw of which the function has only the first slot', () => {
  const bytes = objectBytes('legacy.o').slice();
  const elf = readElf(bytes, 'cut.o');
  const { index } = elf.symbols.find((symbol) => symbol.name === 'program')!;
  const table = elf.sections.find((section) => section.name === '.symtab')!;
  // Slots 4 and 5 are an lddw with a relocation.
  new DataView(bytes.buffer).setBigUint64(table.offset + 24 * index + 16, 5n * 8n, true);
  assertRefused(() => link(load(bytes, 'cut.o'), 'program'), 'object/bad-relocation', /lddw takes two slots/);
});

test('a bit-field of an integer without bytes', () => {
  const bytes = objectBytes('core.o').slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 12 <= bytes.length; at += 4) {
    const isInteger = view.getUint32(at, true) === 0x01000000 && view.getUint32(at + 4, true) === 4 && view.getUint32(at + 8, true) === 32;
    if (isInteger) view.setUint32(at + 4, 0, true);
  }
  assertRefused(() => link(load(bytes, 'zero.o'), 'infos'), 'btf/core-bad-access', /0 bytes/);
});

test('what is no object at all', () => {
  assertRefused(() => load(new Uint8Array(0), 'empty.o'), 'elf/not-elf', /it is empty/);
  assertRefused(() => load(new TextEncoder().encode('int main() {}'), 'main.c'), 'elf/not-elf', /69 6e 74 20/);
  const executable = objectBytes('text.o').slice();
  executable[16] = 2;
  assertRefused(() => load(executable, 'a.out'), 'elf/unsupported', /relocatable/);
  const x86 = objectBytes('text.o').slice();
  x86[18] = 62;
  x86[19] = 0;
  assertRefused(() => load(x86, 'x86.o'), 'elf/wrong-machine', /machine is 62/);
  const old = objectBytes('text.o').slice();
  old[18] = 0;
  assert.equal(load(old, 'old.o').programs.length, 1);
});
