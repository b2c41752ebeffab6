// Many packets through one program in a loop of machine code, where nothing but packet and context differs between two runs. Packets lie
// in the window's packet area as their source put them there; nothing is copied but where somebody looks.
import type { PacketBlock } from '../pcap/block.ts';
import { PLACE } from '../window/window.ts';
import { DESCRIPTOR, DESCRIPTORS, SKB_STRIDE, TEMPLATE, XDP_STRIDE } from './batch-layout.ts';
import type { BatchOutcome } from './batch-outcome.ts';
import type { BatchRunner } from './engine.ts';
import type { Home } from './home.ts';
import type { BatchLayout } from './host.ts';
import { ETHERNET_BYTES, framePacketType, frameProtocol } from './packet.ts';

/** A descriptor's fields, in words. */
const WORD = {
  data: DESCRIPTOR.data / 4,
  end: DESCRIPTOR.end / 4,
  length: DESCRIPTOR.length / 4,
  protocol: DESCRIPTOR.protocol / 4,
  packetType: DESCRIPTOR.packetType / 4,
  wireLength: DESCRIPTOR.wireLength / 4,
} as const;

export class NativeBatch {
  readonly #home: Home;
  readonly #runner: BatchRunner;
  readonly #layout: BatchLayout;
  /** Bytes of each packet that the program does not see. */
  readonly #hidden: number;
  readonly #outcome: BatchOutcome;
  /** Packets in one go. */
  readonly capacity: number;
  /** Views of the window: the packet area, and the descriptors as words. */
  area: Uint8Array = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  #generation = -1;

  /** The context lies in its place, as it is for a packet without bytes. */
  constructor(home: Home, runner: BatchRunner, layout: BatchLayout, hidden: number, outcome: BatchOutcome) {
    this.#home = home;
    this.#runner = runner;
    this.#layout = layout;
    this.#hidden = hidden;
    this.#outcome = outcome;
    this.capacity = Math.floor((TEMPLATE - DESCRIPTORS) / layout.stride);
    const { window } = home;
    const { template } = layout;
    if (template !== undefined) window.write(template.from, window.read(template.to, template.bytes));
    this.#takeViews();
  }

  #takeViews(): void {
    const { window } = this.#home;
    if (this.#generation === window.generation) return;
    this.#generation = window.generation;
    this.area = window.slice(PLACE.packet, PLACE.packetEnd - PLACE.packet);
    const bytes = window.slice(DESCRIPTORS, TEMPLATE - DESCRIPTORS);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Runs the packets of a block that lie in `area`. */
  run(block: PacketBlock): void {
    this.#describe(block);
    const { count } = block;
    const { stride } = this.#layout;
    const outcome = this.#outcome;
    outcome.begin(block, false);
    for (let done = 0; done < count; ) {
      const until = done + this.#runner.run(DESCRIPTORS + done * stride, count - done);
      this.#takeViews();
      outcome.exits(done, until, this.#words, stride / 4);
      done = until;
      if (done === count) break;
      outcome.stopped(done, this.#runner.stopped());
      done++;
    }
  }

  #describe(block: PacketBlock): void {
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
