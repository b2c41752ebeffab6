/* Hash tables: bucket heads, chains of nodes whose places never change. Lookups of 4- and 8-byte keys have code of their own. */
#pragma once
#include "map.h"

/* 2^64 / golden ratio: the product's upper bits depend on every bit of the key, and keys in sequence spread evenly. */
#define GOLDEN 0x9e3779b97f4a7c15ull

/* A product of 32 bits is shorter to make; it stands in the upper half, so that all hashes are used alike. */
#define GOLDEN_32 0x9e3779b1u

INLINE u64 hash_4(u32 key)
{
	return (u64)(key * GOLDEN_32) << 32;
}

INLINE u64 hash_8(u64 key)
{
	return (key ^ key >> 32) * GOLDEN;
}

PART u64 hash_bytes(u64 key, u32 size)
{
	u64 h = size;
	NOUNROLL for (; size >= 8; size -= 8, key += 8) {
		h = (h ^ *AT(u64, key)) * GOLDEN;
		h ^= h >> 29;
	}
	if (size & 4) {
		h = (h ^ *AT(u32, key)) * GOLDEN;
		h ^= h >> 29;
		key += 4;
	}
	if (size & 2) {
		h = (h ^ *AT(u16, key)) * GOLDEN;
		h ^= h >> 29;
		key += 2;
	}
	if (size & 1) {
		h = (h ^ *AT(u8, key)) * GOLDEN;
		h ^= h >> 29;
	}
	return h * GOLDEN;
}

/* Pointer to the bucket's head. */
INLINE u64 bucket(const struct map *m, u64 hash)
{
	return m->buckets + ((hash >> m->shift) << 2);
}

PART u32 same_bytes(u64 a, u64 b, u32 size)
{
	NOUNROLL for (; size >= 8; size -= 8, a += 8, b += 8)
		if (*AT(u64, a) != *AT(u64, b))
			return 0;
	if (size & 4) {
		if (*AT(u32, a) != *AT(u32, b))
			return 0;
		a += 4, b += 4;
	}
	if (size & 2) {
		if (*AT(u16, a) != *AT(u16, b))
			return 0;
		a += 2, b += 2;
	}
	return !(size & 1) || *AT(u8, a) == *AT(u8, b);
}

/* Machine code counts no fuel here, and a hostile program can make a chain a ring: no walk takes more steps. */
#define MAX_STEPS 0x100000u

INLINE u64 find_4(const struct map *m, u64 key)
{
	u32 wanted = *AT(u32, key);
	/* The shift is 32 to 63, and a shift of 32 bits takes its count modulo 32. [RFC9669 4.1] */
	u32 index = wanted * GOLDEN_32;
	asm("%0 >>= %1" : "+w"(index) : "w"(m->shift));
	u32 at = AT(u32, m->buckets)[index];
	u32 left = MAX_STEPS;
	NOUNROLL while (at && left--) {
		if (AT(struct node, at)->hash == wanted)
			return at;
		at = AT(struct node, at)->next;
	}
	return 0;
}

INLINE u64 find_8(const struct map *m, u64 key)
{
	u64 wanted = *AT(u64, key);
	u32 at = *AT(u32, bucket(m, hash_8(wanted)));
	u32 left = MAX_STEPS;
	NOUNROLL while (at && left--) {
		if (*AT(u64, at + 8) == wanted)
			return at;
		at = AT(struct node, at)->next;
	}
	return 0;
}

/* Keys of tries are {u32 prefix length, bytes, most significant bit first}: only the prefix counts. */
PART u64 hash_prefix(u64 key, u32 bits)
{
	u64 h = hash_bytes(key + 4, bits >> 3) ^ bits;
	if (bits & 7)
		h ^= AT(u8, key + 4)[bits >> 3] >> (8 - (bits & 7));
	return h * GOLDEN;
}

PART u32 same_prefix(u64 a, u64 b, u32 bits)
{
	if (!same_bytes(a, b, bits >> 3))
		return 0;
	return !(bits & 7) || (AT(u8, a)[bits >> 3] ^ AT(u8, b)[bits >> 3]) >> (8 - (bits & 7)) == 0;
}

PART u64 hash_of(const struct map *m, u64 key)
{
	if (m->store == STORE_LPM)
		return hash_prefix(key, *AT(u32, key));
	if (m->store == STORE_HASH_4)
		return hash_4(*AT(u32, key));
	if (m->store == STORE_HASH_8)
		return hash_8(*AT(u64, key));
	return hash_bytes(key, m->key_size);
}

/* `size`: bytes of the key, 0 where the tag is the key, PREFIX | bits in tries. */
#define PREFIX 0x80000000u

PART u32 same_key(u64 node, u64 key, u32 size)
{
	if (!(size & PREFIX))
		return same_bytes(node + 8, key, size);
	return *AT(u32, node + 8) == (size & ~PREFIX) && same_prefix(node + 12, key + 4, size & ~PREFIX);
}

PART u64 walk(u64 link, u64 key, u32 tag, u32 key_size)
{
	/* The steps left stand below the size, and the compiler must not part them: there is no register for both. */
	u64 size = (u64)key_size << 32 | MAX_STEPS;
	NOUNROLL for (;; size--) {
		u32 at = *AT(u32, link);
		asm volatile("" : "+r"(size));
		if (!at || !(u32)size)
			return link;
		if (AT(struct node, at)->hash == tag && (!(size >> 32) || same_key(at, key, size >> 32)))
			return link;
		link = *AT(volatile u32, link);
	}
}

/* The place that points at the node with that key (a head or a `next`), or at the 0 that ends the chain. */
PART u64 find_link(const struct map *m, u64 key)
{
	u64 hash = hash_of(m, key);
	u64 link = bucket(m, hash);
	if (m->store == STORE_HASH_4)
		return walk(link, key, *AT(u32, key), 0);
	return walk(link, key, hash >> 32, m->store == STORE_LPM ? PREFIX | *AT(u32, key) : m->key_size);
}

/* The element with that prefix of the key. */
PART u32 find_prefix(const struct map *m, u64 key, u32 bits)
{
	u64 hash = hash_prefix(key, bits);
	return *AT(u32, walk(bucket(m, hash), key, hash >> 32, PREFIX | bits));
}

/* BPF_MAP_TYPE_LPM_TRIE takes at most 256 bytes of data. */
#define MAX_PREFIX 2048

/* The element with the longest prefix that the key has; only lengths that occur are tried. */
PART u32 find_longest(const struct map *m, u64 key)
{
	u32 bits = *AT(u32, key), node;
	if (bits > 8 * (m->key_size - 4) || bits > MAX_PREFIX)
		return 0;
	NOUNROLL for (;; bits--) {
		if (AT(u32, m->lengths)[bits]) {
			node = find_prefix(m, key, bits);
			if (node)
				return node;
		}
		if (!bits)
			return 0;
	}
}

/* Counts an element in or out of its length. */
INLINE void count_length(const struct map *m, u32 node, u32 by)
{
	if (m->store == STORE_LPM)
		AT(u32, m->lengths)[*AT(u32, (u64)node + 8)] += by;
}

/* A trie's prefix may be longer than its keys: refused. */
INLINE u32 bad_prefix(const struct map *m, u64 key)
{
	return m->store == STORE_LPM && *AT(u32, key) > 8 * (m->key_size - 4);
}
