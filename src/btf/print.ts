// C declarations of BTF types, for people: `struct count { u64 packets; u64 bytes; }`, `const char name[16]`.
import { type Btf, resolve, type TypeId, typeById } from './types.ts';

/** Nested pointers, arrays, prototypes and qualifiers that are spelled out; the rest is `...`. */
const MAX_DEPTH = 32;

/** A declaration of `name` with that type; the type's name alone where `name` is ''. */
export function printDeclaration(btf: Btf, id: TypeId, name = ''): string {
  return declare(btf, id, name, 0);
}

/** A struct, union or enum with its members, each on a line; any other type as `printDeclaration` has it. */
export function printType(btf: Btf, id: TypeId): string {
  const type = resolve(btf, id);
  switch (type.kind) {
    case 'struct':
    case 'union': {
      const members = type.members.map(({ name, type: member, bitfieldBits }) => {
        const inner = resolve(btf, member);
        const nameless = (inner.kind === 'struct' || inner.kind === 'union') && inner.name === '';
        const text = nameless
          ? `${printType(btf, member).replaceAll('\n', '\n  ')} ${name}`.trimEnd()
          : printDeclaration(btf, member, name);
        return `  ${text}${bitfieldBits > 0 ? ` : ${bitfieldBits}` : ''};\n`;
      });
      return `${tag(type.kind, type.name)} {\n${members.join('')}}`;
    }
    case 'enum':
    case 'enum64':
      return `${tag('enum', type.name)} {\n${type.enumerators.map(({ name, value }) => `  ${name} = ${value},\n`).join('')}}`;
    default:
      return printDeclaration(btf, id);
  }
}

// `inner` is what stands where the name would: C declarators are read from the name outwards.
function declare(btf: Btf, id: TypeId, inner: string, depth: number): string {
  const type = typeById(btf, id);
  if (depth > MAX_DEPTH) return join('...', inner);
  const below = (to: TypeId, declarator: string): string => declare(btf, to, declarator, depth + 1);
  switch (type.kind) {
    case 'void':
      return join('void', inner);
    case 'int':
    case 'float':
    case 'typedef':
      return join(type.name, inner);
    case 'struct':
    case 'union':
      return join(tag(type.kind, type.name || '{...}'), inner);
    case 'enum':
    case 'enum64':
      return join(tag('enum', type.name || '{...}'), inner);
    case 'fwd':
      return join(tag(type.union ? 'union' : 'struct', type.name), inner);
    case 'ptr': {
      const to = throughTags(btf, type.type);
      return to === 'array' || to === 'funcProto' ? below(type.type, `(*${inner})`) : below(type.type, `*${inner}`);
    }
    case 'array':
      return below(type.type, `${inner}[${type.length === 0 ? '' : type.length}]`);
    case 'const':
    case 'volatile':
    case 'restrict': {
      // Of a pointer, the qualifier stands after the star; of anything else in front.
      const isPointer = throughTags(btf, type.type) === 'ptr';
      if (isPointer) return below(type.type, join(type.kind, inner));
      return `${type.kind} ${below(type.type, inner)}`;
    }
    case 'typeTag':
      return below(type.type, inner);
    case 'funcProto': {
      const last = type.parameters.length - 1;
      const parameters = type.parameters.map((parameter, i) =>
        parameter.type === 0 && i === last ? '...' : below(parameter.type, parameter.name),
      );
      return below(type.returns, `${inner}(${parameters.join(', ') || 'void'})`);
    }
    case 'func':
      return below(type.type, type.name);
    case 'var':
      return below(type.type, type.name);
    case 'declTag':
    case 'datasec':
      return join(type.name, inner);
  }
}

/** Kind of the type behind qualifiers and tags, but not behind typedefs: those have names of their own. */
function throughTags(btf: Btf, id: TypeId): string {
  let at = id;
  for (let steps = 0; steps < MAX_DEPTH; steps++) {
    const type = typeById(btf, at);
    if (type.kind !== 'const' && type.kind !== 'volatile' && type.kind !== 'restrict' && type.kind !== 'typeTag') return type.kind;
    at = type.type;
  }
  return 'void';
}

function tag(keyword: string, name: string): string {
  return name === '' ? keyword : `${keyword} ${name}`;
}

function join(type: string, declarator: string): string {
  if (declarator === '') return type;
  return declarator.startsWith('[') ? `${type}${declarator}` : `${type} ${declarator}`;
}
