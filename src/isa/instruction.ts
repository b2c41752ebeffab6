// One instruction as a value, for tools and people; engines work on `Code` itself.
import { unreachable } from '../util/error.ts';
import { ALU, ATOMIC, COND, type Code, KIND, type Kind, PSEUDO, SWAP } from './code.ts';

/** R0 to R10. */
export type Register = number;
export type AluName = Exclude<keyof typeof ALU, 'neg'>;
export type CondName = keyof typeof COND;
export type AtomicName = keyof typeof ATOMIC;
export type SwapName = keyof typeof SWAP;

/** The second operand: register or 32-bit immediate. */
export type Source = { readonly kind: 'register'; readonly register: Register } | { readonly kind: 'immediate'; readonly value: number };

/** What an lddw loads. */
export type Wide =
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'map' | 'mapIndex'; readonly index: number }
  | { readonly kind: 'mapValue' | 'mapIndexValue'; readonly index: number; readonly offset: number }
  | { readonly kind: 'btfId'; readonly id: number; readonly module: number }
  | { readonly kind: 'function'; readonly target: number };

/** `size` in bits for arithmetic, branches and swaps, in bytes for memory; `target` is a slot. */
export type Instruction =
  | { readonly kind: 'alu'; readonly op: AluName; readonly size: 32 | 64; readonly dst: Register; readonly source: Source }
  | { readonly kind: 'neg'; readonly size: 32 | 64; readonly dst: Register }
  | { readonly kind: 'movsx'; readonly from: 8 | 16 | 32; readonly size: 32 | 64; readonly dst: Register; readonly src: Register }
  | { readonly kind: 'swap'; readonly op: SwapName; readonly size: 16 | 32 | 64; readonly dst: Register }
  | { readonly kind: 'addrSpaceCast'; readonly dst: Register; readonly src: Register; readonly to: number; readonly from: number }
  | {
      readonly kind: 'load';
      readonly size: Bytes;
      readonly signed: boolean;
      readonly dst: Register;
      readonly base: Register;
      readonly offset: number;
    }
  | { readonly kind: 'store'; readonly size: Bytes; readonly base: Register; readonly offset: number; readonly source: Source }
  | {
      readonly kind: 'atomic';
      readonly op: AtomicName;
      readonly fetch: boolean;
      readonly size: 4 | 8;
      readonly base: Register;
      readonly offset: number;
      readonly src: Register;
    }
  | { readonly kind: 'loadAcquire'; readonly size: Bytes; readonly dst: Register; readonly base: Register; readonly offset: number }
  | { readonly kind: 'storeRelease'; readonly size: Bytes; readonly base: Register; readonly offset: number; readonly src: Register }
  | { readonly kind: 'packetLoad'; readonly size: 1 | 2 | 4; readonly index: Register | undefined; readonly offset: number }
  | { readonly kind: 'lddw'; readonly dst: Register; readonly wide: Wide }
  | { readonly kind: 'jump'; readonly target: number; readonly long: boolean }
  | {
      readonly kind: 'branch';
      readonly op: CondName;
      readonly size: 32 | 64;
      readonly dst: Register;
      readonly source: Source;
      readonly target: number;
    }
  | { readonly kind: 'mayGoto'; readonly target: number }
  | { readonly kind: 'callHelper'; readonly helper: number }
  | { readonly kind: 'callLocal'; readonly target: number }
  | { readonly kind: 'callKfunc'; readonly id: number; readonly module: number }
  | { readonly kind: 'callx'; readonly dst: Register }
  | { readonly kind: 'exit' };
type Bytes = 1 | 2 | 4 | 8;

const byNumber = <Name extends string>(names: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> =>
  new Map((Object.keys(names) as Name[]).map((name) => [names[name], name]));
const ALU_NAMES: ReadonlyMap<number, keyof typeof ALU> = byNumber(ALU);
const COND_NAMES: ReadonlyMap<number, CondName> = byNumber(COND);
const ATOMIC_NAMES: ReadonlyMap<number, AtomicName> = byNumber(ATOMIC);
const SWAP_NAMES: ReadonlyMap<number, SwapName> = byNumber(SWAP);

/** The instruction that starts at `slot`; undefined at the second slot of an lddw. */
export function instructionAt(code: Code, slot: number): Instruction | undefined {
  const kind = (code.written ?? code.kind)[slot] as Exclude<Kind, typeof KIND.forbidden>;
  const op = code.op[slot]!;
  const bits = code.size[slot] as 32 | 64;
  const size = code.size[slot] as Bytes;
  const dst = code.dst[slot]!;
  const src = code.src[slot]!;
  const offset = code.offset[slot]!;
  const imm = code.imm[slot]!;
  const source: Source = code.x[slot] === 1 ? { kind: 'register', register: src } : { kind: 'immediate', value: imm };
  switch (kind) {
    case KIND.second:
      return undefined;
    case KIND.alu:
      return op === ALU.neg ? { kind: 'neg', size: bits, dst } : { kind: 'alu', op: ALU_NAMES.get(op) as AluName, size: bits, dst, source };
    case KIND.movsx:
      return { kind: 'movsx', from: op as 8 | 16 | 32, size: bits, dst, src };
    case KIND.swap:
      return { kind: 'swap', op: SWAP_NAMES.get(op)!, size: code.size[slot] as 16 | 32 | 64, dst };
    case KIND.addrSpaceCast:
      return { kind: 'addrSpaceCast', dst, src, to: imm >>> 16, from: imm & 0xffff };
    case KIND.load:
      return { kind: 'load', size, signed: op === 1, dst, base: src, offset };
    case KIND.store:
      return { kind: 'store', size, base: dst, offset, source };
    case KIND.atomic:
      return {
        kind: 'atomic', op: ATOMIC_NAMES.get(op)!, fetch: code.x[slot] === 1, size: size as 4 | 8, base: dst, offset, src,
      }; // biome-ignore format: a table
    case KIND.loadAcquire:
      return { kind: 'loadAcquire', size, dst, base: src, offset };
    case KIND.storeRelease:
      return { kind: 'storeRelease', size, base: dst, offset, src };
    case KIND.packetLoad:
      return { kind: 'packetLoad', size: size as 1 | 2 | 4, index: op === 1 ? src : undefined, offset: imm };
    case KIND.lddw:
      return { kind: 'lddw', dst, wide: wideAt(code, slot) };
    case KIND.jump:
      return { kind: 'jump', target: offset, long: code.size[slot] === 32 };
    case KIND.branch:
      return { kind: 'branch', op: COND_NAMES.get(op)!, size: bits, dst, source, target: offset };
    case KIND.mayGoto:
      return { kind: 'mayGoto', target: offset };
    case KIND.callHelper:
      return { kind: 'callHelper', helper: imm };
    case KIND.callLocal:
      return { kind: 'callLocal', target: offset };
    case KIND.callKfunc:
      return { kind: 'callKfunc', id: imm, module: code.hi[slot]! };
    case KIND.callx:
      return { kind: 'callx', dst };
    case KIND.exit:
      return { kind: 'exit' };
    default:
      return unreachable(kind);
  }
}

function wideAt(code: Code, slot: number): Wide {
  const imm = code.imm[slot]!;
  const hi = code.hi[slot]!;
  const pseudo = code.op[slot] as (typeof PSEUDO)[keyof typeof PSEUDO];
  switch (pseudo) {
    case PSEUDO.none:
      return { kind: 'value', value: (BigInt(hi >>> 0) << 32n) | BigInt(imm >>> 0) };
    case PSEUDO.map:
      return { kind: 'map', index: imm };
    case PSEUDO.mapValue:
      return { kind: 'mapValue', index: imm, offset: hi };
    case PSEUDO.btfId:
      return { kind: 'btfId', id: imm, module: hi };
    case PSEUDO.func:
      return { kind: 'function', target: code.offset[slot]! };
    case PSEUDO.mapIndex:
      return { kind: 'mapIndex', index: imm };
    case PSEUDO.mapIndexValue:
      return { kind: 'mapIndexValue', index: imm, offset: hi };
    default:
      return unreachable(pseudo);
  }
}
