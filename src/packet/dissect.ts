// Takes packets apart: layers with their fields and offsets, and what is wrong with them. Anything can be taken apart; nothing throws.

import { sameChecksum } from './checksum.ts';
import type { LayerName, ReadFields } from './fields.ts';
import { type FieldValue, FORMS, readBits } from './forms.ts';
import { HEADERS, type Header, type Numbers, quotes } from './headers.ts';
import { layerOf } from './numbers.ts';
import { carrier, headerChecksum, type Placed } from './place.ts';

/** One header, or the bytes after the last. */
export interface DissectedLayer<N extends LayerName = LayerName> extends Placed {
  readonly kind: N;
  readonly fields: ReadFields<N>;
  /** Where each field begins, bytes into the packet. */
  readonly offsets: Readonly<Record<string, number>>;
}

/** A layer of any kind; its fields are known once its kind is. */
export type AnyLayer = { readonly [N in LayerName]: DissectedLayer<N> }[LayerName];

/** Something that is wrong with a packet, and where. Nothing that is wrong makes `dissect` throw. */
export interface PacketProblem {
  /** `truncated`: bytes are missing; `malformed`: a header is not what it should be; `checksum`: one is wrong. */
  readonly kind: 'truncated' | 'malformed' | 'checksum';
  readonly layer: LayerName;
  /** Among the layers. */
  readonly index: number;
  readonly field: string | undefined;
  /** Bytes into the packet. */
  readonly offset: number;
  readonly message: string;
}

/** A packet taken apart: its layers, and what is wrong with it. */
export interface Dissection {
  readonly bytes: Uint8Array;
  /** Every byte of the packet is in one of them, in order. */
  readonly layers: readonly AnyLayer[];
  readonly problems: readonly PacketProblem[];
  /** The first layer of a kind, or the `nth` from 0: of a tunnel there are several. */
  layer<N extends LayerName>(kind: N, nth?: number): DissectedLayer<N> | undefined;
}

/** How a packet is to be read. */
export interface DissectOptions {
  /** What the packet begins with; `ip`: IPv4 or IPv6, by the version. Default: `ethernet`. */
  readonly from?: LayerName | 'ip';
}

/** Deeper packets are attacks; what is beyond is payload. */
const MAX_LAYERS = 64;

interface ReadHeader {
  readonly fields: Record<string, FieldValue>;
  readonly offsets: Record<string, number>;
  readonly numbers: Record<string, number>;
  readonly headerBytes: number;
  readonly problem: readonly [kind: PacketProblem['kind'], field: string | undefined, message: string] | undefined;
}

/** A layer with what is needed to check it. */
interface Found extends Placed {
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly offsets: Readonly<Record<string, number>>;
  readonly numbers: Numbers;
  /** All bytes that its checksum covers are there. */
  readonly isWhole: boolean;
  readonly isQuoted: boolean;
}

/** The layers of a packet. */
export function dissect(packet: Uint8Array, options: DissectOptions = {}): Dissection {
  // Parts of a Buffer would be Buffers.
  const bytes = new Uint8Array(packet.buffer, packet.byteOffset, packet.length);
  const found: Found[] = [];
  const problems: PacketProblem[] = [];
  /** Bytes that a length leaves out; innermost last. */
  const trailers: { readonly from: number; readonly to: number; readonly of: number }[] = [];
  const { from = 'ethernet' } = options;
  let kind: LayerName | undefined = from === 'ip' ? ((bytes[0] ?? 0) >> 4 === 6 ? 'ipv6' : 'ipv4') : from;
  let offset = 0;
  let end = bytes.length;
  let isCut = false;
  let isFragment = false;
  let isQuoted = false;

  while (kind !== undefined && kind !== 'payload' && kind !== 'padding' && found.length < MAX_LAYERS) {
    const header: Header = HEADERS[kind];
    const index = found.length;
    const report = (what: PacketProblem['kind'], field: string | undefined, at: number, message: string): void => {
      if (!isQuoted || what !== 'truncated') problems.push({ ...{ kind: what, layer: kind!, index, field, offset: at, message } });
    };
    const read = readHeader(header, bytes, offset, end);
    if (typeof read === 'number') {
      // After a length that says so, the missing header is no news.
      if (!isCut) report('truncated', undefined, offset, `truncated: ${kind} header of ${read} bytes, ${end - offset} are there`);
      break;
    }
    const { fields, offsets, numbers, headerBytes, problem } = read;
    if (problem !== undefined) report(problem[0], problem[1], offset, problem[2]);
    const whole = problem === undefined ? header.wholeBytes?.(numbers, headerBytes) : undefined;
    const there = end - offset;
    if (whole !== undefined && whole < headerBytes) {
      report('malformed', 'length', offsets['length'] ?? offset, `${kind} length ${numbers['length']} is less than its header`);
      isCut = true;
    } else if (whole !== undefined && whole > there) {
      if (!isCut) report('truncated', 'length', offsets['length'] ?? offset, `truncated: ${kind} has ${whole} bytes, ${there} are there`);
      isCut = true;
    } else if (whole !== undefined && whole < there) {
      trailers.push({ from: offset + whole, to: end, of: index - 1 });
      end = offset + whole;
    }
    const isWhole = !isCut && !isFragment && problem === undefined;
    found.push({ kind, offset, headerBytes, end, fields, offsets, numbers, isWhole, isQuoted });
    offset += headerBytes;
    if (problem !== undefined) break;
    if (numbers['mf'] === 1) isFragment = true;
    if (quotes(kind, numbers)) isQuoted = true;
    kind = nextOf(header, numbers, bytes.subarray(offset, end), found);
  }
  const layers: Found[] = found;
  const rest = (what: 'payload' | 'padding', start: number, to: number, of?: number): void => {
    const fields: Record<string, FieldValue> = { data: bytes.subarray(start, to), ...(of === undefined ? {} : { of }) };
    const offsets = { data: start };
    layers.push({ kind: what, offset: start, headerBytes: 0, end: to, fields, offsets, numbers: {}, isWhole: true, isQuoted });
  };
  if (offset < end) rest('payload', offset, end);
  for (const { from: start, to, of } of trailers.reverse()) rest('padding', start, to, of);
  for (const index of layers.keys()) checkSums(bytes, layers, index, problems);
  const result = layers.map(({ kind, offset, headerBytes, end, fields, offsets }) => ({ kind, offset, headerBytes, end, fields, offsets }));
  return {
    bytes,
    layers: result as unknown as readonly AnyLayer[],
    problems,
    layer: <N extends LayerName>(kind: N, nth = 0) =>
      result.filter((one) => one.kind === kind)[nth] as unknown as DissectedLayer<N> | undefined,
  };
}

/** What `next` or the field that names it says; IPv6's extension headers belong behind IPv6 only. */
function nextOf(header: Header, numbers: Numbers, rest: Uint8Array, found: readonly Found[]): LayerName | undefined {
  let next: LayerName | undefined;
  if (header.next !== undefined) next = header.next(numbers, rest);
  else {
    const named = header.rows.find(([, row]) => row.names !== undefined);
    next = named === undefined ? undefined : layerOf(named[1].names!, numbers[named[0]]!);
  }
  const isExtension = next === 'hopByHop' || next === 'routing' || next === 'ipv6Fragment' || next === 'destinationOptions';
  if (!isExtension) return next;
  const ip = carrier(found, found.length);
  return ip !== undefined && found[ip]!.kind === 'ipv6' ? next : undefined;
}

/** A number: bytes that the header needs and that are not there. */
function readHeader(header: Header, bytes: Uint8Array, offset: number, end: number): ReadHeader | number {
  const fields: Record<string, FieldValue> = {};
  const offsets: Record<string, number> = {};
  const numbers: Record<string, number> = {};
  let at = 8 * offset;
  let problem: ReadHeader['problem'];
  let stop = end;
  for (const [name, row] of header.rows) {
    if (row.when !== undefined && !row.when(numbers)) continue;
    if (row.bits > 0 && at + row.bits > 8 * end) return fixedBytes(header, numbers);
    const form = FORMS[row.form];
    if (row.bits === 0) {
      const size = header.headerBytes?.(numbers);
      const fixed = at / 8 - offset;
      if (size !== undefined && size < fixed) {
        problem = ['malformed', undefined, `header length ${size} is less than ${fixed}`];
        stop = at / 8;
      } else if (size !== undefined && offset + size > end)
        problem = ['truncated', undefined, `truncated: header of ${size} bytes, ${end - offset} are there`];
      else if (size !== undefined) stop = offset + size;
      offsets[name] = at / 8;
      if (form.of === 'bytes') fields[name] = form.decode(bytes.subarray(at / 8, stop));
      at = 8 * stop;
      continue;
    }
    offsets[name] = Math.floor(at / 8);
    if (form.of === 'number') {
      numbers[name] = readBits(bytes, at, row.bits);
      fields[name] = form.decode(numbers[name], row.bits);
    } else fields[name] = form.decode(bytes.subarray(at / 8, (at + row.bits) / 8));
    at += row.bits;
  }
  const reason = header.malformed?.(numbers);
  if (reason !== undefined) problem ??= ['malformed', 'version', reason];
  return { fields, offsets, numbers, headerBytes: at / 8 - offset, problem };
}

function fixedBytes(header: Header, numbers: Numbers): number {
  return header.rows.reduce((sum, [, row]) => sum + (row.when === undefined || row.when(numbers) ? row.bits : 0), 0) / 8;
}

function checkSums(bytes: Uint8Array, layers: readonly Found[], index: number, problems: PacketProblem[]): void {
  const { kind, offsets, numbers, isWhole, isQuoted } = layers[index]!;
  if (kind === 'payload' || kind === 'padding' || isQuoted) return;
  for (const [field, row] of HEADERS[kind].rows) {
    const actual = numbers[field];
    if (row.sum === undefined || actual === undefined) continue;
    if (!isWhole && (row.sum !== headerChecksum || problems.some((one) => one.index === index && one.field === undefined))) continue;
    if (kind === 'udp' && actual === 0 && mayLackSum(layers, index)) continue;
    const expected = row.sum({ bytes, layers, index }, offsets[field]!);
    if (expected === undefined || (kind === 'udp' ? actual === expected : sameChecksum(actual, expected))) continue;
    const text = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;
    const message = `bad ${kind} checksum ${text(actual)}, should be ${text(expected)}`;
    problems.push({ kind: 'checksum', layer: kind, index, field, offset: offsets[field]!, message });
  }
}

/** Over IPv4; over IPv6 only tunnels. [RFC768], [RFC6935] */
function mayLackSum(layers: readonly Found[], index: number): boolean {
  const ip = carrier(layers, index);
  const next = layers[index + 1]?.kind;
  return ip === undefined || layers[ip]!.kind === 'ipv4' || next === 'vxlan' || next === 'geneve';
}
