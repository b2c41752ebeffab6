// FILE of the commands: an object, bytecode or assembly text, as programs ready for an engine.
import { basename } from 'node:path';
import { parse } from '../asm/parse.ts';
import { link } from '../object/link.ts';
import { load } from '../object/load.ts';
import type { CollectionSpec } from '../object/spec.ts';
import { createProgram, type Program } from '../program/program.ts';
import { BpfError } from '../util/error.ts';
import { kindOf, readInput, text } from './files.ts';

export interface Source {
  readonly path: string;
  /** Undefined: not an object file; the only program is a raw one. */
  readonly collection: CollectionSpec | undefined;
  readonly programNames: readonly string[];
  /** Links the program of that name, or the only one. */
  program(name?: string): Program;
}

export function openSource(path: string): Source {
  const bytes = readInput(path);
  switch (kindOf(path, bytes)) {
    case 'elf': {
      const collection = load(bytes, path);
      return {
        path,
        collection,
        programNames: collection.programs.map(({ name }) => name),
        program: (name) => createProgram({ ...link(collection, name), maps: collection.maps }),
      };
    }
    case 'bytecode':
      return single(path, (name) => createProgram({ name, bytes }));
    case 'assembly':
      return single(path, (name) => {
        const { bytes: code, subprograms, lines, maps } = parse(text(bytes), path);
        if (maps.length > 0) {
          const message = `the text names map ${maps[0]}; only object files can define maps`;
          throw new BpfError('cli/map-in-text', { in: 'file', path }, message);
        }
        return createProgram({ name, bytes: code, lines, ...(subprograms.length === 0 ? {} : { subprograms }) });
      });
  }
}

/** A file that is one program, named after itself. */
function single(path: string, create: (name: string) => Program): Source {
  const only = path === '-' ? 'stdin' : basename(path).replace(/\.[^.]*$/, '');
  return {
    path,
    collection: undefined,
    programNames: [only],
    program(name = only) {
      if (name !== only)
        throw new BpfError('cli/no-such-program', { in: 'file', path }, `no program ${name}; the file is one program, ${only}`);
      return create(only);
    },
  };
}
