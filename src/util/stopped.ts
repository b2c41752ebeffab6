// A program that stopped before its exit: not a mistake of the host, and the window stays usable [DESIGN 2.6].
import { printPosition, type SourcePosition } from './error.ts';

/** Why. The numbers of machine code are jit/activation's STOP, with the same names. */
export type StopCause = 'fuel' | 'deadline' | 'aborted' | 'fault' | 'stack' | 'badCall' | 'helper' | 'unsupported';

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

export interface StopDetails {
  readonly reason: StopCause;
  readonly program: string;
  readonly engine: string;
  readonly slot: number;
  readonly source?: SourcePosition;
  /** R0 to R10 at the stop; undefined where the register is not live, or the engine cannot tell. */
  readonly registers?: readonly (bigint | undefined)[];
  readonly access?: FaultAccess;
}

export class BpfStopped extends Error {
  override readonly name = 'BpfStopped';
  readonly reason: StopCause;
  readonly program: string;
  readonly engine: string;
  readonly slot: number;
  readonly source: SourcePosition | undefined;
  readonly registers: readonly (bigint | undefined)[] | undefined;
  readonly access: FaultAccess | undefined;
  /** The message without the place. */
  readonly what: string;

  /** `what`: the reason in words, without the place. */
  constructor(details: StopDetails, what: string) {
    const position = printPosition({
      in: 'program',
      program: details.program,
      slot: details.slot,
      ...(details.source === undefined ? {} : { source: details.source }),
    });
    super(`${position}: ${what}`);
    this.reason = details.reason;
    this.program = details.program;
    this.engine = details.engine;
    this.slot = details.slot;
    this.source = details.source;
    this.registers = details.registers;
    this.access = details.access;
    this.what = what;
  }
}
