// What keeps one program of an object from being loaded, found before anything runs; the others are loaded without it.
import { POISON } from '../../btf/patch.ts';
import { ALU, KIND, PSEUDO } from '../../isa/code.ts';
import { encode, newCode } from '../../isa/codec.ts';
import { contextError } from '../../program/context-use.ts';
import { placeOf } from '../../program/lines.ts';
import { walkPaths } from '../../program/paths.ts';
import { createProgram, type Program } from '../../program/program.ts';
import { HELPER_TAIL_CALL } from '../../spec/helper-ids.ts';
import { helperLabel } from '../../spec/helpers.ts';
import { BpfError } from '../../util/error.ts';
import type { Implementation } from '../helpers/helpers.ts';
import type { ObjectInput } from './object-input.ts';

/** A program that is not there, and why. */
export interface Refused {
  readonly name: string;
  readonly type: string;
  readonly error: BpfError;
  /** It is not to be loaded unless asked for: its section begins with `?`. */
  readonly optional?: boolean;
}

/** What the stand-ins of refused programs call: R1 = their number. No program can name it, the loader knows no such helper. */
export const REFUSED_HELPER = 0x10020;

/** Who answers calls. */
export interface Answering {
  readonly helper: (id: number) => boolean;
  readonly kfunc: (name: string) => boolean;
}

/** What is asked of a program before it is loaded. */
export interface Checks extends Answering {
  readonly missingCalls: boolean;
  readonly contextAccess: boolean;
  /** Bytes of a map that no program can write. See `PathsOptions`. */
  readonly data: (map: string, offset: number, size: number) => bigint | undefined;
}

/**
 * The first instruction that can be reached and cannot be right: an access to the context that the kernel refuses, a call that nobody
 * answers. As in the kernel, what is behind a constant that is off may call anything.
 */
export function wrongInstruction(program: Program, checks: Checks): BpfError | undefined {
  if (!checks.contextAccess && missingCall(program, checks) === undefined) return undefined;
  const { maps } = program;
  let first: BpfError | undefined;
  let found = program.code.slots;
  const walked = walkPaths(program, {
    data: (map, offset, size) => checks.data(maps[map]!.name, offset, size),
    visit: (slot, state) => {
      if (slot >= found) return;
      const error = (checks.contextAccess ? contextError(program, slot, state) : undefined) ?? missingAt(program, slot, checks);
      if (error === undefined) return;
      first = error;
      found = slot;
    },
  });
  return walked ? first : missingCall(program, checks);
}

/** Without regard to what can be reached. */
function missingCall(program: Program, checks: Checks): BpfError | undefined {
  for (let slot = 0; slot < program.code.slots; slot++) {
    const error = missingAt(program, slot, checks);
    if (error !== undefined) return error;
  }
  return undefined;
}

/** What is wrong where nobody answers the call at `slot`: found here, not when a packet reaches it. */
function missingAt(program: Program, slot: number, { missingCalls, helper, kfunc }: Checks): BpfError | undefined {
  const { code, kfuncs } = program;
  const kind = code.kind[slot];
  const imm = code.imm[slot]!;
  if (!missingCalls || (kind !== KIND.callHelper && kind !== KIND.callKfunc)) return undefined;
  if (kind === KIND.callKfunc) {
    const name = kfuncs[imm]!;
    return kfunc(name) ? undefined : missing(program, slot, `kernel function ${name}`, `kfuncs: { ${name}: (r1, r2, r3, r4, r5) => ... }`);
  }
  // A relocation that found no target: reaching it stops the program.
  if (imm === POISON || imm === HELPER_TAIL_CALL || helper(imm)) return undefined;
  return missing(program, slot, helperLabel(imm), `helpers: { ${imm}: (r1, r2, r3, r4, r5) => ... }`);
}

function missing(program: Program, slot: number, what: string, how: string): BpfError {
  return new BpfError('runtime/missing-helper', placeOf(program, slot), `${what} is not available here; supply it as ${how}`);
}

/** The first map that the program names and that could not be made. */
export function missingMap(program: Program, refused: ReadonlyMap<string, BpfError>): BpfError | undefined {
  if (refused.size === 0) return undefined;
  const { code, maps } = program;
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] !== KIND.lddw || (code.op[slot] !== PSEUDO.map && code.op[slot] !== PSEUDO.mapValue)) continue;
    const error = refused.get(maps[code.imm[slot]!]!.name);
    if (error !== undefined) return new BpfError(error.code, placeOf(program, slot), error.message, { cause: error });
  }
  return undefined;
}

/** Stands in the slots of program arrays that the file gives to a refused program: whoever tail-calls it is told why it is not there. */
export function standIn({ name, type }: Refused, number: number): Program {
  const code = newCode(3);
  code.kind.set([KIND.alu, KIND.callHelper, KIND.exit]);
  code.size[0] = 64;
  code.op[0] = ALU.mov;
  code.dst[0] = 1;
  code.imm.set([number, REFUSED_HELPER, 0]);
  return createProgram({ name, type, bytes: encode(code) });
}

/** For `Home.helpers`. */
export function refusedHelper(refused: readonly Refused[]): Implementation {
  return (caller) => {
    const one = refused[caller.number(1)];
    if (one === undefined) return caller.stop('helper', `helper ${REFUSED_HELPER} is not available here`);
    const { name, error } = one;
    return caller.stop('helper', `a tail call of ${name}, which could not be loaded: ${error.message}`);
  };
}

export interface Sorted {
  readonly programs: readonly Program[];
  readonly refused: readonly Refused[];
  /** By number in program arrays: what to run; refused ones have stand-ins. */
  readonly numbered: readonly (Program | undefined)[];
}

/** Which programs can be loaded. Throws where none is left, or where `whole` objects are wanted. */
export function sortPrograms(input: ObjectInput, whole: boolean, refuse: (program: Program) => BpfError | undefined): Sorted {
  const refused: Refused[] = [];
  const programs: Program[] = [];
  for (const program of input.programs) {
    const error = refuse(program);
    if (error === undefined) programs.push(program);
    else refused.push({ name: program.name, type: program.type, error, optional: input.optional?.has(program.name) ?? false });
  }
  refused.push(...(input.refused ?? []));
  const first = whole ? refused.find(({ optional }) => optional !== true) : programs.length === 0 ? refused[0] : undefined;
  if (first !== undefined) throw first.error;
  const made = new Map([...programs.map((program) => [program.name, program] as const)]);
  refused.forEach((one, number) => {
    made.set(one.name, standIn(one, number));
  });
  return { programs, refused, numbered: [undefined, ...programNames(input).map((name) => made.get(name))] };
}

/** In the order of their numbers in program arrays. */
export function programNames({ programs, refused = [] }: ObjectInput): readonly string[] {
  return [...programs, ...refused].map(({ name }) => name);
}
