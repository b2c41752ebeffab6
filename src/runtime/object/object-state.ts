// All that runs change and a later one sees: maps and variables, the clock, timers, objects that programs have allocated.
import type { Block, SavedBlocks } from '../helpers/block-pool.ts';
import type { Timer } from '../helpers/timers.ts';
import type { MapSnapshot } from '../maps/maps.ts';
import type { Home } from './home.ts';

/** A state of an object: to be given back to `restore` or `difference` of the same object. */
export interface ObjectSnapshot {
  readonly maps: readonly MapSnapshot[];
  /** Nanoseconds. */
  readonly clock: bigint;
  /** @internal By the address of their `struct bpf_timer`. */
  readonly timers: readonly (readonly [at: number, timer: Timer])[];
  /** @internal What programs have allocated, for all CPUs and for each. */
  readonly objects: readonly [SavedBlocks<Block>, SavedBlocks<Block>];
}

export function saveState(home: Home): ObjectSnapshot {
  const { blocks, objects, perCpu, timers } = home;
  return {
    maps: home.maps.map((map) => map.snapshot()),
    clock: home.clock.now(),
    timers: [...timers.all].map(([at, timer]) => [at, { ...timer }] as const),
    objects: [blocks.save(objects.all), blocks.save(perCpu.all)],
  };
}

/** Maps that were made since keep what they have. */
export function restoreState(home: Home, state: ObjectSnapshot): void {
  const { maps, clock, timers, objects } = state;
  maps.forEach((state, i) => {
    home.maps[i]!.restore(state);
  });
  home.clock.set(clock);
  home.timers.all.clear();
  for (const [at, timer] of timers) home.timers.all.set(at, { ...timer });
  home.blocks.restore([
    [home.objects.all as Map<number, Block>, objects[0]],
    [home.perCpu.all as Map<number, Block>, objects[1]],
  ]);
}
