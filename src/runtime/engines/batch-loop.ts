// Many packets through one program in a loop of machine code, where nothing but packet and context differs between two runs. Packets lie
// in the window's packet area as their source put them there; nothing is copied but where somebody looks, or helpers may move a packet.
import type { PacketBlock } from '../../pcap/block.ts';
import { PLACE } from '../../window/window.ts';
import { ETHERNET_BYTES, framePacketType, frameProtocol, GROWS_TO, HEADROOM, SHARED } from '../helpers/packet.ts';
import type { ProgramEvent } from '../object/events.ts';
import type { Home, Redirect } from '../object/home.ts';
import { type BatchPlan, DESCRIPTOR, DESCRIPTORS, MOVED, SKB_STRIDE, TEMPLATE, XDP_STRIDE } from './batch-layout.ts';
import type { BatchOutcome } from './batch-outcome.ts';
import type { BatchRunner } from './engine.ts';
import type { BatchLayout } from './host.ts';

/** A descriptor's fields, in words. */
const WORD = {
  data: DESCRIPTOR.data / 4,
  end: DESCRIPTOR.end / 4,
  length: DESCRIPTOR.length / 4,
  protocol: DESCRIPTOR.protocol / 4,
  packetType: DESCRIPTOR.packetType / 4,
  wireLength: DESCRIPTOR.wireLength / 4,
} as const;
const NOTHING: readonly ProgramEvent[] = [];
/** Packets that may move get slots in the front of the packet area; what lies behind is read to. */
const SLOTS_END: number = PLACE.packetEnd - 0x10000;
/** Of slots. */
const ALIGNMENT = 64;

export class NativeBatch {
  readonly #home: Home;
  readonly #runner: BatchRunner;
  readonly #plan: BatchPlan;
  readonly #layout: BatchLayout;
  /** Bytes of each packet that the program does not see. */
  readonly #hidden: number;
  readonly #outcome: BatchOutcome;
  /** Packets in one go. */
  readonly capacity: number;
  /** Puts packets into slots with room around them, where they may move. */
  readonly #placer: BatchRunner | undefined;
  /** Views of the window: where packets are read to, and the descriptors as words. */
  area: Uint8Array = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  #generation = -1;
  /** Of the run of the loop that is under way: the packet of the first descriptor, and the one behind the last. */
  #from = 0;
  #until = 0;
  /** The packet that helpers know of; -1: none of those that are under way. */
  #entered = -1;
  /** Where packets of this run go, by their place in the block. */
  readonly #redirects = new Map<number, Redirect>();
  /** Of a capture whose times the clock goes by: the packets that are under way, and how many of them the clock has seen. */
  #timed: PacketBlock | undefined;
  #clocked = 0;

  /** The context lies in its place, as it is for a packet without bytes. */
  constructor(home: Home, runner: BatchRunner, placer: BatchRunner | undefined, plan: BatchPlan, hidden: number, outcome: BatchOutcome) {
    this.#home = home;
    this.#runner = runner;
    this.#placer = placer;
    this.#plan = plan;
    this.#layout = plan.layout;
    this.#hidden = hidden;
    this.#outcome = outcome;
    this.capacity = Math.floor((TEMPLATE - DESCRIPTORS) / plan.layout.stride);
    const { window } = home;
    const { template } = plan.layout;
    if (template !== undefined) window.write(template.from, window.read(template.to, template.bytes));
    this.#takeViews();
  }

  #takeViews(): void {
    const { window } = this.#home;
    if (this.#generation === window.generation) return;
    this.#generation = window.generation;
    const start = this.#placer === undefined ? PLACE.packet : SLOTS_END;
    this.area = window.slice(start, PLACE.packetEnd - start);
    const bytes = window.slice(DESCRIPTORS, TEMPLATE - DESCRIPTORS);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Runs the packets of a block that lie in `area`. `setsClock`: helpers find the clock at the packet's time. */
  run(block: PacketBlock, setsClock: boolean): void {
    this.#timed = setsClock ? block : undefined;
    this.#clocked = 0;
    this.#outcome.begin(block, false, this.#placer !== undefined);
    for (let from = 0; from < block.count; ) {
      const until = this.#placer === undefined ? this.#describe(block) : this.#spread(block, this.#placer, from);
      this.#runFrom(from, until);
      from = until;
    }
    if (setsClock) this.#setClock(block, block.count);
  }

  /** The packets of descriptors [0, until - from). */
  #runFrom(from: number, until: number): void {
    const home = this.#home;
    const { stride } = this.#layout;
    const outcome = this.#outcome;
    this.#from = from;
    this.#until = until;
    this.#redirects.clear();
    const { ofPackets, sends, prints } = this.#plan;
    if (sends) home.events.read(home.cpu);
    if (prints) home.trace = [];
    if (ofPackets) {
      // A run's, which is over.
      home.packet.onMove = undefined;
      home.redirect = undefined;
      home.batch = this;
    }
    try {
      for (let done = from; done < until; ) {
        const reached = done + this.#runner.run(DESCRIPTORS + (done - from) * stride, until - done);
        this.#takeViews();
        if (ofPackets) this.#leave();
        const isStopped = reached < until && !this.#runner.paused();
        // What was sent is the last one's: the loop pauses behind each run that sends.
        const sent = sends ? home.events.take(home.cpu) : NOTHING;
        if (sends) home.events.read(home.cpu);
        outcome.exits(done, reached, { words: this.#words, stride: stride / 4, first: from }, this.#redirects, isStopped ? NOTHING : sent);
        this.#redirects.clear();
        done = reached;
        if (!isStopped) continue;
        if (this.#placer !== undefined) this.#keepEnds(done);
        outcome.events = sent;
        outcome.stopped(done, this.#runner.stopped());
        outcome.events = NOTHING;
        done++;
      }
    } finally {
      home.batch = undefined;
      if (prints) outcome.traced(home.trace);
    }
  }

  /** A helper of the packet that is under way asks for it. */
  enter(): void {
    const index = this.#until - this.#runner.left();
    if (index === this.#entered) return;
    this.#leave();
    this.#takeViews();
    this.#entered = index;
    if (this.#timed !== undefined) this.#setClock(this.#timed, index + 1);
    const words = this.#words;
    const at = this.#wordsOf(index);
    const { packet, window } = this.#home;
    if (this.#placer !== undefined) this.#keepEnds(index);
    const data = words[at + WORD.data]!;
    const end = words[at + WORD.end]!;
    if (this.#placer === undefined) return packet.enter(data - HEADROOM, data, data, end);
    const meta = window.u32(SHARED.meta);
    const start = words[at + MOVED.start / 4]!;
    packet.enter(start, meta >= start && meta <= data ? meta : data, data, end);
  }

  /** The clock at the latest of the first `count` packets' times. */
  #setClock(block: PacketBlock, count: number): void {
    if (this.#clocked >= count) return;
    const { seconds, nanoseconds } = block;
    let latest = this.#clocked;
    for (let i = latest + 1; i < count; i++) {
      if ((seconds[i]! - seconds[latest]!) * 1e9 + (nanoseconds[i]! - nanoseconds[latest]!) > 0) latest = i;
    }
    this.#home.clock.reach(block.timestamp(latest));
    this.#clocked = count;
  }

  #wordsOf(index: number): number {
    return ((index - this.#from) * this.#layout.stride) / 4;
  }

  /** Of the packet that is under way: where its ends are now goes into its descriptor. A hostile program may have written there. */
  #keepEnds(index: number): void {
    const words = this.#words;
    const at = this.#wordsOf(index);
    const { window } = this.#home;
    const data = window.u32(SHARED.data);
    const end = window.u32(SHARED.end);
    if (data < words[at + MOVED.start / 4]! || end < data || end > words[at + MOVED.limit / 4]!) return;
    words[at + WORD.data] = data;
    words[at + WORD.end] = end;
  }

  #leave(): void {
    const home = this.#home;
    if (home.redirect !== undefined) this.#redirects.set(this.#entered, home.redirect);
    home.redirect = undefined;
    this.#entered = -1;
  }

  /** Gives packets from `from` on slots, and has them put there; says how far it came. */
  #spread({ count, offsets, lengths }: PacketBlock, placer: BatchRunner, from: number): number {
    const words = this.#words;
    const { stride } = this.#layout;
    const { grows } = this.#plan;
    let start: number = PLACE.packet;
    let i = from;
    for (let at = 0; i < count; i++, at += stride / 4) {
      const data = start + HEADROOM;
      const end = data + lengths[i]!;
      const limit = Math.max(end, start + GROWS_TO);
      const next = ((grows ? limit : end) + ALIGNMENT - 1) & -ALIGNMENT;
      if (next > SLOTS_END) break;
      words[at + WORD.data] = data;
      words[at + WORD.end] = end;
      words[at + MOVED.start / 4] = start;
      words[at + MOVED.limit / 4] = limit;
      words[at + MOVED.meta / 4] = data;
      words[at + MOVED.data / 4] = data;
      words[at + MOVED.end / 4] = end;
      words[at + MOVED.source / 4] = SLOTS_END + offsets[i]!;
      words[at + MOVED.self / 4] = DESCRIPTORS + 4 * at;
      start = next;
    }
    placer.run(DESCRIPTORS, i - from);
    return i;
  }

  /** Packets where they are. */
  #describe(block: PacketBlock): number {
    const words = this.#words;
    const { count, offsets, lengths } = block;
    const { stride } = this.#layout;
    const hidden = this.#hidden;
    for (let i = 0, at = 0; i < count; i++, at += stride / 4) {
      const from = PLACE.packet + offsets[i]!;
      const end = from + lengths[i]!;
      words[at + WORD.data] = hidden === 0 ? from : Math.min(from + hidden, end);
      words[at + WORD.end] = end;
    }
    if (stride !== XDP_STRIDE) this.#describeLengths(block);
    if (stride === SKB_STRIDE) this.#describeFrames(block);
    return count;
  }

  #describeLengths({ count, lengths }: PacketBlock): void {
    const words = this.#words;
    const { stride } = this.#layout;
    for (let i = 0, at = WORD.length; i < count; i++, at += stride / 4) words[at] = Math.max(lengths[i]! - this.#hidden, 0);
  }

  /** What the kernel has read off the frame before an __sk_buff program runs. */
  #describeFrames({ bytes, count, offsets, lengths, wireLengths }: PacketBlock): void {
    const words = this.#words;
    for (let i = 0, at = 0; i < count; i++, at += SKB_STRIDE / 4) {
      const from = offsets[i]!;
      const length = lengths[i]!;
      words[at + WORD.protocol] = length < ETHERNET_BYTES ? 0 : frameProtocol(bytes, from);
      words[at + WORD.packetType] = length < ETHERNET_BYTES ? 0 : framePacketType(bytes, from);
      words[at + WORD.wireLength] = Math.max(Math.max(length, wireLengths[i]!) - this.#hidden, 0);
    }
  }
}
