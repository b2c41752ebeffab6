// FILE of the commands: an object, bytecode or assembly text, as programs ready for an engine.
import { basename } from 'node:path';
import { link } from '../object/link.ts';
import { load } from '../object/load.ts';
import type { CollectionSpec } from '../object/spec.ts';
import { createProgram, type Program, type ProgramInput } from '../program/program.ts';
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

export async function openSource(path: string): Promise<Source> {
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
    default: {
      const only = await singleProgram(path, bytes);
      return {
        path,
        collection: undefined,
        programNames: [only.name],
        program(name) {
          checkName(path, only.name, name);
          return createProgram(only);
        },
      };
    }
  }
}

/** The program that bytecode or assembly text is, named after its file. The assembler is loaded only for text. */
export async function singleProgram(path: string, bytes: Uint8Array): Promise<ProgramInput> {
  const name = path === '-' ? 'stdin' : basename(path).replace(/\.[^.]*$/, '');
  if (kindOf(path, bytes) === 'bytecode') return { name, bytes };
  const { parse } = await import('../asm/parse.ts');
  const { bytes: code, subprograms, lines, maps } = parse(text(bytes), path);
  if (maps.length > 0) {
    const message = `the text names map ${maps[0]}; only object files can define maps`;
    throw new BpfError('cli/map-in-text', { in: 'file', path }, message);
  }
  return { name, bytes: code, lines, ...(subprograms.length === 0 ? {} : { subprograms }) };
}

/** A file that is one program has one name. */
export function checkName(path: string, name: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === name) return;
  throw new BpfError('cli/no-such-program', { in: 'file', path }, `no program ${wanted}; the file is one program, ${name}`);
}
