// koffi and the C library: the functions that the host needs, as plain JavaScript functions. koffi is an optional dependency and is
// loaded on first use; addresses are numbers (user space ends far below 2^53).
import { readFileSync } from 'node:fs';
import { BpfError } from '../util/error.ts';

export const PROT = { none: 0, read: 1, write: 2, exec: 4 } as const;
/** Linux uapi mman.h. */
export const MAP = { shared: 0x01, private: 0x02, fixed: 0x10, anonymous: 0x20, noReserve: 0x4000, fixedNoReplace: 0x100000 } as const;

type Koffi = typeof import('koffi').default;

export interface Native {
  readonly target: 'arm64' | 'x64';
  readonly cpu: ReadonlySet<string>;
  readonly pageBytes: number;
  /** Undefined where the system refuses. `hint` 0: anywhere. */
  map(hint: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number | undefined;
  unmap(address: number, bytes: number): void;
  protect(address: number, bytes: number, protection: number): boolean;
  /** An anonymous file that may be mapped executable; undefined where the system refuses. */
  memoryFile(name: string, bytes: number): number | undefined;
  closeFile(fd: number): void;
  /** Number of the last error; right after a failure. */
  errno(): number;
  threadId(): number;
  /** Copies bytes to an address. */
  write(address: number, bytes: Uint8Array): void;
  /** Memory as a buffer; it must stay mapped for ever. */
  view(address: number, bytes: number): ArrayBuffer;
  /** Address of an array's or a memory's bytes. */
  addressOf(bytes: Uint8Array | Int32Array): number;
  /** Makes instruction fetches see what was written; a no-op where the machine does so by itself. */
  flush(start: number, end: number): void;
  /** Installs a handler (0: only asks); returns the address of the one before. */
  signalHandler(signal: number, handler: number): number;
  /** Address of a function of the C library. */
  symbol(name: string): number | undefined;
  /** Code at an address as `void f(void)`. */
  callable(address: number): () => void;
  /** Address of an `int f(void)` that calls back into JavaScript on this thread. Never freed: callers keep one. */
  callback(call: () => number): number;
}

const refuse = (reason: string, message: string, cause?: unknown): never => {
  throw new BpfError(`host/${reason}`, { in: 'host' }, message, cause === undefined ? undefined : { cause });
};

/** SA_SIGINFO | SA_ONSTACK | SA_NODEFER. */
const HANDLER_FLAGS = 0x4 | 0x08000000 | 0x40000000;
/** struct sigaction of glibc and musl: handler, 128 bytes of mask, flags, restorer. */
const SIGACTION_BYTES = 152;
const SIGACTION_FLAGS = 136;
/** memfd_create: MFD_CLOEXEC | MFD_EXEC; kernels before 6.3 know only the first. */
const MFD_CLOEXEC = 0x1;
const MFD_EXEC = 0x10;
/** glibc and musl. */
const _SC_PAGESIZE = 30;
const AT_HWCAP = 16;
/** Linux arm64 uapi hwcap.h. */
const HWCAP_ATOMICS = 1 << 8;
const HWCAP_PACA = 1 << 30;

let loading: Promise<Native> | undefined;

/** Throws BpfError `host/unsupported-platform` or `host/no-koffi`. */
export function loadNative(): Promise<Native> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Native> {
  const target = process.arch === 'arm64' || process.arch === 'x64' ? process.arch : undefined;
  if (process.platform !== 'linux' || target === undefined) {
    return refuse('unsupported-platform', `native engines run on Linux x86-64 and arm64; this is ${process.platform} ${process.arch}`);
  }
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
    // Calls of a decoded pointer need a call stack that only load() sets up, in every thread.
    koffi.load(null);
  } catch (error) {
    return refuse('no-koffi', 'native engines need the package koffi (an optional dependency): npm install koffi', error);
  }
  return bind(koffi, target);
}

function bind(koffi: Koffi, target: 'arm64' | 'x64'): Native {
  const libc = koffi.load(null);
  const mmap = libc.func('uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)');
  const munmap = libc.func('int munmap(uintptr_t, size_t)');
  const mprotect = libc.func('int mprotect(uintptr_t, size_t, int)');
  const memfdCreate = libc.func('int memfd_create(const char *, unsigned int)');
  const ftruncate = libc.func('int ftruncate(int, int64_t)');
  const close = libc.func('int close(int)');
  const sigaction = libc.func('int sigaction(int, void *, void *)');
  const syscall = libc.func('long syscall(long)');
  const memcpy = libc.func('void memcpy(uintptr_t, void *, size_t)');
  const getauxval = libc.func('unsigned long getauxval(unsigned long)');
  const sysconf = libc.func('long sysconf(int)');
  // The compiler's support library has it, not the C library; Node itself is linked with that library.
  const clearCache = target === 'arm64' ? koffi.load('libgcc_s.so.1').func('void __clear_cache(uintptr_t, uintptr_t)') : undefined;
  const procedure = koffi.proto('void', []);
  const callbackType = koffi.pointer(koffi.proto('int', []));
  const gettid = target === 'arm64' ? 178 : 186;
  // Real arm64 systems say who made the processor.
  const emulated = target === 'arm64' && !readFileSync('/proc/cpuinfo', 'utf8').includes('CPU implementer');
  const pageBytes = Number(sysconf(_SC_PAGESIZE));

  return {
    target,
    cpu: target === 'arm64' ? arm64Features(Number(getauxval(AT_HWCAP))) : x64Features(),
    pageBytes,
    map(hint, bytes, protection, flags, fd, offset) {
      const address = Number(mmap(hint, bytes, protection, flags, fd, offset));
      return address < 2 ** 53 ? address : undefined;
    },
    unmap: (address, bytes) => {
      munmap(address, bytes);
    },
    protect: (address, bytes, protection) => mprotect(address, bytes, protection) === 0,
    memoryFile(name, bytes) {
      let fd: number = memfdCreate(name, MFD_CLOEXEC | MFD_EXEC);
      if (fd < 0) fd = memfdCreate(name, MFD_CLOEXEC);
      if (fd < 0) return undefined;
      if (ftruncate(fd, bytes) === 0) return fd;
      close(fd);
      return undefined;
    },
    closeFile: (fd) => {
      close(fd);
    },
    errno: () => koffi.errno(),
    threadId: () => Number(syscall(gettid)),
    write: (address, bytes) => {
      if (bytes.length > 0) memcpy(address, bytes, bytes.length);
    },
    view: (address, bytes) => koffi.view(BigInt(address), bytes),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    flush(start, end) {
      if (clearCache === undefined) return;
      clearCache(start, end);
      if (!emulated) return;
      // QEMU before 8.1 ignores IC IVAU and writes through an alias; it forgets translations of a page that becomes writable. Only
      // this thread runs code of these pages.
      const first = start - (start % pageBytes);
      mprotect(first, end - first, PROT.read | PROT.write);
      mprotect(first, end - first, PROT.read | PROT.exec);
    },
    signalHandler(signal, handler) {
      const old = new Uint8Array(SIGACTION_BYTES);
      let action: Uint8Array | null = null;
      if (handler !== 0) {
        action = new Uint8Array(SIGACTION_BYTES);
        const view = new DataView(action.buffer);
        view.setBigUint64(0, BigInt(handler), true);
        view.setInt32(SIGACTION_FLAGS, HANDLER_FLAGS, true);
      }
      if (sigaction(signal, action, old) !== 0) refuse('signals', `the system refuses a handler for signal ${signal}`);
      return Number(new DataView(old.buffer).getBigUint64(0, true));
    },
    symbol(name) {
      try {
        return Number(libc.symbol(name));
      } catch {
        return undefined;
      }
    },
    callable: (address) => koffi.decode(BigInt(address), procedure) as () => void,
    callback: (call) => Number(koffi.register(call, callbackType)),
  };
}

function x64Features(): Set<string> {
  const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return new Set(flags.split(' '));
}

function arm64Features(hwcap: number): Set<string> {
  const features = new Set<string>();
  if ((hwcap & HWCAP_ATOMICS) !== 0) features.add('lse');
  if ((hwcap & HWCAP_PACA) !== 0) features.add('pac');
  return features;
}

export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** rwxp. */
  readonly access: string;
  readonly name: string;
}

/** The process's mappings, ascending. */
export function readMappings(): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (match === null) continue;
    mappings.push({ start: Number.parseInt(match[1]!, 16), end: Number.parseInt(match[2]!, 16), access: match[3]!, name: match[4]! });
  }
  return mappings;
}
