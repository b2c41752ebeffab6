// What each form does: for every row of the table a translation of a word into an action and its operands (step.ts).
//
// Authentication codes are not modelled: PACIASP and AUTIASP do nothing, RETAA is RET. Landing pads are not enforced, barriers do nothing (there is
// one thread). Constraints on registers whose violation is unpredictable (write-back to a loaded register) are not checked.
import { assert } from '../../../util/error.ts';
import { FORMS, type FormName } from '../forms.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { BITS } from './bits.ts';
import { BRANCH } from './branch.ts';
import { THREAD_SLOT } from './machine.ts';
import { MEMORY } from './memory.ts';
import { MULTIPLY } from './multiply.ts';
import { type Action, destination, type Meanings, moveX, type Site, type Step } from './step.ts';

const nothing: Action = () => {};
const none = (): Step => [nothing];

const undefinedWord: Action = (m, a) => {
  m.trapValue = a;
  m.trap('undefined', 0, 0);
};
const breakpoint: Action = (m, a) => {
  m.trapValue = a;
  m.trap('brk', 0, 0);
};

/** A word of no form. */
export function undefinedStep(word: number): Step {
  return [undefinedWord, word];
}

const REST: Meanings = {
  dmb: none,
  dsb: none,
  isb: none,
  sb: none,
  nop: none,
  bti: none,
  paciasp: none,
  autiasp: none,
  brk: (site) => [breakpoint, site.field('imm16')],
  hlt: (site) => [undefinedWord, site.word],
  udf: (site) => [undefinedWord, site.word],
  mrsTpidr: (site) => [moveX, destination(site, 'Rt'), 0, THREAD_SLOT],
};

const all: Meanings = { ...ARITHMETIC, ...BITS, ...MULTIPLY, ...MEMORY, ...BRANCH, ...REST };
for (const { name } of FORMS) assert(all[name] !== undefined, `the form ${name} has no meaning`);

export const MEANINGS: Readonly<Record<FormName, (site: Site) => Step>> = all as Required<Meanings>;
