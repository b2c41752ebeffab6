// --maps as tables and as JSON, and what --maps-in takes: the state after one run is the state before the next.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Ran, runAll } from './run-all.ts';

const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const runs = (...cases: readonly (readonly string[])[]): readonly Ran[] =>
  runAll(cases.map((one) => ['run', 'test/corpus/typed.o', '--program', 'entry', ...one]));

test('the state after a run is the state before the next', () => {
  const [first] = runs(['--maps', '--json']);
  const output = JSON.parse(first!.stdout) as { maps: Record<string, { key: unknown; value: unknown }[]> };
  assert.deepEqual(output.maps['counts'], [{ key: 1, value: ['1'] }]);
  const all = join(folder, 'output.json');
  const changed = join(folder, 'maps.json');
  writeFileSync(all, first!.stdout);
  const label = { key: 0, value: { state: 'OPEN', label: 'other', matrix: [[7]] } };
  writeFileSync(changed, JSON.stringify({ ...output.maps, '.data': [label], counts: [{ key: 'OPEN', value: ['9007199254740993'] }] }));
  const beyond = join(folder, 'beyond.json');
  writeFileSync(beyond, '{"counts":[{"key":"CLOSED","value":["1"]}]}');
  const [second, third, refused] = runs(
    ['--maps-in', all, '--maps', '--json'],
    ['--maps-in', changed, '--maps', '--json'],
    ['--maps-in', beyond],
  );
  const maps = JSON.parse(second!.stdout).maps;
  assert.deepEqual(maps, { ...output.maps, counts: [{ key: 1, value: ['2'] }] });
  const later = JSON.parse(third!.stdout).maps;
  assert.deepEqual(later.counts, [{ key: 1, value: ['9007199254740994'] }]);
  assert.deepEqual(later['.data'], [{ key: 0, value: { state: 1, label: 'other', matrix: [[7, 0, 0], [0, 0, 0]] } }]); // biome-ignore format: short
  assert.equal(refused!.status, 1);
  assert.match(refused!.stderr, /^error: .*beyond\.json: update of map counts: .*the index is beyond its end.* \[map\/refused\]/);
});

test('events in the type that is named', () => {
  const [shown, json, wrong, noMap] = runs(
    ['--event', 'events=event', '--json'],
    ['--event', 'events=struct event'],
    ['--event', 'events=evnt'],
    ['--event', 'event=event'],
  );
  const [event] = JSON.parse(shown!.stdout).events;
  assert.deepEqual({ ...event.value, at: '' }, { at: '', cpu: 0, state: 1, length: 4, data: '0102030400000000' });
  assert.match(json!.stdout, /event: events, CPU 0\n {2}\{at: \d+, cpu: 0, state: 1, length: 4, data: 01 02 03 04 00 00 00 00\}/);
  assert.match(wrong!.stderr, /has no type evnt; did you mean event\?/);
  assert.match(noMap!.stderr, /no map event; did you mean events\?/);
});

test('tables have names of enumerators, addresses and ports as people write them', () => {
  const [shown] = runs(['--maps', '--cpus', '2']);
  const lines = shown!.stdout.split('\n');
  assert.ok(lines.includes('map counts (percpu_array): 1 of 4 not zero'));
  const at = lines.indexOf('map counts (percpu_array): 1 of 4 not zero');
  assert.deepEqual(lines.slice(at + 1, at + 5), [
    '  key       cpu  value',
    '  OPEN  ->  sum      1',
    '              0      1',
    '              1      0',
  ]);
  assert.ok(lines.some((line) => line.startsWith('   10.0.0.1                80 ')));
  assert.ok(lines.some((line) => line.endsWith('->  {state: CLOSED, packets: 1, word: 131073, low: 1, high: 2}')));
});
