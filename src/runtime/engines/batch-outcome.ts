// What comes out of many packets, whoever ran them: counts, and what is asked for of each.
import type { PacketBlock } from '../../pcap/block.ts';
import { verdictOf } from '../../spec/contexts.ts';
import { copyBytes } from '../../util/bytes.ts';
import type { BpfStopped } from '../../util/stopped.ts';
import { PLACE, type Window } from '../../window/window.ts';
import type { ProgramEvent } from '../object/events.ts';
import type { Redirect } from '../object/home.ts';
import { DESCRIPTOR } from './batch-layout.ts';

/** What became of one packet: the same object for each, valid while it is looked at. */
export interface BatchItem {
  /** Place in the input. */
  readonly index: number;
  /** 0 where the program was stopped. */
  readonly r0: bigint;
  readonly verdict: string | undefined;
  /** As the program left it, from where on it sees it: a view, to be copied where it is kept. */
  readonly packet: Uint8Array;
  /** The same with the link-layer header that a program of this type does not see. */
  readonly frame: Uint8Array;
  /** Of packets of a capture: when it was captured, nanoseconds since 1970. Else 0. */
  readonly timestamp: bigint;
  /** The same as whole seconds, and the nanoseconds beyond. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Bytes of the frame on the wire: more than it had where the capture's snap length cut it. */
  readonly wireLength: number;
  /** Bytes of the frame before the program ran. */
  readonly originalLength: number;
  /** LINKTYPE_* number of `frame`: 1 (Ethernet) but for raw programs, which see captures as they are. */
  readonly linkType: number;
  readonly redirect: Redirect | undefined;
  readonly events: readonly ProgramEvent[];
  readonly stop: BpfStopped | undefined;
}

/** What became of the packets of `runBatch`: counts, and the values of each where they are kept. */
export interface BatchResult {
  readonly engine: string;
  readonly packets: number;
  /** Packets per verdict; where R0 has no name, `r0 = N`. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** Per packet, 0 where it was stopped; empty where `each` looked at them, or results were not to be kept. */
  readonly r0: BigUint64Array;
  readonly stops: number;
  readonly firstStop: { readonly index: number; readonly error: BpfStopped } | undefined;
  /** Packets that were redirected, and events that were sent. */
  readonly redirected: number;
  readonly sent: number;
  /** Packets of which the capture has not all bytes. */
  readonly cut: number;
  /** In order; empty where `r0` is. */
  readonly redirects: readonly { readonly index: number; readonly redirect: Redirect }[];
  readonly events: readonly { readonly index: number; readonly event: ProgramEvent }[];
  /** Lines of bpf_trace_printk, the first thousand. */
  readonly trace: readonly string[];
  /** Who went from packet to packet: the machine code, or JavaScript for programs whose helpers know of the packet. */
  readonly loop: 'native' | 'javascript';
}

/** More different values than this of R0s without names are counted together. */
const MAX_VALUES = 4096;
const MAX_TRACE = 1000;
/** R0s below are counted in a table. */
const SMALL = 16;
const R0_WORD = DESCRIPTOR.r0 / 4;

/** Descriptors of packets that the native loop has run, `stride` words apart, from packet `first` of the block on. */
export interface DescriptorRow {
  readonly words: Uint32Array;
  readonly stride: number;
  readonly first: number;
}

export class BatchOutcome implements BatchItem {
  readonly #type: string;
  readonly #window: Window;
  readonly #each: ((item: BatchItem) => void) | undefined;
  readonly #keeps: boolean;
  readonly #small: Float64Array = new Float64Array(SMALL);
  /** Bit n: R0s with lower half n have a name, whatever the upper half is. */
  readonly #named: number;
  /** Of other R0s the last one, and how often it has come in a row since it was counted. */
  #lastLow = 0;
  #lastHigh = 0;
  #lastCount = 0;
  readonly #others = new Map<string, number>();
  /** R0s as lower and upper halves: numbers cost nothing to make. */
  #values: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #block: PacketBlock | undefined;
  /** Place in the block. */
  #at = 0;
  /** Bytes in front of each packet that the program does not see. */
  readonly #hidden: number;
  /** Of packets that ran alone: where they are in the window. */
  #data = 0;
  #end = 0;
  /** Of blocks that the native loop ran. */
  #row: DescriptorRow = { words: new Uint32Array(0), stride: 0, first: 0 };
  #mayMove = false;
  /** A copy of the block, once one is asked for. */
  #copy: Uint8Array = new Uint8Array(0);
  #isCopied = false;
  #ranAlone = false;
  #r0Low = 0;
  #r0High = 0;
  #redirected = 0;
  #sent = 0;
  #cut = 0;
  readonly #redirects: { index: number; redirect: Redirect }[] = [];
  readonly #events: { index: number; event: ProgramEvent }[] = [];
  readonly #trace: string[] = [];
  #stops = 0;
  #firstStop: { index: number; error: BpfStopped } | undefined;
  index = 0;
  redirect: Redirect | undefined;
  events: readonly ProgramEvent[] = [];
  stop: BpfStopped | undefined;

  /** `keeps`: the result has what became of each packet; `hidden`: bytes in front of a packet that such a program does not see. */
  constructor(type: string, window: Window, each: ((item: BatchItem) => void) | undefined, keeps: boolean, hidden: number) {
    this.#type = type;
    this.#window = window;
    this.#each = each;
    this.#keeps = keeps && each === undefined;
    this.#hidden = hidden;
    let named = 0;
    for (let r0 = 0; r0 < SMALL; r0++) if (verdictOf(type, r0) !== undefined) named |= 1 << r0;
    this.#named = named;
  }

  get r0(): bigint {
    return (BigInt(this.#r0High) << 32n) | BigInt(this.#r0Low);
  }

  get verdict(): string | undefined {
    return this.stop === undefined ? verdictOf(this.#type, this.#r0Low | 0) : undefined;
  }

  get packet(): Uint8Array {
    return this.#ranAlone ? this.#window.slice(this.#data, this.#end - this.#data) : this.#left(false);
  }

  get frame(): Uint8Array {
    if (!this.#ranAlone) return this.#left(true);
    const { packet } = this;
    const block = this.#block!;
    const from = block.offsets[this.#at]!;
    const header = block.bytes.subarray(from, from + Math.min(this.#hidden, block.lengths[this.#at]!));
    if (header.length === 0) return packet;
    const frame = new Uint8Array(header.length + packet.length);
    frame.set(header);
    frame.set(packet, header.length);
    return frame;
  }

  get timestamp(): bigint {
    return this.#block!.timestamp(this.#at);
  }

  get seconds(): number {
    return this.#block!.seconds[this.#at]!;
  }

  get nanoseconds(): number {
    return this.#block!.nanoseconds[this.#at]!;
  }

  get wireLength(): number {
    return this.#block!.wireLengths[this.#at]!;
  }

  get originalLength(): number {
    return this.#block!.lengths[this.#at]!;
  }

  get linkType(): number {
    return this.#block!.linkTypes[this.#at]!;
  }

  /** Of a packet that the native loop ran; `hidden`: with what the program does not see of it. */
  #left(hidden: boolean): Uint8Array {
    const block = this.#block!;
    const { words, stride, first } = this.#row;
    const at = (this.#at - first) * stride;
    const data = words[at]!;
    const end = words[at + 1]!;
    if (this.#mayMove) return this.#window.slice(data, end - data);
    const { bytes, count, offsets, lengths } = block;
    if (!this.#isCopied) {
      const used = offsets[count - 1]! + lengths[count - 1]!;
      if (this.#copy.length < used) this.#copy = new Uint8Array(bytes.length);
      copyBytes(this.#copy.subarray(0, used), bytes.subarray(0, used));
      this.#isCopied = true;
    }
    return this.#copy.subarray(hidden ? offsets[this.#at]! : data - PLACE.packet, end - PLACE.packet);
  }

  /** The packets that follow are of this block. `alone`: they run one by one. `mayMove`: helpers may move those that do not. */
  begin(block: PacketBlock, alone: boolean, mayMove = false): void {
    this.#block = block;
    this.#ranAlone = alone;
    this.#mayMove = mayMove;
    this.#isCopied = false;
    const { count, lengths, wireLengths } = block;
    let cut = 0;
    for (let i = 0; i < count; i++) if (wireLengths[i]! > lengths[i]!) cut++;
    this.#cut += cut;
  }

  /** Packets [from, until) of the block came to their exit; `redirects`: where some go; `sent`: what the last of them has sent. */
  exits(from: number, until: number, row: DescriptorRow, redirects: ReadonlyMap<number, Redirect>, sent: readonly ProgramEvent[]): void {
    const { words, stride, first } = row;
    this.#row = row;
    if (sent.length > 0) {
      this.exits(from, until - 1, row, redirects, []);
      this.redirect = redirects.get(until - 1);
      this.events = sent;
      const at = (until - 1 - first) * stride + R0_WORD;
      this.#exit(until - 1, words[at]!, words[at + 1]!);
      this.redirect = undefined;
      this.events = [];
      return;
    }
    // After a stop the loop has gone on: the copy is older.
    this.#isCopied = false;
    if (this.#each !== undefined || redirects.size > 0) {
      for (let i = from; i < until; i++) {
        const at = (i - first) * stride + R0_WORD;
        this.redirect = redirects.get(i);
        this.#exit(i, words[at]!, words[at + 1]!);
      }
      this.redirect = undefined;
      return;
    }
    const small = this.#small;
    const named = this.#named;
    for (let i = from, at = (from - first) * stride + R0_WORD; i < until; i++, at += stride) {
      const low = words[at]!;
      const high = words[at + 1]!;
      if (low < SMALL && (high === 0 || ((named >>> low) & 1) !== 0)) small[low]!++;
      else this.#countOther(low, high);
    }
    if (this.#keeps) {
      const values = this.#room(until - from);
      for (let i = from, at = (from - first) * stride + R0_WORD, to = 2 * this.index; i < until; i++, at += stride, to += 2) {
        values[to] = words[at]!;
        values[to + 1] = words[at + 1]!;
      }
    }
    this.index += until - from;
  }

  #exit(at: number, low: number, high: number): void {
    if (low < SMALL && (high === 0 || ((this.#named >>> low) & 1) !== 0)) this.#small[low]!++;
    else this.#countOther(low, high);
    this.#finish(at, low, high);
  }

  /** Packet `at` of the block, which ran alone, came to its exit, and lies at [data, end) of the window. */
  exitAlone(at: number, r0: bigint, data: number, end: number): void {
    this.#data = data;
    this.#end = end;
    this.#exit(at, Number(r0 & 0xffff_ffffn), Number(r0 >> 32n));
  }

  stopped(at: number, error: BpfStopped, data = 0, end = 0): void {
    this.#data = data;
    this.#end = end;
    this.#stops++;
    this.#firstStop ??= { index: this.index, error };
    this.stop = error;
    this.#finish(at, 0, 0);
    this.stop = undefined;
  }

  #countOther(low: number, high: number): void {
    if (low === this.#lastLow && high === this.#lastHigh) {
      this.#lastCount++;
      return;
    }
    this.#countLast();
    this.#lastLow = low;
    this.#lastHigh = high;
    this.#lastCount = 1;
  }

  #countLast(): void {
    if (this.#lastCount === 0) return;
    const r0 = (BigInt(this.#lastHigh) << 32n) | BigInt(this.#lastLow);
    let name = verdictOf(this.#type, this.#lastLow | 0) ?? `r0 = ${r0}`;
    if (this.#others.size >= MAX_VALUES && !this.#others.has(name)) name = 'others';
    this.#others.set(name, (this.#others.get(name) ?? 0) + this.#lastCount);
    this.#lastCount = 0;
  }

  #finish(at: number, low: number, high: number): void {
    const index = this.index;
    this.#at = at;
    this.#r0Low = low;
    this.#r0High = high;
    if (this.redirect !== undefined) this.#redirected++;
    this.#sent += this.events.length;
    if (this.#each !== undefined) this.#each(this);
    else if (this.#keeps) {
      const values = this.#room(1);
      values[2 * index] = low;
      values[2 * index + 1] = high;
      if (this.redirect !== undefined) this.#redirects.push({ index, redirect: this.redirect });
      for (const event of this.events) this.#events.push({ index, event });
    }
    this.index = index + 1;
  }

  /** `#values`, with room for that many more. */
  #room(more: number): Uint32Array {
    const needed = 2 * (this.index + more);
    if (needed > this.#values.length) {
      const larger = new Uint32Array(Math.max(2048, needed, 2 * this.#values.length));
      larger.set(this.#values);
      this.#values = larger;
    }
    return this.#values;
  }

  traced(lines: readonly string[]): void {
    for (const line of lines) if (this.#trace.length < MAX_TRACE) this.#trace.push(line);
  }

  result(engine: string, loop: BatchResult['loop']): BatchResult {
    this.#countLast();
    const verdicts = new Map(this.#others);
    for (const [r0, count] of this.#small.entries()) {
      if (count === 0) continue;
      const name = verdictOf(this.#type, r0) ?? `r0 = ${r0}`;
      verdicts.set(name, (verdicts.get(name) ?? 0) + count);
    }
    return {
      engine,
      packets: this.index,
      verdicts: Object.fromEntries([...verdicts].sort(([, a], [, b]) => b - a)),
      r0: new BigUint64Array(this.#keeps ? this.#values.slice(0, 2 * this.index).buffer : new ArrayBuffer(0)),
      stops: this.#stops,
      firstStop: this.#firstStop,
      redirected: this.#redirected,
      sent: this.#sent,
      cut: this.#cut,
      redirects: this.#redirects,
      events: this.#events,
      trace: this.#trace,
      loop,
    };
  }
}
