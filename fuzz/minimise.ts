// Makes a failing program or object small: drops statements, functions' bodies, programs and runs while it still fails.
import type { GeneratedObject, GeneratedProgram, Statement } from './tree.ts';
import { nested, onlyCalled } from './walk.ts';

/** All programs with one statement (or one branch of one) less. */
export function* smallerPrograms(program: GeneratedProgram): Generator<GeneratedProgram, void, void> {
  const called = onlyCalled(program);
  if (called !== program) yield called;
  for (const [index, fn] of program.functions.entries()) {
    for (const body of smallerBodies(fn.body)) {
      yield { ...program, functions: program.functions.map((other, i) => (i === index ? { ...fn, body } : other)) };
    }
    if (fn.plain !== true)
      yield { ...program, functions: program.functions.map((other, i) => (i === index ? { ...fn, plain: true } : other)) };
    if (fn.words > 1 && !isReachedByPointer(program)) {
      // Fewer words are enough where no statement names the others.
      const lowest = 1 - lowestWord(fn.body);
      if (lowest < fn.words)
        yield { ...program, functions: program.functions.map((other, i) => (i === index ? { ...fn, words: lowest } : other)) };
    }
  }
}

function isReachedByPointer({ functions, type }: GeneratedProgram): boolean {
  return type !== 'raw' || functions.some(({ role }) => role === 'loop' || role === 'each');
}

/** 0 or less: index of the lowest word that the statements of a bare program name. */
function lowestWord(body: readonly Statement[]): number {
  let lowest = 0;
  for (const s of body) {
    if ('offset' in s && s.do !== 'wild') lowest = Math.min(lowest, Math.floor(s.offset / 8) + 1);
    for (const inner of nested(s)) lowest = Math.min(lowest, lowestWord(inner));
  }
  return lowest;
}

function* smallerBodies(body: readonly Statement[]): Generator<readonly Statement[], void, void> {
  for (let size = body.length >> 1; size > 1; size >>= 1) {
    for (let at = 0; at + size <= body.length; at += size) yield [...body.slice(0, at), ...body.slice(at + size)];
  }
  for (const [at, s] of body.entries()) {
    const replace = (...by: readonly Statement[]): readonly Statement[] => [...body.slice(0, at), ...by, ...body.slice(at + 1)];
    yield replace();
    if (s.do === 'if') {
      yield replace(...s.taken);
      yield replace(...s.otherwise);
      for (const taken of smallerBodies(s.taken)) yield replace({ ...s, taken });
      for (const otherwise of smallerBodies(s.otherwise)) yield replace({ ...s, otherwise });
    }
    if (s.do === 'loop' || s.do === 'dead') yield replace(...s.body);
    if (s.do === 'tangle') {
      yield replace(...s.blocks.flatMap((block) => block.body));
      for (const [i, block] of s.blocks.entries()) {
        // Branches beyond the last block lead out.
        yield replace({ ...s, blocks: s.blocks.filter((_, other) => other !== i) });
        for (const inner of smallerBodies(block.body)) {
          yield replace({ ...s, blocks: s.blocks.map((other, j) => (i === j ? { ...block, body: inner } : other)) });
        }
      }
    }
    if (s.do === 'loop' && s.times > 1) yield replace({ ...s, times: 1 });
    if ('body' in s) for (const inner of smallerBodies(s.body)) yield replace({ ...s, body: inner });
    if ('miss' in s) for (const miss of smallerBodies(s.miss)) yield replace({ ...s, miss });
  }
}

function* smallerObjects(object: GeneratedObject): Generator<GeneratedObject, void, void> {
  for (let run = 0; object.runs.length > 1 && run < object.runs.length; run++) {
    yield { ...object, runs: object.runs.filter((_, i) => i !== run) };
  }
  for (let at = 0; at < object.elements.length; at++) yield { ...object, elements: object.elements.filter((_, i) => i !== at) };
  // The last program, where no array names it.
  const last = object.programs.length - 1;
  if (last > 0 && object.elements.every(({ program }) => program !== last)) yield { ...object, programs: object.programs.slice(0, last) };
  for (const [index, program] of object.programs.entries()) {
    for (const smaller of smallerPrograms(program)) {
      yield { ...object, programs: object.programs.map((other, i) => (i === index ? smaller : other)) };
    }
  }
}

function descend<T>(start: T, smaller: (candidate: T) => Iterable<T>, fails: (candidate: T) => boolean, tries: number): T {
  let best = start;
  for (let progress = true, left = tries; progress && left > 0; ) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (--left <= 0) break;
      if (fails(candidate)) {
        best = candidate;
        progress = true;
        break;
      }
    }
  }
  return best;
}

/** The smallest program found by dropping statements while `fails` holds; at most `tries` programs are tried. */
export function minimise(program: GeneratedProgram, fails: (program: GeneratedProgram) => boolean, tries = 2000): GeneratedProgram {
  return descend(program, smallerPrograms, fails, tries);
}

/** The same of an object. */
export function minimiseObject(object: GeneratedObject, fails: (object: GeneratedObject) => boolean, tries = 2000): GeneratedObject {
  return descend(object, smallerObjects, fails, tries);
}
