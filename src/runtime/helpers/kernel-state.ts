// What programs can ask of the kernel around them, and what they ask it to do, where there is no kernel: the current task, the hook's return
// value, a system setting, a stack are given by the caller; requests are recorded.

import { sizeOf } from '../../btf/types.ts';
import { BpfError } from '../../util/error.ts';
import type { Region } from '../../window/regions.ts';
import type { Home } from '../object/home.ts';

/** The task in whose name a program runs. */
export interface Task {
  /** That of the thread; bpf_get_current_pid_tgid has it in its lower half. */
  readonly pid: number;
  readonly tgid: number;
  readonly uid: number;
  readonly gid: number;
  /** At most 15 bytes. */
  readonly comm: string;
  readonly cgroupId: bigint;
}

/** What programs find of the kernel around them. */
export interface KernelInput {
  /** Default: pid 1, tgid 1, root, `bpfjit`, the root cgroup. */
  readonly task?: Partial<Task>;
  /** What bpf_get_attach_cookie gives. Default 0. */
  readonly cookie?: bigint;
  /** What bpf_get_func_ip gives. Default 0. */
  readonly functionIp?: bigint;
  /** Return addresses, innermost first, for bpf_get_stack and its kin. Default: none can be had (-EFAULT). */
  readonly stack?: readonly bigint[];
  /** What the hook would return: bpf_get_retval. Default 0. */
  readonly retval?: number;
  /** What a cgroup_sysctl program is asked about. */
  readonly sysctl?: { readonly name: string; readonly value?: string; readonly newValue?: string };
  /** What bpf_getsockopt finds before anyone has set it. */
  readonly socketOptions?: readonly { readonly level: number; readonly name: number; readonly value: Uint8Array }[];
}

/** Something that a program asked the kernel to do, and that was not done. */
export interface RecordedCall {
  /** Name of the helper or kernel function, with `bpf_`. */
  readonly call: string;
  /** R1 to R5, as far as it has arguments. */
  readonly arguments: readonly bigint[];
  /** The bytes that an argument pointed at, where it has one that is read. */
  readonly data?: Uint8Array;
}

const DEFAULT_TASK: Task = { pid: 1, tgid: 1, uid: 0, gid: 0, comm: 'bpfjit', cgroupId: 1n };
const COMM_BYTES = 16;
/** Of a struct task_struct that no BTF describes. */
const TASK_BYTES = 16384;

export class KernelState {
  readonly #home: Home;
  readonly #given: KernelInput;
  /** Of the run that is under way. */
  input: KernelInput;
  task: Task = DEFAULT_TASK;
  retval = 0;
  /** Pointer, 0: not asked for yet. */
  sessionCookie = 0;
  recorded: RecordedCall[] = [];
  /** What was written to the file of an iterator. */
  #output: Uint8Array[] = [];
  /** By `level:name`: they outlive the run, as the socket does. */
  readonly #options = new Map<string, Uint8Array>();
  #taskAt = 0;
  #taskRegion: Region | undefined;

  constructor(home: Home, given: KernelInput) {
    this.#home = home;
    this.#given = given;
    this.input = given;
  }

  /** Before a run. */
  begin(input: KernelInput | undefined): void {
    this.input = input === undefined ? this.#given : { ...this.#given, ...input };
    const task = { ...DEFAULT_TASK, ...this.#given.task, ...input?.task };
    const changed = task.pid !== this.task.pid || task.tgid !== this.task.tgid || task.comm !== this.task.comm;
    this.task = checked(task);
    if (changed && this.#taskAt !== 0) this.#fillTask();
    this.retval = this.input.retval ?? 0;
    if (this.recorded.length > 0) this.recorded = [];
    if (this.#output.length > 0) this.#output = [];
  }

  record(call: string, args: readonly bigint[], data?: Uint8Array): void {
    this.recorded.push({ call, arguments: args, ...(data === undefined ? {} : { data: data.slice() }) });
  }

  write(bytes: Uint8Array): void {
    this.#output.push(bytes.slice());
  }

  /** Undefined: nothing was written. */
  get output(): Uint8Array | undefined {
    if (this.#output.length === 0) return undefined;
    const out = new Uint8Array(this.#output.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#output) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  socketOption(level: number, name: number): Uint8Array | undefined {
    const set = this.#options.get(`${level}:${name}`);
    return set ?? this.input.socketOptions?.find((option) => option.level === level && option.name === name)?.value;
  }

  setSocketOption(level: number, name: number, value: Uint8Array): void {
    this.#options.set(`${level}:${name}`, value.slice());
  }

  /** Pointer to a struct task_struct: zeros, but for pid, tgid and comm where the types say where these are. */
  get taskPointer(): number {
    if (this.#taskAt === 0) {
      const { window, regions } = this.#home;
      const bytes = this.#struct()?.bytes ?? TASK_BYTES;
      this.#taskAt = window.allocate(bytes);
      this.#taskRegion = regions.add({ name: 'the current task', start: this.#taskAt, end: this.#taskAt + bytes, writable: false });
      this.#fillTask();
    }
    return this.#taskAt;
  }

  #struct(): { readonly bytes: number; readonly offsets: ReadonlyMap<string, number> } | undefined {
    const btf = this.#home.kernelBtf ?? this.#home.btf;
    const id = btf?.types.findIndex((type) => type.kind === 'struct' && type.name === 'task_struct') ?? -1;
    const type = btf?.types[id];
    if (btf === undefined || type?.kind !== 'struct') return undefined;
    const bytes = sizeOf(btf, id) ?? 0;
    // A declaration that CO-RE completes says nothing of the places.
    const offsets = new Map(type.members.map(({ name, bitOffset }) => [name, bitOffset / 8]));
    return bytes === 0 ? undefined : { bytes, offsets };
  }

  #fillTask(): void {
    const { window } = this.#home;
    const offsets = this.#struct()?.offsets;
    const place = (name: string): number | undefined => {
      const offset = offsets?.get(name);
      return offset === undefined || !Number.isInteger(offset) ? undefined : this.#taskAt + offset;
    };
    const fits = (at: number, bytes: number): boolean => at + bytes <= this.#taskRegion!.end;
    for (const name of ['pid', 'tgid'] as const) {
      const at = place(name);
      if (at !== undefined && fits(at, 4)) window.setU32(at, this.task[name]);
    }
    // A process of one thread.
    const leader = place('group_leader');
    if (leader !== undefined && fits(leader, 8)) window.setU64(leader, BigInt(this.#taskAt));
    const at = place('comm');
    if (at !== undefined && fits(at, COMM_BYTES)) window.write(at, commBytes(this.task.comm));
  }
}

function checked(task: Task): Task {
  for (const name of ['pid', 'tgid', 'uid', 'gid'] as const) {
    if (!Number.isInteger(task[name]) || task[name] < 0 || task[name] > 0xffff_ffff)
      throw new BpfError('runtime/option', { in: 'option', name: 'kernel.task' }, `${name} is a 32-bit number, not ${task[name]}`);
  }
  return task;
}

/** As the kernel keeps it: 15 bytes at most, zeros behind. */
export function commBytes(comm: string): Uint8Array {
  const bytes = new Uint8Array(COMM_BYTES);
  bytes.set(new TextEncoder().encode(comm).subarray(0, COMM_BYTES - 1));
  return bytes;
}
