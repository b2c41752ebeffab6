// A linked program: everything that the engines need to know of it. Built from bytes; refuses what no engine could run.
import { type Code, KIND, PSEUDO } from '../isa/code.ts';
import { decode, FRAME_POINTER, writtenOperand } from '../isa/codec.ts';
import { MAX_FRAMES } from '../spec/limits.ts';
import { BpfError, type ErrorCode, type SourcePosition } from '../util/error.ts';
import { findSubprograms, fuelCosts, maxFrames, numberSlots } from './cfg.ts';
import { withSources } from './lines.ts';

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
  /** How it is to be attached, as in spec/programs; undefined: nobody said. */
  readonly attach?: string | undefined;
  /** 8 bytes a slot, little-endian. lddw map references: imm = index into `maps`; kfunc calls: imm = index into `kfuncs`. */
  readonly bytes: Uint8Array;
  /** Entry first; found from calls where absent. */
  readonly subprograms?: readonly Subprogram[];
  readonly maps?: readonly MapShape[];
  readonly kfuncs?: readonly string[];
  /** Sorted by slot: a line holds until the next. */
  readonly lines?: readonly Line[];
  /** Index into `subprograms`: what is called when the program throws. */
  readonly exceptionCallback?: number | undefined;
  /** No function has a frame: calls may nest deeper than frames. */
  readonly isFrameless?: boolean;
}

export interface Program {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly attach: string | undefined;
  readonly bytes: Uint8Array;
  readonly code: Code;
  readonly subprograms: readonly Subprogram[];
  /** Index into `subprograms` per slot. */
  readonly subprogramOf: Uint16Array | Uint32Array;
  readonly maps: readonly MapShape[];
  readonly kfuncs: readonly string[];
  readonly lines: readonly Line[];
  readonly exceptionCallback: number | undefined;
  /** Fuel charged when control reaches a slot, in slots; 0 at most of them. See cfg.ts. */
  readonly fuelCost: Uint32Array;
  /** True where the static call graph is cyclic or deeper than 8 frames: calls must then check the depth as they run. */
  readonly checksDepth: boolean;
}

/** Checks that the program can be run at all and computes what every engine needs of it. */
export function createProgram(input: ProgramInput): Program {
  return withSources(input.lines ?? [], input.subprograms ?? [], () => checkedProgram(input));
}

function checkedProgram(input: ProgramInput): Program {
  const { name, bytes, maps = [], kfuncs = [], lines = [] } = input;
  if (bytes.length === 0) throw new BpfError('program/empty', { in: 'program', program: name }, 'a program has at least one instruction');
  const decoded = decode(bytes, name);
  const writes = checkOperands(decoded, name, maps.length, kfuncs.length);
  const subprograms = findSubprograms(decoded, name, input.subprograms ?? []);
  const code = writes.length === 0 ? decoded : forbid(decoded, writes, name);
  const subprogramOf = numberSlots(code.slots, subprograms);
  return {
    name,
    section: input.section ?? '',
    type: input.type ?? 'raw',
    attach: input.attach,
    bytes,
    code,
    subprograms,
    subprogramOf,
    maps,
    kfuncs,
    lines,
    exceptionCallback: input.exceptionCallback,
    fuelCost: fuelCosts(code, subprograms),
    checksDepth: input.isFrameless !== true && maxFrames(code, subprograms, subprogramOf) > MAX_FRAMES,
  };
}

/** Returns the slots that write R10. */
function checkOperands(code: Code, program: string, maps: number, kfuncs: number): number[] {
  const writes: number[] = [];
  const refuse = (error: ErrorCode, slot: number, message: string): never => {
    throw new BpfError(error, { in: 'program', program, slot }, message);
  };
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    const index = code.imm[slot]!;
    if (kind === KIND.second) continue;
    const namesFramePointer = code.dst[slot] === FRAME_POINTER || code.src[slot] === FRAME_POINTER;
    if (namesFramePointer && writtenOperand(code, slot) === FRAME_POINTER) {
      writes.push(slot);
    }
    if (kind === KIND.callKfunc && (index < 0 || index >= kfuncs)) {
      refuse('program/unknown-kfunc', slot, `call of kernel function ${index}, the program names ${kfuncs}`);
    }
    if (kind !== KIND.lddw) continue;
    const op = code.op[slot];
    if ((op === PSEUDO.map || op === PSEUDO.mapValue) && (index < 0 || index >= maps)) {
      refuse('program/unknown-map', slot, `reference to map ${index}, the program has ${maps}`);
    }
    if (op === PSEUDO.mapIndex || op === PSEUDO.mapIndexValue) {
      refuse('program/unlinked-map', slot, 'a map reference by loader index that linking should have replaced');
    }
  }
  return writes;
}

/**
 * Verifiers look at writes to R10 only where control can come, and programs have them in branches that are never taken. Which those are
 * only a verifier knows: here such a write stops the program, and is refused where nothing decides whether control comes to it.
 */
function forbid(code: Code, slots: readonly number[], program: string): Code {
  const kind = code.kind.slice();
  for (const slot of slots) {
    kind[slot] = KIND.forbidden;
    if (code.kind[slot] === KIND.lddw) kind[slot + 1] = KIND.forbidden;
  }
  const first = firstDecision(kind, code.offset);
  if (kind[first] === KIND.forbidden)
    throw new BpfError('program/frame-pointer-write', { in: 'program', program, slot: first }, FRAME_POINTER_WRITE);
  return { ...code, kind, written: code.kind };
}

export const FRAME_POINTER_WRITE = 'R10, the frame pointer, is read-only';

/** The slot up to which every run of the program is the same. */
function firstDecision(kind: Uint8Array, target: Int32Array): number {
  for (let slot = 0, left = kind.length; ; left--) {
    const k = kind[slot]!;
    const decides = k === KIND.branch || k === KIND.mayGoto || k === KIND.exit || k === KIND.packetLoad || k === KIND.forbidden;
    if (decides || left === 0) return slot;
    slot = k === KIND.jump ? target[slot]! : slot + 1;
  }
}
