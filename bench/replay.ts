// Packets per second of a capture through a program, beside only reading the file: `node dist/bench/replay.js [CAPTURE] [OBJECT]`. Without
// arguments: the Ethernet capture of ../shared/corpora, many times over, through an XDP filter of a Debian package, with its maps
// as they are when it is loaded. Best of three.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packetsOf } from '../src/cli/captures.ts';
import { nativeHost } from '../src/node.ts';
import { loadBytes } from '../src/runtime/load.ts';
import { corpus, SKIP } from '../test/support/corpora.ts';

const TIMES = 16;
const ROUNDS = 3;
const HEADER_BYTES = 24;

const folder = mkdtempSync(join(tmpdir(), 'bpfjit-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function repeated(path: string): string {
  const bytes = readFileSync(path);
  const out = join(folder, 'capture.pcap');
  writeFileSync(out, Buffer.concat([bytes, ...new Array<Uint8Array>(TIMES - 1).fill(bytes.subarray(HEADER_BYTES))]));
  return out;
}

const given = process.argv[2] ?? corpus('pcaps/merged-eth.pcap');
const file = process.argv[3] ?? corpus('objects/debian/libxdp1__usr_lib_x86_64-linux-gnu_bpf_xdpfilt_dny_all.o');
if (given === undefined || file === undefined) console.log(SKIP);
else {
  const capture = process.argv[2] === undefined ? repeated(given) : given;
  const { host } = await nativeHost();
  const data = function* (): Generator<Uint8Array, void, void> {
    for (const packet of packetsOf(capture)) yield packet.data;
  };
  let packets = 0;
  const reading = best(() => {
    packets = 0;
    for (const packet of packetsOf(capture)) packets += Math.sign(packet.wireLength + 1);
  });
  report('only reading', packets, reading, reading);
  for (const engine of ['auto', 'arm64-sim', 'interpreter'] as const) {
    const object = loadBytes(readFileSync(file), { path: file, host, engine });
    const [program] = Object.values(object.programs);
    let sum = 0;
    const spent = best(() => void program!.runBatch(data(), { each: ({ index }) => void (sum += index) }), engine === 'auto' ? ROUNDS : 1);
    report(`${program!.name} on ${object.engine(engine).name}`, packets, spent, reading);
    object.dispose();
  }
}

function best(body: () => void, rounds: number = ROUNDS): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    body();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

function report(what: string, packets: number, ms: number, reading: number): void {
  const perSecond = `${(packets / ms / 1000).toFixed(3)} M packets/s`;
  console.log(
    `${what.padEnd(36)} ${perSecond.padStart(20)} ${((ms * 1e6) / packets).toFixed(0).padStart(8)} ns each, ${(ms / reading).toFixed(2)} of reading`,
  );
}
