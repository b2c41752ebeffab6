// When a type of one BTF may stand for a type of another: libbpf's three relations, from loosest to strictest.
import { arrayDimensions, type Btf, type BtfType, resolve, resolveId, type TypeId, typeById } from './types.ts';

/** How deep pointers and prototypes are followed; deeper types do not match. */
const MAX_DEPTH = 32;

/** `task_struct___v5` is a flavor of `task_struct`: what follows the last three underscores is for people. */
export function essentialName(name: string): string {
  return /^(.*[^_])___[^_]/s.exec(name)?.[1] ?? name;
}

export function kindsCompatible(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind || (isEnum(a) && isEnum(b));
}

function isEnum(type: BtfType): type is Extract<BtfType, { kind: 'enum' | 'enum64' }> {
  return type.kind === 'enum' || type.kind === 'enum64';
}

function isComposite(type: BtfType): type is Extract<BtfType, { kind: 'struct' | 'union' }> {
  return type.kind === 'struct' || type.kind === 'union';
}

/** May a field of type `a` be read where `b` is? Structs always, pointers whatever they point to, enums by name. */
export function fieldsCompatible(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId): boolean {
  const arrayA = arrayDimensions(aBtf, aId);
  const arrayB = arrayDimensions(bBtf, bId);
  if (arrayA.dimensions.length !== arrayB.dimensions.length) return false;
  const a = resolve(aBtf, arrayA.element);
  const b = resolve(bBtf, arrayB.element);
  if (isComposite(a) && isComposite(b)) return true;
  if (!kindsCompatible(a, b)) return false;
  switch (a.kind) {
    case 'ptr':
    case 'float':
      return true;
    case 'fwd':
    case 'enum':
    case 'enum64': {
      const [nameA, nameB] = [essentialName(a.name), essentialName(b.name)];
      return nameA === '' || nameB === '' || nameA === nameB;
    }
    case 'int':
      return a.bitOffset === 0 && b.kind === 'int' && b.bitOffset === 0;
    default:
      return false;
  }
}

/** Are two types of the same name the same thing? Structs by name only; pointers and prototypes by what they lead to. */
export function typesCompatible(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId): boolean {
  return compatible(aBtf, aId, bBtf, bId, 0, new Map());
}

function compatible(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId, depth: number, known: Known): boolean {
  const key = aId * bBtf.types.length + bId;
  const answer = known.get(key);
  if (answer !== undefined) return answer;
  known.set(key, false);
  const result = areCompatible(aBtf, aId, bBtf, bId, depth, known);
  known.set(key, result);
  return result;
}

/** Answers given before, by both ids: without them a hostile BTF could ask the same again and again. */
type Known = Map<number, boolean>;

function areCompatible(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId, depth: number, known: Known): boolean {
  if (depth > MAX_DEPTH || !kindsCompatible(typeById(aBtf, aId), typeById(bBtf, bId))) return false;
  const a = resolve(aBtf, aId);
  const b = resolve(bBtf, bId);
  if (!kindsCompatible(a, b)) return false;
  const below = (aInner: TypeId, bInner: TypeId): boolean =>
    compatible(aBtf, resolveId(aBtf, aInner), bBtf, resolveId(bBtf, bInner), depth + 1, known);
  switch (a.kind) {
    case 'void':
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'fwd':
      return true;
    case 'int':
      return a.bitOffset === 0 && b.kind === 'int' && b.bitOffset === 0;
    case 'ptr':
    case 'array':
      return b.kind === a.kind && below(a.type, b.type);
    case 'funcProto':
      return (
        b.kind === 'funcProto' &&
        a.parameters.length === b.parameters.length &&
        a.parameters.every((parameter, i) => below(parameter.type, b.parameters[i]!.type)) &&
        below(a.returns, b.returns)
      );
    default:
      return false;
  }
}

/**
 * Does `b` have all that `a` has? Every member of `a` must be in `b` by name and match, every enumerator by name; structs behind a
 * pointer match by name.
 */
export function typesMatch(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId): boolean {
  return matches(aBtf, aId, bBtf, bId, false, 0, new Map());
}

function matches(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId, behindPointer: boolean, depth: number, known: Known): boolean {
  const key = 2 * (aId * bBtf.types.length + bId) + (behindPointer ? 1 : 0);
  const answer = known.get(key);
  if (answer !== undefined) return answer;
  known.set(key, false);
  const result = doMatch(aBtf, aId, bBtf, bId, behindPointer, depth, known);
  known.set(key, result);
  return result;
}

function doMatch(aBtf: Btf, aId: TypeId, bBtf: Btf, bId: TypeId, behindPointer: boolean, depth: number, known: Known): boolean {
  if (depth > MAX_DEPTH) return false;
  const a = resolve(aBtf, aId);
  const b = resolve(bBtf, bId);
  if (essentialName(a.name) !== essentialName(b.name)) return false;
  const below = (aInner: TypeId, bInner: TypeId, pointer = behindPointer): boolean =>
    matches(aBtf, aInner, bBtf, bInner, pointer, depth + 1, known);
  switch (a.kind) {
    case 'void':
      return b.kind === 'void';
    case 'fwd':
      if (b.kind === 'fwd') return a.union === b.union;
      return behindPointer && b.kind === (a.union ? 'union' : 'struct');
    case 'enum':
    case 'enum64':
      return (
        isEnum(b) &&
        a.size === b.size &&
        a.enumerators.every(({ name }) => b.enumerators.some((other) => essentialName(other.name) === essentialName(name)))
      );
    case 'struct':
    case 'union':
      if (behindPointer) return a.kind === b.kind || (b.kind === 'fwd' && b.union === (a.kind === 'union'));
      return (
        b.kind === a.kind &&
        a.members.length <= b.members.length &&
        a.members.every((member) =>
          b.members.some((other) => essentialName(member.name) === essentialName(other.name) && below(member.type, other.type)),
        )
      );
    case 'int':
      return b.kind === 'int' && a.size === b.size && a.signed === b.signed;
    case 'ptr':
      return b.kind === 'ptr' && below(a.type, b.type, true);
    case 'array':
      return b.kind === 'array' && a.length === b.length && below(a.type, b.type);
    case 'funcProto':
      return (
        b.kind === 'funcProto' &&
        a.parameters.length === b.parameters.length &&
        a.parameters.every((parameter, i) => below(parameter.type, b.parameters[i]!.type)) &&
        below(a.returns, b.returns)
      );
    default:
      return false;
  }
}
