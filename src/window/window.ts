// All memory that a program can see: one WebAssembly.Memory [DESIGN 2.1]. A pointer p is byte p + BIAS of it; the first FLOOR bytes
// of pointer space are never touched from JavaScript, since a native host makes them inaccessible. Addresses are deterministic: the
// same calls in the same order give the same pointers on every engine.
import { FRAME_BYTES, MAX_FRAMES } from '../spec/limits.ts';
import { assert, BpfError } from '../util/error.ts';

/** Byte of the memory at which pointer 0 lies. */
export const BIAS = 65_536;
/** Lowest pointer that is ever allocated, and the offset that views leave out: index in `bytes` = pointer - FLOOR. */
export const FLOOR = 65_536;
const PAGE = 65_536;
/** 4 GiB - 64 KiB of pointers, in pages of the memory. */
const MAX_PAGES = 65_535;

export interface Place {
  readonly stackBottom: number;
  readonly stackTop: number;
  /** Stack of the routines, outside the program's eight frames. */
  readonly routineStackBottom: number;
  readonly routineStackTop: number;
  /** Key and value of calls made from JavaScript. */
  readonly scratch: number;
  readonly scratchEnd: number;
  /** What routines know of the run: routines/map.h, struct globals. */
  readonly globals: number;
  readonly globalsEnd: number;
  readonly context: number;
  readonly contextEnd: number;
  readonly packet: number;
  readonly packetEnd: number;
  /** Stacks of programs that are tail-called by functions with callers: the n-th tail call of a run has the n-th from the top. */
  readonly tailStacksBottom: number;
  readonly tailStacksTop: number;
  readonly heap: number;
}
/** Fixed places: what every run uses. All pointers; `stackBottom` lies on the inaccessible page's edge, so an overflow faults. */
export const PLACE: Place = {
  stackBottom: FLOOR,
  stackTop: FLOOR + FRAME_BYTES * MAX_FRAMES,
  routineStackBottom: FLOOR + 0x1000,
  routineStackTop: FLOOR + 0x2000,
  scratch: FLOOR + 0x2000,
  scratchEnd: FLOOR + 0x3f00,
  globals: FLOOR + 0x3f00,
  globalsEnd: FLOOR + 0x4000,
  context: FLOOR + 0x4000,
  contextEnd: FLOOR + 0x10000,
  packet: FLOOR + 0x10000,
  packetEnd: FLOOR + 0x40000,
  tailStacksBottom: FLOOR + 0x40000,
  tailStacksTop: FLOOR + 0x40000 + FRAME_BYTES * MAX_FRAMES * 33,
  heap: FLOOR + 0x70000,
};

/** The first `count` stacks of tail calls are 0 again. */
export function clearTailStacks(window: Window, count: number): void {
  const bytes = count * FRAME_BYTES * MAX_FRAMES;
  window.zero(PLACE.tailStacksTop - bytes, bytes);
}

export interface WindowOptions {
  /** Upper limit of the window, bytes. Default 4 GiB - 64 KiB. */
  readonly maxBytes?: number;
  /** Default: shared where the host has SharedArrayBuffer. */
  readonly shared?: boolean;
  /** Whether a host can use that memory, where it happens to lie; others are tried a few times. Default: any. */
  readonly accept?: (memory: Memory) => boolean;
}
/** Memories that are made until one is accepted; then the last one serves as well as it can. */
const MAX_TRIES = 4;

/** Rounds to 16 bytes, then to four steps a doubling: waste at most a quarter, few classes. */
function sizeClass(bytes: number): number {
  if (bytes <= 64) return Math.max(16, (bytes + 15) & ~15);
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.max(Math.ceil(bytes / step) * step, 16);
}

/** A WebAssembly.Memory, whose own type is not in the libraries of everybody who compiles against this package. */
export interface Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** By pages of 64 KiB. */
  grow(pages: number): number;
}

function makeMemory(maximum: number, shared: boolean): Memory {
  try {
    return new WebAssembly.Memory({ initial: 1 + PLACE.heap / PAGE, maximum, shared });
  } catch (error) {
    const advice = 'V8 reserves 8 GiB and more of it; with a limit (ulimit -v), node --disable-wasm-trap-handler needs less';
    throw new BpfError('window/no-address-space', { in: 'host' }, `no address space for a window: ${advice}`, { cause: error });
  }
}

export class Window {
  /** For a native host, which needs its address and protects its low pages; nobody else reads `.buffer`. */
  readonly memory: Memory;
  /** Bytes from pointer FLOOR on; replaced when the window grows. */
  bytes: Uint8Array;
  view: DataView;
  #words: Float64Array = new Float64Array(0);
  /** Counts the replacements of `bytes` and `view`. */
  generation = 0;
  /** Objects that lie in it. */
  users = 1;
  /** First pointer beyond the memory. */
  end: number;
  readonly #maxEnd: number;
  #next: number = PLACE.heap;
  readonly #free = new Map<number, number[]>();
  readonly #onGrow: (() => void)[] = [];

  constructor(options: WindowOptions = {}) {
    const limit = options.maxBytes ?? MAX_PAGES * PAGE;
    if (!(Number.isInteger(limit) && limit >= 2 ** 20 && limit <= MAX_PAGES * PAGE)) {
      throw new BpfError('window/size', { in: 'option', name: 'windowBytes' }, `a window has 1 MiB to 4 GiB - 64 KiB, not ${limit} bytes`);
    }
    const maximum = 1 + Math.floor(limit / PAGE);
    this.#maxEnd = (maximum - 1) * PAGE;
    const shared = options.shared ?? typeof SharedArrayBuffer !== 'undefined';
    const make = (): Memory => makeMemory(maximum, shared);
    // The refused ones are kept until then, so that the next lies elsewhere.
    const made = [make()];
    while (options.accept?.(made.at(-1)!) === false && made.length < MAX_TRIES) made.push(make());
    this.memory = made.at(-1)!;
    this.bytes = new Uint8Array(0);
    this.view = new DataView(new ArrayBuffer(0));
    this.end = 0;
    this.#takeViews();
  }

  #takeViews(): void {
    const buffer = this.memory.buffer;
    this.bytes = new Uint8Array(buffer, BIAS + FLOOR);
    this.view = new DataView(buffer, BIAS + FLOOR);
    this.#words = new Float64Array(buffer, BIAS + FLOOR);
    this.end = buffer.byteLength - BIAS;
    this.generation++;
  }

  /** The host protects the low pages again here: growing makes them accessible. Gives what ends it. */
  onGrow(listener: () => void): () => void {
    this.#onGrow.push(listener);
    return () => {
      const at = this.#onGrow.indexOf(listener);
      if (at >= 0) this.#onGrow.splice(at, 1);
    };
  }

  /** The only place that grows the memory. */
  #growTo(end: number): void {
    if (end <= this.end) return;
    const refuse = (): never => {
      throw new BpfError(
        'window/full',
        { in: 'host' },
        `the window cannot grow to ${end} bytes (limit ${this.#maxEnd}); see option windowBytes`,
      );
    };
    if (end > this.#maxEnd) refuse();
    // Grow by an eighth ahead: each growth costs fresh views and, on a native host, two system calls.
    const wanted = Math.min(this.#maxEnd, Math.max(end, this.end + Math.floor(this.end / 8)));
    const pages = Math.ceil(wanted / PAGE) - this.end / PAGE;
    try {
      this.memory.grow(pages);
    } catch {
      refuse();
    }
    this.#takeViews();
    for (const listener of this.#onGrow) listener();
  }

  /** Zeroed bytes, aligned to 16. Address space only: the system gives pages when they are touched. */
  allocate(bytes: number): number {
    assert(bytes >= 0 && Number.isSafeInteger(bytes), 'allocation size');
    const size = sizeClass(bytes);
    const pointer = this.#free.get(size)?.pop();
    if (pointer !== undefined) {
      this.zero(pointer, size);
      return pointer;
    }
    const at = this.#next;
    this.#growTo(at + size);
    this.#next = at + size;
    return at;
  }

  /** `bytes` as given to `allocate`. */
  free(pointer: number, bytes: number): void {
    const size = sizeClass(bytes);
    assert(pointer >= PLACE.heap && pointer + size <= this.#next, 'free of what was not allocated');
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [pointer]);
    else list.push(pointer);
  }

  /** First pointer that was never allocated. */
  get used(): number {
    return this.#next;
  }

  /** Whether [pointer, pointer + bytes) is memory of this window. */
  has(pointer: number, bytes: number): boolean {
    return pointer >= FLOOR && pointer + bytes <= this.end;
  }

  /** A live view, valid until the window grows. */
  slice(pointer: number, bytes: number): Uint8Array {
    assert(this.has(pointer, bytes), 'slice outside the window');
    return this.bytes.subarray(pointer - FLOOR, pointer - FLOOR + bytes);
  }

  /** A copy that is not shared memory. */
  read(pointer: number, bytes: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(bytes);
    copy.set(this.slice(pointer, bytes));
    return copy;
  }

  write(pointer: number, data: Uint8Array): void {
    this.slice(pointer, data.length).set(data);
  }

  zero(pointer: number, bytes: number): void {
    assert(this.has(pointer, bytes), 'zeroing outside the window');
    const at = pointer - FLOOR;
    // Filling shared memory byte by byte is slow.
    const first = Math.ceil(at / 8);
    const last = Math.floor((at + bytes) / 8);
    if (last <= first) this.bytes.fill(0, at, at + bytes);
    else {
      this.bytes.fill(0, at, 8 * first);
      this.#words.fill(0, first, last);
      this.bytes.fill(0, 8 * last, at + bytes);
    }
  }

  u32(pointer: number): number {
    return this.view.getUint32(pointer - FLOOR, true);
  }
  setU32(pointer: number, value: number): void {
    this.view.setUint32(pointer - FLOOR, value, true);
  }
  u64(pointer: number): bigint {
    return this.view.getBigUint64(pointer - FLOOR, true);
  }
  setU64(pointer: number, value: bigint): void {
    this.view.setBigUint64(pointer - FLOOR, value, true);
  }

  /** Bytes of the zero-terminated string, at most `limit` of them. */
  string(pointer: number, limit: number): Uint8Array {
    const end = Math.min(pointer + limit, this.end);
    let at = pointer;
    while (at < end && this.bytes[at - FLOOR] !== 0) at++;
    return this.read(pointer, Math.max(0, at - pointer));
  }

  /** Back to the state of a new window; only the low `used` bytes can be dirty. */
  reset(): void {
    this.zero(FLOOR, this.#next - FLOOR);
    this.#next = PLACE.heap;
    this.#free.clear();
  }
}

/** A Memory cannot be freed by hand: small windows are kept and given again. Larger ones are left to the collector, as is the rest. */
const POOLED_BYTES = 4 * 2 ** 20;
const POOLED_WINDOWS = 4;

/** Keeps a few disposed windows. One per thread would do; whoever owns the pool decides. */
export class WindowPool {
  readonly #windows: Window[] = [];

  take(options: WindowOptions = {}): Window {
    const plain = options.maxBytes === undefined && options.shared === undefined;
    const pooled = plain ? this.#windows.pop() : undefined;
    if (pooled === undefined || options.accept?.(pooled.memory) === false) return new Window(options);
    pooled.users = 1;
    return pooled;
  }

  /** One user less; the last one's is kept for others. */
  give(window: Window): void {
    if (--window.users > 0) return;
    if (window.used > POOLED_BYTES || this.#windows.length >= POOLED_WINDOWS) return;
    window.reset();
    this.#windows.push(window);
  }
}
