// The kinds of values that a block computes: see values.ts.

/** What a value is: `placed`, or an instruction. Operands in the order of the fields `a`, `b`, `c`. */
export const V = {
  placed: 0,
  /** hi:lo. */
  constant: 1,
  /** Of symbol number lo. */
  symbol: 2,
  /** R10 + lo, as a pointer. */
  frame: 3,
  /** Bits [s, s+n) of a, unsigned; signed: then cut to 32 bits unless sf. */
  ubfx: 4,
  sbfx: 5,
  /** The low n bits of a, shifted left by s. */
  ubfiz: 6,
  sbfiz: 7,
  /** Low half (or all) of a:b >> s. */
  extr: 8,
  /** a + lo, lo sign-extended. */
  addImm: 9,
  /** a op bitmask `lo`. */
  andImm: 10,
  orrImm: 11,
  eorImm: 12,
  /** a op (b shifted: type s, by n). Operation in this order: see `BINARY`. */
  add: 13,
  sub: 14,
  and: 15,
  bic: 16,
  orr: 17,
  orn: 18,
  eor: 19,
  eon: 20,
  /** a op (b extended: option s, shifted left by n). */
  addExt: 21,
  subExt: 22,
  /** c + a * b; c - a * b. */
  madd: 23,
  msub: 24,
  /** The same of 32-bit a and b, 64-bit c. */
  umaddl: 25,
  umsubl: 26,
  smaddl: 27,
  lslv: 28,
  lsrv: 29,
  asrv: 30,
  udiv: 31,
  sdiv: 32,
  rev16: 33,
  rev: 34,
  /** The n bytes at address a + lo, little-endian or (sf 1) big-endian, shifted left by s. Of slot hi. See `flushLoads`. */
  load: 35,
} as const;

/** No register. */
export const NONE = 255;
