// The inaccessible bytes below and above a window [DESIGN 2.1]: set, verified, and set again when the window grows. Nothing of the
// window may be reachable that is not memory of the window: that is the whole containment of native code.
import { BpfError } from '../util/error.ts';
import { BIAS, FLOOR, type Memory } from '../window/window.ts';
import { MAP, type Mapping, type Native, PROT, readMappings } from './native.ts';

/** The bias page and pointer page 0, bytes of the memory. */
const LOW_BYTES = BIAS + FLOOR;
/** Furthest byte that an access can name: pointer 2^32 - 1, displacement 32,767, 8 bytes; rounded up to whole pages of 64 KiB. */
const REACH_BYTES = BIAS + 2 ** 32 + 65_536;

const refuse = (what: string): never => {
  throw new BpfError('host/no-guards', { in: 'host' }, `native engines need guards around a window: ${what}`);
};

/** Protects and verifies; the native address of pointer 0. */
export function guard(native: Native, memory: Memory): number {
  const start = native.addressOf(new Uint8Array(memory.buffer));
  const end = start + memory.buffer.byteLength;
  protectLow(native, start);
  fillAbove(native, end, start + REACH_BYTES);
  const gap = firstAccessible(readMappings(), start, end);
  if (gap !== undefined) {
    refuse(`byte ${gap - start} of the memory is ${gap < start + LOW_BYTES ? 'accessible' : 'not followed by reserved address space'}`);
  }
  return start + BIAS;
}

/** After growth, which makes the low pages accessible. */
export function guardAgain(native: Native, memory: Memory, base: number): void {
  const start = native.addressOf(new Uint8Array(memory.buffer));
  if (start !== base - BIAS) refuse('the memory moved when it grew');
  protectLow(native, start);
}

function protectLow(native: Native, start: number): void {
  if (!native.protect(start, LOW_BYTES, PROT.none)) refuse(`mprotect of its first ${LOW_BYTES} bytes fails with error ${native.errno()}`);
}

/** First byte that should fault but would not, of the low pages and of what lies above `end`. */
export function firstAccessible(mappings: readonly Mapping[], start: number, end: number): number | undefined {
  return firstUncovered(mappings, start, start + LOW_BYTES) ?? firstUncovered(mappings, end, start + REACH_BYTES);
}

/** First byte of [from, to) that is not mapped inaccessible. Unmapped is not enough: something may be mapped there later. */
function firstUncovered(mappings: readonly Mapping[], from: number, to: number): number | undefined {
  let at = from;
  for (const mapping of mappings) {
    if (mapping.end <= at) continue;
    if (at >= to) break;
    if (mapping.start > at || !mapping.access.startsWith('---')) return at;
    at = mapping.end;
  }
  return at >= to ? undefined : at;
}

/** Where V8 reserves less than a pointer can reach (it has no trap handler there), the rest is reserved here if it is still free. */
function fillAbove(native: Native, end: number, limit: number): void {
  let at = end;
  for (const mapping of readMappings()) {
    if (mapping.end <= at) continue;
    if (at >= limit) return;
    if (mapping.start > at) reserve(native, at, Math.min(mapping.start, limit));
    at = mapping.end;
  }
  if (at < limit) reserve(native, at, limit);
}

function reserve(native: Native, from: number, to: number): void {
  const flags = MAP.private | MAP.anonymous | MAP.noReserve | MAP.fixedNoReplace;
  const address = native.map(from, to - from, PROT.none, flags, -1, 0);
  // Kernels before 4.17 take the flag for a hint.
  if (address !== undefined && address !== from) native.unmap(address, to - from);
}
