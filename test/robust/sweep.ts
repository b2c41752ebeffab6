// The sweeps over damaged objects, for the test (a slice) and `npm run robust` (all).
import { random } from '../../fuzz/random.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { bounded } from './allocations.ts';
import { type Tally, tryObject } from './outcome.ts';

/** The largest array of bytes that an object of a few KiB may lead to: a window's worth of views aside. */
const ARRAY_LIMIT = 16 * 2 ** 20;

/** Ethernet, IPv4, UDP to port 7. */
export const PACKET: Uint8Array = tryParseHex(
  '0200000000010200000000020800450000280001000040118e88c0000201c63364079c4000070014341c6563686f2c20706c65617365',
)!;

function attempt(what: string, bytes: Uint8Array, tally: Tally): void {
  try {
    bounded(ARRAY_LIMIT, () => tryObject(bytes, PACKET, tally));
  } catch (error) {
    tally.findings.push(`${what}: ${(error as Error).stack}`);
  }
}

/** Every `step`-th length. */
export function truncationSweep(bytes: Uint8Array, step: number, tally: Tally): void {
  for (let length = 0; length < bytes.length; length += step) attempt(`the first ${length} bytes`, bytes.subarray(0, length), tally);
}

/** `count` variants with one to `most` damaged bytes. */
export function flipSweep(bytes: Uint8Array, seed: number, count: number, most: number, tally: Tally): void {
  for (let i = 0; i < count; i++) {
    const { below } = random(seed * 1_000_003 + i);
    const damaged = bytes.slice();
    const changes: string[] = [];
    const flips = 1 + below(most);
    for (let flip = 0; flip < flips; flip++) {
      const at = below(damaged.length);
      // Half of the time one bit, else any other byte.
      const difference = below(2) === 0 ? 1 << below(8) : 1 + below(255);
      damaged[at] = damaged[at]! ^ difference;
      changes.push(`byte ${at} ^ 0x${difference.toString(16)}`);
    }
    attempt(`seed ${seed}, variant ${i} (${changes.join(', ')})`, damaged, tally);
  }
}
