// Helper calls that targets write in place: bpf_map_lookup_elem of an array that is known where it is called.
import { KIND } from '../isa/code.ts';
import { type Facts, HOLDS, type Walker } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import type { Plan } from './plan.ts';
import type { CompileOptions } from './target.ts';

const ARRAY_MAP = 2;
const HELPER_LOOKUP = 1;

/** Per slot: 1 where the call is written in place. R1 holds the map there. */
export function findInlined(program: Program, facts: Facts, plan: Plan, walker: Walker, options: CompileOptions): Uint8Array {
  const { code } = program;
  const { starts, blocks } = facts.flow;
  const found = new Uint8Array(code.slots);
  if (options.noInline?.has(HELPER_LOOKUP) === true || !program.maps.some((map) => map.type === ARRAY_MAP)) return found;
  for (let block = 0; block < blocks; block++) {
    if (plan.isNeeded[block] === 0) continue;
    const end = starts[block + 1]!;
    let entered = false;
    for (let slot = starts[block]!; slot < end; slot++) {
      if (code.kind[slot] === KIND.callHelper && code.imm[slot] === HELPER_LOOKUP) {
        if (!entered) {
          walker.enter(block);
          for (let before = starts[block]!; before < slot; before++) walker.step(before);
          entered = true;
        }
        const map = walker.holds[1] === HOLDS.map ? program.maps[walker.lo[1]!] : undefined;
        if (map !== undefined && map.type === ARRAY_MAP && map.keySize === 4) found[slot] = 1;
      }
      if (entered) walker.step(slot);
    }
  }
  return found;
}
