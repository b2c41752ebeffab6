/* bpf_map_lookup_elem, _update_elem, _delete_elem and the iteration that the JavaScript side uses, for arrays and hashes. */
#include "hash.h"

ROUTINE u64 hash_lookup_4(const struct map *m, u64 key)
{
	u64 node = find_4(m, key);
	return node ? node + 8 : 0;
}

ROUTINE u64 hash_lookup_8(const struct map *m, u64 key)
{
	u64 node = find_8(m, key);
	return node ? node + 16 : 0;
}

ROUTINE u64 hash_lookup(const struct map *m, u64 key)
{
	u64 node = *AT(u32, find_link(m, key));
	return node ? node + m->value_offset : 0;
}

ROUTINE u64 array_lookup(const struct map *m, u64 key)
{
	u32 index = *AT(u32, key);
	return index < m->max_entries ? (u64)m->storage + (u64)index * m->stride : 0;
}

/* bpf_map_lookup_elem(map, key) */
ROUTINE u64 map_lookup(const struct map *m, u64 key)
{
	u64 value, node;
	u32 store = m->store;
	if (store == STORE_ARRAY) {
		u32 index = *AT(u32, key);
		if (index >= m->max_entries)
			return 0;
		value = (u64)m->storage + (u64)index * m->stride;
	} else if (store == STORE_TARGETS) {
		u32 index = *AT(u32, key);
		if (index >= m->max_entries)
			return 0;
		value = (u64)m->storage + (u64)index * m->stride;
		return *AT(u32, value) ? value : 0;
	} else {
		if (store < STORE_HASH_4 || store > STORE_LPM)
			return 0;
		node = store == STORE_LPM ? find_longest(m, key) : *AT(u32, find_link(m, key));
		if (!node)
			return 0;
		value = node + m->value_offset;
		if (m->lru)
			*AT(u64, value - 8) = 1;
	}
	if (m->cpu_stride)
		value += (u64)GLOBALS->cpu * m->cpu_stride;
	if (m->inner)
		value = *AT(u32, value);
	return value;
}

/* bpf_map_lookup_percpu_elem(map, key, cpu) */
ROUTINE u64 map_lookup_percpu(const struct map *m, u64 key, u32 cpu)
{
	u64 value, node;
	if (cpu >= m->cpus)
		return 0;
	if (m->store == STORE_ARRAY) {
		u32 index = *AT(u32, key);
		if (index >= m->max_entries)
			return 0;
		value = (u64)m->storage + (u64)index * m->stride;
	} else {
		if (m->store < STORE_HASH_4 || m->store > STORE_LPM)
			return 0;
		node = m->store == STORE_LPM ? find_longest(m, key) : *AT(u32, find_link(m, key));
		if (!node)
			return 0;
		value = node + m->value_offset;
	}
	return value + (u64)cpu * m->cpu_stride;
}

PART s64 array_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u32 index = *AT(u32, key);
	u64 to;
	if ((m->cpu_stride ? flags : flags & ~LOCK) > EXIST)
		return -EINVAL;
	if (index >= m->max_entries)
		return -E2BIG;
	if (flags & NOEXIST)
		return -EEXIST;
	/* No value has a lock to take. */
	if (flags & LOCK)
		return -EINVAL;
	to = (u64)m->storage + (u64)index * m->stride;
	if (m->cpu_stride)
		to += (u64)GLOBALS->cpu * m->cpu_stride;
	copy(to, value, m->value_size);
	return 0;
}

/* The value of a new element; on the other CPUs it is 0. */
PART void fill_value(struct map *m, u64 to, u64 value)
{
	if (m->cpu_stride) {
		clear(to, m->cpus * m->cpu_stride);
		to += (u64)GLOBALS->cpu * m->cpu_stride;
	}
	copy(to, value, m->value_size);
}

/* Writes a node that nothing points at yet: a bad pointer stops the program here, with nothing changed. */
PART void fill(struct map *m, u32 node, u64 key, u64 value)
{
	fill_value(m, (u64)node + m->value_offset, value);
	if (m->store == STORE_HASH_4)
		AT(struct node, node)->hash = *AT(u32, key);
	else {
		copy((u64)node + 8, key, m->key_size);
		AT(struct node, node)->hash = hash_of(m, key) >> 32;
	}
}

INLINE u32 fresh_node(const struct map *m)
{
	return m->storage + m->used * m->stride;
}

/* An overwritten element's value stays where it was, unchanged, in the node that the next overwriting takes: as in the kernel, a
 * program may still hold a pointer to it. */
PART s64 replace(struct map *m, u64 link, u64 key, u64 value)
{
	u32 node = m->extra;
	if (!node)
		node = fresh_node(m);
	fill(m, node, key, value);
	if (!m->extra)
		m->used++;
	if (m->lru)
		*AT(u64, (u64)node + m->value_offset - 8) = 1;
	m->extra = *AT(u32, link);
	AT(struct node, node)->next = AT(struct node, m->extra)->next;
	*AT(u32, link) = node;
	return 0;
}

PART void unlink(struct map *m, u64 link)
{
	u32 node = *AT(u32, link);
	*AT(u32, link) = AT(struct node, node)->next;
	count_length(m, node, -1);
	AT(struct node, node)->next = m->free;
	m->free = node;
	m->count--;
}

/* The map is full: every node but the extra one is an element. Takes the first that was not used since the hand came by. */
PART void evict(struct map *m)
{
	u64 node;
	u32 left = 16 * MAX_STEPS;
	NOUNROLL for (;;) {
		u32 hand = m->hand;
		if (hand >= m->used)
			hand = 0;
		m->hand = hand + 1;
		node = (u64)m->storage + hand * m->stride;
		if (node == m->extra && left--)
			continue;
		if (!left-- || !*AT(u64, node + m->value_offset - 8))
			break;
		*AT(u64, node + m->value_offset - 8) = 0;
	}
	unlink(m, find_link(m, m->store == STORE_HASH_4 ? node + 4 : node + 8));
}

PART s64 insert(struct map *m, u64 key, u64 value)
{
	u32 node;
	u64 link;
	if (m->count >= m->max_entries) {
		if (!m->lru)
			return -E2BIG;
		evict(m);
	}
	node = m->free;
	if (!node)
		node = fresh_node(m);
	fill(m, node, key, value);
	if (m->lru)
		*AT(u64, (u64)node + m->value_offset - 8) = 0;
	link = find_link(m, key);
	if (m->free)
		m->free = AT(struct node, node)->next;
	else
		m->used++;
	AT(struct node, node)->next = 0;
	*AT(u32, link) = node;
	count_length(m, node, 1);
	m->count++;
	return 0;
}

PART s64 hash_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u64 link;
	u32 old;
	if (flags > EXIST || bad_prefix(m, key))
		return -EINVAL;
	link = find_link(m, key);
	old = *AT(u32, link);
	if (!old)
		return flags == EXIST ? -ENOENT : insert(m, key, value);
	if (flags == NOEXIST)
		return -EEXIST;
	if (!m->cpu_stride)
		return replace(m, link, key, value);
	copy((u64)old + m->value_offset + (u64)GLOBALS->cpu * m->cpu_stride, value, m->value_size);
	return 0;
}

/* bpf_map_update_elem(map, key, value, flags) */
ROUTINE s64 map_update(struct map *m, u64 key, u64 value, u64 flags)
{
	if (m->store == STORE_ARRAY)
		return array_update(m, key, value, flags);
	if (m->store >= STORE_HASH_4 && m->store <= STORE_LPM)
		return hash_update(m, key, value, flags);
	return -EINVAL;
}

/* bpf_map_delete_elem(map, key) */
ROUTINE s64 map_delete(struct map *m, u64 key)
{
	u64 link;
	if (m->store < STORE_HASH_4 || m->store > STORE_LPM || bad_prefix(m, key))
		return -EINVAL;
	link = find_link(m, key);
	if (!*AT(u32, link))
		return -ENOENT;
	unlink(m, link);
	return 0;
}

/* First node of the bucket at `at` or of one behind it. */
PART u32 scan(const struct map *m, u64 at)
{
	u64 end = m->buckets + (4ull << (64 - m->shift));
	u32 node = 0;
	NOUNROLL for (; !node && at < end; at += 4)
		node = *AT(volatile u32, at);
	return node;
}

PART u32 node_after(const struct map *m, u64 key)
{
	u32 node = *AT(u32, find_link(m, key));
	if (!node)
		return scan(m, m->buckets);
	node = AT(struct node, node)->next;
	return node ? node : scan(m, bucket(m, hash_of(m, key)) + 4);
}

/* The element after the one with that key (0, or a key that is gone: the first one): pointer to its key, 0 at the end. */
ROUTINE u64 map_next(const struct map *m, u64 key)
{
	u64 node;
	if (m->store < STORE_HASH_4 || m->store > STORE_LPM)
		return 0;
	node = key ? node_after(m, key) : scan(m, m->buckets);
	if (!node)
		return 0;
	return m->store == STORE_HASH_4 ? node + 4 : node + 8;
}
