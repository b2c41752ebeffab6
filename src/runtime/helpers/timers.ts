// bpf_timer: helpers that set timers up, and their callbacks when the clock has come so far. [uapi bpf.h, kernel bpf_timer_init]
import type { Caller } from '../../interpreter/machine.ts';
import type { Program } from '../../program/program.ts';
import type { BpfMap } from '../maps/maps.ts';
import type { Home } from '../object/home.ts';
import { ERRNO, type Implementation, mapOf } from './helpers.ts';

const { EBUSY, EDEADLK, EINVAL } = ERRNO;
const TIMER_BYTES = 16;
/** CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME. */
const CLOCKS: readonly bigint[] = [0n, 1n, 7n];
const ABSOLUTE = 1n;
const PINNED = 2n;

/** Its `struct bpf_timer` holds its own address once it is set up: zeros there mean that the element is a new one. */
export interface Timer {
  readonly map: BpfMap;
  callback: bigint;
  /** The program whose function the callback is. */
  program: Program | undefined;
  /** Nanoseconds; undefined: not started. */
  expires: bigint | undefined;
}

/** The timers of one object, by the address of their `struct bpf_timer`. */
export class Timers {
  readonly all: Map<number, Timer> = new Map();
  /** The one whose callback runs. */
  firing: Timer | undefined;

  /** The earliest that has expired. */
  due(now: bigint): readonly [at: number, timer: Timer] | undefined {
    let first: readonly [number, Timer] | undefined;
    for (const [at, timer] of this.all) {
      if (timer.expires !== undefined && timer.expires <= now && (first === undefined || timer.expires < first[1].expires!)) {
        first = [at, timer];
      }
    }
    return first;
  }
}

function timerAt(caller: Caller, home: Home): Timer | undefined {
  const at = caller.pointer(1, TIMER_BYTES, true);
  return home.window.u64(at) === 0n ? undefined : home.timers.all.get(at);
}

function init(caller: Caller, home: Home): number {
  return CLOCKS.includes(caller.registers[3]!) ? setUp(caller, home) : EINVAL;
}

function setUp(caller: Caller, home: Home): number {
  const at = caller.pointer(1, TIMER_BYTES, true);
  const map = mapOf(caller, home, 2);
  if (timerAt(caller, home) !== undefined) return EBUSY;
  home.window.setU64(at, BigInt(at));
  home.timers.all.set(at, { map, callback: 0n, program: undefined, expires: undefined });
  return 0;
}

function setCallback(caller: Caller, home: Home): number {
  const timer = timerAt(caller, home);
  if (timer === undefined) return EINVAL;
  timer.callback = caller.registers[2]!;
  timer.program = caller.program;
  return 0;
}

function start(caller: Caller, home: Home): number {
  const timer = timerAt(caller, home);
  const flags = caller.registers[3]!;
  if ((flags & ~(ABSOLUTE | PINNED)) !== 0n || timer === undefined || timer.callback === 0n) return EINVAL;
  timer.expires = (flags & ABSOLUTE) === 0n ? home.clock.now() + caller.registers[2]! : caller.registers[2]!;
  return 0;
}

function cancel(caller: Caller, home: Home): number {
  const timer = timerAt(caller, home);
  if (timer === undefined) return EINVAL;
  // A callback that waits for its own end.
  if (timer === home.timers.firing) return EDEADLK;
  const active = timer.expires !== undefined;
  timer.expires = undefined;
  return active ? 1 : 0;
}

/** bpf_wq: work that is done as soon as this run is over. */
function startWork(caller: Caller, home: Home): number {
  const work = timerAt(caller, home);
  if (caller.registers[2] !== 0n || work === undefined || work.callback === 0n) return EINVAL;
  work.expires = home.clock.now();
  return 0;
}

function initWork(caller: Caller, home: Home): number {
  if (caller.registers[3] !== 0n) return EINVAL;
  return setUp(caller, home);
}

export const TIMER_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_wq_init: initWork,
  bpf_wq_set_callback_impl: (caller, home) => (caller.registers[3] === 0n ? setCallback(caller, home) : EINVAL),
  bpf_wq_start: startWork,
};
export const TIMER_HELPERS: Readonly<Record<number, Implementation>> = { 169: init, 170: setCallback, 171: start, 172: cancel };

/** Timers that start each other again without time going by: more than that is a loop. */
const MAX_FIRED = 100_000;

/** Calls what has expired, earliest first: callback(map, key, value). */
export function fireTimers(home: Home, invoke: (program: Program, handle: bigint, args: readonly bigint[]) => void): void {
  const { timers, window, regions } = home;
  for (let fired = 0; fired < MAX_FIRED; fired++) {
    const found = timers.due(home.clock.now());
    if (found === undefined) return;
    const [at, timer] = found;
    timer.expires = undefined;
    const element = elementAt(timer.map, at);
    // Its element was deleted, and the timer with it.
    if (element === undefined || window.u64(at) === 0n || timer.program === undefined) {
      timers.all.delete(at);
      continue;
    }
    const [key, value] = element;
    const place = window.allocate(key.length);
    const region = regions.add({ name: 'the key of the callback', start: place, end: place + key.length, writable: false });
    timers.firing = timer;
    try {
      window.write(place, key);
      invoke(timer.program, timer.callback, [BigInt(timer.map.pointer), BigInt(place), BigInt(value), 0n, 0n]);
    } finally {
      timers.firing = undefined;
      regions.remove(region);
      window.free(place, key.length);
    }
  }
}

function elementAt(map: BpfMap, at: number): readonly [Uint8Array, number] | undefined {
  for (const element of map.elements()) if (at >= element[1] && at < element[1] + map.valueSize) return element;
  return undefined;
}
