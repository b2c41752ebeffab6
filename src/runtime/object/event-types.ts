// What programs send, in the types that somebody says it has.
import type { Home } from './home.ts';
import type { NamedTypes } from './named-types.ts';
import { unknownName } from './names.ts';
import type { ObjectInput } from './object-input.ts';
import type { LoadOptions } from './options.ts';

/** By the option, else by the `__type(value, ...)` of a ring buffer. Data shorter than the type has no value. */
export function typeEvents(home: Home, input: ObjectInput, types: NamedTypes, given: LoadOptions['events'] = {}): void {
  for (const { name, codecs } of input.maps) {
    const codec = codecs?.value;
    const map = home.maps.find((one) => one.name === name);
    if (map?.row.kept !== 'ring' || codec?.shape === undefined) continue;
    const { bytes, decode } = codec;
    home.events.types.set(name, (data) => (data.length < bytes ? undefined : decode(data)));
  }
  const names = input.maps.map(({ name }) => name);
  for (const [name, type] of Object.entries(given)) {
    if (type === undefined) continue;
    if (!names.includes(name)) throw unknownName('runtime/unknown-map', 'map', name, names, 'events');
    const bytes = types.bytesOf(type);
    home.events.types.set(name, (data) => (data.length < bytes ? undefined : types.decode(type, data)));
  }
}
