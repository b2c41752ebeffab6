// Which programs run in the loop of machine code over many packets, and what the loop does around each run: it takes packets from a row of
// descriptors, which lie in the window behind the context.
import { KIND } from '../isa/code.ts';
import { computeFacts } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { readsUnwritten } from '../program/stack-use.ts';
import { type ContextSpec, networkOffset } from '../spec/contexts.ts';
import { PLACE } from '../window/window.ts';
import type { BatchCopy, BatchLayout } from './host.ts';
import { ROUTINE_HELPERS } from './routines.ts';

/**
 * Helpers in JavaScript that need to know nothing of the packet and leave nothing behind for it: time, random numbers, the CPU, the
 * current task, text, checksums of memory.
 */
// biome-ignore format: a table
const FREE_OF_PACKETS: ReadonlySet<number> = new Set([5, 7, 8, 14, 15, 16, 28, 35, 42, 80, 93, 94, 105, 106, 118, 125, 160, 165, 182, 208]);
/** What they leave behind belongs to the packet. */
const RINGS: ReadonlySet<number> = new Set([130, 131, 132, 133, 134]);

/** Of those, the ones that tell the time. */
const CLOCKS: ReadonlySet<number> = new Set([5, 118, 125, 160, 208]);

/** Whether runs of the program differ in nothing but packet and context. */
function isFreeOfPackets({ code }: Program, { replaced, hasTime }: BatchTraits): boolean {
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    if (kind === KIND.callx || kind === KIND.callKfunc) return false;
    if (kind !== KIND.callHelper) continue;
    const id = code.imm[slot]!;
    if (replaced(id) || RINGS.has(id) || !(ROUTINE_HELPERS.has(id) || FREE_OF_PACKETS.has(id)) || (hasTime && CLOCKS.has(id))) return false;
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
/** Offsets in a descriptor; the length is for raw programs and __sk_buff, what follows for __sk_buff only. */
export const DESCRIPTOR = { data: 0, end: 4, r0: 8, length: 16, protocol: 20, packetType: 24, wireLength: 28 } as const;
export const XDP_STRIDE = 16;
const RAW_STRIDE = 24;
export const SKB_STRIDE = 32;

export interface BatchTraits {
  /** Fields of the context that are the same for all packets. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Helpers of the embedder, who may do anything. */
  replaced(id: number): boolean;
  /** Each packet has its own time. */
  readonly hasTime: boolean;
}

/** How the loop runs this program, or undefined where it must not. */
export function batchLayout(program: Program, spec: ContextSpec | undefined, traits: BatchTraits): BatchLayout | undefined {
  if (!isFreeOfPackets(program, traits)) return undefined;
  const { given } = traits;
  const { from, to } = readsUnwritten(program, computeFacts(program));
  const always = {
    clear: from === to ? [] : [{ at: PLACE.stackTop - from, bytes: from - to }],
    store: [],
    result: DESCRIPTOR.r0,
  };
  const places = { pointer: DESCRIPTOR.data, length: DESCRIPTOR.length, network: networkOffset(program.type) };
  const legacy = program.code.kind.includes(KIND.packetLoad) ? { legacy: places } : {};
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
