// Where two packets differ, field by field: layers are matched so that the fewest fields differ.
import { type AnyLayer, type DissectOptions, dissect } from './dissect.ts';
import { describePacket, explain, fieldText } from './explain.ts';
import type { LayerName } from './fields.ts';
import type { FieldValue } from './forms.ts';

/** A field, or a whole layer, that two packets do not have alike. */
export interface PacketDifference {
  readonly layer: LayerName;
  /** Among the layers of this kind in the expected packet (in the actual one, where only that has it): of a tunnel, 0 is the outer. */
  readonly nth: number;
  /** `header`: the whole layer is in one packet only. */
  readonly field: string;
  /** Bytes into the actual packet, where it has the field; else into the expected one. Of data: where they begin to differ. */
  readonly offset: number;
  /** Undefined: it has no such field or layer. Of whole layers, a line about them. */
  readonly actual: FieldValue | undefined;
  readonly expected: FieldValue | undefined;
}

/** What packets begin with, and what may differ in them. */
export interface DifferenceOptions extends DissectOptions {
  /** Fields that need not be equal, `ipv4.id`, or whole layers, `padding`. */
  readonly ignore?: readonly string[];
}

/** The fields in which two packets differ, in the order of the packet; none exactly if their bytes are equal (or nothing but ignored fields differs). */
export function difference(actual: Uint8Array, expected: Uint8Array, options: DifferenceOptions = {}): readonly PacketDifference[] {
  const ours = dissect(actual, options).layers;
  const theirs = dissect(expected, options).layers;
  const found: PacketDifference[] = [];
  for (const [a, b] of matched(ours, theirs)) {
    const layer = (b ?? a)!;
    const nth = (b === undefined ? ours : theirs).filter(({ kind, offset }) => kind === layer.kind && offset < layer.offset).length;
    if (a !== undefined && b !== undefined) found.push(...differingFields(a, b).map((one) => ({ ...one, nth })));
    else
      found.push({
        ...{ layer: layer.kind, nth, field: 'header', offset: layer.offset },
        ...{ actual: a === undefined ? undefined : layerText(a), expected: b === undefined ? undefined : layerText(b) },
      });
  }
  const { ignore = [] } = options;
  return found.filter(({ layer, field }) => !ignore.includes(layer) && !ignore.includes(`${layer}.${field}`));
}

/** `ipv4.ttl at byte 22: 63, expected 64`. `words`: what stands for "expected". */
export function differenceText({ layer, nth, field, offset, actual, expected }: PacketDifference, words = 'expected'): string {
  const name = `${layer}${nth === 0 ? '' : `[${nth}]`}`;
  if (field === 'header') {
    if (actual === undefined) return `${name} at byte ${offset}: none, ${words} ${expected as string}`;
    return `${name} at byte ${offset}: ${actual as string}, ${words} none`;
  }
  const text = (value: FieldValue | undefined): string =>
    value === undefined ? 'none' : shortened(fieldText(layer, field, value), actual, expected);
  return `${name}.${field} at byte ${offset}: ${text(actual)}, ${words} ${text(expected)}`;
}

/** What an assertion about packets throws: an AssertionError for test runners, with all fields of both packets to compare. */
export class PacketAssertionError extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION';
  readonly generatedMessage: boolean;
  readonly operator = 'assertPacket';
  readonly actual: string | undefined;
  readonly expected: string;
  readonly differences: readonly PacketDifference[];

  constructor(
    message: string,
    isGenerated: boolean,
    actual: string | undefined,
    expected: string,
    differences: readonly PacketDifference[],
  ) {
    super(message);
    this.generatedMessage = isGenerated;
    this.actual = actual;
    this.expected = expected;
    this.differences = differences;
    // The line that asserts comes first, where the host can do that.
    Error.captureStackTrace?.(this, assertPacket);
  }
}

/** How `assertPacket` compares, and what it says. */
export interface AssertPacketOptions extends DifferenceOptions {
  /** Stands in front of what differs. */
  readonly message?: string;
}

/** Throws a PacketAssertionError that names each differing field, unless the packets are equal. */
export function assertPacket(
  actual: Uint8Array | undefined,
  expected: Uint8Array,
  options: AssertPacketOptions = {},
): asserts actual is Uint8Array {
  const { message } = options;
  const isGenerated = message === undefined;
  const start = message ?? 'the packets differ';
  if (!(actual instanceof Uint8Array)) {
    const text = `${message ?? 'there is no packet'}\n  expected: ${explain(expected, options)}`;
    throw new PacketAssertionError(text, isGenerated, undefined, describePacket(expected, options), []);
  }
  const differences = difference(actual, expected, options);
  if (differences.length === 0) return;
  const lines = [
    `${start}:`,
    ...differences.map((one) => `  ${differenceText(one)}`),
    `  actual:   ${explain(actual, options)}`,
    `  expected: ${explain(expected, options)}`,
  ];
  throw new PacketAssertionError(
    lines.join('\n'),
    isGenerated,
    describePacket(actual, options),
    describePacket(expected, options),
    differences,
  );
}

type Pair = readonly [actual: AnyLayer | undefined, expected: AnyLayer | undefined];

/** Pairs of layers of one kind, in order, so that the sum of differing fields and of layers that have no partner is least. */
function matched(actual: readonly AnyLayer[], expected: readonly AnyLayer[]): readonly Pair[] {
  const alone = (layer: AnyLayer): number => Object.keys(layer.fields).length;
  const width = expected.length + 1;
  // cost[i * width + j]: of the layers from i and j on.
  const cost = new Float64Array((actual.length + 1) * width);
  const pair = (i: number, j: number): number =>
    actual[i]!.kind === expected[j]!.kind
      ? differingFields(actual[i]!, expected[j]!).length + cost[(i + 1) * width + j + 1]!
      : Number.POSITIVE_INFINITY;
  const extra = (i: number, j: number): number => alone(actual[i]!) + cost[(i + 1) * width + j]!;
  const missing = (i: number, j: number): number => alone(expected[j]!) + cost[i * width + j + 1]!;
  for (let i = actual.length; i >= 0; i--) {
    for (let j = expected.length; j >= 0; j--) {
      if (i === actual.length && j === expected.length) continue;
      if (i === actual.length) cost[i * width + j] = missing(i, j);
      else if (j === expected.length) cost[i * width + j] = extra(i, j);
      else cost[i * width + j] = Math.min(pair(i, j), extra(i, j), missing(i, j));
    }
  }
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < actual.length || j < expected.length; ) {
    const least = cost[i * width + j]!;
    if (i < actual.length && j < expected.length && pair(i, j) === least) pairs.push([actual[i++]!, expected[j++]!]);
    else if (i < actual.length && extra(i, j) === least) pairs.push([actual[i++]!, undefined]);
    else pairs.push([undefined, expected[j++]!]);
  }
  return pairs;
}

function differingFields(actual: AnyLayer, expected: AnyLayer): Omit<PacketDifference, 'nth'>[] {
  const ours = actual.fields as Readonly<Record<string, FieldValue>>;
  const theirs = expected.fields as Readonly<Record<string, FieldValue>>;
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .filter((field) => actual.kind !== 'padding' || field === 'data')
    .flatMap((field) => {
      const [a, b] = [ours[field], theirs[field]];
      const first = firstDifference(a, b);
      if (first === undefined) return [];
      const offset = actual.offsets[field] ?? expected.offsets[field] ?? actual.offset;
      return [{ layer: actual.kind, field, offset: offset + first, actual: a, expected: b }];
    });
}

/** Undefined: they are equal. Of bytes, where they begin to differ. */
function firstDifference(a: FieldValue | undefined, b: FieldValue | undefined): number | undefined {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    const at = a.findIndex((byte, i) => byte !== b[i]);
    if (at >= 0) return at;
    return a.length === b.length ? undefined : a.length;
  }
  if (typeof a === 'object' && typeof b === 'object') return equalLists(a, b) ? undefined : 0;
  return a === b ? undefined : 0;
}

function equalLists(a: object, b: object): boolean {
  return JSON.stringify(a, bytesAsList) === JSON.stringify(b, bytesAsList);
}

const bytesAsList = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);

/** Long data are shown from shortly before where they differ. */
function shortened(text: string, actual: FieldValue | undefined, expected: FieldValue | undefined): string {
  const LONGEST = 64;
  if (text.length <= LONGEST || !(actual instanceof Uint8Array) || !(expected instanceof Uint8Array)) return text;
  const from = Math.max(2 * ((firstDifference(actual, expected) ?? 0) - 4), 0);
  return `${from > 0 ? '...' : ''}${text.slice(from, from + LONGEST)}${from + LONGEST < text.length ? '...' : ''} (${text.length / 2} bytes)`;
}

function layerText(layer: AnyLayer): string {
  return Object.entries(layer.fields)
    .map(([name, value]) => `${name} ${fieldText(layer.kind, name, value as FieldValue)}`)
    .join(', ');
}
