// What loading and running are told, and what a run gives.
import type { TraceHook } from '../../interpreter/machine.ts';
import { BpfError } from '../../util/error.ts';
import type { Coverage } from '../diagnostics/coverage.ts';
import type { BatchItem } from '../engines/batch-outcome.ts';
import type { Engine } from '../engines/engine.ts';
import type { EngineName } from '../engines/engine-names.ts';
import type { Host } from '../engines/host.ts';
import type { KernelInput, RecordedCall } from '../helpers/kernel-state.ts';
import type { Route, Socket } from '../helpers/network.ts';
import type { Tunnel } from '../helpers/tunnels.ts';
import type { BpfMap } from '../maps/maps.ts';
import type { ProgramEvent } from './events.ts';
import type { EmbedderHelper, Redirect } from './home.ts';
import type { AnyObject, AnyProgram, ContextInput, ContextOutput, Input, ObjectTypes, ProgramTypes, VerdictOf } from './types.ts';

/** Slots that a run may take unless it is told otherwise: about a second of native code. */
export const DEFAULT_FUEL: number = 2 ** 30;

/** What an object is loaded with. Wrong values throw: `runtime/option`, `runtime/unknown-map`, `runtime/unknown-variable`, `map/value`. */
export interface LoadOptions<T extends ObjectTypes = AnyObject> {
  /** Values of global variables, `const volatile` ones and `__kconfig` ones included, by name. */
  readonly variables?: { readonly [Name in keyof T['variables']]?: Input<T['variables'][Name]> };
  /** Other max_entries of maps, by name. */
  readonly mapSizes?: { readonly [Name in keyof T['maps']]?: number };
  /** The types of what programs send, by name of the ring buffer or perf event array: events then have a `value`. */
  readonly events?: { readonly [Name in keyof T['maps']]?: keyof T['types'] & string };
  /**
   * Maps of objects that are loaded already, by the name that they have in this file: how objects share what is pinned. The objects then
   * lie in one window and share their CPUs and, unless one is given, the clock. A definition that differs is refused (`runtime/shared-map`),
   * as libbpf does with a pinned map; so are program arrays, whose programs are those of their own object.
   */
  readonly maps?: Readonly<Record<string, BpfMap>>;
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
  /** Calls of helpers that nobody supplies: refuse the program (default), or stop it when it comes to one. */
  readonly missingHelpers?: 'refuse' | 'stop';
  /** What programs find of the kernel around them, unless the run says otherwise. */
  readonly kernel?: KernelInput;
  /** False: accesses to the context that the kernel would refuse are let through. */
  readonly contextChecks?: boolean;
  /**
   * Throw where any program is refused, as libbpf does, but for those of sections that begin with `?`. Default: the others are loaded,
   * `LoadedObject.refused` says why these are not, and loading throws only where no program is left.
   */
  readonly whole?: boolean;
  /** Where bpf_fib_lookup finds its way. Default: none, and interfaces that do not forward. */
  readonly routes?: readonly Route[];
  /** What bpf_sk_lookup_tcp and its kin find. Default: none. */
  readonly sockets?: readonly Socket[];
  /** Nobody reads ring buffers and perf event arrays: rings fill up, bpf_perf_event_output finds no event. Default: each run's are read. */
  readonly unread?: boolean;
  /** Bytes of each CPU's buffer of each perf event array: events beyond are lost, and counted, until the next run. Default: endless. */
  readonly perfBufferBytes?: number;
  /** Counts what runs on the interpreter: its default engine, then, also of batches. */
  readonly coverage?: Coverage | undefined;
  /** Default engine of `run`. Default: the interpreter. */
  readonly engine?: EngineName | Engine;
  /** Runs images natively; `node.ts` gives it where there is one. */
  readonly host?: Host | undefined;
  readonly fuel?: number;
  readonly timeoutMs?: number;
  /** Largest window, bytes. */
  readonly windowBytes?: number;
}

/** One run. A field that the context does not have is `runtime/context-field`, a value that does not fit `map/value`. */
export interface RunOptions<P extends ProgramTypes = AnyProgram> {
  /** The packet; of raw programs, the memory that R1 points at. */
  readonly packet?: Uint8Array;
  /** Fields of the context by name, or the bytes of a raw context. */
  readonly ctx?: ContextInput<P['ctx']>;
  readonly engine?: EngineName | Engine;
  /** Slots; 0: without limit. */
  readonly fuel?: number;
  readonly timeoutMs?: number;
  /** The run stops soon after element 0 becomes other than 0: `stopFlagOf` makes it from an AbortSignal of another thread. */
  readonly stopFlag?: Int32Array;
  readonly cpu?: number;
  /** What the program finds of the kernel around it: each field comes before that of `LoadOptions.kernel`. */
  readonly kernel?: KernelInput;
  /** Interpreter only: sees each instruction before it runs. */
  readonly trace?: TraceHook;
  /** Interpreter only: counts executed instructions, callbacks and tail-called programs included. */
  readonly countInstructions?: boolean;
}

/** Runs over many packets. */
export interface BatchOptions<P extends ProgramTypes = AnyProgram> extends Omit<RunOptions<P>, 'packet' | 'countInstructions'> {
  /** Looks at what became of each packet, in order; without it the result has it all. */
  readonly each?: (item: BatchItem) => void;
  /** False: the result has counts only, and memory does not grow with the packets. Default: true, unless there is `each`. */
  readonly keepResults?: boolean;
  /**
   * 'capture': the clock goes to each packet's time stamp before the packet runs, and timers fire; it never goes back. The packets come from
   * a capture, and the object was loaded with a clock that stands.
   */
  readonly clock?: 'capture';
}

/** What a run left behind. */
export interface RunResult<P extends ProgramTypes = AnyProgram> {
  readonly r0: bigint;
  /** What R0 means for this type of program; undefined where it has no name. */
  readonly verdict: VerdictOf<P['verdict']>;
  /** The packet as the program left it; undefined where there was none. */
  readonly packet: Uint8Array | undefined;
  /** Metadata in front of the packet. */
  readonly metadata: Uint8Array | undefined;
  /** Fields of the context as the program left them; raw contexts: bytes. */
  readonly ctx: ContextOutput<P['ctx']>;
  /** Flow dissectors: struct bpf_flow_keys as the program left it. */
  readonly flowKeys: Uint8Array | undefined;
  readonly redirect: Redirect | undefined;
  /** What the program has set with bpf_skb_set_tunnel_key. */
  readonly tunnel: Tunnel | undefined;
  readonly events: readonly ProgramEvent[];
  /** Lines of bpf_trace_printk. */
  readonly trace: readonly string[];
  /** What it asked the kernel to do, and nobody did: signals, socket options, return values to be overridden ... */
  readonly recorded: readonly RecordedCall[];
  /** What an iterator wrote with bpf_seq_printf and bpf_seq_write. */
  readonly output: Uint8Array | undefined;
  /** What bpf_set_retval left for the hook to return, or the run was given. */
  readonly retval: number;
  readonly engine: string;
  /** Slots charged. */
  readonly fuelUsed: number;
  /** Executed instructions, where they were asked for and the engine could count them. */
  readonly instructions: number | undefined;
}

/** An option that is a whole number from `min` to `max`. */
export function count(value: number, name: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BpfError('runtime/option', { in: 'option', name }, `${name} is a whole number from ${min} to ${max}, not ${value}`);
}
