// A map as bytes: its storage lies in the window, and every access goes through the routine that programs use. What bpf(2) would say is what
// the calls here give: 0 or a negative error number. maps.ts gives keys and values their types.
import { lookupRoutine, MAP_FLAG, type MapTypeRow, mapTypeName, mapTypeRow, STORE, UPDATE } from '../../spec/maps.ts';
import { assert, BpfError } from '../../util/error.ts';
import type { Region, Regions } from '../../window/regions.ts';
import { PLACE, type Window } from '../../window/window.ts';
import { ERRNO } from '../helpers/errno.ts';
import { DESCRIPTOR, DESCRIPTOR_BYTES, INNER, isReadOnly, layoutOf, type MapLayout, type MapOptions, RING_PAGE } from './descriptor.ts';
import { type HiddenField, hide, specialRows } from './hidden-fields.ts';
import { initLru, lruBytes } from './lru-state.ts';
import { notEmptied, refusedBySlot, type Slot } from './map-slots.ts';
import { Ring } from './rings.ts';
import { type Routines, routineEntry } from './routines.ts';
import { inPostorder } from './tries.ts';
import { refuseValue } from './values.ts';

/** What maps share: one per loaded object. */
export interface MapHome {
  readonly window: Window;
  readonly regions: Regions;
  readonly routines: Routines;
  readonly cpus: number;
  /** The map whose descriptor lies at that pointer. */
  mapAt(descriptor: number): MapStore | undefined;
  /** Sockets that the caller has given, by pointer and back; absent: there are none. */
  readonly sockets?: SocketPointers;
}

export interface SocketPointers {
  /** 0: it is none of the option `sockets`. */
  pointerOf(socket: unknown): number;
  at(pointer: number): unknown;
}

/** A saved state of a map: bytes by place. */
export interface MapSnapshot {
  readonly parts: readonly { readonly pointer: number; readonly bytes: Uint8Array }[];
  readonly used: number;
  readonly lost: number;
  /** Of a ring: how far the runs' results have told of records. */
  readonly reported: number;
}

const MESSAGES: Readonly<Record<number, string>> = {
  [ERRNO.EPERM]: 'the map is frozen, or its flags do not allow that from outside programs',
  [ERRNO.ENOENT]: 'no such element',
  [ERRNO.E2BIG]: 'the map is full, or the index is beyond its end',
  [ERRNO.ENOMEM]: 'no element can be evicted',
  [ERRNO.EEXIST]: 'the element exists already',
  [ERRNO.ENODEV]: 'there is no such CPU',
  [ERRNO.EINVAL]: 'not possible for this type of map, or with these flags',
  [ERRNO.ENOSPC]: 'the trie is full',
  [ERRNO.EOVERFLOW]: 'the queue of a CPU would be too long',
  [ERRNO.EOPNOTSUPP]: 'this type of map cannot do that',
};

/** `any`: put in or overwrite; `noexist`: only where the key is new; `exist`: only where it is not. BPF_ANY, BPF_NOEXIST, BPF_EXIST. */
export type UpdateMode = 'any' | 'noexist' | 'exist';
const MODES: Readonly<Record<UpdateMode, number>> = { any: 0, noexist: 1, exist: 2 };

/** Memory of a map beside its descriptor and elements. */
interface Area {
  readonly pointer: number;
  readonly bytes: number;
}

export interface StoreOptions extends MapOptions {
  /** Fields of the value that are not for the outside. */
  readonly hidden?: readonly HiddenField[];
  /** Of a map of maps: what its maps look like. */
  readonly inner?: MapOptions;
}

export class MapStore {
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
  /** @internal */
  readonly row: MapTypeRow;
  /** Ring buffers: positions and records. */
  readonly ring: Ring | undefined;
  /** Perf event arrays: events that found no room. */
  get lost(): number {
    return this.#state.lost;
  }
  set lost(events: number) {
    this.#state.lost = events;
  }
  /** @internal Slot of the routine that looks its elements up. */
  readonly lookupEntry: number;
  protected readonly home: MapHome;
  protected readonly layout: MapLayout;
  readonly #hidden: readonly HiddenField[];
  readonly #inner: MapOptions | undefined;
  readonly #regions: Region[];
  /** What a snapshot takes whole once there was an element: buckets, lengths, lists. */
  readonly #areas: Area[];
  /** What all objects that share the map see. */
  readonly #state: { isFrozen: boolean; lost: number };

  /** `shared`: the map of another object in the same window that this one is another view of. */
  constructor(home: MapHome, options: StoreOptions, shared?: MapStore) {
    const row = mapTypeRow(options.type);
    if (row === undefined || row.kept === 'refused') {
      const why = row === undefined ? 'no such type is known' : row.state;
      throw new BpfError(
        'map/type',
        { in: 'option', name: options.name },
        `map ${options.name}: ${mapTypeName(options.type)} maps are not supported: ${why}`,
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
    this.home = home;
    this.#hidden = options.hidden ?? [];
    this.#inner = options.inner;
    if (shared !== undefined) {
      this.layout = shared.layout;
      this.pointer = shared.pointer;
      this.storage = shared.storage;
      this.ring = shared.ring;
      this.#areas = shared.#areas;
      this.#state = shared.#state;
      // In the same home they are there already.
      this.#regions = shared.home === home ? shared.#regions : shared.#regions.map((region) => home.regions.add(region));
      return;
    }
    this.#areas = [];
    this.#state = { isFrozen: false, lost: 0 };
    this.#regions = [];
    const layout = layoutOf(options, row, home.cpus);
    this.layout = layout;
    this.pointer = home.window.allocate(DESCRIPTOR_BYTES);
    const hash = layout.bucketCount > 0;
    const buckets = hash ? this.#area('buckets', 4 * layout.bucketCount) : 0;
    const bytes = layout.capacity * layout.stride;
    this.storage = row.kept === 'ring' ? allocatePages(home.window, bytes) : home.window.allocate(bytes);
    const lengths = row.kept === 'lpm' ? this.#area('lengths', this.#lengthsBytes) : 0;
    const lru = row.lru ? this.#area('lists', lruBytes(options, home.cpus)) : 0;
    if (lru !== 0) initLru(home.window, lru, options, layout, home.cpus);
    const special = specialRows(this.#hidden, this.valueSize);
    this.#describe({
      ...{ type: this.type, keySize: layout.keyBytes, valueSize: this.valueSize, maxEntries: layout.entries, flags: this.flags },
      ...{ store: layout.store, storage: this.storage, stride: layout.stride, buckets, valueOffset: layout.valueOffset, lengths, lru },
      ...{ shift: hash ? 64 - Math.log2(layout.bucketCount) : 0, cpuStride: layout.cpuStride, cpus: home.cpus },
      ...{ hashes: layout.hashes, mask: layout.mask, lock: this.#hasLock ? 1 : 0 },
      inner: row.ofMaps ? INNER.maps : row.ofSockets ? INNER.sockets : INNER.values,
      special: special === undefined ? 0 : this.#table(special),
    });
    this.#addRegion({ name: `map ${this.name}`, start: this.pointer, end: this.pointer + DESCRIPTOR_BYTES, privileged: true });
    this.ring = row.kept === 'ring' ? this.#makeRing(bytes) : undefined;
    if (this.ring === undefined) this.#addStorage(isReadOnly(options));
  }

  /** @internal As it was defined. */
  get options(): MapOptions {
    const { name, type, keySize, valueSize, maxEntries, flags } = this;
    return { name, type, keySize, valueSize, maxEntries, flags };
  }

  /** @internal The memory, maps and sockets that it was made for. */
  get owner(): MapHome {
    return this.home;
  }

  /** @internal Whether a definition is that of this map: what libbpf asks before it takes a pinned map. */
  isLike({ type, keySize, valueSize, maxEntries, flags }: MapOptions): boolean {
    const sameSizes = this.keySize === keySize && this.valueSize === valueSize && this.maxEntries === maxEntries;
    return sameSizes && this.type === type && this.flags === flags;
  }

  get #hasLock(): boolean {
    return this.#hidden.some(({ isLock }) => isLock);
  }

  #describe(fields: Partial<Record<keyof typeof DESCRIPTOR, number>>): void {
    for (const [field, value] of Object.entries(fields)) this.#setField(field as keyof typeof DESCRIPTOR, value);
  }

  #addRegion(options: Parameters<Regions['add']>[0]): void {
    this.#regions.push(this.home.regions.add(options));
  }

  /** Memory that only routines use; snapshots take it along. */
  #area(what: string, bytes: number): number {
    const pointer = this.#memory(what, bytes);
    this.#areas.push({ pointer, bytes });
    return pointer;
  }

  #memory(what: string, bytes: number): number {
    const pointer = this.home.window.allocate(bytes);
    this.#addRegion({ name: `the ${what} of map ${this.name}`, start: pointer, end: pointer + bytes, privileged: true });
    return pointer;
  }

  /** Words that do not change. */
  #table(words: Uint32Array<ArrayBuffer>): number {
    const pointer = this.#memory('fields', words.byteLength);
    this.home.window.write(pointer, new Uint8Array(words.buffer));
    return pointer;
  }

  #makeRing(bytes: number): Ring {
    const { window, regions } = this.home;
    const numbers = this.#memory('numbers', this.maxEntries / 2);
    const ring = new Ring(window, this.pointer, this.storage, this.maxEntries, numbers);
    this.#setField('lengths', numbers);
    window.setU32(this.storage, this.pointer);
    this.#regions.push(
      regions.add({
        ...{ name: `a record of ring ${this.name}`, start: this.storage, end: this.storage + bytes },
        elementAt: (pointer) => ring.reserved(pointer),
      }),
    );
    return ring;
  }

  #addStorage(readOnly: boolean): void {
    const { row } = this;
    const { capacity, stride, cpuStride, bucketCount, valueOffset, store } = this.layout;
    const hash = bucketCount > 0;
    this.#addRegion({
      name: capacity === 1 ? `the value of map ${this.name}` : `a value of map ${this.name}`,
      start: this.storage,
      end: this.storage + capacity * stride,
      writable: !readOnly,
      // A per-CPU value is an element of its own; of a hash, only the value part of a node is the program's.
      ...(cpuStride > 0 && !hash
        ? { stride: cpuStride, elementSize: this.valueSize }
        : { stride, elementOffset: valueOffset, elementSize: cpuStride > 0 ? stride - valueOffset : this.valueSize }),
      ...(hash ? { liveCount: this.pointer + DESCRIPTOR.used } : {}),
      privileged:
        (store === STORE.none && row.kept !== 'storage') ||
        (store >= STORE.queue && store <= STORE.ring) ||
        row.ofMaps === true ||
        row.ofSockets === true,
    });
  }

  /** Elements are found by index. */
  get #isPlain(): boolean {
    const { store } = this.layout;
    return store === STORE.array || store === STORE.none || store === STORE.targets;
  }

  /** Slots hold what is outside, or maps. */
  protected get hasSlots(): boolean {
    const { kept, ofMaps } = this.row;
    return kept === 'programs' || kept === 'events' || kept === 'targets' || (kept === 'array' && ofMaps === true);
  }

  /** Of a trie: struct length for each prefix length. */
  get #lengthsBytes(): number {
    return 8 * (8 * (this.keySize - 4) + 1);
  }

  #field(field: keyof typeof DESCRIPTOR): number {
    return this.home.window.u32(this.pointer + DESCRIPTOR[field]);
  }

  /** Bytes of a value as JavaScript reads and writes it whole: all CPUs' values of a per-CPU map. */
  get #valueBytes(): number {
    return this.layout.cpuStride > 0 ? this.layout.cpuStride * this.home.cpus : this.valueSize;
  }

  /** Puts key (and value) where routines can read them; calls `use` with their pointers. */
  #withScratch<T>(key: Uint8Array, value: Uint8Array | undefined, use: (key: number, value: number) => T): T {
    const { window, regions } = this.home;
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

  protected refuse(what: string, code: number): never {
    throw new BpfError(
      'map/refused',
      { in: 'option', name: this.name },
      `${what} of map ${this.name}: ${MESSAGES[code] ?? code} (${code})`,
    );
  }

  /** As BPF_MAP_FREEZE: from now on only programs write. */
  freeze(): this {
    this.#state.isFrozen = true;
    return this;
  }

  #cannotWrite(): boolean {
    return this.#state.isFrozen || (this.flags & MAP_FLAG.readOnly) !== 0;
  }

  protected mayRead(): void {
    if (!this.isReadable) this.refuse('reading', ERRNO.EPERM);
  }

  /** Whether others than programs may read it: BPF_F_WRONLY is not set. */
  get isReadable(): boolean {
    return (this.flags & MAP_FLAG.writeOnly) === 0;
  }

  /** Bytes that somebody else has made. */
  #checkKey(key: Uint8Array): void {
    const { keyBytes } = this.layout;
    if (key.length !== keyBytes) refuseValue(`key of map ${this.name}`, `${key.length} bytes given, it has ${keyBytes}`);
  }

  protected checkValue(value: Uint8Array): void {
    const all = this.layout.cpuStride * this.home.cpus;
    if (value.length === this.valueSize || (all > 0 && value.length === all)) return;
    refuseValue(`value of map ${this.name}`, `${value.length} bytes given, it has ${this.valueSize}`);
  }

  /** Pointer to the value (of CPU 0), without using the element. */
  lookup(key: Uint8Array): number | undefined {
    this.#checkKey(key);
    const found = this.#withScratch(key, undefined, (at) => this.home.routines.call('map_find', this.pointer, at));
    return found === 0n ? undefined : Number(found);
  }

  /** @internal Where the only value of a storage lies for the CPU that runs. */
  get valueHere(): number {
    return this.storage + this.layout.cpuStride * this.home.window.u32(PLACE.globals);
  }

  protected readWhole(pointer: number): Uint8Array<ArrayBuffer> {
    const value = this.home.window.read(pointer, this.#valueBytes);
    if (this.#hidden.length > 0) {
      const step = this.layout.cpuStride || value.length;
      for (let at = 0; at < value.length; at += step) hide(value.subarray(at, at + step), this.#hidden);
    }
    return value;
  }

  /** Bytes of the value; all CPUs' of a per-CPU map, each rounded up to 8. Undefined: no such element, an empty slot. */
  getBytes(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    this.#checkKey(key);
    this.mayRead();
    const pointer = this.place(key);
    return pointer === undefined ? undefined : this.readWhole(pointer);
  }

  /**
   * 0, or a negative errno as BPF_MAP_UPDATE_ELEM gives it. `value`: of one CPU for all, or all CPUs' as `getBytes` gives them. `flags`: a
   * mode, or the number with BPF_F_LOCK and all.
   */
  setBytes(key: Uint8Array, value: Uint8Array, flags: UpdateMode | number = 'any'): number {
    const { routines, window, cpus } = this.home;
    const stride = this.layout.cpuStride;
    this.#checkKey(key);
    this.checkValue(value);
    const mode = typeof flags === 'number' ? flags : MODES[flags];
    if (this.#cannotWrite()) return ERRNO.EPERM;
    if ((mode & UPDATE.lock) !== 0 && !this.#hasLock) return ERRNO.EINVAL;
    if (this.hasSlots) return this.#setSlot(key, value, mode);
    if (this.row.kept === 'storage') {
      window.write(this.storage, value);
      return 0;
    }
    const word = value.length >= 4 ? new DataView(value.buffer, value.byteOffset).getUint32(0, true) : 0;
    // The kernel looks for neither flag there. [kernel __dev_map_hash_update_elem]
    if (this.typeName === 'devmap_hash' && (word === 0 || mode > UPDATE.exist)) return ERRNO.EINVAL;
    if (this.row.ofMaps === true && !this.#holds(word)) return ERRNO.EINVAL;
    const wanted = this.typeName === 'devmap_hash' && mode === UPDATE.exist ? UPDATE.any : mode;
    const given = stride > 0 && value.length === this.valueSize ? repeated(value, stride, cpus) : value;
    return this.#withScratch(key, given, (at, from) => {
      window.setU32(ALL_CPUS, 1);
      try {
        return Number(BigInt.asIntN(64, routines.call('map_update', this.pointer, at, this.row.ofSockets ? word : from, wanted)));
      } finally {
        window.setU32(ALL_CPUS, 0);
      }
    });
  }

  /** Whether the map with that descriptor looks as this map's definition says. [kernel bpf_map_meta_equal, array_map_meta_equal] */
  #holds(descriptor: number): boolean {
    const map = this.home.mapAt(descriptor);
    const inner = this.#inner;
    if (map === undefined) return false;
    if (inner === undefined) return true;
    const isAnySize = map.row.kept !== 'array' || (map.flags & MAP_FLAG.innerMap) !== 0;
    const alike =
      map.type === inner.type && map.keySize === inner.keySize && map.valueSize === inner.valueSize && map.flags === inner.flags;
    return alike && (isAnySize || map.maxEntries === inner.maxEntries);
  }

  #slot(key: Uint8Array): Slot & { readonly index: number; readonly pointer: number } {
    const index = new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
    const isInside = index < this.maxEntries;
    const pointer = this.storage + index * this.layout.stride;
    return { type: this.type, index, pointer, isInside, isFull: isInside && this.home.window.u32(pointer) !== 0 };
  }

  #setSlot(key: Uint8Array, value: Uint8Array, flags: number): number {
    const { window, cpus } = this.home;
    const slot = this.#slot(key);
    const word = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    const refused = refusedBySlot(slot, flags, word, slot.index, cpus);
    if (refused !== 0) return refused;
    if (this.row.ofMaps === true && !this.#holds(word)) return ERRNO.EINVAL;
    window.write(slot.pointer, value);
    return 0;
  }

  /** 0, or a negative errno as BPF_MAP_DELETE_ELEM gives it. */
  deleteBytes(key: Uint8Array): number {
    this.#checkKey(key);
    if (this.#cannotWrite()) return ERRNO.EPERM;
    if (this.hasSlots) {
      const slot = this.#slot(key);
      const refused = notEmptied(slot);
      if (refused === 0) this.home.window.zero(slot.pointer, this.layout.stride);
      return refused;
    }
    const result = this.#withScratch(key, undefined, (at) => this.home.routines.call('map_delete', this.pointer, at));
    return Number(BigInt.asIntN(64, result));
  }

  /** Pointer to the element's storage; undefined: there is none, or its slot is empty. */
  protected place(key: Uint8Array): number | undefined {
    if (!this.#isPlain) return this.lookup(key);
    const { isInside, isFull, pointer } = this.#slot(key);
    return isInside && (isFull || !this.hasSlots) ? pointer : undefined;
  }

  /** @internal Of a map of sockets: the pointer at that key, 0: none. */
  socketAt(key: Uint8Array): number {
    this.#checkKey(key);
    const place = this.row.ofSockets === true ? this.place(key) : undefined;
    return place === undefined ? 0 : this.home.window.u32(place);
  }

  /** @internal Of a map of devices or CPUs: whether there is something at that key. */
  hasTarget(key: Uint8Array): boolean {
    this.#checkKey(key);
    return this.place(key) !== undefined;
  }

  /** Elements of a hash; of an array, its length. */
  get size(): number {
    return this.layout.bucketCount > 0 || this.row.kept === 'queue' ? this.#field('count') : this.maxEntries;
  }

  /** @internal Key bytes and pointer to the value, in the map's own order: of arrays the indexes', of tries the kernel's. */
  *elements(): Generator<readonly [Uint8Array<ArrayBuffer>, number]> {
    if (this.row.kept === 'lpm') yield* inPostorder([...this.#nodes()]);
    else if (this.layout.bucketCount > 0) yield* this.#nodes();
    else if (this.#isPlain && this.keySize === 4) {
      for (let index = 0; index < this.maxEntries; index++) {
        const key = new Uint8Array(4);
        new DataView(key.buffer).setUint32(0, index, true);
        yield [key, this.storage + index * this.layout.stride];
      }
    }
  }

  /** In the order of map_next, bucket after bucket. What is deleted meanwhile is left out. */
  *#nodes(): Generator<readonly [Uint8Array<ArrayBuffer>, number]> {
    const { window } = this.home;
    const { keyBytes, valueOffset, store, bucketCount } = this.layout;
    const keyAt = store === STORE.hash4 ? 4 : 8;
    const buckets = this.#field('buckets');
    for (let head = buckets; head < buckets + 4 * bucketCount; head += 4) {
      if (window.u32(head) === 0) continue;
      const chain = this.#chain(head);
      for (const at of chain) {
        if (at === chain[0] || this.#chain(head).includes(at)) yield [window.read(at + keyAt, keyBytes), at + valueOffset];
      }
    }
  }

  /** The nodes of a bucket; a program may have damaged them. */
  #chain(head: number): number[] {
    const { window } = this.home;
    const { capacity, stride } = this.layout;
    const chain: number[] = [];
    for (let at = window.u32(head); at !== 0; at = window.u32(at)) {
      if (at < this.storage || at >= this.storage + capacity * stride || chain.length > capacity) {
        throw new BpfError('map/damaged', { in: 'option', name: this.name }, `map ${this.name}: the chains of its elements are damaged`);
      }
      chain.push(at);
    }
    return chain;
  }

  *entriesBytes(): Generator<[key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>]> {
    this.mayRead();
    for (const [key, pointer] of this.elements()) yield [key, this.readWhole(pointer)];
  }

  /** 0, or a negative errno as bpf_map_push_elem gives it. `flags`: 2, BPF_EXIST, drops the oldest element of a full queue or stack. */
  pushBytes(value: Uint8Array, flags = 0): number {
    this.checkValue(value);
    if (this.#cannotWrite()) return ERRNO.EPERM;
    const result = this.#withScratch(value, undefined, (at) => this.home.routines.call('map_push', this.pointer, at, flags));
    return Number(BigInt.asIntN(64, result));
  }

  #take(routine: 'map_pop' | 'map_peek'): Uint8Array<ArrayBuffer> | undefined {
    this.mayRead();
    const { window, routines } = this.home;
    return this.#withScratch(new Uint8Array(this.valueSize), undefined, (at) => {
      const result = Number(BigInt.asIntN(64, routines.call(routine, this.pointer, at)));
      if (result === ERRNO.ENOENT) return undefined;
      if (result !== 0) this.refuse(routine.slice(4), result);
      return window.read(at, this.valueSize);
    });
  }

  /** The next element of a queue or stack, taken out unless `peek`; undefined: it is empty. */
  popBytes(peek = false): Uint8Array<ArrayBuffer> | undefined {
    if (!peek && this.#cannotWrite()) this.refuse('pop', ERRNO.EPERM);
    return this.#take(peek ? 'map_peek' : 'map_pop');
  }

  /** Of a bloom filter: false: the value was never added; true: it was, or others that look like it. */
  mayHaveBytes(value: Uint8Array): boolean {
    this.checkValue(value);
    if (this.row.kept !== 'bloom') this.refuse('a question for a bloom filter', ERRNO.EINVAL);
    return this.#withScratch(value, undefined, (at) => this.home.routines.call('map_peek', this.pointer, at)) === 0n;
  }

  /** @internal What pops give after `i` others. */
  queued(i: number): Uint8Array<ArrayBuffer> {
    const position = this.layout.store === STORE.queue ? i : this.#field('count') - 1 - i;
    const index = (this.#field('head') + position) % this.maxEntries;
    return this.home.window.read(this.storage + index * this.layout.stride, this.valueSize);
  }

  #setField(field: keyof typeof DESCRIPTOR, value: number): void {
    this.home.window.setU32(this.pointer + DESCRIPTOR[field], value);
  }

  /** Deletes the elements; fills an array with zeros. */
  clear(): void {
    if (this.layout.bucketCount > 0) for (const [key] of [...this.elements()]) this.deleteBytes(key);
    else if (this.ring !== undefined) this.ring.consumer = this.ring.producer;
    else {
      this.home.window.zero(this.storage, this.layout.capacity * this.layout.stride);
      this.#setField('count', 0);
    }
  }

  snapshot(): MapSnapshot {
    const { window } = this.home;
    const { bucketCount, capacity, stride } = this.layout;
    const read = ({ pointer, bytes }: Area) => ({ pointer, bytes: window.read(pointer, bytes) });
    const used = bucketCount > 0 ? this.#field('used') : capacity;
    const parts = [read({ pointer: this.pointer, bytes: DESCRIPTOR_BYTES })];
    if (this.ring !== undefined) parts.push(...this.ring.parts().map(read));
    else parts.push(read({ pointer: this.storage, bytes: used * stride }));
    if (used > 0) parts.push(...this.#areas.map(read));
    return { parts, used, lost: this.lost, reported: this.ring?.reported ?? 0 };
  }

  restore(snapshot: MapSnapshot): void {
    const { window } = this.home;
    const { bucketCount, stride } = this.layout;
    if (bucketCount > 0) {
      const usedNow = this.#field('used');
      if (usedNow > snapshot.used) window.zero(this.storage + snapshot.used * stride, (usedNow - snapshot.used) * stride);
      if (snapshot.used === 0 && usedNow > 0) this.#resetAreas();
    }
    for (const { pointer, bytes } of snapshot.parts) window.write(pointer, bytes);
    this.lost = snapshot.lost;
    if (this.ring !== undefined) this.ring.reported = snapshot.reported;
  }

  /** As before the first element. */
  #resetAreas(): void {
    const { window, cpus } = this.home;
    for (const { pointer, bytes } of this.#areas) window.zero(pointer, bytes);
    if (this.row.lru) initLru(window, this.#field('lru'), this, this.layout, cpus);
  }
}

/** struct globals, routines/map.h. */
const ALL_CPUS = PLACE.globals + 4;

/** One value for all CPUs. */
function repeated(value: Uint8Array, stride: number, cpus: number): Uint8Array {
  const all = new Uint8Array(stride * cpus);
  for (let cpu = 0; cpu < cpus; cpu++) all.set(value, cpu * stride);
  return all;
}

/** Zeroed bytes from the start of a page on. */
function allocatePages(window: Window, bytes: number): number {
  return Math.ceil(window.allocate(bytes + RING_PAGE) / RING_PAGE) * RING_PAGE;
}
