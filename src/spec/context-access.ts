// Which bytes of its context a program of each type may read and write: what the kernel's checks of context accesses let through, field by
// field. test/suites/context-oracle.ts compares every offset and width with the running kernel. No code but lookups in the tables.
import { CGROUP_SOCKOPT, type ContextField, type ContextSpec, contextOf, fieldAt, NF_CTX, SK_MSG, SK_REUSEPORT } from './contexts.ts';
import type { AttachType } from './programs.ts';

/**
 * How a field may be accessed, always aligned to the width. whole: one element, in its size; first: the first element, likewise; narrow: 1, 2 or 4 bytes within an element of
 * 4; wide: narrow, or 8 bytes aligned to 8 inside the field; words: 4 bytes, or 8 aligned to 8; head: 1, 2 or 4 bytes from the element's
 * start; halves: 2 or 4 bytes; port: 4 bytes, 2 of its first 2, or 1 of these.
 */
export type Pattern = 'whole' | 'first' | 'narrow' | 'wide' | 'words' | 'head' | 'halves' | 'port';

/** Names of fields by pattern, separated by spaces. */
type Grants = Partial<Record<Pattern, string>>;

interface Rule {
  readonly spec: ContextSpec;
  /** Attach types that it is for, and those unknown; absent: all. */
  readonly attach?: readonly AttachType[];
  readonly read: ReadonlyMap<string, Pattern>;
  readonly write: ReadonlyMap<string, Pattern>;
}

/** Contexts without fields that are known here: naturally aligned reads, in `unit` bytes where that is given, below `bytes`. */
interface Plain {
  readonly bytes: number;
  /** First byte that may be read. The kernel compares as unsigned there, and lets negative offsets through. */
  readonly from?: number;
  readonly unit?: number;
  readonly writable?: boolean;
  /** A pointer to the context plus a constant is as good. */
  readonly movable?: boolean;
}

function rule(spec: ContextSpec, read: Grants, write: Grants = {}, attach?: readonly AttachType[]): Rule {
  return { spec, read: byField(read), write: byField(write), ...(attach === undefined ? {} : { attach }) };
}

function byField(grants: Grants): ReadonlyMap<string, Pattern> {
  return new Map(Object.entries(grants).flatMap(([pattern, names]) => names.split(' ').map((name) => [name, pattern as Pattern] as const)));
}

const SKB = contextOf('sched_cls')!;
/** Every __sk_buff has these. */
const SKB_FIELDS =
  `len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto priority ingress_ifindex ifindex tc_index hash napi_id
  gso_segs gso_size`.replace(/\s+/g, ' ');
const SKB_ADDRESSES = 'remote_ip4 local_ip4 remote_ip6 local_ip6';

const TC = rule(
  SKB,
  { narrow: `${SKB_FIELDS} mark tc_classid wire_len`, wide: 'cb', whole: 'data data_end data_meta tstamp sk hwtstamp tstamp_type' },
  { whole: 'mark queue_mapping priority tc_index tc_classid tstamp', wide: 'cb' },
);
const LWT = rule(SKB, { narrow: `${SKB_FIELDS} mark`, wide: 'cb', whole: 'data data_end sk' }, { whole: 'mark priority', wide: 'cb' });

const XDP = contextOf('xdp')!;
const XDP_FIELDS = 'data data_end data_meta ingress_ifindex rx_queue_index';

const SOCK = contextOf('cgroup_sock')!;
const SOCK_READ: Grants = { head: 'family type protocol state rx_queue_mapping', port: 'dst_port', narrow: 'dst_ip4 dst_ip6' };
const SOCK_BOUND: Grants = { ...SOCK_READ, head: `${SOCK_READ.head} src_port` };

const ADDR = contextOf('cgroup_sock_addr')!;
const ADDR_PLAIN = 'user_family family type protocol sk';

/** Of one family's attach types. */
function addresses(attach: readonly AttachType[], narrow: string, wide = ''): Rule {
  return rule(
    ADDR,
    { whole: ADDR_PLAIN, narrow: `user_port ${narrow}`, ...(wide === '' ? {} : { wide }) },
    { whole: `user_port ${narrow}`, ...(wide === '' ? {} : { words: wide }) },
    attach,
  );
}

const SOCK_OPS = contextOf('sock_ops')!;

/** The first rule whose attach types have that of the program, or say nothing; all that could be meant where it is not known. */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  xdp: [
    rule(XDP, { whole: `${XDP_FIELDS} egress_ifindex` }, {}, ['xdp_devmap']),
    rule(XDP, { whole: XDP_FIELDS }, {}, ['xdp', 'xdp_cpumap']),
  ],
  socket_filter: [rule(SKB, { narrow: `${SKB_FIELDS} mark`, wide: 'cb', whole: 'sk' }, { wide: 'cb' })],
  sched_cls: [TC],
  sched_act: [TC],
  cgroup_skb: [
    rule(
      SKB,
      {
        narrow: `${SKB_FIELDS} mark family remote_port local_port`,
        wide: 'cb',
        whole: `data data_end ${SKB_ADDRESSES} tstamp sk hwtstamp`,
      },
      { whole: 'mark priority tstamp', wide: 'cb' },
    ),
  ],
  lwt_in: [LWT],
  lwt_out: [LWT],
  lwt_xmit: [LWT],
  lwt_seg6local: [LWT],
  sk_skb: [
    rule(
      SKB,
      { narrow: `${SKB_FIELDS} family remote_port local_port`, wide: 'cb', whole: `data data_end ${SKB_ADDRESSES} sk` },
      { whole: 'priority tc_index' },
    ),
  ],
  flow_dissector: [rule(SKB, { whole: 'data data_end flow_keys' })],
  cgroup_sock: [
    rule(SOCK, { ...SOCK_READ, whole: 'bound_dev_if mark priority' }, { whole: 'bound_dev_if mark priority' }, [
      'cgroup_inet_sock_create',
      'cgroup_inet_sock_release',
    ]),
    rule(SOCK, { ...SOCK_BOUND, narrow: `${SOCK_READ.narrow} src_ip4` }, {}, ['cgroup_inet4_post_bind']),
    rule(SOCK, { ...SOCK_BOUND, narrow: `${SOCK_READ.narrow} src_ip6` }, {}, ['cgroup_inet6_post_bind']),
  ],
  cgroup_sock_addr: [
    addresses(['cgroup_udp4_sendmsg'], 'user_ip4 msg_src_ip4'),
    addresses(['cgroup_udp6_sendmsg'], '', 'user_ip6 msg_src_ip6'),
    addresses(
      ['cgroup_inet4_bind', 'cgroup_inet4_connect', 'cgroup_udp4_recvmsg', 'cgroup_inet4_getpeername', 'cgroup_inet4_getsockname'],
      'user_ip4',
    ),
    addresses(
      ['cgroup_inet6_bind', 'cgroup_inet6_connect', 'cgroup_udp6_recvmsg', 'cgroup_inet6_getpeername', 'cgroup_inet6_getsockname'],
      '',
      'user_ip6',
    ),
    addresses(
      ['cgroup_unix_connect', 'cgroup_unix_sendmsg', 'cgroup_unix_recvmsg', 'cgroup_unix_getpeername', 'cgroup_unix_getsockname'],
      '',
    ),
  ],
  sock_ops: [
    rule(
      SOCK_OPS,
      { whole: SOCK_OPS.fields.flatMap(({ name }) => (name === 'skb_tcp_flags' ? [] : [name])).join(' '), head: 'skb_tcp_flags' },
      { whole: 'sk_txhash', first: 'args' },
    ),
  ],
  cgroup_device: [rule(contextOf('cgroup_device')!, { narrow: 'access_type', whole: 'major minor' })],
  cgroup_sysctl: [rule(contextOf('cgroup_sysctl')!, { narrow: 'write file_pos' }, { whole: 'file_pos' })],
  cgroup_sockopt: [
    rule(CGROUP_SOCKOPT, { whole: 'sk optval optval_end level optname optlen retval' }, { whole: 'optlen retval' }, ['cgroup_getsockopt']),
    rule(CGROUP_SOCKOPT, { whole: 'sk optval optval_end level optname optlen' }, { whole: 'level optname optlen' }, ['cgroup_setsockopt']),
  ],
  sk_msg: [rule(SK_MSG, { whole: SK_MSG.fields.map(({ name }) => name).join(' ') })],
  sk_lookup: [
    rule(contextOf('sk_lookup')!, {
      whole: 'sk',
      narrow: 'family protocol remote_ip4 remote_ip6 remote_port local_ip4 local_ip6 local_port ingress_ifindex',
    }),
  ],
  sk_reuseport: [
    rule(SK_REUSEPORT, {
      whole: 'data data_end hash sk migrating_sk',
      narrow: 'len ip_protocol bind_inany',
      halves: 'eth_protocol',
    }),
  ],
  netfilter: [rule(NF_CTX, { whole: 'state skb' })],
};

/** Registers of the largest machine (arm64's struct pt_regs), and what perf_event puts behind them. */
const REGISTERS_BYTES = 336;
const FUNCTION_ARGUMENTS = 12;
const PLAIN: Readonly<Record<string, Plain>> = {
  kprobe: { bytes: REGISTERS_BYTES },
  perf_event: { bytes: REGISTERS_BYTES + 16 },
  tracepoint: { bytes: 8192, from: 8 },
  raw_tracepoint: { bytes: 8 * FUNCTION_ARGUMENTS },
  raw_tracepoint_writable: { bytes: 8 * FUNCTION_ARGUMENTS },
  tracing: { bytes: 8 * FUNCTION_ARGUMENTS, unit: 8 },
  lsm: { bytes: 8 * FUNCTION_ARGUMENTS, unit: 8 },
  syscall: { bytes: 0xffff, writable: true, movable: true },
};

/** The structure that a program type's context is checked against, and the attach types that differ in it; undefined: bytes. */
export function checkedContext(
  type: string,
): { readonly spec: ContextSpec; readonly variants: readonly (readonly AttachType[] | undefined)[] } | undefined {
  const rules = RULES[type];
  return rules === undefined ? undefined : { spec: rules[0]!.spec, variants: rules.map(({ attach }) => attach) };
}

/** Whether programs of that type may add constants to the context's address. */
export function mayMoveContext(type: string): boolean {
  return PLAIN[type]?.movable === true || (RULES[type] === undefined && PLAIN[type] === undefined);
}

/** Why the kernel refuses that access to the context, in words; undefined: it does not, or nothing is known of the type. */
export function contextRefusal(type: string, attach: string | undefined, offset: number, size: number, write: boolean): string | undefined {
  const plain = PLAIN[type];
  if (plain !== undefined) return plainRefusal(type, plain, offset, size, write);
  const rules = RULES[type];
  if (rules === undefined) return undefined;
  const meant = rules.filter((one) => one.attach === undefined || attach === undefined || one.attach.includes(attach as AttachType));
  const [first] = meant;
  if (first === undefined || meant.some((one) => allows(one, offset, size, write))) return undefined;
  return explain(type, first, offset, size, write);
}

function plainRefusal(
  type: string,
  { bytes, from, unit, writable }: Plain,
  offset: number,
  size: number,
  write: boolean,
): string | undefined {
  if (write && writable !== true) return `the context of a ${type} program may only be read`;
  if (from !== undefined && offset >= 0 && offset < from)
    return `the first ${from} bytes of a ${type} program's context are the kernel's own`;
  if ((offset < 0 && from === undefined) || offset + size > bytes) return `the context of a ${type} program has at most ${bytes} bytes`;
  if (offset % size !== 0) return `an access of ${size} bytes must be aligned to ${size}`;
  if (unit !== undefined && offset % unit !== 0) return `the context of a ${type} program is words of ${unit} bytes`;
  return undefined;
}

function allows({ spec, read, write: writes }: Rule, offset: number, size: number, write: boolean): boolean {
  const field = fieldAt(spec, offset);
  const pattern = field === undefined ? undefined : (write ? writes : read).get(field.name);
  return field !== undefined && pattern !== undefined && offset % size === 0 && MATCHES[pattern](field, offset - field.offset, size);
}

const MATCHES: Readonly<Record<Pattern, (field: ContextField, into: number, size: number) => boolean>> = {
  whole: ({ bytes, count = 1 }, into, size) => size === bytes && into % bytes === 0 && into < bytes * count,
  first: ({ bytes }, into, size) => size === bytes && into === 0,
  narrow: (_field, _into, size) => size <= 4,
  wide: ({ bytes, count = 1 }, into, size) => size <= 4 || into + size <= bytes * count,
  words: ({ bytes, count = 1 }, into, size) => size >= 4 && into + size <= bytes * count,
  head: ({ bytes }, into, size) => into % bytes === 0 && size <= 4,
  halves: (_field, _into, size) => size === 2 || size === 4,
  port: (_field, into, size) => (size === 4 ? into === 0 : into + size <= 2),
};

const SIZES = [1, 2, 4, 8] as const;

function explain(type: string, one: Rule, offset: number, size: number, write: boolean): string {
  const { spec } = one;
  const struct = `struct ${spec.name}`;
  if (offset < 0 || offset >= spec.bytes) return `${struct} has ${spec.bytes} bytes`;
  const field = fieldAt(spec, offset);
  if (field === undefined) return `${struct} has nothing at ${offset}`;
  const at = field.offset + field.bytes * Math.floor((offset - field.offset) / field.bytes);
  const widths = (asWrite: boolean): string => SIZES.filter((width) => allows(one, at, width, asWrite)).join(', ');
  const [reads, writes] = [widths(false), widths(true)];
  const name = `${field.name} of ${struct}`;
  if (reads === '') return `${type} programs have no access to ${name}`;
  const allowed = write ? writes : reads;
  if (write && writes === '') return `${name} may only be read by ${type} programs`;
  if (offset % size !== 0) return `${name}: an access of ${size} bytes must be aligned to ${size}`;
  return `${name}, at offset ${at}, may be ${write ? 'written' : 'read'} as ${allowed} bytes by ${type} programs`;
}
