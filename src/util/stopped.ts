// A program that stopped before its exit: not a mistake of the host, and the window stays usable [DESIGN 2.6].
import { printPosition, printSource, type SourcePosition } from './error.ts';
import { excerpt } from './excerpt.ts';

/** Why. The numbers of machine code are jit/activation's STOP, with the same names. */
export type StopCause = 'fuel' | 'deadline' | 'aborted' | 'fault' | 'stack' | 'badCall' | 'helper' | 'unsupported' | 'unaligned';

/** The access that missed every live region. */
export interface FaultAccess {
  readonly kind: 'read' | 'write';
  /** Effective address: the 64-bit register plus the offset. */
  readonly address: bigint;
  /** Bytes. */
  readonly size: number;
  /** Name of the nearest region, where the engine knows it (the interpreter). */
  readonly region?: string;
  /** Distance in bytes: how far the access lies beyond the region's end (positive) or before its start (negative). */
  readonly missedBy?: number;
}

/** A function that was under way. */
export interface StopFrame {
  readonly program: string;
  readonly function: string;
  /** Where it stopped, or called the one before it in the list; -1: the engine cannot tell. */
  readonly slot: number;
  readonly source?: SourcePosition;
  /** What happened there; `callback`: a helper called a function of the program. */
  readonly by: 'stop' | 'call' | 'callback' | 'tail call';
}

export interface StopDetails {
  readonly reason: StopCause;
  readonly program: string;
  readonly engine: string;
  readonly slot: number;
  readonly source?: SourcePosition;
  /** Innermost first; the interpreter knows them all, machine code the innermost. */
  readonly frames?: readonly StopFrame[];
  /** R0 to R10 at the stop; undefined where the register is not live, or the engine cannot tell. */
  readonly registers?: readonly (bigint | undefined)[];
  /** What R0 to R10 point at: `packet + 14`; undefined: a number, or the engine does not know (only the interpreter does). */
  readonly meanings?: readonly (string | undefined)[];
  readonly access?: FaultAccess;
}

/** The message has the place, the line of C with a mark below, and the callers, a line each. */
export class BpfStopped extends Error {
  override readonly name = 'BpfStopped';
  readonly reason: StopCause;
  readonly program: string;
  readonly engine: string;
  readonly slot: number;
  readonly source: SourcePosition | undefined;
  readonly frames: readonly StopFrame[];
  readonly registers: readonly (bigint | undefined)[] | undefined;
  readonly meanings: readonly (string | undefined)[] | undefined;
  readonly access: FaultAccess | undefined;
  /** The message without the place. */
  readonly what: string;

  /** `what`: the reason in words, without the place. */
  constructor(details: StopDetails, what: string) {
    super(`${headline(details, what)}\n${surroundings(details)}`.trimEnd());
    this.reason = details.reason;
    this.program = details.program;
    this.engine = details.engine;
    this.slot = details.slot;
    this.source = details.source;
    this.frames = details.frames ?? [];
    this.registers = details.registers;
    this.meanings = details.meanings;
    this.access = details.access;
    this.what = what;
  }

  /** The first line of the message: place and reason. */
  get headline(): string {
    return headline(this, this.what);
  }
}

type Placed = Pick<StopDetails, 'program' | 'slot'> & {
  readonly source?: SourcePosition | undefined;
  readonly frames?: readonly StopFrame[];
};

/** Place and reason. */
export function headline({ program, slot, source, frames }: Placed, what: string): string {
  const position = printPosition({
    ...{ in: 'program', program },
    ...(slot < 0 ? {} : { slot }),
    ...(source === undefined ? {} : { source }),
  });
  const name = frames?.[0]?.function ?? program;
  return `${position}${name === program ? '' : ` in ${name}`}: ${what}`;
}

/** Chains of tail calls are long, and say little. */
const MAX_CALLERS = 9;

/** The line of C and the callers; lines, each ended. */
export function surroundings({ source, frames = [] }: Placed): string {
  const lines = source === undefined ? [] : [excerpt(source)];
  for (const { program, function: name, slot, source: from, by } of frames.slice(1, 1 + MAX_CALLERS)) {
    const how = by === 'call' ? 'called from' : by === 'callback' ? 'called back by a helper that was called from' : 'tail-called from';
    const place = from === undefined ? '' : ` at ${printSource(from)}`;
    lines.push(`  ${how} ${name}${place}, slot ${slot}${name === program ? '' : ` of ${program}`}\n`);
  }
  if (frames.length > 1 + MAX_CALLERS) lines.push(`  and ${frames.length - 1 - MAX_CALLERS} more\n`);
  return lines.join('');
}

/** R0 of one run, or what stopped it. */
export function orStopped(run: () => bigint): bigint | BpfStopped {
  try {
    return run();
  } catch (error) {
    if (error instanceof BpfStopped) return error;
    throw error;
  }
}
