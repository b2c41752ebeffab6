// Included by stops.c: lines of another file.
static inline __attribute__((always_inline)) u32 kind_of(const u8 *data) {
  if (data[12] == 0x08) return 4;
  if (data[12] == 0x86) return 6;
  return 0;
}
