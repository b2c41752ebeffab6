// A packet with other values in some fields: what a program that rewrites packets should have made of it.
import { BpfError } from '../util/error.ts';
import { type PacketLayer, packet } from './build.ts';
import { type DissectOptions, dissect } from './dissect.ts';
import type { LayerFields, LayerName } from './fields.ts';
import { HEADERS } from './headers.ts';

/** Other values of fields, by layer: `{ ipv4: { ttl: 1 } }`. */
export type PacketChanges = { readonly [N in LayerName]?: LayerFields[N] };

/**
 * The packet with other values in the first layer of each kind that is named. Numbers of what follows, lengths and checksums that were right
 * before are right after it; those that were not stay as they were. Throws `packet/layer` where the packet has no such layer.
 */
export function editPacket(bytes: Uint8Array, changes: PacketChanges, options: DissectOptions = {}): Uint8Array {
  const { layers } = dissect(bytes, options);
  const kept = layers.map((layer) => computedFields(layer.kind));
  // What a builder would give in place of what is there, inner layers first: an outer checksum covers the inner ones.
  for (;;) {
    const built = tryPacket(without(layers, kept));
    if (!(built instanceof Uint8Array)) {
      kept[built.index]!.delete(built.field);
      continue;
    }
    const again = dissect(built, options).layers;
    const wrong = kept.findLastIndex((fields, index) => wrongField(layers[index]!, again[index], fields) !== undefined);
    if (wrong < 0) break;
    kept[wrong]!.delete(wrongField(layers[wrong]!, again[wrong], kept[wrong]!)!);
  }
  const lean = [...without(layers, kept)];
  for (const [kind, fields] of Object.entries(changes)) {
    const index = layers.findIndex((layer) => layer.kind === kind);
    if (index < 0)
      throw new BpfError(
        'packet/layer',
        { in: 'option', name: kind },
        `the packet has no ${kind}; it has ${layers.map((one) => one.kind).join(', ')}`,
      );
    lean[index] = { kind: kind as LayerName, fields: { ...lean[index]!.fields, ...fields } } as PacketLayer;
  }
  return packet(...lean);
}

/** The bytes, or the field that cannot hold what it would have to be. */
function tryPacket(layers: readonly PacketLayer[]): Uint8Array | { readonly index: number; readonly field: string } {
  try {
    return packet(...layers);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'packet/range' && error.position.in === 'header') return error.position;
    throw error;
  }
}

function computedFields(kind: LayerName): Set<string> {
  if (kind === 'payload' || kind === 'padding') return new Set();
  const rows = HEADERS[kind].rows.filter(([, { size, sum, names }]) => size !== undefined || sum !== undefined || names !== undefined);
  return new Set(rows.map(([name]) => name));
}

function without(layers: readonly PacketLayer[], computed: readonly ReadonlySet<string>[]): PacketLayer[] {
  return layers.map(({ kind, fields }, index) => {
    const given = Object.entries(fields).filter(([name]) => !computed[index]!.has(name));
    return { kind, fields: Object.fromEntries(given) } as PacketLayer;
  });
}

function wrongField(layer: PacketLayer, built: PacketLayer | undefined, fields: ReadonlySet<string>): string | undefined {
  const was = layer.fields as Readonly<Record<string, unknown>>;
  const now = (built?.kind === layer.kind ? built.fields : {}) as Readonly<Record<string, unknown>>;
  return [...fields].find((name) => was[name] !== now[name]);
}
