// What an object file says, the same on every host: programs, functions, maps, variables, externs. `load.ts` makes it from a file,
// `link.ts` makes runnable programs of it.
import type { CoreRelocation } from '../btf/ext.ts';
import type { Btf, Linkage, TypeId } from '../btf/types.ts';
import type { AttachType, ProgramType } from '../spec/programs.ts';
import type { BpfError, SourcePosition } from '../util/error.ts';

/** What an object file says: programs, functions, maps, variables, types. Nothing in it is linked or loaded. */
export interface CollectionSpec {
  readonly path: string;
  /** False: for big-endian machines. Code has been turned into little-endian form, data has not: to be shown, not run. */
  readonly littleEndian: boolean;
  readonly license: string;
  /** From the section `version` that kprobes of old kernels needed. */
  readonly kernelVersion: number | undefined;
  readonly programs: readonly ProgramSpec[];
  readonly functions: readonly FunctionSpec[];
  /** Those of `.maps` in the order of their section, then those of a legacy `maps` section, then one for each data section, `.kconfig`, struct_ops. */
  readonly maps: readonly MapSpec[];
  readonly externs: readonly ExternSpec[];
  readonly btf: Btf | undefined;
}

/** Index into `CollectionSpec.maps`, `.functions`, `.externs`. */
export type MapIndex = number;
export type FunctionIndex = number;
export type ExternIndex = number;

/** A function that can be attached and run. */
export interface ProgramSpec {
  readonly name: string;
  /** As in the file, without the `?` that stands for "do not load by default". */
  readonly section: string;
  readonly function: FunctionIndex;
  readonly type: ProgramType;
  readonly attach: AttachType | undefined;
  /** What follows the slash: a kernel function, a tracepoint. */
  readonly attachTo: string;
  readonly sleepable: boolean;
  readonly autoload: boolean;
}

export interface FunctionSpec {
  readonly name: string;
  readonly section: string;
  /** Bytes into the section. */
  readonly offset: number;
  readonly linkage: 'static' | 'global' | 'weak';
  /** 8 bytes a slot, little-endian, as in the file; `references` say what is still to be filled in. */
  readonly bytes: Uint8Array;
  /** Sorted by slot, which counts from the function's start, here and below. */
  readonly references: readonly Reference[];
  readonly lines: readonly FunctionLine[];
  readonly relocations: readonly (CoreRelocation & { readonly slot: number })[];
  /** Its BTF type (a func), 0 if there is none. */
  readonly type: TypeId;
  /** Called by the kernel when the program throws: named by a declaration tag. */
  readonly exceptionCallback: FunctionIndex | undefined;
}

export interface FunctionLine extends SourcePosition {
  readonly slot: number;
}

/** What an instruction stands for. All but `call` and `kfunc` are lddw. */
export type Reference = { readonly slot: number } & (
  | { readonly kind: 'map'; readonly map: MapIndex }
  /** Address `offset` bytes into the only value of a data map. */
  | { readonly kind: 'mapValue'; readonly map: MapIndex; readonly offset: number }
  | { readonly kind: 'call'; readonly function: FunctionIndex }
  /** Address of a function, for callbacks. */
  | { readonly kind: 'function'; readonly function: FunctionIndex }
  /** Call of a kernel function. */
  | { readonly kind: 'kfunc'; readonly extern: ExternIndex }
  /** Address of a kernel variable or function. */
  | { readonly kind: 'ksym'; readonly extern: ExternIndex }
  /** Nothing that exists: an error for programs that need this function, and only for them. */
  | { readonly kind: 'unresolved'; readonly error: BpfError }
);

/** A map as the file defines it. */
export interface MapSpec {
  /** That of the variable; for data the section's: `.rodata`. */
  readonly name: string;
  /** BPF_MAP_TYPE_* number. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly mapExtra: bigint;
  readonly numaNode: number | undefined;
  readonly pinning: 'none' | 'byName';
  /** BTF ids, 0 where only sizes are given. */
  readonly keyType: TypeId;
  readonly valueType: TypeId;
  /** What a value of a map of maps looks like. */
  readonly inner: MapSpec | undefined;
  /** Elements that the file puts into a prog array or a map of maps. */
  readonly elements: readonly MapElement[];
  /** Set for sections of global data; undefined for maps that the source declares. */
  readonly data: DataSpec | undefined;
}

export type MapElement = { readonly index: number } & (
  | { readonly kind: 'program'; readonly function: FunctionIndex }
  | { readonly kind: 'map'; readonly map: MapIndex }
);

/** The only value of a data map. */
export interface DataSpec {
  readonly section: 'data' | 'rodata' | 'bss' | 'kconfig' | 'structOps';
  /** The first bytes, the rest is zero: all of a data section, none of `.bss`; what is known of the kernel in `.kconfig`. */
  readonly initial: Uint8Array;
  /** Constant once the programs are loaded. */
  readonly frozen: boolean;
  readonly variables: readonly VariableSpec[];
  /** 64-bit words that hold addresses of functions or of other data. */
  readonly pointers: readonly DataPointer[];
}

export interface VariableSpec {
  readonly name: string;
  /** Bytes into the map's value. */
  readonly offset: number;
  readonly size: number;
  /** 0 without BTF. */
  readonly type: TypeId;
  readonly linkage: Linkage;
}

export type DataPointer = { readonly offset: number } & (
  | { readonly kind: 'function'; readonly function: FunctionIndex }
  | { readonly kind: 'mapValue'; readonly map: MapIndex; readonly offsetInMap: number }
  | { readonly kind: 'map'; readonly map: MapIndex }
);

/** Something that only the kernel has. */
export interface ExternSpec {
  readonly name: string;
  readonly weak: boolean;
  /** kfunc: a kernel function. ksym: a kernel variable or, without a type, any symbol. kconfig: a configuration value, kept in the map `.kconfig`. */
  readonly kind: 'kfunc' | 'ksym' | 'kconfig';
  /** BTF id of its declaration, 0 if there is none. */
  readonly type: TypeId;
  /** Bytes into the value of `.kconfig`. */
  readonly offset: number;
}
