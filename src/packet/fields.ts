// The fields of each header as a builder takes them and a dissection gives them; their names are those of the standards where those are
// short. What is left out is computed (next header, lengths, checksums) or has the default that is named.
import type { Address } from './address.ts';
import type { Ipv4Option, Ipv6Option, NeighbourOption, TcpOption } from './options.ts';

/** [802.3] */
export interface EthernetFields {
  /** Default 02:00:00:00:00:02. */
  readonly dst?: Address | undefined;
  /** Default 02:00:00:00:00:01. */
  readonly src?: Address | undefined;
  /** Ethertype of what follows; of an LLC frame, its length. */
  readonly type?: number | undefined;
}

/** [802.2], with the SNAP header where the access points are 0xaa. */
export interface LlcFields {
  /** Default 0xaa. */
  readonly dsap?: number | undefined;
  /** Default 0xaa. */
  readonly ssap?: number | undefined;
  /** Default 3: unnumbered information. */
  readonly control?: number | undefined;
  /** The second byte that a control field has unless its lowest bits are 3. */
  readonly controlHigh?: number | undefined;
  readonly oui?: number | undefined;
  readonly type?: number | undefined;
}

/** [802.1Q]. The tag's own ethertype is in the header before: 0x8100, or 0x88a8 where another tag follows. */
export interface VlanFields {
  readonly priority?: number | undefined;
  readonly dropEligible?: boolean | undefined;
  /** Default 1. */
  readonly id?: number | undefined;
  readonly type?: number | undefined;
}

/** [RFC3032] */
export interface MplsFields {
  readonly label?: number | undefined;
  readonly trafficClass?: number | undefined;
  readonly bottom?: boolean | undefined;
  /** Default 64. */
  readonly ttl?: number | undefined;
}

/** [RFC826] */
export interface ArpFields {
  /** Default 1: Ethernet. */
  readonly hardware?: number | undefined;
  /** Default 0x0800. */
  readonly protocol?: number | undefined;
  /** Default 6. */
  readonly hardwareLength?: number | undefined;
  /** Default 4. Addresses of other lengths are the payload. */
  readonly protocolLength?: number | undefined;
  /** Default 1: request; 2: reply. */
  readonly operation?: number | undefined;
  readonly senderMac?: Address | undefined;
  readonly senderIp?: Address | undefined;
  readonly targetMac?: Address | undefined;
  readonly targetIp?: Address | undefined;
}

/** [RFC791] */
export interface Ipv4Fields {
  readonly version?: number | undefined;
  /** Header length in words of 4 bytes. */
  readonly ihl?: number | undefined;
  readonly dscp?: number | undefined;
  readonly ecn?: number | undefined;
  /** Total length. */
  readonly length?: number | undefined;
  readonly id?: number | undefined;
  readonly reserved?: boolean | undefined;
  /** Don't fragment. */
  readonly df?: boolean | undefined;
  /** More fragments. */
  readonly mf?: boolean | undefined;
  /** Fragment offset in units of 8 bytes. */
  readonly fragment?: number | undefined;
  /** Default 64. */
  readonly ttl?: number | undefined;
  readonly protocol?: number | undefined;
  readonly checksum?: number | undefined;
  /** Default 192.0.2.1. */
  readonly src?: Address | undefined;
  /** Default 192.0.2.2. */
  readonly dst?: Address | undefined;
  /** A list is padded to whole words. */
  readonly options?: readonly Ipv4Option[] | Uint8Array | undefined;
}

/** [RFC8200 3] */
export interface Ipv6Fields {
  readonly version?: number | undefined;
  readonly trafficClass?: number | undefined;
  readonly flowLabel?: number | undefined;
  /** Payload length: all that follows this header. */
  readonly length?: number | undefined;
  readonly nextHeader?: number | undefined;
  /** Default 64. */
  readonly hopLimit?: number | undefined;
  /** Default 2001:db8::1. */
  readonly src?: Address | undefined;
  /** Default 2001:db8::2. */
  readonly dst?: Address | undefined;
}

/** Hop-by-hop and destination options. [RFC8200 4.3, 4.6] */
export interface Ipv6OptionsFields {
  readonly nextHeader?: number | undefined;
  /** Words of 8 bytes after the first. */
  readonly length?: number | undefined;
  /** A list is padded to whole words. */
  readonly options?: readonly Ipv6Option[] | Uint8Array | undefined;
}

/** [RFC8200 4.4]; type 4: [RFC8754]. */
export interface RoutingFields {
  readonly nextHeader?: number | undefined;
  /** Words of 8 bytes after the first. */
  readonly length?: number | undefined;
  /** Default 4: segment routing. */
  readonly type?: number | undefined;
  readonly segmentsLeft?: number | undefined;
  /** Of type 4: index of the last segment. */
  readonly lastEntry?: number | undefined;
  /** Of type 4. */
  readonly flags?: number | undefined;
  /** Of type 4. */
  readonly tag?: number | undefined;
  /** Of other types. */
  readonly reserved?: number | undefined;
  /** Addresses, of type 4 in reverse order; bytes where there is more than addresses. */
  readonly segments?: readonly Address[] | Uint8Array | undefined;
}

/** [RFC8200 4.5] */
export interface Ipv6FragmentFields {
  readonly nextHeader?: number | undefined;
  readonly reserved?: number | undefined;
  /** Fragment offset in units of 8 bytes. */
  readonly fragment?: number | undefined;
  readonly reservedBits?: number | undefined;
  /** More fragments. */
  readonly mf?: boolean | undefined;
  readonly id?: number | undefined;
}

/** Authentication header. [RFC4302] */
export interface AhFields {
  readonly nextHeader?: number | undefined;
  /** Words of 4 bytes after the second. */
  readonly length?: number | undefined;
  readonly reserved?: number | undefined;
  readonly spi?: number | undefined;
  readonly sequence?: number | undefined;
  /** Integrity check value. */
  readonly icv?: Uint8Array | undefined;
}

/** [RFC4303]; the rest is encrypted: payload. */
export interface EspFields {
  readonly spi?: number | undefined;
  readonly sequence?: number | undefined;
}

/** [RFC9293 3.1] */
export interface TcpFields {
  /** Default 49152. */
  readonly sport?: number | undefined;
  /** Default 80. */
  readonly dport?: number | undefined;
  readonly seq?: number | undefined;
  readonly ack?: number | undefined;
  /** Header length in words of 4 bytes. */
  readonly dataOffset?: number | undefined;
  readonly reserved?: number | undefined;
  /** Letters of FSRPAUEC (FIN, SYN, RST, PSH, ACK, URG, ECE, CWR), or a number. Default 'A'. */
  readonly flags?: string | number | undefined;
  /** Default 64240. */
  readonly window?: number | undefined;
  readonly checksum?: number | undefined;
  readonly urgent?: number | undefined;
  /** A list is padded to whole words. */
  readonly options?: readonly TcpOption[] | Uint8Array | undefined;
}

/** [RFC768] */
export interface UdpFields {
  /** Default 49152. */
  readonly sport?: number | undefined;
  /** Default 53, or the port of what follows (VXLAN 4789, Geneve 6081). */
  readonly dport?: number | undefined;
  readonly length?: number | undefined;
  /** 0: none. */
  readonly checksum?: number | undefined;
}

/** [RFC792], [RFC1191]. Which of the last four bytes' fields there are depends on the type. */
export interface IcmpFields {
  /** Default 8: echo request. */
  readonly type?: number | undefined;
  readonly code?: number | undefined;
  readonly checksum?: number | undefined;
  /** Of echoes, time stamps and masks. */
  readonly id?: number | undefined;
  readonly sequence?: number | undefined;
  /** Of "destination unreachable". */
  readonly unused?: number | undefined;
  /** Of "destination unreachable": the next hop's, where a fragment would be needed. */
  readonly mtu?: number | undefined;
  /** Of redirects. */
  readonly gateway?: Address | undefined;
  /** Of all others. */
  readonly rest?: number | undefined;
}

/** [RFC4443], [RFC4861]. Which fields follow the checksum depends on the type. */
export interface Icmpv6Fields {
  /** Default 128: echo request. */
  readonly type?: number | undefined;
  readonly code?: number | undefined;
  readonly checksum?: number | undefined;
  /** Of echoes. */
  readonly id?: number | undefined;
  readonly sequence?: number | undefined;
  /** Of "packet too big". */
  readonly mtu?: number | undefined;
  /** Of router advertisements. */
  readonly hopLimit?: number | undefined;
  readonly routerFlags?: number | undefined;
  readonly lifetime?: number | undefined;
  readonly reachableTime?: number | undefined;
  readonly retransTimer?: number | undefined;
  /** Of neighbour advertisements: the sender is a router. */
  readonly router?: boolean | undefined;
  readonly solicited?: boolean | undefined;
  readonly override?: boolean | undefined;
  readonly reserved?: number | undefined;
  /** Of all others. */
  readonly rest?: number | undefined;
  /** Of neighbour discovery. */
  readonly target?: Address | undefined;
  /** Of neighbour redirects. */
  readonly destination?: Address | undefined;
  /** Of neighbour discovery. */
  readonly options?: readonly NeighbourOption[] | Uint8Array | undefined;
}

/** [RFC2784], [RFC2890] */
export interface GreFields {
  /** Default: `checksum` is given. */
  readonly hasChecksum?: boolean | undefined;
  readonly routing?: boolean | undefined;
  /** Default: `key` is given. */
  readonly hasKey?: boolean | undefined;
  /** Default: `sequence` is given. */
  readonly hasSequence?: boolean | undefined;
  readonly reserved?: number | undefined;
  readonly version?: number | undefined;
  readonly protocol?: number | undefined;
  /** Computed where `hasChecksum` is true. */
  readonly checksum?: number | undefined;
  readonly reserved1?: number | undefined;
  readonly key?: number | undefined;
  readonly sequence?: number | undefined;
}

/** [RFC7348] */
export interface VxlanFields {
  /** Default 8: the identifier is valid. */
  readonly flags?: number | undefined;
  readonly reserved?: number | undefined;
  readonly vni?: number | undefined;
  readonly reserved2?: number | undefined;
}

/** [RFC8926] */
export interface GeneveFields {
  readonly version?: number | undefined;
  /** Words of 4 bytes. */
  readonly optionsLength?: number | undefined;
  readonly control?: boolean | undefined;
  readonly critical?: boolean | undefined;
  readonly reserved?: number | undefined;
  readonly protocol?: number | undefined;
  readonly vni?: number | undefined;
  readonly reserved2?: number | undefined;
  readonly options?: Uint8Array | undefined;
}

/** Bytes without a header. */
export interface PayloadFields {
  readonly data?: Uint8Array | undefined;
}

/** Bytes that the lengths of headers do not count, such as those that fill up an Ethernet frame. */
export interface PaddingFields {
  readonly data?: Uint8Array | undefined;
  /** The layer, counted from 0, that they are inside of: headers after it do not count them. Default: the last Ethernet header. */
  readonly of?: number | undefined;
}

/** By name of the layer. */
export interface LayerFields {
  readonly ethernet: EthernetFields;
  readonly llc: LlcFields;
  readonly vlan: VlanFields;
  readonly mpls: MplsFields;
  readonly arp: ArpFields;
  readonly ipv4: Ipv4Fields;
  readonly ipv6: Ipv6Fields;
  readonly hopByHop: Ipv6OptionsFields;
  readonly routing: RoutingFields;
  readonly ipv6Fragment: Ipv6FragmentFields;
  readonly destinationOptions: Ipv6OptionsFields;
  readonly ah: AhFields;
  readonly esp: EspFields;
  readonly tcp: TcpFields;
  readonly udp: UdpFields;
  readonly icmp: IcmpFields;
  readonly icmpv6: Icmpv6Fields;
  readonly gre: GreFields;
  readonly vxlan: VxlanFields;
  readonly geneve: GeneveFields;
  readonly payload: PayloadFields;
  readonly padding: PaddingFields;
}

/** The headers that this layer knows, and the bytes that are none. */
export type LayerName = keyof LayerFields;

/** Fields that a header of this kind may lack. */
interface Conditional {
  readonly llc: 'controlHigh' | 'oui' | 'type';
  readonly arp: 'senderMac' | 'senderIp' | 'targetMac' | 'targetIp';
  readonly routing: 'lastEntry' | 'flags' | 'tag' | 'reserved';
  readonly icmp: Exclude<keyof IcmpFields, 'type' | 'code' | 'checksum'>;
  readonly icmpv6: Exclude<keyof Icmpv6Fields, 'type' | 'code' | 'checksum'>;
  readonly gre: 'checksum' | 'reserved1' | 'key' | 'sequence';
}

/** Addresses and flags are text once they are read. */
type Read<T> = string extends T ? string : T extends readonly Address[] ? readonly string[] : T;

/** The fields of a header that was read. */
export type ReadFields<N extends LayerName> = {
  readonly [F in Exclude<keyof LayerFields[N], ConditionalOf<N>>]-?: Read<Exclude<LayerFields[N][F], undefined>>;
} & { readonly [F in keyof LayerFields[N] & ConditionalOf<N>]?: Read<Exclude<LayerFields[N][F], undefined>> };
type ConditionalOf<N extends LayerName> = N extends keyof Conditional ? Conditional[N] : never;
