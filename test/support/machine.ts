// The least that runs a raw program on the interpreter: a window, memory for R1, no maps.
import { Interpreter } from '../../src/interpreter/interpret.ts';
import type { Callee, Counters, RunState } from '../../src/interpreter/machine.ts';
import { createProgram, type ProgramInput } from '../../src/program/program.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { type Region, Regions } from '../../src/window/regions.ts';
import { PLACE, Window } from '../../src/window/window.ts';

export function runState(fuel: number = 10_000_000): RunState {
  return { fuel, deadline: Infinity, now: () => 0, tailCalls: 0, depth: 0, packet: 0, packetLength: 0, instructions: 0 };
}

export interface Machine {
  readonly window: Window;
  readonly regions: Regions;
  readonly memory: Region;
  interpreter(code: string | Uint8Array, input?: Partial<ProgramInput>, counters?: Counters): Interpreter;
  /** Runs from a clean stack with R1 = memory, R2 = its length; returns R0. */
  run(interpreter: Interpreter, memory?: Uint8Array, state?: RunState): bigint;
}

/** `helpers` by id. */
export function machine(helpers: Readonly<Record<number, Callee>> = {}): Machine {
  const window = new Window();
  const regions = new Regions((pointer) => window.u32(pointer));
  const memory = regions.add({ name: 'the memory', start: PLACE.packet, end: PLACE.packet });
  return {
    window,
    regions,
    memory,
    interpreter(code, input = {}, counters) {
      const bytes = typeof code === 'string' ? tryParseHex(code)! : code;
      return new Interpreter({
        program: createProgram({ name: 'test', bytes, ...input }),
        window,
        regions,
        counters,
        links: {
          map: () => 0,
          mapValue: () => 0,
          helper: (id) => helpers[id],
          kfunc: () => undefined,
          tailTarget: () => undefined,
        },
      });
    },
    run(interpreter, bytes = new Uint8Array(0), state = runState()) {
      window.zero(PLACE.stackBottom, PLACE.stackTop - PLACE.stackBottom);
      regions.resize(memory, PLACE.packet, PLACE.packet + bytes.length);
      window.write(PLACE.packet, bytes);
      state.packet = PLACE.packet;
      state.packetLength = bytes.length;
      return interpreter.run(state, BigInt(PLACE.packet), BigInt(bytes.length));
    },
  };
}
