// Limits of programs, as in the kernel.

/** Bytes of a frame of a program's stack. [Linux filter.h MAX_BPF_STACK] */
export const FRAME_BYTES = 512;
/** Frames of a program's stack, the entry function's included. [Linux bpf_verifier.h MAX_CALL_FRAMES] */
export const MAX_FRAMES = 8;
/** Tail calls of a run. [Linux bpf.h MAX_TAIL_CALL_CNT] */
export const TAIL_CALL_LIMIT = 33;
/** R0 after a tail call that failed: -ENOENT. */
export const TAIL_CALL_FAILED = -2;
