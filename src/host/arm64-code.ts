// Collects arm64 words at a known address, with labels. The words come from the encoder.
import { enc } from '../jit/arm64/encode.ts';
import { assert } from '../util/error.ts';

/** A label: its offset once bound, and the words that wait for it. */
export interface Label {
  offset: number;
  readonly uses: { readonly at: number; readonly encode: (displacement: number) => number }[];
}

const SIZE = { 4: 2, 8: 3 } as const;
const X = 1;
const SP = 31;

/** Invariant: `at` + 4 * `words.length` is the address of the next instruction. */
export class Arm64Code {
  readonly at: number;
  readonly words: number[] = [];

  constructor(at: number) {
    this.at = at;
  }

  get offset(): number {
    return this.words.length * 4;
  }

  word(word: number): void {
    this.words.push(word);
  }

  label(): Label {
    return { offset: -1, uses: [] };
  }

  bind(label: Label): void {
    label.offset = this.offset;
    for (const { at, encode } of label.uses) this.words[at / 4] = encode(label.offset - at);
    label.uses.length = 0;
  }

  /** A branch or ADR to a label. */
  to(label: Label, encode: (displacement: number) => number): void {
    if (label.offset >= 0) this.word(encode(label.offset - this.offset));
    else {
      label.uses.push({ at: this.offset, encode });
      this.word(0);
    }
  }

  jump(label: Label): void {
    this.to(label, enc.b);
  }

  jumpIf(cond: number, label: Label): void {
    this.to(label, (displacement) => enc.bcond(cond, displacement));
  }

  /** A 64-bit value below 2^53. */
  moveImm(Rd: number, value: number): void {
    assert(value >= 0 && value < 2 ** 53, 'an address');
    let first = true;
    for (let hw = 0; hw < 4; hw++) {
      const half = Math.floor(value / 2 ** (16 * hw)) % 65_536;
      if (half === 0 && !(first && hw === 3)) continue;
      this.word(first ? enc.movz(X, Rd, half, hw) : enc.movk(X, Rd, half, hw));
      first = false;
    }
  }

  move(Rd: number, Rm: number): void {
    this.word(enc.orrReg(X, Rd, 31, Rm, 0, 0));
  }

  /** Clears the upper half. */
  move32(Rd: number, Rm: number): void {
    this.word(enc.orrReg(0, Rd, 31, Rm, 0, 0));
  }

  zero(Rd: number): void {
    this.word(enc.movz(X, Rd, 0, 0));
  }

  /** `scratch` holds offsets that do not fit the instruction. */
  load(bytes: 4 | 8, Rt: number, Rn: number, offset: number, scratch = -1): void {
    if (offset < 4096 * bytes && offset % bytes === 0) {
      this.word(enc.ldrImm(SIZE[bytes], Rt, Rn, offset));
    } else {
      assert(scratch >= 0, 'a far offset needs a scratch register');
      this.moveImm(scratch, offset);
      this.word(enc.ldrReg(SIZE[bytes], Rt, Rn, scratch, 3, 0));
    }
  }

  store(bytes: 4 | 8, Rt: number, Rn: number, offset: number, scratch = -1): void {
    if (offset < 4096 * bytes && offset % bytes === 0) {
      this.word(enc.strImm(SIZE[bytes], Rt, Rn, offset));
    } else {
      assert(scratch >= 0, 'a far offset needs a scratch register');
      this.moveImm(scratch, offset);
      this.word(enc.strReg(SIZE[bytes], Rt, Rn, scratch, 3, 0));
    }
  }

  /** Rd = Rn + value; value needs `scratch` unless it is small. */
  add(Rd: number, Rn: number, value: number, scratch = -1): void {
    if (value < 4096) this.word(enc.addImm(X, Rd, Rn, value, 0));
    else {
      assert(scratch >= 0 && Rn !== SP, 'a far offset needs a scratch register');
      this.moveImm(scratch, value);
      this.word(enc.addReg(X, Rd, Rn, scratch, 0, 0));
    }
  }

  /** Direct where the target is in reach, else through `scratch`. */
  call(target: number, scratch: number): void {
    const displacement = target - (this.at + this.offset);
    if (Math.abs(displacement) < 2 ** 27 - 4) this.word(enc.bl(displacement));
    else {
      this.moveImm(scratch, target);
      this.word(enc.blr(scratch));
    }
  }

  jumpTo(target: number): void {
    this.word(enc.b(target - (this.at + this.offset)));
  }

  finish(): Uint8Array {
    return new Uint8Array(Int32Array.from(this.words).buffer);
  }
}
