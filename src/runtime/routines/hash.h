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

INLINE u64 hash_keys(u64 key, u32 size)
{
	u64 h = size;
	/* One product waits for the last, the other does not. */
	NOUNROLL for (; size >= 16; size -= 16, key += 16) {
		h += *AT(u64, key) * GOLDEN;
		h = (h ^ h >> 32 ^ *AT(u64, key + 8)) * GOLDEN;
	}
	if (size & 8) {
		h = (h ^ h >> 29 ^ *AT(u64, key)) * GOLDEN;
		key += 8;
	}
	if (size & 4) {
		h = (h ^ h >> 29 ^ *AT(u32, key)) * GOLDEN;
		key += 4;
	}
	if (size & 2) {
		h = (h ^ h >> 29 ^ *AT(u16, key)) * GOLDEN;
		key += 2;
	}
	if (size & 1)
		h = (h ^ h >> 29 ^ *AT(u8, key)) * GOLDEN;
	return (h ^ h >> 32) * GOLDEN;
}

PART u64 hash_bytes(u64 key, u32 size)
{
	return hash_keys(key, size);
}

/* Pointer to the bucket's head. */
INLINE u64 bucket(const struct map *m, u64 hash)
{
	return m->buckets + ((hash >> m->shift) << 2);
}

/* Tags are equal, so keys nearly always are: one branch at the end. */
PART u32 same_bytes(u64 a, u64 b, u32 size)
{
	u64 differ = 0;
	NOUNROLL for (; size >= 16; size -= 16, a += 16, b += 16)
		differ |= (*AT(u64, a) ^ *AT(u64, b)) | (*AT(u64, a + 8) ^ *AT(u64, b + 8));
	if (size & 8) {
		differ |= *AT(u64, a) ^ *AT(u64, b);
		a += 8, b += 8;
	}
	if (size & 4) {
		differ |= *AT(u32, a) ^ *AT(u32, b);
		a += 4, b += 4;
	}
	if (size & 2) {
		differ |= *AT(u16, a) ^ *AT(u16, b);
		a += 2, b += 2;
	}
	if (size & 1)
		differ |= *AT(u8, a) ^ *AT(u8, b);
	return !differ;
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

INLINE u32 find_bytes(const struct map *m, u64 key)
{
	u64 hash = hash_keys(key, m->key_size);
	u32 at = *AT(u32, bucket(m, hash));
	/* The tag, and the steps left. */
	u64 tag = (hash & 0xffffffff00000000ull) | MAX_STEPS;
	NOUNROLL for (; at && (u32)tag; at = AT(struct node, at)->next, tag--) {
		KEEP(tag);
		if (AT(struct node, at)->hash == tag >> 32 && same_bytes((u64)at + 8, key, m->key_size))
			break;
	}
	return at;
}

/* Keys of tries are {u32 prefix length, bytes, most significant bit first}: only the prefix counts. IPv4 and IPv6 addresses have code of
 * their own. */
#define KEY_IPV4 8
#define KEY_IPV6 20

/* Of 32 (64) bits as they lie in memory, the first `bits`. */
INLINE u32 mask_32(u32 bits)
{
	return bits ? __builtin_bswap32(~0u << ((32 - bits) & 31)) : 0;
}

INLINE u64 mask_64(u32 bits)
{
	return bits ? __builtin_bswap64(~0ull << ((64 - bits) & 63)) : 0;
}

INLINE u64 mask_high(u32 bits)
{
	return bits < 64 ? mask_64(bits) : ~0ull;
}

INLINE u64 mask_low(u32 bits)
{
	return bits > 64 ? mask_64(bits - 64) : 0;
}

/* `prefix`: 0 behind its bits. */
INLINE u64 hash_ipv4(u32 prefix, u32 bits)
{
	return ((u64)prefix << 8 | bits) * GOLDEN;
}

INLINE u64 hash_ipv6(u64 high, u64 low, u32 bits)
{
	u64 h = (high ^ high >> 32 ^ bits) * GOLDEN;
	return (h ^ h >> 32 ^ low ^ low >> 32) * GOLDEN;
}

PART u64 hash_prefix_bytes(u64 key, u32 bits)
{
	u64 h = hash_bytes(key + 4, bits >> 3) ^ bits;
	if (bits & 7)
		h ^= AT(u8, key + 4)[bits >> 3] >> (8 - (bits & 7));
	return h * GOLDEN;
}

PART u64 hash_prefix(const struct map *m, u64 key, u32 bits)
{
	if (m->key_size == KEY_IPV4)
		return hash_ipv4(*AT(u32, key + 4) & mask_32(bits), bits);
	if (m->key_size == KEY_IPV6)
		return hash_ipv6(*AT(u64, key + 4) & mask_high(bits), *AT(u64, key + 12) & mask_low(bits), bits);
	return hash_prefix_bytes(key, bits);
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
		return hash_prefix(m, key, *AT(u32, key));
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

/* For each prefix length: how many elements have it, and 1 + the longest length of elements that is not longer; 0: there is none. */
struct length {
	u32 count;
	u32 used;
};
#define LENGTH(m) AT(struct length, (m)->lengths)

/* Lengths with elements below `bits`, one after the other; ~0 ends them. */
INLINE u32 shorter(const struct map *m, u32 bits)
{
	u32 next = bits ? LENGTH(m)[bits - 1].used : 0;
	return next <= bits ? next - 1 : ~0u;
}

PART u32 find_ipv4(const struct map *m, u64 key, u32 bits)
{
	u32 address = *AT(u32, key + 4), left = MAX_STEPS;
	NOUNROLL for (; bits <= 32; bits = shorter(m, bits)) {
		u32 mask = mask_32(bits);
		u32 at = *AT(u32, bucket(m, hash_ipv4(address & mask, bits)));
		NOUNROLL for (; at && left--; at = AT(struct node, at)->next)
			if (!((*AT(u32, (u64)at + 12) ^ address) & mask) && *AT(u32, (u64)at + 8) == bits)
				return at;
	}
	return 0;
}

/* The prefix of that length in a chain. */
PART u32 chain_ipv6(u32 at, u64 key, u32 bits)
{
	u64 high = mask_high(bits), low = mask_low(bits);
	u32 left = MAX_STEPS;
	NOUNROLL for (; at && left--; at = AT(struct node, at)->next) {
		u64 differ;
		KEEP(key);
		differ = ((*AT(u64, (u64)at + 12) ^ *AT(u64, key + 4)) & high) | ((*AT(u64, (u64)at + 20) ^ *AT(u64, key + 12)) & low);
		if (!differ && *AT(u32, (u64)at + 8) == bits)
			break;
	}
	return at;
}

PART u32 find_ipv6(const struct map *m, u64 key, u32 bits)
{
	NOUNROLL for (; bits <= 128; bits = shorter(m, bits)) {
		u64 low = bits > 64 ? *AT(u64, key + 12) & mask_64(bits - 64) : 0;
		u32 at = *AT(u32, bucket(m, hash_ipv6(*AT(u64, key + 4) & mask_high(bits), low, bits)));
		if (at)
			at = chain_ipv6(at, key, bits);
		if (at)
			return at;
		KEEP(key);
	}
	return 0;
}

PART u32 find_prefix(const struct map *m, u64 key, u32 bits)
{
	u64 hash = hash_prefix_bytes(key, bits);
	return *AT(u32, walk(bucket(m, hash), key, hash >> 32, PREFIX | bits));
}

/* BPF_MAP_TYPE_LPM_TRIE takes at most 256 bytes of data. */
#define MAX_PREFIX 2048

PART u32 find_any(const struct map *m, u64 key, u32 bits)
{
	NOUNROLL for (; bits <= MAX_PREFIX; bits = shorter(m, bits)) {
		u32 node = find_prefix(m, key, bits);
		if (node)
			return node;
	}
	return 0;
}

/* The element with the longest prefix that the key has; only lengths that occur are tried. */
PART u32 find_longest(const struct map *m, u64 key)
{
	u32 bits = *AT(u32, key);
	if (bits > 8 * (m->key_size - 4) || bits > MAX_PREFIX)
		return 0;
	bits = shorter(m, bits + 1);
	if (m->key_size == KEY_IPV4)
		return find_ipv4(m, key, bits);
	return m->key_size == KEY_IPV6 ? find_ipv6(m, key, bits) : find_any(m, key, bits);
}

/* Counts an element in or out of its length. */
PART void count_length(const struct map *m, u32 node, u32 by)
{
	u32 bits, end, used;
	if (m->store != STORE_LPM)
		return;
	bits = *AT(u32, (u64)node + 8);
	end = 8 * (m->key_size - 4);
	if (bits > end)
		return;
	LENGTH(m)[bits].count += by;
	used = LENGTH(m)[bits].count ? bits + 1 : bits ? LENGTH(m)[bits - 1].used : 0;
	if (LENGTH(m)[bits].used == used)
		return;
	do
		*(volatile u32 *)&LENGTH(m)[bits++].used = used;
	while (bits <= end && !LENGTH(m)[bits].count);
}

/* A trie's prefix may be longer than its keys: refused. */
INLINE u32 bad_prefix(const struct map *m, u64 key)
{
	return m->store == STORE_LPM && *AT(u32, key) > 8 * (m->key_size - 4);
}

/* What a look-up finds: of a trie the longest prefix. */
PART u32 find_node(const struct map *m, u64 key)
{
	if (m->store == STORE_HASH)
		return *AT(u32, find_link(m, key));
	if (m->store == STORE_HASH_4)
		return find_4(m, key);
	return m->store == STORE_LPM ? find_longest(m, key) : find_8(m, key);
}
