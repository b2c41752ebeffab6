// The programs of one object on its engines: prepared once, then run alone or over many packets.

import { FIRST_HANDLE, type RunState } from '../interpreter/machine.ts';
import type { Program } from '../program/program.ts';
import { contextOf, seesLinkLayer, verdictOf } from '../spec/contexts.ts';
import { BpfError } from '../util/error.ts';
import { PLACE } from '../window/window.ts';
import { BatchOutcome, type BatchResult, batchLayout, NativeBatch, orStopped } from './batch.ts';
import type { Engine, EngineObject, Runnable, RunRequest } from './engine.ts';
import { type EngineName, engineByName } from './engine-names.ts';
import { dropRecords, readRings } from './helpers-maps.ts';
import type { Home } from './home.ts';
import { interpreter } from './interpreter-engine.ts';
import { ProgramException } from './kfuncs.ts';
import { type BatchOptions, count, DEFAULT_FUEL, type LoadOptions, type RunOptions, type RunResult } from './options.ts';
import { placeInput } from './place-input.ts';
import { fireTimers } from './timers.ts';

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
      events: home.events,
      trace: home.trace,
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
    home.trace = [];
    home.events = [];
    home.redirect = undefined;
    home.tunnel = undefined;
    readRings(home);
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
    const r0 = this.#start(runnable, request);
    return { r0, state };
  }

  runBatch(program: Program, packets: Iterable<Uint8Array>, options: BatchOptions): BatchResult {
    if (this.#batching) {
      throw new BpfError('runtime/batch', { in: 'program', program: program.name }, 'a batch of this object is under way');
    }
    const { engine, runnable } = this.#choose(program, options, 'auto');
    const outcome = new BatchOutcome(program.type, this.#home.window, options.each);
    this.#batching = true;
    let loop: NativeBatch | undefined;
    try {
      loop = this.#nativeBatch(program, runnable, options, outcome);
      const limit = this.#fuel(options.fuel);
      // One object for all packets.
      const alone: { -readonly [key in keyof RunOptions]: RunOptions[key] } = { ...options };
      for (const packet of packets) {
        if (loop?.add(packet) === true) continue;
        loop?.flush();
        this.fireTimers();
        this.#lastEngine = engine;
        alone.packet = packet;
        this.#runAlone(program, runnable, limit, alone, outcome);
      }
      loop?.flush();
      return outcome.result(engine.name, loop === undefined ? 'javascript' : 'native');
    } finally {
      loop?.close();
      this.#batching = false;
    }
  }

  /** Undefined: these packets are run one by one. */
  #nativeBatch(program: Program, runnable: Runnable, options: BatchOptions, outcome: BatchOutcome): NativeBatch | undefined {
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
    const layout = batchLayout(program, contextOf(program.type), ctx ?? {}, replaced);
    if (layout === undefined) return undefined;
    home.cpu = count(options.cpu ?? 0, 'cpu', 0, home.cpus - 1);
    home.programType = program.type;
    placeInput(home, program, ctx === undefined ? {} : { ctx });
    const fuel = this.#fuel(options.fuel);
    return new NativeBatch(home, runnable.batch(layout, fuel), layout, seesLinkLayer(program.type), outcome);
  }

  #runAlone(program: Program, runnable: Runnable, limit: number, options: RunOptions, outcome: BatchOutcome): void {
    const home = this.#home;
    const r0 = orStopped(() => this.#execute(program, runnable, limit, options).r0);
    outcome.redirect = home.redirect;
    outcome.events = home.events;
    outcome.traced(home.trace);
    const { data, end } = home.packet;
    if (typeof r0 === 'bigint') outcome.exit(Number(r0 & 0xffff_ffffn), Number(r0 >> 32n), data, end);
    else outcome.stopped(r0, data, end);
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
      dropRecords(this.#home);
    }
  }

  dispose(): void {
    for (const programs of this.#runnables.values()) for (const runnable of programs.values()) runnable.dispose();
    for (const engine of this.#engines.values()) engine.dispose();
  }
}

const now = (): number => performance.now();
