// A map as JavaScript sees it: its storage lies in the window, and every access goes through the routine that programs use.
import type { Shape } from '../btf/shape.ts';
import { lookupRoutine, type MapTypeRow, mapTypeName, mapTypeRow, STORE } from '../spec/maps.ts';
import { toHex } from '../util/bytes.ts';
import { assert, BpfError } from '../util/error.ts';
import type { Region, Regions } from '../window/regions.ts';
import { PLACE, type Window } from '../window/window.ts';
import { DESCRIPTOR, DESCRIPTOR_BYTES, isReadOnly, layoutOf, type MapLayout, type MapOptions } from './descriptor.ts';
import { type HiddenField, hide } from './hidden-fields.ts';
import { type Routines, routineEntry } from './routines.ts';
import type { Input } from './types.ts';
import { plainCodec, refuseValue, type ValueCodec } from './values.ts';

/** What maps share: one per loaded object. */
export interface MapHome {
  readonly window: Window;
  readonly regions: Regions;
  readonly routines: Routines;
  readonly cpus: number;
  /** The map whose descriptor lies at that pointer. */
  mapAt(descriptor: number): BpfMap | undefined;
}

export interface MapCodecs {
  readonly key?: ValueCodec;
  readonly value?: ValueCodec;
  /** Fields of the value that are not for the outside. */
  readonly hidden?: readonly HiddenField[];
}

/** A saved state of a map: bytes by place. */
export interface MapSnapshot {
  readonly parts: readonly { readonly pointer: number; readonly bytes: Uint8Array }[];
  readonly used: number;
}

const MESSAGES: Readonly<Record<string, string>> = {
  '-2': 'no such element',
  '-7': 'the map is full, or the index is beyond its end',
  '-17': 'the element exists already',
  '-22': 'not possible for this type of map, or with these flags',
};

export type UpdateMode = 'any' | 'noexist' | 'exist';
const MODES: Readonly<Record<UpdateMode, number>> = { any: 0, noexist: 1, exist: 2 };

/**
 * A map of a loaded object. Keys and values are what the map's BTF types say: structs are objects, arrays lists, `char` arrays strings, other
 * byte arrays Uint8Arrays, integers of up to 32 bits numbers, wider ones bigints. Without types 1, 2 and 4 bytes are numbers, 8 bytes
 * bigints, anything else bytes. The bytes themselves are always taken too. Values of per-CPU maps are arrays, one element a CPU; of
 * program arrays program names; of maps of maps maps. What does not fit is refused: `map/value` with the place in the value; what the
 * kernel would refuse is `map/refused`.
 */
export class BpfMap<K = unknown, V = unknown> {
  readonly name: string;
  readonly type: number;
  readonly typeName: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** What a program has as the map's pointer. */
  readonly pointer: number;
  /** Pointer to the first value of an array. */
  readonly storage: number;
  readonly row: MapTypeRow;
  /** Slot of the routine that looks its elements up. */
  readonly lookupEntry: number;
  readonly #home: MapHome;
  readonly #layout: MapLayout;
  readonly #key: ValueCodec;
  readonly #value: ValueCodec;
  readonly #hidden: readonly HiddenField[];
  readonly #regions: Region[];

  constructor(home: MapHome, options: MapOptions, codecs: MapCodecs = {}) {
    const row = mapTypeRow(options.type);
    if (row === undefined || row.kept === 'refused') {
      throw new BpfError(
        'map/type',
        { in: 'option', name: options.name },
        `map ${options.name}: ${mapTypeName(options.type)} maps are not supported`,
      );
    }
    this.name = options.name;
    this.type = options.type;
    this.typeName = row.name;
    this.keySize = options.keySize;
    this.valueSize = options.valueSize;
    // As libbpf does: a perf event array without a size has a slot for each CPU.
    this.maxEntries = row.kept === 'events' && options.maxEntries === 0 ? home.cpus : options.maxEntries;
    this.flags = options.flags;
    this.row = row;
    const lookup = routineEntry(lookupRoutine(options) ?? 'map_lookup');
    assert(lookup !== undefined, 'a routine for lookups');
    this.lookupEntry = lookup;
    this.#home = home;
    this.#key = codecs.key ?? plainCodec(options.keySize, `key of map ${options.name}`);
    this.#value = codecs.value ?? plainCodec(options.valueSize, `value of map ${options.name}`);
    this.#hidden = codecs.hidden ?? [];
    const layout = layoutOf(options, row, home.cpus);
    this.#layout = layout;
    const { window, regions } = home;
    this.pointer = window.allocate(DESCRIPTOR_BYTES);
    const buckets = layout.bucketCount === 0 ? 0 : window.allocate(4 * layout.bucketCount);
    this.storage = window.allocate(layout.capacity * layout.stride);
    const lengths = row.kept === 'lpm' ? window.allocate(this.#lengthsBytes) : 0;
    const fields: Partial<Record<keyof typeof DESCRIPTOR, number>> = {
      ...{ type: this.type, keySize: this.keySize, valueSize: this.valueSize, maxEntries: this.maxEntries, flags: this.flags, lengths },
      ...{ store: layout.store, storage: this.storage, stride: layout.stride, buckets, valueOffset: layout.valueOffset },
      ...{ shift: layout.bucketCount === 0 ? 0 : 64 - Math.log2(layout.bucketCount), cpuStride: layout.cpuStride, cpus: home.cpus },
      ...{ inner: row.ofMaps ? 1 : 0, lru: row.lru ? 1 : 0 },
    };
    for (const [field, value] of Object.entries(fields)) window.setU32(this.pointer + DESCRIPTOR[field as keyof typeof DESCRIPTOR], value);
    const hash = layout.bucketCount > 0;
    this.#regions = [
      regions.add({ name: `map ${this.name}`, start: this.pointer, end: this.pointer + DESCRIPTOR_BYTES, privileged: true }),
      regions.add({
        name: layout.capacity === 1 ? `the value of map ${this.name}` : `a value of map ${this.name}`,
        start: this.storage,
        end: this.storage + layout.capacity * layout.stride,
        writable: !isReadOnly(options),
        // A per-CPU value is an element of its own; of a hash, only the value part of a node is the program's.
        ...(layout.cpuStride > 0 && !hash
          ? { stride: layout.cpuStride, elementSize: this.valueSize }
          : {
              stride: layout.stride,
              elementOffset: layout.valueOffset,
              elementSize: layout.cpuStride > 0 ? layout.stride - layout.valueOffset : this.valueSize,
            }),
        ...(hash ? { liveCount: this.pointer + DESCRIPTOR.used } : {}),
        privileged: (layout.store === STORE.none && row.kept !== 'storage') || (row.ofMaps ?? false),
      }),
    ];
    if (lengths !== 0) {
      this.#regions.push(
        regions.add({ name: `the lengths of map ${this.name}`, start: lengths, end: lengths + this.#lengthsBytes, privileged: true }),
      );
    }
    if (hash) {
      this.#regions.push(
        regions.add({ name: `the buckets of map ${this.name}`, start: buckets, end: buckets + 4 * layout.bucketCount, privileged: true }),
      );
    }
  }

  /** Elements are found by index. */
  get #isPlain(): boolean {
    const { store } = this.#layout;
    return store === STORE.array || store === STORE.none || store === STORE.targets;
  }

  /** Of a trie: a count for each prefix length. */
  get #lengthsBytes(): number {
    return 4 * (8 * (this.keySize - 4) + 1);
  }

  #field(field: keyof typeof DESCRIPTOR): number {
    return this.#home.window.u32(this.pointer + DESCRIPTOR[field]);
  }

  /** Bytes of a value as JavaScript reads and writes it whole: all CPUs' values of a per-CPU map. */
  get #valueBytes(): number {
    return this.#layout.cpuStride > 0 ? this.#layout.cpuStride * this.#home.cpus : this.valueSize;
  }

  /** Puts key (and value) where routines can read them; calls `use` with their pointers. */
  #withScratch<T>(key: Uint8Array, value: Uint8Array | undefined, use: (key: number, value: number) => T): T {
    const { window, regions } = this.#home;
    const keyRoom = Math.ceil(key.length / 16) * 16;
    const bytes = keyRoom + (value?.length ?? 0);
    const fits = bytes <= PLACE.scratchEnd - PLACE.scratch;
    const at = fits ? PLACE.scratch : window.allocate(bytes);
    const region = fits ? undefined : regions.add({ name: 'the scratch area', start: at, end: at + bytes, privileged: true });
    try {
      window.write(at, key);
      if (value !== undefined) window.write(at + keyRoom, value);
      return use(at, at + keyRoom);
    } finally {
      if (region !== undefined) {
        regions.remove(region);
        window.free(at, bytes);
      }
    }
  }

  #encodeKey(key: unknown): Uint8Array<ArrayBuffer> {
    if (this.keySize === 0) this.#refuse('access by key', -22n);
    const bytes = new Uint8Array(this.keySize);
    this.#key.encode(key, bytes);
    return bytes;
  }

  /** Bytes that somebody else has made. */
  #checkKey(key: Uint8Array): void {
    if (key.length !== this.keySize) refuseValue(`key of map ${this.name}`, `${key.length} bytes given, it has ${this.keySize}`);
  }

  #refuse(what: string, result: bigint): never {
    const code = String(result);
    throw new BpfError(
      'map/refused',
      { in: 'option', name: this.name },
      `${what} of map ${this.name}: ${MESSAGES[code] ?? code} (${code})`,
    );
  }

  /** Pointer to the value (of CPU 0), as a program's lookup gives it. */
  lookup(key: Uint8Array): number | undefined {
    this.#checkKey(key);
    const found = this.#withScratch(key, undefined, (at) => this.#home.routines.call('map_lookup_percpu', this.pointer, at, 0));
    return found === 0n ? undefined : Number(found);
  }

  #readWhole(pointer: number): Uint8Array<ArrayBuffer> {
    const value = this.#home.window.read(pointer, this.#valueBytes);
    if (this.#hidden.length > 0) {
      const step = this.#layout.cpuStride || value.length;
      for (let at = 0; at < value.length; at += step) hide(value.subarray(at, at + step), this.#hidden);
    }
    return value;
  }

  /** The value as an update from outside puts it in: hidden fields stay as they are, or are zero in a new element. */
  #withHidden(key: Uint8Array, given: Uint8Array): Uint8Array {
    if (this.#hidden.length === 0 || given.length !== this.valueSize) return given;
    const value = given.slice();
    hide(value, this.#hidden);
    const old = this.#isPlain ? this.#place(key) : undefined;
    if (old !== undefined) for (const { offset, bytes } of this.#hidden) value.set(this.#home.window.read(old + offset, bytes), offset);
    return value;
  }

  /** Bytes of the value; all CPUs' of a per-CPU map, each rounded up to 8. */
  getBytes(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    const pointer = this.lookup(key);
    return pointer === undefined ? undefined : this.#readWhole(pointer);
  }

  /** 0, or a negative errno as bpf_map_update_elem gives it. `value`: of one CPU, or all CPUs' as `getBytes` gives them. */
  setBytes(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): number {
    const { routines, window, cpus } = this.#home;
    const stride = this.#layout.cpuStride;
    this.#checkKey(key);
    if (value.length !== this.valueSize && (stride === 0 || value.length !== stride * cpus)) {
      refuseValue(`value of map ${this.name}`, `${value.length} bytes given, it has ${this.valueSize}`);
    }
    if (this.#isPlain && this.#layout.store !== STORE.array) {
      const index = new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
      if (index >= this.maxEntries) return -7;
      window.write(this.storage + index * this.#layout.stride, value);
      return 0;
    }
    return this.#withScratch(key, this.#withHidden(key, value), (at, from) => {
      const cpu = window.u32(PLACE.globals);
      try {
        for (let i = 0; i < (stride === 0 ? 1 : cpus); i++) {
          window.setU32(PLACE.globals, stride === 0 ? cpu : i);
          const source = value.length === this.valueSize ? from : from + i * stride;
          const result = routines.call('map_update', this.pointer, at, source, i === 0 ? MODES[mode] : 0);
          if (result !== 0n) return Number(BigInt.asIntN(64, result));
        }
      } finally {
        window.setU32(PLACE.globals, cpu);
      }
      return 0;
    });
  }

  /** 0, or a negative errno as bpf_map_delete_elem gives it. */
  deleteBytes(key: Uint8Array): number {
    this.#checkKey(key);
    if (this.#isPlain && this.#layout.store !== STORE.array) return this.setBytes(key, new Uint8Array(this.valueSize));
    return Number(
      BigInt.asIntN(
        64,
        this.#withScratch(key, undefined, (at) => this.#home.routines.call('map_delete', this.pointer, at)),
      ),
    );
  }

  #decodeValue(pointer: number): unknown {
    return this.#decodeWhole(this.#readWhole(pointer));
  }

  #decodeWhole(bytes: Uint8Array): unknown {
    const { cpus, mapAt } = this.#home;
    if (this.row.ofMaps) return mapAt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
    const stride = this.#layout.cpuStride;
    if (stride === 0) return this.#value.decode(bytes);
    return Array.from({ length: cpus }, (_, cpu) => this.#value.decode(bytes.subarray(cpu * stride, cpu * stride + this.valueSize)));
  }

  /** An entry as `entries` gives it, from one of `entriesBytes`; the value is undefined where the slot is empty. */
  decode(key: Uint8Array, value: Uint8Array): [key: K, value: V | undefined] {
    return [this.#key.decode(key) as K, this.#decodeWhole(value) as V | undefined];
  }

  /** Undefined without types. */
  get keyShape(): Shape | undefined {
    return this.#key.shape;
  }
  get valueShape(): Shape | undefined {
    return this.#value.shape;
  }

  /** What `set` takes as a key, from its JSON. */
  keyFromJson(json: unknown): Input<K> {
    return this.#key.fromJson(json, `key of map ${this.name}`) as Input<K>;
  }

  /** What `set` takes as a value, from its JSON; `key` is for messages. */
  valueFromJson(key: unknown, json: unknown): Input<V> {
    const what = `${this.name}[${key === undefined ? '' : printKey(key)}]`;
    const one = (value: unknown): unknown => this.#value.fromJson(value, what);
    return (this.#layout.cpuStride > 0 && Array.isArray(json) ? json.map(one) : one(json)) as Input<V>;
  }

  /** Pointer to the element's storage, unlike `lookup` also for maps of maps. */
  #place(key: Uint8Array): number | undefined {
    if (this.#isPlain) {
      const index = new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
      return index < this.maxEntries ? this.storage + index * this.#layout.stride : undefined;
    }
    return this.lookup(key);
  }

  /** The value, a copy; of a per-CPU map, an array of each CPU's. Undefined: there is none. */
  get(key: Input<K>): V | undefined {
    const pointer = this.#place(this.#encodeKey(key));
    return pointer === undefined ? undefined : (this.#decodeValue(pointer) as V);
  }

  /** Of a map of devices, CPUs or sockets: whether there is something at that key. */
  hasTarget(key: Uint8Array): boolean {
    const place = this.#place(key);
    return place !== undefined && this.#home.window.u32(place) !== 0;
  }

  has(key: Input<K>): boolean {
    return this.#place(this.#encodeKey(key)) !== undefined;
  }

  /**
   * Puts a value in; members of a struct that are not given are zero. Of a per-CPU map: an array of each CPU's value, or one value for all.
   * `noexist`: only where there is none, `exist`: only where there is one. Throws where the kernel would refuse.
   */
  set(key: Input<K>, value: Input<V> | BpfMap, mode: UpdateMode = 'any'): this {
    const result = this.setBytes(this.#encodeKey(key), this.#encodeValue(key, value), mode);
    if (result !== 0) this.#refuse('update', BigInt(result));
    return this;
  }

  /** `set` for each pair: of a Map, of `entries()`, of an object, in which names stand for numbers where keys are numbers. */
  setAll(entries: Iterable<readonly [Input<K>, Input<V>]> | Readonly<Record<string, Input<V>>>): this {
    const pairs =
      Symbol.iterator in entries ? entries : Object.entries(entries).map(([name, value]) => [this.keyFromJson(name), value] as const);
    for (const [key, value] of pairs) this.set(key, value);
    return this;
  }

  #encodeValue(key: unknown, value: unknown): Uint8Array<ArrayBuffer> {
    const stride = this.#layout.cpuStride;
    const { cpus } = this.#home;
    const what = (): string => `${this.name}[${printKey(key)}]`;
    const bytes = new Uint8Array(this.valueSize);
    if (value instanceof BpfMap) {
      if (!this.row.ofMaps) this.#refuse('update', -22n);
      new DataView(bytes.buffer).setUint32(0, value.pointer, true);
      return bytes;
    }
    if (stride > 0 && value instanceof Uint8Array && value.length === stride * cpus) return value.slice();
    if (stride === 0 || !Array.isArray(value)) {
      this.#value.encode(value, bytes, what);
      return bytes;
    }
    if (value.length !== cpus) refuseValue(what(), `${value.length} values given, one for each CPU would be ${cpus}`);
    const all = new Uint8Array(stride * cpus);
    value.forEach((one: unknown, cpu) => {
      this.#value.encode(one, all.subarray(cpu * stride, cpu * stride + this.valueSize), () => `${what()}[${cpu}]`);
    });
    return all;
  }

  /** Whether there was one. An array's elements cannot be deleted. */
  delete(key: Input<K>): boolean {
    const result = this.deleteBytes(this.#encodeKey(key));
    if (result === -2) return false;
    if (result !== 0) this.#refuse('delete', BigInt(result));
    return true;
  }

  /** Elements of a hash; of an array, its length. */
  get size(): number {
    return this.#layout.bucketCount > 0 || this.row.kept === 'queue' ? this.#field('count') : this.maxEntries;
  }

  /** Key bytes and pointer to the value, in the map's own order. */
  *elements(): Generator<readonly [Uint8Array<ArrayBuffer>, number]> {
    const { window, routines } = this.#home;
    if (this.keySize === 0) return;
    if (this.#layout.bucketCount === 0) {
      for (let index = 0; index < this.maxEntries; index++) {
        const key = new Uint8Array(4);
        new DataView(key.buffer).setUint32(0, index, true);
        yield [key, this.storage + index * this.#layout.stride];
      }
      return;
    }
    let at = Number(routines.call('map_next', this.pointer, 0));
    for (let left = 2 * this.#layout.capacity; at !== 0; left--) {
      // A chain that a program made a ring has no end.
      if (left < 0) throw new BpfError('map/damaged', { in: 'option', name: this.name }, `map ${this.name} has more elements than room`);
      const key = window.read(at, this.keySize);
      const valueOffset = this.#layout.valueOffset - (this.#layout.store === STORE.hash4 ? 4 : 8);
      yield [key, at + valueOffset];
      at = Number(this.#withScratch(key, undefined, (pointer) => routines.call('map_next', this.pointer, pointer)));
    }
  }

  /** The element whose value the pointer lies in, or right behind: its key (undefined where there are no keys) and how far in. */
  elementAt(pointer: number): { readonly key: unknown; readonly cpu: number | undefined; readonly offset: number } | undefined {
    const { stride, valueOffset, cpuStride, capacity, bucketCount } = this.#layout;
    if (pointer < this.storage || pointer > this.storage + capacity * stride) return undefined;
    const index = Math.min(Math.floor((pointer - this.storage) / stride), capacity - 1);
    const node = this.storage + index * stride;
    const into = pointer - node - valueOffset;
    if (into < 0) return undefined;
    const keyAt = node + (this.#layout.store === STORE.hash4 ? 4 : 8);
    const key = bucketCount > 0 ? this.#key.decode(this.#home.window.read(keyAt, this.keySize)) : this.keySize === 0 ? undefined : index;
    if (cpuStride === 0) return { key, cpu: undefined, offset: into };
    return { key, cpu: Math.floor(into / cpuStride), offset: into % cpuStride };
  }

  /** In the map's own order. Empty slots of program arrays and of maps of maps are left out. The map must not change meanwhile. */
  *entries(): Generator<[key: K, value: V]> {
    for (const [key, pointer] of this.elements()) {
      const value = this.#decodeValue(pointer);
      if (value !== undefined) yield [this.#key.decode(key) as K, value as V];
    }
  }

  *entriesBytes(): Generator<[key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>]> {
    for (const [key, pointer] of this.elements()) yield [key, this.#readWhole(pointer)];
  }

  *keys(): Generator<K> {
    const mayBeEmpty = this.row.ofMaps || this.row.kept === 'programs';
    for (const [key, pointer] of this.elements()) {
      if (!mayBeEmpty || this.#decodeValue(pointer) !== undefined) yield this.#key.decode(key) as K;
    }
  }

  /** Of a queue or stack, what `pop` would give, which stays. */
  *values(): Generator<V> {
    if (this.row.kept !== 'queue') for (const [, value] of this.entries()) yield value;
    else for (let i = 0; i < this.#field('count'); i++) yield this.#value.decode(this.#queued(i)) as V;
  }

  [Symbol.iterator](): Generator<[key: K, value: V]> {
    return this.entries();
  }

  /** Queues and stacks: 0, or a negative errno as bpf_map_push_elem gives it. `evict`: drops the oldest element of a full one. */
  pushBytes(value: Uint8Array, evict = false): number {
    const { window } = this.#home;
    let count = this.#field('count');
    let head = this.#field('head');
    if (count === this.maxEntries) {
      if (!evict) return -7;
      head = (head + 1) % this.maxEntries;
      count--;
    }
    window.write(this.storage + ((head + count) % this.maxEntries) * this.#layout.stride, value);
    this.#setField('head', head);
    this.#setField('count', count + 1);
    return 0;
  }

  /** The next element of a queue or stack, taken out unless `peek`; undefined: it is empty. */
  popBytes(peek = false): Uint8Array<ArrayBuffer> | undefined {
    const count = this.#field('count');
    if (count === 0) return undefined;
    const value = this.#queued(0);
    if (!peek) {
      if (this.typeName === 'queue') this.#setField('head', (this.#field('head') + 1) % this.maxEntries);
      this.#setField('count', count - 1);
    }
    return value;
  }

  /** What pops give after `i` others. */
  #queued(i: number): Uint8Array<ArrayBuffer> {
    const position = this.typeName === 'queue' ? i : this.#field('count') - 1 - i;
    const index = (this.#field('head') + position) % this.maxEntries;
    return this.#home.window.read(this.storage + index * this.#layout.stride, this.valueSize);
  }

  /** Queues and stacks. Throws where it is full. */
  push(value: Input<V>): this {
    const bytes = new Uint8Array(this.valueSize);
    this.#value.encode(value, bytes);
    const result = this.row.kept === 'queue' ? this.pushBytes(bytes) : -22;
    if (result !== 0) this.#refuse('push', BigInt(result));
    return this;
  }

  /** Queues and stacks: the next value, taken out; undefined where there is none. */
  pop(): V | undefined {
    if (this.row.kept !== 'queue') this.#refuse('pop', -22n);
    const bytes = this.popBytes();
    return bytes === undefined ? undefined : (this.#value.decode(bytes) as V);
  }

  #setField(field: keyof typeof DESCRIPTOR, value: number): void {
    this.#home.window.setU32(this.pointer + DESCRIPTOR[field], value);
  }

  /** Deletes a hash's elements and a queue's; fills an array with zeros. */
  clear(): void {
    if (this.row.kept === 'queue') this.#setField('count', 0);
    else if (this.#layout.bucketCount === 0) this.#home.window.zero(this.storage, this.#layout.capacity * this.#layout.stride);
    else for (const [key] of [...this.elements()]) this.deleteBytes(key);
  }

  snapshot(): MapSnapshot {
    const { window } = this.#home;
    const used = this.#layout.bucketCount > 0 ? this.#field('used') : this.#layout.capacity;
    const parts = [
      { pointer: this.pointer, bytes: window.read(this.pointer, DESCRIPTOR_BYTES) },
      { pointer: this.storage, bytes: window.read(this.storage, used * this.#layout.stride) },
    ];
    if (used > 0 && this.#layout.bucketCount > 0) {
      const buckets = this.#field('buckets');
      parts.push({ pointer: buckets, bytes: window.read(buckets, 4 * this.#layout.bucketCount) });
      if (this.row.kept === 'lpm')
        parts.push({ pointer: this.#field('lengths'), bytes: window.read(this.#field('lengths'), this.#lengthsBytes) });
    }
    return { parts, used };
  }

  restore(snapshot: MapSnapshot): void {
    const { window } = this.#home;
    if (this.#layout.bucketCount > 0) {
      const usedNow = this.#field('used');
      const { stride, bucketCount } = this.#layout;
      if (usedNow > snapshot.used) window.zero(this.storage + snapshot.used * stride, (usedNow - snapshot.used) * stride);
      if (snapshot.used === 0 && usedNow > 0) {
        window.zero(this.#field('buckets'), 4 * bucketCount);
        if (this.row.kept === 'lpm') window.zero(this.#field('lengths'), this.#lengthsBytes);
      }
    }
    for (const { pointer, bytes } of snapshot.parts) window.write(pointer, bytes);
  }
}

/** For messages. */
function printKey(key: unknown): string {
  if (key instanceof Uint8Array) return toHex(key, ' ');
  const text = JSON.stringify(key, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? toHex(value) : value,
  );
  return typeof key === 'bigint' ? String(key) : text;
}
