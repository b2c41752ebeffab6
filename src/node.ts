// The public API in Node: that of index.ts, plus reading files and the native host.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CaptureFile, formatOfPath, openCapture } from './files/captures.ts';
import { gatheredCoverage } from './files/coverage.ts';
import { openHost } from './host/host.ts';
import { type Capture, readCapture as readAnywhere } from './pcap/capture.ts';
import type { CapturedPacket } from './pcap/read.ts';
import type { PacketToWrite, WriteOptions } from './pcap/write.ts';
import type { Coverage } from './runtime/diagnostics/coverage.ts';
import type { Host } from './runtime/engines/host.ts';
import { type LoadBytesOptions, loadBytes } from './runtime/object/load.ts';
import type { LoadedObject } from './runtime/object/object.ts';
import type { AnyObject, ObjectTypes } from './runtime/object/types.ts';
import { BpfError } from './util/error.ts';

export { writeCoverage } from './files/coverage.ts';
export { openHost } from './host/host.ts';
export * from './index.ts';

/** This machine's native host, or the reason why it has none. */
export async function nativeHost(): Promise<{ readonly host: Host } | { readonly host: undefined; readonly reason: string }> {
  try {
    return { host: await openHost() };
  } catch (error) {
    if (error instanceof BpfError) return { host: undefined, reason: error.message };
    throw error;
  }
}

/**
 * Loads an object file from a path or from bytes; the native host is there for `engine: 'auto'` where there is one. Where the environment
 * has BPFJIT_COVERAGE=FOLDER, the interpreter's runs are counted, and the process leaves an lcov file in that folder.
 */
export async function load<T extends ObjectTypes = AnyObject>(
  input: string | URL | Uint8Array,
  options: LoadBytesOptions<NoInfer<T>> = {},
): Promise<LoadedObject<T>> {
  const bytes = input instanceof Uint8Array ? input : readFileSync(input);
  const path = input instanceof Uint8Array ? {} : { path: String(input) };
  const host = options.host ?? (await nativeHost()).host;
  const coverage = options.coverage ?? coverageOf(options);
  return loadBytes<T>(bytes, { ...path, host, ...options, ...(coverage === undefined ? {} : { coverage }) });
}

/** Objects of another engine, and those without lines, are left out of what the environment asks for. */
function coverageOf({ engine }: Pick<LoadBytesOptions, 'engine'>): Coverage | undefined {
  return engine === undefined || engine === 'auto' || engine === 'interpreter' ? gatheredCoverage() : undefined;
}

/**
 * Reads a pcap or pcapng capture: of a file (`-`: standard input) or of bytes, packet by packet or with `runBatch`; of chunks that arrive,
 * with `for await`. Memory does not grow with the file, which is closed at the end of the loop. Damage throws `pcap/...` with its offset,
 * after the packets before it have been given.
 */
export function readCapture(input: string | URL | Uint8Array, path?: string): Capture;
export function readCapture(input: AsyncIterable<Uint8Array>, path?: string): AsyncGenerator<CapturedPacket, void, void>;
export function readCapture(
  input: string | URL | Uint8Array | AsyncIterable<Uint8Array>,
  path?: string,
): Capture | AsyncGenerator<CapturedPacket, void, void> {
  if (input instanceof URL) return openCapture(fileURLToPath(input));
  return typeof input === 'string' ? openCapture(input) : readAnywhere(input, path);
}

/** Writes a capture with nanosecond time stamps: pcapng where the path ends in `.pcapng` or the options say so, else pcap. */
export function writeCapture(path: string | URL, packets: Iterable<PacketToWrite | Uint8Array>, options: WriteOptions = {}): void {
  const name = path instanceof URL ? fileURLToPath(path) : path;
  const file = new CaptureFile(name, options.format ?? formatOfPath(name) ?? 'pcap');
  file.addAll(packets, options);
}
