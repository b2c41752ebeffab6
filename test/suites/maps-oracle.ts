// Maps against the running kernel's: random sequences of operations, from outside (bpf(2)) and from programs, on a map of the kernel and
// one of ours: results, error numbers, values, the order of iteration where the kernel has one, which elements an LRU map evicts, and
// which definitions are refused. `npm run maps-oracle -- [--rounds N] [--seed S] [--only PART] [--engine E]`; where bpf(2) is not permitted
// it says so and exits with 0. On CPU 0, as eviction depends on the CPU.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import '../../src/runtime/engines/engines.ts';
import { parse } from '../../src/asm/parse.ts';
import { nativeHost } from '../../src/node.ts';
import { createProgram, type MapShape, type Program } from '../../src/program/program.ts';
import type { EngineName } from '../../src/runtime/engines/engine-names.ts';
import type { BpfMap } from '../../src/runtime/maps/maps.ts';
import { LoadedObject } from '../../src/runtime/object/object.ts';
import { MAP_TYPE, type MapTypeName } from '../../src/spec/map-types.ts';
import { mapTypeName, mapTypeRow } from '../../src/spec/maps.ts';
import { BpfError } from '../../src/util/error.ts';
import { type Kernel, openKernel, PROG_TYPE } from '../support/kernel-bpf.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    engine: { type: 'string' },
  },
});
const OPERATIONS = 400;

/** Small linear congruential generator: the same numbers every time. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** One kind of map to be tried. */
interface Subject {
  readonly type: MapTypeName;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly mapExtra?: number;
}

const subject = (type: MapTypeName, keySize: number, valueSize: number, maxEntries: number, flags = 0, mapExtra?: number): Subject => ({
  ...{ type, keySize, valueSize, maxEntries, flags },
  ...(mapExtra === undefined ? {} : { mapExtra }),
});

const NO_PREALLOC = 1;
const NO_COMMON_LRU = 2;
const ZERO_SEED = 64;
const SUBJECTS: readonly Subject[] = [
  ...[1, 3, 4, 8, 12, 20].map((key) => subject('hash', key, 8, 16)),
  ...[subject('hash', 4, 13, 10, NO_PREALLOC), subject('array', 4, 12, 7), subject('percpu_array', 4, 12, 7)],
  ...[subject('percpu_hash', 4, 4, 8), subject('percpu_hash', 6, 12, 8, NO_PREALLOC)],
  ...[2, 7, 40, 300].map((entries) => subject('lru_hash', 4, 8, entries)),
  ...[4, 30].map((entries) => subject('lru_hash', 8, 4, entries, NO_COMMON_LRU)),
  ...[5, 40].map((entries) => subject('lru_percpu_hash', 4, 8, entries)),
  subject('lru_percpu_hash', 4, 8, 12, NO_COMMON_LRU),
  ...[subject('lpm_trie', 8, 4, 20, NO_PREALLOC), subject('lpm_trie', 5, 1, 40, NO_PREALLOC), subject('lpm_trie', 20, 8, 20, NO_PREALLOC)],
  ...[subject('queue', 0, 4, 5), subject('queue', 0, 7, 3), subject('stack', 0, 8, 4)],
  // BPF_F_RDONLY, BPF_F_WRONLY: what bpf(2) may not do, programs may.
  ...[8, 16].flatMap((flags) => [subject('hash', 4, 8, 16, flags), subject('queue', 0, 4, 5, flags), subject('array', 4, 8, 5, flags)]),
  ...[
    subject('bloom_filter', 0, 4, 20, ZERO_SEED, 3),
    subject('bloom_filter', 0, 9, 50, ZERO_SEED),
    subject('bloom_filter', 0, 40, 9, ZERO_SEED, 15),
  ],
  ...[subject('devmap', 4, 4, 5), subject('devmap_hash', 4, 4, 5), subject('cpumap', 4, 4, 4), subject('stack_trace', 4, 64, 8)],
];

/** Where a program finds its arguments in the packet, and leaves what a look-up gives. */
const AT = { flags: 0, key: 8, value: 80, bytes: 160 } as const;

/** XDP: checks the packet's length, makes the call, returns R0; a look-up's value goes into the packet, and R0 is whether there is one. */
function programText(call: number, args: readonly ('key' | 'value' | 'flags')[], valueSize: number): string {
  const isLookup = call === 1;
  // Those that write a value take no packet's memory for it.
  const onStack = call === 88 || call === 89;
  return [
    'r6 = *(u32 *)(r1 + 0)',
    'r2 = *(u32 *)(r1 + 4)',
    'r3 = r6',
    `r3 += ${AT.bytes}`,
    'if r3 > r2 goto fail',
    ...(onStack ? [...moveText('r6', AT.value, 'r10', -64, valueSize), 'r2 = -64', 'r2 += r10'] : []),
    'r1 = map[0]',
    ...args.flatMap((arg, i) => {
      if (arg === 'flags') return [`r${i + 2} = *(u64 *)(r6 + ${AT.flags})`];
      return arg === 'value' && onStack ? [] : [`r${i + 2} = r6`, `r${i + 2} += ${AT[arg]}`];
    }),
    `call ${call}`,
    ...(onStack ? moveText('r10', -64, 'r6', AT.value, valueSize) : []),
    ...(isLookup ? ['if r0 == 0 goto done', ...moveText('r0', 0, 'r6', AT.value, valueSize), 'r0 = 1'] : []),
    'done: exit',
    'fail: r0 = 1000',
    'exit',
  ].join('\n');
}

function moveText(from: string, at: number, to: string, into: number, size: number): string[] {
  const place = (base: string, offset: number): string => `*(u8 *)(${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
  return Array.from({ length: size }, (_, i) => [`r1 = ${place(from, at + i)}`, `${place(to, into + i)} = r1`]).flat();
}

/** What programs may call on a map of that type. */
const CALLS: Readonly<Record<string, readonly [id: number, args: readonly ('key' | 'value' | 'flags')[]]>> = {
  lookup: [1, ['key']],
  update: [2, ['key', 'value', 'flags']],
  delete: [3, ['key']],
  push: [87, ['value', 'flags']],
  pop: [88, ['value']],
  peek: [89, ['value']],
};

function callsOf({ type }: Subject): string[] {
  if (type === 'queue' || type === 'stack') return ['push', 'pop', 'peek'];
  if (type === 'bloom_filter') return ['push', 'peek'];
  if (mapTypeRow(MAP_TYPE[type])?.kept === 'targets' || type === 'devmap_hash') return [];
  return type === 'array' || type === 'percpu_array' ? ['lookup', 'update'] : ['lookup', 'update', 'delete'];
}

/** Result and bytes of one operation; the same two for both sides. */
type Answer = readonly [result: number, bytes: string];

interface Side {
  call(name: string, packet: Uint8Array): Answer;
  lookup(key: Uint8Array): Answer;
  update(key: Uint8Array, value: Uint8Array, flags: number): Answer;
  remove(key: Uint8Array): Answer;
  push(value: Uint8Array, flags: number): Answer;
  pop(): Answer;
  peek(value: Uint8Array): Answer;
  /** Keys and values, sorted where the order means nothing. */
  content(): string;
  close(): void;
}

const ORDERED: ReadonlySet<MapTypeName> = new Set(['lpm_trie', 'array', 'percpu_array']);

function joined(type: MapTypeName, elements: string[]): string {
  return (ORDERED.has(type) ? elements : elements.sort()).join(' ');
}

function kernelSide(kernel: Kernel, given: Subject, programs: ReadonlyMap<string, Program>, cpus: number): Side {
  const { maps } = kernel;
  const { type, keySize, valueSize, maxEntries, flags, mapExtra } = given;
  const fd = maps.create(MAP_TYPE[type], keySize, valueSize, maxEntries, flags, mapExtra === undefined ? {} : { mapExtra });
  if (fd < 0) throw new Error(`the kernel does not make a ${type}: ${fd}`);
  const isPerCpu = mapTypeRow(MAP_TYPE[type])?.perCpu === true;
  const bytes = isPerCpu ? Math.ceil(valueSize / 8) * 8 * cpus : valueSize;
  const fds = new Map<string, number>();
  for (const [name, program] of programs) {
    const patched = program.bytes.slice();
    for (let at = 0; at < patched.length; at += 8) {
      if (patched[at] !== 0x18) continue;
      new DataView(patched.buffer).setInt32(at + 4, fd, true);
      at += 8;
    }
    const made = kernel.load({ type: PROG_TYPE.xdp, bytes: patched, log: true });
    if (!('fd' in made)) throw new Error(`the kernel refuses ${name} of ${type}: ${made.log.split('\n').slice(-4).join(' / ')}`);
    fds.set(name, made.fd);
  }
  const out = new Uint8Array(Math.max(bytes, 1024));
  const got = (result: number): Answer => [result, result === 0 ? hex(out.subarray(0, bytes)) : ''];
  const lookup = (key: Uint8Array): Answer => got(maps.lookup(fd, key, out));
  return {
    call(name, packet) {
      const { retval, dataOut } = kernel.testRun(fds.get(name)!, packet);
      return [retval | 0, hex(dataOut)];
    },
    lookup,
    update: (key, value, mode) => [maps.update(fd, key, value, mode), ''],
    remove: (key) => [maps.delete(fd, key), ''],
    push: (value, mode) => [maps.update(fd, undefined, value, mode), ''],
    pop: () => got(maps.lookupAndDelete(fd, undefined, out)),
    peek(value) {
      out.set(value);
      return got(maps.lookup(fd, undefined, out));
    },
    content() {
      const elements: string[] = [];
      const next = new Uint8Array(Math.max(keySize, 1));
      for (let key: Uint8Array | undefined; keySize > 0 && maps.nextKey(fd, key, next) === 0; ) {
        key = next.slice();
        const [result, value] = lookup(key);
        if (result === 0) elements.push(`${hex(key)}=${value}`);
      }
      return joined(type, elements);
    },
    close() {
      for (const program of fds.values()) kernel.close(program);
      kernel.close(fd);
    },
  };
}

function ourSide(object: LoadedObject, { type, valueSize }: Subject, engine: EngineName): Side {
  const map = object.maps['map'] as BpfMap;
  const got = (read: () => Uint8Array | undefined): Answer => {
    try {
      const value = read();
      return value === undefined ? [-2, ''] : [0, hex(value)];
    } catch (error) {
      if (error instanceof BpfError && error.code === 'map/refused') return [-1, ''];
      throw error;
    }
  };
  return {
    call(name, packet) {
      const { r0, packet: left } = object.programs[name]!.run({ packet, engine });
      return [Number(BigInt.asIntN(32, r0)), hex(left!)];
    },
    lookup: (key) => got(() => map.getBytes(key)),
    update: (key, value, mode) => [map.setBytes(key, value, mode), ''],
    remove: (key) => [map.deleteBytes(key), ''],
    push: (value, mode) => [map.pushBytes(value, mode), ''],
    pop: () => got(() => map.popBytes()),
    peek: (value) =>
      got(() => {
        if (type !== 'bloom_filter') return map.popBytes(true);
        return map.mayHaveBytes(value) ? value.subarray(0, valueSize) : undefined;
      }),
    content() {
      const elements: string[] = [];
      for (const [key] of map.elements()) {
        const [result, value] = got(() => map.getBytes(key));
        if (result === 0) elements.push(`${hex(key)}=${value}`);
      }
      return joined(type, elements);
    },
    close: () => object.dispose(),
  };
}

/** Keys that meet each other: few, and of tries with common prefixes. */
function drawKey(given: Subject, next: (below: number) => number): Uint8Array {
  const key = new Uint8Array(given.keySize);
  const view = new DataView(key.buffer);
  if (given.type === 'lpm_trie') {
    const bits = 8 * (given.keySize - 4);
    view.setUint32(0, next(20) === 0 ? bits + 1 : next(bits + 1), true);
    for (let i = 4; i < key.length; i++) key[i] = next(3) === 0 ? next(256) : next(2) * 0xff;
    return key;
  }
  const range = given.maxEntries * 2 + 2;
  const number = next(range);
  if (key.length >= 4) view.setUint32(0, number, true);
  else key[0] = number;
  if (key.length > 4) key[key.length - 1] = number;
  return key;
}

const FLAGS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 8];

function step(
  given: Subject,
  calls: readonly string[],
  next: (below: number) => number,
  cpus: number,
): readonly [string, (side: Side) => Answer] {
  const { keySize, valueSize, type } = given;
  const key = drawKey(given, next);
  const flags = FLAGS[next(FLAGS.length)]!;
  const value = Uint8Array.from({ length: valueSize }, () => next(256));
  // Devices and queue lengths that there are.
  if (type.startsWith('devmap')) value.set([next(2), 0, 0, 0]);
  if (type === 'cpumap') value.set([0, next(3) === 0 ? 0x41 : 1, 0, 0]);
  const small = type === 'bloom_filter' ? Uint8Array.from(value, () => next(3)) : value;
  const choice = next(10);
  if (choice < 6 && calls.length > 0) {
    const name = calls[next(calls.length)]!;
    const packet = new Uint8Array(AT.bytes);
    packet[AT.flags] = flags;
    packet.set(key, AT.key);
    packet.set(small, AT.value);
    return [`program: ${name} ${hex(key)} ${hex(small)} flags ${flags}`, (side) => side.call(name, packet)];
  }
  if (keySize === 0) {
    if (choice < 8) return [`push ${hex(small)} flags ${flags}`, (side) => side.push(small, flags)];
    if (choice === 8 && type !== 'bloom_filter') return ['pop', (side) => side.pop()];
    return [`peek ${hex(small)}`, (side) => side.peek(small)];
  }
  if (type === 'stack_trace' && choice < 6) return ['look up', (side) => side.lookup(key)];
  if (choice === 9 || type === 'stack_trace') return [`delete ${hex(key)}`, (side) => side.remove(key)];
  if (choice === 8 && !mapTypeName(MAP_TYPE[type]).includes('cpumap')) return [`look up ${hex(key)}`, (side) => side.lookup(key)];
  const isPerCpu = mapTypeRow(MAP_TYPE[type])?.perCpu === true;
  const stride = Math.ceil(valueSize / 8) * 8;
  const all = new Uint8Array(isPerCpu ? stride * cpus : valueSize);
  for (let cpu = 0; cpu < (isPerCpu ? cpus : 1); cpu++)
    all.set(
      value.map((byte) => byte ^ cpu),
      cpu * stride,
    );
  return [`update ${hex(key)} ${hex(all)} flags ${flags}`, (side) => side.update(key, all, flags)];
}

/** The first difference with the steps that led to it; undefined: none. */
function compare(
  kernel: Kernel,
  given: Subject,
  seed: number,
  cpus: number,
  engine: EngineName,
  host: Awaited<ReturnType<typeof nativeHost>>['host'],
): string | undefined {
  const next = random(seed);
  const shape: MapShape = { name: 'map', ...given, type: MAP_TYPE[given.type] };
  const calls = callsOf(given);
  const programs = new Map(
    calls.map((name) => {
      const { bytes, subprograms } = parse(programText(...CALLS[name]!, given.valueSize));
      return [name, createProgram({ name, type: 'xdp', bytes, subprograms, maps: [shape] })];
    }),
  );
  const object = new LoadedObject({ name: 'maps', programs: [...programs.values()], maps: [shape] }, { cpus, host });
  const [theirs, ours] = [kernelSide(kernel, given, programs, cpus), ourSide(object, given, engine)];
  const log: string[] = [];
  try {
    for (let i = 0; i < OPERATIONS; i++) {
      const [what, run] = step(given, calls, next, cpus);
      const [a, b] = [run(theirs), run(ours)];
      log.push(`${what} -> ${a.join(' ')}`);
      const last = (): string => log.slice(-12).join('\n    ');
      if (a[0] !== b[0] || a[1] !== b[1]) return `step ${i}: ${what}\n  kernel ${a.join(' ')}\n  ours   ${b.join(' ')}\n    ${last()}`;
      // Of maps of devices and CPUs a look-up from outside gives what the kernel makes of it.
      if (i % 20 !== 19 || given.type === 'cpumap') continue;
      const [x, y] = [theirs.content(), ours.content()];
      if (x !== y) return `after step ${i}: contents\n  kernel ${x}\n  ours   ${y}\n    ${last()}`;
    }
    return undefined;
  } finally {
    theirs.close();
    ours.close();
  }
}

/** Types whose definitions can be asked about without BTF or other maps. */
const DEFINED = Object.values(MAP_TYPE).filter((type) => {
  const kept = mapTypeRow(type)?.kept;
  return kept !== undefined && kept !== 'refused' && kept !== 'local' && mapTypeRow(type)?.ofMaps !== true;
});

/** Definitions that one refuses and the other takes. */
function compareDefinitions(kernel: Kernel, seed: number, count: number): string[] {
  const next = random(seed);
  const pick = (list: readonly number[]): number => list[next(list.length)]!;
  const wrong: string[] = [];
  for (let i = 0; i < count; i++) {
    const type = pick(DEFINED);
    const [keySize, valueSize] = [pick([0, 1, 4, 4, 4, 5, 8, 16, 24, 260, 261, 513]), pick([0, 1, 4, 4, 8, 8, 12, 64, 1016, 1024, 32769])];
    const maxEntries = pick([0, 1, 2, 3, 7, 4096, 5000, 8192]);
    // The largest map of CPUs depends on how the kernel was built.
    if (type === MAP_TYPE.cpumap && maxEntries > 64) continue;
    // libbpf makes it the number of CPUs, and so do we.
    if (type === MAP_TYPE.perf_event_array && maxEntries === 0) continue;
    const flags = next(2) === 0 ? pick([0, 1]) : 1 << next(14);
    const mapExtra = type === MAP_TYPE.bloom_filter ? pick([0, 1, 5, 15, 16]) : 0;
    const fd = kernel.maps.create(type, keySize, valueSize, maxEntries, flags, { mapExtra });
    if (fd >= 0) kernel.close(fd);
    let refusal: string | undefined;
    let object: LoadedObject | undefined;
    try {
      object = new LoadedObject({
        name: 'm',
        programs: [],
        maps: [{ name: 'map', type, keySize, valueSize, maxEntries, flags, mapExtra }],
      });
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refusal = error.message;
    } finally {
      object?.dispose();
    }
    if (fd >= 0 !== (refusal === undefined)) {
      const what = `${mapTypeName(type)} key ${keySize} value ${valueSize} entries ${maxEntries} flags 0x${flags.toString(16)} extra ${mapExtra}`;
      wrong.push(`${what}: the kernel ${fd >= 0 ? 'makes it' : `says ${fd}`}, we ${refusal ?? 'make it'}`);
    }
  }
  return wrong;
}

const kernel = await openKernel();
if (typeof kernel === 'string') {
  console.log(`skipped: no kernel to compare with: ${kernel}`);
} else if (!kernel.pin(0)) {
  console.log('skipped: this process may not choose its CPU');
} else {
  const [rounds, seed] = [Number(options.rounds), Number(options.seed)];
  const { host } = await nativeHost();
  const engines: readonly EngineName[] =
    options.engine === undefined ? ['interpreter', host?.target === 'x64' ? 'x64' : 'arm64-sim'] : [options.engine as EngineName];
  const cpus = Number(readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split('-').at(-1)) + 1;
  let failed = 0;
  for (const given of SUBJECTS) {
    const label = `${given.type}, keys of ${given.keySize}, values of ${given.valueSize}, ${given.maxEntries} entries, flags ${given.flags}`;
    if (options.only !== undefined && !label.includes(options.only)) continue;
    let difference: string | undefined;
    let at = '';
    for (let round = 0; round < rounds && difference === undefined; round++) {
      for (const engine of engines) {
        if (difference !== undefined) break;
        at = `seed ${seed + round}, ${engine}`;
        difference = compare(kernel, given, seed + round, cpus, engine, host);
      }
    }
    if (difference !== undefined) failed++;
    console.log(
      `${difference === undefined ? 'same     ' : 'different'}  ${label}${difference === undefined ? '' : ` (${at})\n${difference}`}`,
    );
  }
  if (options.only === undefined || options.only === 'definitions') {
    const wrong = compareDefinitions(kernel, seed, 2000 * rounds);
    for (const line of wrong.slice(0, 20)) console.log(`different  ${line}`);
    console.log(`${wrong.length === 0 ? 'same     ' : 'different'}  definitions: ${2000 * rounds} drawn, ${wrong.length} judged otherwise`);
    if (wrong.length > 0) failed++;
  }
  console.log(failed === 0 ? 'all the same' : `${failed} differ`);
  process.exitCode = failed === 0 ? 0 : 1;
}
