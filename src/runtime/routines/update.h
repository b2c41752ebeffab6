/* Writing elements: what bpf_map_update_elem and bpf_map_delete_elem do to arrays and hashes. */
#include "lru.h"

/* Copies a value, but for the kernel's own fields in it. */
PART void copy_value(const struct map *m, u64 to, u64 from)
{
	u64 row = m->special, at = 0;
	if (!row)
		return copy(to, from, m->value_size);
	NOUNROLL for (;; row += sizeof(struct special)) {
		u32 offset = AT(struct special, row)->offset;
		copy(to + at, from + at, offset - at);
		at = offset + AT(struct special, row)->bytes;
		if (at == offset)
			return;
	}
}

/* Zeros over the kernel's own fields; `freed`: only those whose contents end with the value. */
PART void clear_special(const struct map *m, u64 value, u32 freed)
{
	u64 row = m->special;
	if (!row)
		return;
	NOUNROLL for (; AT(struct special, row)->bytes; row += sizeof(struct special)) {
		u64 at = value + AT(struct special, row)->offset;
		u32 left = AT(struct special, row)->bytes;
		if (freed && !AT(struct special, row)->freed)
			continue;
		NOUNROLL for (; left; left -= 4, at += 4)
			*AT(volatile u32, at) = 0;
	}
}

/* Values of a per-CPU map: that of this CPU, or all. */
PART void copy_values(const struct map *m, u64 to, u64 from)
{
	u32 left = CPUS(m);
	if (!GLOBALS->all_cpus)
		return copy_value(m, to + (u64)GLOBALS->cpu * m->cpu_stride, from);
	NOUNROLL for (; left; left--, to += m->cpu_stride, from += m->cpu_stride)
		copy_value(m, to, from);
}

PART s64 array_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u32 index = *AT(u32, key);
	u64 to;
	if ((flags & ~(u64)LOCK) > EXIST)
		return -EINVAL;
	if (index >= m->max_entries)
		return -E2BIG;
	if (flags & NOEXIST)
		return -EEXIST;
	if (flags & LOCK && !m->lock)
		return -EINVAL;
	to = (u64)m->storage + (u64)index * m->stride;
	if (m->cpu_stride)
		copy_values(m, to, value);
	else if (!m->special)
		copy(to, value, m->value_size);
	else {
		copy_value(m, to, value);
		if (!(flags & LOCK))
			clear_special(m, to, 1);
	}
	return 0;
}

/* The value of a new element; where it comes from a program, it is 0 on the other CPUs. */
PART void fill_value(const struct map *m, u64 to, u64 value)
{
	if (m->cpu_stride) {
		if (!GLOBALS->all_cpus)
			clear(to, m->cpus * m->cpu_stride);
		return copy_values(m, to, value);
	}
	clear_special(m, to, 0);
	copy_value(m, to, value);
}

/* Writes a node that nothing points at yet: a bad pointer stops the program here, with nothing changed. */
PART void fill(const struct map *m, u32 node, u64 key, u64 value)
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
	m->extra = *AT(u32, link);
	AT(struct node, node)->next = AT(struct node, m->extra)->next;
	*AT(u32, link) = node;
	return 0;
}

PART void unlink(struct map *m, u64 link)
{
	u32 node = *AT(u32, link);
	*AT(u32, link) = AT(struct node, node)->next;
	m->count--;
	if (m->lru)
		return lru_push_free(m, node);
	count_length(m, node, -1);
	AT(struct node, node)->next = m->free;
	m->free = node;
}

PART s64 insert(struct map *m, u64 key, u64 value)
{
	u32 node;
	u64 link;
	if (m->count >= m->max_entries)
		return m->store == STORE_LPM ? -ENOSPC : -E2BIG;
	node = m->free;
	if (!node)
		node = fresh_node(m);
	fill(m, node, key, value);
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

/* What the flags say to an element that is there (`old`), or is not. */
INLINE s64 refused(u32 old, u64 flags)
{
	if (old)
		return flags & NOEXIST ? -EEXIST : 0;
	return flags & EXIST ? -ENOENT : 0;
}

/* A filled node that was popped takes its place; an old one of the same key is free again. */
PART s64 lru_insert(struct map *m, u32 node, u64 key)
{
	u64 link = find_link(m, key);
	u32 old = *AT(u32, link);
	AT(struct node, node)->next = old ? AT(struct node, old)->next : 0;
	*AT(u32, link) = node;
	if (!old) {
		m->count++;
		return done();
	}
	lru_use(m, node);
	lru_push_free(m, old);
	return done();
}

PART s64 lru_add(struct map *m, u32 node, u64 key, u64 value)
{
	fill(m, node, key, value);
	return lru_insert(m, node, key);
}

/* For a new node: 0, or what the flags say to the elements that are there. Then the node is free again. */
PART s64 lru_check(const struct map *m, u64 key, u32 node, u64 flags)
{
	s64 error = refused(*AT(u32, find_link(m, key)), flags);
	if (error)
		lru_push_free(m, node);
	return error;
}

/* `node`: popped, and the update's flags in the upper half. */
PART s64 lru_put(struct map *m, u64 key, u64 value, u64 node)
{
	s64 error = lru_check(m, key, node, node >> 32);
	return error ? error : lru_add(m, node, key, value);
}

/* As in the kernel, a node is popped before anything else, and pushed back where it is not needed: that may evict another element. */
PART s64 lru_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u32 node = lru_pop(m);
	return node ? lru_put(m, key, value, flags << 32 | node) : -ENOMEM;
}

PART s64 lru_percpu_overwrite(const struct map *m, u32 node, u64 value)
{
	lru_use(m, node);
	copy_values(m, (u64)node + m->value_offset, value);
	return done();
}

/* Values of an existing element are written in place, and the popped node, `unused`, is pushed back. */
PART s64 lru_percpu_keep(const struct map *m, u32 old, u64 value, u64 unused)
{
	u64 flags = unused >> 32;
	lru_push_free(m, unused);
	return flags & NOEXIST ? -EEXIST : lru_percpu_overwrite(m, old, value);
}

PART s64 lru_percpu_put(struct map *m, u64 key, u64 value, u64 node)
{
	u32 old = *AT(u32, find_link(m, key));
	return old ? lru_percpu_keep(m, old, value, node) : lru_add(m, node, key, value);
}

PART s64 lru_percpu_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u32 node;
	if (flags == EXIST) {
		node = *AT(u32, find_link(m, key));
		return node ? lru_percpu_overwrite(m, node, value) : -ENOENT;
	}
	node = lru_pop(m);
	return node ? lru_percpu_put(m, key, value, flags << 32 | node) : -ENOMEM;
}

PART u32 bad_update(const struct map *m, u64 key, u64 flags)
{
	u64 wanted = m->lock && !m->cpu_stride && !m->lru ? flags & ~(u64)LOCK : flags;
	return wanted > EXIST || bad_prefix(m, key);
}

PART s64 hash_update(struct map *m, u64 key, u64 value, u64 flags)
{
	u64 link;
	u32 old;
	s64 error;
	if (bad_update(m, key, flags))
		return -EINVAL;
	if (m->lru)
		return m->cpu_stride ? lru_percpu_update(m, key, value, flags) : lru_update(m, key, value, flags);
	link = find_link(m, key);
	old = *AT(u32, link);
	error = refused(old, flags);
	if (error)
		return error;
	if (!old)
		return insert(m, key, value);
	if (m->cpu_stride)
		copy_values(m, (u64)old + m->value_offset, value);
	else if (flags & LOCK)
		copy_value(m, (u64)old + m->value_offset, value);
	else
		return replace(m, link, key, value);
	return 0;
}
