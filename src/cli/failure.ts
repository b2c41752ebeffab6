// Errors on standard error, all in one form: `error: POSITION: message [area/code]`.
import { BpfError, printPosition } from '../util/error.ts';

/** Prints what was thrown and gives the exit status; mistakes of ours keep their stack. */
export function printFailure(error: unknown): number {
  if (error instanceof BpfError) {
    process.stderr.write(`error: ${printPosition(error.position)}: ${error.message} [${error.code}]\n`);
    const source = error.position.in === 'program' ? error.position.source?.text : undefined;
    if (source !== undefined && source.trim() !== '') process.stderr.write(`    ${source.trim()}\n`);
    return 1;
  }
  const system = error as NodeJS.ErrnoException;
  if (typeof system?.code === 'string' && system.syscall !== undefined) {
    process.stderr.write(`error: ${system.path ?? system.syscall}: ${systemMessage(system)} [cli/${system.code.toLowerCase()}]\n`);
    return 1;
  }
  process.stderr.write(`error: a mistake of bpfjit's own, please report it\n${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

function systemMessage(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a directory';
    case 'EACCES':
      return 'permission denied';
    default:
      return error.message;
  }
}
