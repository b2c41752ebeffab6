// Values through BTF types, both ways: random types and bytes, then what each kind looks like and which input is refused, with its place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { namedMembers, type Shape, shapeOf } from '../../src/btf/shape.ts';
import type { Btf, BtfMember, BtfType } from '../../src/btf/types.ts';
import { sizeOf } from '../../src/btf/types.ts';
import { btfCodec, decodeShape, encodeShape } from '../../src/runtime/maps/btf-values.ts';
import type { ValueCodec } from '../../src/runtime/maps/values.ts';
import type { BpfError } from '../../src/util/error.ts';
import { StringTable } from '../../src/util/strings.ts';

/** A table of types that grows; the methods give ids. */
class Types {
  readonly types: BtfType[] = [{ kind: 'void', name: '' }];
  readonly btf: Btf = {
    types: this.types,
    strings: new StringTable(new Uint8Array(1), 'btf/bad-string', { in: 'file', path: 'test' }),
    path: 'test',
  };

  add(type: BtfType): number {
    return this.types.push(type) - 1;
  }
  int(name: string, size: number, signed = false): number {
    return this.add({ kind: 'int', name, size, bits: 8 * size, bitOffset: 0, signed, char: false, bool: name === '_Bool' });
  }
  array(type: number, length: number): number {
    return this.add({ kind: 'array', name: '', type, indexType: 0, length });
  }
  enum(name: string, names: Readonly<Record<string, bigint>>, size = 4, signed = false): number {
    const enumerators = Object.entries(names).map(([enumerator, value]) => ({ name: enumerator, value }));
    return this.add({ kind: size === 8 ? 'enum64' : 'enum', name, size, signed, enumerators });
  }
  typedef(name: string, type: number): number {
    return this.add({ kind: 'typedef', name, type });
  }
  size(type: number): number {
    return sizeOf(this.btf, type) ?? 0;
  }
  /** Members as [name, type] or [name, type, bits], laid out in order without holes; `slack`: bytes behind them. */
  record(kind: 'struct' | 'union', name: string, members: readonly (readonly [string, number, number?])[], slack = 0): number {
    let at = 0;
    let bits = 0;
    const laidOut = members.map(([member, type, width]): BtfMember => {
      const from = kind === 'union' ? 0 : width === undefined ? 8 * Math.ceil(at / 8) : at;
      at = from + (width ?? 8 * this.size(type));
      bits = Math.max(bits, at);
      return { name: member, type, bitOffset: from, bitfieldBits: width ?? 0 };
    });
    return this.add({ kind, name, size: Math.ceil(bits / 8) + slack, members: laidOut });
  }
  struct(name: string, ...members: readonly (readonly [string, number, number?])[]): number {
    return this.record('struct', name, members);
  }
  codec(type: number, name = 'value', isKey = false): ValueCodec {
    return btfCodec(this.btf, type, this.size(type), name, { isKey });
  }
}

/** A random type of limited depth; numbers drawn from `next(below)`. */
function randomType(types: Types, next: (below: number) => number, depth: number): number {
  switch (next(depth === 0 ? 6 : 11)) {
    case 0:
      return types.int('number', [1, 2, 4, 8, 16][next(5)]!, next(2) === 1);
    case 1:
      return types.int('_Bool', 1);
    case 2:
      return types.enum('choice', { A: 0n, B: 5n }, [1, 2, 4, 8][next(4)]!, next(2) === 1);
    case 3:
      return types.array(types.int('unsigned char', 1), next(9));
    case 4:
      return types.add({ kind: 'ptr', name: '', type: 0 });
    case 5:
      return types.typedef('t', types.add({ kind: 'const', name: '', type: types.int('long', 8, true) }));
    case 6:
    case 7:
      return types.array(randomType(types, next, depth - 1), next(4));
    default: {
      const members: (readonly [string, number, number?])[] = [];
      for (let i = next(5); i >= 0; i--) {
        const name = `m${types.types.length}`;
        if (next(3) === 0) {
          const bytes = [1, 2, 4, 8][next(4)]!;
          members.push([name, types.int('field', bytes, next(2) === 1), 1 + next(8 * bytes)]);
        } else {
          const type = randomType(types, next, depth - 1);
          const { kind } = types.types[type]!;
          members.push([(kind === 'struct' || kind === 'union') && next(3) === 0 ? '' : name, type]);
        }
      }
      return types.record(next(3) === 0 ? 'union' : 'struct', 'r', members, next(3));
    }
  }
}

/** Bits that no member has. An array without a length at a struct's end has what the struct is padded with. */
function padding(shape: Shape, at: number, end: number, bits: Set<number>): void {
  const fill = (from: number, to: number): void => {
    for (let bit = from; bit < to; bit++) bits.delete(bit);
  };
  if (shape.kind === 'list') {
    const step = 8 * shape.element.bytes;
    for (let from = at; from + step <= end; from += step) padding(shape.element, from, from + step, bits);
  } else if (shape.kind === 'record') {
    for (const member of shape.members) {
      const { offset, bits: field, shape: inner } = member;
      const from = at + 8 * offset;
      const open = shape.open && member === shape.members.at(-1);
      if (field === undefined) padding(inner, from, open ? end : from + 8 * inner.bytes, bits);
      else fill(from + field.skip, from + field.skip + field.width);
    }
  } else fill(at, end);
}

const draws = fc.array(fc.nat(0x7fffffff), { minLength: 60, maxLength: 60 });

function drawing(numbers: readonly number[]): (below: number) => number {
  let at = 0;
  return (below) => numbers[at++ % numbers.length]! % below;
}

test('any type: reading and writing give the bytes again, and zeros between the members', () => {
  fc.assert(
    fc.property(draws, fc.uint8Array({ minLength: 64, maxLength: 64 }), (numbers, noise) => {
      const types = new Types();
      const id = randomType(types, drawing(numbers), 3);
      const shape = shapeOf(types.btf, id);
      const bytes = Uint8Array.from({ length: types.size(id) }, (_, i) => noise[i % 64]!);
      // A _Bool has two values; in a union, what it is read as cannot be told from other bytes.
      const hasBool = types.types.some((type) => type.kind === 'int' && type.bool);
      if (hasBool) bytes.fill(1);
      const value = decodeShape(shape, bytes);
      const out = new Uint8Array(bytes.length);
      encodeShape(types.btf, shape, value, out, () => 'value');
      assert.deepEqual(decodeShape(shape, out), value);
      const holes = new Set(Array.from({ length: 8 * bytes.length }, (_, i) => i));
      padding(shape, 0, 8 * bytes.length, holes);
      const expected = bytes.slice();
      for (const bit of holes) expected[bit >> 3]! &= ~(1 << (bit & 7));
      assert.deepEqual(out, expected);
      const codec = types.codec(id);
      const again = new Uint8Array(bytes.length);
      codec.encode(codec.fromJson(JSON.parse(JSON.stringify(jsonOf(value)))), again);
      assert.deepEqual(again, expected);
    }),
    { numRuns: 400, seed: 1 },
  );
});

function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value!).map(([name, one]) => [name, jsonOf(one)]));
  return value;
}

const types = new Types();
const u8 = types.int('unsigned char', 1);
const u16 = types.int('unsigned short', 2);
const u32 = types.int('unsigned int', 4);
const s32 = types.int('int', 4, true);
const u64 = types.int('unsigned long', 8);
const char = types.int('char', 1, true);

function encoded(type: number, value: unknown, name = 'v'): number[] {
  const codec = types.codec(type, name);
  const out = new Uint8Array(codec.bytes);
  codec.encode(value, out);
  return [...out];
}

function decoded(type: number, bytes: readonly number[], isKey = false): unknown {
  return types.codec(type, 'v', isKey).decode(Uint8Array.from(bytes));
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.equal((error as BpfError).code, 'map/value');
    return (error as BpfError).message;
  }
  return 'accepted';
}

test('text ends at its first zero, that of a key at its last byte; nothing is lost that is no UTF-8', () => {
  const name = types.array(char, 8);
  const comm = [0x62, 0x61, 0x73, 0x68, 0, 0x78, 0, 0];
  assert.equal(decoded(name, comm), 'bash');
  assert.equal(decoded(name, comm, true), 'bash\0x');
  assert.deepEqual(encoded(name, 'bash\0x'), comm);
  assert.equal(
    decoded(
      name,
      [...'exactly8'].map((one) => one.charCodeAt(0)),
    ),
    'exactly8',
  );
  assert.deepEqual(encoded(name, 'né'), [0x6e, 0xc3, 0xa9, 0, 0, 0, 0, 0]);
  const binary = [0xff, 0xc3, 0x28, 0xf0, 0x9f, 0x90, 0x9d, 0x80];
  assert.deepEqual(encoded(name, decoded(name, binary)), binary);
  assert.match(decoded(name, binary) as string, /🐝/u);
  assert.equal(
    refusal(() => encoded(name, 'nine bytes')),
    'v: "nine bytes" has 10 bytes, more than 8',
  );
  // `signed char` is a small number, `unsigned char` a byte.
  assert.deepEqual(decoded(types.array(types.int('signed char', 1, true), 2), [255, 1]), [-1, 1]);
  assert.deepEqual(decoded(types.array(u8, 2), [255, 1]), Uint8Array.of(255, 1));
});

test('a struct with what C has', () => {
  const state = types.enum('state', { IDLE: 0n, BUSY: 7n });
  const wide = types.enum('wide', { FAR: 1n << 40n, NEAR: -1n }, 8, true);
  const port = types.struct('port', ['number', u16], ['proto', u16]);
  const inner = types.record('union', '', [
    ['word', u32],
    ['ports', types.array(port, 1)],
  ]);
  const all = types.struct(
    'all',
    ['packets', u64],
    ['state', state],
    ['wide', wide],
    ['', inner],
    ['low', u32, 3],
    ['sign', s32, 5],
    ['far', u64, 40],
    ['list', types.array(types.array(u16, 2), 2)],
    ['ratio', types.add({ kind: 'float', name: 'double', size: 8 })],
    ['ok', types.int('_Bool', 1)],
    ['huge', types.int('__int128', 16, true)],
    ['lock', types.struct('bpf_spin_lock', ['val', u32])],
  );
  const given = {
    packets: 2n ** 63n,
    state: 'BUSY',
    wide: 'NEAR',
    word: 0x0006_0050,
    low: 5,
    sign: -3,
    far: 2n ** 39n,
    list: [[1], [2, 3]],
    ratio: 0.5,
    ok: true,
    huge: -5n,
  };
  const value = decoded(all, encoded(all, given));
  const read = { ...given, state: 7, wide: -1n, ports: [{ number: 80, proto: 6 }], list: [[1, 0], [2, 3]] }; // biome-ignore format: short
  assert.deepEqual(value, read);
  assert.deepEqual(encoded(all, value), encoded(all, given), 'all members of the union agree');
  assert.deepEqual(decoded(all, encoded(all, { ports: [{ proto: 6 }] })), { ...(decoded(all, encoded(all, {})) as object), ports: [{ number: 0, proto: 6 }], word: 0x60000 }); // biome-ignore format: short
});

test('what does not fit is refused where it stands', () => {
  const port = types.struct('port', ['number', u16], ['proto', u16]);
  const flow = types.struct(
    'flow',
    ['ports', types.array(port, 4)],
    ['state', types.enum('state', { IDLE: 0n, BUSY: 7n })],
    ['low', u32, 3],
  );
  const stats = (value: unknown): string => refusal(() => encoded(flow, value, 'stats[3]'));
  assert.equal(stats({ ports: [{}, {}, { proto: 70000 }] }), 'stats[3].ports[2].proto: 70000 does not fit u16');
  assert.equal(stats({ ports: [{ proto: -1 }] }), 'stats[3].ports[0].proto: -1 does not fit u16');
  assert.equal(stats({ ports: [{ proto: 1.5 }] }), 'stats[3].ports[0].proto: 1.5 is no integer');
  assert.equal(stats({ ports: [{ proto: 'tcp' }] }), 'stats[3].ports[0].proto: the string "tcp" given where u16 is needed');
  assert.equal(
    stats({ ports: [{ prot: 6 }] }),
    'stats[3].ports[0]: struct port has no member prot; did you mean proto? there are number, proto',
  );
  assert.equal(stats({ ports: [5] }), 'stats[3].ports[0]: a number given where struct port is needed');
  assert.equal(stats({ ports: [{}, {}, {}, {}, {}] }), 'stats[3].ports: 5 elements given, it has 4');
  assert.equal(stats({ ports: new Uint8Array(3) }), 'stats[3].ports: 3 bytes given, it has 16');
  assert.equal(stats({ state: 'BUSI' }), 'stats[3].state: enum state has no BUSI; did you mean BUSY? there are IDLE, BUSY');
  assert.equal(stats({ low: 8 }), 'stats[3].low: 8 does not fit 3 bits of u32');
  assert.equal(stats(undefined), 'stats[3]: undefined given where struct flow is needed');
  assert.equal(refusal(() => encoded(u64, 2 ** 60)), 'v: 1152921504606847000 is not exact as a number, a bigint would be'); // biome-ignore format: short
  const either = types.record('union', 'either', [
    ['word', u32],
    ['bytes', types.array(u8, 4)],
  ]);
  assert.equal(
    refusal(() => encoded(either, { word: 1, bytes: [2] })),
    'v: bytes and word are members of one union and say different things; give one of them',
  );
  assert.deepEqual(encoded(either, { word: 0x0201, bytes: [1, 2] }), [1, 2, 0, 0]);
});

test('bytes stand for anything, typed arrays for lists', () => {
  const pair = types.struct('pair', ['a', u16], ['b', types.array(u16, 2)]);
  assert.deepEqual(encoded(pair, Uint8Array.of(1, 2, 3, 4, 5, 6)), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(encoded(pair, { a: Uint8Array.of(1, 2), b: Uint16Array.of(3, 4) }), [1, 2, 3, 0, 4, 0]);
  assert.deepEqual(encoded(types.array(u8, 6), [1, 2, 3]), [1, 2, 3, 0, 0, 0]);
  assert.deepEqual(encoded(types.array(u8, 4), 0x01020304), [4, 3, 2, 1]);
});

test('an array without a length has what is left of a record', () => {
  const event = types.struct('event', ['pid', u32], ['data', types.array(u16, 0)]);
  const outer = types.struct('outer', ['id', u32], ['event', event]);
  const shape = shapeOf(types.btf, outer);
  assert.deepEqual(decodeShape(shape, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 5)), { id: 1, event: { pid: 2, data: [3, 4] } });
  assert.deepEqual(decodeShape(shape, new Uint8Array(8)), { id: 0, event: { pid: 0, data: [] } });
  const out = new Uint8Array(12);
  encodeShape(types.btf, shape, { event: { data: [9] } }, out, () => 'v');
  assert.deepEqual([...out], [0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
  const line = types.struct('line', ['size', u32], ['text', types.array(char, 0)]);
  assert.deepEqual(decodeShape(shapeOf(types.btf, line), Uint8Array.of(2, 0, 0, 0, 0x68, 0x69, 0)), { size: 2, text: 'hi' });
});

test('types that make no sense are bytes', () => {
  const own = new Types();
  const id = own.add({ kind: 'struct', name: 's', size: 8, members: [{ name: 'self', type: 1, bitOffset: 0, bitfieldBits: 0 }] });
  assert.deepEqual(decodeShape(shapeOf(own.btf, id), new Uint8Array(8)), { self: new Uint8Array(8) });
  const beyond = own.add({ kind: 'struct', name: 'b', size: 2, members: [{ name: 'x', type: own.int('u32', 4), bitOffset: 0, bitfieldBits: 0 }] }); // biome-ignore format: short
  assert.deepEqual(decodeShape(shapeOf(own.btf, beyond), new Uint8Array(2)), new Uint8Array(2));
  // Unions of unions, each twice: a few bytes that could be read for ever.
  let twice = own.int('u32', 4);
  for (let i = 0; i < 40; i++) twice = own.record('union', `u${i}`, [['a', twice], ['b', twice]]); // biome-ignore format: short
  assert.ok(decodeShape(shapeOf(own.btf, twice), new Uint8Array(4)));
  assert.equal([...namedMembers(shapeOf(own.btf, id) as Shape & { kind: 'record' })].length, 1);
});

test('bit-fields of compilers that had no flag for them', () => {
  const own = new Types();
  const narrow = own.add({ kind: 'int', name: 'u32', size: 4, bits: 3, bitOffset: 2, signed: false, char: false, bool: false });
  const id = own.add({ kind: 'struct', name: 's', size: 4, members: [{ name: 'x', type: narrow, bitOffset: 8, bitfieldBits: 0 }] });
  assert.deepEqual(decodeShape(shapeOf(own.btf, id), Uint8Array.of(0, 0b10100, 0, 0)), { x: 5 });
});
