// The DNS responder: queries it knows become answers with the right lengths and checksums, everything else passes untouched.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  assertPacket,
  dissect,
  ethernet,
  ipv4,
  ipv4Bytes,
  ipv6,
  ipv6Bytes,
  type LoadedObject,
  load,
  type PacketLayer,
  packet,
  padding,
  payload,
  udp,
} from 'bpfjit';

const A = 1;
const AAAA = 28;
const MX = 15;
const IN = 1;
const CLIENT = { mac: '02:00:00:00:00:0c', ipv4: '192.0.2.7', ipv6: '2001:db8::7', port: 40000 };
const SERVER = { mac: '02:00:00:00:00:53', ipv4: '192.0.2.53', ipv6: '2001:db8::53' };

let responder: LoadedObject;

beforeEach(async () => {
  responder = await load('examples/responder/responder.o');
  addRecord('www.example.org', A, 300, ipv4Bytes('198.51.100.1'));
  addRecord('www.example.org', AAAA, 70_000, ipv6Bytes('2001:db8::80'));
});

const be16 = (...values: readonly number[]): number[] => values.flatMap((value) => [value >> 8, value & 0xff]);

/** A name as it is on the wire. */
const wireName = (name: string): number[] => [...name.split('.').flatMap((label) => [label.length, ...new TextEncoder().encode(label)]), 0];

function addRecord(name: string, type: number, ttl: number, address: Uint8Array): void {
  const key = { name: Uint8Array.from({ ...wireName(name), length: 64 }, (byte) => byte ?? 0), type };
  responder.maps['records']!.set(key, { ttl, address: Uint8Array.from({ ...address, length: 16 }, (byte) => byte ?? 0) });
}

interface Message {
  readonly flags: number;
  readonly question: readonly number[];
  readonly answers?: number;
  readonly additionals?: number;
  readonly rest?: readonly number[];
}

const message = ({ flags, question, answers = 0, additionals = 0, rest = [] }: Message): PacketLayer =>
  payload(Uint8Array.from([...be16(0x1234, flags, 1, answers, 0, additionals), ...question, ...rest]));

const question = (name: string, type: number): number[] => [...wireName(name), ...be16(type, IN)];
const answer = (type: number, ttl: number, address: Uint8Array): number[] => [
  ...be16(0xc00c, type, IN, Math.floor(ttl / 65536), ttl % 65536, address.length),
  ...address,
];

const toServer = (...layers: readonly PacketLayer[]): Uint8Array => packet(ethernet({ src: CLIENT.mac, dst: SERVER.mac }), ...layers);
const fromServer = (...layers: readonly PacketLayer[]): Uint8Array => packet(ethernet({ src: SERVER.mac, dst: CLIENT.mac }), ...layers);
const ask4 = ipv4({ src: CLIENT.ipv4, dst: SERVER.ipv4, ttl: 55 });
const askUdp = udp({ sport: CLIENT.port, dport: 53 });
const answerUdp = udp({ sport: 53, dport: CLIENT.port });

const run = (bytes: Uint8Array) => responder.programs['respond']!.run({ packet: bytes });

function passes(bytes: Uint8Array): void {
  const { verdict, packet: left } = run(bytes);
  assert.equal(verdict, 'XDP_PASS');
  assertPacket(left, bytes);
}

test('an A query over IPv4', () => {
  const asked = question('www.example.org', A);
  const { verdict, packet: left } = run(toServer(ask4, askUdp, message({ flags: 0x0100, question: asked })));
  assert.equal(verdict, 'XDP_TX');
  const rest = answer(A, 300, ipv4Bytes('198.51.100.1'));
  assertPacket(
    left,
    fromServer(ipv4({ src: SERVER.ipv4, dst: CLIENT.ipv4 }), answerUdp, message({ flags: 0x8500, question: asked, answers: 1, rest })),
  );
  assert.equal(responder.variables['answered'], 1n);
});

test('an AAAA query over IPv6', () => {
  const asked = question('www.example.org', AAAA);
  const { verdict, packet: left } = run(
    toServer(ipv6({ src: CLIENT.ipv6, dst: SERVER.ipv6 }), askUdp, message({ flags: 0, question: asked })),
  );
  assert.equal(verdict, 'XDP_TX');
  const rest = answer(AAAA, 70_000, ipv6Bytes('2001:db8::80'));
  assertPacket(
    left,
    fromServer(ipv6({ src: SERVER.ipv6, dst: CLIENT.ipv6 }), answerUdp, message({ flags: 0x8400, question: asked, answers: 1, rest })),
  );
});

test('names are found in any case, and come back as they were asked', () => {
  const asked = question('wWw.ExAmPlE.oRg', A);
  const { verdict, packet: left } = run(toServer(ask4, askUdp, message({ flags: 0, question: asked })));
  assert.equal(verdict, 'XDP_TX');
  const rest = answer(A, 300, ipv4Bytes('198.51.100.1'));
  assertPacket(
    left,
    fromServer(ipv4({ src: SERVER.ipv4, dst: CLIENT.ipv4 }), answerUdp, message({ flags: 0x8400, question: asked, answers: 1, rest })),
  );
});

test('checksums are right for every length of name', () => {
  for (let length = 1; length <= 62; length++) {
    const name = 'x'.repeat(length);
    addRecord(name, A, length, Uint8Array.of(10, 0, 0, length));
    const { verdict, packet: left } = run(toServer(ask4, askUdp, message({ flags: 0, question: question(name, A) })));
    assert.equal(verdict, 'XDP_TX', `${length} letters`);
    assert.deepEqual(dissect(left!).problems, []);
    assert.equal(left!.length, 14 + 20 + 8 + 12 + length + 2 + 4 + 16);
  }
});

test('what stands behind the question goes: EDNS and the padding of short frames', () => {
  const asked = question('www.example.org', A);
  const edns = [0, ...be16(41, 1232, 0, 0, 0)];
  const plain = run(toServer(ask4, askUdp, message({ flags: 0, question: asked }))).packet!;
  assertPacket(run(toServer(ask4, askUdp, message({ flags: 0, question: asked, additionals: 1, rest: edns }))).packet, plain);
  assertPacket(run(toServer(ask4, askUdp, message({ flags: 0, question: asked }), padding(32))).packet, plain);
});

test('everything else is left to the server', () => {
  const asked = question('www.example.org', A);
  const query = message({ flags: 0, question: asked });
  passes(toServer(ask4, askUdp, message({ flags: 0, question: question('mail.example.org', A) })));
  passes(toServer(ask4, askUdp, message({ flags: 0, question: question('example.org', A) })));
  passes(toServer(ask4, askUdp, message({ flags: 0, question: question('www.example.org', MX) })));
  passes(toServer(ask4, askUdp, message({ flags: 0x8000, question: asked })));
  passes(toServer(ask4, askUdp, message({ flags: 0x2800, question: asked })));
  passes(toServer(ask4, askUdp, message({ flags: 0, question: asked, additionals: 2 })));
  passes(toServer(ask4, udp({ sport: CLIENT.port, dport: 5353 }), query));
  passes(toServer(ipv4({ src: CLIENT.ipv4, dst: SERVER.ipv4, options: [{ routerAlert: 0 }] }), askUdp, query));
  passes(toServer(ipv4({ src: CLIENT.ipv4, dst: SERVER.ipv4, mf: true }), askUdp, query));
  // A name that points somewhere, one that does not end, one that is too long.
  passes(toServer(ask4, askUdp, message({ flags: 0, question: [0xc0, 0x0c, ...be16(A, IN)] })));
  passes(toServer(ask4, askUdp, message({ flags: 0, question: [63, ...new Array<number>(63).fill(120)] })));
  passes(toServer(ask4, askUdp, message({ flags: 0, question: question('x'.repeat(63), A) })));
});

test('queries that end early are left to the server', () => {
  const whole = toServer(ask4, askUdp, message({ flags: 0, question: question('www.example.org', A) }));
  for (let length = 14; length < whole.length; length++) passes(whole.slice(0, length));
});
