// Maps of one object in another: what pinning by name is for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BpfError } from '../../src/util/error.ts';
import { everywhere, loadText, run } from './support.ts';

const shape = (name: string, type: number, more: object = {}) => ({
  ...{ name, type, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 },
  ...more,
});
const COUNT = `
  r1 = 3
  *(u32 *)(r10 - 4) = r1
  r1 = map[0]
  r2 = r10
  r2 += -4
  call 1
  if r0 == 0 goto none
  r1 = *(u64 *)(r0 + 0)
  r1 += 1
  *(u64 *)(r0 + 0) = r1
  r0 = r1
  exit
  none:
  r0 = -1
  exit`;

everywhere('two objects count in one map', (options) => {
  for (const type of [1, 2, 9]) {
    const first = loadText('xdp', COUNT, { ...options, clock: 5n }, { maps: [shape('counts', type)] });
    const second = loadText('xdp', COUNT, { ...options, maps: { mine: first.maps['counts']! } }, { maps: [shape('mine', type)] });
    first.maps['counts']!.set(3, 10n);
    assert.deepEqual([run(first).r0, run(second).r0, run(first).r0], [11n, 12n, 13n]);
    assert.equal(second.maps['mine']!.get(3), 13n);
    assert.equal(second.clock.now(), 5n);
    const saved = second.snapshot();
    run(first);
    second.restore(saved);
    assert.equal(first.maps['counts']!.get(3), 13n);
    first.dispose();
    assert.equal(run(second).r0, 14n);
    second.dispose();
  }
});

everywhere('a map that an object makes is seen through a shared map of maps', (options) => {
  const text = COUNT.replace('if r0 == 0 goto none', 'if r0 == 0 goto none\nr1 = r0\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto none');
  const outer = shape('outer', 12, { valueSize: 4 });
  const first = loadText('xdp', text, options, { maps: [outer] });
  const second = loadText('xdp', text, { ...options, maps: { outer: first.maps['outer']! } }, { maps: [outer] });
  const inner = first.createMap(shape('inner', 1));
  inner.set(3, 1n);
  second.maps['outer']!.set(3, inner);
  assert.deepEqual([run(second).r0, run(first).r0], [2n, 3n]);
  const found = second.maps['outer']!.get(3) as typeof inner;
  assert.equal(found.get(3), 3n);
});

everywhere('records of a shared ring are told once', (options) => {
  const text = 'r2 = r10\nr2 += -8\nr3 = 7\n*(u64 *)(r2 + 0) = r3\nr1 = map[0]\nr3 = 8\nr4 = 0\ncall 130\nexit';
  const ring = shape('ring', 27, { keySize: 0, valueSize: 0, maxEntries: 4096 });
  const first = loadText('xdp', text, options, { maps: [ring] });
  const second = loadText('xdp', text, { ...options, maps: { ring: first.maps['ring']! } }, { maps: [ring] });
  assert.deepEqual([run(first).events.length, run(second).events.length, run(first).events.length], [1, 1, 1]);
  assert.equal(second.maps['ring']!.ring!.producer, 48);
});

test('what cannot be shared', () => {
  const first = loadText('xdp', COUNT, { cpus: 2 }, { maps: [shape('counts', 1)] });
  const map = first.maps['counts']!;
  const refusal = (options: object, maps = [shape('counts', 1)]): string => {
    try {
      loadText('xdp', COUNT, options, { maps });
    } catch (error) {
      assert.ok(error instanceof BpfError);
      return error.message;
    }
    return 'none';
  };
  assert.match(refusal({ maps: { counts: map } }, [shape('counts', 1, { maxEntries: 5 })]), /4 entries, flags 0; the file wants hash/);
  assert.match(refusal({ maps: { other: map } }), /other/);
  assert.match(refusal({ maps: { counts: map }, cpus: 1 }), /for 2 CPUs, not 1/);
  const programs = loadText('xdp', COUNT, {}, { maps: [shape('programs', 3, { valueSize: 4 })] });
  assert.match(refusal({ maps: { counts: programs.maps['programs']! } }), /program array/);
});
