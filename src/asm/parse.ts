// Assembly text to bytes. A line is `label:`, an instruction in either dialect of `syntax.ts`, or both; comments start at # ; //.
//
// A target is a label, a distance in slots from the next instruction (`+3`, `-1`), or `exit`: the first exit. Labels that are
// called or referred to as functions become subprograms. `map[name]` numbers maps in the order in which they appear.
import { KIND } from '../isa/code.ts';
import { decode, SLOT_BYTES } from '../isa/codec.ts';
import type { Encoding } from '../isa/opcodes.ts';
import { BpfError, type Position } from '../util/error.ts';
import { type Fields, matchLine, type Target } from './match.ts';
import { tokenize } from './tokens.ts';

/** An assembled program: input for `createProgram`. */
export interface Assembly {
  readonly bytes: Uint8Array;
  /** Slot per label. */
  readonly labels: ReadonlyMap<string, number>;
  /** The entry and every function that is called by a name, ascending; empty where none is. */
  readonly subprograms: readonly { readonly name: string; readonly start: number; readonly end: number }[];
  readonly maps: readonly string[];
  /** Where each instruction stands. */
  readonly lines: readonly AssemblyLine[];
}

export interface AssemblyLine {
  readonly slot: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

interface Statement {
  readonly encoding: Encoding;
  readonly fields: Readonly<Fields>;
  readonly imm: number;
  readonly where: AssemblyLine;
}

const EXIT = 'exit';

/** `path` names the text in errors; `firstLine` is the number of its first line. */
export function parse(text: string, path = 'assembly', firstLine = 1): Assembly {
  const labels = new Map<string, number>();
  const maps = new Map<string, number>();
  const statements: Statement[] = [];
  let slots = 0;
  for (const [index, source] of text.split(/\r\n|\n|\r/).entries()) {
    const line = firstLine + index;
    const at = (column: number): Position => ({ in: 'text', path, line, column });
    const tokens = tokenize(source, at);
    let first = 0;
    for (; tokens[first]?.kind !== 'mark' && tokens[first + 1]?.text === ':'; first += 2) {
      const { text: name, column } = tokens[first]!;
      if (labels.has(name)) throw new BpfError('asm/duplicate-label', at(column), `label ${name} is defined before`);
      labels.set(name, slots);
    }
    if (first === tokens.length) continue;
    const found = matchLine(tokens.slice(first));
    if ('message' in found) throw new BpfError(found.code, at(found.column), found.message);
    const { encoding, fields } = found;
    const { column } = tokens[first]!;
    const where = { slot: slots, file: path, line, column, text: source.trim() };
    statements.push({ encoding, fields, imm: fields.map === undefined ? fields.imm : numberOf(fields.map, maps), where });
    slots += encoding.kind === KIND.lddw ? 2 : 1;
  }
  if (slots === 0) throw new BpfError('asm/empty', { in: 'text', path, line: firstLine, column: 1 }, 'the text has no instruction');
  const firstExit = statements.find(({ encoding }) => encoding.kind === KIND.exit);
  if (firstExit !== undefined && !labels.has(EXIT)) labels.set(EXIT, firstExit.where.slot);

  const bytes = new Uint8Array(slots * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  const functions = new Map<number, string>();
  for (const statement of statements) {
    const distance = distanceOf(statement, labels);
    write(view, statement, distance);
    const { encoding, fields, where } = statement;
    const isFunction = encoding.imm === 'distance' && encoding.kind !== KIND.jump;
    if (isFunction && fields.target?.label !== undefined) functions.set(where.slot + 1 + distance, fields.target.label);
  }
  const lines = statements.map(({ where }) => where);
  checkBytes(bytes, lines, path);
  return { bytes, labels, subprograms: subprogramsOf(functions, labels, slots), maps: [...maps.keys()], lines };
}

function numberOf(map: string, maps: Map<string, number>): number {
  const index = maps.get(map) ?? maps.size;
  maps.set(map, index);
  return index;
}

function distanceOf({ encoding, fields: { target }, where }: Statement, labels: ReadonlyMap<string, number>): number {
  if (target === undefined) return 0;
  const distance = targetDistance(target, where, labels);
  if (encoding.offset === 'distance' && (distance << 16) >> 16 !== distance) {
    const message = `the target is ${distance} slots away, a 16-bit jump reaches -32768 to 32767`;
    throw new BpfError('asm/out-of-range', positionOf(where, target.token.column), message);
  }
  return distance;
}

function targetDistance({ token, label, distance }: Target, where: AssemblyLine, labels: ReadonlyMap<string, number>): number {
  const slot = label === undefined ? undefined : labels.get(label);
  if (slot !== undefined) return slot - where.slot - 1;
  if (distance === undefined) {
    throw new BpfError('asm/unknown-label', positionOf(where, token.column), `label ${label} is not defined`);
  }
  return distance;
}

function write(view: DataView, { encoding, fields, imm, where }: Statement, distance: number): void {
  const at = where.slot * SLOT_BYTES;
  const dst = typeof encoding.dst === 'number' ? encoding.dst : (fields.dst ?? 0);
  const src = typeof encoding.src === 'number' ? encoding.src : (fields.src ?? 0);
  const value = (field: Encoding['offset'], written: number): number =>
    typeof field === 'number' ? field : field === 'distance' ? distance : written;
  view.setUint8(at, encoding.opcode);
  view.setUint8(at + 1, dst | (src << 4));
  view.setInt16(at + 2, value(encoding.offset, encoding.kind === KIND.callKfunc ? fields.hi : fields.offset), true);
  view.setInt32(at + 4, value(encoding.imm, imm), true);
  if (encoding.kind === KIND.lddw) view.setInt32(at + SLOT_BYTES + 4, fields.hi, true);
}

/** What only decoding refuses, said at the line where it stands. */
function checkBytes(bytes: Uint8Array, lines: readonly AssemblyLine[], path: string): void {
  try {
    decode(bytes, path);
  } catch (error) {
    if (!(error instanceof BpfError) || error.position.in !== 'program') throw error;
    const slot = error.position.slot ?? 0;
    const where = lines.findLast((line) => line.slot <= slot) ?? lines[0]!;
    throw new BpfError(error.code, positionOf(where, where.column), error.message);
  }
}

function positionOf(where: AssemblyLine, column: number): Position {
  return { in: 'text', path: where.file, line: where.line, column };
}

function subprogramsOf(
  functions: ReadonlyMap<number, string>,
  labels: ReadonlyMap<string, number>,
  slots: number,
): Assembly['subprograms'] {
  if (functions.size === 0) return [];
  const entry = [...labels].find(([, slot]) => slot === 0)?.[0] ?? 'main';
  const starts = [...new Map([[0, entry], ...functions])].sort(([a], [b]) => a - b);
  return starts.map(([start, name], index) => ({ name, start, end: starts[index + 1]?.[0] ?? slots }));
}
