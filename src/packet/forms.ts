// How the value of a header's field is written, read and printed: a number, or bytes.
import { toHex } from '../util/bytes.ts';
import { IPV4_BYTES, IPV6_BYTES, ipv4Text, ipv6Text, MAC_BYTES, macText, tryParseIpv4, tryParseIpv6, tryParseMac } from './address.ts';
import {
  decodeOptions,
  encodeOptions,
  type HeaderOption,
  IPV4_OPTIONS,
  IPV6_OPTIONS,
  NEIGHBOUR_OPTIONS,
  type OptionScheme,
  optionsText,
  TCP_OPTIONS,
} from './options.ts';

/** What a field holds: numbers, flags as booleans or letters, addresses as text, options and segments as a list, anything else as bytes. */
export type FieldValue = number | boolean | string | Uint8Array | readonly HeaderOption[] | readonly string[];

/** A field of bits. `encode` gives undefined where the value is not of this form; its range is checked elsewhere. */
interface NumberForm {
  readonly of: 'number';
  readonly encode: (value: unknown) => number | undefined;
  readonly decode: (number: number, bits: number) => FieldValue;
  readonly print: (number: number, bits: number) => string;
  readonly expected: (bits: number) => string;
}

/** A field of whole bytes. `encode` gives a string that says what is wrong. */
interface BytesForm {
  readonly of: 'bytes';
  readonly encode: (value: unknown, size: number | undefined) => Uint8Array | string;
  readonly decode: (bytes: Uint8Array) => FieldValue;
  readonly print: (bytes: Uint8Array) => string;
}

export type FormName = 'number' | 'hex' | 'bit' | 'tcpFlags' | 'mac' | 'ipv4' | 'ipv6' | 'ipv6List' | 'bytes' | OptionsForm;
type OptionsForm = 'tcpOptions' | 'ipv4Options' | 'ipv6Options' | 'neighbourOptions';

/** Of TCP, from the lowest bit on. [RFC9293 3.1] */
const TCP_FLAGS = 'FSRPAUEC';

function lettersOf(flags: number): string {
  return [...TCP_FLAGS].filter((_, bit) => ((flags >> bit) & 1) === 1).join('');
}

/** In any order, each once. */
function flagsOf(letters: string): number | undefined {
  let flags = 0;
  for (const letter of letters) {
    const bit = TCP_FLAGS.indexOf(letter);
    if (bit < 0 || ((flags >> bit) & 1) === 1) return undefined;
    flags |= 1 << bit;
  }
  return flags;
}

const asNumber = (value: unknown): number | undefined => (typeof value === 'number' && Number.isInteger(value) ? value : undefined);
const range = (bits: number): string => `a number from 0 to ${2 ** bits - 1}`;

function address(
  size: number,
  what: string,
  parse: (text: string) => Uint8Array | undefined,
  text: (bytes: Uint8Array) => string,
): BytesForm {
  return {
    of: 'bytes',
    encode(value) {
      const bytes = typeof value === 'string' ? parse(value) : value instanceof Uint8Array && value.length === size ? value : undefined;
      return bytes ?? `${shown(value)} is no ${what}`;
    },
    decode: text,
    print: text,
  };
}

function options(scheme: OptionScheme): BytesForm {
  return {
    of: 'bytes',
    encode: (value) =>
      value instanceof Uint8Array ? value : Array.isArray(value) ? encodeOptions(scheme, value) : 'expected a list of options, or bytes',
    decode: (bytes) => decodeOptions(scheme, bytes),
    print: (bytes) => optionsText(decodeOptions(scheme, bytes)),
  };
}

const ipv6 = address(IPV6_BYTES, 'IPv6 address', tryParseIpv6, ipv6Text);

function ipv6Texts(bytes: Uint8Array): readonly string[] | undefined {
  if (bytes.length % IPV6_BYTES !== 0) return undefined;
  return Array.from({ length: bytes.length / IPV6_BYTES }, (_, i) => ipv6Text(bytes.subarray(IPV6_BYTES * i, IPV6_BYTES * (i + 1))));
}

export const FORMS: Readonly<Record<FormName, NumberForm | BytesForm>> = {
  number: { of: 'number', encode: asNumber, decode: (number) => number, print: String, expected: range },
  hex: {
    of: 'number',
    encode: asNumber,
    decode: (number) => number,
    print: (number, bits) => `0x${number.toString(16).padStart(Math.ceil(bits / 4), '0')}`,
    expected: range,
  },
  bit: {
    of: 'number',
    encode: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
    decode: (number) => number !== 0,
    print: String,
    expected: () => 'true or false',
  },
  tcpFlags: {
    of: 'number',
    encode: (value) => (typeof value === 'string' ? flagsOf(value) : asNumber(value)),
    decode: lettersOf,
    print: (number) => `[${lettersOf(number)}]`,
    expected: () => `letters of ${TCP_FLAGS}, or a number`,
  },
  mac: address(MAC_BYTES, 'link-layer address such as 02:00:00:00:00:01', tryParseMac, macText),
  ipv4: address(IPV4_BYTES, 'IPv4 address', tryParseIpv4, ipv4Text),
  ipv6,
  ipv6List: {
    of: 'bytes',
    encode(value) {
      if (value instanceof Uint8Array) return value;
      if (!Array.isArray(value)) return 'expected a list of IPv6 addresses, or bytes';
      const all = new Uint8Array(IPV6_BYTES * value.length);
      for (const [i, one] of (value as unknown[]).entries()) {
        const bytes = ipv6.encode(one, IPV6_BYTES);
        if (typeof bytes === 'string') return bytes;
        all.set(bytes, IPV6_BYTES * i);
      }
      return all;
    },
    decode: (bytes) => ipv6Texts(bytes) ?? bytes,
    print: (bytes) => ipv6Texts(bytes)?.join(', ') ?? toHex(bytes),
  },
  bytes: {
    of: 'bytes',
    encode(value, size) {
      const bytes = value instanceof Uint8Array ? value : undefined;
      if (bytes === undefined) return `expected bytes, got ${shown(value)}`;
      return size !== undefined && bytes.length !== size ? `${bytes.length} bytes given, the field has ${size}` : bytes;
    },
    decode: (bytes) => bytes,
    print: (bytes) => toHex(bytes),
  },
  tcpOptions: options(TCP_OPTIONS),
  ipv4Options: options(IPV4_OPTIONS),
  ipv6Options: options(IPV6_OPTIONS),
  neighbourOptions: options(NEIGHBOUR_OPTIONS),
};

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/** `bits` bits from bit `at` of the packet on, most significant first; at most 32. */
export function readBits(bytes: Uint8Array, at: number, bits: number): number {
  let value = 0;
  for (let left = bits, bit = at; left > 0; ) {
    const room = 8 - (bit & 7);
    const take = Math.min(room, left);
    value = value * 2 ** take + ((bytes[bit >> 3]! >> (room - take)) & (2 ** take - 1));
    bit += take;
    left -= take;
  }
  return value;
}

export function writeBits(bytes: Uint8Array, at: number, bits: number, value: number): void {
  for (let left = bits, bit = at; left > 0; ) {
    const room = 8 - (bit & 7);
    const take = Math.min(room, left);
    const part = Math.floor(value / 2 ** (left - take)) & (2 ** take - 1);
    const mask = (2 ** take - 1) << (room - take);
    bytes[bit >> 3] = (bytes[bit >> 3]! & ~mask) | (part << (room - take));
    bit += take;
    left -= take;
  }
}
