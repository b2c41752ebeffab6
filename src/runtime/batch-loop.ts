// Many packets through one program in a loop of machine code, where nothing but packet and context differs between two runs. Packets lie
// in the window's packet area as their source put them there; nothing is copied but where somebody looks, or helpers may move a packet.
import type { PacketBlock } from '../pcap/block.ts';
import { PLACE } from '../window/window.ts';
import { type BatchPlan, DESCRIPTOR, DESCRIPTORS, SKB_STRIDE, TEMPLATE, XDP_STRIDE } from './batch-layout.ts';
import type { BatchOutcome } from './batch-outcome.ts';
import type { BatchRunner } from './engine.ts';
import type { Home, Redirect } from './home.ts';
import type { BatchLayout } from './host.ts';
import { ETHERNET_BYTES, framePacketType, frameProtocol, GROWS_TO, HEADROOM } from './packet.ts';

/** A descriptor's fields, in words. */
const WORD = {
  data: DESCRIPTOR.data / 4,
  end: DESCRIPTOR.end / 4,
  length: DESCRIPTOR.length / 4,
  protocol: DESCRIPTOR.protocol / 4,
  packetType: DESCRIPTOR.packetType / 4,
  wireLength: DESCRIPTOR.wireLength / 4,
} as const;
const AREA_BYTES = PLACE.packetEnd - PLACE.packet;
/** Of the slots of packets that may move. */
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
  /** Where packets are read to: the window's packet area, or memory from which they get slots there with room around them. */
  area: Uint8Array = new Uint8Array(0);
  readonly #staging: Uint8Array | undefined;
  /** The descriptors, as words. */
  #words: Uint32Array = new Uint32Array(0);
  #generation = -1;
  /** Of the run of the loop that is under way: the packet of the first descriptor, and the one behind the last. */
  #from = 0;
  #until = 0;
  /** The packet that helpers know of; -1: none of those that are under way. */
  #entered = -1;
  /** Where packets of this run go, by their place in the block. */
  readonly #redirects = new Map<number, Redirect>();

  /** The context lies in its place, as it is for a packet without bytes. */
  constructor(home: Home, runner: BatchRunner, plan: BatchPlan, hidden: number, outcome: BatchOutcome) {
    this.#home = home;
    this.#runner = runner;
    this.#plan = plan;
    this.#layout = plan.layout;
    this.#hidden = hidden;
    this.#outcome = outcome;
    this.capacity = Math.floor((TEMPLATE - DESCRIPTORS) / plan.layout.stride);
    const { window } = home;
    const { template } = plan.layout;
    if (template !== undefined) window.write(template.from, window.read(template.to, template.bytes));
    if (plan.moves) {
      // Each of its packets fits into a slot.
      this.area = new Uint8Array(AREA_BYTES - GROWS_TO);
      this.#staging = new Uint8Array(AREA_BYTES);
    }
    this.#takeViews();
  }

  #takeViews(): void {
    const { window } = this.#home;
    if (this.#generation === window.generation) return;
    this.#generation = window.generation;
    if (this.#staging === undefined) this.area = window.slice(PLACE.packet, AREA_BYTES);
    const bytes = window.slice(DESCRIPTORS, TEMPLATE - DESCRIPTORS);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Runs the packets of a block that lie in `area`. */
  run(block: PacketBlock): void {
    this.#outcome.begin(block, false, this.#plan.moves);
    for (let from = 0; from < block.count; ) {
      const until = this.#staging === undefined ? this.#describe(block) : this.#spread(block, this.#staging, from);
      this.#runFrom(from, until);
      from = until;
    }
  }

  /** The packets of descriptors [0, until - from). */
  #runFrom(from: number, until: number): void {
    const home = this.#home;
    const { stride } = this.#layout;
    const outcome = this.#outcome;
    this.#from = from;
    this.#until = until;
    this.#redirects.clear();
    if (this.#plan.ofPackets) {
      // A run's, which is over.
      home.packet.onMove = undefined;
      home.redirect = undefined;
      home.batch = this;
    }
    try {
      for (let done = from; done < until; ) {
        const reached = done + this.#runner.run(DESCRIPTORS + (done - from) * stride, until - done);
        this.#takeViews();
        if (this.#plan.ofPackets) this.#leave();
        outcome.exits(done, reached, { words: this.#words, stride: stride / 4, first: from }, this.#redirects);
        done = reached;
        if (done === until) break;
        outcome.stopped(done, this.#runner.stopped());
        this.#redirects.clear();
        done++;
      }
    } finally {
      home.batch = undefined;
    }
  }

  /** A helper of the packet that is under way asks for it. */
  enter(): void {
    const index = this.#until - this.#runner.left();
    if (index === this.#entered) return;
    this.#leave();
    this.#takeViews();
    this.#entered = index;
    const at = ((index - this.#from) * this.#layout.stride) / 4;
    const data = this.#words[at + WORD.data]!;
    this.#home.packet.enter(data - HEADROOM, data, this.#words[at + WORD.end]!);
  }

  #leave(): void {
    const home = this.#home;
    if (home.redirect !== undefined) this.#redirects.set(this.#entered, home.redirect);
    home.redirect = undefined;
    this.#entered = -1;
  }

  /** Gives packets from `from` on slots in the window, with zeros in front of each and room behind it; says how far it came. */
  #spread({ bytes, count, offsets, lengths }: PacketBlock, staging: Uint8Array, from: number): number {
    const { window } = this.#home;
    const words = this.#words;
    const { grows } = this.#plan;
    let next = 0;
    let i = from;
    for (let at = 0; i < count; i++, at += XDP_STRIDE / 4) {
      const length = lengths[i]!;
      const used = HEADROOM + length;
      const slot = ((grows ? Math.max(used, GROWS_TO) : used) + ALIGNMENT - 1) & -ALIGNMENT;
      if (next + slot > AREA_BYTES) break;
      staging.fill(0, next, next + HEADROOM);
      staging.set(bytes.subarray(offsets[i], offsets[i]! + length), next + HEADROOM);
      // What the program does not see of its slot needs no copy.
      if (grows) window.write(PLACE.packet + next, staging.subarray(next, next + used));
      words[at + WORD.data] = PLACE.packet + next + HEADROOM;
      words[at + WORD.end] = PLACE.packet + next + used;
      next += slot;
    }
    if (!grows) window.write(PLACE.packet, staging.subarray(0, next));
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
