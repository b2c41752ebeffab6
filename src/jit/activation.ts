// The activation block: what running machine code knows of its run. Lies outside the window, one per activation; the pinned
// activation register points at it (x27 on arm64). Byte offsets; all fields 8 bytes, little-endian.

export const ACTIVATION = {
  /** Native stack pointer to restore when the program stops; set by the entry thunk. */
  savedStack: 0,
  /**
   * Address of the stub that ends the run. arm64: slot in w16, reason in w17, an address in the image (a return address) in x30. x64:
   * reason and such an address pushed on the native stack (8 bytes each), slot in r10d, activation in r11. Slot 0xffffffff: the address
   * says where.
   */
  stopStub: 8,
  /**
   * Address of the stub that a fuel check goes to when the slice is used up; returns or stops. arm64: slot in w16, return address in
   * x17; clobbers x15 to x17 and flags. x64: jumped to with slot in r10d, activation in r11, the return address on top of the stack;
   * clobbers r10, r11, xmm and flags, sets r9d.
   */
  fuelStub: 16,
  /** Fuel left beyond the slice that is in the fuel register (int64). */
  fuelTotal: 24,
  /** Tail calls made so far (uint32). */
  tailCalls: 32,
  /** How many of the stacks of tail calls callees have been given (uint32): out. */
  tailStacks: 36,
  /** Lowest native R10 that a call may still leave behind, for programs that check their depth. */
  stackLimit: 40,
  /** Table of the entries that tail calls reach, by program number; 0: not compiled. Its length (uint64) lies before it. */
  programs: 48,
  /** Native stack pointer of the innermost tail call that returns to a caller; 0: none. See `jit/tail-call.ts`. */
  tailFrame: 56,
  /** CPU id that helpers report (uint32). */
  cpu: 64,
  /** Out: STOP reason, slot, faulting pc (of other stops: a return address in the image) and address. */
  stopReason: 72,
  stopSlot: 80,
  faultPc: 88,
  faultAddress: 96,
  /** Native address of the top of the routines' stack. */
  routineStack: 104,
  /** Packet of the legacy loads: window offset, length (uint32 each). */
  packet: 112,
  packetLength: 120,
  /** Offset of its network header (uint32), for loads relative to it. */
  packetNetwork: 124,
  /** Free for the host. */
  host: 128,
} as const;
export const ACTIVATION_BYTES = 256;

/** Why a program stopped before its exit. */
export const STOP = {
  none: 0,
  fuel: 1,
  deadline: 2,
  aborted: 3,
  fault: 4,
  stack: 5,
  badCall: 6,
  helper: 7,
  unsupported: 8,
  unaligned: 9,
} as const;
