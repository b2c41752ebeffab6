// What moves of constants, bit fields, shifts and reversals do.
import {
  reverseBits32,
  reverseBytes16s,
  reverseBytes32,
  shift32,
  shift64,
  shiftLeft64,
  shiftRight64,
  shiftRightSigned64,
} from './halves.ts';
import {
  type Action,
  destination,
  displaced,
  fromOne,
  fromRegisters,
  type Meanings,
  type Site,
  type Step,
  setLow,
  setResult,
  source,
} from './step.ts';

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

const constant: Action = (m, a, _b, c, d) => {
  m.r[a] = c;
  m.r[a + 1] = d;
};

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

const page = (site: Site): [number, number] => {
  const [lo, hi] = displaced({ ...site, pcLo: site.pcLo & ~0xfff }, site.field('imm') * 4096);
  return [lo, hi];
};

export const BITS: Meanings = {
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
};
