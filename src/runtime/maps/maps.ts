// A map as JavaScript sees it: keys and values through their types.
import type { Shape } from '../../btf/shape.ts';
import { STORE } from '../../spec/maps.ts';
import { toHex } from '../../util/bytes.ts';
import { ERRNO } from '../helpers/errno.ts';
import type { Input } from '../object/types.ts';
import type { MapOptions } from './descriptor.ts';
import type { HiddenField } from './hidden-fields.ts';
import { type MapHome, MapStore, type UpdateMode } from './map-store.ts';
import { plainCodec, refuseValue, type ValueCodec } from './values.ts';

export type { MapHome, MapSnapshot, SocketPointers, UpdateMode } from './map-store.ts';

export interface MapCodecs {
  readonly key?: ValueCodec;
  readonly value?: ValueCodec;
  /** Fields of the value that are not for the outside. */
  readonly hidden?: readonly HiddenField[];
  /** Of a map of maps: what its maps look like. */
  readonly inner?: MapOptions;
}

// Any where nothing is known: then every map can stand where one is wanted.
/**
 * A map of a loaded object. Keys and values are what the map's BTF types say: structs are objects, arrays lists, `char` arrays strings, other
 * byte arrays Uint8Arrays, integers of up to 32 bits numbers, wider ones bigints. Without types 1, 2 and 4 bytes are numbers, 8 bytes
 * bigints, anything else bytes. The bytes themselves are always taken too. Values of per-CPU maps are arrays, one element a CPU; of
 * program arrays program names; of maps of maps maps. What does not fit is refused: `map/value` with the place in the value; what the
 * kernel would refuse is `map/refused`.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export class BpfMap<K = any, V = any> extends MapStore {
  readonly #key: ValueCodec;
  readonly #value: ValueCodec;

  readonly #store: Pick<MapCodecs, 'hidden' | 'inner'>;

  /** @internal `shared`: the map of another object in the same window that this one is another view of. */
  constructor(home: MapHome, options: MapOptions, { key, value, ...store }: MapCodecs = {}, shared?: BpfMap) {
    super(home, { ...options, ...store }, shared);
    this.#store = store;
    // Storages of sockets and their like are keyed by pointers, whatever the definition says.
    this.#key = (this.row.kept === 'local' ? undefined : key) ?? plainCodec(this.layout.keyBytes, `key of map ${options.name}`);
    this.#value = value ?? plainCodec(options.valueSize, `value of map ${options.name}`);
  }

  /** @internal The same map, for another object in the same window. */
  viewIn(home: MapHome): BpfMap {
    return new BpfMap(home, this.options, this.#codecs, this as BpfMap);
  }

  /** @internal The same map by another name, its values as that object's types say. */
  named(name: string, codecs: MapCodecs | undefined): BpfMap {
    return new BpfMap(this.home, { ...this.options, name }, codecs ?? this.#codecs, this as BpfMap);
  }

  get #codecs(): MapCodecs {
    return { key: this.#key, value: this.#value, ...this.#store };
  }

  #encodeKey(key: unknown): Uint8Array<ArrayBuffer> {
    const { keyBytes } = this.layout;
    if (keyBytes === 0) this.refuse('access by key', ERRNO.EINVAL);
    const bytes = new Uint8Array(keyBytes);
    const isOwner = this.row.kept === 'local' && typeof key === 'object' && !(key instanceof Uint8Array);
    this.#key.encode(isOwner ? this.home.sockets?.pointerOf(key) : key, bytes);
    return bytes;
  }

  #decodeValue(pointer: number): unknown {
    return this.#decodeWhole(this.readWhole(pointer));
  }

  #decodeWhole(bytes: Uint8Array): unknown {
    const { cpus, mapAt, sockets } = this.home;
    const stride = this.layout.cpuStride;
    if (this.hasSlots || this.row.ofMaps || this.row.ofSockets) {
      const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      if (word === 0) return undefined;
      if (this.row.ofMaps) return mapAt(word);
      if (this.row.ofSockets) return sockets?.at(word);
    }
    if (stride === 0) return this.#value.decode(bytes);
    return Array.from({ length: cpus }, (_, cpu) => this.#value.decode(bytes.subarray(cpu * stride, cpu * stride + this.valueSize)));
  }

  /** An entry as `entries` gives it, from one of `entriesBytes`; the value is undefined where the slot is empty. */
  decode(key: Uint8Array, value: Uint8Array): [key: K, value: V | undefined] {
    return [this.#key.decode(key) as K, this.#decodeWhole(value) as V | undefined];
  }

  /** @internal Undefined without types. */
  get keyShape(): Shape | undefined {
    return this.#key.shape;
  }
  /** @internal */
  get valueShape(): Shape | undefined {
    return this.#value.shape;
  }

  /** @internal What `set` takes as a key, from its JSON. */
  keyFromJson(json: unknown): unknown {
    return this.#key.fromJson(json, `key of map ${this.name}`);
  }

  /** @internal What `set` takes as a value, from its JSON; `key` is for messages. */
  valueFromJson(key: unknown, json: unknown): unknown {
    const what = `${this.name}[${key === undefined ? '' : printKey(key)}]`;
    const one = (value: unknown): unknown => this.#value.fromJson(value, what);
    return this.layout.cpuStride > 0 && Array.isArray(json) ? json.map(one) : one(json);
  }

  /** The value, a copy; of a per-CPU map, an array of each CPU's. Undefined: there is none. */
  get(key: Input<K>): V | undefined {
    this.mayRead();
    const pointer = this.place(this.#encodeKey(key));
    return pointer === undefined ? undefined : (this.#decodeValue(pointer) as V);
  }

  has(key: Input<K>): boolean {
    this.mayRead();
    return this.place(this.#encodeKey(key)) !== undefined;
  }

  /**
   * Puts a value in; members of a struct that are not given are zero. Of a per-CPU map: an array of each CPU's value, or one value for all.
   * `noexist`: only where there is none, `exist`: only where there is one. Throws where the kernel would refuse.
   */
  set(key: Input<K>, value: Input<V>, mode: UpdateMode | number = 'any'): this {
    const result = this.setBytes(this.#encodeKey(key), this.#encodeValue(key, value), mode);
    if (result !== 0) this.refuse('update', result);
    return this;
  }

  /** `set` for each pair: of a Map, of `entries()`, of an object, in which names stand for numbers where keys are numbers. */
  setAll(entries: Iterable<readonly [Input<K>, Input<V>]> | Readonly<Record<string, Input<V>>>): this {
    const pairs =
      Symbol.iterator in entries
        ? entries
        : Object.entries(entries).map(([name, value]) => [this.keyFromJson(name) as Input<K>, value] as const);
    for (const [key, value] of pairs) this.set(key, value);
    return this;
  }

  #encodeValue(key: unknown, value: unknown): Uint8Array<ArrayBuffer> {
    const stride = this.layout.cpuStride;
    const { cpus } = this.home;
    const what = (): string => `${this.name}[${printKey(key)}]`;
    const bytes = new Uint8Array(this.valueSize);
    if (value instanceof BpfMap) {
      if (!this.row.ofMaps) this.refuse('update', ERRNO.EINVAL);
      new DataView(bytes.buffer).setUint32(0, value.pointer, true);
      return bytes;
    }
    if (this.row.ofSockets) {
      const socket = this.home.sockets?.pointerOf(value) ?? 0;
      if (socket === 0) refuseValue(what(), 'no socket of the option `sockets`');
      new DataView(bytes.buffer).setUint32(0, socket, true);
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
    if (result === ERRNO.ENOENT) return false;
    if (result !== 0) this.refuse('delete', result);
    return true;
  }

  /** @internal The element whose value the pointer lies in, or right behind: its key (undefined where there are no keys) and how far in. */
  elementAt(pointer: number): { readonly key: unknown; readonly cpu: number | undefined; readonly offset: number } | undefined {
    const { stride, valueOffset, cpuStride, capacity, bucketCount, keyBytes } = this.layout;
    if (pointer < this.storage || pointer > this.storage + capacity * stride) return undefined;
    const index = Math.min(Math.floor((pointer - this.storage) / stride), capacity - 1);
    const node = this.storage + index * stride;
    const into = pointer - node - valueOffset;
    if (into < 0) return undefined;
    const keyAt = node + (this.layout.store === STORE.hash4 ? 4 : 8);
    const key = bucketCount > 0 ? this.#key.decode(this.home.window.read(keyAt, keyBytes)) : keyBytes === 0 ? undefined : index;
    if (cpuStride === 0) return { key, cpu: undefined, offset: into };
    return { key, cpu: Math.floor(into / cpuStride), offset: into % cpuStride };
  }

  /** In the map's own order. Empty slots of program arrays and of maps of maps are left out. The map must not change meanwhile. */
  *entries(): Generator<[key: K, value: V]> {
    this.mayRead();
    for (const [key, pointer] of this.elements()) {
      const value = this.#decodeValue(pointer);
      if (value !== undefined) yield [this.#key.decode(key) as K, value as V];
    }
  }

  *keys(): Generator<K> {
    const mayBeEmpty = this.hasSlots;
    for (const [key, pointer] of this.elements()) {
      if (!mayBeEmpty || this.#decodeValue(pointer) !== undefined) yield this.#key.decode(key) as K;
    }
  }

  /** Of a queue or stack, what `pop` would give, which stays. */
  *values(): Generator<V> {
    if (this.row.kept !== 'queue') for (const [, value] of this.entries()) yield value;
    else for (let i = 0; i < Math.min(this.size, this.maxEntries); i++) yield this.#value.decode(this.queued(i)) as V;
  }

  /** @internal For console.log: name and entries. */
  [Symbol.for('nodejs.util.inspect.custom')](depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    const name = `BpfMap ${this.name} (${this.typeName})`;
    if (depth < 0 || !this.isReadable) return `[${name}]`;
    const entries = new Map<unknown, unknown>();
    if (this.row.kept === 'queue') for (const value of this.values()) entries.set(entries.size, value);
    else {
      for (const [key, value] of this.entries()) {
        entries.set(key, value);
        if (entries.size > MAX_INSPECTED) break;
      }
    }
    return `${name} ${inspect(entries, options)}`;
  }

  [Symbol.iterator](): Generator<[key: K, value: V]> {
    return this.entries();
  }

  /** Appends to a queue or stack, adds to a bloom filter. Throws where the kernel would refuse. */
  push(value: Input<V>): this {
    const bytes = new Uint8Array(this.valueSize);
    this.#value.encode(value, bytes);
    const result = this.pushBytes(bytes);
    if (result !== 0) this.refuse('push', result);
    return this;
  }

  /** Queues and stacks: the next value, taken out; undefined where there is none. */
  pop(): V | undefined {
    const bytes = this.popBytes();
    return bytes === undefined ? undefined : (this.#value.decode(bytes) as V);
  }

  /** Queues and stacks: the value that `pop` would give. */
  peek(): V | undefined {
    if (this.row.kept === 'bloom') this.refuse('peek without a value', ERRNO.EINVAL);
    const bytes = this.popBytes(true);
    return bytes === undefined ? undefined : (this.#value.decode(bytes) as V);
  }

  /** Bloom filters: false: the value was never added; true: it was, or others that look like it. */
  mayHave(value: Input<V>): boolean {
    const bytes = new Uint8Array(this.valueSize);
    this.#value.encode(value, bytes);
    return this.mayHaveBytes(bytes);
  }
}

/** Node shows a hundred elements of anything. */
const MAX_INSPECTED = 100;

/** For messages. */
function printKey(key: unknown): string {
  if (key instanceof Uint8Array) return toHex(key, ' ');
  const text = JSON.stringify(key, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? toHex(value) : value,
  );
  return typeof key === 'bigint' ? String(key) : text;
}
