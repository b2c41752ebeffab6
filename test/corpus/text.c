// No section says what the programs are for: global functions of `.text` are the programs.
// build: text.o
static __attribute__((noinline)) unsigned long long square(unsigned long long a) {
  return a * a;
}

unsigned long long entry(unsigned char *memory, unsigned long long length) {
  return length < 2 ? 0 : square(memory[0]) + square(memory[1]);
}
