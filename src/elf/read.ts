// Reads a relocatable ELF64 object for BPF, little- or big-endian: header, sections, symbols, relocations. Every offset, size, count
// and link of the file is checked here, so that what comes out can be trusted. [ELF]
import { ByteReader } from '../util/bytes.ts';
import { BpfError, type ErrorCode, type Position } from '../util/error.ts';
import { StringTable } from '../util/strings.ts';

/** sh_type [ELF "Section header"]. */
export const SHT = { null: 0, progbits: 1, symtab: 2, strtab: 3, rela: 4, nobits: 8, rel: 9 } as const;
/** sh_flags. */
export const SHF = { write: 1, alloc: 2, execInstr: 4 } as const;
/** Special section indexes of symbols. */
export const SHN = { undef: 0, loReserve: 0xff00, xindex: 0xffff } as const;
/** Symbol bindings. */
export const STB = { local: 0, global: 1, weak: 2 } as const;
/** Symbol types. */
export const STT = { noType: 0, object: 1, func: 2, section: 3, file: 4 } as const;
/** Relocation types of BPF, as clang emits them. [llvm_reloc] */
export const R_BPF = { none: 0, insn64: 1, abs64: 2, abs32: 3, nodyld32: 4, insn32: 10 } as const;

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Offset in the file, bytes. */
  readonly offset: number;
  /** Bytes in memory; `data` is empty for nobits. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  readonly visibility: number;
  /** Index of a section of the file, SHN.undef, or a reserved one from SHN.loReserve up. */
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

export interface ElfRelocation {
  /** Bytes into the section that is relocated. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
  /** RELA has it here; with REL (undefined) it stands in the field itself. */
  readonly addend: number | undefined;
}

export interface ElfFile {
  readonly path: string;
  readonly littleEndian: boolean;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

const EM_BPF = 247;
/** clang before 3.9 did not have a number yet. */
const EM_NONE = 0;
const ET_REL = 1;
const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const REL_BYTES = 16;
const RELA_BYTES = 24;

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** `wanted` any: kernels and modules are read for their BTF, whatever machine they are for. */
export function readElf(bytes: Uint8Array, path: string, wanted: 'bpfObject' | 'any' = 'bpfObject'): ElfFile {
  const refuse = (code: ErrorCode, offset: number, message: string): never => {
    throw new BpfError(code, { in: 'file', path, offset }, message);
  };
  if (!isElf(bytes)) {
    const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    refuse('elf/not-elf', 0, `an ELF file starts with 7f 45 4c 46, this one with ${start || 'nothing: it is empty'}`);
  }
  if (bytes.length < HEADER_BYTES)
    refuse('elf/truncated', bytes.length, `the ELF header has ${HEADER_BYTES} bytes, the file ${bytes.length}`);
  if (bytes[4] !== 2) refuse('elf/unsupported', 4, `BPF objects are 64-bit (class 2), this is class ${bytes[4]}`);
  if (bytes[5] !== 1 && bytes[5] !== 2) refuse('elf/unsupported', 5, `data encoding must be 1 (little) or 2 (big-endian), is ${bytes[5]}`);
  const littleEndian = bytes[5] === 1;
  const reader = new ByteReader(bytes, path, 'elf/truncated', littleEndian);

  const machine = reader.u16(18);
  if (wanted !== 'any' && machine !== EM_BPF && machine !== EM_NONE) {
    refuse('elf/wrong-machine', 18, `machine is ${machine}, BPF objects have ${EM_BPF}`);
  }
  const type = reader.u16(16);
  if (wanted !== 'any' && type !== ET_REL)
    refuse('elf/unsupported', 16, `a BPF object is relocatable (type ${ET_REL}), this file is type ${type}`);

  const sections = readSections(reader, path);
  return { path, littleEndian, sections, symbols: wanted === 'any' ? [] : readSymbols(reader, path, sections) };
}

function readSections(reader: ByteReader, path: string): readonly ElfSection[] {
  const tableOffset = reader.size64(40, 'e_shoff');
  const entrySize = reader.u16(58);
  let count = reader.u16(60);
  let namesIndex = reader.u16(62);
  if (tableOffset === 0) throw new BpfError('elf/no-sections', reader.at(40), 'the file has no section headers');
  if (entrySize !== SECTION_HEADER_BYTES) {
    throw new BpfError('elf/bad-header', reader.at(58), `a section header has ${SECTION_HEADER_BYTES} bytes, e_shentsize is ${entrySize}`);
  }
  // More sections than 16 bits can count: section 0 has the numbers. [ELF "ELF header"]
  if (count === 0) count = reader.size64(tableOffset + 32, 'the number of sections');
  if (namesIndex === SHN.xindex) namesIndex = reader.u32(tableOffset + 40, 'the index of the section names');
  reader.need(tableOffset, count * SECTION_HEADER_BYTES, `the table of ${count} section headers`);
  if (namesIndex >= count) {
    throw new BpfError('elf/bad-header', reader.at(62), `section names are in section ${namesIndex}, there are ${count} sections`);
  }

  const headers: Omit<ElfSection, 'name'>[] = [];
  const nameOffsets: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = tableOffset + index * SECTION_HEADER_BYTES;
    const type = reader.u32(at + 4);
    const offset = reader.size64(at + 24, `the offset of section ${index}`);
    const size = reader.size64(at + 32, `the size of section ${index}`);
    const hasData = type !== SHT.null && type !== SHT.nobits;
    nameOffsets.push(reader.u32(at));
    headers.push({
      index,
      type,
      flags: Number(reader.u64(at + 8) & 0xffffffffn),
      offset,
      size,
      link: reader.u32(at + 40),
      info: reader.u32(at + 44),
      entrySize: reader.size64(at + 56, `the entry size of section ${index}`),
      data: hasData ? reader.slice(offset, size, `section ${index}`) : new Uint8Array(0),
    });
  }
  const names = stringTable(headers, namesIndex, path, 'section names');
  return headers.map((header, index) => ({ ...header, name: names.at(nameOffsets[index]!, `section ${index}`) }));
}

function readSymbols(file: ByteReader, path: string, sections: readonly ElfSection[]): readonly ElfSymbol[] {
  const tables = sections.filter((section) => section.type === SHT.symtab);
  if (tables.length > 1) throw new BpfError('elf/bad-symbols', inSection(path, tables[1]!), 'the file has more than one symbol table');
  const table = tables[0];
  if (table === undefined) return [];
  checkEntries(path, table, SYMBOL_BYTES);
  const names = stringTable(sections, table.link, path, 'symbol names');
  const extended = sections.find((section) => section.type === SHT_SYMTAB_SHNDX && section.link === table.index);

  const reader = new ByteReader(table.data, path, 'elf/truncated', file.littleEndian, table.name);
  const symbols: ElfSymbol[] = [];
  for (let index = 0; index * SYMBOL_BYTES < table.size; index++) {
    const at = index * SYMBOL_BYTES;
    const info = reader.u8(at + 4);
    let section = reader.u16(at + 6);
    if (section === SHN.xindex && extended !== undefined) {
      section = new ByteReader(extended.data, path, 'elf/truncated', file.littleEndian, extended.name).u32(index * 4);
    } else if (section < SHN.loReserve && section >= sections.length) {
      throw new BpfError('elf/bad-symbols', reader.at(at + 6), `symbol ${index} is in section ${section}, there are ${sections.length}`);
    }
    const type = info & 15;
    const name = names.at(reader.u32(at), `symbol ${index}`);
    symbols.push({
      index,
      name: name === '' && type === STT.section ? (sections[section]?.name ?? '') : name,
      binding: info >> 4,
      type,
      visibility: reader.u8(at + 5) & 3,
      section,
      value: reader.size64(at + 8, `the value of symbol ${index}`),
      size: reader.size64(at + 16, `the size of symbol ${index}`),
    });
  }
  return symbols;
}
const SHT_SYMTAB_SHNDX = 18;

/** The sections that relocate `section`, in file order. */
export function relocationSections(elf: ElfFile, section: ElfSection): readonly ElfSection[] {
  return elf.sections.filter((other) => (other.type === SHT.rel || other.type === SHT.rela) && other.info === section.index);
}

/** What has to be put into `section`, sorted by offset. */
export function readRelocations(elf: ElfFile, section: ElfSection): readonly ElfRelocation[] {
  const relocations: ElfRelocation[] = [];
  for (const table of relocationSections(elf, section)) {
    const hasAddend = table.type === SHT.rela;
    const entryBytes = hasAddend ? RELA_BYTES : REL_BYTES;
    checkEntries(elf.path, table, entryBytes);
    const reader = new ByteReader(table.data, elf.path, 'elf/truncated', elf.littleEndian, table.name);
    for (let at = 0; at < table.size; at += entryBytes) {
      const info = reader.u64(at + 8);
      const symbolIndex = Number(info >> 32n);
      const symbol = elf.symbols[symbolIndex];
      if (symbol === undefined) {
        throw new BpfError('elf/bad-relocation', reader.at(at), `relocation names symbol ${symbolIndex}, there are ${elf.symbols.length}`);
      }
      const offset = reader.size64(at, 'the offset of a relocation');
      if (offset >= section.size) {
        throw new BpfError(
          'elf/bad-relocation',
          reader.at(at),
          `relocation of byte ${offset} of ${section.name}, which has ${section.size}`,
        );
      }
      const addend = hasAddend ? Number(BigInt.asIntN(64, reader.u64(at + 16))) : undefined;
      relocations.push({ offset, type: Number(info & 0xffffffffn), symbol, addend });
    }
  }
  return relocations.sort((a, b) => a.offset - b.offset);
}

/** Instructions stand there, as opposed to data, names or tables. */
export function holdsCode(section: ElfSection): boolean {
  return section.type === SHT.progbits && (section.flags & SHF.execInstr) !== 0 && section.size > 0;
}

export function inSection(path: string, section: { readonly name: string }): Position & { in: 'file' } {
  return { in: 'file', path, section: section.name };
}

function stringTable(sections: readonly Omit<ElfSection, 'name'>[], index: number, path: string, what: string): StringTable {
  const section = sections[index];
  const position: Position = { in: 'file', path, ...(section === undefined ? {} : { offset: section.offset }) };
  if (section?.type !== SHT.strtab) {
    throw new BpfError('elf/bad-string-table', position, `${what} should be in section ${index}, which is not a string table`);
  }
  return new StringTable(section.data, 'elf/bad-string-table', position);
}

function checkEntries(path: string, section: ElfSection, bytes: number): void {
  if (section.entrySize !== bytes || section.size % bytes !== 0) {
    const message = `entries have ${bytes} bytes, the section says ${section.entrySize} and has ${section.size} bytes in all`;
    throw new BpfError('elf/bad-entry-size', inSection(path, section), message);
  }
}
