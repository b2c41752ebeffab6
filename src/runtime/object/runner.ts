// The programs of one object on its engines: prepared once, then run alone or over many packets.

import { FIRST_HANDLE, type RunState } from '../../interpreter/machine.ts';
import { PacketBlock, type PacketSource } from '../../pcap/block.ts';
import { toEthernet } from '../../pcap/link.ts';
import type { Program } from '../../program/program.ts';
import { contextOf, networkOffset, seesLinkLayer, verdictOf } from '../../spec/contexts.ts';
import { BpfError } from '../../util/error.ts';
import { orStopped } from '../../util/stopped.ts';
import { PLACE } from '../../window/window.ts';
import { batchPlan } from '../engines/batch-layout.ts';
import { NativeBatch } from '../engines/batch-loop.ts';
import { BatchOutcome, type BatchResult } from '../engines/batch-outcome.ts';
import { ListedPackets } from '../engines/batch-packets.ts';
import type { Engine, EngineObject, Runnable, RunRequest } from '../engines/engine.ts';
import { type EngineName, engineByName } from '../engines/engine-names.ts';
import { interpreter } from '../engines/interpreter-engine.ts';
import { ProgramException } from '../helpers/kfuncs.ts';
import { type ContextValues, ETHERNET_BYTES } from '../helpers/packet.ts';
import { fireTimers } from '../helpers/timers.ts';
import type { Home } from './home.ts';
import { type BatchOptions, count, DEFAULT_FUEL, type LoadOptions, type RunOptions, type RunResult } from './options.ts';
import { placeInput } from './place-input.ts';

export class Runner {
  readonly #home: Home;
  readonly #options: LoadOptions;
  /** Number in program arrays to program. */
  readonly #linked: (number: number) => Program | undefined;
  readonly #engines = new Map<Engine, EngineObject>();
  readonly #runnables = new Map<Engine, Map<Program, Runnable>>();
  readonly #named: Partial<Record<EngineName, Engine>> = {};
  #lastEngine: Engine | undefined;
  #batching = false;
  /** What timers said since the last run belongs to the next one. */
  #timersSpoke = false;

  constructor(home: Home, options: LoadOptions, linked: (number: number) => Program | undefined) {
    this.#home = home;
    this.#options = options;
    this.#linked = linked;
  }

  runsNatively(target: 'arm64' | 'x64'): boolean {
    return this.#options.host?.target === target;
  }

  /** The engine of that name; throws where this host cannot run it. */
  engine(name: EngineName | Engine): Engine {
    if (typeof name !== 'string') return name;
    return (this.#named[name] ??= engineByName(name, this.#options.host));
  }

  runnable(program: Program, engine: Engine): Runnable {
    let programs = this.#runnables.get(engine);
    if (programs === undefined) {
      programs = new Map();
      this.#runnables.set(engine, programs);
      this.#engines.set(
        engine,
        engine.open(this.#home, (number) => this.#linked(number)),
      );
    }
    let made = programs.get(program);
    if (made === undefined) {
      made = this.#engines.get(engine)!.prepare(program);
      programs.set(program, made);
    }
    return made;
  }

  #fuel(fuel: number | undefined): number {
    return count(fuel ?? this.#options.fuel ?? DEFAULT_FUEL, 'fuel', 0, Number.MAX_SAFE_INTEGER) || Number.POSITIVE_INFINITY;
  }

  /** `auto` falls back to the interpreter for what machine code cannot do; it is the interpreter where only that can do what is asked. */
  #choose(
    program: Program,
    options: RunOptions | BatchOptions,
    otherwise: EngineName,
  ): { readonly engine: Engine; readonly runnable: Runnable } {
    const wanted = options.engine ?? this.#options.engine ?? otherwise;
    const name = wanted === 'auto' && (options.trace !== undefined || this.#options.coverage !== undefined) ? 'interpreter' : wanted;
    const engine = this.engine(name);
    if (options.trace !== undefined && engine.name !== 'interpreter') {
      throw new BpfError('runtime/trace', { in: 'option', name: 'trace' }, `only the interpreter can trace, not ${engine.name}`);
    }
    try {
      return { engine, runnable: this.runnable(program, engine) };
    } catch (error) {
      if (name !== 'auto' || !(error instanceof BpfError)) throw error;
      return { engine: interpreter, runnable: this.runnable(program, interpreter) };
    }
  }

  /** Calls the callbacks of the timers that have expired, on the engine of the last run. */
  fireTimers(): void {
    const home = this.#home;
    if (home.timers.all.size === 0 || this.#lastEngine === undefined) return;
    const engine = this.#lastEngine;
    if (!this.#timersSpoke) home.trace = [];
    this.#timersSpoke = true;
    fireTimers(home, (program, handle, args) => {
      home.programType = program.type;
      this.runnable(program, engine).call(handle, args, {
        ...{ r1: 0, r2: 0, timeoutMs: this.#options.timeoutMs ?? 0 },
        state: {
          fuel: this.#fuel(undefined),
          deadline: Number.POSITIVE_INFINITY,
          now: () => performance.now(),
          ...{ tailCalls: 0, depth: 0, packet: 0, packetLength: 0, instructions: 0 },
        },
      });
    });
  }

  run(program: Program, options: RunOptions): RunResult {
    if (this.#batching) {
      throw new BpfError('runtime/batch', { in: 'program', program: program.name }, 'a batch of this object is under way');
    }
    const { engine, runnable } = this.#choose(program, options, 'interpreter');
    const home = this.#home;
    const { packet } = home;
    const limit = this.#fuel(options.fuel);
    this.fireTimers();
    this.#lastEngine = engine;
    const { r0, state } = this.#execute(program, runnable, limit, options);
    const hasPacket = packet.spec?.packet !== undefined || (program.type === 'raw' && !(options.ctx instanceof Uint8Array));
    return {
      r0,
      verdict: verdictOf(program.type, Number(BigInt.asIntN(32, r0))),
      packet: hasPacket ? packet.readPacket() : undefined,
      metadata: hasPacket && packet.meta < packet.data ? packet.readMeta() : undefined,
      ctx: packet.spec !== undefined ? packet.readContext() : options.ctx === undefined ? undefined : packet.readContextBytes(),
      flowKeys: program.type === 'flow_dissector' && packet.spec !== undefined ? home.targets.readFlowKeys() : undefined,
      redirect: home.redirect,
      tunnel: home.tunnel,
      events: home.sent,
      trace: home.trace,
      recorded: home.kernel.recorded,
      output: home.kernel.output,
      retval: home.kernel.retval,
      engine: engine.name,
      fuelUsed: limit === Number.POSITIVE_INFINITY ? 0 : limit - state.fuel,
      instructions: options.countInstructions === true && engine.name === 'interpreter' ? state.instructions : undefined,
    };
  }

  /** From everything in its place to R0; what the run said of itself is then in `home`. */
  #execute(program: Program, runnable: Runnable, limit: number, options: RunOptions): { readonly r0: bigint; readonly state: RunState } {
    const home = this.#home;
    const { window, packet } = home;
    home.cpu = count(options.cpu ?? 0, 'cpu', 0, home.cpus - 1);
    home.programType = program.type;
    if (!this.#timersSpoke) home.trace = [];
    this.#timersSpoke = false;
    home.redirect = undefined;
    home.tunnel = undefined;
    home.kernel.begin(options.kernel);
    home.events.read(home.cpu);
    const { r1, r2 } = placeInput(home, program, options);
    window.zero(PLACE.stackBottom, PLACE.stackTop - PLACE.stackBottom);
    const state: RunState = {
      fuel: limit,
      deadline: Number.POSITIVE_INFINITY,
      now,
      tailCalls: 0,
      depth: 0,
      packet: packet.data,
      packetLength: packet.length,
      packetNetwork: networkOffset(program.type),
      instructions: 0,
      ...(options.stopFlag === undefined ? {} : { stopFlag: options.stopFlag }),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      ...(options.countInstructions === true ? { counting: true } : {}),
    };
    packet.onMove = () => {
      state.packet = packet.data;
      state.packetLength = packet.length;
      runnable.packetMoved?.();
    };
    const request: RunRequest = { r1, r2, state, timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? 0 };
    try {
      return { r0: this.#start(runnable, request), state };
    } finally {
      if (program.type === 'xdp') packet.refresh();
    }
  }

  runBatch(program: Program, packets: Iterable<Uint8Array> | PacketSource, options: BatchOptions): BatchResult {
    if (this.#batching) {
      throw new BpfError('runtime/batch', { in: 'program', program: program.name }, 'a batch of this object is under way');
    }
    const isCapture = 'blocks' in packets;
    if (options.clock === 'capture') this.#checkClock(isCapture);
    const { engine, runnable } = this.#choose(program, options, 'auto');
    const home = this.#home;
    // What a program of this type does not see of a frame.
    const hidden = contextOf(program.type)?.name === '__sk_buff' && !seesLinkLayer(program.type) ? ETHERNET_BYTES : 0;
    const outcome = new BatchOutcome(program.type, home.window, options.each, options.keepResults !== false, hidden);
    const source = isCapture ? packets.blocks() : new ListedPackets(packets);
    this.#batching = true;
    try {
      const loop = this.#nativeBatch(program, runnable, options, hidden, outcome);
      const block = new PacketBlock(loop?.capacity ?? ALONE.packets);
      const area = loop === undefined ? new Uint8Array(ALONE.bytes) : undefined;
      const alone = new AlonePackets(home, options, program.type, hidden);
      const limit = this.#fuel(options.fuel);
      while (source.nextBlock(area ?? loop!.area, block)) {
        if (program.type !== 'raw') toEthernet(block, `${program.name}, a program of type ${program.type},`);
        if (loop !== undefined && block.bytes === loop.area) loop.run(block, options.clock === 'capture');
        else {
          outcome.begin(block, true);
          this.#lastEngine = engine;
          for (let i = 0; i < block.count; i++) {
            this.fireTimers();
            this.#runAlone(program, runnable, limit, alone.take(block, i), outcome, i);
          }
        }
      }
      return outcome.result(engine.name, loop === undefined ? 'javascript' : 'native');
    } finally {
      source.close();
      this.#batching = false;
    }
  }

  #checkClock(isCapture: boolean): void {
    const refuse = (why: string): never => {
      throw new BpfError('runtime/option', { in: 'option', name: 'clock' }, `clock: 'capture' ${why}`);
    };
    if (!isCapture) refuse('takes the time from a capture: give what readCapture gives');
    if (!this.#home.clock.stands) refuse('sets a clock that stands: load the object with clock: 0n');
  }

  /** Undefined: these packets are run one by one. */
  #nativeBatch(
    program: Program,
    runnable: Runnable,
    options: BatchOptions,
    hidden: number,
    outcome: BatchOutcome,
  ): NativeBatch | undefined {
    const { ctx, timeoutMs = this.#options.timeoutMs ?? 0 } = options;
    const home = this.#home;
    // Timers may fire between two packets.
    if (
      runnable.batch === undefined ||
      timeoutMs > 0 ||
      options.stopFlag !== undefined ||
      ctx instanceof Uint8Array ||
      home.timers.all.size > 0
    )
      return undefined;
    const replaced = (id: number): boolean => this.#options.helpers?.[id] !== undefined;
    const traits = { given: ctx ?? {}, replaced, hasTime: options.clock === 'capture', linked: () => this.#reached() };
    const plan = batchPlan(program, contextOf(program.type), traits);
    if (plan === undefined) return undefined;
    home.cpu = count(options.cpu ?? 0, 'cpu', 0, home.cpus - 1);
    home.kernel.begin(options.kernel);
    home.programType = program.type;
    placeInput(home, program, ctx === undefined ? {} : { ctx });
    const fuel = this.#fuel(options.fuel);
    const placer = plan.place === undefined ? undefined : runnable.batch(plan.place, Number.POSITIVE_INFINITY, 'packet_place');
    return new NativeBatch(home, runnable.batch(plan.layout, fuel), placer, plan, hidden, outcome);
  }

  /** Programs that are in program arrays. */
  #reached(): Program[] {
    const home = this.#home;
    const found = new Set<Program>();
    for (const map of home.maps) {
      if (map.row.kept !== 'programs') continue;
      for (let index = 0; index < map.maxEntries; index++) {
        const program = this.#linked(home.window.u32(map.storage + 8 * index));
        if (program !== undefined) found.add(program);
      }
    }
    return [...found];
  }

  #runAlone(program: Program, runnable: Runnable, limit: number, options: RunOptions, outcome: BatchOutcome, at: number): void {
    const home = this.#home;
    const r0 = orStopped(() => this.#execute(program, runnable, limit, options).r0);
    // A program that was stopped redirects nothing.
    outcome.redirect = typeof r0 === 'bigint' ? home.redirect : undefined;
    outcome.events = home.sent;
    outcome.traced(home.trace);
    const { data, end } = home.packet;
    if (typeof r0 === 'bigint') outcome.exitAlone(at, r0, data, end);
    else outcome.stopped(at, r0, data, end);
    outcome.redirect = undefined;
    outcome.events = [];
  }

  /** A program that throws returns what its exception callback makes of the cookie, or the cookie. */
  #afterException({ program, cookie }: ProgramException, request: RunRequest): bigint {
    const callback = program.exceptionCallback;
    if (callback === undefined || this.#lastEngine === undefined) return cookie;
    const handle = BigInt(FIRST_HANDLE + callback);
    return this.runnable(program, this.#lastEngine).call(handle, [cookie, 0n, 0n, 0n, 0n], request);
  }

  #start(runnable: Runnable, request: RunRequest): bigint {
    try {
      return runnable.run(request);
    } catch (error) {
      if (!(error instanceof ProgramException)) throw error;
      return this.#afterException(error, request);
    } finally {
      this.#home.sent = this.#home.events.take(this.#home.cpu);
      this.#options.coverage?.onRun?.();
    }
  }

  dispose(): void {
    for (const programs of this.#runnables.values()) for (const runnable of programs.values()) runnable.dispose();
    for (const engine of this.#engines.values()) engine.dispose();
  }
}

const now = (): number => performance.now();

/** Packets that run one by one are read in such pieces. */
const ALONE = { packets: 4096, bytes: 1 << 18 } as const;

/** What a packet of a block is run with: one object for all of them. */
class AlonePackets {
  readonly #home: Home;
  readonly #given: ContextValues | Uint8Array | undefined;
  readonly #options: { -readonly [key in keyof RunOptions]: RunOptions[key] };
  readonly #setsClock: boolean;
  readonly #setsWireLength: boolean;
  readonly #hidden: number;

  constructor(home: Home, options: BatchOptions, type: string, hidden: number) {
    const { ctx, clock, each: _, keepResults: __, ...others } = options;
    this.#home = home;
    this.#given = ctx;
    this.#options = { ...others, ...(ctx === undefined ? {} : { ctx }) };
    this.#setsClock = clock === 'capture';
    this.#setsWireLength = contextOf(type)?.name === '__sk_buff' && (ctx as ContextValues | undefined)?.['wire_len'] === undefined;
    this.#hidden = hidden;
  }

  take(block: PacketBlock, index: number): RunOptions {
    const at = block.offsets[index]!;
    const length = block.lengths[index]!;
    const wireLength = block.wireLengths[index]!;
    const options = this.#options;
    options.packet = block.bytes.subarray(at, at + length);
    if (this.#setsWireLength) {
      const values = this.#given as ContextValues | undefined;
      const cut = wireLength > length;
      if (cut) options.ctx = { ...values, wire_len: Math.max(wireLength - this.#hidden, 0) };
      else if (values === undefined) delete options.ctx;
      else options.ctx = values;
    }
    if (this.#setsClock) this.#home.clock.reach(block.timestamp(index));
    return options;
  }
}
