// Helpers that ask the kernel around a program: the current task, the hook, sockets' options, settings; and requests that are only recorded.
// What each returns without a kernel is what the kernel returns where it has nothing to give. [uapi bpf.h; kernel bpf_trace.c, cgroup.c]
import type { Caller } from '../../interpreter/machine.ts';
import { contextOf } from '../../spec/contexts.ts';
import { helperById } from '../../spec/helpers.ts';
import { PLACE } from '../../window/window.ts';
import type { Home } from '../object/home.ts';
import { ERRNO } from './errno.ts';
import { bytesAt, type Implementation, mapOf, printFrom, probeRead, u32, words } from './helpers.ts';
import { commBytes } from './kernel-state.ts';

const { E2BIG, EAGAIN, EFAULT, EINVAL, ENOENT, ENOPROTOOPT, EOPNOTSUPP } = ERRNO;

/** Not done, but told: `RunResult.recorded`. */
function recorded(...ids: readonly number[]): Readonly<Record<number, Implementation>> {
  const one = (id: number): Implementation => {
    return (caller, home) => {
      record(id, caller, home);
      return 0;
    };
  };
  return Object.fromEntries(ids.map((id) => [id, one(id)]));
}

/** The helper with its arguments, and the bytes that it would read. */
function record(id: number, caller: Caller, home: Home): void {
  const spec = helperById(id)!;
  const args = [...caller.registers.subarray(1, 1 + spec.arguments.length)];
  const read = spec.arguments.findIndex((kind) => /^r\d$/.test(kind));
  const size = read < 0 ? 0 : u32(caller, Number(spec.arguments[read]![1]));
  home.kernel.record(`bpf_${spec.name}`, args, read < 0 ? undefined : bytesAt(caller, read + 1, size));
}

function currentComm(caller: Caller, home: Home): number {
  const out = bytesAt(caller, 1, u32(caller, 2), true);
  out.fill(0);
  out.set(commBytes(home.kernel.task.comm).subarray(0, Math.max(0, out.length - 1)));
  return 0;
}

/** Whether the current task is in the cgroup whose id the array holds there. */
function underCgroup(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const index = u32(caller, 2);
  if (index >= map.maxEntries) return E2BIG;
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  const value = map.getBytes(key);
  const id = value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  if (id === 0) return EAGAIN;
  return BigInt(id) === home.kernel.task.cgroupId ? 1 : 0;
}

const PIDNS_INFO_BYTES = 8;

function namespacePid(caller: Caller, home: Home): number {
  const size = u32(caller, 4);
  if (size !== PIDNS_INFO_BYTES) {
    bytesAt(caller, 3, size, true).fill(0);
    return EINVAL;
  }
  const at = caller.pointer(3, size, true);
  home.window.setU32(at, home.kernel.task.pid);
  home.window.setU32(at + 4, home.kernel.task.tgid);
  return 0;
}

/** BPF_F_SKIP_FIELD_MASK, BPF_F_USER_BUILD_ID. */
const STACK_SKIP = 0xffn;
const STACK_BUILD_ID = 1n << 11n;

/** Copies of return addresses; the buffer is cleared where there are none. */
function stack(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  const flags = caller.registers[4]!;
  const out = bytesAt(caller, 2, size, true);
  out.fill(0);
  if ((flags & STACK_BUILD_ID) !== 0n) return EOPNOTSUPP;
  if (size % 8 !== 0) return EINVAL;
  const addresses = home.kernel.input.stack?.slice(Number(flags & STACK_SKIP));
  if (addresses === undefined || addresses.length === 0) return EFAULT;
  const taken = addresses.slice(0, size / 8);
  const at = caller.pointer(2, size, true);
  taken.forEach((address, i) => {
    home.window.setU64(at + 8 * i, BigInt.asUintN(64, address));
  });
  return 8 * taken.length;
}

/** Arguments that a traced function has, as many as there are words of context; fexit and fmod_ret have the result behind them. */
const MAX_ARGUMENTS = 12;

function functionArguments(caller: Caller, home: Home): { readonly count: number; readonly result: number | undefined } {
  const ends = caller.program.attach === 'trace_fexit' || caller.program.attach === 'modify_return';
  const count = Math.min(MAX_ARGUMENTS, Math.max(0, Math.floor(home.packet.contextBytes / 8) - (ends ? 1 : 0)));
  return { count, result: ends ? PLACE.context + 8 * count : undefined };
}

function functionArgument(caller: Caller, home: Home): number {
  const index = u32(caller, 2);
  const out = caller.pointer(3, 8, true);
  if (index >= functionArguments(caller, home).count) return EINVAL;
  home.window.setU64(out, home.window.u64(PLACE.context + 8 * index));
  return 0;
}

function functionResult(caller: Caller, home: Home): number {
  const out = caller.pointer(2, 8, true);
  const { result } = functionArguments(caller, home);
  if (result === undefined) return EOPNOTSUPP;
  home.window.setU64(out, home.window.u64(result));
  return 0;
}

/** SOL_IP, SOL_SOCKET, SOL_TCP, SOL_IPV6. */
const SOCKET_LEVELS: readonly number[] = [0, 1, 6, 41];

function setSocketOption(caller: Caller, home: Home): number {
  const level = u32(caller, 2);
  const value = bytesAt(caller, 4, u32(caller, 5));
  if (!SOCKET_LEVELS.includes(level)) return EINVAL;
  record(49, caller, home);
  home.kernel.setSocketOption(level, u32(caller, 3), value);
  return 0;
}

function getSocketOption(caller: Caller, home: Home): number {
  const out = bytesAt(caller, 4, u32(caller, 5), true);
  out.fill(0);
  const level = u32(caller, 2);
  if (!SOCKET_LEVELS.includes(level)) return EINVAL;
  const value = home.kernel.socketOption(level, u32(caller, 3));
  if (value === undefined) return ENOPROTOOPT;
  out.set(value.subarray(0, out.length));
  return 0;
}

/** BPF_SOCK_OPS_ALL_CB_FLAGS. */
const ALL_CALLBACKS = 0x7f;

function setCallbackFlags(caller: Caller, home: Home): number {
  const place = (name: string): number => PLACE.context + contextOf('sock_ops')!.fields.find((field) => field.name === name)!.offset;
  if (home.window.u32(place('is_fullsock')) === 0) return EINVAL;
  const flags = u32(caller, 2);
  home.window.setU32(place('bpf_sock_ops_cb_flags'), flags & ALL_CALLBACKS);
  return flags & ~ALL_CALLBACKS;
}

/** Text with a zero behind it; cut off: -E2BIG. */
function copyText(out: Uint8Array, text: string | undefined): number {
  out.fill(0);
  if (text === undefined || out.length === 0) return EINVAL;
  const bytes = new TextEncoder().encode(text);
  out.set(bytes.subarray(0, out.length - 1));
  return bytes.length < out.length ? bytes.length : E2BIG;
}

const BASE_NAME = 1n;

function sysctlName(caller: Caller, home: Home): number {
  const flags = caller.registers[4]!;
  const out = bytesAt(caller, 2, u32(caller, 3), true);
  if ((flags & ~BASE_NAME) !== 0n) return EINVAL;
  const name = home.kernel.input.sysctl?.name;
  return copyText(out, flags === BASE_NAME ? name?.slice(name.lastIndexOf('/') + 1) : name);
}

const PERF_VALUE_BYTES = 24;

/** No event is open on any CPU. */
function perfValue(buffer: number, size: number): Implementation {
  return (caller) => {
    const bytes = u32(caller, size);
    bytesAt(caller, buffer, bytes, true).fill(0);
    return bytes === PERF_VALUE_BYTES ? ENOENT : EINVAL;
  };
}

/** To memory of the window that programs can write: there is no other. */
function writeUser(caller: Caller, home: Home): number {
  const size = u32(caller, 3);
  const bytes = bytesAt(caller, 2, size).slice();
  record(36, caller, home);
  const to = caller.registers[1]!;
  if (to > 0xffff_ffffn || !home.regions.find(Number(to), size, true, false)) return EFAULT;
  home.window.write(Number(to), bytes);
  return 0;
}

function printToSeq(caller: Caller, home: Home): number {
  const format = bytesAt(caller, 2, u32(caller, 3));
  const bytes = u32(caller, 5);
  if (bytes % 8 !== 0 || bytes > 8 * MAX_ARGUMENTS || format.at(-1) !== 0) return EINVAL;
  const text = printFrom(caller, format, words(caller, 4, bytes));
  if (typeof text === 'number') return text;
  home.kernel.write(new TextEncoder().encode(text));
  return 0;
}

const ROOT_CGROUP = 1n;
/** override_return, bind, msg_apply_bytes, msg_cork_bytes, rc_repeat, rc_keydown, rc_pointer_rel, send_signal, tcp_send_ack, send_signal_thread. */
export const RECORDED: readonly number[] = [58, 64, 61, 62, 77, 78, 92, 109, 116, 117];

export const KERNEL_HELPERS: Readonly<Record<number, Implementation>> = {
  ...recorded(...RECORDED),
  14: (_, { kernel: { task } }) => (BigInt(task.tgid) << 32n) | BigInt(task.pid),
  15: (_, { kernel: { task } }) => (BigInt(task.gid) << 32n) | BigInt(task.uid),
  16: currentComm,
  22: (caller, home) => (u32(caller, 2) >= mapOf(caller, home, 1).maxEntries ? E2BIG : ENOENT),
  35: (_, { kernel }) => kernel.taskPointer,
  36: writeUser,
  37: underCgroup,
  49: setSocketOption,
  55: perfValue(3, 4),
  56: perfValue(2, 3),
  57: getSocketOption,
  59: setCallbackFlags,
  67: stack,
  80: (_, { kernel }) => kernel.task.cgroupId,
  101: sysctlName,
  102: (caller, { kernel }) => copyText(bytesAt(caller, 2, u32(caller, 3), true), kernel.input.sysctl?.value),
  103: (caller, { kernel }) => copyText(bytesAt(caller, 2, u32(caller, 3), true), kernel.input.sysctl?.newValue),
  104: (caller, home) => {
    bytesAt(caller, 2, u32(caller, 3));
    if (home.kernel.input.sysctl?.newValue === undefined) return EINVAL;
    record(104, caller, home);
    return 0;
  },
  119: (caller) => {
    bytesAt(caller, 2, u32(caller, 3), true);
    return ENOENT;
  },
  120: namespacePid,
  123: (caller, { kernel: { task } }) => {
    const level = caller.registers[1]! & 0xffff_ffffn;
    return level === 0n ? ROOT_CGROUP : level === 1n && task.cgroupId !== ROOT_CGROUP ? task.cgroupId : 0n;
  },
  126: printToSeq,
  127: (caller, { kernel }) => {
    kernel.write(bytesAt(caller, 2, u32(caller, 3)));
    return 0;
  },
  141: stack,
  151: () => 0,
  158: (_, { kernel }) => kernel.taskPointer,
  173: (_, { kernel }) => kernel.input.functionIp ?? 0n,
  174: (_, { kernel }) => kernel.input.cookie ?? 0n,
  176: (caller) => {
    bytesAt(caller, 1, u32(caller, 2), true);
    return ENOENT;
  },
  183: functionArgument,
  184: functionResult,
  185: (caller, home) => functionArguments(caller, home).count,
  186: (_, { kernel }) => kernel.retval,
  187: (caller, { kernel }) => {
    kernel.retval = Number(BigInt.asIntN(32, caller.registers[1]!));
    return 0;
  },
  191: (caller, home) => (caller.registers[5] === 0n ? probeRead(caller, home) : EINVAL),
};

const SESSION_COOKIE_BYTES = 8;

/** A word that entry and return of a kprobe session share; here all runs of the object. */
function sessionCookie(_: Caller, home: Home): number {
  if (home.kernel.sessionCookie === 0) {
    const at = home.window.allocate(SESSION_COOKIE_BYTES);
    home.regions.add({ name: 'the cookie of the session', start: at, end: at + SESSION_COOKIE_BYTES });
    home.kernel.sessionCookie = at;
  }
  return home.kernel.sessionCookie;
}

const same: Implementation = (caller) => caller.registers[1]!;
const none: Implementation = () => 0;

/** There is one task, and no cgroup that could be looked at. */
export const KERNEL_KFUNCS: Readonly<Record<string, Implementation>> = {
  bpf_task_acquire: same,
  bpf_task_release: none,
  bpf_task_from_pid: (caller, { kernel }) => (BigInt.asIntN(32, caller.registers[1]!) === BigInt(kernel.task.pid) ? kernel.taskPointer : 0),
  bpf_task_from_vpid: (caller, { kernel }) =>
    BigInt.asIntN(32, caller.registers[1]!) === BigInt(kernel.task.pid) ? kernel.taskPointer : 0,
  bpf_task_under_cgroup: none,
  bpf_task_get_cgroup1: none,
  bpf_cgroup_acquire: same,
  bpf_cgroup_release: none,
  bpf_cgroup_from_id: none,
  bpf_cgroup_ancestor: none,
  bpf_session_is_return: none,
  bpf_session_cookie: sessionCookie,
  bpf_sock_destroy: (caller, { kernel }) => {
    kernel.record('bpf_sock_destroy', [caller.registers[1]!]);
    return 0;
  },
  bpf_sock_addr_set_sun_path: (caller, { kernel }) => {
    const [address, at, length] = [...caller.registers.subarray(1, 4)];
    kernel.record('bpf_sock_addr_set_sun_path', [address!, at!, length!], bytesAt(caller, 2, u32(caller, 3)));
    return 0;
  },
  // What a device without support answers, as BPF_PROG_TEST_RUN's does.
  bpf_xdp_metadata_rx_timestamp: () => EOPNOTSUPP,
  bpf_xdp_metadata_rx_hash: () => EOPNOTSUPP,
  bpf_xdp_metadata_rx_vlan_tag: () => EOPNOTSUPP,
};
