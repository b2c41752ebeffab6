// Coverage as lcov writes it: counts by source file, as `genhtml` and code hosts read them. Reading, writing, adding up.
// [geninfo(1) "FILES"]
import { BpfError } from '../util/error.ts';

export interface FunctionCount {
  /** 0: not known yet. */
  line: number;
  calls: number;
}

export interface BranchCount {
  readonly line: number;
  readonly block: string;
  readonly branch: string;
  /** Undefined: what decides was never come to. */
  taken: number | undefined;
}

export interface FileCounts {
  /** Executions by line. */
  readonly lines: Map<number, number>;
  /** By name. */
  readonly functions: Map<string, FunctionCount>;
  /** By `line,block,branch`. */
  readonly branches: Map<string, BranchCount>;
}

/** By path of the source file. */
export type Lcov = Map<string, FileCounts>;

/** How many there are, and how many of them were run. */
export interface Share {
  found: number;
  hit: number;
}

/** What was run of a source file, or of all: its lines, functions and branches. */
export interface Summary {
  readonly lines: Share;
  readonly functions: Share;
  readonly branches: Share;
}

/** The counts of that file, empty where it is new. */
export function fileOf(lcov: Lcov, named: string): FileCounts {
  const path = oneLine(named);
  let file = lcov.get(path);
  if (file === undefined) {
    file = { lines: new Map(), functions: new Map(), branches: new Map() };
    lcov.set(path, file);
  }
  return file;
}

export function addLine(file: FileCounts, line: number, count: number): void {
  file.lines.set(line, (file.lines.get(line) ?? 0) + count);
}

export function addFunction(file: FileCounts, named: string, line: number, calls: number): void {
  const name = oneLine(named);
  const known = file.functions.get(name);
  if (known === undefined) file.functions.set(name, { line, calls });
  else {
    known.calls += calls;
    known.line ||= line;
  }
}

export function addBranch(file: FileCounts, { line, block, branch, taken }: BranchCount): void {
  const key = `${line},${block},${branch}`;
  const known = file.branches.get(key);
  if (known === undefined) file.branches.set(key, { line, block, branch, taken });
  else if (taken !== undefined) known.taken = (known.taken ?? 0) + taken;
}

/** Adds `from` to `into`. */
export function mergeLcov(into: Lcov, from: Lcov): void {
  for (const [path, counts] of from) {
    const file = fileOf(into, path);
    for (const [line, count] of counts.lines) addLine(file, line, count);
    for (const [name, { line, calls }] of counts.functions) addFunction(file, name, line, calls);
    for (const branch of counts.branches.values()) addBranch(file, branch);
  }
}

/** Files by path, records by line: the same counts give the same text. */
export function printLcov(lcov: Lcov): string {
  const out: string[] = [];
  for (const [path, file] of [...lcov].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { lines, functions, branches } = summaryOfFile(file);
    out.push('TN:', `SF:${path}`);
    const named = [...file.functions].sort(([a, { line }], [b, { line: other }]) => line - other || (a < b ? -1 : 1));
    for (const [name, { line }] of named) out.push(`FN:${line},${/^\d+,/.test(name) ? `${line},` : ''}${name}`);
    for (const [name, { calls }] of named) out.push(`FNDA:${calls},${name}`);
    out.push(`FNF:${functions.found}`, `FNH:${functions.hit}`);
    const sorted = [...file.branches.values()].sort((a, b) => a.line - b.line || order(a.block, b.block) || order(a.branch, b.branch));
    for (const { line, block, branch, taken } of sorted) out.push(`BRDA:${line},${block},${branch},${taken ?? '-'}`);
    out.push(`BRF:${branches.found}`, `BRH:${branches.hit}`);
    for (const [line, count] of [...file.lines].sort(([a], [b]) => a - b)) out.push(`DA:${line},${count}`);
    out.push(`LF:${lines.found}`, `LH:${lines.hit}`, 'end_of_record');
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** Names are the object's: they may hold anything. */
function oneLine(name: string): string {
  return name.replace(/[\r\n]/g, '?');
}

function order(a: string, b: string): number {
  return Number(a) - Number(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** `path` names the text in errors. Checksums and test names are not kept. */
export function parseLcov(text: string, path: string): Lcov {
  const lcov: Lcov = new Map();
  let file: FileCounts | undefined;
  /** Of lcov 2: a function's line by its number. */
  let numbered = new Map<string, number>();
  for (const [index, record] of text.split(/\r\n|[\r\n]/).entries()) {
    const at = record.indexOf(':');
    const tag = at < 0 ? record : record.slice(0, at);
    const rest = at < 0 ? '' : record.slice(at + 1);
    const refuse = (what: string): never => {
      throw new BpfError('lcov/syntax', { in: 'text', path, line: index + 1, column: 1 }, `${what}, got "${record.slice(0, 60)}"`);
    };
    const fields = (pattern: RegExp, shape: string): string[] => pattern.exec(rest)?.slice(1) ?? refuse(`expected ${tag}:${shape}`);
    const here = (): FileCounts => file ?? refuse('expected SF: before counts');
    switch (tag) {
      case 'SF':
        file = fileOf(lcov, rest);
        numbered = new Map();
        break;
      case 'DA': {
        const [line, count] = fields(/^(\d+),(\d+)(?:,.*)?$/, 'LINE,COUNT');
        addLine(here(), Number(line), Number(count));
        break;
      }
      case 'FN': {
        const [line, name] = fields(/^(\d+),(?:\d+,)?(.+)$/, 'LINE,NAME');
        addFunction(here(), name!, Number(line), 0);
        break;
      }
      case 'FNDA': {
        const [calls, name] = fields(/^(\d+),(.+)$/, 'COUNT,NAME');
        addFunction(here(), name!, 0, Number(calls));
        break;
      }
      case 'FNL': {
        const [number, line] = fields(/^(\d+),(\d+)(?:,\d+)?$/, 'NUMBER,LINE');
        numbered.set(number!, Number(line));
        break;
      }
      case 'FNA': {
        const [number, calls, name] = fields(/^(\d+),(\d+),(.+)$/, 'NUMBER,COUNT,NAME');
        addFunction(here(), name!, numbered.get(number!) ?? 0, Number(calls));
        break;
      }
      case 'BRDA': {
        const [line, block, branch, taken] = fields(/^(\d+),([^,]+),(.+),(\d+|-)$/, 'LINE,BLOCK,BRANCH,COUNT');
        addBranch(here(), { line: Number(line), block: block!, branch: branch!, taken: taken === '-' ? undefined : Number(taken) });
        break;
      }
      case 'end_of_record':
        file = undefined;
        break;
      // Totals are computed anew; test names, versions and comments say nothing that is kept.
      case '':
      case 'TN':
      case 'VER':
      case 'FNF':
      case 'FNH':
      case 'BRF':
      case 'BRH':
      case 'LF':
      case 'LH':
        break;
      default:
        if (!record.startsWith('#')) refuse('expected a record of lcov');
    }
  }
  return lcov;
}

export function summaryOfFile({ lines, functions, branches }: FileCounts): Summary {
  const share = (counts: readonly (number | undefined)[]): Share => ({
    found: counts.length,
    hit: counts.filter((count) => count !== undefined && count > 0).length,
  });
  return {
    lines: share([...lines.values()]),
    functions: share([...functions.values()].map(({ calls }) => calls)),
    branches: share([...branches.values()].map(({ taken }) => taken)),
  };
}

export function summaryOf(lcov: Lcov): Summary {
  const sum: Summary = { lines: { found: 0, hit: 0 }, functions: { found: 0, hit: 0 }, branches: { found: 0, hit: 0 } };
  for (const file of lcov.values()) {
    const one = summaryOfFile(file);
    for (const what of ['lines', 'functions', 'branches'] as const) {
      sum[what].found += one[what].found;
      sum[what].hit += one[what].hit;
    }
  }
  return sum;
}
