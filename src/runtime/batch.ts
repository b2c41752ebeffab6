// Many packets through one program: one after the other in a loop of machine code where nothing but the packet differs between two
// runs, else one by one. Either way each packet meets what `run` would give it. Packets lie in the window's packet area, several
// behind each other, and the descriptors that the loop walks behind the context.
import { KIND } from '../isa/code.ts';
import { computeFacts } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { readsUnwritten } from '../program/stack-use.ts';
import type { ContextSpec } from '../spec/contexts.ts';
import { verdictOf } from '../spec/contexts.ts';
import { BpfStopped } from '../util/stopped.ts';
import { PLACE, type Window } from '../window/window.ts';
import type { BatchRunner } from './engine.ts';
import type { Home, ProgramEvent, Redirect } from './home.ts';
import type { BatchCopy, BatchLayout } from './host.ts';
import { ETHERNET_BYTES, HEADROOM, linkLayerFields } from './packet.ts';
import { ROUTINE_HELPERS } from './routines.ts';

/** What became of one packet: the same object for each, valid while it is looked at. */
export interface BatchItem {
  readonly index: number;
  /** 0 where the program was stopped. */
  readonly r0: bigint;
  readonly verdict: string | undefined;
  /** As the program left it: a view of the window, to be copied where it is kept. */
  readonly packet: Uint8Array;
  readonly redirect: Redirect | undefined;
  readonly events: readonly ProgramEvent[];
  readonly stop: BpfStopped | undefined;
}

export interface BatchResult {
  readonly engine: string;
  readonly packets: number;
  /** Packets per verdict; where R0 has no name, `r0 = N`. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** Per packet, 0 where it was stopped; empty where `each` looked at them. */
  readonly r0: BigUint64Array;
  readonly stops: number;
  readonly firstStop: { readonly index: number; readonly error: BpfStopped } | undefined;
  /** In order; empty where `each` looked at them. */
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

/** What comes out of the packets, whoever runs them. */
export class BatchOutcome implements BatchItem {
  readonly #type: string;
  readonly #window: Window;
  readonly #each: ((item: BatchItem) => void) | undefined;
  /** Of R0s 0 to 15 whose lower half has a name. */
  readonly #small: Float64Array = new Float64Array(16);
  readonly #names: readonly (string | undefined)[];
  /** Of other R0s the last one, and how often it has come in a row since it was counted. */
  #lastLow = 0;
  #lastHigh = 0;
  #lastCount = 0;
  readonly #named = new Map<string, number>();
  /** R0s as lower and upper halves: numbers cost nothing to make. */
  #values: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #data = 0;
  #end = 0;
  #r0Low = 0;
  #r0High = 0;
  readonly #redirects: { index: number; redirect: Redirect }[] = [];
  readonly #events: { index: number; event: ProgramEvent }[] = [];
  readonly #trace: string[] = [];
  #stops = 0;
  #firstStop: { index: number; error: BpfStopped } | undefined;
  index = 0;
  redirect: Redirect | undefined;
  events: readonly ProgramEvent[] = [];
  stop: BpfStopped | undefined;

  constructor(type: string, window: Window, each: ((item: BatchItem) => void) | undefined) {
    this.#type = type;
    this.#window = window;
    this.#each = each;
    this.#names = Array.from({ length: 16 }, (_, r0) => verdictOf(type, r0));
  }

  get r0(): bigint {
    return (BigInt(this.#r0High) << 32n) | BigInt(this.#r0Low);
  }

  get verdict(): string | undefined {
    return this.stop === undefined ? verdictOf(this.#type, this.#r0Low | 0) : undefined;
  }

  get packet(): Uint8Array {
    return this.#window.slice(this.#data, this.#end - this.#data);
  }

  /** The packet after the last, which came to its exit. */
  exit(r0Low: number, r0High: number, data: number, end: number): void {
    this.#r0Low = r0Low;
    this.#r0High = r0High;
    if (r0Low < 16 && this.#names[r0Low] !== undefined) this.#small[r0Low]!++;
    else if (r0Low === this.#lastLow && r0High === this.#lastHigh) this.#lastCount++;
    else {
      this.#countLast();
      this.#lastLow = r0Low;
      this.#lastHigh = r0High;
      this.#lastCount = 1;
    }
    this.#finish(data, end);
  }

  #countLast(): void {
    if (this.#lastCount === 0) return;
    const r0 = (BigInt(this.#lastHigh) << 32n) | BigInt(this.#lastLow);
    let name = verdictOf(this.#type, this.#lastLow | 0) ?? `r0 = ${r0}`;
    if (this.#named.size >= MAX_VALUES && !this.#named.has(name)) name = 'others';
    this.#named.set(name, (this.#named.get(name) ?? 0) + this.#lastCount);
    this.#lastCount = 0;
  }

  stopped(error: BpfStopped, data: number, end: number): void {
    this.#stops++;
    this.#firstStop ??= { index: this.index, error };
    this.#r0Low = 0;
    this.#r0High = 0;
    this.stop = error;
    this.#finish(data, end);
    this.stop = undefined;
  }

  #finish(data: number, end: number): void {
    const index = this.index;
    this.#data = data;
    this.#end = end;
    if (this.#each !== undefined) this.#each(this);
    else {
      if (2 * index >= this.#values.length) this.#grow();
      this.#values[2 * index] = this.#r0Low;
      this.#values[2 * index + 1] = this.#r0High;
      if (this.redirect !== undefined) this.#redirects.push({ index, redirect: this.redirect });
      for (const event of this.events) this.#events.push({ index, event });
    }
    this.index = index + 1;
  }

  #grow(): void {
    const larger = new Uint32Array(Math.max(2048, 2 * this.#values.length));
    larger.set(this.#values);
    this.#values = larger;
  }

  traced(lines: readonly string[]): void {
    for (const line of lines) if (this.#trace.length < MAX_TRACE) this.#trace.push(line);
  }

  result(engine: string, loop: BatchResult['loop']): BatchResult {
    this.#countLast();
    const verdicts = new Map(this.#named);
    for (const [r0, count] of this.#small.entries()) {
      const name = this.#names[r0];
      if (count > 0 && name !== undefined) verdicts.set(name, (verdicts.get(name) ?? 0) + count);
    }
    return {
      engine,
      packets: this.index,
      verdicts: Object.fromEntries([...verdicts].sort(([, a], [, b]) => b - a)),
      r0: this.#each === undefined ? new BigUint64Array(this.#values.slice(0, 2 * this.index).buffer) : new BigUint64Array(0),
      stops: this.#stops,
      firstStop: this.#firstStop,
      redirects: this.#redirects,
      events: this.#events,
      trace: this.#trace,
      loop,
    };
  }
}

/**
 * Helpers in JavaScript that need to know nothing of the packet and leave nothing behind for it: time, random numbers, the CPU, the
 * current task, text, checksums of memory, queues.
 */
// biome-ignore format: a table
const FREE_OF_PACKETS: ReadonlySet<number> = new Set([5, 7, 8, 14, 15, 16, 28, 35, 42, 80, 87, 88, 89, 93, 94, 105, 106, 118, 125, 160, 165, 182, 208]);

/** Whether runs of the program differ in nothing but packet and context. `replaced`: helpers of the embedder, who may do anything. */
function isFreeOfPackets({ code }: Program, replaced: (id: number) => boolean): boolean {
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    if (kind === KIND.callx || kind === KIND.callKfunc) return false;
    if (kind !== KIND.callHelper) continue;
    const id = code.imm[slot]!;
    if (replaced(id) || !(ROUTINE_HELPERS.has(id) || FREE_OF_PACKETS.has(id))) return false;
  }
  return true;
}

/** Fields that lead to what is made for each packet, or tell of it: the loop does not. */
const OF_TARGETS = ['sk', 'family', 'remote_ip4', 'local_ip4', 'remote_ip6', 'local_ip6', 'flow_keys'] as const;

/** Whether some load could be of such a field, whatever its base points at. */
function readsTargets({ code }: Program, spec: ContextSpec): boolean {
  for (const { offset, bytes, count = 1 } of spec.fields.filter(({ name }) => OF_TARGETS.some((other) => other === name))) {
    const end = offset + bytes * count;
    for (let slot = 0; slot < code.slots; slot++) {
      const at = code.offset[slot]!;
      if (code.kind[slot] === KIND.load && at < end && at + code.size[slot]! > offset) return true;
    }
  }
  return false;
}

/** Where a batch's context template, and its descriptors, lie. */
export const TEMPLATE: number = PLACE.contextEnd - 0x1000;
export const DESCRIPTORS: number = PLACE.context + 0x1000;
/** Zeros between two packets, at least. */
const GAP = 64;
/** Of packets: the low byte of their pointers is that of single runs. */
const ALIGNMENT = 256;

/** Offsets in a descriptor; the length is for raw programs and __sk_buff, what follows for __sk_buff only. */
export const DESCRIPTOR = { data: 0, end: 4, r0: 8, length: 16, protocol: 20, packetType: 24, wireLength: 28 } as const;
const XDP_STRIDE = 16;
const RAW_STRIDE = 24;
const SKB_STRIDE = 32;

/** How the loop runs this program, or undefined where it must not. `given`: fields of the context that are the same for all packets. */
export function batchLayout(
  program: Program,
  spec: ContextSpec | undefined,
  given: Readonly<Record<string, unknown>>,
  replaced: (id: number) => boolean,
): BatchLayout | undefined {
  if (!isFreeOfPackets(program, replaced)) return undefined;
  const { from, to } = readsUnwritten(program, computeFacts(program));
  const always = {
    clear: from === to ? [] : [{ at: PLACE.stackTop - from, bytes: from - to }],
    store: [],
    result: DESCRIPTOR.r0,
  };
  const legacy = program.code.kind.includes(KIND.packetLoad) ? { legacy: { pointer: DESCRIPTOR.data, length: DESCRIPTOR.length } } : {};
  if (program.type === 'raw') {
    return { ...always, ...legacy, stride: RAW_STRIDE, r1: { descriptor: DESCRIPTOR.data }, r2: DESCRIPTOR.length, load: [] };
  }
  if (spec?.packet === undefined || readsTargets(program, spec)) return undefined;
  const { data, dataEnd, dataMeta, length } = spec.packet;
  const into = (descriptor: number, offset: number, bytes: 4 | 8 = 4): BatchCopy => ({ descriptor, window: PLACE.context + offset, bytes });
  const load = dataEnd === data + 4 ? [into(DESCRIPTOR.data, data, 8)] : [into(DESCRIPTOR.data, data), into(DESCRIPTOR.end, dataEnd)];
  if (dataMeta !== undefined) load.push(into(DESCRIPTOR.data, dataMeta));
  if (length !== undefined) load.push(into(DESCRIPTOR.length, length));
  const isSkb = spec.name === '__sk_buff';
  if (isSkb) {
    for (const [name, at] of [
      ['protocol', DESCRIPTOR.protocol],
      ['pkt_type', DESCRIPTOR.packetType],
      ['wire_len', DESCRIPTOR.wireLength],
    ] as const) {
      const field = spec.fields.find((candidate) => candidate.name === name);
      if (field !== undefined && given[name] === undefined) load.push(into(at, field.offset));
    }
  }
  return {
    ...always,
    ...(isSkb ? legacy : {}),
    stride: isSkb ? SKB_STRIDE : XDP_STRIDE,
    r1: PLACE.context,
    template: { from: TEMPLATE, to: PLACE.context, bytes: Math.ceil(spec.bytes / 8) * 8 },
    load,
  };
}

/**
 * Where packets and descriptors are put together before they go to the window in one piece each: shared memory takes bytes that do not
 * lie alike one by one.
 */
interface Staging {
  /** As from PLACE.packet on. */
  readonly packets: Uint8Array;
  /** As from DESCRIPTORS on. */
  readonly words: Uint32Array;
  readonly descriptors: Uint8Array;
}
/** Of a batch that is over, for the next. */
let spare: Staging | undefined;

function takeStaging(): Staging {
  const taken = spare;
  spare = undefined;
  if (taken !== undefined) return taken;
  const words = new Uint32Array((TEMPLATE - DESCRIPTORS) / 4);
  return { packets: new Uint8Array(PLACE.packetEnd - PLACE.packet), words, descriptors: new Uint8Array(words.buffer) };
}

/** Fills the packet area, runs, looks at what came out, and begins anew. */
export class NativeBatch {
  readonly #home: Home;
  readonly #runner: BatchRunner;
  readonly #layout: BatchLayout;
  readonly #isSkb: boolean;
  readonly #hasLength: boolean;
  /** Bytes of each packet that the program does not see. */
  readonly #skips: number;
  readonly #outcome: BatchOutcome;
  readonly #capacity: number;
  readonly #staging: Staging = takeStaging();
  /** Bytes of the packet area that an earlier row has filled. */
  #used: number = PLACE.packetEnd - PLACE.packet;
  #count = 0;
  /** Where the next packet goes, in bytes from PLACE.packet. */
  #next: number = HEADROOM;

  /** The context lies in its place, as it is for a packet without bytes. */
  constructor(home: Home, runner: BatchRunner, layout: BatchLayout, seesLinkLayer: boolean, outcome: BatchOutcome) {
    this.#home = home;
    this.#runner = runner;
    this.#layout = layout;
    this.#isSkb = layout.stride === SKB_STRIDE;
    this.#hasLength = layout.stride !== XDP_STRIDE;
    this.#skips = seesLinkLayer ? 0 : ETHERNET_BYTES;
    this.#outcome = outcome;
    this.#capacity = Math.floor((TEMPLATE - DESCRIPTORS) / layout.stride);
    const { window } = home;
    const { template } = layout;
    if (template !== undefined) window.write(template.from, window.read(template.to, template.bytes));
  }

  /** False where the packet is too long to lie beside others: it must be run alone, after `flush`. */
  add(packet: Uint8Array): boolean {
    const bytes = this.#skips === 0 ? packet : packet.subarray(this.#skips);
    const { length } = bytes;
    if (length + HEADROOM + GAP > PLACE.packetEnd - PLACE.packet) return false;
    const { packets, words } = this.#staging;
    if (this.#count === this.#capacity || this.#next + length + GAP > packets.length) this.flush();
    const data = this.#next;
    const at = this.#count * this.#layout.stride;
    packets.set(bytes, data);
    words[(at + DESCRIPTOR.data) / 4] = PLACE.packet + data;
    words[(at + DESCRIPTOR.end) / 4] = PLACE.packet + data + length;
    if (this.#hasLength) words[(at + DESCRIPTOR.length) / 4] = length;
    if (this.#isSkb) {
      const { protocol, packetType } = linkLayerFields(packet);
      words[(at + DESCRIPTOR.protocol) / 4] = protocol;
      words[(at + DESCRIPTOR.packetType) / 4] = packetType;
      words[(at + DESCRIPTOR.wireLength) / 4] = length;
    }
    this.#next = (data + length + GAP + ALIGNMENT - 1) & -ALIGNMENT;
    this.#count++;
    return true;
  }

  flush(): void {
    const { window } = this.#home;
    const { packets, words, descriptors } = this.#staging;
    const { stride } = this.#layout;
    const count = this.#count;
    let done = 0;
    // With the zeros behind the last one, where an earlier row was longer.
    window.write(PLACE.packet, packets.subarray(0, Math.max(this.#next, this.#used)));
    window.write(DESCRIPTORS, descriptors.subarray(0, count * stride));
    while (done < count) {
      const until = done + this.#runner.run(DESCRIPTORS + done * stride, count - done);
      for (; done < until; done++) {
        const at = done * stride;
        const r0 = DESCRIPTORS + at + DESCRIPTOR.r0;
        this.#outcome.exit(window.u32(r0), window.u32(r0 + 4), words[(at + DESCRIPTOR.data) / 4]!, words[(at + DESCRIPTOR.end) / 4]!);
      }
      if (done === count) break;
      const at = done * stride;
      this.#outcome.stopped(this.#runner.stopped(), words[(at + DESCRIPTOR.data) / 4]!, words[(at + DESCRIPTOR.end) / 4]!);
      done++;
    }
    this.#clear();
  }

  #clear(): void {
    this.#staging.packets.fill(0, 0, this.#next);
    this.#used = this.#next;
    this.#count = 0;
    this.#next = HEADROOM;
  }

  /** After the last packet, whether all went well or not. */
  close(): void {
    this.#clear();
    spare = this.#staging;
  }
}

/** R0 of one run, or what stopped it. */
export function orStopped(run: () => bigint): bigint | BpfStopped {
  try {
    return run();
  } catch (error) {
    if (error instanceof BpfStopped) return error;
    throw error;
  }
}
