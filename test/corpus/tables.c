// Tables of functions for the kernel (struct_ops), and the map definitions of iproute2.
// build: tables.o
typedef unsigned int u32;
#define SEC(name) __attribute__((section(name), used))

struct operations {
  int (*start)(int a);
  void (*stop)(void);
  char name[8];
};

SEC("struct_ops/start")
int start(int a) {
  return a;
}

SEC("struct_ops/stop")
void stop(void) {}

SEC(".struct_ops.link") struct operations ours = {.start = start, .stop = stop, .name = "ours"};
SEC(".struct_ops") struct operations half = {.stop = stop, .name = "half"};

struct bpf_elf_map {
  u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};

struct bpf_elf_map SEC("maps") pinned = {.type = 2, .size_key = 4, .size_value = 8, .max_elem = 3, .id = 7, .pinning = 2};
struct bpf_elf_map SEC("maps") holder = {.type = 12, .size_key = 4, .size_value = 4, .max_elem = 2, .id = 8, .inner_id = 7};
