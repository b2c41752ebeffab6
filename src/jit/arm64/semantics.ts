// What each form does: for every row of the table a translation of a word into an action and its four operands.
//
// Register operands are positions of low halves in `machine.r`. Actions read all sources before they write, since they may be the same register.
// An action that accesses memory places the access (which may trap) before it changes anything, so a faulting instruction has no effect.
// Authentication codes are not modelled: PACIASP and AUTIASP do nothing, RETAA is RET. Landing pads are not enforced, barriers do nothing (there is
// one thread). Constraints on registers whose violation is unpredictable (write-back to a loaded register) are not checked.
import {
  multiplyHigh32,
  multiplyHigh64,
  reverseBits32,
  reverseBytes16s,
  reverseBytes32,
  shift32,
  shift64,
  shiftLeft64,
  shiftRight64,
  shiftRightSigned64,
  subtract64,
} from './arithmetic.ts';
import type { FormName } from './forms.ts';
import { bitmaskHigh, bitmaskLow } from './immediates.ts';
import { type Machine, SINK_SLOT, SP_SLOT, THREAD_SLOT, ZERO_SLOT } from './machine.ts';
import { CONDITION_HOLDS } from './registers.ts';

export type Action = (m: Machine, a: number, b: number, c: number, d: number) => void;
export type Step = readonly [action: Action, a?: number, b?: number, c?: number, d?: number];

/** A word about to be translated: its fields by name, and where it stands. */
export interface Site {
  /** The value of a field, in the encoder's units. */
  field(name: string): number;
  readonly word: number;
  readonly pcLo: number;
  readonly pcHi: number;
  /** Index of the word in its code area, and the area's length in words. */
  readonly index: number;
  readonly words: number;
}

const TWO32 = 2 ** 32;

const source = (site: Site, name: string): number => slot(site.field(name), ZERO_SLOT);
const destination = (site: Site, name: string): number => slot(site.field(name), SINK_SLOT);
const orSp = (site: Site, name: string): number => slot(site.field(name), SP_SLOT);
function slot(register: number, for31: number): number {
  return register === 31 ? for31 : 2 * register;
}

// ---- Add, subtract and logic. The same operations for immediates, shifted and extended registers. ----

type Operation64 = (m: Machine, a: number, xl: number, xh: number, yl: number, yh: number) => void;
type Operation32 = (m: Machine, a: number, x: number, y: number) => void;
interface Operation {
  readonly x: Operation64;
  readonly w: Operation32;
}

function addWithCarry64(m: Machine, a: number, xl: number, xh: number, yl: number, yh: number, carry: number, flags: boolean): void {
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
const moveX: Action = (m, a, _b, c) => {
  const r = m.r;
  const hi = r[c + 1]!;
  r[a] = r[c]!;
  r[a + 1] = hi;
};
const moveW: Action = (m, a, _b, c) => {
  m.r[a] = m.r[c]!;
  m.r[a + 1] = 0;
};
const constant: Action = (m, a, _b, c, d) => {
  m.r[a] = c;
  m.r[a + 1] = d;
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

/** Forms Rd, Rn, Rm with sf. */
function fromRegisters(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [site.field('sf') === 0 ? narrow : wide, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rm')];
}

function fromOne(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [site.field('sf') === 1 ? wide : narrow, destination(site, 'Rd'), source(site, 'Rn')];
}

function withCarry(subtract: boolean, flags: boolean): (site: Site) => Step {
  const flip = subtract ? -1 : 0;
  return fromRegisters(
    (m, a, b, c) => addWithCarry64(m, a, m.r[b]!, m.r[b + 1]!, m.r[c]! ^ flip, m.r[c + 1]! ^ flip, (m.nzcv >> 1) & 1, flags),
    (m, a, b, c) => addWithCarry32(m, a, m.r[b]!, m.r[c]! ^ flip, (m.nzcv >> 1) & 1, flags),
  );
}

// ---- Bit fields, shifts, reversals. ----

function setResult(m: Machine, a: number): void {
  m.r[a] = m.lo;
  m.r[a + 1] = m.hi;
}

function setLow(m: Machine, a: number, value: number): void {
  m.r[a] = value;
  m.r[a + 1] = 0;
}

// SBFM, UBFM and BFM shift left so that the field's top bit is the register's, then right to where it belongs [ArmARM SBFM].
function bitfieldShifts(site: Site): [left: number, right: number] {
  const size = site.field('sf') === 1 ? 64 : 32;
  const immr = site.field('immr');
  const imms = site.field('imms');
  const left = size - 1 - imms;
  return [left, imms >= immr ? left + immr : left - (size - immr)];
}

const unsignedFieldX: Action = (m, a, b, c, d) => {
  shiftLeft64(m, m.r[b]!, m.r[b + 1]!, c);
  shiftRight64(m, m.lo, m.hi, d);
  setResult(m, a);
};
const signedFieldX: Action = (m, a, b, c, d) => {
  shiftLeft64(m, m.r[b]!, m.r[b + 1]!, c);
  shiftRightSigned64(m, m.lo, m.hi, d);
  setResult(m, a);
};
const unsignedFieldW: Action = (m, a, b, c, d) => setLow(m, a, (m.r[b]! << c) >>> d);
const signedFieldW: Action = (m, a, b, c, d) => setLow(m, a, (m.r[b]! << c) >> d);
// d: left | right << 6.
const insertFieldX: Action = (m, a, b, c, d) => {
  const [left, right] = [d & 63, d >> 6];
  shiftLeft64(m, -1, -1, left);
  shiftRight64(m, m.lo, m.hi, right);
  const [maskLo, maskHi] = [m.lo, m.hi];
  shiftLeft64(m, m.r[b]!, m.r[b + 1]!, left);
  shiftRight64(m, m.lo, m.hi, right);
  m.lo |= m.r[c]! & ~maskLo;
  m.hi |= m.r[c + 1]! & ~maskHi;
  setResult(m, a);
};
const insertFieldW: Action = (m, a, b, c, d) => {
  const [left, right] = [d & 63, d >> 6];
  setLow(m, a, ((m.r[b]! << left) >>> right) | (m.r[c]! & ~((-1 << left) >>> right)));
};

function shiftByRegister(type: number): (site: Site) => Step {
  return fromRegisters(
    (m, a, b, c) => {
      shift64(m, m.r[b]!, m.r[b + 1]!, type, m.r[c]! & 63);
      setResult(m, a);
    },
    (m, a, b, c) => setLow(m, a, shift32(m.r[b]!, type, m.r[c]! & 31)),
  );
}

const extractX: Action = (m, a, b, c, d) => {
  const { r } = m;
  const [low, middle, high] = d < 32 ? [r[c]!, r[c + 1]!, r[b]!] : [r[c + 1]!, r[b]!, r[b + 1]!];
  const n = d & 31;
  r[a] = n === 0 ? low : (low >>> n) | (middle << (32 - n));
  r[a + 1] = n === 0 ? middle : (middle >>> n) | (high << (32 - n));
};
const extractW: Action = (m, a, b, c, d) => setLow(m, a, d === 0 ? m.r[c]! : (m.r[c]! >>> d) | (m.r[b]! << (32 - d)));

/** The halves of the result from the halves of the source. */
function fromHalves(lo: (lo: number, hi: number) => number, hi: (lo: number, hi: number) => number): Action {
  return (m, a, b) => {
    const [low, high] = [m.r[b]!, m.r[b + 1]!];
    m.r[a] = lo(low, high);
    m.r[a + 1] = hi(low, high);
  };
}

// ---- Multiply and divide. ----

const multiplyAddX: Action = (m, a, b, c, d) => {
  const { r } = m;
  const [bl, cl] = [r[b]!, r[c]!];
  const low = (r[d]! >>> 0) + (Math.imul(bl, cl) >>> 0);
  const high = r[d + 1]! + multiplyHigh32(bl, cl) + Math.imul(bl, r[c + 1]!) + Math.imul(r[b + 1]!, cl) + (low >= TWO32 ? 1 : 0);
  r[a] = low;
  r[a + 1] = high;
};
const multiplySubtractX: Action = (m, a, b, c, d) => {
  const { r } = m;
  const [bl, cl] = [r[b]!, r[c]!];
  const high = (multiplyHigh32(bl, cl) + Math.imul(bl, r[c + 1]!) + Math.imul(r[b + 1]!, cl)) | 0;
  subtract64(m, r[d]!, r[d + 1]!, Math.imul(bl, cl), high);
  setResult(m, a);
};
const multiplyAddW: Action = (m, a, b, c, d) => setLow(m, a, m.r[d]! + Math.imul(m.r[b]!, m.r[c]!));
const multiplySubtractW: Action = (m, a, b, c, d) => setLow(m, a, m.r[d]! - Math.imul(m.r[b]!, m.r[c]!));

function multiplyLong(signed: boolean, subtract: boolean): (site: Site) => Step {
  const action: Action = (m, a, b, c, d) => {
    const { r } = m;
    const [x, y] = [r[b]!, r[c]!];
    const lo = Math.imul(x, y);
    let hi = multiplyHigh32(x, y);
    if (signed) hi = (hi - (x < 0 ? y : 0) - (y < 0 ? x : 0)) | 0;
    if (subtract) {
      subtract64(m, r[d]!, r[d + 1]!, lo, hi);
      setResult(m, a);
    } else addWithCarry64(m, a, r[d]!, r[d + 1]!, lo, hi, 0, false);
  };
  return (site) => [action, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rm'), source(site, 'Ra')];
}

function fromFour(wide: Action, narrow: Action): (site: Site) => Step {
  return (site) => [
    site.field('sf') === 1 ? wide : narrow,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    source(site, 'Rm'),
    source(site, 'Ra'),
  ];
}

const unsignedHigh: Action = (m, a, b, c) => {
  const { r } = m;
  multiplyHigh64(m, r[b]!, r[b + 1]!, r[c]!, r[c + 1]!);
  setResult(m, a);
};
const signedHigh: Action = (m, a, b, c) => {
  const { r } = m;
  const [bl, bh, cl, ch] = [r[b]!, r[b + 1]!, r[c]!, r[c + 1]!];
  multiplyHigh64(m, bl, bh, cl, ch);
  if (bh < 0) subtract64(m, m.lo, m.hi, cl, ch);
  if (ch < 0) subtract64(m, m.lo, m.hi, bl, bh);
  setResult(m, a);
};

// Division by zero gives 0 [ArmARM UDIV]. Wide operands go through the 64-bit views of the register array: rare, and a division is slow anyway.
const divideX: Action = (m, a, b, c) => {
  const { r } = m;
  if ((r[b + 1]! | r[c + 1]!) === 0) setLow(m, a, r[c] === 0 ? 0 : (r[b]! >>> 0) / (r[c]! >>> 0));
  else if ((r[c]! | r[c + 1]!) === 0) setLow(m, a, 0);
  else m.x[a >> 1] = m.x[b >> 1]! / m.x[c >> 1]!;
};
const divideSignedX: Action = (m, a, b, c) => {
  if ((m.r[c]! | m.r[c + 1]!) === 0) setLow(m, a, 0);
  else m.s[a >> 1] = m.s[b >> 1]! / m.s[c >> 1]!;
};
const divideW: Action = (m, a, b, c) => setLow(m, a, m.r[c] === 0 ? 0 : (m.r[b]! >>> 0) / (m.r[c]! >>> 0));
const divideSignedW: Action = (m, a, b, c) => setLow(m, a, m.r[c] === 0 ? 0 : m.r[b]! / m.r[c]!);

// ---- Conditions. ----

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

// ---- Loads and stores. ----

/** What is loaded or stored, by size 0 to 3: the value goes to or comes from register slot `a`. `offset` is into `machine.view`. */
type Transfer = (m: Machine, a: number, offset: number) => void;

const LOADS: readonly Transfer[] = [
  (m, a, offset) => setLow(m, a, m.view.getUint8(offset)),
  (m, a, offset) => setLow(m, a, m.view.getUint16(offset, true)),
  (m, a, offset) => setLow(m, a, m.view.getInt32(offset, true)),
  (m, a, offset) => {
    m.r[a] = m.view.getInt32(offset, true);
    m.r[a + 1] = m.view.getInt32(offset + 4, true);
  },
];
const signedLoad = (m: Machine, a: number, value: number): void => {
  m.r[a] = value;
  m.r[a + 1] = value >> 31;
};
const SIGNED_LOADS_X: readonly Transfer[] = [
  (m, a, offset) => signedLoad(m, a, m.view.getInt8(offset)),
  (m, a, offset) => signedLoad(m, a, m.view.getInt16(offset, true)),
  (m, a, offset) => signedLoad(m, a, m.view.getInt32(offset, true)),
];
const SIGNED_LOADS_W: readonly Transfer[] = [
  (m, a, offset) => setLow(m, a, m.view.getInt8(offset)),
  (m, a, offset) => setLow(m, a, m.view.getInt16(offset, true)),
];
const STORES: readonly Transfer[] = [
  (m, a, offset) => m.view.setInt8(offset, m.r[a]!),
  (m, a, offset) => m.view.setInt16(offset, m.r[a]!, true),
  (m, a, offset) => m.view.setInt32(offset, m.r[a]!, true),
  (m, a, offset) => {
    m.view.setInt32(offset, m.r[a]!, true);
    m.view.setInt32(offset + 4, m.r[a + 1]!, true);
  },
];

/** Adds a displacement to a 64-bit register. */
function advance(m: Machine, slot: number, displacement: number): void {
  const { r } = m;
  const low = (r[slot]! >>> 0) + displacement;
  r[slot] = low;
  r[slot + 1] = r[slot + 1]! + (low >= TWO32 ? 1 : low < 0 ? -1 : 0);
}

/** With SP as base, SP must be aligned to 16 bytes: Linux keeps that check on (SCTLR_EL1.SA0). */
function checkedSp(action: Action): Action {
  return (m, a, b, c, d) => {
    if ((m.r[SP_SLOT]! & 15) !== 0) m.trap('alignment', m.r[SP_SLOT]!, m.r[SP_SLOT + 1]!);
    action(m, a, b, c, d);
  };
}

interface Accesses {
  readonly offset: (site: Site) => Step;
  readonly unscaled: (site: Site) => Step;
  readonly post: (site: Site) => Step;
  readonly pre: (site: Site) => Step;
  readonly register: (site: Site) => Step;
}

/** The addressing modes over transfers by size. a: Rt, b: base, c: displacement or index register. */
function accesses(transfers: readonly Transfer[], store: boolean): Accesses {
  const place = store
    ? (m: Machine, base: number, displacement: number, size: number): number => m.atStore(m.r[base]!, m.r[base + 1]!, displacement, size)
    : (m: Machine, base: number, displacement: number, size: number): number => m.at(m.r[base]!, m.r[base + 1]!, displacement, size);
  const bySize = (make: (transfer: Transfer, bytes: number, scale: number) => Action): readonly Action[] =>
    transfers.map((transfer, size) => make(transfer, 2 ** size, size));
  const offset = bySize((transfer, bytes) => (m, a, b, c) => transfer(m, a, place(m, b, c, bytes)));
  const post = bySize((transfer, bytes) => (m, a, b, c) => {
    transfer(m, a, place(m, b, 0, bytes));
    advance(m, b, c);
  });
  const pre = bySize((transfer, bytes) => (m, a, b, c) => {
    transfer(m, a, place(m, b, c, bytes));
    advance(m, b, c);
  });
  // d: what an index is multiplied by.
  const unsignedIndex = bySize((transfer, bytes) => (m, a, b, c, d) => transfer(m, a, place(m, b, (m.r[c]! >>> 0) * d, bytes)));
  const signedIndex = bySize((transfer, bytes) => (m, a, b, c, d) => transfer(m, a, place(m, b, m.r[c]! * d, bytes)));
  const wideIndex = bySize((transfer, bytes) => (m, a, b, c, d) => {
    const { r } = m;
    shiftLeft64(m, r[c]!, r[c + 1]!, d);
    const low = (r[b]! >>> 0) + (m.lo >>> 0);
    const lo = low | 0;
    const hi = (r[b + 1]! + m.hi + (low >= TWO32 ? 1 : 0)) | 0;
    transfer(m, a, store ? m.atStore(lo, hi, 0, bytes) : m.at(lo, hi, 0, bytes));
  });
  const rt = (site: Site): number => (store ? source(site, 'Rt') : destination(site, 'Rt'));
  const based = (site: Site, action: Action, c: number, d = 0): Step => {
    const b = orSp(site, 'Rn');
    return [b === SP_SLOT ? checkedSp(action) : action, rt(site), b, c, d];
  };
  return {
    offset: (site) => based(site, offset[site.field('size')]!, site.field('imm12')),
    unscaled: (site) => based(site, offset[site.field('size')]!, site.field('imm9')),
    post: (site) => based(site, post[site.field('size')]!, site.field('imm9')),
    pre: (site) => based(site, pre[site.field('size')]!, site.field('imm9')),
    register: (site) => {
      const size = site.field('size');
      const scale = site.field('S') * size;
      const option = site.field('option');
      const c = source(site, 'Rm');
      if ((option & 3) === 3) return based(site, wideIndex[size]!, c, scale);
      return based(site, (option === 2 ? unsignedIndex : signedIndex)[size]!, c, 2 ** scale);
    },
  };
}

const STORE = accesses(STORES, true);
const LOAD = accesses(LOADS, false);
const LOAD_X = accesses(SIGNED_LOADS_X, false);
const LOAD_W = accesses(SIGNED_LOADS_W, false);

/** a, b: Rt, Rt2; c: base; d: displacement. */
function pair(store: boolean, when: 'offset' | 'post' | 'pre'): (site: Site) => Step {
  const make = (size: number): Action => {
    const transfer = (store ? STORES : LOADS)[size]!;
    const bytes = 2 ** size;
    return (m, a, b, c, d) => {
      const displacement = when === 'post' ? 0 : d;
      const at = store ? m.atStore(m.r[c]!, m.r[c + 1]!, displacement, 2 * bytes) : m.at(m.r[c]!, m.r[c + 1]!, displacement, 2 * bytes);
      transfer(m, a, at);
      transfer(m, b, at + bytes);
      if (when !== 'offset') advance(m, c, d);
    };
  };
  const actions = [make(2), make(3)];
  const register = store ? source : destination;
  return (site) => {
    const action = actions[site.field('sf')]!;
    const c = orSp(site, 'Rn');
    return [c === SP_SLOT ? checkedSp(action) : action, register(site, 'Rt'), register(site, 'Rt2'), c, site.field('imm7')];
  };
}

// Ordered, exclusive and atomic accesses fault unless their bytes lie within 16 aligned ones (FEAT_LSE2) [ArmARM UnalignedAccessFaults].
function placeAtomic(m: Machine, base: number, size: number, store: boolean): number {
  const lo = m.r[base]!;
  const hi = m.r[base + 1]!;
  const bytes = 1 << size;
  if ((lo & 15) + bytes > 16) m.trap('alignment', lo, hi);
  return store ? m.atStore(lo, hi, 0, bytes) : m.at(lo, hi, 0, bytes);
}

function ordered(store: boolean): (site: Site) => Step {
  const action: Action = (m, a, b, c) => (store ? STORES : LOADS)[c]!(m, a, placeAtomic(m, b, c, store));
  return (site) => atomicStep(site, action, store ? source(site, 'Rt') : destination(site, 'Rt'), site.field('size'));
}

function atomicStep(site: Site, action: Action, a: number, c: number, d = 0): Step {
  const b = orSp(site, 'Rn');
  return [b === SP_SLOT ? checkedSp(action) : action, a, b, c, d];
}

const loadExclusive: Action = (m, a, b, c) => {
  const at = placeAtomic(m, b, c, false);
  m.monitorSize = 1 << c;
  m.monitorLo = m.r[b]!;
  m.monitorHi = m.r[b + 1]!;
  LOADS[c]!(m, a, at);
};
// d: Rt | size << 8. The store happens only if this very address and size are monitored; the monitor is open afterwards.
const storeExclusive: Action = (m, a, b, _c, d) => {
  const size = d >> 8;
  const held = m.monitorSize === 1 << size && m.monitorLo === m.r[b]! && m.monitorHi === m.r[b + 1]!;
  if (held) STORES[size]!(m, d & 0xff, placeAtomic(m, b, size, true));
  m.monitorSize = 0;
  setLow(m, a, held ? 0 : 1);
};

/** a: Rt, b: base, c: Rs, d: size. */
function readModifyWrite(half: (old: number, operand: number) => number): (site: Site) => Step {
  return atomic((m, rs) => {
    m.lo = half(m.lo, m.r[rs]!);
    m.hi = half(m.hi, m.r[rs + 1]!);
  });
}

/** `modify` turns the old value in lo, hi into the new one. */
function atomic(modify: (m: Machine, rs: number) => void): (site: Site) => Step {
  const action: Action = (m, a, b, c, d) => {
    const at = placeAtomic(m, b, d, true);
    LOADS[d]!(m, TEMPORARY, at);
    const [oldLo, oldHi] = [m.r[TEMPORARY]!, m.r[TEMPORARY + 1]!];
    m.lo = oldLo;
    m.hi = oldHi;
    modify(m, c);
    m.r[TEMPORARY] = m.lo;
    m.r[TEMPORARY + 1] = m.hi;
    STORES[d]!(m, TEMPORARY, at);
    m.r[a] = oldLo;
    m.r[a + 1] = oldHi;
  };
  return (site) => atomicStep(site, action, destination(site, 'Rt'), source(site, 'Rs'), site.field('size'));
}

/** The sink serves as a register for values in flight: nothing reads it otherwise. */
const TEMPORARY = SINK_SLOT;

// a: Rs to write; c: Rs to read; d: Rt | size << 8.
const compareAndSwap: Action = (m, a, b, c, d) => {
  const size = d >> 8;
  const at = placeAtomic(m, b, size, true);
  const [wantLo, wantHi] = [m.r[c]!, m.r[c + 1]!];
  LOADS[size]!(m, TEMPORARY, at);
  const [oldLo, oldHi] = [m.r[TEMPORARY]!, m.r[TEMPORARY + 1]!];
  const mask = size === 0 ? 0xff : size === 1 ? 0xffff : -1;
  if (oldLo === (wantLo & mask) && (size < 3 || oldHi === wantHi)) STORES[size]!(m, d & 0xff, at);
  m.r[a] = oldLo;
  m.r[a + 1] = oldHi;
};

// ---- Branches. A target inside the code area is an index, anything else an address. ----

/** Steps of a branch: `near` gets the target's index in d, `far` its address in c and d; a and b are the form's own. */
function toLabel(site: Site, displacement: number, near: Action, far: Action, a = 0, b = 0): Step {
  const index = site.index + displacement / 4;
  if (index >= 0 && index < site.words) return [near, a, b, 0, index];
  const [lo, hi] = displaced(site, displacement);
  return [far, a, b, lo, hi];
}

function displaced(site: Site, displacement: number): [lo: number, hi: number] {
  const low = (site.pcLo >>> 0) + displacement;
  return [low | 0, (site.pcHi + Math.floor(low / TWO32)) | 0];
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

// ---- Constants and the rest. ----

const insertChunk: Action = (m, a, b, c, d) => {
  const { r } = m;
  const [lo, hi] = [r[b]!, r[b + 1]!];
  const mask = ~(0xffff << ((d & 1) << 4));
  const part = c << ((d & 1) << 4);
  r[a] = d < 2 ? (lo & mask) | part : lo;
  r[a + 1] = d < 2 ? hi : (hi & mask) | part;
};
const insertChunkW: Action = (m, a, b, c, d) => setLow(m, a, (m.r[b]! & ~(0xffff << (d << 4))) | (c << (d << 4)));

function moveWide(inverted: boolean): (site: Site) => Step {
  return (site) => {
    const hw = site.field('hw');
    const part = site.field('imm16') << ((hw & 1) << 4);
    const flip = inverted ? -1 : 0;
    const hi = site.field('sf') === 1 ? (hw < 2 ? 0 : part) ^ flip : 0;
    return [constant, destination(site, 'Rd'), 0, (hw < 2 ? part : 0) ^ flip, hi];
  };
}

const nothing: Action = () => {};
const none = (): Step => [nothing];

const undefinedWord: Action = (m, a) => {
  m.trapValue = a;
  m.trap('undefined', 0, 0);
};
const breakpoint: Action = (m, a) => {
  m.trapValue = a;
  m.trap('brk', 0, 0);
};

/** A word of no form. */
export function undefinedStep(word: number): Step {
  return [undefinedWord, word];
}

const page = (site: Site): [number, number] => {
  const [lo, hi] = displaced({ ...site, pcLo: site.pcLo & ~0xfff }, site.field('imm') * 4096);
  return [lo, hi];
};

export const SEMANTICS: Readonly<Record<FormName, (site: Site) => Step>> = {
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

  movz: moveWide(false),
  movn: moveWide(true),
  movk: (site) => [
    site.field('sf') === 1 ? insertChunk : insertChunkW,
    destination(site, 'Rd'),
    source(site, 'Rd'),
    site.field('imm16'),
    site.field('hw'),
  ],
  adr: (site) => [constant, destination(site, 'Rd'), 0, ...displaced(site, site.field('imm'))],
  adrp: (site) => [constant, destination(site, 'Rd'), 0, ...page(site)],

  sbfm: (site) => [
    site.field('sf') === 1 ? signedFieldX : signedFieldW,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    ...bitfieldShifts(site),
  ],
  bfm: (site) => {
    const [left, right] = bitfieldShifts(site);
    const action = site.field('sf') === 1 ? insertFieldX : insertFieldW;
    return [action, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rd'), left | (right << 6)];
  },
  ubfm: (site) => [
    site.field('sf') === 1 ? unsignedFieldX : unsignedFieldW,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    ...bitfieldShifts(site),
  ],
  extr: (site) => [
    site.field('sf') === 1 ? extractX : extractW,
    destination(site, 'Rd'),
    source(site, 'Rn'),
    source(site, 'Rm'),
    site.field('imms'),
  ],
  lslv: shiftByRegister(0),
  lsrv: shiftByRegister(1),
  asrv: shiftByRegister(2),
  rorv: shiftByRegister(3),
  rbit: fromOne(
    fromHalves(
      (_, hi) => reverseBits32(hi),
      (lo) => reverseBits32(lo),
    ),
    (m, a, b) => setLow(m, a, reverseBits32(m.r[b]!)),
  ),
  rev16: fromOne(
    fromHalves(
      (lo) => reverseBytes16s(lo),
      (_, hi) => reverseBytes16s(hi),
    ),
    (m, a, b) => setLow(m, a, reverseBytes16s(m.r[b]!)),
  ),
  rev: fromOne(
    fromHalves(
      (_, hi) => reverseBytes32(hi),
      (lo) => reverseBytes32(lo),
    ),
    (m, a, b) => setLow(m, a, reverseBytes32(m.r[b]!)),
  ),
  rev32: (site) => [
    fromHalves(
      (lo) => reverseBytes32(lo),
      (_, hi) => reverseBytes32(hi),
    ),
    destination(site, 'Rd'),
    source(site, 'Rn'),
  ],
  clz: fromOne(
    fromHalves(
      (lo, hi) => (hi === 0 ? 32 + Math.clz32(lo) : Math.clz32(hi)),
      () => 0,
    ),
    (m, a, b) => setLow(m, a, Math.clz32(m.r[b]!)),
  ),
  // Leading bits after the first that equal it: leading zeros of the value with every bit xored with the sign, minus one.
  cls: fromOne(
    fromHalves(
      (lo, hi) => {
        const sign = hi >> 31;
        return (hi === sign ? 32 + Math.clz32(lo ^ sign) : Math.clz32(hi ^ sign)) - 1;
      },
      () => 0,
    ),
    (m, a, b) => setLow(m, a, Math.clz32(m.r[b]! ^ (m.r[b]! >> 31)) - 1),
  ),

  madd: fromFour(multiplyAddX, multiplyAddW),
  msub: fromFour(multiplySubtractX, multiplySubtractW),
  smaddl: multiplyLong(true, false),
  smsubl: multiplyLong(true, true),
  umaddl: multiplyLong(false, false),
  umsubl: multiplyLong(false, true),
  smulh: (site) => [signedHigh, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rm')],
  umulh: (site) => [unsignedHigh, destination(site, 'Rd'), source(site, 'Rn'), source(site, 'Rm')],
  udiv: fromRegisters(divideX, divideW),
  sdiv: fromRegisters(divideSignedX, divideSignedW),

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

  strImm: STORE.offset,
  ldrImm: LOAD.offset,
  ldrsXImm: LOAD_X.offset,
  ldrsWImm: LOAD_W.offset,
  stur: STORE.unscaled,
  ldur: LOAD.unscaled,
  ldursX: LOAD_X.unscaled,
  ldursW: LOAD_W.unscaled,
  strPost: STORE.post,
  ldrPost: LOAD.post,
  ldrsXPost: LOAD_X.post,
  ldrsWPost: LOAD_W.post,
  strPre: STORE.pre,
  ldrPre: LOAD.pre,
  ldrsXPre: LOAD_X.pre,
  ldrsWPre: LOAD_W.pre,
  strReg: STORE.register,
  ldrReg: LOAD.register,
  ldrsXReg: LOAD_X.register,
  ldrsWReg: LOAD_W.register,
  stp: pair(true, 'offset'),
  ldp: pair(false, 'offset'),
  stpPost: pair(true, 'post'),
  ldpPost: pair(false, 'post'),
  stpPre: pair(true, 'pre'),
  ldpPre: pair(false, 'pre'),
  ldrLit: (site) => [
    site.field('sf') === 1 ? (m, a, _b, c, d) => LOADS[3]!(m, a, m.at(c, d, 0, 8)) : (m, a, _b, c, d) => LOADS[2]!(m, a, m.at(c, d, 0, 4)),
    destination(site, 'Rt'),
    0,
    ...displaced(site, site.field('imm19')),
  ],

  stlr: ordered(true),
  ldar: ordered(false),
  stxr: (site) => atomicStep(site, storeExclusive, destination(site, 'Rs'), 0, source(site, 'Rt') | (site.field('size') << 8)),
  stlxr: (site) => atomicStep(site, storeExclusive, destination(site, 'Rs'), 0, source(site, 'Rt') | (site.field('size') << 8)),
  ldxr: (site) => atomicStep(site, loadExclusive, destination(site, 'Rt'), site.field('size')),
  ldaxr: (site) => atomicStep(site, loadExclusive, destination(site, 'Rt'), site.field('size')),
  clrex: () => [
    (m) => {
      m.monitorSize = 0;
    },
  ],
  ldadd: atomic((m, rs) => {
    const low = (m.lo >>> 0) + (m.r[rs]! >>> 0);
    m.lo = low | 0;
    m.hi = (m.hi + m.r[rs + 1]! + (low >= TWO32 ? 1 : 0)) | 0;
  }),
  ldclr: readModifyWrite((old, operand) => old & ~operand),
  ldeor: readModifyWrite((old, operand) => old ^ operand),
  ldset: readModifyWrite((old, operand) => old | operand),
  swp: readModifyWrite((_, operand) => operand),
  cas: (site) =>
    atomicStep(site, compareAndSwap, destination(site, 'Rs'), source(site, 'Rs'), source(site, 'Rt') | (site.field('size') << 8)),
  dmb: none,
  dsb: none,
  isb: none,
  sb: none,

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

  nop: none,
  bti: none,
  paciasp: none,
  autiasp: none,
  brk: (site) => [breakpoint, site.field('imm16')],
  hlt: (site) => [undefinedWord, site.word],
  udf: (site) => [undefinedWord, site.word],
  mrsTpidr: (site) => [moveX, destination(site, 'Rt'), 0, THREAD_SLOT],
};
