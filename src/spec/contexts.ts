// What R1 points at, by program type: the UAPI structures, field by field, and the names of what programs return. No code but lookups.

export interface ContextField {
  readonly name: string;
  readonly offset: number;
  /** Of one element. */
  readonly bytes: 1 | 2 | 4 | 8;
  /** An array of that many; absent: a single value. */
  readonly count?: number;
}

export interface ContextSpec {
  /** The structure's name in C. */
  readonly name: string;
  readonly bytes: number;
  readonly fields: readonly ContextField[];
  /** Offsets of the fields that point at the packet, uint32 each; absent: the program has no packet. */
  readonly packet?: { readonly data: number; readonly dataEnd: number; readonly dataMeta?: number; readonly length?: number };
  /** Bytes in front of the packet that it may grow into. */
  readonly headroom: number;
}

/** `name:bytes` or `name:bytes*count`, `_` for padding, in the structure's order. */
function fieldsOf(layout: string): { readonly bytes: number; readonly fields: readonly ContextField[] } {
  const fields: ContextField[] = [];
  let offset = 0;
  for (const word of layout.trim().split(/\s+/)) {
    const [, name, size, times] = /^(\w+):(\d+)(?:\*(\d+))?$/.exec(word)!;
    const bytes = Number(size) as ContextField['bytes'];
    if (name !== '_') fields.push({ name: name!, offset, bytes, ...(times === undefined ? {} : { count: Number(times) }) });
    offset += bytes * Number(times ?? 1);
  }
  return { bytes: offset, fields };
}

const XDP_MD: ContextSpec = {
  name: 'xdp_md',
  ...fieldsOf('data:4 data_end:4 data_meta:4 ingress_ifindex:4 rx_queue_index:4 egress_ifindex:4'),
  packet: { data: 0, dataEnd: 4, dataMeta: 8 },
  headroom: 256,
};

const SK_BUFF: ContextSpec = {
  name: '__sk_buff',
  ...fieldsOf(`len:4 pkt_type:4 mark:4 queue_mapping:4 protocol:4 vlan_present:4 vlan_tci:4 vlan_proto:4 priority:4 ingress_ifindex:4
    ifindex:4 tc_index:4 cb:4*5 hash:4 tc_classid:4 data:4 data_end:4 napi_id:4 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4
    local_ip6:4*4 remote_port:4 local_port:4 data_meta:4 flow_keys:8 tstamp:8 wire_len:4 gso_segs:4 sk:8 gso_size:4 tstamp_type:1 _:1*3
    hwtstamp:8`),
  packet: { data: 76, dataEnd: 80, dataMeta: 140, length: 0 },
  headroom: 256,
};

const plain = (name: string, layout: string): ContextSpec => ({ name, ...fieldsOf(layout), headroom: 0 });

const SOCK = `bound_dev_if:4 family:4 type:4 protocol:4 mark:4 priority:4 src_ip4:4 src_ip6:4*4 src_port:4 dst_port:2 _:1*2 dst_ip4:4
  dst_ip6:4*4 state:4 rx_queue_mapping:4`;
const SOCK_ADDR = `user_family:4 user_ip4:4 user_ip6:4*4 user_port:4 family:4 type:4 protocol:4 msg_src_ip4:4 msg_src_ip6:4*4 _:4 sk:8`;
const SOCK_OPS = `op:4 args:4*4 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 is_fullsock:4
  snd_cwnd:4 srtt_us:4 bpf_sock_ops_cb_flags:4 state:4 rtt_min:4 snd_ssthresh:4 rcv_nxt:4 snd_nxt:4 snd_una:4 mss_cache:4 ecn_flags:4
  rate_delivered:4 rate_interval_us:4 packets_out:4 retrans_out:4 total_retrans:4 segs_in:4 data_segs_in:4 segs_out:4 data_segs_out:4
  lost_out:4 sacked_out:4 sk_txhash:4 bytes_received:8 bytes_acked:8 sk:8 skb_data:8 skb_data_end:8 skb_len:4 skb_tcp_flags:4
  skb_hwtstamp:8`;
const SK_LOOKUP = `sk:8 family:4 protocol:4 remote_ip4:4 remote_ip6:4*4 remote_port:2 _:1*2 local_ip4:4 local_ip6:4*4 local_port:4
  ingress_ifindex:4 _:4`;

/** Contexts that are given as bytes, with pointers of 64 bits. */
export const SK_MSG: ContextSpec = plain(
  'sk_msg_md',
  'data:8 data_end:8 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 size:4 sk:8',
);
export const SK_REUSEPORT: ContextSpec = plain(
  'sk_reuseport_md',
  'data:8 data_end:8 len:4 eth_protocol:4 ip_protocol:4 bind_inany:4 hash:4 _:4 sk:8 migrating_sk:8',
);
export const CGROUP_SOCKOPT: ContextSpec = plain('bpf_sockopt', 'sk:8 optval:8 optval_end:8 level:4 optname:4 optlen:4 retval:4');
/** Its pointers lead to the kernel's own structures. [kernel bpf_nf_link.h] */
export const NF_CTX: ContextSpec = plain('bpf_nf_ctx', 'state:8 skb:8');

/** By program type; the types that are missing take a raw context. [uapi bpf.h] */
const CONTEXTS: Readonly<Record<string, ContextSpec>> = {
  xdp: XDP_MD,
  socket_filter: SK_BUFF,
  sched_cls: SK_BUFF,
  sched_act: SK_BUFF,
  cgroup_skb: SK_BUFF,
  lwt_in: SK_BUFF,
  lwt_out: SK_BUFF,
  lwt_xmit: SK_BUFF,
  lwt_seg6local: SK_BUFF,
  sk_skb: SK_BUFF,
  flow_dissector: SK_BUFF,
  cgroup_sock: plain('bpf_sock', SOCK),
  cgroup_sock_addr: plain('bpf_sock_addr', SOCK_ADDR),
  sock_ops: plain('bpf_sock_ops', SOCK_OPS),
  cgroup_sysctl: plain('bpf_sysctl', 'write:4 file_pos:4'),
  cgroup_device: plain('bpf_cgroup_dev_ctx', 'access_type:4 major:4 minor:4'),
  sk_lookup: plain('bpf_sk_lookup', SK_LOOKUP),
};

export function contextOf(programType: string): ContextSpec | undefined {
  return CONTEXTS[programType];
}

/** The field at that byte, or before it in the same word of 4: what pads a field belongs to it. */
export function fieldAt({ fields }: ContextSpec, offset: number): ContextField | undefined {
  return fields.find(({ offset: start, bytes, count = 1 }) => offset >= start && offset < Math.ceil((start + bytes * count) / 4) * 4);
}

const ALLOW = { 0: 'DENY', 1: 'ALLOW' } as const;
const VERDICTS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  xdp: { 0: 'XDP_ABORTED', 1: 'XDP_DROP', 2: 'XDP_PASS', 3: 'XDP_TX', 4: 'XDP_REDIRECT' },
  sched_cls: tc(),
  sched_act: tc(),
  lwt_in: lwt(),
  lwt_out: lwt(),
  lwt_xmit: lwt(),
  sk_skb: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_msg: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_reuseport: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_lookup: { 0: 'SK_DROP', 1: 'SK_PASS' },
  netfilter: { 0: 'NF_DROP', 1: 'NF_ACCEPT', 2: 'NF_STOLEN', 3: 'NF_QUEUE', 4: 'NF_REPEAT' },
  cgroup_skb: { 0: 'DENY', 1: 'ALLOW', 2: 'DENY_CN', 3: 'ALLOW_CN' },
  cgroup_sock: ALLOW,
  cgroup_sock_addr: ALLOW,
  cgroup_device: ALLOW,
  cgroup_sysctl: ALLOW,
  cgroup_sockopt: ALLOW,
};

function tc(): Readonly<Record<number, string>> {
  const names = ['OK', 'RECLASSIFY', 'SHOT', 'PIPE', 'STOLEN', 'QUEUED', 'REPEAT', 'REDIRECT', 'TRAP'];
  return Object.fromEntries([[-1, 'TC_ACT_UNSPEC'], ...names.map((name, i) => [i, `TC_ACT_${name}`])]);
}

function lwt(): Readonly<Record<number, string>> {
  return { 0: 'BPF_OK', 2: 'BPF_DROP', 7: 'BPF_REDIRECT', 128: 'BPF_LWT_REROUTE' };
}

/** Name of what a program returned; `r0` as a signed 32-bit number. Undefined: it has no name. */
export function verdictOf(programType: string, r0: number): string | undefined {
  if (programType === 'socket_filter') return r0 === 0 ? 'DROP' : 'ACCEPT';
  const names = VERDICTS[programType];
  // XDP programs may return anything; the kernel treats what it does not know as aborted.
  if (programType === 'xdp' && names?.[r0] === undefined) return 'XDP_ABORTED';
  return names?.[r0];
}

/** All names that `verdictOf` gives for that type; `always`: whatever the program returns has one. */
export function verdictNames(programType: string): { readonly names: readonly string[]; readonly always: boolean } {
  if (programType === 'socket_filter') return { names: ['DROP', 'ACCEPT'], always: true };
  return { names: Object.values(VERDICTS[programType] ?? {}), always: programType === 'xdp' };
}

const LINK_LAYER_TYPES: ReadonlySet<string> = new Set(['xdp', 'sched_cls', 'sched_act', 'flow_dissector', 'raw']);

/** Whether the program sees the packet from its link-layer header on, as BPF_PROG_TEST_RUN gives it. */
export function seesLinkLayer(programType: string): boolean {
  return LINK_LAYER_TYPES.has(programType);
}

const ETHERNET_BYTES = 14;

/** Bytes from the start of the packet to its network header, as the legacy packet loads count; of other programs than those of skbs 0. */
export function networkOffset(programType: string): number {
  return contextOf(programType) === SK_BUFF && seesLinkLayer(programType) ? ETHERNET_BYTES : 0;
}
