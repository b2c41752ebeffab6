// What a machine must supply to be a target: a record, read by compile, layout and dump in the order of its fields.
import type { Program } from '../program/program.ts';
import type { SiteKind, Unit } from './unit.ts';

export interface CompileOptions {
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
  /** This is a runtime routine: privileged, with a stack of its own. */
  readonly routine?: boolean;
}

/** A 64-bit address as two halves (int32): compiler code never uses bigint. */
export interface Address {
  readonly hi: number;
  readonly lo: number;
}

export interface Target {
  readonly name: 'arm64' | 'x64';
  /** Indexed by Unit.siteKind. */
  readonly sites: readonly SiteKind[];
  /** Images and their entries are aligned to this, bytes; the filler is `trapByte`s (or the trap word). */
  readonly alignment: number;
  /** Instruction that stops the machine, repeated over unused room. */
  readonly trap: Uint8Array;
  lower(program: Program, options: CompileOptions): Unit;
  /** Bytes of the indirect call in place of `siteOperand` to that address. */
  indirectLength(operand: number, address: Address): number;
  /** Bytes of a veneer (a jump through a scratch register) to that address. */
  veneerLength(address: Address): number;
  /** Bytes of moving that value for a `value` site. */
  valueLength(operand: number, value: Address): number;
  /** Write the site at out[at...]; `displacement` in bytes from the site's start. Each returns the bytes written. */
  emitShort(kind: number, operand: number, displacement: number, out: Uint8Array, at: number): number;
  emitLong(kind: number, operand: number, displacement: number, out: Uint8Array, at: number): number;
  emitIndirect(kind: number, operand: number, address: Address, out: Uint8Array, at: number): number;
  emitVeneer(address: Address, out: Uint8Array, at: number): number;
  emitValue(kind: number, operand: number, value: Address, out: Uint8Array, at: number): number;
  /** Text of the machine instruction at `offset`, and its length in bytes. Never throws. */
  printAt(code: Uint8Array, offset: number, base: Address): { readonly text: string; readonly length: number };
}
