// Values of the kernel's configuration for `__kconfig` externs, from a .config file or by name. [libbpf bpf_object__read_kconfig_file]
import { type Btf, resolve, type TypeId } from '../../btf/types.ts';
import type { CollectionSpec } from '../../object/spec.ts';
import { BpfError } from '../../util/error.ts';

/** A configuration value: a number, whether it is set, 'y', 'n' or 'm', text. */
export type KconfigValue = number | bigint | boolean | string;

const TRISTATE: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };
const LINE = /^(CONFIG_\w+)=(.*)$/;

/** Bytes of the variables by name. A .config file may name more than the object asks for; a record may not. */
export function kconfigValues(
  { externs, btf, path }: CollectionSpec,
  given: string | Readonly<Record<string, KconfigValue>>,
): Readonly<Record<string, Uint8Array>> {
  const wanted = new Map(externs.flatMap(({ name, kind, type }) => (kind === 'kconfig' ? [[name, type] as const] : [])));
  const values: Record<string, Uint8Array> = {};
  for (const [name, value] of typeof given === 'string' ? linesOf(given) : Object.entries(given)) {
    const type = wanted.get(name);
    if (type === undefined) {
      if (typeof given === 'string') continue;
      const known = [...wanted.keys()].join(', ') || 'none';
      throw new BpfError('runtime/unknown-kconfig', { in: 'option', name: 'kconfig' }, `${path} asks for no ${name}; it has: ${known}`);
    }
    values[name] = encode(btf!, type, name, value);
  }
  return values;
}

function linesOf(text: string): readonly (readonly [string, KconfigValue])[] {
  return text.split('\n').flatMap((line) => {
    const found = LINE.exec(line.trim());
    if (found === null) return [];
    const [, name, value] = found;
    return [[name!, value!.startsWith('"') && value!.endsWith('"') ? value!.slice(1, -1).replace(/\\(.)/g, '$1') : value!]];
  });
}

function encode(btf: Btf, id: TypeId, name: string, value: KconfigValue): Uint8Array {
  const refuse = (what: string): never => {
    throw new BpfError('runtime/kconfig', { in: 'option', name: 'kconfig' }, `${name} is ${what}, not ${String(value)}`);
  };
  const type = resolve(btf, id);
  if (type.kind === 'array') {
    if (typeof value !== 'string') return refuse('text');
    const out = new Uint8Array(type.length);
    // The last byte ends it.
    out.set(new TextEncoder().encode(value).subarray(0, type.length - 1));
    return out;
  }
  if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') return refuse('of a type that no value has');
  const letter = typeof value === 'boolean' ? (value ? 'y' : 'n') : value;
  let number: bigint;
  if (typeof letter === 'string' && letter in TRISTATE) {
    if (type.kind === 'int' && type.bool && letter === 'm') return refuse('y or n');
    if (type.kind === 'int' && !type.bool && !isChar(type)) return refuse('a number');
    number = BigInt(type.kind === 'int' && isChar(type) ? letter.charCodeAt(0) : TRISTATE[letter]!);
  } else {
    if (typeof letter === 'string' && !/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(letter)) return refuse('a number, or y, n or m');
    number = toBigInt(letter);
  }
  const bits = 8 * type.size;
  if (BigInt.asUintN(bits, number) !== number && BigInt.asIntN(bits, number) !== number) return refuse(`a number of ${bits} bits`);
  return Uint8Array.from({ length: type.size }, (_, i) => Number((BigInt.asUintN(64, number) >> BigInt(8 * i)) & 0xffn));
}

const isChar = (type: { readonly size: number; readonly char: boolean; readonly bool: boolean; readonly name: string }): boolean =>
  type.size === 1 && !type.bool && (type.char || type.name === 'char');

function toBigInt(value: string | number | bigint): bigint {
  if (typeof value !== 'string') return BigInt(value);
  return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
}
