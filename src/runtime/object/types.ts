// What an object holds, as types: `bpfjit types` writes them for a file, and LoadedObject, its maps and its programs know them then.

import type { ContextValues } from '../helpers/packet.ts';
import type { BpfMap } from '../maps/maps.ts';
import type { LoadedProgram } from './loaded-program.ts';

/** What `bpfjit types FILE` writes of a file, for `load<TYPES>(FILE)`. */
export interface ObjectTypes {
  /** By name: `{ key, value }`. */
  readonly maps: object;
  readonly variables: object;
  /** By name: ProgramTypes. */
  readonly programs: object;
  /** Every enumerator's number. */
  readonly constants: object;
  /** Structs, unions and typedefs, for `decode` and `encode`. */
  readonly types: object;
}

/** Nothing is known of the object: maps take and give anything. */
export interface AnyObject extends ObjectTypes {
  // biome-ignore lint/suspicious/noExplicitAny: as with programs, below
  readonly maps: Readonly<Record<string, { readonly key: any; readonly value: any }>>;
  readonly variables: Record<string, unknown>;
  readonly programs: Readonly<Record<string, AnyProgram>>;
  readonly constants: Readonly<Record<string, number | bigint>>;
  readonly types: Readonly<Record<string, unknown>>;
}

/** Types of the keys and values of a map, as reading gives them. */
export interface MapTypes {
  readonly key: unknown;
  readonly value: unknown;
}

/** What is known of a program at compile time. */
export interface ProgramTypes {
  /** As in libbpf, lower case: 'xdp', 'sched_cls'. */
  readonly type: string;
  /** Fields of the context; Uint8Array where it is given as bytes. */
  readonly ctx: unknown;
  /** Names of what the program returns. */
  readonly verdict: string | undefined;
}

/** What a program gives as its context. */
export type ReadContext = Readonly<Record<string, number | bigint | readonly (number | bigint)[]>> | Uint8Array | undefined;

// Any: then every program can stand where one is wanted of which nothing is known.
/** A program of which nothing is known. */
export interface AnyProgram extends ProgramTypes {
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly type: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly ctx: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly verdict: any;
}

/** What `run` gives as the verdict. */
export type VerdictOf<Verdict> = 0 extends 1 & Verdict ? string | undefined : Verdict;

/** What `run` takes as the context. */
export type ContextInput<Ctx> = unknown extends Ctx
  ? ContextValues | Uint8Array
  : Ctx extends Uint8Array
    ? Uint8Array
    : { readonly [Field in keyof Ctx]?: Ctx[Field] extends readonly unknown[] ? readonly (number | bigint)[] : number | bigint };

/** What `run` gives as the context. */
export type ContextOutput<Ctx> = unknown extends Ctx
  ? ReadContext
  : Ctx extends Uint8Array
    ? Uint8Array | undefined
    : { readonly [Field in keyof Ctx]: Ctx[Field] };

export type MapsOf<T extends ObjectTypes> = {
  readonly [Name in keyof T['maps']]: T['maps'][Name] extends { readonly key: infer K; readonly value: infer V } ? BpfMap<K, V> : BpfMap;
};

export type ProgramsOf<T extends ObjectTypes> = {
  readonly [Name in keyof T['programs']]: T['programs'][Name] extends ProgramTypes ? LoadedProgram<T['programs'][Name]> : LoadedProgram;
};

/** A number of an enum. Where it is written, the name of the enumerator will do. */
export type EnumOf<Names extends string, Value extends number | bigint = number> = Value & { readonly [enumNames]?: Names };
declare const enumNames: unique symbol;

/** A value for each CPU. Where it is written, one value means all of them. */
export type PerCpu<Value> = readonly Value[] & { readonly [perCpu]?: Value };
declare const perCpu: unique symbol;

/** The name of a program, in a program array. */
export type ProgramName<Names extends string> = Names & { readonly [programName]?: true };
declare const programName: unique symbol;

/**
 * What can be written where `T` is read: numbers for bigints and the other way round, names of enumerators, some members of a struct,
 * arrays of numbers for bytes, one value for all CPUs, and the bytes of anything.
 */
export type Input<T> = unknown extends T
  ? unknown
  : T extends BpfMap
    ? BpfMap
    : typeof enumNames extends keyof T
      ? NamesOf<T> | number | bigint | Uint8Array
      : typeof programName extends keyof T
        ? T | { readonly name: string; readonly program: object }
        : typeof perCpu extends keyof T
          ? readonly Input<ElementOf<T>>[] | Input<ElementOf<T>>
          : PlainInput<T>;

type NamesOf<T> = T extends { readonly [enumNames]?: infer Names } ? Names : never;
type ElementOf<T> = T extends readonly (infer Element)[] ? Element : never;

type PlainInput<T> = T extends number | bigint
  ? number | bigint | boolean | Uint8Array
  : T extends boolean
    ? boolean | number | Uint8Array
    : T extends string
      ? string | Uint8Array | readonly number[]
      : T extends Uint8Array
        ? Uint8Array | readonly number[] | string
        : T extends readonly (infer Element)[]
          ? readonly Input<Element>[] | ArrayLike<number> | ArrayLike<bigint>
          : T extends object
            ? { readonly [Name in keyof T]?: Input<T[Name]> } | Uint8Array
            : T;
