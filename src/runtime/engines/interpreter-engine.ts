// The engine that interprets: the reference, and the only one that sees an access beyond a region's end.
import { Interpreter, type Links } from '../../interpreter/interpret.ts';
import { type Callee, FIRST_HANDLE, type RunState } from '../../interpreter/machine.ts';
import type { Program } from '../../program/program.ts';
import { assert } from '../../util/error.ts';
import { clearTailStacks } from '../../window/window.ts';
import { meaningOf } from '../diagnostics/meanings.ts';
import { ProgramException } from '../helpers/kfuncs.ts';
import { enterRoutine } from '../maps/enter-routine.ts';
import { ROUTINE_HELPERS, routineEntry } from '../maps/routines.ts';
import type { Home } from '../object/home.ts';
import type { Engine, EngineObject, Runnable } from './engine.ts';

/** The reference: runs anywhere, and stops each access that misses every live region, naming the nearest one. */
export const interpreter: Engine = {
  name: 'interpreter',
  open(home, linked): EngineObject {
    const callees = new Map<number, Callee>();
    for (const [id, name] of ROUTINE_HELPERS) {
      const entry = routineEntry(name);
      assert(entry !== undefined, `routine ${name}`);
      callees.set(id, { kind: 'routine', enter: enterRoutine(home, id, entry) });
    }
    for (const [id, call] of home.helpers) callees.set(id, { kind: 'host', call });
    const prepared = new Map<Program, Interpreter>();
    const interpreterOf = (program: Program): Interpreter => {
      let made = prepared.get(program);
      if (made === undefined) {
        const { window, regions, routines } = home;
        made = new Interpreter({
          program,
          window,
          regions,
          links: linksOf(program, home, callees, { tailTarget, exception }),
          routines: routines.interpreter,
          counters: home.coverage?.countersOf(program),
        });
        prepared.set(program, made);
      }
      return made;
    };
    const tailTarget = (map: bigint, index: number): Interpreter | undefined => {
      const array = map > 0xffff_ffffn ? undefined : home.mapAt(Number(map));
      if (array === undefined || array.row.kept !== 'programs' || index >= array.maxEntries) return undefined;
      const program = linked(home.window.u32(array.storage + 8 * index));
      return program === undefined ? undefined : interpreterOf(program);
    };
    const exception: NonNullable<Links['exception']> = (error) => {
      if (!(error instanceof ProgramException)) return undefined;
      const { program, cookie } = error;
      const { exceptionCallback } = program;
      const handle = exceptionCallback === undefined ? undefined : BigInt(FIRST_HANDLE + exceptionCallback);
      return { interpreter: interpreterOf(program), handle, cookie };
    };
    return {
      prepare(program): Runnable {
        const made = interpreterOf(program);
        return {
          run({ r1, r2, state, timeoutMs }) {
            if (timeoutMs > 0) state.deadline = state.now() + timeoutMs;
            return clearing(home, state, () => made.run(state, BigInt(r1), BigInt(r2)));
          },
          call(handle, [a, b, c, d, e], { state }) {
            return clearing(home, state, () => made.callFunction(state, handle, a!, b!, c!, d!, e!));
          },
          image: undefined,
          dispose: () => undefined,
        };
      },
      dispose: () => prepared.clear(),
    };
  },
};

/** Stacks of tail calls are 0 for the next run. */
function clearing(home: Home, state: RunState, run: () => bigint): bigint {
  state.tailStacks = 0;
  try {
    return run();
  } finally {
    if (state.tailStacks > 0) clearTailStacks(home.window, state.tailStacks);
  }
}

function linksOf(
  program: Program,
  home: Home,
  callees: ReadonlyMap<number, Callee>,
  shared: Pick<Links, 'tailTarget' | 'exception'>,
): Links {
  const mapOf = (index: number) => {
    const map = home.mapOfProgram(program, index);
    assert(map !== undefined, `map ${index} of ${program.name}`);
    return map;
  };
  return {
    map: (index) => mapOf(index).pointer,
    mapValue: (index) => mapOf(index).storage,
    helper: (id) => callees.get(id),
    kfunc: (name) => {
      const call = home.kfuncs.get(name);
      return call === undefined ? undefined : { kind: 'host', call };
    },
    ...shared,
    meaning: (pointer) => meaningOf(home, pointer),
  };
}
