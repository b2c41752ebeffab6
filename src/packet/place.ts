// Where the layers of a packet stand, and what is computed from that: lengths and checksums, the same for builder and dissector.
import { IPV6_BYTES } from './address.ts';
import { sumWords } from './checksum.ts';
import type { LayerName } from './fields.ts';

/** A layer in a packet; offsets in bytes into the packet. */
export interface Placed {
  readonly kind: LayerName;
  readonly offset: number;
  /** 0 of payload and padding, which are no headers. */
  readonly headerBytes: number;
  /** Where what this layer's length counts ends. */
  readonly end: number;
}

export interface Place {
  readonly bytes: Uint8Array;
  readonly layers: readonly Placed[];
  readonly index: number;
}

/** `at`: byte offset of the field that is computed, zero or not. Undefined: there is nothing to compute it from. */
export type Rule = (place: Place, at: number) => number | undefined;

export const here = ({ layers, index }: Place): Placed => layers[index]!;

/** Bytes from this header's start to the end of what it counts. */
export const wholeLength: Rule = (place) => here(place).end - here(place).offset;
/** The same without the header. */
export const contentLength: Rule = (place) => here(place).end - here(place).offset - here(place).headerBytes;
export const headerWords =
  (wordBytes: number, without = 0): Rule =>
  (place) =>
    here(place).headerBytes / wordBytes - without;

/** Sum of the words between two offsets, as if the two bytes at `field` were zero. */
function sumWithout(bytes: Uint8Array, from: number, to: number, field: number, seed = 0): number {
  return sumWords(bytes, field + 2, to, sumWords(bytes, from, field, seed));
}

const inverted = (sum: number): number => ~sum & 0xffff;

/** Of the header alone. */
export const headerChecksum: Rule = (place, at) => {
  const { offset, headerBytes } = here(place);
  return inverted(sumWithout(place.bytes, offset, offset + headerBytes, at));
};

/** Of the header and all that follows. */
export const messageChecksum: Rule = (place, at) => {
  const { offset, end } = here(place);
  return inverted(sumWithout(place.bytes, offset, end, at));
};

/** The IP header that a layer is carried in: the nearest before it. */
export function carrier(layers: readonly Placed[], index: number): number | undefined {
  for (let i = index - 1; i >= 0; i--) {
    const { kind } = layers[i]!;
    if (kind === 'ipv4' || kind === 'ipv6') return i;
  }
  return undefined;
}

/** The same with the pseudo header in front: addresses, length and protocol. [RFC9293 3.1], [RFC8200 8.1] */
export function transportChecksum(protocol: number): Rule {
  return (place, at) => {
    const { bytes, layers, index } = place;
    const ip = carrier(layers, index);
    if (ip === undefined) return undefined;
    const { offset, end } = here(place);
    const length = end - offset;
    const base = layers[ip]!.offset;
    let sum = protocol + Math.floor(length / 0x10000) + (length % 0x10000);
    if (layers[ip]!.kind === 'ipv4') sum = sumWords(bytes, base + 12, base + 20, sum);
    else {
      const target = finalDestination(place, ip) ?? base + 24;
      sum = sumWords(bytes, target, target + IPV6_BYTES, sumWords(bytes, base + 8, base + 24, sum));
    }
    return inverted(sumWithout(bytes, offset, end, at, sum));
  };
}

/** A computed 0 is sent as all ones, since 0 means that there is none. [RFC768] */
export const udpChecksum: Rule = (place, at) => {
  const sum = transportChecksum(17)(place, at);
  return sum === 0 ? 0xffff : sum;
};

/** Offset of the last address of a routing header on the way, whose packets still have segments to visit. [RFC8200 8.1], [RFC8754 2] */
function finalDestination({ bytes, layers, index }: Place, ip: number): number | undefined {
  for (let i = ip + 1; i < index; i++) {
    const { kind, offset, headerBytes } = layers[i]!;
    if (kind !== 'routing' || bytes[offset + 3] === 0 || headerBytes < 8 + IPV6_BYTES) continue;
    const type = bytes[offset + 2];
    if (type === 4) return offset + 8;
    if (type === 0 || type === 2) return offset + headerBytes - IPV6_BYTES;
  }
  return undefined;
}
