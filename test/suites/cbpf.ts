// tcpdump's filters over its own captures (../shared/corpora/cbpf, pcaps): every filter, optimised and not, selects the packets that
// tcpdump and the kernel selected. `npm run cbpf -- [DIR] [--engine E]...`: DIR holds cbpf/ and pcaps/.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ClassicInstruction } from '../../src/classic/decode.ts';
import { readPackets } from '../../src/pcap/read.ts';
import { classicProgram, Skb } from '../../src/runtime/object/classic.ts';
import { RawMachine } from '../../src/runtime/object/raw.ts';
import { BpfError } from '../../src/util/error.ts';
import { type Report, runSuite, suiteArguments } from './report.ts';

type Rows = readonly (readonly [code: number, jt: number, jf: number, k: number])[];

interface Compiled {
  readonly insns?: Rows;
  readonly insns_unoptimized?: Rows | null;
  readonly matches?: readonly number[];
  /** Absent: what the kernel selects is the same, or was not asked. */
  readonly kernel_matches?: readonly number[];
}

interface Filter {
  readonly expr: string;
  readonly by_linktype: Readonly<Record<string, Compiled>>;
  /** Compiled for a device, with the kernel's ancillary loads. */
  readonly live_eth_insns?: Rows;
  readonly live_eth_kernel_matches?: readonly number[];
}

interface Packet {
  readonly data: Uint8Array;
  readonly wireLength: number;
}

/** More than any backward filter of the corpus spends on a packet. */
const FUEL = 1_000_000;

function packetsIn(file: string): readonly Packet[] {
  return [...readPackets(readFileSync(file), file)].map(({ data, wireLength }) => ({ data: data.slice(), wireLength }));
}

function instructionsOf(rows: Rows): ClassicInstruction[] {
  return rows.map(([code, jt, jf, k]) => ({ code, jt, jf, k }));
}

class Selector {
  readonly #skb = new Skb();
  readonly #machine: RawMachine;

  constructor(options: ConstructorParameters<typeof RawMachine>) {
    this.#machine = new RawMachine(options[0], { ...options[1], helpers: this.#skb.helpers });
    this.#skb.attach(this.#machine);
  }

  /** What is wrong with the packets that the filter selects; undefined: nothing.
   * `wire`: as tcpdump, to which `len` is the length on the wire; else as the kernel. */
  compare(rows: Rows, packets: readonly Packet[], expected: readonly number[], wire: boolean, name: string): string | undefined {
    try {
      const program = classicProgram(instructionsOf(rows), { name, backward: true, zeroedScratch: true });
      const loaded = this.#machine.load(program);
      if (this.#machine.engine !== 'interpreter' && (loaded.compiledBytes ?? 0) === 0) return 'was not compiled';
      const selected: number[] = [];
      for (const [index, { data, wireLength }] of packets.entries()) {
        // The kernel was not asked about empty packets: there is no such datagram.
        if (!wire && data.length === 0) continue;
        const run = this.#skb.place(data, { length: wire ? wireLength : data.length });
        if ((loaded.run({ ...run, fuel: FUEL }) & 0xffff_ffffn) !== 0n) selected.push(index);
      }
      return difference(selected, expected);
    } catch (error) {
      return (error as Error).message;
    } finally {
      this.#machine.unload();
    }
  }
}

function difference(selected: readonly number[], expected: readonly number[]): string | undefined {
  const wanted = new Set(expected);
  const extra = selected.filter((index) => !wanted.delete(index));
  if (extra.length === 0 && wanted.size === 0) return undefined;
  const some = (indexes: Iterable<number>): string => [...indexes].slice(0, 5).join(', ') || 'none';
  return `${selected.length} selected, ${expected.length} expected; too many: ${some(extra)}; missing: ${some(wanted)}`;
}

/** tcpdump's protochain loops: refused unless asked for. */
function checkRefused(rows: Rows, name: string, report: Report): void {
  const isBackward = rows.some(([code, , , k]) => code === 5 && (k | 0) < 0);
  if (!isBackward) return;
  try {
    classicProgram(instructionsOf(rows), { name });
    report.count('backward refused', name, 'was accepted');
  } catch (error) {
    const isRight = error instanceof BpfError && error.code === 'classic/backward-jump';
    report.count('backward refused', name, isRight ? undefined : (error as Error).message);
  }
}

const { path, engines } = await suiteArguments('cbpf');
const folder = existsSync(join(path, 'cbpf')) ? path : dirname(path);
const { filters } = JSON.parse(gunzipSync(readFileSync(join(folder, 'cbpf/filters.json.gz'))).toString()) as { filters: readonly Filter[] };
const linkTypes = [...new Set(filters.flatMap(({ by_linktype }) => Object.keys(by_linktype)))];
const captures = new Map(linkTypes.map((name) => [name, packetsIn(join(folder, `pcaps/merged-${name}.pcap`))]));

runSuite(engines, ({ engine, host }, report) => {
  const selector = new Selector([engine, { host }]);
  for (const { expr, by_linktype, live_eth_insns, live_eth_kernel_matches } of filters) {
    for (const [linkType, { insns, insns_unoptimized, matches, kernel_matches }] of Object.entries(by_linktype)) {
      if (insns === undefined || matches === undefined) continue;
      const packets = captures.get(linkType)!;
      const name = `${expr} (${linkType})`;
      checkRefused(insns, name, report);
      report.count('filters', name, selector.compare(insns, packets, matches, true, name));
      if (kernel_matches !== undefined) report.count('as the kernel', name, selector.compare(insns, packets, kernel_matches, false, name));
      if (insns_unoptimized) report.count('unoptimised', name, selector.compare(insns_unoptimized, packets, matches, true, name));
    }
    if (live_eth_insns !== undefined && live_eth_kernel_matches !== undefined) {
      const wrong = selector.compare(live_eth_insns, captures.get('eth')!, live_eth_kernel_matches, false, expr);
      report.count('device filters', expr, wrong);
    }
  }
});
