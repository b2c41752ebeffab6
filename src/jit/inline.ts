// Calls of bpf_map_lookup_elem where the map is known: targets write an array's in place and call the routine of another directly.
import { KIND } from '../isa/code.ts';
import { type Facts, HOLDS, type Walker } from '../program/facts.ts';
import type { Program } from '../program/program.ts';
import { HELPER_LOOKUP } from '../spec/helper-ids.ts';
import { lookupRoutine } from '../spec/maps.ts';
import type { Plan } from './plan.ts';
import type { CompileOptions } from './target.ts';
import type { SymbolRef } from './unit.ts';

const ARRAY_MAP = 2;

/** Per slot: 1 where the call is written in place; R1 holds the map there. `routines` gets the others, by slot. */
export function findInlined(
  program: Program,
  facts: Facts,
  plan: Plan,
  walker: Walker,
  options: CompileOptions,
  routines: Map<number, SymbolRef>,
): Uint8Array {
  const { code } = program;
  const { starts, blocks } = facts.flow;
  const found = new Uint8Array(code.slots);
  if (options.noInline?.has(HELPER_LOOKUP) === true || program.maps.length === 0) return found;
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
        else if (map !== undefined && options.routines === true) {
          const name = lookupRoutine(map);
          if (name !== undefined) routines.set(slot, { kind: 'routine', name });
        }
      }
      if (entered) walker.step(slot);
    }
  }
  return found;
}
