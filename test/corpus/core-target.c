// The structs of core.c as a kernel with another layout would have them. Only its BTF is used.
// build: core-target.o
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))

struct point {
  u64 z;
  u32 y, x;
};

struct alike {
  int more;
  int a;
  struct point *b;
};

struct task {
  u32 number;
  struct task *parent;
  u32 low : 9;
  int middle : 12;
  u64 flags;
  union {
    u64 something;
    struct {
      u32 before;
      u16 nested;
    };
  };
  struct point at[4];
  u8 name[32];
  u32 id;
};

enum color { RED = 10, GREEN___v2 = 20 };
enum big { BIG = 0xfedcba9876543210 };

struct task *tasks;
struct alike *alikes;
enum color color;
enum big big;
