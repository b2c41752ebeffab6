// Test engines: the lowered arm64 image on the simulator, with the surroundings that a host would give it, in each code variant.
import { FIRST_HANDLE } from '../../src/interpreter/machine.ts';
import { ACTIVATION, ACTIVATION_BYTES, STOP } from '../../src/jit/activation.ts';
import { Simulator } from '../../src/jit/arm64/simulate.ts';
import { arm64 } from '../../src/jit/arm64/target.ts';
import { compile } from '../../src/jit/compile.ts';
import { slotAt } from '../../src/jit/image.ts';
import type { Address, CompileOptions } from '../../src/jit/target.ts';
import type { MapShape, Program } from '../../src/program/program.ts';
import { FRAME_BYTES, MAX_FRAMES } from '../../src/spec/limits.ts';
import { BIAS, FLOOR, PLACE, Window } from '../../src/window/window.ts';
import type { Outcome } from './engines.ts';
import { forced } from './forced.ts';

type Helper = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint;

const BASE = { window: 0x10_0000_0000, code: 0x20_0000_0000, activation: 0x30_0000_0000, stack: 0x31_0000_0000, host: 0x40_0000_0000 };
const STACK_BYTES = 1 << 16;
const STOP_STUB = BASE.host;
const FUEL_STUB = BASE.host + 4;
const HELPERS = BASE.host + 0x1000;
const RETURN = BASE.host + 0x10_0000;
/** Of code addresses by handle, its length before it. */
const TABLE = BASE.activation + ACTIVATION_BYTES + 8;
const MAX_SLICE = 2 ** 31 - 1;
const REASONS = Object.fromEntries(Object.entries(STOP).map(([name, number]) => [number, name]));

class Stopped extends Error {}

const address = (value: number): Address => ({ hi: Math.floor(value / 2 ** 32), lo: value | 0 });

/** Simulates one run; `mapValues`: storage per map, as pointers into the window. */
export function simulate(
  program: Program,
  memory: Uint8Array,
  fuel: number,
  helpers: Readonly<Record<number, Helper>>,
  options: CompileOptions = {},
  window: Window = new Window(),
  mapValue: (map: MapShape) => number = () => 0,
): Outcome {
  const image = compile(
    program,
    arm64,
    {
      resolve(symbol) {
        if (symbol.kind === 'helper') return address(HELPERS + symbol.id * 4);
        if (symbol.kind === 'function') {
          return address(FIRST_HANDLE + program.subprograms.findIndex(({ start }) => start === symbol.slot));
        }
        if (symbol.kind === 'functions') return address(TABLE);
        if (symbol.kind === 'mapValue') return address(mapValue(program.maps[symbol.index]!) + symbol.offset);
        return address(0);
      },
      allocate: () => address(BASE.code),
    },
    { ...forced, ...options },
  );
  const activation = new DataView(new ArrayBuffer(ACTIVATION_BYTES + 8 + 8 * (FIRST_HANDLE + program.subprograms.length)));
  const put = (at: number, value: number): void => activation.setBigUint64(at, BigInt(value), true);
  const stackBytes = new Uint8Array(STACK_BYTES);
  const used = Math.min(fuel, MAX_SLICE);
  put(ACTIVATION.stopStub, STOP_STUB);
  put(ACTIVATION.fuelStub, FUEL_STUB);
  put(ACTIVATION.fuelTotal, Number.isFinite(fuel) ? fuel - used : 2 ** 50);
  put(ACTIVATION.stackLimit, BASE.window + PLACE.stackTop - FRAME_BYTES * (MAX_FRAMES - 1));
  put(ACTIVATION.programs, BASE.activation + ACTIVATION.programs);
  put(ACTIVATION_BYTES, FIRST_HANDLE + program.subprograms.length);
  activation.setUint32(ACTIVATION.packet, PLACE.packet, true);
  activation.setUint32(ACTIVATION.packetLength, memory.length, true);
  for (const id of Object.keys(helpers)) if (id !== '0') put(ACTIVATION_BYTES + 8 + 8 * Number(id), HELPERS + Number(id) * 4);
  image.entries.forEach((entry, i) => {
    put(ACTIVATION_BYTES + 8 + 8 * (FIRST_HANDLE + i), BASE.code + entry);
  });

  const bytes = new Uint8Array(window.memory.buffer);
  bytes.fill(0, BIAS + PLACE.stackBottom, BIAS + PLACE.stackTop);
  bytes.set(memory, BIAS + PLACE.packet);
  let reason = 0;
  let slot = 0;
  const simulator = new Simulator({
    memory: [
      // The lowest pages fault.
      { base: BASE.window + FLOOR, bytes: bytes.subarray(BIAS + FLOOR) },
      { base: BASE.activation, bytes: new Uint8Array(activation.buffer) },
      { base: BASE.stack, bytes: stackBytes },
    ],
    code: [{ base: BASE.code, bytes: image.bytes.slice(0, (image.size + 3) & ~3) }],
    returnAddress: RETURN,
    hostCall(hi, lo, sim) {
      const at = hi * 2 ** 32 + (lo >>> 0);
      const x = sim.x;
      if (at === STOP_STUB) {
        slot = Number(x[16]);
        reason = Number(x[17]);
        throw new Stopped();
      }
      if (at === FUEL_STUB) {
        const left = activation.getBigInt64(ACTIVATION.fuelTotal, true) + BigInt.asIntN(32, x[26]!);
        if (left < 0n) {
          slot = Number(x[16]);
          reason = STOP.fuel;
          throw new Stopped();
        }
        const slice = left > BigInt(MAX_SLICE) ? BigInt(MAX_SLICE) : left;
        activation.setBigInt64(ACTIVATION.fuelTotal, left - slice, true);
        x[26] = slice;
        return sim.getRegister(17);
      }
      const helper = helpers[(at - HELPERS) / 4];
      if (helper === undefined) throw new Error(`call of address 0x${at.toString(16)}`);
      x[0] = BigInt.asUintN(64, helper(x[1]!, x[2]!, x[3]!, x[4]!, x[5]!));
      // A callee may leave anything in what it need not preserve.
      for (let i = 1; i < 18; i++) x[i] = 0xdeadbeef_00000000n + BigInt(i);
      return sim.linkAddress();
    },
  });
  const x = simulator.x;
  // Entry registers of the program; the rest holds what must not matter.
  x.fill(0xbad0_bad0_bad0_bad0n, 0, 31);
  for (const r of [0, 2, 3, 4, 5, 19, 20, 21, 22]) x[r] = 0n;
  x[1] = BigInt(PLACE.packet);
  x[2] = BigInt(memory.length);
  x[25] = BigInt(BASE.window + PLACE.stackTop);
  x[26] = BigInt(used);
  x[27] = BigInt(BASE.activation);
  x[28] = BigInt(BASE.window);
  simulator.sp = BASE.stack + STACK_BYTES;
  try {
    const stop = simulator.run(BASE.code + image.entries[0]!, 100_000_000);
    if (stop.kind !== 'returned') {
      if (stop.kind !== 'fault') throw new Error(`${stop.kind} at ${(stop.pc - BASE.code).toString(16)}`);
      return { kind: 'stop', reason: 'fault', slot: slotAt(image, stop.pc - BASE.code) };
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    if (reason === STOP.none) x[0] = 0n;
    else return { kind: 'stop', reason: REASONS[reason]!, slot };
  }
  if (simulator.sp !== BASE.stack + STACK_BYTES) throw new Error('the stack pointer is not what it was');
  if (x[25] !== BigInt(BASE.window + PLACE.stackTop) && reason === STOP.none) throw new Error('the frame register is not what it was');
  return {
    kind: 'exit',
    r0: x[0]!,
    memory: bytes.slice(BIAS + PLACE.packet, BIAS + PLACE.packet + memory.length),
    fuelLeft: Number(activation.getBigInt64(ACTIVATION.fuelTotal, true) + BigInt.asIntN(32, x[26]!)),
  };
}

/** Code variants that must behave alike. */
export const VARIANTS: Readonly<Record<string, CompileOptions>> = {
  'arm64-sim': {},
  'arm64-sim-v8.0': { lse: false },
  'arm64-sim-hardened': { bti: true, pac: true },
};
