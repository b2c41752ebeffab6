// The headers: their fields in order, one row a field, and how a header's length and what follows it are found. Builder, dissector,
// printer and comparison derive from these rows.

import type { LayerFields, LayerName } from './fields.ts';
import type { FieldValue, FormName } from './forms.ts';
import { layerOf, MAX_LLC_LENGTH, type Numbering } from './numbers.ts';
import {
  contentLength,
  headerChecksum,
  headerWords,
  messageChecksum,
  type Rule,
  transportChecksum,
  udpChecksum,
  wholeLength,
} from './place.ts';

/** Values of fields as numbers; those that are not numbers are left out. */
export type Numbers = Readonly<Record<string, number>>;
/** What a builder was given. */
export type Given = Readonly<Record<string, unknown>>;

export interface FieldRow {
  readonly form: FormName;
  /** 0: whatever is left of the header. */
  readonly bits: number;
  /** Where nothing is given or computed. Default: zero. */
  readonly initial?: FieldValue | ((given: Given) => FieldValue);
  /** It says what follows, by numbers of this space. */
  readonly names?: Numbering;
  /** Computed from where the layers stand. */
  readonly size?: Rule;
  /** Computed from the bytes once everything else is written. */
  readonly sum?: Rule;
  /** Whether a header has it; the fields before it are known. */
  readonly when?: (values: Numbers) => boolean;
}

export interface Header {
  readonly rows: readonly (readonly [name: string, row: FieldRow])[];
  /** Bytes of the header by its own length field. Absent: as many as its rows. */
  readonly headerBytes?: (values: Numbers) => number;
  /** Bytes from the header's start to the end of what its length counts. Absent: as far as the layer before goes. */
  readonly wholeBytes?: (values: Numbers, headerBytes: number) => number | undefined;
  /** What follows; absent: what the field with `names` says. `rest`: the bytes that follow. */
  readonly next?: (values: Numbers, rest: Uint8Array) => LayerName | undefined;
  /** Why the header cannot be what it claims. */
  readonly malformed?: (values: Numbers) => string | undefined;
}

type Extra = Omit<FieldRow, 'form' | 'bits'>;
const number = (bits: number, extra: Extra = {}): FieldRow => ({ form: 'number', bits, ...extra });
const hex = (bits: number, extra: Extra = {}): FieldRow => ({ form: 'hex', bits, ...extra });
const bit = (extra: Extra = {}): FieldRow => ({ form: 'bit', bits: 1, ...extra });
const mac = (initial: string, extra: Extra = {}): FieldRow => ({ form: 'mac', bits: 48, initial, ...extra });
const ip4 = (initial: string, extra: Extra = {}): FieldRow => ({ form: 'ipv4', bits: 32, initial, ...extra });
const ip6 = (initial: string, extra: Extra = {}): FieldRow => ({ form: 'ipv6', bits: 128, initial, ...extra });
/** The rest of the header. */
const list = (form: FormName, extra: Extra = {}): FieldRow => ({
  form,
  bits: 0,
  initial: form === 'bytes' ? new Uint8Array(0) : [],
  ...extra,
});

/** Every field of the interface has its row, and no other. */
type Rows<N extends LayerName> = { readonly [F in keyof Required<LayerFields[N]>]: FieldRow };

function header<N extends LayerName>(rows: Rows<N>, rest: Omit<Header, 'rows'> = {}): Header {
  return { rows: Object.entries<FieldRow>(rows), ...rest };
}

const SOURCE_MAC = '02:00:00:00:00:01';
const TARGET_MAC = '02:00:00:00:00:02';
const NO_MAC = '00:00:00:00:00:00';
/** For documentation. [RFC5737], [RFC3849] */
const SOURCE_IPV4 = '192.0.2.1';
const TARGET_IPV4 = '192.0.2.2';
const SOURCE_IPV6 = '2001:db8::1';
const TARGET_IPV6 = '2001:db8::2';
/** The first of the dynamic ports. [RFC6335 6] */
const SOURCE_PORT = 49152;
const SNAP = 0xaa;

const isSnap = ({ dsap, ssap }: Numbers): boolean => dsap === SNAP && ssap === SNAP;
const isUnnumbered = ({ control }: Numbers): boolean => (control! & 3) === 3;
const hasInternetAddresses = ({ hardwareLength, protocolLength }: Numbers): boolean => hardwareLength === 6 && protocolLength === 4;
const isSegmentRouting = ({ type }: Numbers): boolean => type === 4;
const icmpOf =
  (...types: readonly number[]) =>
  ({ type }: Numbers): boolean =>
    types.includes(type!);
const isIcmpQuery = icmpOf(0, 8, 13, 14, 15, 16, 17, 18);
const isUnreachable = icmpOf(3);
const isRedirect = icmpOf(5);
const isEcho6 = icmpOf(128, 129);
const isTooBig = icmpOf(2);
const isRouterAdvertisement = icmpOf(134);
const isAdvertisement = icmpOf(136);
const isRedirect6 = icmpOf(137);
const hasTarget = icmpOf(135, 136, 137);
const hasNeighbourOptions = icmpOf(133, 134, 135, 136, 137);
/** Errors quote the packet that caused them. [RFC792], [RFC4443 2.1] */
const QUOTING: Readonly<Partial<Record<LayerName, (values: Numbers) => boolean>>> = {
  icmp: icmpOf(3, 4, 5, 11, 12),
  icmpv6: ({ type }) => type! >= 1 && type! <= 4,
};

export function quotes(kind: LayerName, values: Numbers): boolean {
  return QUOTING[kind]?.(values) ?? false;
}

/** Index of the last of the 16-byte segments after 8 bytes of header. */
const lastSegment: Rule = ({ layers, index }) => Math.max(Math.floor((layers[index]!.headerBytes - 8) / 16) - 1, 0);

/** 0 of a jumbogram, whose length is in an option. [RFC2675] */
const ipv6Length: Rule = (place, at) => {
  const length = contentLength(place, at)!;
  return length > 0xffff && place.layers[place.index + 1]?.kind === 'hopByHop' ? 0 : length;
};

/** IPv4 or IPv6 by the first four bits. */
function byVersion(rest: Uint8Array): LayerName | undefined {
  const version = rest.length === 0 ? 0 : rest[0]! >> 4;
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}

const OPTIONS6 = header<'hopByHop'>(
  {
    nextHeader: number(8, { names: 'protocol' }),
    length: number(8, { size: headerWords(8, 1) }),
    options: list('ipv6Options'),
  },
  { headerBytes: ({ length }) => 8 * (length! + 1) },
);

export const HEADERS: Readonly<Record<Exclude<LayerName, 'payload' | 'padding'>, Header>> = {
  ethernet: header<'ethernet'>(
    { dst: mac(TARGET_MAC), src: mac(SOURCE_MAC), type: hex(16, { names: 'ethertype' }) },
    {
      wholeBytes: ({ type }, headerBytes) => (type! <= MAX_LLC_LENGTH ? headerBytes + type! : undefined),
      next: ({ type }) => (type! <= MAX_LLC_LENGTH ? 'llc' : layerOf('ethertype', type!)),
    },
  ),
  llc: header<'llc'>(
    {
      dsap: hex(8, { initial: SNAP }),
      ssap: hex(8, { initial: SNAP }),
      control: hex(8, { initial: 3 }),
      controlHigh: hex(8, { when: (values) => !isUnnumbered(values) }),
      oui: hex(24, { when: (values) => isSnap(values) && isUnnumbered(values) }),
      type: hex(16, { names: 'ethertype', when: (values) => isSnap(values) && isUnnumbered(values) }),
    },
    { next: ({ oui, type }) => (oui === 0 ? layerOf('ethertype', type!) : undefined) },
  ),
  vlan: header<'vlan'>({
    priority: number(3),
    dropEligible: bit(),
    id: number(12, { initial: 1 }),
    type: hex(16, { names: 'ethertype' }),
  }),
  mpls: header<'mpls'>(
    {
      label: number(20),
      trafficClass: number(3),
      bottom: bit({ size: ({ layers, index }) => Number(layers[index + 1]?.kind !== 'mpls') }),
      ttl: number(8, { initial: 64 }),
    },
    { next: ({ bottom }, rest) => (bottom === 1 ? byVersion(rest) : 'mpls') },
  ),
  arp: header<'arp'>(
    {
      hardware: number(16, { initial: 1 }),
      protocol: hex(16, { initial: 0x0800 }),
      hardwareLength: number(8, { initial: 6 }),
      protocolLength: number(8, { initial: 4 }),
      operation: number(16, { initial: 1 }),
      senderMac: mac(SOURCE_MAC, { when: hasInternetAddresses }),
      senderIp: ip4(SOURCE_IPV4, { when: hasInternetAddresses }),
      targetMac: mac(NO_MAC, { when: hasInternetAddresses }),
      targetIp: ip4(TARGET_IPV4, { when: hasInternetAddresses }),
    },
    { next: () => undefined },
  ),
  ipv4: header<'ipv4'>(
    {
      version: number(4, { initial: 4 }),
      ihl: number(4, { size: headerWords(4) }),
      dscp: number(6),
      ecn: number(2),
      length: number(16, { size: wholeLength }),
      id: number(16),
      reserved: bit(),
      df: bit(),
      mf: bit(),
      fragment: number(13),
      ttl: number(8, { initial: 64 }),
      protocol: number(8, { names: 'protocol' }),
      checksum: hex(16, { sum: headerChecksum }),
      src: ip4(SOURCE_IPV4),
      dst: ip4(TARGET_IPV4),
      options: list('ipv4Options'),
    },
    {
      headerBytes: ({ ihl }) => 4 * ihl!,
      wholeBytes: ({ length }) => length!,
      next: ({ fragment, protocol }) => (fragment === 0 ? layerOf('protocol', protocol!) : undefined),
      malformed: ({ version }) => (version === 4 ? undefined : `version ${version}`),
    },
  ),
  ipv6: header<'ipv6'>(
    {
      version: number(4, { initial: 6 }),
      trafficClass: number(8),
      flowLabel: hex(20),
      length: number(16, { size: ipv6Length }),
      nextHeader: number(8, { names: 'protocol' }),
      hopLimit: number(8, { initial: 64 }),
      src: ip6(SOURCE_IPV6),
      dst: ip6(TARGET_IPV6),
    },
    {
      wholeBytes: ({ length, nextHeader }, headerBytes) => (length === 0 && nextHeader === 0 ? undefined : headerBytes + length!),
      malformed: ({ version }) => (version === 6 ? undefined : `version ${version}`),
    },
  ),
  hopByHop: OPTIONS6,
  destinationOptions: OPTIONS6,
  routing: header<'routing'>(
    {
      nextHeader: number(8, { names: 'protocol' }),
      length: number(8, { size: headerWords(8, 1) }),
      type: number(8, { initial: 4 }),
      segmentsLeft: number(8),
      lastEntry: number(8, { when: isSegmentRouting, size: lastSegment }),
      flags: hex(8, { when: isSegmentRouting }),
      tag: hex(16, { when: isSegmentRouting }),
      reserved: hex(32, { when: (values) => !isSegmentRouting(values) }),
      segments: list('ipv6List'),
    },
    { headerBytes: ({ length }) => 8 * (length! + 1) },
  ),
  ipv6Fragment: header<'ipv6Fragment'>(
    {
      nextHeader: number(8, { names: 'protocol' }),
      reserved: hex(8),
      fragment: number(13),
      reservedBits: hex(2),
      mf: bit(),
      id: hex(32),
    },
    { next: ({ fragment, nextHeader }) => (fragment === 0 ? layerOf('protocol', nextHeader!) : undefined) },
  ),
  ah: header<'ah'>(
    {
      nextHeader: number(8, { names: 'protocol' }),
      length: number(8, { size: headerWords(4, 2) }),
      reserved: hex(16),
      spi: hex(32),
      sequence: number(32),
      icv: list('bytes', { initial: new Uint8Array(12) }),
    },
    { headerBytes: ({ length }) => 4 * (length! + 2) },
  ),
  esp: header<'esp'>({ spi: hex(32), sequence: number(32) }, { next: () => undefined }),
  tcp: header<'tcp'>(
    {
      sport: number(16, { initial: SOURCE_PORT }),
      dport: number(16, { initial: 80 }),
      seq: number(32),
      ack: number(32),
      dataOffset: number(4, { size: headerWords(4) }),
      reserved: hex(4),
      flags: { form: 'tcpFlags', bits: 8, initial: 'A' },
      window: number(16, { initial: 64240 }),
      checksum: hex(16, { sum: transportChecksum(6) }),
      urgent: number(16),
      options: list('tcpOptions'),
    },
    { headerBytes: ({ dataOffset }) => 4 * dataOffset!, next: () => undefined },
  ),
  udp: header<'udp'>(
    {
      sport: number(16, { initial: SOURCE_PORT }),
      dport: number(16, { initial: 53, names: 'port' }),
      length: number(16, { size: wholeLength }),
      checksum: hex(16, { sum: udpChecksum }),
    },
    {
      wholeBytes: ({ length }) => length!,
      // Other things go to these ports, too: the identifier must be marked as valid.
      next({ dport }, rest) {
        const next = layerOf('port', dport!);
        return next === 'vxlan' && (rest.length === 0 || (rest[0]! & 8) === 0) ? undefined : next;
      },
    },
  ),
  icmp: header<'icmp'>(
    {
      type: number(8, { initial: 8 }),
      code: number(8),
      checksum: hex(16, { sum: messageChecksum }),
      id: number(16, { when: isIcmpQuery }),
      sequence: number(16, { when: isIcmpQuery }),
      unused: number(16, { when: isUnreachable }),
      mtu: number(16, { when: isUnreachable }),
      gateway: ip4(SOURCE_IPV4, { when: isRedirect }),
      rest: hex(32, { when: (values) => !isIcmpQuery(values) && !isUnreachable(values) && !isRedirect(values) }),
    },
    { next: (values, rest) => (quotes('icmp', values) ? byVersion(rest) : undefined) },
  ),
  icmpv6: header<'icmpv6'>(
    {
      type: number(8, { initial: 128 }),
      code: number(8),
      checksum: hex(16, { sum: transportChecksum(58) }),
      id: number(16, { when: isEcho6 }),
      sequence: number(16, { when: isEcho6 }),
      mtu: number(32, { when: isTooBig }),
      hopLimit: number(8, { when: isRouterAdvertisement }),
      routerFlags: hex(8, { when: isRouterAdvertisement }),
      lifetime: number(16, { when: isRouterAdvertisement }),
      reachableTime: number(32, { when: isRouterAdvertisement }),
      retransTimer: number(32, { when: isRouterAdvertisement }),
      router: bit({ when: isAdvertisement }),
      solicited: bit({ when: isAdvertisement }),
      override: bit({ when: isAdvertisement }),
      reserved: hex(29, { when: isAdvertisement }),
      rest: hex(32, {
        when: (values) => !isEcho6(values) && !isTooBig(values) && !isRouterAdvertisement(values) && !isAdvertisement(values),
      }),
      target: ip6(TARGET_IPV6, { when: hasTarget }),
      destination: ip6(TARGET_IPV6, { when: isRedirect6 }),
      options: list('neighbourOptions', { when: hasNeighbourOptions }),
    },
    { next: (values, rest) => (quotes('icmpv6', values) ? byVersion(rest) : undefined) },
  ),
  gre: header<'gre'>(
    {
      hasChecksum: bit({ initial: ({ checksum }) => checksum !== undefined }),
      routing: bit(),
      hasKey: bit({ initial: ({ key }) => key !== undefined }),
      hasSequence: bit({ initial: ({ sequence }) => sequence !== undefined }),
      reserved: hex(9),
      version: number(3),
      protocol: hex(16, { names: 'ethertype' }),
      checksum: hex(16, { sum: messageChecksum, when: ({ hasChecksum }) => hasChecksum === 1 }),
      reserved1: hex(16, { when: ({ hasChecksum }) => hasChecksum === 1 }),
      key: hex(32, { when: ({ hasKey }) => hasKey === 1 }),
      sequence: number(32, { when: ({ hasSequence }) => hasSequence === 1 }),
    },
    // With source routes, and in PPTP's version 1, the header goes on in another way. [RFC1701], [RFC2637]
    { next: ({ routing, version, protocol }) => (routing === 0 && version === 0 ? layerOf('ethertype', protocol!) : undefined) },
  ),
  vxlan: header<'vxlan'>(
    { flags: hex(8, { initial: 8 }), reserved: hex(24), vni: number(24), reserved2: hex(8) },
    { next: () => 'ethernet' },
  ),
  geneve: header<'geneve'>(
    {
      version: number(2),
      optionsLength: number(6, { size: headerWords(4, 2) }),
      control: bit(),
      critical: bit(),
      reserved: hex(6),
      protocol: hex(16, { names: 'ethertype' }),
      vni: number(24),
      reserved2: hex(8),
      options: list('bytes'),
    },
    { headerBytes: ({ optionsLength }) => 4 * (optionsLength! + 2) },
  ),
};
