// Which fields of two packets differ, and the assertion that says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ethernet, gre, icmp, ipv4, packet, payload, tcp, udp, vlan } from '../../src/packet/build.ts';
import { assertPacket, type DifferenceOptions, difference, differenceText, PacketAssertionError } from '../../src/packet/difference.ts';
import { dissect } from '../../src/packet/dissect.ts';
import { editPacket } from '../../src/packet/edit.ts';

const frame = packet(ethernet(), ipv4({ id: 1 }), tcp({ seq: 5 }), payload('hello'));
const lines = (actual: Uint8Array, expected: Uint8Array, options?: DifferenceOptions): string[] =>
  difference(actual, expected, options).map((one) => differenceText(one));

test('fields with layer, offset and both values', () => {
  assert.deepEqual(difference(editPacket(frame, { ipv4: { ttl: 63 } }), frame), [
    { layer: 'ipv4', nth: 0, field: 'ttl', offset: 22, actual: 63, expected: 64 },
    { layer: 'ipv4', nth: 0, field: 'checksum', offset: 24, actual: 0xf7c6, expected: 0xf6c6 },
  ]);
  assert.deepEqual(lines(editPacket(frame, { tcp: { flags: 'FA', checksum: 1 } }), frame), [
    'tcp.flags at byte 47: [FA], expected [A]',
    'tcp.checksum at byte 50: 0x0001, expected 0x2cb3',
  ]);
  assert.deepEqual(difference(frame, frame.slice()), []);
});

test('data: where they begin to differ', () => {
  const long = (fill: number): Uint8Array => packet(ethernet({ type: 0x88b5 }), new Uint8Array(200).fill(1).with(100, fill));
  const shown = (fill: string): string => `...01010101${fill}${'01'.repeat(27)}... (200 bytes)`;
  assert.deepEqual(lines(long(2), long(3)), [`payload.data at byte 114: ${shown('02')}, expected ${shown('03')}`]);
});

test('a header that only one of them has is one difference', () => {
  const inner = dissect(frame).layers.slice(1);
  const tunnelled = packet(ethernet(), ipv4({ src: '1.1.1.1', dst: '2.2.2.2' }), ...inner);
  assert.deepEqual(
    difference(tunnelled, frame).map(({ layer, field, offset }) => `${layer}.${field} at ${offset}`),
    ['ipv4.header at 14'],
  );
  const tagged = packet(ethernet(), vlan(5), ...inner);
  assert.deepEqual(lines(frame, tagged), [
    'ethernet.type at byte 12: 0x0800, expected 0x8100',
    'vlan at byte 14: none, expected priority 0, dropEligible 0, id 5, type 0x0800',
  ]);
  // Of the inner header of two, the second.
  const other = packet(
    ethernet(),
    ipv4({ src: '1.1.1.1', dst: '2.2.2.2' }),
    ...dissect(editPacket(frame, { ipv4: { ttl: 9 } })).layers.slice(1),
  );
  assert.deepEqual(
    difference(other, tunnelled).map(({ layer, nth, field }) => `${layer}[${nth}].${field}`),
    ['ipv4[1].ttl', 'ipv4[1].checksum'],
  );
});

test('ignored fields and layers', () => {
  const other = editPacket(frame, { ipv4: { id: 77 } });
  assert.deepEqual(lines(other, frame, { ignore: ['ipv4.id', 'ipv4.checksum'] }), []);
  assert.deepEqual(lines(other, frame, { ignore: ['ipv4'] }), []);
  assertPacket(other, frame, { ignore: ['ipv4'] });
});

test('assertPacket throws what test runners show', () => {
  const other = editPacket(frame, { ipv4: { ttl: 63 } });
  assertPacket(frame.slice(), frame);
  assert.throws(
    () => assertPacket(other, frame),
    (error) => {
      assert.ok(error instanceof PacketAssertionError);
      assert.deepEqual([error.name, error.code, error.generatedMessage], ['AssertionError', 'ERR_ASSERTION', true]);
      assert.equal(
        error.message,
        [
          'the packets differ:',
          '  ipv4.ttl at byte 22: 63, expected 64',
          '  ipv4.checksum at byte 24: 0xf7c6, expected 0xf6c6',
          '  actual:   IPv4 192.0.2.1:49152 > 192.0.2.2:80 TCP [A] seq 5 ack 0 win 64240 len 5, 59 bytes',
          '  expected: IPv4 192.0.2.1:49152 > 192.0.2.2:80 TCP [A] seq 5 ack 0 win 64240 len 5, 59 bytes',
        ].join('\n'),
      );
      assert.match(error.actual ?? '', /^ipv4\.ttl 63$/m);
      assert.match(error.expected, /^ipv4\.ttl 64$/m);
      return true;
    },
  );
  assert.throws(() => assertPacket(undefined, frame, { message: 'the reply' }), /^AssertionError: the reply\n {2}expected: IPv4/);
});

test('editPacket computes what was right again and keeps what was wrong', () => {
  const changed = editPacket(frame, { ipv4: { dst: '10.9.8.7' }, tcp: { dport: 8080 }, payload: { data: new Uint8Array(9) } });
  assert.deepEqual(dissect(changed).problems, []);
  assert.equal(dissect(changed).layer('ipv4')?.fields.length, 49);
  const wrong = packet(ethernet(), ipv4({ checksum: 0xdead }), udp({ checksum: 0 }), payload('x'));
  const edited = dissect(editPacket(wrong, { ipv4: { ttl: 1 } }));
  assert.deepEqual([edited.layer('ipv4')?.fields.checksum, edited.layer('udp')?.fields.checksum], [0xdead, 0]);
  // An outer checksum that covers a wrong inner one.
  const outer = packet(ethernet(), ipv4(), gre({ hasChecksum: true }), ipv4(), icmp({ checksum: 1 }));
  const again = dissect(editPacket(outer, { gre: { key: 5, hasKey: true } }));
  assert.deepEqual(
    again.problems.map(({ layer }) => layer),
    ['icmp'],
  );
  assert.throws(() => editPacket(frame, { udp: {} }), { code: 'packet/layer' });
});
