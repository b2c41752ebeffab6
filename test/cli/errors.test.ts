// What the command line says to wrong usage and bad files: the exit status (2: usage, 1: refused or stopped), one line that says where,
// and no stack of ours. Most cases run in this process; a few as processes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAll } from './run-all.ts';

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(dist, 'src/cli/main.js');
const example = relative(process.cwd(), join(dirname(dist), 'examples/xdp_counter.o'));
const bigEndian = relative(process.cwd(), join(dirname(dist), 'test/corpus/maps-eb.o'));

const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const directory = join(folder, 'folder');
mkdirSync(directory);
const absent = join(folder, 'absent');
const empty = file('empty', '');
const emptyObject = file('empty.o', '');
const notText = file('bad.bpfasm', 'r0 = 1\nr0 = !\nexit\n');
const oddBytes = file('odd.bin', new Uint8Array(12).fill(0x95));
const oneInstruction = file('one.bin', Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0));
const good = file('good.bpfasm', 'r0 = 1\nexit\n');
const endless = file('endless.bpfasm', 'L0:\ngoto L0\nexit\n');
const wild = file('wild.bpfasm', 'r1 = 0\nr0 = *(u64 *)(r1 + 8)\nexit\n');
const withMap = file('map.bpfasm', 'r1 = map[counts]\nexit\n');
const helper = file('helper.bpfasm', 'call 3000\nexit\n');
const noMap = file('nomap.bpfasm', 'r2 = r10\nr1 = 5\ncall 1\nexit\n');

const USAGE: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['nosuch'], /unknown command "nosuch"/],
  [['toString'], /unknown command/],
  [['run'], /expected 1 file name, got 0/],
  [['run', example, example], /unexpected argument/],
  [['run', example, '--bogus'], /Unknown option '--bogus'/],
  [['run', example, '--fuel'], /'--fuel/],
  [['run', example, '--fuel', '-1'], /'--fuel/],
  [['run', example, '--fuel=-1'], /--fuel takes a number of at least 0/],
  [['run', example, '--fuel', '1e99'], /--fuel takes a number/],
  [['run', example, '--repeat', '0'], /at least 1/],
  [['run', example, '--repeat', '99999999999999999999'], /at most 64 bits/],
  [['run', example, '--repeat', '18446744073709551615'], /--repeat takes a number/],
  [['run', example, '--engine', 'steam'], /--engine takes interpreter, .* got "steam"/],
  [['run', example, '--packet', 'zz'], /hex bytes/],
  [['run', example, '--packet', '@'], /takes @FILE/],
  [['run', example, '--packet', '00', '--pcap', empty], /exclude each other/],
  [['run', example, '--out', join(folder, 'out')], /--out goes with --pcap/],
  [['run', example, '--ctx', 'ingress_ifindex'], /NAME=VALUE/],
  [['run', example, '--ctx', 'ingress_ifindex=x'], /takes a number/],
  [['run', example, '--ctx-raw', 'x'], /takes @FILE/],
  [['run', example, '--map-size', 'stats=0'], /--map-size takes a number of at least 1/],
  [['run', example, '--type', 'nosuch'], /--type takes a type of program \(socket_filter, .*got "nosuch"/],
  [['run', example, '--ksym', 'jiffies'], /NAME=VALUE/],
  [['run', example, '--listing'], /needs an engine that compiles/],
  [['run', example, '--trace', '--engine', 'arm64-sim'], /--trace needs the interpreter, not --engine arm64-sim/],
  [['run', example, '--coverage', join(folder, 'c.info'), '--engine', 'x64'], /--coverage needs the interpreter, not --engine x64/],
  [['run', example, '--trace-limit', '5'], /--trace-limit goes with --trace/],
  [['run', example, '--trace', '--trace-limit', '0'], /at least 1/],
  [['coverage'], /expected at least 1 file name/],
  [['coverage', directory], /no \.info file in /],
  [['coverage', good, '--min', '101'], /--min takes a percentage/],
  [['dump', example, '--target', 'mips'], /--target takes .* got "mips"/],
  [['dump', example, '--base', 'here'], /--base takes a number/],
  [['dump', example, '--base', '0x10000000000000000'], /at most 64 bits/],
  [['dump', example, '--helper', 'bpf_map_lookup_elem'], /NAME=VALUE/],
  [['asm', good], /-o OUT is missing/],
  [['disasm'], /expected 1 file name/],
  [['info'], /expected 1 file name/],
  [['types'], /expected 1 file name/],
  [['types', example, '--name', 'a-b'], /--name takes an identifier, got "a-b"/],
  [['doctor', 'now'], /unexpected argument/],
];

const REFUSED: readonly (readonly [args: readonly string[], error: RegExp])[] = [
  [['run', absent], /^error: .*absent: no such file \[cli\/enoent\]$/],
  [['run', join(good, 'x')], /^error: .*good\.bpfasm\/x: .* \[cli\/enotdir\]$/],
  [['run', directory], /^error: .*folder: is a directory \[cli\/eisdir\]$/],
  [['dump', directory], /folder: is a directory/],
  [['info', directory], /folder: is a directory/],
  [['run', example, '--pcap', directory], /folder: is a directory/],
  [['run', empty], /empty:1:1: .* \[asm\/empty\]$/],
  [['info', empty], /empty:1:1: .* \[asm\/empty\]$/],
  [['disasm', empty], /empty:1:1: .* \[asm\/empty\]$/],
  [['run', emptyObject], /empty\.o.* \[elf\/not-elf\]$/],
  [['info', emptyObject], /\[elf\/not-elf\]$/],
  [['run', notText], /bad\.bpfasm:2:6: .* \[asm\/[a-z-]+\]$/],
  [['asm', notText, '-o', join(folder, 'out')], /bad\.bpfasm:2:6/],
  [['run', oddBytes], /8-byte slots, got 12 bytes \[isa\/odd-length\]$/],
  [['run', good, '--program', 'other'], /no program other; .* \[cli\/no-such-program\]$/],
  [['run', example, '--program', 'other'], /no program other; the object has: xdp_counter/],
  [['types', good], /only object files have maps, .* \[cli\/no-object\]$/],
  [['types', emptyObject], /\[elf\/not-elf\]$/],
  [['types', example, '--type', 'counts'], /no type counts; did you mean count\? .* \[runtime\/unknown-type\]$/],
  [['dump', example, '--program', 'other'], /no program other/],
  [['disasm', example, '--program', 'other'], /no program other/],
  [['run', bigEndian, '--program', 'entry'], /\[object\/big-endian\]$/],
  [['run', withMap], /names map counts; .* \[cli\/map-in-text\]$/],
  [['run', helper], /^error: .*helper\.bpfasm:1:1: program helper, slot 0: helper 3000.* \[runtime\/missing-helper\]/],
  [['run', example, '--ctx', 'foo=1'], /no field foo; it has data, .* \[runtime\/context-field\]$/],
  [
    ['run', example, '--ctx', 'ingress_ifindex=0x100000000'],
    /^error: ingress_ifindex of struct xdp_md: .* does not fit into 4 bytes \[map\/value\]$/,
  ],
  [['run', example, '--map-size', 'other=4'], /no map other; .* \[runtime\/unknown-map\]$/],
  [['run', example, '--ksym', 'jiffies=1'], /names no symbol jiffies .* \[runtime\/unknown-ksym\]$/],
  [['run', example, '--kconfig', absent], /no such file/],
  [['run', example, '--packet', `@${absent}`], /no such file/],
  [['run', example, '--pcap', empty], /too short for a capture \[pcap\/not-a-capture\]$/],
  [['run', example, '--pcap', example], /\[pcap\/not-a-capture\]$/],
  [['run', example, '--btf', empty], /\[btf\/truncated\]$/],
  [['run', example, '--maps-in', empty], /empty: .* \[cli\/bad-json\]$/],
  [['run', example, '--maps-in', file('null.json', 'null')], /\[runtime\/bad-contents\]$/],
  [['run', example, '--maps-in', file('list.json', '{"stats":{}}')], /map stats: expected a list.* \[runtime\/bad-contents\]$/],
  [
    ['run', example, '--maps-in', file('entry.json', '{"stats":[null]}')],
    /map stats: expected \{key, value\}, got null \[runtime\/bad-contents\]$/,
  ],
  [
    ['run', example, '--maps-in', file('other.json', '{"other":[]}')],
    /other\.json: .*no map other; there are .*stats.* \[runtime\/unknown-map\]$/,
  ],
  [
    ['run', example, '--maps-in', file('key.json', '{"stats":[{"key":"zz","value":1}]}')],
    /key of map stats: the string .zz. given where u32 is needed \[map\/value\]$/,
  ],
  [
    ['run', endless, '--fuel', '100'],
    /^error: .*endless\.bpfasm:2:1: program endless, slot 0: the fuel is used up \[runtime\/out-of-fuel\]/,
  ],
  [['run', endless, '--fuel', '0', '--timeout', '20'], /\[runtime\/out-of-time\]/],
  [['run', wild], /^error: .*wild\.bpfasm:2:1: program wild, slot 1: read of 8 bytes at 0x8: a null pointer.* \[runtime\/fault\]/],
  [
    ['run', wild, '--engine', 'arm64-sim'],
    /wild\.bpfasm:2:1: program wild, slot 1: read of 8 bytes at 0x8: outside the window \[runtime\/fault\]/,
  ],
  [['run', noMap], /slot 2: .*is no map \[runtime\/stopped-by-helper\]/],
  [['coverage', good], /good\.bpfasm:1:1: expected a record of lcov, got "r0 = 1" \[lcov\/syntax\]$/],
  [['coverage', absent], /no such file \[cli\/enoent\]$/],
  [['run', example, '--coverage', good], /good\.bpfasm:1:1: expected a record of lcov/],
  [['run', example, '--coverage', join(good, 'x')], /\[cli\/[a-z]+\]$/],
  [['run', oneInstruction, '--coverage', join(folder, 'c.info')], /no line information.*compile with -g \[runtime\/no-line-info\]$/],
  [['run', example, '--trace-out', directory], /is a directory/],
  [['dump', example, '--base', '1'], /\[jit\/unaligned-base\]$/],
  [['dump', example, '--helper', 'bpf_redirect=1'], /does not call bpf_redirect; .* \[cli\/helper-not-called\]$/],
  [['asm', good, '-o', join(absent, 'out')], /no such file/],
  [['asm', good, '-o', directory], /is a directory/],
  [['run', example, '--expect', 'XDP_DROP'], /expected XDP_DROP, got XDP_PASS \[cli\/unexpected-verdict\]$/],
];

test('wrong usage: status 2, the reason and the usage', () => {
  const results = runAll(USAGE.map(([args]) => args));
  for (const [i, [args, message]] of USAGE.entries()) {
    const { status, stdout, stderr } = results[i]!;
    const lines = stderr.trimEnd().split('\n');
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(lines[0]!, /^error: /);
    assert.match(lines[0]!, message);
    assert.ok(lines.length === 1 || (lines.length === 2 && lines[1]!.startsWith('usage: bpfjit ')), stderr);
    assert.equal(stdout, '', args.join(' '));
  }
});

test('bad files and stops: status 1, one line with place and code', () => {
  const results = runAll(REFUSED.map(([args]) => args));
  for (const [i, [args, error]] of REFUSED.entries()) {
    const { status, stdout, stderr } = results[i]!;
    const [line, ...rest] = stderr.trimEnd().split('\n');
    assert.equal(status, 1, `${args.join(' ')}: ${stderr}`);
    assert.match(line!, /^error: .+ \[[a-z]+\/[a-z-]+\]$/, args.join(' '));
    assert.match(line!, error);
    // At most the source line of the program, what is known of the stop; indented.
    assert.ok(
      rest.every((one) => one.startsWith('  ')),
      stderr,
    );
    if (!args.includes('--expect')) assert.equal(stdout, '', args.join(' '));
  }
});

test('the same as processes', () => {
  const spawned = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  assert.deepEqual([spawned().status, spawned('help').status], [2, 0]);
  const wrong = spawned('run', example, '--bogus');
  assert.equal(wrong.status, 2);
  const refused = spawned('run', directory);
  assert.deepEqual([refused.status, refused.stderr], [1, `error: ${directory}: is a directory [cli/eisdir]\n`]);
  const closed = spawnSync('sh', ['-c', `"$0" "$1" disasm "$2" | true; exit 0`, process.execPath, main, example], { encoding: 'utf8' });
  assert.equal(closed.stderr, '', 'a reader that went away is no failure');
});

const keys = (value: unknown): string[] => Object.keys(value as object);

test('--json: one object with the keys that the documentation names', () => {
  const packet = '0200000000010200000000020800450000280001000040118e88c0000201c63364079c4000070014341c6563686f2c20706c65617365';
  const [ran, dumped, info, doctor] = runAll([
    ['run', example, '--json', '--packet', packet, '--maps'],
    ['dump', example, '--json'],
    ['info', example, '--json'],
    ['doctor', '--json'],
  ]).map(({ status, stdout, stderr }) => {
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trimEnd().split('\n').length, 1);
    return JSON.parse(stdout) as Record<string, unknown>;
  }) as [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>];
  assert.deepEqual(keys(ran), ['program', 'engine', 'r0', 'verdict', 'packet', 'ctx', 'maps', 'stats']);
  assert.deepEqual([ran['r0'], ran['verdict'], ran['packet']], ['1', 'XDP_DROP', packet]);
  assert.deepEqual(keys(ran['stats']), ['nsPerRun', 'insns']);
  assert.deepEqual((ran['maps'] as Record<string, unknown>)['stats'], [{ key: 17, value: { packets: '1', bytes: '54' } }]);

  assert.deepEqual(keys(dumped), ['program', 'target', 'base', 'bytes', 'insns', 'calls', 'rounds', 'promotions', 'listing']);
  assert.match(dumped['base'] as string, /^0x[0-9a-f]+$/);
  const call = (dumped['calls'] as unknown[])[0] as Record<string, unknown>;
  assert.deepEqual(keys(call), ['slot', 'helper', 'form', 'at', 'target']);
  assert.match(call['target'] as string, /^0x[0-9a-f]+$/);
  for (const row of dumped['listing'] as Record<string, unknown>[]) {
    assert.deepEqual(
      keys(row).filter((key) => key !== 'line'),
      ['slot', 'bpf', 'code'],
    );
    for (const one of row['code'] as unknown[]) assert.deepEqual(keys(one), ['offset', 'hex', 'text']);
  }
  assert.deepEqual(keys(info), ['file', 'license', 'littleEndian', 'types', 'programs', 'maps', 'externs']);
  assert.deepEqual(keys(doctor), ['version', 'node', 'platform', 'arch', 'engines', 'auto']);
});
