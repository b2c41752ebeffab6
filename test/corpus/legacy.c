// An object as they were before BTF: `maps` of plain structs, a kernel version, no debug information.
// build: legacy.o -mcpu=v1 -g0
typedef unsigned int u32;
#define SEC(name) __attribute__((section(name), used))

struct bpf_map_def {
  u32 type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

struct bpf_map_def SEC("maps") inner = {.type = 2, .key_size = 4, .value_size = 8, .max_entries = 5};
struct bpf_map_def SEC("maps") outer = {.type = 13, .key_size = 4, .value_size = 4, .max_entries = 6, .inner_map_idx = 0};
struct bpf_map_def SEC("maps") placed = {.type = 1, .key_size = 8, .value_size = 16, .max_entries = 9, .map_flags = 4, .numa_node = 2};

SEC("kprobe/sys_write")
int program(void *ctx) {
  u32 key = 1;
  return bpf_map_lookup_elem(&placed, &key) != bpf_map_lookup_elem(&outer, &key);
}

char _license[] SEC("license") = "GPL";
u32 _version SEC("version") = 0x50a00;
