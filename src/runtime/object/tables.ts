// Maps, variables and their differences as text for people: a row an entry, a column a field, numbers to the right.
import type { Shape } from '../../btf/shape.ts';
import { toHex } from '../../util/bytes.ts';
import { BpfMap } from '../maps/maps.ts';
import { shownEntries } from './contents.ts';
import type { ObjectDifference } from './difference.ts';

/** A struct of more fields stands in one column, without those that are zero. */
const MAX_COLUMNS = 12;

/** One line: `{packets: 1, bytes: 54}`. */
export function toText(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return toHex(value, ' ');
  if (value instanceof BpfMap) return `map ${value.name}`;
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  if (value === null || value === undefined) return '-';
  return `{${Object.entries(value as object)
    .map(([name, field]) => `${name}: ${toText(field)}`)
    .join(', ')}}`;
}

interface Column {
  readonly title: string;
  /** Of a struct in one column. */
  readonly parts?: readonly Column[];
  /** From the key or value to the field. */
  readonly path: readonly string[];
  readonly shape: Shape | undefined;
}

function columnsOf(shape: Shape | undefined, title: string): readonly Column[] {
  const columns = [...fields(shape, [])];
  if (columns.length > MAX_COLUMNS) return [{ title, path: [], shape: undefined, parts: columns }];
  if (columns.length === 0) return [{ title, path: [], shape: undefined }];
  return columns.map((column) => (column.path.length === 0 ? { ...column, title } : column));
}

function* fields(shape: Shape | undefined, path: readonly string[]): Generator<Column> {
  if (shape?.kind !== 'record') {
    const order = shape?.kind === 'int' && shape.order !== undefined && !isAddress(shape, path) ? ` (${shape.order})` : '';
    yield { title: path.join('.') + order, path, shape };
    return;
  }
  for (const { name, shape: inner } of shape.members) yield* fields(inner, name === '' ? path : [...path, name]);
}

/** A number in network byte order whose name says that it is an IPv4 address. */
function isAddress(shape: Shape, path: readonly string[]): boolean {
  return shape.kind === 'int' && shape.order === 'be32' && /addr|ip|^[sd]rc$|vip/i.test(path.at(-1) ?? '');
}

function fieldOf(value: unknown, { path }: Column): unknown {
  let at = value;
  for (const name of path) at = (at as Record<string, unknown> | undefined)?.[name];
  return at;
}

/** What the number means where it is stored in network byte order. */
function swapped(value: number | bigint, bytes: number): bigint {
  let rest = BigInt.asUintN(8 * bytes, BigInt(value));
  let result = 0n;
  for (let i = 0; i < bytes; i++) {
    result = (result << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return result;
}

function cell(value: unknown, { shape, path, parts }: Column): string {
  if (value === undefined) return '';
  if (parts !== undefined) {
    const shown = parts.flatMap((part) => {
      const field = fieldOf(value, part);
      return isZero(field) ? [] : [`${part.title}: ${cell(field, part)}`];
    });
    return `{${shown.join(', ')}}`;
  }
  switch (shape?.kind) {
    case 'int': {
      if (shape.order === undefined || (typeof value !== 'number' && typeof value !== 'bigint')) return toText(value);
      const number = swapped(value, shape.bytes);
      if (!isAddress(shape, path)) return String(number);
      return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
    }
    case 'enum':
      return shape.enumerators.find((one) => one.value === BigInt(value as number | bigint))?.name ?? toText(value);
    case 'pointer':
      return `0x${(value as bigint).toString(16)}`;
    case 'bytes':
      return toHex(value as Uint8Array, shape.bytes === 6 ? ':' : ' ');
    default:
      return toText(value);
  }
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (Array.isArray(value)) return value.every(isZero);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === '' || value === false;
}

/** Cells that stand to the right. */
const NUMBER = /^(-?\d[\d.e+-]*|0x[0-9a-f]+|true|false|sum|)$/;

/** Rows of cells under titles, two spaces in front of each; columns of numbers to the right. */
function layOut(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const right = titles.map((_, i) => rows.every((row) => NUMBER.test(row[i]!)));
  return [titles, ...rows]
    .map((row) => `  ${row.map((text, i) => (right[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join('  ')}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

type Entry = readonly [key: unknown, value: unknown];

/** `marks`: what stands in front of each entry. */
function table(map: BpfMap, entries: readonly Entry[], marks?: readonly string[]): string {
  const keys = entries[0]?.[0] === undefined ? [] : columnsOf(map.keyShape, 'key');
  const values = columnsOf(map.row.ofMaps || map.row.kept === 'programs' ? undefined : map.valueShape, 'value');
  const perCpu = map.row.perCpu === true && Array.isArray(entries[0]?.[1]) && entries[0][1].length > 1;
  const arrow = keys.length === 0 ? [] : ['->'];
  const titles = [
    ...(marks === undefined ? [] : ['']),
    ...keys.map(({ title }) => title),
    ...arrow.map(() => ''),
    ...(perCpu ? ['cpu'] : []),
    ...values.map(({ title }) => title),
  ];
  const rows: string[][] = [];
  entries.forEach(([key, value], i) => {
    const front = [...(marks === undefined ? [] : [marks[i]!]), ...keys.map((column) => cell(fieldOf(key, column), column)), ...arrow];
    if (!perCpu) {
      const only = map.row.perCpu === true && Array.isArray(value) ? (value[0] as unknown) : value;
      rows.push([...front, ...values.map((column) => cell(fieldOf(only, column), column))]);
      return;
    }
    const each = value as readonly unknown[];
    rows.push([...front, 'sum', ...values.map((column) => cell(sum(each.map((one) => fieldOf(one, column))), column))]);
    each.forEach((one, cpu) => {
      rows.push([...front.map(() => ''), String(cpu), ...values.map((column) => cell(fieldOf(one, column), column))]);
    });
  });
  return layOut(titles, rows);
}

/** Of numbers; of anything else that is the same everywhere, that; else nothing. */
function sum(values: readonly unknown[]): unknown {
  if (values.every((value) => typeof value === 'bigint')) return values.reduce((total, value) => total + value, 0n);
  if (values.every((value) => typeof value === 'number')) return values.reduce((total, value) => total + value, 0);
  return values.every((value) => toText(value) === toText(values[0])) ? values[0] : undefined;
}

/** The entries of a map, a line each under a line of titles; elements of arrays that are zero are left out. */
export function printMap(map: BpfMap): string {
  const entries = [...shownEntries(map)];
  const head = `map ${map.name} (${map.typeName})`;
  const isArray = map.row.kept === 'array';
  if (!map.isReadable) return `${head}: only programs may read it\n`;
  if (entries.length === 0) return `${head}: ${isArray ? 'all zero' : 'empty'}\n`;
  return `${head}: ${entries.length} of ${map.maxEntries}${isArray ? ' not zero' : ''}\n${table(map, entries)}`;
}

/** What `printMaps` looks at: a LoadedObject. */
export interface Printable {
  readonly maps: Readonly<Record<string, BpfMap>>;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Every map as `printMap` has it, then the global variables, a line each. */
export function printMaps({ maps, variables }: Printable): string {
  // Global data is shown by variable.
  const declared = Object.values(maps).filter(({ name }) => !name.startsWith('.'));
  const lines = Object.entries(variables).map(([name, value]) => `${name} = ${toText(value)}\n`);
  return declared.map(printMap).join('') + lines.join('');
}

/** What `LoadedObject.difference` found: `+` entries that are new, `-` those that are gone, `<` and `>` those before and after. */
export function printDifference({ maps }: Printable, difference: ObjectDifference): string {
  const lines: string[] = [];
  for (const [name, found] of Object.entries(difference.maps)) {
    if (found === undefined) continue;
    const marked: (readonly [string, Entry])[] = [
      ...found.added.map((entry) => ['+', entry] as const),
      ...found.removed.map((entry) => ['-', entry] as const),
      ...found.changed.flatMap(({ key, before, after }) => [['<', [key, before]] as const, ['>', [key, after]] as const]),
    ];
    const map = maps[name];
    lines.push(`map ${name}\n`);
    const entries = marked.map(([, entry]) => entry);
    const marks = marked.map(([mark]) => mark);
    if (map !== undefined) lines.push(table(map, entries, marks));
  }
  for (const [name, change] of Object.entries(difference.variables)) {
    if (change !== undefined) lines.push(`${name}: ${toText(change.before)} -> ${toText(change.after)}\n`);
  }
  return lines.join('');
}
