// bpfjit dump: what each instruction became, and how the passes went. Compiles only: needs no host, and takes any base address.
import { addressFromBigint, addressFromNumber, addressPlus } from '../jit/address.ts';
import { compile } from '../jit/compile.ts';
import { dump as dumpImage, printListing, printPasses, symbolName } from '../jit/listing.ts';
import type { Address } from '../jit/target.ts';
import { findTarget, TARGET_NAMES } from '../jit/targets.ts';
import type { SymbolRef } from '../jit/unit.ts';
import type { Program } from '../program/program.ts';
import { helperByName } from '../spec/helpers.ts';
import { BpfError } from '../util/error.ts';
import { JSON_OUTPUT, PROGRAM } from './options.ts';
import { openSource } from './source.ts';
import { assignment, count, integer, type OptionTable, readArguments, UsageError } from './usage.ts';

const OPTIONS = {
  program: PROGRAM,
  target: { type: 'string', default: 'arm64', value: TARGET_NAMES.join('|'), help: 'the machine, default arm64' },
  base: { type: 'string', value: 'ADDR', help: 'where the image is to lie: decides which calls reach' },
  helper: {
    type: 'string',
    multiple: true,
    default: [] as string[],
    value: 'NAME=ADDR',
    help: 'where a helper lies; turns off that it is inlined; may be repeated',
  },
  passes: { type: 'boolean', help: 'show how the image came about: bound, walks, promotions, why each call is direct or not' },
  fuel: { type: 'string', value: 'N', help: '0: code that counts no fuel' },
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

/** Where images go if --base says nothing else, and callees that --helper does not name: in reach. */
const DEFAULT_BASE = 0x1_0000_0000;
const CALLEES_FROM = 0x100_0000;
const CALLEE_STEP = 0x100;
/** Window offsets of maps, which only a live object knows. */
/** Where the table for callx would lie: in memory of the host's. */
const TABLE_FROM = 0x1000_0000_0000;
const MAPS_FROM = 0x4_0000;
const MAP_STEP = 0x1_0000;

export async function dump(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  const target = findTarget(values.target);
  if (target === undefined) throw new UsageError(`--target takes ${TARGET_NAMES.join(' or ')}, got "${values.target}"`);
  const base = values.base === undefined ? addressFromNumber(DEFAULT_BASE) : addressFromBigint(integer('base', values.base));
  const helpers = new Map(values.helper.map((text) => helperAddress(text)));
  const program = (await openSource(files[0]!)).program(values.program);
  const image = compile(program, target, surroundings(base, helpers), {
    fuel: values.fuel === undefined || count('fuel', values.fuel) > 0,
    loops: true,
    noInline: new Set([...helpers.keys()].flatMap((name) => helperByName(name)?.id ?? [])),
  });
  const result = dumpImage(program, image, target);
  checkHelpers(helpers, image.settled.bounded.unit.symbols, program);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  }
  const insns = image.target === 'arm64' ? `, ${image.size / 4} instructions` : '';
  process.stdout.write(`${program.name}: ${image.target}, ${image.size} bytes${insns} at ${result.base}\n\n`);
  if (values.passes === true) process.stdout.write(`${printPasses(image)}\n`);
  process.stdout.write(printListing(image, result.listing));
  return 0;
}

function helperAddress(text: string): readonly [string, Address] {
  const [name, address] = assignment('helper', text);
  return [name, addressFromBigint(integer('helper', address))];
}

function surroundings(base: Address, helpers: ReadonlyMap<string, Address>): Parameters<typeof compile>[2] {
  let callees = 0;
  return {
    allocate: () => base,
    resolve(symbol) {
      switch (symbol.kind) {
        case 'map':
          return addressFromNumber(MAPS_FROM + symbol.index * MAP_STEP);
        case 'mapValue':
          return addressFromNumber(MAPS_FROM + symbol.index * MAP_STEP + 0x100 + symbol.offset);
        case 'function':
          return addressFromNumber(symbol.slot);
        case 'functions':
          return addressFromNumber(TABLE_FROM);
        default:
          return helpers.get(symbol.name) ?? addressPlus(base, CALLEES_FROM + callees++ * CALLEE_STEP);
      }
    },
  };
}

/** A misspelt --helper would go unnoticed. */
function checkHelpers(helpers: ReadonlyMap<string, Address>, symbols: readonly SymbolRef[], program: Program): void {
  const called = symbols.filter(({ kind }) => kind === 'helper' || kind === 'kfunc' || kind === 'routine').map(symbolName);
  for (const name of helpers.keys()) {
    if (called.includes(name)) continue;
    const message = `${program.name} does not call ${name}; it calls ${called.join(', ') || 'nothing'}`;
    throw new BpfError('cli/helper-not-called', { in: 'option', name: 'helper' }, message);
  }
}
