// The conformance command and the runner's plugin, as processes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toHex, tryParseHex } from '../../src/util/bytes.ts';
import { corpus, SKIP } from '../support/corpora.ts';
import { runAll } from './run-all.ts';

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function run(name: string, args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(dist, 'src/cli', `${name}.js`), ...args], { input, encoding: 'utf8' });
}

interface Report {
  readonly engine: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly { readonly file: string; readonly outcome: string; readonly why: string }[];
}

test('conformance: 313 pass, and of negative/ all but the three that are failing tests', (t) => {
  const path = corpus('bpf_conformance');
  if (path === undefined) return t.skip(SKIP);
  const { status, stdout } = run('main', ['conformance', path, '--json']);
  const report = JSON.parse(stdout) as Report;
  assert.equal(status, 1, 'a failing test gives exit status 1');
  const failed = report.results.filter(({ outcome }) => outcome !== 'passed').map(({ file }) => file.slice(path.length + 1));
  assert.deepEqual(failed, ['negative/empty.data', 'negative/error.data', 'negative/incorrect_return_value_high_bits.data']);
  assert.deepEqual([report.passed, report.failed, report.skipped], [370, 3, 0]);
  const refused = report.results.filter(({ why }) => why.startsWith('refused: '));
  assert.equal(refused.filter(({ why }) => /\[asm\/[\w-]+\]$/.test(why)).length, 12, 'by the assembler');
  assert.equal(refused.filter(({ file }) => file.includes('/unused-')).length, 45, 'at load');
});

test('conformance: what is no test fails, and says why', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): void => writeFileSync(join(folder, `${name}.data`), text);
  write('accepted', '-- asm\nmov %r0, 1\nexit\n-- error\n');
  write('endless', '-- asm\nstart:\nja start\nexit\n-- result\n0\n');
  write('fault', '-- asm\nldxb %r0, [%r1+0]\nexit\n-- result\n0\n');
  write('no-result', '-- asm\nmov %r0, 1\nexit\n');
  write('refused', '-- asm\nmov %r0, %r11\nexit\n-- result\n0\n');
  write('right', '-- asm\nmov %r0, 1\nexit\n-- result\n1\n');
  write('wrong', '-- asm\nmov %r0, 1\nexit\n-- result\n2\n');
  const { results } = JSON.parse(run('main', ['conformance', folder, '--json']).stdout) as Report;
  assert.deepEqual(
    results.map(({ file, outcome }) => `${file.slice(folder.length + 1)} ${outcome}`),
    [
      'accepted.data failed',
      'endless.data failed',
      'fault.data failed',
      'no-result.data skipped',
      'refused.data failed',
      'right.data passed',
      'wrong.data failed',
    ],
  );
  assert.match(results[1]!.why, /^stopped: .*fuel/);
  assert.match(results[6]!.why, /^0x1, expected 0x2$/);
});

test('conformance: usage', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [noPath, noTest, absent, steam] = runAll(
    [[], [folder], [join(folder, 'absent.data')], [folder, '--engine', 'steam']].map((args) => ['conformance', ...args]),
  );
  assert.equal(noPath!.status, 2);
  assert.equal(noTest!.status, 2, 'no test in the folder');
  assert.equal(absent!.status, 1);
  assert.equal(steam!.status, 2);
  assert.match(steam!.stderr, /--engine takes interpreter,.* got "steam"/);
});

const EXIT = '95 00 00 00 00 00 00 00';

test('plugin: program on standard input, memory as an argument', () => {
  assert.deepEqual(plugin([], `b7 00 00 00 2a 00 00 00 ${EXIT}\n`), '2a');
  assert.deepEqual(plugin([], `b7 00 00 00 ff ff ff ff ${EXIT}`), 'ffffffffffffffff', 'all 64 bits');
  assert.deepEqual(plugin(['0a 0b'], `71 10 01 00 00 00 00 00 ${EXIT}`), 'b', 'R1 = memory');
  assert.deepEqual(plugin(['0a 0b'], `bf 20 00 00 00 00 00 00 ${EXIT}`), '2', 'R2 = its length');
  assert.deepEqual(plugin(['0a 0b', '--engine', 'interpreter'], `bf 20 00 00 00 00 00 00 ${EXIT}`), '2');
  assert.deepEqual(plugin(['--interpret'], `bf 10 00 00 00 00 00 00 ${EXIT}`), '0', 'no memory: R1 = 0');
  assert.deepEqual(plugin([], `b7 01 00 00 05 00 00 00 85 00 00 00 05 00 00 00 ${EXIT}`), '5', 'helper 5 gives R1 back');
});

test('plugin: an object file as hex', () => {
  const text = 'b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00'.replaceAll(' ', '');
  assert.equal(plugin(['--elf'], toHex(elfOf(tryParseHex(text)!), ' ')), '2a');
  assert.equal(plugin(['--elf', 'true'], toHex(elfOf(tryParseHex(text)!))), '2a');
  // A local call inside the only function: slot 0 calls slot 2.
  const local = '85100000010000009500000000000000b7000000070000009500000000000000';
  assert.equal(plugin(['--elf'], toHex(elfOf(tryParseHex(local)!))), '7');
});

/** As the runner makes them: symbol `main` over all of .text, no relocations. */
function elfOf(code: Uint8Array): Uint8Array {
  const names = new TextEncoder().encode('\0.shstrtab\0.symtab\0.text\0main\0');
  const symbols = 64 + 32;
  const text = symbols + 48;
  const headers = text + code.length;
  const bytes = new Uint8Array(headers + 4 * 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true);
  view.setUint16(18, 247, true);
  view.setUint32(20, 1, true);
  view.setUint32(40, headers, true);
  [64, 0, 0, 64, 4, 1].forEach((value, i) => {
    view.setUint16(52 + 2 * i, value, true);
  });
  bytes.set(names, 64);
  view.setUint32(symbols + 24, 25, true);
  bytes.set([0x12, 0, 3, 0], symbols + 28);
  view.setUint32(symbols + 40, code.length, true);
  bytes.set(code, text);
  // name, type, flags, offset, size, link, info, entry size
  const sections = [
    [1, 3, 0, 64, names.length, 0, 0, 0],
    [11, 2, 0, symbols, 48, 1, 1, 24],
    [19, 1, 6, text, code.length, 0, 0, 0],
  ];
  for (const [i, [name, type, flags, offset, size, link, info, entry]] of sections.entries()) {
    const at = headers + (i + 1) * 64;
    view.setUint32(at, name!, true);
    view.setUint32(at + 4, type!, true);
    view.setUint32(at + 8, flags!, true);
    view.setUint32(at + 24, offset!, true);
    view.setUint32(at + 32, size!, true);
    view.setUint32(at + 40, link!, true);
    view.setUint32(at + 44, info!, true);
    view.setUint32(at + 56, entry!, true);
  }
  return bytes;
}

test('plugin: failures have their message on standard error', () => {
  for (const [args, input, message] of [
    [[], 'b7 00', /8-byte slots/],
    [[], 'zz', /not hex/],
    [['--engine', 'steam'], EXIT, /--engine takes .* got "steam"/],
    [['--unknown'], EXIT, /unknown option --unknown/],
    [['xyz'], EXIT, /hex bytes/],
    [[], `79 10 00 00 00 00 00 00 ${EXIT}`, /read of 8 bytes/],
    [['--elf'], EXIT, /./],
  ] as const) {
    const { status, stdout, stderr } = run('conformance-plugin', args, input);
    assert.notEqual(status, 0, input);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

function plugin(args: readonly string[], input: string): string {
  const { status, stdout, stderr } = run('conformance-plugin', args, input);
  assert.equal(status, 0, stderr);
  return stdout.trim();
}
