// Captures in files: read piece by piece, so that memory does not grow with the file, and written.
import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { type ByteSource, Capture } from '../pcap/capture.ts';
import type { CaptureFormat } from '../pcap/scan.ts';
import { addPackets, CaptureWriter, type PacketToWrite, type WriteOptions } from '../pcap/write.ts';
import { naming } from './naming.ts';

/**
 * `-` is standard input, which can be read once. `onRead` is told how many bytes have been read at each read, and how many the file has,
 * where that is known.
 */
export function openCapture(path: string, onRead?: (bytes: number, total: number | undefined) => void): Capture {
  const stat = path === '-' ? fstatSync(0) : statSync(path);
  const total = stat.isFile() ? stat.size : undefined;
  return new Capture(path, (): ByteSource => {
    const file = path === '-' ? 0 : openSync(path, 'r');
    const read = (into: Uint8Array): number => {
      const size = naming(path, () => readSync(file, into));
      onRead?.(size, total);
      return size;
    };
    return { read, close: () => (file === 0 ? undefined : closeSync(file)) };
  });
}

/** By the extension; undefined where it says nothing. */
export function formatOfPath(path: string): CaptureFormat | undefined {
  if (/\.(pcapng|ntar)$/i.test(path)) return 'pcapng';
  return /\.(pcap|cap|dmp)$/i.test(path) ? 'pcap' : undefined;
}

/** A capture file that is being written. */
export class CaptureFile {
  readonly #file: number;
  readonly #writer: CaptureWriter;

  constructor(path: string, format: CaptureFormat) {
    this.#file = openSync(path, 'w');
    this.#writer = new CaptureWriter(format, path, (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    });
  }

  /** `time`: seconds since 1970, and nanoseconds beyond. */
  addAt(data: Uint8Array, linkType: number, time: { readonly seconds: number; readonly nanoseconds: number }, wireLength: number): void {
    this.#writer.addAt(data, linkType, time.seconds, time.nanoseconds, wireLength);
  }

  /** `linkType`: what a file without packets says. */
  end(linkType: number): void {
    try {
      this.#writer.end(linkType);
    } finally {
      closeSync(this.#file);
    }
  }

  /** The whole file. */
  addAll(packets: Iterable<PacketToWrite | Uint8Array>, options: WriteOptions): void {
    try {
      addPackets(this.#writer, packets, options);
    } finally {
      closeSync(this.#file);
    }
  }
}
