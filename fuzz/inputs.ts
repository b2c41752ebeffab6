// The kinds of input that strangers may give, with what is done to each: all the way through whoever takes it. Inputs are bytes; text is
// UTF-8. A kind's `take` returns, or throws a BpfError; anything else is a mistake of ours.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseDataFile } from '../src/asm/data-file.ts';
import { parse } from '../src/asm/parse.ts';
import { print } from '../src/asm/print.ts';
import { parseBtfExt } from '../src/btf/ext.ts';
import { printDeclaration, printType } from '../src/btf/print.ts';
import { shapeOf } from '../src/btf/shape.ts';
import { alignOf, type Btf, parseBtf, resolve, sizeOf } from '../src/btf/types.ts';
import { type ClassicInstruction, decodeClassic, parseClassic } from '../src/classic/decode.ts';
import { readElf } from '../src/elf/read.ts';
import { addressFromNumber } from '../src/jit/address.ts';
import { compile } from '../src/jit/compile.ts';
import { dump } from '../src/jit/listing.ts';
import { findTarget, TARGET_NAMES } from '../src/jit/targets.ts';
import { link } from '../src/object/link.ts';
import { load } from '../src/object/load.ts';
import type { CollectionSpec } from '../src/object/spec.ts';
import { PacketBlock } from '../src/pcap/block.ts';
import { readCapture } from '../src/pcap/capture.ts';
import { toEthernet } from '../src/pcap/link.ts';
import { CaptureReader, readPackets } from '../src/pcap/read.ts';
import { createProgram, type MapShape, type Program } from '../src/program/program.ts';
import { decodeShape, encodeShape } from '../src/runtime/maps/btf-values.ts';
import { classicProgram } from '../src/runtime/object/classic.ts';
import { printDeclarations } from '../src/runtime/object/declarations.ts';
import { BpfError } from '../src/util/error.ts';
import { newTally, tryObject } from '../test/robust/outcome.ts';
import { mutateBytes, mutateSlots, mutateText } from './mutate.ts';
import type { Random } from './random.ts';
import { LCOV_SEEDS, takeLcov, takeWatched } from './watched.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const corpora = join(root, '../shared/corpora');

export interface Kind {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  mutate(seed: Uint8Array, other: Uint8Array, random: Random): Uint8Array;
  take(bytes: Uint8Array): void;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const textMutation = (seed: Uint8Array, other: Uint8Array, random: Random): Uint8Array =>
  random.oneIn(8) ? mutateBytes(seed, other, random) : encoder.encode(mutateText(decoder.decode(seed), decoder.decode(other), random));

/** Files below `folder` that end in one of `endings` and have at most `limit` bytes; none where the folder is absent. */
function files(folder: string, endings: readonly string[], limit: number): Uint8Array[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return names
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))))
    .filter(({ length }) => length > 0 && length <= limit);
}

/** As the input itself is refused there is nothing more to see; of what it holds, one refusal leaves the others. */
function each<T>(items: Iterable<T>, act: (item: T) => void): void {
  for (const item of items) {
    try {
      act(item);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
    }
  }
}

/** Callees far away by turns; maps and functions are small numbers. */
function compileEverywhere(program: Program): void {
  print(program.code);
  for (const name of TARGET_NAMES) {
    const target = findTarget(name)!;
    let symbols = 0;
    const image = compile(program, target, {
      allocate: () => addressFromNumber(0x1_0000_0000),
      resolve: ({ kind }) => {
        const place = ++symbols * 64;
        if (kind === 'map' || kind === 'mapValue' || kind === 'function') return addressFromNumber(place);
        return addressFromNumber(symbols % 2 === 0 ? 0x1_0100_0000 + place : 0x7f00_0000_0000 + place);
      },
    });
    if (program.code.slots < 2000) dump(program, image, target);
  }
}

function takeCollection(collection: CollectionSpec, btf?: Btf): void {
  each(collection.programs.slice(0, 24), ({ name }) => {
    const program = createProgram({ ...link(collection, name, { btf }), maps: collection.maps });
    if (collection.littleEndian) compileEverywhere(program);
  });
}

/** Values of larger types are not read: there are thousands of types in an object. */
const MAX_VALUE_BYTES = 1024;

function takeBtf(btf: Btf): void {
  each(btf.types.slice(0, 3000).keys(), (id) => {
    printDeclaration(btf, id);
    printType(btf, id);
    resolve(btf, id);
    sizeOf(btf, id);
    alignOf(btf, id);
    const shape = shapeOf(btf, id);
    if (shape.bytes > MAX_VALUE_BYTES) return;
    const out = new Uint8Array(shape.bytes);
    encodeShape(btf, shape, decodeShape(shape, new Uint8Array(shape.bytes).fill(0x41)), out, () => 'fuzz');
  });
}

const objects = [
  ...files(join(root, 'examples'), ['.o'], 100_000),
  ...files(join(root, 'test/corpus'), ['.o'], 100_000),
  ...files(join(corpora, 'objects'), ['.o', '.elf'], 60_000),
];

/** Sections of that name of the little-endian objects. */
function sections(name: string): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const bytes of objects) {
    each([bytes], () => {
      const section = readElf(bytes, 'seed.o').sections.find((one) => one.name === name);
      if (section !== undefined && section.data.length > 0) found.push(section.data.slice());
    });
  }
  return found;
}

/** Machine code of linked programs. */
function programs(): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const bytes of objects.slice(0, 60)) {
    each([bytes], () => {
      const collection = load(bytes, 'seed.o');
      if (!collection.littleEndian) return;
      each(collection.programs.slice(0, 3), ({ name }) => found.push(link(collection, name).bytes));
    });
  }
  return found.filter(({ length }) => length > 0 && length < 40_000);
}

const filetests = files(join(root, 'test/filetests'), ['.bpft'], 20_000);

function assemblyOf(text: Uint8Array): Uint8Array[] {
  const asm = parseDataFile(decoder.decode(text), 'seed').sections.find(({ name }) => name === 'asm');
  return asm === undefined ? [] : [encoder.encode(asm.body)];
}

/** tcpdump -ddd of a few expressions: jumps, scratch memory, ancillary data, X. */
const CLASSIC_SEEDS = [
  '4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n',
  '12\n40 0 0 12\n21 0 8 2048\n48 0 0 23\n21 0 6 17\n40 0 0 20\n69 4 0 8191\n177 0 0 14\n72 0 0 16\n21 0 1 53\n6 0 0 262144\n6 0 0 0\n6 0 0 0\n',
  '9\n32 0 0 4294963200\n2 0 0 3\n97 0 0 3\n12 0 0 0\n7 0 0 0\n64 0 0 4\n84 0 0 255\n129 0 0 0\n22 0 0 0\n',
  '{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x000086dd },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n',
];

function classicSeeds(): Uint8Array[] {
  const seeds = CLASSIC_SEEDS.map((text) => encoder.encode(text));
  try {
    const text = gunzipSync(readFileSync(join(corpora, 'cbpf/filters.json.gz'))).toString('latin1');
    for (const [match] of text.slice(0, 2_000_000).matchAll(/\d+\\n(?:\d+ \d+ \d+ \d+\\n)+/g)) {
      if (seeds.length < 200) seeds.push(encoder.encode(match.replaceAll('\\n', '\n')));
    }
  } catch {
    // Absent: the few above.
  }
  return seeds;
}

function classicBytes(instructions: readonly ClassicInstruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * instructions.length);
  const view = new DataView(bytes.buffer);
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    view.setUint16(8 * i, code, true);
    bytes[8 * i + 2] = jt;
    bytes[8 * i + 3] = jf;
    view.setUint32(8 * i + 4, k, true);
  }
  return bytes;
}

function takeClassic(instructions: readonly ClassicInstruction[]): void {
  each([true, false], (backward) => compileEverywhere(classicProgram(instructions, { name: 'fuzz', backward })));
}

const PACKET = new Uint8Array(64).fill(0x45);

/** The first objects of the corpus are relocated against each BTF. */
const relocatable = objects.slice(0, 40).flatMap((bytes): CollectionSpec[] => {
  try {
    const collection = load(bytes, 'seed.o');
    return collection.functions.some(({ relocations }) => relocations.length > 0) ? [collection] : [];
  } catch {
    return [];
  }
});

function pcapSeeds(): Uint8Array[] {
  const found = files(join(corpora, 'pcaps'), ['.pcap', '.pcapng'], 20_000_000).map((bytes) => bytes.slice(0, 4096));
  return found.length > 0 ? found : [PCAP];
}
/** One packet of 4 bytes, microseconds, Ethernet. */
const PCAP = Uint8Array.from(
  Buffer.from('d4c3b2a1020004000000000000000000ffff00000100000001000000020000000400000004000000aabbccdd', 'hex'),
);
/** Section, interface, one packet. */
const PCAPNG = Uint8Array.from(
  Buffer.from(
    '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c00000001000000140000000100000000000400140000000600000024000000000000000000000001000000040000000400000001020304' +
      '24000000',
    'hex',
  ),
);

/** What linked seeds name by index: arrays and hashes. */
const MAPS: readonly MapShape[] = Array.from({ length: 16 }, (_, i) => ({
  ...{ name: `map${i}`, type: 1 + (i % 2), keySize: 4, valueSize: 1 + 7 * i, maxEntries: 1 << i, flags: 0 },
}));

/** Whole, in pieces of 7 bytes, and by the block: the same packets. */
function takeCapture(bytes: Uint8Array): void {
  const whole = outcome(() => [...readPackets(bytes, 'fuzz.pcap')].map(({ data }) => data.length));
  const pieces = outcome(() => {
    const reader = new CaptureReader('fuzz.pcap');
    const lengths: number[] = [];
    for (let at = 0; at < bytes.length; at += 7) {
      reader.push(bytes.subarray(at, at + 7));
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) lengths.push(packet.data.length);
    }
    reader.end();
    return lengths;
  });
  if (whole !== pieces) throw new Error(`in one piece: ${whole}\nin pieces: ${pieces}`);
  const blocks = outcome(() => {
    const capture = readCapture(bytes, 'fuzz.pcap').blocks();
    const area = new Uint8Array(256);
    const block = new PacketBlock(5);
    const lengths: number[] = [];
    while (capture.nextBlock(area, block)) lengths.push(...block.lengths.subarray(0, block.count));
    return lengths;
  });
  if (whole !== blocks) throw new Error(`in one piece: ${whole}\nby the block: ${blocks}`);
  outcome(() => {
    const capture = readCapture(bytes, 'fuzz.pcap').blocks();
    const area = new Uint8Array(4096);
    for (const block = new PacketBlock(100); capture.nextBlock(area, block); ) toEthernet(block, 'the fuzzer');
  });
}

function outcome(act: () => unknown): string {
  try {
    return JSON.stringify(act());
  } catch (error) {
    if (error instanceof BpfError) return error.code;
    throw error;
  }
}

export function kinds(): readonly Kind[] {
  const btfs = sections('.BTF');
  const exts = sections('.BTF.ext');
  const wholeBtf = btfs.flatMap((bytes) => {
    try {
      return [parseBtf(bytes, 'seed')];
    } catch {
      return [];
    }
  })[0]!;
  return [
    {
      name: 'object',
      seeds: objects,
      mutate: mutateBytes,
      take(bytes) {
        const collection = load(bytes, 'fuzz.o');
        if (collection.btf !== undefined) takeBtf(collection.btf);
        takeCollection(collection);
        printDeclarations(collection);
      },
    },
    {
      name: 'run',
      seeds: objects.filter(({ length }) => length < 10_000).slice(0, 40),
      mutate: mutateBytes,
      take: (bytes) => tryObject(bytes, PACKET, newTally()),
    },
    {
      name: 'watched',
      seeds: objects.filter(({ length }) => length < 10_000).slice(0, 40),
      mutate: mutateBytes,
      take: (bytes) => void takeWatched(bytes, PACKET),
    },
    {
      name: 'lcov',
      seeds: LCOV_SEEDS.map((text) => encoder.encode(text)),
      mutate: textMutation,
      take: (bytes) => takeLcov(decoder.decode(bytes)),
    },
    {
      name: 'btf',
      seeds: btfs,
      mutate: mutateBytes,
      take(bytes) {
        const btf = parseBtf(bytes, 'fuzz.btf');
        takeBtf(btf);
        each(relocatable, (collection) => takeCollection(collection, btf));
      },
    },
    { name: 'btf-ext', seeds: exts, mutate: mutateBytes, take: (bytes) => void parseBtfExt(bytes, wholeBtf, 'fuzz') },
    {
      name: 'assembly',
      seeds: filetests.flatMap(assemblyOf),
      mutate: textMutation,
      take(bytes) {
        const { bytes: code, subprograms, lines } = parse(decoder.decode(bytes), 'fuzz.bpfasm');
        compileEverywhere(createProgram({ name: 'fuzz', bytes: code, lines, subprograms }));
      },
    },
    {
      name: 'data-file',
      seeds: filetests,
      mutate: textMutation,
      take: (bytes) => void parseDataFile(decoder.decode(bytes), 'fuzz.bpft'),
    },
    {
      name: 'bytecode',
      seeds: programs(),
      mutate: mutateSlots,
      take: (bytes) => compileEverywhere(createProgram({ name: 'fuzz', bytes, maps: MAPS })),
    },
    { name: 'capture', seeds: [...pcapSeeds(), PCAP, PCAPNG], mutate: mutateBytes, take: takeCapture },
    {
      name: 'classic',
      seeds: classicSeeds(),
      mutate: textMutation,
      take: (bytes) => takeClassic(parseClassic(decoder.decode(bytes), 'fuzz')),
    },
    {
      name: 'classic-bytes',
      seeds: classicSeeds().map((text) => classicBytes(parseClassic(decoder.decode(text), 'seed'))),
      mutate: mutateBytes,
      take: (bytes) => takeClassic(decodeClassic(bytes, 'fuzz')),
    },
  ];
}
