// Global variables: properties that read and write the window.
import { BpfError } from '../util/error.ts';
import type { Home } from './home.ts';
import type { BpfMap } from './maps.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';
import { plainCodec } from './values.ts';

export function createVariables(
  home: Home,
  maps: Readonly<Record<string, BpfMap>>,
  input: ObjectInput,
  given: LoadOptions['variables'] = {},
): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  const { window } = home;
  for (const map of input.maps) {
    const storage = maps[map.name]!.storage;
    for (const { name, offset, bytes, codec } of map.data?.variables ?? []) {
      const at = storage + offset;
      home.variables.push({ name, start: at, end: at + bytes });
      const values = codec ?? plainCodec(bytes, `variable ${name}`);
      Object.defineProperty(variables, name, {
        enumerable: true,
        get: () => values.decode(window.read(at, bytes)),
        set: (value: unknown) => {
          const out = new Uint8Array(bytes);
          values.encode(value, out);
          window.write(at, out);
        },
      });
    }
  }
  for (const [name, value] of Object.entries(given)) {
    if (!(name in variables)) {
      throw new BpfError('runtime/unknown-variable', { in: 'option', name: 'variables' }, `the object has no variable ${name}`);
    }
    variables[name] = value;
  }
  return variables;
}
