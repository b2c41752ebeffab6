// Programs, maps and variables by name: a name that does not exist is an error that says which do.
import { BpfError, type ErrorCode } from '../../util/error.ts';
import { knownNames } from '../../util/text.ts';

/** What test runners, printers and `await` ask of any object. */
const ASKED =
  /^(then|toJSON|toString|valueOf|constructor|inspect|asymmetricMatch|nodeType|tagName|hasAttribute|length|\$\$typeof|@@.*|__.*)$/;

/** For messages: the object has no `kind` of that name. */
export function unknownName(code: ErrorCode, kind: string, name: string, known: readonly string[], option: string = kind): BpfError {
  return new BpfError(code, { in: 'option', name: option }, `the object has no ${kind} ${name}; ${knownNames(name, known)}`);
}

/**
 * `record`, in which reading or writing an unknown name throws, and one of `refused` why it is not there; `in` and Object.keys are as
 * always.
 */
export function byName<T extends object>(
  record: T,
  kind: 'program' | 'map' | 'variable',
  refused: ReadonlyMap<string, BpfError> = new Map(),
): T {
  const refuse = (name: string): BpfError => refused.get(name) ?? unknownName(`runtime/unknown-${kind}`, kind, name, Object.keys(record));
  return new Proxy(record, {
    get(target, name) {
      if (typeof name === 'string' && !Object.hasOwn(target, name) && !ASKED.test(name)) throw refuse(name);
      return Reflect.get(target, name) as unknown;
    },
    set(target, name, value) {
      if (typeof name === 'string' && !Object.hasOwn(target, name)) throw refuse(name);
      return Reflect.set(target, name, value);
    },
  });
}
