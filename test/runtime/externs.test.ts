// What only a kernel has, given by the caller: configuration values, symbols, kernel functions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../../src/runtime/engines/engines.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { load } from '../../src/object/load.ts';
import { type LoadBytesOptions, loadCollection } from '../../src/runtime/object/load.ts';
import { loadObject } from '../object/support.ts';
import { corpus } from '../support/corpora.ts';

const LINUX = (6n << 16n) | (18n << 8n);

function r0(program: string, options: LoadBytesOptions): bigint {
  using object = loadCollection(loadObject('externs.o'), options);
  return object.programs[program]!.run().r0;
}

test('a .config file: what the object names is taken, with its type', () => {
  const config = `
# CONFIG_NOT_SET is not set
CONFIG_BPF_JIT=y
CONFIG_IPV6=m
CONFIG_CC_VERSION_TEXT="gcc (Debian) \\"13\\""
CONFIG_HZ=0x3E8
CONFIG_UNKNOWN=7
`;
  assert.equal(r0('values', { kconfig: config }), LINUX + 2n + BigInt('c'.charCodeAt(0)) + 1000n);
  assert.equal(r0('values', {}), 0n);
});

test('values by name', () => {
  assert.equal(r0('values', { kconfig: { CONFIG_BPF_JIT: true, CONFIG_IPV6: 'y', CONFIG_HZ: 250n } }), LINUX + 1n + 250n);
  assert.equal(r0('values', { kconfig: { CONFIG_BPF_JIT: 1, LINUX_KERNEL_VERSION: 5 } }), 5n);
  const refused = (kconfig: LoadBytesOptions['kconfig'], message: RegExp): void => {
    assert.throws(() => r0('values', { kconfig: kconfig! }), message);
  };
  refused({ CONFIG_OTHER: 1 }, /asks for no CONFIG_OTHER; it has: .*CONFIG_HZ/);
  refused({ CONFIG_BPF_JIT: 'm' }, /CONFIG_BPF_JIT is y or n, not m/);
  refused({ CONFIG_HZ: 'y' }, /CONFIG_HZ is a number, not y/);
  refused({ CONFIG_CC_VERSION_TEXT: 5 }, /CONFIG_CC_VERSION_TEXT is text, not 5/);
  refused({ LINUX_KERNEL_VERSION: 1n << 40n }, /a number of 32 bits/);
});

test('symbols: an address, a variable, functions of the caller', () => {
  const calls: string[] = [];
  const kfuncs = {
    kernel_lock: () => void calls.push('lock'),
    kernel_get: (n: bigint) => 10n * n,
  };
  assert.equal(r0('symbols', { kfuncs }), 30n);
  assert.deepEqual(calls, ['lock', 'lock']);
  const kernel_count = Uint8Array.of(5, 0, 0, 0);
  assert.equal(r0('symbols', { kfuncs, ksyms: { kernel_base: 0xffff_ffff_8000_0000n, kernel_count } }), 35n);
  assert.equal(r0('symbols', { kfuncs, ksyms: { kernel_count } }), 30n);
  assert.throws(() => r0('symbols', { kfuncs, ksyms: { other: 1n } }), /names no symbol other of the kernel/);
  assert.throws(
    () => r0('symbols', { kfuncs, cpus: 4, ksyms: { kernel_count: [kernel_count, kernel_count] } }),
    /has 2 values, there are 4 CPUs/,
  );
});

const objects = corpus('objects/selftests');

function selftest(name: string, options: LoadBytesOptions) {
  const path = `${objects}/${name}`;
  return loadCollection(load(new Uint8Array(readFileSync(path)), name), options);
}

test('selftests: configuration, symbols, per-CPU variables', { skip: objects === undefined ? 'no corpora' : false }, () => {
  const config = `CONFIG_BPF_SYSCALL=y\nCONFIG_TRISTATE=m\nCONFIG_BOOL=y\nCONFIG_CHAR=m\nCONFIG_USHORT=0x1234\nCONFIG_INT=-7\nCONFIG_ULONG=0xDEADBEEFC0DE\nCONFIG_STR="abracad"\n`;
  using core = selftest('test_core_extern.o', { kconfig: config, variables: { LINUX_KERNEL_VERSION: 0x61200 } });
  core.programs['handle_sys_enter']!.run();
  const { variables } = core;
  assert.equal(Number(variables['kern_ver']), 0x61200);
  assert.equal(BigInt(variables['ushort_val'] as bigint), 0x1234n);
  assert.equal(BigInt(variables['ulong_val'] as bigint), 0xdeadbeefc0den);
  assert.equal(Number(variables['tristate_val']), 2);
  assert.equal(Number(variables['bool_val']), 1);

  using ksyms = selftest('test_ksyms.o', { ksyms: { bpf_link_fops: 0xffff_ffff_8123_4560n } });
  ksyms.programs['handler']!.run();
  assert.equal(ksyms.variables['out__bpf_link_fops'], 0xffff_ffff_8123_4560n);
  assert.equal(ksyms.variables['out__bpf_link_fops1'], 0n);

  const count = (n: number): Uint8Array => Uint8Array.of(n, 0, 0, 0);
  using btf = selftest('test_ksyms_btf.o', {
    cpus: 2,
    ksyms: { bpf_prog_active: [count(3), count(4)], runqueues: [new Uint8Array(8192), new Uint8Array(8192)] },
  });
  for (const [cpu, expected] of [3, 4].entries()) {
    btf.programs['handler']!.run({ cpu });
    assert.equal(btf.variables['out__bpf_prog_active'], expected);
    assert.equal(btf.variables['out__this_bpf_prog_active'], expected);
  }
});

test('CO-RE against the types of a kernel: the current task is found through them', {
  skip: objects === undefined ? 'no corpora' : false,
}, () => {
  const folder = corpus('btf')!;
  const name = readdirSync(folder).find((file) => file.endsWith('.btf.gz'))!;
  const btf = new Uint8Array(gunzipSync(readFileSync(join(folder, name))));
  const kernel = { task: { pid: 77, tgid: 77, comm: 'test_progs' } };
  using object = selftest('test_core_reloc_kernel.o', { btf, kernel });
  // struct { char in[256]; char out[256]; bool skip; u64 my_pid_tgid; }, in `out` 10 ints, comm[11], its length.
  const data = new Uint8Array(528);
  new DataView(data.buffer).setBigUint64(520, (77n << 32n) | 77n, true);
  const [key, bss] = [new Uint8Array(4), object.maps['.bss']!];
  bss.setBytes(key, data);
  object.programs['test_core_kernel']!.run();
  const out = bss.getBytes(key)!.subarray(256);
  const view = new DataView(out.buffer, out.byteOffset);
  assert.deepEqual(
    Array.from({ length: 10 }, (_, i) => view.getInt32(4 * i, true)),
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  );
  assert.equal(new TextDecoder().decode(out.subarray(40, 50)), 'test_progs');
  assert.equal(view.getInt32(52, true), 11);
});
