// A program whose exceptions another function handles: nothing calls that function, a declaration tag names it.
// build: exceptions.o
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define noinline __attribute__((noinline))
#define tag(text) __attribute__((btf_decl_tag(text)))

static noinline u64 cleanup(u64 a) {
  return a + 1;
}

noinline int handler(u64 cookie) {
  return cleanup(cookie) + cleanup(3);
}

tag("exception_callback:handler") SEC("tc") int guarded(void *ctx) {
  return cleanup(7);
}
