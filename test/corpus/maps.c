// Map definitions with everything that they can say, and global data in every kind of section.
// build: maps.o
// build: maps-eb.o -mbig-endian
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define hidden __attribute__((visibility("hidden")))
#define uint(name, value) int(*name)[value]
#define ulong(name, value) enum { name##_value = value } name
#define type(name, value) typeof(value) *name
#define array(name, value) typeof(value) *name[]

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_tail_call)(void *context, void *map, u32 index) = (void *)12;

struct value {
  u32 count;
  u8 name[6];
  u64 sums[2][3];
};
typedef const struct value value_t;

struct {
  uint(type, 1);
  uint(max_entries, 1000);
  uint(map_flags, 1);
  uint(numa_node, 3);
  uint(pinning, 1);
  type(key, u64);
  type(value, value_t);
} typed SEC(".maps");

struct {
  uint(type, 9);
  uint(key_size, 12);
  uint(value_size, 40);
  uint(max_entries, 7);
} sized SEC(".maps");

struct {
  uint(type, 30);
  uint(value_size, 8);
  uint(max_entries, 64);
  ulong(map_extra, 0x100000005);
} bloom SEC(".maps");

struct {
  uint(type, 27);
  uint(max_entries, 5000);
} ring SEC(".maps");

struct inner {
  uint(type, 2);
  uint(max_entries, 4);
  type(key, u32);
  type(value, u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
  uint(type, 12);
  uint(max_entries, 3);
  type(key, u32);
  array(values, struct inner);
} outer SEC(".maps") = {.values = {&inner_a, 0, &inner_b}};

int entry(void *ctx);
int other(void *ctx);

struct {
  uint(type, 3);
  uint(max_entries, 4);
  uint(key_size, 4);
  array(values, int(void *));
} jumps SEC(".maps") = {.values = {[1] = (void *)&other, [2] = (void *)&entry}};

const volatile u32 limit = 1234;
static volatile const u8 pattern[5] = {1, 2, 3, 4, 5};
u64 total = 0x1122334455667788;
static volatile u32 secret = 9;
u32 zeroed[5];
hidden u32 unseen SEC(".bss.unseen");
u32 mine SEC(".data.mine") = 77;
u32 *pointer = &mine;

SEC("socket")
int entry(void *ctx) {
  u64 key = limit;
  struct value *found = bpf_map_lookup_elem(&typed, &key);
  if (found) total += found->sums[1][2];
  zeroed[3]++;
  unseen++;
  secret += pattern[*(u32 *)ctx & 3];
  mine += *pointer;
  bpf_tail_call(ctx, &jumps, 1);
  void *map = bpf_map_lookup_elem(&outer, &(u32){0});
  return map != 0;
}

SEC("socket")
int other(void *ctx) {
  return bpf_map_lookup_elem(&inner_b, &(u32){1}) != 0;
}

char _license[] SEC("license") = "MIT";
