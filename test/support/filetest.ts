// Filetests: one text file, one idea; a superset of bpf_conformance's format (src/asm/data-file.ts). Sections that we add:
//
//   -- test WORD...         what to do, of: run (default), text, bytes, blocks
//   -- fuel N               slots that a run may spend
//   -- engines NAME...      the only engines that can see what the test is about
//   -- expect text          the program as printed
//   -- expect bytes         8 bytes a line
//   -- expect blocks        basic blocks: slots, successors
//   -- expect fuel          slots with a cost, and what of `-- fuel` is left after the run
//   -- expect memory        the memory after a run, where it changed
//   -- expect error         code and place of the refusal: `program/empty`, `asm/syntax 3:7`, `program/frame-pointer-write slot 3`
//   -- expect stop          reason and slot: `fuel slot 3`
//   -- expect NAME          what the listing of that name says, see LISTINGS
//
// Files with maps or several programs: object-filetest.ts.
//
// A run goes through every engine, and all must agree before anything is compared. BLESS=1 rewrites `expect` sections, and nothing else.
import { type DataFile, parseDataFile, type Section } from '../../src/asm/data-file.ts';
import { print } from '../../src/asm/print.ts';
import { controlFlow } from '../../src/program/cfg.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { toHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { ENGINES, type Outcome, type TestEngine } from './engines.ts';
import { isObjectTest, runObjectTest } from './object-filetest.ts';

export interface Filetest {
  readonly data: DataFile;
  readonly commands: readonly string[];
  readonly fuel: number;
  /** Undefined: all. */
  readonly engines: readonly string[] | undefined;
  readonly expects: readonly Section[];
}

/** More than any filetest needs. */
const DEFAULT_FUEL = 1_000_000;
const COMMANDS: readonly string[] = ['run', 'text', 'bytes', 'blocks'];

/** Machine code and the like, by the word after `-- expect`; filled by whoever has a compiler. */
export const LISTINGS: ReadonlyMap<string, (program: Program) => string> = new Map();

export function parseFiletest(text: string, path: string): Filetest {
  const data = parseDataFile(text, path);
  const commands = data.sections.flatMap(({ name, argument }) => (name === 'test' ? argument.split(/\s+/) : []));
  const unknown = commands.find((command) => !COMMANDS.includes(command));
  if (unknown !== undefined) throw new Error(`${path}: unknown command '${unknown}'`);
  const argument = (wanted: string): string | undefined => data.sections.find(({ name }) => name === wanted)?.argument;
  const fuel = argument('fuel');
  return {
    data,
    commands: commands.length === 0 ? ['run'] : commands,
    fuel: fuel === undefined ? DEFAULT_FUEL : Number(fuel),
    engines: argument('engines')?.split(/\s+/),
    expects: data.sections.filter(({ name }) => name.startsWith('expect ')),
  };
}

/** The differences, as lines for people; none: passed. */
export function checkFiletest(filetest: Filetest, engines: readonly TestEngine[] = ENGINES): readonly string[] {
  const actual = outcomeOf(filetest, engines);
  const wrong = [...actual.problems];
  for (const { name, body } of filetest.expects) {
    const given = actual.sections.get(name);
    if (given === undefined) wrong.push(`-- ${name}: nothing to compare it with`);
    else if (tidy(body) !== tidy(given)) wrong.push(`-- ${name}:\n${tidy(given)}\nexpected:\n${tidy(body)}`);
  }
  for (const [name, given] of actual.sections) {
    const isExpected = filetest.expects.some((section) => section.name === name);
    if (!isExpected && actual.required.has(name)) wrong.push(`-- ${name} is missing:\n${tidy(given)}`);
  }
  return wrong;
}

/** The file's text with its `expect` sections rewritten, and those that were missing appended. Refused where engines disagree. */
export function blessFiletest(text: string, filetest: Filetest, engines: readonly TestEngine[] = ENGINES): string {
  const actual = outcomeOf(filetest, engines);
  if (actual.problems.length > 0) throw new Error(`${filetest.data.path}: not blessed\n${actual.problems.join('\n')}`);
  let lines = text.trimEnd().split('\n');
  for (const { name, line, body } of [...filetest.expects].reverse()) {
    const given = actual.sections.get(name);
    const replacement = given === undefined ? undefined : tidy(given).split('\n');
    const blank = body.endsWith('\n\n') ? [''] : [];
    const start = replacement === undefined ? line - 2 : line - 1;
    lines = [...lines.slice(0, start), ...(replacement ?? []), ...blank, ...lines.slice(line - 1 + body.split('\n').length)];
  }
  for (const name of actual.required) {
    if (filetest.expects.some((section) => section.name === name)) continue;
    lines.push(`-- ${name}`, tidy(actual.sections.get(name)!));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

interface Actual {
  readonly sections: Map<string, string>;
  /** Sections that the file must have. */
  readonly required: Set<string>;
  /** What no expectation can make right. */
  readonly problems: string[];
}

function outcomeOf(filetest: Filetest, engines: readonly TestEngine[]): Actual {
  const actual: Actual = { sections: new Map(), required: new Set(), problems: [] };
  const need = (name: string, text: string): void => {
    actual.sections.set(`expect ${name}`, text);
    actual.required.add(`expect ${name}`);
  };
  if (isObjectTest(filetest.data)) {
    runObjects(filetest, actual, need);
    return actual;
  }
  const program = tryCreate(filetest.data);
  if (typeof program === 'string') {
    need('error', program);
    if (filetest.data.result !== undefined) actual.problems.push(`refused: ${program}`);
    return actual;
  }
  if (filetest.commands.includes('text')) need('text', printNamed(program));
  if (filetest.commands.includes('bytes')) need('bytes', printBytes(program));
  if (filetest.commands.includes('blocks')) need('blocks', printBlocks(program));
  for (const [name, listing] of LISTINGS) {
    if (filetest.expects.some((section) => section.name === `expect ${name}`)) actual.sections.set(`expect ${name}`, listing(program));
  }
  if (filetest.commands.includes('run')) run(filetest, program, engines, actual, need);
  return actual;
}

function runObjects({ data, fuel, engines }: Filetest, actual: Actual, need: (name: string, text: string) => void): void {
  const ended = orRefusal(() => runObjectTest(data, fuel, engines));
  if (typeof ended === 'string') {
    need('error', ended);
    return;
  }
  const { problems, runs, maps } = ended;
  actual.problems.push(...problems);
  if (runs.length > 1)
    need(
      'runs',
      runs
        .slice(0, -1)
        .map((one) => (one.kind === 'stop' ? one.what : `0x${one.r0.toString(16)}`))
        .join('\n'),
    );
  const last = runs.at(-1)!;
  if (last.kind === 'stop') need('stop', last.what);
  else {
    checkResult(data, last.r0, actual);
    actual.sections.set('expect packet', toHex(last.packet, ' '));
    if (last.events !== '') need('events', last.events);
  }
  actual.sections.set('expect maps', maps);
}

function checkResult({ result }: DataFile, r0: bigint, { problems }: Actual): void {
  if (result === undefined) problems.push(`no -- result, and the program gave 0x${r0.toString(16)}`);
  else if (result !== r0) problems.push(`result 0x${r0.toString(16)}, expected 0x${result.toString(16)}`);
}

function run(
  { data, fuel, engines: only }: Filetest,
  program: Program,
  engines: readonly TestEngine[],
  actual: Actual,
  need: (name: string, text: string) => void,
): void {
  const outcomes = engines
    .filter(({ name, missing }) => missing === undefined && (only === undefined || only.includes(name)))
    .map((engine) => [engine.name, engine.run(program, data.memory, fuel)] as const);
  const [first, ...others] = outcomes;
  if (first === undefined) throw new Error('no engine can run here');
  for (const [name, outcome] of others) {
    if (describe(outcome) !== describe(first[1])) {
      actual.problems.push(`${first[0]}: ${describe(first[1])}`, `${name}: ${describe(outcome)}`);
    }
  }
  const outcome = first[1];
  if (outcome.kind === 'stop') {
    need('stop', `${outcome.reason} slot ${outcome.slot}`);
    if (data.result !== undefined) actual.problems.push(`stopped: ${describe(outcome)}`);
    return;
  }
  checkResult(data, outcome.r0, actual);
  actual.sections.set('expect memory', toHex(outcome.memory, ' '));
  if (toHex(outcome.memory) !== toHex(data.memory)) actual.required.add('expect memory');
  const costs = [...program.fuelCost.entries()].filter(([, cost]) => cost > 0).map(([slot, cost]) => `slot ${slot}: ${cost}`);
  actual.sections.set('expect fuel', [...costs, `left: ${outcome.fuelLeft}`].join('\n'));
}

function tryCreate(data: DataFile): Program | string {
  return orRefusal(() => {
    const { bytes, lines, subprograms, maps } = data.program();
    const shapes = maps.map((name) => ({ name, type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 }));
    return createProgram({ name: 'test', bytes, lines, subprograms, maps: shapes });
  });
}

/** Code and place of a refusal, as text. */
function orRefusal<T>(make: () => T): T | string {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const { position } = error;
    const where =
      position.in === 'text'
        ? ` ${position.line}:${position.column}`
        : position.in === 'program' && position.slot !== undefined
          ? ` slot ${position.slot}`
          : '';
    return `${error.code}${where}`;
  }
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'stop') return `stop ${outcome.reason} at slot ${outcome.slot}`;
  return `r0 0x${outcome.r0.toString(16)}, memory ${toHex(outcome.memory)}, fuel left ${outcome.fuelLeft}`;
}

function printNamed({ code, subprograms, maps }: Program): string {
  const labels = new Map(subprograms.slice(1).map(({ start, name }) => [start, name]));
  return print(code, labels, maps.map(({ name }) => name)); // biome-ignore format: short
}

function printBytes({ bytes }: Program): string {
  return Array.from({ length: bytes.length / 8 }, (_, slot) => toHex(bytes.subarray(slot * 8, slot * 8 + 8), ' ')).join('\n');
}

function printBlocks(program: Program): string {
  const flow = controlFlow(program);
  return Array.from({ length: flow.blocks }, (_, block) => {
    const to = [...flow.successors.subarray(flow.successorStart[block], flow.successorStart[block + 1])];
    const range = `slots ${flow.starts[block]}-${flow.starts[block + 1]! - 1}`;
    return `block ${block}: ${range}${flow.isLoopHeader[block] === 1 ? ', loop header' : ''}${to.length > 0 ? ` -> ${to.join(', ')}` : ''}`;
  }).join('\n');
}

/** Without comment-only lines, blank lines around, and space at line ends. */
function tidy(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/^\n+|\n+$/g, '');
}
