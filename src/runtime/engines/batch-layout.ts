// Which programs run in the loop of machine code over many packets, and what the loop does around each run: it takes packets from a row of
// descriptors, which lie in the window behind the context.
import { KIND } from '../../isa/code.ts';
import { computeFacts } from '../../program/facts.ts';
import type { Program } from '../../program/program.ts';
import { readsUnwritten } from '../../program/stack-use.ts';
import { type ContextSpec, networkOffset } from '../../spec/contexts.ts';
import { HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { PLACE } from '../../window/window.ts';
import { SHARED } from '../helpers/packet.ts';
import { PACKET_ROUTINES, ROUTINE_HELPERS } from '../maps/routines.ts';
import { SENT_COUNTER } from '../object/events.ts';
import type { BatchCopy, BatchLayout, Span } from './host.ts';

/**
 * Helpers in JavaScript that need to know nothing of the packet and leave nothing behind for it: time, random numbers, the CPU, the
 * current task, text, checksums of memory.
 */
// biome-ignore format: a table
const FREE_OF_PACKETS: ReadonlySet<number> = new Set([5, 7, 8, 14, 15, 16, 28, 35, 42, 80, 93, 94, 105, 106, 118, 125, 160, 165, 182, 208]);
/** They send, which the loop pauses for: routines for rings, bpf_perf_event_output. */
const SENDERS: ReadonlySet<number> = new Set([130, 131, 132, 133, 134, 25]);
const PERF_OUTPUT = 25;
/** What they leave behind belongs to no packet: bpf_trace_printk, bpf_trace_vprintk. */
const PRINTERS: ReadonlySet<number> = new Set([6, 177]);

/** Of those, the ones that tell the time. */
const CLOCKS: ReadonlySet<number> = new Set([5, 118, 125, 160, 208]);
/** Helpers that look at the packet, write to it or redirect it: the loop tells them which packet is under way. */
const OF_PACKETS: ReadonlySet<number> = new Set([9, 10, 11, 23, 26, 51, 68, 69, 188, 189, 190]);
const ADJUST_TAIL = 65;

interface Calls {
  readonly ofPackets: boolean;
  readonly moves: boolean;
  readonly grows: boolean;
  readonly tailCalls: boolean;
  readonly sends: boolean;
  readonly prints: boolean;
}

/** What the loop has to do around the program's helpers; undefined: runs differ in more than packet and context. */
function callsOf({ code, subprograms, type }: Program, { replaced, hasTime }: BatchTraits): Calls | undefined {
  const mainEnd = subprograms[1]?.start ?? code.slots;
  const calls = { ofPackets: false, moves: false, grows: false, tailCalls: false, sends: false, prints: false };
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    if (kind === KIND.callx || kind === KIND.callKfunc) return undefined;
    if (kind !== KIND.callHelper) continue;
    const id = code.imm[slot]!;
    if (replaced(id)) return undefined;
    // The clock goes by the packet's time once a helper asks for the packet.
    calls.ofPackets ||= hasTime && CLOCKS.has(id);
    calls.sends ||= SENDERS.has(id);
    calls.prints ||= PRINTERS.has(id);
    calls.ofPackets ||= id === PERF_OUTPUT;
    if (ROUTINE_HELPERS.has(id) || FREE_OF_PACKETS.has(id) || SENDERS.has(id) || PRINTERS.has(id)) continue;
    if (id === HELPER_TAIL_CALL) {
      // From a function it returns there, and the program that was called has a stack of its own, which is cleared after each run.
      if (slot >= mainEnd) return undefined;
      calls.tailCalls = true;
      continue;
    }
    if (PACKET_ROUTINES.has(id)) {
      if (type !== 'xdp') return undefined;
      calls.moves = true;
      calls.grows ||= id === ADJUST_TAIL;
    } else if (OF_PACKETS.has(id)) calls.ofPackets = true;
    else return undefined;
  }
  return calls;
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
/** Offsets in a descriptor; the length is for raw programs and __sk_buff, what follows for __sk_buff only. */
export const DESCRIPTOR = { data: 0, end: 4, r0: 8, length: 16, protocol: 20, packetType: 24, wireLength: 28 } as const;
export const XDP_STRIDE = 16;
/** Of packets whose ends move, routines/packet.h: their slot, where they are at first, where their source has put them. */
export const MOVED = { start: 16, limit: 20, meta: 24, data: 28, end: 32, source: 36, self: 40 } as const;
const MOVED_STRIDE = 48;
const RAW_STRIDE = 24;
export const SKB_STRIDE = 32;

export interface BatchTraits {
  /** Fields of the context that are the same for all packets. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Helpers of the embedder, who may do anything. */
  replaced(id: number): boolean;
  /** Each packet has its own time. */
  readonly hasTime: boolean;
  /** Programs that tail calls reach. */
  linked(): readonly Program[];
}

export interface BatchPlan {
  readonly layout: BatchLayout;
  /** Helpers ask for the packet, or say where it goes. */
  readonly ofPackets: boolean;
  /** Its ends move: the loop of the routine packet_place, which puts packets into slots with room around them. */
  readonly place: BatchLayout | undefined;
  /** It may grow at its end. */
  readonly grows: boolean;
  /** What a run sends is taken when it is over. */
  readonly sends: boolean;
  readonly prints: boolean;
}

/** How the loop runs this program, or undefined where it must not. */
export function batchPlan(program: Program, spec: ContextSpec | undefined, traits: BatchTraits): BatchPlan | undefined {
  const first = callsOf(program, traits);
  if (first === undefined) return undefined;
  const programs = first.tailCalls ? [...new Set([program, ...traits.linked()])] : [program];
  const calls: Calls[] = [];
  for (const one of programs) {
    const found = one.type === program.type ? callsOf(one, traits) : undefined;
    if (found === undefined || (spec?.packet !== undefined && readsTargets(one, spec))) return undefined;
    calls.push(found);
  }
  const some = (what: keyof Calls): boolean => calls.some((one) => one[what]);
  const ofPackets = some('ofPackets');
  const isXdp = spec?.name === 'xdp_md';
  const loads = programs.some(({ code }) => code.kind.includes(KIND.packetLoad));
  // Machine code knows the packet of legacy loads from its descriptor.
  if ((ofPackets && spec?.packet === undefined) || (some('moves') && (!isXdp || loads))) return undefined;
  const layout = layoutOf(programs, spec, traits.given, loads);
  if (layout === undefined) return undefined;
  const moves = some('moves');
  const sends = some('sends');
  const paused = sends ? { ...layout, pause: SENT_COUNTER } : layout;
  const places = { layout: moves ? moving(paused) : paused, place: moves ? PLACING : undefined };
  return { ...places, ofPackets, grows: some('grows'), sends, prints: some('prints') };
}

const PLACING: BatchLayout = {
  ...{ stride: MOVED_STRIDE, r1: { descriptor: MOVED.self }, clear: [], load: [], store: [], result: DESCRIPTOR.r0 },
};

/** Routines that move the ends find them among the globals, where they are afterwards, too. */
function moving(layout: BatchLayout): BatchLayout {
  return {
    ...layout,
    stride: MOVED_STRIDE,
    load: [
      ...layout.load,
      { descriptor: MOVED.start, window: SHARED.start, bytes: 8 },
      { descriptor: MOVED.meta, window: SHARED.meta, bytes: 8 },
      { descriptor: MOVED.end, window: SHARED.end, bytes: 4 },
    ],
    store: [
      { descriptor: DESCRIPTOR.data, window: SHARED.data, bytes: 4 },
      { descriptor: DESCRIPTOR.end, window: SHARED.end, bytes: 4 },
    ],
  };
}

/** Bytes of the main functions' frame that some program may read before it is written. */
function unwritten(programs: readonly Program[]): Span[] {
  let lowest = 0;
  let highest = Number.POSITIVE_INFINITY;
  for (const program of programs) {
    const { from, to } = readsUnwritten(program, computeFacts(program));
    if (from === to) continue;
    lowest = Math.max(lowest, from);
    highest = Math.min(highest, to);
  }
  return lowest === 0 ? [] : [{ at: PLACE.stackTop - lowest, bytes: lowest - highest }];
}

function layoutOf(
  programs: readonly Program[],
  spec: ContextSpec | undefined,
  given: BatchTraits['given'],
  loads: boolean,
): BatchLayout | undefined {
  const [program] = programs as readonly [Program];
  const always = { clear: unwritten(programs), store: [], result: DESCRIPTOR.r0 };
  const places = { pointer: DESCRIPTOR.data, length: DESCRIPTOR.length, network: networkOffset(program.type) };
  const legacy = loads ? { legacy: places } : {};
  if (program.type === 'raw') {
    return { ...always, ...legacy, stride: RAW_STRIDE, r1: { descriptor: DESCRIPTOR.data }, r2: DESCRIPTOR.length, load: [] };
  }
  if (spec?.packet === undefined) return undefined;
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
