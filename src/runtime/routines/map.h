/* What routines know of a map: the descriptor that a program's map pointer points at. src/runtime/descriptor.ts has the same layout.
 * A routine validates and copies everything that comes from the program before its first change, so that a program stopped by a bad
 * pointer leaves the map whole. Routines use no stack: a spill would be a mistake (tools/build-routines.mjs refuses it). */
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

/* How a map keeps its elements; descriptor.ts chooses by map type and key size. */
enum storage {
	STORE_NONE = 0,
	STORE_ARRAY = 1,
	STORE_HASH_4 = 2, /* hash with keys of 4 bytes, kept in the node's header */
	STORE_HASH_8 = 3,
	STORE_HASH = 4,
	STORE_LPM = 5,
	STORE_TARGETS = 6, /* array of devices, CPUs, sockets: 0 is an empty slot */
};

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
	u32 inner;        /* maps in maps: 1, the value is a descriptor's pointer */
	u32 lru;          /* 1: evicts when full; a mark (u64, 1: used since the hand passed) stands before each value */
	u32 hand;         /* index of the node that eviction looks at next */
	u32 head, tail;   /* queues and stacks: index of the oldest element */
	u32 lengths;      /* tries: pointer to a count of elements for each prefix length */
};

/* Keys of 4 bytes stand in `hash`; others after the header. */
struct node {
	u32 next;
	u32 hash;
	u8 key[];
};

#define AT(type, pointer) ((type *)(u64)(pointer))
#define GLOBALS AT(struct globals, 0x13f00)
struct globals {
	u32 cpu;
};

enum { ANY = 0, NOEXIST = 1, EXIST = 2, LOCK = 4 };
enum { ENOENT = 2, E2BIG = 7, EEXIST = 17, EINVAL = 22 };

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
