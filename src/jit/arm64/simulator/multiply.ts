// What multiplication and division do.

import { addWithCarry64 } from './arithmetic.ts';
import { multiplyHigh32, multiplyHigh64, subtract64 } from './halves.ts';
import {
  type Action,
  destination,
  fromFour,
  fromRegisters,
  type Meanings,
  type Site,
  type Step,
  setLow,
  setResult,
  source,
  TWO32,
} from './step.ts';

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

export const MULTIPLY: Meanings = {
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
};
