// What addition, subtraction, logic and conditional instructions do. The same operations for immediates, shifted and extended registers.

import { bitmaskHigh, bitmaskLow } from '../immediates.ts';
import { CONDITION_HOLDS } from '../registers.ts';
import { shift32, shift64, shiftLeft64, subtract64 } from './halves.ts';
import { type Machine, SINK_SLOT, ZERO_SLOT } from './machine.ts';
import {
  type Action,
  destination,
  fromRegisters,
  type Meanings,
  moveX,
  orSp,
  type Site,
  type Step,
  setLow,
  setResult,
  source,
  TWO32,
} from './step.ts';

type Operation64 = (m: Machine, a: number, xl: number, xh: number, yl: number, yh: number) => void;
type Operation32 = (m: Machine, a: number, x: number, y: number) => void;
interface Operation {
  readonly x: Operation64;
  readonly w: Operation32;
}

export function addWithCarry64(m: Machine, a: number, xl: number, xh: number, yl: number, yh: number, carry: number, flags: boolean): void {
  const low = (xl >>> 0) + (yl >>> 0) + carry;
  const high = (xh >>> 0) + (yh >>> 0) + (low >= TWO32 ? 1 : 0);
  const lo = low | 0;
  const hi = high | 0;
  m.r[a] = lo;
  m.r[a + 1] = hi;
  if (!flags) return;
  m.nzcv = ((hi >>> 28) & 8) | ((lo | hi) === 0 ? 4 : 0) | (high >= TWO32 ? 2 : 0) | (((xh ^ hi) & (yh ^ hi)) >>> 31);
}

function addWithCarry32(m: Machine, a: number, x: number, y: number, carry: number, flags: boolean): void {
  const sum = (x >>> 0) + (y >>> 0) + carry;
  const lo = sum | 0;
  m.r[a] = lo;
  m.r[a + 1] = 0;
  if (!flags) return;
  m.nzcv = ((lo >>> 28) & 8) | (lo === 0 ? 4 : 0) | (sum >= TWO32 ? 2 : 0) | (((x ^ lo) & (y ^ lo)) >>> 31);
}

const adding = (flags: boolean): Operation => ({
  x: (m, a, xl, xh, yl, yh) => addWithCarry64(m, a, xl, xh, yl, yh, 0, flags),
  w: (m, a, x, y) => addWithCarry32(m, a, x, y, 0, flags),
});
const subtracting = (flags: boolean): Operation => ({
  x: (m, a, xl, xh, yl, yh) => addWithCarry64(m, a, xl, xh, ~yl, ~yh, 1, flags),
  w: (m, a, x, y) => addWithCarry32(m, a, x, ~y, 1, flags),
});
const bitwise = (half: (x: number, y: number) => number, flags = false): Operation => ({
  x: (m, a, xl, xh, yl, yh) => {
    const lo = half(xl, yl) | 0;
    const hi = half(xh, yh) | 0;
    m.r[a] = lo;
    m.r[a + 1] = hi;
    if (flags) m.nzcv = ((hi >>> 28) & 8) | ((lo | hi) === 0 ? 4 : 0);
  },
  w: (m, a, x, y) => {
    const lo = half(x, y) | 0;
    m.r[a] = lo;
    m.r[a + 1] = 0;
    if (flags) m.nzcv = ((lo >>> 28) & 8) | (lo === 0 ? 4 : 0);
  },
});

const ADD = adding(false);
const ADDS = adding(true);
const SUB = subtracting(false);
const SUBS = subtracting(true);
const AND = bitwise((x, y) => x & y);
const BIC = bitwise((x, y) => x & ~y);
const ORR = bitwise((x, y) => x | y);
const ORN = bitwise((x, y) => x | ~y);
const EOR = bitwise((x, y) => x ^ y);
const EON = bitwise((x, y) => x ^ ~y);
const ANDS = bitwise((x, y) => x & y, true);
const BICS = bitwise((x, y) => x & ~y, true);

// The commonest get an action of their own, which V8 inlines.
const addX: Action = (m, a, b, c) => {
  const r = m.r;
  const low = (r[b]! >>> 0) + (r[c]! >>> 0);
  const high = r[b + 1]! + r[c + 1]!;
  r[a] = low;
  r[a + 1] = low >= TWO32 ? high + 1 : high;
};
const addImmediateX: Action = (m, a, b, c, d) => {
  const r = m.r;
  const low = (r[b]! >>> 0) + (c >>> 0);
  const high = r[b + 1]! + d;
  r[a] = low;
  r[a + 1] = low >= TWO32 ? high + 1 : high;
};

const moveW: Action = (m, a, _b, c) => {
  m.r[a] = m.r[c]!;
  m.r[a + 1] = 0;
};

const addW: Action = (m, a, b, c) => {
  m.r[a] = m.r[b]! + m.r[c]!;
  m.r[a + 1] = 0;
};
const addImmediateW: Action = (m, a, b, c) => {
  m.r[a] = m.r[b]! + c;
  m.r[a + 1] = 0;
};

interface Actions {
  readonly registerX: Action;
  readonly registerW: Action;
  readonly immediateX: Action;
  readonly immediateW: Action;
  readonly shiftedX: Action;
  readonly shiftedW: Action;
  readonly extendedX: Action;
  readonly extendedW: Action;
}

function actionsOf({ x, w }: Operation): Actions {
  return {
    registerX: (m, a, b, c) => x(m, a, m.r[b]!, m.r[b + 1]!, m.r[c]!, m.r[c + 1]!),
    registerW: (m, a, b, c) => w(m, a, m.r[b]!, m.r[c]!),
    immediateX: (m, a, b, c, d) => x(m, a, m.r[b]!, m.r[b + 1]!, c, d),
    immediateW: (m, a, b, c) => w(m, a, m.r[b]!, c),
    shiftedX: (m, a, b, c, d) => {
      shift64(m, m.r[c]!, m.r[c + 1]!, d >> 6, d & 63);
      x(m, a, m.r[b]!, m.r[b + 1]!, m.lo, m.hi);
    },
    shiftedW: (m, a, b, c, d) => w(m, a, m.r[b]!, shift32(m.r[c]!, d >> 6, d & 63)),
    extendedX: (m, a, b, c, d) => {
      extend64(m, m.r[c]!, m.r[c + 1]!, d >> 3, d & 7);
      x(m, a, m.r[b]!, m.r[b + 1]!, m.lo, m.hi);
    },
    extendedW: (m, a, b, c, d) => {
      extend64(m, m.r[c]!, m.r[c + 1]!, d >> 3, d & 7);
      w(m, a, m.r[b]!, m.lo);
    },
  };
}

/** [ArmARM ExtendReg] */
function extend64(m: Machine, lo: number, hi: number, option: number, amount: number): void {
  let low = lo;
  let high = hi;
  const width = option & 3;
  if (width === 0) low = option < 4 ? lo & 0xff : (lo << 24) >> 24;
  else if (width === 1) low = option < 4 ? lo & 0xffff : (lo << 16) >> 16;
  if (width < 3) high = option < 4 ? 0 : low >> 31;
  shiftLeft64(m, low, high, amount);
}

function fromImmediate(operation: Operation, flags: boolean, subtract: boolean): (site: Site) => Step {
  const { immediateX, immediateW } = actionsOf(operation);
  return (site) => {
    const value = site.field('imm12') << (12 * site.field('sh'));
    const a = flags ? destination(site, 'Rd') : orSp(site, 'Rd');
    const b = orSp(site, 'Rn');
    const wide = site.field('sf') === 1;
    if (!flags) {
      const addend = subtract ? -value | 0 : value;
      return wide ? [addImmediateX, a, b, addend, addend >> 31] : [addImmediateW, a, b, addend];
    }
    return wide ? [immediateX, a, b, value, 0] : [immediateW, a, b, value];
  };
}

function fromBitmask(operation: Operation, flags: boolean): (site: Site) => Step {
  const { immediateX, immediateW } = actionsOf(operation);
  return (site) => {
    const bits = site.field('bitmask');
    const a = flags ? destination(site, 'Rd') : orSp(site, 'Rd');
    const action = site.field('sf') === 1 ? immediateX : immediateW;
    return [action, a, source(site, 'Rn'), bitmaskLow(bits), bitmaskHigh(bits)];
  };
}

function fromShifted(operation: Operation): (site: Site) => Step {
  const { registerX, registerW, shiftedX, shiftedW } = actionsOf(operation);
  return (site) => {
    const a = destination(site, 'Rd');
    const b = source(site, 'Rn');
    const c = source(site, 'Rm');
    const wide = site.field('sf') === 1;
    const d = (site.field('shift') << 6) | site.field('imm6');
    if ((d & 63) !== 0) return [wide ? shiftedX : shiftedW, a, b, c, d];
    if (operation === ADD) return [wide ? addX : addW, a, b, c];
    if (operation === ORR && b === ZERO_SLOT) return [wide ? moveX : moveW, a, b, c];
    return [wide ? registerX : registerW, a, b, c];
  };
}

function fromExtended(operation: Operation, flags: boolean): (site: Site) => Step {
  const { extendedX, extendedW } = actionsOf(operation);
  return (site) => {
    const a = flags ? destination(site, 'Rd') : orSp(site, 'Rd');
    const action = site.field('sf') === 1 ? extendedX : extendedW;
    return [action, a, orSp(site, 'Rn'), source(site, 'Rm'), (site.field('option') << 3) | site.field('imm3')];
  };
}

function withCarry(subtract: boolean, flags: boolean): (site: Site) => Step {
  const flip = subtract ? -1 : 0;
  return fromRegisters(
    (m, a, b, c) => addWithCarry64(m, a, m.r[b]!, m.r[b + 1]!, m.r[c]! ^ flip, m.r[c + 1]! ^ flip, (m.nzcv >> 1) & 1, flags),
    (m, a, b, c) => addWithCarry32(m, a, m.r[b]!, m.r[c]! ^ flip, (m.nzcv >> 1) & 1, flags),
  );
}

/** b, c: sources; d: condition << 4. `other` makes the result where the condition does not hold. */
function select(otherX: (m: Machine, lo: number, hi: number) => void, otherW: (value: number) => number): (site: Site) => Step {
  const wide: Action = (m, a, b, c, d) => {
    if (CONDITION_HOLDS[d | m.nzcv] === 1) moveX(m, a, 0, b, 0);
    else {
      otherX(m, m.r[c]!, m.r[c + 1]!);
      setResult(m, a);
    }
  };
  const narrow: Action = (m, a, b, c, d) => setLow(m, a, CONDITION_HOLDS[d | m.nzcv] === 1 ? m.r[b]! : otherW(m.r[c]!));
  return (site) => [
    site.field('sf') === 1 ? wide : narrow,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    source(site, 'Rm'),
    site.field('cond') << 4,
  ];
}

/** a: Rn, b: Rm or immediate, c: nzcv if the condition fails, d: condition << 4. */
function conditionalCompare({ x, w }: Operation, immediate: boolean): (site: Site) => Step {
  const compare = (run: Action): Action => {
    return (m, a, b, c, d) => {
      if (CONDITION_HOLDS[d | m.nzcv] === 1) run(m, a, b, c, d);
      else m.nzcv = c;
    };
  };
  const wide = compare((m, a, b) =>
    immediate ? x(m, SINK_SLOT, m.r[a]!, m.r[a + 1]!, b, 0) : x(m, SINK_SLOT, m.r[a]!, m.r[a + 1]!, m.r[b]!, m.r[b + 1]!),
  );
  const narrow = compare((m, a, b) => w(m, SINK_SLOT, m.r[a]!, immediate ? b : m.r[b]!));
  return (site) => [
    site.field('sf') === 1 ? wide : narrow,
    source(site, 'Rn'),
    immediate ? site.field('imm5') : source(site, 'Rm'),
    site.field('nzcv'),
    site.field('cond') << 4,
  ];
}

export const ARITHMETIC: Meanings = {
  addImm: fromImmediate(ADD, false, false),
  addsImm: fromImmediate(ADDS, true, false),
  subImm: fromImmediate(SUB, false, true),
  subsImm: fromImmediate(SUBS, true, true),
  addReg: fromShifted(ADD),
  addsReg: fromShifted(ADDS),
  subReg: fromShifted(SUB),
  subsReg: fromShifted(SUBS),
  addExt: fromExtended(ADD, false),
  addsExt: fromExtended(ADDS, true),
  subExt: fromExtended(SUB, false),
  subsExt: fromExtended(SUBS, true),
  adc: withCarry(false, false),
  adcs: withCarry(false, true),
  sbc: withCarry(true, false),
  sbcs: withCarry(true, true),
  andImm: fromBitmask(AND, false),
  orrImm: fromBitmask(ORR, false),
  eorImm: fromBitmask(EOR, false),
  andsImm: fromBitmask(ANDS, true),
  andReg: fromShifted(AND),
  bicReg: fromShifted(BIC),
  orrReg: fromShifted(ORR),
  ornReg: fromShifted(ORN),
  eorReg: fromShifted(EOR),
  eonReg: fromShifted(EON),
  andsReg: fromShifted(ANDS),
  bicsReg: fromShifted(BICS),
  csel: select(
    (m, lo, hi) => {
      m.lo = lo;
      m.hi = hi;
    },
    (value) => value,
  ),
  csinc: select(
    (m, lo, hi) => subtract64(m, lo, hi, -1, -1),
    (value) => value + 1,
  ),
  csinv: select(
    (m, lo, hi) => {
      m.lo = ~lo;
      m.hi = ~hi;
    },
    (value) => ~value,
  ),
  csneg: select(
    (m, lo, hi) => subtract64(m, 0, 0, lo, hi),
    (value) => -value,
  ),
  ccmnReg: conditionalCompare(ADDS, false),
  ccmpReg: conditionalCompare(SUBS, false),
  ccmnImm: conditionalCompare(ADDS, true),
  ccmpImm: conditionalCompare(SUBS, true),
};
