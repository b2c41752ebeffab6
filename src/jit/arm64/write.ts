// The instruction of a pending value that is one machine instruction.
import { assert } from '../../util/error.ts';
import { enc } from './encode.ts';
import { V } from './kinds.ts';
import type { Values } from './values.ts';

/** The word that computes value n to register d. */
export function wordOf(v: Values, n: number, d: number): number {
  const sf = v.sf[n]!;
  const a = v.a[n]!;
  const b = v.b[n]!;
  const s = v.s[n]!;
  const amount = v.n[n]!;
  const lo = v.lo[n]!;
  const top = sf === 1 ? 63 : 31;
  switch (v.kind[n]) {
    case V.sbfx:
      return enc.sbfm(sf, d, a, s, s + amount - 1);
    case V.ubfiz: {
      const wide = s + amount > 32 ? 1 : 0;
      return enc.ubfm(wide, d, a, -s & (wide === 1 ? 63 : 31), amount - 1);
    }
    case V.sbfiz:
      return enc.sbfm(sf, d, a, -s & top, amount - 1);
    case V.extr:
      return enc.extr(sf, d, a, b, s);
    case V.andImm:
      return enc.andImm(sf, d, a, lo);
    case V.orrImm:
      return enc.orrImm(sf, d, a, lo);
    case V.eorImm:
      return enc.eorImm(sf, d, a, lo);
    case V.add:
      return enc.addReg(sf, d, a, b, s, amount);
    case V.sub:
      return enc.subReg(sf, d, a, b, s, amount);
    case V.and:
      return enc.andReg(sf, d, a, b, s, amount);
    case V.bic:
      return enc.bicReg(sf, d, a, b, s, amount);
    case V.orr:
      return enc.orrReg(sf, d, a, b, s, amount);
    case V.orn:
      return enc.ornReg(sf, d, a, b, s, amount);
    case V.eor:
      return enc.eorReg(sf, d, a, b, s, amount);
    case V.eon:
      return enc.eonReg(sf, d, a, b, s, amount);
    case V.addExt:
      return enc.addExt(sf, d, a, b, s, amount);
    case V.subExt:
      return enc.subExt(sf, d, a, b, s, amount);
    case V.madd:
      return enc.madd(sf, d, a, b, v.c[n]!);
    case V.msub:
      return enc.msub(sf, d, a, b, v.c[n]!);
    case V.umaddl:
      return enc.umaddl(d, a, b, v.c[n]!);
    case V.umsubl:
      return enc.umsubl(d, a, b, v.c[n]!);
    case V.smaddl:
      return enc.smaddl(d, a, b, v.c[n]!);
    case V.lslv:
      return enc.lslv(sf, d, a, b);
    case V.lsrv:
      return enc.lsrv(sf, d, a, b);
    case V.asrv:
      return enc.asrv(sf, d, a, b);
    case V.udiv:
      return enc.udiv(sf, d, a, b);
    case V.sdiv:
      return enc.sdiv(sf, d, a, b);
    case V.rev16:
      return enc.rev16(sf, d, a);
    case V.rev:
      return enc.rev(sf, d, a);
    default:
      assert(false, `value of kind ${v.kind[n]} has no place and no instruction`);
  }
}
