// The public API that runs anywhere, browsers included.

export type { TraceHook } from './interpreter/machine.ts';
export type { Share, Summary } from './lcov/lcov.ts';
export { load as readCollection } from './object/load.ts';
export type { CollectionSpec, MapSpec, ProgramSpec } from './object/spec.ts';
export {
  type Address,
  be16,
  be32,
  be64,
  ipv4Bytes,
  ipv4Text,
  ipv6Bytes,
  ipv6Text,
  macBytes,
  macText,
} from './packet/address.ts';
export {
  ah,
  arp,
  destinationOptions,
  esp,
  ethernet,
  geneve,
  gre,
  hopByHop,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  ipv6Fragment,
  llc,
  mpls,
  type PacketLayer,
  packet,
  padding,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  vxlan,
} from './packet/build.ts';
export { internetChecksum } from './packet/checksum.ts';
export {
  type AssertPacketOptions,
  assertPacket,
  type DifferenceOptions,
  difference,
  differenceText,
  PacketAssertionError,
  type PacketDifference,
} from './packet/difference.ts';
export {
  type AnyLayer,
  type DissectedLayer,
  type Dissection,
  type DissectOptions,
  dissect,
  type PacketProblem,
} from './packet/dissect.ts';
export { editPacket, type PacketChanges } from './packet/edit.ts';
export { describePacket, explain } from './packet/explain.ts';
export type {
  AhFields,
  ArpFields,
  EspFields,
  EthernetFields,
  GeneveFields,
  GreFields,
  IcmpFields,
  Icmpv6Fields,
  Ipv4Fields,
  Ipv6Fields,
  Ipv6FragmentFields,
  Ipv6OptionsFields,
  LayerFields,
  LayerName,
  LlcFields,
  MplsFields,
  PaddingFields,
  PayloadFields,
  ReadFields,
  RoutingFields,
  TcpFields,
  UdpFields,
  VlanFields,
  VxlanFields,
} from './packet/fields.ts';
export type { FieldValue } from './packet/forms.ts';
export type { HeaderOption, Ipv4Option, Ipv6Option, NeighbourOption, OtherOption, TcpOption } from './packet/options.ts';
export type { BlockReader, PacketBlock, PacketSource } from './pcap/block.ts';
export { type Capture, readCapture } from './pcap/capture.ts';
export { ethernetFrame, LINKTYPE } from './pcap/link.ts';
export type { CapturedPacket } from './pcap/read.ts';
export type { CaptureFormat } from './pcap/scan.ts';
export { encodeCapture, type PacketToWrite, type WriteOptions } from './pcap/write.ts';
export { Coverage, type SourceNames } from './runtime/diagnostics/coverage.ts';
export { type TraceOptions, Tracer } from './runtime/diagnostics/trace.ts';
export type { BatchItem, BatchResult } from './runtime/engines/batch-outcome.ts';
export type { CompiledProgram } from './runtime/engines/compiled.ts';
export type { Engine } from './runtime/engines/engine.ts';
export { ENGINE_NAMES, type EngineName } from './runtime/engines/engines.ts';
export { interpreter } from './runtime/engines/interpreter-engine.ts';
export { stopFlagOf } from './runtime/engines/stop-flag.ts';
export type { KernelInput, RecordedCall, Task } from './runtime/helpers/kernel-state.ts';
export type { Route, Socket, SocketEnd } from './runtime/helpers/network.ts';
export type { ContextValues } from './runtime/helpers/packet.ts';
export type { Tunnel } from './runtime/helpers/tunnels.ts';
export type { BpfMap, UpdateMode } from './runtime/maps/maps.ts';
export type { Json, JsonContents, JsonEntry } from './runtime/object/contents.ts';
export { type DeclarationOptions, printDeclarations } from './runtime/object/declarations.ts';
export type { MapDifference, ObjectDifference } from './runtime/object/difference.ts';
export type { ProgramEvent } from './runtime/object/events.ts';
export type { Clock, EmbedderHelper, Redirect } from './runtime/object/home.ts';
export type { KconfigValue } from './runtime/object/kconfig.ts';
export type { KsymValue } from './runtime/object/ksyms.ts';
export { type LoadBytesOptions, loadBytes, loadCollection, loadProgram } from './runtime/object/load.ts';
export type { LoadedProgram } from './runtime/object/loaded-program.ts';
export type { LoadedObject } from './runtime/object/object.ts';
export type { ObjectSnapshot } from './runtime/object/object-state.ts';
export {
  type BatchOptions,
  DEFAULT_FUEL,
  type LoadOptions,
  type RunOptions,
  type RunResult,
} from './runtime/object/options.ts';
export { printDifference, printMap, printMaps } from './runtime/object/tables.ts';
export type {
  AnyObject,
  AnyProgram,
  ContextInput,
  ContextOutput,
  EnumOf,
  Input,
  MapTypes,
  ObjectTypes,
  PerCpu,
  ProgramName,
  ProgramTypes,
} from './runtime/object/types.ts';
export { BpfError, type ErrorCode, type Position, printPosition } from './util/error.ts';
export { BpfStopped, type FaultAccess, type StopCause, type StopFrame } from './util/stopped.ts';
