// Counts packets and bytes per IP protocol and drops UDP to one port. Compiled by tools/build-corpus.mjs:
// clang-19 -O2 -g -target bpf -mcpu=v3 -c xdp_counter.c -o xdp_counter.o
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define noinline __attribute__((noinline))
#define uint(name, value) int(*name)[value]
#define type(name, value) typeof(value) *name

enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { ETH_P_IP = 0x0800, ETH_P_IPV6 = 0x86dd, ETH_P_8021Q = 0x8100, ETH_P_8021AD = 0x88a8 };
enum { IPPROTO_UDP = 17 };

struct xdp_md {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct ethhdr {
  u8 destination[6], source[6];
  u16 protocol;
} __attribute__((packed));

struct vlanhdr {
  u16 tag, protocol;
};

struct iphdr {
  u8 ihl : 4, version : 4;
  u8 tos;
  u16 length, id, fragment;
  u8 ttl, protocol;
  u16 checksum;
  u32 source, destination;
};

struct ipv6hdr {
  u32 version_class_flow;
  u16 length;
  u8 protocol, hop_limit;
  u8 source[16], destination[16];
};

// Of UDP and TCP alike.
struct ports {
  u16 source, destination;
};

struct count {
  u64 packets;
  u64 bytes;
};

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;

// By IP protocol number.
struct {
  uint(type, BPF_MAP_TYPE_HASH);
  uint(max_entries, 256);
  type(key, u32);
  type(value, struct count);
} stats SEC(".maps");

enum config_key { CONFIG_MIN_LENGTH, CONFIG_COUNT };

// CONFIG_MIN_LENGTH: shorter packets are passed on uncounted.
struct {
  uint(type, BPF_MAP_TYPE_ARRAY);
  uint(max_entries, CONFIG_COUNT);
  type(key, u32);
  type(value, u32);
} config SEC(".maps");

// UDP destination port to drop; 0 for none.
const volatile u16 port = 7;
// Packets dropped so far.
u64 dropped = 0;

static noinline void count_packet(u32 protocol, u64 bytes) {
  struct count *found = bpf_map_lookup_elem(&stats, &protocol);
  if (!found) {
    struct count zero = {};
    bpf_map_update_elem(&stats, &protocol, &zero, BPF_NOEXIST);
    found = bpf_map_lookup_elem(&stats, &protocol);
    if (!found) return;
  }
  __sync_fetch_and_add(&found->packets, 1);
  __sync_fetch_and_add(&found->bytes, bytes);
}

SEC("xdp")
int xdp_counter(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  u64 length = end - data;

  u32 key = CONFIG_MIN_LENGTH;
  u32 *min_length = bpf_map_lookup_elem(&config, &key);
  if (min_length && length < *min_length) return XDP_PASS;

  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return XDP_PASS;
  u16 ether_type = __builtin_bswap16(eth->protocol);
  void *next = eth + 1;
  if (ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD) {
    struct vlanhdr *vlan = next;
    if ((void *)(vlan + 1) > end) return XDP_PASS;
    ether_type = __builtin_bswap16(vlan->protocol);
    next = vlan + 1;
  }

  u32 protocol;
  int has_ports = 1;
  if (ether_type == ETH_P_IP) {
    struct iphdr *ip = next;
    if ((void *)(ip + 1) > end || ip->ihl < 5) return XDP_PASS;
    protocol = ip->protocol;
    next += ip->ihl * 4;
    // Only the first fragment has the ports.
    has_ports = !(ip->fragment & __builtin_bswap16(0x1fff));
  } else if (ether_type == ETH_P_IPV6) {
    struct ipv6hdr *ip6 = next;
    if ((void *)(ip6 + 1) > end) return XDP_PASS;
    protocol = ip6->protocol;
    next = ip6 + 1;
  } else {
    return XDP_PASS;
  }
  count_packet(protocol, length);

  if (protocol == IPPROTO_UDP && has_ports && port != 0) {
    struct ports *ports = next;
    if ((void *)(ports + 1) > end) return XDP_PASS;
    if (ports->destination == __builtin_bswap16(port)) {
      __sync_fetch_and_add(&dropped, 1);
      return XDP_DROP;
    }
  }
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
