// Damages inputs: bytes and text, by a deterministic random source.
import type { Random } from './random.ts';

/** What sits at the edges of checks: sizes, offsets, indexes, signs. */
const INTERESTING = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 513, 4095, 4096, 0x7fff, 0x8000, 0xffff, 0x1_0000],
  ...[0x00ff_ffff, 0x0fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_fffe, 0xffff_ffff],
];

/** One to eight changes. `other`: bytes to splice from. */
export function mutateBytes(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes.slice();
  const changes = random.oneIn(2) ? 1 : 1 + random.below(8);
  for (let i = 0; i < changes; i++) result = mutateOnce(result, other, random);
  return result;
}

function mutateOnce(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const { length } = bytes;
  if (length === 0) return other.slice(0, 1 + random.below(Math.max(1, other.length)));
  const at = random.below(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  switch (random.below(10)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
    case 2:
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      return bytes;
    case 3:
      bytes[at] = random.below(256);
      return bytes;
    case 4:
    case 5:
    case 6: {
      const size = random.pick([1, 2, 4, 8]);
      const place = at - (at % size);
      if (place + size > length) return bytes;
      const value = random.pick(INTERESTING);
      if (size === 1) view.setUint8(place, value & 0xff);
      else if (size === 2) view.setUint16(place, value & 0xffff, true);
      else if (size === 4) view.setUint32(place, value, true);
      else view.setBigUint64(place, random.oneIn(2) ? BigInt(value) : BigInt.asUintN(64, -BigInt(value)), true);
      return bytes;
    }
    case 7: {
      // A stretch of the same input over another.
      const size = Math.min(1 + random.below(64), length - at);
      bytes.copyWithin(at, random.below(length), random.below(length) + size);
      return bytes;
    }
    case 8: {
      // Inserted: own or foreign bytes.
      const from = random.oneIn(2) ? bytes : other;
      const start = random.below(Math.max(1, from.length));
      const inserted = from.slice(start, start + 1 + random.below(64));
      return joined(bytes.subarray(0, at), inserted, bytes.subarray(at));
    }
    default: {
      // Removed.
      const size = 1 + random.below(32);
      return joined(bytes.subarray(0, at), bytes.subarray(at + size));
    }
  }
}

/** Fields of one to six eBPF slots; now and then any change. */
export function mutateSlots(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  if (random.oneIn(8)) return mutateBytes(bytes, other, random);
  let result: Uint8Array = bytes.slice();
  const changes = 1 + random.below(6);
  for (let i = 0; i < changes; i++) {
    const slots = result.length >> 3;
    if (slots === 0) return result;
    const at = 8 * random.below(slots);
    const view = new DataView(result.buffer);
    const foreign = 8 * random.below(Math.max(1, other.length >> 3));
    switch (random.below(8)) {
      // Fields that are 0 mostly have to be.
      case 0:
        if (result[at + 1]! >= 16) result[at + 1] = (result[at + 1]! & 15) | (random.below(11) << 4);
        break;
      case 1:
        result[at + 1] = (result[at + 1]! & 0xf0) | random.below(10);
        break;
      case 2:
        if (view.getInt16(at + 2, true) !== 0)
          view.setInt16(at + 2, random.oneIn(2) ? random.below(2 * slots) - slots : (random.pick(INTERESTING) << 16) >> 16, true);
        break;
      case 3:
        if (view.getInt32(at + 4, true) !== 0)
          view.setInt32(at + 4, random.oneIn(2) ? random.pick(INTERESTING) | 0 : -random.below(4096), true);
        break;
      case 4:
        result.set(other.subarray(foreign, foreign + 8), at);
        break;
      case 5:
        result = joined(result.subarray(0, at), other.subarray(foreign, foreign + 8 * (1 + random.below(8))), result.subarray(at));
        break;
      case 6:
        result = joined(result.subarray(0, at), result.subarray(at + 8));
        break;
      default:
        result.copyWithin(at, 8 * random.below(slots), 8 * slots);
    }
  }
  return result;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

const SCRAPS = [
  ...['', '0', '-1', '0x', '0xffffffffffffffff', '18446744073709551616', '-9223372036854775809', '1e9', '99999999999999999999999'],
  ...[
    'r0',
    'r10',
    'r11',
    'w0',
    '%r1',
    '+32767',
    '-32769',
    '(',
    ')',
    '*(u64 *)',
    'lock',
    'goto',
    'call',
    'exit',
    'map[',
    ']',
    'll',
    ':',
    ';',
  ],
  ...['\0', '\r', '\t', '\u{1f600}', '\ufeff', '# ', '-- asm', '-- result', '"', '__proto__', 'constructor', 'toString'],
];

/** Changes of tokens and lines. */
export function mutateText(text: string, other: string, random: Random): string {
  let result = text;
  const changes = 1 + random.below(6);
  for (let i = 0; i < changes; i++) {
    const at = random.below(result.length + 1);
    const lines = result.split('\n');
    const line = random.below(lines.length);
    switch (random.below(9)) {
      case 0:
        result = result.slice(0, at);
        break;
      case 1:
        result =
          result.slice(0, at) + String.fromCharCode(random.below(random.oneIn(4) ? 0x10000 : 128)) + result.slice(at + random.below(2));
        break;
      case 2:
      case 3:
        result = result.slice(0, at) + random.pick(SCRAPS) + result.slice(at + random.below(4));
        break;
      case 4:
        // Another number in place of one.
        result = result.replace(
          random.oneIn(2) ? /\d+/ : /\d+(?=\D*$)/,
          String(random.oneIn(2) ? random.pick(INTERESTING) : random.next()),
        );
        break;
      case 5:
        lines.splice(line, 0, lines[random.below(lines.length)]!);
        result = lines.join('\n');
        break;
      case 6:
        lines.splice(line, 1);
        result = lines.join('\n');
        break;
      case 7: {
        const foreign = other.split('\n');
        lines.splice(line, 0, foreign[random.below(foreign.length)]!);
        result = lines.join('\n');
        break;
      }
      default: {
        const words = lines[line]!.split(/\b/);
        words.splice(random.below(words.length + 1), random.below(2), random.pick(SCRAPS));
        lines[line] = words.join('');
        result = lines.join('\n');
      }
    }
  }
  return result;
}
