// The firewall's rules: the longest prefix decides, every CPU counts.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { arp, ethernet, ipv4, ipv4Bytes, ipv6, ipv6Bytes, type LoadedObject, load, packet, payload, tcp, udp, vlan } from 'bpfjit';

const DROP = 1;
const PASS = 2;
/** As in firewall.c. */
const NO_RULE = 0;
const NOT_IP = 1;
const MALFORMED = 2;
const FIRST_RULE = 3;

interface Count {
  packets: bigint;
  bytes: bigint;
}

let firewall: LoadedObject;

beforeEach(async () => {
  firewall = await load('examples/firewall/firewall.o', { cpus: 4 });
});

/** `10.0.0.0/8`, `2001:db8::/32`. */
function addRule(prefix: string, verdict: number, number: number): void {
  const [address = '', length] = prefix.split('/');
  const isIpv6 = address.includes(':');
  const key = { length: Number(length), address: isIpv6 ? { s6_addr: ipv6Bytes(address) } : ipv4Bytes(address) };
  firewall.maps[isIpv6 ? 'ipv6_rules' : 'ipv4_rules']!.set(key, { verdict, number });
}

const run = (bytes: Uint8Array, cpu = 0): string | undefined => firewall.programs['firewall']!.run({ packet: bytes, cpu }).verdict;
const from = (src: string): Uint8Array => packet(ethernet(), src.includes(':') ? ipv6({ src }) : ipv4({ src }), tcp({ flags: 'S' }));

/** A rule's counter, all CPUs together. */
function counted(number: number): Count {
  const perCpu = firewall.maps['counts']!.get(number) as Count[];
  return perCpu.reduce((sum, one) => ({ packets: sum.packets + one.packets, bytes: sum.bytes + one.bytes }), { packets: 0n, bytes: 0n });
}

test('without rules everything passes', () => {
  assert.equal(run(from('10.1.2.3')), 'XDP_PASS');
  assert.equal(run(from('2001:db8::1')), 'XDP_PASS');
  assert.deepEqual(counted(NO_RULE), { packets: 2n, bytes: 54n + 74n });
});

test('the longest prefix wins, whatever the order', () => {
  addRule('10.1.0.0/16', PASS, FIRST_RULE + 1);
  addRule('10.0.0.0/8', DROP, FIRST_RULE);
  addRule('10.1.2.3/32', DROP, FIRST_RULE + 2);
  assert.equal(run(from('10.200.0.1')), 'XDP_DROP');
  assert.equal(run(from('10.1.0.1')), 'XDP_PASS');
  assert.equal(run(from('10.1.2.3')), 'XDP_DROP');
  assert.equal(run(from('11.0.0.1')), 'XDP_PASS');
  assert.deepEqual(
    [NO_RULE, FIRST_RULE, FIRST_RULE + 1, FIRST_RULE + 2].map((number) => counted(number).packets),
    [1n, 1n, 1n, 1n],
  );
});

test('IPv6 prefixes', () => {
  addRule('2001:db8::/32', DROP, FIRST_RULE);
  addRule('2001:db8:0:1::/64', PASS, FIRST_RULE + 1);
  assert.equal(run(from('2001:db8:1::9')), 'XDP_DROP');
  assert.equal(run(from('2001:db8:0:1::9')), 'XDP_PASS');
  assert.equal(run(from('2001:db9::9')), 'XDP_PASS');
});

test('a rule that is taken away no longer holds', () => {
  addRule('10.0.0.0/8', DROP, FIRST_RULE);
  assert.equal(run(from('10.0.0.1')), 'XDP_DROP');
  firewall.maps['ipv4_rules']!.delete({ length: 8, address: ipv4Bytes('10.0.0.0') });
  assert.equal(run(from('10.0.0.1')), 'XDP_PASS');
});

test('tags of VLANs are looked through', () => {
  addRule('10.0.0.0/8', DROP, FIRST_RULE);
  const ip = ipv4({ src: '10.0.0.1' });
  assert.equal(run(packet(ethernet(), vlan(5), ip, udp())), 'XDP_DROP');
  assert.equal(run(packet(ethernet(), vlan(5), vlan(6), ip, udp())), 'XDP_DROP');
  // What a third tag hides is not IP to this program.
  assert.equal(run(packet(ethernet(), vlan(5), vlan(6), vlan(7), ip, udp())), 'XDP_PASS');
  assert.equal(counted(NOT_IP).packets, 1n);
});

test('four CPUs count apart', () => {
  addRule('10.0.0.0/8', DROP, FIRST_RULE);
  const bytes = from('10.0.0.1');
  for (let cpu = 0; cpu < 4; cpu++) for (let i = 0; i <= cpu; i++) run(bytes, cpu);
  const perCpu = firewall.maps['counts']!.get(FIRST_RULE) as Count[];
  assert.deepEqual(
    perCpu.map(({ packets }) => packets),
    [1n, 2n, 3n, 4n],
  );
  assert.deepEqual(counted(FIRST_RULE), { packets: 10n, bytes: 10n * BigInt(bytes.length) });
});

test('a closed firewall: what no rule allows is dropped', async () => {
  firewall = await load('examples/firewall/firewall.o', { variables: { default_verdict: DROP } });
  addRule('192.0.2.0/24', PASS, FIRST_RULE);
  assert.equal(run(from('192.0.2.9')), 'XDP_PASS');
  assert.equal(run(from('192.0.3.9')), 'XDP_DROP');
  assert.equal(run(packet(ethernet(), arp())), 'XDP_PASS');
});

test('malformed packets are dropped, wherever they end', () => {
  const whole = packet(ethernet(), vlan(5), ipv4(), udp(), payload('data'));
  for (let length = 0; length < 38; length++) assert.equal(run(whole.slice(0, length)), 'XDP_DROP', `${length} bytes`);
  assert.equal(run(whole.slice(0, 38)), 'XDP_PASS');
  assert.equal(run(packet(ethernet(), ipv4({ version: 6 }), udp())), 'XDP_DROP');
  assert.equal(run(packet(ethernet(), ipv4({ ihl: 4 }), udp())), 'XDP_DROP');
  assert.equal(counted(MALFORMED).packets, 40n);
});

test('many packets at once', () => {
  addRule('10.0.0.0/9', DROP, FIRST_RULE);
  const packets = Array.from({ length: 256 }, (_, i) => from(`10.${i}.0.1`));
  const { verdicts } = firewall.programs['firewall']!.runBatch(packets);
  assert.deepEqual(verdicts, { XDP_DROP: 128, XDP_PASS: 128 });
  assert.equal(counted(FIRST_RULE).packets, 128n);
});
