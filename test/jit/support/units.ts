// Units for tests, and what their images really do: branches are decoded here a second time, by hand, from the manuals.
import assert from 'node:assert/strict';
import { addressPlus, addressToBigint } from '../../../src/jit/address.ts';
import * as arm64 from '../../../src/jit/arm64/labels.ts';
import { Assembler } from '../../../src/jit/assembler.ts';
import { emit, type Image, offsetOfLabel, offsetOfSite } from '../../../src/jit/image.ts';
import { type Bounded, bound, FORM, type Settled, settle } from '../../../src/jit/layout.ts';
import type { Address, LayoutOptions, SiteEncoder } from '../../../src/jit/target.ts';
import type { Unit } from '../../../src/jit/unit.ts';
import * as x64 from '../../../src/jit/x64/labels.ts';

export type TargetName = 'arm64' | 'x64';
export const encoders: Record<TargetName, SiteEncoder> = { arm64: arm64.siteEncoder, x64: x64.siteEncoder };

/** One piece of a unit. Labels are bound in front of the piece with their number; label `pieces.length` at the end. */
export type Piece =
  | { readonly kind: 'code'; readonly bytes: number }
  | { readonly kind: 'branch'; readonly site: number; readonly label: number }
  | { readonly kind: 'call'; readonly symbol: number }
  | { readonly kind: 'value'; readonly symbol: number };

export const code = (bytes: number): Piece => ({ kind: 'code', bytes });
export const branch = (site: number, label: number): Piece => ({ kind: 'branch', site, label });
export const call = (symbol: number): Piece => ({ kind: 'call', symbol });
export const value = (symbol: number): Piece => ({ kind: 'value', symbol });

/** An operand for each kind of site: condition 1, register 3, bit 37. */
function operand(target: TargetName, site: number): number {
  if (target === 'x64') return site === x64.SITE.jcc ? 5 : 3;
  return site === arm64.SITE.bCond ? 1 : site === arm64.SITE.cbz ? 3 | (1 << 6) : site === arm64.SITE.tbz ? 3 | (37 << 5) : 3;
}

/** Fixed code is 0x90 bytes (x86: NOPs), slot i is piece i. */
export function assemble(target: TargetName, pieces: readonly Piece[]): Unit {
  const site = target === 'arm64' ? arm64.SITE : x64.SITE;
  const asm = new Assembler(pieces.length);
  const labels = asm.newLabels(pieces.length + 1);
  for (const [i, piece] of pieces.entries()) {
    asm.bind(labels + i);
    asm.mark(i);
    if (piece.kind === 'code') {
      asm.reserve(piece.bytes);
      asm.bytes.fill(0x90, asm.length, asm.length + piece.bytes);
      asm.length += piece.bytes;
    } else if (piece.kind === 'branch') {
      const kind = encoders[target].sites[piece.site]!.name === 'b' ? 0 : operand(target, piece.site);
      asm.site(piece.site, kind, labels + piece.label);
    } else {
      const symbol = asm.symbol({ kind: 'helper', id: piece.symbol, name: `helper${piece.symbol}` });
      asm.site(site[piece.kind], piece.kind === 'value' ? 3 : 0, symbol);
    }
  }
  asm.bind(labels + pieces.length);
  return asm.finish(target);
}

/** Addresses of a unit's symbols, by helper id. */
export function addressesOf(unit: Unit, byId: readonly Address[]): Address[] {
  return unit.symbols.map((symbol) => byId[symbol.kind === 'helper' ? symbol.id : -1]!);
}

export interface Compiled {
  readonly unit: Unit;
  readonly bounded: Bounded;
  readonly settled: Settled;
  readonly image: Image;
}

export function compileUnit(
  unit: Unit,
  byId: readonly Address[],
  base: Address,
  options: LayoutOptions = {},
  encoder: SiteEncoder = encoders[unit.target as TargetName],
): Compiled {
  const bounded = bound(unit, encoder, addressesOf(unit, byId), options);
  const settled = settle(bounded, base);
  return { unit, bounded, settled, image: emit(settled) };
}

/** A target whose branches and calls reach less far, so that small units come to their limits. What it emits is real code. */
export function narrowed(encoder: SiteEncoder, divide: (name: string) => number): SiteEncoder {
  return {
    ...encoder,
    sites: encoder.sites.map((site) => {
      const d = divide(site.name);
      return d === 1 || site.refers === 'value'
        ? site
        : { ...site, min: site.min / d, max: Math.floor(site.max / d / site.granule) * site.granule };
    }),
  };
}

/** Checks every site of an image against what it must do: labels are landed on, calls arrive, values are moved. */
export function checkImage({ unit, bounded, settled, image }: Compiled): void {
  const target = unit.target as TargetName;
  const decoder = target === 'arm64' ? arm64Decoder : x64Decoder;
  assert.ok(settled.bytes <= bounded.bytes, 'the bound holds');
  assert.equal(image.bytes.length, bounded.bytes);
  for (let site = 0; site < unit.sites; site++) {
    const at = offsetOfSite(settled, site);
    const length = settled.shift[site + 1]! - settled.shift[site]!;
    const goal = unit.siteTarget[site]!;
    const form = settled.form[site]!;
    if (form === FORM.short || form === FORM.long) {
      const [offset, used] = decoder.labelUse(image, at, form === FORM.long);
      assert.equal(offset, offsetOfLabel(settled, goal), `site ${site} lands on its label`);
      assert.equal(used, length);
    } else if (form === FORM.value) {
      const moved = decoder.move(image.bytes, at);
      assert.equal(moved.value, addressToBigint(bounded.addresses[goal]!), `site ${site} moves its value`);
      assert.equal(moved.length, length);
    } else {
      const address = addressToBigint(bounded.addresses[goal]!);
      if (form === FORM.indirect) {
        const { value, length: used, end } = decoder.through(image.bytes, at);
        assert.equal(value, address);
        assert.equal(end, 'call');
        assert.equal(used, length);
      } else {
        const arrives = addressToBigint(image.base) + BigInt(decoder.direct(image.bytes, at));
        if (form === FORM.direct) assert.equal(BigInt.asUintN(64, arrives), address, `call ${site} arrives`);
        else {
          const veneer = settled.veneerAt[goal]!;
          assert.equal(arrives, addressToBigint(image.base) + BigInt(veneer));
          const { value, end } = decoder.through(image.bytes, veneer);
          assert.equal(value, address);
          assert.equal(end, 'jump');
        }
      }
    }
  }
}

/** Whether a direct call at site `site` of the final layout would reach. */
export function inReach({ unit, bounded, settled }: Compiled, site: number): boolean {
  const kind = bounded.target.sites[unit.siteKind[site]!]!;
  const from = addressToBigint(addressPlus(settled.base, offsetOfSite(settled, site)));
  const distance = BigInt.asIntN(64, addressToBigint(bounded.addresses[unit.siteTarget[site]!]!) - from) - BigInt(kind.bias);
  return distance >= BigInt(kind.min) && distance <= BigInt(kind.max) && distance % BigInt(kind.granule) === 0n;
}

interface Decoder {
  /** Where the label use at `at` goes, and its length. */
  labelUse(image: Image, at: number, long: boolean): readonly [number, number];
  /** Offset that the direct call at `at` goes to. */
  direct(bytes: Uint8Array, at: number): number;
  move(bytes: Uint8Array, at: number): { value: bigint; length: number; register: number };
  /** A move to a register and a branch through it. */
  through(bytes: Uint8Array, at: number): { value: bigint; length: number; end: 'call' | 'jump' };
}

const word = (bytes: Uint8Array, at: number): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return at === bytes.length ? 0 : view.getInt32(at, true);
};
const signed = (field: number, bits: number): number => (field << (32 - bits)) >> (32 - bits);

/** [ArmARM DecodeBitMasks]: ones + 1 bits set, rotated right, repeated. */
function bitmask(width: number, field: number): bigint {
  const imms = field & 63;
  const size = field >> 12 !== 0 ? 64 : 2 ** (31 - Math.clz32(~imms & 63));
  const ones = (imms & (size - 1)) + 1;
  const rotation = ((field >> 6) & (size - 1)) % size;
  let value = 0n;
  for (let i = 0; i < width; i++) if (((i % size) + rotation) % size < ones) value |= 1n << BigInt(i);
  return value;
}

/** [ArmARM "Index by Encoding"]: the branches, ADR(P), ADD (immediate), move wide. */
export const arm64Decoder: Decoder = {
  labelUse(image, at, long) {
    const w = word(image.bytes, at);
    const top = w >>> 24;
    if ((top & 0x9f) === 0x90) {
      const add = word(image.bytes, at + 4);
      assert.equal((add >>> 0).toString(16).slice(0, 2), '91');
      const page = (((image.base.lo >>> 0) & 0xfff) + at) & ~0xfff;
      const pages = (signed((w >> 5) & 0x7ffff, 19) << 2) | ((w >>> 29) & 3);
      return [page - ((image.base.lo >>> 0) & 0xfff) + pages * 4096 + ((add >> 10) & 0xfff), 8];
    }
    if ((top & 0x9f) === 0x10) return [at + ((signed((w >> 5) & 0x7ffff, 19) << 2) | ((w >>> 29) & 3)), 4];
    if ((top & 0x7c) === 0x14) return [at + (signed(w & 0x3ffffff, 26) << 2), 4];
    const displacement = (top & 0x7e) === 0x36 ? signed((w >> 5) & 0x3fff, 14) << 2 : signed((w >> 5) & 0x7ffff, 19) << 2;
    assert.ok(top === 0x54 || (top & 0x7e) === 0x34 || (top & 0x7e) === 0x36, `a conditional branch, not ${w.toString(16)}`);
    if (!long) return [at + displacement, 4];
    assert.equal(displacement, 8);
    const b = word(image.bytes, at + 4);
    assert.equal(b >>> 26, 0x05);
    return [at + 4 + (signed(b & 0x3ffffff, 26) << 2), 8];
  },
  direct(bytes, at) {
    const w = word(bytes, at);
    assert.equal(w >>> 26, 0x25, 'a bl');
    return at + (signed(w & 0x3ffffff, 26) << 2);
  },
  move(bytes, at) {
    let value = 0n;
    let register = -1;
    for (let p = at; ; p += 4) {
      const w = word(bytes, p);
      const opcode = (w >>> 23) & 0xff;
      const shift = BigInt((w >>> 21) & 3) * 16n;
      const imm16 = BigInt((w >>> 5) & 0xffff);
      const width = w >>> 31 === 1 ? 64 : 32;
      const first = p === at;
      if (first && opcode === 0xa5) value = imm16 << shift;
      else if (first && opcode === 0x25) value = BigInt.asUintN(width, ~(imm16 << shift));
      else if (first && (opcode & 0x7e) === 0x64 && ((w >>> 5) & 31) === 31) value = bitmask(width, (w >>> 10) & 0x1fff);
      else if (!first && opcode === 0xe5 && (w & 31) === register) value = (value & ~(0xffffn << shift)) | (imm16 << shift);
      else return { value, length: p - at, register };
      register = w & 31;
    }
  },
  through(bytes, at) {
    const { value, length, register } = arm64Decoder.move(bytes, at);
    const w = word(bytes, at + length);
    assert.equal((w >>> 5) & 31, register);
    assert.ok((w & 0xffdffc1f) >>> 0 === 0xd61f0000 >>> 0, 'br or blr');
    return { value, length: length + 4, end: (w & 0x200000) === 0 ? 'jump' : 'call' };
  },
};

/** [SDM2 Jcc, JMP, CALL, LEA, MOV]. */
export const x64Decoder: Decoder = {
  labelUse({ bytes }, at) {
    const opcode = bytes[at]!;
    if (opcode === 0xeb || opcode >> 4 === 7) return [at + 2 + signed(bytes[at + 1]!, 8), 2];
    if (opcode === 0xe9 || opcode === 0xe8) return [at + 5 + word(bytes, at + 1), 5];
    if (opcode === 0x0f) return [at + 6 + word(bytes, at + 2), 6];
    assert.deepEqual([opcode & 0xfb, bytes[at + 1], bytes[at + 2]! & 0xc7], [0x48, 0x8d, 5], 'lea reg, [rip + disp32]');
    return [at + 7 + word(bytes, at + 3), 7];
  },
  direct(bytes, at) {
    assert.equal(bytes[at], 0xe8);
    return at + 5 + word(bytes, at + 1);
  },
  move(bytes, at) {
    const rex = bytes[at]! >> 4 === 4 ? bytes[at]! : 0;
    const p = at + (rex === 0 ? 0 : 1);
    const opcode = bytes[p]!;
    if (opcode === 0xc7) {
      const value = BigInt.asUintN(64, BigInt(word(bytes, p + 2)));
      return { value, length: p + 6 - at, register: (bytes[p + 1]! & 7) | ((rex & 1) << 3) };
    }
    assert.equal(opcode & 0xf8, 0xb8);
    const lo = BigInt(word(bytes, p + 1) >>> 0);
    const wide = (rex & 8) !== 0;
    const value = wide ? (BigInt(word(bytes, p + 5) >>> 0) << 32n) | lo : lo;
    return { value, length: p + (wide ? 9 : 5) - at, register: (opcode & 7) | ((rex & 1) << 3) };
  },
  through(bytes, at) {
    const { value, length, register } = x64Decoder.move(bytes, at);
    const p = at + length;
    assert.deepEqual([bytes[p], bytes[p + 1], bytes[p + 2]! & 0xc7], [0x41, 0xff, 0xc0 | (register & 7)]);
    const digit = (bytes[p + 2]! >> 3) & 7;
    return { value, length: length + 3, end: digit === 2 ? 'call' : 'jump' };
  },
};
