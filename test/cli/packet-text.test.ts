// What `run` says about the packet: before, after, and which fields changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesJson, changeText, packetChange } from '../../src/cli/packet-text.ts';
import { ethernet, ipv4, packet, payload, udp } from '../../src/packet/build.ts';
import { editPacket } from '../../src/packet/edit.ts';

const given = packet(ethernet(), ipv4(), udp(), payload('x'));
const line = 'IPv4 192.0.2.1:49152 > 192.0.2.2:53 UDP len 1, 43 bytes';

test('a packet that stays as it is has one line', () => {
  const change = packetChange('xdp', given, given.slice());
  assert.equal(changeText(change, given), `packet: ${line}\n`);
  assert.deepEqual(changesJson(change), []);
});

test('changed fields have lines, with the bytes behind them', () => {
  const left = editPacket(given, { ipv4: { ttl: 63 } });
  const change = packetChange('sched_cls', given, left);
  assert.deepEqual(changeText(change, left).split('\n').slice(0, 4), [
    `packet: ${line}`,
    `packet after: ${line}`,
    '  ipv4.ttl at byte 22: 63, was 64',
    '  ipv4.checksum at byte 24: 0xf7cc, was 0xf6cc',
  ]);
  assert.deepEqual((changesJson(change) as unknown[])[0], {
    ...{ layer: 'ipv4', nth: 0, field: 'ttl', offset: 22 },
    ...{ from: '64', to: '63' },
  });
});

test('programs that do not see the link layer leave a packet without it', () => {
  assert.equal(changeText(packetChange('cgroup_skb', given, given.subarray(14)), given.subarray(14)), `packet: ${line}\n`);
  const left = editPacket(given, { ipv4: { ttl: 63 } }).subarray(14);
  assert.match(changeText(packetChange('cgroup_skb', given, left), left), /^ {2}ipv4\.ttl at byte 8: 63, was 64$/m);
});

test('raw programs have memory, not packets', () => {
  const memory = Uint8Array.of(1, 2, 3);
  assert.equal(changeText(packetChange('raw', memory, memory.slice()), memory), '');
  assert.match(changeText(packetChange('raw', memory, Uint8Array.of(1, 2, 4)), Uint8Array.of(1, 2, 4)), /^packet changed, 3 bytes\n/);
});
