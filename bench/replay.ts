// Captures through programs, beside only reading the file: `node dist/bench/replay.js [--bytes N] [CAPTURE [OBJECT]]`. Without CAPTURE:
// generated ones of 60-byte and of 700-byte packets, N bytes each (default 2e8; 2e9 shows what stays in memory), through a program
// that passes everything, one that counts, the XDP filter of a Debian package, and with survivors written. Files lie in /tmp and have
// been read once: what is measured is the processor, not the disk. Best of five, interleaved.
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { maglev } from '../examples/balancer/maglev.ts';
import { parse } from '../src/asm/parse.ts';
import { CaptureFile, openCapture } from '../src/files/captures.ts';
import { nativeHost } from '../src/node.ts';
import { ipv6Bytes } from '../src/packet/address.ts';
import { PacketBlock } from '../src/pcap/block.ts';
import { captureHeader, captureRecord } from '../src/pcap/write.ts';
import type { BatchItem } from '../src/runtime/engines/batch-outcome.ts';
import { loadBytes, loadProgram } from '../src/runtime/object/load.ts';
import type { LoadedObject } from '../src/runtime/object/object.ts';
import { corpus } from '../test/support/corpora.ts';

const ROUNDS = 5;
const { values, positionals } = parseArgs({ options: { bytes: { type: 'string', default: '2e8' } }, allowPositionals: true });
const bytes = Number(values.bytes);
const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const PASS = 'r0 = 2\nexit';
const FILTER = 'objects/debian/libxdp1__usr_lib_x86_64-linux-gnu_bpf_xdpfilt_dny_all.o';
const EXAMPLES = join(import.meta.dirname, '../../examples');
const COUNTER = join(EXAMPLES, 'xdp_counter.o');

/** UDP over IPv4, from one of 251 addresses, to one of 241 ports. */
function packet(length: number, i: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0]);
  view.setUint16(16, length - 14);
  bytes.set([64, 17, 0, 0, 10, 0, 0, i % 251, 10, 0, 1, 1], 22);
  view.setUint16(34, 1024 + (i % 241));
  view.setUint16(36, 53);
  view.setUint16(38, length - 34);
  return bytes;
}

function generate(length: number): string {
  const path = join(folder, `${length}.pcap`);
  const file = openSync(path, 'w');
  writeSync(file, captureHeader(1));
  const piece = Buffer.concat(Array.from({ length: 16_384 }, (_, i) => captureRecord(packet(length, i), BigInt(i) * 1000n)));
  for (let written = 0; written < bytes; written += piece.length) writeSync(file, piece);
  closeSync(file);
  return path;
}

interface Row {
  readonly name: string;
  /** Gives the packets that it saw. */
  readonly run: () => number;
}

function rowsOf(capture: string, object: string | undefined): Row[] {
  const rows: Row[] = [
    { name: 'only reading the bytes', run: () => readBytes(capture) },
    { name: 'reading and finding the packets', run: () => readBlocks(capture) },
  ];
  const add = (name: string, loaded: LoadedObject, out?: string): void => {
    const [program] = Object.values(loaded.programs);
    rows.push({
      name,
      run: () => {
        const file = out === undefined ? undefined : new CaptureFile(out, 'pcap');
        const each = (item: BatchItem): void => file?.addAt(item.frame, item.linkType, item, item.wireLength);
        const { packets, loop } = program!.runBatch(openCapture(capture), {
          engine: 'auto',
          ...(file === undefined ? { keepResults: false } : { each }),
        });
        file?.end(1);
        if (loop !== 'native') names.add(name);
        return packets;
      },
    });
  };
  const load = (path: string): LoadedObject => loadBytes(readFileSync(path), { path, host, clock: 0n });
  if (object !== undefined) add(object, load(object));
  else {
    const pass = (): LoadedObject => loadProgram({ name: 'pass', type: 'xdp', bytes: parse(PASS).bytes }, { host });
    add('a program that passes everything', pass());
    add('a counter in a map', load(COUNTER));
    add('the firewall of examples/', firewall());
    add('the load balancer of examples/', balancer());
    const filter = corpus(FILTER);
    if (filter !== undefined) add('xdp-filter of a Debian package', load(filter));
    add('passes everything, survivors written', pass(), join(folder, 'out.pcap'));
  }
  return rows;
}

/** 250 prefixes: one packet in 25 is dropped. */
function firewall(): LoadedObject {
  const object = loadBytes(readFileSync(join(EXAMPLES, 'firewall/firewall.o')), { host, clock: 0n });
  for (let i = 0; i < 250; i++) {
    const key = { length: 32, address: Uint8Array.of(10, 0, i % 25, i) };
    object.maps['ipv4_rules']!.set(key, { verdict: i % 25 === 0 ? 1 : 2, number: 3 + i });
  }
  return object;
}

/** Every packet is for its service: a connection, or one that begins, and a header in front. */
function balancer(): LoadedObject {
  const object = loadBytes(readFileSync(join(EXAMPLES, 'balancer/balancer.o')), { host, clock: 0n });
  const { services, table, backends } = object.maps;
  const size = 4093;
  services!.set({ address: { s6_addr: ipv6Bytes('::ffff:10.0.1.1') }, port: Uint8Array.of(0, 53), protocol: 17, zero: 0 }, { number: 0 });
  for (const [i, backend] of maglev(['a', 'b', 'c', 'd'], size).entries()) table!.set(i, backend);
  for (let i = 0; i < 4; i++) backends!.set(i, { address: Uint8Array.of(10, 0, 9, i), method: i % 2, vni: i });
  return object;
}

/** Programs that went from packet to packet in JavaScript. */
const names = new Set<string>();
const chunk = new Uint8Array(192 * 1024);

function readBytes(path: string): number {
  const file = openSync(path, 'r');
  while (readSync(file, chunk) > 0);
  closeSync(file);
  return 0;
}

function readBlocks(path: string): number {
  const capture = openCapture(path).blocks();
  const block = new PacketBlock(2800);
  let packets = 0;
  while (capture.nextBlock(chunk, block)) packets += block.count;
  capture.close();
  return packets;
}

function measure(title: string, rows: readonly Row[]): void {
  const best = rows.map(() => Number.POSITIVE_INFINITY);
  let packets = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { run }] of rows.entries()) {
      const start = performance.now();
      packets = run() || packets;
      best[i] = Math.min(best[i]!, performance.now() - start);
    }
  }
  console.log(`${title}: ${packets} packets`);
  for (const [i, { name }] of rows.entries()) {
    const perSecond = `${(packets / best[i]! / 1000).toFixed(1)} M packets/s`;
    const each = `${((best[i]! * 1e6) / packets).toFixed(1)} ns each`;
    const loop = names.has(name) ? ' (JavaScript goes from packet to packet)' : '';
    console.log(
      `  ${name.padEnd(38)} ${perSecond.padStart(20)} ${each.padStart(14)}, ${(best[i]! / best[0]!).toFixed(2)} of only reading${loop}`,
    );
  }
}

const { host } = await nativeHost();
const [capture, object] = positionals;
if (capture !== undefined) measure(capture, rowsOf(capture, object));
else for (const length of [60, 700]) measure(`${length}-byte packets, ${(bytes / 1e6).toFixed(0)} MB`, rowsOf(generate(length), undefined));
console.log(`at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB resident`);
