// The packet and the context in the window: placing them before a run, moving the packet's ends during it, reading both back.
import type { ContextField, ContextSpec } from '../../spec/contexts.ts';
import { assert, BpfError } from '../../util/error.ts';
import type { Region, Regions } from '../../window/regions.ts';
import { PLACE, type Window } from '../../window/window.ts';
import { encodePlain } from '../maps/values.ts';

/** Room from the start of the headroom on that a packet may grow into: a page, less the kernel's own bookkeeping at its end. */
export const GROWS_TO: number = 4096 - 320;
const TAILROOM = GROWS_TO;
/** Where the packet starts if nothing is asked for in front of it, so that headers behind 14 bytes are aligned as in the kernel. */
export const HEADROOM = 256;
export const ETHERNET_BYTES = 14;

/** What routines know of an XDP packet, and change: struct globals of routines/map.h. */
export const SHARED: Readonly<Record<'start' | 'limit' | 'meta' | 'data' | 'end' | 'context', number>> = {
  start: PLACE.globals + 24,
  limit: PLACE.globals + 28,
  meta: PLACE.globals + 32,
  data: PLACE.globals + 36,
  end: PLACE.globals + 40,
  context: PLACE.globals + 44,
};

/** Fields of a context by their names in C (`ingress_ifindex`), numbers or the bytes; of arrays (`cb`) lists. */
export type ContextValues = Readonly<Record<string, number | bigint | readonly (number | bigint)[] | Uint8Array>>;

/** What the kernel has read off the link-layer header before an __sk_buff program sees the packet: eth_type_trans. */
export function linkLayerFields(bytes: Uint8Array): { readonly protocol: number; readonly packetType: number } {
  if (bytes.length < ETHERNET_BYTES) return { protocol: 0, packetType: 0 };
  return { protocol: frameProtocol(bytes, 0), packetType: framePacketType(bytes, 0) };
}

/** Of the frame at `at`, in network byte order; ETH_P_802_2 of frames with a length there. */
export function frameProtocol(bytes: Uint8Array, at: number): number {
  const high = bytes[at + 12]!;
  return high >= 0x06 ? high | (bytes[at + 13]! << 8) : 0x0400;
}

/** PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST; loopback's own address is zero: PACKET_HOST. */
export function framePacketType(bytes: Uint8Array, at: number): number {
  let all = 0xff;
  let any = 0;
  for (let i = at; i < at + 6; i++) {
    all &= bytes[i]!;
    any |= bytes[i]!;
  }
  return (bytes[at]! & 1) !== 0 ? (all === 0xff ? 1 : 2) : any !== 0 ? 3 : 0;
}

const fields = new WeakMap<ContextSpec, ReadonlyMap<string, ContextField>>();

function fieldOf(spec: ContextSpec, name: string): ContextField | undefined {
  let known = fields.get(spec);
  if (known === undefined) fields.set(spec, (known = new Map(spec.fields.map((field) => [field.name, field]))));
  return known.get(name);
}

/** Bytes that a program has as its packet; `meta` <= `data` <= `end`, all pointers within [start, limit). */
export class PacketArea {
  readonly window: Window;
  readonly #regions: Regions;
  readonly region: Region;
  readonly contextRegion: Region;
  spec: ContextSpec | undefined;
  /** Told when a helper moved the packet's ends. */
  onMove: (() => void) | undefined;
  start: number = PLACE.packet;
  limit: number = PLACE.packetEnd;
  /** Whether a helper has put an outer header in front. */
  encapsulated = false;
  meta = 0;
  data = 0;
  end = 0;
  /** Where raw contexts end. */
  #contextBytes = 0;
  /** Taken when a packet is larger than the fixed place. */
  #large: { readonly at: number; readonly bytes: number } | undefined;

  constructor(window: Window, regions: Regions) {
    this.window = window;
    this.#regions = regions;
    this.region = regions.add({ name: 'the packet', start: PLACE.packet, end: PLACE.packet });
    this.contextRegion = regions.add({ name: 'the context', start: PLACE.context, end: PLACE.context });
  }

  get length(): number {
    return this.end - this.data;
  }

  /** A packet that lies there already, as the context says, with room from `start` on and after its end. */
  enter(start: number, meta: number, data: number, end: number): void {
    this.encapsulated = false;
    this.start = start;
    this.meta = meta;
    this.data = data;
    this.end = end;
    this.limit = Math.max(start + GROWS_TO, end);
    this.#share();
  }

  /** Places the packet; [meta, data) is empty. */
  place(bytes: Uint8Array): void {
    this.encapsulated = false;
    const needs = HEADROOM + bytes.length + TAILROOM;
    let start: number = PLACE.packet;
    if (needs > PLACE.packetEnd - PLACE.packet) {
      if (this.#large === undefined || this.#large.bytes < needs) {
        if (this.#large !== undefined) this.window.free(this.#large.at, this.#large.bytes);
        this.#large = { at: this.window.allocate(needs), bytes: needs };
      }
      start = this.#large.at;
    }
    this.start = start;
    this.data = start + HEADROOM;
    this.meta = this.data;
    this.end = this.data + bytes.length;
    this.limit = Math.max(start + GROWS_TO, this.end);
    // What a program uncovers by growing the packet is zero, on every engine; behind the packet, the helpers that grow it see to that.
    this.window.zero(start, HEADROOM);
    this.window.write(this.data, bytes);
    this.#regions.resize(this.region, this.meta, this.end);
    this.#share();
  }

  #share(): void {
    const { window } = this;
    window.setU32(SHARED.start, this.start);
    window.setU32(SHARED.limit, this.limit);
    window.setU32(SHARED.meta, this.meta);
    window.setU32(SHARED.data, this.data);
    window.setU32(SHARED.end, this.end);
  }

  /** Routines may have moved the ends of an XDP packet since JavaScript last looked. */
  refresh(): void {
    const { window } = this;
    const meta = window.u32(SHARED.meta);
    const data = window.u32(SHARED.data);
    const end = window.u32(SHARED.end);
    if (data === this.data && end === this.end && meta === this.meta) return;
    // Machine code of hostile programs may write there.
    if (meta < this.start || data < meta || end < data || end > this.limit) return;
    this.meta = meta;
    this.data = data;
    this.end = end;
    this.#regions.resize(this.region, meta, end);
  }

  /** Makes room for `front` more bytes before the packet and `back` behind it; the packet may move, bytes in the new room are any. */
  ensureRoom(front: number, back: number): void {
    if (this.data - front < this.start) {
      const by = front + HEADROOM;
      this.window.write(this.meta + by, this.window.read(this.meta, this.end - this.meta));
      this.move(this.meta + by, this.data + by, this.end + by);
    }
    this.limit = Math.max(this.limit, this.end + back);
    this.#share();
    assert(this.start !== PLACE.packet || this.limit <= PLACE.packetEnd, 'room of a packet');
  }

  /** Moves the ends; the caller has checked them. Tells the context and the regions. */
  move(meta: number, data: number, end: number): void {
    this.meta = meta;
    this.data = data;
    this.end = end;
    this.#regions.resize(this.region, meta, end);
    this.#share();
    this.writePointers();
    this.onMove?.();
  }

  writePointers(): void {
    const packet = this.spec?.packet;
    if (packet === undefined) return;
    const { window } = this;
    window.setU32(PLACE.context + packet.data, this.data);
    window.setU32(PLACE.context + packet.dataEnd, this.end);
    if (packet.dataMeta !== undefined) window.setU32(PLACE.context + packet.dataMeta, this.meta);
    if (packet.length !== undefined) window.setU32(PLACE.context + packet.length, this.length);
  }

  /** A zeroed context with those fields set. Fields that point at the packet are not the caller's to set. */
  placeContext(spec: ContextSpec, values: ContextValues): void {
    this.spec = spec;
    const { window } = this;
    const bytes = Math.ceil(spec.bytes / 8) * 8;
    window.zero(PLACE.context, bytes);
    for (const [name, value] of Object.entries(values)) {
      const field = fieldOf(spec, name);
      if (field === undefined) {
        const names = spec.fields.map((candidate) => candidate.name).join(', ');
        throw new BpfError(
          'runtime/context-field',
          { in: 'option', name: 'ctx' },
          `struct ${spec.name} has no field ${name}; it has ${names}`,
        );
      }
      const packet = spec.packet;
      if (packet !== undefined && (field.offset === packet.data || field.offset === packet.dataEnd || field.offset === packet.dataMeta)) {
        throw new BpfError(
          'runtime/context-field',
          { in: 'option', name: 'ctx' },
          `${name} of struct ${spec.name} follows from the packet`,
        );
      }
      this.#setField(field, value, `${name} of struct ${spec.name}`);
    }
    this.#regions.resize(this.contextRegion, PLACE.context, PLACE.context + spec.bytes);
    this.writePointers();
    window.setU32(SHARED.context, spec.name === 'xdp_md' ? PLACE.context : 0);
  }

  #setField(field: ContextField, value: ContextValues[string], what: string): void {
    const at = PLACE.context + field.offset;
    const count = field.count ?? 1;
    if (field.bytes === 4 && count === 1 && typeof value === 'number' && value >>> 0 === value) {
      this.window.setU32(at, value);
      return;
    }
    const out = new Uint8Array(field.bytes * count);
    if (Array.isArray(value)) {
      if (value.length > count)
        throw new BpfError('runtime/context-field', { in: 'option', name: 'ctx' }, `${what} has ${count} elements, not ${value.length}`);
      value.forEach((one, i) => {
        encodePlain(one, out.subarray(i * field.bytes, (i + 1) * field.bytes), () => `${what}[${i}]`);
      });
    } else encodePlain(value, out, () => what);
    this.window.write(at, out);
  }

  /** A context of bytes that mean something only to the program. */
  placeRawContext(bytes: Uint8Array): void {
    if (bytes.length > PLACE.contextEnd - PLACE.context) {
      throw new BpfError(
        'runtime/context-size',
        { in: 'option', name: 'ctx' },
        `a context has at most ${PLACE.contextEnd - PLACE.context} bytes, not ${bytes.length}`,
      );
    }
    this.spec = undefined;
    this.#contextBytes = bytes.length;
    this.window.write(PLACE.context, bytes);
    this.#regions.resize(this.contextRegion, PLACE.context, PLACE.context + bytes.length);
    this.window.setU32(SHARED.context, 0);
  }

  /** No context: raw programs have memory only. */
  noContext(): void {
    this.spec = undefined;
    this.#contextBytes = 0;
    this.#regions.resize(this.contextRegion, PLACE.context, PLACE.context);
  }

  readPacket(): Uint8Array<ArrayBuffer> {
    return this.window.read(this.data, this.end - this.data);
  }

  readMeta(): Uint8Array<ArrayBuffer> {
    return this.window.read(this.meta, this.data - this.meta);
  }

  get contextBytes(): number {
    return this.spec?.bytes ?? this.#contextBytes;
  }

  readContextBytes(): Uint8Array<ArrayBuffer> {
    return this.window.read(PLACE.context, this.contextBytes);
  }

  /** The fields by name; 8-byte ones are bigints. */
  readContext(): Record<string, number | bigint | (number | bigint)[]> {
    const fields: Record<string, number | bigint | (number | bigint)[]> = {};
    for (const field of this.spec?.fields ?? []) {
      const read = (at: number): number | bigint => {
        if (field.bytes === 8) return this.window.u64(at);
        const bytes = this.window.slice(at, field.bytes);
        return field.bytes === 4 ? this.window.u32(at) : field.bytes === 2 ? bytes[0]! | (bytes[1]! << 8) : bytes[0]!;
      };
      const at = PLACE.context + field.offset;
      fields[field.name] = field.count === undefined ? read(at) : Array.from({ length: field.count }, (_, i) => read(at + i * field.bytes));
    }
    return fields;
  }

  field(name: string): number {
    const field = this.spec === undefined ? undefined : fieldOf(this.spec, name);
    return field === undefined ? 0 : this.window.u32(PLACE.context + field.offset);
  }

  setField(name: string, value: number): void {
    const field = this.spec === undefined ? undefined : fieldOf(this.spec, name);
    if (field !== undefined) this.window.setU32(PLACE.context + field.offset, value);
  }
}
