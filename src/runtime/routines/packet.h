/* XDP packets that change their ends: the helpers that do it, and what a loop over packets does before each run. What is known of the
 * packet is in the globals; src/runtime/helpers/packet.ts has the same layout. */
#pragma once
#include "map.h"

struct xdp_md {
	u32 data;
	u32 data_end;
	u32 data_meta;
};

/* struct xdp_frame, which the kernel keeps at the start of the headroom; least packet; most metadata. */
enum { FRAME_BYTES = 40, ETHERNET_BYTES = 14, MAX_METADATA = 252, EACCES = 13 };

INLINE void move_packet(u32 meta, u32 data, u32 end)
{
	GLOBALS->meta = meta;
	GLOBALS->data = data;
	GLOBALS->end = end;
	if (GLOBALS->context) {
		struct xdp_md *context = AT(struct xdp_md, GLOBALS->context);
		context->data = data;
		context->data_end = end;
		context->data_meta = meta;
	}
}

/* bpf_xdp_adjust_head(ctx, delta): metadata, of whole words, goes along. */
ROUTINE u64 xdp_adjust_head(__attribute__((unused)) u64 context, u64 delta)
{
	s64 by = (int)delta;
	u32 meta = GLOBALS->meta;
	u32 bytes = GLOBALS->data - meta;
	u32 at;
	if (GLOBALS->data + by < (s64)(u64)GLOBALS->start + FRAME_BYTES + bytes)
		return -EINVAL;
	if (GLOBALS->data + by > (s64)(u64)GLOBALS->end - ETHERNET_BYTES)
		return -EINVAL;
	if (by < 0) {
		NOUNROLL for (at = 0; at < bytes; at += 4)
			*AT(volatile u32, (u64)(meta + at) + by) = *AT(volatile u32, meta + at);
	} else {
		NOUNROLL for (at = bytes; at; at -= 4)
			*AT(volatile u32, (u64)(meta + at) + by - 4) = *AT(volatile u32, meta + at - 4);
	}
	move_packet(meta + by, GLOBALS->data + by, GLOBALS->end);
	return 0;
}

/* bpf_xdp_adjust_meta(ctx, delta) */
ROUTINE u64 xdp_adjust_meta(__attribute__((unused)) u64 context, u64 delta)
{
	s64 meta = (s64)(u64)GLOBALS->meta + (int)delta;
	s64 bytes = (s64)(u64)GLOBALS->data - meta;
	if (meta < (s64)(u64)GLOBALS->start + FRAME_BYTES || bytes < 0)
		return -EINVAL;
	if (bytes % 4 != 0 || bytes > MAX_METADATA)
		return -EACCES;
	move_packet(meta, GLOBALS->data, GLOBALS->end);
	return 0;
}

/* bpf_xdp_adjust_tail(ctx, delta): new bytes are zero. */
ROUTINE u64 xdp_adjust_tail(__attribute__((unused)) u64 context, u64 delta)
{
	u32 old = GLOBALS->end;
	s64 end = (s64)(u64)old + (int)delta;
	u64 at;
	if (end > (s64)(u64)GLOBALS->limit || end < (s64)(u64)GLOBALS->data + ETHERNET_BYTES)
		return -EINVAL;
	NOUNROLL for (at = old; at + 8 <= (u64)end; at += 8)
		*AT(volatile u64, at) = 0;
	NOUNROLL for (; at < (u64)end; at++)
		*AT(volatile u8, at) = 0;
	move_packet(GLOBALS->meta, GLOBALS->data, end);
	return 0;
}

/* A descriptor of the loop, src/runtime/engines/batch-layout.ts. */
struct descriptor {
	u32 data;
	u32 end;
	u64 r0;
	u32 start;
	u32 limit;
	u32 first_meta;
	u32 first_data;
	u32 first_end;
	u32 source;
};

/* Puts the packet of a descriptor behind a headroom of zeros. */
ROUTINE u64 packet_place(const struct descriptor *d)
{
	u64 at = d->start, data = d->data;
	NOUNROLL for (; at < data; at += 32) {
		*AT(volatile u64, at) = 0;
		*AT(volatile u64, at + 8) = 0;
		*AT(volatile u64, at + 16) = 0;
		*AT(volatile u64, at + 24) = 0;
	}
	copy(data, d->source, d->end - d->data);
	return 0;
}
