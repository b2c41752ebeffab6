// Global data as maps: one array map of one value for each data section, and `.kconfig` for what the kernel's configuration says.
import { alignOf, type Btf, type BtfType, findSection, resolve, sizeOf, type TypeId, typeById } from '../btf/types.ts';
import { type ElfFile, type ElfSection, type ElfSymbol, inSection, SHF, SHN, SHT, STB, STT } from '../elf/read.ts';
import { MAP_TYPE } from '../spec/map-types.ts';
import { MAP_FLAG } from '../spec/maps.ts';
import { BpfError } from '../util/error.ts';
import { PLAIN_MAP, type PlacedMap } from './maps.ts';
import type { DataSpec, ExternSpec, MapSpec, VariableSpec } from './spec.ts';

export const KCONFIG_SECTION = '.kconfig';
const KSYMS_SECTION = '.ksyms';
/** Global variables of an arena, the only address space besides the default one. */
export const ARENA_SECTION = '.addr_space.1';

const KEY_BYTES = 4;
/** Longest text of a configuration value that is accepted; the kernel's own end at 4096. */
const MAX_TEXT_BYTES = 1 << 16;

/** `.data`, `.rodata`, `.bss` and those with a further name; undefined: something else. */
function dataKind(section: ElfSection): 'data' | 'rodata' | 'bss' | undefined {
  const is = (name: string): boolean => section.name === name || section.name.startsWith(`${name}.`);
  if (section.type === SHT.nobits) return is('.bss') ? 'bss' : undefined;
  if (section.type !== SHT.progbits || (section.flags & SHF.execInstr) !== 0) return undefined;
  return is('.data') ? 'data' : is('.rodata') ? 'rodata' : undefined;
}

/** One map a section, in file order; empty sections have none. */
export function dataMaps(elf: ElfFile, btf: Btf | undefined): readonly PlacedMap[] {
  const placed: PlacedMap[] = [];
  for (const section of elf.sections) {
    const kind = dataKind(section);
    if (kind === undefined || section.size === 0) continue;
    if (section.size > 0xffffffff) {
      throw new BpfError(
        'object/data-too-large',
        inSection(elf.path, section),
        `${section.size} bytes, a map's value has at most 32 bits of them`,
      );
    }
    const variables = variablesOf(elf, btf, section);
    const spec = dataMap(section.name, section.size, variables, btf, {
      section: kind,
      initial: section.data,
      frozen: kind === 'rodata',
      variables,
      pointers: [],
    });
    placed.push({ spec, section: section.index, offset: 0, size: section.size, valuesAt: undefined });
  }
  return placed;
}

/** Variables in `.struct_ops` and the like: tables of functions that the kernel calls. One map a variable, to be shown only. */
export function structOpsMaps(elf: ElfFile, btf: Btf | undefined): readonly PlacedMap[] {
  const placed: PlacedMap[] = [];
  for (const section of elf.sections) {
    if (!/^\??\.struct_ops(\.link)?$/.test(section.name) || section.type !== SHT.progbits) continue;
    for (const { name, offset, size, type } of variablesOf(elf, btf, section)) {
      const spec: MapSpec = {
        ...PLAIN_MAP,
        name,
        type: MAP_TYPE.struct_ops,
        keySize: KEY_BYTES,
        valueSize: size,
        maxEntries: 1,
        flags: section.name.endsWith('.link') ? MAP_FLAG.link : 0,
        valueType: type,
        data: {
          section: 'structOps',
          initial: section.data.subarray(offset, offset + size),
          frozen: false,
          variables: [],
          pointers: [],
        },
      };
      placed.push({ spec, section: section.index, offset, size, valuesAt: undefined });
    }
  }
  return placed;
}

function dataMap(name: string, size: number, variables: readonly VariableSpec[], btf: Btf | undefined, data: DataSpec): MapSpec {
  const valueType = btf === undefined ? -1 : btf.types.findIndex((type) => type.kind === 'datasec' && type.name === name);
  // User space maps it only where there is a variable to be seen.
  const visible = valueType >= 0 && variables.some((variable) => variable.linkage !== 'static');
  return {
    ...PLAIN_MAP,
    name,
    type: MAP_TYPE.array,
    keySize: KEY_BYTES,
    valueSize: size,
    maxEntries: 1,
    flags: (data.frozen ? MAP_FLAG.readOnlyProgram : 0) | (visible ? MAP_FLAG.mmapable : 0),
    valueType: Math.max(0, valueType),
    data,
  };
}

/** Variables of a section by offset: from BTF, else from the symbols. Those that reach beyond the section are refused. */
function variablesOf(elf: ElfFile, btf: Btf | undefined, section: ElfSection): readonly VariableSpec[] {
  const known = btf === undefined ? undefined : findSection(btf, section.name);
  const variables: VariableSpec[] = [];
  if (btf !== undefined && known !== undefined) {
    const hidden = new Set(
      elf.symbols.filter((symbol) => symbol.section === section.index && isHidden(symbol)).map((symbol) => symbol.name),
    );
    for (const { type, offset, size } of known.variables) {
      const variable = typeById(btf, type);
      if (variable.kind !== 'var') continue;
      const linkage = hidden.has(variable.name) ? 'static' : variable.linkage;
      variables.push({ name: variable.name, offset, size, type: variable.type, linkage });
    }
  } else {
    for (const { section: at, type, name, value, size, binding } of elf.symbols) {
      if (at !== section.index || type !== STT.object) continue;
      variables.push({ name, offset: value, size, type: 0, linkage: binding === STB.local ? 'static' : 'global' });
    }
  }
  for (const { name, offset, size } of variables) {
    if (offset + size > section.size) {
      const message = `variable ${name} has bytes ${offset} to ${offset + size}, the section has ${section.size}`;
      throw new BpfError('object/bad-variable', { ...inSection(elf.path, section), offset }, message);
    }
  }
  return variables.sort((a, b) => a.offset - b.offset);
}

/** STV_INTERNAL or STV_HIDDEN: not to be seen from outside, whatever its binding. [ELF "Symbol visibility"] */
function isHidden({ visibility }: ElfSymbol): boolean {
  return visibility === 1 || visibility === 2;
}

/** Symbols that no section of the file defines. `bySymbol`: index into `externs` by the symbol's. */
export interface Externs {
  readonly externs: readonly ExternSpec[];
  readonly bySymbol: ReadonlyMap<number, number>;
  /** The map `.kconfig`, if there are such externs. */
  readonly kconfig: PlacedMap | undefined;
}

/** Only externs that BTF puts into `.kconfig` or `.ksyms` are kept: any other undefined symbol is an error where it is used. */
export function findExterns(elf: ElfFile, btf: Btf | undefined): Externs {
  const declared = new Map<string, { readonly kind: ExternSpec['kind']; readonly type: TypeId }>();
  const declarations = (section: string): void => {
    for (const { type } of (btf === undefined ? undefined : findSection(btf, section))?.variables ?? []) {
      const declaration = typeById(btf!, type);
      if (declaration.kind === 'func') declared.set(declaration.name, { kind: 'kfunc', type });
      else if (declaration.kind === 'var')
        declared.set(declaration.name, { kind: section === KCONFIG_SECTION ? 'kconfig' : 'ksym', type: declaration.type });
    }
  };
  declarations(KSYMS_SECTION);
  declarations(KCONFIG_SECTION);

  const externs: ExternSpec[] = [];
  const bySymbol = new Map<number, number>();
  for (const { index, section, name, binding } of elf.symbols) {
    const found = section === SHN.undef ? declared.get(name) : undefined;
    if (found === undefined) continue;
    bySymbol.set(index, externs.length);
    externs.push({ name, weak: binding === STB.weak, kind: found.kind, type: found.type, offset: 0 });
  }
  if (btf === undefined || !externs.some((extern) => extern.kind === 'kconfig')) return { externs, bySymbol, kconfig: undefined };
  const { size, offsets } = layOutKconfig(elf, btf, externs);
  const placed = externs.map((extern, i) => ({ ...extern, offset: offsets.get(i) ?? 0 }));
  const variables = placed
    .filter((extern) => extern.kind === 'kconfig')
    .map(({ name, offset, type }): VariableSpec => ({ name, offset, size: sizeOf(btf, type) ?? 0, type, linkage: 'extern' }))
    .sort((a, b) => a.offset - b.offset);
  const initial = kernelValues(size, variables, elf.littleEndian);
  const data: DataSpec = { section: 'kconfig', initial, frozen: true, variables, pointers: [] };
  const spec = dataMap(KCONFIG_SECTION, size, variables, btf, data);
  return { externs: placed, bySymbol, kconfig: { spec, section: -1, offset: 0, size, valuesAt: undefined } };
}

/**
 * What libbpf asks the running kernel, not its configuration: a recent x86-64 or arm64 one is supposed. Configuration values are 0,
 * "not set", until the caller sets them like other variables.
 */
const KERNEL_VALUES: Readonly<Record<string, bigint>> = {
  LINUX_KERNEL_VERSION: (6n << 16n) | (18n << 8n),
  LINUX_HAS_BPF_COOKIE: 1n,
  LINUX_HAS_SYSCALL_WRAPPER: 1n,
};

function kernelValues(size: number, variables: readonly VariableSpec[], littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const variable of variables) {
    const value = KERNEL_VALUES[variable.name];
    if (value === undefined) continue;
    for (let i = 0; i < variable.size && i < 8; i++) {
      const at = littleEndian ? i : variable.size - 1 - i;
      bytes[variable.offset + at] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }
  return bytes;
}

/** Offsets in `.kconfig` as libbpf gives them: by alignment, largest first, then by size, then by name. */
function layOutKconfig(elf: ElfFile, btf: Btf, externs: readonly ExternSpec[]): { size: number; offsets: ReadonlyMap<number, number> } {
  const rows = externs.flatMap((extern, index) => {
    if (extern.kind !== 'kconfig') return [];
    const type: BtfType = resolve(btf, extern.type);
    const size = sizeOf(btf, extern.type);
    // A struct or the like would have no value to give; damaged types say any size.
    const isValue = type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64' || type.kind === 'array';
    if (size === undefined || size === 0 || size > MAX_TEXT_BYTES || !isValue) {
      const position = { in: 'file', path: elf.path, section: KCONFIG_SECTION } as const;
      throw new BpfError(
        'object/bad-extern',
        position,
        `configuration value ${extern.name} is a ${type.kind}, should be a number or a string`,
      );
    }
    return [{ index, name: extern.name, size, align: alignOf(btf, extern.type) }];
  });
  rows.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  const offsets = new Map<number, number>();
  let end = 0;
  for (const { index, size, align } of rows) {
    const offset = Math.ceil(end / align) * align;
    offsets.set(index, offset);
    end = offset + size;
  }
  return { size: end, offsets };
}
