// CO-RE relocations of every kind against the structs of core-target.c.
// build: core.o
// build: core-v4.o -mcpu=v4
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define relocated __attribute__((preserve_access_index))
#define field(access, kind) __builtin_preserve_field_info(access, kind)
#define type_info(type, kind) __builtin_preserve_type_info(*(type *)0, kind)
#define enum_value(type, name, kind) __builtin_preserve_enum_value(*(type *)name, kind)
#define type_id(type, kind) __builtin_btf_type_id(*(type *)0, kind)

enum { OFFSET, SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };

struct point {
  u32 x, y;
} relocated;

struct task {
  u64 id;
  u32 flags;
  u8 name[16];
  struct point at[3];
  struct {
    u16 nested;
  };
  u32 low : 5;
  int middle : 7;
  struct task *parent;
} relocated;

// The same struct as another kernel version has it.
struct task___old {
  u32 number;
} relocated;

struct gone {
  int field;
} relocated;

struct alike {
  int a;
  struct point *b;
} relocated;

enum color { RED = 1, GREEN = 2, BLUE = 3 };
enum big { BIG = 0x123456789a };

volatile u64 out[32];

SEC("tracepoint/fields")
int fields(struct task *task) {
  out[0] = task->id;
  out[1] = task->flags;
  out[2] = task->name[3];
  out[3] = task->at[2].y;
  out[4] = task->nested;
  out[5] = task->parent->id;
  task->flags = 7;
  return 0;
}

SEC("tracepoint/infos")
int infos(struct task *task) {
  out[0] = field(task->low, OFFSET);
  out[1] = field(task->middle, SIZE);
  out[2] = field(task->middle, SIGNED);
  out[3] = field(task->middle, LSHIFT);
  out[4] = field(task->middle, RSHIFT);
  out[5] = field(task->at, SIZE);
  out[6] = field(task->id, EXISTS);
  out[7] = field(((struct task___old *)task)->number, EXISTS);
  out[8] = field(((struct gone *)task)->field, EXISTS);
  return 0;
}

SEC("tracepoint/types")
int types(void *ctx) {
  out[0] = type_info(struct task, 0);
  out[1] = type_info(struct gone, 0);
  out[2] = type_info(struct task, 1);
  out[3] = type_info(struct alike, 2);
  out[4] = type_info(struct task, 2);
  out[5] = type_id(struct point, 0);
  out[6] = type_id(struct point, 1);
  out[7] = type_info(enum color, 1);
  return 0;
}

SEC("tracepoint/enums")
int enums(void *ctx) {
  out[0] = enum_value(enum color, GREEN, 0);
  out[1] = enum_value(enum color, GREEN, 1);
  out[2] = enum_value(enum color, BLUE, 0);
  out[3] = enum_value(enum big, BIG, 1);
  return 0;
}

SEC("tracepoint/missing")
int missing(struct gone *gone) {
  if (field(gone->field, EXISTS)) return gone->field;
  return -1;
}
