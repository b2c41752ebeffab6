// The lists of an LRU map as they are before its first element: routines/lru.h, struct lru. [kernel bpf_lru_init, bpf_lru_populate]
import { MAP_FLAG } from '../../spec/maps.ts';
import type { Window } from '../../window/window.ts';
import type { MapLayout, MapOptions } from './descriptor.ts';

const HEADER_BYTES = 16;
const LISTS_BYTES = 40;
const LOCAL_BYTES = 24;
const COUNTS = 24;
const ROTATION = COUNTS + 8;
const FRESH = ROTATION + 4;
const INACTIVE = 8;
const STEAL = 16;
/** LOCAL_FREE_TARGET, LOCAL_NR_SCANS, PERCPU_NR_SCANS. */
const FREE_TARGET = 128;
const SCANS = { common: 128, perCpu: 4 } as const;

const hasListsPerCpu = ({ flags }: MapOptions): boolean => (flags & MAP_FLAG.noCommonLru) !== 0;

export function lruBytes(options: MapOptions, cpus: number): number {
  return HEADER_BYTES + (hasListsPerCpu(options) ? cpus * LISTS_BYTES : LISTS_BYTES + cpus * LOCAL_BYTES);
}

/** `at`: `lruBytes` bytes. */
export function initLru(window: Window, at: number, options: MapOptions, { entries }: MapLayout, cpus: number): void {
  const perCpu = hasListsPerCpu(options);
  const head = (place: number): void => {
    window.setU32(place, place);
    window.setU32(place + 4, place);
  };
  const target = Math.floor(Math.floor(entries / cpus) / 2);
  [Math.min(FREE_TARGET, Math.max(1, target)), perCpu ? SCANS.perCpu : SCANS.common, perCpu ? 1 : 0].forEach((word, i) => {
    window.setU32(at + 4 * i, word);
  });
  const lists = at + HEADER_BYTES;
  for (let cpu = 0; cpu < (perCpu ? cpus : 1); cpu++) {
    const own = lists + cpu * LISTS_BYTES;
    for (const list of [0, 8, 16]) head(own + list);
    window.setU32(own + ROTATION, own + INACTIVE);
    window.setU32(own + FRESH, perCpu ? entries / cpus : entries);
  }
  if (perCpu) return;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const local = lists + LISTS_BYTES + cpu * LOCAL_BYTES;
    head(local);
    head(local + 8);
    window.setU32(local + STEAL, cpu);
  }
}
