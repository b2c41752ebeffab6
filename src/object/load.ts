// Object file to CollectionSpec: the sections one after the other, then what they say of each other.
import { type BtfExt, parseBtfExt } from '../btf/ext.ts';
import { type Btf, type BtfType, parseBtf } from '../btf/types.ts';
import { type ElfFile, type ElfSection, type ElfSymbol, inSection, isElf, readElf, SHN, SHT, STB } from '../elf/read.ts';
import { BpfError } from '../util/error.ts';
import { dataMaps, findExterns, structOpsMaps } from './data.ts';
import { type FoundFunction, findFunctions, findPrograms } from './functions.ts';
import { btfMaps, legacyMaps, type PlacedMap } from './maps.ts';
import { findElements, findPointers, findReferences, makePlaces, type Places } from './references.ts';
import type { CollectionSpec, FunctionIndex, FunctionSpec, MapSpec } from './spec.ts';

/** Reads an object that clang compiled for BPF. `path` names it in errors. */
export function load(bytes: Uint8Array, path: string): CollectionSpec {
  const elf = readElf(bytes, path);
  const btf = readBtf(elf);
  const ext = btf === undefined ? undefined : readBtfExt(elf, btf);

  const functions = findFunctions(elf, btf, ext);
  const externs = findExterns(elf, btf);
  const declared = [...btfMaps(elf, btf), ...legacyMaps(elf), ...dataMaps(elf, btf)];
  const kconfigMap = externs.kconfig === undefined ? undefined : declared.length;
  const maps = [...declared, ...(externs.kconfig === undefined ? [] : [externs.kconfig]), ...structOpsMaps(elf, btf)];
  const places = makePlaces(elf, functions, maps, externs, kconfigMap);
  const complete = completeFunctions(places, btf);

  return {
    path,
    littleEndian: elf.littleEndian,
    license: readLicense(elf),
    kernelVersion: readVersion(elf),
    programs: findPrograms(complete),
    functions: complete,
    maps: completeMaps(places),
    externs: externs.externs,
    btf,
  };
}

/** The types of a kernel: a raw BTF file like /sys/kernel/btf/vmlinux, or any ELF file with a section `.BTF`. */
export function loadBtf(bytes: Uint8Array, path: string): Btf {
  if (!isElf(bytes)) return parseBtf(bytes, path, 'BTF');
  const section = find(readElf(bytes, path, 'any'), '.BTF');
  if (section === undefined) throw new BpfError('object/no-btf', { in: 'file', path }, 'the file has no section .BTF');
  return parseBtf(section.data, path);
}

function completeFunctions(places: Places, btf: Btf | undefined): readonly FunctionSpec[] {
  const references = findReferences(places);
  const callbacks = exceptionCallbacks(places.functions, btf);
  return places.functions.map(({ sectionIndex: _, ...found }, index) => ({
    ...found,
    references: references[index]!,
    exceptionCallback: callbacks.get(index),
  }));
}

function completeMaps(places: Places): readonly MapSpec[] {
  const elements = findElements(places);
  const pointers = findPointers(places);
  return places.maps.map(({ spec }: PlacedMap, index): MapSpec => {
    const data = spec.data === undefined ? undefined : { ...spec.data, pointers: pointers[index]! };
    return { ...spec, elements: elements[index]!, data };
  });
}

/** `__exception_cb(NAME)` is the declaration tag `exception_callback:NAME` of a function. */
function exceptionCallbacks(functions: readonly FoundFunction[], btf: Btf | undefined): ReadonlyMap<FunctionIndex, FunctionIndex> {
  const callbacks = new Map<FunctionIndex, FunctionIndex>();
  const prefix = 'exception_callback:';
  for (const tag of btf?.types ?? []) {
    if (tag.kind !== 'declTag' || tag.component !== -1 || !tag.name.startsWith(prefix)) continue;
    const callback = functions.findIndex((found) => found.name === tag.name.slice(prefix.length));
    if (callback < 0) continue;
    functions.forEach((found, index) => {
      if (found.type === tag.type && index !== callback) callbacks.set(index, callback);
    });
  }
  return callbacks;
}

function readBtf(elf: ElfFile): Btf | undefined {
  const section = find(elf, '.BTF');
  return section === undefined ? undefined : placeVariables(elf, parseBtf(section.data, elf.path));
}

/**
 * clang leaves size 0 to sections and offset 0 to global variables in BTF: the symbols know better. Relocations of .BTF say the same,
 * but outlive tools that rewrite the section; libbpf does not look at them either.
 */
function placeVariables(elf: ElfFile, btf: Btf): Btf {
  const symbols = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) if (symbol.binding !== STB.local && symbol.section < SHN.loReserve) symbols.set(symbol.name, symbol);
  const types = btf.types.map((type): BtfType => {
    if (type.kind !== 'datasec' || type.size !== 0) return type;
    const section = elf.sections.find((other) => other.name === type.name);
    if (section === undefined) return type;
    const variables = type.variables.map((variable) => {
      const declaration = btf.types[variable.type]!;
      if (declaration.kind !== 'var' || declaration.linkage === 'static') return variable;
      const symbol = symbols.get(declaration.name);
      return symbol?.section === section.index ? { ...variable, offset: symbol.value } : variable;
    });
    return { ...type, size: section.size, variables };
  });
  return { ...btf, types };
}

function readBtfExt(elf: ElfFile, btf: Btf): BtfExt | undefined {
  const section = find(elf, '.BTF.ext');
  return section === undefined ? undefined : parseBtfExt(section.data, btf, elf.path);
}

function readLicense(elf: ElfFile): string {
  const section = find(elf, 'license');
  if (section === undefined) return '';
  const end = section.data.indexOf(0);
  return new TextDecoder().decode(section.data.subarray(0, end < 0 ? section.data.length : end));
}

function readVersion(elf: ElfFile): number | undefined {
  const section = find(elf, 'version');
  if (section === undefined) return undefined;
  if (section.data.length !== 4) {
    throw new BpfError('object/bad-version', inSection(elf.path, section), `a kernel version has 4 bytes, this ${section.data.length}`);
  }
  return new DataView(section.data.buffer, section.data.byteOffset).getUint32(0, elf.littleEndian);
}

function find(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name && section.type === SHT.progbits && section.size > 0);
}
