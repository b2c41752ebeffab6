// bpfjit run --pcap: every packet of a capture through the program; verdicts counted, survivors written.
import { existsSync, realpathSync } from 'node:fs';
import { CaptureFile, formatOfPath, openCapture } from '../files/captures.ts';
import type { PacketBlock, PacketSource } from '../pcap/block.ts';
import { LINKTYPE } from '../pcap/link.ts';
import type { CaptureFormat } from '../pcap/scan.ts';
import type { BatchItem, BatchResult } from '../runtime/engines/batch-outcome.ts';
import type { LoadedProgram } from '../runtime/object/loaded-program.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import type { BatchOptions } from '../runtime/object/options.ts';
import { printMaps } from '../runtime/object/tables.ts';
import { surroundings } from '../util/stopped.ts';
import { Progress } from './progress.ts';
import { count, UsageError } from './usage.ts';
import type { TraceOutput } from './watch.ts';

export interface CaptureOptions {
  readonly pcap: string;
  readonly out?: string | undefined;
  readonly clock?: string | undefined;
  readonly maps?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly expect?: string | undefined;
  readonly repeat: string;
  /** The context of every run. */
  readonly given?: BatchOptions['ctx'] | undefined;
  readonly trace?: TraceOutput | undefined;
  readonly object: LoadedObject;
}

const MEGABYTE = 1e6;

export function runCapture(program: LoadedProgram, options: CaptureOptions): number {
  const repeat = count('repeat', options.repeat, 1);
  if (repeat > 1 && options.pcap === '-') throw new UsageError('--repeat reads the capture again, which standard input cannot');
  if (
    options.out !== undefined &&
    existsSync(options.out) &&
    options.pcap !== '-' &&
    realpathSync(options.out) === realpathSync(options.pcap)
  )
    throw new UsageError('--out would overwrite the capture that is read');
  // Compiles it: not the packets' time.
  program.runBatch([]);
  let spentMs = 0;
  let result: BatchResult | undefined;
  for (let round = 1; round <= repeat; round++) {
    const replayed = replay(program, options, round === repeat);
    result = replayed.result;
    spentMs += replayed.spentMs;
  }
  return report(program, options, result!, (spentMs * 1e6) / Math.max(1, result!.packets * repeat));
}

/** The whole capture once; `isLast`: survivors are written. */
function replay(program: LoadedProgram, options: CaptureOptions, isLast: boolean): { result: BatchResult; spentMs: number } {
  let progress: Progress | undefined;
  let outsideMs = 0;
  const capture = openCapture(options.pcap, (bytes, total) => {
    progress ??= new Progress('MB', total === undefined ? undefined : Math.ceil(total / MEGABYTE), MEGABYTE);
    progress.step(bytes);
  });
  let format: CaptureFormat | undefined;
  const survivors = isLast && options.out !== undefined ? new Survivors(program.type, () => format, options.out) : undefined;
  const { trace } = options;
  let current: PacketBlock | undefined;
  const announce = (index: number): void => {
    if (trace === undefined || current === undefined || index - current.first >= current.count) return;
    trace.heading(`packet ${index + 1}, ${current.lengths[index - current.first]} bytes`);
  };
  const blocks = capture.blocks();
  const timed: PacketSource = {
    blocks: () => ({
      // Reading is not the program's time.
      nextBlock: (area, block) => {
        const from = performance.now();
        const more = blocks.nextBlock(area, block);
        outsideMs += performance.now() - from;
        format = blocks.format;
        current = block;
        announce(block.first);
        return more;
      },
      close: () => blocks.close(),
    }),
  };
  const each = (item: BatchItem): void => {
    const from = performance.now();
    trace?.next(item.stop !== undefined);
    announce(item.index + 1);
    survivors?.take(item);
    outsideMs += performance.now() - from;
  };
  const started = performance.now();
  try {
    const result = program.runBatch(timed, {
      keepResults: false,
      ...(survivors === undefined && trace === undefined ? {} : { each }),
      ...(trace === undefined ? {} : { trace: trace.hook }),
      ...(options.given === undefined ? {} : { ctx: options.given }),
      ...(options.clock === 'capture' ? { clock: 'capture' } : {}),
    });
    return { result, spentMs: performance.now() - started - outsideMs };
  } finally {
    survivors?.end();
    progress?.end();
  }
}

function report(program: LoadedProgram, options: CaptureOptions, result: BatchResult, nsPerPacket: number): number {
  const { engine, packets, redirected, sent, stops, cut, firstStop, loop } = result;
  const verdicts = Object.entries(result.verdicts);
  if (options.json === true) {
    const summary = {
      ...{ program: program.name, engine, packets, verdicts: result.verdicts, redirects: redirected, events: sent, stops, cut },
      ...(firstStop === undefined ? {} : { firstStop: firstStop.error.headline }),
      ...(options.maps === true ? { maps: options.object.contents() } : {}),
      stats: { nsPerRun: nsPerPacket, loop },
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else {
    const line = (n: number, what: string): string => (n === 0 ? '' : `  ${String(n).padStart(9)}  ${what}\n`);
    process.stdout.write(
      [
        `${program.name} on ${engine}: ${packets} packets, ${nsPerPacket.toFixed(nsPerPacket < 100 ? 1 : 0)} ns each\n`,
        ...verdicts.map(([verdict, n]) => line(n, verdict)),
        line(redirected, 'redirected'),
        line(sent, 'events'),
        line(stops, `stopped; the first: packet ${(firstStop?.index ?? 0) + 1}, ${firstStop?.error.headline}`),
        firstStop === undefined ? '' : surroundings(firstStop.error).replace(/^(?=.)/gm, ' '.repeat(13)),
        line(cut, 'cut by the snap length: the program saw only what was captured'),
        options.maps === true ? printMaps(options.object) : '',
      ].join(''),
    );
  }
  if (stops > 0) return 1;
  const unexpected = verdicts.find(([verdict]) => options.expect !== undefined && verdict !== options.expect);
  if (unexpected === undefined) return 0;
  process.stderr.write(
    `error: program ${program.name}: expected ${options.expect} for all packets, got ${unexpected[0]} too [cli/unexpected-verdict]\n`,
  );
  return 1;
}

/** Packets as the program left them, where their verdict lets them live, in a capture with their times. */
class Survivors {
  readonly #type: string;
  readonly #format: () => CaptureFormat | undefined;
  readonly #path: string;
  #file: CaptureFile | undefined;

  constructor(type: string, format: () => CaptureFormat | undefined, path: string) {
    this.#type = type;
    this.#format = format;
    this.#path = path;
  }

  take(item: BatchItem): void {
    const file = this.#open();
    const bytes = survivingBytes(this.#type, item);
    if (bytes === undefined) return;
    // What is not there of a packet is not there of what became of it.
    const missing = Math.max(0, item.wireLength - item.originalLength);
    file.addAt(bytes, item.linkType, item, bytes.length + missing);
  }

  /** The input's format is known when its first packet is. */
  #open(): CaptureFile {
    return (this.#file ??= new CaptureFile(this.#path, formatOfPath(this.#path) ?? this.#format() ?? 'pcap'));
  }

  end(): void {
    this.#open().end(LINKTYPE.ethernet);
  }
}

/** Socket filters also say how much of the packet lives. */
function survivingBytes(type: string, { verdict, frame, packet, r0, stop }: BatchItem): Uint8Array | undefined {
  if (stop !== undefined) return undefined;
  if (type === 'socket_filter') {
    const dropped = Math.max(0, packet.length - Number(r0 & 0xffffffffn));
    return r0 === 0n ? undefined : frame.subarray(0, frame.length - dropped);
  }
  const dead = verdict === undefined || /DROP|ABORTED|SHOT|STOLEN|DENY$/.test(verdict);
  return dead && type !== 'raw' ? undefined : frame;
}
