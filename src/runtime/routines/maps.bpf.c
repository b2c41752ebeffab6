/* The routines that programs call, and the iteration and look-ups that the JavaScript side uses. */
#include "update.h"
#include "queue.h"
#include "ring.h"
#include "packet.h"

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

ROUTINE u64 hash_lookup_16(const struct map *m, u64 key)
{
	u64 first = *AT(u64, key), second = *AT(u64, key + 8);
	u32 at = *AT(u32, bucket(m, hash_keys(key, 16)));
	u32 left = MAX_STEPS;
	NOUNROLL for (; at && left--; at = AT(struct node, at)->next)
		if (*AT(u64, (u64)at + 8) == first && *AT(u64, (u64)at + 16) == second)
			return (u64)at + 24;
	return 0;
}

ROUTINE u64 hash_lookup(const struct map *m, u64 key)
{
	u64 node = find_bytes(m, key);
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
		return *AT(u32, value) && m->inner ? *AT(u32, value) : *AT(u32, value) ? value : 0;
	} else {
		if (store < STORE_HASH_4 || store > STORE_LPM)
			return 0;
		node = store == STORE_HASH ? find_bytes(m, key) : find_node(m, key);
		if (!node)
			return 0;
		value = node + m->value_offset;
		if (m->lru)
			lru_use(m, node);
	}
	if (m->cpu_stride)
		value += (u64)GLOBALS->cpu * m->cpu_stride;
	if (m->inner)
		value = *AT(u32, value);
	return value;
}

/* The CPU's value, without using the element; of maps of maps, the place of the inner map. */
PART u64 find_value(const struct map *m, u64 key, u32 cpu)
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
		node = find_node(m, key);
		if (!node)
			return 0;
		value = node + m->value_offset;
	}
	return value + (u64)cpu * m->cpu_stride;
}

ROUTINE u64 map_find(const struct map *m, u64 key)
{
	return find_value(m, key, 0);
}

/* bpf_map_lookup_percpu_elem(map, key, cpu) */
ROUTINE u64 map_lookup_percpu(const struct map *m, u64 key, u32 cpu)
{
	u64 value = find_value(m, key, cpu);
	if (value && m->lru)
		lru_use(m, value - (u64)cpu * m->cpu_stride - m->value_offset);
	return value;
}

/* Of sockmaps, and arrays of sockets to choose from. */
PART s64 slot_update(const struct map *m, u64 key, u64 socket, u64 flags)
{
	u32 index = *AT(u32, key);
	u64 slot = (u64)m->storage + (u64)index * m->stride;
	s64 error;
	if (flags > EXIST)
		return -EINVAL;
	if (index >= m->max_entries)
		return -E2BIG;
	error = refused(*AT(u32, slot), flags);
	if (!error)
		*AT(u64, slot) = socket;
	return error;
}

PART s64 socket_update(struct map *m, u64 key, u64 socket, u64 flags)
{
	if (!socket)
		return -EINVAL;
	if (m->store == STORE_TARGETS)
		return slot_update(m, key, socket, flags);
	GLOBALS->socket = socket;
	return hash_update(m, key, (u64)&GLOBALS->socket, flags);
}

PART s64 slot_delete(const struct map *m, u64 key)
{
	u32 index = *AT(u32, key);
	u64 slot = (u64)m->storage + (u64)index * m->stride;
	if (index >= m->max_entries || !*AT(u32, slot))
		return -EINVAL;
	*AT(u64, slot) = 0;
	return 0;
}

/* bpf_map_update_elem(map, key, value, flags); in maps of sockets the value is a socket, not a pointer to one. */
ROUTINE s64 map_update(struct map *m, u64 key, u64 value, u64 flags)
{
	if (m->inner == INNER_SOCKETS)
		return socket_update(m, key, value, flags);
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
	if (m->store == STORE_TARGETS && m->inner)
		return slot_delete(m, key);
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
