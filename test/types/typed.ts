// Made by `bpfjit types typed.o`. load<Typed>('typed.o') knows these maps, variables and programs.
import type { BpfMap, EnumOf, Input, PerCpu, ProgramName } from 'bpfjit';

/** struct endpoint, 8 bytes. */
export interface endpoint {
  /** Network byte order (__be32). */
  addr: number;
  /** Network byte order (__be16). */
  port: number;
  pad: number;
}

/** enum state. */
export type state = EnumOf<'IDLE' | 'OPEN' | 'CLOSED'>;

/** struct flow_key, 24 bytes. */
export interface flow_key {
  from: endpoint;
  to: endpoint;
  /** Text of up to 8 bytes. */
  name: string;
}

/** enum wide. */
export type wide = EnumOf<'NEAR' | 'FAR', bigint>;

/** struct flow, 112 bytes. */
export interface flow {
  state: state;
  packets: bigint;
  wide: wide;
  word: number;
  low: number;
  high: number;
  /** 4 bits. */
  version: number;
  /** 4 bits. */
  ihl: number;
  /** 7 bits. */
  delta: number;
  /** 40 bits. */
  stamp: bigint;
  seen: boolean;
  moves: number[];
  /** 6 bytes. */
  mac: Uint8Array;
  hops: endpoint[];
  ratio: number;
  huge: bigint;
  /** Pointer: struct flow *next. */
  next: bigint;
}

/** struct event, 24 bytes. */
export interface event {
  at: bigint;
  cpu: number;
  state: state;
  length: number;
  data: Uint8Array;
}

/** The context, struct xdp_md. */
export interface XdpMdContext {
  readonly data: number;
  readonly data_end: number;
  readonly data_meta: number;
  readonly ingress_ifindex: number;
  readonly rx_queue_index: number;
  readonly egress_ifindex: number;
}

/** What xdp programs return. */
export type XdpVerdict = 'XDP_ABORTED' | 'XDP_DROP' | 'XDP_PASS' | 'XDP_TX' | 'XDP_REDIRECT';

export interface Typed {
  maps: {
    /** array, max_entries 2: u32 -> struct endpoint */
    near_hops: { key: number; value: endpoint };
    /** array_of_maps, max_entries 2: u32 -> 4 bytes */
    hops: { key: number; value: BpfMap<number, endpoint> };
    /** prog_array, max_entries 3: u32 -> 4 bytes */
    jumps: { key: number; value: ProgramName<'other' | 'entry'> };
    /** percpu_array, max_entries 4: enum state -> u64 */
    counts: { key: state; value: PerCpu<bigint> };
    /** ringbuf, max_entries 4096 */
    events: { key: undefined; value: undefined };
    /** hash, max_entries 16: struct flow_key -> struct flow */
    flows: { key: flow_key; value: flow };
  };
  variables: {
    /** const volatile struct endpoint */
    get home(): Readonly<endpoint>;
    set home(value: Input<endpoint>);
    /** volatile enum state */
    get state(): state;
    set state(value: Input<state>);
    /** char[8] */
    get label(): string;
    set label(value: Input<string>);
    /** u32[2][3] */
    get matrix(): readonly number[][];
    set matrix(value: Input<number[][]>);
    /** const struct event * */
    get event_type(): bigint;
    set event_type(value: Input<bigint>);
  };
  programs: {
    /** SEC("xdp") */
    other: { type: 'xdp'; ctx: XdpMdContext; verdict: XdpVerdict };
    /** SEC("xdp") */
    entry: { type: 'xdp'; ctx: XdpMdContext; verdict: XdpVerdict };
  };
  constants: {
    IDLE: 0;
    OPEN: 1;
    CLOSED: 7;
    NEAR: -1n;
    FAR: 4294967296n;
  };
  types: {
    endpoint: endpoint;
    flow_key: flow_key;
    flow: flow;
    event: event;
  };
}
