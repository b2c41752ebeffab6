// What section names say, checked against libbpf's documentation of program types.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAP_TYPE } from '../../src/spec/map-types.ts';
import { ATTACH_TYPES, PROGRAM_TYPES, programTypeNumber, SECTION_KINDS, sectionKind } from '../../src/spec/programs.ts';

test('numbers of the kernel interface', () => {
  assert.equal(PROGRAM_TYPES.indexOf('xdp'), 6);
  assert.equal(PROGRAM_TYPES.indexOf('netfilter'), 32);
  assert.equal(ATTACH_TYPES.indexOf('xdp'), 37);
  assert.equal(ATTACH_TYPES.indexOf('trace_kprobe_session'), 56);
  assert.equal(MAP_TYPE.ringbuf, 27);
  assert.equal(MAP_TYPE.arena, 33);
  assert.equal(programTypeNumber('raw'), 0);
});

test('names mean a program only as a whole, or with a slash after them', () => {
  const type = (section: string): string | undefined => sectionKind(section)?.kind.type;
  assert.equal(type('xdp'), 'xdp');
  assert.equal(type('xdp.frags'), 'xdp');
  assert.equal(type('xdp1'), undefined);
  assert.equal(type('xdp/devmap'), 'xdp');
  assert.equal(type('xdp/anything'), undefined);
  assert.equal(type('kprobe'), 'kprobe');
  assert.equal(type('kprobe/do_unlinkat'), 'kprobe');
  assert.equal(type('kprobes'), undefined);
  assert.equal(type('.text'), undefined);
  assert.equal(type('tc'), 'sched_cls');
  assert.equal(type('socket'), 'socket_filter');
});

test('attach types and what follows the slash', () => {
  assert.deepEqual(sectionKind('fentry.s/tcp_v4_rcv'), {
    kind: { section: 'fentry.s+', type: 'tracing', attach: 'trace_fentry', sleepable: true },
    attachTo: 'tcp_v4_rcv',
  });
  assert.equal(sectionKind('tcx/ingress')?.kind.attach, 'tcx_ingress');
  assert.equal(sectionKind('cgroup_skb/egress')?.kind.attach, 'cgroup_inet_egress');
  assert.equal(sectionKind('tracepoint/syscalls/sys_enter_open')?.attachTo, 'syscalls/sys_enter_open');
});

test('no row is hidden by one before it', () => {
  for (const kind of SECTION_KINDS) {
    const name = kind.section.replace(/\+$/, '');
    assert.equal(sectionKind(name)?.kind, kind, name);
    if (kind.section.endsWith('+')) assert.equal(sectionKind(`${name}/x`)?.kind, kind, `${name}/x`);
  }
});
