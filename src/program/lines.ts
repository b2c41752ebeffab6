// Where an instruction came from: its function, and its line of C.
import { BpfError, type Position, type SourcePosition } from '../util/error.ts';
import type { Line, Program } from './program.ts';

/** What a place in a program needs to be named; part of every `Program`. */
export type Places = Pick<Program, 'lines' | 'subprograms' | 'subprogramOf'>;

/**
 * The line that `slot` belongs to: the last one at or before it in its function. Line 0 says that the compiler made the instruction up:
 * then the line before counts.
 */
export function lineAt({ lines, subprograms, subprogramOf }: Places, slot: number): Line | undefined {
  const subprogram = subprograms[subprogramOf[slot] ?? -1];
  return subprogram === undefined ? undefined : lineWithin(lines, slot, subprogram.start);
}

function lineWithin(lines: readonly Line[], slot: number, from: number): Line | undefined {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines[middle]!.slot <= slot) low = middle + 1;
    else high = middle;
  }
  for (let at = low - 1; at >= 0 && lines[at]!.slot >= from; at--) if (lines[at]!.line !== 0) return lines[at];
  return undefined;
}

/** As `lineAt`, without the slot. */
export function sourceAt(program: Places, slot: number): SourcePosition | undefined {
  return withoutSlot(lineAt(program, slot));
}

function withoutSlot(line: Line | undefined): SourcePosition | undefined {
  if (line === undefined) return undefined;
  const { slot: _, ...source } = line;
  return source;
}

/** Where an error about an instruction points. */
export function placeOf(program: Places & { readonly name: string }, slot: number): Position {
  const source = sourceAt(program, slot);
  return { in: 'program', program: program.name, slot, ...(source === undefined ? {} : { source }) };
}

/** Name of the function that `slot` is in; undefined: no such slot. */
export function functionAt({ subprograms, subprogramOf }: Places, slot: number): string | undefined {
  return subprograms[subprogramOf[slot] ?? -1]?.name;
}

/** What `act` gives; an error that names a slot and no line gets the line. For programs of which nothing more is known yet. */
export function withSources<T>(lines: readonly Line[], subprograms: readonly { readonly start: number }[], act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const { position } = error;
    if (position.in !== 'program' || position.slot === undefined || position.source !== undefined) throw error;
    const { slot } = position;
    const from = subprograms.reduce((last, { start }) => (start <= slot && start > last ? start : last), 0);
    const source = withoutSlot(lineWithin(lines, slot, from));
    if (source === undefined) throw error;
    throw new BpfError(error.code, { ...position, source }, error.message, { cause: error });
  }
}
