/* bpf_map_push_elem, _pop_elem, _peek_elem: queues, stacks and bloom filters. */
#pragma once
#include "map.h"

/* Pointer to the value that lies `index` places behind the oldest. */
INLINE u64 queue_place(const struct map *m, u32 index)
{
	/* Below twice the entries, which may be more than 32 bits. */
	u64 at = (u64)m->head + index;
	if (at >= m->max_entries)
		at -= m->max_entries;
	return (u64)m->storage + at * m->stride;
}

PART s64 queue_push(struct map *m, u64 value, u64 flags)
{
	if (flags != ANY && flags != EXIST)
		return -EINVAL;
	if (m->count < m->max_entries) {
		copy(queue_place(m, m->count), value, m->value_size);
		m->count++;
		return 0;
	}
	if (flags != EXIST)
		return -E2BIG;
	/* The oldest one's place becomes the newest one's. */
	copy(queue_place(m, 0), value, m->value_size);
	m->head = m->head + 1 >= m->max_entries ? 0 : m->head + 1;
	return 0;
}

PART s64 queue_peek(const struct map *m, u64 value)
{
	if (!m->count) {
		/* Values may have any size. */
		u32 left = m->value_size;
		NOUNROLL for (; left; left--, value++)
			*AT(volatile u8, value) = 0;
		return -ENOENT;
	}
	copy(value, queue_place(m, m->store == STORE_QUEUE ? 0 : m->count - 1), m->value_size);
	return 0;
}

PART s64 queue_pop(struct map *m, u64 value)
{
	s64 error = queue_peek(m, value);
	if (error)
		return error;
	if (m->store == STORE_QUEUE)
		m->head = m->head + 1 >= m->max_entries ? 0 : m->head + 1;
	m->count--;
	return 0;
}

#define ROTATE(x, by) ((x) << (by) | (x) >> (32 - (by)))

/* Bob Jenkins' lookup3, as the kernel uses it: the same values are found in filters of the same seed. [kernel jhash] */
PART u32 jhash(u64 at, u32 bytes, u32 seed)
{
	u32 a = 0xdeadbeef + bytes + seed, b = a, c = a;
	NOUNROLL for (; bytes > 12; bytes -= 12, at += 12) {
		a += *AT(u32, at), b += *AT(u32, at + 4), c += *AT(u32, at + 8);
		a -= c, a ^= ROTATE(c, 4), c += b;
		b -= a, b ^= ROTATE(a, 6), a += c;
		c -= b, c ^= ROTATE(b, 8), b += a;
		a -= c, a ^= ROTATE(c, 16), c += b;
		b -= a, b ^= ROTATE(a, 19), a += c;
		c -= b, c ^= ROTATE(b, 4), b += a;
	}
	if (!bytes)
		return c;
	/* The last bytes, least significant first. */
	NOUNROLL for (at += bytes; bytes; bytes--) {
		u32 byte = *AT(u8, --at);
		u32 shift = (bytes - 1) << 3;
		if (bytes > 8)
			c += byte << (shift & 31);
		else if (bytes > 4)
			b += byte << (shift & 31);
		else
			a += byte << (shift & 31);
	}
	c ^= b, c -= ROTATE(b, 14);
	a ^= c, a -= ROTATE(c, 11);
	b ^= a, b -= ROTATE(a, 25);
	c ^= b, c -= ROTATE(b, 16);
	a ^= c, a -= ROTATE(c, 4);
	b ^= a, b -= ROTATE(a, 14);
	c ^= b, c -= ROTATE(b, 24);
	return c;
}

/* The word of the filter's bits, and the bit in it, for hash function `index`. */
INLINE u32 bloom_hash(const struct map *m, u64 value, u32 index)
{
	return jhash(value, m->value_size, index) & m->mask;
}

PART s64 bloom_push(struct map *m, u64 value, u64 flags)
{
	u32 index = 0;
	if (flags != ANY)
		return -EINVAL;
	NOUNROLL for (; index < (m->hashes & 0xf); index++) {
		u32 hash = bloom_hash(m, value, index);
		AT(u32, m->storage)[hash >> 5] |= 1u << (hash & 31);
	}
	return 0;
}

PART s64 bloom_peek(const struct map *m, u64 value)
{
	u32 index = 0;
	NOUNROLL for (; index < (m->hashes & 0xf); index++) {
		u32 hash = bloom_hash(m, value, index);
		KEEP(m);
		if (!(AT(u32, m->storage)[hash >> 5] >> (hash & 31) & 1))
			return -ENOENT;
	}
	return 0;
}

/* bpf_map_push_elem(map, value, flags) */
ROUTINE s64 map_push(struct map *m, u64 value, u64 flags)
{
	if (m->store == STORE_BLOOM)
		return bloom_push(m, value, flags);
	if (m->store == STORE_QUEUE || m->store == STORE_STACK)
		return queue_push(m, value, flags);
	return -EINVAL;
}

/* bpf_map_pop_elem(map, value) */
ROUTINE s64 map_pop(struct map *m, u64 value)
{
	if (m->store == STORE_QUEUE || m->store == STORE_STACK)
		return queue_pop(m, value);
	return m->store == STORE_BLOOM ? -EOPNOTSUPP : -EINVAL;
}

/* bpf_map_peek_elem(map, value) */
ROUTINE s64 map_peek(struct map *m, u64 value)
{
	if (m->store == STORE_BLOOM)
		return bloom_peek(m, value);
	if (m->store == STORE_QUEUE || m->store == STORE_STACK)
		return queue_peek(m, value);
	return -EINVAL;
}
