// What a program is given by options: variables, maps, a packet, a context.
import type { JsonContents } from '../runtime/object/contents.ts';
import type { LoadBytesOptions } from '../runtime/object/load.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import { PROGRAM_TYPES } from '../spec/programs.ts';
import { tryParseHex } from '../util/bytes.ts';
import { BpfError } from '../util/error.ts';
import { fileArgument, readInput, text } from './files.ts';
import { assignment, count, hexBytes, integer, UsageError } from './usage.ts';

export interface ContextGiven {
  readonly ctx: readonly string[];
  readonly 'ctx-raw'?: string | undefined;
}

export interface LoadingGiven {
  readonly set: readonly string[];
  readonly 'map-size': readonly string[];
  readonly event: readonly string[];
  readonly kconfig?: string | undefined;
  readonly ksym: readonly string[];
  readonly type?: string | undefined;
  readonly cpus?: string | undefined;
}

/** The options of `load` that LOADING stands for. */
export function loadingOf(
  values: LoadingGiven,
): Pick<LoadBytesOptions, 'variables' | 'cpus' | 'mapSizes' | 'kconfig' | 'ksyms' | 'defaultType'> {
  return {
    ...(values['map-size'].length === 0 ? {} : { mapSizes: Object.fromEntries(values['map-size'].map(mapSize)) }),
    ...(values.event.length === 0 ? {} : { events: Object.fromEntries(values.event.map((given) => assignment('event', given))) }),
    ...(values.kconfig === undefined ? {} : { kconfig: text(readInput(values.kconfig)) }),
    ...(values.ksym.length === 0 ? {} : { ksyms: Object.fromEntries(values.ksym.map(ksym)) }),
    ...(values.type === undefined ? {} : { defaultType: programType(values.type) }),
    ...(values.set.length === 0 ? {} : { variables: Object.fromEntries(values.set.map(variable)) }),
    ...(values.cpus === undefined ? {} : { cpus: count('cpus', values.cpus, 1) }),
  };
}

function mapSize(given: string): [name: string, size: number] {
  const [name, value] = assignment('map-size', given);
  return [name, count('map-size', value, 1)];
}

function ksym(given: string): [name: string, value: bigint | Uint8Array] {
  const [name, value] = assignment('ksym', given);
  return [name, value.startsWith('@') ? readInput(fileArgument('ksym', value)) : integer('ksym', value)];
}

function programType(name: string): string {
  if (name === 'raw' || PROGRAM_TYPES.some((type) => type === name)) return name;
  throw new UsageError(`--type takes a type of program (${PROGRAM_TYPES.slice(1).join(', ')}), got "${name}"`);
}

function variable(given: string): [name: string, value: unknown] {
  const [name, value] = assignment('set', given);
  if (/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(value)) return [name, integer('set', value)];
  try {
    return [name, JSON.parse(value)];
  } catch {
    // The name of an enumerator, or text.
    return [name, value];
  }
}

/** JSON as `--maps --json` prints it under `maps`, or all that it prints. */
export function fillMaps(object: LoadedObject, path: string): void {
  try {
    const given = JSON.parse(text(readInput(path))) as JsonContents | { readonly program: string; readonly maps: JsonContents };
    const isOutput = typeof given === 'object' && given !== null && 'program' in given && typeof given.program === 'string';
    object.fill((isOutput ? given.maps : given) as JsonContents, path);
  } catch (error) {
    if (error instanceof SyntaxError) throw new BpfError('cli/bad-json', { in: 'file', path }, error.message);
    throw error;
  }
}

/** HEX, or @FILE that holds hex text or the bytes themselves. */
export function packetBytes(argument: string): Uint8Array {
  if (!argument.startsWith('@')) return hexBytes('packet', argument);
  const bytes = readInput(fileArgument('packet', argument));
  return tryParseHex(text(bytes)) ?? bytes;
}

export function contextOf(values: ContextGiven): Uint8Array | Record<string, bigint | readonly bigint[]> | undefined {
  if (values['ctx-raw'] !== undefined) return readInput(fileArgument('ctx-raw', values['ctx-raw']));
  if (values.ctx.length === 0) return undefined;
  return Object.fromEntries(
    values.ctx.map((field) => {
      const [name, value] = assignment('ctx', field);
      const numbers = value.split(',').map((one) => integer('ctx', one));
      return [name, numbers.length === 1 ? numbers[0]! : numbers];
    }),
  );
}
