// Memory accesses: [r12 + index + displacement], where the index is a pointer with a clear upper half; [rbp + displacement] for what
// is known to be an address in the frame.
import { HOLDS } from '../../program/facts.ts';
import { FIRST_SCRATCH, FRAME, HOME, LAST_SCRATCH, WINDOW } from './abi.ts';
import { enc } from './encode.ts';
import { indexed } from './registers.ts';
import { P, type Values } from './values.ts';

const mov32 = enc['mov r32, r32'];
const lea32 = enc['lea r32, m'];

/** Bytes that displacements may lie beyond a pointer: far less than the guards around the window. */
const MAX_OFFSET = 0x10000;

const LOADS = [enc['movzx r32, m8'], enc['movzx r32, m16'], enc['mov r32, m32'], enc['mov r64, m64']] as const;
const SIGNED_LOADS = [enc['movsx r64, m8'], enc['movsx r64, m16'], enc['movsxd r64, m32']] as const;
const SIGNED_LOADS_32 = [enc['movsx r32, m8'], enc['movsx r32, m16'], enc['mov r32, m32']] as const;
const STORES = [enc['mov m8, r8'], enc['mov m16, r16'], enc['mov m32, r32'], enc['mov m64, r64']] as const;
const IMMEDIATES = [enc['mov m8, imm8'], enc['mov m16, imm16'], enc['mov m32, imm32'], enc['mov m64, simm32']] as const;

export class Memory {
  /** What `locate` found: see registers.ts. */
  mem = 0;
  displacement = 0;
  readonly #v: Values;
  readonly #confined: boolean;

  constructor(v: Values, confined: boolean) {
    this.#v = v;
    this.#confined = confined;
  }

  /** The bytes at pointer Rr + offset. `upper`: the upper half of Rr is read by this instruction or later. Pins a scratch register. */
  locate(r: number, offset: number, upper: boolean): void {
    const v = this.#v;
    const { walker } = v;
    if (walker.holds[r] === HOLDS.frame && walker.width[r]! <= 32 && Math.abs(walker.lo[r]! + offset) <= MAX_OFFSET) {
      this.mem = FRAME;
      this.displacement = walker.lo[r]! + offset;
      return;
    }
    if (v.kind[r] === P.constant && (this.#confined || v.hi[r] === 0)) {
      const address = (v.lo[r]! >>> 0) + offset;
      if (address < 2 ** 31) {
        this.mem = WINDOW;
        this.displacement = address;
        return;
      }
    }
    if (v.kind[r] === P.sum) {
      const b = v.base[r]!;
      const total = v.lo[r]! + offset;
      if ((this.#confined || v.wide[r] === 1 || v.isClean(b)) && this.#reach(b, total)) return;
      if (!upper) {
        v.wide[r] = 0;
        v.materialize(r);
        this.#direct(HOME[r]!, offset);
      } else this.#truncate(b, v.lo[r]!, offset);
      return;
    }
    if (v.kind[r] !== P.home) v.materialize(r);
    if (this.#reach(r, offset)) return;
    if (!upper && !this.#isBase(r)) {
      mov32(v.asm, HOME[r]!, HOME[r]!);
      v.clean |= 1 << r;
      this.#direct(HOME[r]!, offset);
    } else this.#truncate(r, 0, offset);
  }

  #direct(index: number, displacement: number): void {
    this.mem = indexed(WINDOW, index);
    this.displacement = displacement;
  }

  /** The home of b is an index as it is, or a scratch register is one near it. */
  #reach(b: number, total: number): boolean {
    const v = this.#v;
    if ((!this.#confined || v.isClean(b)) && Math.abs(total) <= MAX_OFFSET) {
      this.#direct(HOME[b]!, total);
      return true;
    }
    for (let m = FIRST_SCRATCH; m <= LAST_SCRATCH; m++) {
      if (v.cacheOf[m] !== b || Math.abs(total - v.cacheOffset[m]!) > MAX_OFFSET) continue;
      v.pinned |= 1 << m;
      this.#direct(m, total - v.cacheOffset[m]!);
      return true;
    }
    return false;
  }

  #truncate(b: number, near: number, offset: number): void {
    const v = this.#v;
    const m = v.scratch();
    if (near === 0) mov32(v.asm, m, HOME[b]!);
    else lea32(v.asm, m, HOME[b]!, near);
    v.cacheOf[m] = b;
    v.cacheOffset[m] = near;
    v.pinned |= 1 << m;
    this.#direct(m, offset);
  }

  /** A sum is computed from all bits of r. */
  #isBase(r: number): boolean {
    const v = this.#v;
    for (let q = 0; q < 10; q++) if (v.kind[q] === P.sum && v.base[q] === r && v.wide[q] === 1) return true;
    return false;
  }

  /** `size`: log2 of bytes. */
  load(size: number, isSigned: boolean, upper: boolean, m: number): void {
    const loads = isSigned ? (upper ? SIGNED_LOADS : SIGNED_LOADS_32) : LOADS;
    loads[size as 0]!(this.#v.asm, m, this.mem, this.displacement);
  }

  store(size: number, m: number): void {
    STORES[size as 0]!(this.#v.asm, this.mem, this.displacement, m);
  }

  /** The constant, sign-extended to the size. */
  storeImmediate(size: number, imm: number): void {
    const cut = size === 0 ? (imm << 24) >> 24 : size === 1 ? (imm << 16) >> 16 : imm;
    IMMEDIATES[size as 0]!(this.#v.asm, this.mem, this.displacement, cut);
  }
}
