// bpfjit run --pcap: every packet of a capture through the program; verdicts counted, survivors written.
import { closeSync, openSync, writeSync } from 'node:fs';
import { captureHeader, captureRecord } from '../pcap/write.ts';
import type { BatchItem, BatchResult } from '../runtime/batch.ts';
import type { JsonContents } from '../runtime/contents.ts';
import type { LoadedProgram } from '../runtime/loaded-program.ts';
import type { BatchOptions } from '../runtime/options.ts';
import { packetsOf } from './captures.ts';
import { Progress } from './progress.ts';
import { count } from './usage.ts';
import type { TraceOutput } from './watch.ts';

/** Bytes that are gathered before they are written. */
const WRITE_BYTES = 1 << 18;

export interface CaptureOptions {
  readonly pcap: string;
  readonly out?: string | undefined;
  readonly maps?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly expect?: string | undefined;
  readonly repeat: string;
  /** The context of every run. */
  readonly given?: BatchOptions['ctx'] | undefined;
  readonly trace?: TraceOutput | undefined;
  contents(): JsonContents;
}

export function runCapture(program: LoadedProgram, options: CaptureOptions): number {
  const repeat = count('repeat', options.repeat, 1);
  const out = options.out === undefined ? undefined : new Survivors(options.out);
  const progress = new Progress('packets');
  const counted = new Map<string, number>();
  let packets = 0;
  let redirects = 0;
  let events = 0;
  let stops = 0;
  let outsideMs = 0;

  const repeated = function* (): Generator<Uint8Array, void, void> {
    let from = performance.now();
    let index = 0;
    for (const packet of packetsOf(options.pcap)) {
      const { data } = packet;
      out?.expect(packet.linkType, packet.timestamp);
      outsideMs += performance.now() - from;
      for (let i = 0; i < repeat; i++) {
        options.trace?.heading(`packet ${index}, ${data.length} bytes`);
        yield data;
      }
      index++;
      from = performance.now();
    }
    outsideMs += performance.now() - from;
  };
  const each = (item: BatchItem): void => {
    options.trace?.next(item.stop !== undefined);
    if (item.index % repeat !== repeat - 1) return;
    packets++;
    progress.step();
    if (item.stop !== undefined) stops++;
    if (item.redirect !== undefined) redirects++;
    events += item.events.length;
    if (repeat > 1 && item.stop === undefined) {
      const name = item.verdict ?? `r0 = ${item.r0}`;
      counted.set(name, (counted.get(name) ?? 0) + 1);
    }
    if (out === undefined) return;
    const from = performance.now();
    out.next(survivingBytes(program.type, item));
    outsideMs += performance.now() - from;
  };
  // Compiles it: not the packets' time.
  program.runBatch([]);
  const started = performance.now();
  let result: BatchResult;
  try {
    const { given: ctx, trace } = options;
    result = program.runBatch(repeated(), {
      each,
      ...(ctx === undefined ? {} : { ctx }),
      ...(trace === undefined ? {} : { trace: trace.hook }),
    });
    trace?.close();
  } finally {
    out?.close();
    progress.end();
  }
  const spentMs = performance.now() - started - outsideMs;
  const { engine, firstStop, loop } = result;
  const verdicts = repeat > 1 ? counted : new Map(Object.entries(result.verdicts));
  const nsPerPacket = packets === 0 ? 0 : (spentMs * 1e6) / (packets * repeat);
  const sorted = [...verdicts].sort(([, a], [, b]) => b - a);
  if (options.json === true) {
    const summary = {
      ...{ program: program.name, engine, packets, verdicts: Object.fromEntries(sorted), redirects, events, stops },
      ...(firstStop === undefined ? {} : { firstStop: firstStop.error.headline }),
      ...(options.maps === true ? { maps: options.contents() } : {}),
      stats: { nsPerRun: nsPerPacket, loop },
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else {
    process.stdout.write(`${program.name} on ${engine}: ${packets} packets, ${nsPerPacket.toFixed(0)} ns each\n`);
    for (const [verdict, n] of sorted) process.stdout.write(`  ${String(n).padStart(9)}  ${verdict}\n`);
    if (redirects > 0) process.stdout.write(`  ${String(redirects).padStart(9)}  redirected\n`);
    if (events > 0) process.stdout.write(`  ${String(events).padStart(9)}  events\n`);
    if (stops > 0) process.stdout.write(`  ${String(stops).padStart(9)}  stopped; the first: ${firstStop!.error.headline}\n`);
    if (options.maps === true) process.stdout.write(`${JSON.stringify(options.contents(), null, 1)}\n`);
  }
  if (result.stops > 0) return 1;
  const unexpected = options.expect === undefined ? [] : sorted.filter(([verdict]) => verdict !== options.expect);
  if (unexpected.length === 0) return 0;
  process.stderr.write(
    `error: program ${program.name}: expected ${options.expect} for all packets, got ${unexpected[0]![0]} too [cli/unexpected-verdict]\n`,
  );
  return 1;
}

/** The packet as the program left it, where its verdict lets it live; socket filters also say how much of it. */
function survivingBytes(type: string, { verdict, packet, r0, stop }: BatchItem): Uint8Array | undefined {
  if (stop !== undefined) return undefined;
  if (type === 'socket_filter') return r0 === 0n ? undefined : packet.subarray(0, Math.min(packet.length, Number(r0 & 0xffffffffn)));
  const dead = verdict === undefined || /DROP|ABORTED|SHOT|STOLEN|DENY$/.test(verdict);
  return dead && type !== 'raw' ? undefined : packet;
}

/** Survivors, gathered and written to a capture. Packets are announced in order, then either given or not. */
class Survivors {
  readonly #file: number;
  readonly #buffer: Uint8Array = new Uint8Array(WRITE_BYTES);
  #filled = 0;
  /** Of the packets that were announced; the first `#given` are done with. */
  readonly #times: bigint[] = [];
  #given = 0;
  #linkType: number | undefined;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  expect(linkType: number, timestamp: bigint): void {
    if (this.#linkType === undefined) this.#write(captureHeader(linkType));
    this.#linkType ??= linkType;
    this.#times.push(timestamp);
  }

  next(bytes: Uint8Array | undefined): void {
    const time = this.#times[this.#given++]!;
    if (this.#given >= 4096) this.#times.splice(0, this.#given);
    this.#given %= 4096;
    if (bytes !== undefined) this.#write(captureRecord(bytes, time));
  }

  #write(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > WRITE_BYTES) this.#flush();
    if (bytes.length > WRITE_BYTES) writeAll(this.#file, bytes);
    else {
      this.#buffer.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
  }

  #flush(): void {
    writeAll(this.#file, this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
