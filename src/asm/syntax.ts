// How each encoding is written, as templates from which both the printer and the parser work. A template is the text itself with
// its operands in braces; the first one of a row is what the printer writes.
//
// Two dialects: the C-like one of LLVM (also the kernel's log), and the mnemonics of ubpf and bpf_conformance.
import { ALU, ATOMIC, COND, KIND, PSEUDO, SWAP } from '../isa/code.ts';
import { ENCODINGS, type Encoding } from '../isa/opcodes.ts';
import { assert } from '../util/error.ts';
import { type Token, tokenize } from './tokens.ts';

/**
 * What stands in braces.
 * rd rs wd ws: the dst or src field as r or w register. imm: 32-bit number. imm64: imm and hi. disp: `+ 4` or `- 4`.
 * offset: `+4`, `-4` or nothing. index: imm, or the name of a map. id: imm, not negative. next: hi. skb: imm as ` + 4` or nothing.
 * fd: hi of a kfunc as `:4` or nothing. to from: address spaces in imm. target: label or distance. function: label or `pc+4`.
 */
export const OPERANDS = [
  'rd', 'rs', 'wd', 'ws', 'imm', 'imm64', 'disp', 'offset', 'index', 'id', 'next', 'skb', 'fd', 'to', 'from', 'target', 'function',
] as const; // biome-ignore format: a table
export type Operand = (typeof OPERANDS)[number];

export type Part = { readonly literal: string; readonly tokens: readonly Token[] } | { readonly operand: Operand };
export interface Template {
  readonly encoding: Encoding;
  readonly parts: readonly Part[];
}

const ALU_SIGN: Readonly<Record<number, string>> = {
  [ALU.add]: '+=', [ALU.sub]: '-=', [ALU.mul]: '*=', [ALU.div]: '/=', [ALU.sdiv]: 's/=', [ALU.mod]: '%=', [ALU.smod]: 's%=',
  [ALU.or]: '|=', [ALU.and]: '&=', [ALU.xor]: '^=', [ALU.lsh]: '<<=', [ALU.rsh]: '>>=', [ALU.arsh]: 's>>=', [ALU.mov]: '=',
}; // biome-ignore format: a table

const COND_SIGN: Readonly<Record<number, string>> = {
  [COND.eq]: '==', [COND.ne]: '!=', [COND.set]: '&', [COND.gt]: '>', [COND.ge]: '>=', [COND.lt]: '<', [COND.le]: '<=',
  [COND.sgt]: 's>', [COND.sge]: 's>=', [COND.slt]: 's<', [COND.sle]: 's<=',
}; // biome-ignore format: a table

const ATOMIC_SIGN: Readonly<Record<number, string>> = {
  [ATOMIC.add]: '+=', [ATOMIC.or]: '|=', [ATOMIC.and]: '&=', [ATOMIC.xor]: '^=',
}; // biome-ignore format: a table

const ATOMIC_NAME: ReadonlyMap<number, string> = new Map(Object.entries(ATOMIC).map(([name, op]) => [op, name]));
const SWAP_NAME: ReadonlyMap<number, string> = new Map(Object.entries(SWAP).map(([name, op]) => [op, name]));

function cLike(row: Encoding): readonly string[] {
  const letter = row.size === 64 || row.size === 8 ? 'r' : 'w';
  const d = `{${letter}d}`;
  const s = `{${letter}s}`;
  const second = row.x === 1 ? s : '{imm}';
  const bits = row.size * 8;
  switch (row.kind) {
    case KIND.alu:
      return [row.op === ALU.neg ? `${d} = -${d}` : `${d} ${ALU_SIGN[row.op]} ${second}`];
    case KIND.movsx:
      return [`${d} = (s${row.op})${s}`];
    case KIND.swap:
      return [`{rd} = ${SWAP_NAME.get(row.op)}${row.size} {rd}`];
    case KIND.addrSpaceCast:
      return ['{rd} = addr_space_cast({rs}, {to}, {from})'];
    case KIND.load: {
      const from = `*(${row.op === 1 ? 's' : 'u'}${bits} *)({rs} {disp})`;
      return row.op === 1 || row.size === 8 ? [`{rd} = ${from}`] : [`{rd} = ${from}`, `{wd} = ${from}`];
    }
    case KIND.store: {
      const to = `*(u${bits} *)({rd} {disp})`;
      if (row.x === 0) return [`${to} = {imm}`];
      return row.size === 8 ? [`${to} = {rs}`] : [`${to} = {rs}`, `${to} = {ws}`];
    }
    case KIND.atomic: {
      const kernel = `atomic${row.size === 8 ? '64' : ''}`;
      const at = `(u${bits} *)({rd} {disp})`;
      if (row.op === ATOMIC.cmpxchg) {
        const old = `${letter}0`;
        const name = row.size === 8 ? 'cmpxchg_64' : 'cmpxchg32_32';
        return [`${old} = ${name}({rd} {disp}, ${old}, ${s})`, `r0 = ${kernel}_cmpxchg(${at}, r0, {rs})`];
      }
      if (row.op === ATOMIC.xchg) {
        const name = row.size === 8 ? 'xchg_64' : 'xchg32_32';
        return [`${s} = ${name}({rd} {disp}, ${s})`, `{rs} = ${kernel}_xchg(${at}, {rs})`];
      }
      if (row.x === 0) {
        const plain = `lock *${at} ${ATOMIC_SIGN[row.op]}`;
        return row.size === 8 ? [`${plain} {rs}`] : [`${plain} {ws}`, `${plain} {rs}`];
      }
      const name = ATOMIC_NAME.get(row.op);
      return [`${s} = atomic_fetch_${name}(${at}, ${s})`, `{rs} = ${kernel}_fetch_${name}(${at}, {rs})`];
    }
    case KIND.loadAcquire: {
      const from = `load_acquire((u${bits} *)({rs} {disp}))`;
      return row.size === 8 ? [`{rd} = ${from}`] : [`{wd} = ${from}`, `{rd} = ${from}`];
    }
    case KIND.storeRelease: {
      const to = `store_release((u${bits} *)({rd} {disp}), `;
      return row.size === 8 ? [`${to}{rs})`] : [`${to}{ws})`, `${to}{rs})`];
    }
    case KIND.packetLoad:
      return [`r0 = *(u${bits} *)skb[${row.op === 1 ? '{rs}{skb}' : '{imm}'}]`];
    case KIND.lddw:
      return lddw(row.op);
    case KIND.jump:
      return [`${row.size === 32 ? 'gotol' : 'goto'} {target}`];
    case KIND.branch:
      return [`if ${d} ${COND_SIGN[row.op]} ${second} goto {target}`];
    case KIND.mayGoto:
      return ['may_goto {target}'];
    case KIND.callHelper:
      return ['call {imm}'];
    case KIND.callLocal:
      return ['call {function}'];
    case KIND.callKfunc:
      return ['call kfunc[{id}{fd}]'];
    case KIND.callx:
      return ['callx {rd}'];
    case KIND.exit:
      return ['exit'];
    default:
      assert(false, `encoding ${row.name} has no text`);
  }
}

function lddw(pseudo: number): readonly string[] {
  switch (pseudo) {
    case PSEUDO.none:
      return ['{rd} = {imm64} ll'];
    case PSEUDO.map:
      return ['{rd} = map[{index}]'];
    case PSEUDO.mapValue:
      return ['{rd} = map[{index}][0] + {next}'];
    case PSEUDO.btfId:
      return ['{rd} = btf[{id}:{next}]'];
    case PSEUDO.func:
      return ['{rd} = function[{function}]'];
    case PSEUDO.mapIndex:
      return ['{rd} = map_index[{id}]'];
    case PSEUDO.mapIndexValue:
      return ['{rd} = map_index[{id}][0] + {next}'];
    default:
      assert(false, `lddw with source ${pseudo} has no text`);
  }
}

/** The ubpf and bpf_conformance notation; forms that it lacks have none. */
function mnemonics(row: Encoding): readonly string[] {
  const { name } = row;
  const second = row.x === 1 ? '{rs}' : '{imm}';
  switch (row.kind) {
    case KIND.alu: {
      const operands = row.op === ALU.neg ? '{rd}' : `{rd}, ${second}`;
      return row.size === 64 ? [`${name} ${operands}`, `${name}64 ${operands}`] : [`${name} ${operands}`];
    }
    case KIND.movsx:
      return [`${name} {rd}, {rs}`];
    case KIND.swap:
      return row.op === SWAP.bswap ? [`${name} {rd}`, `b${name} {rd}`] : [`${name} {rd}`];
    case KIND.load:
      return [`${name} {rd}, [{rs}{offset}]`];
    case KIND.store:
      return [`${name} [{rd}{offset}], ${second}`];
    case KIND.atomic:
      return [`${name} [{rd}{offset}], {rs}`];
    case KIND.packetLoad:
      return [row.op === 1 ? `${name} {rs}, {imm}` : `${name} {imm}`];
    case KIND.lddw:
      return row.op === PSEUDO.none ? ['lddw {rd}, {imm64}'] : [];
    case KIND.jump:
      return [`${name} {target}`];
    case KIND.branch:
      return [`${name} {rd}, ${second}, {target}`];
    case KIND.callHelper:
      return ['call helper {imm}'];
    case KIND.callLocal:
      return ['call local {target}'];
    case KIND.callKfunc:
      return ['call runtime {imm}'];
    case KIND.callx:
      return ['call {rd}', 'call helper {rd}'];
    default:
      return [];
  }
}

function compileTemplate(encoding: Encoding, text: string): Template {
  const parts = text.split(/(\{\w+\})/).flatMap((piece): readonly Part[] => {
    if (piece === '') return [];
    const operand = OPERANDS.find((name) => piece === `{${name}}`);
    if (operand !== undefined) return [{ operand }];
    return [{ literal: piece, tokens: tokenize(piece, (column) => ({ in: 'text', path: text, line: 1, column })) }];
  });
  return { encoding, parts };
}

/** What the printer writes, by encoding. */
export const PRINTED: ReadonlyMap<Encoding, Template> = new Map(
  ENCODINGS.map((encoding) => [encoding, compileTemplate(encoding, cLike(encoding)[0]!)]),
);

/** Everything that the parser accepts. */
export const ACCEPTED: readonly Template[] = ENCODINGS.flatMap((encoding) =>
  [...cLike(encoding), ...mnemonics(encoding)].map((text) => compileTemplate(encoding, text)),
);
