// What a machine must supply to be a target: a record, read by compile, layout and dump in the order of its fields.
import type { Program } from '../program/program.ts';
import type { SiteKind, Unit } from './unit.ts';

export interface LayoutOptions {
  /** For tests: every call of a symbol goes through a veneer, whatever the distance. */
  readonly forceVeneers?: boolean;
  /** For tests: every branch takes its long form, every call the indirect one (unless forceVeneers). */
  readonly forceLong?: boolean;
}

export interface CompileOptions extends LayoutOptions {
  /** Count slots at loop headers and subprogram entries, stop when they run out. Default true. */
  readonly fuel?: boolean;
  /** Confine every access to the window. Default true; false only for measurements: pointers are then native addresses minus the base, unchecked. */
  readonly sandbox?: boolean;
  /** arm64: use LSE atomics (default true) or load/store-exclusive loops. */
  readonly lse?: boolean;
  /** arm64: landing pads, return-address signing. Default false. */
  readonly bti?: boolean;
  readonly pac?: boolean;
  /** x64: instruction-set extensions the CPU has, e.g. 'bmi2', 'movbe'. Default none. */
  readonly cpu?: ReadonlySet<string>;
  /** Helper ids that must stay calls where the target would inline them. */
  readonly noInline?: ReadonlySet<number>;
  /** Call the routine for the kind of map, where that is known, instead of bpf_map_lookup_elem. Default false: sites name helpers. */
  readonly routines?: boolean;
  /** Helper 181 is the runtime's bpf_loop: a loop is written in its place where the function is known. Default false. */
  readonly loops?: boolean;
  /** Tail calls of other programs may enter: registers that the program reads and a tail call does not set are 0. Default false. */
  readonly tailEntry?: boolean;
  /** This is a runtime routine: privileged, with a stack of its own. */
  readonly routine?: boolean;
}

/** A 64-bit address as two halves (int32): compiler code never uses bigint. */
export interface Address {
  readonly hi: number;
  readonly lo: number;
}

/** The part of a target that layout and image need: how sites become bytes. `labels.ts` of each target. */
export interface SiteEncoder {
  /** Indexed by Unit.siteKind. */
  readonly sites: readonly SiteKind[];
  /** Images start at multiples of this, bytes. */
  readonly alignment: number;
  /** Bytes: no image may be larger, so that long forms and branches to veneers reach everywhere in it. */
  readonly reach: number;
  /** Instruction that stops the machine, repeated over unused room. */
  readonly trap: Uint8Array;
  /** Bytes of the branch instruction that an indirect call ends with. */
  readonly indirectBranch: number;
  /** Bytes of an indirect call of that address, never less than of the direct form. */
  indirectLength(address: Address): number;
  /** Bytes of a veneer (a jump through a scratch register) to that address. */
  veneerLength(address: Address): number;
  /** Bytes of moving that value for a `value` site. */
  valueLength(operand: number, value: Address): number;
  /** Write the site at out[at...]; `displacement` in bytes from the site's start. Each returns the bytes written. */
  emitShort(kind: number, operand: number, displacement: number, out: Uint8Array, at: number): number;
  /** `pc`: low half of the address at which the site stands (for page-relative forms). */
  emitLong(kind: number, operand: number, displacement: number, pc: number, out: Uint8Array, at: number): number;
  emitIndirect(address: Address, out: Uint8Array, at: number): number;
  emitVeneer(address: Address, out: Uint8Array, at: number): number;
  emitValue(operand: number, value: Address, out: Uint8Array, at: number): number;
  /** `length` bytes that do nothing, for a `padding` site. */
  emitPadding?(length: number, out: Uint8Array, at: number): number;
}

export interface Target extends SiteEncoder {
  readonly name: 'arm64' | 'x64';
  lower(program: Program, options: CompileOptions): Unit;
  /** Text of the machine instruction at `offset`, and its length in bytes. Never throws. */
  printAt(code: Uint8Array, offset: number, base: Address): { readonly text: string; readonly length: number };
}
