// What one loaded object owns and its helpers share: the window, maps, clock, random numbers, and what programs said.
import type { Shape } from '../../btf/shape.ts';
import type { Btf } from '../../btf/types.ts';
import type { HelperFunction } from '../../interpreter/machine.ts';
import type { Program } from '../../program/program.ts';
import { seesLinkLayer } from '../../spec/contexts.ts';
import { assert } from '../../util/error.ts';
import { Regions } from '../../window/regions.ts';
import { PLACE, type Window } from '../../window/window.ts';
import type { Coverage } from '../diagnostics/coverage.ts';
import { BlockPool } from '../helpers/block-pool.ts';
import { ContextTargets } from '../helpers/context-targets.ts';
import { KernelObjects } from '../helpers/kernel-objects.ts';
import { type KernelInput, KernelState } from '../helpers/kernel-state.ts';
import { Network, type Route, type Socket } from '../helpers/network.ts';
import { PacketArea } from '../helpers/packet.ts';
import { PerCpuBlocks } from '../helpers/per-cpu.ts';
import { Timers } from '../helpers/timers.ts';
import type { Tunnel } from '../helpers/tunnels.ts';
import type { BpfMap, MapCodecs, MapHome, SocketPointers } from '../maps/maps.ts';
import { Routines } from '../maps/routines.ts';
import { Events, type ProgramEvent } from './events.ts';

/** Nanoseconds since boot. Real, or standing still until it is advanced. */
export class Clock {
  readonly #real: boolean;
  #offset: bigint;

  /** `start`: the clock stands there; undefined: it runs. */
  constructor(start?: bigint) {
    this.#real = start === undefined;
    this.#offset = start ?? 0n;
  }

  now(): bigint {
    return this.#real ? BigInt(Math.round(performance.now() * 1e6)) + this.#offset : this.#offset;
  }

  readonly #listeners = new Set<() => void>();

  /** @internal What shall happen when time has been advanced: timers. Gives what ends it. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  advance(nanoseconds: bigint): void {
    this.#offset += nanoseconds;
    for (const listener of this.#listeners) listener();
  }

  set(nanoseconds: bigint): void {
    this.#offset += nanoseconds - this.now();
  }

  /** Whether only `advance` and its kin move it. */
  get stands(): boolean {
    return !this.#real;
  }

  /** Advances to that time, unless it is past. */
  reach(nanoseconds: bigint): void {
    const ahead = nanoseconds - this.now();
    if (ahead > 0n) this.advance(ahead);
  }
}

/** xorshift32: the same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** Where a program sends the packet: an interface, or an entry of a map of devices, CPUs or sockets. */
export interface Redirect {
  readonly ifindex?: number;
  /** The map, and the key in it, of bpf_redirect_map. */
  readonly map?: string;
  readonly key?: number;
  /** The key of a map whose keys are no numbers. */
  readonly keyBytes?: Uint8Array;
  /** Of a map of sockets: the one that was at that key. */
  readonly socket?: Socket;
  readonly flags: bigint;
}

/** A helper that the embedder gives: R1 to R5 in, R0 out. */
export type EmbedderHelper = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint | number | undefined;

/** Pointers. `constant`: programs cannot write it. `shape`: undefined without types. */
export interface GlobalVariable {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly constant: boolean;
  readonly shape: Shape | undefined;
}

export interface HomeOptions {
  readonly cpus: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly routes?: readonly Route[] | undefined;
  readonly sockets?: readonly Socket[] | undefined;
  readonly kernel?: KernelInput | undefined;
}

export class Home implements MapHome {
  readonly window: Window;
  readonly regions: Regions;
  readonly routines: Routines;
  readonly packet: PacketArea;
  readonly targets: ContextTargets;
  readonly timers: Timers = new Timers();
  readonly network: Network;
  readonly objects: KernelObjects = new KernelObjects();
  readonly perCpu: PerCpuBlocks = new PerCpuBlocks();
  readonly blocks: BlockPool;
  readonly kernel: KernelState;
  /** Types of the loaded object. */
  btf: Btf | undefined;
  /** Those of the kernel that CO-RE was resolved against; undefined: the object's own. */
  kernelBtf: Btf | undefined;
  readonly cpus: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly maps: BpfMap[] = [];
  readonly events: Events;
  readonly #mapsAt = new Map<number, BpfMap>();
  readonly #byName = new Map<string, BpfMap>();
  readonly #peers = new Set<Home>();
  /** By helper id: what is not a routine. */
  readonly helpers: Map<number, HelperFunction> = new Map();
  /** Helpers and routines that the embedder has replaced. */
  readonly overridden: Set<number> = new Set();
  readonly kfuncs: Map<string, HelperFunction> = new Map();
  /** Of the run that is under way. */
  trace: string[] = [];
  /** What it has sent, once it is over. */
  sent: readonly ProgramEvent[] = [];
  redirect: Redirect | undefined;
  tunnel: Tunnel | undefined;
  programType = 'raw';
  /** Many packets are under way: `packet` is that of the running one once it has been entered. */
  batch: { enter(): void } | undefined;
  /** Counts what the interpreter does. */
  coverage: Coverage | undefined;
  readonly variables: GlobalVariable[] = [];

  constructor(window: Window, options: HomeOptions) {
    this.window = window;
    this.regions = new Regions((pointer) => window.u32(pointer));
    this.routines = new Routines(window, this.regions);
    this.packet = new PacketArea(window, this.regions);
    this.targets = new ContextTargets(window, this.regions, this.packet);
    this.network = new Network(window, this.regions, options.routes ?? [], options.sockets ?? []);
    this.events = new Events(window, this.maps);
    this.blocks = new BlockPool(window, this.regions);
    this.kernel = new KernelState(this, options.kernel ?? {});
    this.cpus = options.cpus;
    this.clock = options.clock;
    this.random = options.random;
  }

  get seesLinkLayer(): boolean {
    return seesLinkLayer(this.programType);
  }

  get cpu(): number {
    return this.window.u32(PLACE.globals);
  }
  set cpu(value: number) {
    this.window.setU32(PLACE.globals, value);
  }

  addMap(map: BpfMap): void {
    this.maps.push(map);
    this.#mapsAt.set(map.pointer, map);
    this.#byName.set(map.name, map);
    for (const peer of this.#peers) peer.#adopt(map);
  }

  /** Both see each other's maps from now on, by their pointers: maps of maps may hold any of them. */
  join(other: Home): void {
    this.#peers.add(other);
    other.#peers.add(this);
    for (const map of other.#mapsAt.values()) this.#adopt(map);
    for (const map of this.#mapsAt.values()) other.#adopt(map);
  }

  /** Nobody's maps are this one's concern any more. */
  leave(): void {
    for (const peer of this.#peers) peer.#peers.delete(this);
    this.#peers.clear();
  }

  #adopt(map: BpfMap): void {
    if (this.#mapsAt.has(map.pointer)) return;
    const view = map.viewIn(this);
    this.#mapsAt.set(map.pointer, view);
    for (const peer of this.#peers) peer.#adopt(view);
  }

  /** A map of a joined home, under a name of this one's. */
  share(map: BpfMap, name: string, codecs: MapCodecs | undefined): BpfMap {
    const view = this.#mapsAt.get(map.pointer);
    assert(view !== undefined, 'the home of the map was joined');
    const named = view.named(name, codecs);
    this.maps.push(named);
    this.#byName.set(name, named);
    return named;
  }

  /** The map that `program` knows by that index. */
  mapOfProgram(program: Program, index: number): BpfMap | undefined {
    const shape = program.maps[index];
    return shape === undefined ? undefined : this.#byName.get(shape.name);
  }

  get sockets(): SocketPointers {
    return this.network;
  }

  readonly mapAt = (descriptor: number): BpfMap | undefined => this.#mapsAt.get(descriptor);
}
