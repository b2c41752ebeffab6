// Errors on standard error, all in one form: `error: POSITION: message [area/code]`.
import { BpfError, printPosition, type SourcePosition } from '../util/error.ts';
import { BpfStopped, type StopCause } from '../util/stopped.ts';

/** Prints what was thrown and gives the exit status; mistakes of ours keep their stack. */
export function printFailure(error: unknown): number {
  if (error instanceof BpfError) {
    const { position, message } = error;
    // Values name themselves.
    const where = position.in === 'option' && message.startsWith(position.name) ? '' : `${printPosition(position)}: `;
    process.stderr.write(`error: ${where}${message} [${error.code}]\n`);
    if (position.in === 'program') printSource(position.source);
    return 1;
  }
  if (error instanceof BpfStopped) {
    process.stderr.write(`error: ${error.message} [runtime/${STOPS[error.reason]}]\n`);
    printSource(error.source);
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

const STOPS: Readonly<Record<StopCause, string>> = {
  fuel: 'out-of-fuel',
  deadline: 'out-of-time',
  aborted: 'aborted',
  fault: 'fault',
  stack: 'stack-overflow',
  badCall: 'bad-call',
  helper: 'stopped-by-helper',
  unsupported: 'unsupported',
};

function printSource(source: SourcePosition | undefined): void {
  const text = source?.text?.trim() ?? '';
  if (text !== '') process.stderr.write(`    ${text}\n`);
}

function systemMessage(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a directory';
    case 'EACCES':
      return 'permission denied';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    default:
      return error.message;
  }
}
