// Live regions: the answer for every byte of a small space, against a list that is searched naively.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Regions } from '../../src/window/regions.ts';

test('every access near the edges is judged as the naive way does', () => {
  let live = 2;
  const regions = new Regions(() => live);
  regions.add({ name: 'plain', start: 100, end: 120 });
  regions.add({ name: 'constant', start: 120, end: 128, writable: false });
  regions.add({ name: 'hidden', start: 140, end: 160, privileged: true });
  regions.add({ name: 'nodes', start: 200, end: 296, stride: 24, elementOffset: 8, elementSize: 12, liveCount: 4 });
  const naive = (p: number, size: number, write: boolean): boolean => {
    const inside = (low: number, high: number): boolean => p >= low && p + size <= high;
    if (inside(100, 120)) return true;
    if (inside(120, 128)) return !write;
    for (let i = 0; i < live; i++) if (inside(208 + 24 * i, 220 + 24 * i)) return true;
    return false;
  };
  for (live of [0, 1, 2, 4]) {
    for (let p = 90; p < 310; p++) {
      for (const size of [1, 2, 4, 8]) {
        for (const write of [false, true]) {
          const found = regions.find(p, size, write, false);
          assert.equal(found, naive(p, size, write), `${size} bytes at ${p}, ${live} live`);
          // What is found is an interval in which the same holds.
          if (found)
            assert.ok(p >= regions.low && p + size <= regions.high && naive(regions.low, 1, write) && naive(regions.high - 1, 1, write));
        }
      }
    }
  }
});

test('routines see whole regions', () => {
  const regions = new Regions(() => 0);
  regions.add({ name: 'nodes', start: 200, end: 248, stride: 24, elementOffset: 8, elementSize: 12, writable: false });
  regions.add({ name: 'hidden', start: 300, end: 308, privileged: true });
  assert.ok(regions.find(200, 48, true, true));
  assert.ok(regions.find(300, 8, true, true));
  assert.ok(!regions.find(248, 1, false, true));
});

test('regions come, move and go', () => {
  const regions = new Regions(() => 0);
  const first = regions.generation;
  const packet = regions.add({ name: 'the packet', start: 100, end: 100 });
  assert.ok(regions.generation > first);
  assert.ok(!regions.find(100, 1, false, false));
  regions.resize(packet, 90, 110);
  assert.ok(regions.find(90, 20, true, false));
  const wall = regions.add({ name: 'a wall', start: 500, end: 600, writable: false });
  regions.resize(packet, 700, 710);
  assert.ok(regions.find(700, 10, true, false) && regions.find(500, 100, false, false) && !regions.find(90, 1, false, false));
  regions.resize(packet, 90, 110);
  assert.ok(regions.find(90, 20, true, false) && regions.find(599, 1, false, false) && !regions.find(700, 1, false, false));
  regions.remove(wall);
  regions.remove(packet);
  assert.ok(!regions.find(95, 1, false, false));
  assert.throws(() => regions.remove(packet));
  const many = Array.from({ length: 100 }, (_, i) => regions.add({ name: `r${i}`, start: 1000 - 10 * i, end: 1005 - 10 * i }));
  for (const region of many) assert.ok(regions.find(region.start, 5, true, false) && !regions.find(region.end, 1, false, false));
});

test('a miss names the nearest region and the distance', () => {
  const regions = new Regions(() => 1);
  regions.add({ name: 'low', start: 100, end: 110 });
  regions.add({ name: 'nodes', start: 200, end: 296, stride: 24, elementOffset: 8, elementSize: 12, liveCount: 4 });
  assert.deepEqual(regions.nearest(112, 4), { name: 'low', by: 6 });
  assert.deepEqual(regions.nearest(96, 4), { name: 'low', by: -4 });
  assert.deepEqual(regions.nearest(218, 4), { name: 'nodes', by: 2 });
  assert.deepEqual(regions.nearest(240, 4), { name: 'nodes', by: 24 });
  assert.equal(new Regions(() => 0).nearest(5, 1), undefined);
});
