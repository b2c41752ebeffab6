// Executable memory, W^X: one anonymous file mapped twice, here readable and executable, there readable and writable; no page is both.
// The space is address space only until it is written, and small enough that every call inside it is direct on both machines.
import { assert, BpfError } from '../util/error.ts';
import { MAP, type Native, PROT } from './native.ts';
import { CHUNK_BYTES } from './stubs.ts';

/** Half the reach of an arm64 BL. */
export const CODE_BYTES: number = 64 * 2 ** 20;
/** The high end is for thunks: faults there are not the program's. */
const THUNK_BYTES = 4 * 2 ** 20;
/** Activation chunks of one thread: runs nested in helpers of each other. */
export const CHUNKS = 48;
const GRANULE = 64;
const CODE_NAME = 'bpfjit-code';

export interface CodeMemory {
  /** Of the executable mapping, CODE_BYTES long. */
  readonly start: number;
  /** The same bytes, writable. */
  readonly alias: number;
  /** CHUNKS chunks, each after as many inaccessible bytes. */
  readonly chunks: number;
}

const refuse = (native: Native, what: string): never => {
  throw new BpfError(
    'host/no-executable-memory',
    { in: 'host' },
    `the system refuses executable memory: ${what} fails with error ${native.errno()}`,
  );
};

/** Never unmapped: other threads' handlers may look at it, and a later thread can take it over. */
export function mapCodeMemory(native: Native): CodeMemory {
  const fd = native.memoryFile(CODE_NAME, CODE_BYTES) ?? refuse(native, 'memfd_create');
  try {
    const start = native.map(0, CODE_BYTES, PROT.read | PROT.exec, MAP.shared, fd, 0) ?? refuse(native, 'an executable mapping');
    const alias = native.map(0, CODE_BYTES, PROT.read | PROT.write, MAP.shared, fd, 0) ?? refuse(native, 'a writable mapping');
    return { start, alias, chunks: mapChunks(native) };
  } finally {
    native.closeFile(fd);
  }
}

function mapChunks(native: Native): number {
  const stride = 2 * CHUNK_BYTES;
  const bytes = CHUNKS * stride + CHUNK_BYTES;
  const flags = MAP.private | MAP.anonymous | MAP.noReserve;
  const mapped = native.map(0, bytes, PROT.none, flags, -1, 0) ?? refuse(native, 'a mapping for activations');
  const first = Math.ceil(mapped / CHUNK_BYTES) * CHUNK_BYTES;
  for (let i = 0; i < CHUNKS; i++) {
    if (!native.protect(chunkAddress(first, i), CHUNK_BYTES, PROT.read | PROT.write)) refuse(native, 'mprotect');
  }
  return first;
}

export const chunkAddress = (chunks: number, i: number): number => chunks + (2 * i + 1) * CHUNK_BYTES;

/** Invariant: `starts` and `sizes` describe the free extents of [0, bytes), ascending, disjoint, never touching; multiples of GRANULE. */
export class Extents {
  readonly #starts: number[] = [0];
  readonly #sizes: number[];

  constructor(bytes: number) {
    this.#sizes = [bytes];
  }

  /** First fit; undefined when there is no room. */
  take(bytes: number): number | undefined {
    const size = Math.max(GRANULE, Math.ceil(bytes / GRANULE) * GRANULE);
    const i = this.#sizes.findIndex((free) => free >= size);
    if (i < 0) return undefined;
    const start = this.#starts[i]!;
    if (this.#sizes[i] === size) {
      this.#starts.splice(i, 1);
      this.#sizes.splice(i, 1);
    } else {
      this.#starts[i] = start + size;
      this.#sizes[i]! -= size;
    }
    return start;
  }

  /** `bytes` as given to `take`. */
  give(start: number, bytes: number): void {
    const size = Math.max(GRANULE, Math.ceil(bytes / GRANULE) * GRANULE);
    let i = this.#starts.findIndex((free) => free > start);
    if (i < 0) i = this.#starts.length;
    const before = i > 0 ? this.#starts[i - 1]! + this.#sizes[i - 1]! : 0;
    assert(i === 0 || before <= start, 'freed twice');
    assert(i === this.#starts.length || start + size <= this.#starts[i]!, 'freed twice');
    this.#starts.splice(i, 0, start);
    this.#sizes.splice(i, 0, size);
    this.#merge(i);
    if (i > 0) this.#merge(i - 1);
  }

  #merge(i: number): void {
    if (i + 1 >= this.#starts.length || this.#starts[i]! + this.#sizes[i]! !== this.#starts[i + 1]) return;
    this.#sizes[i]! += this.#sizes[i + 1]!;
    this.#starts.splice(i + 1, 1);
    this.#sizes.splice(i + 1, 1);
  }

  get freeBytes(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }
}

export interface Room {
  readonly address: number;
  readonly bytes: number;
}

/** Hands out rooms. Every byte that is not code of a live room is a trap, or was never touched. */
export class CodeSpace {
  readonly memory: CodeMemory;
  static readonly imageBytes: number = CODE_BYTES - THUNK_BYTES;
  readonly #native: Native;
  readonly #trap: Uint8Array;
  readonly #images: Extents = new Extents(CodeSpace.imageBytes);
  readonly #thunks: Extents = new Extents(THUNK_BYTES);
  #traps: Uint8Array;

  constructor(native: Native, memory: CodeMemory, trap: Uint8Array) {
    this.memory = memory;
    this.#native = native;
    this.#trap = trap;
    this.#traps = repeat(trap, 4096);
  }

  /** Room for an image: a fault in it is a program's. Aligned to 64 bytes and filled with traps. */
  reserveImage(bytes: number): Room {
    return this.#reserve(this.#images, 0, bytes);
  }

  reserveThunk(bytes: number): Room {
    return this.#reserve(this.#thunks, CodeSpace.imageBytes, bytes);
  }

  #reserve(extents: Extents, offset: number, bytes: number): Room {
    const at = extents.take(bytes);
    if (at === undefined)
      throw new BpfError('host/code-space-full', { in: 'host' }, `no room for ${bytes} bytes of code: dispose of what is not used`);
    const room = { address: this.memory.start + offset + at, bytes };
    this.#fill(room);
    return room;
  }

  #fill({ address, bytes }: Room): void {
    const size = Math.max(GRANULE, Math.ceil(bytes / GRANULE) * GRANULE);
    if (this.#traps.length < size) this.#traps = repeat(this.#trap, size * 2);
    this.#native.write(this.#aliasOf(address), this.#traps.subarray(0, size));
    this.#native.flush(address, address + size);
  }

  #aliasOf(address: number): number {
    return address - this.memory.start + this.memory.alias;
  }

  write(room: Room, code: Uint8Array): void {
    assert(code.length <= room.bytes, `${code.length} bytes of code for a room of ${room.bytes}`);
    this.#native.write(this.#aliasOf(room.address), code);
    this.#native.flush(room.address, room.address + code.length);
  }

  free(room: Room): void {
    this.#fill(room);
    const at = room.address - this.memory.start;
    if (at >= CodeSpace.imageBytes) this.#thunks.give(at - CodeSpace.imageBytes, room.bytes);
    else this.#images.give(at, room.bytes);
  }

  get freeBytes(): number {
    return this.#images.freeBytes + this.#thunks.freeBytes;
  }
}

function repeat(pattern: Uint8Array, bytes: number): Uint8Array {
  const all = new Uint8Array(Math.ceil(bytes / pattern.length) * pattern.length);
  for (let i = 0; i < all.length; i += pattern.length) all.set(pattern, i);
  return all;
}
