// What only a kernel has: configuration values, kernel functions, kernel variables; weak ones, too.
// build: externs.o
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name)))
#define weak __attribute__((weak))
typedef _Bool bool;

enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };

extern int LINUX_KERNEL_VERSION SEC(".kconfig");
extern bool CONFIG_BPF_JIT SEC(".kconfig") weak;
extern enum libbpf_tristate CONFIG_IPV6 SEC(".kconfig") weak;
extern char CONFIG_CC_VERSION_TEXT[100] SEC(".kconfig") weak;
extern u64 CONFIG_HZ SEC(".kconfig") weak;

extern void kernel_lock(void) SEC(".ksyms");
extern int kernel_get(u64 a) SEC(".ksyms") weak;
extern const int kernel_count SEC(".ksyms");
extern const void kernel_base SEC(".ksyms") weak;
extern int nowhere(int a);

SEC("tc")
int values(void *ctx) {
  if (!CONFIG_BPF_JIT) return 0;
  return LINUX_KERNEL_VERSION + CONFIG_IPV6 + CONFIG_CC_VERSION_TEXT[2] + CONFIG_HZ;
}

SEC("tc")
int symbols(void *ctx) {
  kernel_lock();
  int result = kernel_get(1) + kernel_get(2);
  kernel_lock();
  if (&kernel_base) result += kernel_count;
  return result;
}

SEC("tc")
int broken(void *ctx) {
  return nowhere(1);
}
