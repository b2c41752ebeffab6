// What `load` finds in objects that clang made of test/corpus.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Btf, resolve } from '../../src/btf/types.ts';
import { readElf } from '../../src/elf/read.ts';
import { load, loadBtf } from '../../src/object/load.ts';
import { MAP_TYPE } from '../../src/spec/map-types.ts';
import { toHex } from '../../src/util/bytes.ts';
import { assertRefused, functionNamed, loadObject, mapNamed, objectBytes } from './support.ts';

test('the example: program, subprogram, maps, data, license', () => {
  const collection = loadObject('xdp_counter.o');
  assert.equal(collection.license, 'GPL');
  assert.equal(collection.littleEndian, true);
  assert.deepEqual(collection.programs, [
    {
      name: 'xdp_counter',
      section: 'xdp',
      function: 1,
      type: 'xdp',
      attach: 'xdp',
      attachTo: '',
      sleepable: false,
      autoload: true,
    },
  ]);
  assert.deepEqual(
    collection.functions.map(({ name, linkage, section }) => [name, linkage, section]),
    [
      ['count_packet', 'static', '.text'],
      ['xdp_counter', 'global', 'xdp'],
    ],
  );
  assert.deepEqual(
    collection.maps.map(({ name, type, keySize, valueSize, maxEntries }) => [name, type, keySize, valueSize, maxEntries]),
    [
      ['config', MAP_TYPE.array, 4, 4, 1],
      ['stats', MAP_TYPE.hash, 4, 16, 256],
      ['.rodata', MAP_TYPE.array, 4, 2, 1],
      ['.bss', MAP_TYPE.array, 4, 8, 1],
    ],
  );
  const rodata = mapNamed(collection, '.rodata');
  assert.deepEqual(
    rodata.data?.variables.map(({ name, offset, size }) => [name, offset, size]),
    [['port', 0, 2]],
  );
  assert.equal(toHex(rodata.data!.initial), '0700');
  assert.equal(rodata.data!.frozen, true);
  assert.equal(rodata.flags, 0x480);
  const line = functionNamed(collection, 'count_packet').lines.find(({ text }) => text?.includes('bpf_map_update_elem'));
  assert.equal(line?.file, './xdp_counter.c');
  assert.equal(line?.line, 88);
});

test('functions of every linkage, and what calls mean', () => {
  const names = ['shared', 'middle', 'leaf', 'overridable', 'unused', 'add', 'beside', 'first', 'second', 'third'];
  for (const object of ['calls-v1.o', 'calls-v2.o', 'calls-v3.o', 'calls-v4.o', 'calls-eb.o', 'calls-plain.o']) {
    const collection = loadObject(object);
    assert.deepEqual(
      collection.functions.map(({ name }) => name),
      names,
      object,
    );
    const linkages = {
      shared: 'global',
      middle: 'static',
      leaf: 'static',
      overridable: 'weak',
      add: 'static',
      beside: 'static',
      first: 'global',
    };
    for (const [name, linkage] of Object.entries(linkages))
      assert.equal(functionNamed(collection, name).linkage, linkage, `${object} ${name}`);
    const called = (name: string): string[] =>
      functionNamed(collection, name).references.flatMap((reference) =>
        reference.kind === 'call' ? [names[reference.function]!] : reference.kind === 'function' ? [`&${names[reference.function]}`] : [],
      );
    assert.deepEqual(called('first'), ['overridable', 'beside'], object);
    assert.deepEqual(called('second'), ['shared', '&add'], object);
    assert.deepEqual(called('shared'), ['middle', 'leaf'], object);
    assert.deepEqual(called('middle'), ['leaf', 'leaf'], object);
    assert.deepEqual(called('leaf'), [], object);
  }
});

test('programs: static functions are none, `?` means not to be loaded', () => {
  const { programs } = loadObject('calls-v3.o');
  assert.deepEqual(
    programs.map(({ name, section, type, attachTo, autoload }) => [name, section, type, attachTo, autoload]),
    [
      ['first', 'xdp', 'xdp', '', true],
      ['second', 'tc', 'sched_cls', '', true],
      ['third', 'kprobe/do_nothing', 'kprobe', 'do_nothing', false],
    ],
  );
});

test('an object without sections for programs: global functions of .text', () => {
  const { programs } = loadObject('text.o');
  assert.deepEqual(
    programs.map(({ name, section, type }) => [name, section, type]),
    [['entry', '.text', 'raw']],
  );
});

test('big-endian code is the same as little-endian code but for the order of bytes', () => {
  const little = loadObject('calls-v3.o');
  const big = loadObject('calls-eb.o');
  assert.equal(big.littleEndian, false);
  little.functions.forEach((found, i) => {
    const other = big.functions[i]!;
    // Loads of parts of a word are elsewhere on a big-endian machine: none here.
    assert.equal(toHex(other.bytes), toHex(found.bytes), found.name);
    assert.deepEqual(other.references, found.references);
    assert.deepEqual(other.lines, found.lines);
  });
});

test('maps that BTF defines, on machines of both byte orders', () => {
  for (const object of ['maps.o', 'maps-eb.o']) {
    const collection = loadObject(object);
    const row = (name: string): readonly unknown[] => {
      const { type, keySize, valueSize, maxEntries, flags } = mapNamed(collection, name);
      return [type, keySize, valueSize, maxEntries, flags];
    };
    assert.deepEqual(row('typed'), [MAP_TYPE.hash, 8, 64, 1000, 1]);
    assert.deepEqual(row('sized'), [MAP_TYPE.lru_hash, 12, 40, 7, 0]);
    assert.deepEqual(row('bloom'), [MAP_TYPE.bloom_filter, 0, 8, 64, 0]);
    assert.deepEqual(row('ring'), [MAP_TYPE.ringbuf, 0, 0, 8192, 0]);
    assert.deepEqual(row('outer'), [MAP_TYPE.array_of_maps, 4, 4, 3, 0]);
    assert.deepEqual(row('jumps'), [MAP_TYPE.prog_array, 4, 4, 4, 0]);

    const typed = mapNamed(collection, 'typed');
    assert.equal(typed.numaNode, 3);
    assert.equal(typed.pinning, 'byName');
    const value = resolve(collection.btf!, typed.valueType);
    assert.equal(value.kind === 'struct' ? value.name : '', 'value');
    assert.equal(mapNamed(collection, 'bloom').mapExtra, 0x100000005n);

    const inner = mapNamed(collection, 'outer').inner!;
    assert.deepEqual([inner.name, inner.type, inner.keySize, inner.valueSize, inner.maxEntries], ['outer.inner', MAP_TYPE.array, 4, 8, 4]);
    const mapIndex = (name: string): number => collection.maps.findIndex((map) => map.name === name);
    assert.deepEqual(mapNamed(collection, 'outer').elements, [
      { index: 0, kind: 'map', map: mapIndex('inner_a') },
      { index: 2, kind: 'map', map: mapIndex('inner_b') },
    ]);
    const functionIndex = (name: string): number => collection.functions.findIndex((found) => found.name === name);
    assert.deepEqual(mapNamed(collection, 'jumps').elements, [
      { index: 1, kind: 'program', function: functionIndex('other') },
      { index: 2, kind: 'program', function: functionIndex('entry') },
    ]);
  }
});

test('global data: one map a section, variables by offset, pointers', () => {
  const collection = loadObject('maps.o');
  const variables = (name: string): readonly unknown[] =>
    mapNamed(collection, name).data!.variables.map((variable) => [variable.name, variable.offset, variable.size, variable.linkage]);
  assert.deepEqual(variables('.rodata'), [
    ['limit', 0, 4, 'global'],
    ['pattern', 4, 5, 'static'],
  ]);
  assert.deepEqual(variables('.data'), [
    ['total', 0, 8, 'global'],
    ['pointer', 8, 8, 'global'],
    ['secret', 16, 4, 'static'],
  ]);
  assert.deepEqual(variables('.bss'), [['zeroed', 0, 20, 'global']]);
  assert.equal(toHex(mapNamed(collection, '.data').data!.initial), '8877665544332211000000000000000009000000');
  assert.equal(mapNamed(collection, '.bss').data!.initial.length, 0);
  assert.equal(mapNamed(collection, '.bss').valueSize, 20);
  const mine = collection.maps.findIndex((map) => map.name === '.data.mine');
  assert.deepEqual(mapNamed(collection, '.data').data!.pointers, [{ offset: 8, kind: 'mapValue', map: mine, offsetInMap: 0 }]);
  // A section with nothing but hidden variables is no business of user space.
  assert.equal(mapNamed(collection, '.bss').flags, 0x400);
  assert.equal(mapNamed(collection, '.bss.unseen').flags, 0);
});

test('externs: kconfig is laid out by alignment, then size, then name', () => {
  const collection = loadObject('externs.o');
  const kconfig = mapNamed(collection, '.kconfig');
  assert.deepEqual(
    kconfig.data!.variables.map(({ name, offset, size }) => [name, offset, size]),
    [
      ['CONFIG_HZ', 0, 8],
      ['CONFIG_IPV6', 8, 4],
      ['LINUX_KERNEL_VERSION', 12, 4],
      ['CONFIG_BPF_JIT', 16, 1],
      ['CONFIG_CC_VERSION_TEXT', 17, 100],
    ],
  );
  assert.equal(kconfig.valueSize, 117);
  // LINUX_KERNEL_VERSION is known (6.18.0), what is configured is not.
  assert.equal(toHex(kconfig.data!.initial).replace(/(00)*$/, ''), `${'00'.repeat(12)}00120600`.replace(/(00)*$/, ''));
  const externs = Object.fromEntries(collection.externs.map(({ name, kind, weak }) => [name, [kind, weak]]));
  assert.deepEqual(externs['kernel_lock'], ['kfunc', false]);
  assert.deepEqual(externs['kernel_get'], ['kfunc', true]);
  assert.deepEqual(externs['kernel_count'], ['ksym', false]);
  assert.deepEqual(externs['kernel_base'], ['ksym', true]);
  assert.equal(externs['nowhere'], undefined);
});

test('an object from before BTF', () => {
  const collection = loadObject('legacy.o');
  assert.equal(collection.kernelVersion, 0x50a00);
  assert.equal(collection.btf, undefined);
  const [inner, outer, placed] = collection.maps;
  assert.deepEqual([inner!.name, inner!.type, inner!.valueSize, inner!.maxEntries], ['inner', MAP_TYPE.array, 8, 5]);
  assert.deepEqual([outer!.name, outer!.type, outer!.inner?.name], ['outer', MAP_TYPE.hash_of_maps, 'inner']);
  assert.deepEqual([placed!.name, placed!.flags, placed!.numaNode], ['placed', 4, 2]);
});

test('tables of functions, and the map definitions of iproute2', () => {
  const collection = loadObject('tables.o');
  const ours = mapNamed(collection, 'ours');
  assert.deepEqual([ours.type, ours.valueSize, ours.flags], [MAP_TYPE.struct_ops, 24, 0x2000]);
  assert.deepEqual(ours.data!.pointers, [
    { offset: 0, kind: 'function', function: 0 },
    { offset: 8, kind: 'function', function: 1 },
  ]);
  assert.deepEqual(mapNamed(collection, 'half').data!.pointers, [{ offset: 8, kind: 'function', function: 1 }]);
  assert.equal(mapNamed(collection, 'pinned').pinning, 'byName');
  assert.equal(mapNamed(collection, 'holder').inner?.name, 'pinned');
});

test('the BTF of a kernel: raw, or in an ELF file of any machine', () => {
  const bytes = objectBytes('core-target.o').slice();
  const elf = readElf(bytes, 'x.o');
  const section = elf.sections.find(({ name }) => name === '.BTF')!;
  const kinds = (btf: Btf): readonly string[] => btf.types.map(({ kind }) => kind);
  const expected = kinds(loadBtf(section.data, 'raw'));
  assert(expected.length > 10);
  // An executable for x86-64.
  bytes[16] = 2;
  bytes[18] = 62;
  bytes[19] = 0;
  assert.deepEqual(kinds(loadBtf(bytes, 'vmlinux')), expected);
  assertRefused(() => loadBtf(objectBytes('legacy.o'), 'legacy.o'), 'object/no-btf', /no section .BTF/);
});

test('loading keeps no view of more than the file', () => {
  const bytes = objectBytes('xdp_counter.o');
  const offset = new Uint8Array(bytes.length + 24);
  offset.set(bytes, 8);
  const shifted = load(offset.subarray(8, 8 + bytes.length), 'shifted.o');
  assert.deepEqual(
    shifted.functions.map((found) => toHex(found.bytes)),
    loadObject('xdp_counter.o').functions.map((found) => toHex(found.bytes)),
  );
});
