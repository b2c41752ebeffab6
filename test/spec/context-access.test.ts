// What the kernel lets programs do with their context, in examples; `npm run context-oracle` asks it for everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextRefusal } from '../../src/spec/context-access.ts';
import { contextOf } from '../../src/spec/contexts.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from '../../src/spec/programs.ts';

const offsetOf = (type: string, name: string): number => contextOf(type)!.fields.find((field) => field.name === name)!.offset;

/** `r4` is a read of 4 bytes of the field, `+2` that many bytes into it. */
function refusals(type: string, field: string, accesses: string, attach?: string): string {
  return accesses
    .split(' ')
    .filter((access) => {
      const [, how, size, into = '0'] = /^([rw])(\d)(?:\+(\d+))?$/.exec(access)!;
      return contextRefusal(type, attach, offsetOf(type, field) + Number(into), Number(size), how === 'w') !== undefined;
    })
    .join(' ');
}

test('xdp_md: whole words, never written; egress_ifindex only in a devmap', () => {
  assert.equal(refusals('xdp', 'data', 'r4 r8 r2 r1 r4+2 w4'), 'r8 r2 r1 r4+2 w4');
  assert.equal(refusals('xdp', 'egress_ifindex', 'r4', 'xdp'), 'r4');
  assert.equal(refusals('xdp', 'egress_ifindex', 'r4', 'xdp_devmap'), '');
  assert.equal(refusals('xdp', 'egress_ifindex', 'r4'), '');
});

test('__sk_buff: what may be read and written depends on the type of program', () => {
  assert.equal(refusals('sched_cls', 'mark', 'r4 r2 r1 r2+2 r1+3 r2+1 w4 w2 w1'), 'r2+1 w2 w1');
  assert.equal(refusals('socket_filter', 'mark', 'r4 w4'), 'w4');
  assert.equal(refusals('sk_skb', 'mark', 'r4 w4'), 'r4 w4');
  assert.equal(refusals('sched_cls', 'cb', 'r8 r8+8 r8+16 r8+4 w8 w4 w1+19 w8+16'), 'r8+16 r8+4 w8+16');
  assert.equal(refusals('sched_cls', 'tstamp', 'r8 w8 r4 r4+4 w4'), 'r4 r4+4 w4');
  assert.equal(refusals('sched_cls', 'tstamp_type', 'r1 r1+1 r4 w1'), 'r1+1 r4 w1');
  assert.equal(refusals('socket_filter', 'data', 'r4'), 'r4');
  assert.equal(refusals('flow_dissector', 'flow_keys', 'r8 r4'), 'r4');
  assert.equal(refusals('flow_dissector', 'len', 'r4'), 'r4');
});

test('sockets: by attach type', () => {
  const [ip4, ip6] = ['cgroup_inet4_connect', 'cgroup_inet6_connect'];
  assert.equal(refusals('cgroup_sock_addr', 'user_ip4', 'r4 r1+3 w4 w2', ip4), 'w2');
  assert.equal(refusals('cgroup_sock_addr', 'user_ip4', 'r4 w4', ip6), 'r4 w4');
  assert.equal(refusals('cgroup_sock_addr', 'user_ip6', 'r8 w8+8 w8+4 w4+12 w1', ip6), 'w8+4 w1');
  assert.equal(refusals('cgroup_sock', 'dst_port', 'r4 r2 r1+1 r2+2 r1+2'), 'r2+2 r1+2');
  assert.equal(refusals('sock_ops', 'args', 'w4 w4+4 r4+12'), 'w4+4');
});

test('raw contexts: by size', () => {
  assert.equal(contextRefusal('kprobe', undefined, 8, 8, false), undefined);
  assert.match(contextRefusal('kprobe', undefined, 8, 8, true)!, /only be read/);
  assert.match(contextRefusal('raw_tracepoint', undefined, 96, 8, false)!, /at most 96 bytes/);
  assert.match(contextRefusal('tracing', 'trace_fentry', 4, 4, false)!, /words of 8 bytes/);
  assert.match(contextRefusal('tracepoint', undefined, 0, 4, false)!, /first 8 bytes/);
  assert.equal(contextRefusal('struct_ops', undefined, 4000, 8, true), undefined);
});

test('nothing outside a structure is let through, whatever the type', () => {
  for (const type of PROGRAM_TYPES) {
    const spec = contextOf(type);
    if (spec === undefined) continue;
    for (const attach of [undefined, ...ATTACH_TYPES]) {
      for (const offset of [-4, spec.bytes, spec.bytes + 4096]) {
        const refusal = contextRefusal(type, attach, offset, 4, false);
        // An attach type that is none of this program type's: nothing is known.
        if (attach === undefined) assert.match(refusal!, /bytes$/, `${type} ${offset}`);
      }
    }
  }
});

test('what is said', () => {
  assert.equal(contextRefusal('xdp', 'xdp', 24, 4, false), 'struct xdp_md has 24 bytes');
  assert.equal(
    contextRefusal('sched_cls', undefined, 0, 8, false),
    'len of struct __sk_buff, at offset 0, may be read as 1, 2, 4 bytes by sched_cls programs',
  );
  assert.equal(contextRefusal('xdp', 'xdp', 12, 4, true), 'ingress_ifindex of struct xdp_md may only be read by xdp programs');
  assert.equal(
    contextRefusal('socket_filter', undefined, 76, 4, false),
    'socket_filter programs have no access to data of struct __sk_buff',
  );
});
