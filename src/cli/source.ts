// FILE of the commands: an object, bytecode or assembly text, as programs ready for an engine.
import { basename } from 'node:path';
import { parse } from '../asm/parse.ts';
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
    default:
      return {
        path,
        collection: undefined,
        programNames: [ownName(path)],
        program: (name) => createProgram(singleProgram(path, bytes, name)),
      };
  }
}

/** A file that is one program is named after itself. */
function ownName(path: string): string {
  return path === '-' ? 'stdin' : basename(path).replace(/\.[^.]*$/, '');
}

/** The program that bytecode or assembly text is. */
export function singleProgram(path: string, bytes: Uint8Array, wanted: string | undefined): ProgramInput {
  const name = ownName(path);
  if (wanted !== undefined && wanted !== name) {
    throw new BpfError('cli/no-such-program', { in: 'file', path }, `no program ${wanted}; the file is one program, ${name}`);
  }
  if (kindOf(path, bytes) === 'bytecode') return { name, bytes };
  const { bytes: code, subprograms, lines, maps } = parse(text(bytes), path);
  if (maps.length > 0) {
    const message = `the text names map ${maps[0]}; only object files can define maps`;
    throw new BpfError('cli/map-in-text', { in: 'file', path }, message);
  }
  return { name, bytes: code, lines, ...(subprograms.length === 0 ? {} : { subprograms }) };
}
