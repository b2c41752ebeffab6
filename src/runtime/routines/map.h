/* What routines know of a map: the descriptor that a program's map pointer points at. src/runtime/maps/descriptor.ts has the same layout.
 * A routine validates and copies everything that comes from the program before its first change, so that a program stopped by a bad
 * pointer leaves the map whole. Routines use no stack: a spill would be a mistake (tools/build-routines.mjs refuses it). */
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define INLINE static inline __attribute__((always_inline))
#define ROUTINE __attribute__((noinline, used))
/* Parts that are called keep each routine within the registers. */
#define PART static __attribute__((noinline, used))
#define NOUNROLL _Pragma("clang loop unroll(disable)")
/* In a loop: what is derived from x is computed there, since there are no registers for x and that. */
#define KEEP(x) asm volatile("" : "+r"(x))

/* How a map keeps its elements; descriptor.ts chooses by map type and key size. */
enum storage {
	STORE_NONE = 0,
	STORE_ARRAY = 1,
	STORE_HASH_4 = 2, /* hash with keys of 4 bytes, kept in the node's header */
	STORE_HASH_8 = 3,
	STORE_HASH = 4,
	STORE_LPM = 5,
	STORE_TARGETS = 6, /* array of devices, CPUs, sockets: 0 is an empty slot */
	STORE_QUEUE = 7,
	STORE_STACK = 8,
	STORE_BLOOM = 9,
	STORE_RING = 10,
};

/* Machine code lets a program write anywhere in the window, and counts no fuel in routines: what loops count to has a bound of its own. */
#define CPUS(m) ((m)->cpus & 0x7ff)

enum { INNER_MAPS = 1, INNER_SOCKETS = 2 };

struct map {
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
	u32 store;
	u32 storage;      /* pointer to the first value (arrays) or node */
	u32 stride;       /* bytes from one to the next */
	u32 buckets;      /* pointer to the bucket heads (u32 node pointers) */
	u32 shift;        /* 64 - log2(number of buckets) */
	u32 value_offset; /* of the value in a node */
	u32 cpu_stride;   /* per-CPU maps: bytes from one CPU's value to the next; else 0 */
	u32 cpus;
	u32 free;         /* freed nodes, linked by `next` */
	u32 used;         /* nodes ever taken from storage: those beyond were never touched */
	u32 count;        /* elements */
	u32 extra;        /* the node that the next overwriting update takes */
	u32 inner;        /* what a look-up gives is what the value points at: a map (1), a socket (2) */
	u32 lru;          /* pointer to struct lru (lru.h), 0: does not evict; a struct lru_node stands before each value */
	u32 lock;         /* 1: the value has a bpf_spin_lock */
	u32 head;         /* queues and stacks: index of the oldest element */
	u32 special;      /* pointer to struct special: fields of the value that are the kernel's own; 0: none */
	u32 lengths;      /* tries: pointer to a count of elements for each prefix length; rings: to a number for each record */
	u32 hashes;       /* bloom filters: bits for a value */
	u32 mask;         /* bloom filters: bits - 1; rings: bytes - 1 */
	u32 wakeups;      /* rings: how often a reader would have been woken */
};

/* Copies of values leave these bytes alone. Ends with a row at the value's end of no bytes. [kernel copy_map_value] */
struct special {
	u32 offset;
	u32 bytes;
	u32 freed;        /* 1: zeroed where the kernel frees what the field holds: timers, pointers, lists, trees */
};

/* Keys of 4 bytes stand in `hash`; others after the header. */
struct node {
	u32 next;
	u32 hash;
	u8 key[];
};

/* 0 that the compiler does not know: a caller that did would keep it in a register across the call. */
INLINE s64 done(void)
{
	s64 zero = 0;
	KEEP(zero);
	return zero;
}

#define AT(type, pointer) ((type *)(u64)(pointer))
#define GLOBALS AT(struct globals, 0x13f00)
struct globals {
	u32 cpu;
	u32 all_cpus;     /* 1: an update from outside has values of all CPUs, cpu_stride apart */
	u32 records;      /* numbers the records of all rings and perf buffers, so that a reader knows their order */
	u32 unused;
	u64 socket;       /* the value that an update of a map of sockets puts in */
	/* Of an XDP packet: where it may grow to at either end, its pointers, and the context that has them, 0: none. */
	u32 start;
	u32 limit;
	u32 meta;
	u32 data;
	u32 end;
	u32 context;
};

enum { ANY = 0, NOEXIST = 1, EXIST = 2, LOCK = 4 };
enum { ENOENT = 2, E2BIG = 7, EAGAIN = 11, ENOMEM = 12, EEXIST = 17, EINVAL = 22, ENOSPC = 28, EOPNOTSUPP = 95 };

PART void copy(u64 to, u64 from, u32 size)
{
	NOUNROLL for (; size >= 8; size -= 8, to += 8, from += 8)
		*AT(volatile u64, to) = *AT(volatile u64, from);
	if (size & 4) {
		*AT(u32, to) = *AT(u32, from);
		to += 4, from += 4;
	}
	if (size & 2) {
		*AT(u16, to) = *AT(u16, from);
		to += 2, from += 2;
	}
	if (size & 1)
		*AT(u8, to) = *AT(u8, from);
}

PART void clear(u64 at, u32 size)
{
	u64 end = at + size;
	NOUNROLL for (; at < end; at += 8)
		*AT(volatile u64, at) = 0;
}
