// What a pointer points at, in words, for stops and traces.
import { fieldAt } from '../../btf/field-at.ts';
import type { ContextSpec } from '../../spec/contexts.ts';
import type { Home } from '../object/home.ts';
import { toText } from '../object/tables.ts';

/**
 * `packet + 14`, `stats[17].bytes`, `ctx.data_end`, `port`: undefined where nothing lies there. `isAccess`: what an access there means,
 * the first member of a struct where a pointer means the struct.
 */
export function meaningOf(home: Home, pointer: number, isAccess = false): string | undefined {
  const { packet } = home;
  const map = home.mapAt(pointer);
  if (map !== undefined) return `map ${map.name}`;
  const region = home.regions.around(pointer);
  if (region === undefined) return undefined;
  if (region === packet.region) {
    if (pointer === packet.end) return 'packet_end';
    return pointer < packet.data ? plus('packet_meta', pointer - packet.meta) : plus('packet', pointer - packet.data);
  }
  if (region === packet.contextRegion) return `ctx${contextField(packet.spec, pointer - region.start, isAccess)}`;
  const variable = home.variables.find(({ start, end }) => pointer >= start && pointer < end);
  if (variable !== undefined) return variable.name + fieldAt(variable.shape, pointer - variable.start, isAccess);
  for (const one of home.maps) {
    const found = one.elementAt(pointer);
    if (found === undefined) continue;
    const { key, cpu, offset } = found;
    const isData = one.name.startsWith('.');
    const element = isData ? one.name : `${one.name}[${key === undefined ? '' : printKey(key)}]`;
    return `${element}${fieldAt(isData ? undefined : one.valueShape, offset, isAccess)}${cpu === undefined ? '' : ` of CPU ${cpu}`}`;
  }
  if (region.privileged) return undefined;
  return plus(region.name.replace(/^(the|a|an) /, ''), pointer - region.start);
}

function contextField(spec: ContextSpec | undefined, offset: number, isAccess: boolean): string {
  if (offset === 0 && !isAccess) return '';
  const field = spec?.fields.find((one) => offset >= one.offset && offset < one.offset + one.bytes * (one.count ?? 1));
  if (field === undefined) return offset === 0 ? '' : ` + ${offset}`;
  const into = offset - field.offset;
  const index = field.count === undefined ? '' : `[${Math.floor(into / field.bytes)}]`;
  return plus(`.${field.name}${index}`, into % field.bytes);
}

function plus(name: string, offset: number): string {
  return offset === 0 ? name : `${name} + ${offset}`;
}

const MAX_KEY = 48;

function printKey(key: unknown): string {
  const text = toText(key);
  return text.length > MAX_KEY ? `${text.slice(0, MAX_KEY)}...` : text;
}
