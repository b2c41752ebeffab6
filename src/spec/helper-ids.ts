// The helpers that interpreter and compilers treat as instructions of their own, by number; helpers.ts has their prototypes. Apart from
// the table so that what needs a number does not load it.
export const HELPER_LOOKUP = 1;
export const HELPER_TAIL_CALL = 12;
export const HELPER_LOOP = 181;
