// What branches do. A target inside the code area is an index, anything else an address.

import { CONDITION_HOLDS } from '../registers.ts';
import type { Machine } from './machine.ts';
import { type Action, displaced, type Meanings, type Site, type Step, source } from './step.ts';

/** Steps of a branch: `near` gets the target's index in d, `far` its address in c and d; a and b are the form's own. */
function toLabel(site: Site, displacement: number, near: Action, far: Action, a = 0, b = 0): Step {
  const index = site.index + displacement / 4;
  if (index >= 0 && index < site.words) return [near, a, b, 0, index];
  const [lo, hi] = displaced(site, displacement);
  return [far, a, b, lo, hi];
}

function leave(m: Machine, lo: number, hi: number): void {
  m.pcLo = lo;
  m.pcHi = hi;
  m.index = -1;
}

function branchIf(taken: (m: Machine, a: number, b: number) => boolean): { readonly near: Action; readonly far: Action } {
  return {
    near: (m, a, b, _c, d) => {
      if (taken(m, a, b)) m.index = d;
    },
    far: (m, a, b, c, d) => {
      if (taken(m, a, b)) leave(m, c, d);
    },
  };
}

// The link address is at 4 past the branch; a, b are its halves.
const linkNear: Action = (m, a, b, _c, d) => {
  m.r[LINK] = a;
  m.r[LINK + 1] = b;
  m.index = d;
};
const linkFar: Action = (m, a, b, c, d) => {
  m.r[LINK] = a;
  m.r[LINK + 1] = b;
  leave(m, c, d);
};
const LINK = 2 * 30;

const onCondition = branchIf((m, a) => CONDITION_HOLDS[a | m.nzcv] === 1);
const zeroX = branchIf((m, a) => (m.r[a]! | m.r[a + 1]!) === 0);
const zeroW = branchIf((m, a) => m.r[a] === 0);
const nonzeroX = branchIf((m, a) => (m.r[a]! | m.r[a + 1]!) !== 0);
const nonzeroW = branchIf((m, a) => m.r[a] !== 0);
const bitClear = branchIf((m, a, b) => ((m.r[a]! >>> b) & 1) === 0);
const bitSet = branchIf((m, a, b) => ((m.r[a]! >>> b) & 1) === 1);

const branchNear: Action = (m, _a, _b, _c, d) => {
  m.index = d;
};
const branchFar: Action = (m, _a, _b, c, d) => leave(m, c, d);
const branchRegister: Action = (m, a) => m.jump(m.r[a]!, m.r[a + 1]!);
// c, d: the link address.
const branchLinkRegister: Action = (m, a, _b, c, d) => {
  const [lo, hi] = [m.r[a]!, m.r[a + 1]!];
  m.r[LINK] = c;
  m.r[LINK + 1] = d;
  m.jump(lo, hi);
};

function testBit(branch: { readonly near: Action; readonly far: Action }): (site: Site) => Step {
  return (site) => {
    const bit = site.field('bit');
    return toLabel(site, site.field('imm14'), branch.near, branch.far, source(site, 'Rt') + (bit >> 5), bit & 31);
  };
}

export const BRANCH: Meanings = {
  b: (site) => toLabel(site, site.field('imm26'), branchNear, branchFar),
  bl: (site) => toLabel(site, site.field('imm26'), linkNear, linkFar, ...displaced(site, 4)),
  bcond: (site) => toLabel(site, site.field('imm19'), onCondition.near, onCondition.far, site.field('cond') << 4),
  cbz: (site) => {
    const branch = site.field('sf') === 1 ? zeroX : zeroW;
    return toLabel(site, site.field('imm19'), branch.near, branch.far, source(site, 'Rt'));
  },
  cbnz: (site) => {
    const branch = site.field('sf') === 1 ? nonzeroX : nonzeroW;
    return toLabel(site, site.field('imm19'), branch.near, branch.far, source(site, 'Rt'));
  },
  tbz: testBit(bitClear),
  tbnz: testBit(bitSet),
  br: (site) => [branchRegister, source(site, 'Rn')],
  blr: (site) => [branchLinkRegister, source(site, 'Rn'), 0, ...displaced(site, 4)],
  ret: (site) => [branchRegister, source(site, 'Rn')],
  retaa: () => [branchRegister, LINK],
};
