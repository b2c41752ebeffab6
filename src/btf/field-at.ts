// Which member of a value a byte belongs to, in words.
import type { Shape } from './shape.ts';

/**
 * `.sums[1]`, `.name + 3`: what stands behind the name of a value for its byte `offset`. `innermost`: the first member of a struct is meant
 * where the struct begins, as by an access; else, as by a pointer, the struct. Of unions the first member.
 */
export function fieldAt(value: Shape | undefined, offset: number, innermost: boolean): string {
  let text = '';
  let shape = value;
  let rest = offset;
  while (shape !== undefined && (rest > 0 || innermost)) {
    let inner: Shape | undefined;
    if (shape.kind === 'record') {
      const member = shape.members.find((one) => rest >= one.offset && rest < one.offset + Math.max(1, one.shape.bytes));
      if (member === undefined) break;
      if (member.name !== '') text += `.${member.name}`;
      rest -= member.offset;
      inner = member.shape;
    } else if (shape.kind === 'list' && shape.element.bytes > 0) {
      const index = Math.floor(rest / shape.element.bytes);
      text += `[${index}]`;
      rest -= index * shape.element.bytes;
      inner = shape.element;
    }
    shape = inner;
  }
  return rest === 0 ? text : `${text} + ${rest}`;
}
