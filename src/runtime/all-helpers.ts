// Every helper and kernel function that the runtime has, one line a family.
import { DYNPTR_HELPERS, DYNPTR_KFUNCS } from './dynptrs.ts';
import { COMMON_HELPERS, type Implementation } from './helpers.ts';
import { KERNEL_HELPERS, KERNEL_KFUNCS } from './helpers-kernel.ts';
import { MAP_HELPERS } from './helpers-maps.ts';
import { PACKET_HELPERS } from './helpers-packet.ts';
import { SOCKET_HELPERS } from './helpers-sockets.ts';
import { OBJECT_HELPERS, OBJECT_KFUNCS } from './kernel-objects.ts';
import { PLAIN_KFUNCS } from './kfuncs.ts';
import { NETWORK_HELPERS } from './network.ts';
import { PER_CPU_HELPERS, PER_CPU_KFUNCS } from './per-cpu.ts';
import { ROUTINE_HELPERS } from './routines.ts';
import { SHAPE_HELPERS } from './skb-shape.ts';
import { SYNCOOKIE_HELPERS } from './syncookies.ts';
import { TIMER_HELPERS } from './timers.ts';
import { TUNNEL_HELPERS } from './tunnels.ts';

export const ALL_HELPERS: Readonly<Record<number, Implementation>> = {
  ...COMMON_HELPERS,
  ...KERNEL_HELPERS,
  ...PER_CPU_HELPERS,
  ...PACKET_HELPERS,
  ...SHAPE_HELPERS,
  ...MAP_HELPERS,
  ...SOCKET_HELPERS,
  ...TIMER_HELPERS,
  ...OBJECT_HELPERS,
  ...NETWORK_HELPERS,
  ...SYNCOOKIE_HELPERS,
  ...TUNNEL_HELPERS,
  ...DYNPTR_HELPERS,
};

export const ALL_KFUNCS: Readonly<Record<string, Implementation>> = {
  ...PLAIN_KFUNCS,
  ...KERNEL_KFUNCS,
  ...PER_CPU_KFUNCS,
  ...DYNPTR_KFUNCS,
  ...OBJECT_KFUNCS,
};

const TAIL_CALL = 12;

/** Whether calls of helper `id` are answered without the embedder's help. */
export function hasHelper(id: number): boolean {
  return id === TAIL_CALL || ROUTINE_HELPERS.has(id) || ALL_HELPERS[id] !== undefined;
}

export function hasKfunc(name: string): boolean {
  return ALL_KFUNCS[name] !== undefined;
}
