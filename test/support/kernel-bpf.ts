// The running kernel as an oracle: loads programs and runs them with BPF_PROG_TEST_RUN. Development only: needs Linux, root and
// koffi; `openKernel` says why where one is missing. Layouts: union bpf_attr [uapi bpf.h].

const SYS_BPF = { x64: 321, arm64: 280 } as const;
const CMD = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapNextKey: 4,
  progLoad: 5,
  progTestRun: 10,
  btfLoad: 18,
  mapPop: 21,
  mapDelete: 3,
  mapFreeze: 22,
} as const;
export const PROG_TYPE = { socketFilter: 1, schedCls: 3, xdp: 6 } as const;
export const MAP_TYPE = { hash: 1, array: 2, progArray: 3 } as const;
const LOG_BYTES = 1 << 20;
const F_ANY_ALIGNMENT = 2;
const PAGE_BYTES = 4096;

export interface LoadOptions {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly expectedAttachType?: number;
  readonly anyAlignment?: boolean;
  /** What the kernel must know of functions before it takes their addresses: BTF, and the type of the function at each slot. */
  readonly functions?: { readonly btf: number; readonly types: readonly (readonly [slot: number, type: number])[] };
  /** The verifier's words at level 1; costs time. */
  readonly log?: boolean;
}
export type LoadResult = { readonly fd: number } | { readonly errno: number; readonly log: string };

export interface TestRun {
  readonly retval: number;
  readonly dataOut: Uint8Array;
  /** Nanoseconds per run, mean over `repeat` as the kernel measures it. */
  readonly duration: number;
}

/** What BPF_MAP_CREATE takes beside sizes. */
export interface MapExtras {
  readonly mapExtra?: number;
  /** Of a map of maps: a map like those that it will hold. */
  readonly innerFd?: number;
}

/** Calls that answer with 0 or a negative error number; values are copied to `out`. Absent keys and values: null pointers. */
export interface MapCalls {
  create(type: number, keySize: number, valueSize: number, maxEntries: number, flags: number, extras?: MapExtras): number;
  lookup(fd: number, key: Uint8Array | undefined, out: Uint8Array, flags?: number): number;
  lookupAndDelete(fd: number, key: Uint8Array | undefined, out: Uint8Array): number;
  update(fd: number, key: Uint8Array | undefined, value: Uint8Array, flags?: number): number;
  delete(fd: number, key: Uint8Array | undefined): number;
  nextKey(fd: number, key: Uint8Array | undefined, out: Uint8Array): number;
  freeze(fd: number): number;
}

export interface Kernel {
  readonly maps: MapCalls;
  /** `inner`: of maps of maps, one that its elements are like. */
  mapCreate(type: number, keySize: number, valueSize: number, maxEntries: number, flags?: number, inner?: number): number;
  mapUpdate(fd: number, key: Uint8Array, value: Uint8Array): void;
  mapLookup(fd: number, key: Uint8Array, valueSize: number): Uint8Array | undefined;
  mapKeys(fd: number, keySize: number): Uint8Array[];
  /** The next element of a queue or stack, taken out; undefined: there is none. */
  mapPop(fd: number, valueSize: number): Uint8Array | undefined;
  btfLoad(bytes: Uint8Array): number;
  load(options: LoadOptions): LoadResult;
  testRun(fd: number, data: Uint8Array, repeat?: number): TestRun;
  /** Reads a ring buffer: `skip` moves the consumer to where the producer is. */
  ringReader(fd: number): { skip(): void };
  close(fd: number): void;
  /** This thread stays on that CPU: test runs are there, too. False: it may not. */
  pin(cpu: number): boolean;
}

/** The kernel, or a sentence that says why it cannot be asked. */
export async function openKernel(): Promise<Kernel | string> {
  if (process.platform !== 'linux') return 'not Linux';
  const number = SYS_BPF[process.arch as keyof typeof SYS_BPF];
  if (number === undefined) return `bpf(2) of ${process.arch} is not known here`;
  let koffi: typeof import('koffi');
  try {
    koffi = (await import('koffi')).default as unknown as typeof import('koffi');
  } catch (error) {
    return `koffi is missing: ${(error as Error).message}`;
  }
  const libc = koffi.load('libc.so.6');
  const syscall = libc.func('long syscall(long, int, void *, unsigned int)');
  const closeFd = libc.func('int close(int)');
  const mmap = libc.func('void *mmap(void *, size_t, int, int, int, long)');
  const copyMemory = libc.func('void *memcpy(void *, void *, size_t)');
  const setAffinity = libc.func('int sched_setaffinity(int, size_t, void *)');
  const address = (bytes: Uint8Array): bigint => BigInt(koffi.address(bytes) as bigint | number);
  const attr = new Uint8Array(160);
  const view = new DataView(attr.buffer);
  const bpf = (command: number): number => Number(syscall(number, command, attr, attr.length));

  const element = (command: number, fd: number, key: Uint8Array | undefined, value: Uint8Array | undefined, flags: number): number => {
    attr.fill(0);
    view.setUint32(0, fd, true);
    if (key !== undefined) view.setBigUint64(8, address(key), true);
    if (value !== undefined) view.setBigUint64(16, address(value), true);
    view.setBigUint64(24, BigInt(flags), true);
    return bpf(command) < 0 ? -koffi.errno() : 0;
  };

  const maps: MapCalls = {
    create(type, keySize, valueSize, maxEntries, flags, { mapExtra = 0, innerFd = 0 } = {}) {
      attr.fill(0);
      [type, keySize, valueSize, maxEntries, flags, innerFd].forEach((value, i) => {
        view.setUint32(4 * i, value, true);
      });
      view.setBigUint64(64, BigInt(mapExtra), true);
      const fd = bpf(CMD.mapCreate);
      return fd < 0 ? -koffi.errno() : fd;
    },
    lookup: (fd, key, out, flags = 0) => element(CMD.mapLookup, fd, key, out, flags),
    lookupAndDelete: (fd, key, out) => element(CMD.mapPop, fd, key, out, 0),
    update: (fd, key, value, flags = 0) => element(CMD.mapUpdate, fd, key, value, flags),
    delete: (fd, key) => element(CMD.mapDelete, fd, key, undefined, 0),
    nextKey: (fd, key, out) => element(CMD.mapNextKey, fd, key, out, 0),
    freeze(fd) {
      attr.fill(0);
      view.setUint32(0, fd, true);
      return bpf(CMD.mapFreeze) < 0 ? -koffi.errno() : 0;
    },
  };

  const kernel: Kernel = {
    maps,
    mapCreate(type, keySize, valueSize, maxEntries, flags = 0, inner = 0) {
      attr.fill(0);
      [type, keySize, valueSize, maxEntries, flags, inner].forEach((value, i) => {
        view.setUint32(4 * i, value, true);
      });
      const fd = bpf(CMD.mapCreate);
      if (fd < 0) throw new Error(`BPF_MAP_CREATE: errno ${koffi.errno()}`);
      return fd;
    },
    mapUpdate(fd, key, value) {
      attr.fill(0);
      view.setUint32(0, fd, true);
      view.setBigUint64(8, address(key), true);
      view.setBigUint64(16, address(value), true);
      if (bpf(CMD.mapUpdate) < 0) throw new Error(`BPF_MAP_UPDATE_ELEM: errno ${koffi.errno()}`);
    },
    mapLookup(fd, key, valueSize) {
      const value = new Uint8Array(Math.max(valueSize, 64));
      attr.fill(0);
      view.setUint32(0, fd, true);
      view.setBigUint64(8, address(key), true);
      view.setBigUint64(16, address(value), true);
      return bpf(CMD.mapLookup) < 0 ? undefined : value.slice(0, valueSize);
    },
    mapKeys(fd, keySize) {
      const keys: Uint8Array[] = [];
      const next = new Uint8Array(Math.max(keySize, 64));
      for (let key: Uint8Array | undefined; ; key = keys.at(-1)) {
        attr.fill(0);
        view.setUint32(0, fd, true);
        view.setBigUint64(8, key === undefined ? 0n : address(key), true);
        view.setBigUint64(16, address(next), true);
        if (bpf(CMD.mapNextKey) < 0) return keys;
        keys.push(next.slice(0, keySize));
      }
    },
    mapPop(fd, valueSize) {
      const value = new Uint8Array(Math.max(valueSize, 64));
      attr.fill(0);
      view.setUint32(0, fd, true);
      view.setBigUint64(16, address(value), true);
      return bpf(CMD.mapPop) < 0 ? undefined : value.slice(0, valueSize);
    },
    btfLoad(bytes) {
      attr.fill(0);
      view.setBigUint64(0, address(bytes), true);
      view.setUint32(16, bytes.length, true);
      const fd = bpf(CMD.btfLoad);
      if (fd < 0) throw new Error(`BPF_BTF_LOAD: errno ${koffi.errno()}`);
      return fd;
    },
    load({ type, bytes, expectedAttachType = 0, anyAlignment = false, functions, log = false }) {
      const license = new TextEncoder().encode('GPL\0'.padEnd(64, '\0'));
      const logBytes = log ? new Uint8Array(LOG_BYTES) : undefined;
      attr.fill(0);
      view.setUint32(0, type, true);
      view.setUint32(4, bytes.length / 8, true);
      view.setBigUint64(8, address(bytes), true);
      view.setBigUint64(16, address(license), true);
      if (logBytes !== undefined) {
        view.setUint32(24, 1, true);
        view.setUint32(28, LOG_BYTES, true);
        view.setBigUint64(32, address(logBytes), true);
      }
      view.setUint32(44, anyAlignment ? F_ANY_ALIGNMENT : 0, true);
      view.setUint32(68, expectedAttachType, true);
      const functionInfo = Uint32Array.from(functions?.types.flat() ?? []);
      if (functions !== undefined) {
        view.setUint32(72, functions.btf, true);
        view.setUint32(76, 8, true);
        view.setBigUint64(80, address(new Uint8Array(functionInfo.buffer)), true);
        view.setUint32(88, functions.types.length, true);
      }
      const fd = bpf(CMD.progLoad);
      if (fd >= 0) return { fd };
      const errno = koffi.errno();
      const text = logBytes === undefined ? '' : new TextDecoder().decode(logBytes.subarray(0, logBytes.indexOf(0)));
      return { errno, log: text };
    },
    testRun(fd, data, repeat = 1) {
      const out = new Uint8Array(data.length + 512);
      attr.fill(0);
      view.setUint32(0, fd, true);
      view.setUint32(8, data.length, true);
      view.setUint32(12, out.length, true);
      view.setBigUint64(16, address(data), true);
      view.setBigUint64(24, address(out), true);
      view.setUint32(32, repeat, true);
      if (bpf(CMD.progTestRun) < 0) throw new Error(`BPF_PROG_TEST_RUN: errno ${koffi.errno()}`);
      return { retval: view.getUint32(4, true), dataOut: out.slice(0, view.getUint32(12, true)), duration: view.getUint32(36, true) };
    },
    ringReader(fd) {
      const [READ, WRITE, SHARED] = [1, 2, 1];
      const consumer = mmap(null, PAGE_BYTES, READ | WRITE, SHARED, fd, 0);
      const producer = mmap(null, PAGE_BYTES, READ, SHARED, fd, PAGE_BYTES);
      return {
        skip() {
          copyMemory(consumer, producer, 8);
        },
      };
    },
    close(fd) {
      closeFd(fd);
    },
    pin(cpu) {
      const mask = new Uint8Array(128);
      mask[cpu >> 3] = 1 << (cpu & 7);
      return setAffinity(0, mask.length, mask) === 0;
    },
  };

  try {
    const probe = kernel.load({ type: PROG_TYPE.socketFilter, bytes: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0) });
    if (!('fd' in probe)) return `bpf(2) refuses to load a program: errno ${probe.errno}`;
    kernel.close(probe.fd);
  } catch (error) {
    return (error as Error).message;
  }
  return kernel;
}
