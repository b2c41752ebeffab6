// bpfjit compare: two programs over the same packets: where verdict, packet, redirect, events or maps differ.
import { differenceText as fieldDifference } from '../packet/difference.ts';
import { explain } from '../packet/explain.ts';
import { type Json, toJson } from '../runtime/object/contents.ts';
import { differenceBetween, type ObjectDifference } from '../runtime/object/difference.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import { printDifference } from '../runtime/object/tables.ts';
import { toHex } from '../util/bytes.ts';
import { type CompareOutcome, type Differing, type Outcome, PacketComparison } from './compare-packets.ts';
import { openEngines } from './engines.ts';
import { readInput } from './files.ts';
import { contextOf, fillMaps, loadingOf, packetBytes } from './inputs.ts';
import { type Opened, openObject } from './object.ts';
import { BTF, ENGINE, FUEL, INPUTS, JSON_OUTPUT, LOADING, PACKET, PCAP, PROGRAM } from './options.ts';
import { changesJson, differingFields } from './packet-text.ts';
import { count, type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  program: { ...PROGRAM, value: 'NAME[,NAME]', help: `${PROGRAM.help}; two names: one of each` },
  engine: { ...ENGINE, default: 'auto', value: 'E[,E]', help: `${ENGINE.help}. Two names: one of each. Default: auto` },
  packet: PACKET,
  pcap: PCAP,
  ...LOADING,
  ...INPUTS,
  limit: { type: 'string', default: '10', value: 'N', help: 'differing packets that are shown, default 10' },
  fuel: FUEL,
  btf: BTF,
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

/** Nanoseconds: a time that stands still cannot make a difference. */
const CLOCK = 1_000_000_000_000n;

interface Side extends Opened {
  readonly file: string;
}

export async function compare(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 2 });
  const { packet, pcap } = values;
  if ((packet === undefined) === (pcap === undefined)) throw new UsageError('expected --pcap IN or --packet HEX|@FILE');
  const engines = pair('engine', values.engine);
  const names = values.program === undefined ? [undefined, undefined] : pair('program', values.program);
  if (files.length === 1 && engines[0] === engines[1] && names[0] === names[1])
    throw new UsageError('one file: expected two engines (--engine A,B) or two programs (--program A,B) to compare');
  const limit = count('limit', values.limit);
  const ctx = contextOf(values);
  const sides: Side[] = [];
  try {
    for (const i of [0, 1] as const) {
      const file = files[i] ?? files[0]!;
      const engine = await openEngines(engines[i]!);
      const opened = await openObject(file, names[i] ?? sides[0]?.program.name, {
        ...{ host: engine.host, engine: engine.name, clock: CLOCK },
        ...loadingOf(values),
        ...(values.fuel === undefined ? {} : { fuel: count('fuel', values.fuel) }),
        ...(values.btf === undefined ? {} : { btf: readInput(values.btf) }),
      });
      sides.push({ ...opened, file });
      if (values['maps-in'] !== undefined) fillMaps(opened.object, values['maps-in']);
    }
    const [a, b] = sides as [Side, Side];
    const comparison = new PacketComparison(a.program, b.program, { limit, ...(ctx === undefined ? {} : { ctx }) });
    const outcome = packet === undefined ? comparison.capture(pcap!) : comparison.packets([packetBytes(packet)]);
    const state = differenceBetween(a.object, b.object);
    process.stdout.write(values.json === true ? `${JSON.stringify(asJson(a, b, outcome, state))}\n` : asText(a, b, outcome, state));
    return outcome.differing === 0 && isSame(state) ? 0 : 1;
  } finally {
    for (const { object } of sides) object.dispose();
  }
}

/** `X` for both or `X,Y`. */
function pair(option: string, text: string): readonly [string, string] {
  const parts = text.split(',');
  if (parts.length > 2 || parts.includes('')) throw new UsageError(`--${option} takes one name or two (A,B), got "${text}"`);
  return [parts[0]!, parts[1] ?? parts[0]!];
}

function isSame({ maps, variables }: ObjectDifference): boolean {
  return Object.keys(maps).length === 0 && Object.keys(variables).length === 0;
}

function asText(a: Side, b: Side, outcome: CompareOutcome, state: ObjectDifference): string {
  const { packets, differing, kinds, first, engines } = outcome;
  const side = ({ file, program }: Side, engine: string): string => `${program.name} of ${file} on ${engine}`;
  const lines = [`${side(a, engines[0])}\n${side(b, engines[1])}\n`];
  lines.push(`${packets} packet${packets === 1 ? '' : 's'}, ${differing === 0 ? 'all alike' : `${differing} differ`}\n`);
  for (const [kind, n] of kinds) lines.push(`  ${String(n).padStart(9)}  ${kind}\n`);
  for (const one of first) lines.push(differenceText(a.program.type, one));
  if (differing > first.length) lines.push(`and ${differing - first.length} more; --limit shows more of them\n`);
  for (const line of onlyIn(a, b)) lines.push(`${line}\n`);
  if (isSame(state)) lines.push('maps and variables at the end: alike\n');
  else lines.push(`maps and variables at the end (- and < the first, + and > the second):\n${printDifference(b.object, state)}`);
  return lines.join('');
}

/** Maps that cannot be compared. */
function onlyIn(a: Side, b: Side): string[] {
  const missing = (from: LoadedObject, other: LoadedObject): string[] => Object.keys(from.maps).filter((name) => !(name in other.maps));
  const say = (names: readonly string[], which: string): string[] =>
    names.length === 0 ? [] : [`only the ${which} has ${names.map((name) => `map ${name}`).join(', ')}`];
  return [...say(missing(a.object, b.object), 'first'), ...say(missing(b.object, a.object), 'second')];
}

function differenceText(type: string, { index, kinds, input, a, b }: Differing): string {
  const what = type === 'raw' ? `${input.length} bytes` : explain(input);
  const lines = [`packet ${index + 1}: ${what}\n  ${kinds.join('; ')}\n`];
  if (a.stop !== undefined) lines.push(`  first: ${a.stop.headline}\n`);
  if (b.stop !== undefined) lines.push(`  second: ${b.stop.headline}\n`);
  if (a.stop === undefined && b.stop === undefined) for (const line of packetDifferences(type, a, b)) lines.push(`  ${line}\n`);
  return lines.join('');
}

/** By field, where the packets can be taken apart. */
function packetDifferences(type: string, a: Outcome, b: Outcome): readonly string[] {
  const fields = differingFields(type, a.packet, b.packet).map((one) => fieldDifference(one, 'the first has'));
  return fields.length > 0 ? fields : byteDifferences(a, b);
}

const MAX_RANGES = 8;
const MAX_BYTES = 16;

/** Where the packets differ that the two left. */
function byteDifferences(a: Outcome, b: Outcome): string[] {
  const lines: string[] = [];
  if (a.packet.length !== b.packet.length) lines.push(`length ${a.packet.length} -> ${b.packet.length}`);
  const end = Math.min(a.packet.length, b.packet.length);
  for (let at = 0; at < end; at++) {
    if (a.packet[at] === b.packet[at]) continue;
    const from = at;
    while (at < end && a.packet[at] !== b.packet[at]) at++;
    const shown = Math.min(at, from + MAX_BYTES);
    const dots = shown < at ? '...' : '';
    const bytes = ({ packet }: Outcome): string => `${toHex(packet.subarray(from, shown), ' ')}${dots}`;
    lines.push(`${at - from === 1 ? `byte ${from}` : `bytes ${from} to ${at - 1}`}: ${bytes(a)} -> ${bytes(b)}`);
  }
  return lines.length > MAX_RANGES ? [...lines.slice(0, MAX_RANGES), `and ${lines.length - MAX_RANGES} more places`] : lines;
}

function asJson(a: Side, b: Side, { packets, differing, kinds, first, engines }: CompareOutcome, state: ObjectDifference): Json {
  const side = ({ file, program }: Side, engine: string): Json => ({ file, program: program.name, engine });
  const outcome = ({ verdict, r0, packet, redirect, events, stop }: Outcome): Json =>
    stop !== undefined
      ? { stop: { reason: stop.reason, slot: stop.slot, message: stop.headline } }
      : {
          ...{ verdict: verdict ?? null, r0: String(r0), packet: toHex(packet) },
          ...(redirect === undefined ? {} : { redirect: toJson(redirect) }),
          ...(events.length === 0 ? {} : { events: toJson(events) }),
        };
  return {
    ...{ a: side(a, engines[0]), b: side(b, engines[1]), packets, differing, kinds: Object.fromEntries(kinds) },
    differences: first.map((one) => ({
      ...{ index: one.index, kinds: one.kinds, input: toHex(one.input), a: outcome(one.a), b: outcome(one.b) },
      ...(one.a.stop === undefined && one.b.stop === undefined
        ? { fields: changesJson({ differences: differingFields(a.program.type, one.a.packet, one.b.packet) }) }
        : {}),
    })),
    maps: toJson(state.maps),
    variables: toJson(state.variables),
  };
}
