// A load balancer for XDP: packets to a virtual service go to one of its backends, wrapped in a tunnel that keeps them as they are, so
// that backends answer clients directly. Which backend: that of a known connection, else what a consistent-hashing table says, which
// user space computes (maglev.ts). How they are wrapped, IPIP or VXLAN, is the backend's: each is a program of its own, tail-called.
// build: balancer.o -mcpu=v3
#include "../bpf_net.h"

#define MAX_SERVICES 64
#define MAX_BACKENDS 1024
#define MAX_CONNECTIONS 65536
// Entries a service; a prime, as Maglev needs it.
#define TABLE_SIZE 4093
#define VXLAN_PORT 4789
#define TTL 64

struct service_key {
  // IPv4 addresses in the last four bytes, behind ::ffff.
  struct in6_addr address;
  __be16 port;
  __u8 protocol;
  __u8 zero;
};

struct service {
  // Its entries of `table` begin at number * TABLE_SIZE; also the number of its counters.
  __u32 number;
};

enum method { IPIP, VXLAN, METHODS };

struct backend {
  __be32 address;
  __u32 method;
  // VXLAN network identifier.
  __u32 vni;
};

struct flow {
  struct in6_addr source, destination;
  __be16 source_port, destination_port;
  __u8 protocol;
  __u8 zero[3];
};

// What the balancer tells the program that wraps the packet.
struct chosen {
  __be32 backend;
  __u32 vni;
  __u32 hash;
  __u8 is_ipv6;
};

struct count {
  __u64 packets;
  __u64 bytes;
  __u64 new_flows;
  __u64 failed;
};

// Of this host.
struct self {
  __be32 address;
  __u8 mac[ETH_ALEN];
  // The router's, by which all backends are reached.
  __u8 gateway[ETH_ALEN];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_SERVICES);
  __type(key, struct service_key);
  __type(value, struct service);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MAX_SERVICES *TABLE_SIZE);
  __type(key, __u32);
  __type(value, __u32);
} table SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MAX_BACKENDS);
  __type(key, __u32);
  __type(value, struct backend);
} backends SEC(".maps");

// Flow to backend: where a connection has begun it stays, whatever becomes of the table.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, MAX_CONNECTIONS);
  __type(key, struct flow);
  __type(value, __u32);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, MAX_SERVICES);
  __type(key, __u32);
  __type(value, struct count);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct chosen);
} scratch SEC(".maps");

int wrap_ipip(struct xdp_md *ctx);
int wrap_vxlan(struct xdp_md *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, METHODS);
  __uint(key_size, sizeof(__u32));
  __array(values, int(void *));
} methods SEC(".maps") = {
    .values = {[IPIP] = (void *)&wrap_ipip, [VXLAN] = (void *)&wrap_vxlan},
};

const volatile struct self self;

static __always_inline __u32 mix(__u32 hash, __u32 word) {
  // MurmurHash3's.
  word *= 0xcc9e2d51;
  word = word << 15 | word >> 17;
  hash ^= word * 0x1b873593;
  hash = hash << 13 | hash >> 19;
  return hash * 5 + 0xe6546b64;
}

static __always_inline __u32 hash_flow(const struct flow *flow) {
  const __u32 *words = (const __u32 *)flow;
  __u32 hash = 0;
#pragma unroll
  for (unsigned i = 0; i < sizeof(*flow) / sizeof(*words); i++) hash = mix(hash, words[i]);
  hash ^= hash >> 16;
  hash *= 0x85ebca6b;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35;
  return hash ^ hash >> 16;
}

static __always_inline void map_ipv4(struct in6_addr *to, __be32 address) {
  to->s6_addr[10] = 0xff;
  to->s6_addr[11] = 0xff;
  *(__be32 *)&to->s6_addr[12] = address;
}

SEC("xdp")
int balance(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  __u32 zero = 0;

  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return XDP_PASS;
  struct flow flow = {};
  void *transport;
  __u8 is_ipv6 = 0;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || ip->ihl < 5) return XDP_PASS;
    // Later fragments have no ports; the stack puts them together.
    if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)) return XDP_PASS;
    map_ipv4(&flow.source, ip->saddr);
    map_ipv4(&flow.destination, ip->daddr);
    flow.protocol = ip->protocol;
    transport = (void *)ip + ip->ihl * 4;
  } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end) return XDP_PASS;
    flow.source = ip->saddr;
    flow.destination = ip->daddr;
    flow.protocol = ip->nexthdr;
    transport = ip + 1;
    is_ipv6 = 1;
  } else {
    return XDP_PASS;
  }

  int begins = 0;
  if (flow.protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = transport;
    if ((void *)(tcp + 1) > end) return XDP_PASS;
    flow.source_port = tcp->source;
    flow.destination_port = tcp->dest;
    begins = tcp->syn && !tcp->ack;
  } else if (flow.protocol == IPPROTO_UDP) {
    struct udphdr *udp = transport;
    if ((void *)(udp + 1) > end) return XDP_PASS;
    flow.source_port = udp->source;
    flow.destination_port = udp->dest;
  } else {
    return XDP_PASS;
  }

  struct service_key key = {.address = flow.destination, .port = flow.destination_port, .protocol = flow.protocol};
  struct service *service = bpf_map_lookup_elem(&services, &key);
  if (!service) return XDP_PASS;
  __u32 number = service->number;
  struct count *count = bpf_map_lookup_elem(&counts, &number);
  if (!count) return XDP_PASS;
  count->packets++;
  count->bytes += end - data;

  __u32 hash = hash_flow(&flow);
  // A new connection may have the ports of an old one.
  __u32 *known = begins ? 0 : bpf_map_lookup_elem(&connections, &flow);
  __u32 index;
  if (known) {
    index = *known;
  } else {
    __u32 at = number * TABLE_SIZE + hash % TABLE_SIZE;
    __u32 *entry = bpf_map_lookup_elem(&table, &at);
    if (!entry) goto failed;
    index = *entry;
    bpf_map_update_elem(&connections, &flow, &index, BPF_ANY);
    count->new_flows++;
  }
  struct backend *backend = bpf_map_lookup_elem(&backends, &index);
  if (!backend || backend->address == 0) goto failed;
  struct chosen *chosen = bpf_map_lookup_elem(&scratch, &zero);
  if (!chosen) goto failed;
  chosen->backend = backend->address;
  chosen->vni = backend->vni;
  chosen->hash = hash;
  chosen->is_ipv6 = is_ipv6;
  bpf_tail_call(ctx, &methods, backend->method);
  // Only a method that there is not comes back.
failed:
  count->failed++;
  return XDP_DROP;
}

// The Ethernet and IPv4 headers in front of what is wrapped.
static __always_inline void write_outer(struct ethhdr *eth, struct iphdr *ip, __be32 backend, __u8 protocol, __u16 length) {
#pragma unroll
  for (int i = 0; i < ETH_ALEN; i++) {
    eth->h_dest[i] = self.gateway[i];
    eth->h_source[i] = self.mac[i];
  }
  eth->h_proto = bpf_htons(ETH_P_IP);
  ip->version = 4;
  ip->ihl = 5;
  ip->tos = 0;
  ip->tot_len = bpf_htons(length);
  ip->id = 0;
  ip->frag_off = bpf_htons(IP_DF);
  ip->ttl = TTL;
  ip->protocol = protocol;
  ip->check = 0;
  ip->saddr = self.address;
  ip->daddr = backend;
  __u32 sum = 0;
  const __u16 *words = (const __u16 *)ip;
#pragma unroll
  for (unsigned i = 0; i < sizeof(*ip) / sizeof(*words); i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->check = ~sum;
}

SEC("xdp")
int wrap_ipip(struct xdp_md *ctx) {
  __u32 zero = 0;
  struct chosen *chosen = bpf_map_lookup_elem(&scratch, &zero);
  if (!chosen) return XDP_ABORTED;
  // The Ethernet header is written anew.
  if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr))) return XDP_DROP;
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end) return XDP_DROP;
  write_outer(eth, ip, chosen->backend, chosen->is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP, end - (void *)ip);
  return XDP_TX;
}

struct vxlanhdr {
  __be32 flags, vni;
};

SEC("xdp")
int wrap_vxlan(struct xdp_md *ctx) {
  __u32 zero = 0;
  struct chosen *chosen = bpf_map_lookup_elem(&scratch, &zero);
  if (!chosen) return XDP_ABORTED;
  if (bpf_xdp_adjust_head(ctx, -(int)(sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr) + sizeof(struct vxlanhdr))))
    return XDP_DROP;
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  struct vxlanhdr *vxlan = (void *)(udp + 1);
  if ((void *)(vxlan + 1) > end) return XDP_DROP;
  write_outer(eth, ip, chosen->backend, IPPROTO_UDP, end - (void *)ip);
  // Of the dynamic ports, by flow: routers spread by it. No checksum: the inner packet has its own (RFC 7348 5).
  udp->source = bpf_htons(0xc000 | (chosen->hash & 0x3fff));
  udp->dest = bpf_htons(VXLAN_PORT);
  udp->len = bpf_htons(end - (void *)udp);
  udp->check = 0;
  vxlan->flags = bpf_htonl(0x08000000);
  vxlan->vni = bpf_htonl(chosen->vni << 8);
  return XDP_TX;
}

char _license[] SEC("license") = "Dual MIT/GPL";
