// Packets taken apart: other people's captures build again from their layers, and damaged ones are told apart without a throw.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ethernet, gre, icmp, ipv4, ipv6, packet, payload, routing, tcp, udp, vxlan } from '../../src/packet/build.ts';
import { difference } from '../../src/packet/difference.ts';
import { type DissectOptions, dissect } from '../../src/packet/dissect.ts';
import { editPacket } from '../../src/packet/edit.ts';
import { describePacket, explain } from '../../src/packet/explain.ts';
import { readPackets } from '../../src/pcap/read.ts';
import { corpus, SKIP } from '../support/corpora.ts';

const CAPTURES: readonly (readonly [file: string, from: NonNullable<DissectOptions['from']>])[] = [
  ['eth', 'ethernet'],
  ['raw', 'ip'],
  ['ipv4', 'ipv4'],
  ['ipv6', 'ipv6'],
];

for (const [name, from] of CAPTURES) {
  const path = corpus(`pcaps/merged-${name}.pcap`);
  test(`merged-${name}.pcap: layers build the same bytes, and computed fields come out the same`, {
    skip: path === undefined && SKIP,
  }, () => {
    let packets = 0;
    for (const { data } of readPackets(readFileSync(path!), path!)) {
      const { layers, problems } = dissect(data, { from });
      const sizes = layers.reduce((sum, { headerBytes, offset, end }) => sum + (headerBytes || end - offset), 0);
      assert.equal(sizes, data.length, `packet ${packets}: the layers are all of it`);
      assert.deepEqual(packet(...layers), new Uint8Array(data), `packet ${packets}`);
      // Nothing changes: what was right is computed, what was not is kept.
      if (problems.length === 0 && packets % 64 === 0)
        assert.deepEqual(editPacket(data, {}, { from }), new Uint8Array(data), `packet ${packets}`);
      packets++;
    }
    assert.ok(packets > 0);
  });
}

const sample = packet(
  ethernet(),
  ipv4({ options: [{ routerAlert: 0 }] }),
  udp(),
  vxlan(7),
  ethernet(),
  ipv6(),
  routing({ segments: ['2001:db8::3'], segmentsLeft: 1 }),
  gre({ key: 1, hasChecksum: true }),
  ipv4(),
  tcp({ options: [{ mss: 1460 }, 'nop', { windowScale: 7 }] }),
  payload('GET / HTTP/1.0'),
);

test('any bytes have layers, a line, and build again', () => {
  const check = (bytes: Uint8Array, from: NonNullable<DissectOptions['from']>): void => {
    const { layers } = dissect(bytes, { from });
    assert.deepEqual(packet(...layers), bytes);
    explain(bytes, { from });
    describePacket(bytes, { from });
  };
  const from = fc.constantFrom<NonNullable<DissectOptions['from']>>(
    'ethernet',
    'ip',
    'ipv6',
    'tcp',
    'geneve',
    'icmpv6',
    'ah',
    'hopByHop',
    'mpls',
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), from, check));
  const damage = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(sample.length), (changes, length) => {
      const bytes = sample.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      check(bytes, 'ethernet');
      assert.deepEqual(editPacket(bytes, {}), bytes);
      assert.deepEqual(difference(bytes, sample).length === 0, length === sample.length && bytes.every((byte, i) => byte === sample[i]));
    }),
  );
});

test('deep nesting ends', () => {
  const bytes = packet(ethernet(), ...Array.from({ length: 200 }, () => gre({ protocol: 0x0800 })));
  assert.ok(dissect(bytes).layers.length <= 65);
  const labels = packet(ethernet({ type: 0x8847 }), new Uint8Array(65536));
  assert.ok(dissect(labels).layers.length <= 65);
});

test('what is wrong is named with its layer, field and offset', () => {
  const problemsOf = (bytes: Uint8Array): string[] =>
    dissect(bytes).problems.map(({ kind, layer, field, offset, message }) => `${kind} ${layer}.${field ?? ''} at ${offset}: ${message}`);
  const good = packet(ethernet(), ipv4(), tcp(), payload('data'));
  assert.deepEqual(problemsOf(good), []);
  assert.deepEqual(problemsOf(good.slice(0, 50)), ['truncated ipv4.length at 16: truncated: ipv4 has 44 bytes, 36 are there']);
  assert.deepEqual(problemsOf(good.slice(0, 30)), ['truncated ipv4. at 14: truncated: ipv4 header of 20 bytes, 16 are there']);
  assert.deepEqual(problemsOf(good.slice(0, 3)), ['truncated ethernet. at 0: truncated: ethernet header of 14 bytes, 3 are there']);
  assert.deepEqual(problemsOf(packet(ethernet(), ipv4({ ihl: 4 }), tcp())), ['malformed ipv4. at 14: header length 16 is less than 20']);
  assert.deepEqual(problemsOf(packet(ethernet(), ipv4({ length: 10 }), payload('abcd'))), [
    'malformed ipv4.length at 16: ipv4 length 10 is less than its header',
  ]);
  assert.deepEqual(problemsOf(packet(ethernet(), ipv4({ version: 6 }), payload('abcd'))), ['malformed ipv4.version at 14: version 6']);
  const [problem] = dissect(packet(ethernet(), ipv4(), tcp({ checksum: 0x1234 }))).problems;
  assert.equal(problem?.field, 'checksum');
  assert.match(problem?.message ?? '', /^bad tcp checksum 0x1234, should be 0x[0-9a-f]{4}$/);
  // None over IPv4 is right, over IPv6 it is not, other than in front of a tunnel. [RFC768], [RFC8200 8.1], [RFC6935]
  assert.deepEqual(problemsOf(packet(ethernet(), ipv4(), udp({ checksum: 0 }))), []);
  assert.equal(problemsOf(packet(ethernet(), ipv6(), udp({ checksum: 0 }))).length, 1);
  assert.deepEqual(problemsOf(packet(ethernet(), ipv6(), udp({ checksum: 0 }), vxlan(1), ethernet(), ipv4(), udp())), []);
});

test('fragments and quoted packets are not checked', () => {
  const whole = packet(ipv4({ id: 5 }), udp(), payload('x'.repeat(64)));
  const first = packet(ethernet(), ipv4({ id: 5, mf: true, protocol: 17 }), whole.subarray(20, 52));
  const second = packet(ethernet(), ipv4({ id: 5, fragment: 4, protocol: 17 }), whole.subarray(52));
  assert.deepEqual(
    dissect(first).layers.map(({ kind }) => kind),
    ['ethernet', 'ipv4', 'udp', 'payload'],
  );
  assert.deepEqual(
    dissect(second).layers.map(({ kind }) => kind),
    ['ethernet', 'ipv4', 'payload'],
  );
  const error = packet(ethernet(), ipv4(), icmp({ type: 3, code: 3 }), whole.subarray(0, 28));
  assert.deepEqual(
    dissect(error).layers.map(({ kind }) => kind),
    ['ethernet', 'ipv4', 'icmp', 'ipv4', 'udp'],
  );
  assert.deepEqual(dissect(second).problems, []);
  assert.deepEqual(dissect(error).problems, []);
});

test('values of fields and where they stand', () => {
  const found = dissect(sample);
  const outer = found.layer('ipv4');
  const inner = found.layer('ipv4', 1);
  assert.deepEqual([outer?.offset, outer?.headerBytes, outer?.offsets['ttl']], [14, 24, 22]);
  assert.deepEqual([inner?.fields.src, inner?.fields.df, inner?.fields.ttl], ['192.0.2.1', false, 64]);
  assert.equal(found.layer('gre')?.fields.key, 1);
  assert.equal(found.layer('ipv4', 2), undefined);
});
