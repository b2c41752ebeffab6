// The helpers and kernel functions of an object: the runtime's own, and those that the embedder puts in their place.

import { POISON } from '../btf/patch.ts';
import { KIND } from '../isa/code.ts';
import { sourceAt } from '../program/lines.ts';
import type { Program } from '../program/program.ts';
import { helperLabel } from '../spec/helpers.ts';
import { BpfError } from '../util/error.ts';
import { ALL_HELPERS, ALL_KFUNCS } from './all-helpers.ts';
import { toHelper } from './helpers.ts';
import type { EmbedderHelper, Home } from './home.ts';
import type { LoadOptions } from './options.ts';
import { ROUTINE_HELPERS } from './routines.ts';

export function supplyHelpers(home: Home, { helpers, kfuncs }: LoadOptions): void {
  for (const [id, implementation] of Object.entries(ALL_HELPERS)) home.helpers.set(Number(id), toHelper(home, implementation));
  for (const [name, implementation] of Object.entries(ALL_KFUNCS)) home.kfuncs.set(name, toHelper(home, implementation));
  for (const [id, call] of Object.entries(helpers ?? {})) {
    home.helpers.set(Number(id), embed(call));
    if (ROUTINE_HELPERS.has(Number(id))) home.overridden.add(Number(id));
  }
  for (const [name, call] of Object.entries(kfuncs ?? {})) home.kfuncs.set(name, embed(call));
}

function embed(call: EmbedderHelper) {
  return ({ registers: r }: { readonly registers: BigUint64Array }): void => {
    r[0] = BigInt.asUintN(64, BigInt(call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!) ?? 0n));
  };
}

/** A helper that is missing is found when the object is loaded, not when a packet reaches it. */
export function checkCalls(home: Home, program: Program): void {
  const { code, kfuncs } = program;
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    const imm = code.imm[slot]!;
    let missing: string | undefined;
    // A relocation that found no target: reaching it stops the program.
    if (kind === KIND.callHelper && imm === POISON) continue;
    if (kind === KIND.callHelper && imm !== 12 && !ROUTINE_HELPERS.has(imm) && !home.helpers.has(imm)) missing = helperLabel(imm);
    if (kind === KIND.callKfunc && !home.kfuncs.has(kfuncs[imm]!)) missing = `kernel function ${kfuncs[imm]}`;
    if (missing === undefined) continue;
    const source = sourceAt(program, slot);
    const position = { in: 'program', program: program.name, slot, ...(source === undefined ? {} : { source }) } as const;
    throw new BpfError(
      'runtime/missing-helper',
      position,
      `${missing} is not available; an embedder can supply it as helpers: { ${imm}: ... }`,
    );
  }
}
