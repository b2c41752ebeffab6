// Catches giant allocations at the moment they are asked for: while `bounded` runs, every constructor of bytes and of arrays refuses
// more than the limit, and the memories of windows may grow only to theirs.

const ARRAYS = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float64Array',
  'BigUint64Array',
  'BigInt64Array',
] as const;

type Constructor = new (...args: unknown[]) => object;
const globals = globalThis as unknown as Record<string, Constructor & { readonly BYTES_PER_ELEMENT?: number }>;

export class GiantAllocation extends Error {
  override readonly name = 'GiantAllocation';
}

/** `act` with arrays of at most `limit` bytes each. */
export function bounded<T>(limit: number, act: () => T): T {
  const saved = new Map<string, Constructor>();
  for (const name of ARRAYS) {
    const original = globals[name]!;
    saved.set(name, original);
    const unit = original.BYTES_PER_ELEMENT ?? 1;
    globals[name] = new Proxy(original, {
      construct(target, args: unknown[], newTarget) {
        const count = typeof args[0] === 'number' ? args[0] : Array.isArray(args[0]) || ArrayBuffer.isView(args[0]) ? lengthOf(args[0]) : 0;
        if (count * unit > limit) throw new GiantAllocation(`${name} of ${count} elements`);
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
  }
  try {
    return act();
  } finally {
    for (const [name, original] of saved) globals[name] = original as (typeof globals)[string];
  }
}

function lengthOf(value: unknown): number {
  return (value as { readonly length: number }).length;
}
