// The runtime routines: eBPF like any program, run by the interpreter or compiled by the JIT, with the privilege to see all of a map.
import { Interpreter, type Links } from '../../interpreter/interpret.ts';
import { createProgram, type Program } from '../../program/program.ts';
import { assert } from '../../util/error.ts';
import type { Regions } from '../../window/regions.ts';
import { PLACE, type Window } from '../../window/window.ts';
import { ROUTINE_CODE, ROUTINES } from '../routines/image.ts';

/** Helper ids that are routines. */
export const ROUTINE_HELPERS: ReadonlyMap<number, string> = new Map([
  [1, 'map_lookup'],
  [2, 'map_update'],
  [3, 'map_delete'],
  [87, 'map_push'],
  [88, 'map_pop'],
  [89, 'map_peek'],
  [130, 'ring_output'],
  [131, 'ring_reserve'],
  [132, 'ring_submit'],
  [133, 'ring_discard'],
  [134, 'ring_query'],
  [195, 'map_lookup_percpu'],
]);

/** Helpers of XDP programs that are routines in machine code; the interpreter has them in JavaScript, which tells it of each move. */
export const PACKET_ROUTINES: ReadonlyMap<number, string> = new Map([
  [44, 'xdp_adjust_head'],
  [54, 'xdp_adjust_meta'],
  [65, 'xdp_adjust_tail'],
]);

let program: Program | undefined;

/** All routines as one program, each a subprogram; made once, immutable. */
export function routineProgram(): Program {
  program ??= createProgram({
    name: 'routines',
    bytes: Uint8Array.from(atob(ROUTINE_CODE), (letter) => letter.charCodeAt(0)),
    subprograms: ROUTINES,
    isFrameless: true,
  });
  return program;
}

const entries = new Map(ROUTINES.map((routine) => [routine.name, routine.start]));

/** Slot at which the routine starts; undefined: there is none of that name. */
export function routineEntry(name: string): number | undefined {
  return entries.get(name);
}

const noLinks: Links = {
  map: () => 0,
  mapValue: () => 0,
  helper: () => undefined,
  kfunc: () => undefined,
  tailTarget: () => undefined,
};

/** Interprets routines of one window; calls from JavaScript go through here. */
export class Routines {
  readonly interpreter: Interpreter;

  constructor(window: Window, regions: Regions) {
    this.interpreter = new Interpreter({ program: routineProgram(), window, regions, links: noLinks, privileged: true });
    // Keys and values lie there; programs themselves are held to their live frames by the interpreter.
    regions.add({ name: "the program's stack", start: PLACE.stackBottom, end: PLACE.stackTop, privileged: true });
    regions.add({
      name: 'the stack of programs that functions tail-call',
      start: PLACE.tailStacksBottom,
      end: PLACE.tailStacksTop,
      privileged: true,
    });
    regions.add({ name: 'the scratch area', start: PLACE.scratch, end: PLACE.scratchEnd, privileged: true });
    regions.add({ name: 'the globals of routines', start: PLACE.globals, end: PLACE.globalsEnd, privileged: true });
  }

  /** Calls a routine with window pointers and sizes; gives R0. */
  call(name: string, r1: number, r2 = 0, r3 = 0, r4 = 0): bigint {
    const entry = entries.get(name);
    assert(entry !== undefined, `routine ${name}`);
    const registers = this.interpreter.registers;
    registers[1] = BigInt(r1);
    registers[2] = BigInt(r2);
    registers[3] = BigInt(r3);
    registers[4] = BigInt(r4);
    return this.interpreter.call(entry);
  }
}
