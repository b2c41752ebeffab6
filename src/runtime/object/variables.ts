// Global variables: properties that read and write the window.
import { isReadOnly } from '../maps/descriptor.ts';
import type { BpfMap } from '../maps/maps.ts';
import { plainCodec } from '../maps/values.ts';
import type { Home } from './home.ts';
import { unknownName } from './names.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';

export function createVariables(
  home: Home,
  maps: Readonly<Record<string, BpfMap>>,
  input: ObjectInput,
  given: LoadOptions['variables'] = {},
): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  const { window } = home;
  for (const map of input.maps) {
    const data = maps[map.name];
    if (data === undefined) continue;
    for (const { name, offset, bytes, codec } of map.data?.variables ?? []) {
      const at = data.storage + offset;
      home.variables.push({ name, start: at, end: at + bytes, constant: isReadOnly(map), shape: codec?.shape });
      const values = codec ?? plainCodec(bytes, `variable ${name}`);
      Object.defineProperty(variables, name, {
        enumerable: true,
        // Frozen: a change of the copy would change nothing else.
        get: () => freeze(values.decode(window.read(at, bytes))),
        set: (value: unknown) => {
          const out = new Uint8Array(bytes);
          values.encode(value, out);
          window.write(at, out);
        },
      });
    }
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(variables, name)) {
      throw unknownName('runtime/unknown-variable', 'variable', name, Object.keys(variables), 'variables');
    }
    variables[name] = value;
  }
  // For console.log: values, not accessors.
  Object.defineProperty(variables, Symbol.for('nodejs.util.inspect.custom'), { value: () => ({ ...variables }) });
  return variables;
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
