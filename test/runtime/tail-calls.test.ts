// Tail calls on every engine: of the main function, of functions with callers, the limit, indexes that lead nowhere, stops behind them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { nativeHost } from '../../src/node.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { engineByName } from '../../src/runtime/engines/engines.ts';
import { BpfMap } from '../../src/runtime/maps/maps.ts';
import { RawMachine, type RawProgram } from '../../src/runtime/object/raw.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { PLACE } from '../../src/window/window.ts';

const { host } = await nativeHost();
/** Slow where arm64 is emulated itself, and of no use where it is not. */
const SIMULATOR = process.arch === 'arm64' ? [] : (['arm64-sim'] as const);
const ENGINES = ['interpreter', ...SIMULATOR, ...(host === undefined ? [] : [host.target])] as const;
const PROGS = { name: 'progs', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };
const FUEL = 100_000;

interface Table {
  readonly machine: RawMachine;
  readonly programs: readonly RawProgram[];
  readonly array: BpfMap;
}

/** Programs that call each other by their place in the list, the first is the one to run; slot 3 of the array stays empty. */
function table(name: (typeof ENGINES)[number], texts: readonly string[], helper = (): void => undefined): Table {
  const helpers = {
    77: (r1: bigint, _r2: bigint) => r1,
    78: () => {
      helper();
      return 0n;
    },
  };
  const machine = new RawMachine(engineByName(name, host), { host, helpers });
  const array = new BpfMap(machine.home, PROGS);
  machine.home.addMap(array);
  machine.regions.add({ name: 'the memory', start: PLACE.packet, end: PLACE.packet + 64 });
  const programs = texts.map((text, index): Program => {
    const { bytes, subprograms } = parse(text, `program ${index}`);
    return createProgram({ name: `p${index}`, bytes, subprograms, maps: [PROGS] });
  });
  programs.forEach((program, index) => {
    array.set(index, machine.numberOf(program));
  });
  return { machine, array, programs: programs.map((program) => machine.load(program)) };
}

function run({ machine, programs }: Table, fuel: number = FUEL): bigint {
  machine.window.zero(PLACE.packet, 64);
  return programs[0]!.run({ r1: PLACE.packet, r2: 0, fuel });
}

const tailCall = (index: string): string => `r2 = map[progs]\nr3 = ${index}\ncall 12\n`;

for (const engine of ENGINES) {
  test(`${engine}: the main function's callee takes its place`, () => {
    const made = table(engine, [`r6 = r1\n${tailCall('1')}r0 = 1\nexit\n`, 'r0 = *(u8 *)(r1 + 0)\nr0 += 42\nexit\n']);
    assert.equal(run(made), 42n);
  });

  test(`${engine}: a function's callee returns to the function's caller`, () => {
    const caller = `call inner\nr0 += 1000\nexit\ninner:\n${tailCall('1')}r0 = 1\nexit\n`;
    assert.equal(run(table(engine, [caller, 'r0 = 42\nexit\n'])), 1042n);
  });

  test(`${engine}: registers and stack of the callers survive`, () => {
    const caller = `r6 = 7\n*(u64 *)(r10 - 8) = 9\ncall inner\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nr0 += r6\nexit\ninner:\nr6 = 3\n${tailCall('1')}r0 = 1\nexit\n`;
    const callee = 'r6 = 100\nr7 = 200\n*(u64 *)(r10 - 8) = 300\nr0 = 1000\nexit\n';
    assert.equal(run(table(engine, [caller, callee])), 1016n);
  });

  test(`${engine}: an index that leads nowhere falls through, dirty upper halves do not count`, () => {
    for (const index of ['3', '4', '-1 ll']) {
      assert.equal(run(table(engine, [`${tailCall(index)}r0 = 5\nexit\n`, 'r0 = 42\nexit\n'])), 5n, index);
      assert.equal(run(table(engine, [`call inner\nexit\ninner:\n${tailCall(index)}r0 = 5\nexit\n`, 'r0 = 42\nexit\n'])), 5n, index);
    }
    assert.equal(run(table(engine, [`${tailCall('0xffffffff00000001 ll')}r0 = 5\nexit\n`, 'r0 = 42\nexit\n'])), 42n);
  });

  test(`${engine}: 33 tail calls a run, whoever makes them`, () => {
    const count = 'r4 = *(u32 *)(r1 + 0)\nr4 += 1\n*(u32 *)(r1 + 0) = r4\n';
    const main = table(engine, [`${count}${tailCall('0')}r0 = 1\nexit\n`]);
    run(main);
    assert.equal(main.machine.window.u32(PLACE.packet), 34);
    const inner = table(engine, [`${count}call inner\nr0 += 1\nexit\ninner:\n${tailCall('0')}r0 = 0\nexit\n`]);
    assert.equal(run(inner), 34n);
    assert.equal(inner.machine.window.u32(PLACE.packet), 34);
  });

  test(`${engine}: a stop behind a tail call names the program and slot that it was written in`, () => {
    const caller = `call inner\nexit\ninner:\n${tailCall('1')}r0 = 1\nexit\n`;
    const stop = (made: Table): string => {
      try {
        run(made);
      } catch (error) {
        if (error instanceof BpfStopped) return `${error.reason} ${error.program} ${error.slot}`;
        throw error;
      }
      return 'ran';
    };
    assert.equal(stop(table(engine, [caller, 'r0 = 0\nloop:\ngoto loop\n'])), 'fuel p1 1');
    // Behind the tail call of the function itself.
    const behind = `call inner\nexit\ninner:\n${tailCall('3')}loop:\ngoto loop\n`;
    assert.equal(stop(table(engine, [behind])), 'fuel p0 6');
  });

  const outcome = (made: Table, fuel?: number): string => {
    try {
      return `r0 ${BigInt.asIntN(64, run(made, fuel))}`;
    } catch (error) {
      if (error instanceof BpfStopped) return `${error.reason} ${error.program} ${error.slot}`;
      throw error;
    }
  };
  const inner = (body: string): string => `call inner\nexit\ninner:\n${body}`;

  test(`${engine}: a tail call that fails gives -ENOENT and changes nothing`, () => {
    const after = 'r0 += r6\nexit\n';
    for (const call of [
      tailCall('3'),
      tailCall('4'),
      'r2 = 0\nr3 = 1\ncall 12\n',
      'r2 = r1\nr3 = 1\ncall 12\n',
      'r2 = -1 ll\nr3 = 1\ncall 12\n',
    ]) {
      assert.equal(outcome(table(engine, [`r6 = 100\n${call}${after}`, 'r0 = 42\nexit\n'])), 'r0 98', call);
      assert.equal(outcome(table(engine, [inner(`r6 = 100\n${call}${after}`), 'r0 = 42\nexit\n'])), 'r0 98', call);
    }
  });

  test(`${engine}: a map that only the run knows`, () => {
    const call = 'r2 = map[progs]\n*(u64 *)(r1 + 8) = r2\nr2 = *(u64 *)(r1 + 8)\nr3 = 1\ncall 12\n';
    assert.equal(outcome(table(engine, [`${call}r0 = 1\nexit\n`, 'r0 = 42\nexit\n'])), 'r0 42');
    assert.equal(outcome(table(engine, [inner(`${call}r0 = 1\nexit\n`), 'r0 = 42\nexit\n'])), 'r0 42');
  });

  test(`${engine}: what the array holds is seen, whoever put it there`, () => {
    const made = table(engine, [`${tailCall('1')}r0 = 1\nexit\n`, 'r0 = 42\nexit\n', 'r0 = 43\nexit\n']);
    const { array, machine } = made;
    assert.equal(outcome(made), 'r0 42');
    array.set(1, machine.numberOf(made.programs[2]!.program));
    assert.equal(outcome(made), 'r0 43');
    array.delete(1);
    assert.equal(outcome(made), 'r0 1');
    // A program that nobody has loaded, and numbers that are none.
    const late = createProgram({ name: 'late', bytes: parse('r0 = 44\nexit\n').bytes });
    for (let i = 0; i < 100; i++) machine.numberOf(createProgram({ name: `p${i}`, bytes: late.bytes }));
    array.set(1, machine.numberOf(late));
    assert.equal(outcome(made), 'r0 44');
    assert.equal(outcome(made), 'r0 44');
    for (const number of [1000, 0x7fff_ffff, 0xffff_ffff]) {
      array.set(1, number);
      assert.equal(outcome(made), 'r0 1', String(number));
    }
  });

  test(`${engine}: a helper may change the array in the middle of a run`, () => {
    const change = (made: Table) => () => void made.array.set(1, made.machine.numberOf(made.programs[2]!.program));
    const made: Table = table(
      engine,
      [`r6 = r1\ncall 78\nr1 = r6\n${tailCall('1')}r0 = 1\nexit\n`, 'r0 = 42\nexit\n', 'r0 = 43\nexit\n'],
      () => change(made)(),
    );
    assert.equal(outcome(made), 'r0 43');
  });

  test(`${engine}: the callee has R1, cut to 32 bits, and zeros`, () => {
    const dirty = 'r2 = 5 ll\nr2 <<= 32\nr1 |= r2\nr6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\nr4 = 5\nr5 = 6\nr0 = 7\n';
    const sum = 'r0 += r2\nr0 += r3\nr0 += r4\nr0 += r5\nr0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nr1 >>= 32\nr0 += r1\nexit\n';
    assert.equal(outcome(table(engine, [`${dirty}${tailCall('1')}r0 = 1\nexit\n`, sum])), 'r0 0');
    assert.equal(outcome(table(engine, [inner(`${dirty}${tailCall('1')}r0 = 1\nexit\n`), sum])), 'r0 0');
  });

  test(`${engine}: frames lie where they do on every engine`, () => {
    const frame = 'r0 = r10\nexit\n';
    assert.equal(outcome(table(engine, [`${tailCall('1')}exit\n`, frame])), `r0 ${PLACE.stackTop}`);
    assert.equal(outcome(table(engine, [inner(`${tailCall('1')}exit\n`), frame])), `r0 ${PLACE.tailStacksTop}`);
    const second = table(engine, [inner(`${tailCall('1')}exit\n`), inner(`${tailCall('2')}exit\n`), frame]);
    assert.equal(outcome(second), `r0 ${PLACE.tailStacksTop - 4096}`);
    assert.equal(outcome(table(engine, [`${tailCall('1')}exit\n`, inner(frame)])), `r0 ${PLACE.stackTop - 512}`);
    assert.equal(outcome(table(engine, [inner(`${tailCall('1')}exit\n`), inner(frame)])), `r0 ${PLACE.tailStacksTop - 512}`);
  });

  test(`${engine}: the stacks of tail calls are zero at first`, () => {
    const made = table(engine, [inner(`${tailCall('1')}exit\n`), 'r0 = *(u64 *)(r10 - 8)\nr1 = 7\n*(u64 *)(r10 - 8) = r1\nexit\n']);
    assert.equal(outcome(made), 'r0 0');
    assert.equal(outcome(made), 'r0 0');
  });

  test(`${engine}: a callee sees the frames of its callers through pointers`, () => {
    const caller = inner(`r6 = r10\nr6 += -8\n*(u64 *)(r1 + 8) = r6\nr4 = 5\n*(u64 *)(r6 + 0) = r4\n${tailCall('1')}exit\n`);
    assert.equal(outcome(table(engine, [caller, 'r1 = *(u64 *)(r1 + 8)\nr0 = *(u64 *)(r1 + 0)\nexit\n'])), 'r0 5');
  });

  test(`${engine}: eight frames for each program, and no more`, () => {
    const down = 'call down\nexit\ndown:\nr4 = *(u32 *)(r1 + 0)\nr4 += 1\n*(u32 *)(r1 + 0) = r4\nr6 = r1\ncall down\nexit\n';
    const made = table(engine, [inner(`${tailCall('1')}exit\n`), down]);
    assert.equal(outcome(made), 'stack p1 6');
    assert.equal(made.machine.window.u32(PLACE.packet), 7);
    const first = table(engine, [`${tailCall('1')}exit\n`, down]);
    assert.equal(outcome(first), 'stack p1 6');
    assert.equal(first.machine.window.u32(PLACE.packet), 7);
  });

  test(`${engine}: handles are those of the program that is at work`, () => {
    const callee = 'r2 = function[f]\ncallx r2\nexit\nf:\nr0 = 42\nexit\n';
    const caller = (call: string): string =>
      `r2 = function[g]\n*(u64 *)(r10 - 8) = r2\nr6 = r1\ncall inner\nr2 = *(u64 *)(r10 - 8)\ncallx r2\nexit\ng:\nr0 = 43\nexit\ninner:\n${call}exit\n`;
    assert.equal(outcome(table(engine, [`${tailCall('1')}exit\n`, callee])), 'r0 42');
    assert.equal(outcome(table(engine, [caller(tailCall('1')), callee])), 'r0 43');
  });

  test(`${engine}: faults and fuel behind tail calls`, () => {
    const fault = 'r6 = r1\nr0 = 0\nr1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit\n';
    assert.equal(outcome(table(engine, [`${tailCall('1')}exit\n`, fault])), 'fault p1 3');
    assert.equal(outcome(table(engine, [inner(`${tailCall('1')}exit\n`), fault])), 'fault p1 3');
    const behind = `call inner\nr1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit\ninner:\n${tailCall('1')}exit\n`;
    assert.equal(outcome(table(engine, [behind, 'r0 = 0\nexit\n'])), 'fault p0 2');
    const helper = table(engine, [inner(`${tailCall('1')}exit\n`), 'r1 = 1\ncall 99\nexit\n']);
    assert.equal(outcome(helper), 'helper p1 1');
    // Every slot that a run may stop at.
    const loops = table(engine, [
      `r6 = 3\nagain:\nr6 += -1\nr1 = ${PLACE.packet}\ncall inner\nif r6 != 0 goto again\nr0 = 9\nexit\ninner:\n${tailCall('1')}exit\n`,
      'r6 = 4\nagain:\nr6 += -1\nif r6 != 0 goto again\nexit\n',
    ]);
    const stops: string[] = [];
    for (let fuel = 0; stops.at(-1) !== 'r0 9'; fuel += 2) {
      const stop = outcome(loops, fuel);
      if (stop !== stops.at(-1)) stops.push(stop);
    }
    const turn = ['fuel p0 1', 'fuel p0 7', 'fuel p0 10', 'fuel p1 1'];
    assert.deepEqual(stops, [...turn, ...turn, ...turn, 'r0 9']);
  });
}
