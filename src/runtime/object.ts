// A loaded object: its programs, maps and variables in one window, to be run, read, saved and brought back.

import { POISON } from '../btf/patch.ts';
import type { Btf } from '../btf/types.ts';
import type { TraceHook } from '../interpreter/interpret.ts';
import { lineAt } from '../interpreter/interpret.ts';
import { FIRST_HANDLE, type RunState } from '../interpreter/machine.ts';
import { KIND } from '../isa/code.ts';
import type { Program } from '../program/program.ts';
import { contextOf, seesLinkLayer, verdictOf } from '../spec/contexts.ts';
import { helperLabel } from '../spec/helpers.ts';
import { BpfError } from '../util/error.ts';
import { PLACE, type Window, type WindowOptions, WindowPool } from '../window/window.ts';
import { ALL_HELPERS, ALL_KFUNCS } from './all-helpers.ts';
import { type BatchItem, BatchOutcome, type BatchResult, batchLayout, NativeBatch, orStopped } from './batch.ts';
import type { CompiledProgram } from './compiled.ts';
import { socketOf } from './context-targets.ts';
import type { MapOptions } from './descriptor.ts';
import type { Engine, EngineObject, Runnable, RunRequest } from './engine.ts';
import { compilers, type EngineName, engineByName } from './engine-names.ts';
import { toHelper } from './helpers.ts';
import { dropRecords, readRings } from './helpers-maps.ts';
import { Clock, type EmbedderHelper, Home, type ProgramEvent, type Redirect, seededRandom } from './home.ts';
import type { Host } from './host.ts';
import { interpreter } from './interpreter-engine.ts';
import { ProgramException } from './kfuncs.ts';
import { BpfMap, type MapCodecs, type MapSnapshot } from './maps.ts';
import type { Route, Socket } from './network.ts';
import { type ContextValues, ETHERNET_BYTES, linkLayerFields } from './packet.ts';
import { ROUTINE_HELPERS } from './routines.ts';
import { fireTimers } from './timers.ts';
import type { Tunnel } from './tunnels.ts';
import { plainCodec, type ValueCodec } from './values.ts';

/** Slots that a run may take unless it is told otherwise: about a second of native code. */
export const DEFAULT_FUEL: number = 2 ** 30;

export interface VariableInput {
  readonly name: string;
  /** Bytes into the map's only value. */
  readonly offset: number;
  readonly bytes: number;
  readonly codec?: ValueCodec;
}

/** Global data. */
export interface DataInput {
  /** The first bytes of the only value; the rest is zero. */
  readonly initial: Uint8Array;
  readonly variables: readonly VariableInput[];
  /** 64-bit words that hold the address of a map (`into` undefined), or of a byte of its only value. */
  readonly pointers?: readonly { readonly offset: number; readonly map: string; readonly into: number | undefined }[];
}

export interface MapInput extends MapOptions {
  readonly codecs?: MapCodecs;
  /** Global data: the first bytes of the only value, and the variables in it. */
  readonly data?: DataInput;
  /** What the values of a map of maps look like. */
  readonly inner?: MapOptions;
  /** Elements that the file puts into a program array, or a map of maps: names. */
  readonly elements?: readonly { readonly index: number; readonly name: string }[];
}

/** What linking gives. */
export interface ObjectInput {
  readonly name: string;
  /** Those that can be run. */
  readonly programs: readonly Program[];
  readonly maps: readonly MapInput[];
  /** Types that the programs name by id. */
  readonly btf?: Btf | undefined;
}

export interface LoadOptions {
  /** Values of global variables, `const volatile` ones included, by name. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Other max_entries of maps, by name. */
  readonly mapSizes?: Readonly<Record<string, number>>;
  /** CPUs that per-CPU maps have values for. Default 1. */
  readonly cpus?: number;
  /** Nanoseconds at which the clock stands; absent: it runs. */
  readonly clock?: bigint;
  /** Gives 32-bit numbers to bpf_get_prandom_u32, or is the seed of a generator. Default: seed 1. */
  readonly random?: (() => number) | number;
  /** Helpers of the embedder, by id: they come before the runtime's own. */
  readonly helpers?: Readonly<Record<number, EmbedderHelper>>;
  /** Kernel functions, by name. */
  readonly kfuncs?: Readonly<Record<string, EmbedderHelper>>;
  /** Calls of helpers that nobody supplies: refuse the object (default), or stop the program that comes to one. */
  readonly missingHelpers?: 'refuse' | 'stop';
  /** Where bpf_fib_lookup finds its way; default: no route. */
  readonly routes?: readonly Route[];
  /** What bpf_sk_lookup_tcp and its kin find. Default: none. */
  readonly sockets?: readonly Socket[];
  /** Nobody reads ring buffers and perf event arrays: rings fill up, bpf_perf_event_output finds no event. Default: each run's are read. */
  readonly unread?: boolean;
  /** Default engine of `run`. Default: the interpreter. */
  readonly engine?: EngineName | Engine;
  /** Runs images natively; `node.ts` gives it where there is one. */
  readonly host?: Host | undefined;
  readonly fuel?: number;
  readonly timeoutMs?: number;
  /** Largest window, bytes. */
  readonly windowBytes?: number;
}

export interface RunOptions {
  /** The packet; of raw programs, the memory that R1 points at. */
  readonly packet?: Uint8Array;
  /** Fields of the context by name, or the bytes of a raw context. */
  readonly ctx?: ContextValues | Uint8Array;
  readonly engine?: EngineName | Engine;
  /** Slots; 0: without limit. */
  readonly fuel?: number;
  readonly timeoutMs?: number;
  /** The run stops soon after element 0 becomes other than 0: `stopFlagOf` makes it from an AbortSignal of another thread. */
  readonly stopFlag?: Int32Array;
  readonly cpu?: number;
  /** Interpreter only: sees each instruction before it runs. */
  readonly trace?: TraceHook;
  /** Interpreter only: counts executions per slot. */
  readonly coverage?: Uint32Array | Float64Array;
}

export interface BatchOptions extends Omit<RunOptions, 'packet' | 'trace' | 'coverage'> {
  /** Looks at what became of each packet, in order; without it the result has it all. */
  readonly each?: (item: BatchItem) => void;
}

export interface RunResult {
  readonly r0: bigint;
  /** What R0 means for this type of program; undefined where it has no name. */
  readonly verdict: string | undefined;
  /** The packet as the program left it; undefined where there was none. */
  readonly packet: Uint8Array | undefined;
  /** Metadata in front of the packet. */
  readonly metadata: Uint8Array | undefined;
  /** Fields of the context as the program left them; raw contexts: bytes. */
  readonly ctx: Readonly<Record<string, number | bigint | readonly (number | bigint)[]>> | Uint8Array | undefined;
  /** Flow dissectors: struct bpf_flow_keys as the program left it. */
  readonly flowKeys: Uint8Array | undefined;
  readonly redirect: Redirect | undefined;
  /** What the program has set with bpf_skb_set_tunnel_key. */
  readonly tunnel: Tunnel | undefined;
  readonly events: readonly ProgramEvent[];
  /** Lines of bpf_trace_printk. */
  readonly trace: readonly string[];
  readonly engine: string;
  /** Slots charged. */
  readonly fuelUsed: number;
}

export interface ObjectSnapshot {
  readonly maps: readonly MapSnapshot[];
  readonly clock: bigint;
}

const pool = new WindowPool();

export class LoadedProgram {
  readonly name: string;
  readonly type: string;
  readonly section: string;
  readonly program: Program;
  readonly #object: LoadedObject;

  constructor(object: LoadedObject, program: Program) {
    this.#object = object;
    this.program = program;
    this.name = program.name;
    this.type = program.type;
    this.section = program.section;
  }

  /** Runs once; throws BpfStopped where the program is stopped before its exit. */
  run(options: RunOptions = {}): RunResult {
    return this.#object.runProgram(this.program, options);
  }

  /**
   * Runs once for each packet, as `run` would, in less time; stops are counted. `auto` where no engine is given. Neither `each` nor
   * `packets` may run programs of this object meanwhile.
   */
  runBatch(packets: Iterable<Uint8Array>, options: BatchOptions = {}): BatchResult {
    return this.#object.runBatch(this.program, packets, options);
  }

  /** What an engine compiles it to; undefined: the engine compiles nothing. 'arm64' can be looked at on any machine. */
  image(engine: EngineName | Engine): CompiledProgram | undefined {
    const elsewhere = engine === 'arm64' && !this.#object.runsNatively('arm64');
    const { image } = this.#object.runnable(this.program, this.#object.engine(elsewhere ? 'arm64-sim' : engine));
    return image === undefined ? undefined : compilers().compiledProgram(this.program, image);
  }
}

export class LoadedObject {
  readonly name: string;
  readonly programs: Readonly<Record<string, LoadedProgram>>;
  readonly maps: Readonly<Record<string, BpfMap>>;
  /** Global variables: reading and assigning goes to the window. */
  readonly variables: Record<string, unknown>;
  readonly clock: Clock;
  readonly home: Home;
  readonly #options: LoadOptions;
  readonly #engines = new Map<Engine, EngineObject>();
  readonly #runnables = new Map<Engine, Map<Program, Runnable>>();
  /** Number in program arrays to program; 0 is an empty slot. */
  readonly #numbered: readonly (Program | undefined)[];
  /** What maps of maps hold, by name. */
  readonly #inner: ReadonlyMap<string, MapOptions>;
  readonly #named: Partial<Record<EngineName, Engine>> = {};
  #lastEngine: Engine | undefined;
  #disposed = false;
  #batching = false;

  constructor(input: ObjectInput, options: LoadOptions = {}) {
    this.name = input.name;
    this.#options = options;
    const { host } = options;
    const windowOptions: WindowOptions = {
      ...(options.windowBytes === undefined ? {} : { maxBytes: options.windowBytes }),
      ...(host === undefined ? {} : { accept: (memory) => host.accepts(memory) }),
    };
    const window: Window = pool.take(windowOptions);
    this.clock = new Clock(options.clock);
    this.clock.onAdvance = () => this.#fireTimers();
    const { random } = options;
    this.home = new Home(window, {
      cpus: count(options.cpus ?? 1, 'cpus', 1, 1024),
      clock: this.clock,
      routes: options.routes,
      sockets: options.sockets,
      random: typeof random === 'function' ? random : seededRandom(random ?? 1),
    });
    this.home.btf = input.btf;
    this.home.unread = options.unread ?? false;
    this.#numbered = [undefined, ...input.programs];
    this.#inner = new Map(input.maps.flatMap(({ name, inner }) => (inner === undefined ? [] : [[name, inner] as const])));
    this.maps = this.#createMaps(input);
    this.variables = this.#createVariables(input);
    this.#createHelpers();
    if (options.missingHelpers !== 'stop') for (const program of input.programs) this.#checkCalls(program);
    this.programs = Object.fromEntries(input.programs.map((program) => [program.name, new LoadedProgram(this, program)]));
  }

  #createMaps(input: ObjectInput): Record<string, BpfMap> {
    const sizes = this.#options.mapSizes ?? {};
    const maps: Record<string, BpfMap> = {};
    for (const map of input.maps) {
      const created = new BpfMap(this.home, { ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, map.codecs);
      if (map.data !== undefined) this.home.window.write(created.storage, map.data.initial);
      this.home.addMap(created);
      maps[map.name] = created;
    }
    for (const name of Object.keys(sizes)) {
      if (maps[name] === undefined)
        throw new BpfError('runtime/unknown-map', { in: 'option', name: 'mapSizes' }, `the object has no map ${name}`);
    }
    for (const map of input.maps) {
      const target = maps[map.name]!;
      for (const { offset, map: name, into } of map.data?.pointers ?? []) {
        const to = maps[name]!;
        this.home.window.setU64(target.storage + offset, BigInt(into === undefined ? to.pointer : to.storage + into));
      }
      for (const { index, name } of map.elements ?? []) {
        if (target.row.kept === 'programs') this.setProgram(target, index, name);
        else if (maps[name] !== undefined) target.set(index, maps[name]);
      }
    }
    return maps;
  }

  #createVariables(input: ObjectInput): Record<string, unknown> {
    const variables: Record<string, unknown> = {};
    const { window } = this.home;
    for (const map of input.maps) {
      const storage = this.maps[map.name]!.storage;
      for (const { name, offset, bytes, codec } of map.data?.variables ?? []) {
        const at = storage + offset;
        const values = codec ?? plainCodec(bytes, `variable ${name}`);
        Object.defineProperty(variables, name, {
          enumerable: true,
          get: () => values.decode(window.read(at, bytes)),
          set: (value: unknown) => {
            const out = new Uint8Array(bytes);
            values.encode(value, out);
            window.write(at, out);
          },
        });
      }
    }
    for (const [name, value] of Object.entries(this.#options.variables ?? {})) {
      if (!(name in variables)) {
        throw new BpfError('runtime/unknown-variable', { in: 'option', name: 'variables' }, `the object has no variable ${name}`);
      }
      variables[name] = value;
    }
    return variables;
  }

  #createHelpers(): void {
    const { home } = this;
    for (const [id, implementation] of Object.entries(ALL_HELPERS)) home.helpers.set(Number(id), toHelper(home, implementation));
    for (const [name, implementation] of Object.entries(ALL_KFUNCS)) home.kfuncs.set(name, toHelper(home, implementation));
    for (const [id, call] of Object.entries(this.#options.helpers ?? {})) {
      home.helpers.set(Number(id), embed(call));
      if (ROUTINE_HELPERS.has(Number(id))) home.overridden.add(Number(id));
    }
    for (const [name, call] of Object.entries(this.#options.kfuncs ?? {})) home.kfuncs.set(name, embed(call));
  }

  /** A helper that is missing is found when the object is loaded, not when a packet reaches it. */
  #checkCalls(program: Program): void {
    const { code, kfuncs, lines } = program;
    for (let slot = 0; slot < code.slots; slot++) {
      const kind = code.kind[slot];
      const imm = code.imm[slot]!;
      let missing: string | undefined;
      // A relocation that found no target: reaching it stops the program.
      if (kind === KIND.callHelper && imm === POISON) continue;
      if (kind === KIND.callHelper && imm !== 12 && !ROUTINE_HELPERS.has(imm) && !this.home.helpers.has(imm)) missing = helperLabel(imm);
      if (kind === KIND.callKfunc && !this.home.kfuncs.has(kfuncs[imm]!)) missing = `kernel function ${kfuncs[imm]}`;
      if (missing === undefined) continue;
      const source = lineAt(lines, slot);
      const position = { in: 'program', program: program.name, slot, ...(source === undefined ? {} : { source }) } as const;
      throw new BpfError(
        'runtime/missing-helper',
        position,
        `${missing} is not available; an embedder can supply it as helpers: { ${imm}: ... }`,
      );
    }
  }

  #live(): void {
    if (this.#disposed) throw new BpfError('runtime/disposed', { in: 'option', name: this.name }, `${this.name} was disposed of`);
  }

  /** Puts a program of this object into a slot of a program array; undefined empties it. */
  setProgram(map: BpfMap, index: number, name: string | undefined): void {
    const number = name === undefined ? 0 : this.#numbered.findIndex((program) => program?.name === name);
    if (number < 0) throw new BpfError('runtime/unknown-program', { in: 'option', name: map.name }, `the object has no program ${name}`);
    map.set(index, number);
  }

  runsNatively(target: 'arm64' | 'x64'): boolean {
    return this.#options.host?.target === target;
  }

  /** A map that no program names, to be put into a map of maps: like `outer`'s inner maps, or as described. */
  createMap(description: string | MapOptions): BpfMap {
    this.#live();
    const options = typeof description === 'string' ? this.#inner.get(description) : description;
    if (options === undefined)
      throw new BpfError(
        'runtime/unknown-map',
        { in: 'option', name: String(description) },
        `${description} is no map of maps whose inner maps are described`,
      );
    const map = new BpfMap(this.home, { ...options, name: `${options.name}#${this.home.maps.length}` });
    this.home.addMap(map);
    return map;
  }

  /** The engine of that name; throws where this host cannot run it. */
  engine(name: EngineName | Engine): Engine {
    if (typeof name !== 'string') return name;
    return (this.#named[name] ??= engineByName(name, this.#options.host));
  }

  runnable(program: Program, engine: Engine): Runnable {
    this.#live();
    let programs = this.#runnables.get(engine);
    if (programs === undefined) {
      programs = new Map();
      this.#runnables.set(engine, programs);
      this.#engines.set(
        engine,
        engine.open(this.home, (number) => this.#numbered[number]),
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

  /** `auto` falls back to the interpreter for what machine code cannot do. */
  #choose(program: Program, name: EngineName | Engine): { readonly engine: Engine; readonly runnable: Runnable } {
    const engine = this.engine(name);
    try {
      return { engine, runnable: this.runnable(program, engine) };
    } catch (error) {
      if (name !== 'auto' || !(error instanceof BpfError)) throw error;
      return { engine: interpreter, runnable: this.runnable(program, interpreter) };
    }
  }

  /** Calls the callbacks of the timers that have expired, on the engine of the last run. */
  #fireTimers(): void {
    const { home } = this;
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

  runProgram(program: Program, options: RunOptions): RunResult {
    if (this.#batching) {
      throw new BpfError('runtime/batch', { in: 'program', program: program.name }, 'a batch of this object is under way');
    }
    const { engine, runnable } = this.#choose(program, options.engine ?? this.#options.engine ?? 'interpreter');
    const { home } = this;
    const { packet } = home;
    const limit = this.#fuel(options.fuel);
    this.#fireTimers();
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
    };
  }

  /** From everything in its place to R0; what the run said of itself is then in `home`. */
  #execute(program: Program, runnable: Runnable, limit: number, options: RunOptions): { readonly r0: bigint; readonly state: RunState } {
    const { home } = this;
    const { window, packet } = home;
    home.cpu = count(options.cpu ?? 0, 'cpu', 0, home.cpus - 1);
    home.programType = program.type;
    home.trace = [];
    home.events = [];
    home.redirect = undefined;
    home.tunnel = undefined;
    readRings(home);
    const { r1, r2 } = this.#place(program, options);
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
    };
    packet.onMove = () => {
      state.packet = packet.data;
      state.packetLength = packet.length;
      runnable.packetMoved?.();
    };
    const { trace, coverage } = options;
    const request: RunRequest = { r1, r2, state, timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? 0 };
    const watched =
      trace === undefined && coverage === undefined
        ? request
        : { ...request, ...(trace === undefined ? {} : { trace }), ...(coverage === undefined ? {} : { hits: coverage }) };
    const r0 = this.#start(runnable, watched);
    return { r0, state };
  }

  runBatch(program: Program, packets: Iterable<Uint8Array>, options: BatchOptions): BatchResult {
    if (this.#batching) {
      throw new BpfError('runtime/batch', { in: 'program', program: program.name }, 'a batch of this object is under way');
    }
    const { engine, runnable } = this.#choose(program, options.engine ?? this.#options.engine ?? 'auto');
    const outcome = new BatchOutcome(program.type, this.home.window, options.each);
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
        this.#fireTimers();
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
    const { home } = this;
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
    this.#place(program, ctx === undefined ? {} : { ctx });
    const fuel = this.#fuel(options.fuel);
    return new NativeBatch(home, runnable.batch(layout, fuel), layout, seesLinkLayer(program.type), outcome);
  }

  #runAlone(program: Program, runnable: Runnable, limit: number, options: RunOptions, outcome: BatchOutcome): void {
    const { home } = this;
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
      dropRecords(this.home);
    }
  }

  /** Packet and context in place; R1 and R2. */
  #place(program: Program, { packet: given, ctx }: RunOptions): { r1: number; r2: number } {
    const { packet } = this.home;
    const spec = contextOf(program.type);
    const raw = ctx instanceof Uint8Array ? ctx : undefined;
    let bytes = given ?? new Uint8Array(0);
    if (program.type === 'raw') {
      if (ctx !== undefined && raw === undefined) {
        throw new BpfError(
          'runtime/context',
          { in: 'option', name: 'ctx' },
          `${program.name} is a raw program: its context is bytes, not fields`,
        );
      }
      packet.noContext();
      packet.place(raw ?? bytes);
      return { r1: packet.data, r2: packet.length };
    }
    if (spec === undefined || raw !== undefined) {
      if (ctx !== undefined && raw === undefined) {
        throw new BpfError('runtime/context', { in: 'option', name: 'ctx' }, `the context of a ${program.type} program is given as bytes`);
      }
      packet.place(bytes);
      packet.placeRawContext(raw ?? new Uint8Array(RAW_CONTEXT_BYTES));
      return { r1: PLACE.context, r2: 0 };
    }
    const values = { ...(ctx as ContextValues | undefined) };
    let frame: Uint8Array | undefined;
    if (spec.name === '__sk_buff') {
      const { protocol, packetType } = linkLayerFields(bytes);
      values['protocol'] ??= protocol;
      values['pkt_type'] ??= packetType;
      values['ifindex'] ??= LOOPBACK;
      frame = bytes;
      if (!seesLinkLayer(program.type)) bytes = bytes.subarray(ETHERNET_BYTES);
      values['wire_len'] ??= bytes.length;
    }
    if (spec.name === 'xdp_md') values['ingress_ifindex'] ??= LOOPBACK;
    packet.place(bytes);
    packet.placeContext(spec, values);
    if (program.type === 'flow_dissector') this.home.targets.placeFlowKeys(bytes);
    else if (frame !== undefined && values['sk'] === undefined) this.home.targets.placeSocket(socketOf(frame));
    return { r1: PLACE.context, r2: 0 };
  }

  /** Maps, variables and the clock as they are now. */
  snapshot(): ObjectSnapshot {
    this.#live();
    return { maps: this.home.maps.map((map) => map.snapshot()), clock: this.clock.now() };
  }

  restore(snapshot: ObjectSnapshot): void {
    this.#live();
    this.home.maps.forEach((map, i) => {
      map.restore(snapshot.maps[i]!);
    });
    this.clock.set(snapshot.clock);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const programs of this.#runnables.values()) for (const runnable of programs.values()) runnable.dispose();
    for (const engine of this.#engines.values()) engine.dispose();
    pool.give(this.home.window);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const now = (): number => performance.now();
/** Interface index of the loopback device, which BPF_PROG_TEST_RUN runs on too. */
const LOOPBACK = 1;
/** Zeros that a program gets as its context where its type has none that we know. */
const RAW_CONTEXT_BYTES = 4096;

function embed(call: EmbedderHelper) {
  return ({ registers: r }: { readonly registers: BigUint64Array }): void => {
    r[0] = BigInt.asUintN(64, BigInt(call(r[1]!, r[2]!, r[3]!, r[4]!, r[5]!) ?? 0n));
  };
}

function count(value: number, name: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BpfError('runtime/option', { in: 'option', name }, `${name} is a whole number from ${min} to ${max}, not ${value}`);
}
