// C text of types: what was written in test/corpus and in the example comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printDeclaration, printType } from '../../src/btf/print.ts';
import { findByName } from '../../src/btf/types.ts';
import { functionNamed, loadObject, mapNamed } from '../object/support.ts';

test('structs and enums', () => {
  const { btf } = loadObject('core.o');
  assert.equal(
    printType(btf!, findByName(btf!, 'task', 'struct')!),
    [
      'struct task {',
      '  u64 id;',
      '  u32 flags;',
      '  u8 name[16];',
      '  struct point at[3];',
      '  struct {',
      '    u16 nested;',
      '  };',
      '  u32 low : 5;',
      '  int middle : 7;',
      '  struct task *parent;',
      '}',
    ].join('\n'),
  );
  assert.equal(printType(btf!, findByName(btf!, 'color')!), 'enum color {\n  RED = 1,\n  GREEN = 2,\n  BLUE = 3,\n}');
});

test('functions, arrays, pointers, qualifiers', () => {
  const calls = loadObject('calls-v3.o');
  assert.equal(printDeclaration(calls.btf!, functionNamed(calls, 'middle').type), 'u64 middle(u64 a, u64 b)');
  assert.equal(printDeclaration(calls.btf!, functionNamed(calls, 'third').type), 'int third(void *ctx)');
  const maps = loadObject('maps.o');
  const declared = (map: string, name: string): string => {
    const variable = mapNamed(maps, map).data!.variables.find((other) => other.name === name)!;
    return printDeclaration(maps.btf!, variable.type, name);
  };
  assert.equal(declared('.rodata', 'limit'), 'const volatile u32 limit');
  assert.equal(declared('.data', 'pointer'), 'u32 *pointer');
  assert.equal(declared('.bss', 'zeroed'), 'u32 zeroed[5]');
  assert.equal(printDeclaration(maps.btf!, mapNamed(maps, 'typed').valueType), 'value_t');
  const value = findByName(maps.btf!, 'value', 'struct')!;
  assert.match(printType(maps.btf!, value), /u64 sums\[2\]\[3\];/);
});
