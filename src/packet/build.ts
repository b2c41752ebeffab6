// Builds packets from layers: what is not given is computed, what is given is written, right or wrong.
import { BpfError } from '../util/error.ts';
import type {
  AhFields,
  ArpFields,
  EspFields,
  EthernetFields,
  GeneveFields,
  GreFields,
  IcmpFields,
  Icmpv6Fields,
  Ipv4Fields,
  Ipv6Fields,
  Ipv6FragmentFields,
  Ipv6OptionsFields,
  LayerFields,
  LayerName,
  LlcFields,
  MplsFields,
  RoutingFields,
  TcpFields,
  UdpFields,
  VlanFields,
  VxlanFields,
} from './fields.ts';
import { FORMS, writeBits } from './forms.ts';
import { type FieldRow, type Given, HEADERS } from './headers.ts';
import { EXPERIMENTAL, MAX_LLC_LENGTH, NO_NEXT_HEADER, numberOf, SERVICE_TAG } from './numbers.ts';
import type { Placed } from './place.ts';

/** A header with what is given of its fields, or bytes. What `dissect` gives as layers can be built again. */
export type PacketLayer = { readonly [N in LayerName]: { readonly kind: N; readonly fields: LayerFields[N] } }[LayerName];
type Layer<N extends LayerName> = { readonly kind: N; readonly fields: LayerFields[N] };

/** Ethernet header. */
export function ethernet(fields: EthernetFields = {}): Layer<'ethernet'> {
  return { kind: 'ethernet', fields };
}
/** LLC header, with SNAP where the access points say so. */
export function llc(fields: LlcFields = {}): Layer<'llc'> {
  return { kind: 'llc', fields };
}
/** 802.1Q tag; two of them are QinQ. A number is the VLAN's id. */
export function vlan(fields: VlanFields | number = {}): Layer<'vlan'> {
  return { kind: 'vlan', fields: typeof fields === 'number' ? { id: fields } : fields };
}
/** One MPLS label. */
export function mpls(fields: MplsFields | number = {}): Layer<'mpls'> {
  return { kind: 'mpls', fields: typeof fields === 'number' ? { label: fields } : fields };
}
/** ARP message. */
export function arp(fields: ArpFields = {}): Layer<'arp'> {
  return { kind: 'arp', fields };
}
/** IPv4 header. */
export function ipv4(fields: Ipv4Fields = {}): Layer<'ipv4'> {
  return { kind: 'ipv4', fields };
}
/** IPv6 header; extension headers are layers of their own. */
export function ipv6(fields: Ipv6Fields = {}): Layer<'ipv6'> {
  return { kind: 'ipv6', fields };
}
/** IPv6 hop-by-hop options. */
export function hopByHop(fields: Ipv6OptionsFields = {}): Layer<'hopByHop'> {
  return { kind: 'hopByHop', fields };
}
/** IPv6 destination options. */
export function destinationOptions(fields: Ipv6OptionsFields = {}): Layer<'destinationOptions'> {
  return { kind: 'destinationOptions', fields };
}
/** IPv6 routing header. */
export function routing(fields: RoutingFields = {}): Layer<'routing'> {
  return { kind: 'routing', fields };
}
/** IPv6 fragment header. */
export function ipv6Fragment(fields: Ipv6FragmentFields = {}): Layer<'ipv6Fragment'> {
  return { kind: 'ipv6Fragment', fields };
}
/** IPsec authentication header. */
export function ah(fields: AhFields = {}): Layer<'ah'> {
  return { kind: 'ah', fields };
}
/** IPsec encapsulating security payload: its first eight bytes. */
export function esp(fields: EspFields = {}): Layer<'esp'> {
  return { kind: 'esp', fields };
}
/** TCP header. */
export function tcp(fields: TcpFields = {}): Layer<'tcp'> {
  return { kind: 'tcp', fields };
}
/** UDP header. */
export function udp(fields: UdpFields = {}): Layer<'udp'> {
  return { kind: 'udp', fields };
}
/** ICMP message; of errors, the packet that they quote follows as layers or bytes. */
export function icmp(fields: IcmpFields = {}): Layer<'icmp'> {
  return { kind: 'icmp', fields };
}
/** ICMPv6 message, neighbour discovery included. */
export function icmpv6(fields: Icmpv6Fields = {}): Layer<'icmpv6'> {
  return { kind: 'icmpv6', fields };
}
/** GRE header; a key, a sequence number or a checksum is there if it is given. */
export function gre(fields: GreFields = {}): Layer<'gre'> {
  return { kind: 'gre', fields };
}
/** VXLAN header; a number is the network's identifier. */
export function vxlan(fields: VxlanFields | number = {}): Layer<'vxlan'> {
  return { kind: 'vxlan', fields: typeof fields === 'number' ? { vni: fields } : fields };
}
/** Geneve header. */
export function geneve(fields: GeneveFields = {}): Layer<'geneve'> {
  return { kind: 'geneve', fields };
}
/** Bytes, or text as UTF-8, without a header. */
export function payload(data: string | Uint8Array): Layer<'payload'> {
  return { kind: 'payload', fields: { data: typeof data === 'string' ? new TextEncoder().encode(data) : data } };
}
/** Bytes (a number: zeros) behind what headers count, such as those that fill up a frame. `of`: the layer that they are inside of. */
export function padding(data: Uint8Array | number, of?: number): Layer<'padding'> {
  return { kind: 'padding', fields: { data: typeof data === 'number' ? new Uint8Array(data) : data, of } };
}

interface Field {
  readonly name: string;
  readonly row: FieldRow;
  readonly bits: number;
  /** Bit offset into the header. */
  readonly at: number;
  /** Undefined: a number that is computed. */
  readonly value: number | Uint8Array | undefined;
}

interface Planned extends Placed {
  readonly fields: readonly Field[];
  readonly data: Uint8Array | undefined;
  /** Padding: inside of which layer. */
  readonly of: number;
}

/**
 * The bytes of a packet, outermost layer first. Fields that are left out are computed: numbers of what follows, lengths, checksums; bytes
 * among the layers are a payload. Throws `packet/...` where a value does not fit its field; the position names layer and field.
 */
export function packet(...layers: readonly (PacketLayer | Uint8Array)[]): Uint8Array {
  const planned = plan(layers.map((layer) => (layer instanceof Uint8Array ? payload(layer) : layer)));
  const bytes = new Uint8Array(planned.reduce((sum, { data, headerBytes }) => sum + (data?.length ?? headerBytes), 0));
  for (const [index, layer] of planned.entries()) {
    if (layer.data !== undefined) bytes.set(layer.data, layer.offset);
    for (const field of layer.fields) write(bytes, planned, index, field, field.value ?? computed(bytes, planned, index, field));
  }
  // What an inner checksum is changes what an outer one covers.
  for (let index = planned.length - 1; index >= 0; index--) {
    for (const field of planned[index]!.fields) {
      const { row, value, at } = field;
      if (row.sum === undefined || value !== undefined) continue;
      const sum = row.sum({ bytes, layers: planned, index }, planned[index]!.offset + at / 8);
      if (sum !== undefined) write(bytes, planned, index, field, sum);
    }
  }
  return bytes;
}

function plan(layers: readonly PacketLayer[]): Planned[] {
  const sized = layers.map((layer, index) => planLayer(layer, index, layers));
  const total = sized.reduce((sum, { size }) => sum + size, 0);
  let offset = 0;
  return sized.map(({ size, ...layer }, index) => {
    const outside = sized.reduce((sum, { kind, of, size: bytes }) => sum + (kind === 'padding' && of < index ? bytes : 0), 0);
    const placed = { ...layer, offset, end: layer.kind === 'padding' ? offset + size : total - outside };
    offset += size;
    return placed;
  });
}

function planLayer(layer: PacketLayer, index: number, layers: readonly PacketLayer[]): Omit<Planned, 'offset' | 'end'> & { size: number } {
  const { kind } = layer;
  const given = layer.fields as Given;
  if (kind === 'payload' || kind === 'padding') {
    const data = given['data'] ?? new Uint8Array(0);
    if (!(data instanceof Uint8Array)) return refuse('value', layer.kind, index, 'data', `expected bytes, got ${typeof data}`);
    const lastEthernet = layers.map((one, i) => (i < index && one.kind === 'ethernet' ? i : -1)).reduce((a, b) => Math.max(a, b), -1);
    const of = given['of'] ?? lastEthernet;
    if (typeof of !== 'number' || !Number.isInteger(of)) return refuse('value', layer.kind, index, 'of', `expected the number of a layer`);
    return { ...{ kind, data, of, size: data.length }, fields: [], headerBytes: 0 };
  }
  const header = HEADERS[kind];
  if (header === undefined)
    throw new BpfError(
      'packet/layer',
      { in: 'option', name: `layer ${index}` },
      `no kind of layer ${String(kind)}; there are ${Object.keys(HEADERS).join(', ')}`,
    );
  const names = header.rows.map(([name]) => name);
  const unknown = Object.keys(given).find((name) => given[name] !== undefined && !names.includes(name));
  if (unknown !== undefined) return refuse('field', kind, index, unknown, `there is no such field; the header has ${names.join(', ')}`);
  const fields: Field[] = [];
  const numbers: Record<string, number> = {};
  let at = 0;
  for (const [name, row] of header.rows) {
    if (row.when !== undefined && !row.when(numbers)) {
      if (given[name] !== undefined) return refuse('field', kind, index, name, 'a header with these values has no such field');
      continue;
    }
    const value = fieldValue(kind, index, name, row, given);
    const bits = row.bits === 0 ? 8 * (value as Uint8Array).length : row.bits;
    fields.push({ name, row, bits, at, value });
    if (typeof value === 'number') numbers[name] = value;
    at += bits;
  }
  return { ...{ kind, fields, headerBytes: at / 8, of: -1 }, data: undefined, size: at / 8 };
}

/** Undefined: it is computed later. */
function fieldValue(kind: LayerName, index: number, name: string, row: FieldRow, given: Given): number | Uint8Array | undefined {
  const { form, bits, initial = 0 } = row;
  const isComputed = row.names !== undefined || row.size !== undefined || row.sum !== undefined;
  if (given[name] === undefined && isComputed) return undefined;
  const value = given[name] ?? (typeof initial === 'function' ? initial(given) : initial);
  const how = FORMS[form];
  if (how.of === 'bytes') {
    const bytes = how.encode(value, bits === 0 ? undefined : bits / 8);
    return typeof bytes === 'string' ? refuse('value', kind, index, name, bytes) : bytes;
  }
  // Booleans and letters are what a row has as zero.
  const encoded = value === 0 ? 0 : how.encode(value);
  if (encoded === undefined || encoded < 0 || encoded >= 2 ** bits)
    return refuse(
      'value',
      kind,
      index,
      name,
      `${typeof value === 'string' ? `'${value}'` : String(value)} given, expected ${how.expected(bits)}`,
    );
  return encoded;
}

function computed(bytes: Uint8Array, layers: readonly Planned[], index: number, { row, at }: Field): number {
  const { kind } = layers[index]!;
  const next = layers[index + 1]?.kind;
  if (row.names === 'ethertype' || row.names === 'protocol') {
    if (kind === 'ethernet' && next === 'llc')
      return Math.min(layers[index]!.end - layers[index]!.offset - layers[index]!.headerBytes, MAX_LLC_LENGTH);
    if (next === 'vlan' && layers[index + 2]?.kind === 'vlan') return SERVICE_TAG;
    const nothing = next === undefined && row.names === 'protocol' && kind !== 'ipv4';
    const number = next === undefined ? undefined : numberOf(row.names, next);
    return number ?? (nothing ? NO_NEXT_HEADER : EXPERIMENTAL[row.names]);
  }
  if (row.names === 'port') return (next === undefined ? undefined : numberOf('port', next)) ?? (row.initial as number);
  return row.size?.({ bytes, layers, index }, layers[index]!.offset + at / 8) ?? 0;
}

function write(bytes: Uint8Array, layers: readonly Planned[], index: number, field: Field, value: number | Uint8Array): void {
  const { kind, offset } = layers[index]!;
  const { name, row, bits, at } = field;
  if (value instanceof Uint8Array) return bytes.set(value, offset + at / 8);
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    return refuse(
      'range',
      kind,
      index,
      name,
      `it would be ${value}, which the field's ${row.bits} bits cannot hold; give one to have it wrong`,
    );
  writeBits(bytes, 8 * offset + at, bits, value);
}

function refuse(what: 'value' | 'field' | 'range', layer: LayerName, index: number, field: string, message: string): never {
  throw new BpfError(`packet/${what}`, { in: 'header', layer, index, field }, `${layer}.${field}: ${message}`);
}
