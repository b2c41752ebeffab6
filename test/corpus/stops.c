// Programs that go wrong in a function, in a callback and after a tail call, and lines that are run more or less often.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
#include "stops.h"
#define SEC(name) __attribute__((section(name), used))
#define noinline __attribute__((noinline))
#define uint(name, value) int(*name)[value]
#define type(name, value) typeof(value) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_tail_call)(void *context, void *map, u32 index) = (void *)12;
static long (*bpf_loop)(u32 rounds, void *callback, void *context, u64 flags) = (void *)181;

struct xdp_md {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct value {
  u64 packets;
  u64 bytes;
};

struct {
  uint(type, 1);
  uint(max_entries, 8);
  type(key, u32);
  type(value, struct value);
} seen SEC(".maps");

int beyond(struct xdp_md *ctx);

struct {
  uint(type, 3);
  uint(max_entries, 2);
  uint(key_size, 4);
  int (*values[])(struct xdp_md *ctx);
} programs SEC(".maps") = {.values = {[1] = beyond}};

u32 which;

// Reads a value that may not be there.
static noinline u64 count_kind(u32 kind) {
  struct value *found = bpf_map_lookup_elem(&seen, &kind);
  found->packets++;
  return found->packets;
}

static long sum(u32 index, u64 *total) {
  u8 *data = (u8 *)(long)total[1];
  *total += data[index];
  return 0;
}

SEC("xdp")
int in_callback(struct xdp_md *ctx) {
  u64 total[2] = {0, ctx->data};
  bpf_loop(20, sum, total, 0);
  return total[0] & 3;
}

SEC("xdp")
int beyond(struct xdp_md *ctx) {
  u8 *data = (u8 *)(long)ctx->data;
  u8 *end = (u8 *)(long)ctx->data_end;
  if (data + 14 > end) return 1;
  return *(u32 *)(data + 14) & 1;
}

SEC("xdp")
int after_tail_call(struct xdp_md *ctx) {
  bpf_tail_call(ctx, &programs, which);
  return 2;
}

// A loop whose rounds depend on the packet, and a header's function in two places.
SEC("xdp")
int branches(struct xdp_md *ctx) {
  u8 *data = (u8 *)(long)ctx->data;
  u8 *end = (u8 *)(long)ctx->data_end;
  if (data + 64 > end) return 1;
  u32 ones = 0;
  for (u32 i = 14; i < 64; i++) {
    if (data[i] == 0xff) break;
    ones += data[i] & 1;
  }
  if (data[0] & 1) {
    ones += kind_of(data) * which;
  } else {
    ones ^= kind_of(data) + 1;
  }
  return ones & 1 ? 2 : 3;
}

SEC("xdp")
int in_function(struct xdp_md *ctx) {
  u8 *data = (u8 *)(long)ctx->data;
  u8 *end = (u8 *)(long)ctx->data_end;
  if (data + 14 > end) return 1;
  return count_kind(kind_of(data)) & 1 ? 2 : 3;
}

char _license[] SEC("license") = "GPL";
