// One raw program as machine code, on a host, without the runtime: for the conformance plugin, whose start must cost little.
import { FIRST_HANDLE } from '../interpreter/machine.ts';
import { STOP } from '../jit/activation.ts';
import { addressFromNumber } from '../jit/address.ts';
import { compile } from '../jit/compile.ts';
import type { CompileOptions, Target } from '../jit/target.ts';
import type { SymbolRef } from '../jit/unit.ts';
import type { Program } from '../program/program.ts';
import type { CodeRoom, Host } from '../runtime/engines/host.ts';
import { FRAME_BYTES } from '../spec/limits.ts';
import { assert, BpfError } from '../util/error.ts';
import { PLACE, Window } from '../window/window.ts';
import { CONFORMANCE_FUEL, CONFORMANCE_HELPERS } from './conformance-helpers.ts';

const PLACES = {
  stackTop: PLACE.stackTop,
  stackLimit: PLACE.stackBottom + FRAME_BYTES,
  routineStack: PLACE.routineStackTop,
  clear: [{ at: PLACE.stackBottom, bytes: PLACE.stackTop - PLACE.stackBottom }],
};

/** Undefined: `engine` is none that runs machine code here. */
export async function openPluginHost(engine: string): Promise<Host | undefined> {
  const isNative = engine === process.arch || engine === 'auto';
  if (isNative) {
    const { openHost } = await import('../host/host.ts');
    return openHost();
  }
  if (engine !== 'arm64-sim' && engine !== 'arm64') return undefined;
  const { simulatedHost } = await import('../runtime/engines/simulated-host.ts');
  return simulatedHost();
}

/** R0 of a run with R1 = memory (0 where there is none), R2 = its length. Throws BpfError where the program was stopped. */
export async function runCompiled(program: Program, memory: Uint8Array, host: Host): Promise<bigint> {
  const target = await targetOf(host);
  const window = new Window({ accept: (candidate) => host.accepts(candidate) });
  const open = host.open(window);
  const helpers = new Map(Object.entries(CONFORMANCE_HELPERS).map(([id, call]) => [Number(id), open.jsFunction(call).address]));
  const missing = (symbol: SymbolRef): number =>
    open.jsFunction(() => {
      throw new BpfError('runtime/missing-helper', { in: 'program', program: program.name }, `no ${symbol.kind} ${JSON.stringify(symbol)}`);
    }).address;
  // For callx; 0 is no function.
  const functions = open.table(FIRST_HANDLE + program.subprograms.length);
  for (const [id, address] of helpers) if (id > 0) functions.set(id, address);
  const resolve = (symbol: SymbolRef): number => {
    if (symbol.kind === 'helper') return helpers.get(symbol.id) ?? missing(symbol);
    if (symbol.kind === 'functions') return functions.address;
    return symbol.kind === 'function' ? FIRST_HANDLE + program.subprogramOf[symbol.slot]! : missing(symbol);
  };
  let room: CodeRoom | undefined;
  const allocate = (bytes: number): number => {
    room = open.reserve(bytes);
    return room.address;
  };
  const options: CompileOptions = host.target === 'arm64' ? { lse: host.cpu.has('lse') } : { cpu: host.cpu };
  const image = compile(
    program,
    target,
    { resolve: (symbol) => addressFromNumber(resolve(symbol)), allocate: (bytes) => addressFromNumber(allocate(bytes)) },
    options,
  );
  assert(room !== undefined, 'compiling allocates');
  room.write(image.bytes);
  const base = room.address;
  image.entries.forEach((entry, i) => {
    functions.set(FIRST_HANDLE + i, base + entry);
  });
  const executable = open.executable({ entry: base + image.entries[0]!, places: PLACES });
  window.write(PLACE.packet, memory);
  executable.setFuel(CONFORMANCE_FUEL);
  executable.setPacket(PLACE.packet, memory.length);
  const reason = executable.run(memory.length === 0 ? 0 : PLACE.packet, memory.length);
  if (reason === STOP.none) return executable.r0;
  const { thrown } = executable.stopped();
  if (thrown instanceof Error) throw thrown;
  const name = Object.entries(STOP).find(([, number]) => number === reason)?.[0];
  throw new BpfError('runtime/stopped', { in: 'program', program: program.name }, `the program was stopped: ${name}`);
}

async function targetOf(host: Host): Promise<Target> {
  return host.target === 'arm64' ? (await import('../jit/arm64/target.ts')).arm64 : (await import('../jit/x64/target.ts')).x64;
}
