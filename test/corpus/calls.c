// Subprograms of every linkage, in `.text` and in a program's own section, shared by two programs, and one that nobody calls.
// build: calls-v1.o -mcpu=v1
// build: calls-v2.o -mcpu=v2
// build: calls-v3.o -mcpu=v3
// build: calls-v4.o -mcpu=v4
// build: calls-eb.o -mcpu=v3 -mbig-endian
// build: calls-plain.o -mcpu=v3 -g0
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define noinline __attribute__((noinline))
#define weak __attribute__((weak))

static long (*bpf_loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

static noinline u64 leaf(u64 a) {
  return a * 3 + 1;
}

static noinline u64 middle(u64 a, u64 b) {
  return leaf(a) ^ leaf(b + 5);
}

noinline u64 shared(u64 a) {
  return middle(a, a >> 3) + leaf(a);
}

weak noinline u64 overridable(u64 a) {
  return shared(a) - 7;
}

noinline u64 unused(u64 a) {
  return leaf(a) + 100;
}

static int add(u32 index, u64 *sum) {
  *sum += leaf(index);
  return 0;
}

// `beside` stands behind its caller in the same section: that call has no relocation.
static noinline SEC("xdp") u64 beside(u64 a) {
  return leaf(a) / 5;
}

SEC("xdp")
int first(u32 *ctx) {
  return overridable(ctx[0]) + beside(ctx[1]);
}

SEC("tc")
int second(u32 *ctx) {
  u64 sum = shared(ctx[3]);
  bpf_loop(10, add, &sum, 0);
  return sum;
}

SEC("?kprobe/do_nothing")
int third(void *ctx) {
  return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
