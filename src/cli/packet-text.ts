// What the command line says about a packet: what it was, what the program made of it, and which fields that changed.
import { difference, differenceText, type PacketDifference } from '../packet/difference.ts';
import { explain, fieldText } from '../packet/explain.ts';
import type { Json } from '../runtime/object/contents.ts';
import { seesLinkLayer } from '../spec/contexts.ts';
import { hexDump } from './values.ts';

/** Fields in which what two programs of that type left differs; raw programs have memory, not packets: none. */
export function differingFields(programType: string, first: Uint8Array, second: Uint8Array): readonly PacketDifference[] {
  return programType === 'raw' ? [] : difference(second, first, { from: seesLinkLayer(programType) ? 'ethernet' : 'ip' });
}

/** Bytes of the Ethernet header, which some programs do not see. */
const LINK_BYTES = 14;

export interface PacketChange {
  /** One line each; raw programs have no packets, but memory. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly isChanged: boolean;
  readonly differences: readonly PacketDifference[];
}

/** `given`: the whole frame, `left`: what the program left of what it saw. */
export function packetChange(programType: string, given: Uint8Array, left: Uint8Array): PacketChange {
  const hasLink = seesLinkLayer(programType);
  const seen = hasLink ? given : given.subarray(LINK_BYTES);
  const isChanged = seen.length !== left.length || seen.some((byte, i) => byte !== left[i]);
  if (programType === 'raw') return { before: undefined, after: undefined, isChanged, differences: [] };
  const from = hasLink ? 'ethernet' : 'ip';
  return {
    before: explain(given),
    after: isChanged ? explain(left, { from }) : undefined,
    isChanged,
    differences: isChanged ? difference(left, seen, { from }) : [],
  };
}

export function changeText({ before, after, isChanged, differences }: PacketChange, left: Uint8Array): string {
  const lines = [
    ...(before === undefined ? [] : [`packet: ${before}`]),
    ...(after === undefined ? [] : [`packet after: ${after}`, ...differences.map((one) => `  ${differenceText(one, 'was')}`)]),
    ...(isChanged && after === undefined ? [`packet changed, ${left.length} bytes`] : []),
  ].map((line) => `${line}\n`);
  return lines.join('') + (isChanged ? hexDump(left, '  ') : '');
}

/** `[{layer, nth, field, offset, from, to}]`; null: there is no such field. */
export function changesJson({ differences }: Pick<PacketChange, 'differences'>): Json {
  const text = ({ layer, field }: PacketDifference, value: PacketDifference['actual']): string | null =>
    value === undefined ? null : field === 'header' ? String(value) : fieldText(layer, field, value);
  return differences.map((one) => {
    const { layer, nth, field, offset } = one;
    return { layer, nth, field, offset, from: text(one, one.expected), to: text(one, one.actual) };
  });
}
