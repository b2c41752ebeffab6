// What a loaded object is made from: linked programs, and the maps and variables of the file.
import type { Btf } from '../../btf/types.ts';
import type { Program } from '../../program/program.ts';
import type { MapOptions } from '../maps/descriptor.ts';
import type { MapCodecs } from '../maps/maps.ts';
import type { ValueCodec } from '../maps/values.ts';
import type { Refused } from './refusals.ts';

export interface VariableInput {
  readonly name: string;
  /** Bytes into the map's only value. */
  readonly offset: number;
  readonly bytes: number;
  readonly codec?: ValueCodec;
}

/** Global data. */
export interface DataInput {
  /** The first bytes of the only value; the rest is zero. */
  readonly initial: Uint8Array;
  readonly variables: readonly VariableInput[];
  /** 64-bit words that hold the address of a map (`into` undefined), or of a byte of its only value. */
  readonly pointers?: readonly { readonly offset: number; readonly map: string; readonly into: number | undefined }[];
}

export interface MapInput extends MapOptions {
  readonly codecs?: MapCodecs;
  /** Global data: the first bytes of the only value, and the variables in it. */
  readonly data?: DataInput;
  /** What the values of a map of maps look like. */
  readonly inner?: MapOptions & { readonly codecs?: MapCodecs };
  /** Elements that the file puts into a program array, or a map of maps: names. */
  readonly elements?: readonly { readonly index: number; readonly name: string }[];
}

/** What linking gives. */
export interface ObjectInput {
  readonly name: string;
  /** Those that can be run. */
  readonly programs: readonly Program[];
  /** Those that could not be linked, and why. */
  readonly refused?: readonly Refused[];
  /** Names of those whose section begins with `?`: not to be loaded unless asked for. */
  readonly optional?: ReadonlySet<string>;
  readonly maps: readonly MapInput[];
  /** Types that the programs name by id. */
  readonly btf?: Btf | undefined;
  /** The kernel's, where CO-RE was resolved against others than these. */
  readonly kernelBtf?: Btf | undefined;
}
