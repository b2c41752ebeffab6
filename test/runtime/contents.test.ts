// What maps hold: as JSON that goes both ways, as tables, and what changed between two states.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { RecordShape, Shape } from '../../src/btf/shape.ts';
import { BpfMap } from '../../src/runtime/maps/maps.ts';
import { plainCodec, type ValueCodec } from '../../src/runtime/maps/values.ts';
import { type LoadBytesOptions, loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import { printDifference, printMap, printMaps } from '../../src/runtime/object/tables.ts';
import type { BpfError } from '../../src/util/error.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const open = (path: string, options: LoadBytesOptions = {}): LoadedObject =>
  loadBytes(readFileSync(join(root, path)), { path, missingHelpers: 'stop', ...options });
const counter = (): LoadedObject => open('examples/xdp_counter.o');

/** A map of that kind beside the object's own. */
function map(object: LoadedObject, type: number, codecs: { key?: ValueCodec; value?: ValueCodec } = {}, keySize = 4): BpfMap {
  const options = { name: 'm', type, keySize, valueSize: codecs.value?.bytes ?? 4, maxEntries: 4, flags: 0 };
  const made = new BpfMap(object.home, options, codecs);
  object.home.addMap(made);
  return made;
}

test('contents are JSON that another object takes', () => {
  using first = counter();
  first.maps['stats']!.set(6, { packets: 2n ** 60n, bytes: 3 });
  first.maps['config']!.set(0, 60);
  first.variables['port'] = 0;
  const text = JSON.stringify(first.contents());
  assert.deepEqual(JSON.parse(text), {
    config: [{ key: 0, value: 60 }],
    stats: [{ key: 6, value: { packets: '1152921504606846976', bytes: '3' } }],
    '.rodata': [{ key: 0, value: { port: 0 } }],
    '.bss': [{ key: 0, value: { dropped: '0' } }],
  });
  using second = counter();
  second.fill(JSON.parse(text));
  assert.deepEqual(second.contents(), first.contents());
  assert.equal(second.variables['port'], 0);
});

test('contents that make no sense are refused, and say where', () => {
  using object = counter();
  const refused = (contents: unknown, code: string, message: RegExp): void => {
    assert.throws(
      () => object.fill(contents as never, 'state.json'),
      (error: BpfError) => error.code === code && message.test(error.message),
    );
  };
  refused({ stat: [] }, 'runtime/unknown-map', /no map stat; did you mean stats\?/);
  refused({ stats: [{ value: 1 }] }, 'runtime/bad-contents', /expected \{key, value\}/);
  refused(
    { stats: [{ key: 1, value: { packets: 'many' } }] },
    'map/value',
    /^stats\[1\]\.packets: the string "many" given where u64 is needed$/,
  );
  refused({ stats: [{ key: 1, value: 'xyz' }] }, 'map/value', /^stats\[1\]: "xyz" is no text of hex digits$/);
});

test('queues have values without keys, in the order in which they come out', () => {
  using object = counter();
  const queue = map(object, 22, {}, 0);
  queue.push(3).push(1).push(2);
  assert.deepEqual([...queue.values()], [3, 1, 2]);
  const { m } = object.contents();
  assert.deepEqual(m, [{ value: 3 }, { value: 1 }, { value: 2 }]);
  queue.clear();
  assert.equal(queue.size, 0);
  object.fill({ m: m! });
  assert.equal(queue.pop(), 3);
  const stack = map(object, 23, {}, 0);
  stack.push(1).push(2);
  assert.deepEqual([...stack.values()], [2, 1]);
});

test('program arrays hold programs by name', () => {
  using object = counter();
  const { xdp_counter: program } = object.programs;
  const options = { name: 'jumps', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };
  const input = { name: 'o', programs: [program!.program], maps: [{ ...options, elements: [{ index: 2, name: 'xdp_counter' }] }] };
  using other = new (object.constructor as typeof LoadedObject)(input);
  const jumps = other.maps['jumps']!;
  assert.deepEqual([...jumps], [[2, 'xdp_counter']]);
  jumps.set(1, program).delete(2);
  assert.deepEqual(other.contents(), { jumps: [{ key: 1, value: 'xdp_counter' }] });
  assert.equal(jumps.get(2), undefined);
  assert.throws(() => jumps.set(1, 'xdp_count'), /no program xdp_count; did you mean xdp_counter/);
});

test('several entries at once', () => {
  using object = counter();
  const stats = object.maps['stats']!;
  stats.setAll(new Map([[1, { packets: 1 }]])).setAll({ 6: { packets: 2 }, 17: { bytes: 3 } });
  assert.deepEqual(
    [...stats].sort(([a], [b]) => (a as number) - (b as number)),
    [
      [1, { packets: 1n, bytes: 0n }],
      [6, { packets: 2n, bytes: 0n }],
      [17, { packets: 0n, bytes: 3n }],
    ],
  );
  assert.throws(() => stats.set(1, {}, 'noexist'), /exists already/);
  assert.throws(() => stats.set(2, {}, 'exist'), /no such element/);
  assert.throws(() => stats.setAll({ tcp: {} }), /^BpfError: key of map stats: the string "tcp" given/);
});

test('per-CPU values: an array of each, or one for all', () => {
  using object = open('examples/xdp_counter.o', { cpus: 2 });
  const counts = map(object, 6, { value: plainCodec(8, 'value') });
  counts.set(1, [5, 7]).set(2, 9);
  assert.deepEqual(counts.get(1), [5n, 7n]);
  assert.deepEqual(counts.get(2), [9n, 9n]);
  assert.throws(() => counts.set(1, [1, 2, 3]), /^BpfError: m\[1\]: 3 values given, one for each CPU would be 2/);
  assert.throws(() => counts.set(1, [1, 'x']), /^BpfError: m\[1\]\[1\]: the string "x" given/);
  assert.deepEqual(object.contents()['m'], [
    { key: 1, value: ['5', '7'] },
    { key: 2, value: ['9', '9'] },
  ]);
  assert.equal(
    printMap(counts),
    [
      'map m (percpu_array): 2 of 4 not zero',
      '  key      cpu  value',
      '    1  ->  sum     12',
      '             0      5',
      '             1      7',
      '    2  ->  sum     18',
      '             0      9',
      '             1      9',
      '',
    ].join('\n'),
  );
});

test('tables: a column a field, addresses and enumerators readable', () => {
  using object = counter();
  const int = (bytes: number, order?: 'be16' | 'be32'): Shape => ({ kind: 'int', bytes, leaves: 1, signed: false, order });
  const state: Shape = { kind: 'enum', bytes: 4, leaves: 1, signed: false, enumerators: [{ name: 'BUSY', value: 7n }], id: 0 };
  const record = (...members: (readonly [string, Shape])[]): RecordShape => ({
    ...{ kind: 'record', leaves: 1, union: false, open: false, id: 0, bytes: 8 },
    members: members.map(([name, shape]) => ({ name, offset: 0, bits: undefined, shape, type: 0 })),
  });
  const fixed = (shape: Shape, value: unknown): ValueCodec => ({ ...plainCodec(shape.bytes, 'v'), shape, decode: () => value });
  const key = fixed(record(['daddr', int(4, 'be32')], ['port', int(2, 'be16')]), { daddr: 0x0100_000a, port: 0x5000 });
  const mac: Shape = { kind: 'bytes', bytes: 6, leaves: 1 };
  const value = fixed(record(['state', state], ['mac', mac], ['inner', record(['a', int(4)])]), {
    ...{ state: 7, mac: Uint8Array.of(2, 0, 0, 0, 0, 1), inner: { a: 5 } },
  });
  const table = map(object, 1, { key, value }, 8);
  assert.equal(table.setBytes(new Uint8Array(8), new Uint8Array(8)), 0);
  assert.equal(
    printMap(table),
    [
      'map m (hash): 1 of 4',
      '     daddr  port (be16)      state  mac                inner.a',
      '  10.0.0.1           80  ->  BUSY   02:00:00:00:00:01        5',
      '',
    ].join('\n'),
  ); // biome-ignore format: a table
});

test('maps that only programs may read are passed over', () => {
  using object = counter();
  const options = { name: 'm', type: 1, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0x10 };
  const secret = new BpfMap(object.home, options);
  object.home.addMap(secret);
  const before = object.snapshot();
  secret.set(1, 2);
  assert.throws(() => secret.get(1), /reading of map m/);
  assert.deepEqual(object.contents()['m'], []);
  assert.equal(printMap(secret), 'map m (hash): only programs may read it\n');
  assert.deepEqual(object.difference(before).maps, {});
  assert.equal(inspect(secret), '[BpfMap m (hash)]');
});

test('what changed between two states', () => {
  using object = open('examples/xdp_counter.o', { clock: 0n });
  const stats = object.maps['stats']!;
  stats.set(1, { packets: 1 }).set(6, { packets: 2 });
  const before = object.snapshot();
  assert.deepEqual(object.difference(before), { maps: {}, variables: {}, clock: 0n });
  stats.set(17, { packets: 5 }).set(6, { packets: 3 }).delete(1);
  object.variables['dropped'] = 4n;
  object.clock.advance(5n);
  const difference = object.difference(before);
  assert.deepEqual(difference, {
    maps: {
      stats: {
        added: [[17, { packets: 5n, bytes: 0n }]],
        removed: [[1, { packets: 1n, bytes: 0n }]],
        changed: [{ key: 6, before: { packets: 2n, bytes: 0n }, after: { packets: 3n, bytes: 0n } }],
      },
    },
    variables: { dropped: { before: 0n, after: 4n } },
    clock: 5n,
  });
  assert.deepEqual(object.variables['dropped'], 4n, 'looking has changed nothing');
  assert.equal(
    printDifference(object, difference),
    [
      'map stats',
      '     key      packets  bytes',
      '  +   17  ->        5      0',
      '  -    1  ->        1      0',
      '  <    6  ->        2      0',
      '  >    6  ->        3      0',
      'dropped: 0 -> 4',
      '',
    ].join('\n'),
  );
  const after = object.snapshot();
  object.restore(before);
  assert.deepEqual(object.difference(before, after), difference);
  assert.match(printMaps(object), /^map config \(array\): all zero\nmap stats \(hash\): 2 of 256\n/);
});

test('console.log shows values of variables and entries of maps', () => {
  using object = counter();
  assert.equal(inspect(object.variables), '{ port: 7, dropped: 0n }');
  object.maps['stats']!.set(6, { packets: 1 });
  assert.equal(inspect(object.maps['stats']), 'BpfMap stats (hash) Map(1) { 6 => { packets: 1n, bytes: 0n } }');
  assert.match(inspect(object), /stats: BpfMap stats \(hash\) Map\(1\)/);
});

test('names that do not exist say which do', () => {
  using object = counter();
  assert.throws(() => object.programs['xdp_count'], /no program xdp_count; did you mean xdp_counter\? there is xdp_counter$/);
  assert.throws(() => object.maps['stat'], /no map stat; did you mean stats\? there are config, stats, .rodata, .bss$/);
  assert.throws(() => object.variables['prot'], /no variable prot; did you mean port\? there are port, dropped$/);
  assert.throws(() => {
    object.variables['prot'] = 5;
  }, /no variable prot/);
  assert.equal('stat' in object.maps, false);
  assert.deepEqual(Object.keys(object.variables), ['port', 'dropped']);
  assert.ok(Object.isFrozen(object.variables) === false);
});

test('entries may be deleted while they are gone through', () => {
  using object = counter();
  const stats = object.maps['stats']!;
  for (let i = 0; i < 200; i++) stats.set(i, { packets: i });
  const seen: unknown[] = [];
  for (const [key, value] of stats) {
    seen.push(key);
    assert.deepEqual(value, { packets: BigInt(key as number), bytes: 0n });
    stats.delete(key);
    stats.delete((key as number) ^ 1);
  }
  assert.equal(seen.length, 100, 'one of each pair: the other was gone before its turn');
  assert.equal(stats.size, 0);
});

test('maps without values have no numbers', () => {
  using object = counter();
  assert.deepEqual(plainCodec(0, 'nothing').decode(new Uint8Array(0)), new Uint8Array(0));
  assert.deepEqual(object.difference(object.snapshot()).maps, {});
});
