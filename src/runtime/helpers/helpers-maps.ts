// Helpers of maps whose other side is outside: perf events, rings' leftovers, redirection maps, the program's cgroup storage.
import type { Caller } from '../../interpreter/machine.ts';
import type { Home } from '../object/home.ts';
import { bytesAt, ERRNO, type Implementation, mapOf, u32 } from './helpers.ts';

const { E2BIG, EFAULT, EINVAL, ENOENT, ENOSPC } = ERRNO;

/** struct perf_event_header, and the size of the data. */
const PERF_HEADER_BYTES = 12;

/** bpf_perf_event_output(ctx, map, flags, data, size): flags' upper half asks for that many bytes of the packet, too. */
function perfEventOutput(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 2);
  const size = u32(caller, 5);
  const data = bytesAt(caller, 4, size).slice();
  const flags = caller.registers[3]!;
  const index = Number(flags & 0xffff_ffffn);
  const extra = Number((flags >> 32n) & 0xf_ffffn);
  if (flags >> 52n !== 0n) return EINVAL;
  const cpu = index === 0xffff_ffff ? home.cpu : index;
  if (cpu >= map.maxEntries) return E2BIG;
  if (home.events.unread) return ENOENT;
  // A buffer is read on its own CPU only. [kernel __bpf_perf_event_output]
  if (cpu !== home.cpu) return ERRNO.EOPNOTSUPP;
  if (extra > home.packet.length) return EFAULT;
  if (!home.events.takeRoom(map, cpu, Math.ceil((PERF_HEADER_BYTES + size + extra) / 8) * 8)) {
    map.lost++;
    return ENOSPC;
  }
  const packet = home.window.read(home.packet.data, extra);
  const event = new Uint8Array(size + extra);
  event.set(data);
  event.set(packet, size);
  home.events.send({ map: map.name, cpu, data: event });
  return 0;
}

/** For dynptrs: a record of R2 bytes, 0: none. */
export function reserveRecord(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  return Number(home.routines.call('ring_reserve', map.pointer, u32(caller, 2), 0));
}

/** The record that R1 points at, reserved and not finished; stops the program where there is none. */
export function reservedRecord(caller: Caller, home: Home): number {
  const pointer = caller.registers[1]!;
  const at = Number(pointer & 0xffff_ffffn);
  if (pointer > 0xffff_ffffn || !home.maps.some(({ ring }) => ring?.reserved(at)?.[0] === at)) {
    caller.stop('helper', `0x${pointer.toString(16)} is no reserved record`);
  }
  return at;
}

/** For dynptrs: the record at R1, flags in R2. */
export function finishRecord(submits: boolean): Implementation {
  return (caller: Caller, home: Home) => {
    const at = reservedRecord(caller, home);
    home.routines.call(submits ? 'ring_submit' : 'ring_discard', at, u32(caller, 2));
    home.regions.changed();
    return 0;
  };
}

/** Lower two bits: what to return where the map has no target. */
const ACTION_MASK = 3n;
const BROADCAST_FLAGS = 0x18n;
const REDIRECTS = 4;
/** Of the call that is under way: an array for each would cost as much as the call. */
const targetKey = new Uint8Array(4);

function redirectMap(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const key = u32(caller, 2);
  const flags = caller.registers[3]!;
  const isDevices = map.typeName === 'devmap' || map.typeName === 'devmap_hash';
  if ((flags & ~(ACTION_MASK | (isDevices ? BROADCAST_FLAGS : 0n))) !== 0n) return 0;
  for (let i = 0; i < 4; i++) targetKey[i] = key >>> (8 * i);
  if (!map.hasTarget(targetKey) && (flags & 8n) === 0n) return Number(flags & ACTION_MASK);
  home.redirect = { map: map.name, key, flags };
  return REDIRECTS;
}

export const MAP_HELPERS: Readonly<Record<number, Implementation>> = {
  25: perfEventOutput,
  51: redirectMap,
  // The kernel has no stacks of packets either. [kernel bpf_get_stackid]
  27: () => EFAULT,
  81: (caller, home) => mapOf(caller, home, 1).valueHere,
  111: perfEventOutput,
  121: perfEventOutput,
};
