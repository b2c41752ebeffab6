// Refuses accesses to the context that the kernel would refuse: those of which it is certain, on every path that leads there, that they
// are accesses to the context, at that offset. What cannot be followed (a pointer from one of two places) is let through.
import { KIND } from '../isa/code.ts';
import { contextRefusal, mayMoveContext } from '../spec/context-access.ts';
import { helperById } from '../spec/helpers.ts';
import { BpfError } from '../util/error.ts';
import { placeOf } from './lines.ts';
import type { State, Value } from './paths.ts';
import type { Program } from './program.ts';

/** The error that `slot`, which can be reached in that state, is; undefined: none that is certain. */
export function contextError(program: Program, slot: number, { registers }: State): BpfError | undefined {
  const { kind, size, dst, src, offset, imm } = program.code;
  switch (kind[slot]) {
    case KIND.load:
    case KIND.loadAcquire:
      return access(program, slot, registers[src[slot]!]!, offset[slot]!, size[slot]!, 'read');
    case KIND.store:
    case KIND.storeRelease:
      return access(program, slot, registers[dst[slot]!]!, offset[slot]!, size[slot]!, 'write');
    case KIND.atomic:
      return access(program, slot, registers[dst[slot]!]!, offset[slot]!, size[slot]!, 'atomic');
    case KIND.callHelper:
      return argumentError(program, slot, imm[slot]!, registers);
    default:
      return undefined;
  }
}

function access(
  program: Program,
  slot: number,
  base: Value,
  offset: number,
  size: number,
  how: 'read' | 'write' | 'atomic',
): BpfError | undefined {
  const { type, attach } = program;
  if (base.is === 'somewhere' && !mayMoveContext(type)) return refuse(program, slot, movedMessage(undefined));
  if (base.is !== 'context') return undefined;
  if (base.offset !== 0 && !mayMoveContext(type)) return refuse(program, slot, movedMessage(base.offset));
  if (how === 'atomic') {
    return mayMoveContext(type)
      ? undefined
      : refuse(program, slot, 'the kernel lets no program access its context with atomic instructions');
  }
  const at = base.offset + offset;
  const why = contextRefusal(type, attach, at, size, how === 'write');
  return why === undefined ? undefined : refuse(program, slot, `${how} of ${size} bytes at offset ${at} of the context: ${why}`);
}

/** Helpers take the context's address as it is. */
function argumentError(program: Program, slot: number, helper: number, registers: readonly Value[]): BpfError | undefined {
  const index = helperById(helper)?.arguments.indexOf('ctx') ?? -1;
  const value = index < 0 ? undefined : registers[index + 1];
  if (value === undefined || mayMoveContext(program.type)) return undefined;
  if (value.is === 'somewhere') return refuse(program, slot, movedMessage(undefined));
  return value.is === 'context' && value.offset !== 0 ? refuse(program, slot, movedMessage(value.offset)) : undefined;
}

function movedMessage(offset: number | undefined): string {
  const sum = offset === undefined ? '+ a number that varies' : `${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
  return `the address of the context ${sum}: the kernel takes that address only as it was in R1, an offset belongs into the load or store`;
}

function refuse(program: Program, slot: number, message: string): BpfError {
  return new BpfError('program/context-access', placeOf(program, slot), message);
}
