// Writes pcap files with nanosecond time stamps, little-endian. [pcap]

const MAGIC_NANO = 0xa1b23c4d;
const SNAP_LENGTH = 262144;

/** The 24 bytes that begin a capture of one link type. */
export function captureHeader(linkType: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_NANO, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, linkType, true);
  return bytes;
}

/** One record: header and bytes. `timestamp` in nanoseconds since 1970. */
export function captureRecord(data: Uint8Array, timestamp: bigint, wireLength: number = data.length): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Number((timestamp / 1_000_000_000n) & 0xffffffffn), true);
  view.setUint32(4, Number(timestamp % 1_000_000_000n), true);
  view.setUint32(8, data.length, true);
  view.setUint32(12, Math.max(wireLength, data.length), true);
  bytes.set(data, 16);
  return bytes;
}
