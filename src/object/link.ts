// Makes one program of the functions that it needs: appends them, fills in calls, map references and kernel functions, applies CO-RE
// relocations. The order of functions is libbpf's, so that slots are those that the kernel would report.
import { type CoreTarget, relocateCore } from '../btf/core.ts';
import { CALL_OPCODE, LDDW_OPCODE } from '../btf/patch.ts';
import type { Btf } from '../btf/types.ts';
import { PSEUDO } from '../isa/code.ts';
import { SLOT_BYTES } from '../isa/codec.ts';
import type { AttachType, ProgramType } from '../spec/programs.ts';
import { BpfError, type SourcePosition, unreachable } from '../util/error.ts';
import { instructionPosition } from './functions.ts';
import type { CollectionSpec, ExternSpec, FunctionIndex, FunctionSpec, MapIndex, ProgramSpec } from './spec.ts';

export interface LinkOptions {
  /** The BTF of the kernel whose layout structs shall have; without it the object's own. */
  readonly btf?: Btf | undefined;
  /** Where a symbol of the kernel is; undefined: not known, and a weak one is 0. */
  readonly ksym?: ((extern: ExternSpec) => KernelSymbol | undefined) | undefined;
}

/** An address, or a byte of a data map. */
export type KernelSymbol = bigint | { readonly map: MapIndex; readonly offset: number };

/** A program that stands on its own. Map references: src 1 or 2, imm = index into the collection's maps. */
export interface LinkedProgram {
  readonly name: string;
  readonly section: string;
  readonly type: ProgramType;
  readonly attach: AttachType | undefined;
  /** False: from a big-endian object, to be shown, not run. */
  readonly littleEndian: boolean;
  /** 8 bytes a slot, little-endian. */
  readonly bytes: Uint8Array;
  /** The entry first. */
  readonly subprograms: readonly LinkedFunction[];
  /** By slot. */
  readonly mapRefs: readonly { readonly slot: number; readonly map: MapIndex }[];
  readonly lines: readonly (SourcePosition & { readonly slot: number })[];
  readonly license: string;
  /** Kernel functions that are called: imm of the call is an index into them. */
  readonly kfuncs: readonly string[];
  /** Index into `subprograms`: what is called when the program throws. */
  readonly exceptionCallback: number | undefined;
  /** Slots that CO-RE found no target for: reaching one stops the program. */
  readonly poisoned: readonly number[];
}

/** Slots [start, end). */
export interface LinkedFunction {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly isGlobal: boolean;
  /** Its BTF type (a func), 0 if there is none. */
  readonly type: number;
}

/** Most slots that a program may have, as in the kernel (BPF_COMPLEXITY_LIMIT_INSNS). */
const MAX_SLOTS = 1_000_000;
/** Value of a kfunc call's src field. [uapi bpf.h] */
const PSEUDO_KFUNC = 2;

/** Links the program of that name, or the only one. */
export function link(collection: CollectionSpec, programName: string | undefined, options: LinkOptions = {}): LinkedProgram {
  const program = findProgram(collection, programName);
  const layout = layOut(collection, program);
  const target: CoreTarget | undefined =
    collection.btf === undefined ? undefined : { local: collection.btf, target: options.btf, littleEndian: collection.littleEndian };
  return fillIn(collection, program, layout, target, options.ksym);
}

export function findProgram(collection: CollectionSpec, name: string | undefined): ProgramSpec {
  const { programs, path } = collection;
  const names = programs.map((program) => program.name).join(', ') || 'none';
  const [only] = programs;
  if (name === undefined) {
    if (only !== undefined && programs.length === 1) return only;
    throw new BpfError('object/which-program', { in: 'file', path }, `which program? the object has ${programs.length}: ${names}`);
  }
  const found = programs.find((program) => program.name === name);
  if (found === undefined)
    throw new BpfError('object/no-such-program', { in: 'file', path }, `no program ${name}; the object has: ${names}`);
  return found;
}

interface Layout {
  /** In the order of their code. */
  readonly order: readonly FunctionIndex[];
  /** First slot by function. */
  readonly start: ReadonlyMap<FunctionIndex, number>;
  readonly slots: number;
}

/**
 * A function is appended when the first call of it is met, and its own calls are followed before those after it: the order in which
 * libbpf's recursion appends them. Iterative, since the depth is up to the file.
 */
function layOut(collection: CollectionSpec, program: ProgramSpec): Layout {
  const { functions } = collection;
  const order: FunctionIndex[] = [];
  const start = new Map<FunctionIndex, number>();
  let slots = 0;
  const work: { readonly found: FunctionSpec; next: number }[] = [];
  const append = (index: FunctionIndex): void => {
    const found = functions[index]!;
    order.push(index);
    start.set(index, slots);
    slots += found.bytes.length / SLOT_BYTES;
    if (slots > MAX_SLOTS) {
      throw new BpfError('object/too-large', { in: 'program', program: program.name }, `more than ${MAX_SLOTS} slots with its subprograms`);
    }
    work.push({ found, next: 0 });
  };
  const follow = (): void => {
    while (work.length > 0) {
      const top = work[work.length - 1]!;
      const reference = top.found.references[top.next++];
      if (reference === undefined) work.pop();
      else if (reference.kind === 'unresolved') throw reference.error;
      else if ((reference.kind === 'call' || reference.kind === 'function') && !start.has(reference.function)) append(reference.function);
    }
  };
  append(program.function);
  follow();
  const callback = functions[program.function]!.exceptionCallback;
  if (callback !== undefined && !start.has(callback)) {
    append(callback);
    follow();
  }
  return { order, start, slots };
}

function fillIn(
  collection: CollectionSpec,
  program: ProgramSpec,
  layout: Layout,
  target: CoreTarget | undefined,
  ksym: LinkOptions['ksym'],
): LinkedProgram {
  const bytes = new Uint8Array(layout.slots * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  const subprograms: LinkedFunction[] = [];
  const mapRefs: { slot: number; map: MapIndex }[] = [];
  const lines: (SourcePosition & { slot: number })[] = [];
  const kfuncs = new Map<string, number>();
  const poisoned: number[] = [];

  for (const index of layout.order) {
    const found = collection.functions[index]!;
    const start = layout.start.get(index)!;
    const code = bytes.subarray(start * SLOT_BYTES, start * SLOT_BYTES + found.bytes.length);
    code.set(found.bytes);
    subprograms.push({
      name: found.name,
      start,
      end: start + code.length / SLOT_BYTES,
      isGlobal: found.linkage !== 'static',
      type: found.type,
    });
    for (const { slot, ...source } of found.lines) lines.push({ slot: start + slot, ...source });
    if (target !== undefined) {
      for (const relocation of found.relocations) {
        if (!relocateCore(target, relocation, code, instructionPosition(found, relocation.slot))) poisoned.push(start + relocation.slot);
      }
    }
    for (const reference of found.references) {
      const slot = start + reference.slot;
      const set = (opcode: number, src: number, imm: number, hi: number): void => {
        // A poisoned instruction is no lddw any more and has no operand to fill in.
        if (bytes[slot * SLOT_BYTES] !== opcode) return;
        bytes[slot * SLOT_BYTES + 1] = (bytes[slot * SLOT_BYTES + 1]! & 15) | (src << 4);
        view.setInt32(slot * SLOT_BYTES + 4, imm, true);
        if (opcode === LDDW_OPCODE) view.setInt32((slot + 1) * SLOT_BYTES + 4, hi, true);
      };
      switch (reference.kind) {
        case 'call':
          set(CALL_OPCODE, 1, layout.start.get(reference.function)! - slot - 1, 0);
          break;
        case 'function':
          set(LDDW_OPCODE, PSEUDO.func, layout.start.get(reference.function)! - slot - 1, 0);
          break;
        case 'map':
          set(LDDW_OPCODE, PSEUDO.map, reference.map, 0);
          mapRefs.push({ slot, map: reference.map });
          break;
        case 'mapValue':
          set(LDDW_OPCODE, PSEUDO.mapValue, reference.map, reference.offset);
          mapRefs.push({ slot, map: reference.map });
          break;
        case 'kfunc': {
          const { name } = collection.externs[reference.extern]!;
          const number = kfuncs.get(name) ?? kfuncs.size;
          kfuncs.set(name, number);
          set(CALL_OPCODE, PSEUDO_KFUNC, number, 0);
          break;
        }
        case 'ksym': {
          // A weak symbol's address is compared with 0 to learn whether the kernel has it.
          const extern = collection.externs[reference.extern]!;
          const known = ksym?.(extern);
          if (known === undefined) set(LDDW_OPCODE, extern.weak || extern.type === 0 ? PSEUDO.none : PSEUDO.btfId, 0, 0);
          else if (typeof known === 'bigint') set(LDDW_OPCODE, PSEUDO.none, halfOf(known), halfOf(known >> 32n));
          else {
            set(LDDW_OPCODE, PSEUDO.mapValue, known.map, known.offset);
            mapRefs.push({ slot, map: known.map });
          }
          break;
        }
        case 'unresolved':
          throw reference.error;
        default:
          unreachable(reference);
      }
    }
  }
  checkMapReferences(bytes, program, mapRefs);
  const callback = collection.functions[program.function]!.exceptionCallback;
  return {
    name: program.name,
    section: program.section,
    type: program.type,
    attach: program.attach,
    littleEndian: collection.littleEndian,
    bytes,
    subprograms,
    mapRefs,
    lines,
    license: collection.license,
    kfuncs: [...kfuncs.keys()],
    exceptionCallback: callback === undefined ? undefined : layout.order.indexOf(callback),
    poisoned,
  };
}

const halfOf = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** A map reference that no relocation filled in would be an index that means nothing. */
function checkMapReferences(bytes: Uint8Array, program: ProgramSpec, mapRefs: readonly { readonly slot: number }[]): void {
  const known = new Set(mapRefs.map((reference) => reference.slot));
  for (let slot = 0; slot * SLOT_BYTES < bytes.length; slot++) {
    if (bytes[slot * SLOT_BYTES] !== LDDW_OPCODE) continue;
    const src = bytes[slot * SLOT_BYTES + 1]! >> 4;
    const names = src === PSEUDO.map || src === PSEUDO.mapValue || src === PSEUDO.mapIndex || src === PSEUDO.mapIndexValue;
    if (names && !known.has(slot)) {
      const position = { in: 'program', program: program.name, slot } as const;
      throw new BpfError('object/unknown-map', position, `lddw with src ${src} names a map by number, the object has no relocation for it`);
    }
    slot++;
  }
}
