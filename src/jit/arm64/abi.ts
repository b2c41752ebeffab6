// Which machine register is what: the `bpf` calling convention on arm64, shared by lowered code, entry thunks and stubs.

/** Of R0 to R9. R6 to R9 survive calls; so do x23 to x28. */
export const HOME: Uint8Array = Uint8Array.of(0, 1, 2, 3, 4, 5, 19, 20, 21, 22);
/** Native address of R10. */
export const FRAME = 25;
/** Fuel slice (32 bits). */
export const FUEL = 26;
/** Activation block. */
export const ACTIVATION_REGISTER = 27;
/** Native address of pointer 0. */
export const WINDOW = 28;
/** R10 as a pointer, in functions that pass it on several times. */
export const FRAME_POINTER = 23;
/** Return address of an entry function that makes calls: its caller has saved all registers. */
export const RETURN_ADDRESS = 24;
/** Scratch registers for values and addresses, as a range. x15 to x17 belong to stubs and veneers. */
export const FIRST_SCRATCH = 6;
export const LAST_SCRATCH = 14;
/** R6 to R9 in a function that calls nothing: nobody's to save. */
export const LEAF_HOME: Uint8Array = Uint8Array.of(0, 1, 2, 3, 4, 5, 11, 12, 13, 14);
export const LAST_LEAF_SCRATCH = 10;
/** In stubs: what a stop hands over, where a fuel check goes on, and where the stub's address is loaded. */
export const STOP_SLOT = 16;
export const STOP_REASON = 17;
export const FUEL_RETURN = 17;
export const STUB = 15;
/** What bpf_throw goes on at: its place above the stack pointer that ACTIVATION.tailFrame holds. */
export const TAIL_FRAME_RESUME = 80;
