// Declared types of the example: what `bpfjit types` writes, and what the compiler then accepts and refuses. A wrong line here, or one
// that should be wrong and is not, fails the build.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type LoadedObject, load, loadBytes } from '../../src/node.ts';
import { load as loadSpec } from '../../src/object/load.ts';
import { printDeclarations } from '../../src/runtime/object/declarations.ts';
import type { BpfError } from '../../src/util/error.ts';
import type { count, XdpCounter } from './xdp_counter.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const path = join(root, 'examples/xdp_counter.o');

test('the committed declarations are those of the example', () => {
  const text = printDeclarations(loadSpec(readFileSync(path), path));
  assert.equal(text, readFileSync(join(root, 'test/types/xdp_counter.ts'), 'utf8'));
});

test('what is declared is what is there', async () => {
  using object = await load<XdpCounter>(path, { variables: { port: 53 }, mapSizes: { stats: 8 }, clock: 0n });
  const { r0, verdict, ctx } = object.programs.xdp_counter.run({ packet: new Uint8Array(60), ctx: { rx_queue_index: 4 } });
  const known: 'XDP_ABORTED' | 'XDP_DROP' | 'XDP_PASS' | 'XDP_TX' | 'XDP_REDIRECT' = verdict;
  const queue: number = ctx.rx_queue_index;
  assert.deepEqual([r0, known, queue], [2n, 'XDP_PASS', 4]);
  object.maps.stats.set(6, { packets: 3 }).setAll([[17, { bytes: 4n }]]);
  const stats: count | undefined = object.maps.stats.get(6);
  assert.deepEqual(stats, { packets: 3n, bytes: 0n });
  for (const [key, value] of object.maps.stats) assert.ok(key + Number(value.packets) > 0);
  object.variables.dropped = 5;
  const dropped: bigint = object.variables.dropped;
  assert.equal(dropped, 5n);
  const bytes = object.encode('count', { packets: 1n });
  const decoded: count = object.decode('count', bytes);
  assert.deepEqual(decoded, { packets: 1n, bytes: 0n });
  // Where nothing needs to be known, any object will do.
  const any: LoadedObject = object;
  assert.equal(any.name, path);
});

test('what is not declared is refused by the compiler', () => {
  using object = loadBytes<XdpCounter>(readFileSync(path));
  const { stats } = object.maps;
  const wrong: readonly (() => unknown)[] = [
    // @ts-expect-error no such map
    () => object.maps.stat,
    // @ts-expect-error no such program
    () => object.programs.xdp_count.run(),
    // @ts-expect-error no such variable
    () => object.variables.prot,
    // @ts-expect-error no such member
    () => stats.set(1, { packet: 1n }),
    // @ts-expect-error text is no number
    () => stats.set(1, { packets: '1' }),
    // @ts-expect-error keys are numbers
    () => stats.get('tcp'),
    // @ts-expect-error no such field of the context
    () => object.programs.xdp_counter.run({ ctx: { mark: 1 } }),
    // @ts-expect-error no such type
    () => object.decode('counts', new Uint8Array(16)),
    // @ts-expect-error variables are what they are
    () => Object.assign({}, (object.variables.port = 'http')),
    // @ts-expect-error no such variable
    () => loadBytes<XdpCounter>(readFileSync(path), { variables: { ports: 1 } }),
  ];
  for (const run of wrong) assert.throws(run, (error: BpfError) => error.code !== undefined);
  // A member that is not there is found by the compiler, not while running.
  // @ts-expect-error no such member
  assert.equal(stats.get(1)?.packet, undefined);
});
