// Headers, sections, symbols and relocations, and links of a file that lead nowhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { R_BPF, readElf, readRelocations, STB, STT } from '../../src/elf/read.ts';
import { assertRefused, objectBytes } from '../object/support.ts';

function sectionNamed(elf: ReturnType<typeof readElf>, name: string): ReturnType<typeof readElf>['sections'][number] {
  const section = elf.sections.find((other) => other.name === name);
  assert(section !== undefined, name);
  return section;
}

test('sections, symbols, relocations of the example', () => {
  const elf = readElf(objectBytes('xdp_counter.o'), 'x.o');
  assert.equal(elf.littleEndian, true);
  assert.equal(sectionNamed(elf, 'xdp').size % 8, 0);
  assert.equal(sectionNamed(elf, '.bss').data.length, 0);
  assert.equal(sectionNamed(elf, '.bss').size, 8);
  const main = elf.symbols.find((symbol) => symbol.name === 'xdp_counter')!;
  assert.deepEqual([main.type, main.binding, main.value, main.section], [STT.func, STB.global, 0, sectionNamed(elf, 'xdp').index]);
  const relocations = readRelocations(elf, sectionNamed(elf, 'xdp'));
  assert.deepEqual([...new Set(relocations.map(({ symbol }) => symbol.name))], ['config', '.text', 'port', 'dropped']);
  assert.deepEqual([...new Set(relocations.map(({ type }) => type))], [R_BPF.insn64, R_BPF.insn32]);
});

test('the same object in the other byte order', () => {
  const names = (object: string): readonly string[] => readElf(objectBytes(object), 'x.o').symbols.map(({ name }) => name);
  assert.equal(readElf(objectBytes('calls-eb.o'), 'x.o').littleEndian, false);
  assert.deepEqual(names('calls-eb.o'), names('calls-v3.o'));
});

/** `change` is given a view of the file and the offset of the headers of its sections. */
function damaged(change: (view: DataView, headers: number) => void): Uint8Array {
  const bytes = objectBytes('text.o').slice();
  const view = new DataView(bytes.buffer);
  change(view, view.getUint32(40, true));
  return bytes;
}

test('what the headers say must be in the file', () => {
  const elf = readElf(objectBytes('text.o'), 'x.o');
  const text = sectionNamed(elf, '.text').index;
  const symtab = sectionNamed(elf, '.symtab').index;
  const read = (change: (view: DataView, headers: number) => void) => () => {
    const file = readElf(damaged(change), 'x.o');
    for (const section of file.sections) readRelocations(file, section);
  };
  assertRefused(
    read((view) => view.setBigUint64(40, 1n << 60n, true)),
    'elf/truncated',
    /larger than any file/,
  );
  assertRefused(
    read((view) => view.setBigUint64(40, 0xffffffn, true)),
    'elf/truncated',
    /section headers/,
  );
  assertRefused(
    read((view) => view.setUint16(58, 40, true)),
    'elf/bad-header',
    /e_shentsize is 40/,
  );
  assertRefused(
    read((view) => view.setUint16(60, 60000, true)),
    'elf/truncated',
    /60000 section headers/,
  );
  assertRefused(
    read((view) => view.setUint16(62, 500, true)),
    'elf/bad-header',
    /section 500/,
  );
  assertRefused(
    read((view) => view.setUint16(62, text, true)),
    'elf/bad-string-table',
    /not a string table/,
  );
  assertRefused(
    read((view, headers) => view.setBigUint64(headers + 64 * text + 32, 1n << 40n, true)),
    'elf/truncated',
    /section/,
  );
  assertRefused(
    read((view, headers) => view.setUint32(headers + 64 * symtab + 40, symtab, true)),
    'elf/bad-string-table',
    /symbol names/,
  );
  assertRefused(
    read((view, headers) => view.setBigUint64(headers + 64 * symtab + 56, 1n, true)),
    'elf/bad-entry-size',
    /24 bytes/,
  );
});

test('errors name the file and the place', () => {
  assert.throws(
    () => readElf(objectBytes('text.o').subarray(0, 500), 'cut.o'),
    (error: { position?: unknown }) => {
      const position = error.position as { path: string; offset: number };
      return position.path === 'cut.o' && position.offset > 0;
    },
  );
});
