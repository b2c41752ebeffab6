// Linux selftests verifier/*.c as data (../shared/corpora/test_verifier): what the kernel accepted and ran returns the same here, on
// every engine. `npm run test-verifier -- [PATH] [--engine E]...`. Programs that need what the runtime does not have are listed with
// the reason and counted apart.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { KIND, PSEUDO } from '../../src/isa/code.ts';
import { contextError } from '../../src/program/context-use.ts';
import { walkPaths } from '../../src/program/paths.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import '../../src/runtime/engines/engines.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import type { MapInput } from '../../src/runtime/object/object-input.ts';
import { ATTACH_TYPES } from '../../src/spec/programs.ts';
import { tryParseHex } from '../../src/util/bytes.ts';
import { BpfError, type ErrorCode } from '../../src/util/error.ts';
import { type OpenedEngine, type Report, runSuite, suiteArguments } from './report.ts';

interface VerifierTest {
  readonly file: string;
  readonly name: string;
  readonly prog_type: string;
  readonly expected_attach_type: number;
  readonly insns?: readonly string[];
  readonly insns_file?: string;
  /** Instructions that load a map, by the map's name. */
  readonly fixups: Readonly<Record<string, readonly number[]>>;
  readonly expect: { readonly runs: readonly { readonly retval: number; readonly data: string }[] };
  /** Per run; null: the kernel cannot test-run this type of program. */
  readonly kernel: { readonly verdict: string; readonly message?: string; readonly retvals?: readonly (number | null)[] | null };
}

/** Stands for a pointer in expected values: not to be compared. */
const POINTER_VALUE = 0xcafe4a;
const DATA_BYTES = 64;
/** BPF_F_NO_PREALLOC. */
const NO_PREALLOC = 1;
const [RDONLY_PROG, WRONLY_PROG] = [1 << 7, 1 << 8];

const TYPE = {
  hash: 1, array: 2, progArray: 3, perfEventArray: 4, stackTrace: 7, arrayOfMaps: 12, sockmap: 15, xskmap: 17, sockhash: 18,
  cgroupStorage: 19, reuseport: 20, perCpuCgroupStorage: 21, skStorage: 24, ringbuf: 27,
} as const; // biome-ignore format: a table

// biome-ignore format: a table
const MAPS: Readonly<Record<string, readonly [type: number, key: number, value: number, entries: number, flags?: number]>> = {
  map_hash_8b: [TYPE.hash, 8, 8, 1, NO_PREALLOC],
  map_hash_16b: [TYPE.hash, 8, 16, 1, NO_PREALLOC],
  map_hash_48b: [TYPE.hash, 8, 48, 1, NO_PREALLOC],
  map_array_48b: [TYPE.array, 4, 48, 1],
  map_array_ro: [TYPE.array, 4, 48, 1, RDONLY_PROG],
  map_array_wo: [TYPE.array, 4, 48, 1, WRONLY_PROG],
  map_array_small: [TYPE.array, 4, 1, 1],
  map_sockmap: [TYPE.sockmap, 4, 4, 1],
  map_sockhash: [TYPE.sockhash, 4, 4, 1],
  map_xskmap: [TYPE.xskmap, 4, 4, 1],
  map_stacktrace: [TYPE.stackTrace, 4, 8, 1],
  prog1: [TYPE.progArray, 4, 4, 4],
  prog2: [TYPE.progArray, 4, 4, 8],
  map_in_map: [TYPE.arrayOfMaps, 4, 4, 1],
  cgroup_storage: [TYPE.cgroupStorage, 16, 64, 0],
  percpu_cgroup_storage: [TYPE.perCpuCgroupStorage, 16, 64, 0],
  map_spin_lock: [TYPE.array, 4, 8, 1],
  sk_storage_map: [TYPE.skStorage, 4, 8, 0, NO_PREALLOC],
  map_event_output: [TYPE.perfEventArray, 4, 4, 1],
  map_reuseport_array: [TYPE.reuseport, 4, 8, 1],
  map_ringbuf: [TYPE.ringbuf, 0, 0, 4096],
  map_timer: [TYPE.array, 4, 16, 1],
  map_kptr: [TYPE.array, 4, 24, 1],
};
/** Entry 0 of the arrays of 48 bytes: {u32 28, 11 ints of which the seventh is set}. */
const ARRAY_VALUE = new Uint8Array(48);
new DataView(ARRAY_VALUE.buffer).setUint32(0, 28, true);
new DataView(ARRAY_VALUE.buffer).setUint32(4 + 6 * 4, 0xabcdef12, true);
const FILLED: readonly string[] = ['map_array_48b', 'map_array_ro', 'map_array_wo', 'map_array_small'];

/** Programs that the arrays hold, by slot: a number is what the program returns; 'loop' calls itself, and returns 41 when it no longer may. */
const PROGRAMS: Readonly<Record<string, Readonly<Record<number, number | 'loop'>>>> = {
  prog1: { 0: 42, 1: 'loop', 2: 24 },
  prog2: { 1: 'loop', 2: 24, 7: 42 },
};
/** What the runtime answers where it does not have a map type or helper; writes to R10 are refused even where only a verifier sees them dead. */
const LACKING: readonly ErrorCode[] = ['map/type', 'runtime/missing-helper', 'program/frame-pointer-write'];

function shapeOf(name: string): MapShape {
  const row = MAPS[name];
  if (row === undefined) throw new Error(`the suite has no map ${name}`);
  const [type, keySize, valueSize, maxEntries, flags = 0] = row;
  return { name, type, keySize, valueSize, maxEntries, flags };
}

function inputOf(name: string): MapInput {
  const elements = Object.keys(PROGRAMS[name] ?? {}).map((slot) => ({ index: Number(slot), name: `${name}_${slot}` }));
  const inner =
    name === 'map_in_map' ? { inner: { name: 'inner', type: TYPE.array, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 } } : {};
  return { ...shapeOf(name), ...(elements.length === 0 ? {} : { elements }), ...inner };
}

function arrayPrograms(map: string, type: string): Program[] {
  return Object.entries(PROGRAMS[map] ?? {}).map(([slot, what]) => {
    const word = (value: number): string => Buffer.from(Int32Array.of(value).buffer).toString('hex');
    // r3 = slot, r2 = map, tail call, r0 = 41, exit
    const text =
      what === 'loop'
        ? `b7030000${word(Number(slot))} 1812000000000000 0000000000000000 850000000c000000 b700000029000000 9500000000000000`
        : `b7000000${word(what)} 9500000000000000`;
    return createProgram({ name: `${map}_${slot}`, type, bytes: tryParseHex(text)!, maps: [shapeOf(map)] });
  });
}

function makeProgram(test: VerifierTest, folder: string): Program {
  const bytes =
    test.insns_file === undefined ? tryParseHex((test.insns ?? []).join(''))! : gunzipSync(readFileSync(join(folder, test.insns_file)));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const maps = Object.keys(test.fixups);
  for (const [index, name] of maps.entries()) for (const slot of test.fixups[name]!) view.setInt32(slot * 8 + 4, index, true);
  // An attach type of 0 is none that was chosen.
  const attach = test.expected_attach_type === 0 ? undefined : ATTACH_TYPES[test.expected_attach_type];
  return createProgram({ name: test.name, type: test.prog_type, attach, bytes, maps: maps.map(shapeOf) });
}

/** Whether the program looks into the kernel's own struct bpf_map: loads from a register right after it got a map's address. */
function readsKernelMap({ code }: Program): boolean {
  const holds = new Set<number>();
  for (let slot = 0; slot < code.slots; slot++) {
    const kind = code.kind[slot];
    if (kind === KIND.load && holds.has(code.src[slot]!)) return true;
    if (kind === KIND.lddw && code.op[slot] === PSEUDO.map) holds.add(code.dst[slot]!);
    else if (kind !== KIND.second && kind !== KIND.store) holds.clear();
  }
  return false;
}

function load(test: VerifierTest, program: Program, { engine, host }: OpenedEngine): LoadedObject {
  const names = Object.keys(test.fixups);
  const programs = [program, ...names.flatMap((name) => arrayPrograms(name, test.prog_type))];
  const object = new LoadedObject({ name: test.file, programs, maps: names.map(inputOf) }, { engine, host, clock: 0n });
  for (const name of names.filter((known) => FILLED.includes(known))) {
    object.maps[name]!.setBytes(new Uint8Array(4), ARRAY_VALUE.subarray(0, MAPS[name]![2]));
  }
  return object;
}

function checkTest(test: VerifierTest, opened: OpenedEngine, folder: string, report: Report): void {
  const name = `${test.file}: ${test.name}`;
  let object: LoadedObject | undefined;
  try {
    const program = makeProgram(test, folder);
    if (readsKernelMap(program)) return report.lack(name, "reads the kernel's struct bpf_map");
    object = load(test, program, opened);
    if (opened.engine.name !== 'interpreter') {
      const compiled = object.programs[program.name]!.image(opened.engine)?.image.size ?? 0;
      report.count('compiled', name, compiled > 0 ? undefined : 'no machine code');
    }
    report.count('accepted', name, runAll(test, object, program.name));
  } catch (error) {
    if (error instanceof BpfError && LACKING.includes(error.code)) report.lack(name, error.message);
    else report.count('accepted', name, (error as Error).message);
  } finally {
    object?.dispose();
  }
}

/** What is wrong with the results; undefined: nothing. */
function runAll(test: VerifierTest, object: LoadedObject, program: string): string | undefined {
  for (const [index, expected] of test.kernel.retvals!.entries()) {
    const run = test.expect.runs[index]!;
    if (expected === null) continue;
    const packet = new Uint8Array(DATA_BYTES);
    packet.set((tryParseHex(run.data) ?? new Uint8Array(0)).subarray(0, DATA_BYTES));
    // Without a context of the user's the kernel leaves it at 0.
    const ctx = object.programs[program]!.type === 'sched_cls' ? { ctx: { wire_len: 0 } } : {};
    const r0 = Number(object.programs[program]!.run({ packet, ...ctx }).r0 & 0xffff_ffffn);
    if (run.retval !== POINTER_VALUE && r0 !== expected >>> 0) return `0x${r0.toString(16)}, the kernel 0x${(expected >>> 0).toString(16)}`;
  }
  return undefined;
}

/** What the kernel says of accesses to the context that it refuses. */
const CONTEXT_REFUSALS = /invalid bpf_context access|modified ctx ptr|ctx ptr R\d off=|stores into R\d ctx|variable ctx access/;

/** Accesses to the context that the kernel refuses are refused, and none that it lets through. */
function checkContexts(tests: readonly VerifierTest[], folder: string): void {
  const counts = { refused: 0, of: 0, wrongly: 0 };
  for (const test of tests) {
    const { verdict, message = '' } = test.kernel;
    const wanted = verdict === 'reject' && CONTEXT_REFUSALS.test(message);
    if (!wanted && verdict !== 'accept') continue;
    let error: BpfError | undefined;
    try {
      const program = makeProgram(test, folder);
      walkPaths(program, {
        visit(slot, state) {
          error ??= contextError(program, slot, state);
        },
      });
    } catch (thrown) {
      if (!(thrown instanceof BpfError)) throw thrown;
    }
    if (wanted) counts.of++;
    if (wanted && error !== undefined) counts.refused++;
    if (wanted === (error !== undefined)) continue;
    if (!wanted) counts.wrongly++;
    process.stdout.write(`context: ${test.file}: ${test.name}: ${error?.message ?? 'accepted'}, the kernel: ${message || verdict}\n`);
    process.exitCode = 1;
  }
  process.stdout.write(`context: refused ${counts.refused} of ${counts.of}; ${counts.wrongly} that the kernel accepts\n`);
}

const { path, engines } = await suiteArguments('test_verifier/test_verifier.json');
const { tests } = JSON.parse(readFileSync(path, 'utf8')) as { tests: readonly VerifierTest[] };
const ran = tests.filter(({ kernel }) => kernel.verdict === 'accept' && (kernel.retvals ?? []).some((value) => value !== null));
process.stdout.write(`${tests.length} tests, of which the kernel accepts and runs ${ran.length}\n`);
checkContexts(tests, dirname(path));
runSuite(engines, (opened, report) => {
  for (const test of ran) checkTest(test, opened, dirname(path), report);
});
