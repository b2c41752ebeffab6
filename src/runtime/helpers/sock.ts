// struct bpf_sock, as look-ups give it to programs: offsets from the table of contexts, where it is that of cgroup_sock.
import { contextOf } from '../../spec/contexts.ts';
import { assert } from '../../util/error.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;

const STRUCT = contextOf('cgroup_sock');
export const SOCK_BYTES: number = STRUCT?.bytes ?? 0;

function offsetOf(name: string): number {
  const field = STRUCT?.fields.find((one) => one.name === name);
  assert(field !== undefined, `struct bpf_sock has no ${name}`);
  return field.offset;
}

type Field =
  | 'family'
  | 'type'
  | 'protocol'
  | 'mark'
  | 'srcIp4'
  | 'srcIp6'
  | 'srcPort'
  | 'dstPort'
  | 'dstIp4'
  | 'dstIp6'
  | 'state'
  | 'rxQueue';

export const SOCK: Readonly<Record<Field, number>> = {
  family: offsetOf('family'),
  type: offsetOf('type'),
  protocol: offsetOf('protocol'),
  mark: offsetOf('mark'),
  srcIp4: offsetOf('src_ip4'),
  srcIp6: offsetOf('src_ip6'),
  srcPort: offsetOf('src_port'),
  dstPort: offsetOf('dst_port'),
  dstIp4: offsetOf('dst_ip4'),
  dstIp6: offsetOf('dst_ip6'),
  state: offsetOf('state'),
  rxQueue: offsetOf('rx_queue_mapping'),
};
