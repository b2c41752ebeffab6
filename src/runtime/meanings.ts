// What a pointer points at, in words, for stops and traces.
import type { Home } from './home.ts';
import { toText } from './tables.ts';

/** `packet + 14`, `stats[17] + 8`, `port`: undefined where nothing lies there. */
export function meaningOf(home: Home, pointer: number): string | undefined {
  const { packet } = home;
  const map = home.mapAt(pointer);
  if (map !== undefined) return `map ${map.name}`;
  const region = home.regions.around(pointer);
  if (region === undefined) return undefined;
  if (region === packet.region) {
    if (pointer === packet.end) return 'packet_end';
    return pointer < packet.data ? plus('packet_meta', pointer - packet.meta) : plus('packet', pointer - packet.data);
  }
  if (region === packet.contextRegion) return plus('ctx', pointer - region.start);
  const variable = home.variables.find(({ start, end }) => pointer >= start && pointer < end);
  if (variable !== undefined) return plus(variable.name, pointer - variable.start);
  for (const one of home.maps) {
    const found = one.elementAt(pointer);
    if (found === undefined) continue;
    const { key, cpu, offset } = found;
    const isData = one.name.startsWith('.');
    const element = isData ? one.name : `${one.name}[${key === undefined ? '' : printKey(key)}]`;
    return plus(`${element}${cpu === undefined ? '' : ` of CPU ${cpu}`}`, offset);
  }
  if (region.privileged) return undefined;
  return plus(region.name.replace(/^(the|a|an) /, ''), pointer - region.start);
}

function plus(name: string, offset: number): string {
  return offset === 0 ? name : `${name} + ${offset}`;
}

const MAX_KEY = 48;

function printKey(key: unknown): string {
  const text = toText(key);
  return text.length > MAX_KEY ? `${text.slice(0, MAX_KEY)}...` : text;
}
