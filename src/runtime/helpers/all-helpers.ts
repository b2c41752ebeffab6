// Every helper and kernel function that the runtime has, one line a family.

import { HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { ROUTINE_HELPERS } from '../maps/routines.ts';
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
import { SHAPE_HELPERS } from './skb-shape.ts';
import { SYNCOOKIE_HELPERS } from './syncookies.ts';
import { TIMER_HELPERS, TIMER_KFUNCS } from './timers.ts';
import { TUNNEL_HELPERS } from './tunnels.ts';

export interface Family {
  readonly name: string;
  readonly helpers?: Readonly<Record<number, Implementation>>;
  readonly kfuncs?: Readonly<Record<string, Implementation>>;
}

export const FAMILIES: readonly Family[] = [
  { name: 'general', helpers: COMMON_HELPERS, kfuncs: PLAIN_KFUNCS },
  { name: 'kernel', helpers: KERNEL_HELPERS, kfuncs: KERNEL_KFUNCS },
  { name: 'per-CPU', helpers: PER_CPU_HELPERS, kfuncs: PER_CPU_KFUNCS },
  { name: 'packets', helpers: PACKET_HELPERS },
  { name: 'packets', helpers: SHAPE_HELPERS },
  { name: 'maps', helpers: MAP_HELPERS },
  { name: 'sockets', helpers: SOCKET_HELPERS },
  { name: 'timers', helpers: TIMER_HELPERS, kfuncs: TIMER_KFUNCS },
  { name: 'objects', helpers: OBJECT_HELPERS, kfuncs: OBJECT_KFUNCS },
  { name: 'network', helpers: NETWORK_HELPERS },
  { name: 'SYN cookies', helpers: SYNCOOKIE_HELPERS },
  { name: 'tunnels', helpers: TUNNEL_HELPERS },
  { name: 'dynptrs', helpers: DYNPTR_HELPERS, kfuncs: DYNPTR_KFUNCS },
];

export const ALL_HELPERS: Readonly<Record<number, Implementation>> = Object.assign({}, ...FAMILIES.map(({ helpers }) => helpers));
export const ALL_KFUNCS: Readonly<Record<string, Implementation>> = Object.assign({}, ...FAMILIES.map(({ kfuncs }) => kfuncs));

/** Of which family a helper is; undefined: nobody has it. */
export function helperFamily(id: number): string | undefined {
  if (id === HELPER_TAIL_CALL) return 'programs';
  if (ROUTINE_HELPERS.has(id)) return 'maps';
  return FAMILIES.find(({ helpers }) => helpers?.[id] !== undefined)?.name;
}

/** Whether calls of helper `id` are answered without the embedder's help. */
export function hasHelper(id: number): boolean {
  return id === HELPER_TAIL_CALL || ROUTINE_HELPERS.has(id) || ALL_HELPERS[id] !== undefined;
}

export function hasKfunc(name: string): boolean {
  return ALL_KFUNCS[name] !== undefined;
}
