// Tracing programs with the bytes of their context: registers of kprobes, words of raw tracepoints and fentry, records of tracepoints. The
// selftests' own expectations, where their objects are.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadBytes } from '../../src/runtime/object/load.ts';
import type { LoadedObject } from '../../src/runtime/object/object.ts';
import type { LoadOptions } from '../../src/runtime/object/options.ts';
import { corpus } from '../support/corpora.ts';
import { everywhere, loadText, run } from './support.ts';

const objects = corpus('objects/selftests');
const words = (...values: readonly bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

function selftest(name: string, options: LoadOptions): LoadedObject {
  return loadBytes(new Uint8Array(readFileSync(`${objects}/${name}`)), { path: name, ...options });
}

everywhere('structures that words of the context lead to', (options) => {
  using object = loadText('tracing', 'r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nexit\n', options);
  const sock = object.place(Uint8Array.of(1, 0, 0, 0, 42, 0, 0, 0));
  assert.equal(run(object, { ctx: words(sock) }).r0, 42n);
  using writing = loadText('tracing', 'r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + 0) = 7\nr0 = *(u32 *)(r1 + 0)\nexit\n', options);
  assert.equal(run(writing, { ctx: words(writing.place(new Uint8Array(4), { writable: true })) }).r0, 7n);
});

test('a placed structure is read-only unless it is said, and has its size', () => {
  using object = loadText('tracing', 'r1 = *(u64 *)(r1 + 0)\n*(u32 *)(r1 + 0) = 7\nr0 = 0\nexit\n');
  assert.throws(() => run(object, { ctx: words(object.place(new Uint8Array(4))) }), /memory of the caller is read-only/);
  using beyond = loadText('tracing', 'r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nexit\n');
  assert.throws(() => run(beyond, { ctx: words(beyond.place(new Uint8Array(4))) }), /beyond the end of memory of the caller/);
});

/** Arguments of the kernel's bpf_fentry_test1 to 8 as BPF_PROG_TEST_RUN calls them, and what they return. */
const CALLS: readonly (readonly bigint[])[] = [
  [1n, 2n],
  [2n, 3n, 5n],
  [4n, 5n, 6n, 15n],
  [7n, 8n, 9n, 10n, 34n],
  [11n, 12n, 13n, 14n, 15n, 65n],
  [16n, 17n, 18n, 19n, 20n, 21n, 111n],
  [0n, 0n],
  [0n, 0n],
];

if (objects === undefined) test('selftests: fentry_test.o, fexit_test.o', { skip: 'no corpora' }, () => undefined);
for (const name of objects === undefined ? [] : ['fentry_test.o', 'fexit_test.o']) {
  everywhere(`selftests: ${name}`, (options) => {
    using object = selftest(name, options);
    const fexit = name.startsWith('fexit');
    // The last one is given a structure whose pointer is null.
    const structure = object.place(new Uint8Array(8));
    CALLS.forEach((call, i) => {
      const args = i === 7 ? [structure, ...call.slice(1)] : call;
      object.programs[`test${i + 1}`]!.run({ ctx: words(...(fexit ? args : args.slice(0, -1))) });
      assert.equal(object.variables[`test${i + 1}_result`], 1n, `${name} test${i + 1}`);
    });
  });
}

everywhere('selftests: get_func_ip of a kprobe, cookies', (options) => {
  using object = loadText(
    'kprobe',
    'r6 = r1\ncall 173\nr7 = r0\nr1 = r6\ncall 174\nr0 += r7\nr1 = *(u64 *)(r6 + 112)\nr0 += r1\nexit\n',
    options,
  );
  const registers = new Uint8Array(168);
  // RDI of struct pt_regs: the first argument on x86-64.
  new DataView(registers.buffer).setBigUint64(112, 5n, true);
  assert.equal(run(object, { ctx: registers, kernel: { functionIp: 1000n, cookie: 20n } }).r0, 1025n);
});
