// What `bpfjit types` writes of an object, as types: the maps, variables, programs, enums and structs that LoadedObject then knows.

/** An enumeration's number, as values have it; the names can be written instead of it. */
export type EnumOf<Names extends string, Value extends number | bigint = number> = Value & { readonly [names]?: Names };
declare const names: unique symbol;

/**
 * What can be written where `T` is read: numbers for bigints and the other way round, some members of a struct, arrays for byte arrays,
 * one value for every CPU, names of enumerators, and the bytes of anything.
 */
export type Input<T> = unknown extends T
  ? unknown
  : T extends { readonly [names]?: infer Names extends string }
    ? Names | number | bigint
    : T extends number | bigint
      ? number | bigint | boolean | Uint8Array
      : T extends boolean
        ? boolean | number | Uint8Array
        : T extends string
          ? string | Uint8Array
          : T extends Uint8Array
            ? Uint8Array | readonly number[] | string
            : T extends PerCpu<infer Value>
              ? readonly Input<Value>[] | Input<Value>
              : T extends readonly (infer Element)[]
                ? readonly Input<Element>[] | Uint8Array
                : T extends object
                  ? { readonly [Name in keyof T]?: Input<T[Name]> } | Uint8Array
                  : T;

/** Each CPU's value. */
export type PerCpu<Value> = Value[] & { readonly [perCpu]?: Value };
declare const perCpu: unique symbol;
