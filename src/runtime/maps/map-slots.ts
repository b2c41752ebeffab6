// Maps whose slots hold what is outside: programs, readers, devices, sockets, cgroups, maps. What bpf(2) says to writing and emptying
// a slot, by type; programs write to the maps of sockets only, which the routines see to. Error numbers are negative.
// [kernel bpf_fd_array_map_update_elem, __dev_map_update_elem, cpu_map_update_elem, xsk_map_update_elem, sock_map_update_common]
import { MAP_TYPE } from '../../spec/map-types.ts';
import { UPDATE } from '../../spec/maps.ts';
import { ERRNO } from '../helpers/errno.ts';

const { EEXIST, EINVAL, ENODEV, ENOENT, EOVERFLOW, E2BIG } = ERRNO;

export interface Slot {
  readonly type: number;
  readonly isInside: boolean;
  readonly isFull: boolean;
}

/** Slots of a longest queue that a cpumap's entry may ask for. */
const CPUMAP_QUEUE = 16384;

const FILES: ReadonlySet<number> = new Set([
  MAP_TYPE.prog_array,
  MAP_TYPE.perf_event_array,
  MAP_TYPE.cgroup_array,
  MAP_TYPE.array_of_maps,
  MAP_TYPE.stack_trace,
]);
const DEVICES: ReadonlySet<number> = new Set([MAP_TYPE.devmap, MAP_TYPE.cpumap]);

/** 0, or why the slot does not take `word`, the first of the value. `cpus`, `index`: for maps of CPUs. */
export function refusedBySlot(slot: Slot, flags: number, word: number, index: number, cpus: number): number {
  const { type, isInside, isFull } = slot;
  if (FILES.has(type)) {
    if (flags !== UPDATE.any) return EINVAL;
    return isInside ? 0 : E2BIG;
  }
  if (flags > UPDATE.exist) return EINVAL;
  if (!isInside) return E2BIG;
  if (DEVICES.has(type)) {
    if (flags === UPDATE.noExist) return EEXIST;
    if (type !== MAP_TYPE.cpumap) return 0;
    return word > CPUMAP_QUEUE ? EOVERFLOW : index >= cpus ? ENODEV : 0;
  }
  if (isFull && flags === UPDATE.noExist) return EEXIST;
  return !isFull && flags === UPDATE.exist ? ENOENT : 0;
}

/** 0, or why the slot cannot be emptied. */
export function notEmptied({ type, isInside, isFull }: Slot): number {
  if (FILES.has(type) || type === MAP_TYPE.reuseport_sockarray) return !isInside ? E2BIG : isFull ? 0 : ENOENT;
  if (!isInside) return EINVAL;
  return type === MAP_TYPE.sockmap && !isFull ? EINVAL : 0;
}
