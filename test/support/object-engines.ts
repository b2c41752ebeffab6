// The engines that whole objects run on: programs, maps, packets and contexts through the runtime, in each code variant.
import { arm64 } from '../../src/jit/arm64/target.ts';
import type { CompileOptions } from '../../src/jit/target.ts';
import { findTarget } from '../../src/jit/targets.ts';
import { nativeHost } from '../../src/node.ts';
import type { BatchItem } from '../../src/runtime/engines/batch-outcome.ts';
import type { Engine } from '../../src/runtime/engines/engine.ts';
import type { Host } from '../../src/runtime/engines/host.ts';
import { interpreter } from '../../src/runtime/engines/interpreter-engine.ts';
import { jitEngine } from '../../src/runtime/engines/jit-engine.ts';
import { simulatedHost } from '../../src/runtime/engines/simulated-host.ts';
import type { ProgramEvent } from '../../src/runtime/object/events.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import type { BatchOptions, RunOptions } from '../../src/runtime/object/options.ts';
import { toHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { VARIANTS } from './arm64-sim.ts';
import { forced } from './forced.ts';
import { NATIVE_VARIANTS } from './native.ts';

export interface ObjectEngine {
  readonly name: string;
  readonly engine: Engine;
  /** For windows that it accepts. */
  readonly host: Host | undefined;
  /** The code of another engine here, with other options. */
  readonly isVariant: boolean;
}

const { host } = await nativeHost();

export const OBJECT_ENGINES: readonly ObjectEngine[] = [
  { name: 'interpreter', engine: interpreter, host: undefined, isVariant: false },
  // Where arm64 is emulated itself the simulator is slow, and of no use where it is not.
  ...(process.arch === 'arm64'
    ? []
    : Object.entries(VARIANTS).map(([name, options], i) => ({
        name,
        engine: jitEngine(name, arm64, simulatedHost(), { ...forced, ...options }),
        host: undefined,
        isVariant: i > 0,
      }))),
  ...(host === undefined ? [] : nativeEngines(host)),
];

function nativeEngines(native: Host): ObjectEngine[] {
  const target = findTarget(native.target)!;
  return Object.entries<CompileOptions>(NATIVE_VARIANTS[native.target]!).map(([name, options], i) => ({
    name,
    engine: jitEngine(name, target, native, { ...forced, ...options }),
    host: native,
    isVariant: i > 0,
  }));
}

/** Fields that hold addresses: engines allocate for themselves. */
const POINTERS: ReadonlySet<string> = new Set(['data', 'data_end', 'data_meta', 'sk', 'flow_keys']);

/** What one run showed; maps are not in it. */
export type ObjectRun =
  | {
      readonly kind: 'exit';
      readonly r0: bigint;
      readonly fuelUsed: number;
      /** Metadata, then the packet. */
      readonly packet: Uint8Array;
      readonly metadataBytes: number;
      readonly redirects: boolean;
      readonly events: string;
      /** Fields of the context, the redirection, lines of trace. */
      readonly rest: string;
    }
  /** `what`: the reason, the program and the slot; or what was thrown instead. */
  | { readonly kind: 'stop'; readonly what: string; readonly registers?: readonly (bigint | undefined)[] };

const NOTHING = new Uint8Array(0);

export function runObject(object: LoadedObject, program: string, options: RunOptions): ObjectRun {
  try {
    const { r0, packet = NOTHING, metadata = NOTHING, ctx, redirect, events, trace, fuelUsed } = object.programs[program]!.run(options);
    const fields = ctx === undefined || ctx instanceof Uint8Array ? [] : Object.entries(ctx).filter(([name]) => !POINTERS.has(name));
    const to = redirect === undefined ? '' : ` redirect ${redirect.map ?? redirect.ifindex}`;
    return {
      kind: 'exit',
      r0,
      fuelUsed,
      packet: metadata.length === 0 ? packet : Uint8Array.from([...metadata, ...packet]),
      metadataBytes: metadata.length,
      events: eventText(events),
      redirects: redirect !== undefined,
      rest: `${fields.map(([, value]) => value).join(',')}${to} ${trace.join('|')}`,
    };
  } catch (error) {
    if (error instanceof BpfStopped) {
      const what = `${error.reason} ${error.program} slot ${error.slot}`;
      return { kind: 'stop', what, ...(error.registers === undefined ? {} : { registers: error.registers }) };
    }
    if (error instanceof BpfError) return { kind: 'stop', what: `refused ${error.code} ${error.message}` };
    return { kind: 'stop', what: `threw ${(error as Error).stack}` };
  }
}

/** Equal runs have equal texts. */
export function textOf(run: ObjectRun): string {
  if (run.kind === 'stop') return `stop ${run.what}`;
  const { r0, fuelUsed, packet, events, rest } = run;
  return `exit 0x${r0.toString(16)} fuel ${fuelUsed} packet ${toHex(packet)} context ${rest} events ${events}`;
}

/** What a batch tells of each packet, as text. */
export function batchTexts(object: LoadedObject, program: string, packets: readonly Uint8Array[], options: BatchOptions): string[] {
  const texts: string[] = [];
  const each = ({ r0, packet, events, redirect, stop }: BatchItem): void => {
    texts.push(
      stop === undefined
        ? shortText(r0, packet, eventText(events), redirect !== undefined)
        : `stop ${stop.reason} ${stop.program} slot ${stop.slot}`,
    );
  };
  try {
    object.programs[program]!.runBatch(packets, { ...options, each });
  } catch (error) {
    texts.push(`threw ${(error as Error).stack}`);
  }
  return texts;
}

/** Of a single run, as `batchTexts` has it. */
export function batchTextOf(run: ObjectRun): string {
  if (run.kind === 'stop') return textOf(run);
  return shortText(run.r0, run.packet.subarray(run.metadataBytes), run.events, run.redirects);
}

function shortText(r0: bigint, packet: Uint8Array, events: string, redirects: boolean): string {
  return `exit 0x${r0.toString(16)} packet ${toHex(packet)}${redirects ? ' redirected' : ''} events ${events}`;
}

function eventText(events: readonly ProgramEvent[]): string {
  return events.map(({ map, cpu, data }) => `${map}/${cpu}: ${toHex(data, ' ')}`).join('\n');
}

/** Every byte of the maps, bookkeeping included: the routines leave the same on every engine. */
export function mapBytes(object: LoadedObject): Uint8Array[] {
  return object.snapshot().maps.flatMap(({ parts }) => parts.map(({ bytes }) => bytes));
}

/** The contents of the maps, for people. */
export function mapText(object: LoadedObject): string {
  return Object.values(object.maps)
    .map((map) => {
      if (map.keySize === 0) return `${map.name}: ${map.size}`;
      return `${map.name}: ${[...map.entriesBytes()].map(([key, value]) => `${toHex(key)}=${toHex(value)}`).join(' ')}`;
    })
    .join('\n');
}
