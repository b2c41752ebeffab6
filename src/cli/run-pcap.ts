// bpfjit run --pcap: every packet of a capture through the program; verdicts counted, survivors written.
import { closeSync, openSync, writeSync } from 'node:fs';
import { captureHeader, captureRecord } from '../pcap/write.ts';
import type { LoadedProgram, RunResult } from '../runtime/object.ts';
import { BpfStopped } from '../util/stopped.ts';
import { packetsOf } from './captures.ts';
import { count } from './usage.ts';
import type { Json } from './values.ts';

const PROGRESS_MS = 200;

export interface CaptureOptions {
  readonly pcap: string;
  readonly out?: string | undefined;
  readonly maps?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly expect?: string | undefined;
  readonly repeat: string;
  contents(): { readonly [map: string]: Json };
}

export function runCapture(program: LoadedProgram, options: CaptureOptions): number {
  const verdicts = new Map<string, number>();
  const repeat = count('repeat', options.repeat, 1);
  const out = options.out === undefined ? undefined : openSync(options.out, 'w');
  let packets = 0;
  let stops = 0;
  let firstStop: BpfStopped | undefined;
  let redirects = 0;
  let events = 0;
  let bytesRead = 0;
  let spentMs = 0;
  let engine = '';
  let linkType: number | undefined;
  let shown = performance.now();
  try {
    for (const packet of packetsOf(options.pcap)) {
      packets++;
      bytesRead += packet.data.length;
      if (linkType === undefined && out !== undefined) writeSync(out, captureHeader(packet.linkType));
      linkType ??= packet.linkType;
      const started = performance.now();
      try {
        let result: RunResult | undefined;
        for (let i = 0; i < repeat; i++) result = program.run({ packet: packet.data });
        spentMs += performance.now() - started;
        engine = result!.engine;
        const verdict = result!.verdict ?? `r0 = ${result!.r0}`;
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        if (result!.redirect !== undefined) redirects++;
        events += result!.events.length;
        const survivor = survivingBytes(program.type, result!);
        if (out !== undefined && survivor !== undefined) writeSync(out, captureRecord(survivor, packet.timestamp));
      } catch (error) {
        if (!(error instanceof BpfStopped)) throw error;
        spentMs += performance.now() - started;
        stops++;
        firstStop ??= error;
      }
      if (process.stderr.isTTY && performance.now() - shown > PROGRESS_MS) {
        shown = performance.now();
        process.stderr.write(`\r${packets} packets, ${(bytesRead / 1e6).toFixed(1)} MB`);
      }
    }
  } finally {
    if (out !== undefined) closeSync(out);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
  const nsPerPacket = packets === 0 ? 0 : (spentMs * 1e6) / (packets * repeat);
  const sorted = [...verdicts].sort(([, a], [, b]) => b - a);
  if (options.json === true) {
    const summary = {
      ...{ program: program.name, engine, packets, verdicts: Object.fromEntries(sorted), redirects, events, stops },
      ...(firstStop === undefined ? {} : { firstStop: firstStop.message }),
      ...(options.maps === true ? { maps: options.contents() } : {}),
      stats: { nsPerRun: nsPerPacket },
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else {
    process.stdout.write(`${program.name} on ${engine || 'nothing'}: ${packets} packets, ${nsPerPacket.toFixed(0)} ns each\n`);
    for (const [verdict, n] of sorted) process.stdout.write(`  ${String(n).padStart(9)}  ${verdict}\n`);
    if (redirects > 0) process.stdout.write(`  ${String(redirects).padStart(9)}  redirected\n`);
    if (events > 0) process.stdout.write(`  ${String(events).padStart(9)}  events\n`);
    if (stops > 0) process.stdout.write(`  ${String(stops).padStart(9)}  stopped; the first: ${firstStop!.message}\n`);
    if (options.maps === true) process.stdout.write(`${JSON.stringify(options.contents(), null, 1)}\n`);
  }
  if (stops > 0) return 1;
  const unexpected = options.expect === undefined ? [] : sorted.filter(([verdict]) => verdict !== options.expect);
  if (unexpected.length === 0) return 0;
  process.stderr.write(
    `error: program ${program.name}: expected ${options.expect} for all packets, got ${unexpected[0]![0]} too [cli/unexpected-verdict]\n`,
  );
  return 1;
}

/** The packet as the program left it, where its verdict lets it live; socket filters also say how much of it. */
function survivingBytes(type: string, { verdict, packet, r0 }: RunResult): Uint8Array | undefined {
  if (packet === undefined) return undefined;
  if (type === 'socket_filter') return r0 === 0n ? undefined : packet.subarray(0, Math.min(packet.length, Number(r0 & 0xffffffffn)));
  const dead = verdict === undefined || /DROP|ABORTED|SHOT|STOLEN|DENY$/.test(verdict);
  return dead && type !== 'raw' ? undefined : packet;
}
