// FILE of `run` as a live object, and the program that was meant.
import { basename } from 'node:path';
import { parse } from '../asm/parse.ts';
import { findProgram } from '../object/link.ts';
import { load as loadSpec } from '../object/load.ts';
import { type LoadBytesOptions, loadCollection, loadProgram } from '../runtime/load.ts';
import type { LoadedObject, LoadedProgram } from '../runtime/object.ts';
import { kindOf, readInput, text } from './files.ts';

export interface Opened {
  readonly object: LoadedObject;
  readonly program: LoadedProgram;
}

/** Only the program that is wanted is linked; tail calls link those that its program arrays name. */
export async function openObject(path: string, name: string | undefined, options: LoadBytesOptions): Promise<Opened> {
  const bytes = readInput(path);
  const own = path === '-' ? 'stdin' : basename(path).replace(/\.[^.]*$/, '');
  switch (kindOf(path, bytes)) {
    case 'elf': {
      const spec = loadSpec(bytes, path);
      const { name: found } = findProgram(spec, name);
      const linksOthers = spec.maps.some(({ elements }) => elements.some(({ kind }) => kind === 'program'));
      return open(loadCollection(spec, { ...options, path, ...(linksOthers ? {} : { only: [found] }) }), found);
    }
    case 'bytecode':
      return open(loadProgram({ name: own, bytes }, options), own);
    case 'assembly': {
      const { bytes: code, subprograms, lines } = parse(text(bytes), path);
      return open(loadProgram({ name: own, bytes: code, lines, ...(subprograms.length === 0 ? {} : { subprograms }) }, options), own);
    }
  }
}

function open(object: LoadedObject, name: string): Opened {
  return { object, program: object.programs[name]! };
}
