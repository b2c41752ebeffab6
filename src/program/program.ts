// A linked program: everything that the engines need to know of it. Built from bytes; refuses what no engine could run.
import type { Code } from '../isa/code.ts';
import type { SourcePosition } from '../util/error.ts';

/** A function of the program: slots [start, end). The first one starts at slot 0 and is the program's entry. */
export interface Subprogram {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** What an engine must know of a map that the code names. `type`: BPF_MAP_TYPE_* number of [uapi bpf.h]. Sizes in bytes. */
export interface MapShape {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface Line extends SourcePosition {
  readonly slot: number;
}

/** What linking gives: the input of `createProgram`. */
export interface ProgramInput {
  readonly name: string;
  /** Section name, for people. */
  readonly section?: string;
  /** As in spec/programs: 'xdp', 'sched_cls', 'socket_filter', ..., or 'raw': R1 = memory, R2 = its length. */
  readonly type?: string;
  /** 8 bytes a slot, little-endian. lddw map references: imm = index into `maps`; kfunc calls: imm = index into `kfuncs`. */
  readonly bytes: Uint8Array;
  /** Entry first; found from calls where absent. */
  readonly subprograms?: readonly Subprogram[];
  readonly maps?: readonly MapShape[];
  readonly kfuncs?: readonly string[];
  /** Sorted by slot: a line holds until the next. */
  readonly lines?: readonly Line[];
}

export interface Program {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly code: Code;
  readonly subprograms: readonly Subprogram[];
  /** Index into `subprograms` per slot. */
  readonly subprogramOf: Uint16Array | Uint32Array;
  readonly maps: readonly MapShape[];
  readonly kfuncs: readonly string[];
  readonly lines: readonly Line[];
  /** Fuel charged when control reaches a slot, in slots; 0 at most of them. See cfg.ts. */
  readonly fuelCost: Uint32Array;
  /** True where the static call graph is cyclic or deeper than 8 frames: calls must then check the depth as they run. */
  readonly checksDepth: boolean;
}
