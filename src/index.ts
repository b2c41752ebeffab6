// The public API that runs anywhere, browsers included.

export type { TraceHook } from './interpreter/machine.ts';
export type { Share, Summary } from './lcov/lcov.ts';
export type { BatchItem, BatchResult } from './runtime/batch.ts';
export type { CompiledProgram } from './runtime/compiled.ts';
export { Coverage, type SourceNames } from './runtime/coverage.ts';
export type { Engine } from './runtime/engine.ts';
export { ENGINE_NAMES, type EngineName } from './runtime/engines.ts';
export type { Clock, EmbedderHelper, ProgramEvent, Redirect } from './runtime/home.ts';
export { interpreter } from './runtime/interpreter-engine.ts';
export { type LoadBytesOptions, loadBytes, loadCollection, loadProgram } from './runtime/load.ts';
export type { LoadedProgram } from './runtime/loaded-program.ts';
export type { BpfMap, UpdateMode } from './runtime/maps.ts';
export type { Route, Socket, SocketEnd } from './runtime/network.ts';
export type { LoadedObject } from './runtime/object.ts';
export {
  type BatchOptions,
  DEFAULT_FUEL,
  type LoadOptions,
  type ObjectSnapshot,
  type RunOptions,
  type RunResult,
} from './runtime/options.ts';
export type { ContextValues } from './runtime/packet.ts';
export { stopFlagOf } from './runtime/stop-flag.ts';
export { type TraceOptions, Tracer } from './runtime/trace.ts';
export type { Tunnel } from './runtime/tunnels.ts';
export { BpfError, type ErrorCode, type Position, printPosition } from './util/error.ts';
export { BpfStopped, type FaultAccess, type StopCause, type StopFrame } from './util/stopped.ts';
