/* Which element an LRU map evicts: as the kernel's bpf_lru_list does, so that a single CPU's run evicts the same ones. Elements taken
 * wait on their CPU's pending list, then rotate between an active and an inactive list by whether they were used; free ones are
 * taken over in lots. With BPF_F_NO_COMMON_LRU each CPU has lists of its own. [kernel bpf_lru_list.c] */
#include "hash.h"

/* Circular, `next` of the head the most recent; pointers to struct list. */
struct list {
	u32 next, prev;
};

enum { ACTIVE = 0, INACTIVE = 1, FREE = 2, LOCAL_FREE = 3, PENDING = 4 };

/* Stands before the value. */
struct lru_node {
	struct list list;
	u8 type;
	u8 ref;           /* 1: used since it was last moved */
	u16 cpu;
	u32 unused;
};

struct lru_lists {
	struct list lists[3];
	u32 counts[2];    /* of ACTIVE and INACTIVE */
	u32 rotation;     /* where the rotation of INACTIVE goes on */
	u32 fresh;        /* free nodes that were never touched, on no list */
};

struct lru_local {
	struct list free, pending;
	u32 steal;        /* CPU whose elements are taken when nothing else is left */
	u32 unused;
};

struct lru {
	u32 target_free;  /* free nodes that a CPU takes over at once */
	u32 scans;        /* nodes that a rotation looks at */
	u32 per_cpu;      /* 1: `lists` of each CPU, no locals */
	u32 unused;
	struct lru_lists lists[];
};

/* LOCAL_NR_SCANS and LOCAL_FREE_TARGET are 128. */
#define MAX_SCANS 0xff

#define LRU(m) AT(struct lru, (m)->lru)
#define LINK(at) AT(struct list, at)
#define NODE(at) AT(struct lru_node, at)

INLINE struct lru_lists *lists_of(const struct map *m, u32 cpu)
{
	return &LRU(m)->lists[LRU(m)->per_cpu ? cpu : 0];
}

INLINE struct lru_local *local_of(const struct map *m, u32 cpu)
{
	return &((struct lru_local *)&LRU(m)->lists[1])[cpu];
}

INLINE u32 head_of(struct lru_lists *l, u32 type)
{
	return (u64)&l->lists[type];
}

INLINE void list_add(u32 at, u32 head)
{
	u32 next = LINK(head)->next;
	LINK(at)->prev = head;
	LINK(at)->next = next;
	LINK(head)->next = at;
	LINK(next)->prev = at;
}

INLINE void list_remove(u32 at)
{
	u32 next = LINK(at)->next, prev = LINK(at)->prev;
	LINK(prev)->next = next;
	LINK(next)->prev = prev;
}

INLINE void list_move(u32 at, u32 head)
{
	list_remove(at);
	list_add(at, head);
}

INLINE void count(struct lru_lists *l, u32 type, u32 by)
{
	if (type < FREE)
		l->counts[type] += by;
}

/* From a local list. */
PART void lru_move_in(struct lru_lists *l, u32 at, u32 type)
{
	count(l, type, 1);
	NODE(at)->type = type;
	NODE(at)->ref = 0;
	list_move(at, head_of(l, type));
}

/* Between lists of `l`, or to the front of its own. */
PART void lru_move(struct lru_lists *l, u32 at, u32 type)
{
	count(l, NODE(at)->type, -1);
	count(l, type, 1);
	NODE(at)->type = type;
	NODE(at)->ref = 0;
	if (at == l->rotation)
		l->rotation = LINK(at)->prev;
	list_move(at, head_of(l, type));
}

/* To the free list from which the running CPU takes. */
PART void lru_move_to_free(const struct map *m, u32 at)
{
	struct lru_lists *l = lists_of(m, GLOBALS->cpu);
	u32 per_cpu = LRU(m)->per_cpu;
	if (at == l->rotation)
		l->rotation = LINK(at)->prev;
	count(l, NODE(at)->type, -1);
	NODE(at)->type = per_cpu ? FREE : LOCAL_FREE;
	list_move(at, per_cpu ? head_of(l, FREE) : (u32)(u64)&local_of(m, GLOBALS->cpu)->free);
}

PART void rotate_active(struct lru_lists *l, u32 scans)
{
	u32 first = l->lists[ACTIVE].next, at = l->lists[ACTIVE].prev;
	NOUNROLL while (scans && at != head_of(l, ACTIVE)) {
		u32 prev = LINK(at)->prev;
		scans = at == first ? 0 : scans - 1;
		KEEP(scans);
		lru_move(l, at, NODE(at)->ref ? ACTIVE : INACTIVE);
		KEEP(l);
		at = prev;
	}
}

PART void rotate_inactive(struct lru_lists *l, u32 scans)
{
	u32 at = l->rotation, last = LINK(at)->next;
	if (l->lists[INACTIVE].next == head_of(l, INACTIVE))
		return;
	if (last == head_of(l, INACTIVE))
		last = LINK(last)->next;
	NOUNROLL while (scans) {
		u32 prev;
		KEEP(l);
		if (at == head_of(l, INACTIVE)) {
			at = LINK(at)->prev;
			if (at == head_of(l, INACTIVE))
				break;
		}
		prev = LINK(at)->prev;
		scans = at == last ? 0 : scans - 1;
		KEEP(scans);
		if (NODE(at)->ref)
			lru_move(l, at, ACTIVE);
		KEEP(l);
		at = prev;
	}
	l->rotation = at;
}

PART void rotate(const struct map *m)
{
	struct lru_lists *l = lists_of(m, GLOBALS->cpu);
	u32 scans = LRU(m)->scans & MAX_SCANS;
	if (l->counts[INACTIVE] < l->counts[ACTIVE])
		rotate_active(l, scans);
	rotate_inactive(l, scans);
}

INLINE u32 value_to_key(const struct map *m)
{
	return m->store == STORE_HASH_4 ? 4 : 8;
}

/* Takes the element out of its bucket. A node that no bucket has was left behind by a program that was stopped: it is free as well. */
PART void lru_forget(struct map *m, u32 at)
{
	u32 node = at + sizeof(struct lru_node) - m->value_offset;
	u64 link = find_link(m, (u64)node + value_to_key(m));
	if (*AT(u32, link) != node)
		return;
	*AT(u32, link) = AT(struct node, node)->next;
	m->count--;
}

/* `todo`: scans left << 32 | nodes freed << 16 | nodes wanted; gives it back. */
PART u64 shrink_inactive(struct map *m, u64 todo)
{
	u32 at = lists_of(m, GLOBALS->cpu)->lists[INACTIVE].prev;
	NOUNROLL while (at != head_of(lists_of(m, GLOBALS->cpu), INACTIVE)) {
		u32 prev = LINK(at)->prev;
		if (NODE(at)->ref)
			lru_move(lists_of(m, GLOBALS->cpu), at, ACTIVE);
		else {
			lru_forget(m, at);
			lru_move_to_free(m, at);
			todo += (1 << 16) - 1;
			if (!(todo & 0xffff))
				break;
		}
		todo -= 1ull << 32;
		if (!(todo >> 32))
			break;
		at = prev;
	}
	return todo;
}

/* Frees up to `wanted` elements that were not used; if there are none, the oldest one. */
PART void shrink(struct map *m, u32 wanted)
{
	struct lru_lists *l;
	u64 todo = shrink_inactive(m, (u64)(LRU(m)->scans & MAX_SCANS) << 32 | wanted);
	u32 at;
	if (todo >> 16 & 0xffff)
		return;
	l = lists_of(m, GLOBALS->cpu);
	at = l->lists[INACTIVE].prev;
	if (at == head_of(l, INACTIVE))
		at = l->lists[ACTIVE].prev;
	if (at == head_of(l, ACTIVE))
		return;
	lru_forget(m, at);
	lru_move_to_free(m, at);
}

/* The struct lru_node of a node that was never touched. */
INLINE u32 fresh_lru(struct map *m, struct lru_lists *l)
{
	u32 at = m->storage + m->used * m->stride + m->value_offset - sizeof(struct lru_node);
	m->used++;
	l->fresh--;
	return at;
}

PART void flush_pending(struct lru_lists *l, u32 head)
{
	u32 left = MAX_STEPS;
	NOUNROLL while (LINK(head)->prev != head && left--) {
		u32 at = LINK(head)->prev;
		lru_move_in(l, at, NODE(at)->ref ? ACTIVE : INACTIVE);
	}
}

/* Free nodes for the CPU; gives how many are still wanted. */
PART u32 take_free(struct map *m, u32 wanted)
{
	struct lru_lists *l = lists_of(m, 0);
	NOUNROLL for (; wanted; wanted--) {
		if (l->lists[FREE].next != head_of(l, FREE))
			lru_move_to_free(m, l->lists[FREE].next);
		else if (l->fresh) {
			u32 at = fresh_lru(m, l);
			NODE(at)->type = LOCAL_FREE;
			list_add(at, (u64)&local_of(m, GLOBALS->cpu)->free);
		} else
			break;
	}
	return wanted;
}

PART void refill(struct map *m)
{
	u32 wanted;
	flush_pending(lists_of(m, 0), (u64)&local_of(m, GLOBALS->cpu)->pending);
	rotate(m);
	wanted = take_free(m, LRU(m)->target_free & MAX_SCANS);
	if (wanted)
		shrink(m, wanted);
}

INLINE u32 pop_free(u32 head)
{
	u32 at = LINK(head)->next;
	if (at == head)
		return 0;
	list_remove(at);
	return at;
}

/* The oldest of the pending elements that was not used, or the oldest. */
PART u32 pop_pending(struct map *m, u32 head)
{
	u32 at = LINK(head)->prev, left = MAX_STEPS;
	NOUNROLL for (; at != head && left--; at = LINK(at)->prev)
		if (!NODE(at)->ref)
			break;
	if (at == head)
		at = LINK(head)->prev;
	if (at == head)
		return 0;
	lru_forget(m, at);
	list_remove(at);
	return at;
}

/* From the CPUs' local lists, one after the other. */
PART u32 steal(struct map *m)
{
	u32 left = CPUS(m);
	NOUNROLL while (left--) {
		struct lru_local *mine = local_of(m, GLOBALS->cpu);
		struct lru_local *from = local_of(m, mine->steal);
		u32 at;
		mine->steal = mine->steal + 1 >= m->cpus ? 0 : mine->steal + 1;
		at = pop_free((u64)&from->free);
		if (!at)
			at = pop_pending(m, (u64)&from->pending);
		if (at)
			return at;
	}
	return 0;
}

PART u32 pop_common(struct map *m)
{
	struct lru_local *local = local_of(m, GLOBALS->cpu);
	u32 at = pop_free((u64)&local->free);
	if (!at) {
		refill(m);
		at = pop_free((u64)&local->free);
	}
	if (!at)
		at = steal(m);
	if (!at)
		return 0;
	NODE(at)->cpu = GLOBALS->cpu;
	NODE(at)->type = PENDING;
	NODE(at)->ref = 0;
	list_add(at, (u64)&local->pending);
	return at;
}

#define PERCPU_FREE_TARGET 4

PART u32 pop_percpu(struct map *m)
{
	struct lru_lists *l = lists_of(m, GLOBALS->cpu);
	u32 at;
	rotate(m);
	if (l->lists[FREE].next == head_of(l, FREE) && l->fresh) {
		at = fresh_lru(m, l);
		NODE(at)->type = FREE;
		NODE(at)->cpu = GLOBALS->cpu;
		list_add(at, head_of(l, FREE));
	}
	if (l->lists[FREE].next == head_of(l, FREE))
		shrink(m, PERCPU_FREE_TARGET);
	at = l->lists[FREE].next;
	if (at == head_of(l, FREE))
		return 0;
	lru_move(l, at, INACTIVE);
	return at;
}

/* A node for a new element, 0: none to be had. */
PART u32 lru_pop(struct map *m)
{
	u32 at = LRU(m)->per_cpu ? pop_percpu(m) : pop_common(m);
	return at ? at + sizeof(struct lru_node) - m->value_offset : 0;
}

/* A node that no bucket has is free again. */
PART void lru_push_free(const struct map *m, u32 node)
{
	u32 at = node + m->value_offset - sizeof(struct lru_node);
	u32 cpu = NODE(at)->cpu < m->cpus ? NODE(at)->cpu : 0;
	if (NODE(at)->type == PENDING) {
		NODE(at)->type = LOCAL_FREE;
		NODE(at)->ref = 0;
		list_move(at, (u64)&local_of(m, cpu)->free);
	} else if (NODE(at)->type < FREE)
		lru_move(lists_of(m, cpu), at, FREE);
}

INLINE void lru_use(const struct map *m, u32 node)
{
	NODE(node + m->value_offset - sizeof(struct lru_node))->ref = 1;
}
