// The name of a type as C writes it: `struct count`, `unsigned int`, `char[16]`, `u8 *`.
import { type Btf, type TypeId, typeById } from './types.ts';

/** Deeper than people nest declarators; more is a cycle. */
const MAX_DEPTH = 32;

export function typeName(btf: Btf, id: TypeId, depth = 0): string {
  if (depth > MAX_DEPTH) return '...';
  const inner = (next: TypeId): string => typeName(btf, next, depth + 1);
  const type = typeById(btf, id);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'ptr': {
      const target = inner(type.type);
      return target.endsWith('*') ? `${target}*` : `${target} *`;
    }
    case 'array': {
      // Dimensions are written outside in: the element's own come after ours.
      const element = inner(type.type);
      const own = element.indexOf('[');
      return own < 0 ? `${element}[${type.length}]` : `${element.slice(0, own)}[${type.length}]${element.slice(own)}`;
    }
    case 'struct':
    case 'union':
      return type.name === '' ? `${type.kind} {...}` : `${type.kind} ${type.name}`;
    case 'enum':
    case 'enum64':
      return type.name === '' ? 'enum {...}' : `enum ${type.name}`;
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name}`;
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${inner(type.type)}`;
    case 'typeTag':
    case 'declTag':
      return inner(type.type);
    case 'funcProto':
      return `${inner(type.returns)} (${type.parameters.map((parameter) => (parameter.type === 0 ? '...' : inner(parameter.type))).join(', ')})`;
    default:
      return type.name;
  }
}
