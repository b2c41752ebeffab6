// The types of an object by their names in C: for records of ring buffers, and whatever else a program writes somewhere.
import { type Shape, shapeOf } from '../../btf/shape.ts';
import { type Btf, type BtfKind, sizeOf, type TypeId } from '../../btf/types.ts';
import { BpfError } from '../../util/error.ts';
import { bytesOfText, knownNames } from '../../util/text.ts';
import { decodeShape, encodeShape } from '../maps/btf-values.ts';
import { refuseValue } from '../maps/values.ts';

const KEYWORDS = ['struct', 'union', 'enum'] as const;

function kindsOf(keyword: (typeof KEYWORDS)[number]): readonly BtfKind[] {
  return keyword === 'enum' ? ['enum', 'enum64'] : [keyword];
}

/** Types that values can have: with a name and a size. Tags come before typedefs of the same name. */
export function findType(btf: Btf, name: string): TypeId | undefined {
  const [first, second] = name.split(/\s+/, 2) as [string, string?];
  const keyword = second === undefined ? undefined : KEYWORDS.find((one) => one === first);
  const plain = keyword === undefined ? first : second!;
  const orders: readonly (readonly BtfKind[])[] =
    keyword === undefined ? [...KEYWORDS.map(kindsOf), ['typedef'], ['int']] : [kindsOf(keyword)];
  for (const kinds of orders) {
    const id = btf.types.findIndex((type, at) => type.name === plain && kinds.includes(type.kind) && sizeOf(btf, at) !== undefined);
    if (id > 0) return id;
  }
  return undefined;
}

export class NamedTypes {
  readonly #btf: Btf | undefined;
  readonly #object: string;
  readonly #found = new Map<string, TypeId>();
  #constants: Readonly<Record<string, number | bigint>> | undefined;

  constructor(btf: Btf | undefined, object: string) {
    this.#btf = btf;
    this.#object = object;
  }

  #find(name: string): { readonly btf: Btf; readonly shape: Shape } {
    const btf = this.#btf;
    if (btf === undefined) throw this.#unknown(`${this.#object} has no types (no section .BTF)`);
    const id = this.#found.get(name) ?? findType(btf, name);
    if (id === undefined) {
      const names = btf.types
        .filter(({ kind, name: one }) => one !== '' && (kind === 'struct' || kind === 'union'))
        .map((type) => type.name);
      throw this.#unknown(
        `${this.#object} has no type ${name}; ${knownNames(name.replace(/^(struct|union|enum) /, ''), [...new Set(names)])}`,
      );
    }
    this.#found.set(name, id);
    return { btf, shape: shapeOf(btf, id) };
  }

  #unknown(message: string): BpfError {
    return new BpfError('runtime/unknown-type', { in: 'option', name: 'type' }, message);
  }

  /** Without the elements of an array without a length. */
  bytesOf(name: string): number {
    return this.#find(name).shape.bytes;
  }

  decode(name: string, data: Uint8Array): unknown {
    const { shape } = this.#find(name);
    if (data.length < shape.bytes) refuseValue(name, `${data.length} bytes given, it has ${shape.bytes}`);
    return decodeShape(shape, data);
  }

  encode(name: string, value: unknown): Uint8Array<ArrayBuffer> {
    const { btf, shape } = this.#find(name);
    const out = new Uint8Array(Math.max(shape.bytes, bytesFor(shape, value)));
    encodeShape(btf, shape, value, out, () => name);
    return out;
  }

  /** Enumerators are one name space in C; of two of one name the first counts. */
  get constants(): Readonly<Record<string, number | bigint>> {
    return (this.#constants ??= constantsOf(this.#btf));
  }
}

/** What the value takes, with the array without a length at its end. */
function bytesFor(shape: Shape, value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (shape.kind === 'record') {
    const last = shape.members.at(-1);
    if (!shape.open || last === undefined || typeof value !== 'object' || value === null) return shape.bytes;
    return last.offset + bytesFor(last.shape, last.name === '' ? value : (value as Record<string, unknown>)[last.name]);
  }
  if (shape.bytes > 0) return shape.bytes;
  if (typeof value === 'string') return bytesOfText(value).length;
  const length = Array.isArray(value) || ArrayBuffer.isView(value) ? (value as ArrayLike<unknown>).length : 0;
  return shape.kind === 'list' ? length * shape.element.bytes : length;
}

export function constantsOf(btf: Btf | undefined): Readonly<Record<string, number | bigint>> {
  const constants = new Map<string, number | bigint>();
  for (const type of btf?.types ?? []) {
    if (type.kind !== 'enum' && type.kind !== 'enum64') continue;
    for (const { name, value } of type.enumerators) if (!constants.has(name)) constants.set(name, type.size <= 4 ? Number(value) : value);
  }
  return Object.freeze(Object.fromEntries(constants));
}
