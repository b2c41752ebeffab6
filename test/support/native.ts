// Test engines on this machine itself: the lowered image in executable memory, in each code variant.
import { openHost } from '../../src/host/host.ts';
import { FIRST_HANDLE } from '../../src/interpreter/machine.ts';
import { STOP } from '../../src/jit/activation.ts';
import { addressFromNumber, addressToBigint } from '../../src/jit/address.ts';
import { compile } from '../../src/jit/compile.ts';
import { type Image, slotAt } from '../../src/jit/image.ts';
import type { CompileOptions, Target } from '../../src/jit/target.ts';
import { findTarget, TARGET_NAMES } from '../../src/jit/targets.ts';
import type { Program } from '../../src/program/program.ts';
import type { CodeRoom, CodeTable, Executable, Host, HostWindow } from '../../src/runtime/engines/host.ts';
import { FRAME_BYTES, MAX_FRAMES } from '../../src/spec/limits.ts';
import { BpfError } from '../../src/util/error.ts';
import { PLACE, Window } from '../../src/window/window.ts';
import type { Outcome, TestEngine } from './engines.ts';
import { forced } from './forced.ts';

/** The compilers there are. */
export const TARGETS: readonly Target[] = TARGET_NAMES.map((name) => findTarget(name)!);

/** Code variants of what this machine runs itself. */
export const NATIVE_VARIANTS: Readonly<Record<string, Readonly<Record<string, CompileOptions>>>> = {
  arm64: { arm64: {}, 'arm64-v8.0': { lse: false }, 'arm64-hardened': { bti: true, pac: true } },
  x64: { x64: {}, 'x64-baseline': { cpu: new Set() } },
};

type Helper = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint;

const REASONS = Object.fromEntries(Object.entries(STOP).map(([name, number]) => [number, name]));

async function tryHost(): Promise<Host | string> {
  try {
    return await openHost();
  } catch (error) {
    if (error instanceof BpfError) return error.message;
    throw error;
  }
}

/** Engines of `target` where this machine is one; else one that says why not. */
export async function nativeEngines(
  target: Target,
  helpers: Readonly<Record<number, Helper>>,
  variants: Readonly<Record<string, CompileOptions>>,
): Promise<TestEngine[]> {
  const host = await tryHost();
  const missing = typeof host === 'string' ? host : host.target === target.name ? undefined : `this machine is ${host.target}`;
  if (typeof host === 'string' || missing !== undefined) {
    return Object.keys(variants).map((name) => ({
      name,
      missing,
      run: () => {
        throw new Error(missing);
      },
    }));
  }
  const window = new Window({ accept: (memory) => host.accepts(memory) });
  const open = host.open(window);
  const addresses = new Map(Object.entries(helpers).map(([id, call]) => [Number(id), open.jsFunction(call).address]));
  return Object.entries(variants).map(([name, options]) => ({
    name,
    missing,
    run(program, memory, fuel) {
      const placed = place(program, target, open, addresses, { ...forced, cpu: host.cpu, ...options });
      try {
        return run(placed, window, memory, fuel);
      } finally {
        placed.executable.dispose();
        placed.room.free();
        placed.functions.free();
      }
    },
  }));
}

export interface Placed {
  readonly image: Image;
  readonly room: CodeRoom;
  readonly executable: Executable;
  readonly functions: CodeTable;
}

/** Compiles and places; `helpers`: addresses by id. */
export function place(
  program: Program,
  target: Target,
  open: HostWindow,
  helpers: ReadonlyMap<number, number> = new Map(),
  options: CompileOptions = {},
): Placed {
  let room: CodeRoom | undefined;
  const functions = open.table(FIRST_HANDLE + program.subprograms.length);
  // Helper 0 has no handle: 0 is no function.
  for (const [id, at] of helpers) if (id > 0) functions.set(id, at);
  const image = compile(
    program,
    target,
    {
      resolve(symbol) {
        if (symbol.kind === 'helper') return addressFromNumber(helpers.get(symbol.id) ?? 0);
        if (symbol.kind === 'function') return addressFromNumber(FIRST_HANDLE + program.subprogramOf[symbol.slot]!);
        if (symbol.kind === 'functions') return addressFromNumber(functions.address);
        return addressFromNumber(0);
      },
      allocate(bytes) {
        room = open.reserve(bytes);
        return addressFromNumber(room.address);
      },
    },
    options,
  );
  room!.write(image.bytes);
  const base = Number(addressToBigint(image.base));
  image.entries.forEach((entry, i) => {
    functions.set(FIRST_HANDLE + i, base + entry);
  });
  const executable = open.executable({
    entry: base + image.entries[0]!,
    places: {
      stackTop: PLACE.stackTop,
      stackLimit: PLACE.stackTop - FRAME_BYTES * (MAX_FRAMES - 1),
      routineStack: PLACE.routineStackTop,
      clear: [{ at: PLACE.stackBottom, bytes: PLACE.stackTop - PLACE.stackBottom }],
    },
  });
  return { image, room: room!, executable, functions };
}

function run({ image, room, executable }: Placed, window: Window, memory: Uint8Array, fuel: number): Outcome {
  window.write(PLACE.packet, memory);
  executable.setFuel(fuel);
  executable.setPacket(PLACE.packet, memory.length);
  const reason = executable.run(PLACE.packet, memory.length);
  if (reason === STOP.none) {
    return { kind: 'exit', r0: executable.r0, memory: window.read(PLACE.packet, memory.length), fuelLeft: executable.fuelLeft };
  }
  const { slot, pc, thrown } = executable.stopped();
  if (thrown !== undefined) throw thrown;
  // A return address is that of the next instruction.
  const offset = pc - room.address - (reason === STOP.fault ? 0 : 1);
  return { kind: 'stop', reason: REASONS[reason]!, slot: slot >= 0 ? slot : slotAt(image, offset) };
}
