// A packet on one line, as a person reads it: `IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S] seq 1 win 64240, 60 bytes`. Behind it, what is
// wrong with it. And a packet on many: every field.
import { type AnyLayer, type DissectedLayer, type Dissection, type DissectOptions, dissect } from './dissect.ts';
import type { LayerName } from './fields.ts';
import { type FieldValue, FORMS } from './forms.ts';
import { HEADERS } from './headers.ts';
import { ETHERTYPE_NAMES, MAX_LLC_LENGTH, PROTOCOL_NAMES } from './numbers.ts';
import { optionsText } from './options.ts';

/** What stands on the line for a layer; '' where it is left out. */
type Line<N extends LayerName> = (
  layer: DissectedLayer<N>,
  about: { readonly layers: readonly AnyLayer[]; readonly index: number },
) => string;

const ICMP_NAMES: Readonly<Record<string, string>> = {
  '0': 'echo reply',
  '3': 'destination unreachable',
  '3/0': 'network unreachable',
  '3/1': 'host unreachable',
  '3/2': 'protocol unreachable',
  '3/3': 'port unreachable',
  '3/4': 'fragmentation needed',
  '4': 'source quench',
  '5': 'redirect',
  '8': 'echo request',
  '9': 'router advertisement',
  '10': 'router solicitation',
  '11': 'time exceeded',
  '12': 'parameter problem',
  '13': 'timestamp request',
  '14': 'timestamp reply',
};

const ICMPV6_NAMES: Readonly<Record<string, string>> = {
  '1': 'destination unreachable',
  '1/0': 'no route',
  '1/3': 'address unreachable',
  '1/4': 'port unreachable',
  '2': 'packet too big',
  '3': 'time exceeded',
  '4': 'parameter problem',
  '128': 'echo request',
  '129': 'echo reply',
  '130': 'listener query',
  '131': 'listener report',
  '132': 'listener done',
  '133': 'router solicitation',
  '134': 'router advertisement',
  '135': 'neighbour solicitation',
  '136': 'neighbour advertisement',
  '137': 'redirect',
  '143': 'listener report',
};

const ARP_OPERATIONS: Readonly<Record<number, string>> = { 1: 'request', 2: 'reply' };

const LINES: { readonly [N in LayerName]: Line<N> } = {
  // Shown where nothing that is known follows; programs are about what is inside.
  ethernet: ({ fields }, about) => (nextHeader(about) === undefined ? `Ethernet ${fields.src} > ${fields.dst}` : ''),
  llc: ({ fields }) => {
    const oui = fields.oui === undefined || fields.oui === 0 ? '' : ` oui 0x${fields.oui.toString(16).padStart(6, '0')}`;
    return `LLC 0x${fields.dsap.toString(16)} 0x${fields.ssap.toString(16)}${oui}`;
  },
  vlan: ({ fields }) => `VLAN ${fields.id}`,
  mpls: ({ fields }) => `MPLS ${fields.label}`,
  arp: ({ fields }) => {
    const operation = ARP_OPERATIONS[fields.operation] ?? `operation ${fields.operation}`;
    if (fields.senderIp === undefined) return `ARP ${operation}`;
    if (fields.operation === 1) return `ARP request, who has ${fields.targetIp}, tell ${fields.senderIp}`;
    return `ARP ${operation}, ${fields.senderIp} is at ${fields.senderMac}`;
  },
  ipv4: ({ fields }, about) => {
    const { src, dst, mf, fragment, id, options } = fields;
    const isFragment = mf || fragment > 0;
    return `IPv4 ${ends(src, dst, about, (one) => one)}${listText(options)}${isFragment ? ` ${fragmentText(fields)} of id ${id}` : ''}`;
  },
  ipv6: ({ fields }, about) => `IPv6 ${ends(fields.src, fields.dst, about, (one) => `[${one}]`)}`,
  hopByHop: ({ fields }) => `hop-by-hop${listText(fields.options)}`,
  destinationOptions: ({ fields }) => `destination options${listText(fields.options)}`,
  routing: ({ fields }) => {
    const { type, segmentsLeft, segments } = fields;
    return `routing type ${type} ${segmentsLeft} left${segments instanceof Uint8Array ? '' : ` <${segments.join(', ')}>`}`;
  },
  ipv6Fragment: ({ fields }) => `${fragmentText(fields)} of id 0x${fields.id.toString(16)}`,
  ah: ({ fields }) => `AH spi 0x${fields.spi.toString(16)}`,
  esp: ({ fields }) => `ESP spi 0x${fields.spi.toString(16)} seq ${fields.sequence}`,
  tcp: ({ fields }, about) => {
    const { flags, seq, ack, window, options } = fields;
    return `TCP [${flags}] seq ${seq}${flags.includes('A') ? ` ack ${ack}` : ''} win ${window}${listText(options)}${data(about)}`;
  },
  udp: (_, about) => `UDP${data(about)}`,
  icmp: ({ fields }, about) => `ICMP ${message(ICMP_NAMES, fields)}${data(about)}`,
  icmpv6: ({ fields }, about) => {
    const target = fields.target === undefined ? '' : ` ${fields.target}`;
    return `ICMPv6 ${message(ICMPV6_NAMES, fields)}${target}${listText(fields.options ?? [])}${data(about)}`;
  },
  gre: ({ fields }) => {
    const key = fields.key === undefined ? '' : ` key ${fields.key}`;
    return `GRE${key}${fields.sequence === undefined ? '' : ` seq ${fields.sequence}`}`;
  },
  vxlan: ({ fields }) => `VXLAN ${fields.vni}`,
  geneve: ({ fields }) => `Geneve ${fields.vni}`,
  payload: () => '',
  padding: () => '',
};

/** These begin a packet of their own. */
const NETWORK: ReadonlySet<LayerName> = new Set(['llc', 'vlan', 'mpls', 'arp', 'ipv4', 'ipv6']);

/**
 * One line about a packet: addresses, ports and what matters of each layer (Ethernet only where nothing known follows), its length, and
 * after a semicolon each thing that is wrong with it. Any bytes have a line.
 */
export function explain(packet: Uint8Array | Dissection, options: DissectOptions = {}): string {
  const { bytes, layers, problems } = packet instanceof Uint8Array ? dissect(packet, options) : packet;
  let line = '';
  for (const [index, layer] of layers.entries()) {
    const about = { layers, index };
    const text = (LINES[layer.kind] as Line<LayerName>)(layer as DissectedLayer, about);
    if (text === '') continue;
    line += `${line === '' ? '' : NETWORK.has(layer.kind) ? ' / ' : ' '}${text}${unknownNext(layer, about)}`;
  }
  const size = `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`;
  return [line === '' ? size : `${line}, ${size}`, ...problems.map(({ message }) => message)].join('; ');
}

/** Every field of a packet, one a line, in the order in which they stand. */
export function describePacket(packet: Uint8Array | Dissection, options: DissectOptions = {}): string {
  const { layers } = packet instanceof Uint8Array ? dissect(packet, options) : packet;
  return layers
    .flatMap((layer) =>
      Object.entries(layer.fields).map(([name, value]) => `${layer.kind}.${name} ${fieldText(layer.kind, name, value as FieldValue)}`),
    )
    .join('\n');
}

/** The value of a field as people write it. */
export function fieldText(kind: LayerName, field: string, value: FieldValue): string {
  const row = kind === 'payload' || kind === 'padding' ? undefined : HEADERS[kind].rows.find(([name]) => name === field)?.[1];
  const form = FORMS[row?.form ?? (typeof value === 'number' ? 'number' : 'bytes')];
  if (form.of === 'number') return form.print(form.encode(value) ?? 0, row?.bits ?? 32);
  const bytes = form.encode(value, undefined);
  return typeof bytes === 'string' ? String(value) : form.print(bytes) || 'none';
}

type About = Parameters<Line<LayerName>>[1];

/** The layer after this one if it is a header. */
function nextHeader({ layers, index }: About): AnyLayer | undefined {
  const next = layers[index + 1];
  return next === undefined || next.kind === 'payload' || next.kind === 'padding' ? undefined : next;
}

/** `a > b`, with the ports of the transport header that is carried. */
function ends(src: string, dst: string, { layers, index }: About, beforePort: (address: string) => string): string {
  for (const layer of layers.slice(index + 1)) {
    if (NETWORK.has(layer.kind)) break;
    if (layer.kind === 'tcp' || layer.kind === 'udp')
      return `${beforePort(src)}:${layer.fields.sport} > ${beforePort(dst)}:${layer.fields.dport}`;
  }
  return `${src} > ${dst}`;
}

/** ` len 12` where bytes without a header follow. */
function data({ layers, index }: About): string {
  const next = layers[index + 1];
  return next?.kind === 'payload' ? ` len ${next.fields.data.length}` : '';
}

/** What a header says of what follows, where that is nothing that is known. */
function unknownNext({ kind, fields }: AnyLayer, about: About): string {
  if (kind === 'payload' || kind === 'padding' || nextHeader(about) !== undefined) return '';
  const [field, row] = HEADERS[kind].rows.find(([, one]) => one.names === 'ethertype' || one.names === 'protocol') ?? [];
  const values = fields as Readonly<Record<string, unknown>>;
  const value = field === undefined ? undefined : values[field];
  // Later fragments have no header.
  if (typeof value !== 'number' || Number(values['fragment'] ?? 0) > 0 || (kind === 'ethernet' && value <= MAX_LLC_LENGTH)) return '';
  const isProtocol = row!.names === 'protocol';
  const name = (isProtocol ? PROTOCOL_NAMES : ETHERTYPE_NAMES)[value];
  return ` ${isProtocol ? `protocol ${value}` : `type ${fieldText(kind, field!, value)}`}${name === undefined ? '' : ` (${name})`}`;
}

const listText = (options: readonly unknown[] | Uint8Array): string => (options.length === 0 ? '' : ` <${optionsText(options)}>`);
const fragmentText = ({ fragment, mf }: { fragment: number; mf: boolean }): string => `fragment ${8 * fragment}${mf ? '+' : ''}`;

function message(
  names: Readonly<Record<string, string>>,
  {
    type,
    code,
    id,
    sequence,
    mtu,
  }: { type: number; code: number; id?: number | undefined; sequence?: number | undefined; mtu?: number | undefined },
): string {
  const name = names[`${type}/${code}`] ?? names[`${type}`] ?? `type ${type} code ${code}`;
  const numbers = id === undefined ? '' : ` id ${id} seq ${sequence}`;
  return `${name}${numbers}${mtu === undefined || mtu === 0 ? '' : ` mtu ${mtu}`}`;
}
