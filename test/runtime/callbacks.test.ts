// Functions that helpers call, on every engine: they share the run's fuel, limits and stack, and stop where the interpreter stops.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../../src/runtime/engines/engines.ts';
import { parse } from '../../src/asm/parse.ts';
import { nativeHost } from '../../src/node.ts';
import { createProgram } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions, RunOptions } from '../../src/runtime/object/options.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { PLACE } from '../../src/window/window.ts';

const { host } = await nativeHost();
/** Slow where arm64 is emulated itself, and of no use where it is not. */
const SIMULATOR = process.arch === 'arm64' ? [] : (['arm64-sim'] as const);
const ENGINES = ['interpreter', ...SIMULATOR, ...(host === undefined ? [] : [host.target])] as const;
const PROGS = { name: 'progs', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };

/** Programs p0, p1 ..., each in its slot of `progs`; p0 runs. */
function object(...given: (string | LoadOptions)[]): LoadedObject {
  const texts = given.filter((one) => typeof one === 'string');
  const options = given.find((one) => typeof one !== 'string');
  const programs = texts.map((text, i) => {
    const { bytes, subprograms } = parse(text, `p${i}`);
    return createProgram({
      name: `p${i}`,
      type: 'xdp',
      bytes,
      subprograms,
      maps: [PROGS],
      kfuncs: ['bpf_throw'],
      exceptionCallback: text.includes('handler:') ? subprograms.findIndex(({ name }) => name === 'handler') : undefined,
    });
  });
  const made = new LoadedObject({ name: 'test', programs, maps: [PROGS] }, { host, ...options });
  programs.forEach(({ name }, i) => {
    made.setProgram(made.maps['progs']!, i, name);
  });
  return made;
}

function outcome(made: LoadedObject, options: RunOptions): string {
  try {
    const { r0, fuelUsed } = made.programs['p0']!.run(options);
    return `r0 ${BigInt.asIntN(64, r0)} used ${fuelUsed}`;
  } catch (error) {
    if (error instanceof BpfStopped) return `${error.reason} ${error.program} ${error.slot}`;
    throw error;
  }
}

/** What becomes of the run with more and more fuel: each outcome once in a row, with the first fuel that leads there. */
function sweep(texts: readonly string[], engine: RunOptions['engine'] & string, from: number): string[] {
  const made = object(...texts);
  const found: string[] = [];
  for (let fuel = from, last = ''; !last.startsWith('r0'); fuel += STEP) {
    const now = outcome(made, { engine, fuel });
    if (now !== last) found.push(`${fuel}: ${now}`);
    last = now;
  }
  return found;
}
/** Every way to stop is met sooner or later; each fuel would take seconds. */
const STEP = 11;

const loop = (times: number, to = 'callback'): string => `r1 = ${times}\nr2 = function[${to}]\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\n`;
const tailCall = 'r1 = 0\nr2 = map[progs]\nr3 = 1\ncall 12\n';
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'loops in the program and in the callback': [
    `r6 = 3\nagain:\nr6 += -1\nr7 = 9\ninner:\nr7 += -1\nif r7 != 0 goto inner\n${loop(3)}if r6 != 0 goto again\nr0 = 5\nexit\ncallback:\nr6 = 4\nmore:\nr6 += -1\nif r6 != 0 goto more\nr0 = 0\nexit\n`,
  ],
  'callbacks of callbacks': [
    `${loop(2)}r0 = 5\nexit\ncallback:\n${loop(3, 'inner')}r0 = 0\nexit\ninner:\nr6 = 3\nmore:\nr6 += -1\nif r6 != 0 goto more\nr0 = 0\nexit\n`,
  ],
  'tail calls of callbacks': [
    `${loop(3)}r0 = 5\nexit\ncallback:\n${tailCall}r0 = 0\nexit\n`,
    'r6 = 3\nmore:\nr6 += -1\nif r6 != 0 goto more\nr0 = 0\nexit\n',
  ],
  'callbacks behind tail calls': [
    `call inner\nr0 += 1\nexit\ninner:\n${tailCall}r0 = 0\nexit\n`,
    `${loop(4)}exit\ncallback:\nr0 = 0\nexit\n`,
  ],
  'more tail calls than there may be': [`${loop(40)}exit\ncallback:\n${tailCall}r0 = 0\nexit\n`, 'r0 = 0\nexit\n'],
};

for (const [what, texts] of Object.entries(PROGRAMS)) {
  test(`every engine stops where the interpreter does: ${what}`, () => {
    // The last few of 33 tail calls will do.
    const from = what.startsWith('more') ? 4000 : 1;
    const expected = sweep(texts, 'interpreter', from);
    for (const engine of ENGINES.slice(1)) assert.deepEqual(sweep(texts, engine, from), expected, engine);
  });
}

for (const engine of ENGINES) {
  test(`${engine}: a callback's frame lies below its caller's`, () => {
    const frame = `callback:\n*(u64 *)(r2 + 0) = r10\nr0 = 0\nexit\n`;
    const shows = 'r0 = *(u64 *)(r10 - 8)\nexit\n';
    assert.match(outcome(object(`${loop(1)}${shows}${frame}`), { engine }), RegExp(`^r0 ${PLACE.stackTop - 512} `));
    assert.match(
      outcome(object(`call inner\nexit\ninner:\n${loop(1)}${shows}${frame}`), { engine }),
      RegExp(`^r0 ${PLACE.stackTop - 1024} `),
    );
  });

  test(`${engine}: eight frames, those of callbacks among them`, () => {
    assert.equal(outcome(object(`${loop(1)}exit\ncallback:\n${loop(1)}exit\n`), { engine }), 'stack p0 8');
    assert.equal(outcome(object(`${loop(1)}exit\ncallback:\ncall callback\nexit\n`), { engine }), 'stack p0 8');
  });

  test(`${engine}: faults and bad handles in callbacks`, () => {
    const fault = 'callback:\nr1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit\n';
    assert.equal(outcome(object(`${loop(1)}exit\n${fault}`), { engine }), 'fault p0 9');
    assert.equal(outcome(object('r1 = 1\nr2 = 999\nr3 = 0\nr4 = 0\ncall 181\nexit\n'), { engine }), 'badCall p0 4');
    assert.equal(outcome(object('r1 = 1\nr2 = -1 ll\nr3 = 0\nr4 = 0\ncall 181\nexit\n'), { engine }), 'badCall p0 5');
    const behind = object(`call inner\nexit\ninner:\n${tailCall}r0 = 0\nexit\n`, `${loop(4)}exit\n${fault}`);
    assert.equal(outcome(behind, { engine }), 'fault p1 9');
  });

  test(`${engine}: an endless callback is late`, () => {
    const made = object(`${loop(1)}exit\ncallback:\ngoto callback\n`);
    assert.equal(outcome(made, { engine, fuel: 0, timeoutMs: 5 }), 'deadline p0 8');
  });

  test(`${engine}: what throws behind a function's tail call returns to the function's caller`, () => {
    const caller = `r6 = 1000\ncall inner\nr0 += r6\nexit\ninner:\nr6 = 5\n${tailCall}r0 = 0\nexit\n`;
    const thrower = 'r6 = 77\ncall deeper\nr0 = 1\nexit\ndeeper:\nr7 = 78\nr1 = 41\ncall kfunc[0]\nr0 = 2\nexit\n';
    assert.match(outcome(object(caller, thrower), { engine }), /^r0 1041 /);
    // The handler is called by nobody: a reference makes it a function.
    const handled = `r6 = function[handler]\n${thrower}handler:\nr0 = r1\nr0 += r10\nexit\n`;
    assert.match(outcome(object(caller, handled), { engine }), RegExp(`^r0 ${1041 + PLACE.tailStacksTop} `));
    const main = `${tailCall}r0 = 0\nexit\n`;
    assert.match(outcome(object(main, handled), { engine }), RegExp(`^r0 ${41 + PLACE.stackTop} `));
    // Through a main function in between, and twice.
    const through = `r1 = 0\nr2 = map[progs]\nr3 = 2\ncall 12\nexit\n`;
    assert.match(outcome(object(caller, through, thrower), { engine }), /^r0 1041 /);
    const twice = `r6 = 1000\ncall inner\nr7 = r0\ncall inner\nr0 += r7\nexit\ninner:\n${tailCall}r0 = 0\nexit\n`;
    assert.match(outcome(object(twice, handled), { engine }), RegExp(`^r0 ${82 + 2 * PLACE.tailStacksTop - 4096} `));
    const looping = handled.replace('handler:\n', 'handler:\nr6 = 9\nmore:\nr6 += -1\nif r6 != 0 goto more\n');
    assert.deepEqual(sweep([twice, looping], engine, 1), sweep([twice, looping], 'interpreter', 1));
  });

  test(`${engine}: bpf_loop, its results and what its functions are given`, () => {
    const call = (turns: string, flags: string): string =>
      `r1 = ${turns}\nr2 = function[callback]\nr3 = r10\nr3 += -8\nr4 = ${flags}\ncall 181\nexit\n`;
    const counts = 'callback:\nr0 = 0\nif r1 != 5 goto on\nr0 = 1\non:\nexit\n';
    const given: readonly (readonly [turns: string, flags: string, r0: string])[] = [
      ['0', '0', '0'],
      ['5', '0', '5'],
      ['100', '0', '6'],
      ['8388609', '0', '-7'],
      ['8388608', '0', '6'],
      ['3', '1', '-22'],
      ['-1', '0', '-7'],
      ['-1', '0x100000000 ll', '-22'],
      ['0x700000003 ll', '0', '3'],
    ];
    for (const [turns, flags, r0] of given) {
      const what = `${turns} ${flags}`;
      assert.match(outcome(object(`${call(turns, flags)}${counts}`), { engine, fuel: 0 }), RegExp(`^r0 ${r0} `), what);
    }
    // The registers of the caller survive; those of the function that are not arguments are 0.
    const kept = `r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\n*(u64 *)(r10 - 8) = 0\n${call('4', '0').replace('exit\n', '')}r0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\n`;
    const sum =
      'callback:\nr6 = r3\nr6 += r4\nr6 += r5\nr6 += r1\nr7 = *(u64 *)(r2 + 0)\nr7 += r6\n*(u64 *)(r2 + 0) = r7\nr8 = 9\nr9 = 9\nr0 = 0\nexit\n';
    assert.match(outcome(object(`${kept}${sum}`), { engine }), /^r0 20 /);
    // A handle that only the run knows.
    const hidden = `r2 = function[callback]\n*(u64 *)(r10 - 16) = r2\nr1 = 3\nr2 = *(u64 *)(r10 - 16)\nr3 = 0\nr4 = 0\ncall 181\nexit\n${counts}`;
    assert.match(outcome(object(hidden), { engine }), /^r0 3 /);
    using replaced = object(`${call('3', '0')}${counts}`, { helpers: { 181: (turns) => turns + 39n } });
    assert.match(outcome(replaced, { engine }), /^r0 42 /);
  });
}
