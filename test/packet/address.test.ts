// Addresses as text and bytes, and network byte order.
import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { be16, be32, be64, ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text, macBytes, macText, tryParseIpv6 } from '../../src/packet/address.ts';

test('IPv6 text is the shortest [RFC5952]', () => {
  const cases = {
    '2001:db8:0:0:0:0:2:1': '2001:db8::2:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:DB8::A': '2001:db8::a',
    '::': '::',
    '::1': '::1',
    'fe80::': 'fe80::',
    '::ffff:10.0.0.1': '::ffff:10.0.0.1',
    '::ffff:0a00:1': '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1': '64:ff9b::a00:1',
  };
  for (const [text, shortest] of Object.entries(cases)) assert.equal(ipv6Text(ipv6Bytes(text)), shortest);
});

test('text that is no address is refused', () => {
  for (const text of [
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '::1.2.3.256',
    '1.2.3.4',
    '',
    ':',
    '1:2:3:4:5:6:7::8',
  ])
    assert.throws(() => ipv6Bytes(text), { code: 'packet/address' }, text);
  for (const text of ['1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.x', '', '::1'])
    assert.throws(() => ipv4Bytes(text), { code: 'packet/address' }, text);
  for (const text of ['02:00:00:00:00', '02:00:00:00:00:0', '02:00:00:00:00:0g'])
    assert.throws(() => macBytes(text), { code: 'packet/address' }, text);
});

test('every address comes back from its text, which Node reads alike', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(0xff), (bytes, zeros) => {
      const sparse = bytes.map((byte, i) => (((zeros >> (i >> 1)) & 1) === 1 ? 0 : byte));
      const text = ipv6Text(sparse);
      assert.ok(isIPv6(text));
      assert.deepEqual(ipv6Bytes(text), sparse);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('0', 'f', '1', ':', '.'), maxLength: 24 }), (text) =>
      assert.equal(tryParseIpv6(text) !== undefined, isIPv6(text)),
    ),
  );
  assert.equal(macText(macBytes('02-00-00-00-0A-ff')), '02:00:00:00:0a:ff');
});

test('a __be32 that was read as a number is an address, a __be16 a port', () => {
  // 10.0.0.1 in memory, read on a little-endian machine.
  assert.equal(ipv4Text(0x0100000a), '10.0.0.1');
  assert.equal(ipv4Text([10, 0, 0, 1]), '10.0.0.1');
  assert.equal(be16(0x5000), 80);
  assert.equal(be16(be16(443)), 443);
  assert.equal(be32(0x0100000a), 0x0a000001);
  assert.equal(be32(0xff000000), 0xff);
  assert.equal(be64(1n), 1n << 56n);
  const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8);
  assert.deepEqual([be16(bytes, 1), be32(bytes), be64(bytes, 1)], [0x0102, 0x00010203, 0x0102030405060708n]);
  assert.throws(() => be32(bytes, 6), { code: 'packet/address' });
  assert.throws(() => be16(65536), { code: 'packet/address' });
  assert.throws(() => be64(-1n), { code: 'packet/address' });
  assert.throws(() => ipv4Text([1, 2, 3]), { code: 'packet/address' });
});
