/* Ring buffers, laid out as struct bpf_ringbuf: a page of the kernel's own (its first word is the map here), the page of the consumer's
 * position, the page of the producer's, then the records. As in the kernel the data's pages come twice, so that each record lies in one
 * piece; here the second ones are memory of their own, which only records use that begin in the first. [kernel ringbuf.c] */
#pragma once
#include "map.h"

#define PAGE 4096
#define RING_DATA (3 * PAGE)
#define BUSY 0x80000000u
#define DISCARD 0x40000000u
#define MAX_RECORD 0x3fffffffu
enum { NO_WAKEUP = 1, FORCE_WAKEUP = 2 };
enum { AVAIL_DATA = 0, RING_SIZE = 1, CONS_POS = 2, PROD_POS = 3 };

struct record {
	u32 length;       /* bytes | BUSY | DISCARD */
	u32 page;         /* pages from the ring's start */
};

INLINE u64 *consumer(const struct map *m)
{
	return AT(u64, m->storage + PAGE);
}

INLINE u64 *producer(const struct map *m)
{
	return AT(u64, m->storage + 2 * PAGE);
}

PART u64 reserve(struct map *m, u64 size)
{
	u64 at = *producer(m), bytes = (size + 15) & ~7ull;
	u32 offset = at & m->mask;
	struct record *record = AT(struct record, m->storage + RING_DATA + offset);
	if (size > MAX_RECORD || bytes > m->max_entries || at + bytes - *consumer(m) > m->mask)
		return 0;
	record->length = (u32)size | BUSY;
	record->page = (RING_DATA + offset) / PAGE;
	AT(u32, m->lengths)[offset >> 3] = ++GLOBALS->records;
	*producer(m) = at + bytes;
	return (u64)record + sizeof(struct record);
}

/* The reader is woken where it waits for just this record, or as the flags say. */
PART void commit(u64 at, u64 flags, u32 discard)
{
	struct record *record = AT(struct record, at - sizeof(struct record));
	u64 ring = ((u64)record & ~(u64)(PAGE - 1)) - (u64)record->page * PAGE;
	struct map *m = AT(struct map, *AT(u32, ring));
	record->length = (record->length ^ BUSY) | discard;
	if (flags & FORCE_WAKEUP || ((*consumer(m) & m->mask) == (u64)record - ring - RING_DATA && !(flags & NO_WAKEUP)))
		m->wakeups++;
}

/* bpf_ringbuf_reserve(map, size, flags) */
ROUTINE u64 ring_reserve(struct map *m, u64 size, u64 flags)
{
	return flags || m->store != STORE_RING ? 0 : reserve(m, size);
}

/* bpf_ringbuf_submit(record, flags) */
ROUTINE u64 ring_submit(u64 record, u64 flags)
{
	commit(record, flags, 0);
	return 0;
}

/* bpf_ringbuf_discard(record, flags) */
ROUTINE u64 ring_discard(u64 record, u64 flags)
{
	commit(record, flags, DISCARD);
	return 0;
}

/* bpf_ringbuf_output(map, data, size, flags) */
ROUTINE s64 ring_output(struct map *m, u64 data, u64 size, u64 flags)
{
	u64 record;
	if (flags & ~3ull || m->store != STORE_RING)
		return -EINVAL;
	record = reserve(m, size);
	if (!record)
		return -EAGAIN;
	copy(record, data, size);
	commit(record, flags, 0);
	return 0;
}

/* bpf_ringbuf_query(map, flags) */
ROUTINE u64 ring_query(struct map *m, u64 which)
{
	if (m->store != STORE_RING)
		return 0;
	if (which == AVAIL_DATA)
		return *producer(m) - *consumer(m);
	if (which == RING_SIZE)
		return m->max_entries;
	if (which == CONS_POS)
		return *consumer(m);
	return which == PROD_POS ? *producer(m) : 0;
}
