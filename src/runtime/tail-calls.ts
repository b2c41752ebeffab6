// Tail calls of functions that have a caller, for machine code: the callee runs inside a helper, and the function returns what it gave.
// A tail call of the main function leaves the run instead, and needs none of this.
import { COND, KIND, PSEUDO } from '../isa/code.ts';
import { encode, newCode } from '../isa/codec.ts';
import { createProgram, type Program } from '../program/program.ts';
import { BpfError } from '../util/error.ts';

const TAIL_CALL = 12;
/** Helpers of rewritten programs only. `run` takes what bpf_tail_call takes and gives 1 where it ran the callee; `result`: its R0. */
export const RETURNING_TAIL_CALL = { run: 0x10010, result: 0x10011 } as const;

export interface Rewritten {
  readonly program: Program;
  /** Slot in the original program, per slot. */
  readonly slotOf: Int32Array;
}

/** Undefined where only the main function makes tail calls, and nothing calls it. */
export function rewriteTailCalls(program: Program): Rewritten | undefined {
  const { code, subprogramOf } = program;
  const mainIsCalled = isMainCalled(program);
  const isSite = new Uint8Array(code.slots);
  let sites = 0;
  for (let slot = 0; slot < code.slots; slot++) {
    if (code.kind[slot] !== KIND.callHelper || code.imm[slot] !== TAIL_CALL) continue;
    if (subprogramOf[slot] === 0 && !mainIsCalled) continue;
    isSite[slot] = 1;
    sites++;
  }
  return sites === 0 ? undefined : rewrite(program, isSite, sites);
}

function isMainCalled({ code }: Program): boolean {
  for (let slot = 0; slot < code.slots; slot++) if (code.offset[slot] === 0 && refersToFunction(code, slot)) return true;
  return false;
}

function refersToFunction({ kind, op }: Program['code'], slot: number): boolean {
  return kind[slot] === KIND.callLocal || (kind[slot] === KIND.lddw && op[slot] === PSEUDO.func);
}

function hasTarget(code: Program['code'], slot: number): boolean {
  const kind = code.kind[slot];
  return kind === KIND.jump || kind === KIND.branch || kind === KIND.mayGoto || refersToFunction(code, slot);
}

/** Branches that only just reached may no longer do so. */
function checkDistance({ name, code }: Program, slot: number, distance: number): void {
  const isShort =
    code.kind[slot] === KIND.branch || code.kind[slot] === KIND.mayGoto || (code.kind[slot] === KIND.jump && code.size[slot] === 16);
  if (!isShort || (distance << 16) >> 16 === distance) return;
  const message = 'a function with a caller makes tail calls, and is too long for machine code to make them';
  throw new BpfError('runtime/tail-call', { in: 'program', program: name, slot }, message);
}

/** `call tail_call` becomes: call run; if r0 == 0 goto on; call result; exit; on: */
const EXTRA = 3;

function rewrite(program: Program, isSite: Uint8Array, sites: number): Rewritten {
  const { code } = program;
  const slots = code.slots + EXTRA * sites;
  const to = new Int32Array(code.slots + 1);
  const slotOf = new Int32Array(slots);
  let at = 0;
  for (let slot = 0; slot < code.slots; slot++) {
    to[slot] = at;
    const length = 1 + EXTRA * isSite[slot]!;
    slotOf.fill(slot, at, at + length);
    at += length;
  }
  to[code.slots] = at;
  const out = newCode(slots);
  for (let slot = 0; slot < code.slots; slot++) {
    const t = to[slot]!;
    for (const field of ['kind', 'op', 'size', 'dst', 'src', 'x', 'offset', 'imm', 'hi'] as const) out[field][t] = code[field][slot]!;
    if (hasTarget(code, slot)) {
      out.offset[t] = to[code.offset[slot]!]!;
      checkDistance(program, slot, out.offset[t]! - t - 1);
    }
    if (isSite[slot] === 0) continue;
    out.imm[t] = RETURNING_TAIL_CALL.run;
    out.kind[t + 1] = KIND.branch;
    out.op[t + 1] = COND.eq;
    out.size[t + 1] = 64;
    out.offset[t + 1] = t + 1 + EXTRA;
    out.kind[t + 2] = KIND.callHelper;
    out.imm[t + 2] = RETURNING_TAIL_CALL.result;
    out.kind[t + 3] = KIND.exit;
  }
  const { name, section, type, maps, kfuncs, lines, subprograms } = program;
  const made = createProgram({
    ...{ name, section, type, maps, kfuncs, bytes: encode(out) },
    lines: lines.map((line) => ({ ...line, slot: to[line.slot]! })),
    subprograms: subprograms.map((one) => ({ name: one.name, start: to[one.start]!, end: to[one.end]! })),
  });
  // Fuel is charged as the program was written.
  const fuelCost = new Uint32Array(slots);
  for (let slot = 0; slot < code.slots; slot++) fuelCost[to[slot]!] = program.fuelCost[slot]!;
  return { program: { ...made, fuelCost }, slotOf };
}
