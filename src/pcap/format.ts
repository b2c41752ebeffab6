// Numbers of the two formats of captures that both reading and writing need. [pcap] [pcapng]

export const PCAP_MAGIC_NANO = 0xa1b23c4d;
export const PCAP_HEADER = 24;
export const PCAP_RECORD = 16;
export const NG_SECTION = 0x0a0d0d0a;
export const NG_BYTE_ORDER = 0x1a2b3c4d;
export const NG_INTERFACE = 1;
export const NG_ENHANCED_PACKET = 6;
export const NG_OPTION_TSRESOL = 9;
/** Bytes of an enhanced packet block in front of the data. */
export const NG_PACKET_HEADER = 28;
