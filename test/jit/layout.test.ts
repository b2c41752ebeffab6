// Layout at its edges: the exact reach of every kind of site, 64-bit addresses, the listing of the kernel patch, veneers, alignment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressFromBigint,
  addressFromNumber,
  addressPlus,
  addressToBigint,
  distanceBetween,
  printAddress,
} from '../../src/jit/address.ts';
import * as arm64 from '../../src/jit/arm64/labels.ts';
import { print } from '../../src/jit/arm64/print.ts';
import { calls, offsetOfSlot, slotAt } from '../../src/jit/image.ts';
import { bound, FORM, type Form } from '../../src/jit/layout.ts';
import type { Address, SiteEncoder } from '../../src/jit/target.ts';
import * as x64 from '../../src/jit/x64/labels.ts';
import { toHex } from '../../src/util/bytes.ts';
import { assemble, branch, type Compiled, call, checkImage, code, compileUnit, encoders, type TargetName, value } from './support/units.ts';

const at = (address: bigint): Address => addressFromBigint(BigInt.asUintN(64, address));
const forms = ({ settled }: Compiled): Form[] =>
  Array.from(settled.form, (form) => (Object.keys(FORM) as Form[]).find((name) => FORM[name] === form)!);

/** The form of one call at `base` to `base + distance`. */
function callForm(target: TargetName, base: bigint, distance: bigint): Form {
  const compiled = compileUnit(assemble(target, [call(0)]), [at(base + distance)], at(base));
  checkImage(compiled);
  return forms(compiled)[0]!;
}

test('addresses are 64 bits wide', () => {
  for (const address of [0n, 1n, 0xffff8000082118f4n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 64n - 1n])
    assert.equal(addressToBigint(at(address)), address);
  assert.deepEqual(addressFromNumber(0x1_8000_0000), at(0x1_8000_0000n));
  assert.deepEqual(addressPlus(at(2n ** 64n - 4n), 8), at(4n));
  assert.deepEqual(addressPlus(at(0xffff_fffcn), 0x8000_0000), at(0x1_7fff_fffcn));
  assert.equal(distanceBetween(at(2n ** 64n - 16n), at(16n)), 32);
  assert.equal(distanceBetween(at(16n), at(2n ** 64n - 16n)), -32);
  assert.equal(printAddress(at(0xffff8000082118f4n)), '0xffff8000082118f4');
  assert.equal(printAddress(at(0x1_0000_0001n)), '0x100000001');
});

test('the listing of the direct-call patch: movn, movk, movk, blr when far, one bl when near', () => {
  const target = 0xffff8000082118f4n;
  const unit = assemble('arm64', [call(0)]);
  const far = compileUnit(unit, [at(target)], at(0x10000n));
  // mov x10, #0xffffffffffff18f4; movk x10, #0x821, lsl #16; movk x10, #0x8000, lsl #32; blr x10 (llvm-mc)
  assert.equal(toHex(far.image.bytes, ' '), '6a e1 9c 92 2a 04 a1 f2 0a 00 d0 f2 40 01 3f d6');
  assert.deepEqual(
    calls(far.image).map(({ form, at }) => ({ form, at })),
    [{ form: 'indirect', at: 12 }],
  );
  // The patch prints `bl 0xfffffffffd33bc98`: a distance of -0x2cc4368.
  const near = compileUnit(unit, [at(target)], at(target + 0x2cc4368n));
  assert.equal(near.image.size, 4);
  assert.equal(toHex(near.image.bytes.subarray(0, 4), ' '), '26 ef 4c 97');
  assert.deepEqual(
    near.image.bytes.subarray(4),
    new Uint8Array([...arm64.siteEncoder.trap, ...arm64.siteEncoder.trap, ...arm64.siteEncoder.trap]),
  );
  assert.equal(near.settled.rounds, 1);
});

test('the same as text, as the patch has it', () => {
  const text = ({ image }: Compiled): string[] => {
    const words = new Int32Array(image.bytes.buffer, 0, image.size / 4);
    return Array.from(words, (word, i) => print(word, addressPlus(image.base, 4 * i)));
  };
  const unit = assemble('arm64', [call(0)]);
  assert.deepEqual(text(compileUnit(unit, [at(0xffff8000082118f4n)], at(0n))), [
    `mov x10, #${BigInt.asIntN(64, 0xffffffffffff18f4n)}`,
    `movk x10, #${0x821}, lsl #16`,
    `movk x10, #${0x8000}, lsl #32`,
    'blr x10',
  ]);
  assert.deepEqual(text(compileUnit(unit, [at(0xfffffffffd33bc98n)], at(0n))), ['bl 0xfffffffffd33bc98']);
});

test('arm64 calls are direct from -2^27 to 2^27 - 4, exactly, at any base', () => {
  for (const base of [0x10000n, 0xffff800008000000n, 0x7ffffff0n, 0xfffffff0n, 2n ** 64n - 16n, 2n ** 63n]) {
    assert.equal(callForm('arm64', base, -(2n ** 27n)), 'direct');
    assert.equal(callForm('arm64', base, -(2n ** 27n) - 4n), 'indirect');
    assert.equal(callForm('arm64', base, 2n ** 27n - 4n), 'direct');
    assert.equal(callForm('arm64', base, 2n ** 27n), 'indirect');
    assert.equal(callForm('arm64', base, 2n), 'indirect', 'not a multiple of 4');
    assert.equal(callForm('arm64', base, 2n ** 63n), 'indirect');
  }
});

test('x64 calls are direct where rel32 from their end reaches, exactly, at any base', () => {
  for (const base of [0x10001n, 0xffffffff81000003n, 0x7ffffff0n, 2n ** 64n - 3n, 2n ** 63n]) {
    assert.equal(callForm('x64', base, 5n - 2n ** 31n), 'direct');
    assert.equal(callForm('x64', base, 4n - 2n ** 31n), 'indirect');
    assert.equal(callForm('x64', base, 4n + 2n ** 31n), 'direct');
    assert.equal(callForm('x64', base, 5n + 2n ** 31n), 'indirect');
  }
});

/** Edges of the short forms: least and most displacement from the site's start. */
const edges: readonly { target: TargetName; site: number; name: string; least: number; most: number; step: number }[] = [
  { target: 'arm64', site: arm64.SITE.bCond, name: 'b.cond', least: -(2 ** 20), most: 2 ** 20 - 4, step: 4 },
  { target: 'arm64', site: arm64.SITE.cbz, name: 'cbz', least: -(2 ** 20), most: 2 ** 20 - 4, step: 4 },
  { target: 'arm64', site: arm64.SITE.tbz, name: 'tbz', least: -(2 ** 15), most: 2 ** 15 - 4, step: 4 },
  { target: 'arm64', site: arm64.SITE.adr, name: 'adr', least: -(2 ** 20), most: 2 ** 20 - 4, step: 4 },
  { target: 'x64', site: x64.SITE.jmp, name: 'jmp', least: 2 - 128, most: 2 + 127, step: 1 },
  { target: 'x64', site: x64.SITE.jcc, name: 'jcc', least: 2 - 128, most: 2 + 127, step: 1 },
];

for (const { target, site, name, least, most, step } of edges) {
  test(`${target} ${name} is short from ${least} to ${most}, exactly`, () => {
    const { short } = encoders[target].sites[site]!;
    const one = (displacement: number): Compiled => {
      const pieces = displacement < 0 ? [code(-displacement), branch(site, 0)] : [branch(site, 2), code(displacement - short)];
      const compiled = compileUnit(assemble(target, pieces), [], at(0x7f0000123ff8n));
      checkImage(compiled);
      return compiled;
    };
    for (const displacement of [most, least]) {
      assert.deepEqual(forms(one(displacement)), ['short']);
      assert.equal(one(displacement).settled.rounds, 1);
      const beyond = one(displacement + Math.sign(displacement) * step);
      assert.deepEqual(forms(beyond), ['long']);
      assert.equal(beyond.settled.rounds, 2);
      const { count, site: which, displacement: far } = beyond.settled.promotions;
      assert.deepEqual([count, which[0], far[0]], [1, 0, displacement + Math.sign(displacement) * step]);
    }
  });
}

test('a far target with one call is called in place, one with several through a shared veneer', () => {
  for (const target of ['arm64', 'x64'] as const) {
    const unit = assemble(target, [call(0), call(1), code(4), call(1), call(2), call(1)]);
    const compiled = compileUnit(unit, [at(2n ** 40n), at(2n ** 41n), at(0x2000n)], at(0x1000n));
    checkImage(compiled);
    assert.deepEqual(forms(compiled), ['indirect', 'veneer', 'veneer', 'direct', 'veneer']);
    assert.deepEqual(Array.from(compiled.settled.veneerAt), [-1, compiled.settled.codeBytes, -1]);
    assert.equal(slotAt(compiled.image, compiled.settled.codeBytes), -2);
    assert.equal(slotAt(compiled.image, compiled.settled.codeBytes - 1), 5);
    assert.equal(offsetOfSlot(compiled.image, 0), 0);
    assert.equal(offsetOfSlot(compiled.image, 77), undefined);
  }
});

test('calls that do not reach the veneer are indirect in place', () => {
  const sites = arm64.siteEncoder.sites.map((site) => (site.refers === 'call' ? { ...site, min: -64, max: 60 } : site));
  const near: SiteEncoder = { ...arm64.siteEncoder, sites };
  const unit = assemble('arm64', [call(0), code(80), call(0), code(32), call(0)]);
  const compiled = compileUnit(unit, [at(2n ** 40n)], at(0x1000n), {}, near);
  checkImage(compiled);
  assert.deepEqual(forms(compiled), ['indirect', 'veneer', 'veneer']);
});

test('symbol values have the length of their value', () => {
  const lengths = (target: TargetName, address: bigint): number => {
    const compiled = compileUnit(assemble(target, [value(0), call(1)]), [at(address), at(2n ** 50n)], at(0n));
    checkImage(compiled);
    return compiled.settled.shift[1]!;
  };
  assert.deepEqual(
    [0n, 0xffffn, 0x10000n, 0x12345678n, 0xffff1234n, 0x1234ffffn, 0xffffffffn, 2n ** 64n - 1n].map((address) => lengths('arm64', address)),
    [4, 4, 4, 8, 4, 4, 4, 4],
  );
  assert.deepEqual(
    [0n, 0xffffffffn, 0x100000000n, 2n ** 64n - 1n, 2n ** 64n - 2n ** 31n, 2n ** 64n - 2n ** 31n - 1n].map((a) => lengths('x64', a)),
    [5, 5, 10, 7, 7, 10],
  );
});

test('forced: every call through a veneer, every branch long', () => {
  for (const target of ['arm64', 'x64'] as const) {
    const near = target === 'arm64' ? arm64.SITE.tbz : x64.SITE.jcc;
    const unit = assemble(target, [call(0), branch(near, 0), branch(0, 4), call(1), value(1), call(1), branch(near, 7)]);
    const addresses = [at(0x1100n), at(0x1200n)];
    const compile = (options: object): Compiled => {
      const compiled = compileUnit(unit, addresses, at(0x1000n), options);
      checkImage(compiled);
      assert.equal(compiled.settled.rounds, 1);
      return compiled;
    };
    const jump = target === 'arm64' ? 'short' : 'long';
    assert.deepEqual(forms(compile({})), ['direct', 'short', 'short', 'direct', 'value', 'direct', 'short']);
    assert.deepEqual(forms(compile({ forceVeneers: true })), ['veneer', 'short', 'short', 'veneer', 'value', 'veneer', 'short']);
    assert.deepEqual(forms(compile({ forceLong: true })), ['indirect', 'long', jump, 'indirect', 'value', 'indirect', 'long']);
    assert.deepEqual(forms(compile({ forceVeneers: true, forceLong: true })), [
      'veneer',
      'long',
      jump,
      'veneer',
      'value',
      'veneer',
      'long',
    ]);
  }
});

test('the bound counts every site in its longest form and a veneer per symbol with two sites', () => {
  const unit = assemble('arm64', [code(8), call(0), call(1), call(1), branch(arm64.SITE.bCond, 0), value(2)]);
  const addresses = [0xffff8000082118f4n, 0xffff800008211800n, 0x12345678n].map(at);
  assert.equal(bound(unit, arm64.siteEncoder, addresses).bytes, 8 + 16 + 16 + 16 + 8 + 8 + 16);
});

test('an image that is not aligned, or larger than branches reach, is our mistake', () => {
  const unit = assemble('arm64', [call(0)]);
  assert.throws(() => compileUnit(unit, [at(0n)], at(2n)), /not aligned/);
  assert.throws(() => compileUnit(unit, [at(0n)], at(0n), {}, { ...arm64.siteEncoder, reach: 4 }), /image of 8 bytes/);
});

test('the emitter refuses a site that is not where it was settled', () => {
  const lying: SiteEncoder = { ...arm64.siteEncoder, emitIndirect: (...a) => arm64.siteEncoder.emitIndirect(...a) - 4 };
  assert.throws(
    () => compileUnit(assemble('arm64', [call(0)]), [at(2n ** 40n)], at(0n), {}, lying),
    /site 0: offset 12, settled at 16|settled/,
  );
});

test('the empty unit and the empty slot', () => {
  const empty = compileUnit(assemble('arm64', []), [], at(0n));
  assert.equal(empty.image.size, 0);
  const { image } = compileUnit(assemble('x64', [code(3), code(0), code(2)]), [], at(0n));
  assert.deepEqual(
    [0, 2, 3, 4].map((offset) => slotAt(image, offset)),
    [0, 0, 2, 2],
  );
});
