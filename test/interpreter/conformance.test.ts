// The interpreter against bpf_conformance as assembled by that suite, and against the kernel's own eBPF tests.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Callee } from '../../src/interpreter/machine.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { corpus, SKIP } from '../support/corpora.ts';
import { machine, runState } from '../support/machine.ts';

interface Assembled {
  readonly tests: readonly {
    readonly test: string;
    readonly mem: string;
    readonly expected_r0: string;
    readonly expected_error: string;
    readonly insns: readonly string[];
  }[];
}

/** The helpers that bpf_conformance's plugin offers. */
const helpers: Record<number, Callee> = {
  0: { kind: 'host', call: ({ registers: r }) => void (r[0] = (r[1]! << 32n) | (r[2]! << 24n) | (r[3]! << 16n) | (r[4]! << 8n) | r[5]!) },
  1: {
    kind: 'host',
    call: ({ registers: r }) => void (r[0] = 0n),
  },
  2: { kind: 'host', call: ({ registers: r }) => void (r[0] = r[1]!) },
  5: { kind: 'host', call: ({ registers: r }) => void (r[0] = r[1]!) },
};

test('bpf_conformance', (t) => {
  const path = corpus('bpf_conformance/assembled.json');
  if (path === undefined) return t.skip(SKIP);
  const { tests } = JSON.parse(readFileSync(path, 'utf8')) as Assembled;
  const host = machine(helpers);
  const wrong: string[] = [];
  for (const { test: name, mem, expected_r0, insns } of tests) {
    try {
      const r0 = host.run(host.interpreter(insns.join('')), tryParseHex(mem)!);
      if (r0 !== BigInt(expected_r0)) wrong.push(`${name}: 0x${r0.toString(16)}, expected ${expected_r0}`);
    } catch (error) {
      wrong.push(`${name}: ${error}`);
    }
  }
  assert.deepEqual(wrong, []);
});

interface KernelTests {
  readonly tests: readonly {
    readonly name: string;
    readonly kind: string;
    readonly insns?: readonly string[];
    readonly insns_file?: string;
    readonly flags: readonly string[];
    readonly data: string;
    readonly results: readonly { readonly data_size: number; readonly result: number }[];
  }[];
}

test('lib/test_bpf.c', (t) => {
  const path = corpus('kernel_test_bpf/test_bpf.json');
  if (path === undefined) return t.skip(SKIP);
  const { tests } = JSON.parse(readFileSync(path, 'utf8')) as KernelTests;
  const host = machine({ 0: { kind: 'host', call: ({ registers }) => void (registers[0] = 0n) } });
  const wrong: string[] = [];
  for (const { name, kind, insns, insns_file, data, results } of tests) {
    if (kind !== 'internal') continue;
    // Holds the kernel's own zero-extension marker, mov32 with imm 1, which is no instruction of RFC9669.
    if (name === 'ATOMIC_W_CMPXCHG: all operand magnitudes') continue;
    const code = insns === undefined ? gunzipSync(readFileSync(join(dirname(path), insns_file!))) : tryParseHex(insns.join(''))!;
    for (const { data_size, result } of results) {
      const memory = new Uint8Array(data_size);
      memory.set((tryParseHex(data) ?? new Uint8Array()).subarray(0, data_size));
      try {
        const r0 = host.run(host.interpreter(code), memory, runState(1e9));
        if (Number(r0 & 0xffff_ffffn) !== result) wrong.push(`${name}: 0x${r0.toString(16)}, expected 0x${result.toString(16)}`);
      } catch (error) {
        wrong.push(`${name}: ${error}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
