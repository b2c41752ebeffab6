// Made by `bpfjit types xdp_counter.o`. load<XdpCounter>('xdp_counter.o') knows these maps, variables and programs.
import type { Input } from 'bpfjit';

/** struct count, 16 bytes. */
export interface count {
  packets: bigint;
  bytes: bigint;
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

export interface XdpCounter {
  maps: {
    /** array, max_entries 1: u32 -> u32 */
    config: { key: number; value: number };
    /** hash, max_entries 256: u32 -> struct count */
    stats: { key: number; value: count };
  };
  variables: {
    /** const volatile u16 */
    get port(): number;
    set port(value: Input<number>);
    /** u64 */
    get dropped(): bigint;
    set dropped(value: Input<bigint>);
  };
  programs: {
    /** SEC("xdp") */
    xdp_counter: { type: 'xdp'; ctx: XdpMdContext; verdict: XdpVerdict };
  };
  constants: Record<never, never>;
  types: {
    count: count;
  };
}
