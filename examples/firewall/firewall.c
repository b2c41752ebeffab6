// A firewall for XDP: the longest prefix that the source address is in decides, and per-CPU counters say how often. Rules are two LPM
// tries that user space fills; rule numbers are indexes of the counters.
// build: firewall.o -mcpu=v3
#include "../bpf_net.h"

#define MAX_RULES 1024
#define MAX_TAGS 2

// Numbers below are not user space's to give.
enum { COUNT_NO_RULE, COUNT_NOT_IP, COUNT_MALFORMED, FIRST_RULE };

struct rule {
  // XDP_DROP or XDP_PASS.
  __u32 verdict;
  // From FIRST_RULE on.
  __u32 number;
};

struct ipv4_prefix {
  __u32 length;
  __be32 address;
};

struct ipv6_prefix {
  __u32 length;
  struct in6_addr address;
};

struct count {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MAX_RULES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct ipv4_prefix);
  __type(value, struct rule);
} ipv4_rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MAX_RULES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct ipv6_prefix);
  __type(value, struct rule);
} ipv6_rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, MAX_RULES);
  __type(key, __u32);
  __type(value, struct count);
} counts SEC(".maps");

// For IP packets that no rule covers.
const volatile __u32 default_verdict = XDP_PASS;

static __always_inline int decide(__u32 number, __u32 verdict, __u64 bytes) {
  struct count *count = bpf_map_lookup_elem(&counts, &number);
  if (count) {
    // This CPU's own: no atomics.
    count->packets++;
    count->bytes += bytes;
  }
  return verdict == XDP_DROP ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int firewall(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  __u64 bytes = end - data;

  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return decide(COUNT_MALFORMED, XDP_DROP, bytes);
  __be16 protocol = eth->h_proto;
  void *next = eth + 1;
#pragma unroll
  for (int i = 0; i < MAX_TAGS; i++) {
    if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD)) break;
    struct vlan_hdr *tag = next;
    if ((void *)(tag + 1) > end) return decide(COUNT_MALFORMED, XDP_DROP, bytes);
    protocol = tag->h_vlan_encapsulated_proto;
    next = tag + 1;
  }

  struct rule *rule;
  if (protocol == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = next;
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return decide(COUNT_MALFORMED, XDP_DROP, bytes);
    struct ipv4_prefix key = {.length = 32, .address = ip->saddr};
    rule = bpf_map_lookup_elem(&ipv4_rules, &key);
  } else if (protocol == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = next;
    if ((void *)(ip + 1) > end || ip->version != 6) return decide(COUNT_MALFORMED, XDP_DROP, bytes);
    struct ipv6_prefix key = {.length = 128, .address = ip->saddr};
    rule = bpf_map_lookup_elem(&ipv6_rules, &key);
  } else {
    return decide(COUNT_NOT_IP, XDP_PASS, bytes);
  }
  if (!rule) return decide(COUNT_NO_RULE, default_verdict, bytes);
  return decide(rule->number, rule->verdict, bytes);
}

char _license[] SEC("license") = "Dual MIT/GPL";
