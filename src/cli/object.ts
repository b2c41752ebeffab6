// FILE of `run` as a live object, and the program that was meant.
import { findProgram } from '../object/link.ts';
import { load as loadSpec } from '../object/load.ts';
import { type LoadBytesOptions, loadCollection, loadProgram } from '../runtime/object/load.ts';
import type { LoadedProgram } from '../runtime/object/loaded-program.ts';
import type { LoadedObject } from '../runtime/object/object.ts';
import { kindOf, readInput } from './files.ts';
import { checkName, singleProgram } from './source.ts';

export interface Opened {
  readonly object: LoadedObject;
  readonly program: LoadedProgram;
}

/** Only the program that is wanted is linked; tail calls link those that its program arrays name. */
export async function openObject(path: string, name: string | undefined, options: LoadBytesOptions): Promise<Opened> {
  const bytes = readInput(path);
  switch (kindOf(path, bytes)) {
    case 'elf': {
      const spec = loadSpec(bytes, path);
      const { name: found } = findProgram(spec, name);
      const linksOthers = spec.maps.some(({ elements }) => elements.some(({ kind }) => kind === 'program'));
      return open(loadCollection(spec, { ...options, path, ...(linksOthers ? {} : { only: [found] }) }), found);
    }
    default: {
      const program = await singleProgram(path, bytes);
      checkName(path, program.name, name);
      return open(loadProgram(program, options), program.name);
    }
  }
}

function open(object: LoadedObject, name: string): Opened {
  return { object, program: object.programs[name]! };
}
