// Helpers of maps that JavaScript keeps: queues and stacks, rings and perf events, redirection maps, per-object storage.
import type { Caller } from '../interpreter/machine.ts';
import type { Region } from '../window/regions.ts';
import { bytesAt, ERRNO, type Implementation, mapOf, u32 } from './helpers.ts';
import type { Home } from './home.ts';
import type { BpfMap } from './maps.ts';

const { E2BIG, EFAULT, EINVAL, ENOENT } = ERRNO;

function push(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const value = bytesAt(caller, 2, map.valueSize);
  const flags = caller.registers[3]!;
  if (map.row.kept !== 'queue' || (flags !== 0n && flags !== 2n)) return EINVAL;
  return map.pushBytes(value.slice(), flags === 2n);
}

function pop(peek: boolean): Implementation {
  return (caller, home) => {
    const map = mapOf(caller, home, 1);
    const out = bytesAt(caller, 2, map.valueSize, true);
    if (map.row.kept !== 'queue') return EINVAL;
    const value = map.popBytes(peek);
    out.fill(0);
    if (value === undefined) return ENOENT;
    out.set(value);
    return 0;
  };
}

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
  if (home.unread) return ENOENT;
  if (extra > home.packet.length) return EFAULT;
  const packet = home.window.read(home.packet.data, extra);
  const event = new Uint8Array(size + extra);
  event.set(data);
  event.set(packet, size);
  home.events.push({ map: map.name, cpu, data: event });
  return 0;
}

/** What a program has reserved in a ring and not yet submitted. */
interface Reserved {
  readonly map: BpfMap;
  readonly size: number;
  readonly region: Region;
}

const records = new WeakMap<Home, Map<number, Reserved>>();

function recordsOf(home: Home): Map<number, Reserved> {
  let open = records.get(home);
  if (open === undefined) {
    open = new Map();
    records.set(home, open);
  }
  return open;
}

const RING_HEADER_BYTES = 8;
const MAX_RECORD_BYTES = 0x3fff_ffff;

/** Positions in a ring, bytes since it was made. A reader has read everything when the next run begins. */
interface Ring {
  consumer: number;
  producer: number;
}
const rings = new WeakMap<BpfMap, Ring>();

function ringOf(map: BpfMap): Ring {
  let ring = rings.get(map);
  if (ring === undefined) {
    ring = { consumer: 0, producer: 0 };
    rings.set(map, ring);
  }
  return ring;
}

/** Before a run: what the last one sent has been read, where somebody reads. */
export function readRings(home: Home): void {
  if (home.unread) return;
  for (const map of home.maps) {
    if (map.row.kept !== 'ring') continue;
    const ring = ringOf(map);
    ring.consumer = ring.producer;
  }
}

/** Moves the producer on by a record of that size; false: the ring is full. [kernel __bpf_ringbuf_reserve] */
function advance(map: BpfMap, size: number): boolean {
  const ring = ringOf(map);
  const bytes = Math.ceil((size + RING_HEADER_BYTES) / 8) * 8;
  if (size > MAX_RECORD_BYTES || bytes > map.maxEntries || ring.producer + bytes - ring.consumer > map.maxEntries - 1) return false;
  ring.producer += bytes;
  return true;
}

export function reserveRecord(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const size = Number(caller.registers[2]!);
  const open = recordsOf(home);
  if (map.row.kept !== 'ring' || caller.registers[3] !== 0n || !advance(map, size)) return 0;
  const at = home.window.allocate(size);
  const region = home.regions.add({ name: `a record of ring ${map.name}`, start: at, end: at + size });
  open.set(at, { map, size, region });
  return at;
}

export function finishRecord(submits: boolean): Implementation {
  return (caller: Caller, home: Home) => {
    const at = Number(caller.registers[1]! & 0xffff_ffffn);
    const record = recordsOf(home).get(at);
    if (record === undefined) caller.stop('helper', `0x${caller.registers[1]!.toString(16)} is no reserved record`);
    const { map, size, region } = record;
    if (submits) home.events.push({ map: map.name, cpu: home.cpu, data: home.window.read(at, size) });
    release(home, at, size, region);
    return 0;
  };
}

function release(home: Home, at: number, size: number, region: Region): void {
  recordsOf(home).delete(at);
  home.regions.remove(region);
  home.window.free(at, size);
}

/** What a stopped or careless program has left reserved. */
export function dropRecords(home: Home): void {
  const left = recordsOf(home);
  if (left.size > 0) for (const [at, { size, region }] of [...left]) release(home, at, size, region);
}

function output(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const size = u32(caller, 3);
  const data = bytesAt(caller, 2, size).slice();
  if (map.row.kept !== 'ring' || (caller.registers[4]! & ~3n) !== 0n) return EINVAL;
  if (!advance(map, size)) return ERRNO.EAGAIN;
  home.events.push({ map: map.name, cpu: home.cpu, data });
  return 0;
}

/** BPF_RB_AVAIL_DATA, _RING_SIZE, _CONS_POS, _PROD_POS. */
function query(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const { consumer, producer } = ringOf(map);
  return [producer - consumer, map.maxEntries, consumer, producer][Number(caller.registers[2])] ?? 0;
}

/** Lower two bits: what to return where the map has no target. */
const ACTION_MASK = 3n;
const BROADCAST_FLAGS = 0x18n;
const REDIRECTS = 4;

function redirectMap(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const key = u32(caller, 2);
  const flags = caller.registers[3]!;
  const isDevices = map.typeName === 'devmap' || map.typeName === 'devmap_hash';
  if ((flags & ~(ACTION_MASK | (isDevices ? BROADCAST_FLAGS : 0n))) !== 0n) return 0;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, key, true);
  if (!map.hasTarget(bytes) && (flags & 8n) === 0n) return Number(flags & ACTION_MASK);
  home.redirect = { map: map.name, key, flags };
  return REDIRECTS;
}

export const MAP_HELPERS: Readonly<Record<number, Implementation>> = {
  25: perfEventOutput,
  51: redirectMap,
  81: (caller, home) => {
    const map = mapOf(caller, home, 1);
    return map.storage;
  },
  87: push,
  88: pop(false),
  89: pop(true),
  111: perfEventOutput,
  121: perfEventOutput,
  130: output,
  131: reserveRecord,
  132: finishRecord(true),
  133: finishRecord(false),
  134: query,
};
