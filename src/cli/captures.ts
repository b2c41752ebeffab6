// The packets of a capture file, read piece by piece: memory does not grow with the file.
import { closeSync, openSync, readSync } from 'node:fs';
import { type CapturedPacket, CaptureReader } from '../pcap/read.ts';
import { named } from './files.ts';

const CHUNK_BYTES = 1 << 20;

/** `-` is standard input. A packet's bytes are valid until the next one. */
export function* packetsOf(path: string): Generator<CapturedPacket, void, void> {
  const file = path === '-' ? 0 : openSync(path, 'r');
  try {
    yield* readPackets(path, file);
  } finally {
    if (file !== 0) closeSync(file);
  }
}

function* readPackets(path: string, file: number): Generator<CapturedPacket, void, void> {
  const reader = new CaptureReader(path);
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const size = named(path, () => readSync(file, chunk));
    if (size === 0) break;
    reader.push(chunk.subarray(0, size));
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
  }
  reader.end();
}
