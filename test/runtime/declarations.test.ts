// Declarations of types that no compiler would name so, or that share a name: test/suites/declarations.ts compiles those of real objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Btf, BtfType } from '../../src/btf/types.ts';
import type { CollectionSpec, MapSpec } from '../../src/object/spec.ts';
import { printDeclarations } from '../../src/runtime/object/declarations.ts';
import { StringTable } from '../../src/util/strings.ts';

const int = (name: string, size: number): BtfType => ({
  ...{ kind: 'int', name, size, bits: 8 * size, bitOffset: 0, signed: false, char: false, bool: false },
});
const member = (name: string, type: number, bitOffset = 0) => ({ name, type, bitOffset, bitfieldBits: 0 });

const types: BtfType[] = [
  { kind: 'void', name: '' },
  int('u32', 4),
  // A list: each points at the next.
  { kind: 'struct', name: 'class', size: 16, members: [member('next', 3), member('a-b', 1, 64), member('enum', 4, 96)] },
  { kind: 'ptr', name: '', type: 2 },
  { kind: 'enum', name: 'class', size: 4, signed: false, enumerators: [{ name: "it's */", value: 1n }] },
  { kind: 'typedef', name: 'class', type: 6 },
  { kind: 'struct', name: '', size: 4, members: [member('__proto__', 1)] },
  { kind: 'struct', name: 'number', size: 24, members: [member('first', 2), member('second', 5, 128)] },
  { kind: 'array', name: '', type: 8, indexType: 1, length: 2 },
  { kind: 'union', name: '', size: 4, members: [member('x', 1), member('y', 1)] },
];
types[8] = { kind: 'array', name: '', type: 9, indexType: 1, length: 2 };

const btf: Btf = { types, strings: new StringTable(new Uint8Array(1), 'btf/bad-string', { in: 'file', path: 'x' }), path: 'x' };

function map(name: string, type: number, value: readonly [type: number, bytes: number]): MapSpec {
  return {
    ...{ name, type, keySize: 4, valueSize: value[1], maxEntries: 1, flags: 0, mapExtra: 0n, numaNode: undefined, pinning: 'none' },
    ...{ keyType: 1, valueType: value[0], inner: undefined, elements: [], data: undefined },
  };
}

const spec: CollectionSpec = {
  ...{
    path: 'dir/9-lives.bpf.o',
    littleEndian: true,
    license: '',
    kernelVersion: undefined,
    programs: [],
    functions: [],
    externs: [],
    btf,
  },
  maps: [map('odd name', 1, [7, 24]), map('lists', 2, [8, 8]), map('plain', 1, [0, 12])],
};

test('names that TypeScript cannot have, and those that are taken', () => {
  assert.equal(
    printDeclarations(spec),
    `// Made by \`bpfjit types 9-lives.bpf.o\`. load<Object9LivesBpf>('9-lives.bpf.o') knows these maps, variables and programs.
import type { EnumOf } from 'bpfjit';

/** enum class. */
export type class_3 = EnumOf<'it\\'s */'>;

/** struct class, 16 bytes. */
export interface class_2 {
  /** Pointer: struct class *next. */
  next: bigint;
  'a-b': number;
  enum: class_3;
}

/** class, 4 bytes. */
export interface class_4 {
  __proto__: number;
}

/** struct number, 24 bytes. */
export interface number_2 {
  first: class_2;
  second: class_4;
}

export interface Object9LivesBpf {
  maps: {
    /** hash, max_entries 1: u32 -> struct number */
    'odd name': { key: number; value: number_2 };
    /** array, max_entries 1: u32 -> union {...}[2] */
    lists: { key: number; value: ({ x: number; y: number })[] };
    /** hash, max_entries 1: u32 -> 12 bytes */
    plain: { key: number; value: Uint8Array };
  };
  variables: Record<never, never>;
  programs: Record<never, never>;
  constants: {
    'it\\'s */': 1;
  };
  types: {
    number: number_2;
    class: class_2;
  };
}
`,
  );
});
