// Finds the functions of an object: where each one's code lies, which of them can be attached, what BTF says of each.
import type { BtfExt, CoreRelocation, FunctionInfo } from '../btf/ext.ts';
import type { Btf, TypeId } from '../btf/types.ts';
import { type ElfFile, type ElfSection, type ElfSymbol, holdsCode, inSection, STB, STT } from '../elf/read.ts';
import { fromBigEndian, SLOT_BYTES } from '../isa/codec.ts';
import { oldSectionKind, type SectionKind, sectionKind } from '../spec/programs.ts';
import { BpfError, type Position, type SourcePosition } from '../util/error.ts';
import type { FunctionLine, FunctionSpec, ProgramSpec } from './spec.ts';

/** A function without what needs the whole object: its references and callbacks. */
export interface FoundFunction extends Omit<FunctionSpec, 'references' | 'exceptionCallback'> {
  /** Index of its section. */
  readonly sectionIndex: number;
}

/** Where the static subprograms go; nothing in it is attached as long as there is another section with code. */
const SUBPROGRAM_SECTION = '.text';

/** All functions, by section, then by offset: none overlaps another. Code that no symbol covers is that of overridden weak functions. */
export function findFunctions(elf: ElfFile, btf: Btf | undefined, ext: BtfExt | undefined): readonly FoundFunction[] {
  const bySection = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    const symbols = bySection.get(symbol.section);
    if (symbols === undefined) bySection.set(symbol.section, [symbol]);
    else symbols.push(symbol);
  }
  return elf.sections.filter(holdsCode).flatMap((section) => functionsOf(elf, section, bySection.get(section.index) ?? [], btf, ext));
}

function functionsOf(
  elf: ElfFile,
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  btf: Btf | undefined,
  ext: BtfExt | undefined,
): readonly FoundFunction[] {
  const code = elf.littleEndian ? section.data : fromBigEndian(section.data);
  const types = rowsByOffset(ext?.functions.get(section.name) ?? []);
  const lines = inOrder(ext?.lines.get(section.name) ?? []);
  const relocations = inOrder(ext?.relocations.get(section.name) ?? []);
  const starts = startsIn(section, symbols);
  return starts.map(({ name, offset, size, linkage }, i) => {
    const next = starts[i + 1]?.offset ?? section.size;
    const end = size === 0 ? next : offset + size;
    const refuse = (message: string): never => {
      throw new BpfError('object/bad-function', { ...inSection(elf.path, section), offset }, `function ${name} ${message}`);
    };
    if (offset % SLOT_BYTES !== 0 || end % SLOT_BYTES !== 0) refuse(`has bytes ${offset} to ${end}, not whole slots of ${SLOT_BYTES}`);
    if (offset >= end || end > section.size) refuse(`has bytes ${offset} to ${end}, section ${section.name} has ${section.size}`);
    if (end > next) refuse(`has bytes ${offset} to ${end}, but ${starts[i + 1]?.name} starts at ${next}`);
    const slotOf = (row: { readonly offset: number }): number => (row.offset - offset) / SLOT_BYTES;
    return {
      name,
      section: section.name,
      sectionIndex: section.index,
      offset,
      linkage,
      bytes: code.subarray(offset, end),
      lines: within(lines, offset, end).map((row): FunctionLine => {
        const { file, line, column, text } = row;
        return { slot: Math.floor(slotOf(row)), file, line, column, text };
      }),
      relocations: within(relocations, offset, end).map((row): CoreRelocation & { slot: number } => {
        if (row.offset % SLOT_BYTES !== 0) refuse(`has a CO-RE relocation at byte ${row.offset}, in the middle of a slot`);
        return { ...row, slot: slotOf(row) };
      }),
      type: functionType(btf, types.get(offset)),
    };
  });
}

interface Start {
  readonly name: string;
  readonly offset: number;
  /** 0: up to the next. */
  readonly size: number;
  readonly linkage: FunctionSpec['linkage'];
}

/**
 * Function symbols sorted by offset, one for each place. Old compilers gave global functions no type; code without any symbol is one
 * function with the section's name.
 */
function startsIn(section: ElfSection, symbols: readonly ElfSymbol[]): readonly Start[] {
  let found = symbols.filter((symbol) => symbol.type === STT.func);
  if (found.length === 0)
    found = symbols.filter((symbol) => symbol.type === STT.noType && symbol.binding === STB.global && symbol.name !== '');
  if (found.length === 0) return [{ name: section.name, offset: 0, size: 0, linkage: 'global' }];
  const byOffset = new Map<number, ElfSymbol>();
  for (const symbol of found) {
    const other = byOffset.get(symbol.value);
    if (other === undefined || (other.binding === STB.local && symbol.binding !== STB.local)) byOffset.set(symbol.value, symbol);
  }
  return [...byOffset.values()]
    .sort((a, b) => a.value - b.value)
    .map((symbol) => ({
      name: symbol.name,
      offset: symbol.value,
      size: symbol.size,
      linkage: symbol.binding === STB.local ? 'static' : symbol.binding === STB.weak ? 'weak' : 'global',
    }));
}

function functionType(btf: Btf | undefined, info: FunctionInfo | undefined): TypeId {
  return info !== undefined && btf?.types[info.type]?.kind === 'func' ? info.type : 0;
}

/**
 * Which functions are programs: those outside `.text`; those of `.text` where there is no other code. A static one only if its section
 * names a type of program and nothing calls it: what only an initial value of a program array names, as in Cilium. Cilium's loader takes
 * it for a program, libbpf 1.x refuses the object.
 */
export function findPrograms(functions: readonly FunctionSpec[]): readonly ProgramSpec[] {
  const called = new Set(
    functions.flatMap(({ references }) =>
      references.flatMap((reference) => (reference.kind === 'call' || reference.kind === 'function' ? [reference.function] : [])),
    ),
  );
  const isProgram = (found: FunctionSpec, index: number): boolean =>
    found.section !== SUBPROGRAM_SECTION &&
    (found.linkage !== 'static' || (!called.has(index) && kindOf(withoutMark(found.section)) !== undefined));
  const onlyText = !functions.some((found) => found.section !== SUBPROGRAM_SECTION);
  const programs: ProgramSpec[] = [];
  functions.forEach((found, index) => {
    if (onlyText ? found.linkage === 'static' : !isProgram(found, index)) return;
    const autoload = !found.section.startsWith('?');
    const section = withoutMark(found.section);
    const known = kindOf(section);
    programs.push({
      name: found.name,
      section,
      function: index,
      type: known?.kind.type ?? 'raw',
      attach: known?.kind.attach,
      attachTo: known?.attachTo ?? '',
      sleepable: known?.kind.sleepable ?? false,
      autoload,
    });
  });
  return programs;
}

/** `?` before a section's name: not to be loaded unless asked for. */
function withoutMark(section: string): string {
  return section.startsWith('?') ? section.slice(1) : section;
}

function kindOf(section: string): ReturnType<typeof sectionKind> {
  const old = (kind: SectionKind | undefined) => (kind === undefined ? undefined : { kind, attachTo: '' });
  return sectionKind(section) ?? old(oldSectionKind(section));
}

/** The line of C that the slot came from. */
export function sourceAt(lines: readonly FunctionLine[], slot: number): SourcePosition | undefined {
  let found: FunctionLine | undefined;
  for (const line of lines) {
    if (line.slot > slot) break;
    found = line;
  }
  if (found === undefined) return undefined;
  const { slot: _, ...source } = found;
  return source;
}

/** Where a message about a function's instruction points: slots count from the function's start. */
export function instructionPosition(found: { readonly name: string; readonly lines: readonly FunctionLine[] }, slot: number): Position {
  const source = sourceAt(found.lines, slot);
  return { in: 'program', program: found.name, slot, ...(source === undefined ? {} : { source }) };
}

function rowsByOffset<Row extends { readonly offset: number }>(rows: readonly Row[]): ReadonlyMap<number, Row> {
  return new Map(rows.map((row) => [row.offset, row]));
}

function inOrder<Row extends { readonly offset: number }>(rows: readonly Row[]): readonly Row[] {
  return [...rows].sort((a, b) => a.offset - b.offset);
}

/** The rows with `start <= offset < end` of rows sorted by offset. */
function within<Row extends { readonly offset: number }>(rows: readonly Row[], start: number, end: number): readonly Row[] {
  return rows.slice(firstAt(rows, start), firstAt(rows, end));
}

/** Index of the first row at `offset` or after, by bisection. */
function firstAt(rows: readonly { readonly offset: number }[], offset: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
