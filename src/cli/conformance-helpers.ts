// The helpers that programs of bpf_conformance call, as the suite's plugins offer them.
import type { HostCall } from '../runtime/engines/host.ts';

/** By id: 5 must give its first argument back (call_unwind_fail goes on only then). */
export const CONFORMANCE_HELPERS: Readonly<Record<number, HostCall>> = {
  0: (r1, r2, r3, r4, r5) => BigInt.asUintN(64, (r1 << 32n) | (r2 << 24n) | (r3 << 16n) | (r4 << 8n) | r5),
  1: (_r1, _r2, _r3, _r4, _r5) => 0n,
  2: (r1, _r2) => r1,
  5: (r1, _r2) => r1,
};
/** More than any test of the suite spends; a program that never ends fails instead. */
export const CONFORMANCE_FUEL = 100_000_000;
