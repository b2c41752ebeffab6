// Programs that are given pointers to the kernel's structures follow them without asking: where one leads nowhere, the kernel's fault handler
// makes the load give 0 [Linux BPF_PROBE_MEM]. Here such loads are surrounded by two compares, in the program itself, so that every engine
// does the same. What is in the window is read as ever, and a miss there is still a fault.
import { ALU, COND, KIND, PSEUDO } from '../isa/code.ts';
import { encode, newCode } from '../isa/codec.ts';
import { walkPaths } from './paths.ts';
import { createProgram, type Program } from './program.ts';

/** Types whose pointers the kernel knows the types of. */
const FOLLOWING: ReadonlySet<string> = new Set(['tracing', 'lsm', 'struct_ops']);
/** No pointer of the window is below, or above: the lowest page, and what a compare can name of 32 bits. */
const LOWEST = 0x10000;
const HIGHEST = 0x7fff_ffff;
/** if src s< LOWEST goto zero; if src s> HIGHEST goto zero; the load; goto on; zero: dst = 0; on: */
const EXTRA = 4;

/** The program with its loads through what may be the kernel's pointers guarded; itself where there are none. */
export function guardKernelLoads(program: Program): Program {
  if (!FOLLOWING.has(program.type)) return program;
  const { code } = program;
  const guarded = new Uint8Array(code.slots);
  let count = 0;
  const walked = walkPaths(program, {
    visit(slot, { registers }) {
      if (code.kind[slot] !== KIND.load) return;
      const { is } = registers[code.src[slot]!]!;
      if (is === 'context' || is === 'frame' || is === 'data') return;
      guarded[slot] = 1;
      count++;
    },
  });
  return !walked || count === 0 ? program : (rewrite(program, guarded, count) ?? program);
}

/** Undefined: a branch that only just reached its target no longer would. */
function rewrite(program: Program, guarded: Uint8Array, count: number): Program | undefined {
  const { code } = program;
  const to = new Int32Array(code.slots + 1);
  let at = 0;
  for (let slot = 0; slot < code.slots; slot++) {
    to[slot] = at;
    at += 1 + EXTRA * guarded[slot]!;
  }
  to[code.slots] = at;
  const out = newCode(code.slots + EXTRA * count);
  for (let slot = 0; slot < code.slots; slot++) {
    const first = to[slot]!;
    const t = first + 2 * guarded[slot]!;
    for (const field of ['kind', 'op', 'size', 'dst', 'src', 'x', 'offset', 'imm', 'hi'] as const) out[field][t] = code[field][slot]!;
    if (hasTarget(program, slot)) {
      out.offset[t] = to[code.offset[slot]!]!;
      if (!reaches(program, slot, out.offset[t]! - t - 1)) return undefined;
    }
    if (guarded[slot] === 0) continue;
    const [zero, on] = [first + EXTRA, first + EXTRA + 1];
    guard(out, first, COND.slt, code.src[slot]!, LOWEST, zero);
    guard(out, first + 1, COND.sgt, code.src[slot]!, HIGHEST, zero);
    out.kind[t + 1] = KIND.jump;
    out.size[t + 1] = 16;
    out.offset[t + 1] = on;
    out.kind[zero] = KIND.alu;
    out.op[zero] = ALU.mov;
    out.size[zero] = 64;
    out.dst[zero] = code.dst[slot]!;
  }
  const { name, section, type, attach, maps, kfuncs, exceptionCallback } = program;
  return createProgram({
    ...{ name, section, type, attach, maps, kfuncs, exceptionCallback, bytes: encode(out) },
    lines: program.lines.map((line) => ({ ...line, slot: to[line.slot]! })),
    subprograms: program.subprograms.map((one) => ({ name: one.name, start: to[one.start]!, end: to[one.end]! })),
  });
}

function guard(out: ReturnType<typeof newCode>, slot: number, op: number, register: number, limit: number, target: number): void {
  out.kind[slot] = KIND.branch;
  out.op[slot] = op;
  out.size[slot] = 64;
  out.dst[slot] = register;
  out.imm[slot] = limit;
  out.offset[slot] = target;
}

function hasTarget({ code: { kind, op } }: Program, slot: number): boolean {
  const k = kind[slot];
  return (
    k === KIND.jump || k === KIND.branch || k === KIND.mayGoto || k === KIND.callLocal || (k === KIND.lddw && op[slot] === PSEUDO.func)
  );
}

function reaches({ code: { kind, size } }: Program, slot: number, distance: number): boolean {
  const isShort = kind[slot] === KIND.branch || kind[slot] === KIND.mayGoto || (kind[slot] === KIND.jump && size[slot] === 16);
  return !isShort || (distance << 16) >> 16 === distance;
}
