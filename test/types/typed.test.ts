// An object with everything that BTF can say, through the types that `bpfjit types` writes for it: reading and writing maps, variables and
// records from a test's point of view.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type BpfMap,
  be16,
  be32,
  type Input,
  type LoadBytesOptions,
  type LoadedObject,
  type LoadedProgram,
  loadBytes,
  printMaps,
} from '../../src/index.ts';
import { load } from '../../src/object/load.ts';
import { printDeclarations } from '../../src/runtime/object/declarations.ts';
import type { BpfError } from '../../src/util/error.ts';
import type { endpoint, event, flow, flow_key, Typed } from './typed.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const path = join(root, 'test/corpus/typed.o');
const bytes = readFileSync(path);
const open = (options: LoadBytesOptions<Typed> = {}): LoadedObject<Typed> => loadBytes<Typed>(bytes, { clock: 9n, ...options });

test('the committed declarations are those of the object', () => {
  assert.equal(printDeclarations(load(bytes, path)), readFileSync(join(root, 'test/types/typed.ts'), 'utf8'));
});

test('declarations: a name of its own, further types, where the package is', () => {
  const text = printDeclarations(load(bytes, path), { name: 'Flows', types: ['struct inner', 'u64'], from: '../bpfjit.ts' });
  assert.match(text, /from '\.\.\/bpfjit\.ts';/);
  assert.match(text, /export interface Flows \{/);
  assert.match(text, / {4}inner: inner;\n {4}u64: bigint;/);
  assert.throws(
    () => printDeclarations(load(bytes, path), { types: ['evnt'] }),
    (error: BpfError) => error.code === 'runtime/unknown-type' && /no type evnt; did you mean event\?/.test(error.message),
  );
});

test('a run: typed records, counts per CPU by an enumerator, a flow by its key', () => {
  using object = open({ cpus: 2, events: { events: 'event' } });
  const { verdict, events } = object.programs.entry.run({ cpu: 1 });
  assert.equal(verdict, 'XDP_DROP');
  assert.equal(events.length, 1);
  const record: event = object.decode('event', events[0]!.data);
  assert.deepEqual(record, { at: 9n, cpu: 1, state: object.constants.OPEN, length: 4, data: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0) });
  assert.deepEqual(events[0]!.value, record);
  assert.deepEqual(object.encode('event', record), events[0]!.data);
  assert.deepEqual(object.maps.counts.get('OPEN'), [0n, 1n]);
  const [[key, flow]] = [...object.maps.flows] as [[flow_key, flow]];
  assert.deepEqual([be32(key.from.addr), be16(key.from.port), key.name], [0x0a00_0001, 80, 'home']);
  assert.deepEqual([flow.state, flow.word, flow.low, flow.high, flow.packets], [7, 0x20001, 1, 2, 1n]);
  assert.ok(!('lock' in flow), 'the lock is the kernel’s');
});

test('writing: some members, names of enumerators, either side of a union, bytes', () => {
  using object = open();
  const { flows, counts, jumps, hops, near_hops } = object.maps;
  const key: Input<flow_key> = { from: { port: 0x5000 }, name: 'x' };
  flows.set(key, { state: 'CLOSED', packets: 5, low: 1, delta: -64, stamp: 2n ** 40n - 1n, mac: [2, 0, 0, 0, 0, 1], huge: -1 });
  const flow = flows.get(key)!;
  assert.deepEqual([flow.state, flow.word, flow.delta, flow.stamp, flow.huge], [7, 1, -64, 2n ** 40n - 1n, -1n]);
  flows.set(key, { ...flow, hops: [{}, { pad: 3 }] });
  assert.deepEqual(flows.get(key)!.hops[1], { addr: 0, port: 0, pad: 3 });
  assert.throws(() => flows.set(key, { ...flow, low: 2 }), /^BpfError: flows\[.*\]: a nameless member and word are members of one union/);
  assert.throws(() => flows.set(key, { hops: [{ port: 70000 }] }), /^BpfError: flows\[.*"x".*\]\.hops\[0\]\.port: 70000 does not fit u16$/);
  assert.throws(() => flows.set(key, { delta: 64 }), /\.delta: 64 does not fit 7 bits of s32$/);
  counts.set('IDLE', 3).set(2, [4]);
  assert.deepEqual([...counts.values()], [[3n], [0n], [4n], [0n]]);
  jumps.set(0, 'other').set(2, object.programs.entry);
  assert.deepEqual([...jumps.values()], ['other', 'other', 'entry']);
  near_hops.set(1, { pad: 9 });
  const inner = hops.get(0)!;
  assert.equal(inner.get(1)?.pad, 9);
  hops.set(1, object.createMap('hops'));
  hops.get(1)!.set(0, { addr: 1 });
  assert.deepEqual(hops.get(1)!.get(0), { addr: 1, port: 0, pad: 0 });
});

test('variables: set before and after loading, read as copies', () => {
  using object = open({ variables: { home: { addr: 7 }, state: 'CLOSED', label: 'mine' } });
  const { variables } = object;
  const home: Readonly<endpoint> = variables.home;
  assert.deepEqual(home, { addr: 7, port: 0, pad: 0 });
  assert.equal(variables.state, 7);
  variables.state = 'OPEN';
  variables.matrix = [[9], [8, 7]];
  assert.deepEqual([variables.state, variables.matrix, variables.label], [1, [[9, 0, 0], [8, 7, 0]], 'mine']); // biome-ignore format: short
  assert.throws(() => {
    // @ts-expect-error of a copy
    variables.home.addr = 1;
  }, /read only/);
  assert.throws(
    () => open({ variables: { state: 'SHUT' as 'OPEN' } }),
    /variable state: enum state has no SHUT; there are IDLE, OPEN, CLOSED$/,
  );
});

test('records that do not fit are no values', () => {
  using object = open({ events: { events: 'flow' } });
  const { events } = object.programs.entry.run();
  assert.ok(!('value' in events[0]!), 'a flow has more bytes');
  assert.throws(() => object.decode('flow', events[0]!.data), /flow: 28 bytes given, it has 112$/);
  assert.throws(() => object.decode('flwo' as 'flow', bytes), /has no type flwo; did you mean flow\? there are /);
  assert.throws(() => open({ events: { events: 'evnt' as 'event' } }), /has no type evnt; did you mean event\?/);
  assert.throws(() => open({ events: { event: 'event' } as object }), /no map event; did you mean events\?/);
});

test('objects, programs and maps of known types stand where any will do', () => {
  using object = open();
  const any: LoadedObject = object;
  const program: LoadedProgram = object.programs.entry;
  const map: BpfMap = object.maps.flows;
  const verdict: string | undefined = any.programs['entry']!.run({ ctx: { rx_queue_index: 1 } }).verdict;
  assert.deepEqual([program.name, map.name, verdict], ['entry', 'flows', 'XDP_DROP']);
  assert.match(printMaps(object), /map flows \(hash\): 1 of 16/);
});

test('contents of every type go through JSON', () => {
  using object = open({ cpus: 2 });
  object.programs.entry.run();
  object.variables.label = 'other';
  object.maps.hops.set(1, object.createMap('hops').set(0, { addr: 5 }));
  const contents = JSON.parse(JSON.stringify(object.contents()));
  using other = open({ cpus: 2 });
  other.fill(contents);
  assert.deepEqual(other.contents(), object.contents());
  assert.equal(other.maps.hops.get(1)?.get(0)?.addr, 5);
});

test('without BTF, keys and values are numbers and bytes', () => {
  using object = loadBytes(readFileSync(join(root, 'test/corpus/maps.o')), { missingHelpers: 'stop' });
  const sized = object.maps['sized']!;
  sized.set(new Uint8Array(12), new Uint8Array(40).fill(7));
  assert.deepEqual(sized.get(new Uint8Array(12)), new Uint8Array(40).fill(7));
  assert.throws(() => sized.set(1, new Uint8Array(40)), /key of map sized: it has 12 bytes, which a number cannot name/);
  assert.throws(() => sized.getBytes(new Uint8Array(3)), (error: BpfError) => error.code === 'map/value'); // biome-ignore format: short
});
