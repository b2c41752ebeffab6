// Two programs over the same packets, a batch at a time, and what came of each packet.
import { openCapture } from '../files/captures.ts';
import { PacketBlock } from '../pcap/block.ts';
import { toEthernet } from '../pcap/link.ts';
import type { BatchItem } from '../runtime/engines/batch-outcome.ts';
import { toJson } from '../runtime/object/contents.ts';
import type { ProgramEvent } from '../runtime/object/events.ts';
import type { Redirect } from '../runtime/object/home.ts';
import type { LoadedProgram } from '../runtime/object/loaded-program.ts';
import type { BatchOptions } from '../runtime/object/options.ts';
import type { BpfStopped } from '../util/stopped.ts';
import { Progress } from './progress.ts';

/** Packets that both programs see before the next ones are read. */
const BATCH = 512;
const AREA_BYTES = 1 << 19;

/** Different results of programs whose results have no names may be many. */
const MAX_KINDS = 64;

export interface Outcome {
  readonly verdict: string | undefined;
  readonly r0: bigint;
  readonly packet: Uint8Array;
  readonly redirect: Redirect | undefined;
  readonly events: readonly ProgramEvent[];
  readonly stop: BpfStopped | undefined;
}

export interface Differing {
  readonly index: number;
  /** What differs: `XDP_PASS -> XDP_DROP`, `packet`, `redirect`, `events`. */
  readonly kinds: readonly string[];
  readonly input: Uint8Array;
  readonly a: Outcome;
  readonly b: Outcome;
}

export interface CompareOutcome {
  readonly packets: number;
  readonly differing: number;
  /** How many packets differ in what; most first. */
  readonly kinds: readonly (readonly [string, number])[];
  readonly first: readonly Differing[];
  readonly engines: readonly [string, string];
}

export interface PacketComparisonOptions {
  /** Differing packets that are kept. */
  readonly limit: number;
  readonly ctx?: BatchOptions['ctx'];
}

export class PacketComparison {
  readonly #a: LoadedProgram;
  readonly #b: LoadedProgram;
  readonly #options: PacketComparisonOptions;
  readonly #kinds = new Map<string, number>();
  readonly #first: Differing[] = [];
  #packets = 0;
  #differing = 0;
  #engines: readonly [string, string] = ['', ''];

  constructor(a: LoadedProgram, b: LoadedProgram, options: PacketComparisonOptions) {
    this.#a = a;
    this.#b = b;
    this.#options = options;
  }

  packets(packets: readonly Uint8Array[]): CompareOutcome {
    this.#compare(packets);
    return this.#outcome();
  }

  capture(path: string): CompareOutcome {
    const progress = new Progress('packets');
    const capture = openCapture(path).blocks();
    const area = new Uint8Array(AREA_BYTES);
    const block = new PacketBlock(BATCH);
    const { type, name } = this.#a;
    try {
      while (capture.nextBlock(area, block)) {
        if (type !== 'raw') toEthernet(block, `${name}, a program of type ${type},`);
        const { bytes, offsets, lengths, count } = block;
        this.#compare(Array.from({ length: count }, (_, i) => bytes.slice(offsets[i]!, offsets[i]! + lengths[i]!)));
        progress.step(count);
      }
    } finally {
      capture.close();
      progress.end();
    }
    return this.#outcome();
  }

  #compare(batch: readonly Uint8Array[]): void {
    const { ctx } = this.#options;
    const given = ctx === undefined ? {} : { ctx };
    const outcomes: Outcome[] = [];
    const a = this.#a.runBatch(batch, { ...given, each: (item) => void outcomes.push(outcomeOf(item)) });
    const b = this.#b.runBatch(batch, {
      ...given,
      each: (item) => {
        const was = outcomes[item.index]!;
        const kinds = differences(was, item, this.#a.type === 'raw');
        if (kinds.length > 0) this.#differs({ index: this.#packets + item.index, kinds, input: batch[item.index]!, a: was, b: item });
      },
    });
    this.#packets += batch.length;
    this.#engines = [a.engine, b.engine];
  }

  #differs(found: Differing): void {
    this.#differing++;
    for (const kind of found.kinds) {
      const counted = this.#kinds.size < MAX_KINDS || this.#kinds.has(kind) ? kind : 'others';
      this.#kinds.set(counted, (this.#kinds.get(counted) ?? 0) + 1);
    }
    // The item is the same object for each packet.
    if (this.#first.length < this.#options.limit) this.#first.push({ ...found, b: outcomeOf(found.b) });
  }

  #outcome(): CompareOutcome {
    return {
      packets: this.#packets,
      differing: this.#differing,
      kinds: [...this.#kinds].sort(([, a], [, b]) => b - a),
      first: this.#first,
      engines: this.#engines,
    };
  }
}

function outcomeOf({ verdict, r0, packet, redirect, events, stop }: Outcome | BatchItem): Outcome {
  return { verdict, r0, packet: packet.slice(), redirect, events, stop };
}

/** Only raw programs have 64 bits of result. */
function differences(a: Outcome, b: Outcome, isRaw: boolean): string[] {
  if (a.stop !== undefined || b.stop !== undefined) return a.stop?.reason === b.stop?.reason ? [] : [`${nameOf(a)} -> ${nameOf(b)}`];
  const kinds: string[] = [];
  const result = ({ r0 }: Outcome): bigint => (isRaw ? r0 : BigInt.asIntN(32, r0));
  if (a.verdict !== b.verdict) kinds.push(`${nameOf(a)} -> ${nameOf(b)}`);
  else if (result(a) !== result(b)) kinds.push(`r0 = ${result(a)} -> ${result(b)}`);
  if (!isEqual(a.packet, b.packet)) kinds.push('packet');
  if (!isSameJson(a.redirect, b.redirect)) kinds.push('redirect');
  if ((a.events.length > 0 || b.events.length > 0) && !isSameJson(a.events, b.events)) kinds.push('events');
  return kinds;
}

function nameOf({ stop, verdict, r0 }: Outcome): string {
  return stop !== undefined ? `stopped (${stop.reason})` : (verdict ?? `r0 = ${r0}`);
}

function isSameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(toJson(a)) === JSON.stringify(toJson(b));
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
