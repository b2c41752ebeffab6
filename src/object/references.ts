// What relocations mean: which function, map, variable or extern each instruction and each pointer in the data stands for.
import { type ElfFile, type ElfSection, type ElfSymbol, holdsCode, inSection, R_BPF, readRelocations, SHN } from '../elf/read.ts';
import { PSEUDO } from '../isa/code.ts';
import { SLOT_BYTES } from '../isa/codec.ts';
import { MAP_TYPE } from '../spec/map-types.ts';
import { BpfError } from '../util/error.ts';
import { ARENA_SECTION, type Externs } from './data.ts';
import { type FoundFunction, instructionPosition } from './functions.ts';
import { isLegacyMapSection, isMapOfMaps, MAPS_SECTION, type PlacedMap } from './maps.ts';
import type { DataPointer, FunctionIndex, MapElement, MapIndex, Reference } from './spec.ts';

/** Everything that a relocation can lead to. */
export interface Places {
  readonly elf: ElfFile;
  readonly functions: readonly FoundFunction[];
  readonly maps: readonly PlacedMap[];
  readonly externs: Externs;
  /** Of `.kconfig`. */
  readonly kconfigMap: MapIndex | undefined;
  /** By section, then by offset: functions in the order of their offsets, and maps that the source declares. */
  readonly functionsAt: ReadonlyMap<number, ReadonlyMap<number, FunctionIndex>>;
  readonly mapsAt: ReadonlyMap<number, ReadonlyMap<number, MapIndex>>;
  /** By section: maps of global data. */
  readonly dataAt: ReadonlyMap<number, readonly MapIndex[]>;
}

export function makePlaces(
  elf: ElfFile,
  functions: readonly FoundFunction[],
  maps: readonly PlacedMap[],
  externs: Externs,
  kconfigMap: MapIndex | undefined,
): Places {
  const functionsAt = new Map<number, Map<number, FunctionIndex>>();
  const mapsAt = new Map<number, Map<number, MapIndex>>();
  const dataAt = new Map<number, MapIndex[]>();
  functions.forEach(({ sectionIndex, offset }, index) => {
    inner(functionsAt, sectionIndex).set(offset, index);
  });
  maps.forEach(({ spec, section, offset }, index) => {
    if (spec.data === undefined) inner(mapsAt, section).set(offset, index);
    else dataAt.set(section, [...(dataAt.get(section) ?? []), index]);
  });
  return { elf, functions, maps, externs, kconfigMap, functionsAt, mapsAt, dataAt };
}

function inner(outer: Map<number, Map<number, number>>, key: number): Map<number, number> {
  const known = outer.get(key) ?? new Map<number, number>();
  outer.set(key, known);
  return known;
}

const LDDW = 0x18;
const CALL = 0x85;
const PSEUDO_CALL = 1;

/** For every function what its instructions stand for. */
export function findReferences(places: Places): readonly (readonly Reference[])[] {
  const { elf, functions } = places;
  const references: Reference[][] = functions.map(() => []);
  for (const [sectionIndex, byOffset] of places.functionsAt) {
    const section = elf.sections[sectionIndex]!;
    const relocations = readRelocations(elf, section).filter((relocation) => relocation.type !== R_BPF.none);
    let next = 0;
    for (const index of byOffset.values()) {
      const found = functions[index]!;
      const { bytes, offset: start } = found;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      // What lies between functions belongs to weak ones that were overridden.
      while (next < relocations.length && relocations[next]!.offset < start) next++;
      for (let at = 0; at < bytes.length; ) {
        const opcode = bytes[at]!;
        const wide = opcode === LDDW && at + 2 * SLOT_BYTES <= bytes.length;
        const end = at + (wide ? 2 : 1) * SLOT_BYTES;
        const instruction: Instruction = {
          slot: at / SLOT_BYTES,
          sectionSlot: (start + at) / SLOT_BYTES,
          opcode,
          wide,
          src: bytes[at + 1]! >> 4,
          imm: view.getInt32(at + 4, true),
          section,
          found,
        };
        let relocated = false;
        for (; next < relocations.length && relocations[next]!.offset < start + end; next++) {
          const { offset, symbol, addend } = relocations[next]!;
          if (relocated || offset !== start + at) {
            const error = bad(instruction, `byte ${offset} is relocated, which is not the start of an instruction, or a second time`);
            references[index]!.push({ slot: instruction.slot, kind: 'unresolved', error });
            continue;
          }
          relocated = true;
          references[index]!.push(orUnresolved(instruction, () => relocatedReference(places, instruction, symbol, addend)));
        }
        if (!relocated && isLocalReference(instruction)) {
          references[index]!.push(orUnresolved(instruction, () => localReference(places, instruction)));
        }
        at = end;
      }
    }
  }
  return references;
}

interface Instruction {
  /** In its function, in its section. */
  readonly slot: number;
  readonly sectionSlot: number;
  readonly opcode: number;
  /** It has the second slot that lddw needs. */
  readonly wide: boolean;
  readonly src: number;
  readonly imm: number;
  readonly section: ElfSection;
  /** The function that it belongs to. */
  readonly found: FoundFunction;
}

function relocatedReference(places: Places, instruction: Instruction, symbol: ElfSymbol, addend: number | undefined): Reference {
  const { slot, opcode, imm } = instruction;
  if (opcode !== CALL && opcode !== LDDW) {
    const hex = opcode.toString(16).padStart(2, '0');
    throw bad(instruction, `the address of ${symbol.name} is wanted in an instruction with opcode 0x${hex}, only lddw and call take one`);
  }
  if (opcode === LDDW && !instruction.wide) throw bad(instruction, 'lddw takes two slots, the function ends after the first');
  if (symbol.section === SHN.undef) return externReference(places, instruction, symbol);
  if (symbol.section >= SHN.loReserve) {
    throw bad(
      instruction,
      `${symbol.name} is in the special section 0x${symbol.section.toString(16)}: a variable that is not initialized?`,
    );
  }
  const target = places.elf.sections[symbol.section]!;
  if (opcode === CALL) {
    if (instruction.src !== PSEUDO_CALL) {
      throw bad(instruction, `call of ${symbol.name} with src ${instruction.src}, calls of functions have ${PSEUDO_CALL}`);
    }
    if (!holdsCode(target)) throw bad(instruction, `call of ${symbol.name} in ${target.name}, which holds no code`);
    // Calls of static functions name their section, and imm the distance in slots from its start. [llvm_reloc]
    const offset = symbol.value + (addend ?? (imm + 1) * SLOT_BYTES);
    return { slot, kind: 'call', function: functionAt(places, instruction, target.index, offset) };
  }
  const offset = symbol.value + (addend ?? imm);
  if (holdsCode(target)) return { slot, kind: 'function', function: functionAt(places, instruction, target.index, offset) };
  const place = placeAt(places, target.index, offset);
  if (place === undefined) {
    const message =
      target.name === MAPS_SECTION || isLegacyMapSection(target.name)
        ? 'where no map starts'
        : 'which is neither code, maps nor data that programs can reach';
    throw bad(instruction, `${symbol.name || 'a symbol'} is byte ${offset} of ${target.name}, ${message}`);
  }
  return place.kind === 'map' ? { slot, kind: 'map', map: place.map } : { slot, kind: 'mapValue', map: place.map, offset: place.offset };
}

function externReference(places: Places, instruction: Instruction, symbol: ElfSymbol): Reference {
  const index = places.externs.bySymbol.get(symbol.index);
  const extern = index === undefined ? undefined : places.externs.externs[index];
  if (index === undefined || extern === undefined) {
    const message = `${symbol.name} is not defined in this object, and it is not declared as __ksym or __kconfig`;
    throw bad(instruction, message, 'object/undefined-symbol');
  }
  const { slot, opcode } = instruction;
  if (opcode === CALL) {
    if (extern.kind === 'kfunc') return { slot, kind: 'kfunc', extern: index };
    throw bad(instruction, `call of ${symbol.name}, which is declared as a variable`);
  }
  if (extern.kind !== 'kconfig') return { slot, kind: 'ksym', extern: index };
  return { slot, kind: 'mapValue', map: places.kconfigMap!, offset: extern.offset };
}

/** What is wrong with one function must not keep the others from being used. */
function orUnresolved(instruction: Instruction, resolve: () => Reference): Reference {
  try {
    return resolve();
  } catch (error) {
    if (error instanceof BpfError) return { slot: instruction.slot, kind: 'unresolved', error };
    throw error;
  }
}

/** Calls within a section need no relocation. */
function isLocalReference({ opcode, wide, src }: Instruction): boolean {
  return (opcode === CALL && src === PSEUDO_CALL) || (opcode === LDDW && wide && src === PSEUDO.func);
}

function localReference(places: Places, instruction: Instruction): Reference {
  const { slot, opcode, imm } = instruction;
  const offset = (instruction.sectionSlot + 1 + imm) * SLOT_BYTES;
  const index = functionAt(places, instruction, instruction.section.index, offset);
  return { slot, kind: opcode === CALL ? 'call' : 'function', function: index };
}

function functionAt(places: Places, instruction: Instruction, section: number, offset: number): FunctionIndex {
  const index = places.functionsAt.get(section)?.get(offset);
  if (index === undefined) {
    throw bad(
      instruction,
      `byte ${offset} of ${places.elf.sections[section]!.name} is wanted, where no function starts`,
      'object/bad-call',
    );
  }
  return index;
}

type Place =
  | { readonly kind: 'map'; readonly map: MapIndex }
  | { readonly kind: 'mapValue'; readonly map: MapIndex; readonly offset: number };

/** The map that stands at this byte of the file, or the byte of a data map. The end of the data is a place, too. */
function placeAt(places: Places, section: number, offset: number): Place | undefined {
  if (places.elf.sections[section]!.name === ARENA_SECTION) {
    const arena = places.maps.findIndex((map) => map.spec.type === MAP_TYPE.arena);
    return arena < 0 ? undefined : { kind: 'mapValue', map: arena, offset };
  }
  const map = places.mapsAt.get(section)?.get(offset);
  if (map !== undefined) return { kind: 'map', map };
  for (const data of places.dataAt.get(section) ?? []) {
    const { offset: start, size } = places.maps[data]!;
    if (offset >= start && offset <= start + size) return { kind: 'mapValue', map: data, offset: offset - start };
  }
  return undefined;
}

/** Elements that a definition in `.maps` puts into a prog array or a map of maps. */
export function findElements(places: Places): readonly (readonly MapElement[])[] {
  const elements: MapElement[][] = places.maps.map(() => []);
  for (const section of places.mapsAt.keys()) {
    const definitions = places.elf.sections[section];
    if (definitions === undefined) continue;
    for (const { offset, type, symbol, addend } of readRelocations(places.elf, definitions)) {
      if (type === R_BPF.none) continue;
      const refuse = (message: string): BpfError =>
        new BpfError('object/bad-relocation', { ...inSection(places.elf.path, definitions), offset }, message);
      const index = places.maps.findIndex((map) => map.section === section && offset >= map.offset && offset < map.offset + map.size);
      const map = places.maps[index];
      const element = map?.valuesAt === undefined ? -1 : (offset - map.offset - map.valuesAt) / POINTER_BYTES;
      if (map === undefined || element < 0 || !Number.isInteger(element))
        throw refuse(`${symbol.name} at byte ${offset} is no element of a map`);
      const to = symbol.value + (addend ?? 0);
      if (isMapOfMaps(map.spec.type)) {
        const place = symbol.section < SHN.loReserve ? placeAt(places, symbol.section, to) : undefined;
        if (place?.kind !== 'map')
          throw refuse(`element ${element} of ${map.spec.name} is ${symbol.name}, which is not a map of this object`);
        elements[index]!.push({ index: element, kind: 'map', map: place.map });
      } else {
        const found = places.functionsAt.get(symbol.section)?.get(to);
        if (found === undefined)
          throw refuse(`element ${element} of ${map.spec.name} is ${symbol.name}, which is not a function of this object`);
        elements[index]!.push({ index: element, kind: 'program', function: found });
      }
    }
  }
  return elements;
}

/** Pointers in global data. Those that lead to nothing that a program can reach stay as the file has them. */
export function findPointers(places: Places): readonly (readonly DataPointer[])[] {
  return places.maps.map((map) => {
    const section = map.spec.data === undefined ? undefined : places.elf.sections[map.section];
    if (section === undefined) return [];
    const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
    const pointers: DataPointer[] = [];
    for (const relocation of readRelocations(places.elf, section)) {
      const { offset: at, type, symbol } = relocation;
      const inMap = at >= map.offset && at + POINTER_BYTES <= map.offset + map.size;
      if (!inMap || !(type === R_BPF.abs64 || type === R_BPF.insn64) || symbol.section === SHN.undef || symbol.section >= SHN.loReserve)
        continue;
      const addend =
        relocation.addend ?? (section.data.length >= at + POINTER_BYTES ? Number(view.getBigInt64(at, places.elf.littleEndian)) : 0);
      const offset = at - map.offset;
      const found = places.functionsAt.get(symbol.section)?.get(symbol.value + addend);
      if (found !== undefined) {
        pointers.push({ offset, kind: 'function', function: found });
        continue;
      }
      const place = placeAt(places, symbol.section, symbol.value + addend);
      if (place?.kind === 'map') pointers.push({ offset, kind: 'map', map: place.map });
      else if (place !== undefined) pointers.push({ offset, kind: 'mapValue', map: place.map, offsetInMap: place.offset });
    }
    return pointers;
  });
}
const POINTER_BYTES = 8;

function bad(
  instruction: Instruction,
  message: string,
  code: 'object/bad-relocation' | 'object/bad-call' | 'object/undefined-symbol' = 'object/bad-relocation',
): BpfError {
  return new BpfError(code, instructionPosition(instruction.found, instruction.slot), message);
}
