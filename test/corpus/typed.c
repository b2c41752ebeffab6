// Keys, values, variables and records of every type that C has and BTF says: what tests of people's own objects read and write.
// build: typed.o
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef __int128 s128;
typedef u16 __be16;
typedef u32 __be32;
#define SEC(name) __attribute__((section(name), used))
#define uint(name, value) int(*name)[value]
#define type(name, value) typeof(value) *name
#define array(name, value) typeof(value) *name[]

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*bpf_tail_call)(void *context, void *map, u32 index) = (void *)12;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;

enum state { IDLE, OPEN, CLOSED = 7 };
enum wide { NEAR = -1, FAR = 0x100000000 };

struct endpoint {
  __be32 addr;
  __be16 port;
  u16 pad;
};

struct flow_key {
  struct endpoint from, to;
  char name[8];
};

struct bpf_spin_lock {
  u32 val;
};

struct flow {
  struct bpf_spin_lock lock;
  enum state state;
  u64 packets;
  enum wide wide;
  union {
    u32 word;
    struct {
      u16 low, high;
    };
  };
  u32 version : 4, ihl : 4;
  s32 delta : 7;
  u64 stamp : 40;
  _Bool seen;
  s8 moves[3];
  u8 mac[6];
  struct endpoint hops[2];
  float ratio;
  s128 huge;
  struct flow *next;
};

struct event {
  u64 at;
  u32 cpu;
  enum state state;
  u32 length;
  u8 data[];
};

// Says to tools that there is such a type: nothing else refers to it.
const struct event *event_type __attribute__((unused));

struct {
  uint(type, 1);
  uint(max_entries, 16);
  type(key, struct flow_key);
  type(value, struct flow);
} flows SEC(".maps");

struct {
  uint(type, 6);
  uint(max_entries, 4);
  type(key, enum state);
  type(value, u64);
} counts SEC(".maps");

struct {
  uint(type, 27);
  uint(max_entries, 4096);
} events SEC(".maps");

struct inner {
  uint(type, 2);
  uint(max_entries, 2);
  type(key, u32);
  type(value, struct endpoint);
} near_hops SEC(".maps");

struct {
  uint(type, 12);
  uint(max_entries, 2);
  type(key, u32);
  array(values, struct inner);
} hops SEC(".maps") = {.values = {&near_hops}};

int other(void *context);

struct {
  uint(type, 3);
  uint(max_entries, 3);
  type(key, u32);
  array(values, int(void *));
} jumps SEC(".maps") = {.values = {[1] = (void *)&other}};

const volatile struct endpoint home = {.addr = 0x0100000a, .port = 0x5000};
volatile enum state state = OPEN;
char label[8] = "typed";
u32 matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};

SEC("xdp")
int entry(void *context) {
  u32 state_key = state;
  u64 *count = bpf_map_lookup_elem(&counts, &state_key);
  if (count) *count += 1;
  u64 room[4] = {};
  struct event *event = (void *)room;
  event->at = bpf_ktime_get_ns();
  event->cpu = bpf_get_smp_processor_id();
  event->state = state;
  event->length = 4;
  for (u32 i = 0; i < 4; i++) event->data[i] = i + 1;
  bpf_ringbuf_output(&events, event, sizeof(struct event) + 4, 0);
  bpf_tail_call(context, &jumps, 1);
  return 2;
}

SEC("xdp")
int other(void *context) {
  struct flow_key key = {.from = {.addr = home.addr, .port = home.port}, .name = "home"};
  struct flow flow = {.state = CLOSED, .packets = 1, .word = 0x20001};
  bpf_map_update_elem(&flows, &key, &flow, 0);
  return 1;
}

char _license[] SEC("license") = "GPL";
