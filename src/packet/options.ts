// Options: lists of type, length and value in the headers of TCP, IPv4 and IPv6 and in neighbour discovery. One row an option; writing,
// reading and printing follow from it.
import { toHex } from '../util/bytes.ts';
import { type Address, macText, tryParseMac } from './address.ts';

/** An option that has no name here. `data`: what follows type and length. */
export interface OtherOption {
  readonly kind: number;
  readonly data: Uint8Array;
}

/** [RFC9293 3.2], [RFC7323], [RFC2018]. */
export type TcpOption =
  | 'end'
  | 'nop'
  | 'sackPermitted'
  /** Bytes. */
  | { readonly mss: number }
  /** Shift count. */
  | { readonly windowScale: number }
  /** Left and right edges, in turn. */
  | { readonly sack: readonly number[] }
  | { readonly timestamp: number; readonly echo: number }
  | OtherOption;

/** [RFC791 3.1], [RFC2113]. */
export type Ipv4Option = 'end' | 'nop' | { readonly routerAlert: number } | OtherOption;

/** Of hop-by-hop and destination options. [RFC8200 4.2], [RFC2711], [RFC2675]; `jumbo`: payload length. */
export type Ipv6Option = 'pad1' | { readonly routerAlert: number } | { readonly jumbo: number } | OtherOption;

/** Of neighbour discovery. [RFC4861 4.6] */
export type NeighbourOption = { readonly sourceLink: Address } | { readonly targetLink: Address } | { readonly mtu: number } | OtherOption;

/** An option of a header, in its own form or as type and bytes. */
export type HeaderOption = TcpOption | Ipv4Option | Ipv6Option | NeighbourOption;

/** A value of an option: its name (`_`: zeros) and bits; `...`: as many as there are; 48 bits are a link-layer address. */
type Part = readonly [name: string, bits: 8 | 16 | 32 | 48, many?: '...'];

interface OptionRow {
  readonly kind: number;
  /** Undefined: one byte, no length. Empty: nothing but type and length. */
  readonly parts?: readonly Part[];
}

export interface OptionScheme {
  readonly rows: Readonly<Record<string, OptionRow>>;
  /** Bytes that the whole list is padded to a multiple of. */
  readonly unit: 1 | 4 | 8;
  /** Bytes of such a unit that stand before the list. */
  readonly before: number;
  /** The length byte counts type and itself (in `scale` bytes), or only the value. */
  readonly lengthOf: 'all' | 'value';
  readonly scale: 1 | 8;
  /** Ends the list: what follows is padding. */
  readonly end?: number;
  readonly padding: (bytes: number) => readonly number[];
}

const zeros = (bytes: number): readonly number[] => new Array<number>(bytes).fill(0);

export const TCP_OPTIONS: OptionScheme = {
  rows: {
    end: { kind: 0 },
    nop: { kind: 1 },
    mss: { kind: 2, parts: [['mss', 16]] },
    windowScale: { kind: 3, parts: [['windowScale', 8]] },
    sackPermitted: { kind: 4, parts: [] },
    sack: { kind: 5, parts: [['sack', 32, '...']] },
    timestamp: {
      kind: 8,
      parts: [
        ['timestamp', 32],
        ['echo', 32],
      ],
    },
  },
  ...{ unit: 4, before: 0, lengthOf: 'all', scale: 1, end: 0, padding: zeros },
};

export const IPV4_OPTIONS: OptionScheme = {
  rows: { end: { kind: 0 }, nop: { kind: 1 }, routerAlert: { kind: 148, parts: [['routerAlert', 16]] } },
  ...{ unit: 4, before: 0, lengthOf: 'all', scale: 1, end: 0, padding: zeros },
};

export const IPV6_OPTIONS: OptionScheme = {
  rows: {
    pad1: { kind: 0 },
    routerAlert: { kind: 5, parts: [['routerAlert', 16]] },
    jumbo: { kind: 0xc2, parts: [['jumbo', 32]] },
  },
  ...{ unit: 8, before: 2, lengthOf: 'value', scale: 1 },
  // Pad1 or PadN. [RFC8200 4.2]
  padding: (bytes) => (bytes <= 1 ? zeros(bytes) : [1, bytes - 2, ...zeros(bytes - 2)]),
};

export const NEIGHBOUR_OPTIONS: OptionScheme = {
  rows: {
    sourceLink: { kind: 1, parts: [['sourceLink', 48]] },
    targetLink: { kind: 2, parts: [['targetLink', 48]] },
    mtu: {
      kind: 5,
      parts: [
        ['_', 16],
        ['mtu', 32],
      ],
    },
  },
  ...{ unit: 1, before: 0, lengthOf: 'all', scale: 8, padding: zeros },
};

/** The bytes of a list, padded to the scheme's unit; a string says what is wrong. */
export function encodeOptions(scheme: OptionScheme, list: readonly unknown[]): Uint8Array | string {
  const bytes: number[] = [];
  for (const option of list) {
    const encoded = encodeOption(scheme, option);
    if (typeof encoded === 'string') return encoded;
    bytes.push(...encoded);
  }
  const over = (scheme.before + bytes.length) % scheme.unit;
  if (over !== 0) bytes.push(...scheme.padding(scheme.unit - over));
  return Uint8Array.from(bytes);
}

function encodeOption(scheme: OptionScheme, option: unknown): number[] | string {
  const names = Object.keys(scheme.rows).join(', ');
  if (typeof option === 'string') {
    const row = scheme.rows[option];
    if (row === undefined || (row.parts?.length ?? 0) > 0) return `no option '${option}'; there are ${names}`;
    return row.parts === undefined ? [row.kind] : framed(scheme, row.kind, []);
  }
  if (typeof option !== 'object' || option === null) return `${String(option)} is no option; there are ${names}`;
  const given = option as Record<string, unknown>;
  if ('kind' in given) {
    const { kind, data } = given;
    if (typeof kind !== 'number' || !isUnsigned(kind, 8) || !(data instanceof Uint8Array))
      return 'an option by its number is { kind: 0 to 255, data: bytes }';
    return framed(scheme, kind, [...data]);
  }
  const [name, row] = Object.entries(scheme.rows).find(([key]) => key in given && (scheme.rows[key]!.parts?.length ?? 0) > 0) ?? [];
  if (name === undefined || row === undefined) return `no option { ${Object.keys(given).join(', ')} }; there are ${names}`;
  const value: number[] = [];
  for (const [part, bits, many] of row.parts!) {
    if (part === '_') {
      value.push(...zeros(bits / 8));
      continue;
    }
    const numbers = many === undefined ? [given[part]] : given[part];
    if (!Array.isArray(numbers)) return `option ${name}: expected a list of numbers`;
    for (const number of numbers as unknown[]) {
      if (bits === 48) {
        const mac =
          number instanceof Uint8Array && number.length === 6 ? number : typeof number === 'string' ? tryParseMac(number) : undefined;
        if (mac === undefined) return `option ${name}: ${String(number)} is no link-layer address`;
        value.push(...mac);
        continue;
      }
      if (typeof number !== 'number' || !isUnsigned(number, bits))
        return `option ${name}: ${part} is ${String(number)}, expected 0 to ${2 ** bits - 1}`;
      for (let shift = bits - 8; shift >= 0; shift -= 8) value.push(Math.floor(number / 2 ** shift) & 0xff);
    }
  }
  return framed(scheme, row.kind, value);
}

function framed(scheme: OptionScheme, kind: number, value: readonly number[]): number[] | string {
  const size = scheme.lengthOf === 'all' ? value.length + 2 : value.length;
  if (size % scheme.scale !== 0) return `an option of ${size} bytes, its length counts ${scheme.scale}`;
  if (size / scheme.scale > 255) return `an option of ${size} bytes`;
  return [kind, size / scheme.scale, ...value];
}

function isUnsigned(value: number, bits: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** bits;
}

/** The list, or the bytes themselves where a list would not give just those bytes again. */
export function decodeOptions(scheme: OptionScheme, bytes: Uint8Array): readonly HeaderOption[] | Uint8Array {
  const list = readOptions(scheme, bytes);
  if (list === undefined) return bytes;
  const again = encodeOptions(scheme, list);
  return typeof again !== 'string' && again.length === bytes.length && again.every((byte, i) => byte === bytes[i]) ? list : bytes;
}

function readOptions(scheme: OptionScheme, bytes: Uint8Array): HeaderOption[] | undefined {
  const list: HeaderOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    const named = Object.entries(scheme.rows).find(([, row]) => row.kind === kind);
    if (kind === scheme.end) {
      // Padding up to the next unit is what a list gets anyway.
      if (bytes.length - at >= scheme.unit) list.push('end');
      return list;
    }
    if (named !== undefined && named[1].parts === undefined) {
      list.push(named[0] as HeaderOption);
      at++;
      continue;
    }
    if (at + 1 >= bytes.length) return undefined;
    const counted = bytes[at + 1]! * scheme.scale;
    const size = scheme.lengthOf === 'all' ? counted - 2 : counted;
    if (size < 0 || at + 2 + size > bytes.length) return undefined;
    const data = bytes.slice(at + 2, at + 2 + size);
    list.push((named === undefined ? undefined : readParts(named[0], named[1].parts!, data)) ?? { kind, data });
    at += 2 + size;
  }
  return list;
}

/** Undefined: the value has another size, or zeros are not zero. */
function readParts(name: string, parts: readonly Part[], data: Uint8Array): HeaderOption | undefined {
  if (parts.length === 0) return data.length === 0 ? (name as HeaderOption) : undefined;
  const values: Record<string, unknown> = {};
  let at = 0;
  for (const [part, bits, many] of parts) {
    const size = bits / 8;
    const count = many === undefined ? 1 : Math.floor((data.length - at) / size);
    if (at + count * size > data.length) return undefined;
    const numbers: (number | string)[] = [];
    for (let i = 0; i < count; i++, at += size) {
      const bytes = data.subarray(at, at + size);
      numbers.push(bits === 48 ? macText(bytes) : bytes.reduce((sum, byte) => sum * 256 + byte, 0));
    }
    if (part === '_' && numbers[0] !== 0) return undefined;
    if (part !== '_') values[part] = many === undefined ? numbers[0] : numbers;
  }
  return at === data.length ? (values as unknown as HeaderOption) : undefined;
}

/** `mss 1460, nop, windowScale 7`. */
export function optionsText(options: readonly unknown[] | Uint8Array): string {
  if (options instanceof Uint8Array) return toHex(options);
  return options.map(optionText).join(', ');
}

function optionText(option: unknown): string {
  if (typeof option === 'string') return option;
  const { kind, data, ...values } = option as Record<string, unknown>;
  if (kind !== undefined) return `kind ${String(kind)}${data instanceof Uint8Array && data.length > 0 ? ` ${toHex(data)}` : ''}`;
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : String(value)}`)
    .join(' ');
}
