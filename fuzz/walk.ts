// Questions about generated trees.
import type { GeneratedFunction, GeneratedProgram, Statement } from './tree.ts';

/** The statements inside one. */
export function nested(s: Statement): readonly (readonly Statement[])[] {
  if (s.do === 'if') return [s.taken, s.otherwise];
  if (s.do === 'tangle') return s.blocks.map(({ body }) => body);
  const bodies: (readonly Statement[])[] = [];
  if ('body' in s) bodies.push(s.body);
  if ('miss' in s) bodies.push(s.miss);
  return bodies;
}

function calls(body: readonly Statement[], index: number): boolean {
  return body.some((s) => ('callee' in s && s.callee === index) || nested(s).some((inner) => calls(inner, index)));
}

function withoutFunction(functions: readonly GeneratedFunction[], index: number): GeneratedFunction[] {
  const renumbered = (body: readonly Statement[]): Statement[] => body.map(renumber);
  const renumber = (s: Statement): Statement => {
    if (s.do === 'if') return { ...s, taken: renumbered(s.taken), otherwise: renumbered(s.otherwise) };
    if (s.do === 'tangle') return { ...s, blocks: s.blocks.map((block) => ({ ...block, body: renumbered(block.body) })) };
    if ('callee' in s && s.callee > index) return { ...s, callee: s.callee - 1 };
    return {
      ...s,
      ...('body' in s ? { body: renumbered(s.body) } : {}),
      ...('miss' in s ? { miss: renumbered(s.miss) } : {}),
    } as Statement;
  };
  return functions.filter((_, i) => i !== index).map((fn) => ({ ...fn, body: renumbered(fn.body) }));
}

/** Without the functions that nothing calls; the same program where there are none. */
export function onlyCalled(program: GeneratedProgram): GeneratedProgram {
  const functions = onlyCalledFunctions(program.functions);
  return functions.length === program.functions.length ? program : { ...program, functions };
}

export function onlyCalledFunctions(all: readonly GeneratedFunction[]): GeneratedFunction[] {
  let functions = [...all];
  // Callees come behind their callers.
  for (let index = 1; index < functions.length; ) {
    if (functions.some(({ body }) => calls(body, index))) index++;
    else functions = withoutFunction(functions, index);
  }
  return functions;
}
