// .BTF.ext: what BTF says of instructions: functions, source lines, CO-RE relocations, by section and byte offset. [BTF "BTF.ext"]
import { ByteReader } from '../util/bytes.ts';
import { BpfError } from '../util/error.ts';
import type { Btf, TypeId } from './types.ts';

/** `offset`: bytes into the section, here and below. */
export interface FunctionInfo {
  readonly offset: number;
  readonly type: TypeId;
}

export interface LineInfo {
  readonly offset: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** By number of enum bpf_core_relo_kind [uapi bpf.h]. */
export const CORE_KINDS = [
  'fieldByteOffset', 'fieldByteSize', 'fieldExists', 'fieldSigned', 'fieldLeftShift', 'fieldRightShift',
  'typeIdLocal', 'typeIdTarget', 'typeExists', 'typeSize', 'enumeratorExists', 'enumeratorValue', 'typeMatches',
] as const; // biome-ignore format: a table
export type CoreKind = (typeof CORE_KINDS)[number];

export interface CoreRelocation {
  readonly offset: number;
  readonly type: TypeId;
  /** `0:1:2`: indexes and members on the way to the field, an enumerator's index, or `0` for a type. */
  readonly access: string;
  readonly kind: CoreKind;
}

/** By section name. */
export interface BtfExt {
  readonly functions: ReadonlyMap<string, readonly FunctionInfo[]>;
  readonly lines: ReadonlyMap<string, readonly LineInfo[]>;
  readonly relocations: ReadonlyMap<string, readonly CoreRelocation[]>;
}

const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;
const HEADER_BYTES_WITH_RELOCATIONS = 32;

export function parseBtfExt(bytes: Uint8Array, btf: Btf, path: string): BtfExt {
  const littleEndian = bytes[0] === (MAGIC & 0xff);
  const reader = new ByteReader(bytes, path, 'btf/truncated', littleEndian, '.BTF.ext');
  if (reader.u16(0, 'the header') !== MAGIC)
    throw new BpfError('btf/bad-magic', reader.at(0), `.BTF.ext starts with 0x${MAGIC.toString(16)}`);
  if (reader.u8(2) !== 1) throw new BpfError('btf/unsupported', reader.at(2), `.BTF.ext version ${reader.u8(2)}, 1 is known`);
  const headerBytes = reader.u32(4, 'the header');
  if (headerBytes < HEADER_BYTES)
    throw new BpfError('btf/bad-header', reader.at(4), `the header has at least ${HEADER_BYTES} bytes, says ${headerBytes}`);

  const functions = readTable(reader, headerBytes, 8, 8, btf, (at) => ({ offset: reader.u32(at), type: reader.u32(at + 4) }));
  const lines = readTable(reader, headerBytes, 16, 16, btf, (at) => {
    const lineAndColumn = reader.u32(at + 12);
    return {
      offset: reader.u32(at),
      file: btf.strings.at(reader.u32(at + 4), 'a source file'),
      text: btf.strings.at(reader.u32(at + 8), 'a source line'),
      line: lineAndColumn >>> 10,
      column: lineAndColumn & 0x3ff,
    };
  });
  if (headerBytes < HEADER_BYTES_WITH_RELOCATIONS) return { functions, lines, relocations: new Map() };
  const relocations = readTable(reader, headerBytes, 24, 16, btf, (at) => {
    const kind = CORE_KINDS[reader.u32(at + 12)];
    if (kind === undefined) {
      throw new BpfError(
        'btf/unknown-relocation',
        reader.at(at),
        `CO-RE relocation kind ${reader.u32(at + 12)}, 0 to ${CORE_KINDS.length - 1} are known`,
      );
    }
    return { offset: reader.u32(at), type: reader.u32(at + 4), access: btf.strings.at(reader.u32(at + 8), 'an access'), kind };
  });
  return { functions, lines, relocations };
}

/** The table that the header names at `field`: per section, records of at least `rowBytes`. */
function readTable<Row>(
  reader: ByteReader,
  headerBytes: number,
  field: number,
  rowBytes: number,
  btf: Btf,
  row: (at: number) => Row,
): ReadonlyMap<string, readonly Row[]> {
  const sections = new Map<string, Row[]>();
  const start = headerBytes + reader.u32(field, 'the header');
  const size = reader.u32(field + 4, 'the header');
  if (size === 0) return sections;
  reader.need(start, size, 'a table');
  const end = start + size;
  const stride = reader.u32(start, 'a record size');
  if (stride < rowBytes || stride % 4 !== 0) {
    throw new BpfError('btf/bad-header', reader.at(start), `records have at least ${rowBytes} bytes and a multiple of 4, these ${stride}`);
  }
  for (let at = start + 4; at < end; ) {
    if (at + 8 > end) throw new BpfError('btf/truncated', reader.at(at), `a section's records start with 8 bytes, ${end - at} are left`);
    const name = btf.strings.at(reader.u32(at), 'a section');
    const count = reader.u32(at + 4);
    at += 8;
    if (at + count * stride > end) {
      throw new BpfError('btf/truncated', reader.at(at), `${count} records of ${stride} bytes for ${name}, ${end - at} bytes are left`);
    }
    const rows = sections.get(name) ?? [];
    sections.set(name, rows);
    for (let i = 0; i < count; i++, at += stride) rows.push(row(at));
  }
  return sections;
}
