// Answers DNS queries from a map before the kernel sees them: the query becomes the answer in place and goes back (XDP_TX). Names that
// are not in the map, and anything unusual, go on to the real server.
// build: responder.o -mcpu=v3
#include "../bpf_net.h"

#define DNS_PORT 53
#define MAX_RECORDS 65536
// Of a name as it is on the wire, with its lengths and the zero at its end.
#define MAX_NAME 64
// What an answer can have: header, question, answer with an IPv6 address; even.
#define MAX_MESSAGE 176
#define TTL 64

enum { TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1 };
// Of the second 16 bits of the header, in host order. [RFC1035 4.1.1]
enum { DNS_QR = 0x8000, DNS_OPCODE = 0x7800, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100 };

struct dnshdr {
  __be16 id, flags, questions, answers, authorities, additionals;
};

struct question_end {
  __be16 type, class;
};

// The name is a pointer to the question's. [RFC1035 4.1.4]
struct answer {
  __be16 name, type, class;
  // In halves: it stands at any even offset.
  __be16 ttl[2];
  __be16 length;
} __attribute__((packed));

struct record_key {
  // As on the wire, in lower case, filled up with zeros.
  __u8 name[MAX_NAME];
  __u32 type;
};

struct record {
  // Seconds.
  __u32 ttl;
  // Four bytes of A, sixteen of AAAA.
  __u8 address[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_RECORDS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct record_key);
  __type(value, struct record);
} records SEC(".maps");

__u64 answered = 0;

static __always_inline __u16 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static __always_inline __u32 sum_words(const void *data, unsigned bytes, __u32 sum) {
  const __u16 *words = data;
#pragma unroll
  for (unsigned i = 0; i < bytes / 2; i++) sum += words[i];
  return sum;
}

static __always_inline void swap_macs(struct ethhdr *eth) {
#pragma unroll
  for (int i = 0; i < ETH_ALEN; i++) {
    __u8 byte = eth->h_dest[i];
    eth->h_dest[i] = eth->h_source[i];
    eth->h_source[i] = byte;
  }
}

SEC("xdp")
int respond(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;

  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return XDP_PASS;
  int is_ipv6;
  struct udphdr *udp;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
    if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)) return XDP_PASS;
    udp = (void *)(ip + 1);
    is_ipv6 = 0;
  } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_UDP) return XDP_PASS;
    udp = (void *)(ip + 1);
    is_ipv6 = 1;
  } else {
    return XDP_PASS;
  }
  struct dnshdr *dns = (void *)(udp + 1);
  if ((void *)(dns + 1) > end || udp->dest != bpf_htons(DNS_PORT)) return XDP_PASS;
  __u16 flags = bpf_ntohs(dns->flags);
  // A plain query with one question; an additional record would be EDNS, which an answer may leave out.
  if ((flags & (DNS_QR | DNS_OPCODE | DNS_TC)) || dns->questions != bpf_htons(1) || dns->answers || dns->authorities ||
      dns->additionals > bpf_htons(1))
    return XDP_PASS;

  // The name: labels with their lengths up to an empty one. Letters' bytes are not lengths: those are at most 63.
  struct record_key key = {};
  const __u8 *name = (const __u8 *)(dns + 1);
  __u32 length = 0;
  __u32 left = 0;
  int ends = 0;
  for (int i = 0; i < MAX_NAME; i++) {
    if ((void *)(name + i + 1) > end) return XDP_PASS;
    __u8 byte = name[i];
    if (left == 0) {
      // Compression has no place in a query's name.
      if (byte > 63) return XDP_PASS;
      left = byte;
      if (byte == 0) {
        length = i + 1;
        ends = 1;
        break;
      }
    } else {
      if (byte >= 'A' && byte <= 'Z') byte += 'a' - 'A';
      left--;
    }
    key.name[i] = byte;
  }
  if (!ends || length > MAX_NAME) return XDP_PASS;
  struct question_end *question = (void *)name + length;
  if ((void *)(question + 1) > end || question->class != bpf_htons(CLASS_IN)) return XDP_PASS;
  key.type = bpf_ntohs(question->type);
  if (key.type != TYPE_A && key.type != TYPE_AAAA) return XDP_PASS;
  struct record *record = bpf_map_lookup_elem(&records, &key);
  if (!record) return XDP_PASS;

  // What stood behind the question goes, the answer takes its place.
  __u32 address_bytes = key.type == TYPE_A ? 4 : 16;
  __u32 before = sizeof(*dns) + length + sizeof(*question);
  __u32 message = before + sizeof(struct answer) + address_bytes;
  __u32 headers = (void *)dns - data;
  if (bpf_xdp_adjust_tail(ctx, (int)(headers + message) - (int)(end - data))) return XDP_PASS;

  data = (void *)(long)ctx->data;
  end = (void *)(long)ctx->data_end;
  eth = data;
  __u16 udp_bytes = sizeof(*udp) + message;
  __u32 pseudo;
  if (is_ipv6) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    udp = (void *)(ip + 1);
    dns = (void *)(udp + 1);
    if ((void *)(dns + 1) > end) return XDP_ABORTED;
    struct in6_addr client = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = client;
    ip->payload_len = bpf_htons(udp_bytes);
    ip->hop_limit = TTL;
    pseudo = sum_words(&ip->saddr, 2 * sizeof(ip->saddr), 0);
  } else {
    struct iphdr *ip = (void *)(eth + 1);
    udp = (void *)(ip + 1);
    dns = (void *)(udp + 1);
    if ((void *)(dns + 1) > end) return XDP_ABORTED;
    __be32 client = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = client;
    ip->tot_len = bpf_htons(sizeof(*ip) + udp_bytes);
    ip->ttl = TTL;
    ip->check = 0;
    ip->check = ~fold(sum_words(ip, sizeof(*ip), 0));
    pseudo = sum_words(&ip->saddr, 2 * sizeof(ip->saddr), 0);
  }
  swap_macs(eth);
  udp->dest = udp->source;
  udp->source = bpf_htons(DNS_PORT);
  udp->len = bpf_htons(udp_bytes);
  udp->check = 0;
  dns->flags = bpf_htons(DNS_QR | DNS_AA | (flags & DNS_RD));
  dns->answers = bpf_htons(1);
  dns->additionals = 0;

  if (before > sizeof(*dns) + MAX_NAME + sizeof(*question)) return XDP_ABORTED;
  struct answer *answer = (void *)dns + before;
  if ((void *)(answer + 1) > end) return XDP_ABORTED;
  answer->name = bpf_htons(0xc000 | sizeof(*dns));
  answer->type = bpf_htons(key.type);
  answer->class = bpf_htons(CLASS_IN);
  answer->ttl[0] = bpf_htons(record->ttl >> 16);
  answer->ttl[1] = bpf_htons(record->ttl & 0xffff);
  answer->length = bpf_htons(address_bytes);
  __u8 *address = (void *)(answer + 1);
  for (__u32 i = 0; i < sizeof(record->address); i++) {
    if (i >= address_bytes) break;
    if ((void *)(address + i + 1) > end) return XDP_ABORTED;
    address[i] = record->address[i];
  }

  // Pseudo header, UDP header and message, which may have an odd number of bytes.
  __u32 sum = pseudo + bpf_htons(udp_bytes) + bpf_htons(IPPROTO_UDP);
  sum = sum_words(udp, sizeof(*udp), sum);
  const __u8 *bytes = (const __u8 *)dns;
  for (int i = 0; i < MAX_MESSAGE; i += 2) {
    if ((void *)(bytes + i + 2) > end) {
      if ((void *)(bytes + i + 1) <= end) sum += bytes[i];
      break;
    }
    sum += *(const __u16 *)(bytes + i);
  }
  __u16 check = ~fold(sum);
  udp->check = check ? check : 0xffff;
  __sync_fetch_and_add(&answered, 1);
  return XDP_TX;
}

char _license[] SEC("license") = "Dual MIT/GPL";
