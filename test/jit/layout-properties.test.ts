// The claims that the layout stands on, on generated units whose calls straddle the reach: the bound bounds, one walk decides every
// call where no branch is in doubt, no call is indirect that reaches, what is emitted does what was meant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressFromNumber, addressPlus } from '../../src/jit/address.ts';
import * as arm64 from '../../src/jit/arm64/labels.ts';
import { bound, FORM } from '../../src/jit/layout.ts';
import type { Address, SiteEncoder } from '../../src/jit/target.ts';
import type { Unit } from '../../src/jit/unit.ts';
import {
  addressesOf,
  assemble,
  type Compiled,
  call,
  checkImage,
  code,
  compileUnit,
  encoders,
  inReach,
  narrowed,
  type Piece,
  type TargetName,
  value,
} from './support/units.ts';

/** Reach of a call from its own start. */
const reach = { arm64: { up: 2 ** 27 - 4, down: -(2 ** 27) }, x64: { up: 2 ** 31 + 4, down: 5 - 2 ** 31 } } as const;
const branches = { arm64: [0, 1, 2, 3, 4, 5], x64: [0, 1, 2, 3] } as const satisfies Record<TargetName, readonly number[]>;

interface Case {
  readonly target: TargetName;
  readonly pieces: readonly Piece[];
  readonly base: Address;
  readonly addresses: readonly Address[];
  readonly options: { readonly forceVeneers: boolean; readonly forceLong: boolean };
}

const SYMBOLS = 4;

/** Symbols lie at the very end of the reach of some place in the image, above or below it, or anywhere. */
function cases(target: TargetName, longest: number, forced: boolean): fc.Arbitrary<Case> {
  const step = target === 'arm64' ? 4 : 1;
  const pieces = fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 0, max: longest }).map((n) => ({ kind: 'code' as const, bytes: n * step })) },
        { weight: 4, arbitrary: fc.nat(SYMBOLS - 1).map((symbol) => ({ kind: 'call' as const, symbol })) },
        { weight: 1, arbitrary: fc.nat(SYMBOLS - 1).map((symbol) => ({ kind: 'value' as const, symbol })) },
        {
          weight: 3,
          arbitrary: fc.record({ kind: fc.constant('branch' as const), site: fc.constantFrom(...branches[target]), label: fc.nat(1000) }),
        },
      ),
      { maxLength: 60, size: 'max' },
    )
    .map((list) => list.map((piece) => (piece.kind === 'branch' ? { ...piece, label: piece.label % (list.length + 1) } : piece)));
  const base = fc.constantFrom(0x7f00_0000_0000, 0x40_0000, 2 ** 32 - 64, 2 ** 31 - 128).map((n) => addressFromNumber(n));
  const offset = fc.oneof(
    fc.integer({ min: 0, max: 60 }).map((n) => ({ from: n * step, by: 'up' as const })),
    fc.integer({ min: 0, max: 60 }).map((n) => ({ from: n * step, by: 'down' as const })),
    fc.constant({ from: 0, by: 'far' as const }),
    fc.constant({ from: 4096, by: 'near' as const }),
  );
  const flag = forced ? fc.boolean() : fc.constant(false);
  const options = fc.record({ forceVeneers: flag, forceLong: flag });
  return fc
    .record({ pieces, base, offsets: fc.array(offset, { minLength: SYMBOLS, maxLength: SYMBOLS }), options })
    .map(({ pieces, base, offsets, options }) => {
      const addresses = offsets.map(({ from, by }) => {
        if (by === 'far') return { hi: 0xffff8000 | 0, lo: 0x082118f4 };
        if (by === 'near') return addressPlus(base, from);
        if (by === 'up') return addressPlus(base, from + reach[target].up);
        const down = addressPlus(base, from);
        const lo = (down.lo >>> 0) + reach[target].down;
        return { hi: (down.hi + Math.floor(lo / 2 ** 32)) | 0, lo: lo | 0 };
      });
      return { target, pieces, base, addresses, options };
    });
}

function run({ target, pieces, base, addresses, options }: Case, encoder: SiteEncoder = encoders[target]): Compiled {
  return compileUnit(assemble(target, pieces), addresses, base, options, encoder);
}

/** No call is far whose final address is in reach. */
function checkCalls(compiled: Compiled): void {
  const { unit, settled } = compiled;
  for (let site = 0; site < unit.sites; site++) {
    if (settled.form[site] === FORM.indirect || settled.form[site] === FORM.veneer)
      assert.ok(!inReach(compiled, site), `call ${site} reaches`);
    if (settled.form[site] === FORM.direct) assert.ok(inReach(compiled, site), `call ${site} does not reach`);
  }
}

for (const target of ['arm64', 'x64'] as const) {
  const dense = 12;

  test(`${target}: where no branch is in doubt, one walk decides every call, and decides it rightly`, () => {
    let straddled = 0;
    fc.assert(
      fc.property(cases(target, dense, false), (one) => {
        const compiled = run(one);
        checkImage(compiled);
        checkCalls(compiled);
        if (compiled.bounded.doubtful.length === 0) {
          assert.equal(compiled.settled.rounds, 1);
          assert.equal(compiled.settled.promotions.count, 0);
        }
        const used = new Set(compiled.settled.form);
        if (used.has(FORM.direct) && (used.has(FORM.indirect) || used.has(FORM.veneer))) straddled++;
      }),
      { numRuns: 1500, seed: 20240904 },
    );
    assert.ok(straddled > 300, `only ${straddled} units straddled the reach`);
  });

  test(`${target}: the bound holds in forced modes, and the image is right`, () => {
    fc.assert(
      fc.property(cases(target, dense, true), (one) => checkImage(run(one))),
      { numRuns: 500, seed: 1 },
    );
  });

  test(`${target}: with branches that must become long it ends, soon, and every branch lands on its label`, () => {
    const far = (name: string): number =>
      ['b', 'bl', 'lea', 'call', 'callLocal'].includes(name) ? 1 : target === 'x64' ? 2 : name === 'tbz' ? 1024 : 16384;
    const encoder = narrowed(encoders[target], far);
    let long = 0;
    fc.assert(
      fc.property(cases(target, dense, false), (one) => {
        const compiled = run(one, encoder);
        checkImage(compiled);
        checkCalls(compiled);
        const { rounds, promotions } = compiled.settled;
        assert.ok(rounds <= promotions.count + 1);
        if (rounds > 1) long++;
        checkMinimal(compiled, one);
      }),
      { numRuns: 1500, seed: 2 },
    );
    assert.ok(long > 300, `only ${long} units had long branches`);
  });

  test(`${target}: with calls whose veneers are out of reach it ends, and every call arrives`, () => {
    const encoder = narrowed(encoders[target], (name) => (name === 'call' ? 2 ** (target === 'arm64' ? 21 : 25) : 1));
    let without = 0;
    fc.assert(
      fc.property(cases(target, dense, false), (one) => {
        const compiled = run(one, encoder);
        checkImage(compiled);
        checkCalls(compiled);
        const { settled, bounded, unit } = compiled;
        for (let site = 0; site < unit.sites; site++)
          if (settled.form[site] === FORM.indirect && bounded.veneerLength[unit.siteTarget[site]!] !== 0) without++;
      }),
      { numRuns: 500, seed: 3 },
    );
    assert.ok(without > 50, `only ${without} calls did without their veneer`);
  });
}

/** Without calls to move things back: a branch is long only because it would not reach when short. */
function checkMinimal(compiled: Compiled, { pieces }: Case): void {
  if (pieces.some((piece) => piece.kind === 'call')) return;
  const { unit, settled, bounded } = compiled;
  for (let site = 0; site < unit.sites; site++) {
    if (settled.form[site] !== FORM.long) continue;
    const kind = bounded.target.sites[unit.siteKind[site]!]!;
    const label = unit.siteTarget[site]!;
    const before = unit.labelSites[label]!;
    let displacement = unit.labelAt[label]! + settled.shift[before]! - unit.siteAt[site]! - settled.shift[site]!;
    if (before > site) displacement -= kind.long - kind.short;
    assert.ok(displacement < kind.min + kind.bias || displacement > kind.max + kind.bias, `branch ${site} is needlessly long`);
  }
}

/**
 * The obvious other scheme: all calls start direct, every round decides all of them from the places of the round before, and a call
 * that has become indirect stays so. Rounds until nothing changes, and calls left indirect that reach.
 */
function parallel(unit: Unit, addresses: readonly Address[], base: Address): { rounds: number; needless: number } {
  const { longest } = bound(unit, arm64.siteEncoder, addressesOf(unit, addresses));
  const indirect = new Uint8Array(unit.sites);
  for (let rounds = 1; ; rounds++) {
    const start: number[] = [];
    let sum = 0;
    for (let site = 0; site < unit.sites; site++) {
      start.push(unit.siteAt[site]! + sum);
      sum += indirect[site] === 1 ? longest[site]! : 4;
    }
    const reaches = (site: number): boolean => {
      const address = addressesOf(unit, addresses)[unit.siteTarget[site]!]!;
      const distance = (address.hi - base.hi) * 2 ** 32 + (address.lo >>> 0) - (base.lo >>> 0) - start[site]!;
      return distance >= -(2 ** 27) && distance <= 2 ** 27 - 4;
    };
    let changed = false;
    let needless = 0;
    for (let site = 0; site < unit.sites; site++) {
      if (indirect[site] === 1) needless += reaches(site) ? 1 : 0;
      else if (!reaches(site)) {
        indirect[site] = 1;
        changed = true;
      }
    }
    if (!changed) return { rounds, needless };
  }
}

test('deciding all calls at once from an all-short layout needs more rounds and leaves calls needlessly indirect', () => {
  const start = 0x7f00_0000_1000;
  const base = addressFromNumber(start);
  // Targets at the lower end of the reach: each call that becomes indirect (12 bytes longer) pushes the next one out of reach.
  const below = [0, 8, 24, 40].map((n) => addressFromNumber(start - 2 ** 27 + n));
  const descending = assemble('arm64', [code(4), call(0), call(1), call(2), call(3)]);
  const compiled = compileUnit(descending, below, base);
  checkImage(compiled);
  checkCalls(compiled);
  assert.equal(compiled.settled.rounds, 1);
  assert.equal(parallel(descending, below, base).rounds, 5);
  // Targets at the upper end: what is pushed forward comes into reach.
  const above = [0, 8].map((n) => addressFromNumber(start + 2 ** 27 + n));
  const ascending = assemble('arm64', [call(0), call(1)]);
  const reached = compileUnit(ascending, above, base);
  checkImage(reached);
  checkCalls(reached);
  assert.deepEqual(Array.from(reached.settled.form), [FORM.indirect, FORM.direct]);
  assert.equal(parallel(ascending, above, base).needless, 1);

  // How often, in generated programs of calls alone that straddle the reach.
  let straddling = 0;
  let slower = 0;
  let worse = 0;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 20 }),
      fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 20, maxLength: 20 }),
      fc.boolean(),
      (gaps, places, up) => {
        const unit = assemble(
          'arm64',
          gaps.flatMap((gap, i) => [code(gap * 4), call(i)]),
        );
        const addresses = places.map((n) => addressFromNumber(start + (up ? 2 ** 27 : -(2 ** 27)) + 4 * n + 80));
        const one = compileUnit(unit, addresses, base);
        assert.equal(one.settled.rounds, 1);
        checkCalls(one);
        if (new Set(one.settled.form).size < 2) return;
        straddling++;
        const other = parallel(unit, addresses, base);
        if (other.rounds > 2) slower++;
        if (other.needless > 0) worse++;
      },
    ),
    { numRuns: 400, seed: 4 },
  );
  assert.ok(slower * 10 > straddling, `${slower} of ${straddling} needed more rounds`);
  assert.ok(worse * 10 > straddling, `${worse} of ${straddling} kept needless indirect calls`);
});

test('arm64: every 64-bit value is moved, by no more words than its halves call for', () => {
  const half = fc.constantFrom(0, 0xffff, 1, 0x8000, 0x1234, 0xfffe);
  fc.assert(
    fc.property(fc.tuple(half, half, half, half), (halves) => {
      const [a, b, c, d] = halves;
      const address = { hi: (d << 16) | c, lo: (b << 16) | a };
      const compiled = compileUnit(assemble('arm64', [value(0), call(1)]), [address, { hi: 1, lo: 0 }], addressFromNumber(0));
      checkImage(compiled);
      const words = (skip: number, list: readonly number[]): number => Math.max(1, list.filter((h) => h !== skip).length);
      const fewest = Math.min(words(0, halves), words(0xffff, halves), address.hi === 0 ? words(0xffff, [a, b]) : 4);
      assert.ok(compiled.settled.shift[1]! <= 4 * fewest);
    }),
    { numRuns: 1296, seed: 5 },
  );
});
