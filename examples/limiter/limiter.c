// Lets each IPv4 source send `rate` packets per second, and `burst` at once; the rest goes to the quarantine port, if there is one.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SECOND 1000000000ull

const volatile __u64 rate = 10;
const volatile __u64 burst = 5;

struct bucket {
  __u64 tokens; // billionths of a packet
  __u64 filled; // when, in nanoseconds
  __u8 limited; // its last packet was one too many
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __be32);
  __type(value, struct bucket);
} sources SEC(".maps");

struct counts {
  __u64 passed;
  __u64 limited;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct counts);
} total SEC(".maps");

// The first packet that a source sends too much.
struct alarm {
  __be32 source;
  __u32 length;
  __u64 when;
};
const struct alarm *unused __attribute__((unused)); // keeps the type in the object

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} alarms SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} quarantine SEC(".maps");

SEC("xdp")
int limiter(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  __u32 zero = 0;

  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  struct counts *counts = bpf_map_lookup_elem(&total, &zero);
  if (!counts) return XDP_ABORTED;

  __u64 now = bpf_ktime_get_ns();
  __be32 source = ip->saddr;
  struct bucket *bucket = bpf_map_lookup_elem(&sources, &source);
  if (!bucket) {
    struct bucket full = { .tokens = burst * SECOND, .filled = now };
    bpf_map_update_elem(&sources, &source, &full, BPF_ANY);
    bucket = bpf_map_lookup_elem(&sources, &source);
    if (!bucket) return XDP_ABORTED;
  }

  __u64 tokens = bucket->tokens + (now - bucket->filled) * rate;
  if (tokens > burst * SECOND) tokens = burst * SECOND;
  bucket->filled = now;
  if (tokens >= SECOND) {
    bucket->tokens = tokens - SECOND;
    bucket->limited = 0;
    counts->passed++;
    return XDP_PASS;
  }
  bucket->tokens = tokens;
  counts->limited++;
  if (!bucket->limited) {
    bucket->limited = 1;
    struct alarm *alarm = bpf_ringbuf_reserve(&alarms, sizeof(*alarm), 0);
    if (alarm) {
      alarm->source = source;
      alarm->length = (__u32)(end - data);
      alarm->when = now;
      bpf_ringbuf_submit(alarm, 0);
    }
  }
  return bpf_redirect_map(&quarantine, 0, XDP_DROP);
}

char LICENSE[] SEC("license") = "GPL";
