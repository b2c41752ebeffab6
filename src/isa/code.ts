// The decoded form of a program: one typed array per field, indexed by slot, overloaded encodings already told apart.
// `codec.ts` makes it from bytes and back; `instruction.ts` gives single instructions as a union for tools and people.

/** What an instruction is. Field use per kind is stated at each row; fields that a kind does not name are 0. */
export const KIND = {
  /** Second slot of an lddw: never executed, never a jump target. */
  second: 0,
  /** dst = dst OP (x ? src : imm); `op` ALU, `size` 32 or 64 (bits). `mov` and `neg` included (neg has no operand). */
  alu: 1,
  /** dst = sign-extend(src, `op` bits: 8, 16, 32) to `size` 32 or 64 bits. */
  movsx: 2,
  /** dst = byte swap; `op` SWAP, `size` 16, 32 or 64 bits. */
  swap: 3,
  /** dst = addr_space_cast(src); imm = (dst space << 16) | src space. */
  addrSpaceCast: 4,
  /** dst = *(size*)(src + offset); `size` in BYTES 1, 2, 4, 8; `op` 1: sign-extending to 64 bits. */
  load: 5,
  /** *(size*)(dst + offset) = x ? src : imm; `size` in bytes. */
  store: 6,
  /** Read-modify-write of *(size*)(dst + offset) with src; `op` ATOMIC; `size` 4 or 8 bytes; `x` 1: src (cmpxchg: R0) gets the old value. */
  atomic: 7,
  /** dst = load_acquire(size*)(src + offset), `size` in bytes. */
  loadAcquire: 8,
  /** store_release(size*)(dst + offset) = src, `size` in bytes. */
  storeRelease: 9,
  /** R0 = packet[(op 1: src +) imm], big-endian, `size` in bytes; beyond the packet the function returns 0. [RFC9669 5.5] */
  packetLoad: 10,
  /** dst = 64-bit immediate (hi:imm) as `op` PSEUDO says; two slots. `offset`: target slot for PSEUDO.func. */
  lddw: 11,
  /** goto `offset` (target slot); both ja and gotol (`size` 16 or 32: bits of the encoded offset). */
  jump: 12,
  /** if dst OP (x ? src : imm) goto `offset` (target slot); `op` COND, `size` 32 or 64 bits. */
  branch: 13,
  /** may_goto: like an unpredictable branch to `offset` (target slot) that is taken when the loop budget is used up. */
  mayGoto: 14,
  /** Call of helper `imm`. */
  callHelper: 15,
  /** Call of the subprogram at `offset` (target slot). */
  callLocal: 16,
  /** Call of kernel function `imm` (after linking: index into Program.kfuncs), `hi`: the module fd field (offset). */
  callKfunc: 17,
  /** Call through the code handle in dst. */
  callx: 18,
  exit: 19,
  /** Never comes from bytes: what verifiers refuse where it can be reached. Stops the program. */
  forbidden: 20,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Whether instructions of that kind call something. */
export function isCall(kind: number): boolean {
  return kind === KIND.callHelper || kind === KIND.callLocal || kind === KIND.callKfunc || kind === KIND.callx;
}

/** RFC9669 table 3, the code field for add to arsh; sdiv and smod (offset 1) get numbers of their own. */
export const ALU = {
  add: 0x0, sub: 0x1, mul: 0x2, div: 0x3, or: 0x4, and: 0x5, lsh: 0x6, rsh: 0x7,
  neg: 0x8, mod: 0x9, xor: 0xa, mov: 0xb, arsh: 0xc, sdiv: 0xd, smod: 0xe,
} as const; // biome-ignore format: a table
export type Alu = (typeof ALU)[keyof typeof ALU];

/** le: to little-endian (truncates), be: to big-endian, bswap: unconditional. [RFC9669 4.2] */
export const SWAP = { le: 0, be: 1, bswap: 2 } as const;

/** RFC9669 table 8, the code field. */
export const COND = {
  eq: 0x1, gt: 0x2, ge: 0x3, set: 0x4, ne: 0x5, sgt: 0x6, sge: 0x7, lt: 0xa, le: 0xb, slt: 0xc, sle: 0xd,
} as const; // biome-ignore format: a table

/** RFC9669 5.3, the immediate without the FETCH bit, for the simple ones the code of the ALU operation. */
export const ATOMIC = { add: 0x00, or: 0x40, and: 0x50, xor: 0xa0, xchg: 0xe0, cmpxchg: 0xf0 } as const;

/** The src field of lddw [RFC9669 5.4]. After linking: map, mapValue: imm = index into Program.maps, hi = offset into the value;
 * btfId: a kernel variable, whose address nobody here knows: engines load 0. */
export const PSEUDO = { none: 0, map: 1, mapValue: 2, btfId: 3, func: 4, mapIndex: 5, mapIndexValue: 6 } as const;

/**
 * Packet loads at negative places: from `network` (SKF_NET_OFF) on they count from the network header, below it from `link` (SKF_LL_OFF)
 * on from the packet's start; lower ones are outside. [uapi filter.h]
 */
export const PACKET_BASE = { network: -0x100000, link: -0x200000 } as const;

/** Instructions as arrays of `slots` entries. Immutable after decoding. */
export interface Code {
  readonly slots: number;
  readonly kind: Uint8Array;
  /** The kinds as they were decoded, where some are `forbidden` since then: for tools and people. */
  readonly written?: Uint8Array;
  readonly op: Uint8Array;
  readonly size: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  /** 1: the second operand is register `src` (BPF_X), 0: the immediate (BPF_K); atomics: 1 = fetch. */
  readonly x: Uint8Array;
  /** Bytes for memory accesses, absolute target slot for control flow. */
  readonly offset: Int32Array;
  readonly imm: Int32Array;
  /** Upper half of a 64-bit immediate. */
  readonly hi: Int32Array;
}
