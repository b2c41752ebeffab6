// `bpfjit types`: a TypeScript module of types alone that says what an object's maps, variables and programs hold, for load<TYPES>(FILE).
// The types are those that btf-values.ts reads; what may be written follows from them (`Input`).

import { printDeclaration } from '../../btf/print.ts';
import { namedMembers, type RecordShape, type Shape, type ShapeMember, shapeOf } from '../../btf/shape.ts';
import { type Btf, resolveId, sizeOf, type TypeId, typeById } from '../../btf/types.ts';
import type { CollectionSpec, MapSpec } from '../../object/spec.ts';
import { contextOf, verdictNames } from '../../spec/contexts.ts';
import { isSupported, mapTypeName, mapTypeRow } from '../../spec/maps.ts';
import { BpfError } from '../../util/error.ts';
import { knownNames } from '../../util/text.ts';
import { constantsOf, findType } from './named-types.ts';

/** What the declarations are called, and which types are in them. */
export interface DeclarationOptions {
  /** Of the interface; default: the file's name in CamelCase. */
  readonly name?: string;
  /** Types to write that neither maps nor variables lead to: records of ring buffers. Names in C. */
  readonly types?: readonly string[];
  /** Where the module finds this package. Default 'bpfjit'. */
  readonly from?: string;
}

/** Structs in structs without names; more are written as unknown. */
const MAX_DEPTH = 16;

/** The text of the module. Throws `runtime/unknown-type` for a type that the object has not. */
export function printDeclarations(spec: CollectionSpec, options: DeclarationOptions = {}): string {
  return new Writer(spec, options).module();
}

class Writer {
  readonly #spec: CollectionSpec;
  readonly #btf: Btf | undefined;
  readonly #options: DeclarationOptions;
  readonly #name: string;
  /** Names of this module by type; `#taken` has all. */
  readonly #names = new Map<TypeId | string, string>();
  readonly #taken = new Set<string>(RESERVED);
  /** Declarations in the order in which they were needed. */
  readonly #declared: string[] = [];
  readonly #imports = new Set<string>();
  /** Structs that `decode` knows, by name in C. */
  readonly #types = new Map<string, string>();

  constructor(spec: CollectionSpec, options: DeclarationOptions) {
    this.#spec = spec;
    this.#btf = spec.btf;
    this.#options = options;
    this.#name = options.name ?? camelCase(spec.path);
    this.#taken.add(this.#name);
  }

  module(): string {
    const { maps, programs } = this.#spec;
    const shown = maps.filter((map) => map.data === undefined && isSupported(map.type));
    const mapLines = shown.flatMap((map) => [doc(this.#mapText(map)), `${property(map.name)}: ${this.#mapTypes(map)};`]);
    const variableLines = maps.flatMap((map) => (map.data === undefined || map.data.section === 'structOps' ? [] : this.#variables(map)));
    const programLines = programs.flatMap(({ name, section, type }) => [
      doc(`SEC("${section}")`),
      `${property(name)}: ${this.#program(type)};`,
    ]);
    for (const name of this.#options.types ?? []) this.#wanted(name);
    const constants = Object.entries(constantsOf(this.#btf)).map(
      ([name, value]) => `${property(name)}: ${value}${typeof value === 'bigint' ? 'n' : ''};`,
    );
    const types = [...this.#types].map(([name, text]) => `${property(name)}: ${text};`);
    const main = [
      ...block('maps', mapLines),
      ...block('variables', variableLines),
      ...block('programs', programLines),
      ...block('constants', constants),
      ...block('types', types),
    ];
    const imports = [...this.#imports].sort();
    const from = this.#options.from ?? 'bpfjit';
    const file = baseName(this.#spec.path);
    return [
      `// Made by \`bpfjit types ${safe(file)}\`. load<${this.#name}>('${safe(file)}') knows these maps, variables and programs.`,
      ...(imports.length === 0 ? [] : [`import type { ${imports.join(', ')} } from ${quote(from)};`]),
      '',
      ...this.#declared,
      `export interface ${this.#name} {`,
      ...indent(main),
      '}',
      '',
    ].join('\n');
  }

  #imported(name: string): string {
    this.#imports.add(name);
    return name;
  }

  #mapText(map: MapSpec): string {
    const btf = this.#btf;
    const part = (type: TypeId, bytes: number): string =>
      type === 0 || btf === undefined ? `${bytes} bytes` : oneLine(printDeclaration(btf, type));
    const sizes =
      map.keySize === 0 ? part(map.valueType, map.valueSize) : `${part(map.keyType, map.keySize)} -> ${part(map.valueType, map.valueSize)}`;
    const held = map.valueSize === 0 ? '' : `: ${sizes}`;
    return `${mapTypeName(map.type)}, max_entries ${map.maxEntries}${held}`;
  }

  #mapTypes(map: MapSpec): string {
    const row = mapTypeRow(map.type);
    const key = map.keySize === 0 ? 'undefined' : this.#sized(map.keyType, map.keySize);
    let value = map.valueSize === 0 ? 'undefined' : this.#sized(map.valueType, map.valueSize);
    if (row?.kept === 'programs') {
      const names = this.#spec.programs.map(({ name }) => quote(name)).join(' | ');
      value = `${this.#imported('ProgramName')}<${names || 'string'}>`;
    } else if (row?.ofMaps === true) {
      const { inner } = map;
      const held =
        inner === undefined ? '' : `<${this.#sized(inner.keyType, inner.keySize)}, ${this.#sized(inner.valueType, inner.valueSize)}>`;
      value = `${this.#imported('BpfMap')}${held}`;
    } else if (row?.perCpu === true) value = `${this.#imported('PerCpu')}<${value}>`;
    return `{ key: ${key}; value: ${value} }`;
  }

  /** A type that must have those bytes; without it numbers, bigints or bytes, as `plainCodec` has them. */
  #sized(type: TypeId, bytes: number): string {
    const btf = this.#btf;
    if (btf !== undefined && type !== 0 && sizeOf(btf, type) === bytes) return this.#text(shapeOf(btf, type), type, 0);
    return bytes === 8 ? 'bigint' : bytes === 1 || bytes === 2 || bytes === 4 ? 'number' : 'Uint8Array';
  }

  #variables({ data }: MapSpec): string[] {
    const btf = this.#btf;
    const isConstant = data!.frozen;
    return data!.variables.flatMap(({ name, type, size }) => {
      const text = this.#sized(type, size);
      const written = `${this.#imported('Input')}<${text}>`;
      const declared = btf === undefined || type === 0 ? `${size} bytes` : oneLine(printDeclaration(btf, type));
      this.#pointee(type);
      const note = isConstant && !/^const /.test(declared) ? ', constant once the programs are loaded' : '';
      return [
        doc(`${declared}${note}`),
        `get ${property(name)}(): ${this.#isCopied(type, size) ? readOnly(text) : text};`,
        `set ${property(name)}(value: ${written});`,
      ];
    });
  }

  /** Structs and lists are read as frozen copies. */
  #isCopied(type: TypeId, bytes: number): boolean {
    const btf = this.#btf;
    if (btf === undefined || type === 0 || sizeOf(btf, type) !== bytes) return false;
    const { kind } = shapeOf(btf, type);
    return kind === 'record' || kind === 'list';
  }

  /** `struct event *unused` says that the object has records of that type. */
  #pointee(type: TypeId): void {
    const btf = this.#btf;
    if (btf === undefined || type === 0) return;
    const pointer = typeById(btf, resolveId(btf, type));
    if (pointer.kind !== 'ptr' || pointer.type === 0) return;
    const to = typeById(btf, resolveId(btf, pointer.type));
    if ((to.kind === 'struct' || to.kind === 'union') && to.size > 0) this.#text(shapeOf(btf, pointer.type), pointer.type, 0);
  }

  #wanted(name: string): void {
    const id = this.#btf === undefined ? undefined : findType(this.#btf, name);
    if (this.#btf === undefined || id === undefined) {
      const known = (this.#btf?.types ?? []).filter(({ kind }) => kind === 'struct' || kind === 'union').map((type) => type.name);
      throw new BpfError(
        'runtime/unknown-type',
        { in: 'file', path: this.#spec.path },
        `the object has no type ${name}; ${knownNames(name, [...new Set(known.filter((one) => one !== ''))])}`,
      );
    }
    const text = this.#text(shapeOf(this.#btf, id), id, 0);
    this.#types.set(name.replace(/^(struct|union|enum)\s+/, ''), text);
  }

  #program(type: string): string {
    const spec = contextOf(type);
    const ctx = spec === undefined ? 'Uint8Array' : this.#context(spec);
    return `{ type: ${quote(type)}; ctx: ${ctx}; verdict: ${this.#verdict(type)} }`;
  }

  #verdict(type: string): string {
    const { names, always } = verdictNames(type);
    if (names.length === 0) return 'undefined';
    const id = `verdict ${type}`;
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = this.#claim(`${camelCase(type)}Verdict`, id);
    const text = [...names.map(quote), ...(always ? [] : ['undefined'])].join(' | ');
    this.#declared.push(
      doc(always ? `What ${type} programs return.` : `What ${type} programs return; undefined: nothing that has a name.`),
    );
    this.#declared.push(`export type ${name} = ${text};`, '');
    return name;
  }

  #context(spec: NonNullable<ReturnType<typeof contextOf>>): string {
    const id = `context ${spec.name}`;
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = this.#claim(`${camelCase(spec.name)}Context`, id);
    const members = spec.fields.map(({ name: field, bytes, count }) => {
      const one = bytes === 8 ? 'bigint' : 'number';
      return `readonly ${property(field)}: ${count === undefined ? one : `readonly ${one}[]`};`;
    });
    this.#declare(name, `The context, struct ${spec.name}.`, members);
    return name;
  }

  /** What reading a value of that shape gives. `declared`: for names and notes that the shape has lost. */
  #text(shape: Shape, declared: TypeId, depth: number): string {
    const btf = this.#btf!;
    switch (shape.kind) {
      case 'int':
        return shape.bytes <= 4 ? 'number' : 'bigint';
      case 'pointer':
        return 'bigint';
      case 'bool':
        return 'boolean';
      case 'float':
        return 'number';
      case 'text':
        return 'string';
      case 'bytes':
        return 'Uint8Array';
      case 'enum':
        return this.#enum(shape, declared);
      case 'list': {
        const array = typeById(btf, resolveId(btf, declared));
        const element = this.#text(shape.element, array.kind === 'array' ? array.type : declared, depth);
        return /^[\w.]+(\[\])*$/.test(element) ? `${element}[]` : `(${element})[]`;
      }
      case 'record':
        return this.#record(shape, declared, depth);
    }
  }

  #enum(shape: Extract<Shape, { kind: 'enum' }>, declared: TypeId): string {
    const known = this.#names.get(shape.id);
    if (known !== undefined) return known;
    const number = shape.bytes <= 4 ? 'number' : 'bigint';
    if (shape.enumerators.length === 0) return number;
    const names = [...new Set(shape.enumerators.map(({ name }) => quote(name)))].join(' | ');
    const text = `${this.#imported('EnumOf')}<${names}${number === 'bigint' ? ', bigint' : ''}>`;
    const inC = nameInC(this.#btf!, shape.id, declared);
    if (inC === undefined) return text;
    const name = this.#claim(inC.name, shape.id);
    this.#declared.push(doc(`${inC.text}.`), `export type ${name} = ${text};`, '');
    return name;
  }

  #record(shape: RecordShape, declared: TypeId, depth: number): string {
    const known = this.#names.get(shape.id);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) return 'unknown';
    const inC = nameInC(this.#btf!, shape.id, declared);
    if (inC === undefined) {
      const members = this.#members(shape, depth + 1).filter((line) => !line.startsWith('/**'));
      return members.length === 0 ? 'object' : `{ ${members.join(' ').replace(/;$/, '')} }`;
    }
    const name = this.#claim(inC.name, shape.id);
    if (!this.#types.has(inC.name)) this.#types.set(inC.name, name);
    const note = shape.union ? ' Every member is read; any one can be written.' : '';
    // Structs in it are declared before it.
    const members = this.#members(shape, 0);
    this.#declare(name, `${inC.text}, ${shape.bytes} bytes.${note}`, members);
    return name;
  }

  #members(shape: RecordShape, depth: number): string[] {
    const btf = this.#btf!;
    return [...namedMembers(shape)].flatMap((member) => {
      const text = this.#text(member.shape, member.type, depth);
      return [...noteOf(btf, member), `${property(member.name)}: ${text};`];
    });
  }

  #declare(name: string, text: string, members: readonly string[]): void {
    this.#declared.push(doc(text), `export interface ${name} {`, ...indent(members), '}', '');
  }

  /** A name of its own in this module: `wanted`, or with a number behind. */
  #claim(wanted: string, id: TypeId | string): string {
    const plain = wanted.replace(/[^\w$]/g, '_').replace(/^(?=\d)/, '_');
    let name = plain;
    for (let i = 2; this.#taken.has(name); i++) name = `${plain}_${i}`;
    this.#taken.add(name);
    this.#names.set(id, name);
    return name;
  }
}

/** Its tag, or the typedef that it is declared by; undefined: it has no name. */
function nameInC(btf: Btf, id: TypeId, declared: TypeId): { readonly name: string; readonly text: string } | undefined {
  const type = typeById(btf, id);
  if (type.name !== '') return { name: type.name, text: `${type.kind === 'enum64' ? 'enum' : type.kind} ${type.name}` };
  let typedef: string | undefined;
  for (let at = declared; at !== id; ) {
    const one = typeById(btf, at);
    if (one.kind === 'typedef') typedef = one.name;
    if (!('type' in one)) break;
    at = one.type;
  }
  return typedef === undefined ? undefined : { name: typedef, text: typedef };
}

/** What the type does not say. */
function noteOf(btf: Btf, { bits, shape, type, name }: ShapeMember): string[] {
  if (bits !== undefined) return [doc(`${bits.width} bit${bits.width === 1 ? '' : 's'}.`)];
  if (shape.kind === 'int' && shape.order !== undefined) return [doc(`Network byte order (__${shape.order}).`)];
  if (shape.kind === 'pointer') return [doc(`Pointer: ${oneLine(printDeclaration(btf, type, name))}.`)];
  if (shape.kind === 'bytes' && shape.bytes > 0) return [doc(`${shape.bytes} bytes.`)];
  if (shape.kind === 'text' && shape.bytes > 0) return [doc(`Text of up to ${shape.bytes} bytes.`)];
  return [];
}

/** Nothing in it is to be assigned to. */
function readOnly(text: string): string {
  return text.endsWith('[]') ? `readonly ${text}` : `Readonly<${text}>`;
}

function block(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${name}: Record<never, never>;`] : [`${name}: {`, ...indent(lines), '};'];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

function doc(text: string): string {
  return `/** ${safe(text)} */`;
}

/** Text from a file, in a comment. */
function safe(text: string): string {
  return text.replaceAll('*/', '* /').replace(/[\p{Cc}\u2028\u2029]/gu, '?');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1)!;
}

/** `xdp_filter.bpf.o` to `XdpFilterBpf`. */
function camelCase(path: string): string {
  const words = baseName(path)
    .replace(/\.o$/, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Object${name}`;
}

/** Names that a module cannot declare, and those that this one uses. */
const RESERVED: readonly string[] = [
  ...['any', 'unknown', 'never', 'number', 'bigint', 'boolean', 'string', 'symbol', 'object', 'void', 'undefined', 'null', 'true', 'false'],
  ...['break', 'case', 'catch', 'class', 'const', 'continue', 'debugger', 'default', 'delete', 'do', 'else', 'enum', 'export', 'extends'],
  ...['finally', 'for', 'function', 'if', 'import', 'in', 'instanceof', 'new', 'return', 'super', 'switch', 'this', 'throw', 'try'],
  ...['typeof', 'var', 'while', 'with', 'as', 'implements', 'interface', 'let', 'package', 'private', 'protected', 'public', 'static'],
  ...['yield', 'await', 'async', 'type', 'readonly', 'infer', 'keyof', 'unique', 'is', 'asserts', 'intrinsic', 'accessor', 'using'],
  ...['Uint8Array', 'Readonly', 'Record', 'BpfMap', 'EnumOf', 'Input', 'PerCpu', 'ProgramName'],
];
