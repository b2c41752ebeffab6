// The helpers and kernel functions of an object: the runtime's own, and those that the embedder puts in their place.
import { ALL_HELPERS, ALL_KFUNCS } from '../helpers/all-helpers.ts';
import { toHelper } from '../helpers/helpers.ts';
import type { EmbedderHelper, Home } from './home.ts';
import type { LoadOptions } from './options.ts';

export function supplyHelpers(home: Home, { helpers, kfuncs }: LoadOptions): void {
  for (const [id, implementation] of Object.entries(ALL_HELPERS)) home.helpers.set(Number(id), toHelper(home, implementation));
  for (const [name, implementation] of Object.entries(ALL_KFUNCS)) home.kfuncs.set(name, toHelper(home, implementation));
  for (const [id, call] of Object.entries(helpers ?? {})) {
    home.helpers.set(Number(id), embed(call));
    home.overridden.add(Number(id));
  }
  for (const [name, call] of Object.entries(kfuncs ?? {})) home.kfuncs.set(name, embed(call));
}

function embed(call: EmbedderHelper) {
  return ({ registers: r }: { readonly registers: BigUint64Array }): void => {
    r[0] = BigInt.asUintN(64, BigInt(call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!) ?? 0n));
  };
}
