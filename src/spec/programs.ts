// Program types, attach types, and what a section's name says of the programs in it. No code but lookups in the tables.

/** By number of enum bpf_prog_type, BPF_PROG_TYPE_* in lower case. [uapi bpf.h] */
export const PROGRAM_TYPES = [
  'unspec', 'socket_filter', 'kprobe', 'sched_cls', 'sched_act', 'tracepoint', 'xdp', 'perf_event', 'cgroup_skb', 'cgroup_sock',
  'lwt_in', 'lwt_out', 'lwt_xmit', 'sock_ops', 'sk_skb', 'cgroup_device', 'sk_msg', 'raw_tracepoint', 'cgroup_sock_addr',
  'lwt_seg6local', 'lirc_mode2', 'sk_reuseport', 'flow_dissector', 'cgroup_sysctl', 'raw_tracepoint_writable', 'cgroup_sockopt',
  'tracing', 'struct_ops', 'ext', 'lsm', 'sk_lookup', 'syscall', 'netfilter',
] as const; // biome-ignore format: a table
/** `raw`: a program of a section whose name says nothing: R1 = memory, R2 = its length. */
export type ProgramType = (typeof PROGRAM_TYPES)[number] | 'raw';

/** By number of enum bpf_attach_type, BPF_* in lower case. [uapi bpf.h] */
export const ATTACH_TYPES = [
  'cgroup_inet_ingress', 'cgroup_inet_egress', 'cgroup_inet_sock_create', 'cgroup_sock_ops', 'sk_skb_stream_parser',
  'sk_skb_stream_verdict', 'cgroup_device', 'sk_msg_verdict', 'cgroup_inet4_bind', 'cgroup_inet6_bind', 'cgroup_inet4_connect',
  'cgroup_inet6_connect', 'cgroup_inet4_post_bind', 'cgroup_inet6_post_bind', 'cgroup_udp4_sendmsg', 'cgroup_udp6_sendmsg', 'lirc_mode2',
  'flow_dissector', 'cgroup_sysctl', 'cgroup_udp4_recvmsg', 'cgroup_udp6_recvmsg', 'cgroup_getsockopt', 'cgroup_setsockopt',
  'trace_raw_tp', 'trace_fentry', 'trace_fexit', 'modify_return', 'lsm_mac', 'trace_iter', 'cgroup_inet4_getpeername',
  'cgroup_inet6_getpeername', 'cgroup_inet4_getsockname', 'cgroup_inet6_getsockname', 'xdp_devmap', 'cgroup_inet_sock_release',
  'xdp_cpumap', 'sk_lookup', 'xdp', 'sk_skb_verdict', 'sk_reuseport_select', 'sk_reuseport_select_or_migrate', 'perf_event',
  'trace_kprobe_multi', 'lsm_cgroup', 'struct_ops', 'netfilter', 'tcx_ingress', 'tcx_egress', 'trace_uprobe_multi',
  'cgroup_unix_connect', 'cgroup_unix_sendmsg', 'cgroup_unix_recvmsg', 'cgroup_unix_getpeername', 'cgroup_unix_getsockname',
  'netkit_primary', 'netkit_peer', 'trace_kprobe_session',
] as const; // biome-ignore format: a table
export type AttachType = (typeof ATTACH_TYPES)[number];

/** What SEC("...") means. */
export interface SectionKind {
  /** The name, or with `+` the part before a slash, after which what to attach to may follow. */
  readonly section: string;
  readonly type: ProgramType;
  /** The type that libbpf 1.5 expects it to be attached as; undefined: the program type has none. */
  readonly attach?: AttachType;
  /** The program may sleep. */
  readonly sleepable?: boolean;
}

/** In the order in which they are tried, as libbpf 1.5 has them. */
export const SECTION_KINDS: readonly SectionKind[] = [
  { section: 'socket', type: 'socket_filter' },
  { section: 'sk_reuseport/migrate', type: 'sk_reuseport', attach: 'sk_reuseport_select_or_migrate' },
  { section: 'sk_reuseport', type: 'sk_reuseport', attach: 'sk_reuseport_select' },
  { section: 'kprobe+', type: 'kprobe' },
  { section: 'uprobe+', type: 'kprobe' },
  { section: 'uprobe.s+', type: 'kprobe', sleepable: true },
  { section: 'kretprobe+', type: 'kprobe' },
  { section: 'uretprobe+', type: 'kprobe' },
  { section: 'uretprobe.s+', type: 'kprobe', sleepable: true },
  { section: 'kprobe.multi+', type: 'kprobe', attach: 'trace_kprobe_multi' },
  { section: 'kretprobe.multi+', type: 'kprobe', attach: 'trace_kprobe_multi' },
  { section: 'kprobe.session+', type: 'kprobe', attach: 'trace_kprobe_session' },
  { section: 'uprobe.multi+', type: 'kprobe', attach: 'trace_uprobe_multi' },
  { section: 'uretprobe.multi+', type: 'kprobe', attach: 'trace_uprobe_multi' },
  { section: 'uprobe.multi.s+', type: 'kprobe', attach: 'trace_uprobe_multi', sleepable: true },
  { section: 'uretprobe.multi.s+', type: 'kprobe', attach: 'trace_uprobe_multi', sleepable: true },
  { section: 'ksyscall+', type: 'kprobe' },
  { section: 'kretsyscall+', type: 'kprobe' },
  { section: 'usdt+', type: 'kprobe' },
  { section: 'usdt.s+', type: 'kprobe', sleepable: true },
  { section: 'tc/ingress', type: 'sched_cls', attach: 'tcx_ingress' },
  { section: 'tc/egress', type: 'sched_cls', attach: 'tcx_egress' },
  { section: 'tcx/ingress', type: 'sched_cls', attach: 'tcx_ingress' },
  { section: 'tcx/egress', type: 'sched_cls', attach: 'tcx_egress' },
  { section: 'tc', type: 'sched_cls' },
  { section: 'classifier', type: 'sched_cls' },
  { section: 'action', type: 'sched_act' },
  { section: 'netkit/primary', type: 'sched_cls', attach: 'netkit_primary' },
  { section: 'netkit/peer', type: 'sched_cls', attach: 'netkit_peer' },
  { section: 'tracepoint+', type: 'tracepoint' },
  { section: 'tp+', type: 'tracepoint' },
  { section: 'raw_tracepoint+', type: 'raw_tracepoint' },
  { section: 'raw_tp+', type: 'raw_tracepoint' },
  { section: 'raw_tracepoint.w+', type: 'raw_tracepoint_writable' },
  { section: 'raw_tp.w+', type: 'raw_tracepoint_writable' },
  { section: 'tp_btf+', type: 'tracing', attach: 'trace_raw_tp' },
  { section: 'fentry+', type: 'tracing', attach: 'trace_fentry' },
  { section: 'fmod_ret+', type: 'tracing', attach: 'modify_return' },
  { section: 'fexit+', type: 'tracing', attach: 'trace_fexit' },
  { section: 'fentry.s+', type: 'tracing', attach: 'trace_fentry', sleepable: true },
  { section: 'fmod_ret.s+', type: 'tracing', attach: 'modify_return', sleepable: true },
  { section: 'fexit.s+', type: 'tracing', attach: 'trace_fexit', sleepable: true },
  { section: 'freplace+', type: 'ext' },
  { section: 'lsm+', type: 'lsm', attach: 'lsm_mac' },
  { section: 'lsm.s+', type: 'lsm', attach: 'lsm_mac', sleepable: true },
  { section: 'lsm_cgroup+', type: 'lsm', attach: 'lsm_cgroup' },
  { section: 'iter+', type: 'tracing', attach: 'trace_iter' },
  { section: 'iter.s+', type: 'tracing', attach: 'trace_iter', sleepable: true },
  { section: 'syscall', type: 'syscall', sleepable: true },
  { section: 'xdp.frags/devmap', type: 'xdp', attach: 'xdp_devmap' },
  { section: 'xdp/devmap', type: 'xdp', attach: 'xdp_devmap' },
  { section: 'xdp.frags/cpumap', type: 'xdp', attach: 'xdp_cpumap' },
  { section: 'xdp/cpumap', type: 'xdp', attach: 'xdp_cpumap' },
  { section: 'xdp.frags', type: 'xdp', attach: 'xdp' },
  { section: 'xdp', type: 'xdp', attach: 'xdp' },
  { section: 'perf_event', type: 'perf_event' },
  { section: 'lwt_in', type: 'lwt_in' },
  { section: 'lwt_out', type: 'lwt_out' },
  { section: 'lwt_xmit', type: 'lwt_xmit' },
  { section: 'lwt_seg6local', type: 'lwt_seg6local' },
  { section: 'sockops', type: 'sock_ops', attach: 'cgroup_sock_ops' },
  { section: 'sk_skb/stream_parser', type: 'sk_skb', attach: 'sk_skb_stream_parser' },
  { section: 'sk_skb/stream_verdict', type: 'sk_skb', attach: 'sk_skb_stream_verdict' },
  { section: 'sk_skb/verdict', type: 'sk_skb', attach: 'sk_skb_verdict' },
  { section: 'sk_skb', type: 'sk_skb' },
  { section: 'sk_msg', type: 'sk_msg', attach: 'sk_msg_verdict' },
  { section: 'lirc_mode2', type: 'lirc_mode2', attach: 'lirc_mode2' },
  { section: 'flow_dissector', type: 'flow_dissector', attach: 'flow_dissector' },
  { section: 'cgroup_skb/ingress', type: 'cgroup_skb', attach: 'cgroup_inet_ingress' },
  { section: 'cgroup_skb/egress', type: 'cgroup_skb', attach: 'cgroup_inet_egress' },
  { section: 'cgroup/skb', type: 'cgroup_skb' },
  { section: 'cgroup/sock_create', type: 'cgroup_sock', attach: 'cgroup_inet_sock_create' },
  { section: 'cgroup/sock_release', type: 'cgroup_sock', attach: 'cgroup_inet_sock_release' },
  { section: 'cgroup/sock', type: 'cgroup_sock', attach: 'cgroup_inet_sock_create' },
  { section: 'cgroup/post_bind4', type: 'cgroup_sock', attach: 'cgroup_inet4_post_bind' },
  { section: 'cgroup/post_bind6', type: 'cgroup_sock', attach: 'cgroup_inet6_post_bind' },
  { section: 'cgroup/bind4', type: 'cgroup_sock_addr', attach: 'cgroup_inet4_bind' },
  { section: 'cgroup/bind6', type: 'cgroup_sock_addr', attach: 'cgroup_inet6_bind' },
  { section: 'cgroup/connect4', type: 'cgroup_sock_addr', attach: 'cgroup_inet4_connect' },
  { section: 'cgroup/connect6', type: 'cgroup_sock_addr', attach: 'cgroup_inet6_connect' },
  { section: 'cgroup/connect_unix', type: 'cgroup_sock_addr', attach: 'cgroup_unix_connect' },
  { section: 'cgroup/sendmsg4', type: 'cgroup_sock_addr', attach: 'cgroup_udp4_sendmsg' },
  { section: 'cgroup/sendmsg6', type: 'cgroup_sock_addr', attach: 'cgroup_udp6_sendmsg' },
  { section: 'cgroup/sendmsg_unix', type: 'cgroup_sock_addr', attach: 'cgroup_unix_sendmsg' },
  { section: 'cgroup/recvmsg4', type: 'cgroup_sock_addr', attach: 'cgroup_udp4_recvmsg' },
  { section: 'cgroup/recvmsg6', type: 'cgroup_sock_addr', attach: 'cgroup_udp6_recvmsg' },
  { section: 'cgroup/recvmsg_unix', type: 'cgroup_sock_addr', attach: 'cgroup_unix_recvmsg' },
  { section: 'cgroup/getpeername4', type: 'cgroup_sock_addr', attach: 'cgroup_inet4_getpeername' },
  { section: 'cgroup/getpeername6', type: 'cgroup_sock_addr', attach: 'cgroup_inet6_getpeername' },
  { section: 'cgroup/getpeername_unix', type: 'cgroup_sock_addr', attach: 'cgroup_unix_getpeername' },
  { section: 'cgroup/getsockname4', type: 'cgroup_sock_addr', attach: 'cgroup_inet4_getsockname' },
  { section: 'cgroup/getsockname6', type: 'cgroup_sock_addr', attach: 'cgroup_inet6_getsockname' },
  { section: 'cgroup/getsockname_unix', type: 'cgroup_sock_addr', attach: 'cgroup_unix_getsockname' },
  { section: 'cgroup/sysctl', type: 'cgroup_sysctl', attach: 'cgroup_sysctl' },
  { section: 'cgroup/getsockopt', type: 'cgroup_sockopt', attach: 'cgroup_getsockopt' },
  { section: 'cgroup/setsockopt', type: 'cgroup_sockopt', attach: 'cgroup_setsockopt' },
  { section: 'cgroup/dev', type: 'cgroup_device', attach: 'cgroup_device' },
  { section: 'struct_ops+', type: 'struct_ops' },
  { section: 'struct_ops.s+', type: 'struct_ops', sleepable: true },
  { section: 'sk_lookup', type: 'sk_lookup', attach: 'sk_lookup' },
  { section: 'netfilter', type: 'netfilter', attach: 'netfilter' },
];

/** What the section's name says of a program in it, and what it is to be attached to; undefined: the name means nothing. */
export function sectionKind(section: string): { readonly kind: SectionKind; readonly attachTo: string } | undefined {
  for (const kind of SECTION_KINDS) {
    if (!kind.section.endsWith('+')) {
      if (section === kind.section) return { kind, attachTo: '' };
      continue;
    }
    const stem = kind.section.slice(0, -1);
    if (section === stem) return { kind, attachTo: '' };
    if (section.startsWith(`${stem}/`)) return { kind, attachTo: section.slice(stem.length + 1) };
  }
  return undefined;
}

/**
 * What the name meant to libbpf before 1.0, and means to Cilium's loader: any name that begins with that of a kind without a slash of its
 * own (`xdp_prog`, `tc/entry`, `socket1`). Here a letter must not follow, or `tcp_input` would be a tc program.
 */
export function oldSectionKind(section: string): SectionKind | undefined {
  return SECTION_KINDS.find(
    (kind) => !kind.section.endsWith('+') && section.startsWith(kind.section) && !/^[a-z]/i.test(section.slice(kind.section.length)),
  );
}

/** Number of enum bpf_prog_type; raw programs have that of `unspec`. */
export function programTypeNumber(type: ProgramType): number {
  return type === 'raw' ? 0 : PROGRAM_TYPES.indexOf(type);
}
