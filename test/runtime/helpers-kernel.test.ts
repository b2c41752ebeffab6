// What programs ask of the kernel around them: what the caller gives, what is there otherwise, what is recorded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { createProgram } from '../../src/program/program.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { RunOptions, RunResult } from '../../src/runtime/object/options.ts';
import { everywhere, loadText, run, signed } from './support.ts';

const DATA = { name: 'data', type: 2, keySize: 4, valueSize: 32, maxEntries: 1, flags: 0 };

/** Runs `text` with R6 = 32 bytes of memory; gives R0 and the bytes. */
function ask(engine: Parameters<typeof loadText>[2], type: string, text: string, options: RunOptions = {}, before?: Uint8Array) {
  using object = loadText(type, `r7 = r1\nr6 = map[data][0] + 0\nr1 = r7\n${text}\nexit\n`, engine, { maps: [DATA] });
  if (before !== undefined) object.maps['data']!.setBytes(new Uint8Array(4), before);
  const result: RunResult = run(object, options);
  return { r0: signed(result), bytes: object.maps['data']!.getBytes(new Uint8Array(4))!, result };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).replace(/\0+$/, '');
const bytesOf = (value: string): Uint8Array => {
  const out = new Uint8Array(32);
  out.set(new TextEncoder().encode(value));
  return out;
};
const words = (...values: readonly bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

everywhere('the current task: default, per object, per run', (options) => {
  assert.equal(ask(options, 'kprobe', 'call 14').r0, (1n << 32n) | 1n);
  const kernel = { task: { pid: 7, tgid: 5, uid: 1000, gid: 100, comm: 'a-name-of-17-byte', cgroupId: 42n } };
  assert.equal(ask({ ...options, kernel }, 'kprobe', 'call 14').r0, (5n << 32n) | 7n);
  assert.equal(ask({ ...options, kernel }, 'kprobe', 'call 14', { kernel: { task: { pid: 9 } } }).r0, (5n << 32n) | 9n);
  assert.equal(ask({ ...options, kernel }, 'kprobe', 'call 15').r0, (100n << 32n) | 1000n);
  assert.equal(ask({ ...options, kernel }, 'kprobe', 'call 80').r0, 42n);
  assert.equal(text(ask({ ...options, kernel }, 'kprobe', 'r1 = r6\nr2 = 16\ncall 16').bytes), 'a-name-of-17-by');
  assert.equal(text(ask({ ...options, kernel }, 'kprobe', 'r1 = r6\nr2 = 4\ncall 16').bytes), 'a-n');
  const info = ask({ ...options, kernel }, 'kprobe', 'r1 = 0\nr2 = 0\nr3 = r6\nr4 = 8\ncall 120');
  assert.deepEqual([...new Uint32Array(info.bytes.buffer, info.bytes.byteOffset, 2)], [7, 5]);
  assert.throws(() => ask(options, 'kprobe', 'call 14', { kernel: { task: { pid: -1 } } }), { code: 'runtime/option' });
});

everywhere('a struct task_struct is there to be read', (options) => {
  assert.equal(ask(options, 'tracing', 'call 158\nr0 = *(u64 *)(r0 + 8)').r0, 0n);
  assert.throws(() => ask({ ...options, engine: 'interpreter' }, 'tracing', 'call 158\n*(u64 *)(r0 + 8) = 1\nr0 = 0'));
});

everywhere('stacks: what the caller gives, -EFAULT without', (options) => {
  const call = 'r2 = r6\nr3 = 24\nr4 = 1\ncall 67';
  assert.equal(ask(options, 'kprobe', call).r0, -14n);
  const { r0, bytes } = ask(options, 'kprobe', call, { kernel: { stack: [1n, 2n, 0xffff_ffff_8100_0000n] } });
  assert.equal(r0, 16n);
  assert.deepEqual([...new BigUint64Array(bytes.buffer, bytes.byteOffset, 3)], [2n, 0xffff_ffff_8100_0000n, 0n]);
  assert.equal(ask(options, 'kprobe', 'r2 = r6\nr3 = 20\nr4 = 0\ncall 67').r0, -22n);
});

for (const engine of ['interpreter', 'arm64-sim'] as const) {
  test(`${engine}: arguments and result of a traced function are the words of its context`, () => {
    const of = (attach: string, text: string): bigint => {
      const { bytes } = parse(`r6 = r10\nr6 += -8\n${text}\nr0 = *(u64 *)(r10 - 8)\nexit\n`);
      const program = createProgram({ name: 'main', type: 'tracing', attach, bytes });
      using object = new LoadedObject({ name: 'test', programs: [program], maps: [] }, { engine });
      return object.programs['main']!.run({ ctx: words(11n, 12n, 13n) }).r0;
    };
    const argument = (n: number): string =>
      `r2 = ${n}\nr3 = r6\n*(u64 *)(r6 + 0) = 0\ncall 183\nif r0 == 0 goto +1\n*(u64 *)(r6 + 0) = r0\n`;
    assert.equal(of('trace_fentry', `${argument(2)}`), 13n);
    assert.equal(BigInt.asIntN(64, of('trace_fexit', argument(2))), -22n);
    assert.equal(of('trace_fexit', '*(u64 *)(r6 + 0) = 0\nr2 = r6\ncall 184'), 13n);
    assert.equal(of('trace_fexit', 'call 185\n*(u64 *)(r6 + 0) = r0'), 2n);
    assert.equal(of('trace_fentry', 'call 185\n*(u64 *)(r6 + 0) = r0'), 3n);
  });
}

everywhere('cookie, function, return value', (options) => {
  assert.equal(ask(options, 'kprobe', 'call 174', { kernel: { cookie: 77n } }).r0, 77n);
  assert.equal(ask(options, 'kprobe', 'call 173', { kernel: { functionIp: 0xffff_ffff_8000_0000n } }).r0, -0x8000_0000n);
  const { r0, result } = ask(options, 'cgroup_sockopt', 'r1 = -7\ncall 187\ncall 186', { kernel: { retval: -1 } });
  assert.deepEqual([r0, result.retval], [-7n, -7]);
  assert.equal(ask(options, 'cgroup_sockopt', 'call 186', { kernel: { retval: -1 } }).r0, -1n);
});

everywhere('socket options are kept and recorded', (options) => {
  const set =
    'r2 = 6\nr3 = 13\nr4 = r6\nr5 = 5\ncall 49\nif r0 != 0 goto out\nr1 = r7\nr2 = 6\nr3 = 13\nr4 = r6\nr4 += 8\nr5 = 8\ncall 57\nout:';
  const { r0, bytes, result } = ask(options, 'cgroup_sock_addr', set, {}, bytesOf('cubic'));
  assert.equal(r0, 0n);
  assert.equal(text(bytes.subarray(8, 16)), 'cubic');
  assert.equal(result.recorded[0]?.call, 'bpf_setsockopt');
  assert.equal(text(result.recorded[0].data!), 'cubic');
  const get = 'r2 = 6\nr3 = 13\nr4 = r6\nr5 = 8\ncall 57';
  assert.equal(ask(options, 'cgroup_sock_addr', get).r0, -92n);
  const socketOptions = [{ level: 6, name: 13, value: new TextEncoder().encode('reno') }];
  assert.equal(text(ask(options, 'cgroup_sock_addr', get, { kernel: { socketOptions } }).bytes), 'reno');
});

everywhere('settings', (options) => {
  const sysctl = { name: 'net/ipv4/tcp_mem', value: '1 2 3' };
  const name = (size: number, flags: number) =>
    ask(options, 'cgroup_sysctl', `r2 = r6\nr3 = ${size}\nr4 = ${flags}\ncall 101`, { kernel: { sysctl } });
  assert.deepEqual([name(32, 0).r0, text(name(32, 0).bytes)], [16n, 'net/ipv4/tcp_mem']);
  assert.deepEqual([name(32, 1).r0, text(name(32, 1).bytes)], [7n, 'tcp_mem']);
  assert.deepEqual([name(5, 0).r0, text(name(5, 0).bytes)], [-7n, 'net/']);
  assert.equal(text(ask(options, 'cgroup_sysctl', 'r2 = r6\nr3 = 8\ncall 102', { kernel: { sysctl } }).bytes), '1 2 3');
  assert.equal(ask(options, 'cgroup_sysctl', 'r2 = r6\nr3 = 8\ncall 103', { kernel: { sysctl } }).r0, -22n);
});

everywhere('what iterators print', (options) => {
  const print = 'r1 = 0\nr2 = r6\nr3 = 8\nr4 = r10\nr4 += -8\n*(u64 *)(r4 + 0) = 42\nr5 = 8\ncall 126\nr1 = 0\nr2 = r6\nr3 = 3\ncall 127';
  const { r0, result } = ask(options, 'tracing', print, {}, bytesOf('pid %d\n'));
  assert.deepEqual([r0, text(result.output!)], [0n, 'pid 42\npid']);
  assert.equal(ask(options, 'tracing', 'r0 = 0').result.output, undefined);
});

everywhere('requests are recorded, one run at a time', (options) => {
  using object = loadText('kprobe', 'r6 = r1\nr1 = 9\ncall 109\nr1 = r6\nr2 = -12\ncall 58\nexit\n', options);
  for (let i = 0; i < 2; i++) {
    const [signal, override, ...rest] = run(object).recorded;
    assert.deepEqual(signal, { call: 'bpf_send_signal', arguments: [9n] });
    assert.equal(override?.call, 'bpf_override_return');
    assert.equal(override.arguments[1], 0xffff_ffff_ffff_fff4n);
    assert.deepEqual(rest, []);
  }
});
