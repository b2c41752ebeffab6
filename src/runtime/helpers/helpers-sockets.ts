// Maps of sockets, and storage of sockets, tasks, inodes and cgroups. Sockets are those of the option `sockets`; where a program sends
// something is recorded as the run's redirect. [kernel sock_map.c, bpf_sk_storage.c, bpf_local_storage.c]
import type { Caller } from '../../interpreter/machine.ts';
import { MAP_TYPE } from '../../spec/map-types.ts';
import type { BpfMap } from '../maps/maps.ts';
import type { Home } from '../object/home.ts';
import { bytesAt, ERRNO, type Implementation, mapOf } from './helpers.ts';

const { EINVAL, ENOENT } = ERRNO;
const DROP = 0;
const PASS = 1;
const INGRESS = 1n;

/** The key of a call: a number for sockmaps, a pointer for sockhashes. */
function keyOf(caller: Caller, map: BpfMap, argument: number, byPointer: boolean): Uint8Array<ArrayBuffer> {
  if (byPointer) return bytesAt(caller, argument, map.keySize).slice();
  const key = new Uint8Array(map.keySize);
  new DataView(key.buffer).setUint32(0, Number(caller.registers[argument]! & 0xffff_ffffn), true);
  return key;
}

/** Records where the map leads; undefined: nowhere. */
function redirect(home: Home, map: BpfMap, key: Uint8Array<ArrayBuffer>, flags: bigint): boolean {
  const at = map.socketAt(key);
  if (at === 0) return false;
  const index = map.type === MAP_TYPE.sockhash ? undefined : new DataView(key.buffer).getUint32(0, true);
  const socket = home.network.at(at);
  home.redirect = {
    ...{ map: map.name, flags },
    ...(index === undefined ? { keyBytes: key } : { key: index }),
    ...(socket === undefined ? {} : { socket }),
  };
  return true;
}

/** bpf_sk_redirect_map, _hash, bpf_msg_redirect_map, _hash (ctx, map, key, flags). */
function redirectTo(byPointer: boolean): Implementation {
  return (caller, home) => {
    const map = mapOf(caller, home, 2);
    const key = keyOf(caller, map, 3, byPointer);
    const flags = caller.registers[4]!;
    if ((flags & ~INGRESS) !== 0n) return DROP;
    return redirect(home, map, key, flags) ? PASS : DROP;
  };
}

/** bpf_sk_select_reuseport(ctx, map, key, flags). */
function selectReuseport(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 2);
  const key = keyOf(caller, map, 3, true);
  if (caller.registers[4] !== 0n) return EINVAL;
  return redirect(home, map, key, 0n) ? 0 : ENOENT;
}

/** bpf_sock_map_update, _hash_update(ctx, map, key, flags): the socket of the context, else the first that the caller has given. */
function updateFromContext(caller: Caller, home: Home): number | bigint {
  const map = mapOf(caller, home, 2);
  const key = caller.pointer(3, map.keySize, false);
  const ofContext = home.packet.spec?.fields.some(({ name }) => name === 'sk') ? Number(home.packet.readContext()['sk'] ?? 0) : 0;
  const flags = caller.registers[4]!;
  const socket = ofContext === 0 ? home.network.first : ofContext;
  return home.routines.call('map_update', map.pointer, key, socket, flags > 2n ? 3 : Number(flags));
}

const CREATE = 1n;

function ownerKey(owner: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(owner).buffer);
}

/** bpf_*_storage_get(map, owner, value, flags): pointer to the owner's value, which BPF_LOCAL_STORAGE_GET_F_CREATE makes. */
function storageGet(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const owner = caller.registers[2]!;
  const flags = caller.registers[4]!;
  if (map.row.kept !== 'local' || owner === 0n || flags > CREATE) return 0;
  const found = map.lookup(ownerKey(owner));
  if (found !== undefined || flags !== CREATE) return found ?? 0;
  const initial = caller.registers[3] === 0n ? new Uint8Array(map.valueSize) : bytesAt(caller, 3, map.valueSize).slice();
  return map.setBytes(ownerKey(owner), initial, 'noexist') === 0 ? map.lookup(ownerKey(owner))! : 0;
}

function storageDelete(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const owner = caller.registers[2]!;
  return map.row.kept !== 'local' || owner === 0n ? EINVAL : map.deleteBytes(ownerKey(owner));
}

export const SOCKET_HELPERS: Readonly<Record<number, Implementation>> = {
  52: redirectTo(false),
  53: updateFromContext,
  60: redirectTo(false),
  70: updateFromContext,
  71: redirectTo(true),
  72: redirectTo(true),
  82: selectReuseport,
  107: storageGet,
  108: storageDelete,
  145: storageGet,
  146: storageDelete,
  156: storageGet,
  157: storageDelete,
  210: storageGet,
  211: storageDelete,
};
