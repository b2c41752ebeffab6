// What the interpreter makes sure of before a program enters a routine: that keys, values and records are the program's to hand over.
import type { Caller } from '../../interpreter/machine.ts';
import { HELPER_LOOKUP } from '../../spec/helper-ids.ts';
import { mapOf, u32 } from '../helpers/helpers.ts';
import { reservedRecord } from '../helpers/helpers-maps.ts';
import type { Home } from '../object/home.ts';
import type { BpfMap } from './maps.ts';

/** By helper id: what a call reads and writes through its pointers. `map`: of argument 1. */
const CHECKS: Readonly<Record<number, (caller: Caller, map: BpfMap) => void>> = {
  1: key,
  2: (caller, map) => {
    key(caller, map);
    if (map.row.ofSockets !== true) caller.pointer(3, map.valueSize, false);
  },
  3: key,
  87: (caller, map) => void caller.pointer(2, map.valueSize, false),
  88: (caller, map) => void caller.pointer(2, map.valueSize, true),
  // A bloom filter is asked about a value, a queue gives one.
  89: (caller, map) => void caller.pointer(2, map.valueSize, map.row.kept !== 'bloom'),
  130: (caller) => void caller.pointer(2, u32(caller, 3), false),
  131: () => {},
  134: () => {},
  195: key,
};

function key(caller: Caller, map: BpfMap): void {
  caller.pointer(2, map.keySize, false);
}

/** bpf_ringbuf_submit and _discard have a record, no map. */
function enterRecord(home: Home, entry: number): (caller: Caller) => number {
  return (caller) => {
    reservedRecord(caller, home);
    // The program has no part in it any more.
    home.regions.changed();
    return entry;
  };
}

/** For `Callee.enter`: gives the slot of the routine for this kind of map. */
export function enterRoutine(home: Home, id: number, entry: number): (caller: Caller) => number {
  const check = CHECKS[id];
  if (check === undefined) return enterRecord(home, entry);
  return (caller) => {
    const map = mapOf(caller, home, 1);
    check(caller, map);
    return id === HELPER_LOOKUP ? map.lookupEntry : entry;
  };
}
