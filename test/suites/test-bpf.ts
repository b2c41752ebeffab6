// The kernel's lib/test_bpf.c as data (../shared/corpora/kernel_test_bpf): eBPF and classic tests, what must be refused, tail calls, on
// every engine. `npm run test-bpf -- [PATH] [--engine E]...`
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeClassic } from '../../src/classic/decode.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import type { HostCall } from '../../src/runtime/engines/host.ts';
import { BpfMap } from '../../src/runtime/maps/maps.ts';
import { classicProgram, Skb } from '../../src/runtime/object/classic.ts';
import { RawMachine, type RawProgram } from '../../src/runtime/object/raw.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { PLACE } from '../../src/window/window.ts';
import { type Report, runSuite, suiteArguments } from './report.ts';

interface KernelTest {
  readonly name: string;
  readonly kind: 'internal' | 'classic';
  readonly insns?: readonly string[];
  readonly insns_file?: string;
  readonly flags: readonly string[];
  readonly data: string;
  readonly frag_data: string;
  /** Low 32 bits of R0 per length of the linear data. */
  readonly results: readonly { readonly data_size: number; readonly result: number }[];
}

interface TailCallTest {
  readonly id: number;
  readonly name: string;
  readonly flags: readonly string[];
  readonly result: number;
  readonly insns: readonly string[];
}

interface Suite {
  readonly tests: readonly KernelTest[];
  readonly tail_call_tests?: readonly TailCallTest[];
}

const FUEL = 1e9;
/** Programs whose code is kept before room is made for others. */
const UNLOAD = 64;
/** Bytes of the page fragment. */
const FRAGMENT = 128;
/** The simulated socket buffer, as the suite's `meta` has it. */
const SKB = {
  pktType: 3, mark: 0x1234aaaa, hash: 0x1234aaab, queue: 123, vlanTci: 0xffff, vlanPresent: 1, vlanProto: 0x0800, ifindex: 577,
  deviceType: 588, protocol: 0x0800,
}; // biome-ignore format: a record

const { path, engines } = await suiteArguments('kernel_test_bpf/test_bpf.json');
const suite = JSON.parse(readFileSync(path, 'utf8')) as Suite;

function checkTest(machine: RawMachine, skb: Skb, test: KernelTest, report: Report): void {
  const group = test.kind === 'classic' ? 'classic' : 'eBPF';
  let program: Program;
  try {
    program = makeProgram(test);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (test.flags.includes('FLAG_EXPECTED_FAIL')) report.count('refused', test.name, undefined);
    else report.count(group, test.name, `refused: ${error.message} [${error.code}]`);
    return;
  }
  if (test.flags.includes('FLAG_EXPECTED_FAIL')) return report.count('refused', test.name, 'was accepted');
  let loaded: RawProgram;
  try {
    loaded = machine.load(program);
  } catch (error) {
    return report.count(group, test.name, `not loaded: ${(error as Error).message}`);
  }
  countCompiled(machine, loaded, test.name, report);
  const wrong = test.results.flatMap(({ data_size, result }) => {
    try {
      const r0 = Number(runTest(skb, test, loaded, data_size) & 0xffff_ffffn);
      return r0 === result >>> 0 ? [] : [`0x${r0.toString(16)}, expected 0x${(result >>> 0).toString(16)} with ${data_size} bytes`];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  report.count(group, test.name, wrong[0]);
}

/** A program that runs right need not have been compiled: asserted apart. */
function countCompiled(machine: RawMachine, loaded: RawProgram, name: string, report: Report): void {
  if (machine.engine === 'interpreter') return;
  report.count('compiled', name, (loaded.compiledBytes ?? 0) > 0 ? undefined : 'no machine code');
}

function makeProgram(test: KernelTest): Program {
  const bytes =
    test.insns_file === undefined
      ? tryParseHex((test.insns ?? []).join(''))!
      : gunzipSync(readFileSync(join(dirname(path), test.insns_file)));
  if (test.kind === 'classic') return classicProgram(decodeClassic(bytes, test.name), { name: test.name });
  return createProgram({ name: test.name, bytes: publicForm(bytes) });
}

/** Instructions that exist only inside the kernel become those that mean the same: zero-extension markers and tail calls. */
function publicForm(internal: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(internal);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) {
    // mov32 r, r with imm 1.
    if (bytes[at] === 0xbc && view.getInt32(at + 4, true) === 1) view.setInt32(at + 4, 0, true);
    if (bytes[at] === 0xf5) {
      view.setBigUint64(at, 0n, true);
      view.setUint8(at, 0x85);
      view.setInt32(at + 4, 12, true);
    }
  }
  return bytes;
}

function runTest(skb: Skb, test: KernelTest, loaded: RawProgram, size: number): bigint {
  const given = tryParseHex(test.data) ?? new Uint8Array(0);
  const fragment = test.flags.includes('FLAG_SKB_FRAG') ? (tryParseHex(test.frag_data) ?? new Uint8Array(0)) : undefined;
  const data = new Uint8Array(size + (fragment === undefined ? 0 : FRAGMENT));
  data.set(given.subarray(0, size));
  if (fragment !== undefined) data.set(fragment, size);
  const run = { ...skb.place(data, { ...SKB, network: Math.min(size, 14) }), fuel: FUEL };
  if (test.flags.includes('FLAG_NO_DATA')) return loaded.run({ r1: 0, r2: 0, fuel: FUEL });
  if (test.flags.includes('FLAG_LARGE_MEM')) return loaded.run({ ...run, r1: PLACE.packet });
  return loaded.run(run);
}

const MARK = 0x7a11ca11;
const MAX_RUNS = 1000;
const LDDW = 0x18;
const MOV32 = 0xb4;
const CALL = 0x85;

/** What the tests call between tail calls: nothing that they look at. */
const TAIL_CALL_HELPERS: Readonly<Record<number, HostCall>> = Object.fromEntries(
  [5, 42, 118, 125, 160, 212].map((id) => [id, (_r1: bigint, _r2: bigint) => 0n]),
);

/** The table's programs call each other by relative index; its last entry is empty. */
function checkTailCalls(machine: RawMachine, tests: readonly TailCallTest[], report: Report): void {
  const shape = { name: 'progs', type: 3, keySize: 4, valueSize: 4, maxEntries: tests.length + 1, flags: 0 };
  const array = new BpfMap(machine.home, shape);
  machine.home.addMap(array);
  const state = machine.window.allocate(16);
  machine.regions.add({ name: 'the state', start: state, end: state + 4 });
  const programs = tests.map((test) => createProgram({ name: test.name, bytes: tailCallBytes(test, tests.length), maps: [shape] }));
  programs.forEach((program, index) => {
    array.set(index, machine.numberOf(program));
  });
  for (const [index, test] of tests.entries()) {
    const loaded = machine.load(programs[index]!);
    countCompiled(machine, loaded, test.name, report);
    const wrong = runTailCall(machine, test, loaded, state);
    report.count('tail calls', test.name, wrong === test.result ? undefined : `${wrong}, expected ${test.result}`);
  }
}

function runTailCall(machine: RawMachine, test: TailCallTest, loaded: RawProgram, state: number): number | string {
  try {
    if (!test.flags.includes('FLAG_RESULT_IN_STATE')) return Number(BigInt.asIntN(32, loaded.run({ r1: 0, r2: 0, fuel: FUEL })));
    machine.window.setU32(state, 0);
    for (let i = 0; i < MAX_RUNS; i++) loaded.run({ r1: state, r2: 0, fuel: FUEL });
    return machine.window.u32(state);
  } catch (error) {
    return (error as Error).message;
  }
}

function tailCallBytes({ id, insns }: TailCallTest, count: number): Uint8Array {
  const bytes = publicForm(tryParseHex(insns.join(''))!);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) {
    const opcode = bytes[at];
    const imm = view.getUint32(at + 4, true);
    const offset = view.getInt16(at + 2, true);
    if (opcode === LDDW && imm === MARK) {
      view.setUint8(at + 1, bytes[at + 1]! | (1 << 4));
      view.setUint32(at + 4, 0, true);
    } else if (opcode === MOV32 && imm === MARK) {
      view.setUint32(at + 4, offset === 0x7fff ? count : offset === 0x7ffe ? count + 1 : id + offset, true);
      view.setInt16(at + 2, 0, true);
    } else if (opcode === CALL && bytes[at + 1]! >> 4 === 1) {
      // Stands for the call of a helper.
      view.setUint8(at + 1, bytes[at + 1]! & 0xf);
    }
    if (opcode === LDDW) at += 8;
  }
  return bytes;
}

runSuite(engines, ({ engine, host }, report) => {
  const skb = new Skb();
  const machine = new RawMachine(engine, { helpers: { ...skb.helpers, 0: (_r1, _r2) => 0n }, host });
  skb.attach(machine);
  for (const [index, test] of suite.tests.entries()) {
    checkTest(machine, skb, test, report);
    if (index % UNLOAD === UNLOAD - 1) machine.unload();
  }
  checkTailCalls(new RawMachine(engine, { helpers: TAIL_CALL_HELPERS, host }), suite.tail_call_tests ?? [], report);
});
