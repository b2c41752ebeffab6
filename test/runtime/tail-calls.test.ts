// Tail calls on every engine: of the main function, of functions with callers, the limit, indexes that lead nowhere, stops behind them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { nativeHost } from '../../src/node.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { engineByName } from '../../src/runtime/engines.ts';
import { BpfMap } from '../../src/runtime/maps.ts';
import { RawMachine, type RawProgram } from '../../src/runtime/raw.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { PLACE } from '../../src/window/window.ts';

const { host } = await nativeHost();
const ENGINES = ['interpreter', 'arm64-sim', ...(host === undefined ? [] : [host.target])] as const;
const PROGS = { name: 'progs', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };
const FUEL = 100_000;

interface Table {
  readonly machine: RawMachine;
  readonly programs: readonly RawProgram[];
}

/** Programs that call each other by their place in the list, the first is the one to run; slot 3 of the array stays empty. */
function table(name: (typeof ENGINES)[number], texts: readonly string[]): Table {
  const machine = new RawMachine(engineByName(name, host), { host, helpers: { 77: (r1, _r2) => r1 } });
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
  return { machine, programs: programs.map((program) => machine.load(program)) };
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
}
